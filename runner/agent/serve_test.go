package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

func TestHello(t *testing.T) {
	begin := time.Now()
	c := serve(t, wire.Welcome{Run: "r"})
	if c.hello.UID != os.Geteuid() || c.hello.Facts.System != "Linux" || c.hello.Facts.Processors < 1 || c.hello.Arch == "" {
		t.Fatalf("got %+v", c.hello)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Fatalf("hello took %v", d)
	}
	c.in.Close()
	if err := c.waitEnd(3 * time.Second); err != nil {
		t.Fatal(err)
	}
}

func TestOrderAndItems(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "r"})
	p := filepath.Join(t.TempDir(), "f")
	for i := range 10 {
		c.call(true, doArgs{Do: "append", Argv: []string{p}, Text: strconv.Itoa(i) + "a"}, doArgs{Do: "append", Argv: []string{p}, Text: strconv.Itoa(i) + "b"})
	}
	for i := range 20 {
		r, _ := c.result()
		if r.Item != i%2 || r.Last != (i%2 == 1) || r.Outcome.Failed || r.Start == 0 || r.End < r.Start {
			t.Fatalf("result %d: %+v", i, r)
		}
	}
	b, _ := os.ReadFile(p)
	if string(b) != "0a0b1a1b2a2b3a3b4a4b5a5b6a6b7a7b8a8b9a9b" {
		t.Fatalf("got %s", b)
	}
}

func TestChain(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "r"})
	c.call(true, doArgs{})
	c.call(true, doArgs{Do: "fail"}, doArgs{})
	c.call(true, doArgs{}, doArgs{})
	c.call(false, doArgs{})
	c.call(true, doArgs{Do: "panic"})
	c.call(true, doArgs{})
	var got []string
	for range 7 {
		r, _ := c.result()
		switch {
		case r.NotBegun:
			got = append(got, "not begun")
		case r.Outcome.Failed:
			got = append(got, r.Outcome.Msg)
		default:
			got = append(got, "ok")
		}
	}
	want := "ok, it failed as told, ok, not begun, ok, the module broke: as told, not begun"
	if s := strings.Join(got, ", "); s != want {
		t.Fatalf("got  %s\nwant %s", s, want)
	}
}

func TestCancel(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "r"})
	id := c.call(true, doArgs{Do: "sleep"}, doArgs{})
	c.call(true, doArgs{})
	time.Sleep(50 * time.Millisecond)
	if err := c.conn.Send(wire.TCancel, wire.Cancel{ID: id}); err != nil {
		t.Fatal(err)
	}
	r, _ := c.result()
	if !r.Outcome.Failed || r.Outcome.Msg != "cancelled" {
		t.Fatalf("got %+v", r)
	}
	if r, _ = c.result(); !r.NotBegun || r.Item != 1 {
		t.Fatalf("got %+v", r)
	}
	if r, _ = c.result(); !r.NotBegun || r.ID != id+1 {
		t.Fatalf("got %+v", r)
	}
	c.call(false, doArgs{})
	if r, _ = c.result(); r.NotBegun || r.Outcome.Failed {
		t.Fatalf("got %+v", r)
	}
}

func TestTimeout(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "r"})
	c.send(wire.Call{Task: "do", Timeout: 100}, doArgs{Do: "run", Argv: []string{"sleep", "60"}})
	r, _ := c.result()
	has(t, r.Outcome.Msg, "longer than its timeout of 100ms")
}

func TestUnknownTaskAndAccount(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "r"})
	c.send(wire.Call{Task: "nope"}, doArgs{})
	r, _ := c.result()
	has(t, r.Refused, `no task "nope"`)
	c.send(wire.Call{Task: "do", Account: wire.Account{User: "nobody-of-that-name"}}, doArgs{})
	r, _ = c.result()
	has(t, r.Refused, `no such user "nobody-of-that-name"`)
	if !r.NoUser {
		t.Error("it is not told from other refusals")
	}
}

