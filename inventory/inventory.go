// Package inventory reads what says which hosts there are: INI and YAML files,
// folders of them, programs that print JSON, lists of names; with group_vars
// and host_vars beside them. It knows hosts, groups, variables by level, and
// host patterns, all by the rules of Ansible.
package inventory

import (
	"sync"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Inventory is all hosts and groups of a run, in the order in which the
// sources name them. It is not changed after Load, but by AddHost and AddToGroups.
type Inventory struct {
	Hosts    []*Host
	Groups   []*Group // "all" and "ungrouped" come first
	Warnings source.Errors

	hosts    map[string]*Host
	groups   map[string]*Group
	dirs     []string // the folders that group_vars and host_vars stand in
	decrypt  func(path string, data []byte) ([]byte, error)
	implicit map[string]*Host // by name
	readDirs []string         // the folders of the files that were read so far
	extra    *expr.Layer
	cache    *expr.Cache // of impure functions in constructed sources

	growing  sync.RWMutex // hosts and groups while a run adds some
	promised []string     // names that it may add
	anyName  bool         // it may add any

	mu     sync.Mutex
	files  map[string]fileVars        // group_vars and host_vars by folder, kind and name
	lists  map[string]map[string]bool // what those folders hold
	layers map[layerKey][]Layer
}

// Var is a variable's value with its place.
type Var struct {
	Node    *source.Node // Node.Unsafe: its strings are no templates
	Pos     source.Pos   // where the name stands
	Program bool         // an executable inventory said so; its Nodes are Unsafe
}

// Plain is the value as it stands, its templates not replaced.
func (v Var) Plain() value.Value { return v.Node.Plain() }

// Host is one machine, or one name of a machine.
type Host struct {
	Name     string
	Groups   []*Group // that name it directly, in the order in which they do
	Vars     Vars     // set at the host itself
	Pos      source.Pos
	Source   string // the file or list that named it first
	Implicit bool   // localhost, that no source names

	index  int
	inList bool     // Source is a list of names, no file
	member []*Group // all groups above it but "all", sorted by precedence
}

// Group is a name for hosts.
type Group struct {
	Name     string
	Depth    int // the longest way from "all"
	Priority int // ansible_group_priority, 1 unless set
	Hosts    []*Host
	Children []*Group
	Parents  []*Group
	Vars     Vars
	Pos      source.Pos

	hosts map[*Host]bool
	index int
}

// Vars are variables by name.
type Vars map[string]Var

func newInventory() *Inventory {
	inv := &Inventory{
		hosts: map[string]*Host{}, implicit: map[string]*Host{}, groups: map[string]*Group{},
		files: map[string]fileVars{}, lists: map[string]map[string]bool{}, layers: map[layerKey][]Layer{},
		cache: expr.NewCache(),
	}
	inv.group("all", source.Pos{})
	inv.child(inv.groups["all"], inv.group("ungrouped", source.Pos{}))
	return inv
}

// Host is the host of a name; nil when there is none. The names of this
// machine (localhost, 127.0.0.1, ::1) are always there.
func (inv *Inventory) Host(name string) *Host {
	inv.growing.RLock()
	defer inv.growing.RUnlock()
	if h := inv.hosts[name]; h != nil {
		return h
	}
	if isLocal(name) {
		return inv.localhost(name)
	}
	return nil
}

// Has tells whether a source names the host.
func (inv *Inventory) Has(name string) bool {
	inv.growing.RLock()
	defer inv.growing.RUnlock()
	return inv.hosts[name] != nil
}

// Group is the group of a name; nil when there is none.
func (inv *Inventory) Group(name string) *Group {
	inv.growing.RLock()
	defer inv.growing.RUnlock()
	return inv.groups[name]
}

func isLocal(name string) bool {
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}

// localhost is the host of the sources that is this machine, else one that no
// source names and that "all" does not hold.
func (inv *Inventory) localhost(name string) *Host {
	for _, h := range inv.Hosts {
		if isLocal(h.Name) {
			return h
		}
	}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	h := inv.implicit[name]
	if h == nil {
		p := source.Pos{}
		h = &Host{Name: name, Implicit: true, index: -1, Vars: Vars{
			"ansible_connection": {Node: source.FromValue("local", p), Pos: p},
		}}
		inv.implicit[name] = h
	}
	return h
}

// AllHosts are the hosts of the group and of all groups below it, each once:
// first its own, then those of its children, then of theirs.
func (g *Group) AllHosts() []*Host {
	var out []*Host
	seen := map[*Host]bool{}
	for _, d := range g.below() {
		for _, h := range d.Hosts {
			if !seen[h] {
				seen[h] = true
				out = append(out, h)
			}
		}
	}
	return out
}

// below are the group itself and its descendants, level by level.
func (g *Group) below() []*Group {
	out := []*Group{g}
	seen := map[*Group]bool{g: true}
	for i := 0; i < len(out); i++ {
		for _, c := range out[i].Children {
			if !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
	}
	return out
}

// above are the group's ancestors.
func (g *Group) above() map[*Group]bool {
	seen := map[*Group]bool{}
	todo := append([]*Group(nil), g.Parents...)
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[p] {
			seen[p] = true
			todo = append(todo, p.Parents...)
		}
	}
	return seen
}

// GroupNames are the names of all groups that the host is in, directly or
// not, sorted, without "all".
func (h *Host) GroupNames() []string {
	out := make([]string, len(h.member))
	for i, g := range h.member {
		out[i] = g.Name
	}
	sortStrings(out)
	return out
}

// In tells whether the host is in the group, directly or not.
func (h *Host) In(g *Group) bool {
	if g.Name == "all" {
		return !h.Implicit
	}
	for _, m := range h.member {
		if m == g {
			return true
		}
	}
	return false
}
