package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

// queue is the one ordered list of calls for all accounts: a call begins when
// the one before it has ended.
type queue struct {
	a *Agent

	mu      sync.Mutex
	calls   []*wire.Call
	wake    chan struct{}
	closed  bool
	broken  bool // the chain is: something in it failed or was cancelled
	current uint64
	abort   context.CancelCauseFunc // of the current call
}

func newQueue(a *Agent) *queue { return &queue{a: a, wake: make(chan struct{}, 1)} }

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) add(c *wire.Call) {
	q.mu.Lock()
	q.calls = append(q.calls, c)
	q.mu.Unlock()
	q.signal()
}

// cancel ends the current call if it is the one that is meant, and keeps
// waiting ones from beginning.
func (q *queue) cancel(id uint64) {
	q.mu.Lock()
	var dropped []*wire.Call
	var kept []*wire.Call
	for _, c := range q.calls {
		if id == 0 || c.ID == id {
			dropped = append(dropped, c)
		} else {
			kept = append(kept, c)
		}
	}
	running := q.abort != nil && (id == 0 || id == q.current)
	if running {
		q.abort(errCancelled)
	}
	// A dropped call stays in its place in the answers: the worker gives them.
	if len(dropped) > 0 || running {
		q.broken = true
	}
	q.calls = kept
	q.mu.Unlock()
	for _, c := range dropped {
		q.a.notBegun(c)
	}
	q.signal()
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed, q.calls = true, nil
	q.mu.Unlock()
	q.signal()
}

// next is the call to begin now, nil at the end.
func (q *queue) next() (*wire.Call, context.Context) {
	for {
		q.mu.Lock()
		if q.closed || q.a.ctx.Err() != nil {
			q.mu.Unlock()
			return nil, nil
		}
		if len(q.calls) > 0 {
			c := q.calls[0]
			q.calls = q.calls[1:]
			if !c.Chain {
				q.broken = false
			}
			if q.broken {
				q.mu.Unlock()
				q.a.notBegun(c)
				continue
			}
			ctx, abort := context.WithCancelCause(q.a.ctx)
			q.current, q.abort = c.ID, abort
			q.mu.Unlock()
			return c, ctx
		}
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-q.a.ctx.Done():
		}
	}
}

// run does the calls one after the other.
func (q *queue) run() {
	for {
		c, ctx := q.next()
		if c == nil {
			return
		}
		ok := q.a.call(ctx, c)
		q.mu.Lock()
		q.abort(nil)
		q.abort, q.current = nil, 0
		if !ok {
			q.broken = true
		}
		q.mu.Unlock()
	}
}

// call does one call and tells whether all of it was well.
func (a *Agent) call(ctx context.Context, c *wire.Call) bool {
	t := a.tasks[c.Task]
	if t == nil || t.Kind == modules.Engine {
		a.result(c, wire.Result{Last: true, Refused: fmt.Sprintf("this agent has no task %q", c.Task)})
		return false
	}
	if len(c.Items) == 0 {
		a.result(c, wire.Result{Last: true, Refused: "a call without items"})
		return false
	}
	if a.welcome.Child == 0 {
		a.record.begin(c, t)
	}
	child, err := a.accounts.get(ctx, c.Account)
	if err != nil {
		var nobody noUserError
		a.result(c, wire.Result{Last: true, Refused: err.Error(), NoUser: errors.As(err, &nobody)})
		return false
	}
	if child != nil {
		return child.call(ctx, c)
	}
	if err := a.awaitJobs(ctx, c); err != nil {
		a.result(c, wire.Result{Last: true, NotBegun: true})
		return false
	}
	ok := true
	for i, item := range c.Items {
		if ctx.Err() != nil {
			a.result(c, wire.Result{Item: i, Last: true, NotBegun: true})
			return false
		}
		r := wire.Result{Item: i, Last: i == len(c.Items)-1, Start: time.Now().UnixMicro()}
		if c.Async > 0 && !c.Plan {
			r.Job, r.Outcome = a.async(ctx, c, i, t, item)
		} else {
			r.Outcome = a.item(ctx, c, i, t, item)
		}
		r.End = time.Now().UnixMicro()
		if r.Outcome.Failed {
			ok = false
		}
		a.result(c, r)
	}
	return ok
}

// item runs one item in this process.
func (a *Agent) item(ctx context.Context, c *wire.Call, i int, t *modules.Task, item wire.Item) (out modules.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = modules.Outcome{Failed: true, Msg: fmt.Sprintf("the module broke: %v", p)}
		}
	}()
	if c.Timeout > 0 {
		limit := time.Duration(c.Timeout) * time.Millisecond
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than its timeout of %s", limit))
		defer cancel()
	}
	h := newHost(a, c, i, t)
	defer h.close()
	out = t.Run(ctx, h, modules.Input{Args: item.Args, Plan: c.Plan, Key: c.Key, Expect: item.Expect})
	return out
}

// result sends what came of an item and remembers it.
func (a *Agent) result(c *wire.Call, r wire.Result) {
	r.ID = c.ID
	if a.welcome.Child == 0 {
		a.record.changed(c, &r, a.ctx.Err() != nil)
		a.record.result(r)
	}
	if err := a.conn.Send(wire.TResult, r); err != nil {
		// Too long a result is no reason to leave the controller waiting.
		a.log.printf("call %d: %v", c.ID, err)
		r.Outcome.Result, r.Outcome.Steps = nil, nil
		r.Outcome.Failed, r.Outcome.Msg = true, err.Error()
		_ = a.conn.Send(wire.TResult, r)
	}
}

func (a *Agent) notBegun(c *wire.Call) { a.result(c, wire.Result{Last: true, NotBegun: true}) }
