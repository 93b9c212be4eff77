package expr

import (
	"errors"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// undefined is what looking up nothing gives inside an evaluation. It never
// leaves the package but as an *UndefinedError.
type undefined struct {
	n   node
	o   *origin
	why string
	err *UndefinedError // of a variable whose own definition reads something undefined
}

// evaluator is one evaluation.
type evaluator struct {
	ctx   *Context
	o     *origin   // of the nodes that are evaluated now
	tmpl  *Template // the text they belong to, if any
	scope Scope
	lazy  lazyScope // scope, when it resolves variables on demand

	taint *Taint
	host  string   // whose variables these are
	names []string // looked up
	deps  *deps    // what a memo depends on; nil when nobody asks
	chain []link2  // variables being resolved

	partial bool // a value with Unknown in it was read
	items   []element
	frame   *frame
	inherit *inherit
	budget  *budget
	depth   int
}

// budget is shared by an evaluation and the variables it resolves.
type budget struct {
	steps, out int
}

// element is what # stands for.
type element struct {
	v     value.Value
	index int64
	acc   value.Value
}

func newEvaluator(ctx *Context, o *origin) *evaluator {
	if ctx == nil {
		ctx = &Context{}
	}
	b := &budget{maxSteps, maxOutput}
	if ctx.MaxSteps > 0 {
		b.steps = ctx.MaxSteps
	}
	if ctx.MaxOutput > 0 {
		b.out = ctx.MaxOutput
	}
	ev := &evaluator{ctx: ctx, o: o, scope: ctx.Scope, budget: b}
	ev.host = ctx.Host
	ev.lazy, _ = ctx.Scope.(lazyScope)
	return ev
}

func (ev *evaluator) reads() []string { return ev.names }

// result evaluates a whole expression.
func (ev *evaluator) result(n node) (Result, error) {
	v, taint, err := ev.value(n)
	switch {
	case err == errUnknown:
		return Result{Unknown: true, Taint: ev.taint, Reads: ev.reads()}, nil
	case err != nil:
		return Result{}, ev.finish(err)
	}
	if u, ok := v.(*undefined); ok {
		return Result{}, ev.finish(u.fail(ev))
	}
	if taint != nil && ev.taint != nil {
		taint = taint.Union(ev.taint)
	} else if taint == nil {
		taint = ev.taint
	}
	if o, ok := v.(Object); ok {
		if v, err = ev.materialize(o, n); err != nil {
			if err == errUnknown {
				return Result{Unknown: true, Taint: ev.taint, Reads: ev.reads()}, nil
			}
			return Result{}, err
		}
		taint = taint.Union(ev.taint)
	}
	switch v.(type) {
	case string, value.List, *value.Map:
	default:
		taint = nil
	}
	return Result{Value: v, Taint: taint, Reads: ev.reads(), Partial: ev.partial && HasUnknown(v)}, nil
}

// value evaluates a node; the taint of a path is handed out rather than added.
func (ev *evaluator) value(n node) (value.Value, *Taint, error) {
	if p, ok := n.(pathNode); ok {
		return p.path(ev)
	}
	v, err := n.eval(ev)
	return v, nil, err
}

// materialize makes a map of an Object: all of it is read.
func (ev *evaluator) materialize(o Object, n node) (value.Value, error) {
	keys := ev.keys(o)
	m := value.NewMap(len(keys))
	for _, k := range keys {
		v, t, err := ev.get(o, k, n)
		if err != nil {
			return nil, err
		}
		if u, ok := v.(*undefined); ok {
			return nil, u.fail(ev)
		}
		if inner, ok := v.(Object); ok {
			if v, err = ev.materialize(inner, n); err != nil {
				return nil, err
			}
		}
		ev.addTaint(t)
		m.Set(k, v)
	}
	return m, nil
}

func (ev *evaluator) addTaint(t *Taint) {
	if t != nil {
		ev.taint = ev.taint.Union(t)
	}
}

// step counts one step against the budget.
func (ev *evaluator) step(n node) error { return ev.spend(n, 1) }

func (ev *evaluator) spend(n node, steps int) error {
	if ev.budget.steps -= steps; ev.budget.steps < 0 {
		return ev.o.errorf(n.offset(), "the evaluation takes too many steps")
	}
	return nil
}

// produce counts n bytes of text against the budget.
func (ev *evaluator) produce(n node, bytes int) error {
	if ev.budget.out -= bytes; ev.budget.out < 0 {
		return ev.o.errorf(n.offset(), "the evaluation produces too much text")
	}
	return nil
}

// errorf is an error at a node.
func (ev *evaluator) errorf(n node, format string, args ...any) *source.Error {
	return ev.o.errorf(n.offset(), format, args...)
}

// fail is the error of using u.
func (u *undefined) fail(ev *evaluator) error {
	if u.err != nil {
		return u.err
	}
	e := &UndefinedError{Undefined: Undefined{Path: pathOf(u.n), Pos: u.o.pos(u.n.offset())}, Why: u.why}
	for _, l := range ev.chain {
		e.Via = append(e.Via, l.name)
	}
	switch n := u.n.(type) {
	case *identNode:
		if nm, ok := ev.scope.(Namer); ok {
			e.Candidates = similar(n.name, nm.Names())
		}
		if len(e.Candidates) == 0 {
			e.Hint = nameHint(n.name)
		}
	case *memberNode:
		e.Hint = methodHint(n)
	}
	return e
}

// want evaluates a node whose value must be defined.
func (ev *evaluator) want(n node) (value.Value, error) {
	v, err := n.eval(ev)
	if err != nil {
		return nil, err
	}
	switch u := v.(type) {
	case *undefined:
		return nil, u.fail(ev)
	case *omitValue:
		return nil, ev.errorf(n, "omit can only stand for a whole argument or item")
	}
	return v, nil
}

// full is want for what must be a plain value: an Object is read whole.
func (ev *evaluator) full(n node) (value.Value, error) {
	v, err := ev.want(n)
	if o, ok := v.(Object); ok && err == nil {
		return ev.materialize(o, n)
	}
	return v, err
}

// cond evaluates a node that must be true or false.
func (ev *evaluator) cond(n node) (bool, error) {
	v, err := ev.want(n)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, ev.notBool(n, v)
	}
	return b, nil
}

