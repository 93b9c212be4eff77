package migrate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
)

// keywords are the words of the language with what they take.
var keywords = sync.OnceValue(func() map[string]playbook.Shape {
	m := map[string]playbook.Shape{}
	for _, k := range playbook.AllKeywords() {
		if k.Refused == "" {
			m[k.Name] = k.Shape
		}
	}
	return m
})

// oldWords are keywords of older Ansibles, with today's.
var oldWords = map[string]string{"sudo": "become", "sudo_user": "become_user", "always_run": "check_mode", "remote_user": "remote_user"}

// goneWords are keywords that change nothing here.
var goneWords = map[string]bool{"static": true, "collections": true}

// tasksOf writes a list of tasks.
func (d *doc) tasksOf(n *source.Node, handlers, other bool) {
	if n.Kind != source.List {
		if !n.IsNull() {
			d.note(d.offset(n.Pos), Refused, "", "tasks are a list")
		}
		return
	}
	for _, item := range n.Items {
		if item.Kind != source.Map {
			if !item.IsNull() {
				d.note(d.offset(item.Pos), Refused, "", "a task is a map")
			}
			continue
		}
		d.taskOf(item, d.end(item), handlers, other)
	}
}

// taskOf writes a task or block.
func (d *doc) taskOf(n *source.Node, end int, handlers, other bool) {
	other = other || d.elsewhere(n.Get("when"))
	first, notes, spans := len(d.tasks), len(d.notes), len(d.exprs)
	if n.Get("block") != nil {
		d.tasks = append(d.tasks, &task{from: d.offset(n.Pos), to: end, name: d.nameOf(n), block: true})
		d.block(n, handlers, other)
		if d.elsewhere(n.Get("when")) && slices.ContainsFunc(d.tasks[first:], func(t *task) bool { return t.refused || t.left }) {
			d.leaveOut(n, end, d.tasks[first:], notes, spans)
		}
		return
	}
	t := &task{from: d.offset(n.Pos), to: end, name: d.nameOf(n)}
	if l := n.Get("listen"); l != nil {
		t.listen = []string{l.Raw}
		for _, c := range l.Items {
			t.listen = append(t.listen, c.Raw)
		}
	}
	d.tasks = append(d.tasks, t)
	ok := d.work(n, t, handlers)
	t.refused = !ok
	if t.refused && (other || otherManagers[plainName(t.module)]) {
		d.leaveOut(n, end, []*task{t}, notes, spans)
		return
	}
	if t.refused {
		d.mark(n, notes)
	}
}

func (d *doc) nameOf(n *source.Node) string {
	if v := n.Get("name"); v != nil {
		return v.Raw
	}
	return ""
}

// mark puts what was refused above the task as a comment.
func (d *doc) mark(n *source.Node, notes int) {
	at := d.lineStart(d.offset(n.Pos))
	line := string(d.f.Data[at:d.offset(n.Pos)])
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	if !strings.HasPrefix(strings.TrimLeft(line, " "), "-") {
		return
	}
	var b strings.Builder
	for _, note := range d.notes[notes:] {
		if note.Level != Refused {
			continue
		}
		text := note.Msg
		if note.Way != "" && !strings.Contains(note.Way, "\n") {
			text += " (" + note.Way + ")"
		}
		fmt.Fprintf(&b, "%s# migrate: %s\n", indent, strings.ReplaceAll(text, "\n", " "))
	}
	if b.Len() > 0 {
		d.edit(at, at, b.String())
	}
}

// leaveOut makes comments of a task that runs on other systems only.
func (d *doc) leaveOut(n *source.Node, end int, tasks []*task, notes, spans int) {
	from := d.lineStart(d.offset(n.Pos))
	end = d.lineEnd(end)
	var b strings.Builder
	for i, line := range strings.Split(string(d.f.Data[from:end]), "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if strings.TrimSpace(line) != "" {
			b.WriteString("# " + line)
		}
	}
	kept := d.edits[:0]
	for _, c := range d.edits {
		if c.from < from || c.to > end {
			kept = append(kept, c)
		}
	}
	d.edits = kept
	d.edit(from, end, b.String())
	for _, t := range tasks {
		t.left, t.refused = true, false
	}
	d.notes = d.notes[:notes]
	d.exprs = d.exprs[:spans]
	d.note(d.offset(n.Pos), Other, "", "left out as a comment: it has no form here, and is for other systems than Debian only")
}

