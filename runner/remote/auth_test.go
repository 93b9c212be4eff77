package remote

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/remote/remotetest"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentSocket serves an ssh-agent that holds the keys.
func agentSocket(t *testing.T, keys ...agent.AddedKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "mxa")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ln, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, c); _ = c.Close() }()
		}
	}()
	return ln.Addr().String()
}

func allow(keys ...ssh.Signer) remotetest.Config {
	var c remotetest.Config
	for _, k := range keys {
		c.Keys = append(c.Keys, k.PublicKey())
	}
	return c
}

func TestKeyFiles(t *testing.T) {
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		t.Run(kind, func(t *testing.T) {
			k := newKit(t)
			mine := k.writeKey("mine", kind, "")
			s := k.server(allow(mine))
			k.known(s)
			tg := target(s)
			tg.KeyFile = "~/.ssh/mine"
			k.echo(k.dial(k.dialer(), tg))
			if n := len(s.Logins()); n > 2 {
				t.Errorf("the target's own key was not the first: %q", s.Logins())
			}
			tg.KeyFile, tg.CommonArgs = "", "-i ~/.ssh/mine"
			k.echo(k.dial(k.dialer(), tg))
			tg.CommonArgs = "-i " + k.home + "/.ssh/mine -o IdentitiesOnly=yes"
			k.echo(k.dial(k.dialer(), tg))
		})
	}
}

func TestPassphraseIsAskedOnce(t *testing.T) {
	k := newKit(t)
	mine := k.writeKey("mine", "ed25519", "open sesame")
	s := k.server(allow(mine))
	k.known(s)
	var asked []string
	var mu sync.Mutex
	k.o.Ask = func(prompt string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, prompt)
		if len(asked) == 1 {
			return "wrong", nil
		}
		return "open sesame", nil
	}
	d := k.dialer()
	tg := target(s)
	tg.KeyFile = "~/.ssh/mine"
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() { k.echo(k.dial(d, tg)) })
	}
	wg.Wait()
	if len(asked) != 2 || !strings.Contains(asked[0], "/.ssh/mine") {
		t.Errorf("asked %q", asked)
	}
	// It is asked for only when the host would take the key.
	asked = nil
	no := k.server(allow(remotetest.Key(t, "ed25519")))
	k.known(no)
	tg = target(no)
	tg.KeyFile = "~/.ssh/mine"
	k.refused(k.dialer(), tg, "login refused")
	if len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
	k.known(s)
	k.o.Ask = nil
	tg = target(s)
	tg.KeyFile = "~/.ssh/mine"
	k.refused(k.dialer(), tg, "login refused", "mine is locked", "no terminal")
	k.o.Ask = func(string) (string, error) { return "wrong", nil }
	k.refused(k.dialer(), tg, "login refused", "wrong passphrase")
}

// A person who takes long to answer is not cut off.
func TestSlowPassphrase(t *testing.T) {
	k := newKit(t)
	k.o.ConnectTimeout = 300 * time.Millisecond
	mine := k.writeKey("mine", "ed25519", "x")
	s := k.server(allow(mine))
	k.known(s)
	k.o.Ask = func(string) (string, error) { time.Sleep(time.Second); return "x", nil }
	tg := target(s)
	tg.KeyFile = "~/.ssh/mine"
	k.echo(k.dial(k.dialer(), tg))
}

func TestAgent(t *testing.T) {
	k := newKit(t)
	rsa, ed := remotetest.Private(t, "rsa"), remotetest.Private(t, "ed25519")
	mine, _ := ssh.NewSignerFromKey(rsa)
	sock := agentSocket(t, agent.AddedKey{PrivateKey: ed}, agent.AddedKey{PrivateKey: rsa})
	s := k.server(allow(mine))
	k.known(s)
	t.Setenv("SSH_AUTH_SOCK", sock)
	k.echo(k.dial(k.dialer(), target(s)))

	// IdentitiesOnly: those of the agent that a file names, here by its public half.
	tg := target(s)
	tg.CommonArgs = "-o IdentitiesOnly=yes"
	k.refused(k.dialer(), tg, "login refused")
	tg.CommonArgs = "-o IdentitiesOnly=yes -i " + k.file("mine.pub", string(ssh.MarshalAuthorizedKey(mine.PublicKey())))
	k.echo(k.dial(k.dialer(), tg))

	t.Setenv("SSH_AUTH_SOCK", "")
	k.refused(k.dialer(), tg, "it holds only the public key")
	tg.CommonArgs = "-o IdentityAgent=" + sock
	k.echo(k.dial(k.dialer(), tg))
	tg.CommonArgs = "-o IdentityAgent=/nonexistent"
	k.refused(k.dialer(), tg, "ssh-agent at /nonexistent does not answer")
}

