package remote

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/remote/remotetest"
)

func TestJump(t *testing.T) {
	k := newKit(t)
	outer, inner := k.server(remotetest.Config{}), k.server(remotetest.Config{})
	var hosts []*remotetest.Server
	for range 4 {
		hosts = append(hosts, k.server(remotetest.Config{}))
	}
	k.known(append(hosts, outer, inner)...)
	d := k.dialer()
	var wg sync.WaitGroup
	for i, h := range hosts {
		wg.Go(func() {
			tg := target(h)
			tg.Name = fmt.Sprint("web", i)
			tg.CommonArgs = fmt.Sprintf("-J root@%s,ssh://root@%s", outer.Addr, inner.Addr)
			if i%2 == 1 {
				tg.CommonArgs = fmt.Sprintf("-o ProxyJump=root@%s,ssh://root@%s", outer.Addr, inner.Addr)
			}
			k.echo(k.dial(d, tg))
		})
	}
	wg.Wait()
	if outer.Connections() != 1 || inner.Connections() != 1 {
		t.Errorf("%d and %d connections to the jump hosts", outer.Connections(), inner.Connections())
	}
	// One that broke is made anew.
	outer.Cut()
	time.Sleep(100 * time.Millisecond)
	tg := target(hosts[0])
	tg.CommonArgs = fmt.Sprintf("-J root@%s,ssh://root@%s", outer.Addr, inner.Addr)
	k.echo(k.dial(d, tg))
}

func TestJumpErrors(t *testing.T) {
	k := newKit(t)
	bad, good, host := k.server(remotetest.Config{NoForward: true}), k.server(remotetest.Config{}), k.server(remotetest.Config{})
	k.known(host, bad)
	tg := target(host)
	tg.CommonArgs = "-J root@" + good.Addr
	k.refused(k.dialer(), tg, "jump host root@"+good.Addr, "unknown host key", "ssh-keyscan")
	tg.CommonArgs = "-J root@" + bad.Addr
	k.refused(k.dialer(), tg, "administratively prohibited", "AllowTcpForwarding")
	k.known(host, good)
	tg.CommonArgs = "-J root@" + good.Addr
	tg.Port = closedPort(t)
	k.refused(k.dialer(), tg, "the jump host cannot connect to 127.0.0.1", "refused")
	tg.CommonArgs = "-J ''"
	k.echo(k.dial(k.dialer(), target(host)))
	// The host's own key is checked behind a jump too.
	k.known(good)
	tg = target(host)
	tg.CommonArgs = "-J root@" + good.Addr
	k.refused(k.dialer(), tg, "unknown host key", "ssh -J root@"+good.Addr)
}

func TestJumpInACircle(t *testing.T) {
	k := newKit(t)
	k.o.NoConfig = false
	k.file("config", "Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
	d := k.dialer()
	d.config.ssh = ""
	k.refused(d, Target{Name: "a"}, "more than 8 jump hosts")
}

func TestProxyCommand(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	k.known(s)
	tg := target(s)
	// bash's /dev/tcp is everywhere bash is.
	tg.CommonArgs = `-o ProxyCommand="bash -c 'echo from the proxy >&2; exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3'"`
	k.echo(k.dial(k.dialer(), tg))
	tg.CommonArgs = `-o ProxyCommand="echo no route to %h >&2; exit 1"`
	k.refused(k.dialer(), tg, "closed the connection", "no route to 127.0.0.1")
}

// However the end of the connection shows, it is told the same.
func TestClosedConnection(t *testing.T) {
	for _, text := range []string{"EOF", "unexpected EOF", "read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer", "write |1: broken pipe", "write |1: file already closed"} {
		err := explain(errors.New("ssh: handshake failed: "+text), settings{}, &hostKey{}, &login{}, false, 0)
		if !strings.Contains(err.Error(), "closed the connection") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	k := newKit(t)
	k.refused(k.dialer(), Target{Name: "web1", Host: "127.0.0.1", Port: closedPort(t)}, "127.0.0.1:", "connection refused")
	k.refused(k.dialer(), Target{Name: "no-such-host.invalid"}, "no address is known for the name no-such-host.invalid", "ansible_host")
	// Somebody who says nothing.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	k.o.ConnectTimeout = 200 * time.Millisecond
	tg := Target{Name: "web1", Host: "127.0.0.1", Port: ln.Addr().(*net.TCPAddr).Port}
	k.refused(k.dialer(), tg, "does not answer within 200ms during the SSH handshake")
	tg.CommonArgs = "-o ConnectTimeout=1"
	k.refused(k.dialer(), tg, "does not answer within 1s")
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = c.Close()
		}
	}()
	u := k.refused(k.dialer(), Target{Name: "web1", Host: "127.0.0.1", Port: tg.Port})
	if !strings.Contains(u.Error(), "handshake") {
		t.Errorf("got %v", u)
	}
}

func closedPort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func TestServerAlive(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	l := remotetest.NewSlowLink(t, s.Addr, time.Microsecond)
	k.file("known_hosts", s.KnownHosts(addrName(l.Port)))
	tg := target(s)
	tg.Port, tg.CommonArgs = l.Port, "-o ServerAliveInterval=1 -o ServerAliveCountMax=1"
	c := k.dial(k.dialer(), tg)
	time.Sleep(2500 * time.Millisecond)
	k.echo(c)
	l.Drop()
	if _, _, err := c.Start(call("hang", ""), nil).Next(k.ctx()); err == nil || !strings.Contains(err.Error(), "connection lost") {
		t.Errorf("got %v", err)
	}
}
