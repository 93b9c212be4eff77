package source

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mxplay/mxplay/runner/value"
)

func (c *converter) mapping(n *Node, y *yaml.Node, depth int) {
	n.Fields = make([]Field, 0, len(y.Content)/2)
	var merges []*Node
	var mergePos Pos
	seen := make(map[string]int, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		kp := c.places.of(k.Line, k.Column)
		if k.Kind == yaml.ScalarNode && k.Tag == "!!merge" && k.Style == 0 {
			m := c.node(v, depth+1)
			if merges != nil {
				c.fail(kp, "<< stands twice in this map").WithHint("<<: [*first, *second]")
				continue
			}
			merges, mergePos = c.merges(m), kp
			continue
		}
		if c.template(n, y, k, v) {
			return
		}
		c.colonOf(y, k, v, kp)
		key, ok := c.key(k, kp)
		val := c.node(v, depth+1)
		if !ok {
			continue
		}
		if j, twice := seen[key]; twice && c.emptied(n, j, kp) {
			continue
		} else if twice {
			c.fail(kp, "key %q stands twice in this map, first in line %d", key, n.Fields[j].KeyPos.Line)
			continue
		}
		seen[key] = len(n.Fields)
		n.Fields = append(n.Fields, Field{Key: key, KeyPos: kp, Value: val})
	}
	if merges != nil {
		c.merge(n, merges, mergePos)
	}
}

// template catches {{ x }} without quotes, which YAML reads as a map in a map.
func (c *converter) template(n *Node, y, k, v *yaml.Node) bool {
	if y.Style&yaml.FlowStyle == 0 || k.Kind != yaml.MappingNode || k.Style&yaml.FlowStyle == 0 {
		return false
	}
	if v.Kind != yaml.ScalarNode || v.Value != "" || n.Pos.Line != k.Line {
		return false
	}
	line := c.file.Line(n.Pos.Line)
	if r := []rune(line); n.Pos.Col > len(r) || !strings.HasPrefix(string(r[n.Pos.Col-1:]), "{{") {
		return false
	}
	c.fail(n.Pos, "a value that begins with {{ must be quoted").WithHint("quote it: %s", quoteLine(line, n.Pos.Col))
	return true
}

// emptied refuses, in place of a key that stands twice, the key right before
// it that has lost what stood below it: it stands too far to the right.
func (c *converter) emptied(n *Node, first int, at Pos) bool {
	last := n.Fields[len(n.Fields)-1]
	if len(n.Fields)-1 <= first || !last.Value.IsNull() || last.Value.Raw != "" || last.KeyPos.Col != at.Col {
		return false
	}
	c.fail(last.KeyPos, "nothing stands below %s, and %s, which follows it, stands twice in this map", last.Key, n.Fields[first].Key).
		WithHint("check the indentation of %s: what belongs to it begins further to the right", last.Key)
	return true
}

// colonOf refuses keys of maps in braces that have no colon, as in {name: a,
// gone true}, and keys with a colon too many: YAML takes both.
func (c *converter) colonOf(y, k, v *yaml.Node, at Pos) {
	if k.Kind != yaml.ScalarNode || k.Style != 0 || k.Value == "" {
		return
	}
	if bare := strings.TrimRight(k.Value, ":"); bare != k.Value && !strings.Contains(bare, ":") {
		if y.Style&yaml.FlowStyle != 0 && v.Value == "" {
			c.fail(at, "a colon needs a space behind it").WithHint("write %s: ", bare)
			return
		}
		c.fail(at, "a colon too many stands behind the key %s", bare).WithHint("write %s: ..., or quote the key if the colon belongs to it", bare)
		return
	}
	if y.Style&yaml.FlowStyle == 0 || v.Kind != yaml.ScalarNode || v.Value != "" || v.Style != 0 {
		return
	}
	off := c.file.Offset(at)
	rest, plain := strings.CutPrefix(string(c.file.Data[off:min(len(c.file.Data), off+len(k.Value)+64)]), k.Value)
	rest = strings.TrimLeft(rest, " \t\r\n")
	if !plain || rest == "" || rest[0] == ':' {
		return
	}
	e := c.fail(at, "a colon is missing: expected `key: value`")
	if word, val, two := strings.Cut(k.Value, " "); two {
		e.Hint = fmt.Sprintf("write %s: %s", strings.TrimRight(word, ":("), strings.TrimLeft(val, ": "))
	} else {
		e.Hint = "write " + k.Value + ": ..., or [ ] around a list"
	}
}

// key is a map's key as text.
func (c *converter) key(k *yaml.Node, at Pos) (string, bool) {
	n := k
	if k.Kind == yaml.AliasNode {
		n = k.Alias
	}
	if n.Kind != yaml.ScalarNode {
		c.fail(at, "a map's key must be text, not a list or a map")
		return "", false
	}
	if n.Style&yaml.TaggedStyle != 0 {
		if n.Tag == "!!str" {
			return n.Value, true
		}
		c.fail(at, "a key cannot have the tag %s", n.Tag)
		return "", false
	}
	if n.Style != 0 {
		return n.Value, true
	}
	v, ok := resolve(n.Value)
	if s, isText := v.(string); isText && ok {
		return s, true
	}
	name := value.TypeName(v)
	e := c.fail(at, "the key %s is of type %s, keys must be text", n.Value, name)
	if n.Value == "" {
		e.Msg = "a key is missing before the colon"
		return "", false
	}
	e.Hint = fmt.Sprintf("quote it: %q:", n.Value)
	return "", false
}

// merges are the maps that a << names, first to last.
func (c *converter) merges(m *Node) []*Node {
	list := []*Node{m}
	if m.Kind == List {
		list = m.Items
	}
	out := make([]*Node, 0, len(list))
	for _, e := range list {
		if e.Kind != Map {
			c.fail(e.Pos, "<< takes a map or a list of maps, not a %s", e.TypeName())
			continue
		}
		out = append(out, e)
	}
	return out
}

// merge puts the fields of merged maps before the own ones; an own key wins
// over a merged one and the first map over the later, and as in PyYAML a key
// keeps the place where it came first.
func (c *converter) merge(n *Node, maps []*Node, at Pos) {
	index := map[string]int{}
	var fields []Field
	add := func(f Field) {
		if i, ok := index[f.Key]; ok {
			fields[i] = f
			return
		}
		index[f.Key] = len(fields)
		fields = append(fields, f)
	}
	for i := len(maps) - 1; i >= 0; i-- {
		for _, f := range maps[i].Fields {
			add(f)
		}
	}
	for _, f := range n.Fields {
		add(f)
	}
	c.expanded += len(fields)
	if c.expanded > maxExpanded && !c.dead {
		c.dead = true
		c.fail(at, "the aliases of this file stand for more than %d values", maxExpanded)
	}
	n.Fields = fields
}
