package expr

import (
	"strings"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Kind is a set of kinds of value.
type Kind uint16

// The kinds of value.
const (
	KNull Kind = 1 << iota
	KBool
	KInt
	KFloat
	KString
	KList
	KMap
	KObject  // vars, hostvars
	KClosure // an argument such as .state == "up"

	KNumber = KInt | KFloat
	KText   = KString | KNumber | KBool // what functions on text take
	KAny    = KNull | KBool | KInt | KFloat | KString | KList | KMap | KObject
)

var kindNames = []struct {
	k    Kind
	name string
}{
	{KNull, "null"}, {KBool, "bool"}, {KInt, "int"}, {KFloat, "float"}, {KString, "string"},
	{KList, "list"}, {KMap, "map"}, {KObject, "object"}, {KClosure, "closure"},
}

func (k Kind) String() string {
	switch k & KAny {
	case KAny:
		return "any"
	case KNumber:
		return "number"
	case KText:
		return "text"
	}
	var out []string
	if null := k & KNull; k&KText == KText {
		out = append(out, "text")
		if k &^= KText | KNull; k != 0 {
			out = append(out, k.String())
		}
		if null != 0 {
			out = append(out, "null")
		}
		return strings.Join(out, " or ")
	}
	for _, n := range kindNames {
		if k&n.k != 0 {
			out = append(out, n.name)
		}
	}
	return strings.Join(out, " or ")
}

// Name is what is known of the kind, with its article: a list, a text or null.
func (t Type) Name() string { return t.kinds().a() }

// a is the name with its article.
func (k Kind) a() string { return article(k.String()) }

func article(name string) string {
	if strings.ContainsRune("aeio", rune(name[0])) && name != "any" {
		return "an " + name
	}
	if name == "any" || name == "null" || strings.HasPrefix(name, "null ") {
		return name
	}
	return "a " + name
}

// Type is what is known of a value before it is there. The zero Type is
// nothing known.
type Type struct {
	Kind   Kind                  // 0: any
	Fields map[string]Type       // of a map: what is known of its members
	Closed bool                  // of a map: it has no members but Fields
	Words  []string              // all that a text may be; nil: any
	Near   map[string]source.Pos // all that the definitions of a variable give; a text that is almost one of them is a slip
	Elem   *Type                 // of a list (its items) or a map (members beyond Fields); nil: any
}

// Any is the type of what nothing is known of.
var Any = Type{}

// Of is the type of a value of a kind.
func Of(k Kind) Type { return Type{Kind: k} }

// ListOf is the type of a list.
func ListOf(elem Type) Type { return Type{Kind: KList, Elem: &elem} }

// Record is the type of a map with these members and no others.
func Record(fields map[string]Type) Type { return Type{Kind: KMap, Fields: fields, Closed: true} }

// KindOf is the type of a value, its kind alone.
func KindOf(v value.Value) Type { return Of(kindOf(v)) }

func (t Type) kinds() Kind {
	if t.Kind == 0 {
		return KAny
	}
	return t.Kind
}

// Union is the type of a value that has one of both types: members of both, open if one is.
func (t Type) Union(u Type) Type {
	if t.Kind == 0 || u.Kind == 0 {
		return Any
	}
	out := Type{Kind: t.Kind | u.Kind}
	tm, um := t.Kind&KMap != 0, u.Kind&KMap != 0
	switch {
	case tm && um:
		out.Closed = t.Closed && u.Closed
		out.Fields = map[string]Type{}
		for k, f := range t.Fields {
			if g, ok := u.Fields[k]; ok {
				f = f.Union(g)
			} else if !u.Closed {
				f = Any
			}
			out.Fields[k] = f
		}
		for k, f := range u.Fields {
			if _, ok := t.Fields[k]; !ok {
				if !t.Closed {
					f = Any
				}
				out.Fields[k] = f
			}
		}
	case tm:
		out.Fields, out.Closed = t.Fields, t.Closed
	case um:
		out.Fields, out.Closed = u.Fields, u.Closed
	}
	switch {
	case t.Elem != nil && u.Elem != nil:
		e := t.Elem.Union(*u.Elem)
		out.Elem = &e
	case t.Kind&(KList|KMap) == 0:
		out.Elem = u.Elem
	case u.Kind&(KList|KMap) == 0:
		out.Elem = t.Elem
	}
	return out
}
