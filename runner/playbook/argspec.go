package playbook

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/source"
)

// abs is a path as role_path and playbook_dir show it.
func abs(p string) string {
	if strings.Contains(p, ":/") {
		return p
	}
	if a, err := filepath.Abs(p); err == nil {
		return a
	}
	return p
}

// roleMeta reads meta/main.yml and meta/argument_specs.yml of a role.
func (l *load) roleMeta(r *Role) {
	if n := l.metaFile(r, "main"); n != nil {
		r.Pos = n.Pos
		known := []string{"dependencies", "allow_duplicates", "galaxy_info", "argument_specs", "collections"}
		for i, f := range n.Fields {
			switch f.Key {
			case "dependencies":
				if f.Value.IsNull() {
					continue
				}
				if f.Value.Kind != source.List {
					l.add(f.Value.Errorf("dependencies are a list of roles, not a %s", f.Value.TypeName()))
					continue
				}
				r.Meta.deps = f.Value
			case "allow_duplicates":
				if bad := wantBool(f.Key, f.Value); bad != nil {
					l.add(bad)
				}
				b, _ := f.Value.Value.(bool)
				s, _ := f.Value.Value.(string)
				r.Meta.AllowDuplicates = b || strings.EqualFold(s, "yes") || strings.EqualFold(s, "true")
			case "argument_specs":
				r.Meta.Specs = append(r.Meta.Specs, l.specs(f.Value)...)
			case "galaxy_info", "collections":
			default:
				l.add(keyError(n, i, "unknown key "+f.Key+" of a role's meta/main.yml")).Hint = didYouMean(f.Key, known)
			}
		}
	}
	n := l.metaFile(r, "argument_specs")
	if n == nil {
		n = l.metaFile(r, "argument_spec")
	}
	if n == nil {
		return
	}
	for i, f := range n.Fields {
		if f.Key != "argument_specs" {
			l.add(keyError(n, i, "unknown key "+f.Key+" of argument_specs.yml")).Hint = "argument_specs: {main: {options: ...}}"
			continue
		}
		r.Meta.Specs = append(r.Meta.Specs, l.specs(f.Value)...)
	}
}

// entryPoints refuses specs for entry points that are no file of the role's tasks.
func (l *load) entryPoints(r *Role) {
	for _, s := range r.Meta.Specs {
		if s.Entry == "main" || l.part(r.Dir, "tasks", s.Entry, false) != "" {
			continue
		}
		names := []string{"main"}
		entries, _ := l.ReadDir(l.Join(r.Dir, "tasks"))
		for _, f := range entries {
			names = append(names, strings.TrimSuffix(strings.TrimSuffix(f.Name(), ".yml"), ".yaml"))
		}
		e := source.Errorf(s.Pos, "the role has no entry point %s", s.Entry)
		if e.Hint = didYouMean(s.Entry, names); e.Hint == "" {
			e.Hint = "an entry point is a file of its tasks: " + strings.Join(slices.Compact(names), ", ")
		}
		l.add(e)
	}
}

// metaFile is a file below meta/; nil when there is none, or nothing in it.
func (l *load) metaFile(r *Role, name string) *source.Node {
	path := l.part(r.Dir, "meta", name, false)
	if path == "" {
		return nil
	}
	p := l.read(path)
	if p.err != nil {
		l.errs.Add(source.Pos{File: source.ShortName(path)}, p.err)
		return nil
	}
	if p.node.IsNull() {
		return nil
	}
	if p.node.Kind != source.Map {
		l.add(p.node.Errorf("a map is expected here, not a %s", p.node.TypeName()))
		return nil
	}
	return p.node
}

func (l *load) specs(n *source.Node) []*ArgSpec {
	if n.IsNull() {
		return nil
	}
	if n.Kind != source.Map {
		l.add(n.Errorf("argument_specs is a map of entry points, not a %s", n.TypeName())).Hint = "main: {options: ...}"
		return nil
	}
	var out []*ArgSpec
	known := []string{"short_description", "description", "author", "version_added", "seealso", "examples", "options"}
	for _, f := range n.Fields {
		s := &ArgSpec{Entry: f.Key, Pos: f.KeyPos}
		out = append(out, s)
		if f.Value.IsNull() {
			continue
		}
		if f.Value.Kind != source.Map {
			l.add(f.Value.Errorf("an entry point is a map, not a %s", f.Value.TypeName()))
			continue
		}
		for i, g := range f.Value.Fields {
			switch g.Key {
			case "short_description":
				s.Doc = prose(g.Value)
			case "description":
				s.Long = prose(g.Value)
			case "author", "version_added", "seealso", "examples":
			case "options":
				s.Options = l.options(g.Value)
			default:
				l.add(keyError(f.Value, i, "unknown key "+g.Key+" of an entry point")).Hint = didYouMean(g.Key, known)
			}
		}
	}
	return out
}

