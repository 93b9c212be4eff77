package runner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
)

// foresee refuses assertions of roles of which it is known before the run that
// they will not hold: they read nothing but what the inventory, the play, its
// roles and -e say, and nothing can keep them from being reached.
func (c *compiler) foresee() {
	if len(c.open) > 0 || c.loadsAny || c.grown || c.hostless || len(c.errs) > 0 || c.p.opts.StartAt != "" {
		return
	}
	f := &foreseer{c: c, seen: map[string]*foreseen{}}
	for _, pl := range c.p.plays {
		ts := foreseeable(pl)
		ts = slices.DeleteFunc(ts, func(t *task) bool { return !c.p.selected(t.tags) || f.ofRun(t) })
		if len(ts) == 0 {
			continue
		}
		f.play(pl, ts)
	}
	for _, s := range f.found {
		c.errs = append(c.errs, s.error())
	}
}

// play looks at a play's assertions, each once for all hosts to which the same is said of what it reads.
func (f *foreseer) play(pl *play, ts []*task) {
	reads, names := make([][]string, len(ts)), map[string]bool{}
	for i, t := range ts {
		r := &reader{p: f.c.p, seen: map[string]bool{}}
		r.conds(t.when...)
		for _, a := range t.args {
			r.arg(a)
		}
		if r.close(); r.seen["vars"] {
			ts[i] = nil
			continue
		}
		for n := range r.seen {
			reads[i] = append(reads[i], n)
			names[n] = true
		}
	}
	said := f.c.hostVars(pl.dir, names)
	r := &run{p: f.c.p, vars: expr.NewVars(), cache: expr.NewCache(), hosts: map[string]*host{}, dir: pl.dir}
	r.link(f.c.p)
	find := r.vars.Find
	r.vars.Find = func(name string) *expr.Env {
		if e := find(name); e != nil {
			return e.With(f.unknown())
		}
		return nil
	}
	for i, t := range ts {
		if t == nil {
			continue
		}
		var differ []string // between hosts, perhaps
		own := slices.Contains(reads[i], "hostvars")
		for _, n := range reads[i] {
			own = own || slices.Contains(before[:4], n)
			if said[n] != nil {
				differ = append(differ, n)
			}
		}
		alike := map[string]*foreseen{}
		for _, inv := range pl.hosts {
			key := ""
			if own {
				key = inv.Name
			}
			for _, n := range differ {
				key += fmt.Sprintf(" %p", said[n][inv])
			}
			found, looked := alike[key]
			if !looked {
				h := r.host(inv)
				if h.prepare(pl.dir); h.unread == nil {
					found = f.look(h, t)
				}
				alike[key] = found
			}
			if found != nil && !slices.Contains(found.hosts, inv.Name) { // a role may be used twice
				found.hosts = append(found.hosts, inv.Name)
			}
		}
	}
}

// foreseeable are a play's assertions that every host comes to, unless a
// condition of their own says otherwise: those of its roles, outside of loops and
// includes, where no failure is caught and nothing before them ends the play.
func foreseeable(pl *play) []*task {
	var out []*task
	var walk func(ts []*task) (goOn bool)
	walk = func(ts []*task) bool {
		for _, t := range ts {
			if ends(t) {
				return false
			}
			switch {
			case t.block && t.loop == nil && len(t.rescue) == 0:
				if !walk(t.body) {
					return false
				}
			case t.include != nil || t.block:
				if bringsEnd(t) {
					return false
				}
			case t.mod != nil && t.mod.Name == "assert" && t.role != nil && t.loop == nil && len(t.failed) == 0 && len(t.until) == 0 && t.kw.ignoreErrors == nil && !t.rescued:
				out = append(out, t)
			}
		}
		return true
	}
	if walk(pl.pre) && walk(pl.main) {
		walk(pl.post)
	}
	return out
}

// bringsEnd tells whether a host may be done with the play inside of a task.
func bringsEnd(t *task) bool {
	if t.include != nil && !t.include.src.Resolved {
		return true
	}
	within := slices.Concat(t.body, t.rescue, t.always)
	if t.include != nil {
		within = append(within, t.include.body...)
	}
	return slices.ContainsFunc(within, func(x *task) bool {
		return ends(x) || (x.include != nil || x.block) && bringsEnd(x)
	})
}

// ends tells whether a task is one of meta's that end something.
func ends(t *task) bool { return t.src != nil && strings.HasPrefix(t.src.Meta, "end_") }

// foreseer evaluates assertions before the run.
type foreseer struct {
	c     *compiler
	found []*foreseen
	seen  map[string]*foreseen // by what is said
	later *expr.Layer
}

// unknown are the names that a run sets, as nobody knows them yet.
func (f *foreseer) unknown() *expr.Layer {
	if f.later == nil {
		f.later = &expr.Layer{Level: expr.SetFacts, Vars: map[string]*expr.Def{}}
		d := &expr.Def{Unknown: true}
		add := func(name string) {
			if f.setByRun(name) {
				f.later.Vars[name] = d
			}
		}
		for n := range f.c.known {
			add(n)
		}
		for n := range f.c.setBy {
			add(n)
		}
		for n := range f.c.loaded {
			add(n)
		}
	}
	return f.later
}

// foreseen is an assertion that will not hold.
type foreseen struct {
	pos   source.Pos
	msg   string
	hint  string
	hosts []string
}

