package migrate

import (
	"fmt"
	"sort"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Level is how much a note asks for.
type Level uint8

// The levels.
const (
	Look    Level = iota // it came over and may mean something else
	Other                // it is for other systems than Debian and was left out
	Refused              // it has no form here and stays as it was
)

// Note is a place that a person must look at.
type Note struct {
	Pos   source.Pos // in what was written
	Level Level
	Msg   string
	Way   string // what to write instead; "" when not known
	off   int
}

// doc is one YAML file on its way. The text is edited by position, so that
// comments and layout stay.
type doc struct {
	*unit
	f     *source.File
	e     *emitter
	edits []change
	notes []Note
	tasks []*task
	exprs []*span
	other bool // the file is for other systems only
}

// task is one task of a file.
type task struct {
	from, to int // in the old text, then in the new one
	name     string
	module   string
	listen   []string
	block    bool // it holds other tasks and does not count
	refused  bool
	left     bool // out, since it is for other systems
}

// span is one expression of a file.
type span struct {
	from, to int
	refused  bool
}

func (d *doc) offset(p source.Pos) int { return d.f.Offset(p) }

// edit replaces a piece of the text. Edits of the same place, as aliases make, are one.
func (d *doc) edit(from, to int, text string) {
	d.edits = append(d.edits, change{from, to, text})
}

func (d *doc) note(off int, l Level, way, format string, a ...any) {
	d.notes = append(d.notes, Note{off: off, Level: l, Msg: fmt.Sprintf(format, a...), Way: way})
}

// extent is where the text of a scalar begins and ends, with its quotes.
func (d *doc) extent(n *source.Node) (from, to int, ok bool) {
	if n.Pos.File != d.f.Name || n.File() == nil {
		return 0, 0, false
	}
	from = d.offset(n.Pos)
	if from >= len(d.f.Data) {
		return from, from, n.Raw == ""
	}
	if c := d.f.Data[from]; (c == '|' || c == '>') && n.Quoted() {
		return from, d.blockEnd(from), true
	}
	to = d.offset(n.PosAt(len(n.Raw)))
	switch c := d.f.Data[from]; {
	case n.Raw == "" && c != '"' && c != '\'':
		return from, from, true
	case c == '"' || c == '\'':
		if n.Raw == "" {
			return from, from + 2, true
		}
		if to >= len(d.f.Data) || d.f.Data[to] != c {
			to++ // PosAt gives the place of the quote or behind it
			if to > len(d.f.Data) || d.f.Data[to-1] != c {
				return from, to, false
			}
			return from, to, true
		}
		return from, to + 1, to > from
	}
	return from, to, to > from
}

// blockEnd is where the text of a block scalar ends whose | or > is at an offset.
func (d *doc) blockEnd(from int) int {
	end := d.lineEnd(from)
	indent := -1
	for i := end + 1; i < len(d.f.Data); {
		line := string(d.f.Data[i:d.lineEnd(i)])
		if text := strings.TrimLeft(line, " "); strings.TrimSpace(text) != "" {
			in := len(line) - len(text)
			if indent < 0 {
				indent = in
				if in <= d.indentOf(from) {
					return end
				}
			}
			if in < indent {
				return end
			}
			end = i + len(line)
		}
		i += len(line) + 1
	}
	return end
}

// indentOf is how far the key of a block scalar is indented.
func (d *doc) indentOf(off int) int {
	line := string(d.f.Data[d.lineStart(off):off])
	in := len(line) - len(strings.TrimLeft(line, " "))
	if strings.HasPrefix(line[in:], "- ") && !strings.Contains(line[in:], ": ") {
		return in
	}
	return len(line) - len(strings.TrimLeft(line, " -"))
}

// end is where a node ends in the text.
func (d *doc) end(n *source.Node) int {
	from := d.offset(n.Pos)
	if n.Kind == source.Scalar {
		_, to, ok := d.extent(n)
		if !ok {
			return d.lineEnd(from)
		}
		return to
	}
	if from < len(d.f.Data) && (d.f.Data[from] == '{' || d.f.Data[from] == '[') {
		if to := tagEnd(string(d.f.Data), from+1, string(map[byte]byte{'{': '}', '[': ']'}[d.f.Data[from]])); to > 0 {
			return to + 1
		}
	}
	to := from
	for _, c := range n.Items {
		if c.Pos.File == d.f.Name {
			to = max(to, d.end(c))
		}
	}
	for _, f := range n.Fields {
		to = max(to, d.offset(f.KeyPos)+len(f.Key))
		if f.Value.Pos.File == d.f.Name {
			to = max(to, d.end(f.Value))
		}
	}
	return to
}

func (d *doc) lineStart(off int) int {
	return strings.LastIndexByte(string(d.f.Data[:off]), '\n') + 1
}

func (d *doc) lineEnd(off int) int {
	if i := strings.IndexByte(string(d.f.Data[off:]), '\n'); i >= 0 {
		return off + i
	}
	return len(d.f.Data)
}

// inFlow tells whether a map is written in braces.
func (d *doc) inFlow(n *source.Node) bool {
	off := d.offset(n.Pos)
	return off < len(d.f.Data) && d.f.Data[off] == '{'
}

// column is how far a key is indented, counted from 0.
func column(p source.Pos) int { return p.Col - 1 }

// reads tells whether a piece of YAML is a value.
func reads(piece string, want value.Value) bool {
	for _, text := range []string{"- " + piece + "\n", "- [" + piece + "]\n", "a: " + piece + "\n"} {
		docs, err := source.ReadYAML("x", []byte(text))
		if err != nil || len(docs) != 1 {
			return false
		}
		n := docs[0]
		switch {
		case n.Kind == source.Map && len(n.Fields) == 1:
			n = n.Fields[0].Value
		case n.Kind == source.List && len(n.Items) == 1:
			n = n.Items[0]
		default:
			return false
		}
		if n.Kind == source.List && len(n.Items) == 1 {
			n = n.Items[0]
		}
		if n.Kind != source.Scalar || n.Value != want {
			return false
		}
	}
	return true
}

// scalarText is a text as a YAML scalar on one line, in the style that it had where that goes.
func scalarText(s string, quote byte) string {
	plain, single, double := s, "'"+strings.ReplaceAll(s, "'", "''")+"'", source.QuoteYAML(s)
	var all []string
	switch {
	case quote == '"' && !strings.ContainsAny(s, `"\`):
		all = []string{`"` + s + `"`, double}
	case quote == '"' && !strings.Contains(s, "'"), quote == '\'':
		all = []string{single, double}
	case quote == '"':
		all = []string{double, single}
	default:
		all = []string{plain, double, single}
	}
	for _, c := range all {
		if reads(c, s) {
			return c
		}
	}
	return double
}

// setScalar gives a scalar another text; list are the changes that made it.
func (d *doc) setScalar(n *source.Node, now string, list []change) bool {
	from, to, ok := d.extent(n)
	if !ok {
		return false
	}
	c := byte(0)
	if from < len(d.f.Data) {
		c = d.f.Data[from]
	}
	if c == '|' || c == '>' {
		if d.setBlock(n, list) {
			return true
		}
		text := source.QuoteYAML(now)
		d.edit(from, to, text)
		return true
	}
	if c != '"' && c != '\'' {
		c = 0
	}
	d.edit(from, to, scalarText(now, c))
	return true
}

// setBlock edits a block scalar piece by piece.
func (d *doc) setBlock(n *source.Node, list []change) bool {
	var edits []change
	for _, c := range list {
		if strings.Contains(c.text, "\n") {
			return false
		}
		a, b := d.offset(n.PosAt(c.from)), d.offset(n.PosAt(c.to))
		if c.to >= len(strings.TrimRight(n.Raw, "\n")) {
			b = d.blockEnd(d.offset(n.Pos))
		}
		if b < a || a <= d.offset(n.Pos) {
			return false
		}
		edits = append(edits, change{a, b, c.text})
	}
	d.edits = append(d.edits, edits...)
	return true
}

// finish makes the new text and moves all places to it.
func (d *doc) finish() string {
	sort.SliceStable(d.edits, func(i, j int) bool {
		a, b := d.edits[i], d.edits[j]
		if a.from != b.from {
			return a.from < b.from
		}
		return a.to > b.to // what holds another one comes first
	})
	var list []change
	for _, c := range d.edits {
		if n := len(list); n > 0 {
			if last := list[n-1]; c.from < last.to || c == last {
				continue // inside of one that replaces it
			}
		}
		list = append(list, c)
	}
	out := applyChanges(string(d.f.Data), list)
	f := source.NewFile(d.f.Name, []byte(out))
	for i := range d.notes {
		d.notes[i].Pos = f.PosOf(newPlace(d.notes[i].off, list))
	}
	for _, t := range d.tasks {
		t.from, t.to = newPlace(t.from, list), newPlace(t.to, list)
	}
	for _, x := range d.exprs {
		x.from, x.to = newPlace(x.from, list), newPlace(x.to, list)
	}
	return out
}

// template writes the expressions in a text of a node.
func (d *doc) template(n *source.Node) bool {
	s, ok := n.Value.(string)
	if !ok || n.Unsafe || n.Vault || !isJinja(s) {
		return true
	}
	now, list, o := d.e.strChanges(s)
	d.record(n, o)
	if o.Refusals != nil {
		return false
	}
	if now != s {
		if !d.setScalar(n, now, list) {
			d.note(d.offset(n.Pos), Refused, now, "the text could not be replaced")
			return false
		}
	}
	return true
}

// record notes what became of the expressions of a node.
func (d *doc) record(n *source.Node, o Outcome) {
	off := d.offset(n.Pos)
	_, to, _ := d.extent(n)
	for i := range o.All {
		d.exprs = append(d.exprs, &span{off, max(to, off), i < len(o.Refusals)})
	}
	for _, r := range o.Refusals {
		d.note(d.offset(n.PosAt(r.Off)), Refused, r.Way, "%s", r.Msg)
	}
	for _, x := range o.Doubts {
		d.note(d.offset(n.PosAt(x.Off)), Look, "", "%s", x.Msg)
	}
}

// all writes the texts of a node and of all below it.
func (d *doc) all(n *source.Node) bool {
	if n == nil || n.Unsafe {
		return true
	}
	ok := true
	switch n.Kind {
	case source.Scalar:
		if n.Vault {
			d.note(d.offset(n.Pos), Look, "", "what ansible-vault encrypted stays as it is")
			return true
		}
		return d.template(n)
	case source.List:
		for _, c := range n.Items {
			ok = d.all(c) && ok
		}
	case source.Map:
		for _, f := range n.Fields {
			ok = d.all(f.Value) && ok
		}
	}
	return ok
}

// bare writes an expression that stands without {{ }}, or a list of such.
func (d *doc) bare(n *source.Node, use Use) bool {
	if n.Kind == source.List {
		ok := true
		for _, c := range n.Items {
			ok = d.bare(c, use) && ok
		}
		return ok
	}
	s, isText := n.Value.(string)
	if !isText || n.Kind != source.Scalar || n.Unsafe {
		return true
	}
	o := Outcome{All: 1}
	now, err := d.bareText(s, use)
	if err != nil {
		o.Refusals = []*Refusal{asRefusal(err)}
		d.record(n, o)
		return false
	}
	o.Doubts, d.e.doubts = d.e.doubts, nil
	d.record(n, o)
	if body := strings.TrimSpace(s); !same(body, now) {
		from := strings.Index(s, body)
		return d.setScalar(n, now, []change{{from, from + len(body), now}})
	}
	return true
}

// bareText is an expression as it stands in when; {{ }} around all of it is taken off.
func (d *doc) bareText(s string, use Use) (string, error) {
	d.e.doubts = nil
	body := strings.TrimSpace(s)
	pieces, bad := cut(body)
	if bad != nil {
		return "", &Refusal{Off: bad.off, Msg: bad.msg}
	}
	if len(pieces) == 1 && pieces[0].kind == 'x' {
		body = strings.TrimSpace(body[pieces[0].in:pieces[0].end])
	} else if isJinja(body) {
		if !inTexts(body) {
			return "", &Refusal{Msg: "{{ }} in an expression: its value would be read as an expression once more", Way: "the name without {{ }}"}
		}
		body = unwrapped(body)
	}
	return d.e.Expression(body, use)
}

// inTexts tells whether all tags of an expression stand in its texts.
func inTexts(s string) bool {
	toks, err := lexJinja(s)
	if err != nil {
		return false
	}
	for i, t := range toks {
		if t.kind == tokOp && t.text == "{" && i+1 < len(toks) && toks[i+1].text == "{" && toks[i+1].from == t.to {
			return false
		}
	}
	return true
}

// unwrapped is an expression with 'a{{ b }}c' in it as 'a' ~ (b) ~ 'c'.
func unwrapped(s string) string {
	toks, err := lexJinja(s)
	if err != nil {
		return s
	}
	var list []change
	for _, t := range toks {
		if t.kind != tokText || !strings.Contains(t.text, "{{") {
			continue
		}
		q, inner := t.text[:1], t.text[1:len(t.text)-1]
		pieces, bad := cut(inner)
		if bad != nil {
			continue
		}
		var parts []string
		for _, p := range pieces {
			if p.kind == 'x' {
				parts = append(parts, "("+strings.TrimSpace(inner[p.in:p.end])+")")
			} else {
				parts = append(parts, q+inner[p.from:p.to]+q)
			}
		}
		if len(parts) == 1 {
			parts = append(parts, q+q)
		}
		list = append(list, change{t.from, t.to, "(" + strings.Join(parts, " ~ ") + ")"})
	}
	return applyChanges(s, list)
}