func TestEventsHideSecrets(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "r"})
	c.send(wire.Call{Task: "do", Secrets: []string{"hunter22"}}, doArgs{Do: "say", Text: "the password is hunter22"})
	var e wire.Event
	if err := c.frame(wire.TEvent).Into(&e); err != nil || e.Text != "the password is ***" {
		t.Fatalf("got %+v", e)
	}
}

func TestCheckModeCannotWrite(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "r", Check: true})
	p := filepath.Join(t.TempDir(), "f")
	c.send(wire.Call{Task: "sneaky", Plan: true}, doArgs{Argv: []string{p}})
	r, _ := c.result()
	if !r.Outcome.Failed || exists(p) {
		t.Fatalf("it wrote: %+v", r)
	}
	h := doors(t)
	h.looking = true
	one := func(err error) {
		t.Helper()
		if !errors.Is(err, modules.ErrDoor) {
			t.Errorf("got %v", err)
		}
	}
	one(h.Write(bg, modules.Write{Path: p}))
	one(h.Mkdir(bg, p, modules.Attr{}))
	one(h.Link(bg, "x", p, false))
	one(h.SetAttr(bg, p, modules.Attr{}))
	one(h.Remove(bg, p))
	one(h.Exec(bg, modules.Database{}, "x"))
	_, err := h.Run(bg, modules.Command{Argv: []string{"true"}})
	one(err)
	_, err = h.Job(bg, modules.Command{Argv: []string{"true"}})
	one(err)
	_, err = h.UnitJob(bg, "start", "x")
	one(err)
	_, err = h.HTTP(bg, modules.Request{URL: "http://127.0.0.1/"})
	one(err)
}

func TestContent(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "r"})
	data := bytes.Repeat([]byte("0123456789"), 300_000)
	sum := sha256.Sum256(data)
	want := modules.Content{Name: "x", Hash: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	ask := func() wire.Need {
		c.call(false, doArgs{Do: "content", Content: want})
		var n wire.Need
		if err := c.frame(wire.TNeed).Into(&n); err != nil || n.Hash != want.Hash {
			t.Fatalf("got %+v, %v", n, err)
		}
		return n
	}
	n := ask()
	_ = c.conn.SendFail(n.Stream, "the file is gone")
	r, _ := c.result()
	has(t, r.Outcome.Msg, "the file is gone")
	n = ask()
	_ = c.conn.SendBlob(context.Background(), n.Stream, strings.NewReader("something else"))
	r, _ = c.result()
	has(t, r.Outcome.Msg, "not what its hash says")
	n = ask()
	p := filepath.Join(t.TempDir(), "put")
	_ = os.WriteFile(p, data, 0o600)
	_ = c.conn.SendPath(n.Stream, p)
	if r, out := c.result(); out != strconv.Itoa(len(data)) || exists(p) {
		t.Fatalf("got %q %+v", out, r)
	}
	// It is kept for the step that follows a look.
	c.call(false, doArgs{Do: "content", Content: want})
	if _, out := c.result(); out != strconv.Itoa(len(data)) {
		t.Fatalf("got %q", out)
	}
}

func TestSilenceEndsTheAgent(t *testing.T) {
	c := startAgent(t, t.TempDir(), wire.Welcome{Run: "r", Silence: 500})
	c.call(false, doArgs{Do: "run", Argv: []string{"sh", "-c", "trap '' TERM; sleep " + nap("300") + " & sleep " + nap("300") + "; sleep " + nap("300")}})
	time.Sleep(200 * time.Millisecond)
	begin := time.Now()
	c.mute.Store(true)
	if err := c.waitEnd(5 * time.Second); err == nil {
		t.Fatal("silence is no orderly end")
	}
	if d := time.Since(begin); d > 4*time.Second {
		t.Fatalf("it took %v", d)
	}
	has(t, c.log.String(), "silent")
	noneLeft(t, "sleep\x00"+nap("300"))
}

