package expr

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The pre-lexer stands before expr's own: it finds the end of an expression
// inside a text, reads string literals by Python's rules, refuses what expr
// would read otherwise than a reader of Jinja expects, and hands on a source of
// the same length in which every string literal is masked. So byte offsets
// stay what they are and expr's lexer sees no escape and no comment.

type tokKind byte

const (
	tokIdent tokKind = iota
	tokNumber
	tokString
	tokOp
	tokOpen
	tokClose
)

// tok is one token; off and end are bytes in the source, depth counts open brackets.
type tok struct {
	kind     tokKind
	off, end int
	depth    int
	text     string // of a string literal its value
}

// ender says what ends an expression: nothing (a bare one), }} or %}.
type ender string

const (
	endBare  ender = ""
	endPrint ender = "}}"
	endStmt  ender = "%}"
)

// lexed is an expression's tokens, masked source and end.
type lexed struct {
	start  int
	toks   []tok
	masked string         // of src[start:end]
	strs   map[int]string // values of string literals by offset; nil without any
	end    int            // where the expression ends
	after  int            // behind the closing }} or %}
	trim   byte           // '-' or '+' before the closing, else 0
}

// scan reads the tokens of one expression from start on.
func scan(src string, start int, until ender) (*lexed, *perr) {
	l := &lexed{start: start, toks: make([]tok, 0, 8)}
	mask := make([]byte, 0, min(len(src)-start, 256))
	var open []byte
	prefix, ternaries := 0, 0
	i := start
	add := func(k tokKind, end int) {
		l.toks = append(l.toks, tok{kind: k, off: i, end: end, depth: len(open), text: src[i:end]})
		mask = append(mask, src[i:end]...)
		i = end
	}
	for {
		if i-start > maxSource {
			return nil, &perr{off: start, msg: fmt.Sprintf("the expression is longer than %d KiB", maxSource>>10)}
		}
		if i >= len(src) {
			if until != endBare {
				return nil, &perr{off: max(start-2, 0), msg: fmt.Sprintf("no %q ends what begins here", string(until))}
			}
			l.end, l.after = i, i
			break
		}
		if until != endBare && len(open) == 0 {
			if strings.HasPrefix(src[i:], string(until)) {
				l.end, l.after = i, i+2
				break
			}
			if (src[i] == '-' || src[i] == '+') && strings.HasPrefix(src[i+1:], string(until)) {
				l.end, l.after, l.trim = i, i+3, src[i]
				break
			}
		}
		c := src[i]
		isPrefix := false
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			mask = append(mask, ' ')
			i++
			continue
		case c == '\'' || c == '"' || c == '`':
			text, end, err := readString(src, i)
			if err != nil {
				return nil, l.firstOpen(src, err)
			}
			if l.strs == nil {
				l.strs = map[int]string{}
			}
			l.strs[i] = text
			l.toks = append(l.toks, tok{kind: tokString, off: i, end: end, depth: len(open), text: text})
			mask = append(mask, '"')
			for range end - i - 2 {
				mask = append(mask, '_')
			}
			mask = append(mask, '"')
			i = end
		case isLetter(c):
			end := i + 1
			for end < len(src) && (isLetter(src[end]) || isDigit(src[end])) {
				end++
			}
			if src[i:end] == "not" {
				isPrefix = true
			}
			add(tokIdent, end)
		case isDigit(c):
			end, err := scanNumber(src, i)
			if err != nil {
				return nil, err
			}
			add(tokNumber, end)
		case c == '(' || c == '[' || c == '{':
			add(tokOpen, i+1)
			open = append(open, c)
			if len(open) > maxNesting {
				return nil, &perr{off: l.toks[len(l.toks)-1].off, msg: fmt.Sprintf("brackets are nested deeper than %d", maxNesting)}
			}
		case c == ')' || c == ']' || c == '}':
			if len(open) == 0 {
				e := &perr{off: i, msg: fmt.Sprintf("%q closes nothing", string(c))}
				if c == '}' && until != endBare {
					e.hint = fmt.Sprintf("what begins here ends with %s", until)
				}
				return nil, e
			}
			if want := closing[open[len(open)-1]]; want != c {
				return nil, &perr{off: i, msg: fmt.Sprintf("%q where %q should close", string(c), string(want))}
			}
			open = open[:len(open)-1]
			add(tokClose, i+1)
		default:
			op := operatorAt(src, i)
			if op == "" {
				r, _ := utf8.DecodeRuneInString(src[i:])
				return nil, &perr{off: i, msg: fmt.Sprintf("%q has no meaning in an expression", string(r))}
			}
			isPrefix = op == "-" || op == "+" || op == "!"
			if op == "?" {
				ternaries++
			}
			add(tokOp, i+len(op))
		}
		if isPrefix {
			prefix++
		} else {
			prefix = 0
		}
		if prefix > maxNesting || ternaries > maxNesting {
			return nil, &perr{off: start, msg: fmt.Sprintf("the expression is nested deeper than %d", maxNesting)}
		}
	}
	if len(open) > 0 {
		for j := len(l.toks) - 1; j >= 0; j-- {
			if l.toks[j].kind == tokOpen && l.toks[j].depth == len(open)-1 {
				return nil, &perr{off: l.toks[j].off, msg: fmt.Sprintf("%q is never closed", l.toks[j].text)}
			}
		}
	}
	l.masked = string(mask[:min(len(mask), l.end-start)])
	return l, nil
}

