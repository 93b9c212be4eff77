// Package modules is the contract between the engine and every kind of task:
// what a module may see of a host, what it plans, and how it is described.
// The folders below it hold one kind of task each; builtin lists them.
package modules

import (
	"context"
	"errors"
	"fmt"
)

// Step is one planned change: what the diff shows is what is executed.
type Step struct {
	What     string // "enable nginx.service"
	From, To string // the two sides of the diff; Secret content never reaches either
	Event    bool   // an action, such as a restart, that no state can show as done
	Do       func(context.Context, Host) error
}

// Module is a kind of task that describes a state: A is what the playbook
// says, S is what the host shows. A may have a method Validate() error.
type Module[A, S any] struct {
	Name    string
	Doc     string // first line: a sentence for lists; then paragraphs
	Example string // YAML of one or more tasks

	Check func(context.Context, Reader, A) (S, error) // may only read
	Plan  func(A, S) ([]Step, error)                  // pure: no host, no clock, no randomness
}

// Action is a kind of task that acts. R is registered also when err is not
// nil (rc, stdout, status of what failed). R may have a method Changed() bool;
// without it an Action that ran has changed something, unless it is ReadOnly.
type Action[A, R any] struct {
	Name    string
	Doc     string
	Example string

	Needed   func(context.Context, Reader, A) (bool, error) // creates/removes and the like; nil: always
	Run      func(context.Context, Host, A) (R, error)
	ReadOnly func(A) bool   // it changes nothing, and so runs in check mode too; nil: never
	What     func(A) string // for the plan: "run make install"; nil: "run NAME"
	Waits    bool           // it changes nothing, but check mode has nothing to wait for: what it would do is maybe
}

// Control is a kind of task that needs no host: the engine does it on the
// controller (debug, assert, fail, set_fact). Do is pure; the engine adds what
// only it can do, such as setting variables.
type Control[A, R any] struct {
	Name    string
	Doc     string
	Example string

	Do func(A) (R, error)
}

// NotYet says that the rest of the plan is known only after its first steps
// have run, or that something must come first. Plan returns it beside steps.
type NotYet struct{ Reason string }

func (e *NotYet) Error() string { return e.Reason }

// NotYetf makes a NotYet.
func NotYetf(format string, args ...any) error {
	return &NotYet{Reason: fmt.Sprintf(format, args...)}
}

// ErrSkipped lets an Action or Check say that there is nothing to do and why, without failing.
type ErrSkipped struct{ Reason string }

func (e *ErrSkipped) Error() string { return e.Reason }

// Detailed is an error with more to show than its one line: the last lines
// that matter (a journal, a command's stderr) and what may mend it.
type Detailed struct {
	Err   error
	Lines []string
	Hint  string
}

func (e *Detailed) Error() string { return e.Err.Error() }
func (e *Detailed) Unwrap() error { return e.Err }

// WithLines adds the lines that explain err.
func WithLines(err error, lines []string, hint string) error {
	return &Detailed{Err: err, Lines: lines, Hint: hint}
}

// Kind tells the three sorts of task apart.
type Kind string

// The sorts of task.
const (
	State  Kind = "state"   // a Module
	Act    Kind = "action"  // an Action
	Engine Kind = "control" // a Control
)

// maxRounds is how often a module may plan anew because its plan was NotYet whole.
const maxRounds = 4

var errNoConverge = errors.New("did not converge")
