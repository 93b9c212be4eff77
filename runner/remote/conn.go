package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mxplay/mxplay/runner/wire"
)

// Conn is a connection to the agent of a host. With Options.Redial it outlives
// the line below it: what was started goes on over the next one.
type Conn struct {
	d *Dialer
	t Target

	mu       sync.Mutex
	s        *session // the line in use
	resuming bool     // s is broken or new: calls are kept and not sent
	calls    map[uint64]*Pending
	order    []*Pending // as they were started
	broken   bool       // a call of the chain failed
	answers  map[uint64]chan wire.Answer
	err      error
	over     chan struct{} // closed when err is set
}

func newConn(d *Dialer, t Target, s *session) *Conn {
	c := &Conn{
		d: d, t: t, s: s, calls: map[uint64]*Pending{}, answers: map[uint64]chan wire.Answer{}, over: make(chan struct{}),
	}
	s.start(c)
	return c
}

// Hello is what the agent said first.
func (c *Conn) Hello() wire.Hello {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s.hello
}

// Start sends a call and does not wait for anything; calls run in the order
// they were started. It sets call.ID. onEvent may be nil; it must not block.
func (c *Conn) Start(call wire.Call, onEvent func(wire.Event)) *Pending {
	p := &Pending{onEvent: onEvent, news: make(chan struct{}, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	call.ID = c.d.calls.Add(1)
	p.ID, p.call = call.ID, call
	if c.err != nil {
		p.end(c.err)
		return p
	}
	body, err := json.Marshal(call)
	if err == nil && len(body) > wire.MaxMessage {
		err = fmt.Errorf("a call of %d MiB: at most %d MiB can be sent at once", len(body)>>20, wire.MaxMessage>>20)
	}
	if err != nil {
		p.end(err)
		return p
	}
	c.calls[p.ID] = p
	c.order = append(c.order, p)
	if !c.resuming {
		c.s.push(frame{wire.TCall, body})
	}
	return p
}

// Cancel lets the agent end what it does; calls that have not begun will not.
func (c *Conn) Cancel() {
	c.mu.Lock()
	for _, p := range c.order {
		p.cancelled = true // if the line breaks now, the next one must know
	}
	c.mu.Unlock()
	_ = c.send(wire.TCancel, wire.Cancel{})
}

// Ask asks what became of calls that an earlier connection of this run to the
// same host had started. A call that is running is asked for again later; one
// that never began can be started again; one that is unknown may have been
// done or not.
func (c *Conn) Ask(ctx context.Context, ids ...uint64) (map[uint64]wire.Answer, error) {
	got := make(chan wire.Answer, len(ids))
	c.mu.Lock()
	line := c.s
	for _, id := range ids {
		c.answers[id] = got
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, id := range ids {
			delete(c.answers, id)
		}
	}()
	if err := c.send(wire.TAsk, wire.Ask{IDs: ids}); err != nil {
		return nil, err
	}
	out := map[uint64]wire.Answer{}
	for len(out) < len(ids) {
		select {
		case a := <-got:
			out[a.ID] = a
		case <-line.over:
			return nil, errors.New("the connection was lost again")
		case <-c.over:
			return nil, c.Err()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return out, nil
}

// Remember hands the handlers to the agent that have not run yet. It waits for
// nothing: Settle does.
func (c *Conn) Remember(p wire.Pending) { _ = c.send(wire.TPending, p) }

// Settle waits until the agent has taken all that was sent before.
func (c *Conn) Settle(ctx context.Context) error {
	_, err := c.Ask(ctx, 0)
	return err
}

// errClosed is why a connection is over that was closed from here.
var errClosed = errors.New("the connection is closed")

// Close ends the connection; the agent ends with it.
func (c *Conn) Close() error {
	c.finish(errClosed)
	return nil
}

// Err is why the connection is over, nil while it is not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Done is closed when the connection is over.
func (c *Conn) Done() <-chan struct{} { return c.over }

func (c *Conn) send(t wire.Type, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.s.push(frame{t, body})
	return nil
}

// result gives a result to its call. c.mu is held.
func (c *Conn) result(p *Pending, r wire.Result) {
	// One that did not begin, or was refused, stands for the rest of the items too.
	r.Last = r.Last || r.NotBegun || r.Refused != ""
	r.Item += p.offset
	if p.got == 0 && !p.call.Chain {
		c.broken = false
	}
	if r.NotBegun || r.Refused != "" || r.Outcome.Failed {
		c.broken = true
	}
	p.got++
	if r.Last {
		c.forget(p)
	}
	p.add(r)
}

// forget ends the connection's interest in a call. c.mu is held.
func (c *Conn) forget(p *Pending) {
	delete(c.calls, p.ID)
	if i := slices.Index(c.order, p); i >= 0 {
		c.order = slices.Delete(c.order, i, i+1)
	}
}

// finish ends the connection once and for all.
func (c *Conn) finish(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	left := c.order
	c.calls, c.order = map[uint64]*Pending{}, nil
	s := c.s
	close(c.over)
	c.mu.Unlock()
	for _, p := range left {
		p.end(err)
	}
	s.close(err)
}
