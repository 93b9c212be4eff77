package playbook

import (
	"path/filepath"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// roles reads the roles: of a play.
func (l *load) roles(d dest, f source.Field) {
	l.ahead(f.Value.Items, d.play)
	for _, n := range f.Value.Items {
		if u := l.roleEntry(n, scope{up: &d.play.Level, play: d.play, dir: d.play.Dir}, false); u != nil {
			d.play.Roles = append(d.play.Roles, u)
		}
	}
}

// roleEntry reads one entry of roles: or of a role's dependencies.
func (l *load) roleEntry(n *source.Node, s scope, dep bool) *RoleUse {
	u := &RoleUse{Via: s.role, Dep: dep}
	u.Level = Level{Kind: RoleLevel, Pos: n.Pos, Up: s.up, Play: s.play}
	u.Role = u
	name := n
	switch n.Kind {
	case source.List:
		l.Lost.Everything()
		l.add(n.Errorf("a role is a name or a map, not a list"))
		return nil
	case source.Map:
		name = n.Get("role")
		key := "role"
		if name == nil {
			name, key = n.Get("name"), "name"
		}
		if name == nil {
			name, key = n.Get("src"), "src"
		}
		if name == nil {
			l.Lost.Everything()
			l.add(n.Errorf("the role has no name")).Hint = "role: NAME"
			return nil
		}
		for i, f := range n.Fields {
			k := l.words.byName[f.Key]
			switch {
			case f.Key == key || f.Key == "name":
			case f.Key == "version" && key == "src", f.Key == "scm" && key == "src":
			case k != nil && k.On&OnRole != 0:
				l.keyword(n, i, OnRole, dest{level: &u.Level, use: u})
			case k != nil && (k.Name == "loop" || k.Name == "register" || k.Name == "until" || k.Name == "notify"):
				l.misplaced(n, i, k, OnRole)
			default:
				if !identForm.MatchString(f.Key) {
					l.add(badIdent(n.KeyErrorf(i, "%q is no name for a parameter", f.Key), f.Key))
				}
				u.Params = append(u.Params, f)
			}
		}
	}
	text, ok := l.static(name, s.up, s.play.Dir, s.role)
	if !ok {
		l.Lost.Everything()
		return nil
	}
	return l.useRole(u, name, text, From{}, true)
}

// resolveRole reads the role of an import_role or include_role.
func (l *load) resolveRole(t *Task, inc *Include, name string) {
	u := &RoleUse{Via: t.Role}
	u.Level = Level{Kind: RoleLevel, Pos: inc.Pos, Up: inc.Apply, Play: t.Play}
	u.Role = u
	if u = l.useRole(u, inc.Name, name, inc.From, inc.Static); u != nil {
		inc.Role, inc.Resolved = u, true
	}
}

// useRole fills a use of a role with the role's parts. It is nil when that
// cannot be, or when the role includes itself.
func (l *load) useRole(u *RoleUse, n *source.Node, name string, from From, static bool) *RoleUse {
	dir := l.findRole(n, name, u)
	if dir == "" {
		return nil
	}
	part := func(n *source.Node) string {
		if n == nil {
			return "main"
		}
		if s, ok := constant(n); ok {
			return s
		}
		if static {
			s, _ := l.static(n, u.Up, u.Play.Dir, u.Via)
			return s
		}
		return ""
	}
	entry, vars, defaults, handlers := part(from.Tasks), part(from.Vars), part(from.Defaults), part(from.Handlers)
	if entry == "" || vars == "" || defaults == "" || handlers == "" {
		return nil
	}
	key := "role " + dir + " " + entry
	if !static && l.later(key) {
		return nil
	}
	shown := name
	if entry != "main" {
		shown += " (" + entry + ")"
	}
	if !l.enter(n, frame{key: key, static: static, shown: shown}) {
		return nil
	}
	defer l.leave()
	u.Def, u.From = l.role(name, dir), from
	u.Entry = strings.TrimSuffix(strings.TrimSuffix(entry, ".yml"), ".yaml")
	for _, s := range u.Def.Meta.Specs {
		if s.Entry == u.Entry {
			u.Spec = s
		}
	}
	in := scope{up: &u.Level, play: u.Play, role: u}
	if d := u.Def.Meta.deps; !d.IsNull() {
		for _, e := range d.Items {
			if dep := l.roleEntry(e, in, true); dep != nil {
				u.Deps = append(u.Deps, dep)
			}
		}
	}
	u.Defaults = l.roleVars(dir, "defaults", defaults, from.Defaults)
	u.VarsOf = l.roleVars(dir, "vars", vars, from.Vars)
	u.Tasks = l.roleTasks(dir, "tasks", entry, from.Tasks, in)
	u.Handlers = l.roleTasks(dir, "handlers", handlers, from.Handlers, in.handlers())
	return u
}

// rolePlaces are the folders in which a role is looked for.
func (l *load) rolePlaces(name string, u *RoleUse) []string {
	if filepath.IsAbs(name) || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~/") {
		return []string{u.Play.Dir}
	}
	var out []string
	add := func(d string) {
		if !contained(out, d) {
			out = append(out, d)
		}
	}
	add(l.Join(u.Play.Dir, "roles"))
	for v := u.Via; v != nil; v = v.Via {
		add(l.dirOf(v.Def.Dir))
	}
	for _, d := range l.opts.RolePaths {
		add(l.clean(d))
	}
	add(u.Play.Dir)
	if l.opts.Builtin != nil {
		add(l.opts.Name + ":/roles")
	}
	return out
}

