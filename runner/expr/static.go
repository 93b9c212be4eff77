package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Ref is a variable that an expression reads.
type Ref struct {
	Name    string
	Path    []string // the constant members after it: [stdout] in result.stdout
	Guarded bool     // only read where it may be undefined: default(x, …), x ?? …, after defined(x)
	Spot
}

// Spot is a place in an expression, made out when it is asked for.
type Spot struct {
	from *origin
	off  int
}

// Pos is the place in its file.
func (s Spot) Pos() source.Pos { return s.from.pos(s.off) }

// UnknownName begins the message of a name that nothing sets; the name follows.
const UnknownName = "nothing sets a variable "

// TypeEnv says which variables there can be.
type TypeEnv interface {
	TypeOf(name string) (Type, bool) // false: nothing can set the name
	Names() []string                 // for "did you mean"
}

// Reader is a TypeEnv that is told which names are read.
type Reader interface {
	Read(name string, guarded bool, at Spot)
}

// Pure tells whether the expression gives the same each time it is evaluated
// with the same variables, and touches nothing.
func (e *Expr) Pure() bool {
	s := &static{o: e.origin}
	s.typ(e.root, false)
	return !s.impure
}

// Names are the free variables that the expression reads, in order; # and its
// members are none.
func (e *Expr) Names() []Ref {
	s := &static{o: e.origin}
	s.typ(e.root, false)
	return s.refs
}

// Names are the free variables that the text reads, without those that the
// template itself sets.
func (t *Template) Names() []Ref {
	s := &static{o: t.origin}
	s.template(t)
	return s.refs
}

// Check looks for what cannot work, before there are values: names that nothing
// sets, members that a type does not have, arguments of the wrong type.
// Names and paths in proven are defined, because a condition above says so (see Defines).
func (e *Expr) Check(env TypeEnv, proven ...string) []*source.Error {
	s := &static{o: e.origin, env: env, proven: prove(nil, proven)}
	s.typ(e.root, false)
	return s.errs
}

// CheckCondition is Check for an expression that has to be true or false.
func (e *Expr) CheckCondition(env TypeEnv, proven ...string) []*source.Error {
	s := &static{o: e.origin, env: env, proven: prove(nil, proven)}
	s.cond(e.root)
	return s.errs
}

// TypeIn is what is known of the expression's value.
func (e *Expr) TypeIn(env TypeEnv) Type {
	s := &static{o: e.origin, env: env}
	return s.typ(e.root, false)
}

// Check is Expr.Check for all expressions of a text.
func (t *Template) Check(env TypeEnv, proven ...string) []*source.Error {
	s := &static{o: t.origin, env: env, proven: prove(nil, proven)}
	s.template(t)
	return s.errs
}

// TypeIn is what is known of the text's value: of exactly one {{ }} that of the
// expression, else a string.
func (t *Template) TypeIn(env TypeEnv) Type {
	if t.code.single == nil {
		return Of(KString)
	}
	s := &static{o: t.origin, env: env}
	return s.typ(t.code.single, false)
}

// Defines are the names and paths (x, result.stdout) that are proven defined
// when the expression is true.
func (e *Expr) Defines() []string { return facts(e.root, true) }

// static walks an expression without values.
type static struct {
	o      *origin
	env    TypeEnv // nil: only names are wanted
	proven *proof
	items  []Type            // of #
	locals []map[string]Type // of a template file
	refs   []Ref
	errs   []*source.Error
	impure bool // a function that is called asks the world outside
	tmpl   *Template
	around []*Template // the template files that brought in this one
}

func (s *static) errorf(n node, format string, args ...any) *source.Error {
	e := s.o.errorf(n.offset(), format, args...)
	if s.env != nil {
		s.errs = append(s.errs, e)
	}
	return e
}

