package playbook

import (
	"path/filepath"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// includeWord is one of the words that bring in tasks.
type includeWord struct {
	name   string
	kind   IncludeKind
	static bool
	keys   []string // of its map
}

var roleKeys = []string{"name", "role", "tasks_from", "vars_from", "defaults_from", "handlers_from", "allow_duplicates", "rolespec_validate", "public"}

var includeWords = map[string]*includeWord{
	"import_tasks":  {"import_tasks", TaskFile, true, []string{"file"}},
	"include_tasks": {"include_tasks", TaskFile, false, []string{"file", "apply"}},
	"import_role":   {"import_role", WholeRole, true, roleKeys},
	"include_role":  {"include_role", WholeRole, false, append([]string{"apply"}, roleKeys...)},
}

// include reads a task that brings in others.
func (l *load) include(t *Task, n *source.Node, i int, w *includeWord) *Task {
	inc := &Include{Kind: w.kind, Static: w.static, Word: w.name, Pos: n.Fields[i].KeyPos}
	t.Include = inc
	t.ModuleAs, t.ModulePos = n.Fields[i].Key, n.Fields[i].KeyPos
	at := OnInclude
	if w.static {
		at, t.Kind = OnImport, ImportLevel
	}
	for j, f := range n.Fields {
		place := at
		if f.Key == "listen" && t.Handler {
			place = OnHandler
		}
		switch {
		case j == i:
		case strings.HasPrefix(f.Key, "with_"):
			l.refuseWith(n, j)
		default:
			l.keyword(n, j, place, dest{level: &t.Level, task: t})
		}
	}
	free := ""
	if w.kind == TaskFile {
		free = "file"
	}
	args := l.arguments(n, i, w.name, free)
	if args == nil {
		l.Lost.Everything()
		return nil
	}
	before := len(l.errs)
	inc.Apply = &t.Level
	if !w.static {
		inc.Apply = &Level{Kind: IncludeLevel, Pos: inc.Pos, Up: t.Up, Play: t.Play, Role: t.Role}
		inc.Apply.Vars = t.Vars
		if a := args.Get("apply"); a != nil {
			inc.Apply = &Level{Kind: BlockLevel, Pos: a.Pos, Up: inc.Apply, Play: t.Play, Role: t.Role}
			l.apply(inc, a)
		}
	}
	for j, f := range args.Fields {
		if !l.includeKey(inc, w, args, j) {
			e := l.add(args.KeyErrorf(j, "unknown argument %s of %s", f.Key, w.name))
			if e.Hint = didYouMean(f.Key, w.keys); e.Hint == "" && l.words.byName[f.Key] != nil {
				e.Hint = "it is a keyword: write it beside " + w.name + ", not below"
			}
			l.Lost.Field(f)
		}
	}
	if inc.Name == nil {
		l.Lost.Everything()
		if len(l.errs) == before {
			l.add(source.Errorf(inc.Pos, "%s needs a %s", w.name, w.keys[0]).In(n.File()))
		}
		return nil
	}
	if w.static {
		if name, ok := l.static(inc.Name, &t.Level, t.Play.Dir, t.Role); ok {
			l.resolve(t, inc, name)
		}
		return t
	}
	if name, ok := l.named(inc.Name, t.Play.Dir, t.Role); ok && l.fromConstant(inc.From) {
		l.resolve(t, inc, name)
	}
	return t
}

func (l *load) fromConstant(f From) bool {
	for _, n := range []*source.Node{f.Tasks, f.Vars, f.Defaults, f.Handlers} {
		if n != nil {
			if _, ok := constant(n); !ok {
				return false
			}
		}
	}
	return true
}

// includeKey takes the j-th argument of an include; false when it is unknown.
func (l *load) includeKey(inc *Include, w *includeWord, args *source.Node, j int) bool {
	f := args.Fields[j]
	known := false
	for _, k := range w.keys {
		known = known || k == f.Key
	}
	if !known {
		return false
	}
	var bad *source.Error
	switch f.Key {
	case "file", "name", "role":
		if inc.Name != nil {
			bad = args.KeyErrorf(j, "the name stands here twice")
		}
		inc.Name = f.Value
	case "tasks_from":
		inc.From.Tasks = f.Value
	case "vars_from":
		inc.From.Vars = f.Value
	case "defaults_from":
		inc.From.Defaults = f.Value
	case "handlers_from":
		inc.From.Handlers = f.Value
	case "public":
		inc.Public, bad = f.Value, wantBool(f.Key, f.Value)
	case "allow_duplicates":
		inc.AllowDuplicates, bad = f.Value, wantBool(f.Key, f.Value)
	case "rolespec_validate":
		inc.Validate, bad = f.Value, wantBool(f.Key, f.Value)
	}
	if bad == nil && strings.HasSuffix(f.Key, "_from") && (f.Value.IsNull() || f.Value.Kind != source.Scalar) {
		bad = f.Value.Errorf("%s takes the name of a file, not a %s", f.Key, f.Value.TypeName())
	}
	if bad != nil {
		l.add(bad)
	}
	return true
}

// apply reads what an include hands to the tasks that it brings in.
func (l *load) apply(inc *Include, n *source.Node) {
	if n.Kind != source.Map {
		l.add(n.Errorf("apply takes a map of keywords, not a %s", n.TypeName()))
		return
	}
	for i, f := range n.Fields {
		switch f.Key {
		case "block", "rescue", "always", "loop", "loop_control":
			l.add(n.KeyErrorf(i, "%s cannot be applied to included tasks", f.Key))
		default:
			l.keyword(n, i, OnBlock, dest{level: inc.Apply})
		}
	}
}

// resolve reads the file or role of an include whose name is known.
func (l *load) resolve(t *Task, inc *Include, name string) {
	if l.full {
		return
	}
	if inc.Kind == WholeRole {
		l.resolveRole(t, inc, name)
		return
	}
	if l.oldParameters(inc.Name, name) {
		return
	}
	path, tried := l.searchTasks(t, name)
	if path == "" {
		l.Lost.Everything()
		e := l.add(inc.Name.Errorf("%s: no such file", name))
		for _, p := range tried {
			if e.Hint = l.Near(p); e.Hint != "" {
				return
			}
		}
		e.Hint = "looked for " + strings.Join(tried, ", ")
		return
	}
	key := "tasks " + path
	if !inc.Static && l.later(key) {
		return // it includes itself: the runner reads it anew each time
	}
	if !l.enter(inc.Name, frame{key: key, static: inc.Static, shown: filepath.Base(path)}) {
		return
	}
	defer l.leave()
	p := l.read(path)
	if p.err != nil {
		l.missing(p, inc.Name, path)
		return
	}
	inc.Path, inc.Resolved = path, true
	if play := strayPlay(p.node); play != nil {
		l.Lost.Node(p.node)
		l.add(play.Errorf("this is a play, but %s brings in tasks", inc.Word)).Hint = "import_playbook brings in plays"
		return
	}
	inc.Tasks = l.tasks(p.node, scope{up: inc.Apply, play: t.Play, role: t.Role, dir: l.dirOf(path), handler: t.Handler})
}

func strayPlay(n *source.Node) *source.Node {
	if n.IsNull() || n.Kind != source.List {
		return nil
	}
	for _, e := range n.Items {
		if e.Get("hosts") != nil && (e.Get("tasks") != nil || e.Get("roles") != nil) {
			return e
		}
	}
	return nil
}

// searchTasks finds a file of tasks: beside the task, in the role's tasks, beside the playbook.
func (l *load) searchTasks(t *Task, name string) (string, []string) {
	dirs := []string{t.Dir}
	for r := t.Role; r != nil; r = r.Via {
		dirs = append(dirs, l.Join(r.Def.Dir, "tasks"))
	}
	dirs = append(dirs, t.Play.Dir)
	var tried []string
	for _, d := range dirs {
		p := l.Join(d, name)
		if contained(tried, p) {
			continue
		}
		tried = append(tried, p)
		if l.isFile(p) {
			return p, tried
		}
	}
	return "", tried
}

func contained(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// oldParameters refuses the form "file.yml key=value" of early Ansible.
func (l *load) oldParameters(n *source.Node, name string) bool {
	file, rest, ok := strings.Cut(name, " ")
	if !ok || !isYAML(file) || !strings.Contains(rest, "=") {
		return false
	}
	l.Lost.Everything()
	l.add(n.Errorf("parameters behind the name of a file are no longer a thing")).Hint = "vars: beside it"
	return true
}
