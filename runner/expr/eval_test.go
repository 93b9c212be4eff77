package expr

import (
	"errors"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

var testScope = MapScope{
	"n": int64(2), "s": "äbc", "l": value.List{int64(1), int64(2), int64(3)}, "t": true, "f": false, "null_": nil,
	"m":      value.MapOf("a", int64(1), "b", value.MapOf("c", "x"), "x-y", "dash"),
	"users":  value.List{value.MapOf("name", "a", "up", true), value.MapOf("name", "b", "up", false)},
	"result": value.MapOf("stdout", "out", "rc", int64(0), "failed", false),
	"prefix": "10", "seen": Unknown,
}

// TestPrecedence is the oracle of Jinja's precedence: for each pair of
// operators a case whose value tells how it was read, worked out by hand.
func TestPrecedence(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		// or, and, not
		{`true or false and false`, `true`},
		{`false and false or true`, `true`},
		{`not false or true`, `true`},
		{`not true or true`, `true`},
		{`not false and false`, `false`},
		{`not true and false`, `false`},
		// not and comparisons
		{`not 1 == 2`, `true`},
		{`not 1 in [2]`, `true`},
		{`not 1 not in [2]`, `false`},
		{`not 2 < 1`, `true`},
		{`not not 1 == 1`, `true`},
		// comparisons chain
		{`1 < 2 < 3`, `true`},
		{`3 > 2 > 2`, `false`},
		{`1 == 1 == 1`, `true`},
		{`(1 == 1) == 1`, `false`},
		{`1 < 2 == 2`, `true`},
		{`1 == 1 < 2`, `true`},
		{`2 in [2] == [2]`, `true`},
		{`(2 in [2]) == true`, `true`},
		{`1 != 2 != 1`, `true`},
		{`1 not in [2] == [2]`, `true`},
		// comparisons and arithmetic
		{`1 + 1 == 2`, `true`},
		{`2 == 1 + 1`, `true`},
		{`3 - 1 in [2]`, `true`},
		{`2 * 3 == 6`, `true`},
		{`7 % 4 == 3`, `true`},
		{`1 < 1 + 1`, `true`},
		{`"a" + "b" in "abc"`, `true`},
		{`1 + 1 .. 3`, `[2, 3]`},
		// + - and * / %
		{`1 + 2 * 3`, `7`},
		{`2 * 3 + 1`, `7`},
		{`7 - 4 / 2`, `5.0`},
		{`1 + 7 % 4`, `4`},
		{`10 - 3 - 2`, `5`},
		{`12 / 3 / 2`, `2.0`},
		{`2 * 7 % 4`, `2`},
		{`7 % 4 * 2`, `6`},
		// signs
		{`-2 + 3`, `1`},
		{`-2 * 3`, `-6`},
		{`2 * -3`, `-6`},
		{`2 - -3`, `5`},
		{`-n + 1`, `-1`},
		{`not -1 == 1`, `true`},
		// | and everything else
		{`1 + "2" | int()`, `3`},
		{`"1" | int() + 2`, `3`},
		{`2 * "3" | int()`, `6`},
		{`-3 | abs()`, `3`},
		{`-n | abs()`, `2`},
		{`1 == "1" | int()`, `true`},
		{`"2" | int() in [2]`, `true`},
		{`not "" | bool()`, `true`},
		{`not "yes" | bool() and true`, `false`},
		{`true or nope | bool()`, `true`},
		{`10 / "5" | int()`, `2.0`},
		{`"a" + "b" | upper()`, `"aB"`},
		{`("a" + "b") | upper()`, `"AB"`},
		{`l | length() > 2 and t`, `true`},
		{`m.b.c | upper() + "y"`, `"Xy"`},
		{`7 % "4" | int()`, `3`},
		{`[3] + [1, 2] | reverse()`, `[3, 2, 1]`},
		// ?? binds tighter than arithmetic, looser than |
		{`1 + nope ?? 2`, `3`},
		{`nope ?? "a" | upper()`, `"A"`},
		{`2 == nope ?? 2`, `true`},
		{`nope ?? nope ?? 3`, `3`},
		// ?: is the loosest
		{`true ? 1 : 2 + 1`, `1`},
		{`false ? 1 : 2 + 1`, `3`},
		{`true or false ? 1 : 2`, `1`},
		{`1 == 2 ? 1 : 2 == 2`, `true`},
		{`false ? 1 : false ? 2 : 3`, `3`},
		{`nope ?? t ? 1 : 2`, `1`},
	} {
		got, err := evalText(t, c.expr, testScope)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		want, err := evalText(t, c.want, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !same(got, want) {
			t.Errorf("%s = %s, not %s", c.expr, value.Short(got, 100), c.want)
		}
	}
}

func TestEval(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{`4 / 2`, `2.0`}, {`7 % -4`, `-1`}, {`-7 % 4`, `1`}, {`-7.5 % 2`, `0.5`},
		{`1 == 1.0`, `true`}, {`1 == "1"`, `false`}, {`1 == true`, `false`}, {`{"a": [1]} == {"a": [1.0]}`, `true`},
		{`"a" * 3`, `"aaa"`}, {`[1] + [2]`, `[1, 2]`}, {`"b" > "a"`, `true`}, {`[1, 2] < [1, 3]`, `true`},
		{`s[0]`, `"ä"`}, {`s[-1]`, `"c"`}, {`s[0:2]`, `"äb"`}, {`s[-2:]`, `"bc"`}, {`s[5:]`, `""`}, {`l[-1]`, `3`}, {`l[1:]`, `[2, 3]`}, {`l[:-1]`, `[1, 2]`},
		{`m.b.c`, `"x"`}, {`m["x-y"]`, `"dash"`}, {`"a" in m`, `true`}, {`"bc" in s`, `true`}, {`n in l`, `true`}, {`n not in l`, `false`},
		{`m.nope ?? 1`, `1`}, {`m.nope.deep ?? 1`, `1`}, {`null_ ?? 1`, `1`}, {`null_?.a`, `null`}, {`null_?.a.b.c ?? 5`, `5`}, {`nope?.a ?? 2`, `2`},
		{`default(null_, 1)`, `null`}, {`default(null_, 1, true)`, `1`}, {`default(l[9], 0)`, `0`}, {`n | default(nope)`, `2`},
		{`defined(m.a)`, `true`}, {`defined(m.z)`, `false`}, {`not defined(nope)`, `true`}, {`defined(nope) and nope.x`, `false`},
		{`t ? 1 : nope`, `1`}, {`f and nope`, `false`}, {`t or nope`, `true`},
		{`filter(users, .up)`, `[{"name": "a", "up": true}]`}, {`map(users, .name)`, `["a", "b"]`}, {`users | map(.name) | join(",")`, `"a,b"`},
		{`map(users, {"n": .name, "m": {"up": .up}})[0]`, `{"n": "a", "m": {"up": true}}`}, {`users | map({'n': .name}) | map(.n) | join(",")`, `"a,b"`},
		{`any(users, .name == "b")`, `true`}, {`map(l, map([1], # + 1))`, `[[2], [2], [2]]`}, {`map(filter(l, # > 1), # * n)`, `[4, 6]`},
		{`map(l, # == 2 ? omit : #)`, `[1, 3]`}, {`[1, omit, 2]`, `[1, 2]`}, {`{"a": omit, "b": 1}`, `{"b": 1}`},
		{`"\d+\n"`, "'\\\\d+\n'"}, {`'\x41\u00e4\101'`, `"AäA"`}, {"`a\\d`", `"a\\d"`}, {`"\1"`, `"\\1"`},
		{`s matches "^ä"`, `true`}, {`s not matches "z$"`, `true`}, {`s startsWith "ä"`, `true`}, {`l contains 2`, `true`}, {`s endsWith "bc"`, `true`},
		{`true == True and None == null and nil == none`, `true`}, {`1_000`, `1000`}, {`0x1f`, `31`}, {`0o17`, `15`}, {`1e3`, `1000.0`}, {`.5 + 1`, `1.5`},
		{`{("k" + "1"): 1}`, `{"k1": 1}`}, {`1..3`, `[1, 2, 3]`}, {`[1, 2,]`, `[1, 2]`},
		{`"a" in vars_`, `true`}, {`length(vars_)`, `1`}, {`keys(vars_)`, `["a"]`}, {`vars_["a"]`, `7`}, {`vars_.zz ?? 0`, `0`}, {`vars_ == {"a": 7}`, `true`},
	} {
		scope := MapScope{"vars_": testObject{"a": int64(7)}}
		for k, v := range testScope {
			scope[k] = v
		}
		got, err := evalText(t, c.expr, scope)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		want, err := evalText(t, c.want, nil)
		if err != nil {
			t.Fatal(c.want, err)
		}
		if !same(got, want) {
			t.Errorf("%s = %s, not %s", c.expr, value.Short(got, 100), c.want)
		}
	}
}

