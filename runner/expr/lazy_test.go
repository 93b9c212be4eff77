package expr

import (
	"fmt"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/value"
)

// clock counts how often definitions that read the time are evaluated: without
// a cache each evaluation asks.
type clock struct{ n int }

func (c *clock) in(t *testing.T, e Scope, src string) value.Value {
	t.Helper()
	x, err := ParseExpr(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := x.Eval(&Context{Scope: e, Now: func() time.Time { c.n++; return time.Unix(1, 0) }})
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return r.Value
}

func (c *clock) want(t *testing.T, n int, what string) {
	t.Helper()
	if c.n != n {
		t.Errorf("%s: evaluated %d times, not %d", what, c.n, n)
	}
	c.n = 0
}

// A lazy value is computed once for a host, over tasks and the items of loops,
// and again only when something that it read has changed.
func TestComputedOnce(t *testing.T) {
	vs := NewVars()
	e := vs.Host("h", layer(t, PlayVars, `
dear: "{{ now() }} {{ base }}"
outer: "{{ dear }}/{{ dear }}"
base: b
list: ["{{ dear }}", "{{ outer }}"]
other: o
of_item: "{{ now() }} {{ item }}"
`))
	c := &clock{}
	for range 10 {
		c.in(t, e, "dear + outer + list[1] + dear")
	}
	c.want(t, 1, "in one task")
	for i := range 10 {
		task := e.With(layer(t, TaskVars, fmt.Sprintf("unrelated: %d\n", i)))
		for item := range 10 {
			c.in(t, task.With(&Layer{Level: LoopVars, Vars: map[string]*Def{"item": ValueDef(int64(item), nil)}}), "outer")
		}
	}
	c.want(t, 0, "in later tasks and loops")
	for item := range 10 {
		of := e.With(&Layer{Level: LoopVars, Vars: map[string]*Def{"item": ValueDef(int64(item), nil)}})
		c.in(t, of, "of_item + of_item")
	}
	c.want(t, 10, "what reads the item, once an item")
	e.Set(SetFacts, "unread", int64(1), nil, false)
	c.in(t, e, "list")
	c.want(t, 0, "after something else was set")
	e.Set(SetFacts, "base", "c", nil, false)
	c.in(t, e, "list")
	c.in(t, e, "outer")
	c.want(t, 1, "after something that it reads was set")
	if got := c.in(t, e.With(layer(t, ExtraVars, "base: d\n")), "dear"); got != "1 d" {
		t.Errorf("got %v", got)
	}
	c.want(t, 1, "where a stronger layer sets what it reads")
	tmpl, err := ParseFile("t.j2", "{% for i in range(100) %}{{ dear }}{{ i }}{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tmpl.Render(&Context{Scope: e, Now: func() time.Time { c.n++; return time.Unix(1, 0) }}); err != nil {
		t.Fatal(err)
	}
	if c.n > 1 {
		t.Errorf("a template's loop evaluated it %d times", c.n)
	}
}

// What other hosts have costs what is read of it.
func TestHostvarsCost(t *testing.T) {
	const hosts, vars = 1000, 50
	vs := NewVars()
	c := &clock{}
	var text string
	for i := range vars {
		text += fmt.Sprintf("v%d: \"{{ now() }} {{ inventory_hostname }} %d\"\n", i, i)
	}
	shared := layer(t, GroupVarsInventory, text)
	var first *Env
	for i := range hosts {
		name := fmt.Sprintf("h%d", i)
		e := vs.Host(name, shared, &Layer{Level: Magic, Vars: map[string]*Def{"inventory_hostname": ValueDef(name, nil)}})
		if i == 0 {
			first = e
		}
	}
	all := `map(keys(hostvars), hostvars[#].v7)`
	if got := c.in(t, first, all).(value.List); len(got) != hosts || got[999] != "1 h999 7" {
		t.Fatalf("got %v", got[len(got)-1])
	}
	c.want(t, hosts, "one variable of each host")
	c.in(t, first, all)
	c.want(t, 0, "the second time")
	vs.Snapshot()
	c.in(t, first, all)
	c.want(t, 0, "as of a snapshot")
	vs.Live()
	c.in(t, first, `"v3" in hostvars.h5`)
	c.want(t, 0, "asking whether there is one")
}
