package agent

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/boot"
	"github.com/mxplay/mxplay/runner/wire"
)

// becomeError is why another account cannot be had. A final one will not
// change by trying again with the same password.
type becomeError struct {
	text   string
	final  bool
	silent bool // no answer came in time
}

func (e *becomeError) Error() string { return e.text }

// method is a way to another account.
type method struct {
	name string
	argv func(nonce, flags string, user, script string) []string
	// prompt tells how the end of a text that waits for a password looks.
	prompt func(text, nonce string) bool
}

var methods = map[string]method{
	"sudo": {
		name: "sudo",
		argv: func(nonce, flags, user, script string) []string {
			argv := append([]string{"sudo", "-H", "-S", "-p", nonce}, strings.Fields(flags)...)
			return append(argv, "-u", user, "--", "/bin/sh", "-c", script)
		},
		prompt: func(text, nonce string) bool { return strings.HasSuffix(text, nonce) },
	},
	"su": {
		name: "su",
		argv: func(_, flags, user, script string) []string {
			argv := append([]string{"su"}, strings.Fields(flags)...)
			return append(argv, "-s", "/bin/sh", "-c", script, user)
		},
		prompt: passwordPrompt,
	},
	"doas": {
		name: "doas",
		argv: func(_, flags, user, script string) []string {
			argv := append([]string{"doas"}, strings.Fields(flags)...)
			return append(argv, "-u", user, "--", "/bin/sh", "-c", script)
		},
		prompt: passwordPrompt,
	},
}

// passwordPrompt is for the methods that take no prompt of ours. They run with LC_ALL=C.
func passwordPrompt(text, _ string) bool {
	text = strings.ToLower(strings.TrimRight(text, " "))
	return strings.HasSuffix(text, "password:")
}

// become starts an agent in another account through sudo, su or doas. The
// method gets a terminal of its own, since it may insist on one, and pipes as
// stdin, stdout and stderr, so that frames pass unchanged. A password is
// given only where, and when, the prompt for it is seen.
func (s *accounts) become(ctx context.Context, u modules.User, acc wire.Account) (*process, error) {
	name := acc.Method
	if name == "" {
		name = "sudo"
	}
	m, ok := methods[name]
	if !ok {
		return nil, &becomeError{text: fmt.Sprintf("become: unknown method %q: sudo, su and doas are there", name), final: true}
	}
	exe := m.name
	if acc.Exe != "" {
		exe = acc.Exe
	}
	path, err := lookPath(exe)
	if err != nil {
		return nil, &becomeError{text: fmt.Sprintf("become: %s is not installed on the host", exe), final: true}
	}
	bin, feed, err := s.a.binary()
	if err != nil {
		return nil, fmt.Errorf("become: %w", err)
	}
	start := boot.Start{Binaries: []boot.Binary{bin}, Args: []string{"serve"}, Plain: true}
	script, err := start.Script()
	if err != nil {
		return nil, fmt.Errorf("become: %w", err)
	}
	nonce := "mxplay-" + rand.Text() + ":"
	master, terminal, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("become: no terminal: %w", err)
	}
	defer terminal.Close()
	quiet(terminal)

	argv := m.argv(nonce, acc.Flags, u.Name, script)
	cmd := exec.Command(path, argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Env = append(cleanEnv(), "LC_ALL=C")
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{terminal}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	p, err := s.spawn(cmd)
	if err != nil {
		master.Close()
		return nil, fmt.Errorf("become: %s: %w", m.name, err)
	}
	kill, end := p.kill, p.end
	p.kill = func() { master.Close(); kill() }
	p.end = func() error {
		defer master.Close()
		done := make(chan struct{})
		defer close(done)
		go func() { // sudo belongs to root: hanging up is all that can be done to it
			select {
			case <-done:
			case <-time.After(4 * time.Second):
				master.Close()
			}
		}()
		return end()
	}

	d := &dialogue{m: m, nonce: nonce, acc: acc, script: script, in: p.in, tty: master, fail: make(chan error, 1)}
	p.stderr.mu.Lock()
	log := p.stderr.next
	p.stderr.next = func(b []byte) {
		if !d.see(b, d.in) {
			log(b)
		}
	}
	if len(p.stderr.text) > 0 { // a quick method has asked already
		d.see(p.stderr.text, d.in)
	}
	p.stderr.mu.Unlock()
	go d.listen()

	out := bufio.NewReader(p.out)
	done := make(chan error, 1)
	go func() { done <- await(out, p.in, feed) }()
	select {
	case err = <-done:
	case err = <-d.fail:
	case <-ctx.Done():
		err = &becomeError{text: fmt.Sprintf("become: %s does not answer", m.name), silent: true}
	}
	if err == nil {
		d.close()
		p.out = out
		return p, nil
	}
	defer d.close()
	if errors.Is(err, boot.ErrEnded) {
		// What it had to say may come a moment after its stdout ended.
		_ = within(ctx, end)
		select {
		case err = <-d.fail:
		default:
			err = d.refusal(p.stderr.String())
		}
	}
	p.kill()
	var b *becomeError
	if !errors.As(err, &b) {
		err = fmt.Errorf("become: %s: %w", m.name, err)
	}
	return nil, err
}

