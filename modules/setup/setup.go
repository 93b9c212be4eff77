// Package setup gathers the facts of a host anew.
package setup

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Filter  []string `json:"filter" doc:"names or patterns with * and ?, with ansible_ before them or not: only these facts; all when not given"`
	Subset  []string `json:"gather_subset" default:"[all]" doc:"accepted as Ansible has it; facts cost little here, and all are gathered"`
	Timeout int64    `json:"gather_timeout" default:"10" doc:"accepted as Ansible has it"`
	Path    string   `json:"fact_path" default:"/etc/ansible/facts.d" doc:"where facts of one's own stand; no other place is read"`
}

// Validate refuses what would not be heeded.
func (a Args) Validate() error {
	if path.Clean(a.Path) != "/etc/ansible/facts.d" {
		return fmt.Errorf("fact_path is /etc/ansible/facts.d alone, found %s", a.Path)
	}
	for _, f := range a.Filter {
		if _, err := path.Match(f, ""); err != nil {
			return fmt.Errorf("filter: %q is no pattern", f)
		}
	}
	return nil
}

// Result is what is registered.
type Result struct {
	Facts map[string]json.RawMessage `json:"ansible_facts" doc:"the facts, each with ansible_ before its name"`
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "setup",
		Doc: `Gathers the facts of the host anew.

They come with the first task of a host; this is for what has changed since, such as an address or what stands in
/etc/ansible/facts.d. mxplay doc facts lists them. Nothing is changed.`,
		Example: `
- name: the new mounts
  setup: {filter: [mounts]}
`,
		Run:      run,
		ReadOnly: func(Args) bool { return true },
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	r := Result{map[string]json.RawMessage{}}
	f, err := h.Facts(ctx)
	if err != nil {
		return r, err
	}
	b, err := json.Marshal(f)
	if err != nil {
		return r, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &all); err != nil {
		return r, err
	}
	for name, v := range all {
		if a.wants(name) {
			r.Facts["ansible_"+name] = v
		}
	}
	return r, nil
}

func (a Args) wants(name string) bool {
	for _, f := range a.Filter {
		if ok, _ := path.Match(strings.TrimPrefix(f, "ansible_"), name); ok || f == "*" {
			return true
		}
	}
	return len(a.Filter) == 0
}
