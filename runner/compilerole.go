package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// role compiles a use of a role with its dependencies. again says that it runs
// also where the same role ran already.
func (c *compiler) role(r *playbook.RoleUse, again bool) []*task {
	var out []*task
	for _, d := range r.Deps {
		out = append(out, c.role(d, d.Def.Meta.AllowDuplicates)...)
	}
	c.sames[r] = &identity{key: sameKey(r), again: again}
	c.roleHandlers(r)
	out = append(out, c.specTask(r)...)
	out = append(out, c.list(r.Tasks)...)
	return append(out, &task{src: &playbook.Task{Level: r.Level}, play: c.inPlay, role: r, ends: true, same: c.sames[r]})
}

// identity tells which uses of a role are the same one: of those that roles: and
// dependencies name, only the first that does something runs on a host.
type identity struct {
	key   string
	again bool // it runs in any case
}

// sameKey is what makes two uses of a role the same, as in Ansible: the words
// of the entry itself, as they are written.
func sameKey(r *playbook.RoleUse) string {
	var b strings.Builder
	b.WriteString(r.Def.Dir)
	note := func(what string, n *source.Node) {
		if n != nil {
			fmt.Fprintf(&b, "\x00%s=%s", what, value.Text(n.Plain()))
		}
	}
	for _, f := range r.Params {
		note("param "+f.Key, f.Value)
	}
	for _, f := range r.Vars {
		note("var "+f.Key, f.Value)
	}
	for _, n := range r.When {
		note("when", n)
	}
	for _, n := range r.Tags {
		note("tags", n)
	}
	if !r.Dep && r.Up.Kind != playbook.PlayLevel {
		b.WriteString("\x00included")
	}
	note("tasks", r.From.Tasks)
	note("vars", r.From.Vars)
	note("defaults", r.From.Defaults)
	note("handlers", r.From.Handlers)
	return b.String()
}

// ranRole tells whether a task is passed over on a host because its role ran
// there already.
func (h *host) ranRole(ctx context.Context, t *task) bool {
	if t.same == nil || t.same.again || t.handler {
		return false
	}
	x := h.roles[t.same.key]
	if x == nil {
		return false
	}
	if x.ended {
		h.drain(ctx)
		x.done, x.ended = x.ran, false
	}
	return x.done
}

// roleRun is how far a role came on a host.
type roleRun struct {
	ran   bool // a task of it was not skipped
	ended bool // a use of it came to its end
	done  bool // it need not run again
}

func (h *host) roleRun(t *task) *roleRun {
	x := h.roles[t.same.key]
	if x == nil {
		x = &roleRun{}
		h.roles[t.same.key] = x
	}
	return x
}

// didRole notes that a task did something for its role.
func (h *host) didRole(t *task) {
	if t.same != nil && !t.handler {
		h.roleRun(t).ran = true
	}
}

// conditionalIn tells whether a condition may keep what stands inside of a
// level of some kind from running.
func conditionalIn(l *playbook.Level, in playbook.LevelKind) bool {
	for ; l != nil && l.Kind != in; l = l.Up {
		if len(l.When) > 0 {
			return true
		}
	}
	return false
}

// conditional tells whether a condition may keep a level from running.
func conditional(l *playbook.Level) bool { return conditionalIn(l, -1) }

// roleHandlers gives a role's handlers to the play, once for each use that
// differs: the condition of a use is its handlers' too.
func (c *compiler) roleHandlers(r *playbook.RoleUse) {
	key := handlersKey(r)
	if conditionalIn(&r.Level, playbook.PlayLevel) {
		key += "\x00" + r.Pos.String()
	}
	if !c.handlersOf[key] {
		c.handlersOf[key] = true
		c.inPlay.handlers = append(c.inPlay.handlers, c.list(r.Handlers)...)
	}
}

// handlersKey is what makes the handlers of two uses of a role the same: the role and its parameters.
func handlersKey(r *playbook.RoleUse) string {
	var b strings.Builder
	b.WriteString(r.Def.Dir + "\x00" + r.Entry)
	for _, fs := range [][]source.Field{r.Params, r.Vars} {
		for _, f := range fs {
			fmt.Fprintf(&b, "\x00%s=%v", f.Key, value.Text(f.Value.Plain()))
		}
	}
	return b.String()
}

