package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mxplay/mxplay/runner/boot"
)

// Dialer makes the connections of one run. Its methods may be called by many goroutines.
type Dialer struct {
	o      Options
	config *config
	known  *knownHosts
	keys   *keys
	jumps  bastions
	life   context.Context
	end    context.CancelFunc
	calls  atomic.Uint64 // ids of calls: one row for the run, so that they can be asked for later

	binaries func() (map[string]agentFile, error)

	mu      sync.Mutex
	noticed map[string]bool

	wrap func(net.Conn) net.Conn // around each connection, in tests
}

// agentFile is an agent as it is built in.
type agentFile struct {
	boot.Binary
	open func() (io.ReadCloser, error) // its gzip
}

// NewDialer makes a Dialer. Close it after its connections.
func NewDialer(o Options) *Dialer {
	d := &Dialer{o: o, known: &knownHosts{}, noticed: map[string]bool{}}
	d.config = newConfig(o.NoConfig, func(text string) { d.notice("", text) })
	s := &secrets{ask: o.Ask}
	d.keys = &keys{secrets: s, files: map[string]*keyFile{}, agents: map[string]*agentConn{}, lucky: map[string]string{}}
	d.life, d.end = context.WithCancel(context.Background())
	d.binaries = sync.OnceValues(d.readBinaries)
	return d
}

// readBinaries gets the agents that are built in; one at least.
func (d *Dialer) readBinaries() (map[string]agentFile, error) {
	out := map[string]agentFile{}
	if d.o.Agents == nil {
		return nil, ErrNoAgent
	}
	for _, arch := range arches {
		a, err := d.o.Agents(arch)
		if errors.Is(err, ErrNoAgent) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[arch] = agentFile{boot.Binary{Arch: arch, Hash: a.SHA256, Size: a.Size, Sent: a.Packed}, a.Open}
	}
	if len(out) == 0 {
		return nil, ErrNoAgent
	}
	return out, nil
}

// arches are those an agent can be built in for.
var arches = []string{"amd64", "arm64", "arm"}

// notice tells a person something, once.
func (d *Dialer) notice(host, text string) {
	d.mu.Lock()
	was := d.noticed[host+"\x00"+text]
	d.noticed[host+"\x00"+text] = true
	d.mu.Unlock()
	if !was && d.o.Notice != nil {
		d.o.Notice(host, text)
	}
}

// Dial connects to a host and starts the agent there. Errors are
// *UnreachableError, but for ErrNoAgent and the end of ctx.
func (d *Dialer) Dial(ctx context.Context, t Target) (*Conn, error) {
	s, err := d.open(ctx, t)
	if err != nil {
		return nil, err
	}
	return newConn(d, t, s), nil
}

// open makes a line to an agent.
func (d *Dialer) open(ctx context.Context, t Target) (*session, error) {
	if _, err := d.binaries(); err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	l, err := d.link(ctx, t)
	if err == nil {
		var s *session
		if s, err = d.begin(ctx, l, t); err == nil {
			return s, nil
		}
		l.close()
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, context.Cause(ctx))
	}
	return nil, unreachable(t.Name, err)
}

// unreachable brings an error into the one form that the runner knows.
func unreachable(host string, err error) error {
	var u *UnreachableError
	if errors.As(err, &u) {
		return err
	}
	u = &UnreachableError{Host: host, Err: err}
	var t *trouble
	if errors.As(err, &t) {
		u.Lines, u.Hint = t.lines, t.hint
	}
	return u
}

// link opens the way to a host.
func (d *Dialer) link(ctx context.Context, t Target) (link, error) {
	switch t.Connection {
	case "", "ssh":
	case "local":
		if runtime.GOOS != "linux" {
			return nil, fmt.Errorf("connection local works on Linux only, and this machine runs %s", runtime.GOOS)
		}
		return newLocalLink(t.Env)
	default:
		return nil, fmt.Errorf("connection %q: it is ssh or local", t.Connection)
	}
	args, err := t.arguments(d.o.HostKeyChecking)
	if err != nil {
		return nil, err
	}
	s, err := d.config.settings(ctx, t.host(), args)
	if err != nil {
		return nil, err
	}
	w := who{password: t.Password, hasPass: t.Password != ""}
	if t.KeyFile != "" {
		w.keyFile = homePath(t.KeyFile, d.config.home)
		if _, err := os.Stat(w.keyFile); err != nil {
			return nil, fmt.Errorf("key file %s: %s", w.keyFile, cause(err))
		}
	}
	h, err := d.reach(ctx, s, w, t.Name)
	if err != nil {
		return nil, err
	}
	return &sshLink{h}, nil
}

// arguments are what a person would give to ssh for the target: its variables first, as Ansible does.
func (t Target) arguments(checking string) (arguments, error) {
	var a arguments
	if t.Port != 0 {
		a.add("port", fmt.Sprint(t.Port))
	}
	if t.User != "" {
		a.add("user", t.User)
	}
	more, err := parseArguments(t.CommonArgs)
	if err != nil {
		return a, err
	}
	a.options = append(a.options, more.options...)
	a.file = more.file
	if checking != "" {
		a.add("stricthostkeychecking", checking)
	}
	return a, nil
}

// Close ends the connections to jump hosts and to the ssh-agent.
func (d *Dialer) Close() error {
	d.end()
	d.jumps.mu.Lock()
	defer d.jumps.mu.Unlock()
	for _, b := range d.jumps.open {
		<-b.done
		if b.hop != nil {
			b.hop.close()
		}
	}
	d.keys.close()
	return nil
}

func (d *Dialer) silence() time.Duration {
	if d.o.Silence > 0 {
		return d.o.Silence
	}
	return defaultSilence
}
