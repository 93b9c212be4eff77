package migrate

import (
	"fmt"
	"regexp"
	"strings"
)

// Statements in a text of a playbook: if, for and set as one expression.

// part is a piece of a text with statements, as a tree.
type part struct {
	at     int
	from   int // of all of it, with its tags
	to     int
	text   string // a text
	expr   node   // {{ }}
	yes    []part // of an if, or the body of a for
	no     []part
	cond   node
	list   node
	names  []string
	filter node
	set    string
}

type partReader struct {
	s      string
	pieces []piece
	i      int
}

// statements is a text with {% %} as a text with one {{ }}.
func (e *emitter) statements(s string, pieces []piece) (string, []change, error) {
	r := &partReader{s: s, pieces: pieces}
	parts, end, err := r.body(0)
	if err != nil {
		return "", nil, err
	}
	if end != "" {
		return "", nil, &Refusal{Msg: "{% " + end + " %} ends nothing"}
	}
	// What stands outside of the statements stays text.
	saved := e.rename
	defer func() { e.rename = saved }()
	e.rename = map[string]node{}
	for k, v := range saved {
		e.rename[k] = v
	}
	var b strings.Builder
	if alone := visible(parts); len(alone) == 1 && alone[0].text == "" {
		if err := e.sets(parts); err != nil {
			return "", nil, err
		}
		out, _, err := e.whole(parts, true)
		if err != nil {
			return "", nil, err
		}
		out = "{{ " + out + " }}"
		return out, []change{{0, len(strings.TrimRight(s, "\n")), out}}, nil
	}
	var list []change
	for i, p := range parts {
		if p.to == 0 {
			p.to = len(s)
		}
		if i+1 < len(parts) {
			// behind a statement the newline goes
			p.to = parts[i+1].from
			if parts[i+1].text != "" && p.expr == nil && strings.HasPrefix(s[p.to:], "\n") {
				p.to++
			}
		} else if p.to < len(s) && p.text == "" {
			p.to = len(s)
		}
		now := ""
		switch {
		case p.set != "":
			if err := e.let(p); err != nil {
				return "", nil, err
			}
		case p.text != "":
			b.WriteString(p.text)
			continue
		default:
			var out string
			var err error
			if p.expr != nil && e.typeOf(p.expr) != aBool {
				out, err = e.text(p.expr, inChoice)
			} else {
				out, _, err = e.whole([]part{p}, false)
			}
			if err != nil {
				return "", nil, err
			}
			now = "{{ " + out + " }}"
		}
		b.WriteString(now)
		list = append(list, change{p.from, p.to, now})
	}
	if applyChanges(s, list) != b.String() {
		out := b.String()
		list = []change{{0, len(strings.TrimRight(s, "\n")), strings.TrimRight(out, "\n")}}
	}
	return b.String(), list, nil
}

func visible(parts []part) []part {
	var out []part
	for _, p := range parts {
		if p.set == "" && !(p.text != "" && strings.TrimSpace(p.text) == "" && len(parts) > 1) {
			out = append(out, p)
		}
	}
	return out
}

