package modtest

import (
	"strings"
	"testing"
)

// What a state says comes out again as it was written.
func TestState(t *testing.T) {
	want := []string{
		"group matrix gid=993 members=a,b",
		`user matrix uid=993 gid=993 "gecos=Matrix, server" home=/var/lib/matrix shell=/bin/sh expire=3`,
		"link /etc/m -> /etc/matrix",
		"dir /etc/matrix 0750 root:matrix",
		"file /etc/matrix/a 0640 root:matrix\n\tone\n\n\tthree",
		"file /etc/matrix/b 0644 root:root noeol\n\tx",
		"file /etc/matrix/c 0644 root:root mtime=2020-01-02T03:04:05Z hex\n\tff00",
		"package nginx 1.26 Status=unpacked",
		"unit nginx.service Active=active Sub=running File=enabled NeedReload=true",
	}
	h, err := Parse(strings.Join(want, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(h.State(), "\n")
	if got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if b, err := h.ReadFile(t.Context(), "/etc/m/a"); err != nil || string(b) != "one\n\nthree\n" {
		t.Errorf("through the link: %q, %v", b, err)
	}
}

// A script answers by pattern, and its effects change the host and later answers.
func TestScript(t *testing.T) {
	h, err := Parse("run useradd * => 0\n\tout: made\n\tset user x uid=5\n\tset run useradd * => 9\n\t\terr: already\n")
	if err != nil {
		t.Fatal(err)
	}
	o, err := h.answer("run", []string{"useradd", "-m", "x"}, nil, true)
	if err != nil || o.Exit != 0 || string(o.Stdout) != "made\n" || h.Users["x"].UID != 5 {
		t.Errorf("%+v %v", o, err)
	}
	if o, _ = h.answer("run", []string{"useradd", "y"}, nil, true); o.Exit != 9 || string(o.Stderr) != "already\n" {
		t.Errorf("%+v", o)
	}
	if _, err := h.answer("run", []string{"reboot"}, nil, true); err == nil {
		t.Error("a command without a script is answered")
	}
}
