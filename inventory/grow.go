package inventory

import "github.com/mxplay/mxplay/runner/source"

// AddHost adds a host during a run, as add_host does: to "all", and to the
// groups, which are made when they are not there. The variables are added to
// those that the host has. It tells whether anything changed but variables.
// No other call may be under way.
func (inv *Inventory) AddHost(name string, groups []string, vars Vars) (*Host, bool) {
	had := inv.hosts[name] != nil
	h := inv.host(name, inv.groups["all"], 0, "", source.Pos{})
	changed := !had
	for k, v := range vars {
		h.Vars[k] = v
	}
	for _, g := range groups {
		changed = inv.AddToGroup(h, g, "") || changed
	}
	inv.finish()
	return h, changed
}

// AddToGroup puts a host into a group during a run, as group_by does, and the
// group, when it is new, below parent ("" is below "all"). It tells whether
// anything changed. No other call may be under way.
func (inv *Inventory) AddToGroup(h *Host, name, parent string) bool {
	g := inv.groups[name]
	changed := g == nil || !g.hosts[h]
	g = inv.group(name, source.Pos{})
	if parent != "" && parent != name {
		p := inv.group(parent, source.Pos{})
		before := len(p.Children)
		_ = inv.child(p, g) // a circle is left as it is
		changed = changed || len(p.Children) > before
	}
	inv.join(g, h)
	inv.finish()
	return changed
}
