//go:build lab

package e2e

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/e2e/delay"
	"github.com/mxplay/mxplay/e2e/lab"
)

// hold is a playbook whose second task takes long, ignores a polite end, and
// has children; mark is in the arguments of all of them.
func hold(t *testing.T, host, mark, become string) string {
	t.Helper()
	return write(t, "hold.yml", fmt.Sprintf(`- hosts: %s
  become: %s
  tasks:
    - file: {path: /etc/hold, state: touch}
    - shell: |
        trap '' TERM HUP INT
        sleep %s &
        sleep %s & sleep %s
        touch /etc/went-on
    - file: {path: /etc/never, state: touch}
`, host, become, mark, mark, mark))
}

// begun waits until the long task of hold runs on the host.
func begun(t *testing.T, ns, mark string) {
	t.Helper()
	eventually(t, time.Minute, func() string {
		if len(bearing(ns, "sleep "+mark)) < 3 {
			return "the task does not run"
		}
		return ""
	})
}

// none waits until nothing of a run is left on the host.
func none(t *testing.T, ns, mark string, limit time.Duration) {
	t.Helper()
	begin := time.Now()
	eventually(t, limit, func() string {
		if left := ours(ns, mark); left != nil {
			return "left on the host:\n" + strings.Join(left, "\n")
		}
		return ""
	})
	t.Logf("nothing is left after %v", time.Since(begin).Round(10*time.Millisecond))
}

// Whatever becomes of mxplay or of the line to it, nothing of a run stays
// behind on a host, except a run of apt, which is let finish.
func TestEnds(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "end", Suite: "trixie"})
	ns := namespace(t, l, "end")
	pass := write(t, "pass", lab.Password+"\n")
	for i, as := range []struct {
		name string
		args []string
	}{
		{"root", nil},
		{"sudo", []string{"-u", "admin", "-b", "--become-password-file", pass}},
	} {
		become := fmt.Sprint(as.args != nil)
		t.Run("killed as "+as.name, func(t *testing.T) {
			mark := fmt.Sprint(31000 + i)
			m := command(t, append([]string{"run", "-i", l.Inventory, hold(t, "end", mark, become)}, as.args...)...)
			if err := m.Start(); err != nil {
				t.Fatal(err)
			}
			begun(t, ns, mark)
			if err := m.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			none(t, ns, mark, 5*time.Second)
			_ = m.Wait()
			sh(t, l, "end", "test ! -e /etc/never && test ! -e /etc/went-on")
		})
		t.Run("line cut as "+as.name, func(t *testing.T) {
			mark := fmt.Sprint(32000 + i)
			inv, proxy := overProxy(t, l, "end")
			m := command(t, append([]string{"run", "-i", inv, "--silence", "4s", hold(t, "end", mark, become)}, as.args...)...)
			if err := m.Start(); err != nil {
				t.Fatal(err)
			}
			begun(t, ns, mark)
			proxy.Silence()
			none(t, ns, mark, 4*time.Second+5*time.Second)
			sh(t, l, "end", "test ! -e /etc/never && test ! -e /etc/went-on")
			_ = m.Process.Kill() // it would dial for a minute
			_ = m.Wait()
		})
	}

	t.Run("interrupted", func(t *testing.T) {
		m := command(t, "run", "-i", l.Inventory, hold(t, "end", "33000", "false"))
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		begun(t, ns, "33000")
		if err := m.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		none(t, ns, "33000", 5*time.Second)
		_ = m.Wait()
		m.result().ends(t, 4)
	})

	for _, how := range []string{"kill", "silence"} {
		t.Run("apt is let finish after "+how, func(t *testing.T) {
			inv, proxy := overProxy(t, l, "end")
			pkg := map[string]string{"kill": "nginx", "silence": "redis-server"}[how]
			book := write(t, "apt.yml", "- hosts: end\n  tasks:\n    - package: {name: "+pkg+", update_cache: true}\n    - file: {path: /etc/never, state: touch}\n")
			m := command(t, "run", "-i", inv, "--silence", "4s", "-vv", book)
			if err := m.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, time.Minute, func() string {
				if bearing(ns, " --unpack ") == nil {
					return "dpkg does not run: " + m.out.String() + m.err.String()
				}
				return ""
			})
			if how == "silence" {
				proxy.Silence()
				time.Sleep(4 * time.Second)
			}
			if err := m.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = m.Wait()
			none(t, ns, "dpkg", 2*time.Minute)
			if s := sh(t, l, "end", "dpkg-query -W -f '${Status}' "+pkg+"; dpkg --audit"); s != "install ok installed" {
				t.Errorf("%s is %q", pkg, s)
			}
			// A line that went dead is noticed later than an end of mxplay: what was
			// sent ahead may have been begun.
			if how == "kill" {
				sh(t, l, "end", "test ! -e /etc/never")
			}
			unchanged(t, l, write(t, "again.yml", "- hosts: end\n  tasks:\n    - package: {name: "+pkg+"}\n"))
		})
	}
}

// overProxy is an inventory by which a host is reached over a line that can be
// made to go dead.
func overProxy(t *testing.T, l *lab.Lab, host string) (string, *delay.Proxy) {
	t.Helper()
	p, err := delay.Listen(net.JoinHostPort(l.Host(host).Addr, "22"), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	addr, port, err := net.SplitHostPort(p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	// HostKeyAlias: known_hosts has the host's own address.
	return write(t, "proxied", fmt.Sprintf("%s ansible_host=%s ansible_port=%s\n[all:vars]\nansible_user=root\nansible_ssh_private_key_file=%s\nansible_ssh_common_args='-F %s -o HostKeyAlias=%s'\n",
		host, addr, port, l.KeyFile, l.SSHConfig, l.Host(host).Addr)), p
}
