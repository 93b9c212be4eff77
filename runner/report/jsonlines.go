package report

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/mxplay/mxplay/runner/source"
)

// Lines shows a run to a program: one JSON object a line, each with its event.
type Lines struct {
	mu     sync.Mutex
	enc    *json.Encoder
	redact *Redactor
	now    func() time.Time
}

// NewLines makes a Lines; now may be nil.
func NewLines(w io.Writer, r *Redactor, now func() time.Time) *Lines {
	if now == nil {
		now = time.Now
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &Lines{enc: enc, redact: r, now: now}
}

// line is every event's object; fields that an event has not are left out.
type line struct {
	Event    string          `json:"event"`
	Time     time.Time       `json:"time"`
	Play     string          `json:"play,omitempty"`
	Hosts    any             `json:"hosts,omitempty"`
	Batch    int             `json:"batch,omitempty"`
	Check    bool            `json:"check,omitempty"`
	Task     string          `json:"task,omitempty"`
	Role     string          `json:"role,omitempty"`
	Module   string          `json:"module,omitempty"`
	Place    string          `json:"place,omitempty"`
	Handler  bool            `json:"handler,omitempty"`
	Host     string          `json:"host,omitempty"`
	Delegate string          `json:"delegate,omitempty"`
	Item     *string         `json:"item,omitempty"`
	Status   Status          `json:"status,omitempty"`
	Changed  *bool           `json:"changed,omitempty"`
	Steps    []Step          `json:"steps,omitempty"`
	Level    string          `json:"level,omitempty"`
	Msg      string          `json:"msg,omitempty"`
	Lines    []string        `json:"lines,omitempty"`
	Hint     string          `json:"hint,omitempty"`
	Text     string          `json:"text,omitempty"`
	NoLog    bool            `json:"no_log,omitempty"`
	Args     json.RawMessage `json:"args,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Attempts int             `json:"attempts,omitempty"`
	Seconds  float64         `json:"seconds,omitempty"`
	Exit     *int            `json:"exit,omitempty"`
}

func (l *Lines) write(x line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x.Time = l.now().UTC()
	_ = l.enc.Encode(x) // a reader that went away does not stop a run
}

func (l *Lines) named(x line, t *Task) line {
	if t == nil {
		return x
	}
	x.Task, x.Role, x.Module, x.Handler = l.redact.Text(t.Name), t.Role, t.Module, t.Handler
	if !t.Pos.IsZero() {
		x.Place = t.Pos.String()
	}
	return x
}

// Play writes that a play begins.
func (l *Lines) Play(p Play) {
	l.write(line{Event: "play", Play: l.redact.Text(p.Name), Hosts: p.Hosts, Batch: p.Batch, Check: p.Check})
}

// Task writes that a task begins.
func (l *Lines) Task(t *Task) { l.write(l.named(line{Event: "task"}, t)) }

// Begin writes nothing: the task's line has said it.
func (l *Lines) Begin(string, *Task) {}

// Progress writes what a host is doing.
func (l *Lines) Progress(host, text string) {
	l.write(line{Event: "progress", Host: host, Text: l.redact.Text(text)})
}

// Result writes the end of a task on a host, or of an item.
func (l *Lines) Result(r *Result) {
	changed := r.Changed || r.Status == Changed
	x := line{Event: "result", Host: r.Host, Delegate: r.Delegate, Status: r.Status, Changed: &changed,
		NoLog: r.NoLog, Attempts: r.Attempts, Seconds: r.Duration.Seconds(), Check: r.Check}
	if r.IsItem {
		x.Event = "item"
		item := hidden
		if !r.NoLog {
			item = l.redact.Text(r.Item)
		}
		x.Item = &item
	}
	if !r.NoLog {
		x.Msg, x.Lines, x.Hint, x.Text = l.redact.Text(r.Msg), l.redact.Texts(r.Lines), l.redact.Text(r.Hint), l.redact.Text(r.Text)
		x.Args, x.Result = l.redact.JSON(r.Args), l.redact.JSON(r.Output)
		for _, s := range r.Steps {
			x.Steps = append(x.Steps, l.step(s))
		}
	}
	x = l.named(x, r.Task)
	if pos := r.Place(); !pos.IsZero() {
		x.Place = pos.String()
	}
	l.write(x)
}

// step has its sides as they are, unless the new one holds a secret: then
// neither is written, since the old one was a secret too.
func (l *Lines) step(s Step) Step {
	s.What = l.redact.Text(s.What)
	if l.redact.Has(s.To) || l.redact.Has(s.From) {
		s.From, s.To = hidden, hidden
	}
	return s
}

// Notice writes a warning or a note.
func (l *Lines) Notice(n *Notice) {
	x := line{Event: "notice", Level: n.Level, Host: n.Host, Msg: l.redact.Text(n.Text)}
	if n.Err != nil {
		x.Msg, x.Hint = l.redact.Text(n.Err.Msg), l.redact.Text(n.Err.Hint)
		if n.Err.Pos != (source.Pos{}) {
			x.Place = n.Err.Pos.String()
		}
	}
	l.write(x)
}

// Recap writes the hosts' numbers and the exit code.
func (l *Lines) Recap(r *Recap) {
	type host struct {
		Counts
		State Status `json:"state"`
	}
	hosts := map[string]host{}
	for _, h := range r.Hosts {
		hosts[h.Host] = host{h.Counts, h.State}
	}
	exit := r.Exit()
	l.write(line{Event: "recap", Hosts: hosts, Check: r.Check, Msg: l.redact.Text(r.Stopped), Seconds: r.Duration.Seconds(), Exit: &exit})
}

// Close does nothing.
func (l *Lines) Close() error { return nil }
