package remote

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/remote/remotetest"
	"github.com/mxplay/mxplay/runner/wire"
)

// real is the agent itself, built once.
var real = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "mxplay-remote-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, "agent"), "../../cmd/mxplay-agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, &exec.Error{Name: string(out), Err: err}
	}
	return os.ReadFile(filepath.Join(dir, "agent"))
})

// ownRun is a login shell with a /run of its own, so that the test's agents
// and others on this machine do not share a lock.
var ownRun = []string{"/bin/sh", "-c", `exec unshare -m /bin/sh -c 'mount -t tmpfs none /run && exec /bin/sh -c "$1"' sh "$1"`, "sh"}

// newRealKit is a kit with the real agent, on a host of its own as far as that goes.
func newRealKit(t *testing.T) (*kit, remotetest.Config) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the agent")
	}
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		t.Skip("needs mount namespaces")
	}
	bin, err := real()
	if err != nil {
		t.Fatal(err)
	}
	k := newKit(t)
	k.o.Agents = agents(t, bin)
	return k, remotetest.Config{Shell: ownRun, MaxSessions: 1}
}

func task(name string, args any) wire.Call {
	b, _ := json.Marshal(args)
	return wire.Call{Task: name, Items: []wire.Item{{Args: b}}}
}

func (k *kit) outcome(p *Pending) wire.Result {
	k.t.Helper()
	r, _, err := p.Next(k.ctx())
	var refused *RefusedError
	if errors.As(err, &refused) {
		k.t.Fatalf("the host is in use: %v; %s", err, refused.Hint)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	if r.Refused != "" || r.NotBegun || r.Outcome.Failed {
		k.t.Fatalf("got %+v", r)
	}
	return r
}

type m = map[string]any

// The promise itself: a warm connect and twenty tasks that change nothing, in at most 14 round trips.
func TestRealRoundTrips(t *testing.T) {
	k, cfg := newRealKit(t)
	s := k.server(cfg)
	dir := t.TempDir()
	run := func() (connect, all int) {
		l, tg := k.linked(s)
		c := k.dial(k.dialer(), tg)
		connect = l.Trips()
		var ps []*Pending
		for i := range 20 {
			if i%2 == 0 {
				ps = append(ps, c.Start(task("stat", m{"path": "/etc/passwd"}), nil))
			} else {
				ps = append(ps, c.Start(task("file", m{"path": filepath.Join(dir, "d"), "state": "directory"}), nil))
			}
		}
		for _, p := range ps {
			k.outcome(p)
		}
		all = l.Trips()
		_ = c.Close()
		if err := s.WaitGone(k.ctx()); err != nil {
			t.Fatal(err)
		}
		return connect, all
	}
	cold, coldAll := run()
	warm, warmAll := run()
	t.Logf("cold: connect %d, with 20 tasks %d; warm: connect %d, with 20 tasks %d", cold, coldAll, warm, warmAll)
	if warmAll > 14 {
		t.Errorf("a warm connect and 20 tasks took %d round trips", warmAll)
	}
}

func TestRealSurvivors(t *testing.T) {
	k, cfg := newRealKit(t)
	k.o.Silence = 2 * time.Second
	s := k.server(cfg)
	for name, end := range map[string]func(*remotetest.Link){
		"cut":    (*remotetest.Link).Cut,
		"silent": (*remotetest.Link).Drop,
	} {
		t.Run(name, func(t *testing.T) {
			l := remotetest.NewSlowLink(t, s.Addr, time.Microsecond)
			k.file("known_hosts", s.KnownHosts(addrName(l.Port)))
			tg := target(s)
			tg.Port = l.Port
			c := k.dial(k.dialer(), tg)
			p := c.Start(task("command", m{"argv": []string{"sleep", "1000"}}), nil)
			time.Sleep(300 * time.Millisecond)
			if len(s.Alive()) == 0 {
				t.Fatal("nothing runs")
			}
			end(l)
			ctx, cancel := context.WithTimeout(k.ctx(), 8*time.Second)
			defer cancel()
			if _, _, err := p.Next(ctx); err == nil || !strings.Contains(err.Error(), "connection lost") {
				t.Errorf("got %v", err)
			}
			if err := s.WaitGone(ctx); err != nil {
				t.Fatal(err)
			}
			if out, _ := exec.Command("pgrep", "-f", "^sleep 1000$").Output(); len(out) > 0 {
				t.Errorf("its command still runs: %s", out)
			}
		})
	}
}

// Calls of a connection that broke are asked for on the next.
func TestRealAsk(t *testing.T) {
	k, cfg := newRealKit(t)
	// One /run for both connections.
	dir := t.TempDir()
	cfg.Shell = []string{"/bin/sh", "-c", `exec unshare -m /bin/sh -c 'mount --bind ` + dir + ` /run && exec /bin/sh -c "$1"' sh "$1"`, "sh"}
	s := k.server(cfg)
	k.known(s)
	d := k.dialer()
	c := k.dial(d, target(s))
	looked := c.Start(task("stat", m{"path": "/etc/passwd"}), nil)
	ran := c.Start(task("command", m{"argv": []string{"true"}}), nil)
	k.outcome(looked)
	k.outcome(ran)
	left := c.Start(task("command", m{"argv": []string{"sleep", "1000"}}), nil)
	never := c.Start(task("command", m{"argv": []string{"true"}}), nil)
	time.Sleep(300 * time.Millisecond)
	s.Cut()
	if _, _, err := left.Next(k.ctx()); err == nil {
		t.Fatal("no error")
	}
	c = k.dial(d, target(s))
	got, err := c.Ask(k.ctx(), ran.ID, left.ID, never.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ran %s, left %s, never %s", got[ran.ID].State, got[left.ID].State, got[never.ID].State)
	if a := got[ran.ID]; a.State != "done" || len(a.Results) != 1 {
		t.Errorf("ran: %+v", a)
	}
	if a := got[left.ID]; a.State != "unknown" && a.State != "done" {
		t.Errorf("left: %+v", a)
	}
	if a := got[never.ID]; a.State != "none" {
		t.Errorf("never: %+v", a)
	}
}

// Content larger than what comes along, by both ways.
func TestRealContent(t *testing.T) {
	k, cfg := newRealKit(t)
	cfg.MaxSessions, cfg.SFTP = 2, true
	s := k.server(cfg)
	k.known(s)
	for _, size := range []int{100_000, 9 << 20} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * 7 >> 3)
		}
		k.o.Content = reader(data)
		c := k.dial(k.dialer(), target(s))
		dest := filepath.Join(t.TempDir(), "f")
		r := k.outcome(c.Start(task("copy", m{"src": m{"name": "f", "hash": sha(data), "size": size}, "dest": dest}), nil))
		got, err := os.ReadFile(dest)
		if err != nil || sha(got) != sha(data) || !r.Outcome.Changed {
			t.Errorf("%d bytes: %v, %d came, %+v", size, err, len(got), r.Outcome)
		}
		left, _ := filepath.Glob(filepath.Join(c.Hello().Dir, "content-*"))
		if len(left) > 0 {
			t.Errorf("left over: %q", left)
		}
		_ = c.Close()
	}
}

