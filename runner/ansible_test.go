package runner

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
)

// record asks ansible-playbook anew: go test ./runner -run TestAnsible -record
// DIR, where DIR is the root of a system with ansible-core 2.19; make
// conformance-record makes one.
var record = flag.String("record", "", "root of a system with ansible-core, to record its answers anew")

// only limits what is recorded to the paths that hold it.
var only = flag.String("only", "", "record only cases whose path holds this")

// TestAnsible compares runs with what ansible-playbook did with the same files.
//
// A case is a txtar. Its comment says what it shows and holds the command
// lines, each begun with "run "; "by host" in it says that only the order on each host
// counts, as under the strategy free. Then come the files, and
//
//	ansible.sub  lines "ours => Ansible's", where the two spell an expression differently
//	want         what ansible-playbook did
//	differs      NAME: why mxplay does something else on purpose; DIFFERENCES.md has the name
//	mxplay       what it does then
//
// Both know the module act of the kit; no host is real, and one with
// ansible_host=nowhere cannot be reached.
func TestAnsible(t *testing.T) {
	paths, err := filepath.Glob("testdata/ansible/*/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	if *record != "" {
		recordAnsible(t, paths)
	}
	for _, path := range paths {
		topic, file := filepath.Split(strings.TrimPrefix(path, "testdata/ansible/"))
		t.Run(topic+strings.TrimSuffix(file, ".txtar"), func(t *testing.T) {
			c := readAnsibleCase(t, path)
			got := c.run(t)
			want, reason := c.text("want"), c.text("differs")
			switch {
			case want == "":
				t.Error("not recorded")
			case reason == "" && got != want:
				t.Errorf("ansible-playbook (-) and mxplay (+)\n%s", unified(want, got))
			case reason != "" && got == want:
				t.Errorf("it does not differ any more:\n%s", got)
			case reason != "" && *update:
				c.set("mxplay", got)
				c.write(t)
			case reason != "" && got != c.text("mxplay"):
				t.Errorf("got\n%s\nwant\n%s", got, c.text("mxplay"))
			}
		})
	}
}

// TestDifferences: each difference that a case shows is named in the reference, and no other is.
func TestDifferences(t *testing.T) {
	page, err := os.ReadFile("DIFFERENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	table, _, _ := strings.Cut(string(page), "What no such case can show")
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			named[strings.TrimSpace(cells[1])] = false
		}
	}
	delete(named, "name")
	delete(named, "---")
	paths, err := filepath.Glob("testdata/ansible/*/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range paths {
		reason := readAnsibleCase(t, path).text("differs")
		if reason == "" {
			continue
		}
		name, _, _ := strings.Cut(reason, ":")
		if _, ok := named[name]; !ok {
			t.Errorf("%s: DIFFERENCES.md does not name %q", path, name)
		}
		named[name] = true
	}
	for name, shown := range named {
		if !shown {
			t.Errorf("DIFFERENCES.md: no case shows %s", name)
		}
	}
}

func unified(want, got string) string {
	var b strings.Builder
	for _, l := range (&report.Redactor{}).Diff(want, got) {
		fmt.Fprintln(&b, l)
	}
	return b.String()
}

// ansibleCase is a case as its file holds it.
type ansibleCase struct {
	path   string
	ar     *txtar.Archive
	lines  []string // the command lines
	byHost bool
}

// notFiles are the parts of a case that no program reads.
var notFiles = []string{"ansible.sub", "want", "differs", "mxplay"}

func readAnsibleCase(t testing.TB, path string) *ansibleCase {
	t.Helper()
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(here, path)
	}
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &ansibleCase{path: path, ar: ar}
	for line := range strings.Lines(string(ar.Comment)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "run "); ok {
			c.lines = append(c.lines, rest)
		}
		c.byHost = c.byHost || line == "by host"
	}
	if len(c.lines) == 0 {
		t.Fatalf("%s: no command line", path)
	}
	return c
}

