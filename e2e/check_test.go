//go:build lab

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

// Check mode on a bare host shows a plan, says maybe where it cannot know, and
// touches nothing: every file is byte for byte what it was.
func TestCheckTouchesNothing(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "cb", Suite: "bookworm"}, lab.Spec{Name: "ct", Suite: "trixie"},
		lab.Spec{Name: "cs", Suite: "sid", Aliases: []string{domain, public}})
	for _, h := range l.Hosts {
		t.Run(h.Suite, func(t *testing.T) {
			args := []string{abs(t, "testdata/modules/plan.yml"), "-l", h.Name, "-e", "standin=" + l.StandIn, "-e", "fingerprint=" + l.Fingerprint}
			if h.Suite != "bookworm" {
				args = []string{"-i", siteInventory(t, l, h.Name), "mxplay:site.yml"}
			}
			// The agent's cache is a folder of its own; what holds it is there already.
			sh(t, l, h.Name, "mkdir -p -m 700 /root/.cache")
			files := func() map[string]string {
				t.Helper()
				f, err := l.Files(h.Name, "/var/log", "/root/.cache")
				if err != nil {
					t.Fatal(err)
				}
				return f
			}
			before := files()
			for _, more := range [][]string{{"-C", "-D", "-vvv"}, {"-C", "--output", "json"}} {
				r := mxplay(t, l, append(more, args...)...).ends(t, 0)
				if more[1] == "-D" {
					r.says(t, "maybe", "+")
					continue
				}
				c := r.recap(t)[h.Name]
				if c.Changed == 0 || c.Maybe == 0 || c.Failed+c.Unreachable+c.Ignored+c.Rescued != 0 {
					t.Errorf("%+v", c)
				}
				for _, e := range r.events(t) {
					if e.Status == "failed" {
						t.Errorf("%s: %s", e.Task, e.Msg)
					}
				}
			}
			after := files()
			if diff := lab.Changed(before, after); diff != nil {
				t.Errorf("changed:\n%s", strings.Join(diff, "\n"))
			}
			if len(before) < 5000 {
				t.Errorf("only %d files were seen", len(before))
			}
		})
	}
}

// The comparison that the other test rests on sees the smallest change.
func TestComparisonSees(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "see", Suite: "trixie"})
	root, err := l.Root("see")
	if err != nil {
		t.Fatal(err)
	}
	etc := func(name string) string { return filepath.Join(root, "etc", name) }
	sh(t, l, "see", "ln -s a /etc/link; echo 12345 >/etc/size; echo 12345 >/etc/mode; echo 12345 >/etc/time; echo 12345 >/etc/owner")
	before, err := l.Files("see", "/var/log")
	if err != nil {
		t.Fatal(err)
	}
	same, err := os.Stat(etc("size"))
	if err != nil {
		t.Fatal(err)
	}
	sh(t, l, "see", "ln -sfn b /etc/link; echo 12346 >/etc/size; chmod 600 /etc/mode; chown 1 /etc/owner")
	if err := os.Chtimes(etc("size"), time.Time{}, same.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(etc("time"), time.Time{}, same.ModTime().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	after, err := l.Files("see", "/var/log")
	if err != nil {
		t.Fatal(err)
	}
	diff := strings.Join(lab.Changed(before, after), "\n")
	for _, name := range []string{"link", "size", "mode", "time", "owner"} {
		if !strings.Contains(diff, "/etc/"+name+":") {
			t.Errorf("a change of /etc/%s is not seen:\n%s", name, diff)
		}
	}
}
