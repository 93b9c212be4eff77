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

// session is one line to one agent, from its Hello to its end.
type session struct {
	d     *Dialer
	c     *Conn
	name  string
	line  string // see lineage
	link  link
	proc  *process
	w     *wire.Conn
	hello wire.Hello
	life  context.Context // ends with the line
	stop  context.CancelCauseFunc
	up    uploader

	queue []frame // to be sent, in order; guarded by c.mu
	wake  chan struct{}
	once  sync.Once
	over  chan struct{} // closed when the line is
}

// frame is a message that waits to be sent.
type frame struct {
	t    wire.Type
	body []byte
}

// lineage names a connection among those of a run: one that has the same as an
// older one has taken its place. Two logins on one host are two.
func (t Target) lineage() string {
	return fmt.Sprintf("%s %s %s %d", t.Name, t.Connection, t.User, t.Port)
}

func newSession(d *Dialer, t Target, l link, p *process, w *wire.Conn, hello wire.Hello) *session {
	s := &session{d: d, name: t.Name, line: t.lineage(), link: l, proc: p, w: w, hello: hello, wake: make(chan struct{}, 1), over: make(chan struct{})}
	s.life, s.stop = context.WithCancelCause(context.Background())
	return s
}

// start lets a connection use the line. Welcome waits for nothing: the first
// calls come right behind it.
func (s *session) start(c *Conn) {
	s.c = c
	o := s.d.o
	silence := s.d.silence()
	body, _ := json.Marshal(wire.Welcome{
		Run: o.Run, Host: s.line, Who: o.Who, Check: o.Check, Silence: int(silence / time.Millisecond), Facts: o.Facts,
	})
	s.push(frame{wire.TWelcome, body})
	go s.sender()
	go s.receiver()
	go func() {
		if err := s.w.Watch(s.life, silence); errors.Is(err, wire.ErrSilence) {
			s.lost(fmt.Errorf("connection lost: nothing was heard for %v", silence))
		}
	}()
}

// push queues a message. c.mu is held, unless the line is new.
func (s *session) push(f frame) {
	s.queue = append(s.queue, f)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sender writes what is queued, so that a slow line holds up nobody who starts calls.
func (s *session) sender() {
	for {
		s.c.mu.Lock()
		list := s.queue
		s.queue = nil
		s.c.mu.Unlock()
		for _, f := range list {
			if err := s.w.SendBody(f.t, 0, f.body); err != nil {
				return // the receiver knows better why
			}
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-s.wake:
		case <-s.over:
			return
		}
	}
}

func (s *session) receiver() {
	for {
		f, err := s.w.Recv()
		if err == nil {
			err = s.take(f)
		}
		if err != nil {
			s.broken(err)
			return
		}
	}
}

// take handles one frame.
func (s *session) take(f wire.Frame) error {
	c := s.c
	switch f.Type {
	case wire.TResult:
		var r wire.Result
		if err := f.Into(&r); err != nil {
			return err
		}
		c.mu.Lock()
		if p := c.calls[r.ID]; p != nil && c.s == s {
			c.result(p, r)
		}
		c.mu.Unlock()
	case wire.TEvent:
		var e wire.Event
		if err := f.Into(&e); err != nil {
			return err
		}
		c.mu.Lock()
		p := c.calls[e.ID]
		if p != nil {
			e.Item += p.offset
		}
		c.mu.Unlock()
		if p != nil && p.onEvent != nil {
			p.onEvent(e)
		}
	case wire.TNeed:
		var n wire.Need
		if err := f.Into(&n); err != nil {
			return err
		}
		go s.supply(n)
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
		c.finish(&RefusedError{Host: s.name, Text: r.Text, Hint: r.Hint})
	}
	return nil
}

// broken says why no more frames come.
func (s *session) broken(err error) {
	select {
	case <-s.over:
		return
	default:
	}
	if errors.Is(err, wire.ErrFormat) {
		s.c.finish(&UnreachableError{Host: s.name, Err: err, Lines: s.proc.errs.lines(showLines)})
		return
	}
	text := "the host's side ended"
	if end := s.proc.ending(); end != nil {
		text = endText(end)
	} else if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		text = err.Error()
	}
	s.lost(fmt.Errorf("connection lost: %s", text))
}

// lost ends the line for a reason that is not ours.
func (s *session) lost(err error) {
	s.close(err)
	s.c.lost(s, &UnreachableError{Host: s.name, Err: err, Lines: s.proc.errs.lines(showLines)})
}

func (s *session) close(err error) {
	s.once.Do(func() {
		close(s.over)
		s.stop(err)
		s.up.close()
		s.link.close()
	})
}
