package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Options are how a Terminal shows a run.
type Options struct {
	Out     io.Writer
	Color   bool
	Live    bool       // Out is a terminal: a block of running hosts stands below the lines
	Width   func() int // of the terminal, for Live; nil means 80
	Verbose int        // 1: results; 2: arguments and places; 3: times and attempts of everything
	Redact  *Redactor
	Time    func() time.Time // nil means time.Now
}

// Terminal shows a run to a person, in lines.
type Terminal struct {
	o Options

	mu    sync.Mutex
	task  *Task // whose head was printed last
	live  *live
	close sync.Once
}

// New makes a Terminal.
func New(o Options) *Terminal {
	if o.Time == nil {
		o.Time = time.Now
	}
	if o.Width == nil {
		o.Width = func() int { return 80 }
	}
	t := &Terminal{o: o}
	if o.Live {
		t.live = newLive(t)
	}
	return t
}

type color string

const (
	bold    color = "1"
	dim     color = "2"
	red     color = "31"
	green   color = "32"
	yellow  color = "33"
	blue    color = "34"
	magenta color = "35"
	cyan    color = "36"
)

func (t *Terminal) paint(c color, s string) string {
	if !t.o.Color || s == "" {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}

// text is s without secrets and without what would steer the terminal.
func (t *Terminal) text(s string) string { return printable(t.o.Redact.Text(s)) }

// printable has every control character but tab and newline replaced, and
// every one that changes the direction of writing.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return '·'
		}
		return r
	}, s)
}

// lines prints whole lines above the live block.
func (t *Terminal) lines(lines ...string) {
	text := strings.Join(lines, "\n") + "\n"
	if t.live != nil {
		t.live.above(text)
		return
	}
	io.WriteString(t.o.Out, text)
}

// Play shows that a play or a batch begins.
func (t *Terminal) Play(p Play) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.task = nil
	head := "PLAY [" + t.text(p.Name) + "]"
	if p.Of > 1 {
		head += fmt.Sprintf(" batch %d of %d", p.Batch, p.Of)
	}
	if p.Check {
		head += " (check mode)"
	}
	t.lines("", t.paint(bold, head))
	if t.o.Verbose > 0 && len(p.Hosts) > 0 {
		t.lines(t.paint(dim, "  hosts: "+t.text(strings.Join(p.Hosts, ", "))))
	}
}

// Task shows that a task begins.
func (t *Terminal) Task(task *Task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.head(task, false)
}

// head prints a task's line; for a result only if it is not the last one that was printed.
func (t *Terminal) head(task *Task, again bool) {
	if task == nil || t.task == task || again && t.task != nil && *t.task == *task {
		return
	}
	t.task = task
	word := "TASK"
	if task.Handler {
		word = "HANDLER"
	}
	line := t.paint(bold, word+" ["+t.text(oneLine(task.Title()))+"]")
	if t.o.Verbose > 1 && !task.Pos.IsZero() {
		line += " " + t.paint(dim, task.Pos.String())
	}
	t.lines("", line)
}

// Begin notes that a host works at a task.
func (t *Terminal) Begin(host string, task *Task) {
	if t.live != nil {
		t.live.begin(t.text(host), t.text(oneLine(task.Title())))
	}
}

// Progress notes what a host is doing.
func (t *Terminal) Progress(host, text string) {
	if t.live != nil {
		t.live.progress(t.text(host), t.text(oneLine(strings.TrimSpace(text))))
		return
	}
	if t.o.Verbose > 0 {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.lines(t.paint(dim, "  "+t.text(host)+": "+t.text(oneLine(text))))
	}
}

var statusWords = map[Status]struct {
	word  string
	color color
}{
	OK: {"ok", green}, Changed: {"changed", yellow}, Failed: {"failed", red}, Skipped: {"skipping", cyan},
	Unreachable: {"unreachable", magenta}, Ignored: {"ignored", blue}, Rescued: {"rescued", blue}, Maybe: {"maybe", magenta},
}

