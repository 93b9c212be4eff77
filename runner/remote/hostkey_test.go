package remote

import (
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/remote/remotetest"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func line(name string, k ssh.PublicKey) string {
	return name + " " + string(ssh.MarshalAuthorizedKey(k))
}

func TestUnknownHostKey(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	fp := ssh.FingerprintSHA256(s.HostKeys[0].PublicKey())
	u := k.refused(k.dialer(), target(s), "unknown host key", fp, "there is no known_hosts file", "ssh-keygen -lf", "accept-new")
	if want := fmt.Sprintf("`ssh-keyscan -p %d -t ed25519 127.0.0.1 >> %s/.ssh/known_hosts`", s.Port, k.home); !strings.Contains(u.Hint, want) {
		t.Errorf("no %s in %s", want, u.Hint)
	}
	f := k.file("known_hosts", line("other", s.HostKeys[0].PublicKey()))
	k.refused(k.dialer(), target(s), "it is not in "+f)
	if len(s.Logins()) > 0 {
		t.Errorf("it logged in: %q", s.Logins())
	}
}

// The hint must work as it stands.
func TestHintMends(t *testing.T) {
	if _, err := exec.LookPath("ssh-keyscan"); err != nil {
		t.Skip("no ssh-keyscan")
	}
	k := newKit(t)
	s := k.server(remotetest.Config{HostKeys: []ssh.Signer{remotetest.Key(t, "rsa"), remotetest.Key(t, "ed25519")}})
	k.file("known_hosts", line(addrName(s.Port), remotetest.Key(t, "ed25519").PublicKey()))
	u := k.refused(k.dialer(), target(s), "wrong host key")
	for i, part := range strings.Split(u.Hint, "`") {
		if i%2 == 1 && !strings.Contains(part, "-lf") {
			if out, err := exec.Command("/bin/sh", "-c", part).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v %s", part, err, out)
			}
		}
	}
	k.echo(k.dial(k.dialer(), target(s)))
}

func TestWrongHostKey(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	other := remotetest.Key(t, "ed25519").PublicKey()
	f := k.file("known_hosts", "# mine\n"+line(addrName(s.Port), other))
	u := k.refused(k.dialer(), target(s), "wrong host key", ssh.FingerprintSHA256(s.HostKeys[0].PublicKey()), ssh.FingerprintSHA256(other),
		f+":2", "ssh-keygen -f", "-R '"+addrName(s.Port)+"'", "ssh-keyscan")
	if !strings.Contains(u.Error(), f+":2") || !strings.Contains(u.Error(), ssh.FingerprintSHA256(other)) {
		t.Errorf("the line itself says too little: %v", u)
	}
	// no lets it pass, says so, and sends no password.
	tg := target(s)
	tg.CommonArgs = "-o StrictHostKeyChecking=no"
	k.echo(k.dial(k.dialer(), tg))
	if told := k.notices(1); len(told) != 1 || !strings.Contains(told[0], "wrong host key") {
		t.Errorf("told %q", told)
	}
	p := k.server(remotetest.Config{Password: "secret"})
	k.file("known_hosts", line(addrName(p.Port), other))
	tg = target(p)
	tg.CommonArgs, tg.Password = "-oStrictHostKeyChecking=no", "secret"
	k.refused(k.dialer(), tg, "a password is not sent to a host with a wrong key")
	if strings.Contains(strings.Join(p.Logins(), " "), "password") {
		t.Error("the password was sent")
	}
}

func TestAcceptNew(t *testing.T) {
	k := newKit(t)
	k.o.HostKeyChecking = "accept-new"
	s := k.server(remotetest.Config{})
	k.file("known_hosts", "other ssh-ed25519 AAAA") // no newline at its end, and no key
	d := k.dialer()
	k.dial(d, target(s))
	k.dial(d, target(s))
	if got := k.read("known_hosts"); !strings.HasSuffix(got, "\n"+s.KnownHosts("")) || strings.Count(got, "\n") != 2 {
		t.Errorf("known_hosts is %q", got)
	}
	k.o.HostKeyChecking = ""
	k.echo(k.dial(k.dialer(), target(s)))
	// A wrong key is refused all the same.
	w := k.server(remotetest.Config{})
	k.file("known_hosts", line(addrName(w.Port), remotetest.Key(t, "ed25519").PublicKey()))
	k.o.HostKeyChecking = "accept-new"
	k.refused(k.dialer(), target(w), "wrong host key")
	// Into nothing, and hashed.
	tg := target(s)
	tg.CommonArgs = "-o UserKnownHostsFile=/dev/null"
	k.echo(k.dial(k.dialer(), tg))
	tg.CommonArgs = "-o UserKnownHostsFile=~/.ssh/other -o HashKnownHosts=yes"
	k.echo(k.dial(k.dialer(), tg))
	if got := k.read("other"); !strings.HasPrefix(got, "|1|") {
		t.Errorf("not hashed: %q", got)
	}
	k.o.HostKeyChecking = ""
	k.echo(k.dial(k.dialer(), tg))
}