func (ev *evaluator) notBool(n node, v value.Value) error {
	path := pathOf(n)
	e := ev.errorf(n, "%s is %s, not true or false", path, describe(v))
	if path == "…" {
		e.Msg = "this is " + describe(v) + ", not true or false"
		path = "x"
	}
	switch v.(type) {
	case value.List, *value.Map:
		return e.WithHint("write length(%s) > 0", path)
	case nil:
		return e.WithHint("write %s != null", path)
	}
	return e.WithHint("write bool(%s)", path)
}

// describe names a value's type and shows it.
func describe(v value.Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case Object:
		return "an object"
	case *omitValue:
		return "omit"
	case *undefined:
		return "undefined"
	case int64:
		return "an int" + shown + " (" + strconv.FormatInt(v, 10) + ")" + shown
	case value.List, *value.Map, string, float64, bool:
		return "a " + value.TypeName(v) + shown + " (" + value.Short(v, 40) + ")" + shown
	}
	return "a " + value.TypeName(v)
}

// shown stands around a value in a message until it is known whether the
// evaluation had read a secret.
const shown = "\x01"

// reveal takes the marks of shown values off a message; where a secret may be
// in them, the values too.
func reveal(msg string, secret bool) string {
	if !strings.Contains(msg, shown) {
		return msg
	}
	parts := strings.Split(msg, shown)
	var b strings.Builder
	for i, p := range parts {
		if i%2 == 0 || !secret {
			b.WriteString(p)
		}
	}
	return b.String()
}

// finish makes an error of an evaluation fit to be shown.
func (ev *evaluator) finish(err error) error {
	var se *source.Error
	if errors.As(err, &se) {
		se.Msg = reveal(se.Msg, ev.taint != nil)
	}
	return err
}

// lookup finds a name: what a template file has set, then the scope.
func (ev *evaluator) lookup(n *identNode) (value.Value, *Taint, error) {
	if v, ok := ev.frame.get(n.name); ok {
		return v, nil, nil
	}
	var b Bound
	var ok bool
	var err error
	if ev.lazy != nil {
		b, ok, err = ev.lazy.lookupIn(ev, n.name)
	} else if ev.scope != nil {
		b, ok, err = ev.scope.Lookup(n.name)
	}
	ev.read(n.name)
	return ev.bound(n, n.name, b, ok, err)
}

func (ev *evaluator) read(name string) {
	for _, r := range ev.names {
		if r == name {
			return
		}
	}
	ev.names = append(ev.names, name)
}

// bound turns what a scope or an object said into a value.
func (ev *evaluator) bound(n node, name string, b Bound, ok bool, err error) (value.Value, *Taint, error) {
	if err != nil {
		var u *UndefinedError
		if errors.As(err, &u) {
			return &undefined{n: n, o: ev.o, err: u}, nil, nil
		}
		if err == errUnknown {
			return nil, nil, err
		}
		return nil, nil, placed(err, ev, n)
	}
	if !ok {
		if name == "omit" {
			return Omit, nil, nil
		}
		return &undefined{n: n, o: ev.o}, nil, nil
	}
	if b.Unknown || b.Value == Unknown {
		ev.addTaint(b.Taint)
		return nil, nil, errUnknown
	}
	ev.partial = ev.partial || b.Partial
	return b.Value, b.Taint, nil
}

// use takes the value of a path for good: its taint counts, and what is
// unknown in it makes the evaluation unknown.
func (ev *evaluator) use(v value.Value, t *Taint, err error) (value.Value, error) {
	ev.addTaint(t)
	if ev.partial && err == nil && HasUnknown(v) {
		return nil, errUnknown
	}
	return v, err
}

