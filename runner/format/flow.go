package format

import "strings"

// brackets lays out a list or map in brackets. One on one line stays as it is;
// the lines of a longer one are indented by how many brackets are open.
func (l *layout) brackets() {
	e := l.bracketEnd(l.at)
	before := l.cur.String()
	base := len(before) - len(strings.TrimLeft(before, " -?:"))
	text := l.src[l.at:e]
	from := 0
	w := &walker{s: text}
	for i := range text {
		depth, scalar := w.depth, w.quote == '"' || w.quote == '\''
		if text[i] != '\n' {
			w.step(i)
			continue
		}
		l.cur.WriteString(w.trimmed(text[from:i]))
		l.raw(l.cur.String())
		l.cur.Reset()
		w.step(i)
		rest := strings.TrimLeft(text[i+1:], " \t")
		from = len(text) - len(rest)
		if rest != "" && rest[0] == '\n' {
			from = min(from, len(text))
			continue
		}
		closers := 0
		for !scalar && closers < len(rest) && (rest[closers] == ']' || rest[closers] == '}') {
			closers++
		}
		if scalar {
			depth++
		}
		l.pad(base + 2*max(depth-closers, 0))
	}
	l.cur.WriteString(text[min(from, len(text)):])
	l.at = e
	l.end()
}

// bracketEnd is the offset behind the bracket that closes the one at i.
func (l *layout) bracketEnd(i int) int {
	w := &walker{s: l.src[i:]}
	for j := range len(w.s) {
		if w.step(j); w.depth == 0 && w.quote == 0 {
			return i + j + 1
		}
	}
	return len(l.src)
}

// walker goes through a text in brackets and knows what is quoted.
type walker struct {
	s       string
	depth   int
	quote   byte // of the scalar that is open; # in a comment
	busy    bool // the character before belongs to a scalar without quotes
	escaped bool
	name    bool // in a tag or an anchor
}

func (w *walker) step(i int) {
	c := w.s[i]
	switch {
	case w.quote == '#':
		if c == '\n' {
			w.quote = 0
		}
	case w.escaped:
		w.escaped = false
	case w.quote != 0:
		w.inQuote(i, c)
	case w.name && !white(c) && strings.IndexByte(",[]{}", c) < 0:
	case c == '#' && i > 0 && white(w.s[i-1]):
		w.quote = '#'
	case (c == '"' || c == '\'') && !w.busy:
		w.quote = c
	case c == '[' || c == '{':
		w.depth++
		w.busy, w.name = false, false
	case c == ']' || c == '}':
		w.depth--
		w.busy, w.name = true, false
	case c == ',':
		w.busy, w.name = false, false
	case c == ':' && (i+1 >= len(w.s) || white(w.s[i+1]) || strings.IndexByte(",[]{}", w.s[i+1]) >= 0 || i > 0 && strings.IndexByte("\"'", w.s[i-1]) >= 0):
		w.busy, w.name = false, false
	case white(c):
		w.name = false
	case (c == '!' || c == '&') && !w.busy:
		w.name = true
	default:
		w.busy = true
	}
}

func (w *walker) inQuote(i int, c byte) {
	switch {
	case c == '\\' && w.quote == '"':
		w.escaped = true
	case c == '\'' && w.quote == '\'' && i+1 < len(w.s) && w.s[i+1] == '\'':
		w.escaped = true
	case c == w.quote:
		w.quote, w.busy = 0, true
	}
}

// trimmed is a line without the space at its end, unless that stands in quotes.
func (w *walker) trimmed(s string) string {
	if w.quote == '"' || w.quote == '\'' {
		return s
	}
	return strings.TrimRight(s, " \t")
}
