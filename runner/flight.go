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
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
	"github.com/mxplay/mxplay/runner/wire"
)

// maxQueue bounds the calls that a host has not answered yet.
const maxQueue = 64

// flight is a task on a host from its begin until its results are in. A host's
// flights end in the order in which they began.
type flight struct {
	t       *task
	h       *host
	on      *host // whose connection; h itself unless delegated
	env     *expr.Env
	looped  bool
	items   []*item
	skipped string // the whole task, and why
	maybe   string
	err     error // before anything was asked of a host
	check   bool
	diff    bool
	noLog   bool
	pending answers
	conn    link
	sent    []*item // what pending answers, in order
	call    wire.Call
	start   time.Time
	sets    []setting // what it registered and set, for run_once
	shown   *report.Task
}

// item is one round of a task's loop, or the whole of a task without one.
type item struct {
	value     value.Value
	label     string
	env       *expr.Env
	skip      string // why it is skipped
	maybe     string
	err       error
	args      json.RawMessage
	secrets   []string
	release   []func()
	out       *modules.Outcome
	notBegun  bool
	refused   string
	lost      error
	result    *value.Map
	taint     *expr.Taint
	local     bool // done on the controller
	text      string
	attempts  int
	start     time.Time
	took      time.Duration
	changed   bool
	failed    bool
	asserted  bool // an assertion of the playbook did not hold: result is set
	setsFacts []setting
}

type setting struct {
	level   expr.Level
	name    string
	v       value.Value
	taint   *expr.Taint
	unknown bool
}

// begin evaluates a task and sends what there is to send. Unless the task must
// be waited for, its results are taken by a later drain.
func (h *host) begin(ctx context.Context, t *task) *flight {
	if len(h.queue) > 0 && (len(h.queue) >= maxQueue || h.mustWait(t)) {
		h.drain(ctx)
		if !h.goesOn() {
			return nil
		}
	}
	f := &flight{t: t, h: h, on: h, env: h.taskEnv(t), looped: t.loop != nil, start: time.Now()}
	f.check, f.diff = h.run.o.Check, h.run.o.Diff
	if err := f.prepare(ctx); err != nil {
		f.err = err
	}
	if f.err == nil && f.skipped == "" && f.maybe == "" {
		f.send(ctx)
	}
	h.queue = append(h.queue, f)
	if len(h.queue) == 1 {
		f.announce()
	}
	if f.pending == nil && len(h.queue) == 1 || t.waits() || f.err != nil || f.on != h {
		h.drain(ctx)
	}
	return f
}

// announce shows the task as the one that the host is at, unless its batch did for all.
func (f *flight) announce() {
	f.shown = f.h.shownTask(f.t)
	if f.h.batch.alone() {
		if !f.h.batch.free() {
			f.h.run.o.Report.Task(f.shown)
		}
	}
	f.h.run.o.Report.Begin(f.h.name, f.shown)
}

// waits tells whether nothing may be sent after the task before its result is known.
func (t *task) waits() bool {
	return len(t.failed) > 0 || len(t.until) > 0 || t.retries != nil || t.kw.ignoreErrors != nil || t.kw.delegateTo != nil ||
		t.kw.timeout != nil || t.kw.runOnce != nil || t.loop != nil && (t.loop.pause != nil || t.loop.stop != nil) || t.kw.checkMode != nil
}

