package runner

import (
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/value"
)

// MagicVar is a variable that the run itself sets, stronger than any other.
type MagicVar struct {
	Name string
	Doc  string
	Type expr.Type
}

// MagicVars are all of them, in the order of the reference.
func MagicVars() []MagicVar {
	str, texts, whole, truth := expr.Of(expr.KString), expr.ListOf(expr.Of(expr.KString)), expr.Of(expr.KInt), expr.Of(expr.KBool)
	return []MagicVar{
		{"inventory_hostname", "the host's name in the inventory", str},
		{"inventory_hostname_short", "that name up to the first dot", str},
		{"inventory_file", "the source that named the host first; null for one that a task added", expr.Any},
		{"inventory_dir", "its folder; null for a list of names", expr.Any},
		{"group_names", "the groups that the host is in, sorted, without all", texts},
		{"groups", "all groups, each with the names of its hosts", expr.Any},
		{"hostvars", "the variables of every host: hostvars[name].x; only what is read is computed", expr.Any},
		{"vars", "the host's own variables: vars[name]; only what is read is computed", expr.Any},
		{"omit", "leaves the argument out that gets it", expr.Any},
		{"playbook_dir", "the playbook's folder", str},
		{"role_path", "the folder of the role at work", str},
		{"role_name", "the role at work", str},
		{"ansible_role_name", "the role at work", str},
		{"ansible_role_names", "the roles of the play, with their dependencies", texts},
		{"ansible_play_role_names", "the roles of the play, without dependencies", texts},
		{"ansible_dependent_role_names", "the roles that others of the play depend on", texts},
		{"ansible_parent_role_names", "the roles that brought in the one at work, the nearest first", texts},
		{"ansible_parent_role_paths", "the folders of these roles", texts},
		{"role_names", "the roles of the play, under its old name", texts},
		{"ansible_collection_name", "null: there are no collections", expr.Any},
		{"ansible_play_name", "the play's name", str},
		{"ansible_play_hosts", "the play's hosts that have not failed", texts},
		{"ansible_play_hosts_all", "all hosts of the play", texts},
		{"ansible_play_batch", "the hosts of the batch that have not failed", texts},
		{"play_hosts", "the same, under its old name", texts},
		{"ansible_check_mode", "-C was given", truth},
		{"ansible_diff_mode", "-D was given", truth},
		{"ansible_forks", "the number of -f", whole},
		{"ansible_limit", "the text of -l; undefined without", str},
		{"ansible_run_tags", "the tags of -t; [all] without", texts},
		{"ansible_skip_tags", "the tags of --skip-tags", texts},
		{"ansible_verbosity", "how many -v", whole},
		{"ansible_inventory_sources", "the sources of -i", texts},
		{"ansible_search_path", "the folders that files are looked for in", texts},
		{"ansible_config_file", "null: there is no such file", expr.Any},
		{"ansible_version", "the Ansible whose language this is: full, major, minor, revision, string", expr.Record(map[string]expr.Type{
			"full": str, "string": str, "major": whole, "minor": whole, "revision": whole})},
		{"ansible_managed", "a line that says who manages a file, unless a variable of that name says something else", str},
		{"ansible_loop", "in a loop with extended: index, index0, first, last, length, revindex, revindex0, previtem, nextitem, allitems", expr.Record(map[string]expr.Type{
			"index": whole, "index0": whole, "revindex": whole, "revindex0": whole, "length": whole, "first": truth, "last": truth,
			"previtem": expr.Any, "nextitem": expr.Any, "allitems": expr.ListOf(expr.Any)})},
		{"ansible_loop_var", "in a loop: the name of the item's variable", str},
		{"ansible_index_var", "in a loop with index_var: its name", str},
		{"ansible_failed_task", "in rescue: name and action of the task that failed", expr.Record(map[string]expr.Type{"name": str, "action": str})},
		{"ansible_failed_result", "in rescue: its result", expr.Any},
		{"template_path", "in a template: the file on the controller", str},
		{"template_fullpath", "in a template: its absolute path", str},
		{"template_destpath", "in a template: the file on the host", str},
		{"template_host", "in a template: the controller's name", str},
		{"template_uid", "in a template: the owner of the file on the controller", str},
		{"template_run_date", "in a template: when it is filled in", str},
	}
}

// magicTypes are the variables that the engine itself sets, with facts and
// what connections are made of, and their types.
func magicTypes() map[string]expr.Type {
	types := map[string]expr.Type{"ansible_facts": specType(modules.SpecOf[modules.Facts]())}
	for _, v := range MagicVars() {
		types[v.Name] = v.Type
	}
	for _, v := range connectionVars {
		types[v] = expr.Any
	}
	for name, t := range types["ansible_facts"].Fields {
		types["ansible_"+name] = t
	}
	types["groups"] = expr.Type{Kind: expr.KMap, Elem: ptr(expr.ListOf(expr.Of(expr.KString)))}
	of := map[string]expr.Type{"ansible_facts": types["ansible_facts"]}
	for name := range types["ansible_facts"].Fields {
		of["ansible_"+name] = types["ansible_"+name]
	}
	types["hostvars"] = expr.Type{Kind: expr.KObject, Elem: &expr.Type{Kind: expr.KObject, Fields: of}}
	return types
}

// magicOfRun are the values that are the same for all hosts of a run.
func (r *run) magicOfRun() map[string]value.Value {
	o := &r.p.opts
	tags := o.Tags
	if len(tags) == 0 {
		tags = []string{"all"}
	}
	sources := value.List{}
	for _, s := range o.Inventory {
		if !strings.Contains(s, ",") {
			s = r.p.abs(s)
		}
		sources = append(sources, s)
	}
	out := map[string]value.Value{
		"groups": r.groupsValue(), "ansible_check_mode": r.o.Check, "ansible_diff_mode": r.o.Diff,
		"ansible_forks": int64(r.o.Forks), "ansible_run_tags": texts(tags), "ansible_skip_tags": texts(o.SkipTags), "ansible_verbosity": int64(r.o.Verbose), "omit": expr.Omit,
		"ansible_inventory_sources": sources, "ansible_config_file": nil, "ansible_collection_name": nil,
		"ansible_version": ansibleVersion(),
	}
	if len(o.Limit) > 0 {
		out["ansible_limit"] = strings.Join(o.Limit, ",")
	}
	return out
}

func ansibleVersion() value.Value {
	return value.MapOf("full", "2.19.0", "major", int64(2), "minor", int64(19), "revision", int64(0), "string", "2.19.0")
}

// magicOfRoles are those of a play's roles, and of those that they depend on.
func magicOfRoles(roles, deps []string) map[string]value.Value {
	return map[string]value.Value{
		"ansible_role_names": texts(once(append(slices.Clone(roles), deps...))), "ansible_play_role_names": texts(roles), "role_names": texts(roles), "ansible_dependent_role_names": texts(deps),
	}
}

func once(ss []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range ss {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// magicOfUse are those of the role at work.
func magicOfUse(p *Program, r *playbook.RoleUse) map[string]value.Value {
	parents, paths := value.List{}, value.List{}
	search := value.List{p.abs(r.Def.Dir)}
	for up := r.Via; up != nil; up = up.Via {
		parents = append(parents, up.Def.Name)
		paths = append(paths, p.abs(up.Def.Dir))
		search = append(search, p.abs(up.Def.Dir))
	}
	return map[string]value.Value{
		"role_path": p.abs(r.Def.Dir), "role_name": r.Def.Name, "ansible_role_name": r.Def.Name,
		"ansible_parent_role_names": parents, "ansible_parent_role_paths": paths, "ansible_search_path": search,
	}
}
