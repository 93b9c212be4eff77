package lineinfile

import (
	"regexp"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules/internal/place"
)

// matcher tells whether a line is one that regexp, search_string or, for
// state: absent, line mean.
func matcher(a Args) func(string) bool {
	switch {
	case a.Regexp != "":
		re := regexp.MustCompile(a.Regexp)
		return func(l string) bool { return re.MatchString(place.Bare(l)) }
	case a.Search != "":
		return func(l string) bool { return strings.Contains(l, a.Search) }
	}
	return func(l string) bool { return a.Line != nil && place.Bare(l) == *a.Line }
}

// remove is a text without the lines that are meant.
func remove(a Args, text []byte) []byte {
	lines := place.Lines(text)
	left := slices.DeleteFunc(slices.Clone(lines), matcher(a))
	if len(left) == len(lines) {
		return text
	}
	return place.Unlines(left)
}

// present is a text with the line: in the place of one that is meant, else
// where it stands already, else where a new line goes.
func present(a Args, text []byte) []byte {
	lines := place.Lines(text)
	at := -1
	found := matcher(a)
	for n, l := range lines {
		if found(l) {
			at = n
			if a.First {
				break
			}
		}
	}
	line := *a.Line
	if at >= 0 && a.Backrefs {
		line = expand(line, a.Regexp, place.Bare(lines[at]))
	}
	if at < 0 && !a.Backrefs {
		at = slices.IndexFunc(lines, func(l string) bool { return place.Bare(l) == line })
	}
	switch {
	case at >= 0 && lines[at] == line, at < 0 && a.Backrefs:
		return text
	case at >= 0:
		if place.Bare(lines[at]) == line {
			return text
		}
		lines[at] = line
	default:
		lines = slices.Insert(lines, a.Insert.At(lines, a.First), line)
	}
	return place.Unlines(lines)
}

// expand puts the groups that an expression found into a line: \1, \g<1>, \g<name>.
func expand(line, expr, found string) string {
	re := regexp.MustCompile(expr)
	groups := re.FindStringSubmatch(found)
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] != '\\' || i+1 == len(line) {
			b.WriteByte(line[i])
			continue
		}
		i++
		switch c := line[i]; {
		case c >= '0' && c <= '9':
			n := int(c - '0')
			if i+1 < len(line) && line[i+1] >= '0' && line[i+1] <= '9' {
				i++
				n = n*10 + int(line[i]-'0')
			}
			b.WriteString(group(groups, n))
		case c == 'g' && strings.HasPrefix(line[i:], "g<") && strings.Contains(line[i:], ">"):
			end := i + strings.IndexByte(line[i:], '>')
			name := line[i+2 : end]
			n := re.SubexpIndex(name)
			if n < 0 {
				n = number(name)
			}
			b.WriteString(group(groups, n))
			i = end
		case c == 'n':
			b.WriteByte('\n')
		case c == 't':
			b.WriteByte('\t')
		case c == '\\':
			b.WriteByte('\\')
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}

func group(groups []string, n int) string {
	if n < 0 || n >= len(groups) {
		return ""
	}
	return groups[n]
}

func number(s string) int {
	n := -1
	for _, c := range s {
		if c < '0' || c > '9' {
			return -1
		}
		n = max(n, 0)*10 + int(c-'0')
	}
	return n
}
