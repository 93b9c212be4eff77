package playbook

import (
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// scope is where a list of tasks stands.
type scope struct {
	up      *Level
	play    *Play
	role    *RoleUse
	dir     string
	handler bool
}

func (s scope) handlers() scope { s.handler = true; return s }

func (l *load) inPlay(p *Play) scope { return scope{up: &p.Level, play: p, dir: p.Dir} }

func (l *load) inBlock(t *Task) scope {
	return scope{up: &t.Level, play: t.Play, role: t.Role, dir: t.Dir, handler: t.Handler}
}

// plays reads the plays of a file; over is the import that brought it in.
func (l *load) plays(p *parsed, path string, over *Level) []*Play {
	root := p.node
	if root.IsNull() {
		l.add(source.Errorf(root.Pos, "the playbook is empty").WithHint("a playbook is a list of plays: - hosts: all"))
		return nil
	}
	if root.Kind != source.List {
		e := l.add(root.Errorf("a playbook is a list of plays, not a %s", root.TypeName()))
		if root.Get("hosts") != nil {
			e.Hint = "begin the play with a dash: - hosts: ..."
		} else if root.Get("all") != nil {
			e.Hint = "this looks like an inventory: mxplay run PLAYBOOK -i " + p.file.Name
		}
		l.Lost.Node(root)
		return nil
	}
	var out []*Play
	for _, n := range root.Items {
		switch {
		case n.Kind != source.Map:
			l.add(n.Errorf("a play is a map, not a %s", n.TypeName())).Hint = "- hosts: all"
			l.Lost.Node(n)
		case importOf(n) >= 0:
			out = append(out, l.importPlaybook(n, path, over)...)
		default:
			if play := l.play(n, p, path, over); play != nil {
				out = append(out, play)
			}
		}
	}
	return out
}

func importOf(n *source.Node) int {
	for i, f := range n.Fields {
		if f.Key == "import_playbook" || f.Key == "ansible.builtin.import_playbook" {
			return i
		}
	}
	return -1
}

func (l *load) play(n *source.Node, p *parsed, path string, over *Level) *Play {
	if n.Get("hosts") == nil && looksLikeTask(l, n) {
		l.add(n.Errorf("this is a task, not a play")).Hint = "put it below tasks: of a play: - hosts: ..."
		l.Lost.Node(n)
		return nil
	}
	play := &Play{File: p.file, Dir: l.dirOf(path)}
	play.Level = Level{Kind: PlayLevel, Pos: n.Pos, Play: play}
	d := dest{level: &play.Level, play: play}
	misspelt := false
	for _, i := range tasksLast(n) {
		key := n.Fields[i].Key
		misspelt = misspelt || l.words.byName[key] == nil && source.DidYouMean(key, []string{"hosts"}) != ""
		l.keyword(n, i, OnPlay, d)
	}
	if n.Get("hosts") == nil && !misspelt {
		l.add(n.Errorf("the play has no hosts")).Hint = "hosts: all"
	}
	if over != nil {
		play.When = append(append([]*source.Node(nil), over.When...), play.When...)
		play.Tags = append(append([]*source.Node(nil), over.Tags...), play.Tags...)
		play.Vars = overlay(play.Vars, over.Vars)
	}
	return play
}

// tasksLast are the indexes of a map's fields, those of lists of tasks behind
// all others: the imports in them read variables that may stand below.
func tasksLast(n *source.Node) []int {
	var first, last []int
	for i, f := range n.Fields {
		switch f.Key {
		case "pre_tasks", "roles", "tasks", "post_tasks", "handlers", "block", "rescue", "always":
			last = append(last, i)
		default:
			first = append(first, i)
		}
	}
	return append(first, last...)
}

// looksLikeTask tells whether a map without hosts was meant as a task.
func looksLikeTask(l *load, n *source.Node) bool {
	for _, f := range n.Fields {
		if k := l.words.byName[f.Key]; k != nil && k.On == OnPlay && k.Refused == "" {
			return false
		}
	}
	for _, f := range n.Fields {
		if k := l.words.byName[f.Key]; k != nil && k.On&OnPlay == 0 {
			return true
		}
		if l.module(f.Key) != "" {
			return true
		}
	}
	return false
}

// overlay is a with the fields of b, which win.
func overlay(a, b []source.Field) []source.Field {
	if len(b) == 0 {
		return a
	}
	out := append([]source.Field(nil), a...)
	at := make(map[string]int, len(out))
	for i, f := range out {
		at[f.Key] = i
	}
	for _, f := range b {
		if i, ok := at[f.Key]; ok {
			out[i] = f
			continue
		}
		at[f.Key] = len(out)
		out = append(out, f)
	}
	return out
}

func (l *load) importPlaybook(n *source.Node, path string, over *Level) []*Play {
	at := importOf(n)
	lv := &Level{Kind: ImportLevel, Pos: n.Pos}
	for i := range n.Fields {
		if i != at {
			l.keyword(n, i, OnPlaybookImport, dest{level: lv})
		}
	}
	if over != nil {
		lv.When = append(append([]*source.Node(nil), over.When...), lv.When...)
		lv.Tags = append(append([]*source.Node(nil), over.Tags...), lv.Tags...)
		lv.Vars = overlay(lv.Vars, over.Vars)
	}
	node := n.Fields[at].Value
	name, ok := l.static(node, lv, l.dirOf(path), nil)
	if !ok {
		l.Lost.Everything()
		return nil
	}
	to := l.Join(l.dirOf(path), name)
	if !l.enter(node, frame{key: "playbook " + to, static: true, shown: name}) {
		return nil
	}
	defer l.leave()
	p := l.read(to)
	if p.err != nil {
		l.missing(p, node, to)
		return nil
	}
	return l.plays(p, to, lv)
}

// missing reports a file that could not be read, at the place that names it
// when the file is not there.
func (l *load) missing(p *parsed, n *source.Node, path string) {
	if p.file != nil {
		l.errs.Add(n.Pos, p.err)
		return
	}
	e := l.add(n.Errorf("%s: %s", source.ShortName(path), p.err.(*source.Error).Msg))
	e.Hint = l.Near(path)
}

// enter notes that a file or role is being read. It is false when that was
// under way already by imports alone, which could never end.
func (l *load) enter(n *source.Node, f frame) bool {
	chain := f.shown
	for i := len(l.stack) - 1; i >= 0; i-- {
		if l.stack[i].key == f.key {
			e := l.add(n.Errorf("%s brings itself in: %s", f.shown, l.stack[i].shown+" > "+chain))
			if strings.HasPrefix(f.key, "tasks ") {
				e.Hint = "include_tasks may do so, with a when that ends it"
			}
			return false
		}
		if !l.stack[i].static {
			break
		}
		chain = l.stack[i].shown + " > " + chain
	}
	l.stack = append(l.stack, f)
	return true
}

func (l *load) leave() { l.stack = l.stack[:len(l.stack)-1] }

// later tells whether an include is left to the run: the file or role is being
// read already, or was unfolded often enough deep inside of others.
func (l *load) later(key string) bool {
	depth := 0
	for _, f := range l.stack {
		if f.key == key {
			return true
		}
		if !f.static {
			depth++
		}
	}
	if depth+1 < deepIncludes {
		return false
	}
	if l.times == nil {
		l.times = map[string]int{}
	}
	l.times[key]++
	return l.times[key] > maxUnfolds
}

var wellKnown = regexp.MustCompile(`\{\{\s*(role_path|playbook_dir)\s*\}\}`)

// static is the name that an import gives: a constant, but for role_path and
// playbook_dir, or what Options.Static makes of it.
func (l *load) static(n *source.Node, at *Level, playDir string, r *RoleUse) (string, bool) {
	if s, ok := l.named(n, playDir, r); ok {
		if s == "" {
			l.add(n.Errorf("the name of the file is empty"))
		}
		return s, s != ""
	}
	if n.IsNull() || n.Kind != source.Scalar {
		l.add(n.Errorf("the name of a file is expected here, not a %s", n.TypeName()))
		return "", false
	}
	if l.opts.Static == nil {
		l.add(n.Errorf("the name in an import must be constant")).Hint = "an include takes a name that is known only at run time"
		return "", false
	}
	s, err := l.opts.Static(n, at)
	if err != nil {
		l.errs.Add(n.Pos, err)
		return "", false
	}
	return s, true
}

// named is a constant name, with role_path and playbook_dir put in.
func (l *load) named(n *source.Node, playDir string, r *RoleUse) (string, bool) {
	if s, ok := constant(n); ok {
		return s, true
	}
	if n.IsNull() || n.Kind != source.Scalar {
		return "", false
	}
	s := wellKnown.ReplaceAllStringFunc(n.Value.(string), func(m string) string {
		switch wellKnown.FindStringSubmatch(m)[1] {
		case "playbook_dir":
			return abs(playDir)
		case "role_path":
			if r != nil {
				return abs(r.Def.Dir)
			}
		}
		return m
	})
	return s, !templated(s)
}
