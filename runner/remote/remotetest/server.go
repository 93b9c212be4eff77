// Package remotetest is an SSH server for tests: it runs commands for real,
// with /bin/sh on this machine and a home of its own, and can be as awkward
// as servers are. A Link in front of it counts round trips.
package remotetest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Config says what the server is like. The zero Config lets nobody in.
type Config struct {
	HostKeys    []ssh.Signer    // one of ed25519 when nil
	Keys        []ssh.PublicKey // that may log in
	UserCA      ssh.PublicKey   // whose certificates may log in
	Password    string          // of the method password
	Answer      string          // of the method keyboard-interactive
	Both        bool            // a key is not enough: the password comes after it
	MaxTries    int             // MaxAuthTries, 6 when zero
	SFTP        bool
	MaxSessions int      // on one connection, 10 when zero
	NoForward   bool     // AllowTcpForwarding no
	Profile     string   // what a chatty rc file runs before every command
	Shell       []string // instead of /bin/sh -c
	Env         []string // added to the commands' environment
	Home        string   // a temporary directory when ""
}

// Server is a running server.
type Server struct {
	Config
	Addr string // of 127.0.0.1
	Port int

	ln    net.Listener
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[net.Conn]bool
	pids  []int
	execs []string
	logs  []string
	dials int
}

// Start starts a server that ends with the test.
func Start(t testing.TB, c Config) *Server {
	t.Helper()
	if c.HostKeys == nil {
		c.HostKeys = []ssh.Signer{Key(t, "ed25519")}
	}
	if c.Home == "" {
		c.Home = t.TempDir()
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = 10
	}
	if c.Shell == nil {
		c.Shell = []string{"/bin/sh", "-c"}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Config: c, Addr: ln.Addr().String(), Port: ln.Addr().(*net.TCPAddr).Port, ln: ln, conns: map[net.Conn]bool{}}
	cfg := s.config()
	s.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.dials++
			s.mu.Unlock()
			s.wg.Go(func() { s.serve(conn, cfg) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		s.Cut()
		for _, p := range s.Alive() {
			_ = syscall.Kill(-p, syscall.SIGKILL)
		}
		s.wg.Wait()
	})
	return s
}

// Cut closes all connections at once.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Execs are the command lines that were run.
func (s *Server) Execs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.execs...)
}

// Logins are the attempts to log in, as "method" or "method fingerprint".
func (s *Server) Logins() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.logs...)
}

// Connections is how many were made.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

// Alive are the processes that commands started and that still run, by session.
func (s *Server) Alive() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int
	for _, p := range s.pids {
		if syscall.Kill(-p, 0) == nil {
			out = append(out, p)
		}
	}
	return out
}

// WaitGone waits until no process of the server's commands runs.
func (s *Server) WaitGone(ctx context.Context) error {
	for {
		left := s.Alive()
		if len(left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("processes %v still run", left)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// KnownHosts is the server's line in a known_hosts file, under its address or another name.
func (s *Server) KnownHosts(name string) string {
	var b bytes.Buffer
	if name == "" {
		name = fmt.Sprintf("[127.0.0.1]:%d", s.Port)
	}
	for _, k := range s.HostKeys {
		fmt.Fprintf(&b, "%s %s", name, ssh.MarshalAuthorizedKey(k.PublicKey()))
	}
	return b.String()
}

// Key makes a key: ed25519, rsa or ecdsa.
func Key(t testing.TB, kind string) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(Private(t, kind))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Private makes a private key for a file.
func Private(t testing.TB, kind string) any {
	t.Helper()
	var k any
	var err error
	switch kind {
	case "ed25519":
		_, k, err = ed25519.GenerateKey(rand.Reader)
	case "rsa":
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ecdsa":
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		t.Fatalf("no key of kind %q", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Certify makes a certificate of key, signed by ca, for a user or a host of that name.
func Certify(t testing.TB, ca, key ssh.Signer, kind uint32, name string, until time.Time) ssh.Signer {
	t.Helper()
	c := &ssh.Certificate{
		Key: key.PublicKey(), CertType: kind, KeyId: "test", ValidPrincipals: []string{name},
		ValidAfter: 0, ValidBefore: uint64(until.Unix()),
	}
	if err := c.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewCertSigner(c, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Server) log(text string) {
	s.mu.Lock()
	s.logs = append(s.logs, text)
	s.mu.Unlock()
}

func (s *Server) config() *ssh.ServerConfig {
	tries := s.MaxTries
	if tries == 0 {
		tries = 6
	}
	cfg := &ssh.ServerConfig{MaxAuthTries: tries, ServerVersion: "SSH-2.0-remotetest"}
	password := func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
		s.log("password")
		if subtle.ConstantTimeCompare(p, []byte(s.Password)) == 1 {
			return nil, nil
		}
		return nil, fmt.Errorf("wrong password")
	}
	check := ssh.CertChecker{
		IsUserAuthority: func(k ssh.PublicKey) bool { return s.UserCA != nil && bytes.Equal(k.Marshal(), s.UserCA.Marshal()) },
		UserKeyFallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			for _, have := range s.Keys {
				if bytes.Equal(have.Marshal(), k.Marshal()) {
					return nil, nil
				}
			}
			return nil, fmt.Errorf("unknown key")
		},
	}
	if len(s.Keys) > 0 || s.UserCA != nil {
		cfg.PublicKeyCallback = func(c ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			s.log("publickey " + ssh.FingerprintSHA256(k))
			p, err := check.Authenticate(c, k)
			if err == nil && s.Both {
				return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PasswordCallback: password}}
			}
			return p, err
		}
	}
	if s.Password != "" && !s.Both {
		cfg.PasswordCallback = password
	}
	if s.Answer != "" {
		cfg.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			s.log("keyboard-interactive")
			a, err := ask("", "", []string{"Password: "}, []bool{false})
			if err == nil && len(a) == 1 && a[0] == s.Answer {
				return nil, nil
			}
			return nil, fmt.Errorf("wrong answer")
		}
	}
	if cfg.PublicKeyCallback == nil && cfg.PasswordCallback == nil && cfg.KeyboardInteractiveCallback == nil {
		cfg.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, fmt.Errorf("nobody") }
	}
	for _, k := range s.HostKeys {
		cfg.AddHostKey(k)
	}
	return cfg
}

func (s *Server) serve(conn net.Conn, cfg *ssh.ServerConfig) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	_, chans, reqs, err := ssh.NewServerConn(conn, cfg)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(reqs)
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, s.MaxSessions)
	for ch := range chans {
		switch ch.ChannelType() {
		case "session":
			select {
			case slots <- struct{}{}:
			default:
				_ = ch.Reject(ssh.ResourceShortage, "open failed")
				continue
			}
			c, r, err := ch.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.session(c, r); <-slots })
		case "direct-tcpip":
			s.forward(ch)
		default:
			_ = ch.Reject(ssh.UnknownChannelType, "unknown")
		}
	}
}

