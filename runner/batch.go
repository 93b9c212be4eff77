package runner

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/value"
)

// share reads a number of hosts: "3", 3 or "30%" of all, exact and at least 1.
func share(v value.Value, all int) (int, error) {
	s := strings.TrimSpace(value.Text(v))
	if p, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || n < 0 {
			return 0, fmt.Errorf("serial: %q is no percentage", s)
		}
		return max(1, all*n/100), nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("serial: %q is neither a number nor a percentage", s)
	}
	return n, nil
}

// batch is the hosts of a play that go through it together.
type batch struct {
	run   *run
	play  *play
	name  string
	hosts []*host
	all   []*inventory.Host
	magic *expr.Layer

	endPlay bool
	once    sync.Mutex
}

// run_ takes the hosts through the play.
func (b *batch) run_(ctx context.Context) {
	b.magic = b.magicLayer()
	b.each(b.hosts, func(h *host) {
		h.batch = b
		h.prepare(b.play.dir)
	})
	if b.gathers() {
		b.gather(ctx)
	}
	for _, tasks := range [][]*task{b.play.pre, b.play.main, b.play.post} {
		if len(tasks) == 0 {
			continue
		}
		if b.free() {
			b.each(b.hosts, func(h *host) {
				b.exec(ctx, tasks, []*host{h})
				b.drain(ctx, []*host{h})
			})
		} else {
			b.exec(ctx, tasks, b.hosts)
			b.drain(ctx, b.hosts)
		}
		b.flush(ctx, b.hosts)
	}
}

func (b *batch) free() bool {
	if b.play.strategy == nil {
		return false
	}
	v, _ := b.play.strategy.Constant()
	return v == "free"
}

// each does f for every host at once and waits.
func (b *batch) each(hs []*host, f func(*host)) {
	if len(hs) == 1 {
		f(hs[0])
		return
	}
	var wg sync.WaitGroup
	for _, h := range hs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f(h)
		}()
	}
	wg.Wait()
}

// active are the hosts that go on.
func active(hs []*host) []*host {
	var out []*host
	for _, h := range hs {
		if h.goesOn() {
			out = append(out, h)
		}
	}
	return out
}

// exec runs tasks one after the other over the hosts that go on.
func (b *batch) exec(ctx context.Context, tasks []*task, hs []*host) {
	for _, t := range tasks {
		live := active(hs)
		if len(live) == 0 || ctx.Err() != nil || b.endPlay {
			return
		}
		b.node(ctx, t, live)
	}
}

func (b *batch) node(ctx context.Context, t *task, hs []*host) {
	switch {
	case t.block:
		b.block(ctx, t, hs)
	case !t.handler && !b.run.p.selected(t.tags):
	case t.include != nil:
		b.include(ctx, t, hs)
	case t.src.Module == "meta":
		b.meta(ctx, t, hs)
	default:
		b.task(ctx, t, hs)
	}
}

// alone tells whether a host need not wait for others after each task.
func (b *batch) alone() bool { return len(b.hosts) == 1 || b.free() }

// task runs one task on hosts: of a host that is alone the call is only begun.
func (b *batch) task(ctx context.Context, t *task, hs []*host) {
	if on, _ := hs[0].flag(t.kw.runOnce, t); on {
		b.runOnce(ctx, t, hs)
		return
	}
	if b.alone() {
		for _, h := range hs {
			h.begin(ctx, t)
		}
		return
	}
	b.announce(t, hs[0])
	b.run.vars.Snapshot()
	b.each(hs, func(h *host) {
		b.run.slots <- struct{}{}
		defer func() { <-b.run.slots }()
		h.begin(ctx, t)
		h.drain(ctx)
	})
	b.run.vars.Live()
	b.fatalErrors(t, hs)
}

// fatalErrors fails all hosts when any_errors_fatal is set and one failed.
func (b *batch) fatalErrors(t *task, hs []*host) {
	any := false
	for _, h := range hs {
		any = any || h.failed || h.unreachable
	}
	if !any {
		return
	}
	if on, _ := hs[0].flag(t.kw.anyErrorsFatal, t); on {
		for _, h := range b.hosts {
			h.failed = true
		}
	}
}

