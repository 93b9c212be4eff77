package expr

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/mxplay/mxplay/runner/value"
)

// yamlOptions are those of Ansible's to_yaml and to_nice_yaml.
type yamlOptions struct {
	indent int
	width  int
	flow   bool // lists and maps without lists and maps inside stand on one line
}

// pyYAML writes a value byte for byte as Ansible does, which uses libyaml: lists
// in maps are not indented, long texts are folded at width.
func pyYAML(v value.Value, o yamlOptions) (string, error) {
	if o.width <= 2*o.indent {
		o.width = 80
	}
	e := &yamlEmitter{yamlOptions: o, level: -1, whitespace: true, indention: true}
	e.node(v, false, false)
	e.writeIndent()
	return e.b.String(), e.err
}

// yamlEmitter is libyaml's emitter: column, whitespace and indention say where
// the line is, level is the indentation, -1 outside of everything.
type yamlEmitter struct {
	yamlOptions
	b          strings.Builder
	err        error
	level      int
	column     int
	whitespace bool
	indention  bool
	inFlow     int
	depth      int
}

func (e *yamlEmitter) put(s string) {
	e.b.WriteString(s)
	e.column += utf8.RuneCountInString(s)
}

func (e *yamlEmitter) breakLine() {
	e.b.WriteByte('\n')
	e.column = 0
}

func (e *yamlEmitter) writeIndent() {
	n := max(e.level, 0)
	if !e.indention || e.column > n || e.column == n && !e.whitespace {
		e.breakLine()
	}
	e.put(strings.Repeat(" ", n-e.column))
	e.whitespace, e.indention = true, true
}

func (e *yamlEmitter) indicator(s string, space, whitespace, indention bool) {
	if space && !e.whitespace {
		e.put(" ")
	}
	e.put(s)
	e.whitespace, e.indention = whitespace, e.indention && indention
}

// deeper runs f one level further in.
func (e *yamlEmitter) deeper(flow, indentless bool, f func()) {
	old := e.level
	switch {
	case e.level < 0 && flow:
		e.level = e.indent
	case e.level < 0:
		e.level = 0
	case !indentless:
		e.level += e.indent
	}
	f()
	e.level = old
}

// node writes a value; inMap says that it is a map's value, key that it is a key.
func (e *yamlEmitter) node(v value.Value, inMap, key bool) {
	if e.depth++; e.depth > 500 || e.b.Len() > maxOutput {
		e.err = errors.New("the value is too large")
	}
	if e.err == nil {
		switch v := v.(type) {
		case value.List:
			if e.inFlow > 0 || len(v) == 0 || e.flow && leaf(v) {
				e.flowList(v)
			} else {
				e.deeper(false, inMap && !e.indention, func() {
					for _, item := range v {
						e.writeIndent()
						e.indicator("-", true, false, true)
						e.node(item, false, false)
					}
				})
			}
		case *value.Map:
			if e.inFlow > 0 || v.Len() == 0 || e.flow && leaf(mapValues(v)) {
				e.flowMap(v)
			} else {
				e.deeper(false, false, func() { e.blockMap(v) })
			}
		default:
			e.deeper(true, false, func() { e.scalar(v, key) })
		}
	}
	e.depth--
}

func mapValues(m *value.Map) value.List {
	out := make(value.List, m.Len())
	for i := range m.Len() {
		_, out[i] = m.At(i)
	}
	return out
}

// leaf tells whether no list or map is in a list.
func leaf(l value.List) bool {
	for _, v := range l {
		switch v.(type) {
		case value.List, *value.Map:
			return false
		}
	}
	return true
}

func (e *yamlEmitter) blockMap(m *value.Map) {
	for i := range m.Len() {
		k, v := m.At(i)
		e.writeIndent()
		if simpleKey(k) {
			e.node(k, true, true)
			e.indicator(":", false, false, false)
		} else {
			e.indicator("?", true, false, true)
			e.node(k, true, false)
			e.writeIndent()
			e.indicator(":", true, false, true)
		}
		e.node(v, true, false)
	}
}

