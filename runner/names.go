package runner

import (
	"maps"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
)

// check is something that reads names, looked at when all names are known.
type check struct {
	what checked
	cond bool // it has to be true or false
	at   *where
}

// checked is an expression, a template file, or a definition with such in it.
type checked interface {
	Check(env expr.TypeEnv, proven ...string) []*source.Error
}

// where is a place at which names are read: what stands there shares it.
type where struct {
	task   *task    // nil for a variable's definition
	proven []string // what conditions above say is defined
	loops  []string // the variables of the loops around
	after  bool     // it is read when the task's own result is there
}

// check notes something that reads names where the compiler is.
func (c *compiler) check(what checked, cond bool) {
	p := c.lastPlace
	if p.task != c.inTask || p.after != c.after || !sameSlice(p.proven, c.proven) || !sameSlice(p.loops, c.loops) {
		p = &where{c.inTask, c.proven, c.loops, c.after}
		c.lastPlace = p
	}
	c.checks = append(c.checks, check{what, cond, p})
}

func sameSlice(a, b []string) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// magicNames are the variables that the engine itself sets.
func (c *compiler) magicNames() {
	for name := range magicTypes() {
		c.known[name] = true
	}
}

// specType is the type of what a spec describes, private fields left out.
func specType(s *modules.Spec) expr.Type {
	fields := map[string]expr.Type{}
	for _, f := range s.Fields {
		if !f.Private {
			fields[f.Name] = fieldType(f.Type)
		}
	}
	if s.Free {
		return expr.Type{Kind: expr.KMap, Fields: fields}
	}
	return expr.Record(fields)
}

func fieldType(t modules.Type) expr.Type {
	switch t.Kind {
	case modules.Bool:
		return expr.Of(expr.KBool)
	case modules.Int:
		return expr.Of(expr.KInt)
	case modules.Float:
		return expr.Of(expr.KFloat)
	case modules.String, modules.Path, modules.ModeT:
		return expr.Of(expr.KString)
	case modules.List:
		// a nil slice is null in JSON
		return expr.Type{Kind: expr.KList | expr.KNull, Elem: ptr(fieldType(*t.Elem))}
	case modules.Map:
		return expr.Type{Kind: expr.KMap | expr.KNull, Elem: ptr(fieldType(*t.Elem))}
	case modules.Struct:
		r := specType(t.Struct)
		r.Kind |= expr.KNull
		return r
	}
	return expr.Any
}

func ptr[T any](v T) *T { return &v }

// common are the members that every registered result has.
func common() map[string]expr.Type {
	b, s := expr.Of(expr.KBool), expr.Of(expr.KString)
	return map[string]expr.Type{
		"changed": b, "failed": b, "skipped": b, "unreachable": b, "msg": expr.Any, "attempts": expr.Of(expr.KInt),
		"skip_reason": s, "warnings": expr.Any, "diff": expr.Any, "ansible_facts": expr.Any,
	}
}

// resultKind is what tasks have in common that register the same.
type resultKind struct {
	mod             *modules.Task
	variable, index string // of a loop; variable is "" without one
	failed          bool   // with failed_when
	item            bool   // of one item of the loop
}

// resultType is the type of what a task registers, which is not to be changed.
func (c *compiler) resultType(t *task) expr.Type { return c.typeOf(t, false) }

// itemResult is the type of what one item of a task's loop gives.
func (c *compiler) itemResult(t *task) expr.Type { return c.typeOf(t, true) }

func (c *compiler) typeOf(t *task, item bool) expr.Type {
	if t.mod == nil {
		return expr.Any
	}
	kind := resultKind{mod: t.mod, failed: len(t.failed) > 0, item: item}
	if t.loop != nil {
		kind.variable, kind.index = t.loop.variable, t.loop.index
	}
	alone := t.async != nil || t.mod.Name == "debug" // by what the task says itself
	if r, ok := c.results[kind]; ok && !alone {
		return r
	}
	r := oneResult(t)
	if t.loop != nil && !item {
		r = loopResult(t, r)
	}
	if !alone {
		c.results[kind] = r
	}
	return r
}

