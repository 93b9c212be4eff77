package expr

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// lazyScope is a Scope that resolves variables inside the evaluation that asks.
type lazyScope interface {
	lookupIn(ev *evaluator, name string) (Bound, bool, error)
}

// lazyObject is an Object that does.
type lazyObject interface {
	getIn(ev *evaluator, key string) (Bound, bool, error)
	hasIn(ev *evaluator, key string) bool
	keysIn(ev *evaluator) []string
}

// Def is one definition of a variable: a node with templates in it, or a
// value. It is immutable, and its identity is its version: who sets a variable
// again makes another Def.
type Def struct {
	Node    *source.Node
	Value   value.Value // when Node is nil; may be an Object
	Pos     source.Pos
	Taint   *Taint // the secrets of the value itself
	Unknown bool
	Partial bool // Unknown stands somewhere inside Value

	once sync.Once
	code defNode
}

// NodeDef is a definition in a file.
func NodeDef(n *source.Node, taint *Taint) *Def { return &Def{Node: n, Pos: n.Pos, Taint: taint} }

// ValueDef is a definition that is a value (or an Object) already.
func ValueDef(v value.Value, taint *Taint) *Def {
	return &Def{Value: v, Taint: taint, Partial: HasUnknown(v)}
}

// Compile parses the templates of the definition, once. The error is
// *source.Error or source.Errors.
func (d *Def) Compile() error {
	if d.Node == nil {
		return nil
	}
	d.once.Do(func() {
		var es source.Errors
		d.code = compileNode(d.Node, &es)
		if err := es.Err(); err != nil {
			d.code = &defBroken{err}
		}
	})
	if b, broken := d.code.(*defBroken); broken {
		return b.err
	}
	return nil
}

// Refs are the variables that the definition reads.
func (d *Def) Refs() []Ref {
	if d.Compile() != nil || d.code == nil {
		return nil
	}
	var out []Ref
	d.code.refs(&out)
	return out
}

// Pure tells whether the definition gives the same each time it is evaluated
// with the same variables, and touches nothing.
func (d *Def) Pure() bool { return d.Compile() == nil && pureNode(d.code) }

func pureNode(n defNode) bool {
	pure := func(t *Template) bool {
		s := &static{o: t.origin}
		s.template(t)
		return !s.impure
	}
	switch n := n.(type) {
	case *defText:
		return pure(n.t)
	case *defList:
		return !slices.ContainsFunc(n.items, func(x defNode) bool { return !pureNode(x) })
	case *defMap:
		return !slices.ContainsFunc(n.names, func(t *Template) bool { return t != nil && !pure(t) }) &&
			!slices.ContainsFunc(n.vals, func(x defNode) bool { return !pureNode(x) })
	}
	return true
}

// Constant is the value when no template is in the definition.
func (d *Def) Constant() (value.Value, bool) {
	if d.Node == nil {
		return d.Value, !d.Unknown
	}
	if d.Compile() != nil {
		return nil, false
	}
	c, ok := d.code.(*defConst)
	if !ok {
		return nil, false
	}
	return c.v, true
}

// defNode is a node of a definition with its templates parsed.
type defNode interface {
	resolve(ev *evaluator) (value.Value, *Taint, error)
	refs(out *[]Ref)
}

type (
	defConst  struct{ v value.Value }
	defBroken struct{ err error } // does not parse
	defText   struct{ t *Template }
	defVault  struct{ n *source.Node }
	defList   struct{ items []defNode }
	defMap    struct {
		keys  []string
		names []*Template // of keys that are templates; else nil
		vals  []defNode
	}
)

func compileNode(n *source.Node, es *source.Errors) defNode {
	if n == nil {
		return &defConst{nil}
	}
	switch n.Kind {
	case source.List:
		l := &defList{items: make([]defNode, len(n.Items))}
		static := true
		for i, item := range n.Items {
			l.items[i] = compileNode(item, es)
			_, c := l.items[i].(*defConst)
			static = static && c
		}
		if static {
			return &defConst{n.Plain()}
		}
		return l
	case source.Map:
		m := &defMap{}
		static := true
		for _, f := range n.Fields {
			v := compileNode(f.Value, es)
			_, c := v.(*defConst)
			var name *Template
			if !n.Unsafe && strings.ContainsAny(f.Key, "{}") {
				t, err := ParseString(f.Key, func(int) source.Pos { return f.KeyPos })
				es.Add(f.KeyPos, err)
				if err == nil && !t.code.plain {
					name = t
				}
			}
			static = static && c && name == nil
			m.keys, m.names, m.vals = append(m.keys, f.Key), append(m.names, name), append(m.vals, v)
		}
		if static {
			return &defConst{n.Plain()}
		}
		return m
	}
	if n.Vault {
		return &defVault{n}
	}
	s, ok := n.Value.(string)
	if !ok || n.Unsafe || !strings.ContainsAny(s, "{}") {
		return &defConst{n.Value} // nothing in it can be a template
	}
	t, err := ParseString(s, NodeLocator(n))
	if err != nil {
		es.Add(n.Pos, err)
		return &defConst{nil}
	}
	if v, ok := t.Constant(); ok {
		return &defConst{v}
	}
	return &defText{t}
}

