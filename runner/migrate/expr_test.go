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

// TestForms: expressions as roles have them, what they become, and what that gives.
func TestForms(t *testing.T) {
	scope := scopeOf(t, []byte(`{"n": 7, "s": "a-b", "l": [3, 1, 2], "e": "", "m": {"k": {"v": 1}}, "users": [{"name": "ann", "groups": ["x"]}, {"name": "bob"}],
		"r": {"failed": false, "changed": true, "rc": 2, "stdout": "v1.2", "stdout_lines": ["v1.2"], "results": [{"item": "a", "rc": 0}]}}`))
	for _, c := range [][3]string{
		{"-n // 2", "int(round(-n / 2, 0, 'floor'))", "-4"},
		{"n // 2 * 2", "", "6"},
		{"e or 'd'", "truthy(e) ? e : 'd'", `"d"`},
		{"nope | default(none) or s", "default(nope | default(null), s, true)", `"a-b"`},
		{"l and s", "truthy(l) ? s : l", `"a-b"`},
		{"m.k.w.x | default('none')", "m.k.w.x | default('none')", `"none"`},
		{"m.get('z', {}).get('y', 3)", "default(default(m['z'], {})['y'], 3)", "3"},
		{"(m.k | default({})).v", "(m.k | default({})).v", "1"},
		{"users | selectattr('groups', 'defined') | map(attribute='name') | list", "map(filter(users, defined(.groups)), .name)", `["ann"]`},
		{"users | map(attribute='groups', default=[]) | flatten", "", `["x"]`},
		{"users | rejectattr('name', 'in', ['ann']) | map(attribute='name') | first", "", `"bob"`},
		{"users | selectattr('name', 'match', 'a|b') | list | length", "", "2"},
		{"l | map('string') | map('regex_replace', '^', 'x') | join(',')", "", `"x3,x1,x2"`},
		{"l | select('gt', 1) | sort(reverse=true)", "", "[3, 2]"},
		{"'%s/%03d' | format(s, n)", "", `"a-b/007"`},
		{"'%s-%s' % (s, n)", "format('%s-%s', s, n)", `"a-b-7"`},
		{"'{0}:{1}'.format(s, n)", "s + ':' + n", ""},
		{"s.split('-')[1] ~ n", "string((s | split('-'))[1]) + string(n)", `"b7"`},
		{"'on' if r is changed else 'off'", "r.changed ? 'on' : 'off'", `"on"`},
		{"r.rc in [0, 2] and r is not failed", "r.rc in [0, 2] and not r.failed", "true"},
		{"r.results | selectattr('rc', 'equalto', 0) | list", "", `[{"item": "a", "rc": 0}]`},
		{"(r.stdout | regex_search('v(.*)', '\\\\1') | first) is version('1.1', '>=')", "", "true"},
		{"n is not divisibleby 2", "", "true"},
		{"n is divisibleby(7) and 1 < n <= 7", "", "true"},
		{"l[:2] + l[-1:]", "", "[3, 1, 2]"},
		{"l[::-1]", "reverse(l)", "[2, 1, 3]"},
		{"dict(a=1, b=s)", `{"a": 1, "b": s}`, `{"a": 1, "b": "a-b"}`},
		{"{'a': 1} | combine({'b': {'c': 2}}, recursive=True)", "", `{"a": 1, "b": {"c": 2}}`},
		{"s.startswith('a') and not s.endswith('a')", "s startsWith 'a' and not s endsWith 'a'", "true"},
		{"m.items() | list", "", `[["k", {"v": 1}]]`},
		{"(s == 'x') | ternary('y', 'z')", "(s == 'x') | ternary('y', 'z')", `"z"`},
		{"s | ternary('y', 'z')", "truthy(s) | ternary('y', 'z')", `"y"`},
		{"n | type_debug == 'int'", "is_integer(n)", "true"},
		{"s | type_debug in ['str', 'AnsibleUnicode']", "is_string(s)", "true"},
		{"'a'.ljust(3) ~ '|'", "", `"a  |"`},
		{"users | sum(attribute='groups', start=[]) if false else 1", "", "1"},
		{"users[0].name|upper|lower", "users[0].name | upper() | lower()", `"ann"`},
		{"lookup('vars', 's')", "vars['s']", `"a-b"`},
		{"lookup('vars', 'no' ~ 'pe', default='d')", "", `"d"`},
		{"query('items', l, [4])", "", "[3, 1, 2, 4]"},
		{"not (n > 3 and l)", "not (n > 3 and truthy(l))", "false"},
		{"n > 3 if l else false", "", "true"},
		{"s in ['a-b'] | list", "", "true"},
		{"users | json_query('[*].groups')", "map(filter(users, default(.groups, null) != null), .groups)", `[["x"]]`},
		{"{'u': users} | json_query(\"u[?name=='bob'].name\")", "", `["bob"]`},
		{"[users, users] | json_query('[].name')", "", `["ann", "bob", "ann", "bob"]`},
		{"m | json_query('k.v')", "default(m.k.v, null)", "1"},
		{"n\u00a0+ 1", "n + 1", "8"},
		{"1_000 + 0x10", "1000 + 0x10", "1016"},
		{"'a' 'b' \"c\"", "'abc'", `"abc"`},
	} {
		got, err := (&emitter{}).Expression(c[0], Value)
		if c[2] == "" {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c[0], err)
			continue
		}
		if c[1] != "" && got != c[1] {
			t.Errorf("%s\n  is %s\nwant %s", c[0], got, c[1])
		}
		v, err := evalIn(got, scope)
		if err != nil {
			t.Errorf("%s\n  %s\n  %v", c[0], got, err)
			continue
		}
		want, err := evalIn(c[2], scope)
		if err != nil {
			t.Fatal(c[2], err)
		}
		a, _ := value.JSON(v)
		b, _ := value.JSON(want)
		if string(a) != string(b) {
			t.Errorf("%s\n  %s\n  is %s, not %s", c[0], got, a, b)
		}
	}
}

// TestBroken: what ends early is refused, and nothing panics.
func TestBroken(t *testing.T) {
	for _, s := range []string{
		`a.b[1:2].c(d, e=f) | map('x', attribute='y') is not version('1', '>=') if g else {"h": [1, (2, 3)], 'i': -j ** 2 // k ~ l}`,
		`{% set a = [1] %}{% for x, y in z.items() if x is defined %}{{ loop.index }}{% if a %}b{% elif c %}d{% else %}e{% endif %}{% endfor %}{# f #}{% raw %}{{{% endraw %}`,
	} {
		for i := range s {
			for _, part := range []string{s[:i], s[i:], s[:i] + ")" + s[i:], s[:i] + "'" + s[i:]} {
				_, _ = (&emitter{}).Expression(part, Condition)
				(&emitter{}).str(part)
				(&emitter{}).template(part)
				(&emitter{}).str("{{ " + part)
			}
		}
	}
}
