package runner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// role compiles a use of a role with its dependencies. done holds the roles
// that run in this play anyway, by what makes two uses the same: what roles:
// and dependencies name runs once, what is imported or included always.
func (c *compiler) role(r *playbook.RoleUse, done map[string]bool) []*task {
	c.roleLayers(r)
	c.inPlay.noteRole(r)
	var out []*task
	key := roleKey(r)
	once := (r.Dep || r.Up.Kind == playbook.PlayLevel) && !r.Def.Meta.AllowDuplicates
	if once && done[key] && !c.p.opts.AllUses {
		return nil
	}
	for _, d := range r.Deps {
		out = append(out, c.role(d, done)...)
	}
	c.noteSpec(r)
	c.roleHandlers(r)
	tasks := c.list(r.Tasks)
	// a use that a condition or tags may skip leaves the next one to run
	if once && !conditionalIn(&r.Level, playbook.PlayLevel) && c.p.anySelected(tasks) {
		done[key] = true
	}
	return append(out, tasks...)
}

// conditional tells whether a condition may keep a level from running.
func conditional(l *playbook.Level) bool { return conditionalIn(l, -1) }

// conditionalIn is conditional, of what stands inside of a level of some kind.
func conditionalIn(l *playbook.Level, in playbook.LevelKind) bool {
	for ; l != nil && l.Kind != in; l = l.Up {
		if len(l.When) > 0 {
			return true
		}
	}
	return false
}

// anySelected tells whether -t and --skip-tags leave any of some tasks.
func (p *Program) anySelected(ts []*task) bool {
	for _, t := range ts {
		if t.block && (p.anySelected(t.body) || p.anySelected(t.rescue) || p.anySelected(t.always)) || !t.block && p.selected(t.tags) {
			return true
		}
	}
	return false
}

// roleHandlers gives a role's handlers to the play, once for each use that
// differs: the condition of a use is its handlers' too.
func (c *compiler) roleHandlers(r *playbook.RoleUse) {
	key := roleKey(r)
	if conditionalIn(&r.Level, playbook.PlayLevel) {
		key += "\x00" + r.Pos.String()
	}
	if !c.handlersOf[key] {
		c.handlersOf[key] = true
		c.inPlay.handlers = append(c.inPlay.handlers, c.list(r.Handlers)...)
	}
}

// roleKey is what makes two uses of a role the same: the role and its parameters.
func roleKey(r *playbook.RoleUse) string {
	var b strings.Builder
	b.WriteString(r.Def.Dir + "\x00" + r.Entry)
	for _, fs := range [][]source.Field{r.Params, r.Vars} {
		for _, f := range fs {
			fmt.Fprintf(&b, "\x00%s=%v", f.Key, value.Text(f.Value.Plain()))
		}
	}
	return b.String()
}

// roleLayers makes a role's defaults and vars visible to the whole play.
func (c *compiler) roleLayers(r *playbook.RoleUse) {
	c.inPlay.layers = append(c.inPlay.layers, c.layersOfRole(r)...)
}

func (c *compiler) layersOfRole(r *playbook.RoleUse) []*expr.Layer {
	if ls, ok := c.roleDone[r]; ok {
		return ls
	}
	ls := []*expr.Layer{
		c.specDefaults(r),
		c.fields(expr.RoleDefaults, "defaults of role "+r.Def.Name, r.Defaults),
		c.fields(expr.RoleVars, "role "+r.Def.Name+", vars of its use", r.Vars),
		c.fields(expr.RoleVars, "vars of role "+r.Def.Name, r.VarsOf),
	}
	c.roleDone[r] = ls
	return ls
}

// includedRole compiles an included role. Its variables are seen by its own
// tasks; public ones by all that come after, once it was included.
func (c *compiler) includedRole(i *playbook.Include) ([]*task, []*expr.Layer) {
	before, roles := c.inPlay.layers, c.roles
	names, deps := c.inPlay.roleNames, c.inPlay.depNames
	c.roles = map[string]bool{} // whether it runs is seen at run time only
	body := c.role(i.Role, c.roles)
	var seen []*expr.Layer
	if public, _ := constBool(i.Public); public {
		seen = slices.Clone(c.inPlay.layers[len(before):])
	}
	c.inPlay.layers, c.roles = before, roles
	c.inPlay.roleNames, c.inPlay.depNames = names, deps // found out only when it is included
	return body, seen
}

func constBool(n *source.Node) (bool, bool) {
	if n == nil {
		return false, false
	}
	b, ok := n.Value.(bool)
	return b, ok
}