// typ is the type of a node. guarded says that it may be undefined.
func (s *static) typ(n node, guarded bool) Type {
	switch n := n.(type) {
	case *litNode:
		return Of(kindOf(n.v))
	case *identNode, *memberNode:
		return s.path(n, guarded)
	case *chainNode:
		return s.typ(n.n, guarded)
	case *pointerNode:
		switch {
		case n.name == "index":
			return Of(KInt)
		case n.name == "acc" || len(s.items) == 0:
			return Any
		}
		return s.items[len(s.items)-1]
	case *sliceNode:
		t := s.typ(n.base, guarded)
		if t.Kind != 0 && t.Kind&(KList|KString) == 0 {
			s.errorf(n, "a slice is of a list or a string, not of %s", t.Kind.a())
		}
		for _, b := range []node{n.from, n.to} {
			if b != nil {
				s.typ(b, false)
			}
		}
		return t
	case *notNode:
		s.cond(n.n)
		return Of(KBool)
	case *signNode:
		if t := s.typ(n.n, false); t.Kind != 0 && t.Kind&KNumber == 0 {
			s.errorf(n, "a sign needs a number, not %s", t.Kind.a())
		} else if t.Kind == KInt || t.Kind == KFloat {
			return t
		}
		return Of(KNumber)
	case *logicNode:
		s.cond(n.l)
		s.with(facts(n.l, !n.or), func() { s.cond(n.r) })
		return Of(KBool)
	case *compareNode:
		l, left := s.typ(n.first, false), n.first
		for i := range n.links {
			k := &n.links[i]
			r := s.typ(k.n, false)
			if k.op == "==" || k.op == "!=" {
				s.words(left, l, k.n)
				s.words(k.n, r, left)
			}
			if list, ok := k.n.(*listNode); ok && k.op == "in" {
				for _, item := range list.items {
					s.words(left, l, item)
				}
			}
			s.compare(k, left, l, r)
			l, left = r, k.n
		}
		return Of(KBool)
	case *binNode:
		return s.arith(n)
	case *coalesceNode:
		l := s.typ(n.l, true)
		r := s.typ(n.r, guarded)
		if l.Kind != 0 && r.Kind != 0 {
			l.Kind &^= KNull
		}
		if l.Kind == 0 && r.Kind == 0 {
			return Any
		}
		return l.Union(r)
	case *condNode:
		s.cond(n.cond)
		var a, b Type
		s.with(facts(n.cond, true), func() { a = s.typ(n.a, guarded) })
		s.with(facts(n.cond, false), func() { b = s.typ(n.b, guarded) })
		return a.Union(b)
	case *callNode:
		return s.call(n)
	case *dynNode:
		if id, ok := n.callee.(*identNode); ok {
			s.local(id.name)
		} else {
			s.typ(n.callee, false)
		}
		for _, a := range n.args {
			s.typ(a, false)
		}
		return Any
	case *closureNode:
		return s.typ(n.body, false)
	case *listNode:
		var elem Type
		for i, item := range n.items {
			t := s.typ(item, false)
			if i == 0 {
				elem = t
			} else {
				elem = elem.Union(t)
			}
		}
		return ListOf(elem)
	case *mapNode:
		t := Type{Kind: KMap, Fields: map[string]Type{}, Closed: true}
		for i, k := range n.keys {
			s.typ(k, false)
			v := s.typ(n.vals[i], false)
			if lit, ok := k.(*litNode); ok {
				if key, ok := lit.v.(string); ok {
					t.Fields[key] = v
					continue
				}
			}
			t.Closed = false
		}
		return t
	}
	return Any
}

// words checks that a text to which a variable is compared is one that it can be.
func (s *static) words(n node, t Type, with node) {
	s.nearWords(n, t, with)
	lit, ok := with.(*litNode)
	if !ok || t.Words == nil {
		return
	}
	word, ok := lit.v.(string)
	if !ok || slices.Contains(t.Words, word) {
		return
	}
	e := s.errorf(with, "%s is never %s, it is one of %s", pathOf(n), source.QuoteYAML(word), strings.Join(t.Words, ", "))
	if c := source.DidYouMean(word, t.Words); c != "" {
		e.Hint = "did you mean " + c + "?"
	}
}

