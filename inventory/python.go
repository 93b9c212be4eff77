package inventory

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mxplay/mxplay/runner/value"
)

// pyLiteral reads a value as Python's ast.literal_eval does: numbers, strings,
// tuples, lists, sets (all of them lists here), dicts, booleans and None. It is
// false for anything else, which then is text. The error is for a literal that
// the language has no form for.
func pyLiteral(s string) (v value.Value, ok bool, err error) {
	p := &py{s: strings.TrimLeft(s, " \t")}
	v, ok = p.tuple(0)
	p.space()
	if !ok || p.i < len(p.s) {
		return nil, false, nil
	}
	return v, true, p.err
}

// py is a reader of one Python literal.
type py struct {
	s   string
	i   int
	err error
}

func (p *py) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\f", p.s[p.i]) >= 0 {
		p.i++
	}
	if p.i < len(p.s) && p.s[p.i] == '#' {
		p.i = len(p.s)
	}
}

func (p *py) next(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *py) at(c byte) bool {
	p.space()
	return p.i < len(p.s) && p.s[p.i] == c
}

// tuple is a value, or several with commas between.
func (p *py) tuple(depth int) (value.Value, bool) {
	v, ok := p.value(depth)
	if !ok || !p.at(',') {
		return v, ok
	}
	l := value.List{v}
	for p.next(',') {
		if p.space(); p.i >= len(p.s) || p.s[p.i] == ')' {
			break
		}
		if v, ok = p.value(depth); !ok {
			return nil, false
		}
		l = append(l, v)
	}
	return l, true
}

func (p *py) value(depth int) (value.Value, bool) {
	p.space()
	if p.i >= len(p.s) || depth > 100 {
		return nil, false
	}
	c := p.s[p.i]
	switch {
	case c == '(':
		p.i++
		if p.next(')') {
			return value.List{}, true
		}
		v, ok := p.tuple(depth + 1)
		return v, ok && p.next(')')
	case c == '[':
		p.i++
		return p.list(']', depth)
	case c == '{':
		p.i++
		return p.braces(depth)
	case strings.HasPrefix(p.s[p.i:], "..."):
		p.i += 3
		return "...", true
	case c == '+' || c == '-':
		p.i++
		p.space()
		v, ok := p.number()
		return negate(v, c == '-'), ok
	case c >= '0' && c <= '9' || c == '.':
		return p.number()
	}
	if prefix := p.stringPrefix(); prefix >= 0 {
		return p.strings()
	}
	return p.name()
}

func negate(v value.Value, neg bool) value.Value {
	switch n := v.(type) {
	case int64:
		if neg {
			return -n
		}
	case float64:
		if neg {
			return -n
		}
	}
	return v
}

func (p *py) name() (value.Value, bool) {
	if strings.HasPrefix(p.s[p.i:], "set()") {
		p.i += len("set()")
		return value.List{}, true
	}
	for word, v := range map[string]value.Value{"True": true, "False": false, "None": nil} {
		rest, ok := strings.CutPrefix(p.s[p.i:], word)
		if !ok {
			continue
		}
		if r, _ := utf8.DecodeRuneInString(rest); rest != "" && (r == '_' || r >= 0x80 || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z') {
			continue
		}
		p.i += len(word)
		return v, true
	}
	return nil, false
}

func (p *py) list(end byte, depth int) (value.Value, bool) {
	l := value.List{}
	for !p.next(end) {
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		l = append(l, v)
		if !p.next(',') && !p.at(end) {
			return nil, false
		}
	}
	return l, true
}

// braces are a dict or a set.
func (p *py) braces(depth int) (value.Value, bool) {
	if p.next('}') {
		return value.NewMap(0), true
	}
	first, ok := p.value(depth + 1)
	if !ok {
		return nil, false
	}
	if !p.next(':') {
		return p.set(first, depth)
	}
	m := value.NewMap(0)
	for key := first; ; {
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		switch k := key.(type) {
		case string:
			m.Set(k, v)
		case value.List, *value.Map:
			return nil, false
		default:
			p.err = fmt.Errorf("the key %s is of type %s, keys must be text: quote it", value.Text(k), value.TypeName(k))
		}
		comma := p.next(',')
		if p.next('}') {
			return m, true
		}
		if !comma {
			return nil, false
		}
		if key, ok = p.value(depth + 1); !ok || !p.next(':') {
			return nil, false
		}
	}
}

func (p *py) set(first value.Value, depth int) (value.Value, bool) {
	l := value.List{first}
	for !p.next('}') {
		if !p.next(',') {
			return nil, false
		}
		if p.next('}') {
			break
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		known := false
		for _, o := range l {
			known = known || value.Equal(o, v)
		}
		if !known {
			l = append(l, v)
		}
	}
	return l, true
}

// number reads a number by Python's grammar: underscores between digits, no
// zeros before a whole number, a j behind an imaginary one (which is text).
func (p *py) number() (value.Value, bool) {
	start := p.i
	if p.i+1 < len(p.s) && p.s[p.i] == '0' {
		if base := map[byte]int{'x': 16, 'o': 8, 'b': 2}[p.s[p.i+1]|0x20]; base != 0 {
			p.i += 2
			d, ok := p.digits(base, true)
			if !ok || p.inWord() {
				return nil, false
			}
			return p.whole(d, base), true
		}
	}
	isFloat := false
	whole, ok := p.digits(10, false)
	if !ok && p.i < len(p.s) && p.s[p.i] == '_' {
		return nil, false
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		isFloat = true
		p.i++
		frac, ok2 := p.digits(10, false)
		if !ok && !ok2 || frac == "" && whole == "" {
			return nil, false
		}
	}
	if whole == "" && !isFloat {
		return nil, false
	}
	if p.i < len(p.s) && p.s[p.i]|0x20 == 'e' {
		isFloat = true
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if _, ok := p.digits(10, false); !ok {
			return nil, false
		}
	}
	if p.i < len(p.s) && p.s[p.i]|0x20 == 'j' {
		p.i++
		return p.imaginary(p.s[start : p.i-1])
	}
	if p.inWord() {
		return nil, false
	}
	text := strings.ReplaceAll(p.s[start:p.i], "_", "")
	if isFloat {
		f, err := strconv.ParseFloat(text, 64)
		return f, err == nil || math.IsInf(f, 0)
	}
	if len(whole) > 1 && whole[0] == '0' && strings.Trim(whole, "0") != "" {
		return nil, false
	}
	return p.whole(whole, 10), true
}

func (p *py) imaginary(s string) (value.Value, bool) {
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil || p.inWord() {
		return nil, false
	}
	return strings.TrimSuffix(value.FloatText(f), ".0") + "j", true
}

func (p *py) whole(digits string, base int) value.Value {
	i, err := strconv.ParseInt(digits, base, 64)
	if err != nil {
		p.err = fmt.Errorf("%s does not fit into 64 bits: quote it twice if it is text, as in \"'%s'\"", digits, digits)
	}
	return i
}

// inWord tells whether a letter or digit stands right behind a number.
func (p *py) inWord() bool {
	if p.i >= len(p.s) {
		return false
	}
	c := p.s[p.i]
	return c == '_' || c == '.' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// digits reads digits with single underscores between them.
func (p *py) digits(base int, lead bool) (string, bool) {
	var b strings.Builder
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c == '_' {
			if b.Len() == 0 && !lead || p.i+1 >= len(p.s) || digit(p.s[p.i+1]) >= base {
				return "", false
			}
			p.i++
			continue
		}
		if digit(c) >= base {
			break
		}
		b.WriteByte(c)
		p.i++
	}
	return b.String(), b.Len() > 0
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return 99
}
