package runner

import (
	"fmt"
	"strings"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
)

// specUse is a use of a role that says which variables it takes.
type specUse struct {
	use    *playbook.RoleUse
	play   *play
	layers []*expr.Layer // that the use itself brings
	maybe  bool          // a condition may keep it from running
}

// specDefaults are the defaults that a role's argument specs name, below those of defaults/.
func (c *compiler) specDefaults(r *playbook.RoleUse) *expr.Layer {
	if r.Spec == nil {
		return nil
	}
	var fs []source.Field
	for _, o := range r.Spec.Options {
		c.options[o.Name] = o
		if o.Default != nil {
			fs = append(fs, source.Field{Key: o.Name, KeyPos: o.Pos, Value: o.Default})
		} else {
			c.declared[o.Name] = true
		}
	}
	return c.fields(expr.RoleDefaults, "argument specs of role "+r.Def.Name, fs)
}

// noteSpec remembers a use for checkSpecs.
func (c *compiler) noteSpec(r *playbook.RoleUse) *specUse {
	u := &specUse{use: r, play: c.inPlay, layers: c.layersOf(&r.Level), maybe: conditional(&r.Level)}
	if c.inTask != nil && len(c.inTask.when) > 0 {
		u.maybe = true
	}
	c.specs = append(c.specs, u)
	return u
}

// checkSpecs refuses constant values that a role's specs do not take, and
// variables that a role requires and nothing sets for a host of the play. What
// it costs goes with the options and the variables, not with their product.
func (c *compiler) checkSpecs() {
	if len(c.specs) == 0 {
		return
	}
	options := map[string]bool{}
	for _, u := range c.specs {
		for _, o := range u.use.Spec.Options {
			options[o.Name] = true
		}
	}
	shared := map[*play]map[string]winner{}
	hosts := map[string]map[string]map[*inventory.Host]*expr.Def{}
	for _, u := range c.specs {
		p := u.play
		if shared[p] == nil {
			shared[p] = winners(p.layers, options)
		}
		own := winners(append(u.layers[:len(u.layers):len(u.layers)], c.p.extra), options)
		if hosts[p.dir] == nil {
			hosts[p.dir] = c.hostVars(p.dir, options)
		}
		for _, o := range u.use.Spec.Options {
			d := own[o.Name]
			if s := shared[p][o.Name]; d.def == nil || s.def != nil && s.level > d.level {
				d = s
			}
			c.checkOption(u, o, d, hosts[p.dir][o.Name])
		}
	}
}

// winner is the definition of a name that wins, and its level.
type winner struct {
	def   *expr.Def
	level expr.Level
}

// winners are the definitions of the names asked for, each of the highest
// level, and of two of one level that of the later layer.
func winners(ls []*expr.Layer, names map[string]bool) map[string]winner {
	out := map[string]winner{}
	for _, l := range ls {
		if l == nil {
			continue
		}
		for name, d := range l.Vars {
			if w := out[name]; names[name] && (w.def == nil || l.Level >= w.level) {
				out[name] = winner{d, l.Level}
			}
		}
	}
	return out
}

// hostVars are what the inventory sets of the names asked for, by name and
// host, as a playbook in dir sees it: the winner of each.
func (c *compiler) hostVars(dir string, names map[string]bool) map[string]map[*inventory.Host]*expr.Def {
	of := map[*expr.Layer]map[string]winner{} // hosts share the layers of their groups
	out := map[string]map[*inventory.Host]*expr.Def{}
	seen := map[*inventory.Host]bool{}
	for _, p := range c.p.plays {
		if p.dir != dir {
			continue
		}
		for _, h := range p.hosts {
			if seen[h] {
				continue
			}
			seen[h] = true
			ls, err := c.p.inv.Layers(h, dir)
			if err != nil {
				continue // reported before
			}
			for _, l := range ls {
				x := c.p.invLayer(l)
				if of[x] == nil {
					of[x] = winners([]*expr.Layer{x}, names)
				}
				for name, w := range of[x] {
					if out[name] == nil {
						out[name] = map[*inventory.Host]*expr.Def{}
					}
					out[name][h] = w.def
				}
			}
		}
	}
	return out
}

// checkOption checks what the play and its roles set, and what the inventory
// sets for the hosts.
func (c *compiler) checkOption(u *specUse, o *playbook.Option, w winner, hosts map[*inventory.Host]*expr.Def) {
	given := w.def
	if given != nil {
		c.checkGiven(u, o, given)
		if w.level > expr.HostVarsPlaybook {
			return // whatever the inventory says
		}
	}
	if len(hosts) == 0 && (given != nil || !o.Required) {
		return
	}
	var without []string
	for _, h := range u.play.hosts {
		d := hosts[h]
		if d != nil {
			c.checkGiven(u, o, d)
		}
		if d == nil && given == nil {
			without = append(without, h.Name)
		}
	}
	if !o.Required || len(without) == 0 || u.maybe || c.runSets(o.Name) {
		return
	}
	if n := len(without); n > 3 {
		without = append(without[:3], fmt.Sprintf("%d more", n-3))
	}
	c.errs = append(c.errs, u.lacks(o, without...))
}

// runSets tells whether a task may set a variable; then the check before the role's tasks sees it.
func (c *compiler) runSets(name string) bool {
	return c.known[name] || c.set[name] || c.setBy[name] != nil || c.loaded[name] || c.loadsAny
}

// lacks says that a role's argument is missing on hosts.
func (u *specUse) lacks(o *playbook.Option, hosts ...string) *source.Error {
	e := source.Errorf(u.use.Pos, "role %s needs %s, which nothing sets for %s", u.use.Def.Name, o.Name, strings.Join(hosts, ", "))
	e.Hint = "set it in the inventory or the play: " + o.Name + ": ..."
	if o.Doc != "" {
		e.Hint = o.Name + " is " + lowerFirst(strings.TrimSuffix(firstLine(o.Doc), ".")) + "; " + e.Hint
	}
	return e
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// checkGiven refuses what does not fit an option, as far as it is known, each
// mistake at its own place; a constant that is a secret is marked.
func (c *compiler) checkGiven(u *specUse, o *playbook.Option, d *expr.Def) {
	key := specKey{d, o}
	if c.specSeen[key] {
		return
	}
	c.specSeen[key] = true
	if v, ok := d.Constant(); ok && v != nil && o.Secret && d.Taint == nil {
		d.Taint = expr.SecretValue(v)
	}
	w := &specWalk{role: u.use.Def.Name, secret: o.Secret}
	if d.Node != nil {
		w.node(o, o.Name, d.Node, d.Pos)
	} else if v, ok := d.Constant(); ok && v != nil {
		w.value(o, o.Name, v, "", d.Pos)
	}
	c.errs = append(c.errs, w.errs...)
}

type specKey struct {
	d *expr.Def
	o *playbook.Option
}
