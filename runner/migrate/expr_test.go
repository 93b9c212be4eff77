package migrate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/value"
)

// scopeOf are variables for an evaluation.
func scopeOf(t *testing.T, data []byte) expr.MapScope {
	t.Helper()
	v, err := value.ParseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	scope := expr.MapScope{}
	for i := range v.(*value.Map).Len() {
		k, e := v.(*value.Map).At(i)
		scope[k] = e
	}
	scope["vars"] = v
	return scope
}

func evalIn(src string, scope expr.Scope) (value.Value, error) {
	x, err := expr.ParseExpr(src, nil)
	if err != nil {
		return nil, err
	}
	r, err := x.Eval(&expr.Context{Scope: scope, Cache: expr.NewCache(), Now: func() time.Time { return time.Unix(1700000000, 0).UTC() }})
	return r.Value, err
}

// TestRecorded turns the expressions whose answers were recorded from Ansible
// into ours, and compares what they give with these answers.
func TestRecorded(t *testing.T) {
	const dir = "../expr/testdata/ansible"
	vars, err := os.ReadFile(dir + "/vars.json")
	if err != nil {
		t.Fatal(err)
	}
	scope := scopeOf(t, vars)
	paths, _ := filepath.Glob(dir + "/*.txt")
	total, refused, wrong := 0, 0, 0
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(b), "\n\n") {
			var lines []string
			for l := range strings.Lines(block) {
				if l = strings.TrimSuffix(l, "\n"); l != "" && !strings.HasPrefix(l, "# ") {
					lines = append(lines, l)
				}
			}
			if len(lines) != 3 || strings.HasPrefix(lines[2], "error:") || strings.HasPrefix(lines[2], "≠") {
				continue // an error there, or another answer on purpose
			}
			total++
			out, err := (&emitter{}).Expression(lines[0], Value)
			if err != nil {
				refused++
				t.Logf("refused: %s: %v", lines[0], err)
				continue
			}
			got, err := evalIn(out, scope)
			if lines[2] == "undefined" {
				if _, no := value.Text(got), err == nil && got != nil; no {
					t.Errorf("%s\n  %s\n  is %v, not undefined", lines[0], out, got)
				}
				continue
			}
			if err != nil {
				wrong++
				t.Errorf("%s\n  %s\n  %v", lines[0], out, err)
				continue
			}
			want, err := evalIn(lines[2], scope)
			if err != nil {
				t.Fatal(lines[2], err)
			}
			a, _ := value.JSON(got)
			b, _ := value.JSON(want)
			if string(a) != string(b) {
				wrong++
				t.Errorf("%s\n  %s\n  is %s, Ansible says %s", lines[0], out, a, b)
			}
		}
	}
	t.Logf("%d expressions, %d refused, %d wrong", total, refused, wrong)
	if total < 400 || refused > total/20 {
		t.Errorf("%d expressions, %d refused", total, refused)
	}
}
