package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/boot"
	"github.com/mxplay/mxplay/runner/wire"
)

// accounts are the agents of other accounts, children of the first agent.
type accounts struct {
	a  *Agent
	mu sync.Mutex

	list   []*child // number n is at n-1
	byKey  map[string]*child
	failed map[string]error // a wrong password is not tried again and again
	closed bool
}

func newAccounts(a *Agent) *accounts {
	return &accounts{a: a, byKey: map[string]*child{}, failed: map[string]error{}}
}

// child is an agent for another account.
type child struct {
	a    *Agent
	num  int
	name string
	conn *wire.Conn
	in   io.Closer    // its stdin
	end  func() error // waits until its process has ended

	results chan wire.Result
	gone    chan struct{} // closed when nothing comes from it any more
	stderr  *tail
}

// process is a started agent whose frames have not begun yet.
type process struct {
	in     io.WriteCloser
	out    io.Reader
	stderr *tail
	end    func() error
	kill   func()
}

// noUserError is the name of an account that is not there.
type noUserError string

func (e noUserError) Error() string {
	return fmt.Sprintf("become: no such user %q on the host", string(e))
}

// get is the agent for an account, started when it is asked for first; nil means this process.
func (s *accounts) get(ctx context.Context, acc wire.Account) (*child, error) {
	if acc == (wire.Account{}) || s.a.welcome.Child != 0 {
		return nil, nil
	}
	name := acc.User
	if name == "" {
		name = "root"
	}
	u, err := s.a.sys.accounts.user(ctx, name)
	if err != nil {
		if errors.Is(err, modules.ErrNotExist) {
			return nil, noUserError(name)
		}
		return nil, fmt.Errorf("become: %w", err)
	}
	if u.UID == os.Geteuid() {
		return nil, nil
	}
	key := strings.Join([]string{u.Name, acc.Method, acc.Flags, acc.Exe}, "\x00")
	if os.Geteuid() == 0 {
		key = u.Name // root needs no one's leave
	}
	s.mu.Lock()
	c, failed := s.byKey[key], s.failed[key+"\x00"+acc.Password]
	s.mu.Unlock()
	if c != nil {
		select {
		case <-c.gone:
		default:
			return c, nil
		}
	}
	if failed != nil {
		return nil, failed
	}
	c, err = s.start(ctx, u, acc)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		var b *becomeError
		if errors.As(err, &b) && b.final {
			s.failed[key+"\x00"+acc.Password] = err
		}
		return nil, err
	case s.closed:
		c.in.Close()
		return nil, errEnded
	}
	s.byKey[key] = c
	return c, nil
}

// start starts an agent and brings it to where it takes calls.
func (s *accounts) start(ctx context.Context, u modules.User, acc wire.Account) (*child, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	var p *process
	var err error
	if os.Geteuid() == 0 {
		p, err = s.drop(ctx, u)
	} else {
		p, err = s.becomeTwice(ctx, u, acc)
	}
	if err != nil {
		return nil, err
	}
	c := &child{
		a: s.a, name: u.Name, in: p.in, end: p.end, conn: wire.NewConn(p.out, p.in),
		results: make(chan wire.Result, 16), gone: make(chan struct{}), stderr: p.stderr,
	}
	s.mu.Lock()
	s.list = append(s.list, c)
	c.num = len(s.list)
	s.mu.Unlock()
	if c.num > 250 {
		p.kill()
		return nil, errors.New("become: more than 250 accounts in one run")
	}
	if err := c.greet(ctx, u); err != nil {
		p.kill()
		close(c.gone)
		return nil, fmt.Errorf("the agent of account %s: %w", u.Name, err)
	}
	go c.receive()
	go func() { _ = c.conn.Watch(context.Background(), time.Duration(s.a.welcome.Silence)*time.Millisecond) }()
	return c, nil
}

// firstTry is how long a become method may be silent before it is started
// again, once: a lost wake-up between it and its terminal heals so.
const firstTry = 20 * time.Second

func (s *accounts) becomeTwice(ctx context.Context, u modules.User, acc wire.Account) (*process, error) {
	first, cancel := context.WithTimeout(ctx, firstTry)
	p, err := s.become(first, u, acc)
	cancel()
	var b *becomeError
	if errors.As(err, &b) && b.silent && ctx.Err() == nil {
		return s.become(ctx, u, acc)
	}
	return p, err
}

