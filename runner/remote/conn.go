package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mxplay/mxplay/runner/wire"
)

// Conn is a connection to the agent of a host.
type Conn struct {
	d     *Dialer
	name  string
	link  link
	proc  *process
	w     *wire.Conn
	hello wire.Hello
	life  context.Context // ends with the connection
	stop  context.CancelCauseFunc
	up    uploader

	mu      sync.Mutex
	queue   []frame // to be sent, in order
	wake    chan struct{}
	calls   map[uint64]*Pending
	answers map[uint64]chan wire.Answer
	err     error
	over    chan struct{} // closed when err is set
}

// frame is a message that waits to be sent.
type frame struct {
	t    wire.Type
	body []byte
}

func newConn(d *Dialer, t Target, l link, p *process, w *wire.Conn, hello wire.Hello) *Conn {
	c := &Conn{
		d: d, name: t.Name, link: l, proc: p, w: w, hello: hello,
		wake: make(chan struct{}, 1), calls: map[uint64]*Pending{}, answers: map[uint64]chan wire.Answer{},
		over: make(chan struct{}),
	}
	c.life, c.stop = context.WithCancelCause(context.Background())
	silence := d.silence()
	// Welcome waits for nothing: the first calls come right behind it.
	_ = c.send(wire.TWelcome, wire.Welcome{
		Run: d.o.Run, Host: t.Name, Who: d.o.Who, Check: d.o.Check, Silence: int(silence / time.Millisecond), Facts: d.o.Facts,
	})
	go c.sender()
	go c.receiver()
	go func() {
		if err := w.Watch(c.life, silence); errors.Is(err, wire.ErrSilence) {
			c.fail(fmt.Errorf("connection lost: nothing was heard for %v", silence))
		}
	}()
	return c
}

// Hello is what the agent said first.
func (c *Conn) Hello() wire.Hello { return c.hello }

// Start sends a call and does not wait for anything; calls run in the order
// they were started. It sets call.ID. onEvent may be nil; it must not block.
func (c *Conn) Start(call wire.Call, onEvent func(wire.Event)) *Pending {
	call.ID = c.d.calls.Add(1)
	p := &Pending{ID: call.ID, onEvent: onEvent, news: make(chan struct{}, 1)}
	body, err := json.Marshal(call)
	if err == nil && len(body) > wire.MaxMessage {
		err = fmt.Errorf("a call of %d MiB: at most %d MiB can be sent at once", len(body)>>20, wire.MaxMessage>>20)
	}
	if err != nil {
		p.end(err)
		return p
	}
	c.mu.Lock()
	if c.err != nil {
		err = c.err
	} else {
		c.calls[call.ID] = p
		c.queue = append(c.queue, frame{wire.TCall, body})
	}
	c.mu.Unlock()
	if err != nil {
		p.end(err)
		return p
	}
	c.poke()
	return p
}

// Cancel lets the agent end what it does; calls that have not begun will not.
func (c *Conn) Cancel() { _ = c.send(wire.TCancel, wire.Cancel{}) }

// Ask asks what became of calls that an earlier connection of this run to the
// same host had started. A call that is running is asked for again later; one
// that never began can be started again; whether one that is unknown may be
// repeated is for the caller to know.
func (c *Conn) Ask(ctx context.Context, ids ...uint64) (map[uint64]wire.Answer, error) {
	got := make(chan wire.Answer, len(ids))
	c.mu.Lock()
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
		case <-c.over:
			return nil, c.Err()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return out, nil
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
	c.queue = append(c.queue, frame{t, body})
	c.poke()
	return nil
}