// firstOpen is the error of a text that is never closed: an earlier one that
// goes over the end of a tag and of its line was the one that lacks its end.
func (l *lexed) firstOpen(src string, err *perr) *perr {
	for _, t := range l.toks {
		if t.kind != tokString {
			continue
		}
		line, _, more := strings.Cut(src[t.off:t.end], "\n")
		if more && (strings.Contains(line, "}}") || strings.Contains(line, "%}")) {
			return &perr{off: t.off, msg: fmt.Sprintf("the quote %c is never closed", src[t.off])}
		}
	}
	for _, t := range l.toks {
		if t.kind == tokString {
			err.texts = append(err.texts, t)
		}
	}
	return err
}

var closing = map[byte]byte{'(': ')', '[': ']', '{': '}'}

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// operators, the longer ones first. Those that the grammar does not have are
// read too, so that their errors can say what to write.
var operators = []string{
	"::", "..", "?.", "??", "||", "&&", "==", "!=", "<=", ">=", "**", "//", "/*",
	"|", ":", ",", ".", "+", "-", "*", "/", "%", "^", "<", ">", "=", "!", "?", "#", ";", "~", "$", "&",
}

func operatorAt(src string, i int) string {
	for _, op := range operators {
		if strings.HasPrefix(src[i:], op) {
			return op
		}
	}
	return ""
}

// scanNumber finds the end of a number.
func scanNumber(src string, i int) (int, *perr) {
	end := i
	for end < len(src) && (isLetter(src[end]) || isDigit(src[end])) {
		if (src[end] == 'e' || src[end] == 'E') && !strings.HasPrefix(strings.ToLower(src[i:]), "0x") &&
			end+1 < len(src) && (src[end+1] == '-' || src[end+1] == '+') {
			end++
		}
		end++
	}
	if end+1 < len(src) && src[end] == '.' && isDigit(src[end+1]) {
		end++
		for end < len(src) && (isLetter(src[end]) || isDigit(src[end])) {
			if (src[end] == 'e' || src[end] == 'E') && end+1 < len(src) && (src[end+1] == '-' || src[end+1] == '+') {
				end++
			}
			end++
		}
	}
	text := src[i:end]
	clean := strings.ReplaceAll(text, "_", "")
	if len(clean) > 1 && clean[0] == '0' && strings.Trim(clean, "0123456789") == "" && strings.Trim(clean, "0") != "" {
		return 0, &perr{off: i, msg: fmt.Sprintf("%s begins with a zero: an octal number or a text?", text),
			hint: fmt.Sprintf("write 0o%s for the octal number, %q for the text", strings.TrimLeft(clean, "0"), text)}
	}
	if strings.ContainsAny(clean, ".eE") && !strings.HasPrefix(strings.ToLower(clean), "0x") {
		if _, err := strconv.ParseFloat(clean, 64); err != nil {
			return 0, &perr{off: i, msg: fmt.Sprintf("%s is no number", text)}
		}
		return end, nil
	}
	if _, err := strconv.ParseInt(clean, 0, 64); err != nil {
		if strings.Trim(clean, "0123456789") == "" {
			if strings.Trim(clean, "0") == "" {
				return end, nil
			}
			return 0, &perr{off: i, msg: fmt.Sprintf("%s does not fit into 64 bits", text)}
		}
		return 0, &perr{off: i, msg: fmt.Sprintf("%s is neither a number nor a name", text), hint: fmt.Sprintf("a text needs quotes: %q", text)}
	}
	return end, nil
}

