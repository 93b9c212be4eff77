// Package fail ends a host's run with a message.
package fail

import (
	"errors"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Msg string `json:"msg" default:"failed as the task asks" doc:"why"`
}

// Result is what is registered.
type Result struct {
	Msg string `json:"msg" doc:"why"`
}

// Task is the control.
func Task() *modules.Task {
	return modules.Control[Args, Result]{
		Name: "fail",
		Doc: `Fails with a message.

Mostly together with when.`,
		Example: `
- name: one database is enough
  fail: {msg: "SQLite and PostgreSQL are both configured"}
  when: sqlite.stat.exists
`,
		Do: func(a Args) (Result, error) { return Result(a), errors.New(a.Msg) },
	}.Task()
}
