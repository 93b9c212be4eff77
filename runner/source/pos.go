package source

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// PosAt is the place of the byte at offset within the scalar's text (Raw). The
// file's own text is scanned again for it, so it costs nothing until an error
// is to be shown. For a node that was not read from a file it is Pos.
func (n *Node) PosAt(offset int) Pos {
	if n.file == nil || n.Kind != Scalar || n.Pos.File != n.file.Name || offset < 0 || offset > len(n.Raw) {
		return n.Pos
	}
	data, at := n.file.Data, n.file.Offset(n.Pos)
	if at >= len(data) {
		return n.Pos
	}
	s := &scan{data: data, want: n.Raw, raw: make([]int, 0, len(n.Raw))}
	switch n.style {
	case plain:
		s.flow(at, 0)
	case single:
		s.flow(at+1, '\'')
	case double:
		s.flow(at+1, '"')
	default:
		s.block(at)
	}
	switch {
	case offset < len(s.raw):
		return n.file.PosOf(s.raw[offset])
	case offset == len(s.raw) && offset == len(n.Raw):
		return n.file.PosOf(s.end)
	}
	return n.Pos
}

// ErrorAt makes an Error at a byte of the scalar's text, with its line.
func (n *Node) ErrorAt(offset int, format string, args ...any) *Error {
	return Errorf(n.PosAt(offset), format, args...).In(n.file)
}

// scan decodes a scalar again and notes where each byte of it came from. It
// stops where it would differ from what the parser made of the same text.
type scan struct {
	data []byte
	want string
	raw  []int // of each byte of want, as far as it was found
	end  int   // behind the last byte
}

// put takes text that stands at (or is written as) data[from:to]. It is false
// when the scalar has other text there, or ends.
func (s *scan) put(text string, from, to int) bool {
	if !strings.HasPrefix(s.want[len(s.raw):], text) {
		return false
	}
	for i := range len(text) {
		if to-from == len(text) {
			s.raw = append(s.raw, from+i)
		} else {
			s.raw = append(s.raw, from)
		}
	}
	s.end = to
	return true
}

// flow scans a plain or quoted scalar, whose lines fold.
func (s *scan) flow(i int, quote byte) {
	s.end = i
	for i < len(s.data) && len(s.raw) < len(s.want) {
		c := s.data[i]
		if c == ' ' || c == '\t' || lineBreak(s.data[i:]) > 0 {
			j, text := s.fold(i, false)
			if !s.put(text, i, j) {
				return
			}
			i = j
			continue
		}
		switch {
		case c == quote && quote == '\'' && i+1 < len(s.data) && s.data[i+1] == '\'':
			if !s.put("'", i, i+2) {
				return
			}
			i += 2
			continue
		case c == quote && quote != 0:
			return
		case c == '\\' && quote == '"':
			j, text, ok := s.escape(i)
			if !ok || !s.put(text, i, j) {
				return
			}
			i = j
			continue
		}
		_, size := utf8.DecodeRune(s.data[i:])
		if !s.put(string(s.data[i:i+size]), i, i+size) {
			return
		}
		i += size
	}
}

// fold is what the white space at i means: itself within a line, a space for
// one line end and a line end for each further one. After an escaped line end
// the first is not counted.
func (s *scan) fold(i int, escaped bool) (next int, text string) {
	start, breaks := i, 0
	for i < len(s.data) {
		if s.data[i] == ' ' || s.data[i] == '\t' {
			i++
			continue
		}
		n := lineBreak(s.data[i:])
		if n == 0 {
			break
		}
		breaks++
		i += n
	}
	switch {
	case escaped:
		return i, strings.Repeat("\n", breaks)
	case breaks == 0:
		return i, string(s.data[start:i])
	case breaks == 1:
		return i, " "
	}
	return i, strings.Repeat("\n", breaks-1)
}

var escapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': `"`, '\'': "'", '/': "/", '\\': `\`, 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// escape is what the backslash at i and what follows it means.
func (s *scan) escape(i int) (next int, text string, ok bool) {
	if i+1 >= len(s.data) {
		return i, "", false
	}
	if n := lineBreak(s.data[i+1:]); n > 0 {
		next, text = s.fold(i+1+n, true)
		return next, text, true
	}
	c := s.data[i+1]
	if t, ok := escapes[c]; ok {
		return i + 2, t, true
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 || i+2+digits > len(s.data) {
		return i, "", false
	}
	r, err := strconv.ParseUint(string(s.data[i+2:i+2+digits]), 16, 32)
	return i + 2 + digits, string(rune(r)), err == nil
}

// block scans a literal or folded block. An indentation that its header gives
// counts from the parent's, which is not known here: the one that fits is taken.
func (s *scan) block(i int) {
	isFolded := s.data[i] == '>'
	explicit := false
	for i++; i < len(s.data) && lineBreak(s.data[i:]) == 0; i++ {
		if c := s.data[i]; c == '#' {
			i = s.lineEnd(i)
			break
		} else if c >= '1' && c <= '9' {
			explicit = true
		}
	}
	i += lineBreak(s.data[min(i, len(s.data)):])
	if !explicit {
		s.lines(i, s.indent(i), isFolded)
		return
	}
	best, end := []int(nil), i
	for indent := 1; indent < 200; indent++ {
		s.raw = nil
		s.lines(i, indent, isFolded)
		if len(s.raw) > len(best) {
			best, end = s.raw, s.end
		}
		if len(best) == len(s.want) {
			break
		}
	}
	s.raw, s.end = best, end
}

func (s *scan) lineEnd(i int) int {
	for i < len(s.data) && lineBreak(s.data[i:]) == 0 {
		i++
	}
	return i
}

// indent is that of the first line that is not empty.
func (s *scan) indent(i int) int {
	for i < len(s.data) {
		n := 0
		for i < len(s.data) && s.data[i] == ' ' {
			i, n = i+1, n+1
		}
		b := lineBreak(s.data[i:])
		if b == 0 {
			return n
		}
		i += b
	}
	return 0
}

func (s *scan) lines(i, indent int, isFolded bool) {
	s.end = i
	pendFrom, pendTo := -1, -1 // the last line's end
	var empties [][2]int       // line ends of the empty lines after it
	wasBlank := false
	for len(s.raw) < len(s.want) && i < len(s.data) {
		n := 0
		for n < indent && i < len(s.data) && s.data[i] == ' ' {
			i, n = i+1, n+1
		}
		if b := lineBreak(s.data[i:]); b > 0 && n <= indent {
			empties = append(empties, [2]int{i, i + b})
			i += b
			continue
		}
		if n < indent || i >= len(s.data) {
			break
		}
		blank := s.data[i] == ' ' || s.data[i] == '\t'
		if pendFrom >= 0 {
			text := "\n"
			if isFolded && !wasBlank && !blank {
				text = ""
				if len(empties) == 0 {
					text = " "
				}
			}
			if !s.put(text, pendFrom, pendTo) {
				return
			}
		}
		for _, e := range empties {
			if !s.put("\n", e[0], e[1]) {
				return
			}
		}
		empties, wasBlank = nil, blank
		end := s.lineEnd(i)
		if !s.put(string(s.data[i:end]), i, end) {
			return
		}
		pendFrom, pendTo = end, end+lineBreak(s.data[end:])
		i = pendTo
	}
	if pendFrom >= 0 && s.put("\n", pendFrom, pendTo) {
		for _, e := range empties {
			if !s.put("\n", e[0], e[1]) {
				return
			}
		}
	}
}