// nap is a time to sleep that no other process of the machine sleeps.
func nap(seconds string) string { return seconds + "." + strconv.Itoa(os.Getpid()) }

// noneLeft fails if a process with this in its command line lives.
func noneLeft(t *testing.T, argv string) {
	t.Helper()
	pids := running(argv)
	for range 20 { // killed is not yet gone
		if len(pids) > 0 {
			time.Sleep(25 * time.Millisecond)
			pids = running(argv)
		}
	}
	if len(pids) > 0 {
		for _, p := range pids {
			_ = syscall.Kill(p, syscall.SIGKILL)
		}
		t.Fatalf("still running: %v", pids)
	}
}

func running(argv string) []int {
	var out []int
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range list {
		b, _ := os.ReadFile(p)
		if strings.Contains(string(b), argv) {
			n, _ := strconv.Atoi(strings.Split(p, "/")[2])
			if n != os.Getpid() && processStart(n) != "" {
				out = append(out, n)
			}
		}
	}
	return out
}

func TestEndOfInputKillsWhatRuns(t *testing.T) {
	c := startAgent(t, t.TempDir(), wire.Welcome{Run: "r"})
	c.call(false, doArgs{Do: "run", Argv: []string{"sh", "-c", "trap '' TERM HUP; sleep " + nap("301") + " & sleep " + nap("301") + "; sleep " + nap("301")}})
	c.call(true, doArgs{Do: "run", Argv: []string{"sleep", nap("302")}})
	for len(running("sleep\x00"+nap("301"))) < 2 {
		time.Sleep(10 * time.Millisecond)
	}
	c.in.Close()
	if err := c.waitEnd(4 * time.Second); err != nil {
		t.Fatalf("%v: %s", err, c.log)
	}
	noneLeft(t, "sleep\x00"+nap("301"))
	noneLeft(t, "sleep\x00"+nap("302"))
}

// A daemon keeps the pipe open: the command has ended all the same.
func TestDaemonHoldsNoCall(t *testing.T) {
	c := serve(t, wire.Welcome{Run: "r"})
	begin := time.Now()
	c.call(false, doArgs{Do: "run", Argv: []string{"sh", "-c", "echo up; setsid sleep 3 & exit 4"}})
	r, out := c.result()
	if out != "up\n" || r.Outcome.Failed || time.Since(begin) > 2500*time.Millisecond {
		t.Fatalf("got %q %+v after %v", out, r, time.Since(begin))
	}
}

func TestJobOutlivesTheConnection(t *testing.T) {
	state, mark := t.TempDir(), filepath.Join(t.TempDir(), "mark")
	args := doArgs{Do: "job", Argv: []string{"sh", "-c", "sleep 1.5; echo done; echo x >>" + mark + "; exit 7"}}
	c := startAgent(t, state, wire.Welcome{Run: "r", Host: "h"})
	id := c.call(false, args)
	time.Sleep(400 * time.Millisecond)
	c.in.Close()
	if err := c.waitEnd(4 * time.Second); err != nil {
		t.Fatal(err)
	}
	// The same run comes back, and asks again.
	c = startAgent(t, state, wire.Welcome{Run: "r", Host: "h"})
	_ = c.conn.Send(wire.TAsk, wire.Ask{IDs: []uint64{id, 99999}})
	var a wire.Answer
	if err := c.frame(wire.TAnswer).Into(&a); err != nil || a.State != "done" || len(a.Results) != 1 || !strings.Contains(a.Results[0].Outcome.Msg, "its job goes on") {
		t.Fatalf("got %+v", a)
	}
	if err := c.frame(wire.TAnswer).Into(&a); err != nil || a.State != "none" {
		t.Fatalf("got %+v", a)
	}
	// Nothing begins before the job has ended, and the same call finds its result.
	c.call(false, doArgs{Do: "run", Argv: []string{"cat", mark}})
	r, out := c.result()
	if out != "x\n" {
		t.Fatalf("a call began in the midst of a job: %q %+v", out, r)
	}
	c.call(false, args)
	r, out = c.result()
	if out != "done\n" || r.Outcome.Failed {
		t.Fatalf("got %q %+v", out, r)
	}
	if b, _ := os.ReadFile(mark); string(b) != "x\n" {
		t.Fatalf("the job ran %q", b)
	}
	if left, _ := filepath.Glob(state + "/jobs/*"); len(left) > 0 {
		t.Fatalf("left over: %v", left)
	}
}