func (d *defConst) resolve(*evaluator) (value.Value, *Taint, error) { return d.v, nil, nil }
func (d *defConst) refs(*[]Ref)                                     {}

func (d *defBroken) resolve(*evaluator) (value.Value, *Taint, error) { return nil, nil, d.err }
func (d *defBroken) refs(*[]Ref)                                     {}

func (d *defText) resolve(ev *evaluator) (value.Value, *Taint, error) {
	child := *ev
	child.o, child.tmpl, child.taint, child.items, child.frame = d.t.origin, d.t, nil, nil, nil
	if d.t.code.single == nil {
		s, err := child.render(d.t)
		ev.names, ev.partial = child.names, child.partial
		return s, child.taint, child.finish(err)
	}
	r, err := child.result(d.t.code.single)
	ev.names, ev.partial = child.names, child.partial
	if err == nil && r.Unknown {
		return nil, r.Taint, errUnknown
	}
	return r.Value, r.Taint, err
}

func (d *defText) refs(out *[]Ref) { *out = append(*out, d.t.Names()...) }

func (d *defVault) resolve(ev *evaluator) (value.Value, *Taint, error) {
	var open func(string) (string, error)
	if e, ok := ev.scope.(*Env); ok {
		open = e.h.vars.Vault
	}
	if open == nil {
		return nil, nil, source.Errorf(d.n.Pos, "a vault value and no vault password")
	}
	text, _ := d.n.Value.(string)
	s, err := open(text)
	if err != nil {
		return nil, nil, source.Errorf(d.n.Pos, "%s", err)
	}
	return s, Secret(s), nil
}

func (d *defVault) refs(*[]Ref) {}

func (d *defList) resolve(ev *evaluator) (value.Value, *Taint, error) {
	out := make(value.List, 0, len(d.items))
	var taint *Taint
	for _, item := range d.items {
		v, t, err := item.resolve(ev)
		if err != nil {
			return nil, nil, err
		}
		if v == Omit {
			continue
		}
		taint = taint.WithField(strconv.Itoa(len(out)), t)
		out = append(out, v)
	}
	return out, taint, nil
}

func (d *defList) refs(out *[]Ref) {
	for _, i := range d.items {
		i.refs(out)
	}
}

func (d *defMap) resolve(ev *evaluator) (value.Value, *Taint, error) {
	out := value.NewMap(len(d.keys))
	var taint *Taint
	for i, key := range d.keys {
		if t := d.names[i]; t != nil {
			child := *ev
			child.o, child.tmpl, child.taint, child.items, child.frame = t.origin, t, nil, nil, nil
			s, err := child.render(t)
			ev.names = child.names
			if err != nil {
				return nil, nil, child.finish(err)
			}
			key = s
			taint = taint.WithField(key, child.taint)
		}
		v, t, err := d.vals[i].resolve(ev)
		if err != nil {
			return nil, nil, err
		}
		if v == Omit {
			continue
		}
		taint = taint.WithField(key, t)
		out.Set(key, v)
	}
	return out, taint, nil
}

func (d *defMap) refs(out *[]Ref) {
	for i, v := range d.vals {
		if d.names[i] != nil {
			*out = append(*out, d.names[i].Names()...)
		}
		v.refs(out)
	}
}

// memo is the value of a definition for one host, and what it was made of.
type memo struct {
	v       value.Value
	taint   *Taint
	unknown bool
	partial bool
	deps    []dep
	names   []string

	env  *Env  // where it was found valid last
	tick int64 // and when
}

// dep is one name that a memo was made of: it still has to resolve to def.
type dep struct {
	peer bool // read through hostvars
	host string
	name string // "" stands for all names
	def  *Def
	tick int64 // for all names: nothing may have been set since
}

type deps struct{ list []dep }

func (d *deps) add(x dep) {
	if d != nil {
		d.list = append(d.list, x)
	}
}

// link2 is a variable that is being resolved.
type link2 struct {
	name string
	host string
	def  *Def
}

// valid tells whether a memo still holds in e.
func (m *memo) valid(e *Env) bool {
	now := e.h.vars.tick.Load()
	if m.env == e && m.tick == now {
		return true
	}
	for _, d := range m.deps {
		in := e
		if d.peer {
			if in = e.h.vars.peer(d.host); in == nil {
				return false
			}
		}
		if d.name == "" {
			if in.h.last.Load() > d.tick {
				return false
			}
		} else if in.find(d.name) != d.def {
			return false
		}
	}
	return true
}

func (e *Env) lookupIn(ev *evaluator, name string) (Bound, bool, error) {
	return e.resolve(ev, name, false)
}

