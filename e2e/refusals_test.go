//go:build lab

package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mxplay/mxplay/e2e/lab"
)

const touch = `- hosts: all
  tasks:
    - file: {path: /etc/touched, state: touch}
`

// inventory is a host by its address, with what else the test wants to say.
func inventory(t *testing.T, l *lab.Lab, host string, vars ...string) string {
	t.Helper()
	return write(t, "hosts", fmt.Sprintf("%s ansible_host=%s %s\n", host, l.Host(host).Addr, strings.Join(vars, " ")))
}

// on runs the playbook on hosts of an inventory of the test's own.
func on(t *testing.T, inv, book string, args ...string) result {
	t.Helper()
	m := command(t, append([]string{"run", "-i", inv, book}, args...)...)
	if err := m.Run(); err != nil && m.ProcessState == nil {
		t.Fatal(err)
	}
	return m.result()
}

func newKey(t *testing.T) (private string, public ssh.PublicKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "test")
	if err != nil {
		t.Fatal(err)
	}
	public, err = ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "key", string(pem.EncodeToMemory(block))), public
}

// What cannot work is refused in words that help, with the right exit code,
// and the host is as it was.
func TestRefusals(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "ref", Suite: "bookworm"})
	addr := l.Host("ref").Addr
	book := write(t, "touch.yml", touch)
	key := "ansible_ssh_private_key_file=" + l.KeyFile
	config := fmt.Sprintf("ansible_ssh_common_args='-F %s'", l.SSHConfig)
	known := func(file string) string {
		return fmt.Sprintf("ansible_ssh_common_args='-F none -o UserKnownHostsFile=%s -o GlobalKnownHostsFile=/dev/null'", file)
	}
	asAdmin := inventory(t, l, "ref", "ansible_user=admin", key, config)
	untouched := func(t *testing.T) {
		t.Helper()
		sh(t, l, "ref", "test ! -e /etc/touched")
	}

	t.Run("wrong host key", func(t *testing.T) {
		_, other := newKey(t)
		file := write(t, "known_hosts", "# a comment\n"+addr+" "+string(ssh.MarshalAuthorizedKey(other)))
		r := on(t, inventory(t, l, "ref", "ansible_user=root", key, known(file)), book).ends(t, 3)
		fields := strings.Fields(sh(t, l, "ref", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"))
		r.says(t, "wrong host key", ssh.FingerprintSHA256(other), fields[1], file+":2")
		untouched(t)
	})
	t.Run("unknown host key", func(t *testing.T) {
		file := write(t, "known_hosts", "")
		inv := inventory(t, l, "ref", "ansible_user=root", key, known(file))
		on(t, inv, book).ends(t, 3).says(t, "unknown host key", "SHA256:", file)
		untouched(t)
		on(t, inv, book, "--host-key-checking", "accept-new", "-C").ends(t, 0)
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "ssh-ed25519") {
			t.Errorf("the key was not kept: %q, %v", text, err)
		}
		on(t, inv, book, "-C").ends(t, 0)
	})
	t.Run("no key accepted", func(t *testing.T) {
		private, _ := newKey(t)
		inv := inventory(t, l, "ref", "ansible_user=root", "ansible_ssh_private_key_file="+private, known(l.KnownHosts))
		on(t, inv, book).ends(t, 3).says(t, "ref", "root", private)
		untouched(t)
	})
	t.Run("no such login", func(t *testing.T) {
		inv := inventory(t, l, "ref", "ansible_user=nobody-here", key, config)
		on(t, inv, book).ends(t, 3).says(t, "nobody-here")
	})
	t.Run("sudo password wrong", func(t *testing.T) {
		pass := write(t, "pass", "not-this-one\n")
		r := on(t, asAdmin, book, "-b", "--become-password-file", pass)
		r.says(t, "sudo: wrong password")
		if r.exit == 0 || strings.Contains(r.all(), "not-this-one") {
			t.Errorf("exit %d: %s", r.exit, r.all())
		}
		untouched(t)
	})
	t.Run("sudo password missing", func(t *testing.T) {
		r := on(t, asAdmin, book, "-b")
		r.says(t, "sudo wants a password")
		if r.exit == 0 {
			t.Errorf("exit %d", r.exit)
		}
		untouched(t)
	})
	t.Run("no right", func(t *testing.T) {
		on(t, asAdmin, book).ends(t, 1).says(t, "/etc/touched", "permission denied")
		untouched(t)
	})

	homes := []string{"/home/admin/.cache", "/var/tmp", "/dev/shm"}
	admin := func(args ...string) result {
		return on(t, asAdmin, write(t, "look.yml", "- hosts: all\n  tasks: [{stat: {path: /etc}}]\n"), args...)
	}
	forget := func() {
		sh(t, l, "ref", "for d in "+strings.Join(homes, " ")+"; do while umount $d 2>/dev/null; do :; done; done; rm -rf /home/admin/.cache /var/tmp/mxplay-* /dev/shm/mxplay-* /run/user/*/mxplay; install -d -o admin -g admin -m 700 /home/admin/.cache")
	}
	// sealed lays a file system over all places that an agent may be put to. The
	// folder that logind makes has its own, for as long as admin is logged in.
	sealed := func(options string) {
		forget()
		for _, d := range homes {
			sh(t, l, "ref", "mount -t tmpfs -o mode=1777,"+options+" tmpfs "+d)
		}
		sh(t, l, "ref", "loginctl enable-linger admin; until test -d /run/user/1000; do sleep 0.1; done; mount -o remount,"+options+" /run/user/1000")
	}
	t.Run("noexec home", func(t *testing.T) {
		forget()
		sh(t, l, "ref", "mount -t tmpfs -o noexec,mode=1777 tmpfs /home/admin/.cache")
		admin().ends(t, 0)
		sh(t, l, "ref", "ls /var/tmp/mxplay-1000/mxplay-agent-*")
	})
	t.Run("noexec everywhere", func(t *testing.T) {
		sealed("noexec")
		admin().ends(t, 3).says(t, "/home/admin/.cache/mxplay: is mounted noexec", "/var/tmp/mxplay-1000: is mounted noexec",
			"/run/user/1000/mxplay: is mounted noexec", "/dev/shm/mxplay-1000: is mounted noexec", "agent_dir")
	})
	t.Run("no space", func(t *testing.T) {
		sealed("exec,size=1m")
		r := admin().ends(t, 3).says(t, "No space left on device")
		if n := strings.Count(r.all(), "\n"); n > 25 {
			t.Errorf("the error has %d lines:\n%s", n, r.all())
		}
		sh(t, l, "ref", "! find "+strings.Join(homes, " ")+" /run/user -name '*mxplay-*' -type f | grep .")
	})
	forget()
	sh(t, l, "ref", "loginctl disable-linger admin; mount -o remount,exec,size=50m /run/user/1000 2>/dev/null || true")
	t.Run("agent_dir", func(t *testing.T) {
		inv := inventory(t, l, "ref", "ansible_user=admin", key, config, "ansible_agent_dir=/home/admin/own")
		on(t, inv, write(t, "look.yml", "- hosts: all\n  tasks: [{stat: {path: /etc}}]\n")).ends(t, 0)
		sh(t, l, "ref", "ls /home/admin/own/mxplay-agent-* && ! ls /home/admin/.cache/mxplay")
	})
	t.Run("architecture", func(t *testing.T) {
		// An account whose PATH has another uname first, as sshd gives it.
		sh(t, l, "ref", `install -d /opt/odd && printf '#!/bin/sh\necho riscv64\n' >/opt/odd/uname && chmod 755 /opt/odd/uname
			echo 'AcceptEnv ODD' >/etc/ssh/sshd_config.d/odd.conf; printf 'Match User admin\n  SetEnv PATH=/opt/odd:/usr/bin:/bin\n' >>/etc/ssh/sshd_config.d/odd.conf; systemctl reload ssh`)
		defer sh(t, l, "ref", "rm /etc/ssh/sshd_config.d/odd.conf; systemctl reload ssh")
		on(t, asAdmin, book).ends(t, 3).says(t, "riscv64", "amd64")
		untouched(t)
	})
	t.Run("unreachable", func(t *testing.T) {
		gone := write(t, "gone", fmt.Sprintf("ref ansible_host=%s ansible_port=1 ansible_user=root %s %s\nref2 ansible_host=%s ansible_user=root %s %s\n",
			addr, key, config, addr, key, config))
		r := on(t, gone, write(t, "look.yml", "- hosts: all\n  tasks: [{stat: {path: /etc}}]\n"), "--output", "json").ends(t, 3)
		c := r.recap(t)
		if c["ref"].Unreachable != 1 || c["ref2"].OK != 2 {
			t.Errorf("%+v", c)
		}
		r.says(t, "refused")
		on(t, inventory(t, l, "ref", "ansible_user=root", "ansible_host="+nowhere(addr), key, config), book, "-T", "3").ends(t, 3)
		untouched(t)
	})
	t.Run("locked", func(t *testing.T) {
		inv := inventory(t, l, "ref", "ansible_user=root", key, config)
		m := command(t, "run", "-i", inv, hold(t, "ref", "34000", "false"))
		m.Env = append(m.Env, "USER=dora", "LOGNAME=dora")
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		ns := namespace(t, l, "ref")
		begun(t, ns, "34000")
		r := on(t, inv, book)
		untouched(t)
		r.says(t, "another run is at work on this host", "since 20")
		if !regexp.MustCompile(`at work on this host: \S+@\S+`).MatchString(r.all()) {
			t.Errorf("it does not say whose:\n%s", r.all())
		}
		if r.exit == 0 {
			t.Error("exit 0")
		}
		if err := m.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = m.Wait()
		none(t, ns, "34000", 5*time.Second)
		on(t, inv, book).ends(t, 0)
		sh(t, l, "ref", "rm /etc/touched")
	})
}

