package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/runner/playbook"
)

var (
	clauses  = regexp.MustCompile(`,? (?:or|then) |, (?:which|then) |,? and (?:systemd|a )`)
	argWords = regexp.MustCompile(`[a-z][a-z_]*`)
)

// TestForeignModules holds the hints for modules of Ansible's against what is
// there: each way out begins with a module, and the arguments it names are that module's.
func TestForeignModules(t *testing.T) {
	known := map[string]*modules.Task{}
	args := map[string]bool{}
	for _, m := range builtin.Tasks() {
		known[m.Name] = m
		for _, n := range m.Args.Names() {
			args[n] = true
		}
	}
	foreign := playbook.ForeignModules()
	if len(foreign) < 60 {
		t.Fatalf("%d modules", len(foreign))
	}
	for name, hint := range foreign {
		if known[name] != nil {
			t.Errorf("%s is a module here", name)
		}
		for i, clause := range clauses.Split(hint, -1) {
			words := argWords.FindAllString(clause, -1)
			if len(words) == 0 || strings.HasPrefix(clause, "a .") || strings.HasPrefix(clause, "meta/") {
				continue
			}
			m := known[words[0]]
			if m == nil && i > 0 {
				continue // "which takes the key too", "or copy": the first one is what counts
			}
			if m == nil {
				t.Errorf("%s: %q begins with no module", name, clause)
				continue
			}
			_, with, has := strings.Cut(clause, " with ")
			for _, w := range argWords.FindAllString(with, -1) {
				if has && args[w] && !slices.Contains(m.Args.Names(), w) && w != "name" && known[w] == nil {
					t.Errorf("%s: %q: %s has no argument %s", name, clause, m.Name, w)
				}
			}
		}
	}
}
