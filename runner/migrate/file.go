package migrate

import (
	"errors"
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
)

// Template writes a template file of Jinja's as one of ours.
func (e *emitter) template(s string) (string, Outcome) {
	var o Outcome
	pieces, bad := cut(s)
	if bad != nil {
		o.All = 1
		o.Refusals = []*Refusal{{Off: bad.off, Msg: bad.msg}}
		return s, o
	}
	f := *e
	f.file, f.macros, f.rename = true, map[string]bool{}, map[string]node{}
	f.types = map[string]typ{}
	for k, v := range e.types {
		f.types[k] = v
	}
	t := &fileWriter{emitter: &f, s: s, o: &o, changed: changedLists(s, pieces)}
	t.declare(pieces)
	var list []change
	for _, p := range pieces {
		if p.kind != 'x' && p.kind != 's' {
			continue
		}
		o.All++
		f.doubts = nil
		old := s[p.in:p.end]
		var out string
		var err error
		if p.kind == 'x' {
			if out, err = f.shown(old, false); err == nil {
				out = kept(old, out)
			}
		} else {
			out, err = t.statement(old)
		}
		if err != nil {
			r := *asRefusal(err)
			r.Off += p.in
			o.Refusals = append(o.Refusals, &r)
			continue
		}
		for _, d := range f.doubts {
			o.Doubts = append(o.Doubts, Doubt{p.in + d.Off, d.Msg})
		}
		if out != old {
			list = append(list, change{p.in, p.end, out})
		}
	}
	out := applyChanges(s, list)
	if o.Refusals == nil {
		o.Refusals = t.parsed(out, list)
	}
	return out, o
}

// parsed reads what was written, and gives what is wrong with it at its old place.
func (t *fileWriter) parsed(out string, list []change) []*Refusal {
	_, err := expr.ParseFile("t", out)
	if err == nil {
		return nil
	}
	var many source.Errors
	var one *source.Error
	if !errors.As(err, &many) {
		if !errors.As(err, &one) {
			return []*Refusal{{Msg: err.Error()}}
		}
		many = source.Errors{one}
	}
	var all []*Refusal
	f := source.NewFile("t", []byte(out))
	for _, e := range many {
		all = append(all, &Refusal{Off: oldPlace(f.Offset(e.Pos), list), Msg: e.Msg, Way: e.Hint})
	}
	return all
}

// oldPlace is where an offset of the new text was in the old one.
func oldPlace(off int, list []change) int {
	d := 0
	for _, c := range list {
		at := c.from + d
		if off < at {
			break
		}
		if off <= at+len(c.text) {
			return min(c.from+off-at, c.to)
		}
		d += len(c.text) - (c.to - c.from)
	}
	return off - d
}

// newPlace is where an offset of the old text is in the new one.
func newPlace(off int, list []change) int {
	d := 0
	for _, c := range list {
		if off < c.from {
			break
		}
		if off < c.to {
			return min(off, c.from+len(c.text)) + d
		}
		d += len(c.text) - (c.to - c.from)
	}
	return off + d
}

type fileWriter struct {
	*emitter
	s       string
	o       *Outcome
	changed map[string]string // lists and dicts that are changed by append and the like: what they begin with
}

var (
	macroForm  = regexp.MustCompile(`(?s)^\s*macro\s+([A-Za-z_]\w*)\s*\((.*)\)\s*$`)
	importForm = regexp.MustCompile(`(?s)^\s*import\s.*\sas\s+(\w+)`)
	fromForm   = regexp.MustCompile(`(?s)^\s*from\s.*\simport\s+(.*?)(?:\s+with(?:out)?\s+context)?\s*$`)
	setForm    = regexp.MustCompile(`(?s)^(\s*set\s+)([A-Za-z_][\w.]*(?:\s*,\s*[A-Za-z_]\w*)*)\s*=(.*)$`)
	wordForm   = regexp.MustCompile(`^\s*([A-Za-z]+)`)
	doForm     = regexp.MustCompile(`(?s)^(\s*)do\s(.*)$`)
)

// declare notes what the file sets: macros, and names that hide variables.
func (t *fileWriter) declare(pieces []piece) {
	for _, p := range pieces {
		if p.kind != 's' {
			continue
		}
		inner := t.s[p.in:p.end]
		if m := macroForm.FindStringSubmatch(inner); m != nil {
			t.macros[m[1]] = true
		}
		if m := importForm.FindStringSubmatch(inner); m != nil {
			t.macros[m[1]] = true
		}
		if m := fromForm.FindStringSubmatch(inner); m != nil {
			for _, name := range strings.Split(m[1], ",") {
				words := strings.Fields(name)
				if len(words) > 0 {
					t.macros[words[len(words)-1]] = true
				}
			}
		}
		if m := setForm.FindStringSubmatch(inner); m != nil {
			delete(t.types, m[2])
		}
		if rest, ok := strings.CutPrefix(strings.TrimSpace(inner), "for "); ok {
			if names, _, _, _, err := loopHead(rest); err == nil {
				for _, name := range names {
					delete(t.types, name)
				}
			}
		}
	}
	for name := range t.changed {
		t.rename[name] = &exprNode{0, name + ".value", inMember, anAny}
	}
}

