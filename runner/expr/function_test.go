package expr

import (
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/value"
)

func evalText(t *testing.T, src string, scope Scope) (value.Value, error) {
	t.Helper()
	e, err := ParseExpr(src, nil)
	if err != nil {
		return nil, err
	}
	r, err := e.Eval(&Context{Scope: scope, Cache: NewCache()})
	if err == nil && r.Unknown {
		return Unknown, nil
	}
	return r.Value, err
}

// same compares values and their types: 1 is not 1.0.
func same(a, b value.Value) bool {
	return value.Equal(a, b) && value.Text(a) == value.Text(b)
}

// TestExamples runs the examples that the reference shows.
func TestExamples(t *testing.T) {
	for _, f := range Functions() {
		if f.Doc == "" || !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: the doc is no sentence", f.Name)
		}
		if len(f.Examples) == 0 && f.Name != "file" && f.Name != "template" && f.Name != "exists" && f.Name != "is_file" && f.Name != "is_dir" && f.Name != "csvfile" && f.Name != "ini" {
			t.Errorf("%s has no example", f.Name)
		}
		for _, ex := range f.Examples {
			got, err := evalText(t, ex[0], nil)
			if err != nil {
				t.Errorf("%s: %v", ex[0], err)
				continue
			}
			want, err := evalText(t, ex[1], nil)
			if err != nil {
				t.Errorf("%s: %v", ex[1], err)
				continue
			}
			if !same(got, want) {
				t.Errorf("%s = %s, not %s", ex[0], value.Short(got, 200), ex[1])
			}
		}
	}
}