// roleVars are the variables that a use of a role sets.
type roleVars struct {
	spec     *expr.Layer // defaults of its argument specs
	defaults *expr.Layer // defaults/
	vars     *expr.Layer // vars/
	entry    *expr.Layer // vars of its entry in roles: or among dependencies
	deps     []*expr.Layer
}

func (c *compiler) roleVars(r *playbook.RoleUse) *roleVars {
	if v, ok := c.roleDone[r]; ok {
		return v
	}
	v := &roleVars{
		spec:     c.specDefaults(r),
		defaults: c.fields(expr.RoleDefaults, "defaults of role "+r.Def.Name, r.Defaults),
		vars:     c.fields(expr.RoleVars, "vars of role "+r.Def.Name, r.VarsOf),
		entry:    c.fields(expr.RoleVars, "role "+r.Def.Name+", vars of its use", r.Vars),
	}
	for _, d := range r.Deps {
		v.deps = append(v.deps, c.exports(d)...)
	}
	c.roleDone[r] = v
	return v
}

func (v *roleVars) all() []*expr.Layer {
	return []*expr.Layer{v.spec, v.defaults, v.vars, v.entry}
}

// exports are the variables of a role, and of those it depends on, that others see.
func (c *compiler) exports(r *playbook.RoleUse) []*expr.Layer {
	v := c.roleVars(r)
	out := slices.Clone(v.deps)
	for _, l := range []*expr.Layer{v.spec, v.defaults, v.vars} {
		if l != nil {
			out = append(out, l)
		}
	}
	return out
}

// gives is what roles give to the rest of the play that brings them in.
type gives struct {
	layers []*expr.Layer // their defaults and vars
	roles  []string      // their names
	deps   []string      // those of the roles that they depend on
}

func (g *gives) role(r *playbook.RoleUse, layers []*expr.Layer) {
	g.layers = append(g.layers, layers...)
	g.roles = append(g.roles, r.Def.Name)
	g.dependencies(r)
}

func (g *gives) dependencies(r *playbook.RoleUse) {
	for _, d := range r.Deps {
		g.dependencies(d)
		g.deps = append(g.deps, d.Def.Name)
	}
}

func (g *gives) add(x *gives) {
	g.layers = append(g.layers, x.layers...)
	g.roles = append(g.roles, x.roles...)
	g.deps = append(g.deps, x.deps...)
}

// giving calls f and tells what the roles that it compiles give to the play.
func (c *compiler) giving(f func()) *gives {
	defer func(before *gives) { c.gives = before }(c.gives)
	c.gives = &gives{}
	f()
	return c.gives
}

// importedRole compiles an imported role, whose variables the play sees from its beginning.
func (c *compiler) importedRole(i *playbook.Include) []*task {
	c.validates(i)
	out := c.role(i.Role, runsAgain(i))
	c.giveRole(i, true)
	return out
}

// includedRole compiles an included role, whose variables its own tasks see;
// public ones all that come after, once it was included.
func (c *compiler) includedRole(i *playbook.Include) (body []*task, g *gives) {
	c.validates(i)
	g = c.giving(func() {
		body = c.role(i.Role, runsAgain(i))
		c.giveRole(i, false)
	})
	return body, g
}

// validates notes an import or include that leaves its role's argument specs alone.
func (c *compiler) validates(i *playbook.Include) {
	if v, ok := constBool(i.Validate); ok && !v {
		c.unchecked[i.Role] = true
	}
}

func (c *compiler) giveRole(i *playbook.Include, public bool) {
	if b, ok := constBool(i.Public); ok {
		public = b
	}
	var layers []*expr.Layer
	if public {
		layers = c.exports(i.Role)
	}
	c.gives.role(i.Role, layers)
}

// runsAgain tells whether an import or include runs its role again; allow_duplicates may forbid that.
func runsAgain(i *playbook.Include) bool {
	again, ok := constBool(i.AllowDuplicates)
	return again || !ok
}

func constBool(n *source.Node) (bool, bool) {
	if n == nil {
		return false, false
	}
	b, ok := n.Value.(bool)
	return b, ok
}
