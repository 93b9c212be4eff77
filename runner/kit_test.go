package runner

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
)

var update = flag.Bool("update", false, "write what the cases in testdata print into them")

// script prints a run as plainly as can be: what hosts report of one task
// stands together, in the order of their names.
type script struct {
	mu     sync.Mutex
	b      strings.Builder
	title  string
	wait   []shown
	redact *report.Redactor
	diff   bool
}

type shown struct {
	report.Result
	at   source.Pos
	note string // a notice about the host instead
}

func (s *script) printf(format string, args ...any) {
	slices.SortStableFunc(s.wait, func(a, b shown) int { return cmp.Compare(a.Host, b.Host) })
	for _, r := range s.wait {
		s.result(r)
	}
	s.wait = nil
	fmt.Fprintf(&s.b, format, args...)
}

func (s *script) Play(p report.Play) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.title = ""
	batch := ""
	if p.Of > 1 {
		batch = fmt.Sprintf(" batch %d of %d", p.Batch, p.Of)
	}
	s.printf("PLAY %s %v%s\n", p.Name, p.Hosts, batch)
}

func title(t *report.Task) string {
	if t.Handler {
		return "HANDLER " + t.Title()
	}
	return "TASK " + t.Title()
}

func (s *script) Task(t *report.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.printf("%s\n", title(t))
	s.title = title(t)
}

func (s *script) Begin(string, *report.Task) {}

func (s *script) Progress(host, text string) {}

func (s *script) Result(r *report.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := shown{Result: *r, at: r.Place()}
	if t := title(r.Task); t == s.title {
		c.Task = nil
	}
	s.wait = append(s.wait, c)
}

func (s *script) result(r shown) {
	if r.note != "" {
		fmt.Fprintf(&s.b, "  %s %s\n", r.Host, r.note)
		return
	}
	fmt.Fprintf(&s.b, "  %s", r.Host)
	if r.Delegate != "" {
		fmt.Fprintf(&s.b, " -> %s", r.Delegate)
	}
	if r.IsItem {
		fmt.Fprintf(&s.b, " (%s)", s.redact.Text(r.Item))
	}
	fmt.Fprintf(&s.b, " %s", r.Status)
	if r.Changed && r.Status != report.Changed {
		fmt.Fprint(&s.b, " changed")
	}
	if r.Check {
		fmt.Fprint(&s.b, " other-mode")
	}
	if r.Attempts > 1 {
		fmt.Fprintf(&s.b, " attempts=%d", r.Attempts)
	}
	if r.Status == report.Failed || r.Status == report.Ignored || r.Status == report.Rescued {
		fmt.Fprintf(&s.b, " at %s", r.at.String())
	}
	if r.Task != nil {
		fmt.Fprintf(&s.b, " %s", title(r.Task))
	}
	if r.NoLog {
		fmt.Fprint(&s.b, " hidden")
	} else {
		for _, part := range []string{r.Msg, r.Text} {
			if part != "" {
				fmt.Fprintf(&s.b, ": %s", strings.ReplaceAll(s.redact.Text(part), "\n", "\n    "))
			}
		}
	}
	fmt.Fprintln(&s.b)
	if !s.diff || r.NoLog {
		return
	}
	for _, st := range r.Steps {
		fmt.Fprintf(&s.b, "    %s\n", s.redact.Text(st.What))
		for _, l := range s.redact.Diff(st.From, st.To) {
			fmt.Fprintf(&s.b, "    %s\n", l)
		}
	}
}

func (s *script) Notice(n *report.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.Host != "" {
		s.wait = append(s.wait, shown{Result: report.Result{Host: n.Host}, note: n.Level + ": " + n.Text})
		return
	}
	at := ""
	if n.Err != nil && !n.Err.Pos.IsZero() {
		at = n.Err.Pos.String() + ": "
	}
	s.printf("%s %s%s\n", n.Level, at, n.Text)
}

func (s *script) Recap(r *report.Recap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.printf("RECAP\n")
	for _, h := range r.Hosts {
		fmt.Fprintf(&s.b, "  %s %s", h.Host, h.State)
		for _, c := range []struct {
			name string
			n    int
		}{{"ok", h.OK}, {"changed", h.Changed}, {"unreachable", h.Unreachable}, {"failed", h.Failed}, {"skipped", h.Skipped},
			{"rescued", h.Rescued}, {"ignored", h.Ignored}, {"maybe", h.Maybe}} {
			if c.n > 0 {
				fmt.Fprintf(&s.b, " %s=%d", c.name, c.n)
			}
		}
		fmt.Fprintln(&s.b)
	}
	if r.Stopped != "" {
		fmt.Fprintf(&s.b, "stopped: %s\n", r.Stopped)
	}
}

func (s *script) Close() error { return nil }