// runOnce runs a task on the first host; result, register and facts go to all.
func (b *batch) runOnce(ctx context.Context, t *task, hs []*host) {
	b.drain(ctx, hs)
	hs = active(hs)
	if len(hs) == 0 {
		return
	}
	first := hs[0]
	f := first.begin(ctx, t)
	first.drain(ctx)
	if f == nil {
		return
	}
	for _, h := range hs[1:] {
		if first.failed {
			h.failed = true
			continue
		}
		for _, s := range f.sets {
			h.env.Set(s.level, s.name, s.v, s.taint, s.unknown)
		}
	}
}

// announce shows that a task begins.
func (b *batch) announce(t *task, h *host) {
	b.run.o.Report.Task(h.shownTask(t))
}

func roleName(t *task) string {
	if t.role == nil {
		return ""
	}
	return t.role.Def.Name
}

// block runs a block; a failure in it runs rescue on that host, always runs in any case.
func (b *batch) block(ctx context.Context, t *task, hs []*host) {
	if t.loop != nil {
		b.loopBlock(ctx, t, hs)
		return
	}
	b.round(ctx, t, hs)
}

// round runs a block once: of a loop, for one item.
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
		h.failed = false
		h.env.Set(expr.Magic, "ansible_failed_task", h.failedTask, nil, false)
		h.env.Set(expr.Magic, "ansible_failed_result", h.failedResult, h.failedTaint, false)
	}
	if len(hurt) > 0 {
		b.exec(ctx, t.rescue, hurt)
		b.drain(ctx, hurt)
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
		was[h], h.failed = h.failed, false
		rest = append(rest, h)
	}
	b.exec(ctx, t.always, rest)
	b.drain(ctx, rest)
	for _, h := range rest {
		h.failed = h.failed || was[h]
	}
}

// loopBlock runs a block once for each item, host by host.
func (b *batch) loopBlock(ctx context.Context, t *task, hs []*host) {
	b.drain(ctx, hs)
	for _, h := range active(hs) {
		items, err := h.items(t, h.taskEnv(t))
		if err != nil {
			h.failTask(t, err)
			continue
		}
		if items.unknown {
			h.reportMaybe(t, "its loop is not known in check mode")
			continue
		}
		for i, it := range items.values {
			if !h.goesOn() || ctx.Err() != nil {
				break
			}
			h.push(h.itemLayer(t, items, i, it))
			b.round(ctx, t, []*host{h})
			b.drain(ctx, []*host{h})
			h.pop()
		}
	}
}

// include runs what a dynamic include brings in, on the hosts where its condition holds.
func (b *batch) include(ctx context.Context, t *task, hs []*host) {
	b.drain(ctx, hs)
	type job struct {
		key   string
		tasks []*task
		hosts []*host
		layer []*expr.Layer
	}
	var jobs []*job
	for _, h := range active(hs) {
		env := h.taskEnv(t)
		items := &items{values: []value.Value{nil}}
		if t.loop != nil {
			var err error
			if items, err = h.items(t, env); err != nil {
				h.failTask(t, err)
				continue
			}
		}
		if items.unknown {
			h.reportMaybe(t, "its loop is not known in check mode")
			continue
		}
		for i, it := range items.values {
			var layer *expr.Layer
			e := env
			if t.loop != nil {
				layer = h.itemLayer(t, items, i, it)
				e = env.With(layer)
			}
			on, unknown, _, err := h.holds(t.when, e)
			switch {
			case err != nil:
				h.failTask(t, err)
			case unknown:
				h.reportMaybe(t, "its condition is not known in check mode")
			case !on:
				h.count(report.Skipped, false)
			default:
				tasks, key, err := b.included(h, t, e)
				if err != nil {
					h.failTask(t, err)
					break
				}
				key += "\x00" + value.Text(it) + "\x00" + strconv.Itoa(i)
				var j *job
				for _, x := range jobs {
					if x.key == key {
						j = x
					}
				}
				if j == nil {
					j = &job{key: key, tasks: tasks}
					if layer != nil {
						j.layer = append(j.layer, layer)
					}
					jobs = append(jobs, j)
				}
				j.hosts = append(j.hosts, h)
			}
		}
	}
	for _, j := range jobs {
		for _, h := range j.hosts {
			h.push(j.layer...)
		}
		b.exec(ctx, j.tasks, j.hosts)
		b.drain(ctx, j.hosts)
		for _, h := range j.hosts {
			h.pop()
		}
	}
}

