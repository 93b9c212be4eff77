package inventory

import (
	"fmt"
	"slices"

	"github.com/mxplay/mxplay/runner/source"
)

// AddHost adds a host during a run, as add_host does: to "all", and to the
// groups, which are made when they are not there. It tells whether anything changed.
func (inv *Inventory) AddHost(name string, groups []string) (*Host, bool) {
	inv.growing.Lock()
	defer inv.growing.Unlock()
	changed := inv.hosts[name] == nil
	h := inv.host(name, inv.groups["all"], 0, "", source.Pos{})
	for _, g := range groups {
		changed = inv.addToGroup(h, g, nil) || changed
	}
	if changed {
		inv.finish()
	}
	return h, changed
}

// Membership is a host that goes into a group, and the group below others.
type Membership struct {
	Host    *Host
	Group   string
	Parents []string
}

// AddToGroups puts hosts into groups during a run, as group_by does. A group
// that would be above itself is an error, and stays where it was.
func (inv *Inventory) AddToGroups(ms []Membership) error {
	inv.growing.Lock()
	defer inv.growing.Unlock()
	var first error
	for _, m := range ms {
		inv.addToGroup(m.Host, m.Group, m.Parents)
		for _, p := range m.Parents {
			if err := inv.child(inv.groups[p], inv.groups[m.Group]); err != nil && first == nil {
				first = fmt.Errorf("group %s cannot go below %s: %w", m.Group, p, err)
			}
		}
	}
	inv.finish()
	return first
}

// Changes tells whether AddToGroups would change anything.
func (inv *Inventory) Changes(m Membership) bool {
	inv.growing.RLock()
	defer inv.growing.RUnlock()
	g := inv.groups[m.Group]
	if g == nil || !m.Host.In(g) {
		return true
	}
	for _, p := range m.Parents {
		if !slices.Contains(g.Parents, inv.groups[p]) || inv.groups[p] == nil {
			return true
		}
	}
	return false
}

func (inv *Inventory) addToGroup(h *Host, name string, parents []string) bool {
	g := inv.groups[name]
	changed := g == nil || !g.hosts[h]
	g = inv.group(name, source.Pos{})
	for _, p := range parents {
		inv.group(p, source.Pos{})
	}
	inv.join(g, h)
	return changed
}

// Promise says which hosts and groups may come to be during a run: Match does
// not warn of them. any is that nobody can list them.
func (inv *Inventory) Promise(names []string, any bool) {
	inv.growing.Lock()
	defer inv.growing.Unlock()
	inv.anyName = inv.anyName || any
	inv.promised = append(inv.promised, names...)
}

// Read does f, which looks at hosts and groups, while nothing is added.
func (inv *Inventory) Read(f func()) {
	inv.growing.RLock()
	defer inv.growing.RUnlock()
	f()
}

// SplitPort takes a port off a host's name; 0 is none.
func SplitPort(name string) (host string, port int64) {
	if h, p, ok := parseAddress(name); ok {
		return h, p
	}
	return name, 0
}

// OtherFiles are the variable files of groups and hosts that are not there,
// but may come to be: beside the sources and the playbook.
func (inv *Inventory) OtherFiles(playbookDir string) ([]Layer, error) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	dirs := inv.dirs
	if inv.beside(playbookDir) {
		dirs = append(dirs[:len(dirs):len(dirs)], playbookDir)
	}
	var out []Layer
	var errs source.Errors
	for _, kind := range []string{"group_vars", "host_vars"} {
		level := GroupInventoryFiles
		if kind == "host_vars" {
			level = HostInventoryFiles
		}
		for _, dir := range dirs {
			for _, name := range inv.varNames(dir, kind) {
				if kind == "group_vars" && inv.groups[name] == nil || kind == "host_vars" && inv.hosts[name] == nil {
					out = inv.addFiles(out, &errs, level, dir, kind, name)
				}
			}
		}
	}
	return out, errs.Err()
}