// options reads a command line of a case, in the words of mxplay run.
func options(t testing.TB, line string) (Options, RunOptions) {
	t.Helper()
	words, err := splitWords(line)
	if err != nil {
		t.Fatal(err)
	}
	for i := range words {
		words[i] = unquoteWord(words[i])
	}
	var o Options
	var ro RunOptions
	for i := 0; i < len(words); i++ {
		next := func() string {
			if i++; i >= len(words) {
				t.Fatalf("%s: a word is missing at the end", line)
			}
			return words[i]
		}
		switch w := words[i]; w {
		case "-i":
			o.Inventory = append(o.Inventory, next())
		case "-e":
			o.ExtraVars = append(o.ExtraVars, next())
		case "-l":
			o.Limit = append(o.Limit, next())
		case "-t":
			o.Tags = append(o.Tags, strings.Split(next(), ",")...)
		case "--skip-tags":
			o.SkipTags = append(o.SkipTags, strings.Split(next(), ",")...)
		case "-C":
			ro.Check = true
		case "-D":
			ro.Diff = true
		case "-b":
			o.Become = true
		case "-u":
			o.User = next()
		case "-f":
			ro.Forks, _ = strconv.Atoi(next())
		case "--start-at-task":
			o.StartAt = next()
		case "--answer":
			answer := next()
			ro.Prompt = func(q Prompt) (string, error) {
				asked := q.Text
				if q.Private {
					asked += " (private)"
				}
				return answer + " to " + asked, nil
			}
		case "--step":
			answers := strings.Split(next(), "")
			ro.Step = func(string, string) (Step, error) {
				if len(answers) == 0 {
					return StepNo, io.EOF
				}
				a := answers[0]
				answers = answers[1:]
				return map[string]Step{"y": StepYes, "c": StepRest}[a], nil
			}
		case "--pending-handlers":
			ro.PendingHandlers = true
		case "--force-handlers":
			o.ForceHandlers = true
		case "--syntax-check":
			o.NoHosts = true
		default:
			if strings.HasPrefix(w, "-") {
				t.Fatalf("%s: unknown flag %s", line, w)
			}
			o.Playbooks = append(o.Playbooks, w)
		}
	}
	return o, ro
}

// runLine compiles and runs one command line in the working directory.
func runLine(t testing.TB, c *cloud, line string) string {
	t.Helper()
	o, ro := options(t, line)
	o.Tasks = c.tasks()
	p, err := Compile(o)
	if err != nil {
		var es source.Errors
		es.Add(source.Pos{}, err)
		var b strings.Builder
		for _, e := range es {
			fmt.Fprintf(&b, "%s\n", e)
			if e.Hint != "" {
				fmt.Fprintf(&b, "  hint: %s\n", e.Hint)
			}
		}
		return b.String() + "exit 2\n"
	}
	s := &script{redact: &report.Redactor{}, diff: ro.Diff}
	if answer := ro.Step; answer != nil {
		ro.Step = func(task, host string) (Step, error) {
			s.mu.Lock()
			s.printf("asked: %s\n", strings.TrimSuffix(task+" on "+host, " on "))
			s.mu.Unlock()
			return answer(task, host)
		}
	}
	if o.NoHosts {
		s.printf("compiled\n")
		return s.b.String()
	}
	ro.Report, ro.Redact, ro.dialer = s, s.redact, c
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	recap, err := p.Run(ctx, ro)
	exit := 0
	switch {
	case errors.Is(err, ErrInterrupted):
		t.Fatalf("%s hangs:\n%s", line, s.b.String())
	case err != nil:
		s.printf("error: %s\n", err)
		exit = 2
	default:
		exit = recap.Exit()
	}
	s.printf("exit %d\n", exit)
	return s.b.String()
}

// Each case is a tree of files; its comment holds the command lines, and the
// file "want" what they print.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	here, _ := os.Getwd()
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txtar")
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(here, f)
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			t.Chdir(dir)
			want := -1
			for i, x := range ar.Files {
				if x.Name == "want" {
					want = i
					continue
				}
				writeFile(t, x.Name, x.Data)
			}
			got := runLines(t, string(ar.Comment))
			got = strings.ReplaceAll(got, dir, "$WORK")
			if real, err := filepath.EvalSymlinks(dir); err == nil {
				got = strings.ReplaceAll(got, real, "$WORK")
			}
			if want < 0 {
				ar.Files = append(ar.Files, txtar.File{Name: "want"})
				want = len(ar.Files) - 1
			}
			if *update {
				ar.Files[want].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if w := string(ar.Files[want].Data); got != w {
				t.Errorf("got\n%s\nwant\n%s", got, w)
			}
		})
	}
}

func writeFile(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// runLines runs the lines "run ..." of a text, all against the same hosts.
func runLines(t testing.TB, text string) string {
	t.Helper()
	var b strings.Builder
	c := newCloud()
	n := strings.Count("\n"+text, "\nrun ")
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "run ")
		if !ok {
			continue
		}
		if n > 1 {
			fmt.Fprintf(&b, "> %s\n", rest)
		}
		b.WriteString(runLine(t, c, rest))
	}
	return b.String()
}