// mustWait tells whether the task may read what an outstanding call registers.
func (h *host) mustWait(t *task) bool {
	if t.kw.delegateTo != nil || h.run.o.Check {
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
func (f *flight) prepare(ctx context.Context) error {
	t, h := f.t, f.h
	var err error
	if f.noLog, err = h.flag(t.kw.noLog, t); err != nil {
		return err
	}
	if t.kw.diff != nil {
		if f.diff, err = h.flag(t.kw.diff, t); err != nil {
			return err
		}
	}
	if t.kw.checkMode != nil {
		if f.check, err = h.flag(t.kw.checkMode, t); err != nil {
			return err
		}
	}
	if h.maybeHandler != "" {
		f.maybe = h.maybeHandler
		return nil
	}
	if t.loop == nil {
		f.items = []*item{{env: f.env}}
		on, unknown, why, err := h.holds(t.when, f.env)
		if err != nil || !on {
			f.skipped, f.maybe = skipText(why), maybeText(unknown)
			if unknown {
				f.skipped = ""
			}
			return err
		}
	} else {
		its, err := h.items(t, f.env)
		if err != nil {
			// an undefined name in a loop is no error where the condition is false
			var undef *expr.UndefinedError
			if errors.As(err, &undef) {
				if on, unknown, why, werr := h.holds(t.when, f.env); werr == nil && !on && !unknown {
					f.skipped = skipText(why)
					return nil
				}
			}
			return err
		}
		if its.unknown {
			f.maybe = "its loop is not known in check mode"
			return nil
		}
		for i, v := range its.values {
			it := &item{value: v, env: f.env.With(h.itemLayer(t, its, i, v))}
			f.items = append(f.items, it)
			on, unknown, why, err := h.holds(t.when, it.env)
			switch {
			case err != nil:
				it.err = err
			case unknown:
				it.maybe = maybeText(true)
			case !on:
				it.skip = skipText(why)
			}
			it.label = value.Text(v)
			if t.loop.label != nil {
				if s, err := h.text(t.loop.label, it.env); err == nil {
					it.label = s
				}
			}
		}
		if len(f.items) == 0 {
			f.skipped = "no items in the loop"
			return nil
		}
	}
	for _, it := range f.items {
		if it.err == nil && it.skip == "" && it.maybe == "" {
			f.evaluate(it)
		}
	}
	return f.delegate(ctx)
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

// delegate finds the host that the task is done on.
func (f *flight) delegate(context.Context) error {
	if f.t.kw.delegateTo == nil || len(f.items) == 0 {
		return nil
	}
	name, err := f.h.text(f.t.kw.delegateTo, f.items[0].env)
	if err != nil || name == "" || name == f.h.name {
		return err
	}
	inv := f.h.run.p.inv.Host(name)
	if inv == nil {
		return source.Errorf(f.t.src.DelegateTo.Pos, "delegate_to: there is no host %s in the inventory", name)
	}
	f.on = f.h.run.host(inv)
	f.h.run.mu.Lock()
	f.on.prepare(f.h.dir)
	f.h.run.mu.Unlock()
	return nil
}

// evaluate makes an item's arguments, and does what needs no host.
func (f *flight) evaluate(it *item) {
	t := f.t
	it.start = time.Now()
	if t.mod.Kind == modules.Engine {
		it.local = true
		f.control(it)
		it.took = time.Since(it.start)
		return
	}
	if t.static != nil {
		it.args = t.static
		return
	}
	e, err := f.h.arguments(t, it.env)
	if err != nil {
		it.err = err
		return
	}
	it.secrets = e.secrets
	f.h.run.learn(e.secrets...)
	it.release = e.release
	if e.unknown != "" {
		it.maybe = e.unknown
		return
	}
	it.args = e.json
}

// send asks the host for all items that are to be done there.
func (f *flight) send(ctx context.Context) {
	var todo []*item
	for _, it := range f.items {
		if it.args == nil || it.err != nil {
			continue
		}
		// check mode asks nothing of a host that has not the state yet that this would look at
		if f.check && f.h.planned != "" && f.t.mod.Kind == modules.Act && f.t.mod.ReadOnly(it.args) {
			it.maybe = "the host is not yet as " + f.h.planned + " would leave it"
			continue
		}
		todo = append(todo, it)
	}
	if len(todo) > 0 {
		f.ask(ctx, todo)
	}
}

// ask sends a call for some items.
func (f *flight) ask(ctx context.Context, todo []*item) {
	f.sent = todo
	f.pending = nil
	conn, err := f.on.connect(ctx, f.t)
	if err != nil {
		for _, it := range todo {
			it.lost = err
		}
		return
	}
	f.conn = conn
	call := wire.Call{Task: f.t.mod.Name, Plan: f.check, Key: f.h.run.key}
	if call.Account, err = f.on.account(f.t, f.env, f.h, conn); err != nil {
		f.err = err
		return
	}
	if call.Env, err = f.h.environment(f.t, f.env); err != nil {
		f.err = err
		return
	}
	if f.t.kw.timeout != nil {
		s, err := f.h.text(f.t.kw.timeout, f.env)
		if err == nil {
			var v value.Value
			if v, err = toInt(s); err == nil {
				call.Timeout = v.(int64) * 1000
			}
		}
		if err != nil {
			f.err = fmt.Errorf("timeout: %w", err)
			return
		}
	}
	for _, it := range todo {
		call.Items = append(call.Items, wire.Item{Args: it.args})
		call.Secrets = append(call.Secrets, it.secrets...)
		it.attempts++
	}
	if call.Account.Password != "" {
		call.Secrets = append(call.Secrets, call.Account.Password)
	}
	call.Chain = f.h.outstanding()
	name, r := f.h.name, f.h.run.o.Report
	f.pending = conn.Start(call, func(e wire.Event) { r.Progress(name, e.Text) })
}

// outstanding tells whether a call of the host is not answered yet.
func (h *host) outstanding() bool {
	for _, f := range h.queue {
		if f.pending != nil {
			return true
		}
	}
	return false
}

// drain waits for all flights of the host, in order. After a failure those
// behind it did not happen.
func (h *host) drain(ctx context.Context) {
	for len(h.queue) > 0 {
		f := h.queue[0]
		if f.shown == nil {
			f.announce()
		}
		f.finish(ctx)
		h.queue = h.queue[1:]
		if !h.goesOn() || ctx.Err() != nil {
			for _, rest := range h.queue {
				rest.drop(ctx)
			}
			h.queue = nil
		}
	}
}

// drop takes the answers to a call that was not begun.
func (f *flight) drop(ctx context.Context) {
	if f.pending != nil {
		for {
			if _, more, err := f.pending.Next(ctx); err != nil || !more {
				break
			}
		}
	}
	f.letGo()
}

func (f *flight) letGo() {
	for _, it := range f.items {
		for _, done := range it.release {
			done()
		}
		it.release = nil
	}
}

// take reads the results of the items that were asked for.
func (f *flight) take(ctx context.Context) {
	if f.pending == nil {
		return
	}
	for {
		r, more, err := f.pending.Next(ctx)
		if err != nil {
			for _, it := range f.sent {
				if it.out == nil && it.refused == "" {
					it.lost = err
				}
			}
			return
		}
		if !more {
			return
		}
		if r.Item < 0 || r.Item >= len(f.sent) {
			continue
		}
		it := f.sent[r.Item]
		it.took = time.Duration(r.End-r.Start) * time.Microsecond
		switch {
		case r.Refused != "":
			for _, it := range f.sent {
				it.refused = r.Refused
			}
		case r.NotBegun:
			it.notBegun = true
		default:
			out := r.Outcome
			it.out = &out
		}
	}
}
