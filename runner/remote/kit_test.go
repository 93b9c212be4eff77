package remote

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/remote/remotetest"
	"github.com/mxplay/mxplay/runner/wire"
	"golang.org/x/crypto/ssh"
)

// built is the small agent of testdata, built once.
var built = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "mxplay-remote-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, "agent"), "./testdata/agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(filepath.Join(dir, "agent"))
})

// agents gives a binary as the agent of this machine's architecture.
func agents(t testing.TB, bin []byte) func(string) (Agent, error) {
	t.Helper()
	sum := sha256.Sum256(bin)
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = z.Write(bin)
	_ = z.Close()
	return func(arch string) (Agent, error) {
		if arch != runtime.GOARCH {
			return Agent{}, ErrNoAgent
		}
		return Agent{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(bin)), Packed: int64(b.Len()),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }}, nil
	}
}

// kit is a client with a home of its own.
type kit struct {
	t    testing.TB
	home string
	o    Options
	key  ssh.Signer // in ~/.ssh/id_ed25519
	told []string
	mu   sync.Mutex
}

func newKit(t testing.TB) *kit {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	k := &kit{t: t, home: t.TempDir()}
	t.Setenv("SSH_AUTH_SOCK", "")
	if err := os.Mkdir(filepath.Join(k.home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	k.key = k.writeKey("id_ed25519", "ed25519", "")
	k.o = Options{
		NoConfig: true, Agents: agents(t, bin), Run: "test", Who: "me@here", Silence: time.Minute, ConnectTimeout: 5 * time.Second,
		Notice: func(host, text string) {
			k.mu.Lock()
			k.told = append(k.told, host+": "+text)
			k.mu.Unlock()
		},
	}
	return k
}

// notices are what was told, once there are n or a while has passed.
func (k *kit) notices(n int) []string {
	for range 100 {
		k.mu.Lock()
		told := append([]string(nil), k.told...)
		k.mu.Unlock()
		if len(told) >= n {
			return told
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// file writes a file below ~/.ssh.
func (k *kit) file(name, text string) string {
	k.t.Helper()
	p := filepath.Join(k.home, ".ssh", name)
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return p
}

func (k *kit) read(name string) string {
	b, _ := os.ReadFile(filepath.Join(k.home, ".ssh", name))
	return string(b)
}

func (k *kit) writeKey(name, kind, pass string) ssh.Signer {
	k.t.Helper()
	priv := remotetest.Private(k.t, kind)
	var block *pem.Block
	var err error
	if pass != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(priv, "", []byte(pass))
	} else {
		block, err = ssh.MarshalPrivateKey(priv, "")
	}
	if err != nil {
		k.t.Fatal(err)
	}
	k.file(name, string(pem.EncodeToMemory(block)))
	s, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

// server starts a server that takes the kit's key.
func (k *kit) server(c remotetest.Config) *remotetest.Server {
	k.t.Helper()
	if c.Keys == nil && c.Password == "" && c.Answer == "" && c.UserCA == nil {
		c.Keys = []ssh.PublicKey{k.key.PublicKey()}
	}
	return remotetest.Start(k.t, c)
}

// known makes ~/.ssh/known_hosts of the servers' lines.
func (k *kit) known(servers ...*remotetest.Server) {
	var b strings.Builder
	for _, s := range servers {
		b.WriteString(s.KnownHosts(""))
	}
	k.file("known_hosts", b.String())
}

func (k *kit) dialer() *Dialer {
	k.t.Helper()
	d := NewDialer(k.o)
	d.config.home = k.home
	k.t.Cleanup(func() { _ = d.Close() })
	return d
}

func target(s *remotetest.Server) Target {
	return Target{Name: "web1", Host: "127.0.0.1", Port: s.Port, User: "root"}
}

func (k *kit) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	k.t.Cleanup(cancel)
	return ctx
}

// dial connects and fails the test if that fails.
func (k *kit) dial(d *Dialer, t Target) *Conn {
	k.t.Helper()
	c, err := d.Dial(k.ctx(), t)
	if err != nil {
		var u *UnreachableError
		if errors.As(err, &u) {
			k.t.Fatalf("%v\n%s\nhint: %s", err, strings.Join(u.Lines, "\n"), u.Hint)
		}
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = c.Close() })
	return c
}

// refused connects and wants an UnreachableError with all the words in it.
func (k *kit) refused(d *Dialer, t Target, words ...string) *UnreachableError {
	k.t.Helper()
	c, err := d.Dial(k.ctx(), t)
	if err == nil {
		_ = c.Close()
		k.t.Fatal("it was let in")
	}
	var u *UnreachableError
	if !errors.As(err, &u) {
		k.t.Fatalf("got %T %v", err, err)
	}
	all := u.Error() + "\n" + strings.Join(u.Lines, "\n") + "\nhint: " + u.Hint
	for _, w := range words {
		if !strings.Contains(all, w) {
			k.t.Errorf("%q is missing in\n%s", w, all)
		}
	}
	if strings.Contains(u.Error(), "\n") || strings.HasSuffix(u.Error(), ".") {
		k.t.Errorf("not one line without full stop: %q", u.Error())
	}
	return u
}

func call(task string, args ...string) wire.Call {
	c := wire.Call{Task: task}
	for _, a := range args {
		b, _ := json.Marshal(a)
		c.Items = append(c.Items, wire.Item{Args: b})
	}
	return c
}

// results are the texts of all results of a call.
func (k *kit) results(p *Pending) []string {
	k.t.Helper()
	var out []string
	for {
		r, ok, err := p.Next(k.ctx())
		if err != nil {
			k.t.Fatal(err)
		}
		if !ok {
			return out
		}
		var s string
		_ = json.Unmarshal(r.Outcome.Result, &s)
		out = append(out, s)
	}
}

// echo checks that a connection works.
func (k *kit) echo(c *Conn) {
	k.t.Helper()
	if got := k.results(c.Start(call("echo", "a", "b"), nil)); len(got) != 2 || got[0] != "a" || got[1] != "b" {
		k.t.Fatalf("got %q", got)
	}
}

func reader(b []byte) func(string) (io.ReadCloser, int64, error) {
	return func(string) (io.ReadCloser, int64, error) {
		return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
	}
}

func addrName(port int) string { return fmt.Sprintf("[127.0.0.1]:%d", port) }
