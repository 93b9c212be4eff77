package migrate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/source"
)

// Report is what became of a role, or of what stands outside of roles.
type Report struct {
	Name      string
	Tasks     int // those for Debian
	Came      int // that came over and compile
	Left      int // for other systems
	Exprs     int
	ExprsCame int
	Inputs    []string // variables that the role reads and nothing in it sets
	Notes     []Note
	Whole     bool // nothing was refused
	rounds    int
}

// rounds bounds how often a role is compiled again after its mistakes were set aside.
const rounds = 60

// Write puts all files into a folder that is not there yet.
func (m *Migrator) Write(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return source.Errorf(source.Pos{File: source.ShortName(dir)}, "is there already; nothing was written").WithHint("name a folder that is not there")
	}
	for _, f := range m.files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return source.OSError(path, err)
		}
		err := error(nil)
		if f.Link != "" {
			err = os.Symlink(f.Link, path)
		} else {
			err = os.WriteFile(path, f.Text, f.Mode)
		}
		if err != nil {
			return source.OSError(path, err)
		}
	}
	return nil
}

// Files are the files that were written.
func (m *Migrator) Files() []*File { return m.files }

// Check compiles what was written, in a scratch folder, and tells role by role
// what came over. What does not compile is set aside and the rest compiled
// again, until all that is left compiles.
func (m *Migrator) Check(scratch string, rolePaths []string) ([]*Report, error) {
	byRole := map[string][]*File{}
	for _, f := range m.files {
		byRole[f.role] = append(byRole[f.role], f)
	}
	root := filepath.Join(scratch, "site")
	name := "role"
	if byRole["."] != nil {
		name = roleName(m.Root)
		root = filepath.Join(scratch, "roles", name)
	}
	if err := m.Write(root); err != nil {
		return nil, err
	}
	var names []string
	for r := range byRole {
		names = append(names, r)
	}
	sort.Slice(names, func(i, j int) bool { return names[i] != "" && (names[j] == "" || names[i] < names[j]) })
	var out []*Report
	aside, broken := map[*task]bool{}, map[*File]int{}
	for _, r := range names {
		v := &verifier{m: m, root: root, files: byRole[r], every: m.files, aside: aside, broken: broken, asked: map[string]int{}, rolePaths: append([]string{filepath.Join(root, "roles"), filepath.Join(scratch, "roles")}, rolePaths...)}
		v.report = &Report{Name: r}
		switch r {
		case "":
			v.report.Name = "playbooks"
			v.playbooks()
			if v.plays == nil && !slices.ContainsFunc(v.files, func(f *File) bool { return len(f.tasks)+len(f.exprs)+len(f.notes) > 0 }) {
				continue
			}
		case ".":
			v.report.Name = name
			v.play(filepath.Join(scratch, "play.yml"), name)
		default:
			v.rolePaths = append([]string{filepath.Dir(filepath.Join(root, r))}, v.rolePaths...)
			v.play(filepath.Join(scratch, "play.yml"), filepath.Base(r))
		}
		v.run()
		out = append(out, v.report)
	}
	return out, nil
}

// roleName is the name that the role in a folder is called by.
func roleName(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	return filepath.Base(abs)
}

type verifier struct {
	m         *Migrator
	root      string
	files     []*File
	rolePaths []string
	plays     []string
	role      string // of the generated play
	prompts   []string
	report    *Report
	aside     map[*task]bool
	broken    map[*File]int
	asked     map[string]int // in which round a name became one that the caller sets
	every     []*File        // of the site, for what roles do in its playbooks
}

// playbooks are those that are compiled as they are.
func (v *verifier) playbooks() {
	for _, f := range v.files {
		if isYAMLName(f.Path) && kindOf(f.Path, f.Text) == "playbook" {
			v.plays = append(v.plays, filepath.Join(v.root, filepath.FromSlash(f.Path)))
		}
	}
}

func (v *verifier) play(path, role string) { v.plays, v.role = []string{path}, role }

func (v *verifier) writePlay() error {
	if v.role == "" {
		text := "all:\n  hosts:\n    host1:\n      ansible_connection: local\n"
		for _, p := range v.prompts {
			text += "      " + p + ": \"\"\n"
		}
		return os.WriteFile(filepath.Join(filepath.Dir(v.root), "hosts.yml"), []byte(text), 0o644)
	}
	text := "- hosts: all\n"
	if len(v.prompts) > 0 {
		text += "  vars_prompt:\n"
		for _, p := range v.prompts {
			text += "    - {name: " + p + ", private: true}\n"
		}
	}
	return os.WriteFile(v.plays[0], []byte(text+"  roles: ["+fmt.Sprintf("%q", v.role)+"]\n"), 0o644)
}

