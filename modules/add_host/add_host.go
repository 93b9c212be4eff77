// Package addhost adds hosts to the inventory of a run.
package addhost

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Name   string                     `json:"name" alias:"hostname,host" required:"true" doc:"name or address of the host; name:port sets ansible_ssh_port too"`
	Groups []string                   `json:"groups" alias:"group,groupname" doc:"groups that it is in; those that do not exist are made"`
	Vars   map[string]json.RawMessage `json:"-" free:"true"`
}

// UnmarshalJSON takes every other key as a variable of the host.
func (a *Args) UnmarshalJSON(b []byte) error {
	type known Args
	if err := json.Unmarshal(b, (*known)(a)); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &a.Vars); err != nil {
		return err
	}
	delete(a.Vars, "name")
	delete(a.Vars, "groups")
	return nil
}

var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate refuses names that no expression could read.
func (a Args) Validate() error {
	if a.Name == "" {
		return fmt.Errorf("the name of the host is empty")
	}
	for _, k := range slices.Sorted(maps.Keys(a.Vars)) {
		if !name.MatchString(k) {
			return fmt.Errorf("%q is no name for a variable: letters, digits and _, a letter first", k)
		}
	}
	return nil
}

// Result is what is registered.
type Result struct {
	AddHost Added `json:"add_host" doc:"what was added"`
}

// Added is the host.
type Added struct {
	HostName string                     `json:"host_name" doc:"its name, without a port"`
	Groups   []string                   `json:"groups" doc:"the groups that were named"`
	HostVars map[string]json.RawMessage `json:"host_vars" doc:"its variables"`
}

// Task is the control.
func Task() *modules.Task {
	return modules.Control[Args, Result]{
		Name: "add_host",
		Doc: `Adds a host to the inventory for the rest of the run.

Later plays find it by its name and groups, and any task by delegate_to; every key that is no argument is a variable of the host. It
is done once for all hosts of a batch, from the first of them; a loop adds many. --limit holds for it too. It runs in check mode.`,
		Example: `
- name: the machine that was made
  add_host:
    name: web9.example.org
    groups: [web, new]
    ansible_host: 192.0.2.9
    site: north
`,
		Do: func(a Args) (Result, error) { return Result{Added{a.Name, a.Groups, a.Vars}}, nil },
	}.Task()
}
