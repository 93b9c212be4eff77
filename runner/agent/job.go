package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// A job is a process that outlives the connection. Its folder under the
// account's state directory holds
//
//	job.json  what to run
//	stdin     what it reads
//	lock      held by its keeper for as long as that lives
//	stdout, stderr
//	exit.json how it ended; without it and with a free lock, it was killed
//
// The keeper is this binary as `mxplay-agent job FOLDER`. The folder's name
// comes from the run and the command, so that the same task, sent again after
// a cut, finds the job that is under way, or its result.

// jobSpec is job.json.
type jobSpec struct {
	Argv     []string  `json:"argv"`
	Dir      string    `json:"dir"`
	Env      []string  `json:"env"`
	Deadline time.Time `json:"deadline"`
}

// jobExit is exit.json.
type jobExit struct {
	Exit  int       `json:"exit"`
	Error string    `json:"error,omitempty"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

const (
	jobLimit = 4 * time.Hour  // a job that takes longer hangs
	keepJobs = 24 * time.Hour // how long folders stay
)

// Job runs a command as a job and waits for it. When ctx ends first, the job
// goes on: half a dpkg run is worse than one that nobody waits for.
func (h *host) Job(ctx context.Context, c modules.Command) (modules.Output, error) {
	out := modules.Output{Argv: c.Argv}
	if err := h.may("run " + strings.Join(c.Argv, " ")); err != nil {
		return out, err
	}
	if err := ctx.Err(); err != nil {
		return out, context.Cause(ctx)
	}
	env := h.env(c)
	if _, err := command(c, env); err != nil {
		return out, err
	}
	jobs := filepath.Join(h.agent.opt.State, "jobs")
	if err := errors.Join(ownDir(h.agent.opt.State), ownDir(jobs)); err != nil {
		return out, fmt.Errorf("%s: %w", c.Argv[0], err)
	}
	go prune(jobs, keepJobs)
	dir := filepath.Join(jobs, jobName(h.agent.welcome.Run, c, env))
	if !exists(filepath.Join(dir, "job.json")) {
		if err := h.startJob(ctx, dir, c, env); err != nil {
			_ = os.RemoveAll(dir)
			return out, fmt.Errorf("%s: %w", c.Argv[0], err)
		}
	}
	exit, err := waitJob(ctx, dir)
	if err != nil {
		return out, fmt.Errorf("%s: %w", c.Argv[0], err)
	}
	out.Exit, out.Start, out.End = exit.Exit, exit.Start, exit.End
	out.Stdout, _ = readEnd(filepath.Join(dir, "stdout"))
	out.Stderr, _ = readEnd(filepath.Join(dir, "stderr"))
	_ = os.RemoveAll(dir) // its result was taken: the same command later is a new job
	if exit.Error != "" {
		return out, fmt.Errorf("%s: %s", c.Argv[0], exit.Error)
	}
	return out, nil
}

// jobName is the same for the same command of the same run.
func jobName(run string, c modules.Command, env []string) string {
	b, _ := json.Marshal([]any{run, c.Argv, c.Dir, env, c.Stdin})
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:12])
}

// startJob prepares the folder and starts the keeper.
func (h *host) startJob(ctx context.Context, dir string, c modules.Command, env []string) error {
	if err := ownDir(dir); err != nil {
		return err
	}
	d := c.Dir
	if d == "" {
		d = "/"
	}
	spec, err := json.Marshal(jobSpec{Argv: c.Argv, Dir: d, Env: env, Deadline: time.Now().Add(jobLimit)})
	if err != nil {
		return err
	}
	if err := putFile(filepath.Join(dir, "stdin"), c.Stdin); err != nil {
		return err
	}
	if err := putFile(filepath.Join(dir, "job.json"), spec); err != nil {
		return err
	}
	return h.agent.startKeeper(ctx, "job", dir)
}

// startKeeper starts the process that keeps a folder: as a unit of its own
// where root has systemd, else in a session of its own.
func (a *Agent) startKeeper(ctx context.Context, kind, dir string) error {
	exe, err := os.Readlink(self)
	if err != nil {
		return err
	}
	if os.Geteuid() == 0 && systemdRuns() && exists(exe) {
		unit := "mxplay-" + kind + "-" + filepath.Base(dir) + ".service"
		if err := a.sys.systemd.transient(ctx, unit, []string{exe, kind, dir}, cleanEnv()); err == nil {
			return nil
		} else {
			a.log.printf("%s: no transient unit: %v", kind, err)
		}
	}
	cmd := exec.Command(self, kind, dir)
	cmd.Env, cmd.Dir = cleanEnv(), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

// waitJob waits for the job's end.
func waitJob(ctx context.Context, dir string) (jobExit, error) {
	var exit jobExit
	pause, begin := 5*time.Millisecond, time.Now()
	for {
		if b, err := os.ReadFile(filepath.Join(dir, "exit.json")); err == nil {
			return exit, json.Unmarshal(b, &exit)
		}
		if time.Since(begin) > 5*time.Second && !jobAlive(dir) && !exists(filepath.Join(dir, "exit.json")) {
			_ = os.RemoveAll(dir)
			return exit, errors.New("its job was killed before it had ended")
		}
		select {
		case <-ctx.Done():
			return exit, fmt.Errorf("%w; its job goes on", context.Cause(ctx))
		case <-time.After(pause):
		}
		pause = min(2*pause, 60*time.Millisecond)
	}
}

// jobAlive tells whether a keeper holds the folder's lock.
func jobAlive(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(flock(f, syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// readEnd is what a job wrote, its last 16 MiB at most.
func readEnd(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > maxOutput {
		if _, err := f.Seek(-maxOutput, io.SeekEnd); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(f)
}

// KeepJob is the keeper: it runs the job of a folder to its end.
func KeepJob(dir string) error {
	lock, err := openLock(filepath.Join(dir, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := flock(lock, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("the job has a keeper: %w", err)
	}
	var spec jobSpec
	b, err := os.ReadFile(filepath.Join(dir, "job.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &spec); err != nil {
		return err
	}
	exit := keep(dir, spec)
	b, err = json.Marshal(exit)
	if err != nil {
		return err
	}
	return putFile(filepath.Join(dir, "exit.json"), b)
}

// keep runs the command with the folder's files as its streams.
func keep(dir string, spec jobSpec) (exit jobExit) {
	exit.Start = time.Now()
	defer func() { exit.End = time.Now() }()
	fail := func(err error) jobExit { exit.Exit, exit.Error = -1, err.Error(); return exit }
	var files [3]*os.File
	for i, name := range []string{"stdin", "stdout", "stderr"} {
		flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		if i == 0 {
			flags = os.O_RDONLY
		}
		f, err := os.OpenFile(filepath.Join(dir, name), flags, 0o600)
		if err != nil {
			return fail(err)
		}
		defer f.Close()
		files[i] = f
	}
	cmd, err := command(modules.Command{Argv: spec.Argv, Dir: spec.Dir}, spec.Env)
	if err != nil {
		return fail(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0], files[1], files[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fail(startError(modules.Command{Argv: spec.Argv, Dir: spec.Dir}, err))
	}
	t := time.AfterFunc(time.Until(spec.Deadline), func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		time.Sleep(10 * time.Second)
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	})
	err = cmd.Wait()
	timedOut := !t.Stop()
	exit.Exit = exitOf(cmd)
	var e *exec.ExitError
	switch {
	case timedOut:
		exit.Error = "its job took longer than " + jobLimit.String()
	case err != nil && !errors.As(err, &e):
		exit.Error = err.Error()
	}
	return exit
}
