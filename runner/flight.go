package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/value"
)

// maxQueue bounds the calls that a host has not answered yet.
const maxQueue = 64

// flight is a task on a host from its begin until its results are in. A host's
// flights end in the order in which they began.
type flight struct {
	t       *task
	h       *host
	env     *expr.Env
	looped  bool
	byItem  bool  // a call an item: the next begins when the one before is judged
	async   int64 // seconds that a job may take; 0: it is none
	poll    int64 // of a job
	items   []*item
	skipped string // the whole task, and why
	maybe   string
	err     error // before anything was asked of a host
	check   bool
	diff    bool
	noLog   bool
	ignore  bool // ignore_errors
	pending answers
	conn    link
	sent    []*item // what pending answers, in order
	start   time.Time
	sets    []setting // what it registered and set, for run_once
	shown   *report.Task
}

// item is one round of a task's loop, or the whole of a task without one.
type item struct {
	value     value.Value
	given     *expr.Taint // of value
	label     string
	taint     *expr.Taint // of result
	env       *expr.Env
	on        *host  // whose connection; the flight's own host unless delegated
	skip      string // why it is skipped
	maybe     string
	unknown   bool // its result is: it was not asked for, or failed where that says nothing yet
	err       error
	args      json.RawMessage
	secrets   []string
	opaque    bool // a secret went into its content in another form: no side of a step is shown
	release   []func()
	out       *modules.Outcome
	job       string // the id of the job that it is
	notBegun  bool
	refused   string
	noUser    bool // it is refused since the account to work as is not there
	lost      error
	result    *value.Map
	local     bool // done on the controller
	text      string
	attempts  int
	start     time.Time
	took      time.Duration
	changed   bool
	failed    bool
	later     func(context.Context) // what is left to do when it is waited for
	asserted  bool                  // an assertion of the playbook did not hold: result is set
	setsFacts []setting
}

type setting struct {
	level   expr.Level
	name    string
	v       value.Value
	taint   *expr.Taint
	unknown bool
	def     *expr.Def  // instead of v, taint and unknown, when it is not nil
	facts   *value.Map // instead of all else: what becomes known beside the other facts
}

// give sets it for a host.
func (s setting) give(e *expr.Env) {
	if s.facts != nil {
		giveFacts(e, s.facts)
		return
	}
	if s.def != nil {
		e.SetDef(s.level, s.name, s.def)
		return
	}
	e.Set(s.level, s.name, s.v, s.taint, s.unknown)
}

// begin evaluates a task and sends what there is to send. Unless the task must
// be waited for, its results are taken by a later drain. It is nil when the
// host fell out before.
func (h *host) begin(ctx context.Context, t *task) *flight {
	h.touched = true
	if h.batch.free() && h.grown != h.run.grown.Load() {
		h.run.mu.Lock()
		h.again()
		h.run.mu.Unlock()
	}
	if len(h.queue) > 0 && (len(h.queue) >= maxQueue || h.mustWait(t)) {
		h.drain(ctx)
		if !h.goesOn() {
			return nil
		}
	}
	f := &flight{t: t, h: h, env: h.taskEnv(t), looped: t.loop != nil, start: time.Now()}
	f.err = f.prepare()
	if f.err == nil && f.skipped == "" && f.maybe == "" && !f.byItem && !f.send(ctx) {
		f.letGo()
		return nil
	}
	h.queue = append(h.queue, f)
	if len(h.queue) == 1 {
		f.announce()
	}
	if f.waits() || f.pending == nil && len(h.queue) == 1 {
		h.drain(ctx)
	}
	return f
}

// announce shows the task as the one that the host is at, unless its batch did for all.
func (f *flight) announce() {
	f.shown = f.h.shownTask(f.t)
	if b := f.h.batch; b.alone() && !b.free() {
		f.h.run.o.Report.Task(f.shown)
	}
	f.h.run.o.Report.Begin(f.h.name, f.shown)
}

// waits tells whether nothing may be sent after the task before its result is known.
func (t *task) waits() bool {
	k := t.kw
	return len(t.failed) > 0 || len(t.until) > 0 || t.retries != nil || k.ignoreErrors != nil || k.ignoreUnreachable != nil ||
		k.delegateTo != nil || k.timeout != nil || k.runOnce != nil || k.once != nil || k.throttle != nil || k.checkMode != nil || t.bringsFacts() || t.hooked()
}

// waits is that of the task, or that something failed before it was sent.
func (f *flight) waits() bool {
	if f.err != nil || f.byItem || f.t.waits() {
		return true
	}
	for _, it := range f.items {
		if it.err != nil || it.lost != nil || it.failed {
			return true
		}
	}
	return false
}