func simpleKey(k string) bool {
	return len(k) <= 128 && !strings.ContainsAny(k, "\n\r\u0085\u2028\u2029")
}

func (e *yamlEmitter) flowList(l value.List) {
	e.indicator("[", true, true, false)
	e.inFlow++
	e.deeper(true, false, func() {
		for i, v := range l {
			e.flowNext(i)
			e.node(v, false, false)
		}
	})
	e.inFlow--
	e.indicator("]", false, false, false)
}

func (e *yamlEmitter) flowNext(i int) {
	if i > 0 {
		e.indicator(",", false, false, false)
	}
	if e.column > e.width {
		e.writeIndent()
	}
}

func (e *yamlEmitter) flowMap(m *value.Map) {
	e.indicator("{", true, true, false)
	e.inFlow++
	e.deeper(true, false, func() {
		for i := range m.Len() {
			k, v := m.At(i)
			e.flowNext(i)
			if simpleKey(k) {
				e.node(k, true, true)
				e.indicator(":", false, false, false)
			} else {
				e.indicator("?", true, false, false)
				e.node(k, true, false)
				if e.column > e.width {
					e.writeIndent()
				}
				e.indicator(":", true, false, false)
			}
			e.node(v, true, false)
		}
	})
	e.inFlow--
	e.indicator("}", false, false, false)
}

// scalar writes what is no list and no map; texts plain, in ' or in ", the
// first of them that says them exactly.
func (e *yamlEmitter) scalar(v value.Value, key bool) {
	s, ok := v.(string)
	if !ok {
		switch v.(type) {
		case nil, bool, int64, float64:
			s = yamlNumber(v)
		default:
			e.err = fmt.Errorf("%s has no form in YAML", describe(v))
			return
		}
		e.plain(s, !key)
		return
	}
	a := analyzeYAML(s)
	switch {
	case key && a.multiline:
		e.double(s, false)
	case (e.inFlow > 0 && a.flowPlain || e.inFlow == 0 && a.blockPlain) && !resolves(s):
		e.plain(s, !key)
	case a.single:
		e.single(s, !key)
	default:
		e.double(s, !key)
	}
}

func yamlNumber(v value.Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case float64:
		s := strings.ToLower(value.Text(v))
		if !strings.Contains(s, ".") {
			s = strings.Replace(s, "e", ".0e", 1)
		}
		switch s {
		case "inf", "-inf", "nan":
			s = strings.Replace("."+s, ".-", "-.", 1)
		}
		return s
	}
	return value.Text(v)
}

// resolves tells whether a reader of YAML 1.1 takes a plain text for something else.
func resolves(s string) bool {
	if s == "" || s == "<<" || s == "=" {
		return true
	}
	return yamlWords.MatchString(s)
}

