package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	connectTimeout = 10 * time.Second
	maxJumps       = 8
)

// hop is an SSH connection and what it goes through.
type hop struct {
	client *ssh.Client
	conn   net.Conn
	over   chan struct{} // closed when it has ended
}

func (h *hop) close() { _ = h.client.Close(); _ = h.conn.Close() }

// who is the one that logs in: a target, or nobody in particular on a jump host.
type who struct {
	keyFile  string
	password string
	hasPass  bool
}

// reach connects to a host by its settings, through its jump hosts.
func (d *Dialer) reach(ctx context.Context, s settings, w who, host string) (*hop, error) {
	limit := s.timeout
	if limit == 0 {
		limit = d.connectTimeout()
	}
	var conn net.Conn
	var err error
	switch {
	case s.jump != "":
		var via *hop
		if via, err = d.bastion(ctx, s.jump, s.file, host); err != nil {
			return nil, err
		}
		conn, err = dialThrough(ctx, via.client, s, limit)
	case s.proxy != "":
		conn, err = dialCommand(s.proxy)
	default:
		conn, err = dialTCP(ctx, s, limit)
	}
	if err != nil {
		return nil, err
	}
	if d.wrap != nil {
		conn = d.wrap(conn)
	}
	h, err := d.handshake(ctx, conn, s, w, host, limit)
	if err != nil {
		_ = conn.Close()
		if c, ok := conn.(*command); ok {
			select { // its last words
			case <-c.done:
			case <-time.After(500 * time.Millisecond):
			}
			return nil, withLines(err, c.errs.lines(10))
		}
		return nil, err
	}
	return h, nil
}

func withLines(err error, lines []string) error {
	if len(lines) == 0 {
		return err
	}
	t := &trouble{err: err, lines: lines}
	var inner *trouble
	if errors.As(err, &inner) {
		t.hint = inner.hint
		t.lines = append(inner.lines, lines...)
	}
	return t
}

// handshake agrees on keys, checks the host's and logs in.
func (d *Dialer) handshake(ctx context.Context, conn net.Conn, s settings, w who, host string, limit time.Duration) (*hop, error) {
	files := append(append([]string(nil), s.knownHosts...), s.global...)
	if d.o.KnownHosts != nil {
		files, s.knownHosts = d.o.KnownHosts, d.o.KnownHosts
	}
	set, err := d.known.set(files)
	if err != nil {
		return nil, fmt.Errorf("known_hosts: %w", err)
	}
	hk := &hostKey{set: set, s: s, notice: func(text string) { d.notice(host, text) }}
	in := &login{keys: d.keys, s: s, first: w.keyFile, secret: w.password, hasPass: w.hasPass}
	cfg := &ssh.ClientConfig{
		User: s.user,
		HostKeyCallback: func(name string, remote net.Addr, key ssh.PublicKey) error {
			err := hk.callback(name, remote, key)
			in.noPass = hk.weak
			return err
		},
		HostKeyAlgorithms: set.algorithms(s.known()),
		AuthCallback:      in.next,
		ClientVersion:     "SSH-2.0-mxplay",
	}
	g := newGuard(limit, d.keys.secrets, func() { _ = conn.Close() })
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	cc, chans, reqs, err := ssh.NewClientConn(&watched{conn, g}, s.known(), cfg)
	late := g.end()
	if !stop() && ctx.Err() != nil {
		if err == nil {
			_ = cc.Close()
		}
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, explain(err, s, hk, in, late, limit)
	}
	in.done()
	h := &hop{client: ssh.NewClient(cc, chans, reqs), conn: conn, over: make(chan struct{})}
	go func() { _ = h.client.Wait(); close(h.over) }()
	if s.alive > 0 {
		go h.keepAlive(s.alive, max(s.aliveMax, 1))
	}
	return h, nil
}

// gone is what reading and writing say when the other end has closed: a
// connection, or a ProxyCommand that has ended.
var gone = regexp.MustCompile(`EOF$|connection reset|broken pipe|file already closed`)

// explain turns what the ssh library says into what a person can use.
func explain(err error, s settings, hk *hostKey, in *login, late bool, limit time.Duration) error {
	var refused *trouble
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "ssh: handshake failed: "), "ssh: ")
	switch {
	case hk.err != nil:
		return hk.err
	case late:
		return fmt.Errorf("%s does not answer within %v during the SSH handshake", s.addr(), limit)
	case errors.As(err, &refused):
		return refused
	case strings.Contains(strings.ToLower(text), "too many authentication failures"):
		t := in.failed().(*trouble)
		t.err = fmt.Errorf("%w; then the host had enough", t.err)
		t.hint = "the ssh-agent holds too many keys: name the right one with ansible_ssh_private_key_file, or IdentityFile with IdentitiesOnly yes"
		return t
	case len(in.tried) > 0:
		t := in.failed().(*trouble)
		t.lines = append(t.lines, text)
		return t
	case gone.MatchString(text):
		return &trouble{err: fmt.Errorf("%s closed the connection during the SSH handshake", s.addr()),
			hint: "its sshd may be at its limit (MaxStartups), or block this address"}
	}
	return fmt.Errorf("SSH handshake with %s: %s", s.addr(), text)
}