func TestCertificates(t *testing.T) {
	k := newKit(t)
	ca := remotetest.Key(t, "ed25519")
	mine := k.writeKey("mine", "ed25519", "")
	cert := remotetest.Certify(t, ca, mine, ssh.UserCert, "root", time.Now().Add(time.Hour))
	s := k.server(remotetest.Config{UserCA: ca.PublicKey()})
	k.known(s)
	tg := target(s)
	tg.KeyFile = "~/.ssh/mine"
	k.refused(k.dialer(), tg, "login refused")
	text := string(ssh.MarshalAuthorizedKey(cert.PublicKey()))
	k.file("mine-cert.pub", text)
	k.echo(k.dial(k.dialer(), tg))
	if err := os.Rename(filepath.Join(k.home, ".ssh/mine-cert.pub"), filepath.Join(k.home, ".ssh/elsewhere")); err != nil {
		t.Fatal(err)
	}
	tg.CommonArgs = "-o CertificateFile=~/.ssh/elsewhere"
	k.echo(k.dial(k.dialer(), tg))
}

func TestPasswords(t *testing.T) {
	for name, c := range map[string]remotetest.Config{
		"password":    {Password: "secret"},
		"interactive": {Answer: "secret"},
		"both":        {Password: "secret", Answer: "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			s := k.server(c)
			k.known(s)
			tg := target(s)
			tg.Password = "secret"
			k.echo(k.dial(k.dialer(), tg))
			tg.Password = "wrong"
			u := k.refused(k.dialer(), tg, "login refused", "the password is wrong")
			if strings.Contains(u.Error()+strings.Join(u.Lines, " ")+u.Hint, "secret") {
				t.Error("it shows the password")
			}
			tg.Password = ""
			k.refused(k.dialer(), tg, "login refused", "ansible_password")
			n := 0
			k.o.Ask = func(prompt string) (string, error) {
				if n++; n == 1 {
					return "wrong", nil
				}
				return "secret", nil
			}
			k.echo(k.dial(k.dialer(), tg))
			if n != 2 {
				t.Errorf("asked %d times", n)
			}
			tg.CommonArgs = "-o BatchMode=yes"
			k.refused(k.dialer(), tg, "login refused")
		})
	}
}

func TestKeyAndPassword(t *testing.T) {
	k := newKit(t)
	c := allow(k.key)
	c.Both, c.Password = true, "secret"
	s := k.server(c)
	k.known(s)
	tg := target(s)
	tg.Password = "secret"
	k.echo(k.dial(k.dialer(), tg))
}

func TestNothingAccepted(t *testing.T) {
	k := newKit(t)
	k.writeKey("id_rsa", "rsa", "")
	s := k.server(allow(remotetest.Key(t, "ed25519")))
	k.known(s)
	k.refused(k.dialer(), target(s), "login refused", "user root", "key ED25519 "+ssh.FingerprintSHA256(k.key.PublicKey()), "/.ssh/id_ed25519", "/.ssh/id_rsa",
		"the host accepts: publickey", "authorized_keys")
	tg := target(s)
	tg.KeyFile = "/nonexistent"
	k.refused(k.dialer(), tg, "key file /nonexistent: no such file")
	_ = os.Chmod(filepath.Join(k.home, ".ssh/id_rsa"), 0o644)
	k.refused(k.dialer(), target(s), "mode 0644 lets others read it")
}

func TestTooManyKeys(t *testing.T) {
	k := newKit(t)
	var keys []agent.AddedKey
	for range 8 {
		keys = append(keys, agent.AddedKey{PrivateKey: remotetest.Private(t, "ed25519")})
	}
	t.Setenv("SSH_AUTH_SOCK", agentSocket(t, keys...))
	s := k.server(allow(k.key))
	k.known(s)
	k.refused(k.dialer(), target(s), "login refused", "IdentitiesOnly")
	tg := target(s)
	tg.KeyFile = "~/.ssh/id_ed25519"
	k.echo(k.dial(k.dialer(), tg))
}
