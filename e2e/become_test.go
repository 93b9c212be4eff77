//go:build lab

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/mxplay/mxplay/e2e/lab"
)

const who = `- hosts: all
  tasks:
    - command: {cmd: id -un, read_only: true}
      register: me
    - assert: {that: "me.stdout == expected", fail_msg: "it is {{ me.stdout }}"}
`

// Every way to another account gets there, and says why where it does not.
func TestBecome(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "bec", Suite: "trixie"})
	key := "ansible_ssh_private_key_file=" + l.KeyFile
	config := fmt.Sprintf("ansible_ssh_common_args='-F %s'", l.SSHConfig)
	admin := inventory(t, l, "bec", "ansible_user=admin", key, config)
	ops := inventory(t, l, "bec", "ansible_user=ops", key, config)
	root := inventory(t, l, "bec", "ansible_user=root", key, config)
	book := write(t, "who.yml", who)
	pass := write(t, "pass", lab.Password+"\n")
	wrong := write(t, "wrong", "not-this-one\n")

	on(t, admin, book, "-b", "--become-method", "doas", "--become-password-file", pass, "-e", "expected=root").
		ends(t, 1).says(t, "doas is not installed on the host")
	sh(t, l, "bec", `apt-get -qq update && apt-get -qq -y install opendoas >/dev/null
		ln -s /usr/bin/sudo /usr/local/bin/other-sudo
		printf 'permit admin as root\npermit nopass ops\n' >/etc/doas.conf && chmod 600 /etc/doas.conf`)

	inline := inventory(t, l, "bec", "ansible_user=admin", key, config, "ansible_become_password="+lab.Password)
	for _, x := range []struct {
		name, inv, expected string
		args                []string
	}{
		{"self", admin, "admin", nil},
		{"sudo with a password", admin, "root", []string{"-b", "--become-password-file", pass}},
		{"sudo with the inventory's password", inline, "root", []string{"-b"}},
		{"sudo without a password", ops, "root", []string{"-b"}},
		{"sudo to an account", admin, "ops", []string{"-b", "--become-user", "ops", "--become-password-file", pass}},
		{"sudo by another program", admin, "root", []string{"-b", "--become-password-file", pass, "-e", "ansible_become_exe=/usr/local/bin/other-sudo"}},
		{"su", admin, "root", []string{"-b", "--become-method", "su", "--become-password-file", pass}},
		{"su to an account", ops, "admin", []string{"-b", "--become-method", "su", "--become-user", "admin", "--become-password-file", pass}},
		{"doas with a password", admin, "root", []string{"-b", "--become-method", "doas", "--become-password-file", pass}},
		{"doas without a password", ops, "admin", []string{"-b", "--become-method", "doas", "--become-user", "admin"}},
		{"from root", root, "admin", []string{"-b", "--become-user", "admin"}},
		{"from root to nobody", root, "nobody", []string{"-b", "--become-user", "nobody"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			on(t, x.inv, book, append(x.args, "-e", "expected="+x.expected)...).ends(t, 0)
		})
	}
	for _, method := range []string{"sudo", "su", "doas"} {
		t.Run(method+" refuses", func(t *testing.T) {
			args := []string{"-b", "--become-method", method, "-e", "expected=root"}
			on(t, admin, book, append(args, "--become-password-file", wrong)...).ends(t, 1).says(t, method+": wrong password")
			on(t, admin, book, args...).ends(t, 1).says(t, method+" wants a password and none was given")
		})
	}
	t.Run("a program that is not there", func(t *testing.T) {
		on(t, admin, book, "-b", "-e", "expected=root", "-e", "ansible_become_exe=/opt/sudo").ends(t, 1).says(t, "/opt/sudo is not installed on the host")
	})
	t.Run("unknown account", func(t *testing.T) {
		on(t, root, book, "-b", "--become-user", "nemo", "-e", "expected=nemo").ends(t, 1).says(t, `no such user "nemo" on the host`)
	})
	t.Run("sudo with a terminal required", func(t *testing.T) {
		sh(t, l, "bec", "printf 'Defaults requiretty,use_pty\\n' >/etc/sudoers.d/tty && chmod 440 /etc/sudoers.d/tty")
		on(t, admin, book, "-b", "--become-password-file", pass, "-e", "expected=root").ends(t, 0)
	})
	t.Run("secrets stay", func(t *testing.T) {
		r := on(t, admin, book, "-b", "--become-password-file", pass, "-vvv", "-D", "-e", "expected=root").ends(t, 0)
		if strings.Contains(r.all(), lab.Password) {
			t.Error("the password is in the output")
		}
	})
}

