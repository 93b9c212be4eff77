package inventory

import (
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// ListYAML prints what ansible-inventory --list --yaml prints.
func ListYAML(inv *Inventory, v View) ([]byte, error) {
	hosts, err := v.hosts(inv)
	if err != nil {
		return nil, err
	}
	v.same = map[*source.Node]value.Value{}
	l := &yamlLister{inv: inv, v: v, in: map[*Host]bool{}, hosts: map[*Host]bool{}, groups: map[*Group]bool{}}
	for _, h := range hosts {
		l.in[h] = true
	}
	m, err := l.group(inv.groups["all"])
	if err != nil {
		return nil, err
	}
	out := value.NewMap(1)
	if m.Len() > 0 {
		out.Set("all", m)
	}
	return source.DumpPyYAML(out, source.PyYAML{Aliases: true})
}

// HostYAML prints what ansible-inventory --host NAME --yaml prints.
func HostYAML(inv *Inventory, name string, v View) ([]byte, error) {
	h, err := inv.oneHost(name)
	if err != nil {
		return nil, err
	}
	v.same = map[*source.Node]value.Value{}
	vars, err := v.hostVars(inv, h, bare)
	if err != nil {
		return nil, err
	}
	return source.DumpPyYAML(vars, source.PyYAML{Aliases: true})
}

// yamlLister shows each group and each host's variables once, where they come
// first.
type yamlLister struct {
	inv    *Inventory
	v      View
	in     map[*Host]bool
	hosts  map[*Host]bool
	groups map[*Group]bool
}

func (l *yamlLister) group(g *Group) (*value.Map, error) {
	out := value.NewMap(3)
	children := value.NewMap(len(g.Children))
	for _, c := range g.Children {
		if l.groups[c] {
			children.Set(c.Name, value.NewMap(0))
			continue
		}
		m, err := l.group(c)
		if err != nil {
			return nil, err
		}
		l.groups[c] = true
		if m.Len() > 0 {
			children.Set(c.Name, m)
		}
	}
	hosts := value.NewMap(len(g.Hosts))
	for _, h := range g.Hosts {
		if g.Name == "all" || !l.in[h] {
			continue
		}
		vars := value.NewMap(0)
		if !l.hosts[h] {
			l.hosts[h] = true
			var err error
			if vars, err = l.v.hostVars(l.inv, h, bare); err != nil {
				return nil, err
			}
		}
		hosts.Set(h.Name, vars)
	}
	for name, m := range map[string]*value.Map{"children": children, "hosts": hosts} {
		if m.Len() > 0 {
			out.Set(name, m)
		}
	}
	if l.v.Export {
		vars, err := l.v.groupVars(l.inv, g, bare)
		if err != nil {
			return nil, err
		}
		if vars.Len() > 0 {
			out.Set("vars", vars)
		}
	}
	return out, nil
}
