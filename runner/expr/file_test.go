package expr

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

func renderFiles(files map[string]string, scope Scope) (Result, error) {
	load := func(name string, _ *Template, _ []string) (*Template, error) {
		src, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		return ParseFile(name, src)
	}
	t, err := load("main", nil, nil)
	if err != nil {
		return Result{}, err
	}
	return t.Render(&Context{Scope: scope, Load: load, Cache: NewCache()})
}

func TestTemplateFiles(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"text", "a { b } {c\n", "a { b } {c\n"},
		{"print", "a {{ n }}\nb\n", "a 2\nb\n"},
		{"comment", "a{# x #}\nb\n", "ab\n"},
		{"trim blocks", "{% if t %}\nyes\n{% endif %}\nend\n", "yes\nend\n"},
		{"no trim", "#jinja2: trim_blocks: False\n{% if t %}\nyes\n{% endif %}\nend\n", "\nyes\n\nend\n"},
		{"lstrip", "#jinja2: lstrip_blocks: True, trim_blocks: True\n  {% if t %}\n  yes\n  {% endif %}\nend\n", "  yes\nend\n"},
		{"no lstrip", "  {% if t %}\nyes\n  {% endif %}\nend\n", "  yes\n  end\n"},
		{"minus", "a  {%- if t -%}  b  {%- endif -%}  c", "abc"},
		{"plus", "{% if t +%}\nyes\n{% endif %}\n", "\nyes\n"},
		{"print minus", "a  {{- n -}}  b", "a2b"},
		{"elif", "{% if f %}1{% elif n == 2 %}2{% else %}3{% endif %}", "2"},
		{"else", "{% if f %}1{% elif f %}2{% else %}3{% endif %}", "3"},
		{"for", "{% for x in l %}\n{{ loop.index }}/{{ loop.length }} {{ x }}{{ loop.last ? \"\" : \",\" }}\n{% endfor %}\n", "1/3 1,\n2/3 2,\n3/3 3\n"},
		{"for if", "{% for x in l if x > 1 %}{{ loop.index0 }}{{ x }} {% endfor %}", "02 13 "},
		{"for else", "{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "none"},
		{"for map", "{% for k in m %}{{ k }} {% endfor %}", "a b x-y "},
		{"for pairs", "{% for k, v in items({\"a\": 1}) %}{{ k }}={{ v }}{% endfor %}", "a=1"},
		{"nested", "{% for a in [1,2] %}{% for b in [1,2] %}{{ a * b }}{{ loop.depth }} {% endfor %}{% endfor %}", "12 22 22 42 "},
		{"cycle", "{% for a in l %}{{ loop.cycle(\"x\", \"y\") }}{% endfor %}", "xyx"},
		{"neighbours", "{% for a in l %}{{ loop.previtem ?? 0 }}{{ loop.nextitem ?? 0 }} {% endfor %}", "02 13 20 "},
		{"set", "{% set a = 1 %}{% set a = a + 1 %}{{ a }}", "2"},
		{"set is local to a loop", "{% set a = 1 %}{% for x in l %}{% set a = x %}{% endfor %}{{ a }}", "1"},
		{"set in if", "{% if t %}{% set a = 5 %}{% endif %}{{ a }}", "5"},
		{"set many", "{% set a, b = [1, 2] %}{{ a }}{{ b }}", "12"},
		{"block set", "{% set a %}\nx{{ n }}\n{% endset %}\n[{{ a }}]", "[x2\n]"},
		{"namespace", "{% set ns = namespace(found=false, n=0) %}{% for x in l %}{% if x == 2 %}{% set ns.found = true %}{% endif %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.found }} {{ ns.n }}", "true 6"},
		{"macro", "{% macro hi(a, b=\"y\") %}\n{{ a }}-{{ b }}\n{%- endmacro %}\n{{ hi(1) }} {{ hi(2, \"z\") }}", "1-y 2-z"},
		{"macro sees the file's variables", "{% set g = 1 %}{% macro m() %}{{ g }}{{ n }}{% endmacro %}{{ m() }}", "12"},
		{"call", "{% macro box(t) %}[{{ t }}:{{ caller() }}]{% endmacro %}{% call box(\"a\") %}in{% endcall %}", "[a:in]"},
		{"call with arguments", "{% macro each() %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(v) each() %}<{{ v }}>{% endcall %}", "<1><2><3>"},
		{"recursion", "{% macro down(i) %}{{ i }}{% if i > 0 %}{{ down(i - 1) }}{% endif %}{% endmacro %}{{ down(3) }}", "3210"},
		{"import", "{% import \"lib\" as lib %}{{ lib.hi(\"a\") }} {{ lib.v }}", "hi a 7"},
		{"from", "{% from \"lib\" import hi, v as w with context %}{{ hi(w) }}", "hi 7"},
		{"include", "{% set x = 3 %}<{% include \"inc\" %}>", "<3 2\n>"},
		{"include missing", "{% include \"no\" ignore missing %}ok", "ok"},
		{"raw", "{% raw %}{{ x }} {% if %}{% endraw %}\nz", "{{ x }} {% if %}z"},
		{"raw minus", "a {%- raw -%}  {{ x }}  {%- endraw -%} z", "a{{ x }}z"},
		{"with", "{% with a=1, b=n %}{{ a }}{{ b }}{% endwith %}", "12"},
		{"bool and list as text", "{{ t }} {{ l }} {{ 4/2 }} {{ m.b }}", `true [1,2,3] 2.0 {"c":"x"}`},
		{"crlf", "{% if t %}\r\nx\r\n{% endif %}\r\n", "x\r\n"},
		{"braces in strings", `{{ "}}" }}{{ {"a": {"b": 1}}["a"]["b"] }}{% if "%}" == "%}" %}y{% endif %}`, "}}1y"},
		{"inner macro default", "{% macro a(x, y=x) %}{{ y }}{% endmacro %}{{ a(4) }}", "4"},
		{"not evaluated again", "{{ text }}", "{{ n }}{% if %}"},
	} {
		scope := MapScope{"text": "{{ n }}{% if %}"}
		for k, v := range testScope {
			scope[k] = v
		}
		files := map[string]string{"main": c.src, "lib": "{% set v = 7 %}{% macro hi(a) %}hi {{ a }}{% endmacro %}", "inc": "{{ x }} {{ n }}\n"}
		r, err := renderFiles(files, scope)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if r.Value != value.Value(c.want) {
			t.Errorf("%s: %q, not %q", c.name, r.Value, c.want)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"a\n{% if x %}\nb", "main:2:1: no {% endif %} ends the if that begins here"},
		{"{% endfor %}", "main:1:1: {% endfor %} ends nothing"},
		{"{% if a %}\n{% endfor %}", "main:2:1: {% endfor %} where {% endif %} belongs: the if begins at line 1"},
		{"{% fro x in y %}", `main:1:1: {% fro %} is no statement`},
		{"x\n  {{ a | upper }}", `main:2:10: upper after | needs its brackets`},
		{"{{ a +", `main:1:1: no "}}" ends what begins here`},
		{"{{ nofun(1) }}", "main:1:4: no function is called nofun"},
		{"{% for x %}{% endfor %}", "main:1:1: a loop is written {% for x in list %}"},
		{"{% set 1 = 2 %}", "main:1:8: only a name can be set, or a member of a namespace"},
		{"{% for x in l %}{{ x.nope.deep }}{% endfor %}", "main:1:22: x.nope is undefined: x is an int and has no members"},
		{"{% set q.a = 1 %}", "main:1:8: q is no namespace"},
		{"{% for k, v in m %}{% endfor %}", `main:1:16: an item is a string ("a"), not a list of 2`},
		{"{{ null_ }} x", "main:1:4: null inside a text"},
		{"{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}", "main:1:41: a is undefined"},
		{"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "main:1:19: macros call each other deeper than 100"},
		{`{% include "main" %}`, "main:1:12: template files include each other deeper than 100"},
		{`{% include "no" %}`, "main:1:12: no: file does not exist"},
		{"{% if n %}{% endif %}", "main:1:7: n is an int (2), not true or false"},
		{"{% extends 'x' %}", "main:1:12: x: file does not exist"},
		{"{% block a %}{% endblock %}{% block a %}{% endblock %}", "main:1:28: there are two blocks a"},
		{"{% filter upper %}{% endfilter %}", "main:1:11: upper after | needs its brackets\nhint: write {% filter upper() %}"},
		{"a\n{% filter indent(width=2) %}{% endfilter %}", "main:2:18: arguments have no names here: their order tells them apart\nhint: write {% filter indent(2) %}"},
		{"#jinja2: variable_start_string: '[%'\nx", "main:1:1: variable_start_string cannot be changed"},
		{"{% for x in l %}{% break %}{% endfor %}", "main:1:17: {% break %} has no meaning here\nhint: write {% for x in list if … %}"},
		{"{{ m.items() }}", "main:1:6: values have no methods: .items()"},
		{"{% for i in range(100000000) %}{% endfor %}", "main:1:13: the evaluation takes too many steps"},
		{"{# a", `main:1:1: no "#}" ends the comment that begins here`},
	} {
		_, err := renderFiles(map[string]string{"main": c.src}, testScope)
		var se *source.Error
		var many source.Errors
		if errors.As(err, &many) {
			se = many[0]
		} else {
			errors.As(err, &se)
		}
		if se == nil {
			t.Errorf("%q: %v", c.src, err)
			continue
		}
		got := se.Error()
		if strings.Contains(c.want, "\nhint: ") {
			got += "\nhint: " + se.Hint
		}
		if got != c.want {
			t.Errorf("%q:\n got %v\nwant %s", c.src, got, c.want)
		}
	}
	_, err := ParseFile("f", "{{ a | upper }}\nx {{ b is defined }}\n")
	var many source.Errors
	if !errors.As(err, &many) || len(many) != 2 || many[1].Text != "x {{ b is defined }}" || many[1].Hint != "write {{ defined(b) }}" {
		t.Errorf("both mistakes should be told: %#v", err)
	}
}

