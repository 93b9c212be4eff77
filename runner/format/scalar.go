package format

import (
	"strconv"
	"strings"
)

// blankAt tells whether a space, the line's end or nothing stands at i.
func blankAt(s string, i int) bool { return i >= len(s) || white(s[i]) }

// property is the end of the tag, anchor or alias that begins at i.
func property(s string, i int) int {
	for i < len(s) && !white(s[i]) {
		i++
	}
	return i
}

// spacedKey tells whether a key's colon must keep its distance: the key ends
// with an alias, an anchor or a tag, and a colon could belong to its name.
func spacedKey(key string) bool {
	last := key[strings.LastIndexAny(key, " \t")+1:]
	return last != "" && strings.IndexByte("*&!", last[0]) >= 0
}

// key looks for a key on the rest of the line: where its text ends, and its
// colon; the colon is 0 when there is no key.
func (l *layout) key() (end, colon int) {
	i := l.at
	for i < len(l.src) && (l.src[i] == '&' || l.src[i] == '!') {
		end = property(l.src, i)
		for i = end; i < len(l.src) && (l.src[i] == ' ' || l.src[i] == '\t'); i++ {
		}
	}
	if i >= len(l.src) {
		return 0, 0
	}
	switch c := l.src[i]; c {
	case '|', '>':
		return 0, 0
	case '"', '\'':
		end = quoteEnd(l.src, i)
	case '[', '{':
		end = l.bracketEnd(i)
	case '*':
		end = property(l.src, i)
	default:
		line := l.line(i)
		for j := range len(line) {
			switch {
			case line[j] == ':' && blankAt(line, j+1):
				return max(end, i+len(strings.TrimRight(line[:j], " \t"))), i + j
			case line[j] == '#' && j > 0 && white(line[j-1]):
				return 0, 0
			}
		}
		return 0, 0
	}
	if strings.Contains(l.src[i:end], "\n") {
		return 0, 0
	}
	for i = end; i < len(l.src) && (l.src[i] == ' ' || l.src[i] == '\t'); i++ {
	}
	if i < len(l.src) && l.src[i] == ':' && blankAt(l.src, i+1) {
		return end, i
	}
	return 0, 0
}

// value lays out what stands behind a colon or a dash, or alone: to the end of
// its last line.
func (l *layout) value() {
	l.blanks()
	for {
		if l.lineEnds() {
			l.end()
			return
		}
		if n := l.cur.Len(); n > 0 && l.cur.String()[n-1] != ' ' {
			l.cur.WriteByte(' ')
		}
		c := l.src[l.at]
		if c != '!' && c != '&' {
			break
		}
		e := property(l.src, l.at)
		l.cur.WriteString(l.src[l.at:e])
		l.at = e
		l.blanks()
	}
	switch l.src[l.at] {
	case '|', '>':
		l.block()
	case '"', '\'':
		l.quoted()
	case '[', '{':
		l.brackets()
	default:
		l.plain()
	}
}

// quoteEnd is the offset behind the quoted scalar that begins at i.
func quoteEnd(s string, i int) int {
	q := s[i]
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '\\' && q == '"':
			i++
		case s[i] == q && q == '\'' && i+1 < len(s) && s[i+1] == '\'':
			i++
		case s[i] == q:
			return i + 1
		}
	}
	return len(s)
}

// quoted lays out a scalar in quotes; further lines go one step in.
func (l *layout) quoted() {
	e := quoteEnd(l.src, l.at)
	l.folded(strings.Split(l.src[l.at:e], "\n"), max(l.top().to+2, 0))
	l.at = e
	l.end()
}

// folded writes the lines of a scalar in which leading space means nothing;
// how they are indented against each other stays. The last one is left open.
func (l *layout) folded(lines []string, to int) {
	l.cur.WriteString(lines[0])
	least := -1
	for _, s := range lines[1:] {
		if t := strings.TrimLeft(s, " \t"); t != "" && (least < 0 || len(s)-len(t) < least) {
			least = len(s) - len(t)
		}
	}
	for _, s := range lines[1:] {
		l.raw(l.cur.String())
		l.cur.Reset()
		if t := strings.TrimLeft(s, " \t"); t != "" {
			l.pad(to + len(s) - len(t) - least)
			l.cur.WriteString(t)
		}
	}
}

// plain lays out a scalar without quotes.
func (l *layout) plain() {
	n := l.top().col
	var lines []string
	for at := l.at; ; {
		line := l.line(at)
		lead := len(line) - len(strings.TrimLeft(line, " \t"))
		text := line
		for j := lead; j < len(line); j++ {
			if line[j] == '#' && j > 0 && white(line[j-1]) {
				text = line[:j]
				break
			}
		}
		lines = append(lines, strings.TrimRight(text, " \t"))
		l.at = at + len(lines[len(lines)-1])
		if text != line {
			break
		}
		next := at + len(line) + 1
		empty := 0
		for next < len(l.src) && strings.Trim(l.line(next), " \t") == "" {
			next += len(l.line(next)) + 1
			empty++
		}
		if next >= len(l.src) {
			break
		}
		more := l.line(next)
		t := strings.TrimLeft(more, " \t")
		spaces := len(more) - len(strings.TrimLeft(more, " "))
		if spaces <= n || t[0] == '#' || len(t) == len(more) && marker(l.src[next:]) {
			break
		}
		for range empty {
			lines = append(lines, "")
		}
		at = next
	}
	l.folded(lines, max(l.top().to+2, 0))
	l.end()
}

// block lays out a literal or folded block scalar.
func (l *layout) block() {
	line := l.line(l.at)
	head := line
	if i := strings.IndexAny(line, " \t#"); i >= 0 {
		head = line[:i]
	}
	l.cur.WriteString(head)
	l.at += len(head)
	l.end()
	n := l.top()
	keep := strings.Contains(head, "+")
	indent, to := l.blockIndent(n.col), max(n.to+2, 2)
	if digits := strings.Trim(head, "|>+-"); digits != "" {
		d, _ := strconv.Atoi(digits)
		indent, to = max(n.col, 0)+d, max(n.to, 0)+d
	}
	empty := 0
	at := l.at
	for at < len(l.src) {
		line := l.line(at)
		lead := min(len(line)-len(strings.TrimLeft(line, " ")), indent)
		rest := line[lead:]
		if rest != "" && lead < indent {
			break
		}
		at = min(at+len(line)+1, len(l.src))
		if rest == "" {
			empty++
			if !keep {
				continue
			}
		}
		for ; empty > 0; empty-- {
			l.raw("")
		}
		l.at = at
		if rest != "" {
			l.raw(strings.Repeat(" ", to) + rest)
			l.open = at == len(l.src) && !strings.HasSuffix(l.src, "\n") && !strings.Contains(head, "-")
		}
	}
	l.limit = to
}

// blockIndent is the indentation of a block scalar that begins at the next
// line and does not say it: that of its first line with text.
func (l *layout) blockIndent(parent int) int {
	deep := 0
	for at := l.at; at < len(l.src); {
		line := l.line(at)
		t := strings.TrimLeft(line, " ")
		deep = max(deep, len(line)-len(t))
		if t != "" {
			break
		}
		at += len(line) + 1
	}
	return max(deep, parent+1, 1)
}
