package runner

import (
	"context"
	"errors"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/remote"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// conclude reports, registers and notifies when all items are through.
func (f *flight) conclude() {
	h, t := f.h, f.t
	var changed, failed, maybe bool
	skipped := true
	results := value.List{}
	var taint *expr.Taint
	for i, it := range f.items {
		changed, failed = changed || it.changed, failed || it.failed
		maybe = maybe || it.maybe != ""
		skipped = skipped && (it.skip != "" || it.out != nil && it.out.Skipped)
		if f.looped {
			m := it.result.Clone()
			m.Set(t.loop.variable, it.value)
			m.Set("ansible_loop_var", t.loop.variable)
			if t.loop.index != "" {
				m.Set(t.loop.index, int64(i))
				m.Set("ansible_index_var", t.loop.index)
			}
			own := it.taint.WithField(t.loop.variable, it.given)
			if t.loop.extended != nil {
				if b, ok, err := it.env.Resolve(h.context(it.env), "ansible_loop"); ok && err == nil {
					m.Set("ansible_loop", b.Value)
					own = own.WithField("ansible_loop", b.Taint)
				}
			}
			if it.unknown {
				results = append(results, expr.Unknown)
			} else {
				results = append(results, m)
			}
			taint = taint.WithField(value.Text(int64(i)), own)
			r := f.shownResult(it, f.statusOf(it))
			r.IsItem, r.Item = true, it.label
			h.run.o.Report.Result(r)
		}
	}
	status := report.OK
	switch {
	case failed:
		status = f.failure()
	case maybe && !changed:
		status = report.Maybe
	case skipped:
		status = report.Skipped
	case changed:
		status = report.Changed
	}
	if status != report.Skipped {
		h.didRole(t)
	}
	var reg *value.Map
	if f.looped {
		reg = value.MapOf("changed", changed, "failed", failed, "skipped", skipped, "results", results)
		switch {
		case failed:
			reg.Set("msg", "one or more items failed")
		case skipped:
			reg.Set("msg", "all items were skipped")
		default:
			reg.Set("msg", "all items completed")
		}
		var all *expr.Taint
		taint = all.WithField("results", taint)
		h.run.o.Report.Result(&report.Result{Host: h.name, Task: f.shown, Status: status, Changed: changed,
			Looped: true, NoLog: f.noLog, Duration: time.Since(f.start)})
	} else {
		it := f.items[0]
		reg, taint = it.result, it.taint
		h.run.o.Report.Result(f.shownResult(it, status))
	}
	h.count(status, changed)
	if !f.looped && f.items[0].unknown {
		f.registerUnknown()
		return
	}
	f.register(reg, taint)
	for _, it := range f.items {
		f.sets = append(f.sets, it.setsFacts...)
		f.bring(it)
	}
	switch {
	case failed && status != report.Ignored:
		h.fails(f, reg, taint)
		if changed && status == report.Failed {
			h.owe(f.notified()...)
		}
	case failed:
	case changed:
		f.notify("")
	case maybe:
		f.notify("whether it is notified is not known in check mode")
	}
}

// failure is the status of a failed task: it may be ignored, or go to a rescue.
func (f *flight) failure() report.Status {
	switch {
	case f.ignore:
		return report.Ignored
	case f.t.rescued:
		return report.Rescued
	}
	return report.Failed
}

// fails takes the host out of what follows, up to a rescue.
func (h *host) fails(f *flight, result *value.Map, taint *expr.Taint) {
	h.failed, h.rescuing = true, f.t.rescued
	h.failedResult, h.failedTaint = result, taint
	h.failedTask = value.MapOf("name", h.taskName(f.t), "action", f.t.src.Module)
}

// statusOf is the end of one item.
func (f *flight) statusOf(it *item) report.Status {
	switch {
	case it.failed:
		return f.failure()
	case it.maybe != "" && !it.changed:
		return report.Maybe
	case it.skip != "" || it.out != nil && it.out.Skipped:
		return report.Skipped
	case it.changed:
		return report.Changed
	}
	return report.OK
}

// shownResult is an item as it is reported.
func (f *flight) shownResult(it *item, status report.Status) *report.Result {
	secrets := append(it.taint.All(), it.secrets...)
	r := &report.Result{
		Host: f.h.name, Delegate: it.delegateName(f.h), Task: f.shown, Status: status, Changed: it.changed,
		Diff: f.diff, NoLog: f.noLog, Args: f.shownArgs(it), Duration: it.took, Check: f.check != f.h.run.o.Check,
	}
	if it.attempts > 1 {
		r.Attempts = it.attempts
	}
	if status == report.Skipped {
		r.Msg = it.skip
	}
	if it.maybe != "" {
		r.Msg = it.maybe
	}
	if o := it.out; o != nil {
		for _, s := range o.Steps {
			r.Steps = append(r.Steps, shownStep(s, secrets, it.opaque))
		}
		if o.Failed && it.failed || o.Skipped {
			r.Msg, r.Lines, r.Hint = hideText(o.Msg, secrets), hideTexts(o.Lines, secrets), hideText(o.Hint, secrets)
		}
	}
	if it.failed && it.text != "" {
		r.Msg = it.text
	}
	if it.local {
		r.Text = it.text
	}
	if it.err != nil {
		say(r, it.err, secrets)
	}
	if it.result != nil && !it.unknown {
		if b, err := value.JSON(expr.Shown(hide(it.result, it.taint))); err == nil {
			r.Output = b
		}
	}
	return r
}

// register sets the task's variable.
func (f *flight) register(m *value.Map, taint *expr.Taint) {
	if f.t.register == "" {
		return
	}
	f.h.env.Set(expr.SetFacts, f.t.register, m, taint, false)
	f.sets = append(f.sets, setting{level: expr.SetFacts, name: f.t.register, v: m, taint: taint})
	f.h.run.learn(taint.All()...)
}

// registerUnknown is for a task of which check mode cannot know whether it runs.
func (f *flight) registerUnknown() {
	unknown := func(name string) {
		f.h.env.Set(expr.SetFacts, name, nil, nil, true)
		f.sets = append(f.sets, setting{level: expr.SetFacts, name: name, unknown: true})
	}
	if f.t.register != "" {
		unknown(f.t.register)
	}
	f.unknownFacts()
	if f.t.mod != nil && f.t.mod.Name == "set_fact" {
		for _, a := range f.t.args {
			if a.field == nil {
				unknown(a.name)
			}
		}
	}
	f.notify("whether it is notified is not known in check mode")
}

// notify marks the handlers that the task names; maybe says why they may not run after all.
func (f *flight) notify(maybe string) {
	targets := f.notified()
	for _, x := range targets {
		if old, there := f.h.pending[x]; there && old == "" {
			continue
		}
		f.h.pending[x] = maybe
	}
	f.h.owe(targets...)
}

// notified are the handlers that the task names.
func (f *flight) notified() (out []*task) {
	h, t := f.h, f.t
	for _, n := range t.notify {
		if v, ok := n.Constant(); ok {
			out = append(out, t.targets[value.Text(v)]...)
			continue
		}
		for _, env := range f.notifiers() {
			name, err := h.text(n, env)
			if err != nil || name == "" {
				continue
			}
			targets := h.run.p.handlersFor(t, name)
			if len(targets) == 0 {
				h.run.o.Report.Notice(&report.Notice{Level: "warning", Host: h.name, Text: "no handler " + name + " in this play"})
			}
			out = append(out, targets...)
		}
	}
	return out
}

// notifiers are the variables with which a name to notify is evaluated: those of each item that was done.
func (f *flight) notifiers() []*expr.Env {
	if !f.looped {
		return []*expr.Env{f.env}
	}
	var out []*expr.Env
	for _, it := range f.items {
		if it.skip == "" {
			out = append(out, it.env)
		}
	}
	return out
}

// reportMaybe shows a task that check mode cannot know anything of.
func (h *host) reportMaybe(t *task, why string) {
	h.count(report.Maybe, false)
	h.run.o.Report.Result(&report.Result{Host: h.name, Task: h.shownTask(t), Status: report.Maybe, Msg: why})
}

// failTask fails a task that no flight stands for: an include, a block's loop.
func (h *host) failTask(t *task, err error) {
	h.touched = true
	f := &flight{t: t, h: h, shown: h.shownTask(t)}
	f.ignore, _ = h.flag(t.kw.ignoreErrors, t)
	h.failFlight(f, err)
}

// failFlight fails a task with an error of ours, such as an undefined variable.
func (h *host) failFlight(f *flight, err error) {
	res := &report.Result{Host: h.name, Task: f.shown, NoLog: f.noLog, Status: f.failure()}
	say(res, err, nil)
	var d *modules.Detailed
	if errors.As(err, &d) {
		res.Lines, res.Hint = d.Lines, d.Hint
	}
	m := value.MapOf("changed", false, "failed", true, "skipped", false, "msg", plainMsg(err))
	f.register(m, nil)
	h.didRole(f.t)
	h.count(res.Status, false)
	h.run.o.Report.Result(res)
	if !f.ignore {
		h.fails(f, m, nil)
	}
}

// lostOn ends a flight whose connection did not stand, or broke.
func (h *host) lostOn(ctx context.Context, f *flight, it *item) {
	if h.lost(ctx, f.t, it.delegateName(h), it.lost) {
		m := value.MapOf("changed", false, "failed", false, "skipped", false, "unreachable", true, "msg", plainMsg(it.lost))
		f.register(m, nil)
	}
}

// lost takes the host out of the run because it, or the one that it delegates
// to, cannot be reached. It is true when ignore_unreachable keeps the host in.
func (h *host) lost(ctx context.Context, t *task, delegate string, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	res := &report.Result{Host: h.name, Delegate: delegate, Status: report.Unreachable, Msg: err.Error(), Task: &report.Task{Name: "Gathering Facts", Module: "setup", Pos: h.batch.play.src.Pos}}
	word := h.batch.play.ignoreUnreachable
	if t != nil {
		res.Task, word = h.shownTask(t), t.kw.ignoreUnreachable
	}
	var u *remote.UnreachableError
	var ref *remote.RefusedError
	switch {
	case errors.As(err, &u):
		res.Msg, res.Lines, res.Hint = u.Err.Error(), u.Lines, u.Hint
	case errors.As(err, &ref):
		res.Msg, res.Hint = ref.Text, ref.Hint
	}
	keep, _ := h.flag(word, t)
	if keep {
		res.Status = report.Ignored
	}
	h.count(res.Status, false)
	h.run.o.Report.Result(res)
	h.unreachable = !keep
	return keep
}

func plainMsg(err error) string {
	var e *source.Error
	if errors.As(err, &e) {
		return e.Msg
	}
	return err.Error()
}