// roleDir is the folder of a role among the places for roles; "" when there is none.
func (l *load) roleDir(places []string, name string) string {
	for _, d := range places {
		if p := l.Join(d, name); l.isDir(p) {
			return p
		}
	}
	return ""
}

func (l *load) findRole(n *source.Node, name string, u *RoleUse) string {
	places := l.rolePlaces(name, u)
	if dir := l.roleDir(places, name); dir != "" {
		return dir
	}
	l.Lost.Everything()
	e := l.add(n.Errorf("there is no role %s", name))
	var names []string
	for _, d := range places {
		if d == u.Play.Dir {
			continue
		}
		entries, _ := l.ReadDir(d)
		for _, f := range entries {
			if f.IsDir() {
				names = append(names, f.Name())
			}
		}
	}
	if e.Hint = didYouMean(name, names); e.Hint == "" {
		e.Hint = "looked in " + strings.Join(places, ", ")
	}
	return ""
}

// role reads what belongs to a role's folder, once.
func (l *load) role(name, dir string) *Role {
	if r := l.defs[dir]; r != nil {
		return r
	}
	r := &Role{Name: name, Dir: dir}
	if strings.ContainsAny(name, `/\`) {
		r.Name = filepath.Base(name)
	}
	l.defs[dir] = r
	l.roleMeta(r)
	l.entryPoints(r)
	return r
}

// part finds a role's file by its name without ending.
func (l *load) part(dir, kind, name string, folder bool) string {
	base := l.Join(l.Join(dir, kind), name)
	if folder && l.isDir(base) {
		return base
	}
	if isYAML(name) {
		if l.isFile(base) {
			return base
		}
		return ""
	}
	for _, ext := range []string{".yml", ".yaml", ".json", ""} {
		if l.isFile(base + ext) {
			return base + ext
		}
	}
	return ""
}

// partMissing reports that what a *_from names is not there.
func (l *load) partMissing(n *source.Node, dir, kind, name string) {
	l.Lost.Everything()
	e := l.add(n.Errorf("the role %s has no %s/%s", filepath.Base(dir), kind, name))
	var names []string
	entries, _ := l.ReadDir(l.Join(dir, kind))
	for _, f := range entries {
		names = append(names, strings.TrimSuffix(strings.TrimSuffix(f.Name(), ".yml"), ".yaml"))
	}
	if e.Hint = didYouMean(name, names); e.Hint == "" && len(names) > 0 {
		e.Hint = "it has " + strings.Join(names, ", ")
	}
}

func (l *load) roleVars(dir, kind, name string, from *source.Node) []source.Field {
	path := l.part(dir, kind, name, true)
	if path == "" {
		if from != nil {
			l.partMissing(from, dir, kind, name)
		}
		return nil
	}
	if l.isDir(path) {
		for _, ext := range []string{".yml", ".yaml"} {
			if l.isFile(path + ext) {
				l.errs = append(l.errs, source.Errorf(source.Pos{File: source.ShortName(path + ext)},
					"the role has both this file and a folder %s/%s", kind, name).WithHint("move the file into the folder"))
			}
		}
	}
	return l.varsFile(path)
}

func (l *load) roleTasks(dir, kind, name string, from *source.Node, s scope) []*Task {
	path := l.part(dir, kind, name, false)
	if path == "" {
		if from != nil {
			l.partMissing(from, dir, kind, name)
		}
		return nil
	}
	p := l.read(path)
	if p.err != nil {
		l.errs.Add(source.Pos{File: source.ShortName(path)}, p.err)
		return nil
	}
	s.dir = l.dirOf(path)
	return l.tasks(p.node, s)
}
