package inventory

import (
	"fmt"
	"slices"
	"sort"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

func sortStrings(s []string) { sort.Strings(s) }

func sortTexts(l value.List) {
	sort.Slice(l, func(i, j int) bool { return l[i].(string) < l[j].(string) })
}

// group is the group of a name, made when it is not there.
func (inv *Inventory) group(name string, p source.Pos) *Group {
	if g := inv.groups[name]; g != nil {
		if g.Pos.IsZero() {
			g.Pos = p
		}
		return g
	}
	g := &Group{Name: name, Priority: 1, Vars: Vars{}, Pos: p, hosts: map[*Host]bool{}, index: len(inv.Groups)}
	inv.groups[name] = g
	inv.Groups = append(inv.Groups, g)
	return g
}

// host is the host of a name, made when it is not there, as a member of the
// group. A port counts where the host is named first, as in Ansible.
func (inv *Inventory) host(name string, g *Group, port int64, src string, p source.Pos) *Host {
	h := inv.hosts[name]
	if h == nil {
		h = &Host{Name: name, Vars: Vars{}, Pos: p, Source: src, index: len(inv.Hosts)}
		if port != 0 {
			h.Vars["ansible_port"] = Var{Node: source.FromValue(port, p), Pos: p}
		}
		inv.hosts[name] = h
		inv.Hosts = append(inv.Hosts, h)
	}
	inv.join(g, h)
	return h
}

func (inv *Inventory) join(g *Group, h *Host) {
	if !g.hosts[h] {
		g.hosts[h] = true
		g.Hosts = append(g.Hosts, h)
		h.Groups = append(h.Groups, g)
	}
}

// leave takes those hosts out of a group of which gone says so.
func (inv *Inventory) leave(g *Group, gone func(*Host) bool) {
	g.Hosts = slices.DeleteFunc(g.Hosts, func(h *Host) bool {
		if !gone(h) {
			return false
		}
		delete(g.hosts, h)
		h.Groups = slices.DeleteFunc(h.Groups, func(o *Group) bool { return o == g })
		return true
	})
}

// child puts a group below another. It fails where that would be a circle.
func (inv *Inventory) child(parent, child *Group) error {
	if parent == child {
		return fmt.Errorf("group %s cannot be its own child", child.Name)
	}
	for _, c := range parent.Children {
		if c == child {
			return nil
		}
	}
	if child.Name == "all" {
		return fmt.Errorf("group all holds every group and can be a child of none")
	}
	if parent.above()[child] {
		return fmt.Errorf("group %s is above group %s already and cannot be below it too", child.Name, parent.Name)
	}
	parent.Children = append(parent.Children, child)
	child.Parents = append(child.Parents, parent)
	return nil
}

// setGroupVar sets a variable of a group; ansible_group_priority is none.
func (g *Group) set(name string, v Var) error {
	if name != "ansible_group_priority" {
		g.Vars[name] = v
		return nil
	}
	switch n := v.Plain().(type) {
	case int64:
		g.Priority = int(n)
		return nil
	case string:
		if i, err := parseInt(n); err == nil {
			g.Priority = i
			return nil
		}
	}
	return fmt.Errorf("ansible_group_priority must be a whole number, not %s", value.Short(v.Plain(), 40))
}

// finish brings the parts together after all sources were read: groups without
// a parent go below all, hosts without a group into ungrouped, and depths and
// memberships are counted.
func (inv *Inventory) finish() {
	all, ungrouped := inv.groups["all"], inv.groups["ungrouped"]
	for _, g := range inv.Groups {
		if g != all && len(g.Parents) == 0 {
			_ = inv.child(all, g) // cannot be a circle: all is a child of none
		}
	}
	grouped := func(h *Host) bool {
		return slices.ContainsFunc(h.Groups, func(g *Group) bool { return g != all && g != ungrouped })
	}
	inv.leave(ungrouped, grouped)
	for _, h := range inv.Hosts {
		if !grouped(h) {
			inv.join(ungrouped, h)
		}
	}
	inv.depths()
	above := make(map[*Group][]*Group, len(inv.Groups))
	for _, h := range inv.Hosts {
		h.member = membership(h, above)
	}
	inv.sameNames()
}

// depths sets each group's longest way from all.
func (inv *Inventory) depths() {
	depth := map[*Group]int{}
	var of func(g *Group) int
	of = func(g *Group) int {
		if d, ok := depth[g]; ok {
			return d
		}
		d := 0
		for _, p := range g.Parents {
			d = max(d, of(p)+1)
		}
		depth[g] = d
		return d
	}
	for _, g := range inv.Groups {
		g.Depth = of(g)
	}
}

// membership are all groups of a host but "all", sorted low to high.
func membership(h *Host, above map[*Group][]*Group) []*Group {
	seen := map[*Group]bool{}
	var out []*Group
	add := func(g *Group) {
		if !seen[g] && g.Name != "all" {
			seen[g] = true
			out = append(out, g)
		}
	}
	for _, g := range h.Groups {
		add(g)
		up, ok := above[g]
		if !ok {
			for p := range g.above() {
				up = append(up, p)
			}
			above[g] = up
		}
		for _, p := range up {
			add(p)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		switch {
		case a.Depth != b.Depth:
			return a.Depth < b.Depth
		case a.Priority != b.Priority:
			return a.Priority < b.Priority
		}
		return a.Name < b.Name
	})
	return out
}

func (inv *Inventory) sameNames() {
	for _, g := range inv.Groups {
		if h := inv.hosts[g.Name]; h != nil {
			inv.warn(source.Errorf(h.Pos, "%s names both a host and a group", g.Name))
		}
	}
}

func (inv *Inventory) warn(e *source.Error) {
	for _, w := range inv.Warnings {
		if w.Pos == e.Pos && w.Msg == e.Msg {
			return
		}
	}
	inv.Warnings = append(inv.Warnings, e)
}