// Result shows the end of a task on a host, or of an item.
func (t *Terminal) Result(r *Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live != nil && !r.IsItem {
		t.live.end(t.text(r.Host))
	}
	t.head(r.Task, true)
	if r.Looped && r.Status != Skipped && (r.Msg == "" || !r.Status.bad()) {
		return // its items have said it
	}
	s := statusWords[r.Status]
	host := t.text(r.Host)
	if r.Delegate != "" && r.Delegate != r.Host {
		host += " -> " + t.text(r.Delegate)
	}
	line := s.word + ": [" + host + "]"
	if r.IsItem {
		line += " (" + t.itemLabel(r) + ")"
	}
	var after string
	switch {
	case r.NoLog:
	case r.Status == Skipped || r.Status == Maybe:
		if r.Msg != "" && (r.Status == Maybe || t.o.Verbose > 0) {
			after = ": " + t.text(oneLine(r.Msg))
		}
	}
	if r.Attempts > 1 {
		after += fmt.Sprintf(" after %d attempts", r.Attempts)
	}
	if t.o.Verbose > 2 || r.Duration >= 10*time.Second {
		after += " " + short(r.Duration)
	}
	t.lines(t.paint(s.color, line) + t.paint(dim, after))
	t.details(r)
}

func (t *Terminal) itemLabel(r *Result) string {
	if r.NoLog {
		return "hidden by no_log"
	}
	return cut(t.text(oneLine(r.Item)), 120)
}

// details are the lines below a result.
func (t *Terminal) details(r *Result) {
	failed := r.Status.bad()
	if !r.NoLog {
		if r.Text != "" {
			t.lines(indent(t.text(strings.TrimRight(r.Text, "\n")), "    ")...)
		}
		t.steps(r)
	}
	if failed {
		t.failure(r)
	}
	if r.NoLog {
		return
	}
	if t.o.Verbose > 1 && len(r.Args) > 0 {
		t.tree("arguments", r.Args)
	}
	if t.o.Verbose > 0 && len(r.Output) > 0 && !r.Looped {
		t.tree("result", r.Output)
	}
}

// steps are what changed, or would.
func (t *Terminal) steps(r *Result) {
	if r.Status == OK && t.o.Verbose == 0 {
		return // changed_when says that they change nothing
	}
	for i, s := range r.Steps {
		if i == len(r.Steps)-1 && r.Status.bad() && strings.Contains(r.Msg, strings.TrimPrefix(s.What, "run ")) {
			return // the one that failed: the message names it
		}
		t.lines(t.paint(yellow, "    + "+t.text(oneLine(s.What))))
		if !r.Diff {
			continue
		}
		for _, l := range t.o.Redact.Diff(s.From, s.To) {
			l = printable(l)
			switch {
			case strings.HasPrefix(l, "@@"):
				l = t.paint(cyan, l)
			case strings.HasPrefix(l, "+"):
				l = t.paint(green, l)
			case strings.HasPrefix(l, "-"):
				l = t.paint(red, l)
			}
			t.lines("      " + l)
		}
	}
}

// failure shows an error: place, host, module, what happened; the
// lines that explain it; the hint.
func (t *Terminal) failure(r *Result) {
	var at []string
	if pos := r.Place(); !pos.IsZero() {
		at = append(at, pos.String())
	}
	at = append(at, t.text(r.Host))
	if r.Task != nil && r.Task.Module != "" {
		at = append(at, r.Task.Module)
	}
	msg := t.text(strings.TrimRight(r.Msg, "\n"))
	if r.NoLog {
		msg = "failed; what it said is hidden by no_log"
	}
	t.lines(strings.Join(at, ": ") + ": " + t.paint(red, msg))
	if r.NoLog {
		return
	}
	for _, l := range r.Lines {
		t.lines(indent(t.text(strings.TrimRight(l, "\r\n")), "    ")...)
	}
	if r.Hint != "" {
		t.lines("  " + t.paint(cyan, "hint:") + " " + strings.ReplaceAll(t.text(r.Hint), "\n", "\n        "))
	}
}

