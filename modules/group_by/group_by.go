// Package groupby puts hosts into groups by a value.
package groupby

import (
	"errors"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Key     string   `json:"key" required:"true" doc:"name of the group, made of the host's variables; a blank in it becomes -"`
	Parents []string `json:"parents" default:"[all]" doc:"groups above it; those that do not exist are made"`
}

// Validate refuses what names no group.
func (a Args) Validate() error {
	if a.Key == "" {
		return errors.New("the name of the group is empty")
	}
	return nil
}

// Result is what is registered.
type Result struct {
	Group   string   `json:"add_group" doc:"the group"`
	Parents []string `json:"parent_groups" doc:"the groups above it"`
}

// Task is the control.
func Task() *modules.Task {
	return modules.Control[Args, Result]{
		Name: "group_by",
		Doc: `Puts each host into a group for the rest of the run.

Later plays find the hosts by the group, and the variable groups holds it. The group's variables, of group_vars too, are the host's from the next
task on. It runs in check mode.`,
		Example: `
- name: a group for each release
  group_by:
    key: "debian_{{ ansible_distribution_major_version }}"
    parents: debian
`,
		Do: func(a Args) (Result, error) { return Result{a.Key, a.Parents}, nil },
	}.Task()
}
