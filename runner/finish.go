package runner

import (
	"context"
	"errors"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// finish takes the results of a flight: tries again, decides what changed and
// failed, registers, notifies, reports.
func (f *flight) finish(ctx context.Context) {
	h, t := f.h, f.t
	defer f.letGo()
	f.take(ctx)
	if ctx.Err() != nil {
		h.failed = true
		return
	}
	for _, it := range f.items {
		if it.lost != nil {
			h.lost(ctx, t, it.lost)
			return
		}
	}
	switch {
	case f.err != nil:
		h.failFlight(f, f.err)
		return
	case f.maybe != "":
		h.reportMaybe(t, f.maybe)
		h.registerUnknown(f)
		return
	case f.skipped != "":
		f.skipAll()
		return
	}
	for _, it := range f.items {
		f.judge(it)
	}
	if len(t.until) > 0 || t.retries != nil {
		f.retry(ctx)
	}
	f.conclude()
}

// judge makes an item's result of what came back, and asks failed_when and changed_when.
func (f *flight) judge(it *item) {
	h, t := f.h, f.t
	if it.skip != "" || it.maybe != "" {
		it.result = value.MapOf("changed", false, "failed", false, "skipped", true, "skip_reason", it.skip)
		if it.maybe != "" {
			it.result = value.MapOf("changed", expr.Unknown, "failed", false, "skipped", expr.Unknown)
		}
		return
	}
	switch {
	case it.asserted:
		return
	case it.err != nil:
		it.fail(it.err)
		return
	case it.refused != "":
		it.fail(errors.New(it.refused))
		return
	case it.notBegun:
		it.fail(errors.New("was not begun"))
		return
	case it.out != nil:
		it.read(t, f.check)
	}
	if it.result == nil {
		return
	}
	o := it.out
	if f.check && o != nil && h.planned != "" && o.Failed {
		// what failed may be there once the planned changes are
		it.maybe = o.Msg
		it.result = value.MapOf("changed", expr.Unknown, "failed", false, "skipped", false)
		return
	}
	if o != nil {
		it.changed, it.failed = o.Changed, o.Failed
		if f.check && o.Maybe != "" {
			it.maybe = o.Maybe
		}
		if f.check && o.Changed && h.planned == "" {
			h.planned = "task " + h.taskName(t)
		}
	}
	env := it.env
	if t.register != "" {
		env = env.With(&expr.Layer{Level: expr.LoopVars, Vars: map[string]*expr.Def{t.register: expr.ValueDef(it.result, it.taint)}})
	}
	if len(t.failed) > 0 {
		on, unknown, why, err := h.holds(t.failed, env)
		switch {
		case err != nil:
			it.fail(err)
			return
		case !unknown:
			it.failed = on
			it.result.Set("failed", on)
			if on && (o == nil || !o.Failed) {
				it.text = "failed_when: " + condText(t.failed, why)
			}
		}
	}
	if len(t.changed) > 0 {
		on, unknown, _, err := h.holds(t.changed, env)
		switch {
		case err != nil:
			it.fail(err)
			return
		case unknown:
			it.maybe = "changed_when is not known in check mode"
		default:
			it.changed = on
			it.result.Set("changed", on)
		}
	}
}

func condText(cs []*cond, _ string) string {
	for _, c := range cs {
		if c.expr != nil {
			return c.expr.Source()
		}
	}
	return "true"
}

// fail ends an item with an error of ours.
func (it *item) fail(err error) {
	it.err = err
	it.failed = true
	it.result = value.MapOf("changed", it.changed, "failed", true, "skipped", false, "msg", plainMsg(err))
}

func plainMsg(err error) string {
	var e *source.Error
	if errors.As(err, &e) {
		return e.Msg
	}
	return err.Error()
}

// read makes the registered result of an outcome.
func (it *item) read(t *task, check bool) {
	o := it.out
	m := value.MapOf("changed", o.Changed, "failed", o.Failed, "skipped", o.Skipped)
	if o.Msg != "" {
		m.Set("msg", o.Msg)
	}
	if len(o.Result) > 0 {
		v, err := value.ParseJSON(o.Result)
		if r, ok := v.(*value.Map); ok && err == nil {
			for i := range r.Len() {
				k, x := r.At(i)
				if fd := t.mod.Result.Field(k); fd != nil && fd.Private {
					continue
				}
				if check && o.Unknown {
					x = expr.Unknown
				}
				m.Set(k, x)
			}
		}
	}
	it.result = m
	for i := range t.mod.Result.Fields {
		fd := &t.mod.Result.Fields[i]
		if v, ok := m.Get(fd.Name); ok && fd.Secret && v != expr.Unknown {
			it.taint = it.taint.WithField(fd.Name, expr.SecretValue(v))
		}
	}
	it.taint = it.taint.Merge(expr.Containing(m, it.secrets))
}

// retry asks again for the items that until does not hold for.
func (f *flight) retry(ctx context.Context) {
	h, t := f.h, f.t
	retries, delay := 3, 5.0
	if s, err := h.text(t.retries, f.env); err == nil && s != "" {
		if v, err := toInt(s); err == nil {
			retries = int(v.(int64))
		}
	}
	if s, err := h.text(t.delay, f.env); err == nil && s != "" {
		if v, err := toFloat(s); err == nil {
			delay = v.(float64)
		}
	}
	for {
		var again []*item
		for _, it := range f.items {
			if it.args == nil || it.skip != "" || it.maybe != "" || it.lost != nil {
				continue
			}
			if it.result != nil {
				it.result.Set("attempts", int64(it.attempts))
			}
			if f.satisfied(it) {
				continue
			}
			again = append(again, it)
		}
		if len(again) == 0 || f.check && h.planned != "" {
			return
		}
		if again[0].attempts > retries {
			for _, it := range again {
				it.failed = true
				it.result.Set("failed", true)
				if it.out == nil || !it.out.Failed {
					it.text = "until did not hold after " + value.Text(int64(it.attempts)) + " attempts"
				}
			}
			return
		}
		h.run.o.Report.Progress(h.name, "attempt "+value.Text(int64(again[0].attempts))+" of "+value.Text(int64(retries+1)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(delay * float64(time.Second))):
		}
		for _, it := range again {
			it.out, it.result, it.taint, it.err, it.text, it.failed, it.changed = nil, nil, nil, nil, "", false, false
		}
		f.ask(ctx, again)
		f.take(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, it := range again {
			if it.lost != nil {
				h.lost(ctx, t, it.lost)
				return
			}
			f.judge(it)
		}
	}
}

// satisfied tells whether an item need not be tried again.
func (f *flight) satisfied(it *item) bool {
	if it.err != nil || it.result == nil {
		return it.refused != ""
	}
	if len(f.t.until) == 0 {
		return !it.failed
	}
	env := it.env
	if f.t.register != "" {
		env = env.With(&expr.Layer{Level: expr.LoopVars, Vars: map[string]*expr.Def{f.t.register: expr.ValueDef(it.result, it.taint)}})
	}
	on, _, _, err := f.h.holds(f.t.until, env)
	if err != nil {
		it.fail(err)
		return true
	}
	return on
}

// skipAll registers and reports a task that was skipped as a whole.
func (f *flight) skipAll() {
	m := value.MapOf("changed", false, "failed", false, "skipped", true, "skip_reason", f.skipped)
	if f.looped {
		m.Set("results", value.List{})
	}
	f.register(m, nil)
	f.h.count(report.Skipped, false)
	f.h.run.o.Report.Result(&report.Result{Host: f.h.name, Task: f.shown, Status: report.Skipped, Msg: f.skipped, Looped: f.looped})
}

// conclude reports, registers and notifies when all items are through.
func (f *flight) conclude() {
	h, t := f.h, f.t
	var changed, failed, maybe bool
	skipped := true
	ignore, ierr := h.flag(t.kw.ignoreErrors, t)
	results := value.List{}
	var taint *expr.Taint
	for i, it := range f.items {
		changed, failed = changed || it.changed, failed || it.failed
		maybe = maybe || it.maybe != ""
		wasSkipped := it.skip != "" || it.out != nil && it.out.Skipped
		skipped = skipped && wasSkipped
		if f.looped {
			m := it.result.Clone()
			m.Set(t.loop.variable, it.value)
			m.Set("item", it.value)
			m.Set("ansible_loop_var", t.loop.variable)
			results = append(results, m)
			taint = taint.WithField(value.Text(int64(i)), it.taint)
			r := f.shownResult(it, f.statusOf(it, ignore))
			r.IsItem, r.Item = true, it.label
			h.run.o.Report.Result(r)
		}
	}
	var reg *value.Map
	status := report.OK
	switch {
	case failed:
		status = report.Failed
	case maybe && !changed:
		status = report.Maybe
	case skipped:
		status = report.Skipped
	case changed:
		status = report.Changed
	}
	if failed && ierr == nil && ignore {
		status = report.Ignored
	} else if failed && t.rescued {
		status = report.Rescued
	}
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
		h.run.o.Report.Result(&report.Result{Host: h.name, Delegate: f.delegateName(), Task: f.shown, Status: status, Changed: changed,
			Looped: true, NoLog: f.noLog, Duration: f.took()})
	} else {
		it := f.items[0]
		reg, taint = it.result, it.taint
		h.run.o.Report.Result(f.shownResult(it, status))
	}
	h.count(status, changed)
	f.register(reg, taint)
	f.facts()
	if failed && status != report.Ignored {
		h.failed = true
		h.failedResult, h.failedTaint = reg, taint
		h.failedTask = value.MapOf("name", h.taskName(t), "action", t.src.Module)
		return
	}
	if changed && !failed {
		f.notify("")
	} else if maybe && !failed {
		f.notify("whether it is notified is not known in check mode")
	}
}

// took is how long the host worked on all items.
func (f *flight) took() time.Duration {
	var d time.Duration
	for _, it := range f.items {
		d += it.took
	}
	return d
}

func (f *flight) delegateName() string {
	if f.on != f.h {
		return f.on.name
	}
	return ""
}

// statusOf is the end of one item.
func (f *flight) statusOf(it *item, ignore bool) report.Status {
	switch {
	case it.failed && ignore:
		return report.Ignored
	case it.failed && f.t.rescued:
		return report.Rescued
	case it.failed:
		return report.Failed
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
	r := &report.Result{
		Host: f.h.name, Delegate: f.delegateName(), Task: f.shown, Status: status, Changed: it.changed,
		Diff: f.diff, NoLog: f.noLog, Args: it.args, Duration: it.took, Check: f.check, Text: "",
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
			r.Steps = append(r.Steps, report.Step{What: s.What, From: s.From, To: s.To, Event: s.Event})
		}
		if o.Failed || o.Skipped {
			r.Msg, r.Lines, r.Hint = o.Msg, o.Lines, o.Hint
		}
	}
	if it.failed && it.text != "" {
		r.Msg = it.text
	}
	if it.local {
		r.Text = it.text
	}
	if it.err != nil {
		var e *source.Error
		r.Msg = it.err.Error()
		if errors.As(it.err, &e) {
			r.Msg, r.Hint = e.Error(), e.Hint
		}
	}
	if it.result != nil && f.t.mod != nil {
		if b, err := value.JSON(expr.Shown(it.result)); err == nil {
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
	f.sets = append(f.sets, setting{expr.SetFacts, f.t.register, m, taint, false})
	f.h.run.learn(taint.All()...)
}

func (h *host) registerUnknown(f *flight) {
	if f.t.register != "" {
		h.env.Set(expr.SetFacts, f.t.register, nil, nil, true)
	}
	if f.t.mod != nil && f.t.mod.Name == "set_fact" {
		for _, a := range f.t.args {
			if a.field == nil {
				h.env.Set(expr.SetFacts, a.name, nil, nil, true)
			}
		}
	}
	f.notify("whether it is notified is not known in check mode")
}

// facts sets what a task gave as ansible_facts.
func (f *flight) facts() {
	for _, it := range f.items {
		for _, s := range it.sets() {
			f.h.env.Set(s.level, s.name, s.v, s.taint, s.unknown)
			f.sets = append(f.sets, s)
		}
	}
}

// notify marks the handlers that the task names; maybe says why they may not run after all.
func (f *flight) notify(maybe string) {
	h, t := f.h, f.t
	for _, n := range t.notify {
		v, ok := n.Constant()
		var targets []*task
		if ok {
			targets = t.targets[value.Text(v)]
		} else {
			name, err := h.text(n, f.env)
			if err != nil || name == "" {
				continue
			}
			if targets = t.play.handlersFor(t, name); len(targets) == 0 {
				h.run.o.Report.Notice(&report.Notice{Level: "warning", Host: h.name, Text: "no handler " + name + " in this play"})
			}
		}
		for _, x := range targets {
			if old, there := h.pending[x]; there && old == "" {
				continue
			}
			h.pending[x] = maybe
		}
	}
}

// reportMaybe shows a task that check mode cannot know anything of.
func (h *host) reportMaybe(t *task, why string) {
	h.count(report.Maybe, false)
	h.run.o.Report.Result(&report.Result{Host: h.name, Task: h.shownTask(t), Status: report.Maybe, Msg: why})
}

// failTask fails a task that no flight stands for: an include, a block's loop.
func (h *host) failTask(t *task, err error) {
	h.failFlight(&flight{t: t, h: h, on: h, shown: h.shownTask(t)}, err)
}

// failFlight fails a task with an error of ours, such as an undefined variable.
func (h *host) failFlight(f *flight, err error) {
	res := &report.Result{Host: h.name, Task: f.shown, Status: report.Failed, Msg: err.Error(), NoLog: f.noLog}
	var e *source.Error
	if errors.As(err, &e) {
		res.Msg, res.Hint = e.Error(), e.Hint
	}
	var d *modules.Detailed
	if errors.As(err, &d) {
		res.Lines, res.Hint = d.Lines, d.Hint
	}
	m := value.MapOf("changed", false, "failed", true, "skipped", false, "msg", plainMsg(err))
	f.register(m, nil)
	ignore, _ := h.flag(f.t.kw.ignoreErrors, f.t)
	switch {
	case ignore:
		res.Status = report.Ignored
	case f.t.rescued:
		res.Status = report.Rescued
	}
	h.count(res.Status, false)
	h.run.o.Report.Result(res)
	if ignore {
		return
	}
	h.failed = true
	h.failedResult = m
	h.failedTask = value.MapOf("name", h.taskName(f.t), "action", f.t.src.Module)
}
