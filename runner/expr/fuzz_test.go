package expr

import (
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/source"
)

func offsets(off int) source.Pos { return source.Pos{File: "f", Line: 1, Col: off} }

var seeds = []string{
	`1 + 2 * n`, `a | upper() ?? "x"`, `not x in [1, {"a": 2}]`, `filter(users, .up and #.name == 'a\n')`, `l[1:-1][0]?.x`, `c ? a : b`,
	`x is not defined`, `a if b else c`, `lookup('env', 'x')`, `1 < 2 == 3 not in l`, `"%s" | format(n)`, `range(9) | map(# * 1..3)`, "`raw`", `m.items()`,
	`a ~ b // c ** d`, `l|map(attribute='x')|list`, `combine(m, {"a": 1}, true)`,
	`"%5000s" | format(n)`, `combinations(range(100), 50)`, `"a" * 1000000000`, `to_nice_yaml({"a": [m, {}], "b\n": "x: y"}, 2)`, `sequence("1-9:%02d")`, `ipaddr("10.0.0.1/24", "peer")`,
	`version("1.0rc1", "1.0", "<", null, "pep440")`, `wordwrap("a bb ccc", 2)`, `urlsplit("http://[::1]:8/p?q#f")`, `comment("a", "c", {"prefix_count": 9})`, `hwaddr("1:2:3:4:5:6", "linux")`,
	`cidr_merge(["10.0.0.0/9", "10.128.0.0/9"])`, `ipsubnet("10.0.0.0/8", 30, -1)`, `to_seconds("1h 3m")`, `from_ini("[a]\nb=c")`, `regex_replace("aaaa", "(a*)*b", "\1\1")`, `regex_replace(s, "(a)", "\1")`, `-n.b | abs()`, `{("a"): omit}`,
}

// FuzzExpr: parsing and evaluating anything ends, with a value or an error.
func FuzzExpr(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		e, err := ParseExpr(src, offsets)
		if err != nil {
			return
		}
		e.Names()
		e.Defines()
		e.Check(checkEnv)
		ctx := &Context{Scope: testScope, MaxSteps: 20_000, MaxOutput: 1 << 20}
		for _, name := range outside {
			if calls(e.root, name) {
				return
			}
		}
		_, _ = e.Eval(ctx)
	})
}

// outside are the functions that fuzzing does not call: they run commands, read and write files.
var outside = []string{"pipe", "lines", "password", "file", "fileglob", "first_found", "csvfile", "ini"}

func calls(n node, name string) bool {
	if c, ok := n.(*callNode); ok && c.fn.Name == name {
		return true
	}
	found := false
	children(n, func(c node) { found = found || calls(c, name) })
	return found
}

// FuzzString does the same for strings of playbooks.
func FuzzString(f *testing.F) {
	for _, s := range seeds {
		f.Add("a {{ " + s + " }} b")
		f.Add("{{ " + s + " }}")
	}
	for _, s := range []string{"{% raw %}{{ x }}{% endraw %}{{- n -}} {#- c -#}", "{{ '}}' }}{%raw%}", "{{{ n }}}", "{% if n %}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		tm, err := ParseString(src, offsets)
		if err != nil {
			return
		}
		tm.Names()
		tm.Check(checkEnv)
		for _, s := range outside {
			if strings.Contains(src, s) {
				return
			}
		}
		_, _ = tm.Eval(&Context{Scope: testScope, MaxSteps: 20_000, MaxOutput: 1 << 20})
	})
}

// FuzzFile does the same for template files.
func FuzzFile(f *testing.F) {
	for _, s := range seeds {
		f.Add("{{ " + s + " }}")
	}
	for _, s := range []string{"{% if n %}{% elif t %}{% else %}{% endif %}", "{% for a, b in items(m) if a %}{{ loop.last }}{% else %}{% endfor %}", "{%- set ns = namespace(a=1) -%}{% set ns.a = 2 %}",
		"{% macro m(a, b=1) %}{{ m(a) }}{% endmacro %}{% call(x) m(1) %}{% endcall %}", "{% raw -%}{{{%- endraw %}", "#jinja2: lstrip_blocks: True\n {# -#}", "{% from 'x' import a as b %}{% include 'f' ignore missing %}", "{% set x %}{% endset %}{% with a=1 %}{% endwith %}",
		"{% filter upper() | indent(2) %}a{% endfilter %}", "{% block a scoped %}{{ super() }}{% endblock a %}", "{% extends 'x' %}{% block a %}{% endblock %}",
		"{% for x in l recursive %}{{ loop(l) }}{% endfor %}", "{% do ns.update({}) %}", "{% import 'x' as y with context %}{% include ['a', 'b'] ignore missing without context %}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		tm, err := ParseFile("f", src)
		if err != nil {
			return
		}
		tm.Names()
		tm.Check(checkEnv)
		ctx := &Context{Scope: testScope, MaxSteps: 20_000, MaxOutput: 1 << 20, Load: func(string, *Template, []string) (*Template, error) { return tm, nil }}
		for _, s := range outside {
			if strings.Contains(src, s) {
				return
			}
		}
		_, _ = tm.Render(ctx)
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if p := parseBare(`result.rc == 0 and "done" in result.stdout | lower()`); p.err != nil {
			b.Fatal(p.err)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	e, err := ParseExpr(`result.rc == 0 and "u" in result.stdout`, nil)
	if err != nil {
		b.Fatal(err)
	}
	ctx := &Context{Scope: testScope}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Eval(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTemplate(b *testing.B) {
	t, err := ParseFile("f", "{% for u in users %}\n{{ u.name }} = {{ u.up ? \"on\" : \"off\" }}\n{% endfor %}\n")
	if err != nil {
		b.Fatal(err)
	}
	ctx := &Context{Scope: testScope}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.Render(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