type testObject map[string]value.Value

func (o testObject) Get(k string) (Bound, bool, error) {
	v, ok := o[k]
	return Bound{Value: v}, ok, nil
}

func (o testObject) Keys() []string {
	var out []string
	for k := range o {
		out = append(out, k)
	}
	return out
}

// TestEvalErrors: what Ansible swallows is an error here, with the way out.
func TestEvalErrors(t *testing.T) {
	for _, c := range []struct{ expr, msg, hint string }{
		{`nope`, "nope is undefined", ""},
		{`resul.rc`, "resul is undefined", "did you mean result?"},
		{`result.stdot`, "result.stdot is undefined: it has no member stdot, but stdout", ""},
		{`result.stdot != "prod"`, "result.stdot is undefined", ""},
		{`l[7]`, "l[7] is undefined: it has 3 items", ""},
		{`s.upper`, "s is a string and has no members", "write upper(s)"},
		{`n and t`, "n is an int (2), not true or false", "write bool(n)"},
		{`s or "d"`, `s is a string ("äbc"), not true or false`, "write default(s, …, true) for a value of its own, bool(s) for a condition"},
		{`l ? 1 : 2`, "l is a list ([1,2,3]), not true or false", "write length(l) > 0"},
		{`not m`, "m is a map", "write length(m) > 0"},
		{`1 / 0`, "division by zero", ""}, {`1 % 0`, "division by zero", ""}, {`1.0 / 0`, "division by zero", ""},
		{`9223372036854775807 + 1`, "the result does not fit into 64 bits", ""},
		{`9223372036854775807 * 2`, "the result does not fit into 64 bits", ""},
		{`1e308 * 10`, "the result is too large for a float", ""},
		{`"a" + 1`, `cannot add a string ("a") and an int (1)`, "write string(…) around the number, or int(…) around the string"},
		{`m + m`, "cannot add a map", "write combine(a, b)"},
		{`"1" < 2`, `a string ("1") and an int (2) have no order`, "write int(…) around the string"},
		{`1 in "123"`, "only a string can be in a string, this is an int (1)", "write string(…) in …"},
		{`1 in 2`, "nothing can be in an int (2)", ""},
		{`m[1]`, "the keys of a map are strings, not ints", `write m["1"]`},
		{`l["a"]`, `the index of a list is an int, not a string ("a")`, ""},
		{`"%s" % n`, "% takes numbers", `write 'format("%s", n)'`},
		{`join(m)`, "", ""}, // a map joins its keys
		{`upper(l)`, "text of upper() is a text, not a list ([1,2,3])", ""},
		{`filter(m, .a)`, "list of filter() is a list, not a map", "write dict2items(m), keys(m) or values(m)"},
		{`map(s, #)`, "list of map() is a list, not a string", "write [s] for a list of one, split(s) to cut it"},
		{`filter(users, .name)`, `.name is a string ("a"), not true or false`, "write bool(.name)"},
		{`omit + 1`, "omit can only stand for a whole argument or item", ""},
		{`mandatory(nope, "give a nope")`, "mandatory(): give a nope", ""},
		{`bool("maybe")`, `bool(): a string ("maybe") is neither true nor false`, "write truthy(x) to ask whether it is not empty"},
		{`s matches s + "("`, "regular expression: missing closing ): äbc(", ""},
		{`reduce([], #acc + #)`, "reduce(): an empty list and no start", ""},
	} {
		_, err := evalText(t, c.expr, testScope)
		if c.msg == "" {
			if err != nil {
				t.Errorf("%s: %v", c.expr, err)
			}
			continue
		}
		var se *source.Error
		if !errors.As(err, &se) {
			t.Errorf("%s: no error but %v", c.expr, err)
			continue
		}
		if !strings.Contains(se.Msg, c.msg) || c.hint != "" && se.Hint != c.hint {
			t.Errorf("%s:\n got %q, hint %q\nwant %q, hint %q", c.expr, se.Msg, se.Hint, c.msg, c.hint)
		}
	}
}