// run compiles until nothing is wrong, and counts.
func (v *verifier) run() {
	for _, f := range v.files {
		v.report.Notes = append(v.report.Notes, f.notes...)
		for _, t := range f.tasks {
			if t.refused && !t.block {
				v.setAside(f, t)
			}
		}
	}
	if v.plays != nil {
		v.compile()
	}
	r := v.report
	for _, f := range v.files {
		for _, t := range f.tasks {
			switch {
			case t.block:
			case t.left:
				r.Left++
			case v.aside[t]:
				r.Tasks++
			default:
				r.Tasks++
				r.Came++
			}
		}
		bad := 0
		for _, x := range f.exprs {
			if x.refused {
				bad++
			}
		}
		bad = min(len(f.exprs), bad+v.broken[f])
		r.Exprs += len(f.exprs)
		r.ExprsCame += len(f.exprs) - bad
	}
	sort.SliceStable(r.Notes, func(i, j int) bool {
		a, b := r.Notes[i].Pos, r.Notes[j].Pos
		if a.File != b.File {
			return a.File < b.File
		}
		return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col
	})
	r.Whole = !slices.ContainsFunc(r.Notes, func(n Note) bool { return n.Level == Refused })
}

func (v *verifier) compile() {
	for v.report.rounds = 0; v.report.rounds < rounds; v.report.rounds++ {
		if err := v.writePlay(); err != nil {
			v.report.Notes = append(v.report.Notes, fileNotes("", err)...)
			return
		}
		o := runner.Options{Playbooks: v.plays, RolePaths: v.rolePaths, Tasks: v.m.Modules, NoHosts: true}
		if v.role == "" {
			o.Inventory, o.NoHosts = []string{filepath.Join(filepath.Dir(v.root), "hosts.yml")}, false
		}
		_, err := runner.Compile(o)
		if err == nil {
			return
		}
		var all source.Errors
		if !errors.As(err, &all) {
			all = nil
			var one *source.Error
			if errors.As(err, &one) {
				all = source.Errors{one}
			}
		}
		moved := false
		for _, e := range all {
			moved = v.mend(e) || moved
		}
		if !moved {
			for _, e := range all {
				v.tell(e, v.pathOf(e))
			}
			v.everything()
			return
		}
	}
	v.everything()
}

// everything counts all that is left as refused: it could not be compiled.
func (v *verifier) everything() {
	for _, f := range v.files {
		for _, t := range f.tasks {
			if !t.block && !t.left {
				v.aside[t] = true
			}
		}
	}
}

// unsetName is the message about a name that nothing sets.
var unsetName = regexp.MustCompile(`^nothing sets (?:a|the) variable ([A-Za-z_]\w*)|but ([A-Za-z_]\w*) is read .* and nothing sets that$|^nothing sets or reads the variable ([A-Za-z_]\w*)`)

func (v *verifier) pathOf(e *source.Error) string {
	abs, err := filepath.Abs(e.Pos.File)
	if err != nil {
		return e.Pos.File
	}
	rel, err := filepath.Rel(v.root, abs)
	if err != nil || strings.HasPrefix(rel, "..") {
		return e.Pos.File
	}
	return filepath.ToSlash(rel)
}

// tell notes a mistake; one in a role that this one takes in belongs to that role.
func (v *verifier) tell(e *source.Error, path string) {
	hint := e.Hint
	if strings.HasPrefix(hint, "looked in ") || strings.HasPrefix(hint, "looked for ") {
		hint = ""
	}
	if hint == "" && strings.HasPrefix(e.Msg, "there is no role ") {
		hint = "bring it over too, and give the folder that holds it by --roles-path"
	}
	p := e.Pos
	p.File = path
	n := Note{Pos: p, Level: Refused, Msg: e.Msg, Way: hint}
	for _, f := range v.every {
		if f.Path == path && v.role != "" && !slices.Contains(v.files, f) {
			f.notes = append(f.notes, n)
			return
		}
	}
	v.report.Notes = append(v.report.Notes, n)
}