var yamlWords = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF`,
	`~|null|Null|NULL`,
	`[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)`,
	`[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+`,
	`[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?`,
}, "|") + `)$`)

// yamlText is what libyaml finds out about a text.
type yamlText struct{ multiline, flowPlain, blockPlain, single bool }

func isBreak(r rune) bool { return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029 }

func printable(r rune) bool {
	return r == '\n' || 0x20 <= r && r <= 0x7e || 0xa0 <= r && r <= 0xffff && r != 0xfeff && r != 0xfffe && r != utf8.RuneError
}

func analyzeYAML(s string) yamlText {
	if s == "" {
		return yamlText{single: true, blockPlain: true}
	}
	flow := strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...")
	block := flow
	var edge, breakSpace, spaceBreak, special, lines bool
	rs := []rune(s)
	blank := func(i int) bool {
		return i >= len(rs) || i < 0 || rs[i] == ' ' || rs[i] == '\t' || isBreak(rs[i])
	}
	for i, r := range rs {
		switch {
		case i == 0 && strings.ContainsRune("#,[]{}&*!|>'\"%@`", r):
			flow, block = true, true
		case strings.ContainsRune(",?[]{}", r) && (i > 0 || r == '?'):
			flow = true
			block = block || i == 0 && blank(1)
		case r == ':':
			flow = true
			block = block || blank(i+1)
		case r == '-' && i == 0 && blank(1), r == '#' && blank(i-1):
			flow, block = true, true
		}
		switch {
		case r == ' ':
			edge = edge || i == 0 || i == len(rs)-1
			breakSpace = breakSpace || i > 0 && isBreak(rs[i-1])
		case isBreak(r):
			edge = edge || i == 0 || i == len(rs)-1
			spaceBreak = spaceBreak || i > 0 && rs[i-1] == ' '
			lines = true
		}
		special = special || !printable(r)
	}
	bad := spaceBreak || special
	plain := !edge && !breakSpace && !bad && !lines
	return yamlText{multiline: lines, flowPlain: plain && !flow, blockPlain: plain && !block, single: !breakSpace && !bad}
}

func (e *yamlEmitter) plain(s string, fold bool) {
	if !e.whitespace && (s != "" || e.inFlow > 0) {
		e.put(" ")
	}
	spaces := false
	rs := []rune(s)
	for i, r := range rs {
		if r == ' ' && fold && !spaces && e.column > e.width && (i+1 == len(rs) || rs[i+1] != ' ') {
			e.writeIndent()
		} else {
			e.put(string(r))
			if r != ' ' {
				e.indention = false
			}
		}
		spaces = r == ' '
	}
	e.whitespace, e.indention = false, false
}

func (e *yamlEmitter) single(s string, fold bool) {
	e.indicator("'", true, false, false)
	spaces, breaks := false, false
	rs := []rune(s)
	for i, r := range rs {
		switch {
		case r == ' ':
			if fold && !spaces && e.column > e.width && i > 0 && i < len(rs)-1 && rs[i+1] != ' ' {
				e.writeIndent()
			} else {
				e.put(" ")
			}
			spaces = true
		case isBreak(r):
			if !breaks && r == '\n' {
				e.breakLine()
			}
			if r == '\n' {
				e.breakLine()
			} else {
				e.put(string(r))
				e.column = 0
			}
			e.indention, breaks = true, true
		default:
			if breaks {
				e.writeIndent()
			}
			if r == '\'' {
				e.put("'")
			}
			e.put(string(r))
			e.indention, spaces, breaks = false, false, false
		}
	}
	if breaks {
		e.writeIndent()
	}
	e.indicator("'", false, false, false)
	e.whitespace, e.indention = false, false
}

var yamlEscapes = map[rune]string{0: "0", 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 27: "e", '"': `"`, '\\': `\`,
	0x85: "N", 0xa0: "_", 0x2028: "L", 0x2029: "P"}

func (e *yamlEmitter) double(s string, fold bool) {
	e.indicator(`"`, true, false, false)
	spaces := false
	rs := []rune(s)
	for i, r := range rs {
		switch esc, short := yamlEscapes[r]; {
		case !printable(r) || isBreak(r) || r == '"' || r == '\\':
			switch {
			case short:
				e.put(`\` + esc)
			case r <= 0xff:
				e.put(fmt.Sprintf(`\x%02X`, r))
			case r <= 0xffff:
				e.put(fmt.Sprintf(`\u%04X`, r))
			default:
				e.put(fmt.Sprintf(`\U%08X`, r))
			}
			spaces = false
		case r == ' ' && fold && !spaces && e.column > e.width && i > 0 && i < len(rs)-1:
			e.writeIndent()
			if rs[i+1] == ' ' {
				e.put(`\`)
			}
			spaces = true
		default:
			e.put(string(r))
			spaces = r == ' '
		}
	}
	e.indicator(`"`, false, false, false)
	e.whitespace, e.indention = false, false
}
