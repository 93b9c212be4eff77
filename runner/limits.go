package runner

import (
	"context"
	"strconv"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/value"
)

// slot waits for one of the run's forks; false when the run ends first.
func (r *run) slot(ctx context.Context) bool {
	select {
	case r.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *run) leave() { <-r.slots }

// throttled does f when few enough hosts are at the task.
func (r *run) throttled(ctx context.Context, t *task, h *host, f func()) {
	if t.kw.throttle == nil {
		f()
		return
	}
	s, err := h.text(t.kw.throttle, h.taskEnv(t))
	var n value.Value = int64(0)
	if err == nil && s != "" {
		n, err = toInt(s)
	}
	if err != nil {
		h.failTask(t, err)
		return
	}
	limit := int(n.(int64))
	if limit <= 0 {
		f()
		return
	}
	r.mu.Lock()
	gate := r.gates[t]
	if gate == nil {
		gate = make(chan struct{}, limit)
		r.gates[t] = gate
	}
	r.mu.Unlock()
	select {
	case gate <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-gate }()
	f()
	h.drain(ctx)
}

// limits ends the play for all hosts when any_errors_fatal is set and one of
// hs failed at the task, or when more than max_fail_percentage failed. A
// failure that a rescue may mend does not count to the latter yet.
func (b *batch) limits(t *task, hs []*host) {
	var first *host
	for _, h := range hs {
		if first == nil && (h.failed || h.unreachable) {
			first = h
		}
	}
	if first == nil {
		return
	}
	word := b.play.anyErrorsFatal
	if t != nil {
		word = t.kw.anyErrorsFatal
	}
	if on, _ := first.flag(word, t); on {
		for _, h := range b.hosts {
			if h.goesOn() {
				h.failLike(first)
			}
		}
	}
	if b.maxFail < 0 {
		return
	}
	failed := 0
	for _, h := range b.hosts {
		if h.failed && !h.rescuing {
			failed++
		}
	}
	if float64(failed)*100 <= b.maxFail*float64(b.seats) {
		return
	}
	b.end()
	b.run.stop, b.run.why = true, "more hosts failed than max_fail_percentage allows"
	for _, h := range b.hosts {
		if h.goesOn() {
			h.failLike(first)
		}
	}
}

// failLike fails a host because another one failed.
func (h *host) failLike(other *host) {
	h.failed, h.rescuing = true, other.rescuing
	h.failedTask, h.failedResult, h.failedTaint = other.failedTask, other.failedResult, other.failedTaint
}

// runOnce runs a task on the first host; result, register and facts go to all.
// When it is once for the whole run, later batches only get them.
func (b *batch) runOnce(ctx context.Context, t *task, hs []*host, whole bool) {
	b.drain(ctx, hs)
	if hs = active(hs); len(hs) == 0 {
		return
	}
	give := func(hs []*host, sets []setting) {
		for _, h := range hs {
			for _, s := range sets {
				s.give(h.env)
			}
		}
	}
	if whole {
		if sets, done := b.run.once[t]; done {
			give(hs, sets)
			return
		}
	}
	first := hs[0]
	b.announce(t, first)
	if !b.run.slot(ctx) {
		return
	}
	f := first.begin(ctx, t)
	first.drain(ctx)
	b.run.leave()
	if f == nil {
		return
	}
	if whole {
		b.run.once[t] = f.sets
	}
	if !first.failed && !first.unreachable {
		give(hs[1:], f.sets)
		b.limits(t, hs)
		return
	}
	for _, h := range hs[1:] {
		h.failLike(first)
	}
	b.limits(t, hs)
}

// skippedItem reports that an item of an include's loop was skipped.
func (h *host) skippedItem(t *task, its *items, i int, why string) {
	label := value.Text(expr.Shown(hide(its.values[i], its.taint.Member(strconv.Itoa(i)))))
	if t.loop.label != nil {
		if s, err := h.shownText(t.loop.label, h.taskEnv(t).With(h.itemLayer(t, its, i, its.values[i]))); err == nil {
			label = s
		}
	}
	h.run.o.Report.Result(&report.Result{Host: h.name, Task: h.shownTask(t), Status: report.Skipped, Msg: skipText(why), IsItem: true, Item: label})
}

// skippedTask reports that a task that is more than a call was skipped on a host.
func (h *host) skippedTask(t *task, why string) {
	h.count(report.Skipped, false)
	h.run.o.Report.Result(&report.Result{Host: h.name, Task: h.shownTask(t), Status: report.Skipped, Msg: skipText(why)})
}
