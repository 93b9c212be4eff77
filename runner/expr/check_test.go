package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

type typeEnv map[string]Type

func (e typeEnv) TypeOf(name string) (Type, bool) { t, ok := e[name]; return t, ok }
func (e typeEnv) Names() []string                 { return slices.Sorted(maps.Keys(e)) }

var checkEnv = typeEnv{
	"result": Record(map[string]Type{"stdout": Of(KString), "rc": Of(KInt), "changed": Of(KBool),
		"stat": Record(map[string]Type{"exists": Of(KBool), "size": Of(KInt)}), "stdout_lines": ListOf(Of(KString))}),
	"open": Any, "users": ListOf(Record(map[string]Type{"name": Of(KString), "up": Of(KBool)})), "n": Of(KInt), "s": Of(KString),
}

func TestCheck(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{`result.rc == 0 and result.stat.exists`, ""},
		{`nope`, "0 nothing sets a variable nope"},
		{`resutl.rc`, "0 nothing sets a variable resutl (did you mean result?)"},
		{`result.stdot`, "7 result has no member stdot (did you mean stdout?)"},
		{`result["stdot"]`, "6 result has no member stdot (did you mean stdout?)"},
		{`result.stat.exist`, "12 result.stat has no member exist (did you mean exists?)"},
		{`result.stdot.x.y`, "7 result has no member stdot (did you mean stdout?)"},
		{`result.other | default(1)`, ""}, {`result.nope ?? 1`, ""}, {`defined(result.nope)`, ""},
		{`result.stdot | default(1)`, "7 result has no member stdot (did you mean stdout?)"},
		{`result.rc.x`, "10 result.rc is an int and has no members"},
		{`result.stdout.items`, "14 result.stdout is a string and has no members (write dict2items(result.stdout))"},
		{`result.stdout_lines[0].x`, "23 result.stdout_lines[0] is a string and has no members"},
		{`open.a.b.c`, ""},
		{`default(nope, 1) == 1`, ""}, {`nope ?? 1`, ""}, {`defined(nope)`, ""}, {`nope.a.b ?? 1`, ""},
		{`defined(nope) and nope.x == 1`, ""},
		{`nope.x == 1 and defined(nope)`, "0 nothing sets a variable nope"},
		{`not defined(nope) or nope.x == 1`, ""},
		{`defined(nope) ? nope : 1`, ""}, {`not defined(nope) ? 1 : nope`, ""},
		{`defined(nope) ? 1 : nope`, "20 nothing sets a variable nope"},
		{`defined(nope.a) and nope.b`, ""},
		{`defined(a) and defined(b) and a + b`, ""},
		{`(defined(a) or defined(b)) and a`, "31 nothing sets a variable a"},
		{`default(nope, "") != "" and nope`, ""}, {`(nope ?? false) and nope`, ""}, {`default(nope, "") == "x" and nope`, ""},
		{`default(nope, "") == "" and nope`, "28 nothing sets a variable nope"},
		{`default(upper(nope), 1)`, "14 nothing sets a variable nope"},
		{`default(open[nope], 1)`, "13 nothing sets a variable nope"},
		{`filter(users, .up) | map(.nme)`, "26 # has no member nme (did you mean name?)"},
		{`filter(users, .name)`, "15 .name is a string, not true or false (write bool(.name))"},
		{`s and true`, "0 s is a string, not true or false (write bool(s))"},
		{`not users`, "4 users is a list, not true or false (write length(users) > 0)"},
		{`upper(users)`, "6 text of upper() is a text, not a list (its form is upper(text))"},
		{`s + n`, "2 cannot add a string and an int (write string(…) around what is no string)"},
		{`length(n)`, "7 value of length() is a string or list or map or object, not an int (its form is length(value))"},
		{`map(users, .name)[0].x`, "21 map(…)[0] is a string and has no members"},
		{`result.rc == "0"`, "10 an int and a string are never equal (write result.rc == 0)"}, {`"1" != n`, "4 a string and an int are never equal (write n != 1)"},
		{`result.changed == "yes"`, "15 a bool and a string are never equal (write result.changed)"}, {`result.changed != "true"`, "15 a bool and a string are never equal (write not result.changed)"},
		{`s == 1`, "2 a string and an int are never equal (write s == \"1\")"}, {`s == null`, ""}, {`n == 1.0`, ""}, {`open == 1 and open == "1"`, ""},
		{`s < n`, "2 a string and an int have no order (write int(…) around the string)"}, {`n < 1.5`, ""},
		{`s in n`, "2 nothing can be in an int"}, {`1 in s`, "2 only a string can be in a string, this is an int (write string(…) in …)"},
		{`s in [1, 2]`, "2 a string is never in a list of which each item is an int (write int(…) in …)"}, {`n in [1, 2] and s in ["a"] and s in m`, "36 nothing sets a variable m"},
		{`n matches "x"`, "2 matches needs a string on its left, not an int"}, {`open in 5`, "5 nothing can be in an int"},
		{`s - 1`, "2 - takes numbers, not a string and an int (write int(s))"}, {`s % n`, "2 % takes numbers, not a string and an int (write format(s, …))"},
		{`users - users`, "6 - takes numbers, not a list and a list (write difference(a, b))"}, {`s * 2 + "x"`, ""}, {`-s`, "0 a sign needs a number, not a string"}, {`n[1:]`, "1 a slice is of a list or a string, not of an int"},
		{`s | regex_search("a") and true`, "4 regex_search(…) is null or string, not true or false (write s matches \"a\")"},
		{`split(s, ",")[0].x`, "17 split(…)[0] is a string and has no members"},
		{`upper`, "0 nothing sets a variable upper (upper() is a function: write upper(text))"},
	} {
		e, err := ParseExpr(c.expr, nil)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		e.at = offsets
		var got []string
		for _, err := range e.Check(checkEnv) {
			s := fmt.Sprint(err.Pos.Col, " ", err.Msg)
			if err.Hint != "" {
				s += " (" + err.Hint + ")"
			}
			got = append(got, s)
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.expr, strings.Join(got, "\n"), c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for src, want := range map[string]string{
		"a.b.c + d":               "a.b.c d",
		"a[b].c":                  "a b",
		"a['x'][0]":               "a.x.0",
		"filter(l, .x == y)":      "l y",
		"defined(a) and a.b or c": "a? a.b? c",
		"default(a.b, d)":         "a.b? d",
		"a ?? b ?? c":             "a? b? c",
		"vars['x']":               "vars.x",
		"hostvars[h].y":           "hostvars h",
		"x | default(omit)":       "x?",
		"{'k': v}":                "v",
		"true ? t : f":            "t f",
	} {
		e, err := ParseExpr(src, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range e.Names() {
			s := strings.Join(append([]string{r.Name}, r.Path...), ".")
			if r.Guarded {
				s += "?"
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, not %s", src, got, want)
		}
	}
}

func TestDefines(t *testing.T) {
	for src, want := range map[string]string{
		"defined(a)": "a", "defined(a.b) and defined(c)": "a.b c", "not defined(a)": "", "not (not defined(a) or x)": "a", "defined(a) or defined(b)": "",
		"defined(a) or defined(a) and b": "a", "default(a, false)": "a", "a ?? false": "a", "default(a, true)": "", "a != 1": "", "default(a, '') != ''": "a",
	} {
		e, err := ParseExpr(src, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(e.Defines(), " "); got != want {
			t.Errorf("%s: %q, not %q", src, got, want)
		}
		if want != "" && len(e.Defines()) == 1 {
			x, _ := ParseExpr(want+".q.r", nil)
			if errs := x.Check(typeEnv{}, e.Defines()...); len(errs) > 0 {
				t.Errorf("%s does not narrow: %v", src, errs[0])
			}
		}
	}
}

func TestCheckTemplates(t *testing.T) {
	tm, err := ParseFile("f", "{% set x = 1 %}{{ x }}{% for u in users %}{{ u.nam }}{{ loop.index }}{% endfor %}{% if defined(q) %}{{ q }}{% else %}{{ q }}{% endif %}{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1) }}{{ zz }}")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range tm.Check(checkEnv) {
		got = append(got, e.Msg)
	}
	if s := strings.Join(got, "; "); s != "u has no member nam; nothing sets a variable q; nothing sets a variable zz" {
		t.Error(s)
	}
}
