// Package report shows a run: to a person at a terminal, in plain lines, or
// as JSON lines for a program. What it shows went through the Redactor.
package report

import (
	"encoding/json"
	"time"

	"github.com/mxplay/mxplay/runner/source"
)

// Reporter is told what happens in a run. Its methods may be called by
// several goroutines, and do not block for long.
type Reporter interface {
	Play(Play)
	Task(*Task)                 // a task begins; under the free strategy each Result brings its own
	Begin(host string, t *Task) // the host begins with it
	Progress(host, text string) // a line of what it is doing
	Result(*Result)             // an item's end, then the task's
	Notice(*Notice)             // what a person should know
	Recap(*Recap)               // the last word
	Close() error
}

// Play is the start of a play, or of a batch of it.
type Play struct {
	Name  string
	Hosts []string
	Check bool // check mode
	Batch int  // which batch under serial, from 1
	Of    int  // how many batches; 0 or 1 without serial
}

// Task is a task as a report names it.
type Task struct {
	Name    string // evaluated, or the module's when it has none
	Role    string // the role that it stands in
	Module  string
	Pos     source.Pos
	Handler bool
}

// Title is the name with its role, as in "nginx : write the site".
func (t *Task) Title() string {
	if t.Role != "" {
		return t.Role + " : " + t.Name
	}
	return t.Name
}

// Status is the end of a task on a host.
type Status string

// The ends of a task.
const (
	OK          Status = "ok"
	Changed     Status = "changed"
	Failed      Status = "failed"
	Skipped     Status = "skipped"
	Unreachable Status = "unreachable"
	Ignored     Status = "ignored" // failed, and ignore_errors holds
	Rescued     Status = "rescued" // failed, and a rescue takes over
	Maybe       Status = "maybe"   // check mode cannot know
)

// bad tells whether the task failed, whatever came of that.
func (s Status) bad() bool {
	return s == Failed || s == Ignored || s == Rescued || s == Unreachable
}

// Step is a planned or executed change.
type Step struct {
	What  string `json:"what"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	Event bool   `json:"event,omitempty"`
}

// Result is the end of a task on a host, or of one item of its loop.
type Result struct {
	Host     string
	Delegate string // the host that it was done on, when that is another
	Task     *Task
	Pos      source.Pos // of what went wrong; the task's unless set
	Status   Status
	Changed  bool   // something changed, also where Status says that it failed
	IsItem   bool   // of a loop; the Result of the whole task follows without it
	Item     string // its label
	Looped   bool   // the whole of a loop: its items were shown

	Steps    []Step
	Msg      string   // of a failure the error; of a skipped or maybe task the reason
	Lines    []string // the lines that explain a failure
	Hint     string
	Text     string // what a task such as debug has to say, always shown
	Diff     bool   // show the two sides of each step
	NoLog    bool   // show neither arguments nor result nor steps
	Args     json.RawMessage
	Output   json.RawMessage // the registered result
	Attempts int             // of until, when more than one
	Duration time.Duration
	Check    bool // runs for real in check mode, or only looks in a real run
}

// Place is where to look: what went wrong, else the task. It may be zero.
func (r *Result) Place() source.Pos {
	if r.Pos.IsZero() && r.Task != nil {
		return r.Task.Pos
	}
	return r.Pos
}

// Notice is something that a person should know and that is no task's result.
type Notice struct {
	Level string // "warning", "note" or "error"
	Host  string
	Text  string
	Err   *source.Error // with its place, when it has one
}

// Counts are the numbers of a host's recap line. A task that changed counts
// under ok too, an ignored failure under ok and ignored, a rescued one under
// rescued only, a loop once.
type Counts struct {
	OK          int `json:"ok"`
	Changed     int `json:"changed"`
	Unreachable int `json:"unreachable"`
	Failed      int `json:"failed"`
	Skipped     int `json:"skipped"`
	Rescued     int `json:"rescued"`
	Ignored     int `json:"ignored"`
	Maybe       int `json:"maybe"`
}

// Add counts the end of a task. Items of a loop are not to be added, but the loop is.
func (c *Counts) Add(s Status, changed bool) {
	switch s {
	case OK:
		c.OK++
	case Changed:
		c.OK++
		changed = true
	case Failed:
		c.Failed++
		return
	case Rescued:
		c.Rescued++
		return
	case Unreachable:
		c.Unreachable++
		return
	case Skipped:
		c.Skipped++
		return
	case Ignored:
		c.OK++
		c.Ignored++
	case Maybe:
		c.Maybe++
		return
	}
	if changed {
		c.Changed++
	}
}

// HostRecap is a host's line of the recap and its final state.
type HostRecap struct {
	Host string
	Counts
	State Status // OK, Failed or Unreachable: how it ended
}

// Recap is the end of a run.
type Recap struct {
	Hosts    []HostRecap
	Duration time.Duration
	Check    bool
	Stopped  string // why the run ended early, "" when it did not
}

// Exit codes of the program.
const (
	ExitOK          = 0
	ExitFailed      = 1 // a task failed
	ExitInput       = 2 // the input is wrong, nothing was touched
	ExitUnreachable = 3 // a host was unreachable
	ExitInterrupted = 4
)

// Exit is the exit code that the hosts' final states stand for. A failed task
// outweighs an unreachable host.
func (r *Recap) Exit() int {
	code := ExitOK
	for _, h := range r.Hosts {
		switch h.State {
		case Failed:
			return ExitFailed
		case Unreachable:
			code = ExitUnreachable
		}
	}
	return code
}