// loopResult is the type of what a loop registers, of which each item gives one.
func loopResult(t *task, one expr.Type) expr.Type {
	one.Fields[t.loop.variable] = expr.Any
	one.Fields["ansible_loop_var"] = expr.Of(expr.KString)
	one.Fields["ansible_index_var"] = expr.Of(expr.KString)
	if t.loop.index != "" {
		one.Fields[t.loop.index] = expr.Any
	}
	one.Fields["ansible_loop"] = expr.Any
	all := common()
	all["results"] = expr.ListOf(one)
	return expr.Record(all)
}

// oneResult is the type of what a task registers without a loop, or for one item.
func oneResult(t *task) expr.Type {
	if t.mod == nil {
		return expr.Any
	}
	one := specType(t.mod.Result)
	if t.async != nil {
		one = asyncType(t, one)
	}
	for name, c := range common() {
		if _, ok := one.Fields[name]; !ok {
			one.Fields[name] = c
		}
	}
	if len(t.failed) > 0 {
		one.Fields["failed_when_result"] = expr.Of(expr.KBool)
	}
	switch t.mod.Name {
	case "debug":
		if t.src.Args.Get("var") != nil {
			one.Closed = false // the value stands under the expression's own text
		}
	case "assert":
		one.Fields["assertion"], one.Fields["evaluated_to"] = expr.Any, expr.Of(expr.KBool)
	}
	return one
}

// failedType is the type of the result of whichever of the tasks failed.
func (c *compiler) failedType(ts []*task) expr.Type {
	var out expr.Type
	first := true
	for _, t := range ts {
		var one expr.Type
		switch {
		case t.block:
			one = c.failedType(slices.Concat(t.body, t.rescue, t.always))
		case t.mod != nil:
			one = c.resultType(t)
		default:
			return expr.Any
		}
		if first {
			out, first = one, false
		} else {
			out = out.Union(one)
		}
	}
	return out
}

// names is the TypeEnv of one task.
type names struct {
	types map[string]expr.Type
	list  []string
	self  *task
	c     *compiler
	at    *where
	read  map[string][]expr.Spot
	early source.Errors       // names that are read before a task sets them
	items map[*task]expr.Type // of loops over expressions

	// Of what is compiled while the program runs.
	before map[string]expr.Type   // the names of all that was compiled before
	has    func(name string) bool // tells whether a host has a name by now
}

// there tells whether a name was there before what is being compiled.
func (n *names) there(name string) bool {
	_, ok := n.before[name]
	return ok || n.has != nil && n.has(name)
}

// Read notes what is read, for what is read before it can be there.
func (n *names) Read(name string, guarded bool, at expr.Spot) {
	n.read[name] = append(n.read[name], at)
	if n.c.p.opts.Lint {
		n.c.readings = append(n.c.readings, reading{name, n.self, guarded, at})
	}
	if guarded || n.self == nil || n.self.handler || n.there(name) || n.c.defined[name] > 0 || n.c.known[name] || n.c.loopNames[name] {
		return
	}
	ts := n.c.setBy[name]
	if len(ts) == 0 || n.c.recursive || slices.ContainsFunc(ts, func(t *task) bool {
		return t.handler || t.order < n.self.order || t == n.self && n.at.after || t.again != nil && t.again == n.self.again
	}) {
		return
	}
	e := source.Errorf(at.Pos(), "%s is not set yet: the task at %s sets it, later", name, ts[0].src.Pos)
	if ts[0] == n.self {
		e.Msg = name + " is not set yet: it is the result of this very task"
	}
	e.Hint = "move that task up, or write default(" + name + ", ...) or defined(" + name + ")"
	n.early = append(n.early, e)
}