// placed gives an error without a place that of the node.
func placed(err error, ev *evaluator, n node) error {
	var se *source.Error
	var many source.Errors
	var cyc *CycleError
	if err == errUnknown || errors.As(err, &se) || errors.As(err, &many) || errors.As(err, &cyc) {
		return err
	}
	return ev.errorf(n, "%s", err)
}

// get reads a key of an Object.
func (ev *evaluator) get(o Object, key string, n node) (value.Value, *Taint, error) {
	var b Bound
	var ok bool
	var err error
	if l, isLazy := o.(lazyObject); isLazy {
		b, ok, err = l.getIn(ev, key)
	} else {
		b, ok, err = o.Get(key)
	}
	return ev.bound(n, "", b, ok, err)
}

// has tells whether an Object has a key, without resolving it.
func (ev *evaluator) has(o Object, key string) bool {
	if l, ok := o.(lazyObject); ok {
		return l.hasIn(ev, key)
	}
	for _, k := range o.Keys() {
		if k == key {
			return true
		}
	}
	return false
}

func (ev *evaluator) keys(o Object) []string {
	if l, ok := o.(lazyObject); ok {
		return l.keysIn(ev)
	}
	return o.Keys()
}

func (n *notNode) eval(ev *evaluator) (value.Value, error) {
	b, err := ev.cond(n.n)
	return !b, err
}

func (n *logicNode) eval(ev *evaluator) (value.Value, error) {
	if err := ev.step(n); err != nil {
		return nil, err
	}
	for i, side := range [2]node{n.l, n.r} {
		v, err := ev.want(side)
		if err != nil {
			return nil, err
		}
		b, ok := v.(bool)
		if !ok {
			err := ev.notBool(side, v)
			var se *source.Error
			if n.or && i == 0 && errors.As(err, &se) {
				if p := pathOf(side); p != "…" {
					if _, isBool := constBool(n.r); !isBool {
						se.Hint = "write default(" + p + ", …, true) for a value of its own, bool(" + p + ") for a condition"
					}
				}
			}
			return nil, err
		}
		if b == n.or {
			return b, nil
		}
	}
	return !n.or, nil
}

func constBool(n node) (bool, bool) {
	if l, ok := n.(*litNode); ok {
		b, ok := l.v.(bool)
		return b, ok
	}
	return false, false
}

func (n *coalesceNode) eval(ev *evaluator) (value.Value, error) { return ev.use(n.path(ev)) }

func (n *coalesceNode) path(ev *evaluator) (value.Value, *Taint, error) {
	if err := ev.step(n); err != nil {
		return nil, nil, err
	}
	v, t, err := ev.value(n.l)
	if err != nil {
		return nil, nil, err
	}
	if _, undef := v.(*undefined); undef || v == nil {
		return ev.value(n.r)
	}
	return v, t, nil
}

func (n *condNode) eval(ev *evaluator) (value.Value, error) { return ev.use(n.path(ev)) }

func (n *condNode) path(ev *evaluator) (value.Value, *Taint, error) {
	if err := ev.step(n); err != nil {
		return nil, nil, err
	}
	b, err := ev.cond(n.cond)
	if err != nil {
		return nil, nil, err
	}
	if b {
		return ev.value(n.a)
	}
	return ev.value(n.b)
}

func (n *closureNode) eval(ev *evaluator) (value.Value, error) {
	return nil, ev.errorf(n, "a closure belongs into filter(), map() and their kin")
}

func (n *listNode) eval(ev *evaluator) (value.Value, error) {
	out := make(value.List, 0, len(n.items))
	for _, item := range n.items {
		v, err := ev.item(item)
		if err != nil {
			return nil, err
		}
		if v != Omit {
			out = append(out, v)
		}
	}
	return out, nil
}

func (n *mapNode) eval(ev *evaluator) (value.Value, error) {
	m := value.NewMap(len(n.keys))
	for i := range n.keys {
		k, err := ev.want(n.keys[i])
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if !ok {
			return nil, ev.errorf(n.keys[i], "the key of a map is a string, not %s", describe(k)).WithHint("write (string(…)): for a computed key")
		}
		v, err := ev.item(n.vals[i])
		if err != nil {
			return nil, err
		}
		if v != Omit {
			m.Set(key, v)
		}
	}
	return m, nil
}

// item evaluates a member of a list or map literal, which may be omit.
func (ev *evaluator) item(n node) (value.Value, error) {
	if err := ev.step(n); err != nil {
		return nil, err
	}
	v, err := n.eval(ev)
	if err != nil || v == Omit {
		return v, err
	}
	switch v := v.(type) {
	case *undefined:
		return nil, v.fail(ev)
	case Object:
		return ev.materialize(v, n)
	}
	return v, nil
}
