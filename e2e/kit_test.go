//go:build lab

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

// up brings hosts up for one test, in a group of their own, and takes them
// down after it. A lab that does not start fails the test.
func up(t *testing.T, hosts ...lab.Spec) *lab.Lab {
	t.Helper()
	c, err := lab.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	c.Group += "-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	l, err := c.Up(t.Context(), hosts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// sh runs a command on a host as root, from outside, and must succeed.
func sh(t *testing.T, l *lab.Lab, host, command string) string {
	t.Helper()
	out, err := l.Exec(t.Context(), host, "sh", "-c", command)
	if err != nil {
		text := err.Error()
		if ce := (*lab.CommandError)(nil); errors.As(err, &ce) {
			text = fmt.Sprintf("exit %d\n%s%s", ce.Exit, ce.Stdout, ce.Stderr)
		}
		t.Fatalf("%s: %s: %s", host, command, text)
	}
	return strings.TrimSpace(out)
}

// write puts a text into the test's own folder.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// mx is an invocation of mxplay.
type mx struct {
	*exec.Cmd
	out, err bytes.Buffer
}

// command prepares a run of mxplay that knows nothing of this machine's own
// ssh configuration, keys or agent.
func command(t *testing.T, args ...string) *mx {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	t.Cleanup(cancel)
	m := &mx{Cmd: exec.CommandContext(ctx, binary, args...)}
	m.Stdout, m.Stderr = &m.out, &m.err
	m.Dir = t.TempDir()
	m.Env = []string{"HOME=" + m.Dir, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "NO_COLOR=1"}
	m.WaitDelay = 5 * time.Second
	return m
}

// result is what a run said and how it ended.
type result struct {
	stdout, stderr string
	exit           int
}

func (r result) all() string { return r.stdout + r.stderr }

func (m *mx) result() result {
	exit := -1
	if m.ProcessState != nil {
		exit = m.ProcessState.ExitCode()
	}
	return result{m.out.String(), m.err.String(), exit}
}

// onController keeps runs apart that work on this machine, too: a host has one run at a time.
var onController sync.Mutex

// mxplay runs mxplay on a lab's hosts to its end.
func mxplay(t *testing.T, l *lab.Lab, args ...string) result {
	t.Helper()
	if slices.Contains(args, "mxplay:verify.yml") {
		onController.Lock()
		defer onController.Unlock()
	}
	m := command(t, append([]string{"run", "-i", l.Inventory}, args...)...)
	if err := m.Run(); err != nil && m.ProcessState == nil {
		t.Fatal(err)
	}
	return m.result()
}

// ends fails the test unless the run ended so.
func (r result) ends(t *testing.T, exit int) result {
	t.Helper()
	if r.exit != exit {
		t.Fatalf("exit %d, want %d\n%s", r.exit, exit, tail(r.all(), 60))
	}
	return r
}

// says fails the test unless the run's output has all the texts.
func (r result) says(t *testing.T, texts ...string) result {
	t.Helper()
	plain := strings.Join(strings.Fields(r.all()), " ") // as if lines were not folded
	for _, s := range texts {
		if !strings.Contains(plain, s) {
			t.Errorf("nothing is said of %q:\n%s", s, tail(r.all(), 40))
		}
	}
	return r
}

// event is a line of --output json.
type event struct {
	Event, Host, Task, Role, Module, Place, Status, Msg, Hint string
	Item                                                      *string
	Changed                                                   bool
	Handler                                                   bool
	Lines                                                     []string
	Steps                                                     []struct{ What, From, To string }
	Result                                                    json.RawMessage
	Hosts                                                     json.RawMessage
}

// counts is a host's line of the recap.
type counts struct {
	OK, Changed, Unreachable, Failed, Skipped, Rescued, Ignored, Maybe int
	State                                                              string
}

func (r result) events(t *testing.T) []event {
	t.Helper()
	var all []event
	for line := range strings.Lines(r.stdout) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("not a line of JSON: %v: %q\n%s", err, line, r.stderr)
		}
		all = append(all, e)
	}
	return all
}

// recap reads the last line of --output json.
func (r result) recap(t *testing.T) map[string]counts {
	t.Helper()
	for _, e := range slices.Backward(r.events(t)) {
		if e.Event == "recap" {
			var c map[string]counts
			if err := json.Unmarshal(e.Hosts, &c); err != nil {
				t.Fatal(err)
			}
			return c
		}
	}
	t.Fatalf("no recap:\n%s%s", tail(r.stdout, 20), r.stderr)
	return nil
}

// unchanged runs mxplay and fails the test unless every task is ok or skipped.
func unchanged(t *testing.T, l *lab.Lab, args ...string) result {
	t.Helper()
	r := mxplay(t, l, append([]string{"--output", "json"}, args...)...)
	for _, e := range r.events(t) {
		if (e.Event == "result" || e.Event == "item") && e.Status != "ok" && e.Status != "skipped" {
			t.Errorf("%s: %s is %s: %s %+v %v", e.Host, e.Task, e.Status, e.Msg, e.Steps, e.Lines)
		}
	}
	r.ends(t, 0)
	for host, c := range r.recap(t) {
		if c.Changed+c.Failed+c.Unreachable+c.Maybe+c.Ignored+c.Rescued != 0 || c.OK == 0 {
			t.Errorf("%s: %+v", host, c)
		}
	}
	return r
}

func tail(s string, n int) string {
	lines := strings.SplitAfter(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

// eventually waits until look has nothing to complain of.
func eventually(t *testing.T, limit time.Duration, look func() string) {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		complaint := look()
		if complaint == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %v: %s", limit, complaint)
		}
	}
}

// abs is a file of the test data, wherever mxplay runs.
func abs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// untouched fails the test when a file of a host changes meanwhile, but for
// what a login and the agent's own folder leave.
func untouched(t *testing.T, l *lab.Lab, host string, do func()) {
	t.Helper()
	sh(t, l, host, "mkdir -p -m 700 /root/.cache")
	files := func() map[string]string {
		t.Helper()
		f, err := l.Files(host, "/var/log", "/root/.cache")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	before := files()
	do()
	if diff := lab.Changed(before, files()); diff != nil {
		t.Errorf("%s: changed:\n%s", host, strings.Join(diff, "\n"))
	}
}
