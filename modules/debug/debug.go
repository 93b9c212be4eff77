// Package debug shows a text or a value.
package debug

import (
	"encoding/json"
	"errors"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Msg       json.RawMessage `json:"msg" doc:"what is shown; \"Hello world!\" when neither msg nor var is given"`
	Var       string          `json:"var" doc:"an expression, whose value is shown under its text"`
	Verbosity int64           `json:"verbosity" default:"0" doc:"show it only from this number of -v on"`
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	if len(a.Msg) > 0 && string(a.Msg) != "null" && a.Var != "" {
		return errors.New("msg and var cannot both be given")
	}
	return nil
}

// Result is what is registered.
type Result struct {
	Msg json.RawMessage `json:"msg" doc:"what was shown"`
}

// Task is the control.
func Task() *modules.Task {
	return modules.Control[Args, Result]{
		Name: "debug",
		Doc: `Shows a text or the value of an expression.

It runs on the controller, in check mode too, and changes nothing.`,
		Example: `
- name: where to look
  debug: {msg: "log in at https://matrix.example.org"}
- name: what was found
  debug: {var: ansible_facts.distribution_release, verbosity: 1}
`,
		Do: do,
	}.Task()
}

func do(a Args) (Result, error) {
	switch {
	case len(a.Msg) > 0 && string(a.Msg) != "null":
		return Result{a.Msg}, nil
	case a.Var != "":
		b, err := json.Marshal(a.Var)
		return Result{b}, err
	}
	return Result{json.RawMessage(`"Hello world!"`)}, nil
}
