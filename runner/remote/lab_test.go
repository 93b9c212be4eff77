//go:build lab

package remote

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/wire"
)

// labHosts are the hosts of the lab whose folder is in MXPLAY_LAB.
func labHosts(t *testing.T) (dir string, hosts []string) {
	t.Helper()
	dir = os.Getenv("MXPLAY_LAB")
	if dir == "" {
		t.Fatal("MXPLAY_LAB names no lab: make lab-test sets it")
	}
	f, err := os.Open(filepath.Join(dir, "inventory"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan() && sc.Text() != ""; {
		hosts = append(hosts, strings.Fields(sc.Text())[0])
	}
	return dir, hosts
}

// Every host of the lab, as every account, directly and through another one.
func TestLab(t *testing.T) {
	dir, hosts := labHosts(t)
	k, _ := newRealKit(t)
	k.o.NoConfig, k.o.Check = false, true
	k.o.Run = fmt.Sprintf("lab-test-%d", os.Getpid())
	d := k.dialer()
	args := "-F " + filepath.Join(dir, "ssh_config")
	for _, h := range hosts {
		for _, user := range []string{"root", "admin", "ops"} {
			for _, jump := range []string{"", hosts[0]} {
				if jump == h || jump != "" && user != "root" {
					continue
				}
				t.Run(h+" "+user+" "+jump, func(t *testing.T) {
					k := &kit{t: t}
					tg := Target{Name: h, User: user, CommonArgs: args}
					if jump != "" {
						tg.CommonArgs += " -J " + jump
					}
					for _, way := range []string{"first", "again"} {
						start := time.Now()
						c := k.dial(d, tg)
						connected := time.Since(start)
						var ps []*Pending
						for range 20 {
							ps = append(ps, c.Start(plan(task("stat", m{"path": "/etc/passwd"})), nil))
						}
						for _, p := range ps {
							k.outcome(p)
						}
						t.Logf("%s: connected in %v, 20 tasks in %v; %s", way, connected.Round(time.Millisecond),
							(time.Since(start) - connected).Round(time.Millisecond), c.Hello().User)
						if c.Hello().User != user {
							t.Errorf("it runs as %s", c.Hello().User)
						}
						_ = c.Close()
					}
				})
			}
		}
	}
}

func plan(c wire.Call) wire.Call {
	c.Plan = true
	return c
}
