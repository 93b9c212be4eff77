package place

import (
	"regexp"
	"strings"
)

// Expand puts the groups that an expression found into a text: \1, \g<1>, \g<name>.
func Expand(line string, re *regexp.Regexp, groups []string) string {
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
				n = groupNumber(name)
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

func groupNumber(s string) int {
	n := -1
	for _, c := range s {
		if c < '0' || c > '9' {
			return -1
		}
		n = max(n, 0)*10 + int(c-'0')
	}
	return n
}
