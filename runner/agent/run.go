package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mxplay/mxplay/modules"
)

const (
	// waitDelay is how long output is waited for after a process has ended: a
	// daemon that it left behind may keep the pipe open for ever.
	waitDelay = 500 * time.Millisecond
	// maxOutput is how much of each stream of a process is kept.
	maxOutput = 16 << 20
)

// procs are the process groups that run now.
type procs struct {
	mu  sync.Mutex
	set map[int]bool
}

func newProcs() *procs { return &procs{set: map[int]bool{}} }

func (p *procs) add(pid int)  { p.mu.Lock(); p.set[pid] = true; p.mu.Unlock() }
func (p *procs) drop(pid int) { p.mu.Lock(); delete(p.set, pid); p.mu.Unlock() }

func (p *procs) killAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pid := range p.set {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}

// Run runs a command to its end in a process group of its own. When ctx ends
// first the group gets TERM and, after the grace, KILL.
func (h *host) Run(ctx context.Context, c modules.Command) (modules.Output, error) {
	if err := h.may("run " + strings.Join(c.Argv, " ")); err != nil {
		return modules.Output{}, err
	}
	if c.Temp != nil {
		return h.runWith(ctx, c)
	}
	return h.sys.procs.run(ctx, c, h.env(c), h.agent.opt.Grace)
}

// runWith runs a command with its temporary file.
func (h *host) runWith(ctx context.Context, c modules.Command) (out modules.Output, err error) {
	dir, err := os.MkdirTemp(cacheDir(), tempPrefix)
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, filepath.Base(c.Temp.Path))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return out, cause(err)
	}
	attr := c.Temp.Attr
	if attr.Mode == nil {
		attr.Mode = new(uint32)
		*attr.Mode = 0o700
	}
	if err := errors.Join(h.fill(ctx, f, *c.Temp, attr), f.Close()); err != nil {
		return out, err
	}
	c.Argv = slices.Clone(c.Argv)
	for i, w := range c.Argv {
		if w == modules.TempPath {
			c.Argv[i] = path
		}
	}
	return h.sys.procs.run(ctx, c, h.env(c), h.agent.opt.Grace)
}

// env is the account's clean environment, the task's and the command's.
func (h *host) env(c modules.Command) []string {
	return mergeEnv(mergeEnv(cleanEnv(), h.call.Env), c.Env)
}

// mergeEnv sets variables in an environment.
func mergeEnv(env []string, set map[string]string) []string {
	if len(set) == 0 {
		return env
	}
	var out []string
	for _, kv := range env {
		k, _, _ := strings.Cut(kv, "=")
		if _, ok := set[k]; !ok {
			out = append(out, kv)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(set)) {
		out = append(out, k+"="+set[k])
	}
	return out
}

func (p *procs) run(ctx context.Context, c modules.Command, env []string, grace time.Duration) (modules.Output, error) {
	out := modules.Output{Argv: c.Argv}
	if len(c.Argv) == 0 {
		return out, errors.New("a command without words")
	}
	if err := ctx.Err(); err != nil {
		return out, context.Cause(ctx)
	}
	cmd, err := command(c, env)
	if err != nil {
		return out, err
	}
	stdout, stderr := &limited{max: maxOutput}, &limited{max: maxOutput}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if c.Stdin != nil {
		cmd.Stdin = bytes.NewReader(c.Stdin)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = waitDelay
	out.Start = time.Now()
	if err := cmd.Start(); err != nil {
		return out, startError(c, err)
	}
	pid := cmd.Process.Pid
	p.add(pid)
	ended := make(chan struct{})
	go func() {
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		_ = syscall.Kill(-pid, syscall.SIGTERM)
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-ended:
		case <-t.C:
		}
		_ = syscall.Kill(-pid, syscall.SIGKILL) // what is left of the group too
	}()
	err = cmd.Wait()
	if ctx.Err() != nil {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	close(ended)
	p.drop(pid)
	out.End = time.Now()
	out.Stdout, out.Stderr = stdout.b.Bytes(), stderr.b.Bytes()
	out.Exit = exitOf(cmd)
	if ctx.Err() != nil {
		return out, fmt.Errorf("%s: %w", c.Argv[0], context.Cause(ctx))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return out, fmt.Errorf("%s: %w", c.Argv[0], err)
	}
	if stdout.cut || stderr.cut {
		return out, fmt.Errorf("%s: its output is longer than %d MiB", c.Argv[0], maxOutput>>20)
	}
	return out, nil
}

// command is a process to start, its program found on the PATH of its own environment.
func command(c modules.Command, env []string) (*exec.Cmd, error) {
	path := c.Argv[0]
	if !strings.Contains(path, "/") {
		var err error
		if path, err = pathIn(env, path); err != nil {
			return nil, startError(c, err)
		}
	}
	dir := c.Dir
	if dir == "" {
		dir = "/"
	}
	return &exec.Cmd{Path: path, Args: c.Argv, Env: env, Dir: dir}, nil
}

func pathIn(env []string, name string) (string, error) {
	for _, kv := range env {
		if dirs, ok := strings.CutPrefix(kv, "PATH="); ok {
			for _, d := range strings.Split(dirs, ":") {
				if p := d + "/" + name; strings.HasPrefix(d, "/") && executable(p) == nil {
					return p, nil
				}
			}
		}
	}
	return "", exec.ErrNotFound
}

func startError(c modules.Command, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, syscall.ENOENT):
		if c.Dir != "" && !exists(c.Dir) {
			return missingf("%s: there is no directory %s", c.Argv[0], c.Dir)
		}
		return missingf("%s: there is no such program on the host", c.Argv[0])
	}
	return fmt.Errorf("%s: %w", c.Argv[0], cause(err))
}

// exitOf is an exit status as a shell gives it.
func exitOf(cmd *exec.Cmd) int {
	st := cmd.ProcessState
	if st == nil {
		return -1
	}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return st.ExitCode()
}

// limited keeps the first max bytes.
type limited struct {
	b   bytes.Buffer
	max int
	cut bool
}

var _ io.Writer = (*limited)(nil)

func (l *limited) Write(p []byte) (int, error) {
	if room := l.max - l.b.Len(); len(p) > room {
		l.b.Write(p[:room])
		l.cut = true
	} else {
		l.b.Write(p)
	}
	return len(p), nil
}
