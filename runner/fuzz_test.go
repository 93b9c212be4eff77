package runner

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// checkMistakes holds that an error is a list of mistakes, each with words and
// a place in a file, and that it can be shown.
func checkMistakes(t *testing.T, err error, text string) {
	t.Helper()
	var es source.Errors
	if !errors.As(err, &es) || len(es) == 0 {
		t.Fatalf("%T is no list of mistakes: %v", err, err)
	}
	lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 2
	for _, e := range es {
		if e.Msg == "" || strings.HasSuffix(e.Pos.File, "site.yml") && e.Pos.Line > lines {
			t.Errorf("%+v is no mistake in %q", e, text)
		}
	}
	var b strings.Builder
	if err := source.Render(&b, err, false); err != nil || b.Len() == 0 {
		t.Errorf("it cannot be shown: %v", err)
	}
}

// FuzzCompile: a playbook is compiled, and then can be listed, or refused with
// mistakes that have a place.
func FuzzCompile(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		ar, err := txtar.ParseFile(c)
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range ar.Files {
			if x.Name == "site.yml" {
				f.Add(string(x.Data))
			}
		}
	}
	f.Chdir(f.TempDir())
	for name, text := range map[string]string{
		"roles/r/tasks/main.yml": "- act: {out: '{{ v }}'}\n  register: q\n  notify: h\n", "roles/r/handlers/main.yml": "- {name: h, act: }\n", "roles/r/defaults/main.yml": "v: 1\n",
		"t.yml": "- act: {out: x}\n", "t.j2": "{% for x in range(3) %}{{ x }}{% endfor %}\n", "v.yml": "v: 2\n", "hosts": "[g]\na v=1\nb\n",
	} {
		writeFile(f, name, []byte(text))
	}
	tasks := newCloud().tasks()
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "/dev/") || strings.Contains(text, "/proc/") {
			return // files that never end
		}
		if err := os.WriteFile("site.yml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Compile(Options{Playbooks: []string{"site.yml"}, Inventory: []string{"hosts"}, Tasks: tasks})
		if err != nil {
			checkMistakes(t, err, text)
			return
		}
		var b strings.Builder
		if err := p.List(&b, true, true, true); err != nil {
			var es source.Errors
			es.Add(source.Pos{}, err)
			checkMistakes(t, es, text)
		}
	})
}

// FuzzExtraVars: -e sets variables that have a name and a value, or is refused
// with a reason; what it sets by words it sets as text.
func FuzzExtraVars(f *testing.F) {
	for _, s := range []string{"a=b c='d e'", `{"a": [1, {"b": null}]}`, "{a: b}", "a", "=", "a=", "'a=b", "[1]", "a={{ b }} b=1", "{a: &x 1, b: *x}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.HasPrefix(s, "@") {
			return // would be a file
		}
		c := newCompiler(&Program{loader: playbook.New(playbook.Options{})})
		l := c.extraVars([]string{s})
		for _, e := range c.errs {
			if e.Msg == "" {
				t.Errorf("%q: a mistake without words", s)
			}
		}
		words := !strings.HasPrefix(strings.TrimSpace(s), "{") && !strings.HasPrefix(strings.TrimSpace(s), "[")
		for name, d := range l.Vars {
			if d == nil || name == "" && words {
				t.Errorf("%q sets %q to nothing", s, name)
			}
			if n := d.Node; words && n != nil && value.TypeName(n.Value) != "string" {
				t.Errorf("%q: %s is a %s", s, name, value.TypeName(n.Value))
			}
		}
	})
}
