package inventory

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/mxplay/mxplay/runner/source"
)

var (
	iniSection = regexp.MustCompile(`^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$`)
	iniGroup   = regexp.MustCompile(`^([^:\]\s]+)\s*(?:#.*)?$`)
)

// ini reads one INI file into the inventory.
type ini struct {
	inv  *Inventory
	file *source.File
	src  string
	errs source.Errors

	group   *Group
	state   string
	declare map[string]bool      // groups with a section of their own, or that were there before
	asVars  map[string]place     // [x:vars] of groups not declared yet
	asChild map[string][]pending // children of groups not declared yet
	order   []string
}

type place struct {
	pos  source.Pos
	text string
}

type pending struct {
	parent *Group
	place  place
}

func readINI(inv *Inventory, f *source.File, src string) error {
	r := &ini{inv: inv, file: f, src: src, state: "hosts", group: inv.groups["ungrouped"],
		declare: map[string]bool{}, asVars: map[string]place{}, asChild: map[string][]pending{}}
	for _, g := range inv.Groups {
		r.declare[g.Name] = true
	}
	n := 0
	for line := range strings.SplitSeq(string(f.Data), "\n") {
		n++
		r.line(n, strings.TrimSuffix(line, "\r"))
	}
	r.undeclared()
	return r.errs.Err()
}

// fail notes a mistake at a byte of a line.
func (r *ini) fail(n int, line string, at int, format string, args ...any) *source.Error {
	e := source.Errorf(r.pos(n, line, at), format, args...)
	e.Text = line
	r.errs = append(r.errs, e)
	return e
}

func (r *ini) pos(n int, line string, at int) source.Pos {
	return source.Pos{File: r.file.Name, Line: n, Col: utf8.RuneCountInString(line[:min(at, len(line))]) + 1}
}

