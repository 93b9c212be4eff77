package expr

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/value"
)

// record asks Ansible and Jinja anew: go test ./runner/expr -run 'TestAnsible|TestJinja' -record DIR,
// where DIR is the root of a system with ansible-core 2.19, python3-netaddr and the
// collections ansible.utils and community.general; "/" is this system.
var record = flag.String("record", "", "root of a system with ansible-core, to record its answers anew")

// recordPath is a further folder of Python modules inside that root.
var recordPath = flag.String("record-path", "", "PYTHONPATH inside the root of -record")

// A row is an expression in Jinja, the same here, and what Ansible answers.
type row struct {
	jinja, expr, want string
	differs           string // what is answered here instead, on purpose; an expression or "error: part of it"
}

// readRows reads a table: rows between empty lines, each of two to four lines;
// the fourth begins with ≠. Lines with # are comments and kept.
func readRows(t *testing.T, text string) []row {
	t.Helper()
	var out []row
	for _, block := range strings.Split(text, "\n\n") {
		var lines []string
		for l := range strings.Lines(block) {
			if l = strings.TrimSuffix(l, "\n"); l != "" && !strings.HasPrefix(l, "# ") {
				lines = append(lines, l)
			}
		}
		if len(lines) == 0 {
			continue
		}
		r := row{jinja: lines[0]}
		if len(lines) < 2 {
			t.Fatalf("%s: a row has an expression of ours too", lines[0])
		}
		r.expr = lines[1]
		for _, l := range lines[2:] {
			if d, ok := strings.CutPrefix(l, "≠ "); ok {
				r.differs = d
			} else {
				r.want = l
			}
		}
		out = append(out, r)
	}
	return out
}

// TestAnsible compares functions and operators with what Ansible answered.
func TestAnsible(t *testing.T) {
	vars, err := os.ReadFile("testdata/ansible/vars.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := value.ParseJSON(vars)
	if err != nil {
		t.Fatal(err)
	}
	scope := MapScope{}
	for i := range v.(*value.Map).Len() {
		k, e := v.(*value.Map).At(i)
		scope[k] = e
	}
	scope["vars"] = v
	paths, _ := filepath.Glob("testdata/ansible/*.txt")
	total := 0
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if *record != "" {
			b = recordRows(t, path, string(b), vars)
		}
		for _, r := range readRows(t, string(b)) {
			total++
			if r.want == "" {
				t.Errorf("%s: %s: no answer is recorded", path, r.jinja)
				continue
			}
			if bad := r.check(scope); bad != "" {
				t.Errorf("%s\n  jinja   %s\n  expr    %s\n  ansible %s\n  %s", path, r.jinja, r.expr, r.want, bad)
			}
		}
	}
	if total < 400 {
		t.Errorf("%d rows", total)
	}
}

// check evaluates a row and tells how the answer differs from the one that is wanted.
func (r row) check(scope Scope) string {
	got, err := evalAt(r.expr, scope)
	want := r.want
	if r.differs != "" {
		want = r.differs
	}
	if part, ok := strings.CutPrefix(want, "error:"); ok {
		switch {
		case err == nil:
			return "is " + value.Short(got, 200)
		case r.differs != "" && !strings.Contains(err.Error(), strings.TrimSpace(part)):
			return err.Error()
		}
		return ""
	}
	if want == "undefined" {
		if err == nil || !strings.Contains(err.Error(), "undefined") {
			return "is " + value.Short(got, 200)
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	wantValue, err := value.ParseJSON([]byte(want))
	if err != nil {
		return err.Error()
	}
	if !same(got, wantValue) {
		b, _ := value.JSON(got)
		return "is " + string(b)
	}
	return ""
}

// evalAt is evalText in UTC.
func evalAt(src string, scope Scope) (value.Value, error) {
	e, err := ParseExpr(src, nil)
	if err != nil {
		return nil, err
	}
	r, err := e.Eval(&Context{Scope: scope, Cache: NewCache(), Now: func() time.Time { return time.Unix(1700000000, 0).UTC() }})
	return r.Value, err
}

// recordRows writes Ansible's answers into a table.
func recordRows(t *testing.T, path, text string, vars []byte) []byte {
	t.Helper()
	rows := readRows(t, text)
	var exprs []string
	for _, r := range rows {
		exprs = append(exprs, r.jinja)
	}
	job, err := json.Marshal(map[string]any{"vars": json.RawMessage(vars), "exprs": exprs})
	if err != nil {
		t.Fatal(err)
	}
	var answers []string
	if err := json.Unmarshal(python(t, "testdata/ansible/record.py", job), &answers); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	n := 0
	for i, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString("\n")
		}
		lines := 0
		for l := range strings.Lines(block) {
			l = strings.TrimSuffix(l, "\n")
			if l == "" {
				continue
			}
			if strings.HasPrefix(l, "# ") || lines < 2 || strings.HasPrefix(l, "≠ ") {
				b.WriteString(l + "\n")
			}
			if strings.HasPrefix(l, "# ") {
				continue
			}
			if lines++; lines == 2 {
				b.WriteString(answers[n] + "\n")
				n++
			}
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

// python runs a script in the system that -record names.
func python(t *testing.T, script string, stdin []byte) []byte {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Join(*record, "tmp"), "record")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "record.py"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("chroot", *record, "env", "LC_ALL=C.UTF-8", "TZ=UTC", "PYTHONPATH="+*recordPath, "python3", "/tmp/"+filepath.Base(dir)+"/record.py")
	cmd.Stdin = bytes.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	return out
}
