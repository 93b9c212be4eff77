package expr

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// frame holds what a template file has set; the frames around it are seen through it.
type frame struct {
	vars   map[string]value.Value
	parent *frame
}

func (f *frame) get(name string) (value.Value, bool) {
	for ; f != nil; f = f.parent {
		if v, ok := f.vars[name]; ok {
			return v, true
		}
	}
	return nil, false
}

func (f *frame) set(name string, v value.Value) {
	if f.vars == nil {
		f.vars = map[string]value.Value{}
	}
	f.vars[name] = v
}

// macro is a macro, or the body of a call, with the frame it was defined in.
type macro struct {
	name   string
	params []param
	body   []stmt
	frame  *frame
	o      *origin
	tmpl   *Template

	varargs bool // it takes more arguments than it names, as varargs
}

// namespace is what {% set ns = namespace() %} makes: its members can be set
// from inside a loop.
type namespace struct{ m *value.Map }

func (n *namespace) Get(key string) (Bound, bool, error) {
	v, ok := n.m.Get(key)
	return Bound{Value: v}, ok, nil
}

func (n *namespace) Keys() []string { return n.m.Keys() }

// module is an imported template file: its macros and what it sets.
type module struct{ f *frame }

func (m *module) Get(key string) (Bound, bool, error) {
	v, ok := m.f.vars[key]
	return Bound{Value: v}, ok, nil
}

func (m *module) Keys() []string {
	var out []string
	for k := range m.f.vars {
		out = append(out, k)
	}
	return out
}

// loopState is `loop`.
type loopState struct {
	items value.List
	i     int
	depth int64
	last  value.Value // of loop.changed
	asked bool
	again func(items value.Value, out *strings.Builder) error // of a recursive loop
}

var loopMembers = []string{"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem", "depth", "depth0"}

func (l *loopState) Get(key string) (Bound, bool, error) {
	n, i := int64(len(l.items)), int64(l.i)
	var v value.Value
	switch key {
	case "index":
		v = i + 1
	case "index0":
		v = i
	case "revindex":
		v = n - i
	case "revindex0":
		v = n - i - 1
	case "first":
		v = i == 0
	case "last":
		v = i == n-1
	case "length":
		v = n
	case "depth":
		v = l.depth
	case "depth0":
		v = l.depth - 1
	case "previtem":
		if i == 0 {
			return Bound{}, false, nil
		}
		v = l.items[i-1]
	case "nextitem":
		if i == n-1 {
			return Bound{}, false, nil
		}
		v = l.items[i+1]
	default:
		return Bound{}, false, nil
	}
	return Bound{Value: v}, true, nil
}

func (l *loopState) Keys() []string { return loopMembers }

// block runs statements.
func (ev *evaluator) block(body []stmt, out *strings.Builder) error {
	for _, s := range body {
		if ev.budget.steps--; ev.budget.steps < 0 {
			return ev.o.errorf(0, "the evaluation takes too many steps")
		}
		if err := s.run(ev, out); err != nil {
			return err
		}
	}
	return nil
}

// in runs f in a new frame inside the given one.
func (ev *evaluator) in(parent *frame, f func(*frame) error) error {
	old := ev.frame
	ev.frame = &frame{parent: parent}
	err := f(ev.frame)
	ev.frame = old
	return err
}

func (s *ifStmt) run(ev *evaluator, out *strings.Builder) error {
	for _, b := range s.branches {
		if b.cond != nil {
			ok, err := ev.cond(b.cond)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
		}
		return ev.block(b.body, out)
	}
	return nil
}

func (s *forStmt) run(ev *evaluator, out *strings.Builder) error {
	v, err := ev.full(s.iter)
	if err != nil {
		return err
	}
	depth := int64(1)
	if outer, ok := ev.frame.get("loop"); ok && !s.recursive {
		if l, ok := outer.(*loopState); ok {
			depth = l.depth + 1
		}
	}
	return s.over(ev, v, depth, out)
}

