package source

import "strings"

// QuoteYAML is a text as a quoted YAML scalar on one line.
func QuoteYAML(s string) string {
	if strings.ContainsAny(s, `"\`) && !strings.ContainsFunc(s, mustEscape) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return doubleQuoted(s)
}

// quoteLine is a line of YAML with the value that begins at col quoted.
func quoteLine(line string, col int) string {
	r := []rune(line)
	if col < 1 || col > len(r) {
		return strings.TrimSpace(line)
	}
	val, _ := cutComment(string(r[col-1:]))
	return strings.TrimSpace(string(r[:col-1])) + " " + QuoteYAML(val)
}

// quoteFrom is quoteLine, or "" when no value begins at col.
func quoteFrom(line string, col int) string {
	r := []rune(line)
	if col < 1 || col > len(r) || strings.TrimSpace(string(r[col-1:])) == "" {
		return ""
	}
	return quoteLine(line, col)
}

// cutComment takes a comment and the space around off a value.
func cutComment(s string) (val, comment string) {
	for i := 0; i < len(s); i++ {
		if s[i] == '#' && i > 0 && (s[i-1] == ' ' || s[i-1] == '\t') {
			return strings.TrimSpace(s[:i]), s[i:]
		}
	}
	return strings.TrimSpace(s), ""
}
