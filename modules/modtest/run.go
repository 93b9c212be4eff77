package modtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/tools/txtar"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/source"
)

// Run is the suite that every task passes: its description is whole, its
// example parses, empty arguments give a clear error or are valid, and each
// testdata/*.txtar comes out as written. A case is
//
//	a comment
//	-- args --          YAML, as in a playbook
//	-- host --          the host before, as Entry describes it
//	-- files/motd --    a file on the controller: src: motd
//	-- steps --         out: the steps with their diffs, then maybe, skipped or the error
//	-- did --           out: what was done to the host, in order
//	-- after --         out: what is different, "gone" before what is no more
//	-- result --        out: what a register would hold
//
// MODTEST_UPDATE=1 writes the sections marked out. Each case is run in check
// mode first, which may write nothing, then for real, then once more, which may
// only repeat events (unless the task is an action).
func Run(t *testing.T, task *modules.Task) {
	t.Run("description", func(t *testing.T) { describe(t, task) })
	t.Run("example", func(t *testing.T) { example(t, task) })
	t.Run("empty", func(t *testing.T) { empty(t, task) })
	cases, _ := filepath.Glob("testdata/*.txtar")
	if len(cases) == 0 && task.Kind != modules.Engine {
		t.Errorf("no testdata/*.txtar")
	}
	for _, c := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(c), ".txtar"), func(t *testing.T) { runCase(t, task, c) })
	}
}

func describe(t *testing.T, task *modules.Task) {
	if task.Name == "" || task.Name != strings.ToLower(task.Name) {
		t.Errorf("name %q", task.Name)
	}
	first, _, _ := strings.Cut(task.Doc, "\n")
	if first == "" || len(first) > 120 {
		t.Errorf("the first line of Doc is a sentence for lists, found %q", first)
	}
	describeSpec(t, "argument", task.Args)
	describeSpec(t, "result", task.Result)
}

func describeSpec(t *testing.T, what string, s *modules.Spec) {
	seen := map[string]bool{}
	for _, f := range s.Fields {
		if f.Doc == "" && !f.Private {
			t.Errorf("%s %s has no doc", what, f.Name)
		}
		if strings.HasSuffix(f.Doc, ".") && !strings.HasSuffix(f.Doc, "...") {
			t.Errorf("%s %s: doc ends in a full stop", what, f.Name)
		}
		for _, n := range append([]string{f.Name}, f.Aliases...) {
			if seen[n] {
				t.Errorf("%s %s stands twice", what, n)
			}
			seen[n] = true
		}
		if f.Default != "" && len(f.Enum) > 0 && !slices.Contains(f.Enum, f.Default) {
			t.Errorf("%s %s: default %s is not in its enum", what, f.Name, f.Default)
		}
		for in := &f.Type; in != nil; in = in.Elem {
			if in.Struct != nil {
				describeSpec(t, what+" "+f.Name, in.Struct)
			}
		}
	}
}

// example checks that the example is tasks of this kind whose arguments decode.
func example(t *testing.T, task *modules.Task) {
	docs, err := source.ReadYAML("example", []byte(task.Example))
	if err != nil {
		t.Fatalf("the example does not parse: %v", err)
	}
	if len(docs) != 1 || docs[0].Kind != source.List || len(docs[0].Items) == 0 {
		t.Fatalf("the example is no list of tasks")
	}
	for _, it := range docs[0].Items {
		args := it.Get(task.Name)
		if args == nil {
			t.Errorf("a task of the example is no %s", task.Name)
			continue
		}
		if it.Get("name") == nil {
			t.Errorf("a task of the example has no name")
		}
		args = merge(args, it.Get("args"), task.Args)
		files := anyFile(task.Args, args, map[string]string{})
		if strings.Contains(text(args), "{{") {
			continue // its values are known at run only
		}
		raw, err := encode(New(), task.Args, args, files)
		if err == nil {
			err = task.Decode(raw)
		}
		if err != nil {
			t.Errorf("a task of the example: %v", err)
		}
	}
}