func TestPlaybookStrings(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"{{ n }}", "2"}, {"{{ l }}", "[1, 2, 3]"}, {"a{{ n }}", `"a2"`}, {" {{ n }}", `" 2"`}, {"plain", `"plain"`}, {"{{ omit }}x", ""},
		{"{# c #}a", `"a"`}, {"{% raw %}{{ x }}{% endraw %}", `"{{ x }}"`}, {"a {{- n -}} b", `"a2b"`}, {"{", `"{"`}, {"{x}", `"{x}"`},
		{"{{ {\"a\": 1} }}", `{"a": 1}`}, {"{{ '}}' }}", `"}}"`}, {"${HOME} {", `"${HOME} {"`},
	} {
		tm, err := ParseString(c.src, nil)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		r, err := tm.Eval(&Context{Scope: testScope})
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: no error", c.src)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		want, _ := evalText(t, c.want, nil)
		if !same(r.Value, want) {
			t.Errorf("%s = %v", c.src, r.Value)
		}
	}
	if _, err := ParseString("{% if x %}a{% endif %}", nil); err == nil || !strings.Contains(err.Error(), "no meaning in a string of a playbook") {
		t.Error(err)
	}
	_, err := ParseString("a {{ x | upper }} b", nil)
	var se *source.Error
	if !errors.As(err, &se) || se.Hint != `write "a {{ x | upper() }} b"` {
		t.Errorf("%v %+v", err, se)
	}
}

func TestTemplateNames(t *testing.T) {
	tm, err := ParseFile("f", `{% import "lib" as lib %}{% set a = b.c %}{% for x in l if x.up %}{{ x.n }}{{ a }}{{ lib.m(q) }}{{ loop.index }}{% endfor %}
{% macro m(p) %}{{ p }}{{ z ?? 1 }}{% endmacro %}{% if defined(o) %}{{ o.x }}{% endif %}{{ x }}{% include name %}`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range tm.Names() {
		s := strings.Join(append([]string{r.Name}, r.Path...), ".")
		if r.Guarded {
			s += "?"
		}
		got = append(got, s)
	}
	if want := "b.c l q z? o? o.x? x name"; strings.Join(got, " ") != want {
		t.Errorf("%s, not %s", strings.Join(got, " "), want)
	}
	inc := tm.Includes()
	if len(inc) != 2 || inc[0].Name != "lib" || inc[1].Name != "" || inc[1].Pos.Line != 2 {
		t.Errorf("%+v", inc)
	}
}
