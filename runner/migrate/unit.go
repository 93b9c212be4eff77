package migrate

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/source"
)

// unit is a role, or the files of a playbook outside of roles.
type unit struct {
	modules map[string]*modules.Task
	types   map[string]typ
	flats   map[string]bool // variables that are lists without lists in them
	files   map[string]*File
	elsew   map[string]bool // files of tasks that are for other systems only
}

// File is a file that was written.
type File struct {
	Path  string // below the root, with /
	Text  []byte
	Mode  fs.FileMode
	Link  string // where a link leads to
	notes []Note
	tasks []*task
	exprs []*span
	role  string // the role that it belongs to; "" none
	yaml  bool
}

// left are folders that are not brought over: they are Ansible's, or of the repository.
var leftFolders = map[string]bool{"molecule": true, "tests": true, "test": true, "node_modules": true, "collections": true, "library": true, "filter_plugins": true,
	"action_plugins": true, "module_utils": true, "plugins": true, "docs": true, "test_plugins": true, "lookup_plugins": true, "callback_plugins": true}

// Migrator brings a folder over.
type Migrator struct {
	Modules []*modules.Task
	Root    string   // the folder: a role, or that of the playbook
	Only    []string // playbooks and folders below it that are wanted; nil: all
	Left    []string // folders that were left out

	files []*File
}

// folders are what belongs to a playbook beside it.
var folders = []string{"roles", "group_vars", "host_vars", "vars", "tasks", "templates", "files", "handlers", "playbooks", "inventory", "inventories", "hosts", "hosts.yml", "hosts.ini"}

// New is for a role's folder, a folder with roles, or a playbook with what belongs to it.
func New(path string, list []*modules.Task) (*Migrator, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, source.OSError(path, err)
	}
	m := &Migrator{Modules: list, Root: path}
	if info.IsDir() {
		return m, nil
	}
	n, err := source.ReadOne(path)
	if err != nil {
		return nil, err
	}
	m.Root = filepath.Dir(path)
	m.Only = append([]string{filepath.Base(path)}, folders...)
	m.named(n)
	return m, nil
}

// named adds what a playbook names beside it.
func (m *Migrator) named(n *source.Node) {
	add := func(v *source.Node) {
		if s, ok := v.Plain().(string); ok && s != "" && !filepath.IsAbs(s) && !strings.HasPrefix(s, "..") {
			s = filepath.ToSlash(filepath.Clean(strings.Fields(s)[0]))
			if i := strings.Index(s, "{{"); i >= 0 {
				s = filepath.ToSlash(filepath.Dir(s[:i] + "x"))
			}
			if slices.Contains(m.Only, s) || s == "." {
				return
			}
			m.Only = append(m.Only, s)
			if next, err := source.ReadOne(filepath.Join(m.Root, s)); err == nil && next.Kind == source.List {
				m.named(next)
			}
		}
	}
	switch n.Kind {
	case source.List:
		for _, c := range n.Items {
			m.named(c)
		}
	case source.Map:
		for _, f := range n.Fields {
			switch plainName(f.Key) {
			case "import_playbook", "include", "include_tasks", "import_tasks", "include_vars":
				add(f.Value)
			case "vars_files":
				for _, v := range f.Value.Items {
					add(v)
				}
			default:
				m.named(f.Value)
			}
		}
	}
}

// maxFile is the size from which on a file is data.
const maxFile = 2 << 20

