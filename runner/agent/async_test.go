package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// A job that nobody waits for goes on when its agent has ended, and another run's agent tells of it.
func TestAsyncGoesOn(t *testing.T) {
	state := t.TempDir()
	file := filepath.Join(state, "out")
	c := startAgent(t, state, wire.Welcome{Run: "one", Host: "h", Silence: 60000})
	c.send(wire.Call{Task: "do", Async: 60, Secrets: []string{"hush"}}, doArgs{Do: "run", Argv: []string{"sh", "-c", "until [ -e " + file + ".go ]; do sleep 0.05; done; echo said; echo x >>" + file}})
	r, _ := c.result()
	if r.Job == "" || !r.Outcome.Changed || r.Outcome.Failed || exists(file) {
		t.Fatalf("%+v", r)
	}
	c.in.Close()
	if err := c.waitEnd(patience); err != nil {
		t.Fatal(err)
	}
	if exists(file) {
		t.Fatal("the agent waited for the job")
	}
	if err := os.WriteFile(file+".go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c = startAgent(t, state, wire.Welcome{Run: "two", Host: "h", Silence: 60000})
	until(t, "the job's end", func() bool {
		c.call(false, doArgs{Do: "status", Text: r.Job})
		_, text := c.result()
		return strings.HasPrefix(text, `true {"out":"said\n"`)
	})
	if b, _ := os.ReadFile(file); string(b) != "x\n" {
		t.Errorf("it wrote %q", b)
	}
	if exists(filepath.Join(state, "async", r.Job, "task.json")) {
		t.Error("its arguments are kept")
	}
	c.call(false, doArgs{Do: "forget", Text: r.Job})
	c.result()
	for _, id := range []string{r.Job, "../async", ".", ""} {
		c.call(false, doArgs{Do: "status", Text: id})
		if r, _ := c.result(); !r.Outcome.Failed {
			t.Errorf("job %q: %+v", id, r)
		}
	}
}

// A job that is waited for survives its agent; the same call, sent again, waits for it and does not begin another.
func TestAsyncIsFoundAgain(t *testing.T) {
	state := t.TempDir()
	file := filepath.Join(state, "out")
	w := wire.Welcome{Run: "one", Host: "h", Silence: 60000}
	slow := doArgs{Do: "run", Argv: []string{"sh", "-c", "echo x >>" + file + "; sleep 1; echo said"}}
	quick := doArgs{Do: "run", Argv: []string{"sh", "-c", "echo quick"}}
	c := startAgent(t, state, w)
	id := c.send(wire.Call{Task: "do", Async: 60, Poll: 15}, quick, slow)
	if r, out := c.result(); out != "quick\n" || r.Job == "" {
		t.Fatalf("%+v", r)
	}
	until(t, "the job", func() bool { return exists(file) })
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.waitEnd(patience)
	c = startAgent(t, state, w)
	if err := c.conn.Send(wire.TAsk, wire.Ask{IDs: []uint64{id}}); err != nil {
		t.Fatal(err)
	}
	var a wire.Answer
	if err := c.frame(wire.TAnswer).Into(&a); err != nil || a.State != "none" {
		t.Fatalf("%+v %v", a, err)
	}
	lastID--
	c.send(wire.Call{Task: "do", Async: 60, Poll: 15, First: 1}, slow)
	if r, out := c.result(); out != "said\n" || r.Outcome.Failed {
		t.Fatalf("%+v", r)
	}
	if b, _ := os.ReadFile(file); string(b) != "x\n" {
		t.Errorf("it ran %d times", strings.Count(string(b), "x"))
	}
}

// A job that takes too long is killed with its children, and has failed.
func TestAsyncDeadline(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "one", Host: "h", Silence: 60000})
	pid := filepath.Join(t.TempDir(), "pid")
	c.send(wire.Call{Task: "do", Async: 1, Poll: 1}, doArgs{Do: "run", Argv: []string{"sh", "-c", "trap '' TERM; echo $$ >" + pid + "; sleep 30; sleep 30"}})
	r, _ := c.result()
	if !r.Outcome.Failed || r.Outcome.Msg != "async task did not complete within the requested time: 1s" {
		t.Errorf("%+v", r.Outcome)
	}
	b, err := os.ReadFile(pid)
	if err != nil || exists("/proc/"+strings.TrimSpace(string(b))) {
		t.Errorf("process %s lives (%v)", b, err)
	}
}

