package expr

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/mxplay/mxplay/runner/value"
)

// jinjaVars are what the templates of testdata/jinja read.
const jinjaVars = `{"n": 3, "s": "abc", "l": [3, 1, 2], "m": {"b": 1, "a": 2}, "users": [{"n": "ann", "up": true}, {"n": "bob", "up": false}, {"n": "eve", "up": true}],
 "tree": [{"n": "a", "kids": [{"n": "b", "kids": []}, {"n": "c", "kids": [{"n": "d", "kids": []}]}]}, {"n": "e", "kids": []}]}`

// jinjaCase is a template for Jinja, the same here when it differs, the files
// that it brings in, and what Jinja makes of it. Each text ends before the last newline.
type jinjaCase struct {
	jinja, expr, want string
	files             map[string]string
}

func readJinja(t *testing.T, path string) (c jinjaCase, ar *txtar.Archive) {
	t.Helper()
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c.files = map[string]string{}
	for _, f := range ar.Files {
		text := strings.TrimSuffix(string(f.Data), "\n")
		switch f.Name {
		case "jinja":
			c.jinja = text
		case "expr":
			c.expr = text
		case "want":
			c.want = text
		default:
			c.files[strings.TrimPrefix(f.Name, "files/")] = text
		}
	}
	if c.expr == "" {
		c.expr = c.jinja
	}
	return c, ar
}

// TestJinja compares template files with what Jinja made of them.
func TestJinja(t *testing.T) {
	paths, _ := filepath.Glob("testdata/jinja/*.txtar")
	if len(paths) < 30 {
		t.Fatalf("%d cases", len(paths))
	}
	if *record != "" {
		recordJinja(t, paths)
	}
	vars, err := value.ParseJSON([]byte(jinjaVars))
	if err != nil {
		t.Fatal(err)
	}
	scope := MapScope{}
	for i := range vars.(*value.Map).Len() {
		k, v := vars.(*value.Map).At(i)
		scope[k] = v
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			c, _ := readJinja(t, path)
			load := func(name string, _ *Template, _ []string) (*Template, error) {
				text, ok := c.files[name]
				if !ok {
					return nil, fs.ErrNotExist
				}
				return ParseFile(name, text)
			}
			tm, err := ParseFile("main", c.expr)
			if err != nil {
				t.Fatal(err)
			}
			r, err := tm.Render(&Context{Scope: scope, Load: load})
			if err != nil {
				t.Fatal(err)
			}
			// what is text here is Python's there
			want := strings.NewReplacer("True", "true", "False", "false").Replace(c.want)
			if got := value.Text(r.Value); got != want {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}
}

// recordJinja writes Jinja's answers into the cases.
func recordJinja(t *testing.T, paths []string) {
	t.Helper()
	type job struct {
		Files map[string]string `json:"files"`
		Vars  json.RawMessage   `json:"vars"`
	}
	var jobs []job
	for _, p := range paths {
		c, _ := readJinja(t, p)
		c.files["main"] = c.jinja
		jobs = append(jobs, job{c.files, json.RawMessage(jinjaVars)})
	}
	in, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	var answers []string
	if err := json.Unmarshal(python(t, "testdata/ansible/jinja.py", in), &answers); err != nil {
		t.Fatal(err)
	}
	for i, p := range paths {
		_, ar := readJinja(t, p)
		var keep []txtar.File
		for _, f := range ar.Files {
			if f.Name != "want" {
				keep = append(keep, f)
			}
		}
		ar.Files = append(keep, txtar.File{Name: "want", Data: fmt.Appendf(nil, "%s\n", answers[i])})
		if err := os.WriteFile(p, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