func (s *Server) forward(ch ssh.NewChannel) {
	var m struct {
		Host     string
		Port     uint32
		From     string
		FromPort uint32
	}
	if err := ssh.Unmarshal(ch.ExtraData(), &m); err != nil || s.NoForward {
		_ = ch.Reject(ssh.Prohibited, "administratively prohibited")
		return
	}
	to, err := net.Dial("tcp", net.JoinHostPort(m.Host, strconv.Itoa(int(m.Port))))
	if err != nil {
		_ = ch.Reject(ssh.ConnectionFailed, "Connection refused")
		return
	}
	c, r, err := ch.Accept()
	if err != nil {
		_ = to.Close()
		return
	}
	go ssh.DiscardRequests(r)
	go func() { _, _ = io.Copy(to, c); _ = to.Close() }()
	go func() { _, _ = io.Copy(c, to); _ = c.Close() }()
}

func (s *Server) session(c ssh.Channel, reqs <-chan *ssh.Request) {
	defer c.Close()
	for r := range reqs {
		var m struct{ Text string }
		_ = ssh.Unmarshal(r.Payload, &m)
		switch {
		case r.Type == "exec":
			// As sshd, the command runs before the answer is on its way.
			s.exec(c, m.Text, func() { _ = r.Reply(true, nil) }, reqs)
			return
		case r.Type == "subsystem" && m.Text == "sftp" && s.SFTP:
			_ = r.Reply(true, nil)
			go ssh.DiscardRequests(reqs)
			if srv, err := sftp.NewServer(c, sftp.WithServerWorkingDirectory(s.Home)); err == nil {
				_ = srv.Serve()
			}
			return
		default:
			_ = r.Reply(false, nil)
		}
	}
}

// exec runs a command as sshd does without a terminal: when the connection
// ends its pipes are closed, and nothing else happens to it.
func (s *Server) exec(c ssh.Channel, line string, reply func(), reqs <-chan *ssh.Request) {
	go ssh.DiscardRequests(reqs)
	full := line
	if s.Profile != "" {
		full = s.Profile + "\n" + line
	}
	cmd := exec.Command(s.Shell[0], append(append([]string(nil), s.Shell[1:]...), full)...)
	cmd.Env = append([]string{"HOME=" + s.Home, "PATH=" + os.Getenv("PATH"), "USER=root", "SHELL=/bin/sh"}, s.Env...)
	cmd.Dir = s.Home
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	outR, outW, _ := os.Pipe()
	errR, errW, _ := os.Pipe()
	cmd.Stdout, cmd.Stderr = outW, errW
	err = cmd.Start()
	_, _ = outW.Close(), errW.Close()
	reply()
	if err != nil {
		return
	}
	s.mu.Lock()
	s.pids = append(s.pids, cmd.Process.Pid)
	s.execs = append(s.execs, line)
	s.mu.Unlock()
	go func() { _, _ = io.Copy(in, c); _ = in.Close() }()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(c, outR); _ = outR.Close() })
	wg.Go(func() { _, _ = io.Copy(c.Stderr(), errR); _ = errR.Close() })
	err = cmd.Wait()
	wg.Wait()
	status := struct{ Status uint32 }{}
	if st, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && st.Signaled() {
		_, _ = c.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal string
			Core   bool
			Text   string
			Lang   string
		}{Signal: signalName(st.Signal())}))
		return
	}
	if err != nil {
		status.Status = uint32(cmd.ProcessState.ExitCode())
	}
	_, _ = c.SendRequest("exit-status", false, ssh.Marshal(&status))
}

func signalName(s syscall.Signal) string {
	switch s {
	case syscall.SIGKILL:
		return "KILL"
	case syscall.SIGTERM:
		return "TERM"
	}
	return strconv.Itoa(int(s))
}