// over runs the loop over a value.
func (s *forStmt) over(ev *evaluator, v value.Value, depth int64, out *strings.Builder) error {
	var items value.List
	switch v := v.(type) {
	case value.List:
		items = v
	case *value.Map:
		items = keyList(v)
	default:
		e := ev.errorf(s.iter, "a loop goes over a list, not %s", describe(v))
		if v == nil {
			e.Hint = "write … ?? []"
		}
		return e
	}
	bind := func(f *frame, v value.Value) error {
		if v == Unknown {
			return errUnknown
		}
		if len(s.names) == 1 {
			f.set(s.names[0], v)
			return nil
		}
		l, ok := v.(value.List)
		if !ok || len(l) != len(s.names) {
			e := ev.errorf(s.iter, "an item is %s, not a list of %d", describe(v), len(s.names))
			if _, isText := v.(string); isText && len(s.names) == 2 {
				e.Hint = "write items(…) for the keys and values of a map"
			}
			return e
		}
		for i, n := range s.names {
			f.set(n, l[i])
		}
		return nil
	}
	if s.filter != nil {
		var kept value.List
		for _, v := range items {
			err := ev.in(ev.frame, func(f *frame) error {
				if err := bind(f, v); err != nil {
					return err
				}
				ok, err := ev.cond(s.filter)
				if ok {
					kept = append(kept, v)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		items = kept
	}
	if len(items) == 0 {
		return ev.in(ev.frame, func(*frame) error { return ev.block(s.none, out) })
	}
	loop := &loopState{items: items, depth: depth}
	if s.recursive {
		around := ev.frame
		loop.again = func(v value.Value, out *strings.Builder) error {
			inner := ev.frame
			ev.frame = around
			err := s.over(ev, v, depth+1, out)
			ev.frame = inner
			return err
		}
	}
	for i, v := range items {
		loop.i = i
		err := ev.in(ev.frame, func(f *frame) error {
			f.set("loop", loop)
			if err := bind(f, v); err != nil {
				return err
			}
			return ev.block(s.body, out)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *setStmt) run(ev *evaluator, _ *strings.Builder) error {
	var v value.Value
	if s.block {
		var b strings.Builder
		if err := ev.in(ev.frame, func(*frame) error { return ev.block(s.body, &b) }); err != nil {
			return err
		}
		v = b.String()
		if s.n != nil {
			err := ev.in(ev.frame, func(f *frame) (err error) {
				f.set(filtered, v)
				v, err = ev.want(s.n)
				return err
			})
			if err != nil {
				return err
			}
		}
	} else {
		var err error
		if v, err = s.n.eval(ev); err != nil {
			return err
		}
		if u, ok := v.(*undefined); ok {
			return u.fail(ev)
		}
	}
	if s.attr != "" {
		ns, ok := ev.frame.get(s.names[0])
		if n, isNS := ns.(*namespace); ok && isNS {
			n.m.Set(s.attr, v)
			return nil
		}
		e := ev.o.errorf(s.offset(), "%s is no namespace", s.names[0])
		e.Hint = "write {% set " + s.names[0] + " = namespace() %} before"
		return e
	}
	if len(s.names) == 1 {
		ev.frame.set(s.names[0], v)
		return nil
	}
	l, ok := v.(value.List)
	if !ok || len(l) != len(s.names) {
		return ev.errorf(s.n, "this is %s, not a list of %d", describe(v), len(s.names))
	}
	for i, n := range s.names {
		ev.frame.set(n, l[i])
	}
	return nil
}

func (s *nsStmt) run(ev *evaluator, _ *strings.Builder) error {
	m := value.NewMap(len(s.keys))
	if s.from != nil {
		v, err := ev.full(s.from)
		if err != nil {
			return err
		}
		from, ok := v.(*value.Map)
		if !ok {
			return ev.errorf(s.from, "a namespace is made of a map, not of %s", describe(v))
		}
		m = from.Clone()
	}
	for i, k := range s.keys {
		v, err := ev.want(s.vals[i])
		if err != nil {
			return err
		}
		m.Set(k, v)
	}
	ev.frame.set(s.name, &namespace{m})
	return nil
}

func (s *withStmt) run(ev *evaluator, out *strings.Builder) error {
	vals := make([]value.Value, len(s.vals))
	for i, n := range s.vals {
		v, err := ev.want(n)
		if err != nil {
			return err
		}
		vals[i] = v
	}
	return ev.in(ev.frame, func(f *frame) error {
		for i, n := range s.names {
			f.set(n, vals[i])
		}
		return ev.block(s.body, out)
	})
}

func (s *macroStmt) run(ev *evaluator, _ *strings.Builder) error {
	ev.frame.set(s.name, &macro{s.name, s.params, s.body, ev.frame, ev.o, ev.tmpl, s.varargs})
	return nil
}

func (s *callStmt) run(ev *evaluator, out *strings.Builder) error {
	text, err := s.n.call(ev, &macro{"caller", s.params, s.body, ev.frame, ev.o, ev.tmpl, false})
	if err != nil {
		return err
	}
	out.WriteString(text)
	return ev.produce(s.n, len(text))
}

func (n *dynNode) eval(ev *evaluator) (value.Value, error) {
	if m, ok := n.callee.(*memberNode); ok && m.index == nil {
		if id, ok := m.base.(*identNode); ok && id.name == "loop" {
			if l, ok := ev.frame.get("loop"); ok {
				return n.loopCall(ev, l.(*loopState), m.name)
			}
		}
	}
	if id, ok := n.callee.(*identNode); ok && id.name == "super" {
		if v, ok := ev.frame.get("super"); ok {
			return n.super(ev, v.(*superBlock))
		}
	}
	return n.call(ev, nil)
}

// loopCall is loop.cycle(…) and loop.changed(…).
func (n *dynNode) loopCall(ev *evaluator, l *loopState, name string) (value.Value, error) {
	args := make(value.List, len(n.args))
	for i, a := range n.args {
		v, err := ev.want(a)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	switch {
	case name == "cycle" && len(args) > 0:
		return args[l.i%len(args)], nil
	case name == "changed":
		changed := !l.asked || !value.Equal(l.last, args)
		l.asked, l.last = true, args
		return changed, nil
	}
	return nil, ev.errorf(n, "loop.%s() is unknown: loop.cycle(a, b), loop.changed(x)", name)
}

// recurse is loop(items) of a recursive loop.
func (n *dynNode) recurse(ev *evaluator, l *loopState) (string, error) {
	if len(n.args) != 1 {
		return "", ev.errorf(n, "loop() takes the list to go over")
	}
	v, err := ev.full(n.args[0])
	if err != nil {
		return "", err
	}
	if ev.depth++; ev.depth > maxDepth {
		return "", ev.errorf(n, "the loop goes deeper than %d", maxDepth)
	}
	var out strings.Builder
	err = l.again(v, &out)
	ev.depth--
	return out.String(), err
}

// maxDepth is how deep macros and includes may call each other.
const maxDepth = 100

// call runs a macro; caller is what {% call %} hands it.
func (n *dynNode) call(ev *evaluator, caller *macro) (string, error) {
	if err := ev.step(n); err != nil {
		return "", err
	}
	v, err := ev.want(n.callee)
	if err != nil {
		return "", err
	}
	if l, ok := v.(*loopState); ok && l.again != nil {
		return n.recurse(ev, l)
	}
	m, ok := v.(*macro)
	if !ok {
		e := ev.errorf(n, "%s is %s, not a macro", pathOf(n.callee), describe(v))
		if mm, isMember := n.callee.(*memberNode); isMember {
			e.Hint = methodHint(mm)
		}
		return "", e
	}
	if len(n.args) > len(m.params) && !m.varargs {
		return "", ev.errorf(n, "the macro %s takes %s", m.name, plural(int64(len(m.params)), "argument"))
	}
	args := make([]value.Value, max(len(m.params), len(n.args)))
	for i, a := range n.args {
		if args[i], err = a.eval(ev); err != nil {
			return "", err
		}
	}
	if ev.depth++; ev.depth > maxDepth {
		return "", ev.errorf(n, "macros call each other deeper than %d", maxDepth)
	}
	defer func() { ev.depth-- }()
	o, tmpl, items := ev.o, ev.tmpl, ev.items
	ev.o, ev.tmpl, ev.items = m.o, m.tmpl, nil
	defer func() { ev.o, ev.tmpl, ev.items = o, tmpl, items }()
	var out strings.Builder
	err = ev.in(m.frame, func(f *frame) error {
		for i, p := range m.params {
			v := args[i]
			if i >= len(n.args) {
				v = &undefined{n: &identNode{n.at, p.name}, o: o}
				if p.def != nil {
					if v, err = p.def.eval(ev); err != nil {
						return err
					}
				}
			}
			f.set(p.name, v)
		}
		if caller != nil {
			f.set("caller", caller)
		}
		if m.varargs {
			f.set("varargs", append(value.List{}, args[len(m.params):]...))
		}
		return ev.block(m.body, &out)
	})
	return out.String(), err
}

// load finds the template file that a node names.
func (ev *evaluator) load(n node) (*Template, error) {
	v, err := ev.want(n)
	if err != nil {
		return nil, err
	}
	name, ok := v.(string)
	if !ok {
		return nil, ev.errorf(n, "the name of a template file is a string, not %s", describe(v))
	}
	if ev.ctx.Load == nil {
		return nil, ev.errorf(n, "there are no template files here")
	}
	t, err := ev.ctx.Load(name, ev.tmpl, ev.ctx.Dirs)
	if err != nil {
		return nil, missingFile(err, ev, n)
	}
	return t, nil
}

// missingFile is placed for an error that may be fs.ErrNotExist.
func missingFile(err error, ev *evaluator, n node) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return placed(err, ev, n)
	}
	return &noTemplate{ev.errorf(n, "%s", err).WithHint("%s", hintOf(err))}
}

// noTemplate is the error of a template file that is not there.
type noTemplate struct{ is *source.Error }

func (e *noTemplate) Error() string        { return e.is.Error() }
func (e *noTemplate) Is(target error) bool { return target == fs.ErrNotExist }
func (e *noTemplate) Unwrap() error        { return e.is }

// unwrapped is the error that a noTemplate stands for.
func unwrapped(err error) error {
	if e, ok := err.(*noTemplate); ok {
		return e.is
	}
	return err
}

// hintOf is the hint of an error, "" when it has none.
func hintOf(err error) string {
	var e *source.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// inside runs f as a part of another template.
func (ev *evaluator) inside(n node, t *Template, f func() error) error {
	if ev.depth++; ev.depth > maxDepth {
		return ev.errorf(n, "template files include each other deeper than %d", maxDepth)
	}
	o, tmpl, items := ev.o, ev.tmpl, ev.items
	ev.o, ev.tmpl, ev.items = t.origin, t, nil
	err := f()
	ev.o, ev.tmpl, ev.items = o, tmpl, items
	ev.depth--
	return err
}

// renderOther renders another template inside a frame.
func (ev *evaluator) renderOther(n node, t *Template, parent *frame) (string, error) {
	var out strings.Builder
	err := ev.inside(n, t, func() error {
		return ev.in(parent, func(*frame) error { return ev.body(t, &out) })
	})
	return out.String(), err
}

// loadFirst is load for a name or a list of names, of which the first that is there counts.
func (ev *evaluator) loadFirst(n node) (*Template, error) {
	v, err := ev.want(n)
	if err != nil {
		return nil, err
	}
	names, ok := v.(value.List)
	if !ok {
		return ev.load(n)
	}
	for _, name := range names {
		t, err := ev.load(&litNode{at(n.offset()), name})
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return t, err
		}
	}
	return nil, &noTemplate{ev.errorf(n, "none of the template files is there")}
}

func (s *includeStmt) run(ev *evaluator, out *strings.Builder) error {
	t, err := ev.loadFirst(s.n)
	if err != nil {
		if s.missing && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return unwrapped(err)
	}
	around := ev.frame
	if s.alone {
		around = nil
	}
	text, err := ev.renderOther(s.n, t, around)
	out.WriteString(text)
	return err
}

func (s *importStmt) run(ev *evaluator, _ *strings.Builder) error {
	t, err := ev.load(s.n)
	if err != nil {
		return unwrapped(err)
	}
	var mod *frame
	var around *frame
	if s.context {
		around = ev.frame
	}
	err = ev.inside(s.n, t, func() error {
		return ev.in(around, func(f *frame) error {
			mod = f
			var drop strings.Builder
			return ev.body(t, &drop)
		})
	})
	if err != nil {
		return err
	}
	if s.as != "" {
		ev.frame.set(s.as, &module{mod})
		return nil
	}
	for _, n := range s.names {
		v, ok := mod.vars[n[0]]
		if !ok {
			return ev.errorf(s.n, "%s defines no %s", t.name, n[0])
		}
		ev.frame.set(n[1], v)
	}
	return nil
}
