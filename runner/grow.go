package runner

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// grows tells whether a task adds hosts or groups to the inventory.
func (t *task) grows() bool {
	return t.mod != nil && (t.mod.Name == "add_host" || t.mod.Name == "group_by")
}

// growth notes at compile time which hosts and groups a task may add, and which
// variables it sets.
func (c *compiler) growth(t *task) {
	if t.mod.Name == "add_host" {
		if t.play.free {
			c.errs.Add(t.src.ModulePos, source.Errorf(t.src.ModulePos, "under the strategy free each host goes on by itself, so add_host cannot work once for all").
				WithHint("take the strategy linear, or a play of its own for it"))
		}
		t.kw = t.kw.onOneHost()
	}
	c.grown = true
	for _, a := range t.args {
		switch {
		case a.field == nil && strings.Contains(a.name, "{{"):
			c.open = append(c.open, a.pos.String()+": add_host with a computed name of a variable")
		case a.field == nil:
			c.known[a.name] = true
		case a.value != nil && slices.Contains([]string{"name", "groups", "key", "parents"}, a.name):
			v, constant := a.value.Constant()
			if !constant || t.loop != nil && a.name == "name" {
				c.anyHost = true
				continue
			}
			for _, n := range toTexts(v) {
				if t.mod.Name == "group_by" {
					n = strings.ReplaceAll(n, " ", "-")
				}
				host, _ := inventory.SplitPort(n)
				c.promised = append(c.promised, n, host)
			}
		}
	}
}

// toTexts is a list of texts, or a text with commas.
func toTexts(v value.Value) []string {
	var out []string
	switch v := v.(type) {
	case value.List:
		for _, e := range v {
			out = append(out, value.Text(e))
		}
	case string:
		for s := range strings.SplitSeq(v, ",") {
			out = append(out, strings.TrimSpace(s))
		}
	}
	return out
}

// otherFiles notes what variable files say of groups and hosts that the run may add.
func (c *compiler) otherFiles() {
	if !c.grown {
		return
	}
	seen := map[string]bool{}
	for _, p := range c.p.plays {
		if seen[p.dir] {
			continue
		}
		seen[p.dir] = true
		ls, err := c.p.inv.OtherFiles(p.dir)
		c.errs.Add(source.Pos{}, err)
		for _, l := range ls {
			c.layer(c.p.invLayer(l))
		}
	}
	c.p.inv.Promise(c.promised, c.anyHost)
}

// addHost does the control of that name. It works at once: no other host is at work.
func (f *flight) addHost(it *item, done func(bool, string, *value.Map)) {
	e, err := f.h.arguments(f, it)
	if err != nil || e.unknown != "" {
		it.err = err
		if err == nil {
			it.maybe = e.unknown
		}
		return
	}
	it.secrets = e.secrets
	var args struct {
		Name   string
		Groups []string
	}
	if it.err = json.Unmarshal(e.json, &args); it.err != nil {
		return
	}
	name, port := inventory.SplitPort(args.Name)
	vars := value.NewMap(len(f.t.args))
	var taint *expr.Taint
	if port != 0 {
		vars.Set("ansible_ssh_port", port) // Ansible's name for it here
	}
	for _, a := range f.t.args {
		if a.field != nil {
			continue
		}
		key, res, err := f.h.freeArg(a, it.env)
		switch {
		case err != nil:
			it.err = err
			return
		case res.Omitted():
			continue
		case res.Unknown:
			it.maybe = "the variable " + key + " is not known in check mode"
			return
		}
		vars.Set(key, res.Value)
		taint = taint.WithField(key, derived(res.Value, res.Taint))
	}
	groups := value.List{}
	var names []string
	for _, g := range args.Groups {
		if g = strings.TrimSpace(g); g != "" && !slices.Contains(names, g) {
			names = append(names, g)
			groups = append(groups, g)
		}
	}
	r := f.h.run
	inv, changed := r.p.inv.AddHost(name, names)
	if changed {
		r.regrow(f.h.batch)
	}
	changed = r.setHostVars(inv, f.h.dir, vars, taint) || changed
	it.taint = it.taint.WithField("add_host", (*expr.Taint)(nil).WithField("host_vars", taint))
	f.h.run.learn(taint.All()...)
	done(changed, "", value.MapOf("changed", changed, "failed", false, "skipped", false,
		"add_host", value.MapOf("host_name", name, "groups", groups, "host_vars", vars)))
}

// freeArg evaluates an argument that the module does not know, and its name.
func (h *host) freeArg(a *arg, env *expr.Env) (string, expr.Result, error) {
	name := a.name
	if strings.Contains(name, "{{") {
		tm, err := expr.ParseString(name, func(int) source.Pos { return a.pos })
		if err != nil {
			return "", expr.Result{}, err
		}
		res, err := tm.Eval(h.context(env))
		if err != nil {
			return "", expr.Result{}, err
		}
		name = value.Text(res.Value)
	}
	if !identifier(name) {
		return "", expr.Result{}, source.Errorf(a.pos, "%q is no name for a variable", name)
	}
	res, err := a.value.Eval(h.context(env))
	return name, res, err
}

// setHostVars gives a host variables that are as strong as those of its line
// in the inventory. It tells whether one is new or another than before.
func (r *run) setHostVars(inv *inventory.Host, dir string, vars *value.Map, taint *expr.Taint) bool {
	x := r.host(inv)
	r.mu.Lock()
	defer r.mu.Unlock()
	x.inv = inv
	x.prepare(dir)
	changed := false
	for i := range vars.Len() {
		k, v := vars.At(i)
		old, there := r.added[addedKey{inv.Name, k}]
		if d, ok := inv.Vars[k]; ok && !there {
			old, there = d.Plain(), true
		}
		changed = changed || !there || !value.Equal(old, v)
		r.added[addedKey{inv.Name, k}] = v
		x.env.Set(expr.InventoryHost, k, v, taint.Member(k), false)
	}
	return changed
}

type addedKey struct{ host, name string }

// groupBy does the control of that name: the groups come to be when all hosts
// of the batch are through the task.
func (f *flight) groupBy(it *item, done func(bool, string, *value.Map)) {
	e, err := f.h.arguments(f, it)
	if err != nil || e.unknown != "" {
		it.err = err
		if err == nil {
			it.maybe = e.unknown
		}
		return
	}
	var args struct {
		Key     string
		Parents []string
	}
	if it.err = json.Unmarshal(e.json, &args); it.err != nil {
		return
	}
	m := inventory.Membership{Host: f.h.inv, Group: strings.ReplaceAll(args.Key, " ", "-")}
	parents := value.List{}
	for _, p := range args.Parents {
		p = strings.ReplaceAll(p, " ", "-")
		m.Parents = append(m.Parents, p)
		parents = append(parents, p)
	}
	r := f.h.run
	changed := r.p.inv.Changes(m)
	r.mu.Lock()
	for _, o := range r.growth {
		changed = changed && !(o.Host == m.Host && o.Group == m.Group && slices.Equal(o.Parents, m.Parents))
	}
	r.growth = append(r.growth, m)
	r.mu.Unlock()
	done(changed, "", value.MapOf("changed", changed, "failed", false, "skipped", false, "add_group", m.Group, "parent_groups", parents))
}

// grow makes the groups that group_by asked for, in the order of the hosts.
func (b *batch) grow() {
	r := b.run
	r.mu.Lock()
	todo := r.growth
	r.growth = nil
	r.mu.Unlock()
	if len(todo) == 0 {
		return
	}
	at := make(map[*inventory.Host]int, len(b.hosts))
	for i, h := range b.hosts {
		at[h.inv] = i
	}
	slices.SortStableFunc(todo, func(x, y inventory.Membership) int { return at[x.Host] - at[y.Host] })
	if err := r.p.inv.AddToGroups(todo); err != nil {
		r.o.Report.Notice(&report.Notice{Level: "warning", Text: err.Error()})
	}
	r.regrow(b)
}

// regrow lets all hosts see a changed inventory: at once where none is at work, else before its next task.
func (r *run) regrow(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.grown.Add(1)
	if b.free() {
		return
	}
	for _, h := range r.hosts {
		h.again()
	}
}

// again makes the host's variables anew when the inventory has grown. The run is locked.
func (h *host) again() {
	if now := h.run.grown.Load(); h.env != nil && h.grown != now {
		h.grown = now
		dir := h.dir
		h.env, h.dir = nil, ""
		h.prepare(dir)
	}
}

// hostsOf are the hosts of a play as the inventory is now.
func (r *run) hostsOf(p *play) []*inventory.Host {
	if r.grown.Load() == 0 || p.on == "" {
		return p.hosts
	}
	hs, _, err := r.p.inv.Match(p.on, strings.Join(r.p.opts.Limit, ","))
	if err != nil {
		return p.hosts
	}
	inOrder(hs, p.inOrder)
	for _, h := range hs {
		if !slices.Contains(r.all, h) {
			r.all = append(r.all, h)
		}
	}
	return hs
}
