package source

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/mxplay/mxplay/runner/value"
)

// PyYAML says how DumpPyYAML writes; the zero value is PyYAML's own default.
type PyYAML struct {
	Indent    int  // 2 unless set
	Width     int  // 80 unless set
	KeepOrder bool // else keys are sorted
	Aliases   bool // what stands twice, the very same map or list, is an alias the second time
}

// DumpPyYAML writes a value letter by letter as Python's yaml.dump does with
// default_flow_style=False and allow_unicode=True, which is what Ansible's
// to_nice_yaml and ansible-inventory --yaml print. EmitYAML is the better
// writer where nothing else is compared with.
func DumpPyYAML(v value.Value, o PyYAML) ([]byte, error) {
	if o.Indent < 2 || o.Indent > 9 {
		o.Indent = 2
	}
	if o.Width <= o.Indent*2 {
		o.Width = 80
	}
	d := &pyDumper{o: o, names: map[any]string{}, seen: map[any]bool{}}
	if o.Aliases {
		d.count(v)
		d.seen = map[any]bool{}
	}
	switch t := v.(type) {
	case *value.Map, value.List:
		d.node(v, -o.Indent, false)
		d.b.WriteByte('\n')
	default:
		d.blank = true
		if s, ok := t.(string); !ok || s != "" && pyPlain(s) {
			d.node(v, -o.Indent, false)
			d.b.WriteString("\n...")
		} else {
			d.node(v, -o.Indent, false)
		}
		d.b.WriteByte('\n')
	}
	if d.err != nil {
		return nil, d.err
	}
	return bytes.TrimPrefix(d.b.Bytes(), []byte("\n")), nil
}

type pyDumper struct {
	o     PyYAML
	b     bytes.Buffer
	col   int
	blank bool // a space or the line's start stands right before
	names map[any]string
	seen  map[any]bool
	ids   int
	err   error
}

// identity tells maps and lists apart that are equal but not the same.
func identity(v value.Value) any {
	switch v := v.(type) {
	case *value.Map:
		return v
	case value.List:
		if len(v) > 0 {
			return &v[0]
		}
	}
	return nil
}

// count names what stands more than once, in the order in which that shows.
func (d *pyDumper) count(v value.Value) {
	if id := identity(v); id != nil {
		if d.seen[id] {
			if d.names[id] == "" {
				d.ids++
				d.names[id] = fmt.Sprintf("id%03d", d.ids)
			}
			return
		}
		d.seen[id] = true
	}
	switch v := v.(type) {
	case *value.Map:
		for _, k := range d.keys(v) {
			e, _ := v.Get(k)
			d.count(e)
		}
	case value.List:
		for _, e := range v {
			d.count(e)
		}
	}
}

func (d *pyDumper) keys(m *value.Map) []string {
	keys := append([]string(nil), m.Keys()...)
	if !d.o.KeepOrder {
		sort.Strings(keys)
	}
	return keys
}

func (d *pyDumper) put(s string) {
	d.b.WriteString(s)
	d.col += utf8.RuneCountInString(s)
	d.blank = strings.HasSuffix(s, " ")
}

func (d *pyDumper) line(indent int) {
	d.b.WriteByte('\n')
	d.b.WriteString(strings.Repeat(" ", max(indent, 0)))
	d.col, d.blank = max(indent, 0), true
}

// to brings the column to indent: on this line after a dash, else on the next.
func (d *pyDumper) to(indent int, dash bool) {
	if dash && d.col <= indent {
		d.put(strings.Repeat(" ", indent-d.col))
		d.blank = true
		return
	}
	d.line(indent)
}

// word writes something that needs a space before it.
func (d *pyDumper) word(s string) {
	if !d.blank && d.col > 0 {
		d.put(" ")
	}
	d.put(s)
}

// node writes a value that stands in a block of the given indentation; dash
// tells that a list's dash stands right before it.
func (d *pyDumper) node(v value.Value, indent int, dash bool) {
	if id := identity(v); id != nil && d.names[id] != "" {
		if d.seen[id] {
			d.word("*" + d.names[id])
			return
		}
		d.seen[id] = true
		d.word("&" + d.names[id])
		dash = false
	}
	switch v := v.(type) {
	case *value.Map:
		if v.Len() == 0 {
			d.word("{}")
			return
		}
		indent += d.o.Indent
		for i, k := range d.keys(v) {
			d.to(indent, dash && i == 0)
			e, _ := v.Get(k)
			d.field(k, e, indent)
		}
	case value.List:
		if len(v) == 0 {
			d.word("[]")
			return
		}
		indent += d.o.Indent
		for i, e := range v {
			d.to(indent, dash && i == 0)
			d.put("-")
			d.node(e, indent, true)
		}
	case string:
		d.scalar(v, indent+d.o.Indent, true)
	default:
		d.word(pyScalar(v))
	}
}

func (d *pyDumper) field(k string, e value.Value, indent int) {
	if k == "" || strings.ContainsAny(k, "\n\u0085\u2028\u2029") || len(k) >= 128 {
		d.put("?")
		d.scalar(k, indent+d.o.Indent, true)
		d.line(indent)
	} else {
		d.scalar(k, indent, false)
	}
	d.put(":")
	if l, ok := e.(value.List); ok && len(l) > 0 {
		d.node(e, indent-d.o.Indent, false) // a list in a map is not indented
		return
	}
	d.node(e, indent, false)
}