// block writes a block with its keywords.
func (d *doc) block(n *source.Node, handlers, other bool) {
	for i, f := range n.Fields {
		switch f.Key {
		case "block", "rescue", "always":
			d.tasksOf(f.Value, handlers, other)
		default:
			d.keyword(n, i)
		}
	}
}

// keyword writes one keyword of a task, block or play.
func (d *doc) keyword(n *source.Node, i int) bool {
	f := n.Fields[i]
	switch {
	case strings.HasPrefix(f.Key, "with_"):
		return d.with(n, i)
	case goneWords[f.Key]:
		d.removeField(n, i)
		return true
	case f.Key == "always_run":
		d.replaceKey(n, i, "check_mode")
		if b, ok := f.Value.Value.(bool); ok {
			d.edit(d.offset(f.Value.Pos), d.end(f.Value), fmt.Sprint(!b))
			return true
		}
		d.note(d.offset(f.KeyPos), Refused, "check_mode: false", "always_run that is computed")
		return false
	case oldWords[f.Key] != "" && oldWords[f.Key] != f.Key:
		d.replaceKey(n, i, oldWords[f.Key])
		return d.all(f.Value)
	}
	switch keywords()[f.Key] {
	case playbook.Cond:
		return d.bare(f.Value, Condition)
	case playbook.Looped:
		if s, ok := f.Value.Value.(string); ok && !isJinja(s) {
			return d.bare(f.Value, Value)
		}
		return d.all(f.Value)
	}
	return d.all(f.Value)
}

func (d *doc) replaceKey(n *source.Node, i int, now string) {
	f := n.Fields[i]
	if f.KeyPos.File != d.f.Name {
		return
	}
	from := d.offset(f.KeyPos)
	to := from + len(f.Key)
	if c := d.f.Data[from]; c == '"' || c == '\'' {
		to += 2
	}
	d.edit(from, to, now)
}

// removeField takes a key with its value out of a map.
func (d *doc) removeField(n *source.Node, i int) {
	f := n.Fields[i]
	from, to := d.offset(f.KeyPos), max(d.end(f.Value), d.offset(f.KeyPos)+len(f.Key)+1)
	data := d.f.Data
	if d.inFlow(n) {
		j := to
		for j < len(data) && data[j] == ' ' {
			j++
		}
		if j < len(data) && data[j] == ',' {
			for j++; j < len(data) && data[j] == ' '; j++ {
			}
			d.edit(from, j, "")
			return
		}
		for from > 0 && (data[from-1] == ' ' || data[from-1] == ',') {
			from--
		}
		d.edit(from, to, "")
		return
	}
	start := d.lineStart(from)
	if strings.TrimSpace(string(data[start:from])) == "" {
		d.edit(start, min(d.lineEnd(to)+1, len(data)), "")
		return
	}
	// the first key behind a dash: the next one takes its place
	if i+1 < len(n.Fields) {
		d.edit(from, d.offset(n.Fields[i+1].KeyPos), "")
		return
	}
	d.edit(from, to, "{}")
}

// addLine puts a line of YAML behind a field of a block map.
func (d *doc) addLine(n *source.Node, i int, lines ...string) bool {
	if d.inFlow(n) {
		return false
	}
	at := d.lineEnd(d.end(n.Fields[i].Value))
	pad := strings.Repeat(" ", column(n.Fields[i].KeyPos))
	d.edit(at, at, "\n"+pad+strings.Join(lines, "\n"+pad))
	return true
}