// The ways to a host that ssh has.
func TestConnections(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "far", Suite: "trixie"}, lab.Spec{Name: "jump", Suite: "trixie"})
	far, jump := l.Host("far").Addr, l.Host("jump").Addr
	book := write(t, "who.yml", who)
	expect := []string{"-e", "expected=admin"}
	// Only the jump host may come to the other one.
	sh(t, l, "far", "echo 'AllowUsers *@"+jump+" *@127.0.0.1' >/etc/ssh/sshd_config.d/only.conf && systemctl reload ssh")
	config := func(text string) string {
		return write(t, "config", fmt.Sprintf("Host *\n  User admin\n  UserKnownHostsFile %s\n  GlobalKnownHostsFile /dev/null\n%s", l.KnownHosts, text))
	}
	identity := "  IdentityFile " + l.KeyFile + "\n  IdentitiesOnly yes\n"
	hosts := func(file string, more ...string) string {
		return inventory(t, l, "far", append(more, fmt.Sprintf("ansible_ssh_common_args='-F %s'", file))...)
	}
	t.Run("directly it does not work", func(t *testing.T) {
		on(t, hosts(config(identity)), book, expect...).ends(t, 3)
	})
	t.Run("ProxyJump", func(t *testing.T) {
		file := config(identity + "Host " + far + "\n  ProxyJump bastion\nHost bastion\n  HostName " + jump + "\n  HostKeyAlias " + jump + "\n")
		on(t, hosts(file), book, expect...).ends(t, 0)
	})
	t.Run("-J", func(t *testing.T) {
		inv := inventory(t, l, "far")
		on(t, inv, book, append(expect, "--ssh-common-args", "-F "+config(identity)+" -J "+jump)...).ends(t, 0)
	})
	t.Run("ProxyCommand", func(t *testing.T) {
		file := config(identity)
		inner := "ssh -F " + file + " -W %h:%p " + jump
		on(t, hosts(config(identity+"Host "+far+"\n  ProxyCommand "+inner+"\n")), book, expect...).ends(t, 0)
	})
	sh(t, l, "far", "rm /etc/ssh/sshd_config.d/only.conf; systemctl reload ssh")
	t.Run("password", func(t *testing.T) {
		sh(t, l, "far", "rm /home/admin/.ssh/authorized_keys")
		file := config("  IdentitiesOnly yes\n  IdentityFile none\n")
		pass := write(t, "pass", lab.Password+"\n")
		on(t, hosts(file), book, append(expect, "--connection-password-file", pass)...).ends(t, 0)
		on(t, hosts(file, "ansible_password="+lab.Password), book, expect...).ends(t, 0)
		r := on(t, hosts(file, "ansible_password=not-this-one"), book, expect...).ends(t, 3)
		if strings.Contains(r.all(), "not-this-one") {
			t.Errorf("the password is shown:\n%s", r.all())
		}
		on(t, hosts(file), book, expect...).ends(t, 3).says(t, "password")
	})
	t.Run("ssh-agent", func(t *testing.T) {
		text, err := os.ReadFile(l.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.ParseRawPrivateKey(text)
		if err != nil {
			t.Fatal(err)
		}
		ring := agent.NewKeyring()
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
		dir, err := os.MkdirTemp("", "agent") // a socket's path must be short
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		sock := filepath.Join(dir, "s")
		ear, err := net.Listen("unix", sock)
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
				go func() { defer c.Close(); _ = agent.ServeAgent(ring, c) }()
			}
		}()
		inv := inventory(t, l, "far", fmt.Sprintf("ansible_ssh_common_args='-F %s'", config("  User ops\n")))
		m := command(t, "run", "-i", inv, "-u", "ops", book, "-e", "expected=ops")
		m.Env = append(m.Env, "SSH_AUTH_SOCK="+sock)
		_ = m.Run()
		m.result().ends(t, 0)
		on(t, inv, book, "-u", "ops", "-e", "expected=ops").ends(t, 3)
	})
}
