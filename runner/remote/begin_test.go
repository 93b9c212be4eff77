package remote

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/remote/remotetest"
	"github.com/mxplay/mxplay/runner/wire"
)

func TestColdAndWarm(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{MaxSessions: 1})
	k.known(s)
	d := k.dialer()
	for range 2 {
		c := k.dial(d, target(s))
		k.echo(c)
		if h := c.Hello(); h.Home != s.Home || h.Dir != filepath.Join(s.Home, ".cache/mxplay") {
			t.Errorf("got %+v", h)
		}
		_ = c.Close()
		if err := s.WaitGone(k.ctx()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Execs()); n != 2 {
		t.Errorf("%d commands were run for two connections", n)
	}
}

func TestEvents(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	k.known(s)
	c := k.dial(k.dialer(), target(s))
	var got []string
	p := c.Start(call("echo", "x"), func(e wire.Event) { got = append(got, e.Text) })
	k.results(p)
	if len(got) != 1 || got[0] != "x" {
		t.Errorf("got %q", got)
	}
}

func TestNoiseIsSkipped(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{Profile: "echo 'Welcome to the server!'; echo; printf 'no newline'"})
	k.known(s)
	d := k.dialer()
	k.echo(k.dial(d, target(s)))
	k.echo(k.dial(d, target(s)))
}

func TestShellThatRunsNothing(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{Shell: []string{"/bin/sh", "-c", "echo This account is currently not available.; exit 1"}})
	k.known(s)
	k.refused(k.dialer(), target(s), "no agent could be started", "exit status 1", "This account is currently not available", "login shell")
}

// oddShell runs a bare path and nothing else.
const oddShell = `case "$1" in /*) exec ${1%% *} ${1#* };; *) echo "syntax error near unexpected token" >&2; exit 2;; esac`

func TestSecondWayOverFiles(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{SFTP: true, Shell: []string{"/bin/sh", "-c", oddShell, "oddshell"}})
	k.known(s)
	d := k.dialer()
	for range 2 {
		c := k.dial(d, target(s))
		k.echo(c)
		st, err := os.Stat(c.Hello().Dir)
		if err != nil || st.Mode().Perm() != 0o700 {
			t.Fatalf("%v %v", st, err)
		}
	}
	s = k.server(remotetest.Config{Shell: []string{"/bin/sh", "-c", oddShell, "oddshell"}})
	k.known(s)
	k.refused(k.dialer(), target(s), "no agent could be started", "syntax error near unexpected token")
}

func TestNoDirectory(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	k.known(s)
	dir := filepath.Join(t.TempDir(), "open")
	_ = os.Mkdir(dir, 0o755)
	tg := target(s)
	tg.AgentDir = dir
	k.refused(k.dialer(), tg, "no directory on the host can hold the agent", dir+": has mode drwxr-xr-x", "agent_dir")
	tg.AgentDir = "/a'b"
	k.refused(k.dialer(), tg, "holds characters that it cannot")
}

func mount(t *testing.T, opts string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	d := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", opts, "none", d).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", d).Run() })
	return d
}

func TestNoSpaceAndNoExec(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	k.known(s)
	for opts, want := range map[string]string{"size=64k,mode=700": "o space", "noexec,mode=700": "is mounted noexec", "ro,mode=700": "cannot be written"} {
		tg := target(s)
		tg.AgentDir = mount(t, opts)
		k.refused(k.dialer(), tg, "no directory on the host can hold the agent", tg.AgentDir, want, "agent_dir")
	}
}

func TestCachedAgentThatCannotRun(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	k.known(s)
	d := k.dialer()
	c := k.dial(d, target(s))
	file := filepath.Join(c.Hello().Dir, "mxplay-agent-"+c.Hello().Version)
	_ = c.Close()
	if err := s.WaitGone(k.ctx()); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	// The same size, and yet no program.
	if err := os.WriteFile(file+"~", make([]byte, st.Size()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+"~", file); err != nil {
		t.Fatal(err)
	}
	k.echo(k.dial(d, target(s)))
}

func TestArchitecture(t *testing.T) {
	k := newKit(t)
	have := k.o.Agents
	k.o.Agents = func(arch string) (Agent, error) {
		if arch != "arm" {
			return Agent{}, ErrNoAgent
		}
		return have("amd64")
	}
	s := k.server(remotetest.Config{})
	k.known(s)
	k.refused(k.dialer(), target(s), "there is no agent for this host's architecture", "amd64, arm64 and armv7")
}

func TestNoAgents(t *testing.T) {
	k := newKit(t)
	k.o.Agents = func(string) (Agent, error) { return Agent{}, ErrNoAgent }
	_, err := k.dialer().Dial(k.ctx(), Target{Name: "web1", Host: "127.0.0.1", Port: 1})
	if !errors.Is(err, ErrNoAgent) || !strings.Contains(err.Error(), "make build") {
		t.Fatalf("got %v", err)
	}
}

func TestAgentThatDies(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{Env: []string{"FAKE_DIE=1"}})
	k.known(s)
	k.refused(k.dialer(), target(s), "no agent could be started", "exit status 3", "the fake agent dies as it was told")
}

