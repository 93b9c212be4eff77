package remote

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"sync"
	"syscall"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// link is a way to run commands on a host.
type link interface {
	// run starts a command line through the account's shell.
	run(line string) (*process, error)
	// files opens a file transfer, errNoFiles when there is none.
	files() (*sftp.Client, error)
	close()
}

var errNoFiles = errors.New("the host offers no sftp")

// process is a command that runs on a host.
type process struct {
	in   io.WriteCloser
	out  io.Reader
	errs *tail
	end  func() // makes it end, if need be by force
	done chan struct{}
	err  error // once done is closed: how it ended
}

// ending says how the process ended, waiting a moment for it.
func (p *process) ending() error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(time.Second):
		return nil
	}
}

// sshLink is the link over SSH.
type sshLink struct{ hop *hop }

func (l *sshLink) close() { l.hop.close() }

func (l *sshLink) run(line string) (*process, error) {
	s, err := l.hop.client.NewSession()
	if err != nil {
		return nil, fmt.Errorf("opening a session: %w", err)
	}
	p := &process{errs: &tail{}, done: make(chan struct{}), end: func() { _ = s.Close() }}
	s.Stderr = p.errs
	if p.in, err = s.StdinPipe(); err != nil {
		return nil, err
	}
	if p.out, err = s.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := s.Start(line); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("the host runs no command: %w", err)
	}
	go func() {
		p.err = s.Wait()
		close(p.done)
	}()
	return p, nil
}

func (l *sshLink) files() (*sftp.Client, error) {
	c, err := sftp.NewClient(l.hop.client, sftp.UseConcurrentWrites(true))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoFiles, err)
	}
	return c, nil
}

// localLink runs commands on this machine.
type localLink struct {
	env []string
	mu  sync.Mutex
	ps  []*process
}

// localPath is what sshd gives as PATH, so that the local connection is like any other.
const localPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func newLocalLink(extra []string) (*localLink, error) {
	u, err := user.Current()
	if err != nil {
		return nil, err
	}
	shell := "/bin/sh"
	env := []string{localPath, "HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username, "SHELL=" + shell}
	return &localLink{env: append(env, extra...)}, nil
}

func (l *localLink) run(line string) (*process, error) {
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Env, cmd.Dir = l.env, "/"
	// A session of its own: Ctrl-C at the terminal is mxplay's to handle.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p := &process{errs: &tail{}, done: make(chan struct{})}
	cmd.Stderr = p.errs
	cmd.WaitDelay = time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = outW
	err = cmd.Start()
	_ = outW.Close()
	if err != nil {
		_ = outR.Close()
		return nil, err
	}
	p.in, p.out = in, outR
	p.end = func() { _ = cmd.Process.Kill(); _ = outR.Close() }
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	l.mu.Lock()
	l.ps = append(l.ps, p)
	l.mu.Unlock()
	return p, nil
}

func (l *localLink) files() (*sftp.Client, error) { return nil, errNoFiles }

// close lets what runs end by itself before it is killed: it has work to put in order.
func (l *localLink) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := time.NewTimer(localGrace)
	defer limit.Stop()
	for _, p := range l.ps {
		_ = p.in.Close()
		select {
		case <-p.done:
		case <-limit.C:
			limit.Reset(0)
		}
		p.end()
	}
	l.ps = nil
}

const localGrace = 10 * time.Second

// endText says in words how a process ended.
func endText(err error) string {
	var exit *ssh.ExitError
	var missing *ssh.ExitMissingError
	switch {
	case err == nil:
		return "it ended"
	case errors.As(err, &exit) && exit.Signal() != "":
		return "it was ended by signal " + exit.Signal()
	case errors.As(err, &exit):
		return fmt.Sprintf("it ended with exit status %d", exit.ExitStatus())
	case errors.As(err, &missing):
		return "the connection was cut"
	}
	return err.Error()
}

// exitStatus is the exit status in a process' ending, -1 when there is none.
func exitStatus(err error) int {
	var s *ssh.ExitError
	var e *exec.ExitError
	switch {
	case errors.As(err, &s):
		return s.ExitStatus()
	case errors.As(err, &e):
		return e.ExitCode()
	}
	return -1
}