func (r *ini) line(n int, line string) {
	text := strings.TrimSpace(line)
	at := len(line) - len(strings.TrimLeft(line, " \t\v\f\u00a0"))
	if n == 1 {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	if text == "" || text[0] == '#' || text[0] == ';' {
		return
	}
	if !utf8.ValidString(text) {
		r.fail(n, line, at, "the line is not UTF-8")
		return
	}
	if m := iniSection.FindStringSubmatch(text); m != nil {
		r.section(n, line, at, m[1], m[2])
		return
	}
	if text[0] == '[' && strings.HasSuffix(text, "]") {
		r.fail(n, line, at, "%s is no section", text).WithHint("a section is [group], [group:children] or [group:vars], without spaces")
		return
	}
	switch r.state {
	case "hosts":
		r.hosts(n, line, text, at)
	case "vars":
		r.variable(n, line, text, at)
	case "children":
		r.childName(n, line, text, at)
	}
}

func (r *ini) section(n int, line string, at int, name, state string) {
	p := r.pos(n, line, at+1)
	if state == "" {
		state = "hosts"
	}
	r.state = state
	switch state {
	case "hosts", "children":
		r.declare[name] = true
	case "vars":
		if !r.declare[name] && r.asVars[name].text == "" {
			r.asVars[name] = place{p, line}
			r.order = append(r.order, name)
		}
	default:
		e := r.fail(n, line, at+len(name)+2, "section [%s:%s] is of an unknown kind", name, state)
		e.Hint = "a section is [group], [group:children] or [group:vars]"
		if near := source.DidYouMean(state, []string{"hosts", "children", "vars"}); near != "" {
			e.Hint = fmt.Sprintf("did you mean [%s:%s]?", name, near)
		}
		r.state = "skip"
		r.declare[name] = true
	}
	r.group = r.inv.group(name, p)
	if r.declare[name] {
		r.adopt(name)
	}
}

// adopt puts a group, now that it is declared, below those that named it.
func (r *ini) adopt(name string) {
	for _, p := range r.asChild[name] {
		r.putBelow(p.parent, r.inv.groups[name], p.place)
	}
	delete(r.asChild, name)
}

func (r *ini) putBelow(parent, child *Group, at place) {
	if err := r.inv.child(parent, child); err != nil {
		r.errs = append(r.errs, &source.Error{Pos: at.pos, Msg: err.Error(), Text: at.text})
	}
}

func (r *ini) childName(n int, line, text string, at int) {
	m := iniGroup.FindStringSubmatch(text)
	if m == nil {
		r.fail(n, line, at, "a group's name is expected here, not %q", text)
		return
	}
	here := place{r.pos(n, line, at), line}
	if r.declare[m[1]] {
		r.putBelow(r.group, r.inv.groups[m[1]], here)
		return
	}
	r.asChild[m[1]] = append(r.asChild[m[1]], pending{r.group, here})
	r.order = append(r.order, m[1])
}

// undeclared complains about groups that were named but have no section.
func (r *ini) undeclared() {
	var names []string
	for name := range r.declare {
		names = append(names, name)
	}
	sortStrings(names)
	said := map[string]bool{}
	for _, name := range r.order {
		if r.declare[name] || said[name] {
			continue
		}
		said[name] = true
		var es source.Errors
		if v, ok := r.asVars[name]; ok {
			es = append(es, &source.Error{Pos: v.pos, Text: v.text, Msg: fmt.Sprintf("[%s:vars] sets variables of group %s, which nothing defines", name, name)})
		}
		for _, c := range r.asChild[name] {
			es = append(es, &source.Error{Pos: c.place.pos, Text: c.place.text, Msg: fmt.Sprintf("[%s:children] names group %s, which nothing defines", c.parent.Name, name)})
		}
		for _, e := range es {
			e.Hint = fmt.Sprintf("define it: [%s]", name)
			if near := source.DidYouMean(name, names); near != "" {
				e.Hint = "did you mean " + near + "?"
				if g := r.inv.groups[near]; g != nil && !g.Pos.IsZero() {
					e.Hint = fmt.Sprintf("did you mean %s (%s)?", near, g.Pos)
				}
			}
		}
		r.errs = append(r.errs, es...)
	}
}

// variable reads a line of a :vars section: all behind the first = is the value.
func (r *ini) variable(n int, line, text string, at int) {
	k, v, ok := strings.Cut(text, "=")
	name := strings.TrimSpace(k)
	if !ok || name == "" {
		r.fail(n, line, at, "key=value is expected here, not %q", text)
		return
	}
	val := strings.TrimSpace(v)
	vp := at + len(k) + 1 + len(v) - len(strings.TrimLeft(v, " \t"))
	node, err := r.node(val, r.pos(n, line, vp))
	if err == nil {
		err = r.group.set(name, Var{Node: node, Pos: r.pos(n, line, at)})
	}
	if err != nil {
		r.fail(n, line, vp, "%v", err)
	}
}

// node is a value: a Python literal, else text.
func (r *ini) node(s string, p source.Pos) (*source.Node, error) {
	v, ok, err := pyLiteral(s)
	if err != nil {
		return nil, err
	}
	if !ok {
		v = s
	}
	return source.FromValue(v, p), nil
}

// hosts reads a line that names hosts, with their variables.
func (r *ini) hosts(n int, line, text string, at int) {
	words, err := shellSplit(line[at:])
	if err != nil {
		r.fail(n, line, at+err.(*shellError).at, "%v", err)
		return
	}
	if len(words) == 0 {
		return
	}
	p := r.pos(n, line, at)
	names, port, err := expandHost(words[0].text)
	if err != nil {
		r.fail(n, line, at, "%v", err)
		return
	}
	vars := make(map[string]Var, len(words)-1)
	for _, w := range words[1:] {
		k, v, ok := strings.Cut(w.text, "=")
		if !ok || k == "" {
			e := r.fail(n, line, at+w.at, "key=value is expected here, not %q", w.text)
			if k == "" && ok {
				e.Hint = "no space may stand around the ="
			}
			continue
		}
		wp := r.pos(n, line, at+w.at)
		node, err := r.node(v, r.pos(n, line, at+w.at+len(k)+1))
		if err != nil {
			r.fail(n, line, at+w.at+len(k)+1, "%v", err)
			continue
		}
		vars[k] = Var{Node: node, Pos: wp}
	}
	for _, name := range names {
		h := r.inv.host(name, r.group, port, r.src, p)
		if len(names) == 1 && len(h.Vars) == 0 {
			h.Vars = vars
			continue
		}
		maps.Copy(h.Vars, vars)
	}
}
