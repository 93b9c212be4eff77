package remote

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/remote/remotetest"
)

func TestRedial(t *testing.T) {
	k := newKit(t)
	k.o.Redial = 20 * time.Second
	s := k.server(remotetest.Config{})
	k.known(s)
	c := k.dial(k.dialer(), target(s))
	// A loop that is cut after its first item goes on with the second.
	p := c.Start(call("once", "a", "b"), nil)
	if r, _, err := p.Next(k.ctx()); err != nil || r.Item != 0 {
		t.Fatalf("got %+v %v", r, err)
	}
	q := c.Start(call("echo", "q"), nil)
	s.Cut()
	r, _, err := p.Next(k.ctx())
	if err != nil || r.Item != 1 || !r.Last || string(r.Outcome.Result) != `"b"` {
		t.Fatalf("got %+v %v", r, err)
	}
	if got := k.results(q); len(got) != 1 {
		t.Errorf("got %q", got)
	}
	k.echo(c)
	if s.Connections() != 2 {
		t.Errorf("%d connections", s.Connections())
	}
}

func TestRedialFails(t *testing.T) {
	k := newKit(t)
	k.o.Redial = time.Second
	s := k.server(remotetest.Config{})
	l := remotetest.NewSlowLink(t, s.Addr, time.Microsecond)
	k.file("known_hosts", s.KnownHosts(addrName(l.Port)))
	tg := target(s)
	tg.Port = l.Port
	c := k.dial(k.dialer(), tg)
	k.echo(c)
	p := c.Start(call("hang", ""), nil)
	l.Cut()
	_, _, err := p.Next(k.ctx())
	var u *UnreachableError
	if !errors.As(err, &u) || !strings.Contains(err.Error(), "connection lost") || !strings.Contains(strings.Join(u.Lines, " "), "connection refused") {
		t.Fatalf("got %v %+v", err, u)
	}
	if c.Err() == nil {
		t.Error("Err is nil")
	}
	// Close in the midst of it.
	s2 := k.server(remotetest.Config{})
	k.known(s2)
	k.o.Redial = time.Minute
	c = k.dial(k.dialer(), target(s2))
	p = c.Start(call("hang", ""), nil)
	s2.Cut()
	_ = c.Close()
	if _, _, err := p.Next(k.ctx()); err == nil {
		t.Error("no error after Close")
	}
}