// A host with several keys of which known_hosts holds one is no wrong host.
func TestHostKeyAlgorithms(t *testing.T) {
	keys := map[string]ssh.Signer{}
	var all []ssh.Signer
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		keys[kind] = remotetest.Key(t, kind)
		all = append(all, keys[kind])
	}
	for kind, key := range keys {
		t.Run(kind, func(t *testing.T) {
			k := newKit(t)
			s := k.server(remotetest.Config{HostKeys: all})
			k.file("known_hosts", line(addrName(s.Port), key.PublicKey()))
			k.echo(k.dial(k.dialer(), target(s)))
			k.file("known_hosts", line("*", remotetest.Key(t, "ecdsa").PublicKey())+line(addrName(s.Port), key.PublicKey()))
			k.echo(k.dial(k.dialer(), target(s)))
		})
	}
}

func TestKnownHostsForms(t *testing.T) {
	k := newKit(t)
	s := k.server(remotetest.Config{})
	pub := s.HostKeys[0].PublicKey()
	name := addrName(s.Port)
	for what, text := range map[string]string{
		"plain":    line(name, pub),
		"hashed":   line(knownhosts.HashHostname(name), pub),
		"several":  line("a,b,"+name, pub),
		"wildcard": line("127.0.*", pub),
		"with rubbish": "this is no line\n@nonsense x y\nx ssh-ed25519 AAAA\n|1|bad ssh-ed25519 " +
			base64.StdEncoding.EncodeToString(pub.Marshal()) + "\n" + line(name, pub),
	} {
		t.Run(what, func(t *testing.T) {
			k.file("known_hosts", text)
			k.echo(k.dial(k.dialer(), target(s)))
		})
	}
	f := k.file("known_hosts", "rubbish\n\n"+line(name, remotetest.Key(t, "ed25519").PublicKey()))
	k.refused(k.dialer(), target(s), "wrong host key", f+":3")
	k.file("known_hosts", line("!127.0.0.1,*", pub))
	k.refused(k.dialer(), target(s), "unknown host key")
	f = k.file("known_hosts", line(name, pub)+"@revoked "+line("*", pub))
	k.refused(k.dialer(), target(s), "is revoked by "+f+":2")
	// Another file, and a name of its own.
	k.file("known_hosts", "")
	k.file("mine", line("web-alias", pub))
	tg := target(s)
	tg.CommonArgs = `-o "UserKnownHostsFile ~/.ssh/mine" -o HostKeyAlias=web-alias`
	k.echo(k.dial(k.dialer(), tg))
	k.o.KnownHosts = []string{k.file("run", line(name, pub))}
	k.echo(k.dial(k.dialer(), target(s)))
}

func TestHostCertificates(t *testing.T) {
	ca, other := remotetest.Key(t, "ed25519"), remotetest.Key(t, "ed25519")
	host := remotetest.Key(t, "ed25519")
	soon := time.Now().Add(time.Hour)
	good := remotetest.Certify(t, ca, host, ssh.HostCert, "127.0.0.1", soon)
	k := newKit(t)
	authority := func(key ssh.Signer, pattern string) string {
		return "@cert-authority " + line(pattern, key.PublicKey())
	}

	s := k.server(remotetest.Config{HostKeys: []ssh.Signer{good, host}})
	k.file("known_hosts", authority(ca, "*"))
	k.echo(k.dial(k.dialer(), target(s)))

	// A plain key on file is enough where there is an authority for everybody.
	plain := k.server(remotetest.Config{HostKeys: []ssh.Signer{host}})
	k.file("known_hosts", authority(other, "*")+line(addrName(plain.Port), host.PublicKey()))
	k.echo(k.dial(k.dialer(), target(plain)))

	f := k.file("known_hosts", authority(other, "*"))
	k.refused(k.dialer(), target(plain), "unknown host key", "expected a certificate of", f+":1")

	expired := remotetest.Certify(t, ca, host, ssh.HostCert, "127.0.0.1", time.Now().Add(-time.Hour))
	s = k.server(remotetest.Config{HostKeys: []ssh.Signer{expired}})
	k.file("known_hosts", authority(ca, "*"))
	k.refused(k.dialer(), target(s), "host certificate", "expired")

	named := remotetest.Certify(t, ca, host, ssh.HostCert, "other.example", soon)
	s = k.server(remotetest.Config{HostKeys: []ssh.Signer{named}})
	k.refused(k.dialer(), target(s), "host certificate", "principal")

	// The authority's own key is no host's key.
	s = k.server(remotetest.Config{HostKeys: []ssh.Signer{ca}})
	k.refused(k.dialer(), target(s), "unknown host key")

	k.file("known_hosts", authority(ca, "*")+"@revoked "+line("*", ca.PublicKey()))
	s = k.server(remotetest.Config{HostKeys: []ssh.Signer{good}})
	k.refused(k.dialer(), target(s), "revoked")
}
