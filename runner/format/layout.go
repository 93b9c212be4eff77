package format

import (
	"strings"
	"unicode/utf8"
)

// level is a block list or map that is open: the column that it stands in and
// the one that it goes to.
type level struct {
	col, to int
	list    bool
}

// outLine is a line of the result. The column is that of the comment in the source, -1 for none.
type outLine struct {
	text    string
	comment string
	gap     int // spaces before the comment
	col     int
	kept    bool // an empty line that is part of a scalar
}

// note is a comment or an empty line that waits for the line that it belongs to.
type note struct {
	col  int
	text string // "" for an empty line
}

// layout goes through a text from line to line. What it does not understand it
// passes on; the check of the result finds what that broke.
type layout struct {
	src    string
	at     int // where the next line, or the rest of this one, begins
	levels []level
	out    []outLine
	notes  []note
	cur    strings.Builder
	limit  int  // comments must stand left of this column: a block scalar ended before them; 0 for none
	open   bool // the text ends inside of a block scalar's last line
	inside bool // a document has begun
}

func (l *layout) run() {
	for l.at < len(l.src) {
		line := l.line(l.at)
		body := strings.TrimLeft(line, " \t")
		col := len(line) - len(body)
		switch {
		case body == "":
			l.notes = append(l.notes, note{})
			l.skip(line)
		case body[0] == '#':
			l.notes = append(l.notes, note{col: col, text: strings.TrimRight(body, " \t")})
			l.skip(line)
		case col == 0 && !l.inside && body[0] == '%':
			l.flush(nil, nil)
			l.cur.WriteString(strings.TrimRight(body, " \t"))
			l.skip(line)
			l.end()
		case col == 0 && marker(l.src[l.at:]):
			l.marker()
		default:
			l.inside = true
			l.entry(col)
		}
	}
	l.flush(l.levels, nil)
}

func (l *layout) skip(line string) { l.at = min(l.at+len(line)+1, len(l.src)) }

// line is what stands from an offset to the end of its line.
func (l *layout) line(off int) string {
	if i := strings.IndexByte(l.src[off:], '\n'); i >= 0 {
		return l.src[off : off+i]
	}
	return l.src[off:]
}

