package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// cause is what is wrong, without the path that the message names already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// dialTCP connects without anything in between.
func dialTCP(ctx context.Context, s settings, limit time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: limit, KeepAlive: 30 * time.Second}
	c, err := d.DialContext(ctx, s.net, s.addr())
	if err == nil {
		return c, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return nil, &trouble{err: fmt.Errorf("no address is known for the name %s", s.host),
			hint: "set ansible_host to its address, or HostName in ~/.ssh/config"}
	case errors.As(err, &dns):
		return nil, fmt.Errorf("looking up %s: %s", s.host, dns.Err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, &trouble{err: fmt.Errorf("%s does not answer within %v", s.addr(), limit),
			hint: "is it up, is port " + fmt.Sprint(s.port) + " open in its firewall, does it need a jump host?"}
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		return nil, fmt.Errorf("%s: %s", s.addr(), no.Error())
	}
	return nil, err
}

// dialThrough connects from a jump host.
func dialThrough(ctx context.Context, via *ssh.Client, s settings, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the jump host reaches no %s within %v", s.addr(), limit))
	defer cancel()
	c, err := via.DialContext(ctx, "tcp", s.addr())
	if err == nil {
		return c, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) {
		t := &trouble{err: fmt.Errorf("the jump host cannot connect to %s: %s", s.addr(), refused.Message)}
		if refused.Reason == ssh.Prohibited {
			t.hint = "its sshd has AllowTcpForwarding no, or PermitOpen leaves this address out"
		}
		return nil, t
	}
	return nil, fmt.Errorf("through the jump host to %s: %w", s.addr(), err)
}

// command is a connection whose two directions are a command's stdin and
// stdout: a ProxyCommand.
type command struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	errs *tail
	once sync.Once
	done chan struct{}
}

func dialCommand(line string) (*command, error) {
	c := &command{cmd: exec.Command("/bin/sh", "-c", "exec "+line), errs: &tail{}, done: make(chan struct{})}
	c.cmd.Stderr = c.errs
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.WaitDelay = time.Second
	// Pipes of our own: Wait must not close them while they are read.
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.out, c.cmd.Stdout = outR, outW
	if c.in, err = c.cmd.StdinPipe(); err == nil {
		err = c.cmd.Start()
	}
	_ = outW.Close()
	if err != nil {
		_ = outR.Close()
		return nil, fmt.Errorf("ProxyCommand %s: %w", line, err)
	}
	go func() { _ = c.cmd.Wait(); close(c.done) }()
	return c, nil
}

func (c *command) Read(p []byte) (int, error)  { return c.out.Read(p) }
func (c *command) Write(p []byte) (int, error) { return c.in.Write(p) }

// Close ends the command and all it started.
func (c *command) Close() error {
	c.once.Do(func() {
		_ = c.in.Close()
		go func() { // the end of its stdin is enough for most, and they may have something to say
			for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
				select {
				case <-c.done:
					return
				case <-time.After(300 * time.Millisecond):
					_ = syscall.Kill(-c.cmd.Process.Pid, s)
				}
			}
		}()
		_ = c.out.Close()
	})
	return nil
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "ProxyCommand" }

func (c *command) LocalAddr() net.Addr              { return pipeAddr{} }
func (c *command) RemoteAddr() net.Addr             { return pipeAddr{} }
func (c *command) SetDeadline(time.Time) error      { return nil }
func (c *command) SetReadDeadline(time.Time) error  { return nil }
func (c *command) SetWriteDeadline(time.Time) error { return nil }

// tail keeps the last of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > tailSize {
		t.buf = append([]byte(nil), t.buf[over:]...)
	}
	return len(p), nil
}

// lines are the last n lines, without what a terminal would take for commands.
func (t *tail) lines(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return textLines(t.buf, n)
}

func textLines(b []byte, n int) []string {
	var out []string
	for l := range strings.Lines(string(b)) {
		l = strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' || r == 0x7f {
				return -1
			}
			return r
		}, l)
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	if len(out) > n {
		out = out[len(out)-n:]
	}
	return out
}
