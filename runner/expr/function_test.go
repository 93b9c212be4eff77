package expr

import (
	"os"
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
	load := func(name string, _ *Template, _ []string) (*Template, error) {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		return ParseFile(name, string(b))
	}
	r, err := e.Eval(&Context{Scope: scope, Cache: NewCache(), Load: load})
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
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"motd": "welcome\n", "motd.j2": "{{ upper('welcome') }}\n", "users.csv": "root,0\nalice,1001\n", "app.ini": "[web]\nport = 8080\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range Functions() {
		if f.Doc == "" || !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: the doc is no sentence", f.Name)
		}
		if len(f.Examples) == 0 {
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