// included are the tasks that an include means on a host.
func (b *batch) included(h *host, t *task, env *expr.Env) ([]*task, string, error) {
	if t.include.src.Resolved {
		return t.include.body, "", nil
	}
	res, err := t.include.name.Eval(h.context(env))
	if err != nil {
		return nil, "", err
	}
	name := value.Text(res.Value)
	tasks, err := b.run.p.late(t, name)
	return tasks, name, err
}

// meta does what a meta task says.
func (b *batch) meta(ctx context.Context, t *task, hs []*host) {
	b.drain(ctx, hs)
	var on []*host
	for _, h := range active(hs) {
		yes, unknown, _, err := h.holds(t.when, h.taskEnv(t))
		switch {
		case err != nil:
			h.failTask(t, err)
		case yes && !unknown:
			on = append(on, h)
		}
	}
	if len(on) == 0 {
		return
	}
	switch t.src.Meta {
	case "flush_handlers":
		b.flush(ctx, on)
	case "end_host":
		for _, h := range on {
			h.ended = true
			clear(h.pending)
		}
	case "end_play":
		b.endPlay = true
	case "end_batch":
		for _, h := range b.hosts {
			h.ended = true
		}
	case "clear_host_errors":
		for _, h := range b.hosts {
			h.failed = false
			h.unreachable = false
		}
	case "reset_connection":
		for _, h := range on {
			h.disconnect()
		}
	}
}

// drain waits for all calls of the hosts.
func (b *batch) drain(ctx context.Context, hs []*host) {
	b.each(hs, func(h *host) { h.drain(ctx) })
}

// flush runs the handlers that hosts notified, in the order of their
// definition. One that is notified meanwhile runs too, again if it ran before.
func (b *batch) flush(ctx context.Context, hs []*host) {
	b.drain(ctx, hs)
	for again := true; again && ctx.Err() == nil; {
		again = false
		for _, t := range b.play.handlers {
			var on []*host
			for _, h := range hs {
				if _, ok := h.pending[t]; ok && (h.goesOn() || b.forced(h)) {
					on = append(on, h)
				}
			}
			if len(on) == 0 {
				continue
			}
			again = true
			was := map[*host]bool{}
			for _, h := range on {
				was[h], h.failed = h.failed, false
				h.maybeHandler = h.pending[t]
				delete(h.pending, t)
			}
			if t.block || t.include != nil {
				b.node(ctx, t, on)
			} else {
				b.task(ctx, t, on)
			}
			b.drain(ctx, on)
			for _, h := range on {
				h.maybeHandler = ""
				if h.failed {
					clear(h.pending)
				}
				h.failed = h.failed || was[h]
			}
		}
	}
}

// forced tells whether a failed host runs its handlers all the same.
func (b *batch) forced(h *host) bool {
	if h.unreachable || h.ended {
		return false
	}
	if b.run.p.opts.ForceHandlers {
		return true
	}
	on, _ := h.flag(b.play.force, nil)
	return on
}

// gathers tells whether the play wants facts.
func (b *batch) gathers() bool {
	if b.play.gather == nil {
		return true
	}
	v, err := b.play.gather.Eval(&expr.Context{Scope: layerScope{b.run.p.extra}})
	if err != nil {
		return true
	}
	on, err := toBool(v.Value)
	return err != nil || on == true
}

// gather connects to all hosts; their facts come with the first words.
func (b *batch) gather(ctx context.Context) {
	fresh := false
	for _, h := range b.hosts {
		fresh = fresh || !h.gathered
	}
	if !fresh || !b.run.p.worksOnHosts(b.play) {
		return
	}
	shown := &report.Task{Name: "Gathering Facts", Module: "setup", Pos: b.play.src.Pos}
	b.run.o.Report.Task(shown)
	b.each(active(b.hosts), func(h *host) {
		b.run.slots <- struct{}{}
		defer func() { <-b.run.slots }()
		if h.gathered {
			return
		}
		if _, err := h.connect(ctx, nil); err != nil {
			h.lost(ctx, nil, err)
			return
		}
		h.count(report.OK, false)
		b.run.o.Report.Result(&report.Result{Host: h.name, Task: shown, Status: report.OK})
	})
}
