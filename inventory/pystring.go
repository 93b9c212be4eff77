package inventory

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mxplay/mxplay/runner/value"
)

// stringPrefix is the length of the letters before a string's quote, -1 when no
// string begins here.
func (p *py) stringPrefix() int {
	for n := 0; n <= 2 && p.i+n < len(p.s); n++ {
		if c := p.s[p.i+n]; c == '"' || c == '\'' {
			switch strings.ToLower(p.s[p.i : p.i+n]) {
			case "", "r", "u", "b", "br", "rb":
				return n
			}
			return -1
		}
	}
	return -1
}

// strings reads one string or several side by side, which are one.
func (p *py) strings() (value.Value, bool) {
	var b strings.Builder
	bytes := -1
	for {
		n := p.stringPrefix()
		if n < 0 {
			return b.String(), true
		}
		prefix := strings.ToLower(p.s[p.i : p.i+n])
		isBytes := 0
		if strings.Contains(prefix, "b") {
			isBytes = 1
		}
		if bytes >= 0 && bytes != isBytes {
			return nil, false
		}
		bytes = isBytes
		p.i += n
		if !p.string(&b, strings.Contains(prefix, "r"), isBytes == 1) {
			return nil, false
		}
		p.space()
	}
}

func (p *py) string(b *strings.Builder, raw, isBytes bool) bool {
	quote := p.s[p.i : p.i+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(p.s[p.i:], triple) {
		quote = triple
	}
	p.i += len(quote)
	for p.i < len(p.s) {
		if strings.HasPrefix(p.s[p.i:], quote) {
			p.i += len(quote)
			return utf8.ValidString(b.String())
		}
		c := p.s[p.i]
		switch {
		case c != '\\':
			if isBytes && c >= 0x80 {
				return false
			}
			b.WriteByte(c)
			p.i++
		case p.i+1 >= len(p.s):
			return false
		case raw:
			b.WriteString(p.s[p.i : p.i+2])
			p.i += 2
		default:
			if !p.escape(b, isBytes) {
				return false
			}
		}
	}
	return false
}

var pyEscapes = map[byte]byte{'\\': '\\', '\'': '\'', '"': '"', 'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

func (p *py) escape(b *strings.Builder, isBytes bool) bool {
	c := p.s[p.i+1]
	if e, ok := pyEscapes[c]; ok {
		b.WriteByte(e)
		p.i += 2
		return true
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if isBytes && c != 'x' {
		digits = 0
	}
	switch {
	case digits > 0:
		end := p.i + 2 + digits
		if end > len(p.s) {
			return false
		}
		r, err := strconv.ParseUint(p.s[p.i+2:end], 16, 32)
		if err != nil || !utf8.ValidRune(rune(r)) {
			return false
		}
		b.WriteRune(rune(r))
		p.i = end
	case c == 'N' && !isBytes:
		return false
	case c >= '0' && c <= '7':
		end := p.i + 2
		for end < len(p.s) && end < p.i+4 && p.s[end] >= '0' && p.s[end] <= '7' {
			end++
		}
		r, _ := strconv.ParseUint(p.s[p.i+1:end], 8, 32)
		b.WriteRune(rune(r))
		p.i = end
	default:
		b.WriteByte('\\')
		p.i++
	}
	return true
}
