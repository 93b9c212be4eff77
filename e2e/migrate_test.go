//go:build lab

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/e2e/lab"
)

// migrated brings a playbook of Ansible's with its role over, whole, and runs
// it on a host: the second run changes nothing, and what it wrote is what
// Ansible writes.
func migrated(t *testing.T, l *lab.Lab, host string) {
	dir := filepath.Join(t.TempDir(), "new")
	m := command(t, "migrate", abs(t, "testdata/ansible/site.yml"), "-o", dir)
	if err := m.Run(); err != nil {
		t.Fatalf("%v\n%s", err, m.result().all())
	}
	if out := m.out.String(); strings.Contains(out, "refused") || !strings.Contains(out, "all 2: 15 of 15 tasks (100%)") {
		t.Errorf("it did not come over whole:\n%s", out)
	}
	args := []string{filepath.Join(dir, "site.yml"), "-l", host, "-u", "root"}
	mxplay(t, l, append(args, "-C")...).ends(t, 0)
	if sh(t, l, host, "test ! -e /srv/greeter && echo none") != "none" {
		t.Error("check mode made something")
	}
	mxplay(t, l, args...).ends(t, 0)
	unchanged(t, l, args...)
	unchanged(t, l, append(args, "-C")...)
	// As ansible-core 2.19 renders it.
	want := "enabled=True\n1. ann (admin)\n2. bob\nall: ANN BOB, 2 of them\n=== at http://127.0.0.1:8081/\na=1\n"
	page := sh(t, l, host, "grep . /srv/greeter/index.txt") + "\n"
	if page != want {
		t.Errorf("the page is\n%s\nwant\n%s", page, want)
	}
}
