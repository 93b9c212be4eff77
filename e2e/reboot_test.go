//go:build lab

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mxplay/mxplay/e2e/lab"
)

// A host that starts anew is waited for, and the run goes on with it.
func TestReboot(t *testing.T) {
	l := up(t, lab.Spec{Name: "boots", Suite: "trixie"})
	book := write(t, "reboot.yml", `- hosts: boots
  gather_facts: false
  tasks:
    - wait_for_connection: {timeout: 60}
    - command: cat /proc/sys/kernel/random/boot_id
      register: before
    - reboot: {reboot_timeout: 180, test_command: systemctl is-system-running --wait}
      register: again
    - command: cat /proc/sys/kernel/random/boot_id
      register: after
    - assert: {that: [again.rebooted, again.elapsed > 0, before.stdout != after.stdout]}
    - fetch: {src: /bin/bash, dest: got}
`)
	boot := func() string { return sh(t, l, "boots", "cat /proc/sys/kernel/random/boot_id") }
	before := boot()
	mxplay(t, l, book, "-u", "root", "-C").ends(t, 0)
	if boot() != before {
		t.Fatal("check mode rebooted")
	}
	mxplay(t, l, book, "-u", "root").ends(t, 0)
	if boot() == before {
		t.Error("the host was not started anew")
	}
	got, err := os.ReadFile(filepath.Join(filepath.Dir(book), "got/boots/bin/bash"))
	root, _ := l.Root("boots")
	want, _ := os.ReadFile(root + "/usr/bin/bash")
	if err != nil || len(want) == 0 || string(got) != string(want) {
		t.Errorf("fetched %d bytes of %d: %v", len(got), len(want), err)
	}
	mxplay(t, l, write(t, "never.yml", "- hosts: boots\n  tasks:\n    - reboot: {reboot_timeout: 3, reboot_command: 'true'}\n"), "-u", "root").
		ends(t, 1).says(t, "boots is not back", "has not started anew")
}