// work writes a task that does something; false when a piece of it was refused.
func (d *doc) work(n *source.Node, t *task, handler bool) bool {
	at := -1
	ok := true
	for i, f := range n.Fields {
		_, known := keywords()[f.Key]
		_, old := oldWords[f.Key]
		switch {
		case known, old, goneWords[f.Key], strings.HasPrefix(f.Key, "with_"):
			if f.Key != "args" {
				ok = d.keyword(n, i) && ok
			}
		case at >= 0:
			d.note(d.offset(f.KeyPos), Refused, "", "%s is no keyword of a task", f.Key)
			ok = false
		default:
			at = i
		}
	}
	if at < 0 {
		d.note(d.offset(n.Pos), Refused, "", "the task has no module")
		return false
	}
	m := &moduleTask{doc: d, t: n, i: at, key: n.Fields[at].Key, args: n.Get("args"), handler: handler}
	done := m.write()
	t.module = m.name
	return done && ok
}

// otherManagers are modules that work on other systems only.
var otherManagers = map[string]bool{"yum": true, "dnf": true, "dnf5": true, "apk": true, "pacman": true, "zypper": true, "homebrew": true, "portage": true,
	"opkg": true, "openbsd_pkg": true, "pkgng": true, "yum_repository": true, "rpm_key": true, "zypper_repository": true, "redhat_subscription": true,
	"rhsm_repository": true, "seboolean": true, "sefcontext": true, "seport": true, "win_command": true, "win_shell": true, "win_copy": true, "win_file": true,
	"win_service": true, "win_package": true, "win_regedit": true, "win_security_policy": true, "homebrew_cask": true, "swdepot": true, "pkgin": true, "slackpkg": true}

// elsewhere tells whether a condition holds on other systems than Debian only.
func (d *doc) elsewhere(when *source.Node) bool {
	if when == nil {
		return false
	}
	list := []*source.Node{when}
	if when.Kind == source.List {
		list = when.Items
	}
	for _, n := range list {
		s, ok := n.Value.(string)
		if !ok {
			continue
		}
		if x, err := parseJinja(strings.TrimSpace(s)); err == nil && notDebian(x) {
			return true
		}
	}
	return false
}

var systemFacts = regexp.MustCompile(`^(?:ansible_)?(os_family|distribution|pkg_mgr|system)$`)

// fact is the fact that a node reads; "" when it is none.
func fact(n node) string {
	name := ""
	switch n := n.(type) {
	case *filterNode:
		if n.name == "lower" {
			return fact(n.x)
		}
	case *nameNode:
		if strings.HasPrefix(n.id, "ansible_") {
			name = n.id
		}
	case *attrNode:
		if x, ok := n.x.(*nameNode); ok && x.id == "ansible_facts" {
			name = n.name
		}
	case *indexNode:
		x, ok := n.x.(*nameNode)
		lit, text := n.i.(*litNode)
		if ok && text && x.id == "ansible_facts" && lit.typ == aText {
			name = lit.raw[1 : len(lit.raw)-1]
		}
	}
	if m := systemFacts.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}

// ours are the values of these facts on Debian.
var ours = map[string]map[string]bool{
	"os_family": {"debian": true}, "distribution": {"debian": true, "ubuntu": true}, "pkg_mgr": {"apt": true}, "system": {"linux": true},
}

// notDebian tells whether a condition cannot hold on Debian.
func notDebian(n node) bool {
	b, ok := n.(*binaryNode)
	if !ok {
		return false
	}
	text := func(n node) (string, bool) {
		lit, ok := n.(*litNode)
		if !ok || lit.typ != aText {
			return "", false
		}
		return strings.ToLower(lit.raw[1 : len(lit.raw)-1]), true
	}
	switch b.op {
	case "and":
		return notDebian(b.a) || notDebian(b.b)
	case "or":
		return notDebian(b.a) && notDebian(b.b)
	case "==":
		v, ok := text(b.b)
		f := fact(b.a)
		return ok && f != "" && !ours[f][v]
	case "!=":
		v, ok := text(b.b)
		f := fact(b.a)
		return ok && f != "" && f != "distribution" && ours[f][v]
	case "in", "not in":
		list, ok := b.b.(*listNode)
		f := fact(b.a)
		if !ok || f == "" {
			return false
		}
		held := false
		for _, item := range list.items {
			v, ok := text(item)
			if !ok {
				return false
			}
			held = held || ours[f][v]
		}
		if b.op == "in" {
			return !held
		}
		return held && f != "distribution"
	}
	return false
}

