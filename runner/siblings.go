package runner

import (
	"maps"
	"slices"

	"github.com/mxplay/mxplay/runner/source"
)

// siblings refuses a key of one of several maps in a list that is almost a key
// of another of them, which this one lacks: [{name: a, port: 1}, {name: b, prot: 2}].
func siblings(n *source.Node, fail func(*source.Error)) {
	switch n.Kind {
	case source.List:
		var entries []*source.Node
		for _, x := range n.Items {
			siblings(x, fail)
			if x.Kind == source.Map {
				entries = append(entries, x)
			}
		}
		if len(entries) > 1 && len(entries) <= 1000 {
			oddKeys(entries, fail)
		}
	case source.Map:
		for _, f := range n.Fields {
			siblings(f.Value, fail)
		}
	}
}

func oddKeys(entries []*source.Node, fail func(*source.Error)) {
	count := map[string]int{}
	first := map[string]source.Pos{}
	for _, m := range entries {
		for _, f := range m.Fields {
			if count[f.Key]++; count[f.Key] == 1 {
				first[f.Key] = f.KeyPos
			}
		}
	}
	for _, m := range entries {
		shares := false
		for _, f := range m.Fields {
			shares = shares || count[f.Key] > 1
		}
		if !shares {
			continue
		}
		for _, f := range m.Fields {
			if count[f.Key] > 1 {
				continue
			}
			for _, other := range slices.Sorted(maps.Keys(count)) {
				if source.Misspelt(f.Key, other) && m.Get(other) == nil && (count[other] > 1 || source.Compare(first[other], f.KeyPos) < 0) {
					fail(source.Errorf(f.KeyPos, "the other entries of this list have no %s, but %s (%s)", f.Key, other, first[other]).WithHint("did you mean %s?", other))
					break
				}
			}
		}
	}
}

// oddKey is such a key in a variable.
type oddKey struct {
	name string
	err  *source.Error
}

// oddKeys reports those of variables whose keys no argument specs describe.
func (c *compiler) oddKeys() {
	for _, k := range c.odd {
		if o := c.options[k.name]; o == nil || len(o.Options) == 0 {
			c.errs = append(c.errs, k.err)
		}
	}
}
