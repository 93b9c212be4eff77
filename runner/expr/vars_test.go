package expr

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

func layer(t testing.TB, level Level, yaml string) *Layer {
	t.Helper()
	nodes, err := source.ReadYAML("vars.yml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return NewLayer(level, "vars.yml", nodes[0], nil)
}

func get(t *testing.T, e Scope, src string) value.Value {
	t.Helper()
	v, err := evalText(t, src, e)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return v
}

func TestLayers(t *testing.T) {
	vs := NewVars()
	shared := layer(t, GroupVarsInventory, "a: 1\nb: \"{{ a + 1 }}\"\nc: {d: [\"{{ b }}\", x], \"{{ 'k' + string(a) }}\": 1}\ntext: '{{ a }}-{{ b }}'\n")
	e := vs.Host("h1", layer(t, RoleDefaults, "a: 0\nz: 9\n"), shared)
	other := vs.Host("h2", shared)
	for src, want := range map[string]string{"a": "1", "b": "2", "c": `{"d":[2,"x"],"k1":1}`, "text": "1-2", "z": "9", `vars["b"]`: "2", `"b" in vars`: "true", `hostvars.h2.b`: "2",
		`hostvars["h2"].text`: "1-2", `"h2" in hostvars`: "true", `"h9" in hostvars`: "false", `hostvars.h9.b ?? 0`: "0", `keys(hostvars)`: `["h1","h2"]`} {
		if got := value.Text(get(t, e, src)); got != want {
			t.Errorf("%s = %s, not %s", src, got, want)
		}
	}
	task := e.With(layer(t, TaskVars, "a: 10\n"))
	if got := get(t, task, "b"); got != int64(11) {
		t.Errorf("a task's variable should reach a lazy one: %v", got)
	}
	if got := get(t, e, "b"); got != int64(2) {
		t.Errorf("and not outlive the task: %v", got)
	}
	e.Set(SetFacts, "a", int64(5), nil, false)
	if got := get(t, e, "text"); got != "5-6" {
		t.Errorf("set_fact should reach what was computed: %v", got)
	}
	if got := get(t, other, "b"); got != int64(2) {
		t.Errorf("another host sees its own: %v", got)
	}
	if got := get(t, task, "a"); got != int64(5) {
		t.Errorf("set_fact wins over task vars: %v", got)
	}
	if got := get(t, e.With(layer(t, ExtraVars, "a: 7\n")), "a"); got != int64(7) {
		t.Errorf("-e wins over set_fact: %v", got)
	}
	if w := e.Where("a"); len(w) != 3 || w[0].Level != SetFacts || w[2].Level != RoleDefaults {
		t.Errorf("%+v", w)
	}
	e.SetDef(SetFacts, "a", nil)
	if got := get(t, e, "b"); got != int64(2) {
		t.Errorf("undefined again: %v", got)
	}
}

func TestSnapshot(t *testing.T) {
	vs := NewVars()
	a, b := vs.Host("a", layer(t, PlayVars, "y: '{{ x | default(0) }}'\n")), vs.Host("b")
	a.Set(SetFacts, "x", int64(1), nil, false)
	if got := get(t, b, "hostvars.a.y"); got != int64(1) {
		t.Error(got)
	}
	vs.Snapshot()
	a.Set(SetFacts, "x", int64(2), nil, false)
	a.Set(SetFacts, "x", int64(3), nil, false)
	a.Set(SetFacts, "new", int64(3), nil, false)
	if got := get(t, b, "[hostvars.a.x, hostvars.a.y, defined(hostvars.a.new)]"); value.Text(got) != "[1,1,false]" {
		t.Error(value.Text(got))
	}
	if got := get(t, a, "[x, y]"); value.Text(got) != "[3,3]" {
		t.Error("the host itself sees its newest", got)
	}
	vs.Snapshot()
	if got := get(t, b, "[hostvars.a.x, hostvars.a.y]"); value.Text(got) != "[3,3]" {
		t.Error(got)
	}
	a.Set(SetFacts, "x", int64(4), nil, false)
	vs.Live()
	if got := get(t, b, "hostvars.a.y"); got != int64(4) {
		t.Error(got)
	}
}

func TestMemo(t *testing.T) {
	vs := NewVars()
	e := vs.Host("h", layer(t, PlayVars, "a: '{{ obj.n }}'\nb: '{{ a }}{{ a }}'\n"))
	n := 0
	e.SetDef(SetFacts, "obj", ValueDef(countObject{&n}, nil))
	for range 5 {
		if got := get(t, e, "b + b"); got != "7777" {
			t.Fatal(got)
		}
	}
	if n != 1 {
		t.Errorf("computed %d times", n)
	}
	e.Set(SetFacts, "unrelated", int64(1), nil, false)
	get(t, e, "b")
	if n != 1 {
		t.Errorf("computed again after something else was set")
	}
	e.SetDef(SetFacts, "obj", ValueDef(countObject{&n}, nil))
	get(t, e, "b")
	if n != 2 {
		t.Errorf("not computed again: %d", n)
	}
}

type countObject struct{ n *int }

func (o countObject) Get(string) (Bound, bool, error) {
	*o.n++
	return Bound{Value: int64(7)}, true, nil
}
func (o countObject) Keys() []string { return nil }

func TestCycle(t *testing.T) {
	vs := NewVars()
	vs.Host("g", layer(t, PlayVars, "far: \"{{ hostvars['h'].near }}\"\n"))
	e := vs.Host("h", layer(t, PlayVars, "a: '{{ b }}'\nb: '{{ [c] }}'\nc: '{{ a }}'\nok: '{{ default(nope, 1) }}'\nnear: '{{ hostvars.g.far }}'\nown: '{{ own | default(1) }}'\n"))
	_, err := evalText(t, "a", e)
	var c *CycleError
	if !errors.As(err, &c) || strings.Join(c.Chain, " ") != "a b c a" || c.Pos.Line != 1 {
		t.Errorf("%v", err)
	}
	if _, err := evalText(t, "near", e); !errors.As(err, &c) || strings.Join(c.Chain, " ") != "near far near" {
		t.Errorf("%v", err)
	}
	if _, err := evalText(t, "own", e); !errors.As(err, &c) {
		t.Errorf("%v", err)
	}
	if get(t, e, "ok") != int64(1) {
		t.Error("ok")
	}
}

func TestUndefinedThroughVariables(t *testing.T) {
	e := NewVars().Host("h", layer(t, PlayVars, "a: '{{ bb.x }}'\nb: '{{ a }}'\nbc: 1\n"))
	_, err := evalText(t, "b", e)
	var u *UndefinedError
	if !errors.As(err, &u) || u.Path != "bb" || u.Pos != (source.Pos{File: "vars.yml", Line: 1, Col: 8}) || strings.Join(u.Via, " ") != "b a" {
		t.Fatalf("%+v", err)
	}
	if get(t, e, `default(b, "x")`) != "x" || get(t, e, `b ?? 1`) != int64(1) || get(t, e, "defined(b)") != false {
		t.Error("what reads something undefined is undefined")
	}
	var se *source.Error
	if !errors.As(err, &se) || !strings.Contains(se.Msg, "bb is undefined (read by b, a)") {
		t.Errorf("%v", se)
	}
}

func TestTaint(t *testing.T) {
	e := NewVars().Host("h", layer(t, PlayVars, "url: 'https://{{ db.password }}@{{ db.host }}'\nhost: '{{ db.host }}'\nn: '{{ length(db.password) }}'\nall: ['{{ db.password }}', '{{ db.host }}']\n"))
	e.Set(SetFacts, "db", value.MapOf("password", "hunter2", "host", "h"), (&Taint{}).WithField("password", Secret("hunter2")), false)
	e.Set(SetFacts, "tok", "s3", Secret("s3"), false)
	for src, want := range map[string]string{"url": "hunter2", "host": "", "n": "", "db.host": "", "db.password": "hunter2", "db": "hunter2", "all": "hunter2", "all[1]": "", "all[0]": "hunter2",
		"url + tok": "hunter2 s3", "true ? db.host : tok": "", "default(db.password, 1)": "hunter2", "nope ?? tok": "s3", "sha1(tok)": "s3", `tok == "x"`: "", "map(all, upper(#))": "hunter2", "[tok][0:0]": "s3"} {
		x, err := ParseExpr(src, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := x.Eval(&Context{Scope: e})
		if err != nil {
			t.Errorf("%s: %v", src, err)
		}
		if got := strings.Join(r.Taint.All(), " "); got != want {
			t.Errorf("%s: tainted by %q, not %q", src, got, want)
		}
	}
	for _, src := range []string{"tok and true", "int(tok) + tok", "bool(tok)", "db.password.x", "upper([tok])"} {
		if _, err := evalText(t, src, e); err == nil || strings.Contains(err.Error(), "s3") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the secret: %v", src, err)
		}
	}
}

func TestUnknown(t *testing.T) {
	e := NewVars().Host("h", layer(t, PlayVars, "lazy: '{{ r.rc }}'\npart: '{{ r.l }}'\n"))
	e.Set(SetFacts, "r", value.MapOf("changed", true, "rc", Unknown, "l", value.List{int64(1), Unknown}), nil, false)
	e.Set(SetFacts, "all", nil, nil, true)
	for src, want := range map[string]bool{"r.changed": false, "r.rc": true, "r.rc == 0": true, "lazy": true, "all": true, "all.x.y": true, "default(all, 1)": true, "false and all": false, "all and false": true,
		"true or all": false, "true ? 1 : all": false, "r.l[0]": false, "r.l[1]": true, "defined(all)": true, "map(r.l, # + 1)": true, "to_json(r)": true, "r.l": false, "length(part)": true, "part[0]": false} {
		v, err := evalText(t, src, e)
		if err != nil || (v == Unknown) != want {
			t.Errorf("%s: %v %v", src, v, err)
		}
	}
	tm, _ := ParseString("a {{ lazy }}", nil)
	if r, err := tm.Eval(&Context{Scope: e}); err != nil || !r.Unknown {
		t.Error(r, err)
	}
}

func TestTextOfHostsIsNoSource(t *testing.T) {
	e := NewVars().Host("h", layer(t, PlayVars, "a: '{{ r.stdout }}'\nb: ['{{ a }}']\nc: !unsafe '{{ a }}'\n"))
	e.Set(SetFacts, "r", value.MapOf("stdout", "{{ 1 + 1 }}"), nil, false)
	for src, want := range map[string]string{"a": "{{ 1 + 1 }}", "b[0]": "{{ 1 + 1 }}", "c": "{{ a }}"} {
		if got := get(t, e, src); got != want {
			t.Errorf("%s = %v", src, got)
		}
	}
}

func TestImpure(t *testing.T) {
	cache := NewCache()
	at := func(line int) Locator {
		return func(off int) source.Pos { return source.Pos{File: "f", Line: line, Col: off} }
	}
	run := func(line int, host string) value.Value {
		x, err := ParseExpr("random(1000000000)", at(line))
		if err != nil {
			t.Fatal(err)
		}
		r, err := x.Eval(&Context{Cache: cache, Host: host})
		if err != nil {
			t.Fatal(err)
		}
		return r.Value
	}
	if run(1, "a") != run(1, "a") || run(1, "a") == run(2, "a") || run(1, "a") == run(1, "b") {
		t.Error("once per host and use")
	}
}

func TestConcurrent(t *testing.T) {
	vs := NewVars()
	shared := layer(t, PlayVars, "a: '{{ b + 1 }}'\nb: '{{ c | default(1) }}'\nsum: '{{ sum(map(keys(hostvars), hostvars[#].a)) }}'\n")
	var envs []*Env
	for i := range 8 {
		envs = append(envs, vs.Host(fmt.Sprint("h", i), shared))
	}
	var wg sync.WaitGroup
	for i, e := range envs {
		wg.Go(func() {
			for k := range 50 {
				e.Set(SetFacts, "c", int64(k), nil, false)
				if k%10 == 0 {
					vs.Snapshot()
				}
				if _, err := evalText(t, "sum + a", e.With(layer(t, LoopVars, fmt.Sprintf("item: %d\n", i)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkVars(b *testing.B) {
	for _, n := range []int{10, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var y strings.Builder
			for i := range n {
				fmt.Fprintf(&y, "v%d: '{{ v%d }}x'\n", i+1, i)
			}
			vs := NewVars()
			e := vs.Host("h", layer(b, PlayVars, "v0: a\n"+y.String()))
			x, _ := ParseExpr("v5 + v6", nil)
			ctx := &Context{Scope: e}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Eval(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