// marker tells whether a text begins with the mark of a document's start or end.
func marker(s string) bool {
	return (strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...")) && (len(s) == 3 || white(s[3]))
}

func (l *layout) marker() {
	l.flush(l.levels, nil)
	mark := l.src[l.at : l.at+3]
	l.inside = mark == "---"
	l.levels = nil
	l.cur.WriteString(mark)
	l.at += 3
	l.value()
}

// top is the innermost level that is open; its columns are -1 and -2 when there is none.
func (l *layout) top() level {
	if len(l.levels) == 0 {
		return level{col: -1, to: -2}
	}
	return l.levels[len(l.levels)-1]
}

// enter opens the list or map of an entry in a column, or goes back to it.
func (l *layout) enter(col int, list bool) level {
	l.leave(col + 1)
	if t := l.top(); t.col == col && t.list && !list {
		l.levels = l.levels[:len(l.levels)-1]
	}
	if t := l.top(); t.col != col || t.list != list {
		l.levels = append(l.levels, level{col: col, to: t.to + 2, list: list})
	}
	return l.top()
}

// leave closes what stands in a column or right of it.
func (l *layout) leave(col int) {
	for len(l.levels) > 0 && l.top().col >= col {
		l.levels = l.levels[:len(l.levels)-1]
	}
}

// entry lays out a line that begins a value: "- x", "key: x" or a scalar.
func (l *layout) entry(col int) {
	before := append([]level(nil), l.levels...)
	l.at += col
	for first := true; ; first = false {
		start := func(lv level) {
			if first {
				l.flush(before, &lv)
				l.pad(lv.to)
			}
		}
		if c := l.src[l.at]; strings.IndexByte("-?:", c) >= 0 && blankAt(l.src, l.at+1) {
			start(l.enter(col, c == '-'))
			l.cur.WriteByte(c)
			from := l.at
			l.at++
			l.blanks()
			if l.lineEnds() {
				l.end()
				return
			}
			l.cur.WriteByte(' ')
			col += l.at - from
			continue
		}
		if end, colon := l.key(); colon > 0 {
			start(l.enter(col, false))
			l.cur.WriteString(l.src[l.at:end])
			if spacedKey(l.src[l.at:end]) {
				l.cur.WriteByte(' ')
			}
			l.cur.WriteByte(':')
			l.at = colon + 1
			l.value()
			return
		}
		l.leave(col)
		if first {
			start(level{col: col, to: max(l.top().to+2, 0)})
		}
		l.value()
		return
	}
}

func (l *layout) pad(n int) {
	for range n {
		l.cur.WriteByte(' ')
	}
}

// blanks goes over spaces and tabs.
func (l *layout) blanks() {
	for l.at < len(l.src) && (l.src[l.at] == ' ' || l.src[l.at] == '\t') {
		l.at++
	}
}

// lineEnds tells whether nothing but a comment is left on the line.
func (l *layout) lineEnds() bool {
	return l.at >= len(l.src) || l.src[l.at] == '\n' || l.src[l.at] == '#' && l.at > 0 && white(l.src[l.at-1])
}

// end closes the line, with its comment if one stands there.
func (l *layout) end() {
	gap := 0
	for l.at > gap && (l.src[l.at-1-gap] == ' ' || l.src[l.at-1-gap] == '\t') {
		gap++
	}
	l.blanks()
	o := outLine{text: strings.TrimRight(l.cur.String(), " \t"), col: -1}
	if l.at < len(l.src) && l.src[l.at] == '#' {
		for gap = 0; l.at-1-gap >= 0 && (l.src[l.at-1-gap] == ' ' || l.src[l.at-1-gap] == '\t'); {
			gap++
		}
		rest := l.line(l.at)
		o.comment = strings.TrimRight(rest, " \t")
		o.col = utf8.RuneCountInString(l.src[strings.LastIndexByte(l.src[:l.at], '\n')+1 : l.at])
		if o.gap = gap; strings.Contains(l.src[l.at-gap:l.at], "\t") {
			o.gap, o.col = 1, -1
		}
		l.at += len(rest)
	}
	if l.at < len(l.src) && l.src[l.at] == '\n' {
		l.at++
	}
	l.cur.Reset()
	l.out = append(l.out, o)
}

// raw adds a line that is part of a scalar or of a list in brackets.
func (l *layout) raw(text string) {
	l.out = append(l.out, outLine{text: text, col: -1, kept: true})
}

// flush writes the comments and empty lines before an entry, which stood in
// next.col and goes to next.to; nil at the end of a document.
func (l *layout) flush(before []level, next *level) {
	blank := 0
	for _, n := range l.notes {
		if n.text == "" {
			blank++
			if len(l.out) > 0 && blank <= maxBlank {
				l.out = append(l.out, outLine{col: -1})
			}
			continue
		}
		blank = 0
		to := commentTo(n, before, next)
		if l.limit > 0 && to >= l.limit {
			to = max(l.limit-2, 0)
		}
		l.out = append(l.out, outLine{text: strings.Repeat(" ", to) + n.text, col: -1})
	}
	l.notes = nil
	l.limit = 0
}

// commentTo is the column that a comment on a line of its own goes to: that of
// what stands in the same column, else one step right of what is around it.
func commentTo(n note, before []level, next *level) int {
	item := strings.HasPrefix(strings.TrimLeft(n.text, "# "), "- ")
	if next != nil && n.col == next.col && !(item && !next.list) {
		return next.to
	}
	for i := len(before) - 1; i >= 0; i-- {
		if before[i].col == n.col && (!item || before[i].list) {
			return before[i].to
		}
	}
	if next != nil && n.col == next.col {
		return next.to
	}
	for i := len(before) - 1; i >= 0; i-- {
		switch {
		case before[i].col == n.col:
			return before[i].to
		case before[i].col < n.col:
			return before[i].to + 2
		}
	}
	return 0
}

// text is the result.
func (l *layout) text() string {
	for len(l.out) > 0 {
		if o := l.out[len(l.out)-1]; o.text != "" || o.comment != "" || o.kept {
			break
		}
		l.out = l.out[:len(l.out)-1]
	}
	l.align()
	var b strings.Builder
	for i, o := range l.out {
		b.WriteString(o.text)
		if o.comment != "" {
			if o.text != "" {
				b.WriteString(strings.Repeat(" ", max(o.gap, 1)))
			}
			b.WriteString(o.comment)
		}
		if i < len(l.out)-1 || !l.open {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// align keeps comments in one column that stood in one column on lines that
// follow each other.
func (l *layout) align() {
	for i := 0; i < len(l.out); i++ {
		col := l.out[i].col
		if col < 0 {
			continue
		}
		j, width, gap := i, 0, l.out[i].gap
		for ; j < len(l.out) && l.out[j].col == col; j++ {
			width = max(width, utf8.RuneCountInString(l.out[j].text))
			gap = min(gap, l.out[j].gap)
		}
		for k := i; k < j && j > i+1; k++ {
			l.out[k].gap = width + max(gap, 1) - utf8.RuneCountInString(l.out[k].text)
		}
		i = j - 1
	}
}