// nowhere is an address of the same network that nobody has.
func nowhere(addr string) string {
	ip := net.ParseIP(addr).To4()
	ip[3] = 254
	return ip.String()
}

// Input that means nothing is refused before any host is asked anything.
func TestBadInputTouchesNoHost(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	ear, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ear.Close()
	go func() {
		for {
			c, err := ear.Accept()
			if err != nil {
				return
			}
			c.Close()
			asked <- struct{}{}
		}
	}()
	inv := write(t, "hosts", fmt.Sprintf("h ansible_host=127.0.0.1 ansible_port=%d\n", ear.Addr().(*net.TCPAddr).Port))
	for name, x := range map[string]struct{ book, want string }{
		"module":   {"- hosts: all\n  tasks:\n    - flie: {path: /x}\n", "file"},
		"key":      {"- hosts: all\n  tasks:\n    - file: {pth: /x}\n", "path"},
		"keyword":  {"- hosts: all\n  tsks: []\n", "tasks"},
		"variable": {"- hosts: all\n  vars: {name: 1}\n  tasks:\n    - debug: {msg: '{{ nmae }}'}\n", "nmae"},
		"type":     {"- hosts: all\n  tasks:\n    - systemd: {name: ssh, enabled: perhaps}\n", "enabled"},
		"mode":     {"- hosts: all\n  tasks:\n    - file: {path: /x, mode: 644}\n", "0644"},
		"tab":      {"- hosts: all\n  tasks:\n\t- debug: {msg: x}\n", "tab"},
		"twice":    {"- hosts: all\n  hosts: all\n  tasks: []\n", "twice"},
		"quote":    {"- hosts: all\n  tasks:\n    - debug: {msg: \"x}\n", "quote"},
		"modules":  {"- hosts: all\n  tasks:\n    - file: {path: /x}\n      copy: {dest: /x, content: y}\n", "copy"},
	} {
		t.Run(name, func(t *testing.T) {
			r := on(t, inv, write(t, "bad.yml", x.book)).ends(t, 2)
			if !regexp.MustCompile(`bad\.yml:\d+:\d+: `).MatchString(r.all()) {
				t.Errorf("no place:\n%s", r.all())
			}
			r.says(t, x.want)
		})
	}
	on(t, "/nonexistent/hosts", write(t, "touch.yml", touch)).ends(t, 2).says(t, "/nonexistent/hosts")
	select {
	case <-asked:
		t.Error("a host was asked")
	default:
	}
}
