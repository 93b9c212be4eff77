package inventory

import "strings"

// word is one word of a line, its quotes taken off.
type word struct {
	text string
	at   int // where it begins in the line
}

type shellError struct {
	msg string
	at  int
}

func (e *shellError) Error() string { return e.msg }

// shellSplit splits a line into words as Python's shlex does with comments:
// single quotes, double quotes with a backslash before " and \, a backslash
// anywhere else, and a # that begins a comment even inside a word.
func shellSplit(s string) ([]word, error) {
	var out []word
	var b strings.Builder
	start := -1 // of the word under way
	begin := func(i int) {
		if start < 0 {
			start = i
		}
	}
	end := func() {
		if start >= 0 {
			out = append(out, word{b.String(), start})
			b.Reset()
			start = -1
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\r', '\n':
			end()
		case '#':
			end()
			return out, nil
		case '\\':
			begin(i)
			if i+1 >= len(s) {
				return nil, &shellError{"nothing stands behind the last backslash", i}
			}
			i++
			b.WriteByte(s[i])
		case '\'', '"':
			begin(i)
			j, err := quoted(&b, s, i)
			if err != nil {
				return nil, err
			}
			i = j
		default:
			begin(i)
			b.WriteByte(c)
		}
	}
	end()
	return out, nil
}

// quoted adds what stands in the quotes that open at i and is the place of the
// closing one.
func quoted(b *strings.Builder, s string, i int) (int, error) {
	q := s[i]
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == q:
			return j, nil
		case s[j] == '\\' && q == '"' && j+1 < len(s):
			if j++; s[j] != '"' && s[j] != '\\' {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[j])
	}
	return 0, &shellError{"the quote that opens here is not closed", i}
}