func (n *names) TypeOf(name string) (expr.Type, bool) {
	if n.c.loopNames[name] && !n.c.known[name] && n.c.defined[name] == 0 && n.c.setBy[name] == nil {
		if n.self != nil && !slices.Contains(n.at.loops, name) && !n.there(name) {
			return expr.Any, false
		}
	}
	if n.self != nil {
		if l := n.self.loop; l != nil && name == l.variable {
			return n.item(n.self), true
		} else if l != nil && name == l.index {
			return expr.Of(expr.KInt), true
		}
		// until, changed_when and failed_when see one item's result, not the loop's
		if n.self.loop != nil && name == n.self.register {
			return n.c.itemResult(n.self), true
		}
	}
	if name == "ansible_failed_result" && n.self != nil && n.self.rescues != nil {
		return n.c.failedType(n.self.rescues), true
	}
	if t, ok := n.ofRole(name); ok {
		return t, true
	}
	t, ok := n.types[name]
	if !ok {
		if t, ok = n.before[name]; !ok && n.there(name) {
			return expr.Any, true
		}
	}
	return t, ok
}

// ofRole is the type of an argument of the task's role, as its specs say it.
// A name that tasks set, or that something sets to another type, has none.
func (n *names) ofRole(name string) (expr.Type, bool) {
	if n.self == nil || n.self.src == nil || n.self.src.Role == nil || n.self.src.Role.Spec == nil || n.c.set[name] || n.c.registers[name] != nil {
		return expr.Any, false
	}
	for _, o := range n.self.src.Role.Spec.Options {
		if o.Name != name {
			continue
		}
		t := optionType(o)
		for _, d := range n.c.p.defs[name] {
			if v, ok := d.Constant(); ok && v != nil && t.Kind != 0 && t.Kind&expr.KindOf(v).Kind == 0 {
				return expr.Any, false
			}
		}
		return t, true
	}
	return expr.Any, false
}

// item is the type of the items of the task's loop, as far as the loop says it.
func (n *names) item(t *task) expr.Type {
	if t.loop.expr == nil {
		return t.loop.typ
	}
	if i, ok := n.items[t]; ok {
		return i
	}
	n.items[t] = expr.Any // a loop that reads its own item
	if list := t.loop.expr.TypeIn(unread{n}); list.Kind&expr.KList != 0 && list.Elem != nil {
		n.items[t] = *list.Elem
	}
	return n.items[t]
}

// optionType is the type of a role's argument as it is given: "80" for an int,
// a text with commas for a list.
func optionType(o *playbook.Option) expr.Type {
	switch o.Type {
	case modules.Map:
		return optionMap(o)
	case modules.List:
		elem := expr.Any
		switch {
		case o.Elements == modules.Map:
			return expr.Type{Kind: expr.KList | expr.KNull, Elem: ptr(optionMap(o))}
		case o.Elements != "" && o.Elements != modules.List:
			elem = optionType(&playbook.Option{Type: o.Elements})
		}
		return expr.Type{Kind: expr.KList | expr.KText | expr.KNull, Elem: &elem}
	case modules.String, modules.Bool, modules.Int, modules.Float, modules.Path:
		return expr.Type{Kind: expr.KText | expr.KNull, Words: optionWords(o)}
	}
	return expr.Any
}

// optionMap is the type of a map, which has no other keys than the options say, if they do.
func optionMap(o *playbook.Option) expr.Type {
	if len(o.Options) == 0 {
		return expr.Type{Kind: expr.KMap | expr.KNull}
	}
	fields := map[string]expr.Type{}
	for _, sub := range o.Options {
		fields[sub.Name] = optionType(sub)
	}
	t := expr.Record(fields)
	t.Kind |= expr.KNull
	return t
}

// Names are all names, sorted. They are gathered when a message wants them.
func (n *names) Names() []string {
	if n.list == nil {
		n.list = slices.AppendSeq(make([]string, 0, len(n.types)+len(n.before)), maps.Keys(n.types))
		n.list = slices.AppendSeq(n.list, maps.Keys(n.before))
		slices.Sort(n.list)
		n.list = slices.Compact(n.list)
	}
	return n.list
}

// canBe tells whether something in the run sets a name, or may set it.
func (n *names) canBe(name string) bool {
	_, ok := n.types[name]
	_, was := n.before[name]
	return ok || was
}

// LoadTemplate finds a template file that a task's text or file names. Those
// that variables name are found when it is known which task reads them.
func (n *names) LoadTemplate(name string, from *expr.Template) (*expr.Template, error) {
	if n.self == nil || n.self.src == nil {
		return nil, nil
	}
	return n.c.p.loadTemplate(name, from, n.self.folders(n.c.p))
}