func TestReconnectEndsTheOlder(t *testing.T) {
	state := t.TempDir()
	old := startAgent(t, state, wire.Welcome{Run: "r", Host: "h"})
	old.call(false, doArgs{Do: "run", Argv: []string{"sleep", nap("303")}})
	for len(running("sleep\x00"+nap("303"))) < 1 {
		time.Sleep(10 * time.Millisecond)
	}
	c := startAgent(t, state, wire.Welcome{Run: "r", Host: "h"})
	_ = old.waitEnd(4 * time.Second)
	noneLeft(t, "sleep\x00"+nap("303"))
	c.call(false, doArgs{})
	if r, _ := c.result(); r.Outcome.Failed || r.Refused != "" {
		t.Fatalf("got %+v", r)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	me := lockInfo{Run: "a", Who: "anna@laptop", Since: time.Now()}
	one, err := takeLock(dir, me)
	if err != nil {
		t.Fatal(err)
	}
	two, err := takeLock(dir, me) // another name of the same machine
	if err != nil {
		t.Fatal(err)
	}
	_, err = takeLock(dir, lockInfo{Run: "b", Who: "bob"})
	var held *lockError
	if !errors.As(err, &held) || !strings.Contains(err.Error(), "anna@laptop, since 20") {
		t.Fatalf("got %v", err)
	}
	if _, err = takeLock(dir, lockInfo{Run: "b", Check: true}); err == nil {
		t.Fatal("check mode beside a run that changes things")
	}
	one.release()
	if _, err = takeLock(dir, lockInfo{Run: "b"}); err == nil {
		t.Fatal("the second holder was forgotten")
	}
	two.release()
	c1, err := takeLock(dir, lockInfo{Run: "c", Check: true})
	if err != nil {
		t.Fatal(err)
	}
	c2, err := takeLock(dir, lockInfo{Run: "d", Check: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = takeLock(dir, lockInfo{Run: "e"}); err == nil {
		t.Fatal("a run beside check mode")
	}
	c1.release()
	c2.release()
}

func TestLockRefusesTheConnection(t *testing.T) {
	state := t.TempDir()
	one := startAgent(t, state, wire.Welcome{Run: "a", Host: "h", Who: "anna@laptop"})
	one.call(false, doArgs{})
	one.result()
	two := startAgent(t, state, wire.Welcome{Run: "b", Host: "h", Who: "bob"})
	var r wire.Refused
	if err := two.frame(wire.TRefused).Into(&r); err != nil || !strings.Contains(r.Text, "anna@laptop") {
		t.Fatalf("got %+v", r)
	}
}

// What a cut call had changed is not forgotten when it is made again.
func TestChangeOutlivesACut(t *testing.T) {
	state := t.TempDir()
	p := filepath.Join(t.TempDir(), "f")
	args := doArgs{Do: "half", Argv: []string{p}}
	c := startAgent(t, state, wire.Welcome{Run: "r", Host: "h"})
	c.send(wire.Call{Task: "half"}, args)
	for !exists(p) {
		time.Sleep(10 * time.Millisecond)
	}
	c.in.Close()
	_ = c.waitEnd(4 * time.Second)
	for i, want := range []bool{true, false} {
		c = startAgent(t, state, wire.Welcome{Run: "r", Host: "h"})
		c.send(wire.Call{Task: "half"}, args)
		if r, _ := c.result(); r.Outcome.Failed || r.Outcome.Changed != want {
			t.Fatalf("time %d: %+v", i+2, r)
		}
	}
}

// Root's agent starts others as its children; order holds across them.
func TestAccounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	c := startAgent(t, t.TempDir(), wire.Welcome{Run: "r"})
	nobody := wire.Account{User: "nobody"}
	script := []string{"sh", "-c", "id -un; id -Gn; umask; pwd; echo $HOME; exit 0"}
	c.send(wire.Call{Task: "do", Account: nobody}, doArgs{Do: "run", Argv: script})
	r, out := c.result()
	if out != "nobody\nnogroup\n0022\n/\n/nonexistent\n" {
		t.Fatalf("got %q %+v; log %s", out, r, c.log)
	}
	c.send(wire.Call{Task: "do", Account: wire.Account{User: "root"}}, doArgs{Do: "run", Argv: []string{"id", "-un"}})
	if _, out = c.result(); out != "root\n" {
		t.Fatalf("got %q", out)
	}
	// Content finds its way to the child and back, by bytes and by path.
	data := bytes.Repeat([]byte("abc"), 1_000_000)
	sum := sha256.Sum256(data)
	content := modules.Content{Hash: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	for _, byPath := range []bool{false, true} {
		if byPath {
			data = append(data, '.')
			sum = sha256.Sum256(data)
			content = modules.Content{Hash: hex.EncodeToString(sum[:]), Size: int64(len(data))}
		}
		c.send(wire.Call{Task: "do", Account: nobody}, doArgs{Do: "content", Content: content})
		var n wire.Need
		if err := c.frame(wire.TNeed).Into(&n); err != nil || n.Stream>>24 != 1 {
			t.Fatalf("got %+v", n)
		}
		if byPath {
			p := filepath.Join(t.TempDir(), "big")
			_ = os.WriteFile(p, data, 0o600)
			_ = c.conn.SendPath(n.Stream, p)
		} else if err := c.conn.SendBlob(context.Background(), n.Stream, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if r, out = c.result(); out != strconv.Itoa(len(data)) {
			t.Fatalf("got %q %+v", out, r)
		}
	}
	// Cancel reaches a child; the end of stdin ends it and what it runs.
	id := c.send(wire.Call{Task: "do", Account: nobody}, doArgs{Do: "sleep"})
	time.Sleep(100 * time.Millisecond)
	_ = c.conn.Send(wire.TCancel, wire.Cancel{ID: id})
	if r, _ = c.result(); r.Outcome.Msg != "cancelled" {
		t.Fatalf("got %+v", r)
	}
	c.send(wire.Call{Task: "do", Account: nobody}, doArgs{Do: "run", Argv: []string{"sleep", nap("304")}})
	for len(running("sleep\x00"+nap("304"))) < 1 {
		time.Sleep(10 * time.Millisecond)
	}
	c.in.Close()
	if err := c.waitEnd(5 * time.Second); err != nil {
		t.Fatalf("%v; log %s", err, c.log)
	}
	noneLeft(t, "sleep\x00"+nap("304"))
}

// A child that dies is told as such, and the next call gets a new one.
func TestLostChild(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	c := startAgent(t, t.TempDir(), wire.Welcome{Run: "r"})
	acc := wire.Account{User: "nobody"}
	c.send(wire.Call{Task: "do", Account: acc}, doArgs{Do: "run", Argv: []string{"sh", "-c", "kill -9 $PPID; sleep 0.1"}})
	r, _ := c.result()
	if !r.Outcome.Failed || !strings.Contains(r.Outcome.Msg, "the agent of account nobody ended") {
		t.Fatalf("got %+v", r)
	}
	c.send(wire.Call{Task: "do", Account: acc}, doArgs{Do: "run", Argv: []string{"id", "-un"}})
	if _, out := c.result(); out != "nobody\n" {
		t.Fatalf("got %q", out)
	}
}
