// Package ping proves that a host can be worked on.
package ping

import (
	"context"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Data string `json:"data" default:"pong" doc:"what to answer"`
}

// Result is what is registered.
type Result struct {
	Ping string `json:"ping" doc:"data"`
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "ping",
		Doc: `Proves that a host can be logged in to and worked on.

Nothing is looked at and nothing changed. With become it proves that too.`,
		Example: `
- name: all are there
  ping: {}
`,
		Run:      func(_ context.Context, _ modules.Host, a Args) (Result, error) { return Result{Ping: a.Data}, nil },
		ReadOnly: func(Args) bool { return true },
	}.Task()
}