// greet is Hello and Welcome between the first agent and its child.
func (c *child) greet(ctx context.Context, u modules.User) error {
	type first struct {
		f   wire.Frame
		err error
	}
	got := make(chan first, 1)
	go func() { f, err := c.conn.Recv(); got <- first{f, err} }()
	var hello wire.Hello
	select {
	case g := <-got:
		if g.err != nil {
			return fmt.Errorf("%w%s", g.err, c.stderr.suffix())
		}
		if err := g.f.Into(&hello); err != nil {
			return err
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if hello.UID != u.UID {
		return fmt.Errorf("it runs as uid %d rather than %d", hello.UID, u.UID)
	}
	w := c.a.welcome
	w.Child = c.num
	return c.conn.Send(wire.TWelcome, w)
}

// receive passes on what comes from the child.
func (c *child) receive() {
	defer close(c.gone)
	for {
		f, err := c.conn.Recv()
		if err != nil {
			return
		}
		switch f.Type {
		case wire.TResult:
			var r wire.Result
			if f.Into(&r) == nil {
				c.results <- r
			}
		case wire.TRefused:
			var r wire.Refused
			if f.Into(&r) == nil {
				c.results <- wire.Result{Last: true, Refused: r.Text}
			}
		default:
			if c.a.conn.SendBody(f.Type, f.Stream, f.Body) != nil {
				return
			}
		}
	}
}

// call hands a call to the child, which is the account's own agent.
func (c *child) call(ctx context.Context, call *wire.Call) bool {
	own := *call
	own.Account, own.Chain = wire.Account{}, false
	if err := c.conn.Send(wire.TCall, own); err != nil {
		return c.lost(call, 0)
	}
	cancel, ok, next := ctx.Done(), true, 0
	for {
		select {
		case r := <-c.results:
			if r.ID != call.ID && r.Refused == "" {
				continue // of a call that was given up
			}
			if r.Refused != "" || r.NotBegun || r.Outcome.Failed {
				ok = false
			}
			next = r.Item + 1
			c.a.result(call, r)
			if r.Last {
				return ok
			}
		case <-cancel:
			cancel = nil
			if c.a.ctx.Err() == nil {
				_ = c.conn.Send(wire.TCancel, wire.Cancel{ID: call.ID})
			}
		case <-c.gone:
			if len(c.results) == 0 {
				return c.lost(call, next)
			}
		}
	}
}

func (c *child) lost(call *wire.Call, item int) bool {
	c.a.result(call, wire.Result{Item: item, Last: true, Outcome: modules.Outcome{
		Failed: true, Msg: fmt.Sprintf("the agent of account %s ended%s", c.name, c.stderr.suffix()),
	}})
	return false
}

// pass hands content and credit to the child whose stream it is. A file that
// the controller put beside the first agent is closed to other accounts: its bytes are sent.
func (s *accounts) pass(f wire.Frame) {
	n := int(f.Stream >> 24)
	s.mu.Lock()
	var c *child
	if n > 0 && n <= len(s.list) {
		c = s.list[n-1]
	}
	s.mu.Unlock()
	if c == nil {
		return
	}
	if f.Type != wire.TPath {
		_ = c.conn.SendBody(f.Type, f.Stream, f.Body)
		return
	}
	var p wire.Path
	if f.Into(&p) != nil {
		return
	}
	go func() {
		file, err := os.Open(p.Path)
		if err != nil {
			_ = c.conn.SendFail(f.Stream, err.Error())
			return
		}
		defer file.Close()
		_ = os.Remove(p.Path)
		_ = c.conn.SendBlob(s.a.ctx, f.Stream, file)
	}()
}

// close tells all children to end.
func (s *accounts) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.list {
		_ = c.in.Close()
	}
}

// wait waits until all children have ended.
func (s *accounts) wait() {
	s.mu.Lock()
	list := s.list
	s.mu.Unlock()
	for _, c := range list {
		_ = c.end()
	}
}

// await reads the start script's answers until the agent's magic, feeding it the agent's own binary when it asks.
func await(out *bufio.Reader, in io.Writer, feed func(io.Writer) error) error {
	for {
		ans, err := boot.Read(out)
		if err != nil || ans.Ready {
			return err
		}
		if feed == nil {
			return fmt.Errorf("%w: it asks for a binary", wire.ErrFormat)
		}
		if err := feed(in); err != nil {
			return err
		}
	}
}

// tail keeps the last of what a process wrote to stderr, and passes it on.
type tail struct {
	mu   sync.Mutex
	text []byte
	next func([]byte)
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.text = append(t.text, p...)
	if len(t.text) > 4096 {
		t.text = t.text[len(t.text)-4096:]
	}
	next := t.next
	t.mu.Unlock()
	if next != nil {
		next(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// suffix is the last lines as the end of a message.
func (t *tail) suffix() string {
	lines := modules.LastLines(t.String(), 3)
	if len(lines) == 0 {
		return ""
	}
	return ": " + strings.Join(lines, "; ")
}
