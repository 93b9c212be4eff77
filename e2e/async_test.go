//go:build lab

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

// jobID is the ansible_job_id that a run registered.
func jobID(t *testing.T, r result) string {
	t.Helper()
	for _, e := range r.events(t) {
		var got struct {
			ID string `json:"ansible_job_id"`
		}
		if json.Unmarshal(e.Result, &got) == nil && got.ID != "" {
			return got.ID
		}
	}
	t.Fatalf("no job:\n%s", r.all())
	return ""
}

// Tasks with async on a real host: as root, and as another account.
func TestAsync(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "asy", Suite: "trixie"})
	ns := namespace(t, l, "asy")
	key := "ansible_ssh_private_key_file=" + l.KeyFile
	config := fmt.Sprintf("ansible_ssh_common_args='-F %s'", l.SSHConfig)
	pass := write(t, "pass", lab.Password+"\n")
	for i, as := range []struct {
		name, inv string
		args      []string
	}{
		{"root", inventory(t, l, "asy", "ansible_user=root", key, config), nil},
		{"from root to admin", inventory(t, l, "asy", "ansible_user=root", key, config), []string{"-b", "--become-user", "admin"}},
		{"admin", inventory(t, l, "asy", "ansible_user=admin", key, config), nil},
		{"from admin to root", inventory(t, l, "asy", "ansible_user=admin", key, config), []string{"-b", "--become-password-file", pass}},
		{"from admin to ops", inventory(t, l, "asy", "ansible_user=admin", key, config), []string{"-b", "--become-user", "ops", "--become-password-file", pass}},
	} {
		out := fmt.Sprintf("/tmp/async-%d", i)
		start := write(t, "start.yml", fmt.Sprintf(`- hosts: all
  tasks:
    - shell: "sleep 4; id -un > %s; echo from $(cat %s)"
      async: 60
      poll: 0
      register: j
`, out, out))
		status := write(t, "status.yml", `- hosts: all
  tasks:
    - async_status: {jid: "{{ jid }}"}
      register: job
      until: job.finished
      retries: 30
      delay: 0.5
    - assert: {that: ["job.rc == 0", "job.stdout == 'from ' + who"]}
    - async_status: {jid: "{{ jid }}", mode: cleanup}
`)
		t.Run("goes on as "+as.name, func(t *testing.T) {
			args := append([]string{"--output", "json"}, as.args...)
			r := on(t, as.inv, start, args...).ends(t, 0)
			jid := jobID(t, r)
			sh(t, l, "asy", "test ! -e "+out) // mxplay has ended, the job has not
			eventually(t, 20*time.Second, func() string {
				if _, err := l.Exec(t.Context(), "asy", "test", "-e", out); err != nil {
					return "the job has written nothing"
				}
				return ""
			})
			who := sh(t, l, "asy", "cat "+out)
			on(t, as.inv, status, append(as.args, "-e", "jid="+jid, "-e", "who="+who)...).ends(t, 0)
			on(t, as.inv, status, append(as.args, "-e", "jid="+jid, "-e", "who="+who)...).ends(t, 1).says(t, "there is no job "+jid)
		})
		t.Run("its time is over as "+as.name, func(t *testing.T) {
			mark := fmt.Sprint(34000 + i)
			book := write(t, "late.yml", "- hosts: all\n  tasks:\n    - shell: \"trap '' TERM; sleep "+mark+"; sleep "+mark+"\"\n      async: 2\n      poll: 1\n")
			on(t, as.inv, book, as.args...).ends(t, 1).says(t, "async task did not complete within the requested time: 2s")
			none(t, ns, mark, 3*time.Second)
		})
	}

	// The line breaks, and so does its agent: the run finds the job again, which ran once.
	t.Run("a lost connection", func(t *testing.T) {
		book := write(t, "cut.yml", `- hosts: asy
  tasks:
    - shell: "echo x >> /root/cut; sleep 6; echo done"
      async: 60
      poll: 1
      register: r
    - assert: {that: r.stdout == 'done'}
`)
		m := command(t, "run", "-i", l.Inventory, book)
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, 20*time.Second, func() string {
			if _, err := l.Exec(t.Context(), "asy", "test", "-e", "/root/cut"); err != nil {
				return "the job has not begun: " + m.out.String()
			}
			return ""
		})
		killed := 0
		for _, line := range running(ns, func(_, line string) bool {
			return strings.HasPrefix(line, "sshd-session:") || strings.HasPrefix(line, "sshd:") && strings.Contains(line, "@") || strings.Contains(line, "mxplay-agent") && strings.HasSuffix(line, " serve")
		}) {
			var pid int
			fmt.Sscan(line, &pid)
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
		}
		if killed == 0 {
			t.Fatal("there was nothing to kill")
		}
		_ = m.Wait()
		m.result().ends(t, 0).says(t, "it was made again")
		if s := sh(t, l, "asy", "cat /root/cut"); s != "x" {
			t.Errorf("the job wrote %q", s)
		}
	})

	// A module is a job as well as an action is, and check mode starts none.
	t.Run("a module", func(t *testing.T) {
		big := strings.Repeat("0123456789abcdef\n", 4000)
		book := write(t, "module.yml", fmt.Sprintf("- hosts: all\n  vars: {big: %q}\n  tasks:\n    - copy: {content: \"{{ big }}\", dest: /root/big}\n      async: 60\n      poll: 1\n      register: r\n", big))
		inv := inventory(t, l, "asy", "ansible_user=root", key, config)
		on(t, inv, book, "-C").ends(t, 0).says(t, "changed=1")
		sh(t, l, "asy", "test ! -e /root/big")
		on(t, inv, book).ends(t, 0).says(t, "changed=1")
		on(t, inv, book).ends(t, 0).says(t, "changed=0")
		if s := sh(t, l, "asy", "wc -c </root/big"); s != fmt.Sprint(len(big)) {
			t.Errorf("%s bytes of %d", s, len(big))
		}
	})
}