// mustWait tells whether the task may read what an outstanding call registers.
func (h *host) mustWait(t *task) bool {
	if t.kw.delegateTo != nil || t.grows() || h.run.o.Check || h.batch.free() && h.batch.play.delegates {
		return true
	}
	names, all := h.run.p.mayRead(t)
	for _, f := range h.queue {
		if f.t.register != "" && (all || slices.Contains(names, f.t.register)) {
			return true
		}
		if t.mod != nil && t.mod.Name == "set_fact" && (f.t.guarded || len(f.t.changed) > 0) {
			return true
		}
	}
	return false
}

// prepare evaluates everything that the task says, for each item.
func (f *flight) prepare() error {
	t, h := f.t, f.h
	if h.unread != nil {
		return h.unread
	}
	if err := f.modes(); err != nil {
		return err
	}
	if h.maybeHandler != "" {
		f.maybe = h.maybeHandler
		return nil
	}
	if t.loop == nil {
		it := &item{env: f.env}
		f.items = []*item{it}
		on, unknown, why, err := h.holds(t.when, f.env)
		switch {
		case err != nil:
			return err
		case unknown:
			f.maybe = maybeText(true)
		case !on:
			f.skipped = skipText(why)
		default:
			f.open(it)
		}
		return nil
	}
	its, err := h.items(t, f.env)
	if err != nil {
		// an undefined name in a loop is no error where the condition is false
		if on, unknown, why, werr := h.holds(t.when, f.env); isUndefined(err) && werr == nil && !on && !unknown {
			f.skipped = skipText(why)
			return nil
		}
		return err
	}
	if its.unknown {
		f.maybe = "its loop is not known in check mode"
		return nil
	}
	if len(its.values) == 0 {
		f.skipped = "no items in the loop"
		return nil
	}
	f.byItem = t.loop.pause != nil || len(t.loop.stop) > 0 || t.delegatesByItem()
	for i, v := range its.values {
		it := &item{value: v, given: its.taint.Member(fmt.Sprint(i)), env: f.env.With(h.itemLayer(t, its, i, v))}
		f.items = append(f.items, it)
		if !f.byItem {
			f.consider(it)
		}
		it.label = value.Text(expr.Shown(hide(v, it.given)))
		if t.loop.label != nil {
			if s, err := h.shownText(t.loop.label, it.env); err == nil {
				it.label = s
			}
		}
	}
	return nil
}

func isUndefined(err error) bool {
	var undef *expr.UndefinedError
	return errors.As(err, &undef)
}

// modes evaluates the words that say how the task is done.
func (f *flight) modes() (err error) {
	k := f.t.kw
	f.check, f.diff = f.h.run.o.Check, f.h.run.o.Diff
	if f.noLog, err = f.h.flag(k.noLog, f.t); err != nil {
		f.noLog = true // it may have been meant to
		return err
	}
	if k.diff != nil {
		if f.diff, err = f.h.flag(k.diff, f.t); err != nil {
			return err
		}
	}
	if k.checkMode != nil {
		if f.check, err = f.h.flag(k.checkMode, f.t); err != nil {
			return err
		}
	}
	return f.asyncWords()
}

// consider asks an item's condition, and opens it when that holds.
func (f *flight) consider(it *item) {
	on, unknown, why, err := f.h.holds(f.t.when, it.env)
	switch {
	case err != nil:
		it.err = err
	case unknown:
		it.maybe = maybeText(true)
	case !on:
		it.skip = skipText(why)
	default:
		f.open(it)
	}
}

func skipText(why string) string {
	if why == "" {
		return ""
	}
	return "its condition is false: " + why
}

func maybeText(unknown bool) string {
	if !unknown {
		return ""
	}
	return "its condition is not known in check mode"
}

// open makes an item's arguments, and does what needs no host.
func (f *flight) open(it *item) {
	t := f.t
	if it.err = f.delegate(it); it.err != nil {
		return
	}
	it.start = time.Now()
	defer f.hook(it)
	if t.mod.Kind == modules.Engine {
		it.local = true
		f.control(it)
		it.took = time.Since(it.start)
		return
	}
	if t.static != nil {
		it.args, it.secrets = t.static, t.secrets
		f.h.run.learn(t.secrets...)
		return
	}
	e, err := f.h.arguments(f, it)
	if err != nil {
		it.err = err
		return
	}
	it.secrets, it.opaque = e.secrets, e.opaque
	f.h.run.learn(e.secrets...)
	it.release = e.release
	if e.unknown != "" {
		it.maybe = e.unknown
		return
	}
	it.args = e.json
}
