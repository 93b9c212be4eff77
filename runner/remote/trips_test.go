package remote

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/remote/remotetest"
	"golang.org/x/crypto/ssh"
)

// linked is a target behind a counting link.
func (k *kit) linked(s *remotetest.Server) (*remotetest.Link, Target) {
	l := remotetest.NewLink(k.t, s.Addr, 30*time.Millisecond)
	k.file("known_hosts", s.KnownHosts(addrName(l.Port)))
	tg := target(s)
	tg.Port = l.Port
	return l, tg
}

// What a connection costs, counted: TCP 1, versions and algorithms 1, keys 1,
// service 1, the method none 1, the key asked for 1 and used 1, a channel 1,
// the command and Hello 1: nine. Calls sent ahead then cost one together.
func TestRoundTrips(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{MaxSessions: 1})
	k.known(s)

	l, tg := k.linked(s)
	c := k.dial(k.dialer(), tg)
	cold := l.Trips()
	k.echo(c)
	coldEcho := l.Trips()
	_ = c.Close()

	l, tg = k.linked(s)
	c = k.dial(k.dialer(), tg)
	warm := l.Trips()
	var ps []*Pending
	for range 20 {
		ps = append(ps, c.Start(call("echo", "a", "b"), nil))
	}
	for _, p := range ps {
		k.results(p)
	}
	ahead := l.Trips()
	for range 20 {
		k.echo(c)
	}
	single := l.Trips()

	t.Logf("cold: connect %d, first call %d; warm: connect %d, 20 calls ahead %d, 20 calls one by one %d",
		cold, coldEcho-cold, warm, ahead-warm, single-ahead)
	if warm > 9 {
		t.Errorf("a warm connect took %d round trips", warm)
	}
	if ahead > 10 {
		t.Errorf("a warm connect and 20 calls took %d round trips, 14 are allowed", ahead)
	}
	if single-ahead > 20 {
		t.Errorf("20 calls one by one took %d round trips", single-ahead)
	}
	// The agent's bytes are limited by SSH's window: two megabytes are one trip, more are credited on the way.
	if cold > warm+3 {
		t.Errorf("a cold connect took %d round trips", cold)
	}
}

// The second host that takes the same key is not offered any other first.
func TestLuckyKey(t *testing.T) {
	k := newKit(t)
	good := k.writeKey("id_rsa", "rsa", "")
	k.writeKey("id_ecdsa", "ecdsa", "")
	a := k.server(remotetest.Config{Keys: []ssh.PublicKey{good.PublicKey()}})
	b := k.server(remotetest.Config{Keys: []ssh.PublicKey{good.PublicKey()}})
	k.known(a, b)
	d := k.dialer()
	k.dial(d, target(a))
	k.dial(d, target(b))
	if n := len(a.Logins()); n < 3 {
		t.Errorf("the first host saw %q", a.Logins())
	}
	for _, l := range b.Logins() {
		if l != "publickey "+ssh.FingerprintSHA256(good.PublicKey()) {
			t.Errorf("the second host saw %q", b.Logins())
		}
	}
}

func TestContent(t *testing.T) {
	small, large := make([]byte, 100_000), make([]byte, 9<<20)
	_, _ = rand.New(rand.NewSource(1)).Read(large)
	for name, c := range map[string]struct {
		sftp     bool
		sessions int
		data     []byte
		how      string
	}{
		"small":              {true, 10, small, "wire"},
		"large":              {true, 10, large, "file"},
		"large without sftp": {false, 10, large, "wire"},
		"large, one session": {true, 1, large, "wire"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			k.o.Content = reader(c.data)
			s := k.server(remotetest.Config{SFTP: c.sftp, MaxSessions: c.sessions})
			k.known(s)
			conn := k.dial(k.dialer(), target(s))
			got := k.results(conn.Start(call("need", sha(c.data), sha(c.data)), nil))
			for _, g := range got {
				if want := c.how + " " + sha(c.data); g != want {
					t.Errorf("got %q, want %q", g, want)
				}
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		k := newKit(t)
		s := k.server(remotetest.Config{})
		k.known(s)
		got := k.results(k.dial(k.dialer(), target(s)).Start(call("need", "x"), nil))
		if got[0] != "error this run has no content" {
			t.Errorf("got %q", got)
		}
	})
}

// With a tenth of a second there and back again, time agrees with the count.
func TestSlowLine(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	k.known(s)
	_ = k.dial(k.dialer(), target(s)).Close()
	l := remotetest.NewSlowLink(t, s.Addr, 50*time.Millisecond)
	k.file("known_hosts", s.KnownHosts(addrName(l.Port)))
	tg := target(s)
	tg.Port = l.Port
	start := time.Now()
	c := k.dial(k.dialer(), tg)
	connect := time.Since(start)
	var ps []*Pending
	for range 20 {
		ps = append(ps, c.Start(call("echo", "a"), nil))
	}
	for _, p := range ps {
		k.results(p)
	}
	all := time.Since(start)
	// The link's own TCP handshake is not delayed: one less than counted.
	t.Logf("at 100 ms: connect %v, with 20 calls %v", connect, all)
	if all > 1400*time.Millisecond {
		t.Errorf("a warm connect and 20 calls took %v", all)
	}
}

func sha(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }
