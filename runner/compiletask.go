package runner

import (
	"slices"
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// list compiles a list of tasks; imports stand in place of themselves.
func (c *compiler) list(src []*playbook.Task) []*task {
	var out []*task
	for _, t := range src {
		out = append(out, c.tasksOf(t)...)
	}
	return out
}

func (c *compiler) tasksOf(src *playbook.Task) []*task {
	if i := src.Include; i != nil && i.Static {
		if i.Kind == playbook.WholeRole && i.Role != nil {
			return c.importedRole(i)
		}
		return c.list(i.Tasks)
	}
	return []*task{c.task(src)}
}

// task compiles a task, block or dynamic include.
func (c *compiler) task(src *playbook.Task) *task {
	t := &task{src: src, play: c.inPlay, handler: src.Handler, role: src.Role, same: c.sames[src.Role], order: len(c.tasks), again: c.again}
	defer func(loops []string) { c.loops = loops }(c.loops)
	c.enterLoop(src)
	defer func(before *task, proven []string) { c.inTask, c.proven = before, proven }(c.inTask, c.proven)
	c.inTask, c.proven = t, nil
	t.loops = c.loops
	c.tasks = append(c.tasks, t)
	t.layers = c.layersOf(&src.Level)
	t.guarded, t.rescued, t.rescues = c.guard > 0, c.rescue > 0, c.rescues
	for _, l := range chain(&src.Level) {
		t.when = append(t.when, c.conds(l.When)...)
		for _, n := range l.Tags {
			t.tags = append(t.tags, c.tagNames(n)...)
		}
		if len(l.Notify) > 0 && (l.Kind == playbook.BlockLevel || l.Kind == playbook.TaskLevel || l.Kind == playbook.ImportLevel) {
			t.notify = nil // the nearest wins
			for _, n := range l.Notify {
				t.notify = append(t.notify, c.shared(n))
			}
		}
	}
	if n := src.Name; n != nil {
		t.name = c.tree(n)
		if t.name != nil {
			if v, ok := t.name.Constant(); ok {
				t.label = value.Text(v)
			}
		}
	}
	for _, tag := range t.tags {
		c.tagsSeen[tag] = true
	}
	c.keywords(t)
	if src.Loop != nil {
		t.loop = c.loop(src.Loop, src.LoopControl)
		if src.Block == nil {
			c.breakWhen(t, src.LoopControl)
		}
	}
	t.register = src.Register
	if t.register != "" {
		c.named(t.register, src.RegisterPos, expr.SetFacts)
	}
	if t.register != "" {
		c.setBy[t.register] = append(c.setBy[t.register], t)
		c.registers[t.register] = append(c.registers[t.register], t)
	}
	c.after = true
	t.until = c.condsOf(src.Until)
	t.changed = c.condsOf(src.ChangedWhen)
	t.failed = c.condsOf(src.FailedWhen)
	c.after = false
	t.retries, t.delay = c.tree(src.Retries), c.tree(src.Delay)
	t.async, t.poll = c.tree(src.Async), c.tree(src.Poll)
	for _, n := range src.Listen {
		if s, ok := n.Value.(string); ok {
			t.listen = append(t.listen, s)
		}
	}
	switch {
	case src.Block != nil:
		t.block = true
		guard := len(src.Rescue)+len(src.Always) > 0
		if guard {
			c.guard++
		}
		if len(src.Rescue) > 0 {
			c.rescue++
		}
		t.body = c.list(src.Block)
		if len(src.Rescue) > 0 {
			c.rescue--
		}
		if guard {
			c.guard--
		}
		around := c.rescues
		c.rescues = t.body
		t.rescue = c.list(src.Rescue)
		c.rescues = around
		t.always = c.list(src.Always)
		c.breakWhen(t, src.LoopControl)
	case src.Include != nil:
		c.include(t, src.Include)
	case src.Module != "" && src.Module != "meta":
		t.mod = c.p.mods[src.Module]
		if t.mod == nil {
			c.errs.Add(src.ModulePos, source.Errorf(src.ModulePos, "there is no module %s", src.Module))
			break
		}
		c.args(t)
		c.pauses(t)
		c.factNames(t)
		switch {
		case t.grows():
			c.growth(t)
		case t.mod.Name == "include_vars":
			c.includeVars(t)
		}
	}
	c.asyncWords(t)
	return t
}

// include compiles what a dynamic include brings in, when its name is constant.
func (c *compiler) include(t *task, i *playbook.Include) {
	t.include = &include{src: i, name: c.tree(i.Name)}
	if t.loop != nil && c.again == nil {
		c.again = t
		defer func() { c.again = nil }()
	}
	if !i.Resolved {
		if t.include.name != nil {
			if _, constant := t.include.name.Constant(); constant {
				c.recursive = true
				return // it includes itself, and was read already
			}
		}
		c.open = append(c.open, i.Pos.String()+": "+i.Word+" with a computed name")
		return
	}
	if i.Kind == playbook.WholeRole {
		t.include.body, t.include.gives = c.includedRole(i)
		return
	}
	t.include.gives = c.giving(func() { t.include.body = c.list(i.Tasks) })
}

// chain is a level and all around it, outermost first.
func chain(l *playbook.Level) []*playbook.Level {
	var out []*playbook.Level
	for ; l != nil; l = l.Up {
		out = append(out, l)
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// layersOf are the variables that the levels around a task set, but the play's.
func (c *compiler) layersOf(l *playbook.Level) []*expr.Layer {
	var out []*expr.Layer
	add := func(l *expr.Layer) {
		if l != nil {
			out = append(out, l)
		}
	}
	levels := chain(l)
	inner := innermostRole(levels)
	if inner != nil {
		for _, x := range c.roleVars(inner.Role).deps {
			if x.Level == expr.RoleDefaults {
				add(x)
			}
		}
	}
	for _, l := range levels {
		switch l.Kind {
		case playbook.RoleLevel:
			v := c.roleVars(l.Role)
			if by := l.Role.Via; by != nil && !l.Role.Dep {
				// what a role brings in sees its parameters as those of the include
				add(c.levelVars(l, expr.IncludeParams, "parameters of role "+by.Def.Name, by.Params))
			}
			add(v.spec)
			add(v.defaults)
			if l != inner { // in a role that it brings in, vars/ of the outer one win
				add(v.entry)
				add(v.vars)
			} else {
				for _, x := range v.deps {
					if x.Level == expr.RoleVars {
						add(x)
					}
				}
				add(v.vars)
				add(v.entry)
			}
			add(c.levelVars(l, expr.RoleParams, "parameters of role "+l.Role.Def.Name, l.Role.Params))
		case playbook.ImportLevel, playbook.BlockLevel:
			add(c.levelVars(l, expr.BlockVars, "block", l.Vars))
		case playbook.IncludeLevel:
			add(c.levelVars(l, expr.IncludeParams, "include", l.Vars))
		case playbook.TaskLevel:
			add(c.levelVars(l, expr.TaskVars, "task", l.Vars))
		}
	}
	return out
}

// innermostRole is the role that a task itself stands in; nil outside of roles.
func innermostRole(levels []*playbook.Level) *playbook.Level {
	for _, l := range slices.Backward(levels) {
		if l.Kind == playbook.RoleLevel {
			return l
		}
	}
	return nil
}

// levelVars makes a level's layer once, so that all below share its definitions.
func (c *compiler) levelVars(l *playbook.Level, at expr.Level, name string, fs []source.Field) *expr.Layer {
	key := levelKey{l, at}
	if x, ok := c.levels[key]; ok {
		return x
	}
	x := c.fields(at, name, fs)
	c.levels[key] = x
	return x
}

type levelKey struct {
	l  *playbook.Level
	at expr.Level
}

// keywords finds the nearest level's word for each keyword. Tasks that add none
// of their own share those of the level around them, if all of these are constant.
func (c *compiler) keywords(t *task) {
	at := &t.src.Level
	for at.Up != nil && at.Manner == nil && len(at.Environment) == 0 {
		at = at.Up
	}
	if t.kw = c.kws[at]; t.kw == nil {
		t.kw = c.keywordsAt(at)
		if t.kw.constant() {
			c.kws[at] = t.kw
		}
	}
	c.inPlay.delegates = c.inPlay.delegates || t.kw.delegateTo != nil
	for _, d := range []*expr.Def{t.kw.runOnce, t.kw.once} {
		if d == nil || !c.inPlay.free {
			continue
		}
		if v, _ := d.Constant(); v != false {
			c.errs.Add(d.Pos, source.Errorf(d.Pos, "under the strategy free each host goes on by itself, so nothing can run once for all").
				WithHint("take the strategy linear, or a play of its own for it"))
		}
	}
}

// keywordsAt are the words that hold at a level.
func (c *compiler) keywordsAt(at *playbook.Level) *keywords {
	near := func(get func(*playbook.Manner) *source.Node) *expr.Def {
		for l := at; l != nil; l = l.Up {
			if l.Manner == nil {
				continue
			}
			if n := get(l.Manner); n != nil {
				return c.shared(n)
			}
		}
		return nil
	}
	k := &keywords{}
	k.become = near(func(k *playbook.Manner) *source.Node { return k.Become })
	k.becomeUser = near(func(k *playbook.Manner) *source.Node { return k.BecomeUser })
	k.becomeMethod = near(func(k *playbook.Manner) *source.Node { return k.BecomeMethod })
	k.becomeFlags = near(func(k *playbook.Manner) *source.Node { return k.BecomeFlags })
	k.becomeExe = near(func(k *playbook.Manner) *source.Node { return k.BecomeExe })
	k.remoteUser = near(func(k *playbook.Manner) *source.Node { return k.RemoteUser })
	k.connection = near(func(k *playbook.Manner) *source.Node { return k.Connection })
	k.port = near(func(k *playbook.Manner) *source.Node { return k.Port })
	k.noLog = near(func(k *playbook.Manner) *source.Node { return k.NoLog })
	k.diff = near(func(k *playbook.Manner) *source.Node { return k.Diff })
	k.checkMode = near(func(k *playbook.Manner) *source.Node { return k.CheckMode })
	k.ignoreErrors = near(func(k *playbook.Manner) *source.Node { return k.IgnoreErrors })
	k.ignoreUnreachable = near(func(k *playbook.Manner) *source.Node { return k.IgnoreUnreachable })
	k.timeout = near(func(k *playbook.Manner) *source.Node { return k.Timeout })
	k.throttle = near(func(k *playbook.Manner) *source.Node { return k.Throttle })
	k.anyErrorsFatal = near(func(k *playbook.Manner) *source.Node { return k.AnyErrorsFatal })
	k.runOnce = near(func(k *playbook.Manner) *source.Node { return k.RunOnce })
	k.once = near(func(k *playbook.Manner) *source.Node { return k.Once })
	k.delegateTo = near(func(k *playbook.Manner) *source.Node { return k.DelegateTo })
	k.delegateFacts = near(func(k *playbook.Manner) *source.Node { return k.DelegateFacts })
	for _, l := range chain(at) {
		for _, n := range l.Environment {
			k.env = append(k.env, c.shared(n))
		}
	}
	return k
}

// loop compiles a loop: a list with templates in it, or a string that is an expression.
func (c *compiler) loop(n *source.Node, lc *playbook.LoopControl) *loop {
	l := &loop{pos: n.Pos, variable: "item"}
	if n.Kind == source.List {
		l.list, l.typ = c.tree(n), itemType(n)
		siblings(n, c.fault)
	} else if s, ok := n.Value.(string); ok {
		e, err := expr.ParseExpr(s, expr.NodeLocator(n))
		if err != nil {
			c.errs.Add(n.Pos, err)
		} else {
			c.check(e, false)
			l.expr = e
		}
	} else {
		c.errs.Add(n.Pos, source.Errorf(n.Pos, "a loop is a list, or an expression that gives one, not %s", describe(n)))
	}
	if lc != nil {
		if s, ok := nodeText(lc.LoopVar); ok {
			l.variable = s
		}
		if s, ok := nodeText(lc.IndexVar); ok {
			l.index = s
		}
		l.label, l.pause, l.extended = c.tree(lc.Label), c.tree(lc.Pause), c.tree(lc.Extended)
		l.allItems = c.tree(lc.ExtendedAllitems)
	}
	c.known["ansible_loop"] = true
	return l
}

// breakWhen compiles a loop's break_when, which reads what a round has set: for
// a block all that stands in it.
func (c *compiler) breakWhen(t *task, lc *playbook.LoopControl) {
	if t.loop == nil || lc == nil || lc.BreakWhen == nil {
		return
	}
	if t.block {
		end := &task{src: t.src, play: t.play, kw: t.kw, loop: t.loop, order: len(c.tasks), again: t.again, handler: t.handler}
		defer func(before *task) { c.inTask = before }(c.inTask)
		c.inTask = end
	}
	c.after = true
	t.loop.stop = c.condsOf([]*source.Node{lc.BreakWhen})
	c.after = false
}

// enterLoop notes the variables of a task's loop: they are there in all that it brings in.
func (c *compiler) enterLoop(src *playbook.Task) {
	if src.Loop == nil {
		return
	}
	names := []string{"item"}
	if lc := src.LoopControl; lc != nil {
		if s, ok := nodeText(lc.LoopVar); ok {
			names[0] = s
		}
		if s, ok := nodeText(lc.IndexVar); ok {
			names = append(names, s)
		}
	}
	for _, n := range names {
		c.loopNames[n] = true
		c.named(n, src.Loop.Pos, expr.LoopVars)
		if slices.Contains(c.loops, n) {
			c.errs.Add(src.Loop.Pos, source.Errorf(src.Loop.Pos, "a loop around this one has taken the variable %s", n).
				WithHint("give this one another: loop_control: {loop_var: NAME}"))
		}
	}
	c.loops = append(c.loops[:len(c.loops):len(c.loops)], names...)
}

func nodeText(n *source.Node) (string, bool) {
	if n == nil {
		return "", false
	}
	s, ok := n.Value.(string)
	return s, ok
}

// tagNames are the tags of a node; -e may be read in them.
func (c *compiler) tagNames(n *source.Node) []string {
	if out, ok := c.tagLists[n]; ok {
		return out
	}
	r, err := expr.NodeDef(n, nil).Eval(&expr.Context{Scope: playScope{extra: c.p.extra}})
	if err != nil {
		c.errs.Add(n.Pos, err)
		return nil
	}
	items, ok := r.Value.(value.List)
	if !ok {
		items = value.List{r.Value}
	}
	var out []string
	for _, i := range items {
		for _, s := range strings.Split(value.Text(i), ",") {
			if s = strings.TrimSpace(s); s != "" {
				out = append(out, s)
			}
		}
	}
	c.tagLists[n] = out
	return out
}
