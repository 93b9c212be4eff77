package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mxplay/mxplay/runner/wire"
)

// UnknownError says that the connection was lost while an action ran, and that
// the host does not know how it ended. It is not repeated.
type UnknownError struct {
	Host string
	Task string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s: the connection was lost while %s ran, and how it ended is not known", e.Host, e.Task)
}

// lost is told that a line broke.
func (c *Conn) lost(s *session, err *UnreachableError) {
	c.mu.Lock()
	if c.err != nil || c.s != s || c.resuming {
		c.mu.Unlock()
		return
	}
	if c.d.o.Redial <= 0 {
		c.mu.Unlock()
		c.finish(err)
		return
	}
	c.resuming = true
	c.mu.Unlock()
	go c.resume(err)
}

// resume makes a new line and goes on where the old one broke: it asks what
// became of each call that was under way, in order.
func (c *Conn) resume(why *UnreachableError) {
	begin := time.Now()
	ctx, cancel := context.WithTimeoutCause(context.Background(), c.d.o.Redial, errLate)
	defer cancel()
	go func() {
		select {
		case <-c.over:
			cancel()
		case <-ctx.Done():
		}
	}()
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		s, err := c.d.open(ctx, c.t)
		if err == nil {
			c.mu.Lock()
			if c.err != nil {
				c.mu.Unlock()
				s.close(c.Err())
				return
			}
			c.s = s
			s.start(c) // Welcome before anything else
			c.mu.Unlock()
			if err = c.catchUp(ctx, s); err == nil {
				c.d.notice(c.t.Name, fmt.Sprintf("%v; it was made again after %v", why.Err, time.Since(begin).Round(100*time.Millisecond)))
				return
			}
			s.close(err)
		}
		if c.Err() != nil {
			return
		}
		if !errors.Is(err, errLate) {
			why.Lines = []string{"connecting again: " + err.Error()}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			why.Hint = fmt.Sprintf("it could not be made again within %v", c.d.o.Redial)
			c.finish(why)
			return
		}
	}
}

var errLate = errors.New("there is no time left to connect again")

// catchUp settles the calls that were under way when the line broke, and
// sends those again that never began.
func (c *Conn) catchUp(ctx context.Context, s *session) error {
	for {
		c.mu.Lock()
		var ids []uint64
		for _, p := range c.order {
			ids = append(ids, p.ID)
		}
		c.mu.Unlock()
		answers, err := c.Ask(ctx, ids...)
		if err != nil {
			return err
		}
		c.mu.Lock()
		wait := c.settle(s, answers)
		select {
		case <-s.over:
			err = errors.New("the connection was lost again")
		default:
			c.resuming = wait
		}
		c.mu.Unlock()
		if err != nil || !wait {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-s.over:
			return errors.New("the connection was lost again")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// settle goes through the calls in order; true when one of them still runs. c.mu is held.
func (c *Conn) settle(s *session, answers map[uint64]wire.Answer) (wait bool) {
	var send []frame
	for _, p := range append([]*Pending(nil), c.order...) {
		a, asked := answers[p.ID]
		switch {
		case a.State == "running":
			return true // nothing behind it was sent yet
		case a.State == "done":
			for _, r := range a.Results {
				if r.Item >= p.got {
					p.offset = 0
					c.result(p, r)
				}
			}
		case asked && a.State != "none":
			c.forget(p)
			c.broken = true
			p.end(&UnknownError{Host: c.t.Name, Task: p.call.Task})
		default: // it never began, or it looks first: from the first item without a result
			if p.got == 0 && !p.call.Chain {
				c.broken = false
			}
			if p.cancelled || p.got == 0 && c.broken {
				c.result(p, wire.Result{ID: p.ID, Item: p.got - p.offset, NotBegun: true, Last: true})
				continue
			}
			call := p.call
			p.offset, call.First = p.got, p.got
			call.Items = call.Items[p.got:]
			if body, err := json.Marshal(call); err == nil {
				send = append(send, frame{wire.TCall, body})
			}
		}
	}
	for _, f := range send {
		s.push(f)
	}
	return false
}
