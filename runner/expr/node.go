package expr

import (
	"strconv"

	"github.com/mxplay/mxplay/runner/value"
)

// node is one piece of a parsed expression. Nodes are immutable and shared;
// offsets count from the start of the source text.
type node interface {
	offset() int
	eval(ev *evaluator) (value.Value, error)
}

// pathNode is a node whose value keeps the places of its secrets.
type pathNode interface {
	node
	path(ev *evaluator) (value.Value, *Taint, error)
}

type at int

func (a at) offset() int { return int(a) }

type (
	litNode struct {
		at
		v value.Value
	}
	identNode struct {
		at
		name string
	}
	// memberNode is base.name and base[index]; index is nil for the first.
	memberNode struct {
		at
		base  node
		name  string
		index node
		opt   bool
	}
	// chainNode is where a ?. that met null ends.
	chainNode struct {
		at
		n node
	}
	sliceNode struct {
		at
		base, from, to node
	}
	notNode struct {
		at
		n node
	}
	signNode struct {
		at
		n   node
		neg bool
	}
	logicNode struct {
		at
		or   bool
		l, r node
	}
	binNode struct {
		at
		op   string
		l, r node
	}
	// compareNode is a chain of comparisons: a < b == c is a < b and b == c.
	compareNode struct {
		at
		first node
		links []link
	}
	coalesceNode struct {
		at
		l, r node
	}
	condNode struct {
		at
		cond, a, b node
	}
	callNode struct {
		at
		fn   *Function
		args []node
	}
	// dynNode calls what a template file defines: a macro, loop.cycle.
	dynNode struct {
		at
		callee node
		args   []node
	}
	closureNode struct {
		at
		body node
	}
	pointerNode struct {
		at
		name string // "", index, acc
	}
	listNode struct {
		at
		items []node
	}
	mapNode struct {
		at
		keys, vals []node
	}
)

// link is one operator of a chain of comparisons and what stands right of it.
type link struct {
	op  string
	neg bool // not in, not matches
	off int
	n   node
	re  *regex // of matches with a literal
}

// pathOf writes a node as a path: result.stdout, users[0].name.
func pathOf(n node) string {
	switch n := n.(type) {
	case *identNode:
		return n.name
	case *chainNode:
		return pathOf(n.n)
	case *pointerNode:
		return "#" + n.name
	case *callNode:
		return n.fn.Name + "(…)"
	case *dynNode:
		return pathOf(n.callee) + "(…)"
	case *memberNode:
		base := pathOf(n.base)
		if n.index == nil {
			if base == "#" {
				return "." + n.name
			}
			return base + "." + n.name
		}
		switch i := n.index.(type) {
		case *litNode:
			if s, ok := i.v.(string); ok {
				return base + "[" + strconv.Quote(s) + "]"
			}
			return base + "[" + value.Text(i.v) + "]"
		}
		return base + "[" + pathOf(n.index) + "]"
	case *litNode:
		return value.Short(n.v, 30)
	}
	return "…"
}

// staticPath is the name a node begins at and the constant members after it;
// ok is false when the node is no path. whole is false when a computed index cut it short.
func staticPath(n node) (id *identNode, members []string, whole, ok bool) {
	switch n := n.(type) {
	case *identNode:
		return n, nil, true, true
	case *chainNode:
		return staticPath(n.n)
	case *memberNode:
		id, members, whole, ok = staticPath(n.base)
		if !ok || !whole {
			return id, members, false, ok
		}
		key, static := n.name, n.index == nil
		if lit, isLit := n.index.(*litNode); isLit {
			switch k := lit.v.(type) {
			case string:
				key, static = k, true
			case int64:
				key, static = strconv.FormatInt(k, 10), true
			}
		}
		if !static {
			return id, members, false, true
		}
		return id, append(members[:len(members):len(members)], key), true, true
	}
	return nil, nil, false, false
}

// children calls f for each node directly below n.
func children(n node, f func(node)) {
	each := func(ns ...node) {
		for _, c := range ns {
			if c != nil {
				f(c)
			}
		}
	}
	switch n := n.(type) {
	case *memberNode:
		each(n.base)
		if n.index != nil {
			f(n.index)
		}
	case *chainNode:
		each(n.n)
	case *sliceNode:
		each(n.base, n.from, n.to)
	case *notNode:
		each(n.n)
	case *signNode:
		each(n.n)
	case *logicNode:
		each(n.l, n.r)
	case *binNode:
		each(n.l, n.r)
	case *compareNode:
		each(n.first)
		for _, k := range n.links {
			each(k.n)
		}
	case *coalesceNode:
		each(n.l, n.r)
	case *condNode:
		each(n.cond, n.a, n.b)
	case *callNode:
		each(n.args...)
	case *dynNode:
		each(n.callee)
		each(n.args...)
	case *closureNode:
		each(n.body)
	case *listNode:
		each(n.items...)
	case *mapNode:
		for i := range n.keys {
			each(n.keys[i], n.vals[i])
		}
	}
}
