package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

// sendable tells whether an item is to be asked of a host. In check mode
// nothing is read from a host that is not yet as the plan would leave it.
func (f *flight) sendable(it *item) bool {
	if it.args == nil || it.err != nil {
		return false
	}
	if p := it.on.plannedWhat(); f.check && p != "" && f.t.mod.Kind == modules.Act && f.t.mod.ReadOnly(it.args) {
		it.maybe = "the host is not yet as " + p + " would leave it"
		return false
	}
	return true
}

// send asks the host for all items that are to be done there; false when the
// host fell out meanwhile.
func (f *flight) send(ctx context.Context) bool {
	var todo []*item
	for _, it := range f.items {
		if f.sendable(it) {
			todo = append(todo, it)
		}
	}
	return len(todo) == 0 || f.ask(ctx, todo)
}

// ask sends a call for some items of one host. It is false when an earlier
// call, on another connection, took the host out.
func (f *flight) ask(ctx context.Context, todo []*item) bool {
	f.sent, f.pending = todo, nil
	on := todo[0].on
	conn, err := on.connect(ctx, f.t)
	if err != nil {
		for _, it := range todo {
			it.lost = err
		}
		return true
	}
	// order holds on one connection only
	for _, x := range f.h.queue {
		if x.pending != nil && x.conn != conn {
			f.h.drain(ctx)
			if !f.h.goesOn() {
				return false
			}
			break
		}
	}
	call := wire.Call{Task: f.t.mod.Name, Plan: f.check, Key: f.h.run.key, Chain: f.h.outstanding()}
	call.Async, call.Poll = f.async, f.poll
	if f.err = f.words(&call, on, conn); f.err != nil {
		return true
	}
	for _, it := range todo {
		call.Items = append(call.Items, wire.Item{Args: it.args})
		call.Secrets = append(call.Secrets, it.secrets...)
		it.attempts++
	}
	if call.Account.Password != "" {
		call.Secrets = append(call.Secrets, call.Account.Password)
	}
	name, r := f.h.name, f.h.run.o.Report
	f.conn = conn
	f.pending = conn.Start(call, func(e wire.Event) {
		if !f.noLog {
			r.Progress(name, e.Text)
		}
	})
	return true
}

// words are what a call says besides the module's arguments.
func (f *flight) words(call *wire.Call, on *host, conn link) (err error) {
	if call.Account, err = on.account(f.t, f.env, f.h, conn); err != nil {
		return err
	}
	if call.Env, err = f.h.environment(f.t, f.env); err != nil {
		return err
	}
	s, err := f.h.text(f.t.kw.timeout, f.env)
	if err != nil || s == "" {
		return err
	}
	v, err := toInt(s)
	if err != nil {
		return fmt.Errorf("timeout: %w", err)
	}
	call.Timeout = v.(int64) * 1000
	return nil
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
		f.pending = nil
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
			// it stands for the items behind it too
			for _, it := range f.sent[r.Item:] {
				it.refused, it.noUser = r.Refused, r.NoUser
			}
		case r.NotBegun:
			for _, it := range f.sent[r.Item:] {
				it.notBegun = true
			}
		default:
			out := r.Outcome
			it.out, it.job = &out, r.Job
		}
	}
}