// resolve finds a name and, when its definition is lazy, its value.
func (e *Env) resolve(ev *evaluator, name string, peer bool) (Bound, bool, error) {
	switch name { // which nothing can set
	case "vars":
		return Bound{Value: envObject{e, peer}}, true, nil
	case "hostvars":
		return Bound{Value: e.h.vars.HostVars()}, true, nil
	}
	d := e.find(name)
	ev.deps.add(dep{peer: peer, host: e.h.name, name: name, def: d})
	if d == nil {
		return Bound{}, false, nil
	}
	if d.Unknown {
		return Bound{Unknown: true, Taint: d.Taint}, true, nil
	}
	if d.Node == nil {
		return Bound{Value: d.Value, Taint: d.Taint, Partial: d.Partial}, true, nil
	}
	if err := d.Compile(); err != nil {
		return Bound{}, false, err
	}
	if c, ok := d.code.(*defConst); ok {
		return Bound{Value: c.v, Taint: d.Taint}, true, nil
	}
	h := e.h
	h.mu.RLock()
	m := h.memo[d]
	h.mu.RUnlock()
	if m == nil || !m.valid(e) {
		var err error
		if m, err = e.compute(ev, name, d); err != nil {
			return Bound{}, false, err
		}
		h.mu.Lock()
		h.memo[d] = m
		h.mu.Unlock()
	}
	if ev.deps != nil {
		for _, x := range m.deps {
			if peer && !x.peer {
				x.peer = true
			}
			ev.deps.add(x)
		}
	}
	if !peer {
		for _, n := range m.names {
			ev.read(n)
		}
	}
	return Bound{Value: m.v, Taint: m.taint, Unknown: m.unknown, Partial: m.partial}, true, nil
}

// maxChain is how many variables may need one another in a row.
const maxChain = 500

// compute evaluates a definition.
func (e *Env) compute(ev *evaluator, name string, d *Def) (*memo, error) {
	if i := slices.IndexFunc(ev.chain, func(l link2) bool { return l.def == d && l.host == e.h.name }); i >= 0 {
		c := &CycleError{Pos: d.Pos}
		for _, l := range ev.chain[i:] {
			c.Chain = append(c.Chain, l.name)
		}
		c.Chain = append(c.Chain, name)
		return nil, c
	}
	if len(ev.chain) > maxChain {
		return nil, source.Errorf(d.Pos, "more than %d variables need one another in a row", maxChain)
	}
	tick := e.h.vars.tick.Load()
	child := &evaluator{ctx: ev.ctx, scope: e, lazy: e, budget: ev.budget, deps: &deps{}, host: e.h.name,
		chain: append(ev.chain[:len(ev.chain):len(ev.chain)], link2{name, e.h.name, d})}
	v, taint, err := d.code.resolve(child)
	m := &memo{v: v, taint: mergeTaint(taint, d.Taint), deps: child.deps.list, names: child.names, env: e, tick: tick}
	if err == errUnknown {
		m.v, m.unknown = nil, true
		return m, nil
	}
	m.partial = child.partial && HasUnknown(v)
	return m, err
}

// mergeTaint is the taint of a value that has both, member by member.
func mergeTaint(a, b *Taint) *Taint {
	switch {
	case a == nil:
		return b
	case b == nil || a == b:
		return a
	}
	own := (&Taint{Origins: a.Origins}).Union(&Taint{Origins: b.Origins})
	out := &Taint{Origins: own.Origins}
	if len(a.Fields)+len(b.Fields) > 0 {
		out.Fields = map[string]*Taint{}
		for k, f := range a.Fields {
			out.Fields[k] = mergeTaint(f, b.Fields[k])
		}
		for k, f := range b.Fields {
			if out.Fields[k] == nil {
				out.Fields[k] = f
			}
		}
	}
	return out
}

// envObject is `vars`, and one host of `hostvars`.
type envObject struct {
	e    *Env
	peer bool
}

func (o envObject) Get(key string) (Bound, bool, error) { return o.e.Lookup(key) }

func (o envObject) getIn(ev *evaluator, key string) (Bound, bool, error) {
	if !o.peer {
		ev.read(key)
	}
	return o.e.resolve(ev, key, o.peer)
}

func (o envObject) hasIn(ev *evaluator, key string) bool {
	d := o.e.find(key)
	ev.deps.add(dep{peer: o.peer, host: o.e.h.name, name: key, def: d})
	return d != nil
}

func (o envObject) keysIn(ev *evaluator) []string {
	ev.deps.add(dep{peer: o.peer, host: o.e.h.name, tick: o.e.h.vars.tick.Load()})
	return o.e.Names()
}

func (o envObject) Keys() []string { return o.e.Names() }

// hostsObject is `hostvars`.
type hostsObject struct{ v *Vars }

func (o hostsObject) Get(host string) (Bound, bool, error) {
	e := o.v.peer(host)
	if e == nil {
		return Bound{}, false, nil
	}
	return Bound{Value: envObject{e, true}}, true, nil
}

func (o hostsObject) Keys() []string {
	if o.v.Names != nil {
		return o.v.Names()
	}
	o.v.mu.RLock()
	defer o.v.mu.RUnlock()
	names := make([]string, 0, len(o.v.hosts))
	for n := range o.v.hosts {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// NodeLocator finds places inside a scalar node.
func NodeLocator(n *source.Node) Locator {
	return n.PosAt
}