func TestLostConnection(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	k.known(s)
	for task, want := range map[string][]string{
		"exit": {"connection lost", "exit status 7", "last words"},
		"kill": {"connection lost", "signal KILL"},
		"cut":  {"connection lost"},
	} {
		c := k.dial(k.dialer(), target(s))
		var p *Pending
		if task == "cut" {
			k.echo(c)
			p = c.Start(call("hang", ""), nil)
			s.Cut()
		} else {
			p = c.Start(call(task, ""), nil)
		}
		_, _, err := p.Next(k.ctx())
		var u *UnreachableError
		if !errors.As(err, &u) {
			t.Fatalf("%s: got %v", task, err)
		}
		for _, w := range want {
			if all := u.Error() + strings.Join(u.Lines, "\n"); !strings.Contains(all, w) {
				t.Errorf("%s: %q is missing in %q", task, w, all)
			}
		}
		if _, _, err := c.Start(call("echo", ""), nil).Next(k.ctx()); !errors.As(err, &u) {
			t.Errorf("%s: a later call: %v", task, err)
		}
		if c.Err() == nil {
			t.Errorf("%s: Err is nil", task)
		}
		if err := s.WaitGone(k.ctx()); err != nil {
			t.Error(err)
		}
	}
}

func TestSilentCut(t *testing.T) {
	k := newKit(t)
	k.o.Silence = 600 * time.Millisecond
	s := k.server(remotetest.Config{})
	k.known(s)
	l := remotetest.NewSlowLink(t, s.Addr, time.Microsecond)
	k.file("known_hosts", s.KnownHosts(addrName(l.Port)))
	tg := target(s)
	tg.Port = l.Port
	c := k.dial(k.dialer(), tg)
	k.echo(c)
	time.Sleep(time.Second) // heartbeats keep it
	k.echo(c)
	p := c.Start(call("hang", ""), nil)
	l.Drop()
	ctx, cancel := context.WithTimeout(k.ctx(), 5*time.Second)
	defer cancel()
	if _, _, err := p.Next(ctx); err == nil || !strings.Contains(err.Error(), "nothing was heard for 600ms") {
		t.Fatalf("got %v", err)
	}
	if err := s.WaitGone(ctx); err != nil { // the agent found out by itself: nothing passes
		t.Fatal(err)
	}
}

func TestNothingSurvives(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	k.known(s)
	c := k.dial(k.dialer(), target(s))
	k.echo(c)
	if len(s.Alive()) != 1 {
		t.Fatalf("alive: %v", s.Alive())
	}
	s.Cut()
	ctx, cancel := context.WithTimeout(k.ctx(), 5*time.Second)
	defer cancel()
	if err := s.WaitGone(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestRefused(t *testing.T) {
	k := newKit(t)
	k.o.Run = "refuse"
	s := k.server(remotetest.Config{})
	k.known(s)
	c := k.dial(k.dialer(), target(s))
	_, _, err := c.Start(call("hang", ""), nil).Next(k.ctx())
	var r *RefusedError
	if !errors.As(err, &r) || r.Hint != "wait" {
		t.Fatalf("got %v", err)
	}
}

func TestAskAfterReconnect(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	k.known(s)
	d := k.dialer()
	c := k.dial(d, target(s))
	p := c.Start(call("hang", ""), nil)
	k.echoFails(p, s)
	c2 := k.dial(d, target(s))
	a, err := c2.Ask(k.ctx(), p.ID)
	if err != nil || a[p.ID].State != "none" {
		t.Fatalf("got %v %v", a, err)
	}
	if q := c2.Start(call("echo", ""), nil); q.ID == p.ID {
		t.Error("an id was used twice")
	}
}

func (k *kit) echoFails(p *Pending, s *remotetest.Server) {
	k.t.Helper()
	s.Cut()
	if _, _, err := p.Next(k.ctx()); err == nil {
		k.t.Fatal("no error")
	}
}

func TestLocal(t *testing.T) {
	k := newKit(t)
	d := k.dialer()
	tg := Target{Name: "localhost", Connection: "local", Env: []string{"HOME=" + k.home}}
	for range 2 {
		c := k.dial(d, tg)
		k.echo(c)
		pid := c.Hello().PID
		_ = c.Close()
		if p, _ := os.FindProcess(pid); p.Signal(syscall.Signal(0)) == nil {
			t.Error("the agent still runs after Close")
		}
	}
	tg.Connection = "docker"
	k.refused(d, tg, `connection "docker"`)
}

func TestContextEndsADial(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{Profile: "sleep 5"})
	k.known(s)
	ctx, cancel := context.WithTimeout(context.Background(), 700*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := k.dialer().Dial(ctx, target(s))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Fatalf("got %v after %v", err, time.Since(start))
	}
}