// cond checks a node that has to be true or false.
func (s *static) cond(n node) {
	t := s.typ(n, false)
	if t.Kind == 0 || t.Kind&KBool != 0 {
		return
	}
	path := pathOf(n)
	what := path
	if path == "…" {
		what, path = "this", "x"
	}
	e := s.errorf(n, "%s is %s, not true or false", what, t.Kind.a())
	if c, ok := n.(*callNode); ok && c.fn.Name == "regex_search" && len(c.args) == 2 {
		if lit, ok := c.args[1].(*litNode); ok {
			e.Hint = "write " + pathOf(c.args[0]) + " matches " + strconv.Quote(value.Text(lit.v))
			return
		}
	}
	if t.Kind&(KList|KMap) != 0 {
		e.Hint = "write length(" + path + ") > 0"
	} else {
		e.Hint = "write bool(" + path + ")"
	}
}

func (s *static) local(name string) (Type, bool) {
	for i := len(s.locals) - 1; i >= 0; i-- {
		if t, ok := s.locals[i][name]; ok {
			return t, true
		}
	}
	return Any, false
}

// path is the type of a name with its members, and notes the name as read.
func (s *static) path(n node, guarded bool) Type {
	id, members, whole, ok := staticPath(n)
	if ok && whole {
		t, known := s.name(id, members, guarded)
		if !known {
			return Any
		}
		if _, isLocal := s.local(id.name); isLocal {
			guarded = guarded || s.env == nil
		}
		path := id.name
		for i, m := range members {
			path += "." + m
			next, ok := s.field(t, m)
			if !ok && (!guarded || t.misspells(m)) && !s.proven.has(path) {
				s.noMember(n, len(members)-1-i, t, m)
				return Any
			}
			t = next
		}
		return t
	}
	m, isMember := n.(*memberNode)
	if !isMember {
		return Any
	}
	t := s.typ(m.base, guarded)
	if m.index == nil {
		next, ok := s.field(t, m.name)
		if !ok && !guarded {
			s.noMember(m, 0, t, m.name)
		}
		return next
	}
	i := s.typ(m.index, false)
	if i.Kind != 0 && i.Kind&(KInt|KString) == 0 {
		s.errorf(m, "an index is an int or a string, not %s", i.Kind.a())
	}
	if t.Elem != nil && len(t.Fields) == 0 {
		return *t.Elem
	}
	return Any
}

// field is the type of a member, false when there can be none of that name.
func (s *static) field(t Type, name string) (Type, bool) {
	k := t.kinds()
	digits := name != "" && strings.Trim(name, "-0123456789") == ""
	if k&(KList|KString) != 0 && digits {
		if k == KString {
			return Of(KString), true
		}
		if k&^KNull == KList && t.Elem != nil {
			return *t.Elem, true
		}
		if k&KMap == 0 && k&KList != 0 && t.Elem != nil && t.Elem.Kind != 0 {
			return t.Elem.Union(Of(KString)), true // of a list, or of a text
		}
		return Any, true
	}
	if k&(KMap|KObject) == 0 {
		return Any, false
	}
	if f, ok := t.Fields[name]; ok {
		return f, true
	}
	if t.Elem != nil && (k == KMap || k == KObject) {
		return *t.Elem, true
	}
	return Any, !t.Closed || k&KObject != 0
}

// noMember is the error of a member that a type does not have, up steps above n.
func (s *static) noMember(n node, up int, t Type, name string) {
	m := n
	for {
		if c, ok := m.(*chainNode); ok {
			m = c.n
			continue
		}
		mm, ok := m.(*memberNode)
		if !ok || up == 0 {
			break
		}
		m, up = mm.base, up-1
	}
	base := "it"
	if mm, ok := m.(*memberNode); ok {
		base = pathOf(mm.base)
	}
	if t.kinds()&KMap == 0 {
		e := s.errorf(m, "%s is %s and has no members", base, t.Kind.a())
		if mm, ok := m.(*memberNode); ok {
			e.Hint = methodHint(mm)
		}
		return
	}
	names := make([]string, 0, len(t.Fields))
	for k := range t.Fields {
		names = append(names, k)
	}
	slices.Sort(names)
	e := s.errorf(m, "%s has no member %s", base, name)
	if c := similar(name, names); len(c) > 0 {
		e.Hint = "did you mean " + strings.Join(c, " or ") + "?"
	} else if mm, ok := m.(*memberNode); ok {
		if e.Hint = methodHint(mm); e.Hint == "" && len(names) > 0 {
			e.Hint = "it has " + strings.Join(names[:min(len(names), 12)], ", ")
		}
	}
}

