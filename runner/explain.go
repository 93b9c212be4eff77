package runner

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Explanation is everything that sets one variable of a host, in one play.
type Explanation struct {
	Name     string
	Play     string // "" without a playbook
	PlayPos  source.Pos
	Settings []Setting // the strongest first

	Value value.Value // what the winner gives before any task, when Known
	Known bool
}

// Setting is one place that sets a variable.
type Setting struct {
	Level  string     // as the table of precedence names it
	Name   string     // what of that level: a group, a role, a file
	Pos    source.Pos // zero: the run itself sets it
	Text   string     // the value as it is written; a remark in brackets where nothing is
	Within string     // the only tasks that see it, or the task that sets it when it is reached; "" is the whole play
	Wins   bool       // of those that the whole play sees

	level expr.Level
}

// Explain tells what sets a host's variables: one by its name, or all for "".
// Each play that the host is in has explanations of its own; without playbooks
// there is one of what the inventory and -e say.
func (p *Program) Explain(host, name string) ([]Explanation, error) {
	h := p.inv.Host(host)
	if h == nil {
		return nil, p.noHost(host)
	}
	plays := []*play{nil}
	if len(p.plays) > 0 {
		plays = nil
		for _, pl := range p.plays {
			if slices.Contains(pl.hosts, h) {
				plays = append(plays, pl)
			}
		}
		if len(plays) == 0 {
			return nil, &source.Error{Msg: "host " + host + " is in no play of " + strings.Join(p.opts.Playbooks, ", ")}
		}
	}
	var out []Explanation
	names := map[string]bool{}
	for _, pl := range plays {
		x := p.explainer(h, pl)
		all := x.names()
		for _, n := range all {
			names[n] = true
		}
		if name != "" {
			all = []string{name}
		}
		for _, n := range all {
			if e := x.explain(n); len(e.Settings) > 0 {
				out = append(out, e)
			}
		}
	}
	if name != "" && len(out) == 0 {
		return nil, noVariable(host, name, names)
	}
	return out, nil
}

func (p *Program) noHost(host string) error {
	var names []string
	for _, h := range p.inv.Hosts {
		names = append(names, h.Name)
	}
	e := &source.Error{Msg: "no host is named " + host}
	if p.inv.Group(host) != nil {
		e.Hint = host + " is a group; mxplay inventory --graph " + host + " shows its hosts"
	} else if near := source.DidYouMean(host, names); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	return e
}

