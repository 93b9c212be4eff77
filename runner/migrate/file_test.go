package migrate

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/value"
)

// jinjaVars are what the templates of runner/expr/testdata/jinja read.
const jinjaVars = `{"n": 3, "s": "abc", "l": [3, 1, 2], "m": {"b": 1, "a": 2}, "users": [{"n": "ann", "up": true}, {"n": "bob", "up": false}, {"n": "eve", "up": true}],
 "tree": [{"n": "a", "kids": [{"n": "b", "kids": []}, {"n": "c", "kids": [{"n": "d", "kids": []}]}]}, {"n": "e", "kids": []}]}`

// TestRecordedTemplates turns the template files whose text was recorded from
// Jinja into ours, and compares what they render with these texts.
func TestRecordedTemplates(t *testing.T) {
	paths, _ := filepath.Glob("../expr/testdata/jinja/*.txtar")
	if len(paths) < 30 {
		t.Fatalf("%d cases", len(paths))
	}
	scope := scopeOf(t, json.RawMessage(jinjaVars))
	refused := 0
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, f := range ar.Files {
			files[strings.TrimPrefix(f.Name, "files/")] = strings.TrimSuffix(string(f.Data), "\n")
		}
		main, o := (&emitter{}).template(files["jinja"])
		if o.Refusals != nil {
			refused++
			t.Logf("%s: %v %s", name, o.Refusals[0].Msg, o.Refusals[0].Way)
			continue
		}
		tm, err := expr.ParseFile("main", main)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, main)
			continue
		}
		load := func(name string, _ *expr.Template, _ []string) (*expr.Template, error) {
			text, ok := files[name]
			if !ok {
				return nil, fs.ErrNotExist
			}
			out, _ := (&emitter{}).template(text)
			return expr.ParseFile(name, out)
		}
		r, err := tm.Render(&expr.Context{Scope: scope, Load: load, Cache: expr.NewCache(), Now: time.Now})
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, main)
			continue
		}
		want := files["want"]
		if got := value.Text(r.Value); got != want && got != strings.NewReplacer("True", "true", "False", "false").Replace(want) {
			t.Errorf("%s\n%s\n got %q\nwant %q", name, main, got, want)
		}
	}
	t.Logf("%d files, %d refused", len(paths), refused)
	if refused > 3 {
		t.Errorf("%d files were refused", refused)
	}
}

// TestLists: a list that is filled by append becomes a member of a namespace.
func TestLists(t *testing.T) {
	const jinja = "{% set out = [] %}{% for x in l if x > 1 %}{% set _ = out.append(x * 2) %}{% do out.append(0) %}{% endfor %}{{ out | join(',') }}"
	text, o := (&emitter{}).template(jinja)
	if o.Refusals != nil {
		t.Fatal(o.Refusals[0])
	}
	tm, err := expr.ParseFile("t", text)
	if err != nil {
		t.Fatal(err, text)
	}
	r, err := tm.Render(&expr.Context{Scope: scopeOf(t, json.RawMessage(jinjaVars)), Cache: expr.NewCache()})
	if err != nil {
		t.Fatal(err, text)
	}
	if got := value.Text(r.Value); got != "6,0,4,0" {
		t.Errorf("%s\nis %q", text, got)
	}
	if _, err := os.Stat("file.go"); err != nil {
		t.Fatal(err)
	}
}