// name notes a variable as read and tells its type.
func (s *static) name(id *identNode, members []string, guarded bool) (Type, bool) {
	if t, ok := s.local(id.name); ok {
		return t, true
	}
	if id.name == "omit" {
		return Any, true
	}
	if !guarded && s.proven.has(id.name) {
		guarded = true
	}
	if s.env == nil {
		s.refs = append(s.refs, Ref{Name: id.name, Path: members, Guarded: guarded, Spot: Spot{s.o, id.offset()}})
		return Any, true
	}
	if r, ok := s.env.(Reader); ok {
		r.Read(id.name, guarded, Spot{s.o, id.offset()})
	}
	t, ok := s.env.TypeOf(id.name)
	if ok {
		return t, true
	}
	switch id.name {
	case "vars", "hostvars":
		return Of(KObject), true
	}
	if guarded {
		return Any, false
	}
	e := s.errorf(id, "%s%s", UnknownName, id.name)
	if c := similar(id.name, s.env.Names()); len(c) > 0 {
		e.Hint = "did you mean " + strings.Join(c, " or ") + "?"
	} else if e.Hint = nameHint(id.name); e.Hint == "" && lookupFunction(id.name) != nil {
		e.Hint = fmt.Sprintf("%s() is a function: write %s", id.name, lookupFunction(id.name).usage())
	}
	return Any, false
}

func (s *static) arith(n *binNode) Type {
	l, r := s.typ(n.l, false), s.typ(n.r, false)
	if n.op == ".." {
		return ListOf(Of(KInt))
	}
	if l.Kind == 0 || r.Kind == 0 {
		return Any
	}
	both := l.Kind | r.Kind
	switch {
	case both&^KNumber == 0:
		if n.op == "/" {
			return Of(KFloat)
		}
		if both == KInt {
			return Of(KInt)
		}
		return Of(KNumber)
	case n.op == "+" && both == KString:
		return Of(KString)
	case n.op == "+" && both == KList:
		return l.Union(r)
	case n.op == "*" && l.Kind&(KString|KList) == l.Kind && r.Kind == KInt:
		return l
	}
	if n.op != "+" {
		s.numbers(n, l, r)
	}
	if n.op == "+" && l.Kind&r.Kind == 0 && (l.Kind&^KNumber != 0 || r.Kind&^KNumber != 0) {
		e := s.errorf(n, "cannot add %s and %s", l.Kind.a(), r.Kind.a())
		switch {
		case both&KString != 0 && (l.Kind == KList || r.Kind == KList):
			e.Hint = "write [x] for a list of one, join(list, …) for a text"
		case both&KString != 0:
			e.Hint = "write string(…) around what is no string"
		}
	}
	return Any
}

// numbers checks the sides of -, *, / and %.
func (s *static) numbers(n *binNode, l, r Type) {
	wants := func(t Type) bool { return t.Kind&KNumber == 0 }
	if n.op == "*" && (l.Kind|r.Kind)&(KString|KList) != 0 && (l.Kind|r.Kind)&KInt != 0 {
		return // a text or a list, many times
	}
	if !wants(l) && !wants(r) {
		return
	}
	e := s.errorf(n, "%s takes numbers, not %s and %s", n.op, l.Kind.a(), r.Kind.a())
	bad := n.r
	if wants(l) {
		bad = n.l
	}
	path := pathOf(bad)
	if path == "…" {
		path = "x"
	}
	switch {
	case n.op == "%" && l.Kind == KString:
		e.Hint = "write format(" + pathOf(n.l) + ", …)"
	case n.op == "-" && l.Kind == KList && r.Kind == KList:
		e.Hint = "write difference(a, b)"
	case (l.Kind|r.Kind)&KString != 0:
		e.Hint = "write int(" + path + ")"
	}
}

