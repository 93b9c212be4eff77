// Package agent is the target side of mxplay: it serves calls over stdin and
// stdout, holds the real doors to the system, and starts agents for other
// accounts as its children.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/boot"
	"github.com/mxplay/mxplay/runner/wire"
)

// Options are what an agent is started with.
type Options struct {
	Tasks []*modules.Task
	Log   io.Writer // stderr: the agent's log
	// Hash is the SHA-256 of the agent's binary, "" when it is not known.
	Hash string
	// State is where the lock, jobs and results are kept; StateDir() when empty.
	State string
	// Grace is how long running processes have between TERM and KILL when the connection ends; 2 s when 0.
	Grace time.Duration
}

// Errors why an agent ends.
var (
	errEnded     = errors.New("the connection ended")
	errCancelled = errors.New("cancelled")
)

// Agent is one process for one account.
type Agent struct {
	opt     Options
	conn    *wire.Conn
	log     *redactor
	welcome wire.Welcome
	tasks   map[string]*modules.Task

	ctx  context.Context // ends when no new step may begin
	stop context.CancelCauseFunc

	sys      *system // the doors' shared state
	queue    *queue
	accounts *accounts
	record   *record
	content  *contents
	apt      aptCache

	jobsEnded bool // no job of an earlier connection runs any more; the queue's alone
}

// Serve speaks the protocol on in and out until in ends, ctx is done or the
// other side falls silent. When it returns, nothing that it started runs any
// more, jobs excepted. The error is nil after an orderly end of in.
func Serve(ctx context.Context, in io.Reader, out io.Writer, opt Options) error {
	if opt.Log == nil {
		opt.Log = io.Discard
	}
	if opt.State == "" {
		opt.State = StateDir()
	}
	if opt.Grace == 0 {
		opt.Grace = 2 * time.Second
	}
	a := &Agent{opt: opt, log: newRedactor(opt.Log), tasks: map[string]*modules.Task{}}
	for _, t := range opt.Tasks {
		a.tasks[t.Name] = t
	}
	a.ctx, a.stop = context.WithCancelCause(ctx)
	defer a.stop(errEnded)
	a.sys = newSystem()
	defer a.sys.close()
	defer a.apt.close()

	if err := a.greet(in, out); err != nil {
		return err
	}
	return a.serve(ctx)
}

// greet sends magic and Hello in one write, and waits for Welcome.
func (a *Agent) greet(in io.Reader, out io.Writer) error {
	hello := a.hello()
	first := &joined{w: out, head: []byte(wire.Magic)}
	a.conn = wire.NewConn(in, first)
	a.content = newContents(a.conn)
	if err := a.conn.Send(wire.THello, hello); err != nil {
		return err
	}
	got := make(chan error, 1)
	go func() {
		f, err := a.conn.Recv()
		if err == nil && f.Type != wire.TWelcome {
			err = fmt.Errorf("%w: %s came before Welcome", wire.ErrFormat, f.Type)
		}
		if err == nil {
			err = f.Into(&a.welcome)
		}
		got <- err
	}()
	select {
	case err := <-got:
		if errors.Is(err, io.EOF) {
			return errEnded
		}
		return err
	case <-time.After(wire.DefaultSilence):
		return wire.ErrSilence
	case <-a.ctx.Done():
		return context.Cause(a.ctx)
	}
}

// joined writes head together with the first write.
type joined struct {
	w    io.Writer
	head []byte
}

func (j *joined) Write(p []byte) (int, error) {
	if len(j.head) == 0 {
		return j.w.Write(p)
	}
	n, err := j.w.Write(append(j.head, p...))
	n = max(0, n-len(j.head))
	j.head = nil
	return n, err
}

// serve is everything after Welcome.
func (a *Agent) serve(ctx context.Context) error {
	w := a.welcome
	a.log.add(w.Secrets)
	a.conn.UseStreams(uint32(w.Child) << 24)
	a.record = newRecord(a.opt.State, w)
	if w.Child == 0 {
		a.record.endOlder()
	}
	lock, err := a.lock()
	if err != nil {
		var held *lockError
		r := wire.Refused{Text: err.Error()}
		if errors.As(err, &held) {
			r.Hint = held.hint()
		}
		_ = a.conn.Send(wire.TRefused, r)
		return err
	}
	defer lock.release()
	a.accounts = newAccounts(a)
	a.queue = newQueue(a)

	var wg sync.WaitGroup
	wg.Go(a.queue.run)
	if dir := cacheDir(); dir != "" && a.opt.Hash != "" {
		go pruneCache(dir, boot.Name(a.opt.Hash), time.Now())
	}

	for _, dir := range asyncDirs(a.opt.State) {
		go pruneAsync(dir, time.Now())
	}
	silence := time.Duration(w.Silence) * time.Millisecond
	ended := make(chan error, 2)
	go func() { ended <- a.conn.Watch(a.ctx, silence) }()
	go func() { ended <- a.receive() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	// From here no new step begins. What runs is ended within the grace; an
	// account's agent sees the end of its stdin and does the same.
	a.stop(errEnded)
	a.queue.close()
	a.accounts.close()
	done := make(chan struct{})
	go func() { wg.Wait(); a.accounts.wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(a.opt.Grace + 1500*time.Millisecond):
		a.log.printf("a call does not end: it is left")
	}
	a.sys.procs.killAll()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// receive moves what comes from the controller to where it belongs.
func (a *Agent) receive() error {
	for {
		f, err := a.conn.Recv()
		if err != nil {
			return err
		}
		switch f.Type {
		case wire.TCall:
			var c wire.Call
			if err := f.Into(&c); err != nil {
				return err
			}
			a.log.add(c.Secrets)
			a.log.add([]string{c.Account.Password})
			a.queue.add(&c)
		case wire.TCancel:
			var c wire.Cancel
			if err := f.Into(&c); err != nil {
				return err
			}
			a.queue.cancel(c.ID)
		case wire.TAsk:
			var q wire.Ask
			if err := f.Into(&q); err != nil {
				return err
			}
			for _, id := range q.IDs {
				if err := a.conn.Send(wire.TAnswer, a.record.answer(id)); err != nil {
					return err
				}
			}
		case wire.TPending:
			var p wire.Pending
			if err := f.Into(&p); err != nil {
				return err
			}
			if !a.welcome.Check {
				a.remember(p)
			}
		case wire.TBlob, wire.TPath, wire.TFail, wire.TCredit:
			a.accounts.pass(f)
		case wire.TWelcome:
			return fmt.Errorf("%w: a second Welcome", wire.ErrFormat)
		}
	}
}
