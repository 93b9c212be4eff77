package remote

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// home makes a home with a ~/.ssh/config, and a config that reads it.
func home(t *testing.T, files map[string]string) (*config, *[]string) {
	t.Helper()
	h := t.TempDir()
	for name, text := range files {
		p := filepath.Join(h, ".ssh", name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(strings.ReplaceAll(text, "HOME", h)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	c := newConfig(false, func(s string) { told = append(told, s) })
	c.home = h
	return c, &told
}

const sample = `
# comment
Include HOME/.ssh/more/*.conf
Host web* !web9
  HostName %h.example.com
  Port=2222
  User deploy
  IdentityFile "HOME/.ssh/id web"
  IdentityFile HOME/.ssh/id_%r
  IdentitiesOnly yes
  ProxyJump ops@bastion:2200,inner
  ConnectTimeout 7
  ServerAliveInterval 15
  UserKnownHostsFile HOME/.ssh/kh1 HOME/.ssh/kh2
Host db
  ProxyCommand nc -x proxy %h %p
  StrictHostKeyChecking accept-new
  HostKeyAlias the-db
Match host old
  PubkeyAuthentication no
Match final all
  ServerAliveCountMax 9
Host *
  User nobody
`

// Both ways of reading must say the same.
func TestConfigBothWays(t *testing.T) {
	files := map[string]string{"config": sample, "more/a.conf": "Host inc\n  HostName 10.0.0.9\nHost web1\n  ServerAliveInterval 3\n"}
	for _, way := range []string{"ssh -G", "parsed"} {
		t.Run(way, func(t *testing.T) {
			c, told := home(t, files)
			if way == "parsed" {
				c.ssh = ""
			} else if c.ssh == "" {
				t.Skip("no ssh")
			}
			get := func(host string, args arguments) settings {
				t.Helper()
				s, err := c.settings(context.Background(), host, args)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			w := get("web1", arguments{})
			want := settings{
				name: "web1", host: "web1.example.com", port: 2222, user: "deploy", net: "tcp",
				identities: []string{c.home + "/.ssh/id web", c.home + "/.ssh/id_deploy"}, identitiesOnly: true,
				jump: "ops@bastion:2200,inner", timeout: 7 * time.Second, alive: 3 * time.Second, aliveMax: 9,
				knownHosts: []string{c.home + "/.ssh/kh1", c.home + "/.ssh/kh2"},
				global:     []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"},
				checking:   "yes", pubkey: true, password: true, asked: true, agent: os.Getenv("SSH_AUTH_SOCK"),
			}
			w.hashNames = false // Debian's own file sets it
			if !reflect.DeepEqual(w, want) {
				t.Errorf("got  %+v\nwant %+v", w, want)
			}
			if s := get("web2", arguments{}); s.host != "web2.example.com" || s.alive != 15*time.Second {
				t.Errorf("web2: %+v", s)
			}
			if s := get("web9", arguments{}); s.host != "web9" || s.user != "nobody" || s.port != 22 {
				t.Errorf("web9: %+v", s)
			}
			if s := get("inc", arguments{}); s.host != "10.0.0.9" {
				t.Errorf("inc: %+v", s)
			}
			if s := get("db", arguments{}); s.proxy != "nc -x proxy db 22" || s.checking != "accept-new" || s.known() != "the-db:22" {
				t.Errorf("db: %+v", s)
			}
			if s := get("old", arguments{}); s.pubkey {
				t.Errorf("old: %+v", s)
			}
			args, err := parseArguments(`-o Port=99 -l me -J none -o "UserKnownHostsFile /dev/null"`)
			if err != nil {
				t.Fatal(err)
			}
			if s := get("web1", args); s.port != 99 || s.user != "me" || s.jump != "" || !slices.Equal(s.knownHosts, []string{"/dev/null"}) {
				t.Errorf("with arguments: %+v", s)
			}
			if len(*told) > 0 {
				t.Errorf("told %q", *told)
			}
		})
	}
}

func TestConfigMatchIsDropped(t *testing.T) {
	c, told := home(t, map[string]string{"config": "Match user x exec \"true\"\n Port 1\nMatch originalhost y\n Port 2\nHost *\n Port 3\nMatch final host z\n Port 4\n"})
	c.ssh = ""
	for host, port := range map[string]int{"x": 3, "y": 2} {
		s, err := c.settings(context.Background(), host, arguments{})
		if err != nil || s.port != port {
			t.Errorf("%s: %v %v", host, s.port, err)
		}
	}
	if len(*told) != 1 || !strings.Contains((*told)[0], "config:1: this Match block is left out") {
		t.Errorf("told %q", *told)
	}
}

func TestConfigErrors(t *testing.T) {
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh")
	}
	c, _ := home(t, map[string]string{"config": "Host *\n  Nonsense yes\n"})
	_, err := c.settings(context.Background(), "a", arguments{})
	if err == nil || !strings.Contains(err.Error(), ".ssh/config") || !strings.Contains(strings.ToLower(err.Error()), "nonsense") {
		t.Errorf("got %v", err)
	}
	for _, h := range []string{"", "-oProxyCommand=x", "a b"} {
		if _, err := c.settings(context.Background(), h, arguments{}); err == nil {
			t.Errorf("%q was taken", h)
		}
	}
	if _, err := c.settings(context.Background(), "a", arguments{file: "/nonexistent"}); err == nil || !strings.Contains(err.Error(), "/nonexistent") {
		t.Errorf("got %v", err)
	}
}

// ssh is asked once for hosts whose configuration cannot differ.
func TestConfigIsShared(t *testing.T) {
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh")
	}
	for text, want := range map[string]int{
		"Host web*\n  Port 2222\nHost *\n  User x\n":                      2,
		"Host *\n  HostName %h.example.com\n":                             200,
		"Match exec \"true\"\n  User y\n":                                 200,
		"Host *\n  IdentityFile ~/%h\n  ProxyCommand nc %h %p\n":          1,
		"CanonicalizeHostname yes\nCanonicalDomains example.invalid\n":    200,
		"Match all\n  Port 3\n":                                           1,
		"Host web7\n  HostName other\nHost db?\n  User z\n  HostName d\n": 3,
	} {
		c, _ := home(t, map[string]string{"config": text})
		for i := range 100 {
			for _, name := range []string{fmt.Sprintf("web%d", i), fmt.Sprintf("db%d", i)} {
				if want == 200 && i > 2 {
					continue
				}
				s, err := c.settings(context.Background(), name, arguments{})
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(text, "%h %p") && (s.host != name || s.proxy != "nc "+name+" 22" || !strings.HasSuffix(s.identities[0], "/"+name)) {
					t.Fatalf("%s: %+v", name, s)
				}
				if strings.Contains(text, "web*") && (s.host != name || (s.port == 2222) != (name[0] == 'w')) {
					t.Fatalf("%s: %+v", name, s)
				}
			}
		}
		n := want
		if want == 200 {
			n = 6
		}
		if strings.Contains(text, "db?") {
			n = 3 // web7, db0 to db9, the rest
		}
		if c.count != n {
			t.Errorf("%q: ssh was asked %d times, want %d", text, c.count, n)
		}
	}
}

func TestArguments(t *testing.T) {
	a, err := parseArguments(`-o ProxyCommand="ssh -W %h:%p 'a b'" -oPort=1 -4 -C -i '/a b' -J x,y -F /f -vv -o "User  me"`)
	if err != nil {
		t.Fatal(err)
	}
	want := arguments{file: "/f", options: []option{
		{"proxycommand", "ssh -W %h:%p 'a b'"}, {"port", "1"}, {"addressfamily", "inet"}, {"identityfile", "/a b"}, {"proxyjump", "x,y"}, {"user", "me"},
	}}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got %+v", a)
	}
	for text, word := range map[string]string{"-o": "needs a value", "host": "not an option", "-o Port": "Keyword=value", "-o 'x": "unclosed", "-Z": "no option"} {
		if _, err := parseArguments(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
