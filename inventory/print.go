package inventory

import (
	"bytes"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// View says what of an inventory is to be printed.
type View struct {
	Limit       string      // a pattern; "" is all
	PlaybookDir string      // the folder whose group_vars and host_vars count too
	Group       string      // for Graph: where it begins; "" is "all"
	ShowVars    bool        // for Graph
	Export      bool        // for List: variables where they are set, not put together by host
	Extra       *expr.Layer // of the command line: every host has them; nil: none

	same map[*source.Node]value.Value // for YAML: values of nodes that stand in several places
}

// ListJSON prints what ansible-inventory --list prints.
func ListJSON(inv *Inventory, v View) ([]byte, error) {
	hosts, err := v.hosts(inv)
	if err != nil {
		return nil, err
	}
	in := map[*Host]bool{}
	hostvars := value.NewMap(len(hosts))
	for _, h := range hosts {
		in[h] = true
		vars, err := v.hostVars(inv, h, marked)
		if err != nil {
			return nil, err
		}
		if vars.Len() > 0 {
			hostvars.Set(h.Name, vars)
		}
	}
	out := value.MapOf("_meta", value.MapOf("hostvars", hostvars, "profile", "inventory_legacy"))
	seen := map[*Group]bool{}
	var add func(g *Group) error
	add = func(g *Group) error {
		m := value.NewMap(3)
		if l := members(g, in); len(l) > 0 {
			m.Set("hosts", l)
		}
		var children value.List
		for _, c := range g.Children {
			children = append(children, c.Name)
			if !seen[c] {
				if err := add(c); err != nil {
					return err
				}
				seen[c] = true
			}
		}
		if len(children) > 0 {
			m.Set("children", children)
		}
		if v.Export {
			vars, err := v.groupVars(inv, g, marked)
			if err != nil {
				return err
			}
			if vars.Len() > 0 {
				m.Set("vars", vars)
			}
		}
		if m.Len() > 0 {
			out.Set(g.Name, m)
		}
		return nil
	}
	if err := add(inv.groups["all"]); err != nil {
		return nil, err
	}
	return pyJSON(out), nil
}

// members are the names of a group's own hosts, of those that are to be shown.
func members(g *Group, in map[*Host]bool) value.List {
	if g.Name == "all" {
		return nil
	}
	var l value.List
	for _, h := range g.Hosts {
		if in[h] {
			l = append(l, h.Name)
		}
	}
	return l
}

func (v View) hosts(inv *Inventory) ([]*Host, error) {
	hosts, _, err := inv.Match("all", v.Limit)
	return hosts, err
}

// HostJSON prints what ansible-inventory --host NAME prints.
func HostJSON(inv *Inventory, name string, v View) ([]byte, error) {
	h, err := inv.oneHost(name)
	if err != nil {
		return nil, err
	}
	vars, err := v.hostVars(inv, h, secrets)
	if err != nil {
		return nil, err
	}
	return pyJSON(vars), nil
}

// oneHost is the host of a pattern that must name one.
func (inv *Inventory) oneHost(name string) (*Host, error) {
	hosts, warnings, err := inv.Match(name, "")
	if err != nil {
		return nil, err
	}
	if len(hosts) == 1 {
		return hosts[0], nil
	}
	e := &source.Error{Msg: "no host is named " + name}
	if len(hosts) > 1 {
		e.Msg = name + " is more than one host"
	}
	for _, w := range warnings {
		e.Hint = w.Hint
	}
	return nil, e
}

// Graph prints what ansible-inventory --graph prints.
func Graph(inv *Inventory, v View) ([]byte, error) {
	if v.Group == "" {
		v.Group = "all"
	}
	g := inv.groups[v.Group]
	if g == nil {
		e := &source.Error{Msg: "no group is named " + v.Group}
		var names []string
		for _, o := range inv.Groups {
			names = append(names, o.Name)
		}
		if near := source.DidYouMean(v.Group, names); near != "" {
			e.Hint = "did you mean " + near + "?"
		}
		return nil, e
	}
	p := &grapher{inv: inv, v: v}
	err := p.group(g, 0)
	return p.b.Bytes(), err
}

type grapher struct {
	inv *Inventory
	v   View
	b   bytes.Buffer
}

func (p *grapher) line(depth int, s string) {
	if depth > 0 {
		p.b.WriteString(strings.Repeat("  |", depth) + "--")
	}
	p.b.WriteString(s + "\n")
}

func (p *grapher) vars(depth int, m *value.Map, err error) error {
	if err != nil {
		return err
	}
	keys := append([]string(nil), m.Keys()...)
	sort.Strings(keys)
	for _, k := range keys {
		val, _ := m.Get(k)
		s, ok := val.(string)
		if !ok {
			s = pyRepr(val)
		}
		p.line(depth, "{"+k+" = "+s+"}")
	}
	return nil
}

func (p *grapher) group(g *Group, depth int) error {
	p.line(depth, "@"+g.Name+":")
	depth++
	for _, c := range g.Children {
		if err := p.group(c, depth); err != nil {
			return err
		}
	}
	if g.Name != "all" {
		for _, h := range g.Hosts {
			p.line(depth, h.Name)
			if p.v.ShowVars {
				m, err := p.v.hostVars(p.inv, h, bare)
				if err := p.vars(depth+1, m, err); err != nil {
					return err
				}
			}
		}
	}
	if !p.v.ShowVars {
		return nil
	}
	m, err := p.v.groupVars(p.inv, g, bare)
	return p.vars(depth, m, err)
}

// hostVars are a host's variables as values: all levels, or with Export its own.
func (v View) hostVars(inv *Inventory, h *Host, f form) (*value.Map, error) {
	layers, err := inv.Layers(h, v.PlaybookDir)
	if err != nil {
		return nil, err
	}
	out := value.NewMap(0)
	for _, l := range layers {
		if v.Export && l.Level < HostVars {
			continue
		}
		for _, k := range sortedNames(l.Vars) {
			out.Set(k, shown(l.Vars[k], f, v.same))
		}
	}
	if v.Extra != nil && !v.Export {
		for _, k := range slices.Sorted(maps.Keys(v.Extra.Vars)) {
			if d := v.Extra.Vars[k]; d.Node != nil {
				out.Set(k, shownNode(d.Node, f, false, v.same))
			}
		}
	}
	return withoutInternal(out), nil
}

// form is how much of a value's nature is shown.
type form int

const (
	bare    form = iota // the value alone
	secrets             // what is encrypted is marked
	marked              // what is no template too
)

// shown is a variable as ansible-inventory shows it. What is marked tells
// whoever reads the answer not to take it for a template, or to decrypt it.
func shown(v Var, f form, same map[*source.Node]value.Value) value.Value {
	if v.Program {
		f = bare
	}
	return shownNode(v.Node, f, false, same)
}

// shownNode gives for the same list or map the same value, if same is not nil.
func shownNode(n *source.Node, how form, unsafe bool, same map[*source.Node]value.Value) value.Value {
	if v, ok := same[n]; ok {
		return v
	}
	v := shownPart(n, how, unsafe || n.Unsafe, same)
	if same != nil && n.Kind != source.Scalar {
		same[n] = v
	}
	return v
}

func shownPart(n *source.Node, how form, unsafe bool, same map[*source.Node]value.Value) value.Value {
	switch n.Kind {
	case source.List:
		l := make(value.List, len(n.Items))
		for i, e := range n.Items {
			l[i] = shownNode(e, how, unsafe, same)
		}
		return l
	case source.Map:
		m := value.NewMap(len(n.Fields))
		for _, f := range n.Fields {
			m.Set(f.Key, shownNode(f.Value, how, unsafe, same))
		}
		return m
	}
	s, ok := n.Value.(string)
	switch {
	case ok && n.Vault && how == bare:
		return "(encrypted)"
	case ok && n.Vault:
		return value.MapOf("__ansible_vault", s)
	case ok && unsafe && how == marked:
		return value.MapOf("__ansible_unsafe", s)
	}
	return n.Value
}

// groupVars are what a group sets itself, files included.
func (v View) groupVars(inv *Inventory, g *Group, f form) (*value.Map, error) {
	out := value.NewMap(0)
	layers, err := inv.GroupLayers(g, v.PlaybookDir)
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		for _, k := range sortedNames(l.Vars) {
			out.Set(k, shown(l.Vars[k], f, v.same))
		}
	}
	if g.Priority != 1 {
		out.Set("ansible_group_priority", int64(g.Priority))
	}
	return withoutInternal(out), nil
}

func sortedNames(vars Vars) []string {
	out := make([]string, 0, len(vars))
	for k := range vars {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func withoutInternal(m *value.Map) *value.Map {
	for _, k := range internalNames {
		m.Delete(k)
	}
	return m
}

// internalNames are the variables that ansible-inventory never shows, since
// Ansible sets them itself.
var internalNames = strings.Fields(`ansible_async_path ansible_collection_name ansible_config_file ansible_dependent_role_names
	ansible_diff_mode ansible_facts ansible_forks ansible_inventory_sources ansible_limit ansible_play_batch ansible_play_hosts
	ansible_play_hosts_all ansible_play_role_names ansible_playbook_python ansible_role_name ansible_role_names ansible_run_tags
	ansible_skip_tags ansible_verbosity ansible_version inventory_dir inventory_file inventory_hostname inventory_hostname_short
	groups group_names hostvars playbook_dir play_hosts role_name role_names role_path role_uuid`)