// changedLists are the names that a file sets and then changes by append, extend or update.
func changedLists(s string, pieces []piece) map[string]string {
	set, out := map[string]string{}, map[string]string{}
	for _, p := range pieces {
		if p.kind != 's' {
			continue
		}
		inner := s[p.in:p.end]
		value := ""
		if m := setForm.FindStringSubmatch(inner); m != nil {
			value = m[3]
			if v := strings.TrimSpace(m[3]); v != "" && !mutatesText(v) {
				set[m[2]] = v
			}
		}
		if m := doForm.FindStringSubmatch(inner); m != nil {
			value = m[2]
		}
		if name, _, _, ok := changing(value); ok && set[name] != "" {
			out[name] = set[name]
		}
	}
	return out
}

func mutatesText(s string) bool {
	n, err := parseJinja(s)
	return err == nil && mutates(n)
}

// changing is name.append(x) as the name, the method and the argument.
func changing(s string) (name, method string, arg node, ok bool) {
	n, err := parseJinja(s)
	if err != nil {
		return "", "", nil, false
	}
	c, isCall := n.(*callNode)
	if !isCall || len(c.plain) != 1 || len(c.names) > 0 {
		return "", "", nil, false
	}
	a, isMember := c.fn.(*attrNode)
	if !isMember || a.name != "append" && a.name != "extend" && a.name != "update" {
		return "", "", nil, false
	}
	x, isName := a.x.(*nameNode)
	if !isName {
		return "", "", nil, false
	}
	return x.id, a.name, c.plain[0], true
}

// grown is what a list or dict is after a change.
func (t *fileWriter) grown(name, method string, arg node) (string, error) {
	var err error
	old := name + ".value"
	switch method {
	case "append":
		return old + " + [" + t.of(&err, arg, inChoice) + "]", err
	case "extend":
		return old + " + " + t.of(&err, arg, inSum+1), err
	}
	return "combine(" + old + ", " + t.of(&err, arg, inChoice) + ")", err
}

// statement writes what stands in {% %}.
func (t *fileWriter) statement(s string) (string, error) {
	m := wordForm.FindStringSubmatchIndex(s)
	if m == nil {
		return "", &Refusal{Msg: "an empty statement"}
	}
	word, rest := s[m[2]:m[3]], s[m[3]:]
	use := Value
	switch word {
	case "if", "elif":
		use = Condition
		fallthrough
	case "include", "extends", "import", "from":
		end := len(rest)
		if word == "include" || word == "import" || word == "from" {
			end = clauseEnd(rest)
		}
		out, err := t.Expression(rest[:end], use)
		if err != nil {
			return "", moved(err, m[3])
		}
		return s[:m[3]] + kept(rest[:end], out) + rest[end:], nil
	case "for":
		return t.forTag(s, m[3])
	case "set":
		return t.setTag(s)
	case "do":
		d := doForm.FindStringSubmatch(s)
		if d == nil {
			return "", &Refusal{Msg: "do without an expression"}
		}
		return t.change(d[1], d[2])
	case "macro":
		return t.macroTag(s)
	case "call", "filter", "with":
		if same, ok := t.unchanged(s[:m[3]], rest); ok {
			return same, nil
		}
		if word == "call" {
			from := m[3]
			if strings.HasPrefix(strings.TrimSpace(rest), "(") {
				from += strings.IndexByte(rest, ')') + 1
			}
			out, err := t.Expression(s[from:], Value)
			if err != nil {
				return "", moved(err, from)
			}
			return s[:from] + kept(s[from:], out), nil
		}
		if word == "filter" {
			out, err := t.Expression("x | "+strings.TrimSpace(rest), Value)
			if err != nil || !strings.HasPrefix(out, "x | ") {
				return "", &Refusal{Msg: "this filter in {% filter %}"}
			}
			return s[:m[3]] + " " + strings.TrimPrefix(out, "x | ") + " ", nil
		}
		return "", &Refusal{Msg: "{% with %} whose values are written otherwise here", Way: "{% set %}"}
	case "else", "endif", "endfor", "endset", "endmacro", "endcall", "endwith", "endfilter", "endblock", "block", "raw", "endraw":
		return s, nil
	case "break", "continue":
		return "", &Refusal{Msg: "{% " + word + " %} has no meaning here", Way: "{% for x in list if … %}"}
	}
	return "", &Refusal{Msg: "{% " + word + " %} is no statement here"}
}

