package migrate

import (
	"strings"
)

// A text of Ansible's is cut into pieces: text, {{ }}, {% %} and comments.

type piece struct {
	kind     byte // 't' text, 'x' {{ }}, 's' {% %}, 'c' {# #}, 'r' raw
	from, to int  // of all of it
	in, end  int  // of what stands inside
}

// cut finds the pieces of a text.
func cut(s string) ([]piece, *syntaxError) {
	var out []piece
	text := 0
	for i := 0; i+1 < len(s); {
		if s[i] != '{' || s[i+1] != '{' && s[i+1] != '%' && s[i+1] != '#' {
			i++
			continue
		}
		if i > text {
			out = append(out, piece{'t', text, i, text, i})
		}
		p := piece{from: i, in: i + 2}
		switch s[i+1] {
		case '#':
			j := strings.Index(s[i+2:], "#}")
			if j < 0 {
				return nil, &syntaxError{i, "a comment is not closed"}
			}
			p.kind, p.end, p.to = 'c', i+2+j, i+2+j+2
		case '{', '%':
			close, kind := "}}", byte('x')
			if s[i+1] == '%' {
				close, kind = "%}", 's'
			}
			j := tagEnd(s, i+2, close)
			if j < 0 {
				return nil, &syntaxError{i, "a " + s[i:i+2] + " is not closed"}
			}
			p.kind, p.end, p.to = kind, j, j+2
			if p.in < p.end && (s[p.in] == '-' || s[p.in] == '+') && (kind == 's' || s[p.in] == '-') {
				p.in++
			}
			if p.end > p.in && (s[p.end-1] == '-' || s[p.end-1] == '+' && kind == 's') {
				p.end--
			}
			if kind == 's' && strings.TrimSpace(s[p.in:p.end]) == "raw" {
				k := endRaw(s, p.to)
				if k < 0 {
					return nil, &syntaxError{i, "no {% endraw %} ends the raw text"}
				}
				p.kind, p.in, p.end, p.to = 'r', p.to, k, k+strings.Index(s[k:], "%}")+2
			}
		}
		out = append(out, p)
		i = p.to
		text = i
	}
	if text < len(s) {
		out = append(out, piece{'t', text, len(s), text, len(s)})
	}
	return out, nil
}

// endRaw is where the {% endraw %} behind i begins.
func endRaw(s string, i int) int {
	for {
		j := strings.Index(s[i:], "{%")
		if j < 0 {
			return -1
		}
		i += j
		k := strings.Index(s[i:], "%}")
		if k < 0 {
			return -1
		}
		if strings.Trim(s[i+2:i+k], " \t\n-+") == "endraw" {
			return i
		}
		i += 2
	}
}

// tagEnd is where the end of a tag stands, outside of texts and brackets.
func tagEnd(s string, i int, end string) int {
	depth := 0
	for i < len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\'':
			j := textEnd(s, i)
			if j < 0 {
				return -1
			}
			i = j
			continue
		case depth == 0 && strings.HasPrefix(s[i:], end):
			return i
		case c == '{' || c == '[' || c == '(':
			depth++
		case (c == '}' || c == ']' || c == ')') && depth > 0:
			depth--
		}
		i++
	}
	return -1
}

// change is a piece of a text that becomes another one.
type change struct {
	from, to int
	text     string
}

func applyChanges(s string, list []change) string {
	var b strings.Builder
	last := 0
	for _, c := range list {
		b.WriteString(s[last:c.from])
		b.WriteString(c.text)
		last = c.to
	}
	b.WriteString(s[last:])
	return b.String()
}

// same tells whether two expressions differ in white space outside of texts only.
func same(a, b string) bool {
	x, err := lexJinja(a)
	y, err2 := lexJinja(b)
	if err != nil || err2 != nil || len(x) != len(y) || strings.Contains(a, hardSpace) {
		return false
	}
	for i := range x {
		if x[i].text != y[i].text {
			return false
		}
	}
	return true
}

// kept is the new form of what stands in brackets, with the space around it;
// an expression that is the same in both languages stays as it is.
func kept(old, now string) string {
	body := strings.Trim(old, " \t\r\n")
	if same(body, now) {
		return old
	}
	i := strings.Index(old, body)
	return old[:i] + now + old[i+len(body):]
}

// Outcome is what became of the expressions of a text.
type Outcome struct {
	All      int // how many there are
	Refusals []*Refusal
	Doubts   []Doubt
}

// isJinja tells whether a text holds any tag.
func isJinja(s string) bool {
	return strings.Contains(s, "{{") || strings.Contains(s, "{%") || strings.Contains(s, "{#")
}

// str writes a text of a playbook: what stands in {{ }}, and statements where
// an expression does the same. A text of which a piece was refused stays as it is.
func (e *emitter) str(s string) (string, Outcome) {
	now, _, o := e.strChanges(s)
	return now, o
}

// strChanges is str with the changes that it makes.
func (e *emitter) strChanges(s string) (string, []change, Outcome) {
	var o Outcome
	pieces, bad := cut(s)
	if bad != nil {
		o.All = 1
		o.Refusals = []*Refusal{{Off: bad.off, Msg: bad.msg}}
		return s, nil, o
	}
	shown, statements := 0, false
	for _, p := range pieces {
		switch p.kind {
		case 'x':
			o.All++
		case 's':
			o.All++
			statements = true
		}
		if p.kind != 'c' {
			shown++
		}
	}
	if o.All == 0 {
		return s, nil, o
	}
	e.doubts = nil
	if statements {
		out, list, err := e.statements(s, pieces)
		if err != nil {
			o.Refusals = append(o.Refusals, asRefusal(err))
			return s, nil, o
		}
		o.Doubts = e.doubts
		return out, list, o
	}
	var list []change
	for _, p := range pieces {
		if p.kind != 'x' {
			continue
		}
		out, err := e.shown(s[p.in:p.end], shown == 1)
		if err != nil {
			r := asRefusal(err)
			r.Off += p.in
			o.Refusals = append(o.Refusals, r)
			continue
		}
		for i := range e.doubts {
			e.doubts[i].Off += p.in
		}
		o.Doubts = append(o.Doubts, e.doubts...)
		e.doubts = nil
		list = append(list, change{p.in, p.end, kept(s[p.in:p.end], out)})
	}
	if o.Refusals != nil {
		return s, nil, o
	}
	return applyChanges(s, list), list, o
}

func asRefusal(err error) *Refusal {
	if r, ok := err.(*Refusal); ok {
		return r
	}
	return &Refusal{Msg: err.Error()}
}

// shown is an expression in {{ }}: alone its value, in a larger text what
// Python makes of it.
func (e *emitter) shown(src string, alone bool) (string, error) {
	n, bad := parseJinja(src)
	if bad != nil {
		return "", &Refusal{Off: bad.off, Msg: bad.msg}
	}
	if !alone {
		switch e.typeOf(n) {
		case aBool:
			n = e.pythonBool(n)
		case aList, aMap:
			e.doubts = append(e.doubts, Doubt{n.off(), "a list or dict in a larger text is JSON here, and Python's in Ansible"})
		}
	}
	return e.write(n, src, Value)
}
