package agent

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/mxplay/mxplay/modules"
)

// self is the running binary, whatever became of its name. It is 0755 inside
// a closed directory, so that another account can be given it this way.
const self = "/proc/self/exe"

// drop starts this binary again as another account: groups, gid and uid are
// dropped for the whole process before its first instruction.
func (s *accounts) drop(ctx context.Context, u modules.User) (*process, error) {
	groups, err := s.a.sys.accounts.groupsOf(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("become: groups of %s: %w", u.Name, err)
	}
	cmd := exec.Command(self, "serve")
	cmd.Env = accountEnv(u)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:    true,
		Credential: &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID), Groups: groups},
	}
	p, err := s.spawn(cmd)
	if err != nil {
		return nil, fmt.Errorf("become: %s: %w", u.Name, err)
	}
	out := bufio.NewReader(p.out)
	if err := within(ctx, func() error { return await(out, p.in, nil) }); err != nil {
		p.kill()
		return nil, fmt.Errorf("become: the agent for %s: %w%s", u.Name, err, p.stderr.suffix())
	}
	p.out = out
	return p, nil
}

// spawn starts a child agent's process with pipes.
func (s *accounts) spawn(cmd *exec.Cmd) (*process, error) {
	p := &process{stderr: &tail{next: func(b []byte) { s.a.log.printf("%s", b) }}}
	cmd.Stderr = p.stderr
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		inR.Close()
		inW.Close()
		return nil, err
	}
	cmd.Stdin, cmd.Stdout = inR, outW
	cmd.WaitDelay = waitDelay
	err = cmd.Start()
	inR.Close()
	outW.Close()
	if err != nil {
		inW.Close()
		outR.Close()
		return nil, err
	}
	ended := make(chan struct{})
	var werr error
	go func() { werr = cmd.Wait(); close(ended) }()
	p.in, p.out = inW, outR
	p.end = func() error { <-ended; return werr }
	p.kill = func() {
		inW.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Process.Kill()
		outR.Close()
	}
	return p, nil
}

// within does f, or gives up when ctx ends.
func within(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// accountEnv is the clean environment of an account.
func accountEnv(u modules.User) []string {
	shell := u.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + u.Home, "USER=" + u.Name, "LOGNAME=" + u.Name, "SHELL=" + shell, "LANG=C.UTF-8",
	}
}