// mend sets aside what an error is about; false when that cannot be made out.
func (v *verifier) mend(e *source.Error) bool {
	path := v.pathOf(e)
	if m := unsetName.FindStringSubmatch(e.Msg); m != nil {
		name := m[1] + m[2] + m[3]
		if v.asked[name] == v.report.rounds+1 {
			return true // it was put right for the next round
		}
		if !strings.HasPrefix(name, "ansible_") && !slices.Contains(v.prompts, name) {
			v.asked[name] = v.report.rounds + 1
			v.prompts = append(v.prompts, name)
			v.report.Inputs = append(v.report.Inputs, name)
			return true
		}
	}
	var f *File
	for _, c := range v.every {
		if c.Path == path {
			f = c
		}
	}
	if f == nil {
		return false
	}
	for _, x := range f.exprs {
		if x.to > 0 && lineOf(f.Text, x.from) <= e.Pos.Line && e.Pos.Line <= lineOf(f.Text, x.to) && !x.refused {
			x.refused = true
			break
		}
	}
	if t := taskAt(f, e.Pos.Line, v.aside); t != nil {
		v.tell(e, path)
		for _, c := range f.tasks {
			if c.from >= t.from && c.to <= t.to && !c.left {
				v.aside[c] = true
			}
		}
		v.setAside(f, t)
		return true
	}
	if strings.HasPrefix(f.Path[strings.LastIndex(f.Path, "/")+1:], "argument_spec") {
		v.tell(e, path)
		_ = os.Remove(filepath.Join(v.root, filepath.FromSlash(path))) // each of its mistakes is told, and it goes once
		return true
	}
	switch kindOf(f.Path, f.Text) {
	case "vars":
		return v.removeVar(f, e, path)
	case "meta":
		if v.blank(f, 1, strings.Count(string(f.Text), "\n")+1, "") {
			v.tell(e, path)
			return true
		}
	case "template":
		v.tell(e, path)
		v.broken[f]++
		if v.broken[f] == 1 {
			v.uses(filepath.Base(f.Path))
		}
		return os.WriteFile(filepath.Join(v.root, filepath.FromSlash(path)), nil, 0o644) == nil
	}
	return false
}

// uses sets aside the tasks that name a template file.
func (v *verifier) uses(name string) {
	for _, f := range v.files {
		for _, t := range f.tasks {
			if !t.block && !t.left && strings.Contains(string(f.Text[t.from:min(t.to, len(f.Text))]), name) {
				v.aside[t] = true
			}
		}
	}
}

func lineOf(text []byte, off int) int {
	return strings.Count(string(text[:min(off, len(text))]), "\n") + 1
}

// taskAt is the innermost task that holds a line and is not set aside yet.
func taskAt(f *File, line int, aside map[*task]bool) *task {
	var best *task
	for _, t := range f.tasks {
		if t.left || aside[t] || lineOf(f.Text, t.from) > line || lineOf(f.Text, max(t.to-1, t.from)) < line {
			continue
		}
		if best == nil || t.from >= best.from && t.to <= best.to {
			best = t
		}
	}
	return best
}

// setAside puts a task that does nothing in place of one, on its lines.
func (v *verifier) setAside(f *File, t *task) {
	v.aside[t] = true
	with := fmt.Sprintf("{name: %q, debug: {msg: set aside}", t.name)
	var listen []string
	for _, l := range t.listen {
		if l != "" {
			listen = append(listen, fmt.Sprintf("%q", l))
		}
	}
	if listen != nil {
		with += ", listen: [" + strings.Join(listen, ", ") + "]"
	}
	v.blank(f, lineOf(f.Text, t.from), lineOf(f.Text, max(t.to-1, t.from)), with+"}")
}

// blank empties lines of the scratch copy of a file; the first one keeps what
// stands before the task and gets something in its place.
func (v *verifier) blank(f *File, from, to int, with string) bool {
	path := filepath.Join(v.root, filepath.FromSlash(f.Path))
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	lines := strings.Split(string(data), "\n")
	for i := from; i <= to && i <= len(lines); i++ {
		if i == from && with != "" {
			l := lines[i-1]
			dash := strings.Index(l, "-")
			if dash < 0 {
				return false
			}
			lines[i-1] = l[:dash] + "- " + with
			continue
		}
		lines[i-1] = ""
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")), f.Mode|0o600) == nil
}

// removeVar takes the variable at a line out of a file of variables.
func (v *verifier) removeVar(f *File, e *source.Error, path string) bool {
	lines := strings.Split(string(f.Text), "\n")
	from := min(e.Pos.Line, len(lines))
	for from > 1 && (lines[from-1] == "" || strings.ContainsRune(" -#}]", rune(lines[from-1][0]))) {
		from--
	}
	name, _, ok := strings.Cut(lines[from-1], ":")
	if !ok || !plainKey.MatchString(name) {
		return false
	}
	to := from
	for to < len(lines) && (lines[to] == "" || strings.ContainsRune(" -#}]", rune(lines[to][0]))) {
		to++
	}
	if slices.Contains(v.prompts, name) {
		return false
	}
	v.tell(e, path)
	v.prompts = append(v.prompts, name)
	return v.blank(f, from, to, "")
}
