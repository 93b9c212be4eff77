package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/boot"
	"github.com/mxplay/mxplay/runner/wire"
)

// The test binary is an agent too: it is started again for other accounts,
// jobs and sockets just as the real one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "serve":
			Settle()
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
			defer stop()
			opt := Options{Tasks: fakes(), Log: os.Stderr, Grace: 300 * time.Millisecond}
			if len(os.Args) > 2 {
				opt.State = os.Args[2]
			}
			if err := Serve(ctx, os.Stdin, os.Stdout, opt); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case "job":
			if err := KeepJob(os.Args[2]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case "async":
			if err := KeepAsync(os.Args[2], Options{Tasks: fakes(), Log: os.Stderr, Grace: 300 * time.Millisecond}); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case "dial":
			os.Exit(DialFor(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

// doArgs say what the fake task does.
type doArgs struct {
	Do      string          `json:"do"`
	Argv    []string        `json:"argv"`
	Text    string          `json:"text"`
	Content modules.Content `json:"content" from:"file"`
}

type doResult struct {
	Out  string `json:"out"`
	Exit int    `json:"exit"`
}

// fakes are tasks for tests: an Action that does what it is told, and a Module.
func fakes() []*modules.Task {
	act := modules.Action[doArgs, doResult]{
		Name: "do",
		Run: func(ctx context.Context, h modules.Host, a doArgs) (r doResult, err error) {
			switch a.Do {
			case "fail":
				return r, errors.New("it failed as told")
			case "panic":
				panic("as told")
			case "sleep":
				return r, h.Sleep(ctx, time.Hour)
			case "run", "job":
				f := h.Run
				if a.Do == "job" {
					f = h.Job
				}
				o, err := f(ctx, modules.Command{Argv: a.Argv, Stdin: []byte(a.Text)})
				return doResult{string(o.Stdout), o.Exit}, err
			case "status":
				j, err := h.AsyncJob(ctx, a.Text)
				return doResult{fmt.Sprintf("%v %s %s", j.Finished, j.Outcome.Result, j.Outcome.Msg), 0}, err
			case "forget":
				return r, h.ForgetAsync(ctx, a.Text)
			case "say":
				h.Progress(a.Text)
			case "content":
				b, err := h.Content(ctx, a.Content)
				return doResult{Out: fmt.Sprint(len(b))}, err
			case "append":
				b, err := h.ReadFile(ctx, a.Argv[0])
				if err != nil && !errors.Is(err, modules.ErrNotExist) {
					return r, err
				}
				return r, h.Write(ctx, modules.Write{Path: a.Argv[0], Bytes: append(b, a.Text...)})
			}
			return r, nil
		},
	}
	state := modules.Module[doArgs, doResult]{
		Name: "sneaky", // a module that would write while it looks
		Check: func(ctx context.Context, r modules.Reader, a doArgs) (doResult, error) {
			return doResult{}, r.(modules.Host).Write(ctx, modules.Write{Path: a.Argv[0]})
		},
		Plan: func(doArgs, doResult) ([]modules.Step, error) { return nil, nil },
	}
	half := modules.Module[doArgs, doResult]{
		Name: "half", // a module whose step does its work and then hangs
		Check: func(ctx context.Context, r modules.Reader, a doArgs) (doResult, error) {
			_, err := r.Stat(ctx, a.Argv[0])
			return doResult{Exit: map[bool]int{true: 1}[err == nil]}, nil
		},
		Plan: func(a doArgs, s doResult) ([]modules.Step, error) {
			if s.Exit == 1 {
				return nil, nil
			}
			return []modules.Step{{What: "write", Do: func(ctx context.Context, h modules.Host) error {
				return errors.Join(h.Write(ctx, modules.Write{Path: a.Argv[0]}), h.Sleep(ctx, time.Hour))
			}}}, nil
		},
	}
	return []*modules.Task{act.Task(), state.Task(), half.Task()}
}

// controller is the other end, for tests.
type controller struct {
	t     *testing.T
	conn  *wire.Conn
	hello wire.Hello
	in    io.WriteCloser
	got   chan wire.Frame
	end   chan error // of Serve or the process
	log   *tail
	cmd   *exec.Cmd
	mute  atomic.Bool // a line that is cut without a word
}

// Write is what the connection writes through.
func (c *controller) Write(p []byte) (int, error) {
	if c.mute.Load() {
		return len(p), nil
	}
	return c.in.Write(p)
}

// serve starts an agent in this process.
func serve(t *testing.T, w wire.Welcome) *controller {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &controller{t: t, in: inW, got: make(chan wire.Frame, 100), end: make(chan error, 1), log: &tail{}}
	opt := Options{Tasks: fakes(), Log: c.log, State: t.TempDir(), Grace: 300 * time.Millisecond}
	done := make(chan struct{})
	go func() {
		c.end <- Serve(context.Background(), inR, outW, opt)
		outW.Close()
		close(done)
	}()
	t.Cleanup(func() { inW.Close(); soon(done) })
	c.greet(outR, w)
	return c
}

// startAgent starts an agent as a process of its own.
func startAgent(t *testing.T, state string, w wire.Welcome) *controller {
	t.Helper()
	c := &controller{t: t, got: make(chan wire.Frame, 100), end: make(chan error, 1), log: &tail{}}
	c.cmd = exec.Command(self, "serve", state)
	c.cmd.Stderr = c.log
	c.in, _ = c.cmd.StdinPipe()
	out, _ := c.cmd.StdoutPipe()
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.in.Close(); _ = c.cmd.Process.Kill(); soon(done) })
	c.greet(out, w)
	go func() { c.end <- c.cmd.Wait(); close(done) }()
	return c
}

// soon waits for an end, so that nobody writes into a folder that is being removed.
func soon(done chan struct{}) {
	select {
	case <-done:
	case <-time.After(10 * time.Second):
	}
}

func (c *controller) greet(out io.Reader, w wire.Welcome) {
	c.t.Helper()
	r := bufio.NewReader(out)
	if a, err := boot.Read(r); err != nil || !a.Ready {
		c.t.Fatalf("no magic: %+v %v", a, err)
	}
	c.conn = wire.NewConn(r, c)
	f, err := c.conn.Recv()
	if err != nil || f.Into(&c.hello) != nil {
		c.t.Fatalf("no Hello: %v", err)
	}
	if err := c.conn.Send(wire.TWelcome, w); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		defer close(c.got)
		for {
			f, err := c.conn.Recv()
			if err != nil {
				return
			}
			c.got <- f
		}
	}()
}

