package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/source"
)

var update = flag.Bool("update", false, "rewrite the recorded outputs")

// scene is a run with something of everything.
func scene(r Reporter) {
	at := func(line int) source.Pos { return source.Pos{File: "site.yml", Line: line, Col: 7} }
	r.Play(Play{Name: "web", Hosts: []string{"web1", "web2"}})
	t := &Task{Name: "install nginx", Role: "nginx", Module: "package", Pos: at(4)}
	r.Task(t)
	r.Result(&Result{Host: "web1", Task: t, Status: OK, Duration: 12 * time.Millisecond, Args: json.RawMessage(`{"name":["nginx"]}`), Output: json.RawMessage(`{"changed":false,"versions":{"nginx":"1.2"}}`)})
	r.Result(&Result{Host: "web2", Task: t, Status: Changed, Steps: []Step{{What: "install nginx"}, {What: "start it", Event: true}}, Duration: 65 * time.Second})
	t = &Task{Name: "write the site", Module: "template", Pos: at(8)}
	r.Task(t)
	r.Result(&Result{Host: "web1", Task: t, Status: Changed, Diff: true, Steps: []Step{{What: "write /etc/site", From: "a\npassword=older-pw\nb\n", To: "a\npassword=the-new-secret\nb\n"}}})
	r.Result(&Result{Host: "web2", Task: t, Status: Skipped, Msg: "when: false"})
	t = &Task{Name: "start", Module: "systemd", Pos: at(41)}
	r.Task(t)
	r.Result(&Result{Host: "web1", Task: t, Status: Failed, Msg: "start nginx.service: job failed", Lines: []string{"nginx: [emerg] bind()\x1b[2J failed"}, Hint: "another program holds the port: ss -tlnp\nlook at it"})
	r.Result(&Result{Host: "web2", Task: t, Status: Unreachable, Msg: "no route to host"})
	t = &Task{Name: "each", Module: "command", Pos: at(50)}
	r.Task(t)
	r.Result(&Result{Host: "web1", Delegate: "db1", Task: t, Status: Changed, IsItem: true, Item: "a", Attempts: 3})
	r.Result(&Result{Host: "web1", Task: t, Status: Ignored, IsItem: true, Item: "b", Msg: "exit status 1", Lines: []string{"the-new-secret is wrong"}})
	r.Result(&Result{Host: "web1", Task: t, Status: Changed, Looped: true})
	r.Result(&Result{Host: "web2", Task: &Task{Name: "each", Module: "command", Pos: at(50)}, Status: Failed, Looped: true,
		Msg: "start it: job failed", Steps: []Step{{What: "write it"}, {What: "start it", Event: true}}})
	t = &Task{Name: "hidden", Module: "command", Pos: at(60)}
	r.Task(t)
	r.Result(&Result{Host: "web1", Task: t, Status: Failed, NoLog: true, Msg: "tell nobody", Lines: []string{"this"}, Args: json.RawMessage(`{"cmd":"x"}`)})
	t = &Task{Name: "say", Module: "debug", Pos: at(70)}
	r.Task(t)
	r.Result(&Result{Host: "web1", Task: t, Status: OK, Text: "hello\nworld"})
	r.Result(&Result{Host: "web2", Task: t, Status: Maybe, Msg: "install nginx did not run"})
	r.Task(&Task{Name: "restart nginx", Module: "systemd", Pos: at(80), Handler: true})
	r.Notice(&Notice{Level: "warning", Text: "no host is called web3"})
	r.Notice(&Notice{Level: "note", Host: "web1", Text: "the agent was installed"})
	r.Recap(&Recap{
		Hosts:    []HostRecap{{Host: "web1", Counts: Counts{OK: 4, Changed: 2, Failed: 1, Ignored: 1}, State: Failed}, {Host: "web2", Counts: Counts{OK: 1, Changed: 1, Unreachable: 1, Skipped: 1, Maybe: 1}, State: Unreachable}},
		Duration: 90 * time.Second,
	})
	r.Close()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		os.MkdirAll("testdata", 0o755)
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func secrets() *Redactor {
	r := &Redactor{}
	r.Add("the-new-secret")
	return r
}

func TestTerminal(t *testing.T) {
	for name, o := range map[string]Options{
		"plain.txt":   {},
		"verbose.txt": {Verbose: 3},
		"color.txt":   {Color: true},
	} {
		var b bytes.Buffer
		o.Out, o.Redact = &b, secrets()
		scene(New(o))
		golden(t, name, b.Bytes())
	}
}

func TestLines(t *testing.T) {
	var b bytes.Buffer
	scene(NewLines(&b, secrets(), func() time.Time { return time.Unix(0, 0) }))
	for line := range strings.Lines(b.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if strings.Contains(b.String(), "the-new-secret") || strings.Contains(b.String(), "older-pw") || strings.Contains(b.String(), "tell nobody") {
		t.Error("a secret is shown")
	}
	golden(t, "lines.json", b.Bytes())
}

// screen is a terminal that knows the few sequences that the live block uses.
type screen struct {
	mu    sync.Mutex
	lines []string
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(p)
	if strings.HasPrefix(text, "\x1b[") {
		var up int
		fmt.Sscanf(text, "\x1b[%dA", &up)
		s.lines = s.lines[:len(s.lines)-up]
		text = text[strings.Index(text, "\x1b[J")+3:]
	}
	for line := range strings.Lines(text) {
		s.lines = append(s.lines, strings.TrimSuffix(line, "\n"))
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func TestLive(t *testing.T) {
	var mu sync.Mutex
	now := time.Unix(0, 0)
	s := &screen{}
	term := New(Options{Out: s, Live: true, Width: func() int { return 30 }, Time: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	task := &Task{Name: "a long name of a task that does not fit"}
	term.Task(task)
	for i := range 10 {
		term.Begin(fmt.Sprint("host", i), task)
	}
	mu.Lock()
	now = now.Add(3 * time.Second)
	mu.Unlock()
	term.Progress("host1", "half done")
	term.Notice(&Notice{Level: "note", Text: "hello"})
	if got := s.String(); !strings.Contains(got, "host0   3s  a long name of…") || !strings.HasSuffix(got, "and 2 more") {
		t.Errorf("the block:\n%s", got)
	}
	back := term.Pause()
	if strings.Contains(s.String(), "host0") {
		t.Errorf("paused, but:\n%s", s)
	}
	back()
	for i := range 10 {
		term.Result(&Result{Host: fmt.Sprint("host", i), Task: task, Status: OK})
	}
	term.Close()
	want := []string{"", "TASK [" + task.Name + "]", "note: hello"}
	for i := range 10 {
		want = append(want, fmt.Sprintf("ok: [host%d]", i))
	}
	if got := s.String(); got != strings.Join(want, "\n") {
		t.Errorf("at the end:\n%s", got)
	}
}

func TestManyHostsAtOnce(t *testing.T) {
	term := New(Options{Out: io.Discard, Live: true, Redact: secrets()})
	var wg sync.WaitGroup
	task := &Task{Name: "x"}
	for i := range 50 {
		wg.Go(func() {
			host := fmt.Sprint(i)
			term.Begin(host, task)
			term.Progress(host, "at it")
			term.Result(&Result{Host: host, Task: task, Status: Changed, Steps: []Step{{What: "x"}}})
		})
	}
	wg.Wait()
	term.Close()
	term.Close()
}

func TestCountsAndExit(t *testing.T) {
	var c Counts
	for _, s := range []Status{OK, Changed, Failed, Skipped, Unreachable, Ignored, Rescued, Maybe} {
		c.Add(s, false)
	}
	c.Add(Ignored, true)
	want := Counts{OK: 4, Changed: 2, Unreachable: 1, Failed: 1, Skipped: 1, Rescued: 1, Ignored: 2, Maybe: 1}
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for want, states := range map[int][]Status{0: {OK, OK}, 1: {Unreachable, Failed}, 3: {OK, Unreachable}} {
		r := &Recap{}
		for _, s := range states {
			r.Hosts = append(r.Hosts, HostRecap{State: s})
		}
		if got := r.Exit(); got != want {
			t.Errorf("%v exit with %d, want %d", states, got, want)
		}
	}
}

// A failure whose place is inside the task stands below the task's own line.
func TestFailureInsideTaskHasOneHead(t *testing.T) {
	var out bytes.Buffer
	term := New(Options{Out: &out, Redact: &Redactor{}})
	task := &Task{Name: "three", Module: "debug", Pos: source.Pos{File: "site.yml", Line: 6, Col: 7}}
	term.Task(task)
	term.Result(&Result{Host: "web1", Task: &Task{Name: "three", Module: "debug", Pos: task.Pos}, Status: Failed,
		Msg: "x is undefined", Pos: source.Pos{File: "site.yml", Line: 7, Col: 41}})
	got := out.String()
	if n := strings.Count(got, "TASK [three]"); n != 1 {
		t.Errorf("%d heads:\n%s", n, got)
	}
	if !strings.Contains(got, "site.yml:7:41: web1: debug: x is undefined") {
		t.Errorf("the place inside the task is missing:\n%s", got)
	}
}
