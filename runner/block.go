package runner

import (
	"context"
	"errors"
	"strconv"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/value"
)

// block runs a block, once for each item of its loop.
func (b *batch) block(ctx context.Context, t *task, hs []*host) {
	if t.loop == nil {
		b.round(ctx, t, hs)
		return
	}
	b.drain(ctx, hs)
	for _, h := range active(hs) {
		items, err := h.items(t, h.taskEnv(t))
		if err != nil {
			h.failTask(t, err)
			continue
		}
		if items.unknown {
			h.reportMaybe(t, "its loop is not known in check mode")
			h.unknownBelow(t)
			continue
		}
		for i, it := range items.values {
			if !h.goesOn() || ctx.Err() != nil || i > 0 && !h.between(ctx, t) {
				break
			}
			h.push(h.itemLayer(t, items, i, it))
			b.round(ctx, t, []*host{h})
			b.drain(ctx, []*host{h})
			last := h.breaks(t)
			h.pop()
			if last {
				break
			}
		}
	}
}

// between waits between two rounds of a block as loop_control says.
func (h *host) between(ctx context.Context, t *task) bool {
	s, err := h.text(t.loop.pause, h.taskEnv(t))
	if err == nil && s != "" {
		var v value.Value
		if v, err = toFloat(s); err == nil {
			return sleep(ctx, v.(float64))
		}
	}
	if err != nil {
		h.failTask(t, err)
	}
	return err == nil
}

// breaks tells whether a block's break_when holds after a round.
func (h *host) breaks(t *task) bool {
	if len(t.loop.stop) == 0 || !h.goesOn() {
		return false
	}
	on, _, _, err := h.holds(t.loop.stop, h.taskEnv(t))
	if err != nil {
		h.failTask(t, err)
	}
	return on || err != nil
}

// unknownBelow says, in check mode, that nobody knows what the tasks of a
// block would register and notify.
func (h *host) unknownBelow(t *task) {
	for _, ts := range [][]*task{t.body, t.rescue, t.always} {
		for _, x := range ts {
			if !x.block {
				f := &flight{t: x, h: h, env: h.taskEnv(x)}
				f.registerUnknown()
			}
			h.unknownBelow(x)
		}
	}
	if t.include != nil {
		for _, x := range t.include.body {
			f := &flight{t: x, h: h, env: h.taskEnv(x)}
			f.registerUnknown()
			h.unknownBelow(x)
		}
	}
}

// round runs a block once; a failure in it runs rescue on that host, always runs in any case.
func (b *batch) round(ctx context.Context, t *task, hs []*host) {
	b.exec(ctx, t.body, hs)
	if len(t.rescue) == 0 && len(t.always) == 0 {
		return
	}
	b.drain(ctx, hs)
	var hurt []*host
	for _, h := range hs {
		if h.failed && !h.unreachable && len(t.rescue) > 0 {
			hurt = append(hurt, h)
		}
	}
	for _, h := range hurt {
		h.failed, h.rescuing = false, false
		h.tellFailure()
	}
	if len(hurt) > 0 {
		b.exec(ctx, t.rescue, hurt)
		b.drain(ctx, hurt)
	}
	for _, h := range hurt {
		if h.failed && t.rescued {
			h.tellFailure() // a rescue around this one has to do with it, and this always knows it already
		}
	}
	if len(t.always) == 0 {
		return
	}
	was := map[*host]bool{}
	var rest []*host
	for _, h := range hs {
		if h.unreachable {
			continue
		}
		was[h], h.failed, h.cleared = h.failed, false, false
		rest = append(rest, h)
	}
	b.exec(ctx, t.always, rest)
	b.drain(ctx, rest)
	for _, h := range rest {
		h.failed = h.failed || was[h] && !h.cleared
	}
}

// tellFailure sets what rescue and always know of the task that failed.
func (h *host) tellFailure() {
	h.env.Set(expr.Magic, "ansible_failed_task", h.failedTask, nil, false)
	h.env.Set(expr.Magic, "ansible_failed_result", h.failedResult, h.failedTaint, false)
}

