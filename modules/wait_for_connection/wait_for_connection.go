// Package waitforconnection waits until a host can be connected to.
package waitforconnection

import (
	"fmt"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Timeout        int64 `json:"timeout" default:"600" doc:"seconds to wait at most"`
	Delay          int64 `json:"delay" default:"0" doc:"seconds before the first attempt"`
	Sleep          int64 `json:"sleep" default:"1" doc:"seconds between attempts"`
	ConnectTimeout int64 `json:"connect_timeout" default:"5" doc:"seconds for one attempt"`
}

// Validate refuses times that are none.
func (a Args) Validate() error {
	for name, n := range map[string]int64{"timeout": a.Timeout, "delay": a.Delay, "sleep": a.Sleep, "connect_timeout": a.ConnectTimeout} {
		if n < 0 {
			return fmt.Errorf("%s is negative", name)
		}
	}
	return nil
}

// Result is what is registered.
type Result struct {
	Elapsed int64 `json:"elapsed" doc:"seconds waited"`
}

// Task is the control.
func Task() *modules.Task {
	return modules.Control[Args, Result]{
		Name: "wait_for_connection",
		Doc: `Waits until the host can be connected to and its agent answers.

A connection that stands is given up and made anew. For a host that only now comes into being the play says
gather_facts: false; its facts come with the connection. Check mode does not wait.`,
		Example: `
- name: the new machine is up
  wait_for_connection: {delay: 5, timeout: 300}
`,
		Do: func(Args) (Result, error) { return Result{}, nil },
	}.Task()
}
