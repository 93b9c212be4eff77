// Package assert fails unless conditions hold.
package assert

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	That       []string `json:"that" required:"true" expr:"true" doc:"expressions that must all be true"`
	FailMsg    string   `json:"fail_msg" alias:"msg" doc:"what is said when one is not; the expression itself when not given"`
	SuccessMsg string   `json:"success_msg" doc:"what is said when all are"`
	Quiet      bool     `json:"quiet" default:"false" doc:"say nothing when all are"`
}

// Validate refuses an assertion of nothing.
func (a Args) Validate() error {
	if len(a.That) == 0 {
		return errors.New("that is empty")
	}
	return nil
}

// Result is what is registered.
type Result struct {
	Msg       string `json:"msg" doc:"what was said"`
	Assertion string `json:"assertion" doc:"the expression that did not hold"`
}

// Task is the control.
func Task() *modules.Task {
	return modules.Control[Args, Result]{
		Name: "assert",
		Doc: `Fails unless expressions hold.

The expressions are evaluated on the controller before the task is done; one that is not true stands as "false" in that.

An assertion of a role that reads nothing but what the inventory, the play, its roles and -e say is looked at before the run: one that
will not hold is refused then, at the place of the variable, as far as no failure of it is caught and no condition before it depends on the run.`,
		Example: `
- name: this is Debian
  assert:
    that:
      - ansible_facts.os_family == "Debian"
      - ansible_facts.memtotal_mb >= 900
    fail_msg: a Debian host with 1 GB of memory is needed
`,
		Do: do,
	}.Task()
}

func do(a Args) (Result, error) {
	i := slices.Index(a.That, "false")
	if i < 0 {
		r := Result{Msg: a.SuccessMsg}
		if r.Msg == "" {
			r.Msg = "all assertions hold"
		}
		return r, nil
	}
	r := Result{Msg: a.FailMsg, Assertion: a.That[i]}
	if r.Msg == "" {
		r.Msg = fmt.Sprintf("assertion %d does not hold", i+1)
	}
	return r, errors.New(r.Msg)
}