func (c *Conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// sender writes what is queued, so that a slow line holds up nobody who starts calls.
func (c *Conn) sender() {
	for {
		c.mu.Lock()
		list := c.queue
		c.queue = nil
		c.mu.Unlock()
		for _, f := range list {
			if err := c.w.SendBody(f.t, 0, f.body); err != nil {
				return // the receiver knows better why
			}
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-c.wake:
		case <-c.over:
			return
		}
	}
}

func (c *Conn) receiver() {
	for {
		f, err := c.w.Recv()
		if err == nil {
			err = c.take(f)
		}
		if err != nil {
			c.broken(err)
			return
		}
	}
}

// take handles one frame.
func (c *Conn) take(f wire.Frame) error {
	switch f.Type {
	case wire.TResult:
		var r wire.Result
		if err := f.Into(&r); err != nil {
			return err
		}
		c.mu.Lock()
		p := c.calls[r.ID]
		// One that did not begin, or was refused, stands for the rest of the items too.
		r.Last = r.Last || r.NotBegun || r.Refused != ""
		if r.Last {
			delete(c.calls, r.ID)
		}
		c.mu.Unlock()
		if p != nil {
			p.add(r)
		}
	case wire.TEvent:
		var e wire.Event
		if err := f.Into(&e); err != nil {
			return err
		}
		c.mu.Lock()
		p := c.calls[e.ID]
		c.mu.Unlock()
		if p != nil && p.onEvent != nil {
			p.onEvent(e)
		}
	case wire.TNeed:
		var n wire.Need
		if err := f.Into(&n); err != nil {
			return err
		}
		go c.supply(n)
	case wire.TAnswer:
		var a wire.Answer
		if err := f.Into(&a); err != nil {
			return err
		}
		c.mu.Lock()
		to := c.answers[a.ID]
		delete(c.answers, a.ID)
		c.mu.Unlock()
		if to != nil {
			to <- a
		}
	case wire.TRefused:
		var r wire.Refused
		if err := f.Into(&r); err != nil {
			return err
		}
		c.finish(&RefusedError{Host: c.name, Text: r.Text, Hint: r.Hint})
	}
	return nil
}

// broken says why no more frames come.
func (c *Conn) broken(err error) {
	if c.Err() != nil {
		return
	}
	if errors.Is(err, wire.ErrFormat) {
		c.fail(err)
		return
	}
	text := "the host's side ended"
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		text = err.Error()
	} else if end := c.proc.ending(); end != nil {
		text = endText(end)
	}
	c.fail(fmt.Errorf("connection lost: %s", text))
}

// fail ends the connection for a reason that is not ours.
func (c *Conn) fail(err error) {
	c.finish(&UnreachableError{Host: c.name, Err: err, Lines: c.proc.errs.lines(showLines)})
}

// finish ends the connection once.
func (c *Conn) finish(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	left := c.calls
	c.calls = map[uint64]*Pending{}
	close(c.over)
	c.mu.Unlock()
	c.stop(err)
	for _, p := range left {
		p.end(err)
	}
	c.up.close()
	c.link.close()
}

// Pending is a call whose results are to come.
type Pending struct {
	ID uint64

	onEvent func(wire.Event)
	mu      sync.Mutex
	list    []wire.Result
	last    bool // the last result was taken
	err     error
	news    chan struct{}
}

// Next is the next result of the call, in the order of items; false after the
// last. When the connection is lost, what had come is still given first.
func (p *Pending) Next(ctx context.Context) (wire.Result, bool, error) {
	for {
		p.mu.Lock()
		switch {
		case len(p.list) > 0:
			r := p.list[0]
			p.list = p.list[1:]
			p.last = r.Last
			p.mu.Unlock()
			return r, true, nil
		case p.last:
			p.mu.Unlock()
			return wire.Result{}, false, nil
		case p.err != nil:
			defer p.mu.Unlock()
			return wire.Result{}, false, p.err
		}
		p.mu.Unlock()
		select {
		case <-p.news:
		case <-ctx.Done():
			return wire.Result{}, false, context.Cause(ctx)
		}
	}
}

func (p *Pending) add(r wire.Result) {
	p.mu.Lock()
	p.list = append(p.list, r)
	p.mu.Unlock()
	p.poke()
}

func (p *Pending) end(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.poke()
}

func (p *Pending) poke() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}