// TestStrings: texts of playbooks, with what they come to.
func TestStrings(t *testing.T) {
	scope := scopeOf(t, json.RawMessage(jinjaVars))
	e := &emitter{types: map[string]typ{"yes": aBool}}
	for _, c := range [][3]string{
		{"a {{ s | upper }} b", "a {{ s | upper() }} b", "a ABC b"},
		{"{{ l | default([]) }}", "{{ l | default([]) }}", "[3,1,2]"},
		{"{% if n == 3 %}three{% else %}more{% endif %}", "{{ n == 3 ? 'three' : 'more' }}", "three"},
		{"{% if n %}{{ l }}{% else %}[]{% endif %}", "{{ truthy(n) ? l : [] }}", "[3,1,2]"},
		{"x {% if n == 4 %}{{ n }}!{% elif s %}{{ s }}{% endif %}", "", "x abc"},
		{"{% for x in l %}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}", "", "3, 1, 2"},
		{"{% for k, v in m.items() %}{{ loop.index }}{{ k }}={{ v }};{% endfor %}", "", "1b=1;2a=2;"},
		{"{% set a = n + 1 %}{{ a * 2 }}", "{{ (n + 1) * 2 }}", "8"},
		{"{# why #}{{ n }}", "{# why #}{{ n }}", "3"},
		{"it is {{ n == 3 }}", "it is {{ n == 3 ? \"True\" : \"False\" }}", "it is True"},
		{"{% for u in users if u.up %}{{ u.n }} {% endfor %}", "", "ann eve "},
		{"{% raw %}{{ x }}{% endraw %}{{ n }}", "{% raw %}{{ x }}{% endraw %}{{ n }}", "{{ x }}3"},
	} {
		got, o := e.str(c[0])
		if o.Refusals != nil {
			t.Errorf("%s: %v", c[0], o.Refusals[0])
			continue
		}
		if c[1] != "" && got != c[1] {
			t.Errorf("%s\n  is %s\nwant %s", c[0], got, c[1])
		}
		tm, err := expr.ParseString(got, nil)
		if err != nil {
			t.Errorf("%s: %v", got, err)
			continue
		}
		r, err := tm.Render(&expr.Context{Scope: scope, Cache: expr.NewCache()})
		if err != nil {
			t.Errorf("%s: %v", got, err)
			continue
		}
		if v := value.Text(r.Value); v != c[2] {
			t.Errorf("%s\n%s is %q", c[0], got, v)
		}
	}
}

// TestRefused: what has no form stays as it is.
func TestRefused(t *testing.T) {
	for _, s := range []string{"{{ x | json_query('sort(a)') }}", "{% for a in b %}{% for c in a %}{{ c }}{% endfor %}{% endfor %}", "{{ lookup('url', 'x') }}",
		"{{ x.pop() }}", "{{ f(x) }}", "{{ a.b", "{{ x | nosuch }}", "{{ x[::2] }}", "{{ x | type_debug }}"} {
		if got, o := (&emitter{}).str(s); got != s || len(o.Refusals) == 0 {
			t.Errorf("%s is %s, %v", s, got, o.Refusals)
		}
	}
}

// TestConditions: what Jinja takes as true is true, and what is a boolean stays as it is.
func TestConditions(t *testing.T) {
	e := &emitter{types: map[string]typ{"on": aBool, "name": aText}}
	for jinja, want := range map[string]string{
		"foo":                                    "truthy(foo)",
		"on":                                     "on",
		"not on and foo":                         "not on and truthy(foo)",
		"foo is defined and foo":                 "defined(foo) and truthy(foo)",
		"foo is not defined":                     "not defined(foo)",
		"foo | length":                           "foo | length() > 0",
		"foo | bool":                             "foo | bool()",
		"foo | default('') | bool":               "foo | default(false) | bool()",
		"foo.changed":                            "foo.changed",
		"foo is changed":                         "foo.changed",
		"foo is succeeded":                       "not foo.failed",
		"foo is not succeeded":                   "foo.failed",
		"foo|success":                            "not foo.failed",
		"'a' not in foo.stdout":                  "'a' not in foo.stdout",
		"not 'a' in foo.stdout":                  "'a' not in foo.stdout",
		"a.rc != 0 or b":                         "a.rc != 0 or truthy(b)",
		"foo is version('1.2', '>')":             "version(foo, '1.2', '>')",
		"x is match('a|b')":                      "x matches '^(?:a|b)'",
		"x is not none":                          "x != null",
		"not (a or b)":                           "not (truthy(a) or truthy(b))",
		"ansible_facts['os_family'] == 'Debian'": "ansible_facts['os_family'] == 'Debian'",
		"x if on else y":                         "on ? truthy(x) : truthy(y)",
		"'x' is in y":                            "'x' in y",
		"x is not in y":                          "not (x in y)",
	} {
		got, err := e.Expression(jinja, Condition)
		if err != nil {
			t.Errorf("%s: %v", jinja, err)
		} else if got != want {
			t.Errorf("%s\n  is %s\nwant %s", jinja, got, want)
		}
	}
}