// unchanged tells whether a statement reads the same here.
func (t *fileWriter) unchanged(head, rest string) (string, bool) {
	return head + rest, strings.HasPrefix(strings.TrimSpace(head), "with") && plainWith.MatchString(rest)
}

var plainWith = regexp.MustCompile(`^\s*(\w+\s*=\s*[\w.]+\s*,?\s*)*$`)

func moved(err error, by int) error {
	r := *asRefusal(err)
	r.Off += by
	return &r
}

// clauseEnd is where the expression of an include or import ends.
var clause = regexp.MustCompile(`\s(?:ignore\s+missing|with\s+context|without\s+context|as\s+\w+|import\s)`)

func clauseEnd(s string) int {
	if m := clause.FindStringIndex(s); m != nil {
		return m[0]
	}
	return len(s)
}

func (t *fileWriter) forTag(s string, from int) (string, error) {
	rest := s[from:]
	names, list, filter, recursive, bad := loopHead(rest)
	if bad != nil {
		return "", &Refusal{Off: from + bad.off, Msg: bad.msg}
	}
	out, err := t.text(list, inChoice)
	if err != nil {
		return "", moved(err, from)
	}
	now := strings.Join(names, ", ") + " in " + out
	if filter != nil {
		cond, _, err := t.condition(filter)
		if err != nil {
			return "", moved(err, from)
		}
		now += " if " + cond
	}
	if recursive {
		now += " recursive"
	}
	return s[:from] + kept(rest, now), nil
}

func (t *fileWriter) setTag(s string) (string, error) {
	m := setForm.FindStringSubmatchIndex(s)
	if m == nil {
		return t.setBlock(s)
	}
	name, value := s[m[4]:m[5]], s[m[6]:m[7]]
	if _, _, _, ok := changing(value); ok {
		return t.change(leading(s), value)
	}
	if strings.Contains(name, ".") || !strings.Contains(value, "namespace") {
		out, err := t.Expression(value, Value)
		if err != nil {
			return "", moved(err, m[6])
		}
		if _, ok := t.changed[name]; ok {
			return s[:m[6]] + " namespace(value=" + out + ") ", nil
		}
		return s[:m[6]] + kept(value, out), nil
	}
	out, err := t.Expression(value, Value)
	if err != nil {
		return "", moved(err, m[6])
	}
	return s[:m[6]] + kept(value, out), nil
}

// setBlock is {% set x %}, or with filters {% set x | upper %}.
func (t *fileWriter) setBlock(s string) (string, error) {
	head, filters, ok := strings.Cut(s, "|")
	if !ok {
		return s, nil
	}
	out, err := t.Expression("x | "+filters, Value)
	if err != nil || !strings.HasPrefix(out, "x | ") {
		return "", &Refusal{Msg: "this filter in {% set %}"}
	}
	return head + "| " + strings.TrimPrefix(out, "x | ") + " ", nil
}

func leading(s string) string { return s[:len(s)-len(strings.TrimLeft(s, " \t\n"))] }

// change is {% set _ = list.append(x) %} or {% do list.append(x) %}.
func (t *fileWriter) change(head, value string) (string, error) {
	name, method, arg, ok := changing(value)
	if !ok || t.changed[name] == "" {
		return "", &Refusal{Msg: "a value that is changed in its place", Way: "{% set ns = namespace(list=[]) %} before the loop, {% set ns.list = ns.list + [x] %} in it"}
	}
	out, err := t.grown(name, method, arg)
	if err != nil {
		return "", err
	}
	return leading(head) + " set " + name + ".value = " + out + " ", nil
}

// macroTag writes the defaults of a macro's parameters.
func (t *fileWriter) macroTag(s string) (string, error) {
	m := macroForm.FindStringSubmatchIndex(s)
	if m == nil {
		return "", &Refusal{Msg: "a macro is written {% macro name(a, b=1) %}"}
	}
	inner := s[m[4]:m[5]]
	toks, bad := lexJinja("f(" + inner + ")")
	if bad != nil {
		return "", &Refusal{Off: m[4], Msg: bad.msg}
	}
	p := &jinjaParser{toks: toks, i: 1}
	var a args
	func() { defer p.recover(&bad); p.arguments(&a) }()
	if bad != nil {
		return "", &Refusal{Off: m[4], Msg: bad.msg}
	}
	out, _, err := t.macro("", &callNode{args: a})
	if err != nil {
		return "", moved(err, m[4])
	}
	return s[:m[4]] + kept(inner, strings.TrimSuffix(strings.TrimPrefix(out, "("), ")")) + s[m[5]:], nil
}