// Read reads the folder and writes all its files anew, in memory.
func (m *Migrator) Read() error {
	table := moduleTable(m.Modules)
	units := map[string]*unit{}
	err := filepath.WalkDir(m.Root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(m.Root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case rel == ".":
			return nil
		case e.IsDir():
			if strings.HasPrefix(e.Name(), ".") || leftFolders[e.Name()] && !inData(rel) || !m.wanted(rel) {
				if !strings.HasPrefix(e.Name(), ".") && m.wanted(rel) {
					m.Left = append(m.Left, rel)
				}
				return filepath.SkipDir
			}
			return nil
		case strings.HasPrefix(e.Name(), ".") && !inData(rel), !m.wanted(rel):
			return nil
		}
		f := &File{Path: rel}
		f.role = roleOf(m.Root, rel)
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		f.Mode = info.Mode().Perm()
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			f.Link, err = os.Readlink(path)
			if err != nil || filepath.IsAbs(f.Link) || strings.HasPrefix(filepath.Join(filepath.Dir(rel), f.Link), "..") {
				return nil // it leads out of the folder
			}
		case !info.Mode().IsRegular():
			return nil
		default:
			if f.Text, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		if units[f.role] == nil {
			units[f.role] = &unit{modules: table, types: map[string]typ{"ansible_check_mode": aBool, "ansible_diff_mode": aBool}, flats: map[string]bool{}, elsew: map[string]bool{}, files: map[string]*File{}}
		}
		units[f.role].files[rel] = f
		m.files = append(m.files, f)
		return nil
	})
	if err != nil {
		return err
	}
	for _, u := range units {
		u.learn()
	}
	sort.Slice(m.files, func(i, j int) bool { return m.files[i].Path < m.files[j].Path })
	for _, f := range m.files {
		if f.Link == "" && len(f.Text) < maxFile && utf8.Valid(f.Text) {
			units[f.role].write(f)
		}
	}
	return nil
}

func (m *Migrator) wanted(rel string) bool {
	if m.Only == nil {
		return true
	}
	return slices.ContainsFunc(m.Only, func(o string) bool {
		return rel == o || strings.HasPrefix(rel, o+"/") || strings.HasPrefix(o, rel+"/")
	})
}

// inData tells whether a path is below files/ or templates/.
func inData(rel string) bool {
	for _, part := range strings.Split(rel, "/") {
		if part == "files" || part == "templates" {
			return true
		}
	}
	return false
}

// roleOf is the role that a file belongs to, as a path below the root: "." is the root itself.
func roleOf(root, rel string) string {
	if isRole(root) {
		return "."
	}
	parts := strings.Split(rel, "/")
	for i := len(parts) - 1; i > 0; i-- {
		if parts[i-1] == "roles" && i < len(parts)-1 {
			if dir := strings.Join(parts[:i+1], "/"); isRole(filepath.Join(root, dir)) {
				return dir
			}
		}
	}
	// custom folders of roles: roles/custom/NAME
	for i := len(parts) - 1; i > 0; i-- {
		if dir := strings.Join(parts[:i], "/"); strings.Contains(dir+"/", "roles/") && isRole(filepath.Join(root, dir)) {
			return dir
		}
	}
	return ""
}

// isRole tells whether a folder is a role.
func isRole(dir string) bool {
	for _, name := range []string{"tasks/main.yml", "tasks/main.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "meta", "main.yml")); err == nil {
		_, err := os.Stat(filepath.Join(dir, "roles"))
		return err != nil
	}
	return false
}

func isYAMLName(path string) bool {
	switch filepath.Ext(path) {
	case ".yml", ".yaml":
		return true
	}
	return false
}