// prose is a text, or the paragraphs of one.
func prose(n *source.Node) string {
	var out []string
	for _, e := range listOf(n) {
		if e.Kind == source.Scalar && !e.IsNull() {
			out = append(out, strings.TrimSpace(e.Raw))
		}
	}
	return strings.Join(out, "\n")
}

// specTypes are Ansible's names of types.
var specTypes = map[string]modules.TypeKind{
	"str": modules.String, "string": modules.String, "int": modules.Int, "integer": modules.Int,
	"float": modules.Float, "bool": modules.Bool, "boolean": modules.Bool, "list": modules.List,
	"dict": modules.Map, "path": modules.Path, "raw": modules.Any, "jsonarg": modules.Any, "json": modules.Any,
}

func (l *load) options(n *source.Node) []*Option {
	if n.IsNull() {
		return nil
	}
	if n.Kind != source.Map {
		l.add(n.Errorf("options is a map of variables, not a %s", n.TypeName()))
		return nil
	}
	var out []*Option
	for i, f := range n.Fields {
		if !identForm.MatchString(f.Key) {
			l.add(badIdent(n.KeyErrorf(i, "%q is no name for a variable", f.Key), f.Key))
			continue
		}
		o := &Option{Name: f.Key, Pos: f.KeyPos, Type: modules.String}
		out = append(out, o)
		if f.Value.IsNull() {
			continue
		}
		if f.Value.Kind != source.Map {
			l.add(f.Value.Errorf("an option is a map, not a %s", f.Value.TypeName())).Hint = "{type: str, required: true}"
			continue
		}
		for j := range f.Value.Fields {
			l.option(o, f.Value, j)
		}
		if o.Default != nil && o.Required {
			l.add(f.Value.Errorf("%s is required and so needs no default", f.Key))
		}
	}
	return out
}

// option reads the j-th key of an option.
func (l *load) option(o *Option, n *source.Node, j int) {
	g := n.Fields[j]
	var bad *source.Error
	switch g.Key {
	case "type":
		o.Type, bad = specType(g.Value)
	case "elements":
		o.Elements, bad = specType(g.Value)
	case "required":
		o.Required, bad = g.Value.Value == true, wantBool(g.Key, g.Value)
	case "no_log":
		o.Secret, bad = g.Value.Value == true, wantBool(g.Key, g.Value)
	case "default":
		if !g.Value.IsNull() {
			o.Default = g.Value
		}
	case "choices":
		if o.Choices = g.Value; g.Value.Kind != source.List {
			bad = g.Value.Errorf("choices is a list, not a %s", g.Value.TypeName())
		}
	case "description":
		o.Doc = prose(g.Value)
	case "options":
		o.Options = l.options(g.Value)
	case "aliases":
		for _, a := range listOf(g.Value) {
			o.Aliases = append(o.Aliases, a.Raw)
		}
	case "version_added", "mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by", "apply_defaults":
	default:
		bad = keyError(n, j, "unknown key "+g.Key+" of an option")
		bad.Hint = didYouMean(g.Key, []string{"type", "elements", "required", "default", "choices", "description", "options", "no_log",
			"version_added", "aliases", "mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by"})
	}
	if bad != nil {
		l.add(bad)
	}
}

func specType(n *source.Node) (modules.TypeKind, *source.Error) {
	s, ok := constant(n)
	t, known := specTypes[s]
	if ok && known {
		return t, nil
	}
	names := []string{"str", "int", "float", "bool", "list", "dict", "path", "raw"}
	e := n.Errorf("unknown type %s", s)
	if e.Hint = didYouMean(s, names); e.Hint == "" {
		e.Hint = "one of " + strings.Join(names, ", ")
	}
	return modules.Any, e
}
