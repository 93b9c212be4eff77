package runner

import (
	"context"

	"github.com/mxplay/mxplay/runner/playbook"
)

// flush runs the handlers that hosts notified, in the order of their
// definition. Of those that are notified meanwhile the ones that stand later
// run too; the others wait for the next flush.
func (b *batch) flush(ctx context.Context, hs []*host) {
	b.drain(ctx, hs)
	b.each(hs, func(h *host) { h.takeUp(ctx, b.play) })
	for _, t := range b.run.p.handlersOf(b.play) {
		if ctx.Err() != nil || b.over() {
			return
		}
		var on []*host
		for _, h := range hs {
			if _, ok := h.pending[t]; ok && (h.goesOn() || b.forced(h)) {
				on = append(on, h)
			}
		}
		if len(on) == 0 {
			continue
		}
		was := map[*host]bool{}
		for _, h := range on {
			was[h], h.failed = h.failed, false
			h.maybeHandler = h.pending[t]
			delete(h.pending, t)
		}
		b.node(ctx, t, on)
		b.drain(ctx, on)
		for _, h := range on {
			h.maybeHandler = ""
			switch {
			case h.failed:
				clear(h.pending)
			case !h.unreachable:
				h.paid(t)
			}
			h.failed = h.failed || was[h]
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

// meta does what a meta task says.
func (b *batch) meta(ctx context.Context, t *task, hs []*host) {
	b.drain(ctx, hs)
	hs = active(hs)
	switch t.src.Meta {
	case "end_play", "end_batch", "clear_host_errors":
		if len(hs) > 1 {
			hs = hs[:1] // for all, by what the first one says
		}
	}
	var on []*host
	for _, h := range hs {
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
	all := b.hosts
	if b.free() {
		all = on // the others are on their own way
	}
	switch t.src.Meta {
	case "flush_handlers":
		b.flush(ctx, on)
	case "end_host":
		for _, h := range on {
			h.ended = true
			for x := range h.pending {
				h.paid(x)
			}
			clear(h.pending)
		}
	case "end_play":
		b.end()
	case "end_batch":
		for _, h := range all {
			h.ended = true
		}
	case "end_role":
		for _, h := range on {
			h.endRole = t.role
		}
	case "clear_host_errors":
		for _, h := range all {
			// who failed is back with the next play; in an always it has not failed yet
			h.ended = h.ended || h.failed || h.unreachable
			h.failed, h.unreachable, h.cleared = false, false, true
		}
	case "reset_connection":
		for _, h := range on {
			h.disconnect()
		}
	}
}

// leftRole tells whether meta: end_role ended the role that a task stands in.
func (h *host) leftRole(t *task) bool {
	if h.endRole == nil || t.handler {
		return false
	}
	for r := t.role; r != nil; r = via(r) {
		if r == h.endRole {
			return true
		}
	}
	return false
}

// via is the use of a role that brought in another one; a dependency runs by itself.
func via(r *playbook.RoleUse) *playbook.RoleUse {
	if r.Dep {
		return nil
	}
	return r.Via
}
