package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socketAs connects to a Unix socket as an account. The server asks the
// kernel who it was that connected, so a process of that account has to: this
// binary as `mxplay-agent dial PATH`, which hands the connected socket over
// and ends.
func (s *system) socketAs(ctx context.Context, account, path string) (net.Conn, error) {
	if !exists(path) {
		return nil, missingf("there is no socket %s", path)
	}
	u, err := s.accounts.user(ctx, account)
	if err != nil {
		return nil, err
	}
	if u.UID == os.Geteuid() {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	if os.Geteuid() != 0 {
		return nil, &accountError{fmt.Sprintf("only root and %s itself can connect as account %s: the task needs become", account, account)}
	}
	groups, err := s.accounts.groupsOf(ctx, u)
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	mine, its := os.NewFile(uintptr(pair[0]), "pair"), os.NewFile(uintptr(pair[1]), "pair")
	defer mine.Close()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var text limited
	text.max = 4096
	cmd := exec.CommandContext(ctx, self, "dial", path)
	cmd.Env, cmd.Dir, cmd.Stderr = accountEnv(u), "/", &text
	cmd.ExtraFiles = []*os.File{its}
	cmd.WaitDelay = waitDelay
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:    true,
		Credential: &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID), Groups: groups},
	}
	err = cmd.Run()
	its.Close()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 2 {
			return nil, &os.SyscallError{Syscall: "connect", Err: syscall.Errno(exit.ExitCode())}
		}
		return nil, fmt.Errorf("as account %s: %w: %s", account, err, strings.TrimSpace(text.b.String()))
	}
	return receiveConn(int(mine.Fd()))
}

// accountError says that this account cannot connect as another.
type accountError struct{ text string }

func (e *accountError) Error() string { return e.text }

// receiveConn takes a connection that was sent over a socket.
func receiveConn(fd int) (net.Conn, error) {
	buf, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(fd, buf, oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil {
		return nil, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) != 1 {
		return nil, errors.New("no connection was handed over")
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.New("no connection was handed over")
	}
	f := os.NewFile(uintptr(fds[0]), "socket")
	defer f.Close()
	return net.FileConn(f)
}

// DialFor is `mxplay-agent dial PATH`: it connects, sends the socket over
// descriptor 3, and returns the exit status, which is the errno of a failure.
func DialFor(path string) int {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = retry(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) })
	}
	if err == nil {
		err = unix.Sendmsg(3, []byte{0}, unix.UnixRights(fd), nil, 0)
	}
	var no syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &no) && no > 2 && no < 126:
		fmt.Fprintln(os.Stderr, no.Error())
		return int(no)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// Connect tries to open a connection.
func (h *host) Connect(ctx context.Context, network, addr string) error {
	switch network {
	case "tcp", "tcp4", "tcp6", "unix":
	default:
		return fmt.Errorf("connect: no network %q: tcp and unix are there", network)
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return netError(addr, err)
	}
	return c.Close()
}

// netError is a network error in few words.
func netError(addr string, err error) error {
	var dns *net.DNSError
	var op *net.OpError
	var sys *os.SyscallError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return missingf("no such host %q", dns.Name)
	case errors.As(err, &op) && op.Timeout():
		return fmt.Errorf("%s: no answer in time: %w", addr, context.DeadlineExceeded)
	case errors.As(err, &sys):
		return fmt.Errorf("%s: %w", addr, sys.Err)
	}
	return fmt.Errorf("%s: %w", addr, err)
}
