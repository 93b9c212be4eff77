package source

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/mxplay/mxplay/runner/value"
)

// EmitYAML writes a value as YAML in block style: keys in their order, each
// level indented by indent more (2 when it is less than 1). A string is quoted
// whenever a reader of YAML 1.1 or 1.2 could take it for something else, and
// one of several lines is a literal block where that is exact. ReadYAML gives
// the same value back.
func EmitYAML(v value.Value, indent int) ([]byte, error) {
	if indent < 1 {
		indent = 2
	}
	e := &emitter{step: min(indent, 9)}
	e.value(v, 0, false)
	if e.err != nil {
		return nil, e.err
	}
	return e.b.Bytes(), nil
}

type emitter struct {
	b    bytes.Buffer
	step int
	err  error
}

func (e *emitter) pad(n int) {
	for range n {
		e.b.WriteByte(' ')
	}
}

// value writes v at the given column. Inline means that something stands on
// the line already: a key's colon or a list's dash with its space.
func (e *emitter) value(v value.Value, col int, inline bool) {
	switch v := v.(type) {
	case *value.Map:
		if v.Len() == 0 {
			e.b.WriteString("{}\n")
			return
		}
		for i := range v.Len() {
			k, val := v.At(i)
			if i > 0 || !inline {
				e.pad(col)
			}
			e.key(k, col)
			e.field(val, col)
		}
	case value.List:
		if len(v) == 0 {
			e.b.WriteString("[]\n")
			return
		}
		for i, val := range v {
			if i > 0 || !inline {
				e.pad(col)
			}
			e.b.WriteString("- ")
			e.value(val, col+2, true)
		}
	case string:
		e.text(v, col)
	default:
		e.b.WriteString(e.scalar(v))
		e.b.WriteByte('\n')
	}
}

// field writes what follows a key's colon.
func (e *emitter) field(v value.Value, col int) {
	nested := false
	switch v := v.(type) {
	case *value.Map:
		nested = v.Len() > 0
	case value.List:
		nested = len(v) > 0
	}
	if nested {
		e.b.WriteByte('\n')
		e.value(v, col+e.step, false)
		return
	}
	e.b.WriteByte(' ')
	e.value(v, col+e.step, true)
}

// key writes a key and its colon. YAML allows a key of 1024 characters at most
// unless a question mark announces it.
func (e *emitter) key(k string, col int) {
	s := k
	if !plainSafe(k) {
		s = e.quoted(k)
	}
	if len(s) > 1000 {
		e.b.WriteString("? " + s + "\n")
		e.pad(col)
		e.b.WriteByte(':')
		return
	}
	e.b.WriteString(s)
	e.b.WriteByte(':')
}

func firstErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (e *emitter) text(s string, col int) {
	switch {
	case plainSafe(s):
		e.b.WriteString(s)
	case literalSafe(s):
		e.block(s, max(col, 1))
		return
	default:
		e.b.WriteString(e.quoted(s))
	}
	e.b.WriteByte('\n')
}

// block writes a literal block, its lines at the given column.
func (e *emitter) block(s string, col int) {
	body := strings.TrimRight(s, "\n")
	switch len(s) - len(body) {
	case 0:
		e.b.WriteString("|-\n")
	case 1:
		e.b.WriteString("|\n")
	default:
		e.b.WriteString("|+\n")
	}
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if l != "" {
			e.pad(col)
			e.b.WriteString(l)
		}
		e.b.WriteByte('\n')
	}
}

func (e *emitter) scalar(v value.Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool, int64:
		return value.Text(v)
	case float64:
		switch {
		case math.IsNaN(v):
			return ".nan"
		case math.IsInf(v, 1):
			return ".inf"
		case math.IsInf(v, -1):
			return "-.inf"
		}
		s := value.FloatText(v)
		if m, exp, ok := strings.Cut(s, "e"); ok && !strings.Contains(m, ".") {
			s = m + ".0e" + exp // YAML 1.1 wants the point
		}
		return s
	}
	e.err = firstErr(e.err, fmt.Errorf("a %T has no form in YAML", v))
	return ""
}

// quoted is a string in quotes on one line.
func (e *emitter) quoted(s string) string {
	if !utf8.ValidString(s) {
		e.err = firstErr(e.err, fmt.Errorf("text that is not UTF-8 has no form in YAML: %s", value.Short(s, 40)))
	}
	return QuoteYAML(s)
}

var (
	// plainForm is text that begins with a letter or a slash and holds nothing
	// that YAML knows; what stands before a colon or a hash is looked at apart.
	plainForm = regexp.MustCompile(`^[\p{L}_/][\p{L}\p{N}_/.,;@%+=~()!?$^*&<>|'" \-:#\[\]{}]*$`)
	// unitForm is text that begins with a digit and can be no number, date or
	// time: a letter stands in it that none of these has.
	unitForm = regexp.MustCompile(`^[0-9][0-9.]*[g-np-su-wyG-NP-SU-WY][0-9A-Za-z_/.@%\-]*$`)
	words    = map[string]bool{
		"y": true, "n": true, "yes": true, "no": true, "on": true, "off": true, "true": true, "false": true,
		"null": true, "nan": true, "inf": true, "none": true,
	}
)

// plainSafe tells whether every reader takes the text without quotes for the same text.
func plainSafe(s string) bool {
	if len(s) > 4096 || !utf8.ValidString(s) {
		return false
	}
	if unitForm.MatchString(s) {
		return true
	}
	if !plainForm.MatchString(s) || words[strings.ToLower(s)] {
		return false
	}
	if strings.HasSuffix(s, " ") || strings.HasSuffix(s, ":") {
		return false
	}
	return !strings.Contains(s, ": ") && !strings.Contains(s, " #") && !strings.Contains(s, "{{") && !strings.Contains(s, "{%")
}

// literalSafe tells whether a literal block gives the text back exactly.
func literalSafe(s string) bool {
	if !strings.Contains(strings.TrimRight(s, "\n"), "\n") || !utf8.ValidString(s) {
		return false
	}
	if strings.IndexByte(" \t\n", s[0]) >= 0 {
		return false
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && mustEscape(r) }) {
		return false
	}
	for l := range strings.SplitSeq(s, "\n") {
		if l != "" && strings.TrimLeft(l, " \t") == "" {
			return false
		}
	}
	return true
}

// mustEscape tells whether a character can stand in double quotes only as an escape.
func mustEscape(r rune) bool {
	return r < ' ' || r >= 0x7f && r <= 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == utf8.RuneError ||
		r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfffe || r == 0xffff
}

// doubleQuoted is a text in double quotes, on one line, with YAML's escapes.
func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == utf8.RuneError:
			b.WriteString(`\uFFFD`)
		case r < 0x100 && mustEscape(r):
			fmt.Fprintf(&b, `\x%02X`, r)
		case mustEscape(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