func (s *foreseen) error() *source.Error {
	e := &source.Error{Pos: s.pos, Msg: s.msg + " (for " + strings.Join(few(s.hosts), ", ") + ")"}
	e.Hint = s.hint
	return e
}

// ofRun tells whether an assertion reads directly what only a run knows.
func (f *foreseer) ofRun(t *task) bool {
	reads := 0
	for _, a := range t.args {
		for _, x := range a.conds {
			if x.expr == nil {
				continue
			}
			for _, r := range x.expr.Names() {
				reads++
				if f.setByRun(r.Name) {
					return true
				}
			}
		}
	}
	return reads == 0
}

// before are the variables of the run itself that are known before it.
var before = []string{"inventory_hostname", "inventory_hostname_short", "group_names", "groups", "role_path", "role_name", "ansible_role_name", "hostvars", "omit"}

// setByRun tells whether a run sets a name, or may.
func (f *foreseer) setByRun(name string) bool {
	c := f.c
	if slices.Contains(before, name) {
		return false
	}
	return c.known[name] || c.set[name] || c.registers[name] != nil || c.setBy[name] != nil || c.loaded[name] || c.loopNames[name] || c.magic[name].Kind != 0
}

// look finds out that an assertion will not hold on a host; nil when it will, or nobody knows yet.
func (f *foreseer) look(h *host, t *task) *foreseen {
	layers := slices.Concat(f.c.p.layersOf(t.play), t.layers, []*expr.Layer{t.magicOfRole(f.c.p), f.unknown()})
	env := h.env.With(layers...).Within(t.folders(f.c.p), t.folderKind())
	for _, w := range t.when {
		if on, known := f.holds(h, env, w); !on || !known {
			return nil
		}
	}
	for _, a := range t.args {
		if a.field == nil || !a.field.Type.Expr {
			continue
		}
		for _, w := range a.conds {
			on, known := f.holds(h, env, w)
			if !known {
				return nil
			}
			if !on {
				return f.note(h, env, t, w)
			}
		}
	}
	return nil
}

// holds tells whether a condition is true, and whether that is known.
func (f *foreseer) holds(h *host, env *expr.Env, w *cond) (on, known bool) {
	if w.is != nil {
		return *w.is, true
	}
	if !f.pure(env, w) {
		return false, false
	}
	r, err := w.expr.Eval(h.context(env))
	if err != nil || r.Unknown || slices.ContainsFunc(r.Reads, f.setByRun) {
		return false, false
	}
	on, known = r.Value.(bool)
	return on, known
}

// pure tells whether a condition gives the same in the run: it reads the
// variables of the host alone, and nothing else of the controller.
func (f *foreseer) pure(env *expr.Env, w *cond) bool {
	if !w.expr.Pure() || strings.Contains(w.expr.Source(), templateCall) {
		return false
	}
	seen := map[string]bool{}
	var todo []string
	add := func(refs []expr.Ref) {
		for _, r := range refs {
			if !seen[r.Name] {
				seen[r.Name] = true
				todo = append(todo, r.Name)
			}
		}
	}
	for add(w.expr.Names()); len(todo) > 0; todo = todo[1:] {
		if todo[0] == "hostvars" {
			continue
		}
		if f.setByRun(todo[0]) {
			continue // whether it is read at all shows in the evaluation
		}
		for _, s := range env.Where(todo[0]) {
			if !s.Def.Pure() || s.Def.Node != nil && acts(s.Def.Node) {
				return false
			}
			add(s.Def.Refs())
		}
	}
	return true
}

// note keeps what an assertion says, at the place of the variable that a person set.
func (f *foreseer) note(h *host, env *expr.Env, t *task, w *cond) *foreseen {
	s := &foreseen{pos: w.pos, msg: "assertion failed: " + w.expr.Source()}
	for _, a := range t.args {
		if a.field != nil && a.field.Name == "fail_msg" {
			if r, err := a.value.Eval(h.context(env)); err == nil && !r.Unknown && !slices.ContainsFunc(r.Reads, f.setByRun) {
				if text, err := h.shownText(a.value, env); err == nil && text != "" {
					s.msg = text
				}
			}
		}
	}
	var said []string
	above := expr.RoleDefaults // of what a person set, the word that counts most is the one to change
	r, _ := w.expr.Eval(h.context(env))
	for _, name := range r.Reads {
		set := env.Where(name)
		if len(set) == 0 || set[0].Def.Pos.IsZero() || set[0].Level == expr.RoleDefaults || set[0].Level == expr.RoleVars {
			continue
		}
		if set[0].Level > above && !slices.Contains(r.Reads, "hostvars") { // else it may be about any variable
			s.pos, above = set[0].Def.Pos, set[0].Level
		}
		said = append(said, name+" at "+set[0].Def.Pos.String())
	}
	s.hint = "role " + t.role.Def.Name + " asserts it at " + w.pos.String()
	if len(said) > 1 {
		s.hint += "; it reads " + strings.Join(said, ", ")
	}
	key := s.pos.String() + s.msg
	if old := f.seen[key]; old != nil {
		return old
	}
	f.seen[key] = s
	f.found = append(f.found, s)
	return s
}

// few is a list of names, long ones cut.
func few(names []string) []string {
	if n := len(names); n > 3 {
		return append(slices.Clone(names[:3]), "others")
	}
	return names
}
