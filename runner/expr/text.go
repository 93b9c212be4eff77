package expr

import (
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// stmt is one piece of a text.
type stmt interface {
	run(ev *evaluator, out *strings.Builder) error
}

type (
	textStmt string
	// printStmt is {{ expression }}.
	printStmt struct{ n node }
)

func (s textStmt) run(ev *evaluator, out *strings.Builder) error {
	if ev.budget.out -= len(s); ev.budget.out < 0 {
		return ev.o.errorf(0, "the evaluation produces too much text")
	}
	out.WriteString(string(s))
	return nil
}

func (s *printStmt) run(ev *evaluator, out *strings.Builder) error {
	v, err := ev.full(s.n)
	if err != nil {
		return err
	}
	text, bad := inText(v)
	if bad != "" {
		e := ev.errorf(s.n, "%s", bad)
		if v == nil {
			path := pathOf(s.n)
			if path == "…" {
				e.Hint = `write (…) ?? ""`
			} else {
				e.Hint = "write " + source.QuoteYAML("{{ "+path+` ?? "" }}`)
			}
		}
		return e
	}
	if err := ev.produce(s.n, len(text)); err != nil {
		return err
	}
	out.WriteString(text)
	return nil
}

// inText is a value's form inside a text, or why it has none.
func inText(v value.Value) (string, string) {
	switch v.(type) {
	case nil:
		return "", "null inside a text"
	case string, bool, int64, float64:
	case value.List, *value.Map:
		b, err := value.JSON(v)
		if err != nil {
			return "", err.Error()
		}
		return string(b), ""
	default:
		return "", describe(v) + " has no form as text"
	}
	return value.Text(v), ""
}

// render runs a whole text.
func (ev *evaluator) render(t *Template) (string, error) {
	if ev.frame == nil {
		ev.frame = &frame{}
	}
	var out strings.Builder
	err := ev.body(t, &out)
	return out.String(), err
}

// parseText reads a string of a playbook.
func parseText(src string) *parsed {
	fail := func(p *perr) *parsed { return &parsed{err: p} }
	c := &code{}
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			c.parts = append(c.parts, textStmt(text.String()))
			text.Reset()
		}
	}
	prints := 0
	trimNext := false
	add := func(s string) {
		if trimNext {
			s = strings.TrimLeft(s, " \t\r\n")
			trimNext = s == ""
		}
		text.WriteString(s)
	}
	trimLast := func() {
		s := strings.TrimRight(text.String(), " \t\r\n")
		text.Reset()
		text.WriteString(s)
	}
	i := 0
	for i < len(src) {
		j := strings.IndexByte(src[i:], '{')
		if j < 0 || i+j+1 >= len(src) {
			add(src[i:])
			break
		}
		add(src[i : i+j])
		i += j
		switch src[i+1] {
		case '{':
			start := i + 2
			if start < len(src) && src[start] == '-' {
				trimLast()
				start++
			}
			trimNext = false
			l, err := scan(src, start, endPrint)
			if err != nil {
				return fail(err)
			}
			n, err := parseLexed(src, l, dialect{})
			if err != nil {
				return fail(err.wrap(func(fixed string) string {
					whole := src[:i] + "{{ " + strings.TrimSpace(fixed) + " }}" + src[l.after:]
					if len(whole) > 160 {
						whole = "{{ " + strings.TrimSpace(fixed) + " }}"
					}
					return source.QuoteYAML(whole)
				}))
			}
			flush()
			c.parts = append(c.parts, &printStmt{n})
			prints++
			trimNext = l.trim == '-'
			i = l.after
		case '#':
			end := strings.Index(src[i+2:], "#}")
			if end < 0 {
				return fail(&perr{off: i, msg: `no "#}" ends the comment that begins here`})
			}
			inner := src[i+2 : i+2+end]
			if strings.HasPrefix(inner, "-") {
				trimLast()
			}
			trimNext = len(inner) > 1 && strings.HasSuffix(inner, "-")
			i += end + 4
		case '%':
			word, body, after, err := rawBlock(src, i)
			if err != nil {
				return fail(err)
			}
			if word != "raw" {
				return fail(&perr{off: i, msg: "{% " + word + " %} has no meaning in a string of a playbook", hint: statementHint(word)})
			}
			add(body)
			i = after
		default:
			if halfOpens(src, i) {
				return fail(&perr{off: i, msg: "an expression begins with {{", hint: "write {{ in place of {, or {% raw %} around the text"})
			}
			add("{")
			i++
		}
	}
	flush()
	switch {
	case prints == 0:
		c.plain = true
		for _, p := range c.parts {
			c.text += string(p.(textStmt))
		}
	case prints == 1 && len(c.parts) == 1:
		c.single = c.parts[0].(*printStmt).n
	}
	return &parsed{code: c}
}

// halfOpen is what ends as an expression does and lacks one brace at its start.
var halfOpen = regexp.MustCompile(`^\{(?:[\s,]*|\s+\{)\s*[A-Za-z_\[(!][^{}\n;]*\}\}(?:[^}]|$)`)

// halfOpens tells whether the single brace at i was meant for two: what it
// opens ends with two, and no other brace is open before it.
func halfOpens(src string, i int) bool {
	if i > 0 && src[i-1] == '$' || strings.Count(src[:i], "{") > strings.Count(src[:i], "}") {
		return false
	}
	return halfOpen.MatchString(src[i:])
}

// rawBlock reads the statement at i; of a raw block also its body.
func rawBlock(src string, i int) (word, body string, after int, err *perr) {
	end := strings.Index(src[i+2:], "%}") + 2
	if end < 2 {
		return "", "", 0, &perr{off: i, msg: `no "%}" ends what begins here`, hint: `write {{ "{%" }} for the two characters themselves`}
	}
	inner := strings.Trim(src[i+2:i+end], "-+ \t\r\n")
	word, _, _ = strings.Cut(inner, " ")
	if word != "raw" {
		return word, "", 0, nil
	}
	rest := src[i+end+2:]
	from, to := findEndRaw(rest)
	if from < 0 {
		return "", "", 0, &perr{off: i, msg: "no {% endraw %} ends the raw block that begins here"}
	}
	return word, rest[:from], i + end + 2 + to, nil
}

// findEndRaw finds {% endraw %}: where it begins and where it ends.
func findEndRaw(s string) (int, int) {
	for from := 0; ; {
		j := strings.Index(s[from:], "{%")
		if j < 0 {
			return -1, -1
		}
		j += from
		k := strings.Index(s[j+2:], "%}") + 2
		if k < 2 {
			return -1, -1
		}
		if strings.Trim(s[j+2:j+k], "-+ \t\r\n") == "endraw" {
			return j, j + k + 2
		}
		from = j + 2
	}
}

func statementHint(word string) string {
	switch word {
	case "if":
		return `write "{{ condition ? a : b }}"`
	case "for":
		return `write "{{ map(list, …) }}", or put the text into a template file`
	case "set":
		return "put it into vars:"
	}
	return "statements belong into template files"
}