// keepAlive asks the server for a sign of life and closes the connection when there is none.
func (h *hop) keepAlive(every time.Duration, missed int) {
	answered := make(chan struct{}, 1)
	open := 0
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-h.over:
			return
		case <-answered:
			open = 0
		case <-t.C:
			if open >= missed {
				h.close()
				return
			}
			if open++; open == 1 {
				go func() {
					if _, _, err := h.client.SendRequest("keepalive@openssh.com", true, nil); err == nil {
						answered <- struct{}{}
					}
				}()
			}
		}
	}
}

// bastions are the connections to jump hosts, one each for the run.
type bastions struct {
	mu   sync.Mutex
	open map[string]*bastion
}

type bastion struct {
	done chan struct{}
	hop  *hop
	err  error
	at   time.Time
}

// keepError is how long a jump host that cannot be reached is not tried again.
const keepError = 30 * time.Second

// bastion connects to the last of a list of jump hosts, through the others.
func (d *Dialer) bastion(ctx context.Context, list, file, host string) (*hop, error) {
	if err := d.circle(ctx, list, file); err != nil {
		return nil, err
	}
	d.jumps.mu.Lock()
	key := file + "\x00" + list
	b := d.jumps.open[key]
	if b != nil && b.over() {
		b = nil
	}
	if b == nil {
		b = &bastion{done: make(chan struct{})}
		if d.jumps.open == nil {
			d.jumps.open = map[string]*bastion{}
		}
		d.jumps.open[key] = b
		// Not the first host's context: others wait for the same connection.
		go func() {
			b.hop, b.err = d.jump(d.life, list, file, host)
			b.at = time.Now()
			close(b.done)
		}()
	}
	d.jumps.mu.Unlock()
	select {
	case <-b.done:
		return b.hop, b.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// over tells that the connection has ended or could not be made a while ago.
func (b *bastion) over() bool {
	select {
	case <-b.done:
	default:
		return false
	}
	if b.err != nil {
		return time.Since(b.at) > keepError
	}
	select {
	case <-b.hop.over:
		return true
	default:
		return false
	}
}

func (d *Dialer) jump(ctx context.Context, list, file, host string) (*hop, error) {
	before, last := "", list
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		before, last = list[:i], strings.TrimSpace(list[i+1:])
	}
	s, err := d.jumpSettings(ctx, last, before, file)
	if err != nil {
		return nil, err
	}
	h, err := d.reach(ctx, s, who{}, host)
	if err != nil {
		return nil, fmt.Errorf("jump host %s: %w", last, err)
	}
	return h, nil
}

// jumpSettings are those of one jump host: but for the configuration file,
// what was given for the target holds for the target alone, as with ssh.
func (d *Dialer) jumpSettings(ctx context.Context, spec, before, file string) (settings, error) {
	name, args, err := parseJump(spec)
	if err != nil {
		return settings{}, err
	}
	args.file = file
	if before != "" {
		args.add("proxyjump", before)
	}
	if d.o.HostKeyChecking != "" {
		args.add("stricthostkeychecking", d.o.HostKeyChecking)
	}
	s, err := d.config.settings(ctx, name, args)
	if err != nil {
		return s, fmt.Errorf("jump host %s: %w", spec, err)
	}
	return s, nil
}

// circle refuses jump hosts that are reached through each other: each would wait for the other.
func (d *Dialer) circle(ctx context.Context, list, file string) error {
	for range maxJumps {
		first, _, _ := strings.Cut(list, ",") // the others have the one before them
		s, err := d.jumpSettings(ctx, strings.TrimSpace(first), "", file)
		if err != nil {
			return err
		}
		if list = s.jump; list == "" {
			return nil
		}
	}
	return fmt.Errorf("more than %d jump hosts: does ProxyJump go in a circle?", maxJumps)
}

// parseJump reads [user@]host[:port] or ssh://[user@]host[:port].
func parseJump(spec string) (string, arguments, error) {
	var args arguments
	rest := strings.TrimSuffix(strings.TrimPrefix(spec, "ssh://"), "/")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		args.add("user", rest[:i])
		rest = rest[i+1:]
	}
	if h, p, err := net.SplitHostPort(rest); err == nil {
		args.add("port", p)
		rest = h
	}
	rest = strings.Trim(rest, "[]")
	if rest == "" {
		return "", args, fmt.Errorf("jump host %q: write [user@]host[:port]", spec)
	}
	return rest, args, nil
}

func (d *Dialer) connectTimeout() time.Duration {
	if d.o.ConnectTimeout > 0 {
		return d.o.ConnectTimeout
	}
	return connectTimeout
}