// kindOf tells what a file is by where it stands and what it holds.
func kindOf(rel string, text []byte) string {
	parts := strings.Split(rel, "/")
	for i, p := range parts[:len(parts)-1] {
		switch p {
		case "templates":
			return "template"
		case "files":
			if strings.HasSuffix(rel, ".j2") {
				return "template"
			}
			return "data"
		case "tasks", "handlers":
			if isYAMLName(rel) {
				return p
			}
		case "defaults", "vars", "group_vars", "host_vars":
			if isYAMLName(rel) || filepath.Ext(rel) == "" && strings.HasSuffix(p, "s") {
				return "vars"
			}
		case "meta":
			if i == len(parts)-2 && strings.HasPrefix(parts[i+1], "main.") {
				return "meta"
			}
			return "data"
		}
	}
	if strings.HasSuffix(rel, ".j2") {
		return "template"
	}
	if !isYAMLName(rel) {
		return "data"
	}
	n, err := source.NewFile(rel, text).One()
	if err != nil || n == nil {
		return "data"
	}
	switch n.Kind {
	case source.List:
		for _, item := range n.Items {
			if item.Get("hosts") != nil || item.Get("import_playbook") != nil || item.Get("ansible.builtin.import_playbook") != nil {
				return "playbook"
			}
		}
		for _, item := range n.Items {
			for _, f := range item.Fields {
				if f.Key == "action" || f.Key == "local_action" || f.Key == "block" || strings.HasPrefix(f.Key, "ansible.builtin.") || taskWords[f.Key] {
					return "tasks"
				}
			}
		}
	case source.Map:
		if bytes.Contains(text, []byte("{{")) || bytes.Contains(text, []byte("{%")) {
			return "vars"
		}
	}
	return "data"
}

// taskWords are keys that show that a list holds tasks.
var taskWords = map[string]bool{"include": true, "include_tasks": true, "import_tasks": true, "include_role": true, "import_role": true, "include_vars": true,
	"command": true, "shell": true, "copy": true, "template": true, "file": true, "debug": true, "set_fact": true, "assert": true, "fail": true, "apt": true,
	"package": true, "service": true, "systemd": true, "lineinfile": true, "stat": true, "user": true, "group": true, "get_url": true, "uri": true, "meta": true,
	"slurp": true, "git": true, "cron": true, "raw": true, "wait_for": true, "unarchive": true, "pause": true, "find": true}

// learn gathers what is known of variables, and which files of tasks are for other systems.
func (u *unit) learn() {
	seen := map[string]bool{}
	put := func(name string, t typ) {
		if seen[name] && u.types[name] != t {
			t = anAny
		}
		seen[name] = true
		u.types[name] = t
	}
	included := map[string][]bool{} // file: for other systems, each time it is included
	for rel, f := range u.files {
		kind := kindOf(rel, f.Text)
		if kind != "vars" && kind != "tasks" && kind != "handlers" && kind != "playbook" {
			continue
		}
		n, err := source.NewFile(rel, f.Text).One()
		if err != nil {
			continue
		}
		if kind == "vars" {
			for _, v := range n.Fields {
				t := typeOfNode(v.Value)
				put(v.Key, t)
				if t == aList {
					flat := !slices.ContainsFunc(v.Value.Items, func(c *source.Node) bool {
						s, _ := c.Value.(string)
						return c.Kind == source.List || isJinja(s) && strings.HasPrefix(strings.TrimSpace(s), "{{")
					})
					if was, known := u.flats[v.Key]; !known || was {
						u.flats[v.Key] = flat
					}
				} else if t != anAny {
					u.flats[v.Key] = false
				}
			}
			continue
		}
		for _, play := range n.Items {
			for _, v := range fieldsOf(play.Get("vars")) {
				put(v.Key, typeOfNode(v.Value))
			}
		}
		d := &doc{unit: u, f: source.NewFile(rel, f.Text)}
		eachTask(n, false, func(t *source.Node, other bool) {
			if r, ok := t.Get("register").Plain().(string); ok {
				put(r, aMap)
			}
			for _, field := range t.Fields {
				switch plainName(field.Key) {
				case "set_fact", "vars":
					for _, v := range field.Value.Fields {
						put(v.Key, typeOfNode(v.Value))
					}
				case "include_tasks", "import_tasks", "include":
					name := field.Value.Raw
					if v := field.Value.Get("file"); v != nil {
						name = v.Raw
					}
					included[filepath.Base(name)] = append(included[filepath.Base(name)], other || d.elsewhere(t.Get("when")))
				case "loop_control":
					for _, v := range field.Value.Fields {
						put(v.Value.Raw, anAny)
					}
				}
			}
		}, d.elsewhere)
	}
	for name, list := range included {
		if !slices.Contains(list, false) {
			u.elsew[name] = true
		}
	}
}