// quiet makes a terminal say nothing back and hand on what it is given.
func quiet(t *os.File) {
	if tio, err := unix.IoctlGetTermios(int(t.Fd()), unix.TCGETS); err == nil {
		tio.Lflag &^= unix.ECHO | unix.ECHONL
		tio.Oflag &^= unix.OPOST
		_ = unix.IoctlSetTermios(int(t.Fd()), unix.TCSETS, tio)
	}
}

// dialogue answers a method's prompt, once.
type dialogue struct {
	m      method
	nonce  string
	acc    wire.Account
	script string
	in     io.Writer // stdin of the method
	tty    *os.File  // the master's side of its terminal
	fail   chan error

	mu      sync.Mutex
	text    map[io.Writer][]byte
	said    []byte // all of it, for the message
	answers int
	over    bool
}

// see looks at what came and answers on w when it ends in the prompt. It
// returns false when the dialogue is over and the text is the agent's log.
func (d *dialogue) see(b []byte, w io.Writer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return false
	}
	if d.text == nil {
		d.text = map[io.Writer][]byte{}
	}
	d.said = append(d.said, b...)
	d.text[w] = append(d.text[w], b...)
	if !d.m.prompt(string(d.text[w]), d.nonce) {
		return true
	}
	d.text[w] = nil
	switch {
	case !d.acc.HasPass && d.acc.Password == "":
		d.end(fmt.Sprintf("become: %s wants a password and none was given", d.m.name))
	case d.answers > 0:
		d.end(fmt.Sprintf("become: %s: wrong password", d.m.name))
	default:
		d.answers++
		_, _ = io.WriteString(w, d.acc.Password+"\n")
	}
	return true
}

func (d *dialogue) end(text string) {
	select {
	case d.fail <- &becomeError{text: text, final: true}:
	default:
	}
}

// listen watches the terminal, where doas asks.
func (d *dialogue) listen() {
	buf := make([]byte, 4096)
	for {
		n, err := d.tty.Read(buf)
		if n > 0 {
			d.see(buf[:n], d.tty)
		}
		if err != nil {
			return
		}
	}
}

func (d *dialogue) close() {
	d.mu.Lock()
	d.over = true
	d.mu.Unlock()
}

// refusal is the method's own words about why it started nothing.
func (d *dialogue) refusal(stderr string) error {
	d.mu.Lock()
	text := string(d.said)
	d.mu.Unlock()
	if strings.TrimSpace(text) == "" {
		text = stderr
	}
	text = strings.ReplaceAll(text, d.script, "...")
	text = strings.ReplaceAll(text, d.nonce, "")
	text = strings.ReplaceAll(text, "Password: ", "Password:\n") // the answer's line end is not shown
	lines := modules.LastLines(text, 3)
	for i := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimSpace(lines[i]), d.m.name+": ")
	}
	if len(lines) == 0 {
		if d.answers > 0 {
			return &becomeError{text: fmt.Sprintf("become: %s: wrong password, or it does not allow this", d.m.name), final: true}
		}
		return &becomeError{text: fmt.Sprintf("become: %s ended without a word", d.m.name)}
	}
	if d.answers > 0 && wrongPassword(text) {
		return &becomeError{text: fmt.Sprintf("become: %s: wrong password", d.m.name), final: true}
	}
	return &becomeError{text: fmt.Sprintf("become: %s refuses: %s", d.m.name, strings.Join(lines, "; ")), final: true}
}

// wrongPassword tells that a method that asks once ended over the password.
func wrongPassword(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "authentication fail") || strings.Contains(text, "incorrect password")
}

// lookPath finds a program on the clean PATH.
func lookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, executable(name)
	}
	for _, d := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if p := d + "/" + name; executable(p) == nil {
			return p, nil
		}
	}
	return "", &os.PathError{Op: "run", Path: name, Err: os.ErrNotExist}
}

func executable(p string) error {
	st, err := os.Stat(p)
	if err == nil && (st.IsDir() || st.Mode().Perm()&0o111 == 0) {
		err = &os.PathError{Op: "run", Path: p, Err: os.ErrPermission}
	}
	return err
}