// TestHabits: each habit of Jinja gets the form that is right here.
func TestHabits(t *testing.T) {
	for _, c := range []struct{ expr, fixed string }{
		{`x is defined`, `defined(x)`},
		{`x is not defined`, `not defined(x)`},
		{`x is undefined`, `not defined(x)`},
		{`x is defined and x.y is not none`, `defined(x) and x.y != null`},
		{`result is failed`, `result.failed`},
		{`result is succeeded`, `not result.failed`},
		{`result is not changed`, `not result.changed`},
		{`result.results[0] is skipped`, `result.results[0].skipped`},
		{`x is string`, `is_string(x)`},
		{`v is version('1.2', '>=')`, `version(v, '1.2', '>=')`},
		{`x is match("a")`, `x matches "^a"`},
		{`x is not search("a")`, `not (x matches "a")`},
		{`x is in y`, `x in y`},
		{`x|default('') is defined`, `defined(x|default(''))`},
		{`a | upper`, `a | upper()`},
		{`a | upper | trim`, `a | upper() | trim()`},
		{`a|int > 3`, `a|int() > 3`},
		{`b if c else d`, `c ? b : d`},
		{`("x" if y else "z") + "w"`, `(y ? "x" : "z") + "w"`},
		{`f(a if b else c, d)`, ``},
		{`default(a if b else c, d)`, `default(b ? a : c, d)`},
		{`a ~ b`, `a + b`},
		{`a // b`, `int(a / b)`},
		{`a ** 2`, `pow(a, 2)`},
		{`lookup('env', 'HOME')`, `env('HOME')`},
		{`lookup("ansible.builtin.file", "a/b") | trim`, `file("a/b") | trim()`},
		{`m.items()`, `dict2items(m)`},
		{`m.get("a", 1)`, `default(m["a"], 1)`},
		{`a.b.split(",")[0]`, `split(a.b, ",")[0]`},
		{`l.append(1)`, `l + [1]`},
		{`x.startswith("a")`, `x startsWith "a"`},
		{`",".join(l)`, `join(l, ",")`},
		{`x.strip()`, `trim(x)`},
		{`l | map(attribute="name") | list`, `map(l, .name) | list()`},
		{`l | map('upper') | list`, `map(l, upper(#)) | list()`},
		{`l | map('regex_replace', 'a', 'b')`, `map(l, regex_replace(#, 'a', 'b'))`},
		{`l | selectattr("up")`, `filter(l, .up)`},
		{`l | selectattr("state", "equalto", "up") | list`, `filter(l, .state == "up") | list()`},
		{`l | rejectattr("x", "defined")`, `filter(l, not defined(.x))`},
		{`l | select("match", "a.*")`, `filter(l, # matches "^a.*")`},
		{`l | sum(attribute="n")`, `sum(l, .n)`},
		{`l | sort(attribute="n")`, `sortBy(l, .n)`},
		{`a | combine(b, recursive=True)`, `a | combine(b, True)`},
		{`a | default(1, boolean=true)`, ``},
		{`a | round(method="floor")`, `a | round(0, "floor")`},
		{`a == 1 & b`, `a == 1 and b`},
		{`a = 1`, `a == 1`},
		{`(1, 2)`, `[1, 2]`},
		{`"a" "b"`, `"a" + "b"`},
		{`a.0.b`, `a[0].b`},
		{`x | d(1)`, `x | default(1)`},
		{`x | count`, `length(x)`},
	} {
		_, err := ParseExpr(c.expr, nil)
		var se *source.Error
		if !errors.As(err, &se) {
			t.Errorf("%s: no error", c.expr)
			continue
		}
		if c.fixed == "" {
			continue
		}
		if want := "write " + source.QuoteYAML(c.fixed); se.Hint != want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.expr, se.Msg, se.Hint, want)
		}
		if _, err := ParseExpr(c.fixed, nil); err != nil {
			t.Errorf("%s: the hint does not parse: %v", c.fixed, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		expr, msg string
		col       int
	}{
		{``, "an expression is missing", 0},
		{`a +`, "the expression ends too early", 2},
		{`a b`, `unexpected "b"`, 2},
		{`(a`, `"(" is never closed`, 0},
		{`a)`, `")" closes nothing`, 1},
		{`[1)`, `")" where "]" should close`, 2},
		{`"abc`, `the quote " is never closed`, 0},
		{`012`, "012 begins with a zero: an octal number or a text?", 0},
		{`1abc`, "1abc is neither a number nor a name", 0},
		{`99999999999999999999`, "99999999999999999999 does not fit into 64 bits", 0},
		{`uper("a")`, "no function is called uper", 0},
		{`upper()`, "upper() is called with 0 arguments", 0},
		{`upper("a", 1)`, "upper() takes 1 argument", 11},
		{`replace("a", "b", [])`, "new of replace() is a text, not a list", 18},
		{`{a: 1}`, "the key a needs quotes", 1},
		{`x matches "(?=a)"`, "(?=…) looks around", 10},
		{`a; b`, `";" has no meaning in an expression`, 1},
		{`a /* c */`, "an expression has no comments", 2},
		{`$env.A`, `"$" has no meaning in an expression`, 0},
		{`let x = 1; x`, `"let" has no meaning here`, 0},
		{`if a {1} else {2}`, "an expression has no if", 0},
		{`ä`, `"ä" has no meaning in an expression`, 0},
		{`{{ a }} b`, "text after }} where one expression belongs", 7},
		{`{{ a`, `no "}}" ends what begins here`, 0},
		{`x ?? 1 == 1`, "?? beside another operator needs parentheses", 7},
		{`#`, "", 0},
		{strings.Repeat("(", 300), "brackets are nested deeper than 200", 200},
		{strings.Repeat("not ", 300) + "a", "the expression is nested deeper than 200", 0},
		{strings.Repeat("a?", 300), "the expression is nested deeper than 200", 0},
		{strings.Repeat("a", 70000), "", 0},
	} {
		_, err := ParseExpr(c.expr, func(off int) source.Pos { return source.Pos{File: "f", Line: 1, Col: off} })
		var se *source.Error
		if !errors.As(err, &se) {
			if c.msg != "" {
				t.Errorf("%.40s: no error", c.expr)
			}
			continue
		}
		if c.msg != "" && (!strings.Contains(se.Msg, c.msg) || se.Pos.Col != c.col) {
			t.Errorf("%.40s: %s at %d, not %s at %d", c.expr, se.Msg, se.Pos.Col, c.msg, c.col)
		}
	}
}
