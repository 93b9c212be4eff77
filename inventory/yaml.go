package inventory

import (
	"fmt"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// yamlReader reads one YAML inventory, whose groups are maps of hosts,
// children and vars.
type yamlReader struct {
	inv  *Inventory
	src  string
	errs source.Errors
}

func readYAML(inv *Inventory, root *source.Node, src string) error {
	r := &yamlReader{inv: inv, src: src}
	if root.IsNull() {
		return nil
	}
	if root.Kind != source.Map {
		return root.Errorf("a YAML inventory is a map of groups, not a %s", root.TypeName()).WithHint("all:\n  hosts:\n    web1:")
	}
	if root.Get("plugin") != nil {
		return readPlugin(inv, root, src)
	}
	for i, f := range root.Fields {
		if f.Key == "hosts" || f.Key == "children" || f.Key == "vars" {
			r.errs = append(r.errs, root.KeyErrorf(i, "%s stands in no group", f.Key).WithHint("all:\n  %s:", f.Key))
			continue
		}
		r.group(f)
	}
	return r.errs.Err()
}

var sections = []string{"hosts", "children", "vars"}

func (r *yamlReader) group(f source.Field) {
	if f.Key == "" {
		r.errs = append(r.errs, source.Errorf(f.KeyPos, "the name of the group is empty").In(f.Value.File()))
		return
	}
	g := r.inv.group(f.Key, f.KeyPos)
	n := f.Value
	if n.IsNull() {
		return
	}
	if n.Kind != source.Map {
		r.errs = append(r.errs, n.Errorf("group %s takes hosts, children and vars, not a %s", f.Key, n.TypeName()))
		return
	}
	for i, s := range n.Fields {
		switch s.Key {
		case "vars":
			r.vars(g, s)
		case "children":
			r.children(g, s)
		case "hosts":
			r.hosts(g, s)
		default:
			e := n.KeyErrorf(i, "group %s has hosts, children and vars, not %q", f.Key, s.Key)
			if near := source.DidYouMean(s.Key, sections); near != "" {
				e.Hint = "did you mean " + near + "?"
			} else if s.Value.Kind == source.Map || s.Value.IsNull() {
				e.Hint = "put a group below children, a host below hosts, a variable below vars"
			}
			r.errs = append(r.errs, e)
		}
	}
}

// entries are the entries of a section; one name alone may stand as text.
func (r *yamlReader) entries(g *Group, s source.Field) []source.Field {
	n := s.Value
	if n.IsNull() {
		return nil
	}
	if name, ok := n.Value.(string); ok && n.Kind == source.Scalar && s.Key != "vars" {
		return []source.Field{{Key: name, KeyPos: n.Pos, Value: source.FromValue(nil, n.Pos)}}
	}
	if n.Kind == source.Map {
		return n.Fields
	}
	e := n.Errorf("%s of group %s is a map, not a %s", s.Key, g.Name, n.TypeName())
	if n.Kind == source.List && len(n.Items) > 0 && n.Items[0].Kind == source.Scalar {
		e.Hint = fmt.Sprintf("end each name with a colon, without a dash: %s:", n.Items[0].Raw)
	}
	r.errs = append(r.errs, e)
	return nil
}

func (r *yamlReader) vars(g *Group, s source.Field) {
	for _, f := range r.entries(g, s) {
		if err := g.set(f.Key, Var{Node: f.Value, Pos: f.KeyPos}); err != nil {
			r.errs = append(r.errs, f.Value.Errorf("%v", err))
		}
	}
}

func (r *yamlReader) children(g *Group, s source.Field) {
	for _, f := range r.entries(g, s) {
		if f.Key != "" {
			if err := r.inv.child(g, r.inv.group(f.Key, f.KeyPos)); err != nil {
				r.errs = append(r.errs, source.Errorf(f.KeyPos, "%v", err).In(s.Value.File()))
			}
		}
		r.group(f)
	}
}

func (r *yamlReader) hosts(g *Group, s source.Field) {
	for _, f := range r.entries(g, s) {
		names, port, err := expandHost(strings.TrimSpace(f.Key))
		if err != nil {
			r.errs = append(r.errs, source.Errorf(f.KeyPos, "%v", err).In(s.Value.File()))
			continue
		}
		n := f.Value
		if !n.IsNull() && n.Kind != source.Map {
			r.errs = append(r.errs, n.Errorf("the variables of host %s are a map, not a %s", f.Key, n.TypeName()))
			continue
		}
		for _, name := range names {
			h := r.inv.host(name, g, port, r.src, f.KeyPos)
			for _, v := range n.Fields {
				h.Vars[v.Key] = Var{Node: v.Value, Pos: v.KeyPos}
			}
		}
	}
}