// With Redial a cut is survived: what had not begun is done, what was done is not done again.
func TestRealRedial(t *testing.T) {
	k, cfg := newRealKit(t)
	k.o.Redial = 20 * time.Second
	dir := t.TempDir()
	cfg.Shell = []string{"/bin/sh", "-c", `exec unshare -m /bin/sh -c 'mount --bind ` + dir + ` /run && exec /bin/sh -c "$1"' sh "$1"`, "sh"}
	s := k.server(cfg)
	k.known(s)
	c := k.dial(k.dialer(), target(s))
	log := filepath.Join(t.TempDir(), "log")
	add := func(text string) wire.Call {
		return task("command", m{"argv": []string{"/bin/sh", "-c", "echo " + text + " >> " + log}})
	}
	k.outcome(c.Start(add("one"), nil))
	slow := c.Start(task("command", m{"argv": []string{"/bin/sh", "-c", "echo two >> " + log + "; sleep 1000"}}), nil)
	looks := c.Start(task("file", m{"path": filepath.Join(dir, "d"), "state": "directory"}), nil)
	after := c.Start(add("three"), nil)
	chained := add("never")
	chained.Chain = true
	bad := c.Start(task("command", m{"argv": []string{"false"}}), nil)
	never := c.Start(chained, nil)
	for i := 0; !strings.Contains(read(log), "two"); i++ {
		if i > 500 {
			t.Fatal("it does not begin")
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Cut()
	r, _, err := slow.Next(k.ctx())
	var unknown *UnknownError
	if err == nil && !r.Outcome.Failed || err != nil && !errors.As(err, &unknown) {
		t.Errorf("the one that was cut: %+v %v", r.Outcome, err)
	}
	k.outcome(looks)
	k.outcome(after)
	if r, _, err := bad.Next(k.ctx()); err != nil || !r.Outcome.Failed {
		t.Errorf("bad: %+v %v", r, err)
	}
	if r, _, err := never.Next(k.ctx()); err != nil || !r.NotBegun {
		t.Errorf("never: %+v %v", r, err)
	}
	k.outcome(c.Start(add("four"), nil))
	if got := read(log); got != "one\ntwo\nthree\nfour\n" {
		t.Errorf("the log is %q", got)
	}
	if told := k.notices(1); len(told) != 1 || !strings.Contains(told[0], "it was made again after") {
		t.Errorf("told %q", told)
	}
}

func read(path string) string { b, _ := os.ReadFile(path); return string(b) }