// A keeper that was killed is a failure, not a job that runs for ever.
func TestAsyncKilled(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "begun"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if j := readAsync(dir); j.Finished {
		t.Errorf("it may yet begin: %+v", j)
	}
	old := time.Now().Add(-startWait - time.Second)
	if err := os.Chtimes(filepath.Join(dir, "begun"), old, old); err != nil {
		t.Fatal(err)
	}
	if j := readAsync(dir); !j.Finished || !j.Outcome.Failed || !strings.Contains(j.Outcome.Msg, "killed") {
		t.Errorf("%+v", j)
	}
}

// Content that lives on the controller comes along before the job begins.
func TestAsyncContent(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "one", Host: "h", Silence: 60000})
	data := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	c.send(wire.Call{Task: "do", Async: 30, Poll: 15}, doArgs{Do: "content", Content: modules.Content{Name: "big", Hash: hashOf(data), Size: int64(len(data))}})
	var n wire.Need
	if err := c.frame(wire.TNeed).Into(&n); err != nil {
		t.Fatal(err)
	}
	if err := c.conn.SendBlob(t.Context(), n.Stream, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if r, out := c.result(); out != "65536" {
		t.Errorf("%+v", r)
	}
}

// In check mode nothing is started.
func TestAsyncPlan(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "one", Host: "h", Silence: 60000})
	c.send(wire.Call{Task: "do", Async: 30, Plan: true}, doArgs{Do: "run", Argv: []string{"false"}})
	if r, _ := c.result(); r.Job != "" || !r.Outcome.Changed || r.Outcome.Failed {
		t.Errorf("%+v", r)
	}
}

func TestPruneAsync(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	make := func(name string, age time.Duration, taken bool) {
		p := filepath.Join(dir, name)
		if err := ownDir(p); err != nil {
			t.Fatal(err)
		}
		if taken {
			_ = os.WriteFile(filepath.Join(p, "taken"), nil, 0o600)
		}
		_ = os.Chtimes(p, now.Add(-age), now.Add(-age))
	}
	make("old", keepAsync+time.Hour, false)
	make("kept", keepAsync-time.Hour, false)
	make("taken", keepTaken+time.Minute, true)
	make("just", keepTaken-time.Minute, true)
	make("runs", keepAsync+time.Hour, false)
	lock, err := openLock(filepath.Join(dir, "runs", "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := flock(lock, 2); err != nil { // LOCK_EX
		t.Fatal(err)
	}
	_ = os.Chtimes(filepath.Join(dir, "runs"), now.Add(-2*keepAsync), now.Add(-2*keepAsync))
	pruneAsync(dir, now)
	var left []string
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		left = append(left, e.Name())
	}
	if got := strings.Join(left, " "); got != "just kept runs" {
		t.Errorf("left: %s", got)
	}
}

// Who only looks for what is left makes no folder: an account whose agent is
// elsewhere keeps a home without one.
func TestAsyncDirsMakesNothing(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	if dirs := asyncDirs("/run/user/1/mxplay"); slices.Contains(dirs, filepath.Join(home, ".cache", "mxplay", "async")) {
		t.Errorf("got %q", dirs)
	}
	if exists(filepath.Join(home, ".cache")) {
		t.Error("the folder was made")
	}
	want := asyncDir("/run/user/1/mxplay")
	if dirs := asyncDirs("/run/user/1/mxplay"); !slices.Contains(dirs, want) {
		t.Errorf("got %q without %s", dirs, want)
	}
	state := t.TempDir()
	if dirs := asyncDirs(state); len(dirs) != 1 || dirs[0] != asyncDir(state) {
		t.Errorf("got %q", dirs)
	}
}