// with writes a with_ loop as loop.
func (d *doc) with(n *source.Node, i int) bool {
	f := n.Fields[i]
	v := f.Value
	word := strings.TrimPrefix(plainName(f.Key), "with_")
	if word == "items" && v.Kind == source.List && flatList(v) || word == "list" || word == "items" && v.Kind == source.List && len(v.Items) == 0 {
		d.replaceKey(n, i, "loop")
		return d.all(v)
	}
	off := d.offset(f.KeyPos)
	x, err := d.nodeExpr(v)
	o := Outcome{All: 1}
	var out string
	if err == nil {
		out, err = d.loopOf(word, v, x)
	}
	if err != nil {
		o.Refusals = []*Refusal{asRefusal(err)}
		d.exprs = append(d.exprs, &span{off, off, true})
		d.note(off, Refused, o.Refusals[0].Way, "%s: %s", f.Key, o.Refusals[0].Msg)
		return false
	}
	d.exprs = append(d.exprs, &span{off, off, false})
	d.replaceKey(n, i, "loop")
	from, to := d.offset(v.Pos), d.end(v)
	text := scalarText("{{ "+out+" }}", '"')
	if v.Kind != source.Scalar {
		if from0 := off + len(f.Key) + 1; !d.inFlow(n) {
			d.edit(from0, to, " "+text)
			return true
		}
	}
	d.edit(from, to, text)
	return true
}

// flatList tells whether with_items of a list in YAML is the list itself.
func flatList(v *source.Node) bool {
	for _, e := range v.Items {
		s, ok := e.Value.(string)
		if e.Kind == source.List || ok && strings.HasPrefix(strings.TrimSpace(s), "{{") && strings.HasSuffix(strings.TrimSpace(s), "}}") {
			if pieces, bad := cut(strings.TrimSpace(s)); e.Kind == source.List || bad != nil || len(pieces) == 1 {
				return false
			}
		}
	}
	return true
}

// nodeExpr is a YAML value as an expression of ours.
func (d *doc) nodeExpr(n *source.Node) (string, error) {
	d.e.doubts = nil
	switch {
	case n.IsNull():
		return "null", nil
	case n.Kind == source.List:
		var parts []string
		for _, c := range n.Items {
			s, err := d.nodeExpr(c)
			if err != nil {
				return "", err
			}
			parts = append(parts, s)
		}
		return "[" + strings.Join(parts, ", ") + "]", nil
	case n.Kind == source.Map:
		var parts []string
		for _, f := range n.Fields {
			s, err := d.nodeExpr(f.Value)
			if err != nil {
				return "", err
			}
			parts = append(parts, quoteText(f.Key)+": "+s)
		}
		return "{" + strings.Join(parts, ", ") + "}", nil
	}
	s, ok := n.Value.(string)
	if !ok {
		return n.Raw, nil
	}
	return d.textExpr(s)
}

// textExpr is a text with {{ }} as an expression.
func (d *doc) textExpr(s string) (string, error) {
	pieces, bad := cut(s)
	if bad != nil {
		return "", &Refusal{Msg: bad.msg}
	}
	r := &partReader{s: s, pieces: pieces}
	parts, _, err := r.body(0)
	if err != nil {
		return "", err
	}
	alone := len(visible(parts)) == 1
	if len(parts) == 1 && parts[0].text != "" {
		return quoteText(parts[0].text), nil
	}
	out, prec, err := d.e.whole(parts, alone)
	if err == nil && prec < inOr {
		out = "(" + out + ")"
	}
	return out, err
}