// nameTypes are the types of all names that may be set.
func (c *compiler) nameTypes(types map[string]expr.Type) map[string]expr.Type {
	c.addFacts(types)
	for name := range c.known {
		if _, ok := types[name]; !ok {
			types[name] = expr.Any
		}
	}
	for name := range c.declared {
		if _, ok := types[name]; !ok {
			types[name] = expr.Any
		}
	}
	for name, ts := range c.registers {
		var u expr.Type
		for i, t := range ts {
			if r := c.resultType(t); i == 0 {
				u = r
			} else {
				u = u.Union(r)
			}
		}
		types[name] = u
	}
	for name := range c.defined {
		types[name] = expr.Any
		if ds := c.p.defs[name]; !c.known[name] && c.registers[name] == nil && !c.set[name] && len(ds) == c.defined[name] {
			types[name] = expr.Type{Near: nearWords(ds)}
		}
	}
	for name := range c.set {
		if c.defined[name] == 0 {
			types[name] = expr.Any
		}
	}
	for name := range c.loopNames {
		types[name] = expr.Any
	}
	for name, o := range c.options {
		if words := optionWords(o); words != nil && c.defined[name] > 0 && c.registers[name] == nil {
			types[name] = expr.Type{Words: words}
		}
	}
	return types
}

// checkNames refuses names that nothing in the run can set, and members that
// results cannot have.
func (c *compiler) checkNames() {
	c.p.types = c.nameTypes(magicTypes())
	found := c.checkedNames(&names{types: c.p.types})
	c.params()
	c.oddKeys()
	if len(c.open) == 0 {
		c.errs = append(c.errs, found...)
		return
	}
	for _, e := range found {
		e.Msg += " (unless " + c.open[0] + " sets it)"
		c.p.Warnings = append(c.p.Warnings, e)
	}
}

// checkLate is checkNames for what an include brings in while the program
// runs; has tells what a host has by now. What the file itself may load is
// found out only when it does.
func (c *compiler) checkLate(has func(name string) bool) {
	c.late = true
	types := c.nameTypes(map[string]expr.Type{})
	for name, t := range types {
		if before, ok := c.p.types[name]; ok {
			types[name] = before.Union(t)
		}
	}
	for _, e := range c.checkedNames(&names{types: types, before: c.p.types, has: has}) {
		if len(c.open) == 0 || !strings.HasPrefix(e.Msg, expr.UnknownName) {
			c.errs = append(c.errs, e)
		}
	}
	if len(c.errs) == 0 {
		maps.Copy(c.p.types, types)
	}
}

// checkedNames are the mistakes at the places where names are read.
func (c *compiler) checkedNames(env *names) source.Errors {
	env.c, env.read, env.items = c, map[string][]expr.Spot{}, map[*task]expr.Type{}
	var found source.Errors
	for i := range c.checks {
		k := &c.checks[i]
		env.self, env.at = k.at.task, k.at
		var errs []*source.Error
		if e, ok := k.what.(*expr.Expr); ok && k.cond {
			errs = e.CheckCondition(env, k.at.proven...)
		} else {
			errs = k.what.Check(env, k.at.proven...)
		}
		for _, e := range errs {
			if c.followUp(e) {
				continue
			}
			if name, ok := strings.CutPrefix(e.Msg, expr.UnknownName); ok && c.loopNames[name] {
				e.Hint = name + " is there only in a task with a loop, and in what that includes"
			}
			found = append(found, e)
		}
	}
	found = append(found, c.checkTypes(env)...)
	c.read, c.names = env.read, env
	return append(c.blame(found), env.early...)
}

// followUp tells whether a mistake is only the consequence of another: the name
// that nothing sets may stand in what could not be read.
func (c *compiler) followUp(e *source.Error) bool {
	name, ok := strings.CutPrefix(e.Msg, expr.UnknownName)
	return ok && (c.loader.Lost.Names(name) || c.loader.Lost.All() && !strings.HasPrefix(e.Hint, "did you mean"))
}
