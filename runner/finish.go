package runner

import (
	"context"
	"errors"
	"strings"
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
	h := f.h
	defer f.letGo()
	f.take(ctx)
	var err error
	if f.ignore, err = h.flag(f.t.kw.ignoreErrors, f.t); err != nil && f.err == nil {
		f.err = err
	}
	if ctx.Err() != nil {
		h.failed = true
		return
	}
	switch {
	case f.err != nil:
		h.failFlight(f, f.err)
		return
	case f.maybe != "":
		h.reportMaybe(f.t, f.maybe)
		f.registerUnknown()
		return
	case f.skipped != "":
		f.skipAll()
		return
	}
	if f.byItem {
		f.oneByOne(ctx)
	} else {
		f.settle(ctx, f.items)
	}
	if ctx.Err() != nil {
		h.failed = true
		return
	}
	for _, it := range f.items {
		if it.lost != nil {
			h.lostOn(ctx, f, it)
			return
		}
	}
	if f.err != nil {
		h.failFlight(f, f.err)
		return
	}
	f.conclude()
}

// settle judges items whose results are in, and tries again as until says.
func (f *flight) settle(ctx context.Context, items []*item) {
	for _, it := range items {
		if it.lost != nil {
			return
		}
	}
	for _, it := range items {
		if it.later != nil && it.err == nil {
			it.later(ctx)
		}
		f.judge(it)
	}
	if len(f.t.until) > 0 || f.t.retries != nil {
		f.retry(ctx, items)
	}
}

// oneByOne does the items of a loop each with a call of its own.
func (f *flight) oneByOne(ctx context.Context) {
	for i, it := range f.items {
		if i > 0 && !f.pause(ctx, it) {
			return
		}
		if f.consider(it); f.sendable(it) {
			f.ask(ctx, []*item{it})
			f.take(ctx)
		}
		f.settle(ctx, []*item{it})
		if ctx.Err() != nil || it.lost != nil || f.err != nil {
			return
		}
		if len(f.t.loop.stop) == 0 {
			continue
		}
		on, _, _, err := f.h.holds(f.t.loop.stop, f.resultEnv(it))
		if err != nil {
			it.fail(err)
		}
		if on || err != nil {
			f.items = f.items[:i+1]
			return
		}
	}
}

// pause waits between two items as loop_control says.
func (f *flight) pause(ctx context.Context, it *item) bool {
	s, err := f.h.text(f.t.loop.pause, it.env)
	if err != nil || s == "" {
		return true
	}
	v, err := toFloat(s)
	if err != nil {
		f.err = err
		return false
	}
	return sleep(ctx, v.(float64))
}

func sleep(ctx context.Context, seconds float64) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return true
	}
}

// resultEnv are an item's variables with its own result under the registered name.
func (f *flight) resultEnv(it *item) *expr.Env {
	if f.t.register == "" || it.result == nil {
		return it.env
	}
	return it.env.With(&expr.Layer{Level: expr.LoopVars, Vars: map[string]*expr.Def{f.t.register: expr.ValueDef(it.result, it.taint)}})
}

// judge makes an item's result of what came back, and asks failed_when and changed_when.
func (f *flight) judge(it *item) {
	h, t := f.h, f.t
	if it.skip != "" || it.maybe != "" {
		it.result = value.MapOf("changed", false, "failed", false, "skipped", true, "skip_reason", it.skip)
		it.unknown = it.maybe != ""
		return
	}
	switch {
	case it.asserted:
	case it.err != nil:
		it.fail(it.err)
	case it.noUser && f.check && it.on.plannedWhat() != "":
		// the account may be there once the planned changes are
		it.maybe, it.unknown = it.refused, true
		it.result = value.MapOf("changed", false, "failed", false, "skipped", false)
		return
	case it.refused != "":
		it.fail(refusal(it.refused))
		return
	case it.notBegun:
		it.fail(errors.New("was not begun"))
		return
	case it.out != nil:
		it.read(t, f.check)
		f.asyncResult(it)
	}
	if it.result == nil || it.err != nil && !it.local {
		return
	}
	o := it.out
	if f.check && o != nil && o.Failed && it.on.plannedWhat() != "" {
		// what failed may be there once the planned changes are
		it.maybe, it.unknown = o.Msg, true
		return
	}
	if o != nil {
		it.changed, it.failed = o.Changed, o.Failed
		if f.check && o.Maybe != "" {
			it.maybe = o.Maybe
		}
	}
	if len(t.until) > 0 || t.retries != nil {
		it.result.Set("attempts", int64(it.attempts))
	}
	f.decide(it)
	// of a command that only looks, changed_when: false says so
	if f.check && o != nil && o.Changed && t.src.Module != "fetch" && (it.changed || it.maybe != "" || t.mod.Kind == modules.State) {
		it.on.plan("task " + h.taskName(t))
	}
}