// fieldsOf are the fields of a map that may not be there.
func fieldsOf(n *source.Node) []source.Field {
	if n == nil {
		return nil
	}
	return n.Fields
}

// eachTask calls f with each task of a list, those in blocks and plays too.
func eachTask(n *source.Node, other bool, f func(t *source.Node, other bool), elsewhere func(*source.Node) bool) {
	if n == nil || n.Kind != source.List {
		return
	}
	for _, t := range n.Items {
		if t.Kind != source.Map {
			continue
		}
		inner := false
		for _, key := range []string{"block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"} {
			if list := t.Get(key); list != nil && list.Kind == source.List {
				eachTask(list, other || elsewhere(t.Get("when")), f, elsewhere)
				inner = true
			}
		}
		if !inner {
			f(t, other)
		}
	}
}

// typeOfNode is what a variable's value is, whatever it holds.
func typeOfNode(n *source.Node) typ {
	switch {
	case n.Kind == source.List:
		return aList
	case n.Kind == source.Map:
		return aMap
	}
	switch v := n.Value.(type) {
	case bool:
		return aBool
	case int64, float64:
		return aNumber
	case string:
		if !isJinja(v) {
			return aText
		}
	}
	return anAny
}

// write writes a file in place of what was read.
func (u *unit) write(f *File) {
	kind := kindOf(f.Path, f.Text)
	if bytes.HasPrefix(f.Text, []byte("$ANSIBLE_VAULT")) {
		f.notes = append(f.notes, Note{Pos: source.Pos{File: f.Path, Line: 1, Col: 1}, Level: Look, Msg: "what ansible-vault encrypted stays as it is"})
		return
	}
	e := &emitter{types: u.types}
	switch kind {
	case "data":
	case "template":
		u.templateFile(f, e)
	default:
		f.yaml = true
		u.yamlFile(f, e, kind)
	}
}

func (u *unit) templateFile(f *File, e *emitter) {
	s := string(f.Text)
	now, o := e.template(s)
	if o.All == 0 {
		return
	}
	src := source.NewFile(f.Path, []byte(now))
	for i := range o.All {
		x := &span{0, 0, i < len(o.Refusals)}
		f.exprs = append(f.exprs, x)
	}
	// Places are those of the new file; lines are the same, since tags stay on theirs.
	old := source.NewFile(f.Path, f.Text)
	place := func(off int) source.Pos {
		p := old.PosOf(off)
		if strings.Count(s, "\n") != strings.Count(now, "\n") {
			return source.Pos{File: p.File, Line: min(p.Line, strings.Count(now, "\n")+1)}
		}
		return src.PosOf(src.Offset(p))
	}
	for _, r := range o.Refusals {
		f.notes = append(f.notes, Note{Pos: place(r.Off), Level: Refused, Msg: r.Msg, Way: r.Way})
	}
	for _, d := range o.Doubts {
		f.notes = append(f.notes, Note{Pos: place(d.Off), Level: Look, Msg: d.Msg})
	}
	f.Text = []byte(now)
}