// compare checks one comparison: what is never equal, has no order, can hold nothing.
func (s *static) compare(k *link, left node, l, r Type) {
	at := &litNode{at: at(k.off)}
	if l.Kind == 0 || r.Kind == 0 {
		if l.Kind == 0 && r.Kind == 0 {
			return
		}
		switch k.op {
		case "in":
			s.holds(at, r, l)
		case "contains":
			s.holds(at, l, r)
		}
		return
	}
	switch k.op {
	case "==", "!=":
		if alike(l, r) || l.Kind == KNull || r.Kind == KNull {
			return
		}
		e := s.errorf(at, "%s and %s are never equal", l.Kind.a(), r.Kind.a())
		e.Hint = equalHint(left, k.n, k.op, l, r)
	case "<", "<=", ">", ">=":
		if alike(l, r) {
			return
		}
		e := s.errorf(at, "%s and %s have no order", l.Kind.a(), r.Kind.a())
		if (l.Kind|r.Kind)&KString != 0 && (l.Kind|r.Kind)&KNumber != 0 {
			e.Hint = "write int(…) around the string"
		}
	case "in":
		s.holds(at, r, l)
	case "contains":
		s.holds(at, l, r)
	case "matches", "startsWith", "endsWith":
		if l.Kind&KString == 0 {
			s.errorf(at, "%s needs a string on its left, not %s", k.op, l.Kind.a())
		} else if r.Kind&KString == 0 {
			s.errorf(at, "%s needs a string on its right, not %s", k.op, r.Kind.a())
		}
	}
}

// holds checks x in container.
func (s *static) holds(at node, container, x Type) {
	c := container.Kind
	switch {
	case c == 0:
	case c&(KList|KMap|KObject|KString) == 0:
		s.errorf(at, "nothing can be in %s", c.a())
	case x.Kind == 0:
	case c == KString && x.Kind&KString == 0:
		s.errorf(at, "only a string can be in a string, this is %s", x.Kind.a()).Hint = "write string(…) in …"
	case c == KList && container.Elem != nil && container.Elem.Kind != 0 && !alike(*container.Elem, x):
		e := s.errorf(at, "%s is never in a list of which each item is %s", x.Kind.a(), container.Elem.Kind.a())
		switch {
		case x.Kind == KString && container.Elem.Kind&KNumber != 0:
			e.Hint = "write int(…) in …"
		case x.Kind&KNumber != 0 && container.Elem.Kind == KString:
			e.Hint = "write string(…) in …"
		}
	}
}

// alike tells whether values of two types can be equal.
func alike(l, r Type) bool {
	a, b := l.kinds(), r.kinds()
	if a&KNumber != 0 {
		a |= KNumber
	}
	if a&(KMap|KObject) != 0 {
		a |= KMap | KObject
	}
	return a&b != 0
}

// equalHint is the comparison that was meant.
func equalHint(left, right node, op string, l, r Type) string {
	path, other := pathOf(left), right
	if _, lit := left.(*litNode); lit {
		path, other, l, r = pathOf(right), left, r, l
	}
	lit, ok := other.(*litNode)
	text, isText := "", false
	if ok {
		text, isText = lit.v.(string)
	}
	if path == "…" {
		path = "x"
	}
	switch {
	case isText && l.Kind&KBool != 0:
		if b, ok := asBool(text); ok {
			if b == (op == "==") {
				return "write " + path
			}
			return "write not " + path
		}
	case isText && l.Kind&KNumber != 0:
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return "write " + path + " " + op + " " + text
		}
	case ok && l.Kind == KString:
		return "write " + path + " " + op + " " + strconv.Quote(value.Text(lit.v))
	case l.Kind&KNumber != 0 && r.Kind == KString:
		return "write " + path + " " + op + " int(…)"
	case l.Kind == KString && r.Kind&KNumber != 0:
		return "write int(" + path + ") " + op + " …"
	case ok && l.Kind&(KList|KMap) != 0:
		return "write length(" + path + ")"
	}
	return ""
}