// bringing is what an include brings in, and the hosts that it does so for.
type bringing struct {
	key string
	*brought
	hosts []*host
	layer []*expr.Layer // of the loop's item
}

// include runs what a dynamic include brings in, on the hosts where its condition holds.
func (b *batch) include(ctx context.Context, t *task, hs []*host) {
	b.drain(ctx, hs)
	hs = active(hs)
	if len(hs) == 0 {
		return
	}
	if !b.free() {
		b.run.o.Report.Task(hs[0].shownTask(t))
	}
	if on, err := hs[0].flag(t.kw.runOnce, t); on && err == nil {
		hs = hs[:1]
	}
	var jobs []*bringing
	for _, h := range hs {
		h.touched = true
		jobs = b.brings(t, h, jobs)
	}
	b.gain(jobs)
	for _, j := range jobs {
		live := active(j.hosts)
		for _, h := range live {
			h.push(j.layer...)
		}
		b.exec(ctx, j.tasks, live)
		b.drain(ctx, live)
		for _, h := range live {
			h.pop()
			if t.include.src.Role != nil && h.endRole == t.include.src.Role {
				h.endRole = nil // the next round of a loop may run it
			}
		}
	}
}

// brings adds what an include means for a host to the jobs.
func (b *batch) brings(t *task, h *host, jobs []*bringing) []*bringing {
	env := h.taskEnv(t)
	its := &items{values: []value.Value{nil}}
	if t.loop != nil {
		var err error
		if its, err = h.items(t, env); err != nil {
			if on, unknown, why, werr := h.holds(t.when, env); isUndefined(err) && werr == nil && !on && !unknown {
				h.skippedTask(t, why)
				return jobs
			}
			h.failTask(t, err)
			return jobs
		}
	}
	if its.unknown {
		h.reportMaybe(t, "its loop is not known in check mode")
		h.unknownBelow(t)
		return jobs
	}
	took, skipped, maybe := false, "", ""
	for i, it := range its.values {
		var layer []*expr.Layer
		e := env
		if t.loop != nil {
			layer = append(layer, h.itemLayer(t, its, i, it))
			e = env.With(layer...)
		}
		on, unknown, why, err := h.holds(t.when, e)
		if err == nil && unknown {
			maybe = maybeText(true)
			continue
		}
		if err == nil && !on {
			skipped = why
			if t.loop != nil {
				h.skippedItem(t, its, i, why)
			}
			continue
		}
		var what *brought
		key := ""
		if err == nil {
			what, key, err = b.included(h, t, e)
		}
		if errors.Is(err, errUnknownName) {
			maybe = "its name is not known in check mode"
			continue
		}
		if err != nil {
			h.failTask(t, err)
			return jobs
		}
		took = true
		h.didRole(t)
		h.count(report.OK, false)
		key += "\x00" + value.Text(it) + "\x00" + strconv.Itoa(i)
		var j *bringing
		for _, x := range jobs {
			if x.key == key {
				j = x
			}
		}
		if j == nil {
			j = &bringing{key: key, brought: what, layer: layer}
			jobs = append(jobs, j)
		}
		j.hosts = append(j.hosts, h)
	}
	switch {
	case maybe != "":
		h.reportMaybe(t, maybe)
		h.unknownBelow(t)
	case !took:
		h.skippedTask(t, skipped)
	}
	return jobs
}

// errUnknownName is of an include's name that is known only after a real run.
var errUnknownName = errors.New("unknown in check mode")

// included are the tasks that an include means on a host.
func (b *batch) included(h *host, t *task, env *expr.Env) (*brought, string, error) {
	if t.include.src.Resolved {
		return &brought{t.include.body, t.include.gives}, "", nil
	}
	res, err := t.include.name.Eval(h.context(env))
	if err != nil {
		return nil, "", err
	}
	if res.Unknown || res.Partial {
		return nil, "", errUnknownName
	}
	name := value.Text(res.Value)
	what, err := b.run.p.late(t, name, func(name string) bool { return len(env.Where(name)) > 0 })
	return what, name, err
}
