package source

import "github.com/mxplay/mxplay/runner/value"

// Kind is what a node holds.
type Kind int

// The kinds of node.
const (
	Scalar Kind = iota // Node.Value is nil, bool, int64, float64 or string
	List               // Node.Items
	Map                // Node.Fields
)

// Node is a piece of a YAML (or JSON) document with its place: already
// resolved (PyYAML's YAML 1.1 table, but base 60 and dates stay text),
// aliases and << expanded, duplicate keys and unknown tags refused.
type Node struct {
	Kind   Kind
	Pos    Pos // where the value starts; for a quoted scalar the quote
	Value  value.Value
	Items  []*Node
	Fields []Field
	Unsafe bool // !unsafe: the strings below are no templates
	Vault  bool // !vault: Value is the armoured text

	file *File // the file it was read from, for positions inside a scalar
}

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

// File is a file that was read whole, kept to show its lines in errors.
type File struct {
	Name string // as the user would name it: relative to the working directory when that is shorter
	Data []byte
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