// decide asks failed_when and changed_when.
func (f *flight) decide(it *item) {
	h, t := f.h, f.t
	if len(t.failed) > 0 {
		on, unknown, _, err := h.holds(t.failed, f.resultEnv(it))
		switch {
		case err != nil:
			it.fail(err)
			return
		case !unknown:
			if on && !it.failed {
				it.text = "failed_when: " + condText(t.failed)
			}
			if !on {
				it.err = nil
			}
			it.failed = on
			it.result.Set("failed", on)
			it.result.Set("failed_when_result", on)
		}
	}
	if len(t.changed) == 0 {
		return
	}
	on, unknown, _, err := h.holds(t.changed, f.resultEnv(it))
	switch {
	case err != nil:
		it.fail(err)
	case unknown:
		it.maybe = "changed_when is not known in check mode"
	default:
		it.changed = on
		it.result.Set("changed", on)
	}
}

func condText(cs []*cond) string {
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

// read makes the registered result of an outcome.
func (it *item) read(t *task, check bool) {
	o := it.out
	m := value.MapOf("changed", o.Changed, "failed", o.Failed, "skipped", o.Skipped)
	if o.Msg != "" {
		m.Set("msg", o.Msg)
	} else if check && o.Unknown {
		m.Set("msg", expr.Unknown) // it may fail
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
	it.taint = it.taint.Merge(expr.Containing(m, append(it.taint.All(), it.secrets...)))
}

// retry asks again for the items that until does not hold for.
func (f *flight) retry(ctx context.Context, items []*item) {
	h := f.h
	retries, delay, err := f.patience()
	if err != nil {
		f.err = err
		return
	}
	for {
		var again []*item
		for _, it := range items {
			if it.args == nil || it.skip != "" || it.maybe != "" || it.notBegun || it.refused != "" || f.satisfied(it) {
				continue
			}
			again = append(again, it)
		}
		if len(again) == 0 || f.check && again[0].on.plannedWhat() != "" {
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
		if !f.noLog {
			h.run.o.Report.Progress(h.name, "attempt "+value.Text(int64(again[0].attempts))+" of "+value.Text(int64(retries+1)))
		}
		if !sleep(ctx, delay) {
			return
		}
		for _, it := range again {
			it.out, it.result, it.taint, it.err, it.text, it.failed, it.changed = nil, nil, nil, nil, "", false, false
		}
		f.ask(ctx, again)
		f.take(ctx)
		if ctx.Err() != nil || f.err != nil {
			return
		}
		for _, it := range again {
			if it.lost != nil {
				return
			}
			if it.later != nil {
				it.later(ctx)
			}
			f.judge(it)
		}
	}
}

// patience is how often and after how many seconds a task is tried again.
func (f *flight) patience() (int, float64, error) {
	retries, delay := 3, 5.0
	if s, err := f.h.text(f.t.retries, f.env); err != nil {
		return 0, 0, err
	} else if s != "" {
		v, err := toInt(s)
		if err != nil {
			return 0, 0, prefixed("retries", err)
		}
		retries = int(v.(int64))
	}
	if s, err := f.h.text(f.t.delay, f.env); err != nil {
		return 0, 0, err
	} else if s != "" {
		v, err := toFloat(s)
		if err != nil {
			return 0, 0, prefixed("delay", err)
		}
		delay = v.(float64)
	}
	return retries, delay, nil
}

// satisfied tells whether an item need not be tried again.
func (f *flight) satisfied(it *item) bool {
	if it.err != nil || it.result == nil {
		return true // an error of ours, which another attempt does not mend
	}
	if len(f.t.until) == 0 {
		return !it.failed
	}
	on, _, _, err := f.h.holds(f.t.until, f.resultEnv(it))
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

// refusal is what the agent itself said instead of running the task, with what mends it.
func refusal(text string) error {
	e := &source.Error{Msg: text}
	switch {
	case strings.Contains(text, "wants a password"):
		e.Hint = "-K asks for it, --become-password-file reads it, ansible_become_password in the inventory sets it"
	case strings.Contains(text, "wrong password"):
		e.Hint = "-K asks for another one"
	}
	return e
}