func (u *unit) yamlFile(f *File, e *emitter, kind string) {
	src := source.NewFile(f.Path, f.Text)
	n, err := src.One()
	if err != nil {
		if quoted, lines := quoteKeys(f, err); quoted != nil {
			f.Text = quoted
			src = source.NewFile(f.Path, quoted)
			if n, err = src.One(); err == nil {
				f.notes = append(f.notes, lines...)
			}
		}
	}
	if err != nil {
		f.notes = append(f.notes, fileNotes(f.Path, err)...)
		return
	}
	d := &doc{unit: u, f: src, e: e, other: u.elsew[filepath.Base(f.Path)]}
	switch kind {
	case "tasks", "handlers":
		d.tasksOf(n, kind == "handlers", d.other)
	case "playbook":
		d.playbook(n)
	case "meta":
		for _, field := range n.Fields {
			if field.Key == "dependencies" {
				d.roles(field.Value)
			}
		}
	default:
		d.all(n)
	}
	text := d.finish()
	if docs, err := source.NewFile(f.Path, []byte(text)).YAML(); err != nil || len(docs) > 1 {
		f.notes = append(f.notes, Note{Pos: source.Pos{File: f.Path, Line: 1, Col: 1}, Level: Refused, Msg: "the file stays as it was: what would be written is no YAML (" + errText(err) + ")"})
		for _, t := range d.tasks {
			t.refused = !t.left
		}
		for _, x := range d.exprs {
			x.refused = true
		}
		f.tasks, f.exprs = d.tasks, d.exprs
		return
	}
	f.Text = []byte(text)
	f.notes = append(f.notes, d.notes...)
	f.tasks, f.exprs = d.tasks, d.exprs
}

// keyError is a key of a map that is no text.
var keyError = regexp.MustCompile(`^the key (\S+) is of type \w+, keys must be text`)

// quoteKeys puts quotes around keys that are numbers; nil when there are other mistakes.
func quoteKeys(f *File, err error) ([]byte, []Note) {
	var many source.Errors
	if !errors.As(err, &many) {
		return nil, nil
	}
	src := source.NewFile(f.Path, f.Text)
	var list []change
	var notes []Note
	seen := map[int]bool{}
	for _, e := range many {
		m := keyError.FindStringSubmatch(e.Msg)
		off := src.Offset(e.Pos)
		if m == nil || off+len(m[1]) > len(f.Text) || string(f.Text[off:off+len(m[1])]) != m[1] {
			return nil, nil
		}
		if seen[off] {
			continue
		}
		seen[off] = true
		list = append(list, change{off, off + len(m[1]), `"` + m[1] + `"`})
		notes = append(notes, Note{Pos: e.Pos, Level: Look, Msg: "the key " + m[1] + " is a text here: what reads it needs a text too"})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].from < list[j].from })
	return []byte(applyChanges(string(f.Text), list)), notes
}

func errText(err error) string {
	if err == nil {
		return "two documents"
	}
	var many source.Errors
	if errors.As(err, &many) && len(many) > 0 {
		return many[0].Error()
	}
	return err.Error()
}

// fileNotes are the mistakes of a file that cannot be read.
func fileNotes(path string, err error) []Note {
	var many source.Errors
	var one *source.Error
	if errors.As(err, &many) {
		var out []Note
		for _, e := range many {
			out = append(out, Note{Pos: e.Pos, Level: Refused, Msg: e.Msg, Way: e.Hint})
		}
		return out
	}
	if errors.As(err, &one) {
		return []Note{{Pos: one.Pos, Level: Refused, Msg: one.Msg, Way: one.Hint}}
	}
	return []Note{{Pos: source.Pos{File: path}, Level: Refused, Msg: err.Error()}}
}

// playbook writes a list of plays.
func (d *doc) playbook(n *source.Node) {
	for _, play := range n.Items {
		if play.Kind != source.Map {
			continue
		}
		for i, f := range play.Fields {
			switch plainName(f.Key) {
			case "tasks", "pre_tasks", "post_tasks":
				d.tasksOf(f.Value, false, false)
			case "handlers":
				d.tasksOf(f.Value, true, false)
			case "roles":
				d.roles(f.Value)
			case "import_playbook", "include":
				if f.Key != "import_playbook" {
					d.replaceKey(play, i, "import_playbook")
				}
				d.all(f.Value)
			default:
				d.keyword(play, i)
			}
		}
	}
}

// roles writes a list of roles, with their conditions and parameters.
func (d *doc) roles(n *source.Node) {
	for _, r := range n.Items {
		if r.Kind != source.Map {
			d.all(r)
			continue
		}
		for i := range r.Fields {
			d.keyword(r, i)
		}
	}
}