// merge adds the keyword args to a free form.
func merge(args, more *source.Node, spec *modules.Spec) *source.Node {
	if more == nil {
		return args
	}
	n := &source.Node{Kind: source.Map, Fields: slices.Clone(more.Fields)}
	if args.Kind == source.Map {
		n.Fields = append(n.Fields, args.Fields...)
		return n
	}
	for _, f := range spec.Fields {
		if f.FreeForm {
			n.Fields = append(n.Fields, source.Field{Key: f.Name, Value: args})
		}
	}
	return n
}

func text(n *source.Node) string { return fmt.Sprint(n.Plain()) }

// anyFile makes every file that arguments name exist.
func anyFile(spec *modules.Spec, n *source.Node, files map[string]string) map[string]string {
	for _, e := range n.Fields {
		f := spec.Field(e.Key)
		if f != nil && f.Type.Kind == modules.ContentT && e.Value.Kind == source.Scalar {
			name := fmt.Sprint(e.Value.Value)
			if f.Type.From == "script" {
				name, _, _ = strings.Cut(name, " ")
			}
			if strings.HasSuffix(name, "/") {
				name += "x"
			}
			files[name] = "x\n"
		}
	}
	return files
}

// empty checks that a task without arguments is refused in words, unless it is meaningful.
func empty(t *testing.T, task *modules.Task) {
	raw, err := Args(New(), task.Args, "", nil)
	if err == nil {
		err = task.Decode(raw)
	}
	if err != nil {
		clear(t, err.Error())
	}
}

func clear(t *testing.T, msg string) {
	t.Helper()
	if msg == "" || unicode.IsUpper(rune(msg[0])) && !unicode.IsUpper(rune(msg[min(1, len(msg)-1)])) || strings.HasSuffix(msg, ".") {
		t.Errorf("an error has no capital and no full stop: %q", msg)
	}
	for _, no := range []string{"%!", "<nil>", "reflect", "panic", "the module broke", "failed to", "unable to"} {
		if strings.Contains(msg, no) {
			t.Errorf("an unclear error: %q", msg)
		}
	}
}

func runCase(t *testing.T, task *modules.Task, path string) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, files := map[string]string{}, map[string]string{}
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, "files/"); ok {
			files[name] = string(f.Data)
		}
		in[f.Name] = string(f.Data)
	}
	h, err := Parse(in["host"])
	if err != nil {
		t.Fatal(err)
	}
	got := play(t, task, h, in["args"], files)
	if os.Getenv("MODTEST_UPDATE") != "" {
		update(t, path, a, got)
		return
	}
	for _, s := range outputs {
		got[s] = strings.TrimRight(got[s], "\n")
		if want := strings.TrimRight(in[s], "\n"); want != got[s] {
			t.Errorf("%s: got\n%s\nwant\n%s", s, got[s], want)
		}
	}
}

var outputs = [...]string{"steps", "did", "after", "result"}

func play(t *testing.T, task *modules.Task, h *Host, args string, files map[string]string) map[string]string {
	raw, err := Args(h, task.Args, args, files)
	if err == nil {
		err = task.Decode(raw)
	}
	if err != nil {
		clear(t, err.Error())
		return map[string]string{"steps": "refused: " + err.Error()}
	}
	if task.Kind == modules.Engine {
		res, err := task.Do(raw)
		got := map[string]string{"result": pretty(res)}
		if err != nil {
			got["steps"] = "failed: " + err.Error()
		}
		return got
	}
	before := h.State()
	check := h.Clone()
	planned := task.Run(t.Context(), check, modules.Input{Args: raw, Plan: true, Key: []byte("key")})
	if readOnly := task.ReadOnly(raw); !readOnly {
		if len(check.Log) > 0 || !slices.Equal(check.State(), before) {
			t.Errorf("check mode wrote: %s", strings.Join(check.Log, "; "))
		}
	}
	out := task.Run(t.Context(), h, modules.Input{Args: raw, Key: []byte("key"), Expect: planned.Plan})
	got := map[string]string{
		"steps":  outcome(out),
		"did":    strings.Join(h.Log, "\n"),
		"after":  difference(before, h.State()),
		"result": pretty(out.Result),
	}
	if out.Failed {
		clear(t, out.Msg)
	}
	compare(t, planned, out)
	if task.Kind == modules.State && !out.Failed {
		h.NextCall()
		h.Log = nil
		again := task.Run(t.Context(), h, modules.Input{Args: raw, Key: []byte("key")})
		quiet := !slices.ContainsFunc(again.Steps, func(s modules.Shown) bool { return !s.Event })
		if again.Failed || !quiet || len(again.Steps) == 0 && len(h.Log) > 0 {
			t.Errorf("a second run is not quiet:\n%s\n%s", outcome(again), strings.Join(h.Log, "\n"))
		}
	}
	return got
}