func noVariable(host, name string, names map[string]bool) error {
	e := &source.Error{Msg: fmt.Sprintf("nothing sets the variable %s for host %s", name, host)}
	var all, near []string
	for n := range names {
		all = append(all, n)
	}
	for n := range magicTypes() {
		all = append(all, n)
	}
	sort.Strings(all)
	if x := source.DidYouMean(name, all); x != "" {
		near = append(near, x)
	}
	for _, n := range all {
		if len(near) < 5 && len(name) > 2 && strings.Contains(n, name) && !slices.Contains(near, n) {
			near = append(near, n)
		}
	}
	if len(near) > 0 {
		e.Hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return e
}

// explainer looks at one host in one play.
type explainer struct {
	p    *Program
	h    *host
	play *play
	env  *expr.Env
	more map[string][]Setting // of tasks and of the run
}

func (p *Program) explainer(h *inventory.Host, pl *play) *explainer {
	r := &run{p: p, vars: expr.NewVars(), cache: expr.NewCache(), hosts: map[string]*host{}}
	x := &explainer{p: p, h: r.host(h), play: pl, more: map[string][]Setting{}}
	dir := ""
	if pl != nil {
		dir = pl.dir
	}
	r.dir = dir
	r.link(p)
	x.h.prepare(dir)
	x.env = x.h.env
	if pl == nil {
		return x
	}
	x.env = x.env.With(p.layersOf(pl)...)
	for _, v := range pl.src.VarsPrompt {
		x.add(v.Name, Setting{level: expr.VarsPrompt, Pos: pl.src.Pos, Text: "(asked for when the run begins)"})
	}
	for _, ts := range [][]*task{pl.pre, pl.main, pl.post, pl.handlers} {
		x.tasks(ts, map[*expr.Layer]bool{})
	}
	return x
}

func (x *explainer) add(name string, s Setting) {
	s.Level = s.level.String()
	x.more[name] = append(x.more[name], s)
}

// tasks notes what tasks set: for themselves, or for all from then on.
func (x *explainer) tasks(ts []*task, seen map[*expr.Layer]bool) {
	for _, l := range x.p.layersOf(x.play) {
		seen[l] = true
	}
	for _, t := range ts {
		for _, l := range t.layers {
			if l == nil || seen[l] {
				continue
			}
			seen[l] = true
			for name, d := range l.Vars {
				x.add(name, Setting{level: l.Level, Name: l.Name, Pos: d.Pos, Text: defText(d), Within: x.within(l, t)})
			}
		}
		x.sets(t)
		x.tasks(t.body, seen)
		x.tasks(t.rescue, seen)
		x.tasks(t.always, seen)
		if t.include != nil {
			x.tasks(t.include.body, seen)
		}
	}
}

func (x *explainer) within(l *expr.Layer, t *task) string {
	what := "task " + x.taskName(t)
	if l.Level != expr.TaskVars {
		what = "tasks from " + what + " on"
		if t.role != nil && (l.Level < expr.BlockVars || l.Level == expr.RoleParams) {
			what = "role " + t.role.Def.Name
		}
	}
	return "in " + what
}

func (x *explainer) taskName(t *task) string {
	switch {
	case t.label != "":
		return fmt.Sprintf("%q", t.label)
	case t.mod != nil:
		return t.mod.Name + " at " + t.src.Pos.String()
	}
	return "at " + t.src.Pos.String()
}

// sets notes what a task sets when it is reached.
func (x *explainer) sets(t *task) {
	when := "once task " + x.taskName(t) + " has run"
	if t.register != "" {
		x.add(t.register, Setting{level: expr.SetFacts, Name: "register", Pos: t.src.Pos, Text: "(the result of " + x.taskName(t) + ")", Within: when})
	}
	if t.mod == nil {
		return
	}
	if t.mod.Name == "set_fact" {
		for _, a := range t.args {
			if a.field == nil {
				x.add(a.name, Setting{level: expr.SetFacts, Name: "set_fact", Pos: a.pos, Text: defText(a.value), Within: when})
			}
		}
	}
	if t.vars != nil {
		for name, d := range t.vars.layer.Vars {
			x.add(name, Setting{level: expr.IncludeVars, Pos: d.Pos, Text: defText(d), Within: when})
		}
	}
}

// names are all variables that something sets.
func (x *explainer) names() []string {
	out := x.env.Names()
	for n := range x.more {
		out = append(out, n)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// explain gathers one variable.
func (x *explainer) explain(name string) Explanation {
	e := Explanation{Name: name}
	if x.play != nil {
		e.PlayPos, e.Play = x.play.src.Pos, x.play.on
		if x.play.name != nil {
			if v, ok := x.play.name.Constant(); ok {
				e.Play = value.Text(v)
			}
		}
	}
	for _, s := range x.env.Where(name) {
		text := defText(s.Def)
		if s.Level == expr.Magic && s.Def.Node == nil {
			text = value.Short(s.Def.Value, 200)
		}
		e.Settings = append(e.Settings, Setting{level: s.Level, Level: s.Level.String(), Name: s.Layer, Pos: s.Def.Pos, Text: text})
	}
	e.Settings = append(e.Settings, x.more[name]...)
	x.ofRun(name, &e)
	seen := map[Setting]bool{} // a role that is used twice sets its variables twice
	e.Settings = slices.DeleteFunc(e.Settings, func(s Setting) bool {
		twice := seen[s]
		seen[s] = true
		return twice
	})
	sort.SliceStable(e.Settings, func(i, j int) bool { return e.Settings[i].level > e.Settings[j].level })
	for i := range e.Settings {
		if e.Settings[i].Within == "" {
			e.Settings[i].Wins = true
			if e.Settings[i].Pos.IsZero() && e.Settings[i].level == expr.Facts {
				break
			}
			e.Value, e.Known = x.value(name)
			break
		}
	}
	return e
}

// ofRun adds what only a run knows: facts and magic variables.
func (x *explainer) ofRun(name string, e *Explanation) {
	if fact := strings.TrimPrefix(name, "ansible_"); fact != name || name == "ansible_facts" {
		if _, ok := magicTypes()["ansible_facts"].Fields[fact]; ok || name == "ansible_facts" {
			e.Settings = append(e.Settings, Setting{level: expr.Facts, Level: expr.Facts.String(), Text: "(what the host says)"})
			return
		}
	}
	if slices.Contains(connectionVars, name) || slices.ContainsFunc(e.Settings, func(s Setting) bool { return s.level == expr.Magic || s.Name == ownName }) {
		return
	}
	if _, ok := magicTypes()[name]; ok {
		e.Settings = append(e.Settings, Setting{level: expr.Magic, Level: expr.Magic.String(), Text: "(set by the run)"})
	}
}

// value is a variable's value before any task, where it can be known without
// a host and without running anything on the controller.
func (x *explainer) value(name string) (value.Value, bool) {
	if x.mayAct(name) {
		return nil, false
	}
	b, ok, err := x.env.Resolve(x.h.context(x.env), name)
	if err != nil || !ok || b.Unknown {
		return nil, false
	}
	if _, object := b.Value.(expr.Object); object || b.Value == expr.Omit {
		return nil, false
	}
	return hide(b.Value, b.Taint), true
}

// mayAct tells whether reading a variable may do something on the controller,
// also through the variables that it reads.
func (x *explainer) mayAct(name string) bool {
	seen := map[string]bool{name: true}
	for todo := []string{name}; len(todo) > 0; todo = todo[1:] {
		for _, s := range x.env.Where(todo[0]) {
			if s.Def.Node != nil && acts(s.Def.Node) {
				return true
			}
			for _, ref := range s.Def.Refs() {
				if ref.Name == "vars" || ref.Name == "hostvars" {
					return true // any variable may be meant
				}
				if !seen[ref.Name] {
					seen[ref.Name] = true
					todo = append(todo, ref.Name)
				}
			}
		}
	}
	return false
}

// acts tells whether a template in a node may do something on the controller.
func acts(n *source.Node) bool {
	if s, ok := n.Value.(string); ok && n.Kind == source.Scalar && !n.Unsafe {
		return strings.Contains(s, "pipe(") || strings.Contains(s, "password(") || strings.Contains(s, templateCall)
	}
	return slices.ContainsFunc(n.Items, acts) || slices.ContainsFunc(n.Fields, func(f source.Field) bool { return acts(f.Value) })
}

// defText is a definition as it was written, in a line.
func defText(d *expr.Def) string {
	switch {
	case d == nil:
		return ""
	case d.Node == nil:
		return value.Short(d.Value, 200)
	case d.Node.Vault:
		return "(encrypted)"
	}
	if s, ok := d.Node.Value.(string); ok && d.Node.Kind == source.Scalar {
		return value.Short(s, 200)
	}
	return value.Short(d.Node.Plain(), 200)
}
