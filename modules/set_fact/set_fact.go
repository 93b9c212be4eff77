// Package setfact sets variables of a host.
package setfact

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Cacheable bool                       `json:"cacheable" default:"false" doc:"accepted as Ansible has it; facts live as long as the run"`
	Facts     map[string]json.RawMessage `json:"-" free:"true"`
}

// UnmarshalJSON takes every other key as a variable.
func (a *Args) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &a.Facts); err != nil {
		return err
	}
	if c, ok := a.Facts["cacheable"]; ok {
		delete(a.Facts, "cacheable")
		return json.Unmarshal(c, &a.Cacheable)
	}
	return nil
}

var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate refuses names that no expression could read.
func (a Args) Validate() error {
	if len(a.Facts) == 0 {
		return errors.New("no variable is given")
	}
	for _, k := range slices.Sorted(maps.Keys(a.Facts)) {
		if !name.MatchString(k) {
			return fmt.Errorf("%q is no name for a variable: letters, digits and _, a letter first", k)
		}
	}
	return nil
}

// Result is what is registered.
type Result struct {
	Facts map[string]json.RawMessage `json:"ansible_facts" doc:"the variables"`
}

// Task is the control.
func Task() *modules.Task {
	return modules.Control[Args, Result]{
		Name: "set_fact",
		Doc: `Sets variables of the host for the rest of the run.

They are stronger than those of plays and roles.`,
		Example: `
- name: the name of the server
  set_fact:
    server_name: example.org
    workers: [generic1, generic2]
`,
		Do: func(a Args) (Result, error) { return Result{a.Facts}, nil },
	}.Task()
}
