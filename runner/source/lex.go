package source

import "strings"

// token is a piece of YAML text that the outline knows: enough to tell where a
// mistake began, not a parser.
type token struct {
	kind       byte // '"' or '\'' a quoted scalar, '[' or '{' an open bracket, ':' a key's colon
	start, end int
	closed     bool
	lines      int // how many line ends it holds
}

// outline walks over a text as far as the offset and notes its quoted scalars,
// the brackets that are still open there, and the colons of keys.
func outline(data string, to int) (quotes, open, colons []token) {
	fresh := true // a value or key may begin here
	lineStart, keyCol := 0, 0
	for i := 0; i < to && i < len(data); {
		c := data[i]
		switch {
		case c == '\n':
			i++
			lineStart, keyCol, fresh = i, -1, true
			continue
		case c == ' ' || c == '\t' || c == '\r':
			i++
			continue
		case c == '#' && (i == 0 || strings.IndexByte(" \t\n", data[i-1]) >= 0):
			i += lineLen(data[i:])
			continue
		}
		if keyCol < 0 {
			keyCol = i - lineStart
		}
		switch {
		case fresh && (c == '"' || c == '\''):
			t := quotedToken(data, i)
			quotes = append(quotes, t)
			i, fresh = t.end, false
			continue
		case fresh && (c == '-' || c == '?') && len(open) == 0 && spaceAt(data, i+1):
			i++
			keyCol = -1
			continue
		case c == ':' && (spaceAt(data, i+1) || !fresh && len(open) > 0 && i > 0 && (data[i-1] == '"' || data[i-1] == '\'')):
			colons = append(colons, token{kind: ':', start: i, end: i + 1})
			fresh = true
		case fresh && (c == '[' || c == '{') || len(open) > 0 && (c == '[' || c == '{'):
			open = append(open, token{kind: c, start: i, end: i + 1})
			fresh = true
		case len(open) > 0 && (c == ']' || c == '}'):
			open = open[:len(open)-1]
			fresh = false
		case len(open) > 0 && c == ',':
			fresh = true
		case fresh && (c == '!' || c == '&'):
			for i < len(data) && !spaceAt(data, i) {
				i++
			}
			continue
		case fresh && len(open) == 0 && (c == '|' || c == '>'):
			i = blockEnd(data, i, keyCol)
			fresh = true
			lineStart, keyCol = i, -1
			continue
		default:
			fresh = false
		}
		i++
	}
	return quotes, open, colons
}

func lineLen(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

func spaceAt(s string, i int) bool {
	return i >= len(s) || strings.IndexByte(" \t\r\n", s[i]) >= 0
}

// quotedToken is the quoted scalar that begins at i.
func quotedToken(data string, i int) token {
	t := token{kind: data[i], start: i}
	for i++; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\n':
			t.lines++
		case c == '\\' && t.kind == '"':
			i++
		case c == t.kind && c == '\'' && i+1 < len(data) && data[i+1] == '\'':
			i++
		case c == t.kind:
			t.end, t.closed = i+1, true
			return t
		}
	}
	t.end = len(data)
	return t
}

// blockEnd is the start of the line after the block scalar whose header is at
// i, in a line whose key stands in column col.
func blockEnd(data string, i, col int) int {
	i += lineLen(data[i:]) + 1
	for i < len(data) {
		n := lineLen(data[i:])
		line := data[i : i+n]
		if t := strings.TrimLeft(line, " "); strings.TrimSpace(t) != "" && len(line)-len(t) <= col {
			return i
		}
		i += n + 1
	}
	return len(data)
}