// readString reads a string literal by Python's rules: unknown escapes stay as
// they are, and so does \1 to \9, so that regular expressions need no doubling.
// Between backticks nothing is an escape.
func readString(src string, i int) (string, int, *perr) {
	quote := src[i]
	rest := src[i+1:]
	if quote == '`' {
		var b strings.Builder
		for j := 0; j < len(rest); j++ {
			if rest[j] != '`' {
				b.WriteByte(rest[j])
				continue
			}
			if j+1 < len(rest) && rest[j+1] == '`' {
				b.WriteByte('`')
				j++
				continue
			}
			return b.String(), i + 1 + j + 1, nil
		}
		return "", 0, &perr{off: i, msg: "the quote ` is never closed"}
	}
	if j := strings.IndexAny(rest, string(quote)+`\`); j >= 0 && rest[j] == quote {
		return rest[:j], i + j + 2, nil
	}
	var b strings.Builder
	for j := 0; j < len(rest); {
		switch c := rest[j]; c {
		case quote:
			return b.String(), i + 1 + j + 1, nil
		case '\\':
			n, err := escape(&b, rest[j:])
			if err != "" {
				return "", 0, &perr{off: i + 1 + j, msg: err}
			}
			j += n
		default:
			b.WriteByte(c)
			j++
		}
	}
	return "", 0, &perr{off: i, msg: fmt.Sprintf("the quote %c is never closed", quote)}
}

var simpleEscapes = map[byte]byte{'\\': '\\', '\'': '\'', '"': '"', 'a': 7, 'b': 8, 'f': 12, 'n': 10, 'r': 13, 't': 9, 'v': 11}

// escape reads one escape at the start of s into b and tells its length.
func escape(b *strings.Builder, s string) (int, string) {
	if len(s) < 2 {
		return 1, ""
	}
	c := s[1]
	if e, ok := simpleEscapes[c]; ok {
		b.WriteByte(e)
		return 2, ""
	}
	octal := func(i int) bool { return i < len(s) && '0' <= s[i] && s[i] <= '7' }
	switch {
	case c == '\n':
		return 2, ""
	case octal(1) && octal(2) && octal(3):
		n, _ := strconv.ParseUint(s[1:4], 8, 16)
		b.WriteRune(rune(n))
		return 4, ""
	case c == '0':
		b.WriteByte(0)
		return 2, ""
	}
	if digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]; digits > 0 {
		if len(s) >= 2+digits {
			if n, err := strconv.ParseUint(s[2:2+digits], 16, 32); err == nil && n <= utf8.MaxRune && utf8.ValidRune(rune(n)) {
				b.WriteRune(rune(n))
				return 2 + digits, ""
			}
		}
		return 0, fmt.Sprintf(`\%c needs %d hexadecimal digits of a character`, c, digits)
	}
	r, n := utf8.DecodeRuneInString(s[1:])
	b.WriteByte('\\')
	b.WriteRune(r)
	return 1 + n, ""
}
