package runner

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
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
	run     *run
	play    *play
	name    string
	hosts   []*host
	all     []*inventory.Host
	magic   *expr.Layer
	prompts *expr.Layer // what was asked for; nil without vars_prompt
	gained  atomic.Pointer[gained]
	out     int     // how many hosts are, as magic has it
	maxFail float64 // max_fail_percentage; negative without
	seats   int     // of how many hosts, with those that failed in earlier plays
	grownAt int64   // when magic was made
	gathers bool    // gather_facts

	mu      sync.Mutex
	endPlay bool // nothing more of the play happens
}

func (b *batch) over() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.endPlay
}

func (b *batch) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endPlay = true
}

// through takes the hosts through the play.
func (b *batch) through(ctx context.Context) {
	b.magic = b.magicLayer()
	b.each(b.hosts, func(h *host) {
		h.batch, h.roles = b, map[string]*roleRun{}
		h.prepare(b.play.dir)
	})
	if b.gathers {
		b.gather(ctx)
	}
	for _, tasks := range [][]*task{b.play.pre, b.play.main, b.play.post} {
		if len(tasks) == 0 {
			continue
		}
		if b.free() {
			b.each(b.hosts, func(h *host) {
				if !b.run.slot(ctx) {
					return
				}
				defer b.run.leave()
				b.exec(ctx, tasks, []*host{h})
				b.drain(ctx, []*host{h})
			})
			b.limits(nil, b.hosts)
		} else {
			b.exec(ctx, tasks, b.hosts)
			b.drain(ctx, b.hosts)
		}
		if b.over() {
			return
		}
		b.flush(ctx, b.hosts)
	}
}

func (b *batch) free() bool { return b.play.free }

// each does f for every host at once and waits.
func (b *batch) each(hs []*host, f func(*host)) {
	if len(hs) == 1 {
		f(hs[0])
		return
	}
	var wg sync.WaitGroup
	for _, h := range hs {
		wg.Go(func() { f(h) })
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
		var live []*host
		for _, h := range hs {
			if h.goesOn() && !h.leftRole(t) && (t.block && t.loop == nil || !h.ranRole(ctx, t) && h.goesOn()) {
				live = append(live, h)
			}
		}
		if ctx.Err() != nil || b.over() {
			return
		}
		b.refresh()
		if len(live) > 0 {
			b.node(ctx, t, live)
		}
	}
}

// refresh brings the lists of hosts that play variables hold up to date, when
// all hosts are between two tasks.
func (b *batch) refresh() {
	if b.alone() {
		return
	}
	out := 0
	for _, h := range b.hosts {
		if h.out() || h.ended {
			out++
		}
	}
	if out != b.out || b.grownAt != b.run.grown.Load() {
		b.out, b.magic = out, b.magicLayer()
	}
}

func (b *batch) node(ctx context.Context, t *task, hs []*host) {
	switch {
	case b.run.p.before[t]:
	case t.ends:
		for _, h := range hs {
			h.roleRun(t).ended = true
		}
	case t.block:
		b.block(ctx, t, hs)
	case !t.handler && !b.run.p.selected(t.tags):
	case t.spec != nil:
		b.arguments(ctx, t, hs)
	case !b.step(ctx, t, hs):
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
	for _, once := range []*expr.Def{t.kw.once, t.kw.runOnce} {
		if once == nil {
			continue
		}
		if _, constant := once.Constant(); !constant {
			b.drain(ctx, hs)
			if hs = active(hs); len(hs) == 0 {
				return
			}
		}
		on, err := hs[0].flag(once, t)
		if err != nil {
			b.announce(t, hs[0])
			for _, h := range hs {
				h.failTask(t, err)
			}
			return
		}
		if on {
			b.runOnce(ctx, t, hs, once == t.kw.once)
			return
		}
	}
	if b.alone() {
		for _, h := range hs {
			b.run.throttled(ctx, t, h, func() { h.begin(ctx, t) })
		}
		b.grow()
		return
	}
	b.announce(t, hs[0])
	b.run.vars.Snapshot()
	b.each(hs, func(h *host) {
		if !b.run.slot(ctx) {
			return
		}
		defer b.run.leave()
		b.run.throttled(ctx, t, h, func() {
			h.begin(ctx, t)
			h.drain(ctx)
		})
	})
	b.run.vars.Live()
	b.grow()
	b.limits(t, hs)
}

// announce shows that a task begins, unless each host does so by itself.
func (b *batch) announce(t *task, h *host) {
	if !b.alone() {
		b.run.o.Report.Task(h.shownTask(t))
	}
}

// drain waits for all calls of the hosts.
func (b *batch) drain(ctx context.Context, hs []*host) {
	b.each(hs, func(h *host) { h.drain(ctx) })
}

// gathers tells whether a play wants facts.
func (p *Program) gathers(pl *play, prompts *expr.Layer) (bool, error) {
	if pl.gather == nil {
		return true, nil
	}
	v, err := p.word(pl, pl.gather, prompts)
	if err != nil {
		return false, err
	}
	on, err := toBool(v)
	if err != nil {
		return false, source.Errorf(pl.src.GatherFacts.Pos, "gather_facts: %s", err)
	}
	return on == true, nil
}

// gather connects to all hosts; their facts come with the first words.
func (b *batch) gather(ctx context.Context) {
	fresh := false
	for _, h := range b.hosts {
		fresh = fresh || !h.gathered
	}
	if !fresh {
		return
	}
	shown := &report.Task{Name: "Gathering Facts", Module: "setup", Pos: b.play.src.Pos}
	b.run.o.Report.Task(shown)
	b.each(active(b.hosts), func(h *host) {
		if !b.run.slot(ctx) {
			return
		}
		defer b.run.leave()
		if h.gathered {
			return
		}
		h.touched = true
		if _, err := h.connect(ctx, nil); err != nil {
			h.lost(ctx, nil, "", err)
			return
		}
		h.count(report.OK, false)
		b.run.o.Report.Result(&report.Result{Host: h.name, Task: shown, Status: report.OK})
	})
	b.limits(nil, b.hosts)
}