// compare holds check mode to its word: what it showed is what was done, as far as it knew.
func compare(t *testing.T, planned, out modules.Outcome) {
	if planned.Failed != out.Failed && planned.Maybe == "" && len(planned.Steps) == 0 && len(out.Steps) == 0 {
		t.Errorf("check mode says %q, the run %q", outcome(planned), outcome(out))
	}
	for i, s := range planned.Steps {
		if i < len(out.Steps) && out.Steps[i] != s {
			t.Errorf("check mode showed %+v, done was %+v", s, out.Steps[i])
		}
	}
	if planned.Maybe == "" && len(out.Steps) > len(planned.Steps) {
		t.Errorf("check mode showed %d steps and no maybe, done were %d", len(planned.Steps), len(out.Steps))
	}
}

func outcome(o modules.Outcome) string {
	var b strings.Builder
	for _, s := range o.Steps {
		b.WriteString(s.What)
		if s.Event {
			b.WriteString(" [event]")
		}
		b.WriteByte('\n')
		for _, l := range diff(s.From, s.To) {
			b.WriteString("\t" + l + "\n")
		}
	}
	switch {
	case o.Failed:
		b.WriteString("failed: " + o.Msg + "\n")
		for _, l := range o.Lines {
			b.WriteString("\t" + l + "\n")
		}
		if o.Hint != "" {
			b.WriteString("hint: " + o.Hint + "\n")
		}
	case o.Skipped:
		b.WriteString("skipped: " + o.Msg + "\n")
	case o.Maybe != "":
		b.WriteString("maybe: " + o.Maybe + "\n")
	case len(o.Steps) == 0:
		b.WriteString("nothing\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// diff shows two texts less the lines that they begin and end with in common.
func diff(from, to string) []string {
	a, b := split(from), split(to)
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var out []string
	for _, l := range a {
		out = append(out, "- "+l)
	}
	for _, l := range b {
		out = append(out, "+ "+l)
	}
	return out
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	s, eol := strings.CutSuffix(s, "\n")
	out := strings.Split(s, "\n")
	if !eol && len(out) > 1 {
		out[len(out)-1] += " (no end of line)"
	}
	return out
}

// difference lists what entries are new or other, then what is gone.
func difference(before, after []string) string {
	var out []string
	names := map[string]bool{}
	for _, e := range after {
		names[key(e)] = true
		if !slices.Contains(before, e) {
			out = append(out, e)
		}
	}
	for _, e := range before {
		if k := key(e); !names[k] {
			out = append(out, "gone "+k)
		}
	}
	return strings.Join(out, "\n")
}

func key(entry string) string {
	w := strings.SplitN(entry, " ", 3)
	return strings.TrimSpace(w[0] + " " + strings.SplitN(w[1], "\n", 2)[0])
}

func pretty(raw json.RawMessage) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil || len(m) == 0 {
		return strings.TrimSpace(string(raw))
	}
	var out []string
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.Token()
	for d.More() { // in the order of the fields
		k, _ := d.Token()
		var v json.RawMessage
		if d.Decode(&v) != nil {
			break
		}
		out = append(out, fmt.Sprintf("%v: %s", k, v))
	}
	return strings.Join(out, "\n")
}

func update(t *testing.T, path string, a *txtar.Archive, got map[string]string) {
	keep := a.Files[:0]
	for _, f := range a.Files {
		if !slices.Contains(outputs[:], f.Name) {
			keep = append(keep, f)
		}
	}
	a.Files = keep
	for _, s := range outputs {
		if got[s] != "" {
			a.Files = append(a.Files, txtar.File{Name: s, Data: []byte(got[s] + "\n")})
		}
	}
	if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}