// patience is how long a frame is waited for; an installation takes its time.
var patience = 20 * time.Second

var lastID uint64

// call sends a call of the fake task.
func (c *controller) call(chain bool, args ...doArgs) uint64 {
	c.t.Helper()
	return c.send(wire.Call{Task: "do", Chain: chain}, args...)
}

func (c *controller) send(call wire.Call, args ...doArgs) uint64 {
	c.t.Helper()
	lastID++
	call.ID = lastID
	for _, a := range args {
		b, _ := json.Marshal(a)
		call.Items = append(call.Items, wire.Item{Args: b})
	}
	if err := c.conn.Send(wire.TCall, call); err != nil {
		c.t.Fatal(err)
	}
	return call.ID
}

// frame is the next frame of a type.
func (c *controller) frame(t wire.Type) wire.Frame {
	c.t.Helper()
	for {
		select {
		case f, ok := <-c.got:
			if !ok {
				c.t.Fatalf("the agent ended before %s came; log: %s", t, c.log)
			}
			if f.Type == t {
				return f
			}
		case <-time.After(patience):
			c.t.Fatalf("no %s came; log: %s", t, c.log)
		}
	}
}

// result is the next result and its text.
func (c *controller) result() (wire.Result, string) {
	c.t.Helper()
	var r wire.Result
	if err := c.frame(wire.TResult).Into(&r); err != nil {
		c.t.Fatal(err)
	}
	var d doResult
	_ = json.Unmarshal(r.Outcome.Result, &d)
	return r, d.Out
}

func (c *controller) waitEnd(limit time.Duration) error {
	c.t.Helper()
	select {
	case err := <-c.end:
		return err
	case <-time.After(limit):
		c.t.Fatalf("the agent did not end within %s", limit)
	}
	return nil
}

func has(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Fatalf("%q does not hold %q", text, want)
	}
}
