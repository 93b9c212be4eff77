package expr

import (
	"maps"
	"slices"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Outcome is a literal that an expression may give as its value.
type Outcome struct {
	Value value.Value
	Pos   source.Pos
}

// Outcomes are the literals that a definition may give: the branches of a
// ternary, what stands right of ?? and what default() puts in. all tells
// whether it can give nothing else.
func (d *Def) Outcomes() (out []Outcome, all bool) {
	if v, ok := d.Constant(); ok {
		return []Outcome{{v, d.Pos}}, true
	}
	if d.Compile() != nil {
		return nil, false
	}
	t, ok := d.code.(*defText)
	if !ok || t.t.code.single == nil {
		return nil, false
	}
	return outcomes(t.t.origin, t.t.code.single)
}

func outcomes(o *origin, n node) (out []Outcome, all bool) {
	both := func(a, b node) ([]Outcome, bool) {
		x, allX := outcomes(o, a)
		y, allY := outcomes(o, b)
		return append(x, y...), allX && allY
	}
	switch n := n.(type) {
	case *litNode:
		return []Outcome{{n.v, o.pos(n.offset())}}, true
	case *condNode:
		return both(n.a, n.b)
	case *coalesceNode:
		return both(n.l, n.r)
	case *callNode:
		if n.fn.Name == "default" && len(n.args) > 1 {
			return both(n.args[0], n.args[1])
		}
	}
	return nil, false
}

// nearWords checks that a text to which a variable is compared is not almost
// one of those that its definitions give.
func (s *static) nearWords(n node, t Type, with node) {
	lit, ok := with.(*litNode)
	if !ok || t.Near == nil {
		return
	}
	word, ok := lit.v.(string)
	if _, is := t.Near[word]; !ok || is {
		return
	}
	for _, near := range slices.Sorted(maps.Keys(t.Near)) {
		if source.Misspelt(word, near) {
			s.errorf(with, "%s is never %s, it is %s (%s)", pathOf(n), source.QuoteYAML(word), source.QuoteYAML(near), t.Near[near]).Hint = "did you mean " + near + "? One of the two is misspelt"
			return
		}
	}
}

// misspells tells whether a member that a map cannot have is almost one that it
// has: then no default was meant.
func (t Type) misspells(name string) bool {
	if t.Kind != KMap && t.Kind != KMap|KNull || !t.Closed {
		return false
	}
	for f := range t.Fields {
		if source.Misspelt(name, f) {
			return true
		}
	}
	return false
}
