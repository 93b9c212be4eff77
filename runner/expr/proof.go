package expr

import (
	"slices"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// proof is a list of paths that are defined.
type proof struct {
	path string
	next *proof
}

func prove(p *proof, paths []string) *proof {
	for _, s := range paths {
		p = &proof{s, p}
	}
	return p
}

// has tells whether a path is defined: it was proven, or one below it was.
func (p *proof) has(path string) bool {
	for ; p != nil; p = p.next {
		if strings.HasPrefix(p.path, path) && (len(p.path) == len(path) || p.path[len(path)] == '.') {
			return true
		}
	}
	return false
}

// with runs f where more paths are defined.
func (s *static) with(paths []string, f func()) {
	old := s.proven
	s.proven = prove(old, paths)
	f()
	s.proven = old
}

// fact is the path of a node as proofs name it; "" when it is none.
func fact(n node) string {
	id, members, whole, ok := staticPath(n)
	if !ok || !whole {
		return ""
	}
	return strings.Join(append([]string{id.name}, members...), ".")
}

// facts are the paths that are defined when n came out as want.
func facts(n node, want bool) []string {
	one := func(n node) []string {
		if f := fact(n); f != "" {
			return []string{f}
		}
		return nil
	}
	switch n := n.(type) {
	case *notNode:
		return facts(n.n, !want)
	case *logicNode:
		if n.or != want {
			return append(facts(n.l, want), facts(n.r, want)...)
		}
		var both []string
		right := facts(n.r, want)
		for _, f := range facts(n.l, want) {
			if slices.Contains(right, f) {
				both = append(both, f)
			}
		}
		return both
	case *callNode:
		switch n.fn.Name {
		case "defined":
			if want {
				return one(n.args[0])
			}
		case "default":
			if b, ok := constBool(n.args[1]); ok && b != want {
				return one(n.args[0])
			}
		}
	case *coalesceNode:
		if b, ok := constBool(n.r); ok && b != want {
			return one(n.l)
		}
	case *compareNode:
		// default(x, "") == "a" and default(x, "") != "" are true only of a defined x
		if len(n.links) != 1 {
			return nil
		}
		k := n.links[0]
		lit, ok := k.n.(*litNode)
		if !ok || k.op != "==" && k.op != "!=" {
			return nil
		}
		var path, instead node
		switch l := n.first.(type) {
		case *callNode:
			if l.fn.Name == "default" {
				path, instead = l.args[0], l.args[1]
			}
		case *coalesceNode:
			path, instead = l.l, l.r
		}
		if d, ok := instead.(*litNode); ok {
			same := value.Equal(d.v, lit.v)
			if (same == (k.op == "!=")) == want {
				return one(path)
			}
		}
	}
	return nil
}
