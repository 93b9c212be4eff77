package source

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	parserLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(?s:(.*))$`)
	bareBraces = regexp.MustCompile(`^(\s*(?:- +)*(?:[^\s#'"{\[][^#]*?:\s+|- +)?)(\{[{%#].*)$`)
)

// diagnosis is what is known about a text that did not parse.
type diagnosis struct {
	file    *File
	data    string
	problem string // the parser's words
	line    int    // the parser's line, which may be that of the context; 0 when unknown
	off     int    // where the parser met the mistake
	quotes  []token
	open    []token
	colons  []token
}

// diagnose turns the parser's complaint, which knows a line at best, into an
// error with the exact place, in our words.
func diagnose(f *File, err error) *Error {
	m := parserLine.FindStringSubmatch(err.Error())
	d := &diagnosis{file: f, data: string(f.Data), problem: m[2]}
	d.line, _ = strconv.Atoi(m[1])
	d.off = d.find(err.Error())
	d.quotes, d.open, d.colons = outline(d.data, d.off+1)
	for _, look := range []func(*diagnosis) *Error{
		(*diagnosis).bareTemplate, (*diagnosis).tab, (*diagnosis).afterQuote, (*diagnosis).openQuote,
		(*diagnosis).openBracket, (*diagnosis).anchor, (*diagnosis).byProblem,
	} {
		if e := look(d); e != nil {
			return d.best(e).In(f)
		}
	}
	return d.best(Errorf(f.PosOf(d.off), "%s", d.problem)).In(f)
}

// best is the slip that was made, if it is another than what was found.
func (d *diagnosis) best(e *Error) *Error {
	if r := d.repair(e); r != nil {
		return r
	}
	return e
}

// find is the offset at which the parser stopped: the shortest beginning of
// the text that makes it complain in the same words.
func (d *diagnosis) find(msg string) int {
	lo, hi := 0, len(d.data)
	for lo < hi {
		mid := (lo + hi) / 2
		if _, err := parse(d.file.Data[:mid]); err != nil && err.Error() == msg {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return max(lo-1, 0)
}

func (d *diagnosis) at(off int, format string, args ...any) *Error {
	return Errorf(d.file.PosOf(off), format, args...)
}

// lineAt is the text of the line around an offset and where it begins.
func (d *diagnosis) lineAt(off int) (text string, start int) {
	off = min(off, len(d.data))
	start = strings.LastIndexByte(d.data[:off], '\n') + 1
	return strings.TrimRight(d.data[start:start+lineLen(d.data[start:])], "\r"), start
}

// bareTemplate finds a value that begins with {{ and has no quotes, in the
// lines that the parser may have meant.
func (d *diagnosis) bareTemplate() *Error {
	_, start := d.lineAt(d.off)
	var starts []int
	if d.line > 0 && d.line <= len(d.file.lines()) {
		starts = append(starts, d.file.lines()[d.line-1])
	}
	starts = append(starts, start)
	if start > 0 {
		_, before := d.lineAt(start - 1)
		starts = append(starts, before)
	}
	for _, s := range starts {
		text, _ := d.lineAt(s)
		m := bareBraces.FindStringSubmatch(text)
		if m == nil || s+len(m[1]) > d.off+1 {
			continue
		}
		if e := d.at(s+len(m[1]), "a value that begins with %s must be quoted", m[2][:2]); d.inQuotes(s+len(m[1])) == nil {
			val, _ := cutComment(m[2])
			if strings.Count(val, `"`) == 1 {
				val = strings.TrimSuffix(val, `"`)
			}
			return e.WithHint("quote it: %s %s", strings.TrimSpace(m[1]), QuoteYAML(val))
		}
	}
	return nil
}

// lineBefore is the last line before that of the mistake that says something.
func (d *diagnosis) lineBefore() (l line) {
	_, start := d.lineAt(d.off)
	for start > 0 {
		l.text, l.start = d.lineAt(start - 1)
		if t := strings.TrimSpace(l.text); t != "" && t[0] != '#' {
			l.end = l.start + len(l.text)
			l.number = d.file.PosOf(l.start).Line
			return l
		}
		start = l.start
	}
	return line{end: d.off}
}

// line is one line of a text.
type line struct {
	text               string
	start, end, number int
}

// begins is the column of the line's first letter, behind the dashes of a list.
func (l line) begins() int {
	return len([]rune(l.text)) - len([]rune(strings.TrimLeft(l.text, " -"))) + 1
}

// indent is the column of the line's first letter, dashes included.
func (l line) indent() int { return len(l.text) - len(strings.TrimLeft(l.text, " ")) + 1 }

// columns is a hint that shows both lines of an indentation that does not fit.
func (d *diagnosis) columns(start int) string {
	before := d.lineBefore()
	text, _ := d.lineAt(start)
	if before.number == 0 {
		return ""
	}
	this := line{text: text}
	entry, entryBefore := strings.HasPrefix(strings.TrimSpace(text), "-"), strings.HasPrefix(strings.TrimSpace(before.text), "-")
	switch {
	case !entry && entryBefore && this.begins() == before.indent():
		return "" // a key where an entry is expected
	case entry:
		return fmt.Sprintf(": line %d begins in column %d, this one in %d", before.number, before.indent(), this.indent())
	}
	return fmt.Sprintf(": line %d begins in column %d, this one in %d", before.number, before.begins(), this.begins())
}

func (d *diagnosis) inQuotes(off int) *token {
	for i, q := range d.quotes {
		if off > q.start && off < q.end {
			return &d.quotes[i]
		}
	}
	return nil
}

func (d *diagnosis) tab() *Error {
	text, start := d.lineAt(d.off)
	lead := text[:len(text)-len(strings.TrimLeft(text, " \t-"))]
	i := strings.IndexByte(lead, '\t')
	if i < 0 || d.inQuotes(start+i) != nil || len(d.open) > 0 {
		// the tab may stand in a line before, where the parser took it for a value's
		if d.line == 0 || d.line > len(d.file.lines()) {
			return nil
		}
		start = d.file.lines()[d.line-1]
		text, _ = d.lineAt(start)
		lead = text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if i = strings.IndexByte(lead, '\t'); i < 0 || d.inQuotes(start+i) != nil || len(d.open) > 0 {
			return nil
		}
	}
	return d.at(start+i, "a tab cannot indent YAML").WithHint("use spaces: %s", strings.TrimSpace(text))
}

// afterQuote finds text behind a closing quote, which mostly means that a
// quote before it was meant as a letter, or was never closed.
func (d *diagnosis) afterQuote() *Error {
	for i, q := range d.quotes {
		if !q.closed || q.start >= d.off {
			continue
		}
		rest := d.data[q.end : q.end+lineLen(d.data[q.end:])]
		rest = strings.TrimRight(rest, "\r")
		val, _ := cutComment(" " + rest)
		switch {
		case val == "" || val[0] == ':' || val[0] == '#' || len(d.open) > 0 && strings.IndexByte(",]}", val[0]) >= 0:
			continue
		case q.end+len(rest) < min(d.off-1, d.lineBefore().end):
			continue
		}
		if q.lines > 0 {
			return d.unclosed(q)
		}
		text, start := d.lineAt(q.start)
		at := q.end + len(rest) - len(strings.TrimLeft(rest, " \t"))
		e := d.at(at, "text stands behind the closing quote")
		whole, _ := cutComment(text[q.start-start:])
		if i == len(d.quotes)-1 || d.quotes[i+1].start > q.end+len(rest) {
			return e.WithHint("quote the whole value: %s %s", strings.TrimSpace(text[:q.start-start]), QuoteYAML(meant(whole)))
		}
		return e
	}
	return nil
}

// meant is what a value with quotes in the wrong places most likely should say.
func meant(s string) string {
	if len(s) > 2 && s[0] == s[len(s)-1] && strings.IndexByte(`"'`, s[0]) >= 0 {
		in := s[1 : len(s)-1]
		if strings.Count(in, s[:1]) == 1 {
			return strings.TrimSuffix(in, s[:1])
		}
		return in
	}
	return s
}

func (d *diagnosis) unclosed(q token) *Error {
	text, start := d.lineAt(q.start)
	e := d.at(q.start, "the quote that opens here is not closed on its line")
	val, _ := cutComment(text[q.start-start+1:])
	return e.WithHint("close it: %s%c%s%c", strings.TrimLeft(text[:q.start-start], " "), q.kind, val, q.kind)
}

func (d *diagnosis) openQuote() *Error {
	if d.problem != "found unexpected end of stream" && d.problem != "found unexpected document indicator" {
		// a quoted scalar of several lines right before the mistake
		if n := len(d.quotes); n > 0 && d.quotes[n-1].lines > 0 && d.quotes[n-1].end >= d.off-1 {
			return d.unclosed(d.quotes[n-1])
		}
		return nil
	}
	for _, q := range d.quotes {
		if !q.closed {
			return d.unclosed(q)
		}
	}
	return nil
}

func (d *diagnosis) openBracket() *Error {
	if len(d.open) == 0 || !strings.HasPrefix(d.problem, "did not find expected ',' or") && d.off < len(d.data)-1 {
		return nil
	}
	o := d.open[len(d.open)-1]
	text, start := d.lineAt(o.start)
	closer := map[byte]string{'[': "]", '{': "}"}[o.kind]
	if _, still, _ := outline(text[o.start-start:], len(text)); len(still) == 0 {
		return d.at(d.off, "expected , or %s here", closer)
	}
	return d.at(o.start, "the %c that opens here is not closed", o.kind).WithHint("close it with %s, or quote the value if it is text: %s", closer, quoteLine(text, d.file.PosOf(o.start).Col))
}

func (d *diagnosis) anchor() *Error {
	name, ok := strings.CutPrefix(d.problem, "unknown anchor '")
	if ok {
		name = strings.TrimSuffix(name, "' referenced")
		for off := 0; ; {
			i := strings.Index(d.data[off:], "*"+name)
			if i < 0 {
				return nil
			}
			off += i
			if d.inQuotes(off) == nil && (off == 0 || strings.IndexByte(" \t\n,[{", d.data[off-1]) >= 0) {
				return d.star(off, fmt.Sprintf("nothing is named &%s before this *%s", name, name))
			}
			off++
		}
	}
	if d.problem == "did not find expected alphabetic or numeric character" {
		text, start := d.lineAt(d.off)
		if i := strings.LastIndexAny(text[:min(d.off-start+1, len(text))], "*&"); i >= 0 {
			return d.star(start+i, fmt.Sprintf("a value that begins with %c must be quoted", text[i]))
		}
	}
	return nil
}

func (d *diagnosis) star(off int, msg string) *Error {
	text, _ := d.lineAt(off)
	return d.at(off, "%s", msg).WithHint("quote it if it is text: %s", quoteLine(text, d.file.PosOf(off).Col))
}