// tree shows a JSON value as YAML below a word.
func (t *Terminal) tree(word string, raw json.RawMessage) {
	v, err := value.ParseJSON(t.o.Redact.JSON(raw))
	if err != nil {
		return
	}
	switch x := v.(type) {
	case nil:
		return
	case *value.Map:
		if x.Len() == 0 {
			return
		}
	}
	b, err := source.EmitYAML(v, 2)
	if err != nil {
		return
	}
	t.lines(t.paint(dim, "    "+word+":"))
	t.lines(indent(printable(strings.TrimRight(string(b), "\n")), "      ")...)
}

// Notice shows a warning or a note.
func (t *Terminal) Notice(n *Notice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := yellow
	if n.Level == "error" {
		c = red
	} else if n.Level == "note" {
		c = cyan
	}
	head := n.Level + ":"
	if n.Host != "" {
		head += " " + t.text(n.Host) + ":"
	}
	if n.Err == nil {
		t.lines(t.paint(c, head) + " " + t.text(n.Text))
		return
	}
	var b strings.Builder
	source.Render(&b, n.Err, t.o.Color)
	t.lines(t.paint(c, head) + " " + t.o.Redact.Text(strings.TrimRight(b.String(), "\n")))
}

// Recap shows a line per host and how it all ended.
func (t *Terminal) Recap(r *Recap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live != nil {
		t.live.stop()
	}
	t.task = nil
	if r.Stopped != "" {
		t.lines("", t.paint(red, t.text(r.Stopped)))
	}
	head := "PLAY RECAP"
	if r.Check {
		head += " (check mode: nothing was changed)"
	}
	t.lines("", t.paint(bold, head))
	width := 20
	for _, h := range r.Hosts {
		width = max(width, len([]rune(t.text(h.Host))))
	}
	for _, h := range r.Hosts {
		t.lines(t.recapLine(h, width, r.Check))
	}
	if r.Duration > 0 {
		t.lines("", t.paint(dim, summary(r)))
	}
}

func (t *Terminal) recapLine(h HostRecap, width int, check bool) string {
	name := t.text(h.Host)
	pad := strings.Repeat(" ", max(0, width-len([]rune(name))))
	c := green
	switch {
	case h.State == Failed || h.State == Unreachable:
		c = red
	case h.Changed > 0:
		c = yellow
	}
	num := func(word string, n int, c color) string {
		s := fmt.Sprintf("%s=%-4d", word, n)
		if n == 0 {
			return t.paint(dim, s)
		}
		return t.paint(c, s)
	}
	parts := []string{num("ok", h.OK, green), num("changed", h.Changed, yellow), num("unreachable", h.Unreachable, red),
		num("failed", h.Failed, red), num("skipped", h.Skipped, cyan), num("rescued", h.Rescued, blue), num("ignored", h.Ignored, blue)}
	if check || h.Maybe > 0 {
		parts = append(parts, num("maybe", h.Maybe, magenta))
	}
	return strings.TrimRight(t.paint(c, name)+pad+" : "+strings.Join(parts, " "), " ")
}

func summary(r *Recap) string {
	hosts := fmt.Sprintf("%d hosts", len(r.Hosts))
	if len(r.Hosts) == 1 {
		hosts = "1 host"
	}
	return hosts + " in " + short(r.Duration)
}

// Pause takes the live block away while something else stands on the screen,
// such as a question; the function that it returns brings it back.
func (t *Terminal) Pause() func() {
	if t.live == nil {
		return func() {}
	}
	return t.live.pause()
}

// Close takes the live block away.
func (t *Terminal) Close() error {
	t.close.Do(func() {
		if t.live != nil {
			t.live.stop()
		}
	})
	return nil
}

func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func indent(s, by string) []string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(by+l, " \t")
	}
	return lines
}

// short is a duration as people say it.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "0s"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}