func (c *ansibleCase) text(name string) string {
	for _, f := range c.ar.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func (c *ansibleCase) set(name, text string) {
	for i, f := range c.ar.Files {
		if f.Name == name {
			c.ar.Files[i].Data = []byte(text)
			return
		}
	}
	c.ar.Files = append(c.ar.Files, txtar.File{Name: name, Data: []byte(text)})
}

func (c *ansibleCase) write(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(c.path, txtar.Format(c.ar), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unpack writes the files below a folder, in Ansible's spelling if asked.
func (c *ansibleCase) unpack(t testing.TB, dir string, ansible bool) {
	t.Helper()
	var pairs [][2]string
	for line := range strings.Lines(c.text("ansible.sub")) {
		ours, theirs, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " => ")
		if !ok {
			t.Fatalf("%s: ansible.sub: %q is not OURS => THEIRS", c.path, line)
		}
		if !slices.ContainsFunc(c.ar.Files, func(f txtar.File) bool {
			return !slices.Contains(notFiles, f.Name) && bytes.Contains(f.Data, []byte(ours))
		}) {
			t.Fatalf("%s: ansible.sub: %q is in no file", c.path, ours)
		}
		pairs = append(pairs, [2]string{ours, theirs})
	}
	for _, f := range c.ar.Files {
		if slices.Contains(notFiles, f.Name) {
			continue
		}
		data := string(f.Data)
		for _, p := range pairs {
			if ansible {
				data = strings.ReplaceAll(data, p[0], p[1])
			}
		}
		writeFile(t, filepath.Join(dir, f.Name), []byte(data))
		if strings.HasPrefix(data, "#!") {
			if err := os.Chmod(filepath.Join(dir, f.Name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// run is what mxplay does, as a transcript.
func (c *ansibleCase) run(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, line := range c.lines {
		dir := t.TempDir()
		c.unpack(t, dir, false)
		t.Chdir(dir)
		if len(c.lines) > 1 {
			fmt.Fprintf(&b, "> %s\n", line)
		}
		b.WriteString(c.runOne(t, line))
	}
	return b.String()
}

func (c *ansibleCase) runOne(t *testing.T, line string) string {
	t.Helper()
	hosts := newCloud()
	o, ro := options(t, line)
	o.Tasks = hosts.tasks()
	p, err := Compile(o)
	if err != nil {
		if c.text("differs") == "" {
			t.Log(err)
			return "exit error\n"
		}
		var es source.Errors
		es.Add(source.Pos{}, err)
		var b strings.Builder
		for _, e := range es {
			fmt.Fprintln(&b, e)
		}
		return b.String() + "exit error\n"
	}
	s := &transcript{byHost: c.byHost}
	ro.Report, ro.Redact, ro.dialer = s, &report.Redactor{}, hosts
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	recap, err := p.Run(ctx, ro)
	switch {
	case errors.Is(err, ErrInterrupted):
		t.Fatalf("%s hangs:\n%s", line, s.b.String())
	case err != nil:
		t.Log(err)
		return s.end("error")
	}
	if recap.Exit() == report.ExitOK {
		return s.end("ok")
	}
	return s.end("failed")
}

// happening is something that happens in a run of either program.
type happening struct {
	Event    string                    `json:"event"` // play, task, result, recap
	Title    string                    `json:"title"`
	Hosts    json.RawMessage           `json:"hosts"` // names of a play, counts of a recap
	Handler  bool                      `json:"handler"`
	Host     string                    `json:"host"`
	Delegate string                    `json:"delegate"`
	Item     *string                   `json:"item"` // nil: the whole task
	Status   string                    `json:"status"`
	Attempts int                       `json:"attempts"`
	Hidden   bool                      `json:"hidden"`
	Value    json.RawMessage           `json:"value"` // of debug, fail and act what they say
	Msg      string                    `json:"msg"`   // of Ansible's failures, for whoever records
	counts   map[string]map[string]int // of a recap
}

func (h happening) task() string {
	if h.Handler {
		return "HANDLER " + h.Title
	}
	return "TASK " + h.Title
}

// transcript is a run in the form in which the two programs are compared: what
// hosts report of a task stands together, in the order of their names.
type transcript struct {
	mu     sync.Mutex
	byHost bool
	b      strings.Builder
	title  string // of the task that began last
	wait   []happening
	counts map[string]map[string]int
}

func (s *transcript) add(h happening) {
	switch h.Event {
	case "play":
		s.flush()
		var hosts []string
		_ = json.Unmarshal(h.Hosts, &hosts)
		fmt.Fprintf(&s.b, "PLAY %s [%s]\n", h.Title, strings.Join(hosts, " "))
	case "task":
		if !s.byHost {
			s.flush()
			s.title = h.task()
		}
	case "result":
		s.wait = append(s.wait, h)
	case "recap": // of each playbook; the last one counts
		s.counts = h.counts
	}
}

func (s *transcript) flush() {
	slices.SortStableFunc(s.wait, func(a, b happening) int { return cmp.Compare(a.Host, b.Host) })
	for i, h := range s.wait {
		if !s.byHost && i == 0 {
			fmt.Fprintln(&s.b, s.title)
		}
		s.result(h)
	}
	s.wait = nil
}

func (s *transcript) result(h happening) {
	fmt.Fprintf(&s.b, "  %s", h.Host)
	if s.byHost {
		fmt.Fprintf(&s.b, " %s", h.task())
	}
	if h.Delegate != "" && h.Delegate != h.Host {
		fmt.Fprintf(&s.b, " -> %s", h.Delegate)
	}
	if h.Item != nil {
		fmt.Fprintf(&s.b, " (%s)", *h.Item)
	}
	fmt.Fprintf(&s.b, " %s", h.Status)
	if h.Attempts > 1 {
		fmt.Fprintf(&s.b, " attempts=%d", h.Attempts)
	}
	if h.Hidden {
		fmt.Fprint(&s.b, " hidden")
	} else if v := plainValue(h.Value); v != "" {
		fmt.Fprintf(&s.b, ": %s", v)
	}
	fmt.Fprintln(&s.b)
}

// plainValue is a value as JSON with its keys in order.
func plainValue(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return string(raw)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSpace(b.String())
}

func (s *transcript) end(exit string) string {
	s.flush()
	if s.counts != nil {
		s.recap()
	}
	fmt.Fprintf(&s.b, "exit %s\n", exit)
	return s.b.String()
}

func (s *transcript) recap() {
	fmt.Fprintln(&s.b, "RECAP")
	for _, host := range slices.Sorted(maps.Keys(s.counts)) {
		n := s.counts[host]
		if len(n) == 0 {
			continue
		}
		fmt.Fprintf(&s.b, "  %s", host)
		for _, k := range []string{"ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored", "maybe"} {
			if n[k] > 0 {
				fmt.Fprintf(&s.b, " %s=%d", k, n[k])
			}
		}
		fmt.Fprintln(&s.b)
	}
}

// tell adds what mxplay reports, from many goroutines.
func (s *transcript) tell(h happening) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(h)
}

func (s *transcript) Play(p report.Play) {
	hosts, _ := json.Marshal(p.Hosts)
	s.tell(happening{Event: "play", Title: p.Name, Hosts: hosts})
}

func (s *transcript) Task(t *report.Task) {
	s.tell(happening{Event: "task", Title: t.Title(), Handler: t.Handler})
}

func (s *transcript) Begin(string, *report.Task) {}

func (s *transcript) Progress(host, text string) {}

func (s *transcript) Notice(*report.Notice) {}

func (s *transcript) Close() error { return nil }

func (s *transcript) Result(r *report.Result) {
	h := happening{
		Event: "result", Title: r.Task.Title(), Handler: r.Task.Handler, Host: r.Host, Delegate: r.Delegate,
		Status: string(r.Status), Attempts: r.Attempts, Hidden: r.NoLog,
	}
	if r.Looped || r.Status == report.Skipped {
		h.Delegate = ""
	}
	if r.IsItem && !r.NoLog {
		h.Item = &r.Item
	}
	if r.Status == report.Failed || r.Status == report.Ignored || r.Status == report.Rescued {
		h.Attempts = 0
	}
	if r.Status == report.Rescued {
		h.Status = "failed"
	}
	var out map[string]json.RawMessage
	_ = json.Unmarshal(r.Output, &out)
	switch {
	case r.Looped || r.Status == report.Skipped || r.Status == report.Unreachable:
	case r.Task.Module == "debug" && (r.Status == report.OK || r.Status == report.Changed), r.Task.Module == "fail":
		h.Value = said(out)
	case r.Task.Module == "act" && string(out["stdout"]) != `""`:
		h.Value = out["stdout"]
	}
	s.tell(h)
}

// said is the message of a debug, or the value of what its var names.
func said(out map[string]json.RawMessage) json.RawMessage {
	for k, v := range out {
		switch k {
		case "changed", "failed", "skipped", "failed_when_result":
		default:
			return v
		}
	}
	return nil
}

func (s *transcript) Recap(r *report.Recap) {
	counts := map[string]map[string]int{}
	for _, x := range r.Hosts {
		n := map[string]int{
			"ok": x.OK, "changed": x.Changed, "unreachable": x.Unreachable, "failed": x.Failed,
			"skipped": x.Skipped, "rescued": x.Rescued, "ignored": x.Ignored, "maybe": x.Maybe,
		}
		maps.DeleteFunc(n, func(_ string, v int) bool { return v == 0 })
		counts[x.Host] = n
	}
	s.tell(happening{Event: "recap", counts: counts})
}

// recordAnsible writes what ansible-playbook does into the cases.
func recordAnsible(t *testing.T, paths []string) {
	t.Helper()
	root, err := os.MkdirTemp(filepath.Join(*record, "tmp"), "conformance")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	if err := os.CopyFS(filepath.Join(root, "record"), os.DirFS("testdata/record")); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join("/tmp", filepath.Base(root))
	type call struct {
		Dir  string   `json:"dir"`
		Args []string `json:"args"`
	}
	var calls []call
	var cases []*ansibleCase
	for i, p := range paths {
		if !strings.Contains(p, *only) {
			continue
		}
		c := readAnsibleCase(t, p)
		cases = append(cases, c)
		for j, line := range c.lines {
			dir := fmt.Sprintf("%d-%d", i, j)
			c.unpack(t, filepath.Join(root, dir, "work"), true)
			words, err := splitWords(line)
			if err != nil {
				t.Fatal(err)
			}
			for i := range words {
				words[i] = unquoteWord(words[i])
			}
			calls = append(calls, call{filepath.Join(inside, dir), words})
		}
	}
	in, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	// Python's processes want semaphores; in mounts of its own, none is left in the tree
	cmd := exec.Command("unshare", "-m", "sh", "-c",
		`mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/dev/shm" && exec chroot "$1" env -i PATH="$PATH" LC_ALL=C.UTF-8 python3 "$2"`,
		"record", *record, inside+"/record/record.py")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []ansibleAnswer
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		var b strings.Builder
		for _, line := range c.lines {
			if len(c.lines) > 1 {
				fmt.Fprintf(&b, "> %s\n", line)
			}
			b.WriteString(answers[0].transcript(t, c))
			answers = answers[1:]
		}
		c.set("want", b.String())
		c.write(t)
	}
}

type ansibleAnswer struct {
	RC       int
	Events   []happening
	Out, Err string
}

// transcript is a run of ansible-playbook; what may be a mistake in the case is logged.
func (a ansibleAnswer) transcript(t *testing.T, c *ansibleCase) string {
	t.Helper()
	s := &transcript{byHost: c.byHost}
	over := false
	for _, h := range a.Events {
		if h.Event == "recap" {
			over = true
			if err := json.Unmarshal(h.Hosts, &h.counts); err != nil {
				t.Fatal(err)
			}
		}
		if h.Msg != "" && !strings.HasPrefix(h.Msg, "it failed") {
			t.Logf("%s: %s: %s: %s", filepath.Base(c.path), h.task(), h.Host, h.Msg)
		}
		s.add(h)
	}
	if a.Err != "" {
		t.Logf("%s: %s", filepath.Base(c.path), a.Err)
	}
	exit := "error"
	switch {
	case a.RC == 0:
		exit = "ok"
	case over && (a.RC == 2 || a.RC == 4): // failed or unreachable, of which our codes are documented
		exit = "failed"
	}
	return s.end(exit)
}