func (e *emitter) sets(parts []part) error {
	for _, p := range parts {
		if p.set != "" {
			if err := e.let(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// let puts what a set gives in place of its name.
func (e *emitter) let(p part) error {
	out, prec, err := e.emit(p.expr)
	if err != nil {
		return err
	}
	e.rename[p.set] = &exprNode{pos(p.at), out, prec, e.typeOf(p.expr)}
	return nil
}

// body reads parts up to a tag that ends it.
func (r *partReader) body(depth int) (out []part, end string, err error) {
	for ; r.i < len(r.pieces); r.i++ {
		p := r.pieces[r.i]
		if n := len(out); n > 0 && out[n-1].to == 0 {
			out[n-1].to = p.from
		}
		inner := r.s[p.in:p.end]
		switch p.kind {
		case 't', 'r':
			if t := r.textOf(r.i); t != "" {
				out = append(out, part{at: p.from, text: t, from: p.from})
			}
		case 'x':
			n, bad := parseJinja(inner)
			if bad != nil {
				return nil, "", &Refusal{Off: p.in + bad.off, Msg: bad.msg}
			}
			out = append(out, part{at: p.in, expr: n, from: p.from})
		case 's':
			word, rest, _ := strings.Cut(strings.TrimSpace(inner), " ")
			at := p.in + strings.Index(inner, rest)
			switch word {
			case "endif", "endfor", "else", "elif":
				return out, word, nil
			case "if":
				one, err := r.ifPart(rest, at, depth)
				if err != nil {
					return nil, "", err
				}
				one.from = p.from
				out = append(out, one)
			case "for":
				one, err := r.forPart(rest, at, depth)
				if err != nil {
					return nil, "", err
				}
				one.from = p.from
				out = append(out, one)
			case "set":
				name, value, ok := strings.Cut(rest, "=")
				name = strings.TrimSpace(name)
				if !ok || !plainKey.MatchString(name) || depth > 0 {
					return nil, "", &Refusal{Off: at, Msg: "a set in a text of a playbook", Way: "a variable under vars: of the task"}
				}
				n, bad := parseJinja(value)
				if bad != nil {
					return nil, "", &Refusal{Off: at, Msg: bad.msg}
				}
				if mutates(n) {
					return nil, "", &Refusal{Off: at, Msg: "a list that is changed", Way: "map(list, …) or filter(list, …)"}
				}
				out = append(out, part{at: at, set: name, expr: n, from: p.from})
			default:
				return nil, "", &Refusal{Off: p.from, Msg: "{% " + word + " %} in a text of a playbook", Way: "a template file, and lookup of it by template()"}
			}
		}
	}
	return out, "", nil
}

// textOf is a text without what its neighbours trim.
func (r *partReader) textOf(i int) string {
	p := r.pieces[i]
	t := r.s[p.in:p.end]
	if i > 0 {
		b := r.pieces[i-1]
		if tag := r.s[b.from:b.to]; b.kind != 't' {
			switch {
			case strings.HasSuffix(tag, "-%}") || strings.HasSuffix(tag, "-}}") || strings.HasSuffix(tag, "-#}"):
				t = strings.TrimLeft(t, " \t\r\n")
			case b.kind == 's' || b.kind == 'r':
				t = strings.TrimPrefix(t, "\n")
			}
		}
	}
	if i+1 < len(r.pieces) {
		if a := r.pieces[i+1]; a.kind != 't' && a.from+2 < len(r.s) && r.s[a.from+2] == '-' {
			t = strings.TrimRight(t, " \t\r\n")
		}
	}
	return t
}

func (r *partReader) ifPart(cond string, at, depth int) (part, error) {
	n, bad := parseJinja(cond)
	if bad != nil {
		return part{}, &Refusal{Off: at + bad.off, Msg: bad.msg}
	}
	p := part{at: at, cond: n}
	r.i++
	body, end, err := r.body(depth + 1)
	if err != nil {
		return p, err
	}
	p.yes = body
	switch end {
	case "elif":
		inner := r.s[r.pieces[r.i].in:r.pieces[r.i].end]
		rest := strings.TrimPrefix(strings.TrimSpace(inner), "elif")
		next, err := r.ifPart(strings.TrimSpace(rest), r.pieces[r.i].in, depth)
		if err != nil {
			return p, err
		}
		p.no = []part{next}
	case "else":
		r.i++
		if p.no, end, err = r.body(depth + 1); err != nil {
			return p, err
		}
		fallthrough
	default:
		if end != "endif" {
			return p, &Refusal{Off: at, Msg: "no {% endif %} ends the if"}
		}
	}
	return p, nil
}

var forForm = regexp.MustCompile(`(?s)^\s*\(?([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\)?\s+in\s+(.*)$`)

// loopHead is the names, the list and the filter of a for.
func loopHead(rest string) (names []string, list, filter node, recursive bool, err *syntaxError) {
	m := forForm.FindStringSubmatchIndex(rest)
	if m == nil {
		return nil, nil, nil, false, &syntaxError{0, "a for without in"}
	}
	for _, name := range strings.Split(rest[m[2]:m[3]], ",") {
		names = append(names, strings.TrimSpace(name))
	}
	src := rest[m[4]:m[5]]
	toks, err := lexJinja(src)
	if err != nil {
		return nil, nil, nil, false, err
	}
	p := &jinjaParser{toks: toks}
	func() {
		defer p.recover(&err)
		list = p.tupleOr(true)
		if p.word("if") {
			filter = p.cond()
		}
		recursive = p.word("recursive")
		if p.peek().kind != tokEnd {
			p.fail("%q is not expected here", p.peek().text)
		}
	}()
	if err != nil {
		err.off += m[4]
	}
	return names, list, filter, recursive, err
}

func (r *partReader) forPart(rest string, at, depth int) (part, error) {
	names, list, filter, recursive, bad := loopHead(rest)
	if bad != nil || recursive {
		return part{}, &Refusal{Off: at, Msg: "this form of a for in a text of a playbook", Way: "map(list, …)"}
	}
	p := part{at: at, names: names, list: list, filter: filter}
	r.i++
	body, end, err := r.body(depth + 1)
	if err != nil {
		return p, err
	}
	if end != "endfor" {
		return p, &Refusal{Off: at, Msg: "a for with else in a text of a playbook"}
	}
	p.yes = body
	return p, nil
}

// whole is the value of parts: with typed and one part that is no text its own, else a text.
func (e *emitter) whole(parts []part, typed bool) (string, int, error) {
	if typed {
		parts = visible(parts)
	}
	if len(parts) == 0 {
		return `""`, inMember, nil
	}
	if len(parts) == 1 {
		p := parts[0]
		switch {
		case p.cond != nil:
			return e.branch(p, typed)
		case p.expr != nil && typed:
			return e.emit(p.expr)
		case p.text != "" && typed:
			switch strings.TrimSpace(p.text) {
			case "[]", "{}":
				return strings.TrimSpace(p.text), inMember, nil
			}
		}
	}
	var out []string
	var err error
	for _, p := range parts {
		switch {
		case p.set != "":
			if err == nil {
				err = e.let(p)
			}
		case p.text != "":
			out = append(out, quoteText(p.text))
		case p.cond != nil:
			s, prec, err2 := e.branch(p, false)
			if err2 != nil {
				return "", 0, err2
			}
			if prec < inSum {
				s = "(" + s + ")"
			}
			out = append(out, s)
		case p.list != nil:
			s, err2 := e.each(p)
			if err2 != nil {
				return "", 0, err2
			}
			out = append(out, s)
		default:
			out = append(out, e.asText(&err, p.expr))
		}
	}
	if len(out) == 1 {
		return out[0], inMember, err
	}
	return strings.Join(out, " + "), inSum, err
}

// quoteText is a text as a literal of ours; single quotes stand well in YAML.
func quoteText(s string) string {
	q := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = `"`
	}
	return q + strings.NewReplacer(`\`, `\\`, q, `\`+q, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s) + q
}

func (e *emitter) branch(p part, typed bool) (string, int, error) {
	var err error
	typed = typed && wholeParts(p)
	cond := e.conditionText(&err, p.cond, inOr)
	if err != nil {
		return "", 0, err
	}
	yes, prec, err := e.whole(p.yes, typed)
	if err != nil {
		return "", 0, err
	}
	if prec < inOr {
		yes = "(" + yes + ")"
	}
	if prec == inChoice && !strings.HasPrefix(yes, "(") {
		yes = "(" + yes + ")"
	}
	no, _, err := e.whole(p.no, typed)
	return cond + " ? " + yes + " : " + no, inChoice, err
}

// wholeParts tells whether each branch is one value, so that its type stays.
func wholeParts(p part) bool {
	for _, b := range [][]part{p.yes, p.no} {
		v := visible(b)
		if len(v) == 1 && v[0].cond != nil {
			if !wholeParts(v[0]) {
				return false
			}
			continue
		}
		if len(v) != 1 || v[0].list != nil {
			return false
		}
	}
	return true
}

// each is a for as a join of a map.
func (e *emitter) each(p part) (string, error) {
	if usesClosure(p.yes) {
		return "", &Refusal{Off: p.at, Msg: "a loop in a loop in a text of a playbook", Way: "a template file"}
	}
	list, err := e.text(p.list, inChoice)
	if err != nil {
		return "", err
	}
	saved := e.rename
	defer func() { e.rename = saved }()
	e.rename = map[string]node{}
	for k, v := range saved {
		e.rename[k] = v
	}
	if len(p.names) == 1 {
		e.rename[p.names[0]] = &exprNode{0, "#", inMember, anAny}
	} else {
		for i, name := range p.names {
			e.rename[name] = &exprNode{0, fmt.Sprintf("#[%d]", i), inMember, anAny}
		}
	}
	if p.filter != nil {
		s, _, err := e.condition(p.filter)
		if err != nil {
			return "", err
		}
		list = "filter(" + list + ", " + s + ")"
	}
	saved2 := e.list
	defer func() { e.list = saved2 }()
	e.list = list
	body, _, err := e.whole(p.yes, false)
	if err != nil {
		return "", err
	}
	return "join(map(" + list + ", " + body + "))", nil
}

// usesClosure tells whether what stands in a loop needs a closure of its own, whose # would be another one.
func usesClosure(parts []part) bool {
	for _, p := range parts {
		if p.list != nil || usesClosure(p.yes) || usesClosure(p.no) || closes(p.expr) || closes(p.cond) {
			return true
		}
	}
	return false
}

var closing = map[string]bool{"map": true, "select": true, "reject": true, "selectattr": true, "rejectattr": true, "sum": true}

// closes tells whether a node becomes a closure.
func closes(n node) bool {
	found := false
	walk(n, func(n node) {
		if f, ok := n.(*filterNode); ok && closing[f.name] {
			found = true
		}
	})
	return found
}

// mutates tells whether a node calls what changes a list or dict.
func mutates(n node) bool {
	found := false
	walk(n, func(n node) {
		if c, ok := n.(*callNode); ok {
			if a, ok := c.fn.(*attrNode); ok {
				switch a.name {
				case "append", "extend", "update", "insert", "pop", "remove", "setdefault":
					found = true
				}
			}
		}
	})
	return found
}

// walk calls f with a node and all below it.
func walk(n node, f func(node)) {
	if n == nil {
		return
	}
	f(n)
	all := func(list []node) {
		for _, c := range list {
			walk(c, f)
		}
	}
	withArgs := func(a args) { all(a.plain); all(a.named) }
	switch n := n.(type) {
	case *listNode:
		all(n.items)
	case *dictNode:
		all(n.keys)
		all(n.vals)
	case *attrNode:
		walk(n.x, f)
	case *indexNode:
		all([]node{n.x, n.i})
	case *sliceNode:
		all([]node{n.x, n.from, n.to, n.step})
	case *callNode:
		walk(n.fn, f)
		withArgs(n.args)
	case *filterNode:
		walk(n.x, f)
		withArgs(n.args)
	case *testNode:
		walk(n.x, f)
		withArgs(n.args)
	case *unaryNode:
		walk(n.x, f)
	case *binaryNode:
		all([]node{n.a, n.b})
	case *condNode:
		all([]node{n.yes, n.cond, n.no})
	}
}
