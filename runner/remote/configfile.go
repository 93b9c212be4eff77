package remote

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// block is a part of a configuration that holds for certain hosts.
type block struct {
	head    option // host or match, with its patterns; the zero head: everything before the first
	within  []option
	options []option
	place   string // file:line of the head
}

// configFile reads a configuration with all it includes, in the order in
// which ssh would. It understands no more than the blocks.
type configFile struct {
	home   string
	blocks []block
	depth  int
}

func readConfig(path, home string, system bool) (*configFile, error) {
	f := &configFile{home: home, blocks: []block{{}}}
	if err := f.read(path, system, nil); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *configFile) read(path string, system bool, within []option) error {
	if f.depth++; f.depth > 16 {
		return fmt.Errorf("%s: Include is nested too deeply", path)
	}
	defer func() { f.depth-- }()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	head := option{}
	f.blocks = append(f.blocks, block{within: within, place: path})
	sc := bufio.NewScanner(file)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := cutOption(line)
		if !ok {
			continue // ssh itself says what is wrong with it
		}
		place := fmt.Sprintf("%s:%d", path, n)
		switch key {
		case "host", "match":
			head = option{key, value}
			f.blocks = append(f.blocks, block{head: head, within: within, place: place})
		case "include":
			inside := within
			if head.key != "" {
				inside = append(append([]option(nil), within...), head)
			}
			for _, p := range f.included(value, system) {
				if err := f.read(p, system, inside); err != nil && !os.IsNotExist(err) {
					return err
				}
			}
			f.blocks = append(f.blocks, block{head: head, within: within, place: place})
		default:
			last := &f.blocks[len(f.blocks)-1]
			last.options = append(last.options, option{key, value})
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (f *configFile) included(value string, system bool) []string {
	words, err := splitWords(value)
	if err != nil {
		words = strings.Fields(value)
	}
	base := filepath.Join(f.home, ".ssh")
	if system {
		base = "/etc/ssh"
	}
	var out []string
	for _, w := range words {
		w = homePath(w, f.home)
		if !filepath.IsAbs(w) {
			w = filepath.Join(base, w)
		}
		if found, err := filepath.Glob(w); err == nil {
			sort.Strings(found)
			out = append(out, found...)
		}
	}
	return out
}

// named are the keywords whose values the ssh program expands by itself, so
// that a percent sign makes its answer differ from host to host.
var named = map[string]bool{"hostname": true, "userknownhostsfile": true, "globalknownhostsfile": true, "identityagent": true}

// class is a text that is equal for hosts whose configuration cannot differ;
// false when that cannot be told.
func (f *configFile) class(host string) (string, bool) {
	var c strings.Builder
	for _, b := range f.blocks {
		for _, h := range append(b.within, b.head) {
			switch h.key {
			case "host":
				if matchHost(h.value, host) {
					c.WriteByte('1')
				} else {
					c.WriteByte('0')
				}
			case "match":
				if v := strings.ToLower(strings.Join(strings.Fields(h.value), " ")); v != "all" && v != "final all" {
					return "", false
				}
			}
		}
		for _, o := range b.options {
			if o.key == "canonicalizehostname" && !strings.EqualFold(o.value, "no") || named[o.key] && strings.Contains(o.value, "%") {
				return "", false
			}
		}
	}
	return c.String(), true
}

// matchHost tells whether a Host line names the host.
func matchHost(patterns, host string) bool {
	words, err := splitWords(patterns)
	if err != nil {
		words = strings.Fields(patterns)
	}
	yes := false
	for _, p := range words {
		if not := strings.TrimPrefix(p, "!"); not != p {
			if wildcard(not, host) {
				return false
			}
		} else if wildcard(p, host) {
			yes = true
		}
	}
	return yes
}

// wildcard matches * and ? as ssh does.
func wildcard(p, s string) bool {
	for p != "" {
		switch {
		case p[0] == '*':
			for i := 0; i <= len(s); i++ {
				if wildcard(p[1:], s[i:]) {
					return true
				}
			}
			return false
		case s == "" || p[0] != '?' && p[0] != s[0]:
			return false
		}
		p, s = p[1:], s[1:]
	}
	return s == ""
}
