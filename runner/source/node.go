package source

import "github.com/mxplay/mxplay/runner/value"

// Kind is what a node holds.
type Kind uint8

// The kinds of node.
const (
	Scalar Kind = iota // Node.Value is nil, bool, int64, float64 or string
	List               // Node.Items
	Map                // Node.Fields
)

// Node is a piece of a YAML (or JSON) document with its place: already
// resolved (PyYAML's YAML 1.1 table, but base 60 and dates stay text),
// aliases and << expanded, duplicate keys and unknown tags refused.
// A node that an alias names is shared, so nodes are not to be changed.
type Node struct {
	Kind   Kind
	Unsafe bool // !unsafe: the strings below are no templates
	Vault  bool // !vault: Value is the armoured text
	style  style
	Pos    Pos // where the value starts; for a quoted scalar the quote
	Value  value.Value
	Raw    string // a scalar's text before it was resolved: "0644" where Value is 420
	Items  []*Node
	Fields []Field

	file *File // the file it was read from, for positions inside a scalar
}

// style is how a scalar was written.
type style uint8

const (
	plain style = iota
	single
	double
	literal
	folded
)

// Field is one key of a map, with its value.
type Field struct {
	Key    string
	KeyPos Pos
	Value  *Node
}

// Get is the value of a key; nil when the key is not there.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for i := range n.Fields {
		if n.Fields[i].Key == key {
			return n.Fields[i].Value
		}
	}
	return nil
}

// IsNull tells whether the node is absent or a null.
func (n *Node) IsNull() bool { return n == nil || n.Kind == Scalar && n.Value == nil }

// Quoted tells whether a scalar was written in quotes or as a block, so that
// it is text whatever it looks like.
func (n *Node) Quoted() bool { return n.Kind == Scalar && n.style != plain }

// File is the file that the node was read from; nil when there is none.
func (n *Node) File() *File {
	if n == nil {
		return nil
	}
	return n.file
}

// Errorf makes an Error at the node, with its line.
func (n *Node) Errorf(format string, args ...any) *Error {
	e := Errorf(n.Pos, format, args...)
	return e.In(n.file)
}

// KeyErrorf makes an Error at the i-th key of a map, with its line.
func (n *Node) KeyErrorf(i int, format string, args ...any) *Error {
	return Errorf(n.Fields[i].KeyPos, format, args...).In(n.file)
}

// TypeName is the name of the node's type as messages show it.
func (n *Node) TypeName() string {
	switch {
	case n == nil:
		return "null"
	case n.Kind == List:
		return "list"
	case n.Kind == Map:
		return "map"
	}
	return value.TypeName(n.Value)
}

// Plain is the node as a value, without its places.
func (n *Node) Plain() value.Value {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case List:
		l := make(value.List, len(n.Items))
		for i, e := range n.Items {
			l[i] = e.Plain()
		}
		return l
	case Map:
		m := value.NewMap(len(n.Fields))
		for _, f := range n.Fields {
			m.Set(f.Key, f.Value.Plain())
		}
		return m
	}
	return n.Value
}

// FromValue makes a node, all of it at one place, of a value that was not read
// from YAML: an INI file's, the command line's, a program's answer.
func FromValue(v value.Value, p Pos) *Node {
	switch v := v.(type) {
	case value.List:
		n := &Node{Kind: List, Pos: p}
		for _, e := range v {
			n.Items = append(n.Items, FromValue(e, p))
		}
		return n
	case *value.Map:
		n := &Node{Kind: Map, Pos: p}
		for i := range v.Len() {
			k, e := v.At(i)
			n.Fields = append(n.Fields, Field{Key: k, KeyPos: p, Value: FromValue(e, p)})
		}
		return n
	}
	n := &Node{Pos: p, Value: v}
	if v != nil {
		n.Raw = value.Text(v)
	}
	return n
}