func pyScalar(v value.Value) string {
	f, ok := v.(float64)
	switch {
	case !ok:
		return value.Text(v)
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	s := value.FloatText(f)
	if !strings.Contains(s, ".") {
		s = strings.Replace(s, "e", ".0e", 1)
	}
	return s
}

func (d *pyDumper) scalar(s string, indent int, split bool) {
	if !utf8.ValidString(s) {
		d.err = firstErr(d.err, fmt.Errorf("text that is not UTF-8 has no form in YAML: %s", value.Short(s, 40)))
		return
	}
	switch a := analyze(s); {
	case a.plain && pyResolves(s) && s != "":
		d.word("")
		d.plain([]rune(s), indent, split)
	case a.single && (split || !a.multiline):
		d.word("'")
		d.single([]rune(s), indent, split)
	default:
		d.word(`"`)
		d.double([]rune(s), indent, split)
	}
}

func pyPlain(s string) bool { return analyze(s).plain && pyResolves(s) }

// breakHere tells whether a line is broken at a space, when spaces is false: the first.
func (d *pyDumper) breakHere(spaces, split bool) bool {
	return split && !spaces && d.col > d.o.Width
}

func spaceNext(r []rune, i int) bool { return i+1 < len(r) && r[i+1] == ' ' }

func (d *pyDumper) plain(r []rune, indent int, split bool) {
	spaces := false
	for i, c := range r {
		if c == ' ' && d.breakHere(spaces, split) && !spaceNext(r, i) {
			d.line(indent)
		} else {
			d.put(string(c))
		}
		spaces = c == ' '
	}
	d.blank = false
}

func (d *pyDumper) single(r []rune, indent int, split bool) {
	spaces, breaks := false, false
	for i, c := range r {
		switch {
		case c == ' ' && !breaks:
			if d.breakHere(spaces, split) && i != 0 && i != len(r)-1 && !spaceNext(r, i) {
				d.line(indent)
			} else {
				d.put(" ")
			}
			spaces = true
			continue
		case c == '\n':
			if !breaks {
				d.b.WriteByte('\n')
			}
			d.b.WriteByte('\n')
			d.col, breaks = 0, true
			continue
		}
		if breaks {
			d.b.WriteString(strings.Repeat(" ", indent))
			d.col = indent
		}
		if c == '\'' {
			d.put("'")
		}
		d.put(string(c))
		spaces, breaks = false, false
	}
	if breaks {
		d.b.WriteString(strings.Repeat(" ", indent))
		d.col = indent
	}
	d.put("'")
}

var pyEscapes = map[rune]string{0: "0", 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 27: "e", '"': `"`, '\\': `\`,
	0x85: "N", 0xa0: "_", 0x2028: "L", 0x2029: "P"}

func (d *pyDumper) double(r []rune, indent int, split bool) {
	spaces := false
	for i, c := range r {
		switch {
		case c == ' ':
			if d.breakHere(spaces, split) && i != 0 && i != len(r)-1 {
				d.line(indent)
				if spaceNext(r, i) {
					d.put(`\`)
				}
			} else {
				d.put(" ")
			}
			spaces = true
			continue
		case c == '"' || c == '\\' || !pyPrintable(c) || c == '\n' || c == 0x2028 || c == 0x2029:
			switch e, ok := pyEscapes[c]; {
			case ok:
				d.put(`\` + e)
			case c <= 0xff:
				d.put(fmt.Sprintf(`\x%02X`, c))
			case c <= 0xffff:
				d.put(fmt.Sprintf(`\u%04X`, c))
			default:
				d.put(fmt.Sprintf(`\U%08X`, c))
			}
		default:
			d.put(string(c))
		}
		spaces = false
	}
	d.put(`"`)
}

// pyPrintable is libyaml's idea of a letter that needs no escape.
func pyPrintable(c rune) bool {
	return c == '\n' || c >= ' ' && c <= '~' || c >= 0xa0 && c <= 0xfffd && c != 0xfeff
}

type pyAnalysis struct{ plain, single, multiline bool }

// analyze tells in which styles libyaml would write a text.
func analyze(s string) pyAnalysis {
	if s == "" {
		return pyAnalysis{plain: true, single: true}
	}
	r := []rune(s)
	bad := strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...")
	a := pyAnalysis{}
	special, spaceBreak, breakSpace := false, false, false
	white := func(i int) bool { return i >= len(r) || strings.ContainsRune(" \t\r\n\x00\u0085\u2028\u2029", r[i]) }
	for i, c := range r {
		switch {
		case i == 0 && strings.ContainsRune("#,[]{}&*!|>'\"%@`", c),
			i == 0 && strings.ContainsRune("?:-", c) && white(1),
			i > 0 && c == ':' && white(i+1),
			i > 0 && c == '#' && white(i-1):
			bad = true
		}
		if !pyPrintable(c) {
			special = true
		}
		isBreak := c == '\n' || c == 0x2028 || c == 0x2029
		a.multiline = a.multiline || isBreak
		if i > 0 {
			before := r[i-1]
			breakSpace = breakSpace || c == ' ' && before == '\n'
			spaceBreak = spaceBreak || isBreak && before == ' '
		}
	}
	last := r[len(r)-1]
	edge := r[0] == ' ' || r[0] == '\n' || last == ' ' || last == '\n'
	a.single = !special && !spaceBreak && !breakSpace
	a.plain = a.single && !edge && !bad && !a.multiline
	return a
}

var (
	pyTime   = regexp.MustCompile(`^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$`)
	pyBase60 = regexp.MustCompile(`^[-+]?(?:[1-9][0-9_]*(?::[0-5]?[0-9])+|[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$`)
)

// pyResolves tells whether PyYAML takes the plain text for text.
func pyResolves(s string) bool {
	v, ok := resolve(s)
	_, text := v.(string)
	return ok && text && s != "=" && s != "<<" && !intForm.MatchString(s) && !pyTime.MatchString(s) && !pyBase60.MatchString(s)
}
