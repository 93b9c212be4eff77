// Package pause waits, for a time or for a person.
package pause

import (
	"errors"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Seconds *float64 `json:"seconds" doc:"how long to wait"`
	Minutes *float64 `json:"minutes" doc:"the same in minutes"`
	Prompt  string   `json:"prompt" doc:"what to ask the person at the terminal; without a time, the answer is waited for"`
	Echo    bool     `json:"echo" default:"true" doc:"whether what is typed is shown; if not, the answer is a secret"`
}

// Validate refuses two times, and times that are none.
func (a Args) Validate() error {
	switch {
	case a.Seconds != nil && a.Minutes != nil:
		return errors.New("seconds and minutes exclude each other")
	case a.Seconds != nil && *a.Seconds < 0 || a.Minutes != nil && *a.Minutes < 0:
		return errors.New("the time is negative")
	}
	return nil
}

// Result is what is registered.
type Result struct {
	UserInput string  `json:"user_input" doc:"the answer; empty where nobody was asked"`
	Echo      bool    `json:"echo" doc:"as it was given"`
	Start     string  `json:"start" doc:"when it began"`
	Stop      string  `json:"stop" doc:"when it ended"`
	Delta     int     `json:"delta" doc:"seconds that it took"`
	Stdout    string  `json:"stdout" doc:"how long it paused, in words"`
	Seconds   float64 `json:"seconds" doc:"how long it was to wait; 0 for a person"`
}

// Task is the control.
func Task() *modules.Task {
	return modules.Control[Args, Result]{
		Name: "pause",
		Doc: `Waits for a time, or for a person's answer.

It happens once for all hosts of a batch, as run_once does. With neither time nor prompt it waits for Enter. Where there
is no terminal nobody is asked: the answer is empty, and a warning says so. Check mode asks, but does not wait for a time.`,
		Example: `
- name: the old server may finish
  pause: {seconds: 30}
- name: a person decides
  pause: {prompt: "Delete the old database? (yes/no)"}
  register: answer
`,
		Do: func(a Args) (Result, error) {
			r := Result{Echo: a.Echo}
			switch {
			case a.Seconds != nil:
				r.Seconds = *a.Seconds
			case a.Minutes != nil:
				r.Seconds = *a.Minutes * 60
			}
			return r, nil
		},
	}.Task()
}