// loopOf is the list that a with_ loop goes over.
func (d *doc) loopOf(word string, v *source.Node, x string) (string, error) {
	args := func() string { return strings.TrimSuffix(strings.TrimPrefix(x, "["), "]") }
	if word == "nested" || word == "cartesian" || word == "together" || word == "subelements" {
		if v.Kind != source.List {
			return "", &Refusal{Msg: "its list is computed", Way: "product(a, b), zip(a, b)"}
		}
	}
	switch word {
	case "items":
		if d.flat(v) {
			return x, nil
		}
		return "flatten(" + x + ", 1)", nil
	case "flattened":
		return "flatten(" + x + ")", nil
	case "dict":
		return "dict2items(" + x + ")", nil
	case "together":
		return "zip_longest(" + args() + ")", nil
	case "nested", "cartesian":
		return "product(" + args() + ")", nil
	case "subelements":
		if len(v.Items) == 3 {
			return "subelements(" + d.subelements(v) + ")", nil
		}
		return "subelements(" + args() + ")", nil
	case "indexed_items":
		return "map(flatten(" + x + ", 1), [#index, #])", nil
	case "fileglob":
		if v.Kind == source.List && len(v.Items) != 1 {
			return "flatten(map(" + x + ", fileglob(#)))", nil
		}
		return "fileglob(" + args() + ")", nil
	case "random_choice":
		return "[random(" + x + ")]", nil
	case "first_found":
		return d.firstFound(v)
	case "sequence":
		return "sequence(" + x + ")", nil
	case "lines":
		return "lines(" + x + ")", nil
	}
	return "", &Refusal{Msg: "no loop does the same"}
}

func (d *doc) subelements(v *source.Node) string {
	a, _ := d.nodeExpr(v.Items[0])
	b, _ := d.nodeExpr(v.Items[1])
	skip := "false"
	if s := v.Items[2].Get("skip_missing"); s != nil && s.Value == true {
		skip = "true"
	}
	return a + ", " + b + ", " + skip
}

// flat tells whether a value of with_items is a list that holds no lists.
func (d *doc) flat(v *source.Node) bool {
	s, ok := v.Value.(string)
	if !ok {
		return false
	}
	pieces, bad := cut(strings.TrimSpace(s))
	if bad != nil || len(pieces) != 1 || pieces[0].kind != 'x' {
		return false
	}
	n, err := parseJinja(strings.TrimSpace(s)[pieces[0].in:pieces[0].end])
	if err != nil {
		return false
	}
	for {
		f, ok := n.(*filterNode)
		if !ok || f.name != "default" && f.name != "list" && f.name != "unique" && f.name != "sort" && f.name != "union" && f.name != "difference" {
			break
		}
		n = f.x
	}
	switch n := n.(type) {
	case *filterNode:
		return n.name == "flatten" || n.name == "dict2items" || n.name == "selectattr" || n.name == "rejectattr"
	case *nameNode:
		return d.u().flats[n.id]
	case *attrNode:
		return n.name == "results" || n.name == "stdout_lines" || n.name == "files"
	case *callNode:
		a, ok := n.fn.(*attrNode)
		return ok && (a.name == "split" || a.name == "keys" || a.name == "splitlines")
	}
	return false
}

func (d *doc) u() *unit { return d.unit }

// firstFound is with_first_found: a list of the first file, or of none with skip.
func (d *doc) firstFound(v *source.Node) (string, error) {
	skip := false
	items := []*source.Node{v}
	if v.Kind == source.List {
		items = v.Items
	}
	var args []string
	for _, e := range items {
		c := *e
		c.Fields = nil
		for _, f := range e.Fields {
			if f.Key == "skip" {
				skip = skip || f.Value.Value == true
				continue
			}
			c.Fields = append(c.Fields, f)
		}
		s, err := d.nodeExpr(&c)
		if err != nil {
			return "", err
		}
		if s != "{}" {
			args = append(args, s)
		}
	}
	call := "first_found([" + strings.Join(args, ", ") + "])"
	if v.Kind != source.List && len(args) == 1 {
		call = "first_found(" + args[0] + ")"
	}
	if skip {
		return "filter([default(" + call + ", null)], # != null)", nil
	}
	return "[" + call + "]", nil
}
