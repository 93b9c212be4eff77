package expr

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/runner/value"
)

// regex is a compiled regular expression of RE2's syntax.
type regex struct{ *regexp.Regexp }

// regexCache keeps compiled expressions by their source.
var regexCache struct {
	sync.Mutex
	m map[string]*regex
}

func compileRegex(s string) (*regex, *perr) {
	regexCache.Lock()
	re := regexCache.m[s]
	regexCache.Unlock()
	if re != nil {
		return re, nil
	}
	if len(s) > maxSource {
		return nil, &perr{msg: "the regular expression is too long"}
	}
	c, err := regexp.Compile(strings.ReplaceAll(s, `\Z`, `\z`))
	if err != nil {
		return nil, regexError(s, err)
	}
	re = &regex{c}
	regexCache.Lock()
	if regexCache.m == nil || len(regexCache.m) > 4096 {
		regexCache.m = map[string]*regex{}
	}
	regexCache.m[s] = re
	regexCache.Unlock()
	return re, nil
}

func regexError(s string, err error) *perr {
	for _, look := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.Contains(s, look) {
			return &perr{msg: look + "…) looks around, which regular expressions (RE2) here cannot",
				hint: "match more and keep a group, or use two conditions"}
		}
	}
	var se *syntax.Error
	if errors.As(err, &se) {
		if se.Code == syntax.ErrInvalidEscape && len(se.Expr) == 2 && se.Expr[1] >= '1' && se.Expr[1] <= '9' {
			return &perr{msg: se.Expr + " in a regular expression refers back, which RE2 cannot"}
		}
		return &perr{msg: fmt.Sprintf("regular expression: %s: %s", se.Code, se.Expr)}
	}
	return &perr{msg: err.Error()}
}

func (c *call) regex(i int, flags string) (*regex, error) {
	s := c.str(i)
	if flags != "" {
		s = "(?" + flags + ")" + s
	}
	re, err := compileRegex(s)
	if err != nil {
		return nil, c.fail(err.hint, "%s", err.msg)
	}
	return re, nil
}

func (c *call) flags(ignorecase, multiline int) string {
	f := ""
	if c.boolOr(ignorecase, false) {
		f += "i"
	}
	if c.boolOr(multiline, false) {
		f += "m"
	}
	return f
}

// regexFunctions take regular expressions of RE2's syntax.
func regexFunctions() []*Function {
	text, pattern := p("text", KText), p("pattern", KString)
	return []*Function{
		{Name: "regex_replace", Params: []Param{text, pattern, opt("replacement", KText, `""`), opt("ignorecase", KBool, "false"), opt("multiline", KBool, "false"),
			opt("count", KInt, "0"), opt("mandatory_count", KInt, "0")}, Result: KString,
			Doc: `text with what pattern matches replaced; \1 and \g<name> in the replacement are groups. count 0 is all; fewer than mandatory_count is an error.`,
			Example: []string{`regex_replace("foobar", "^f(o+)", "\\1-")`, `"oo-bar"`, `"a1b2" | regex_replace("\d", "#")`, `"a#b#"`,
				`regex_replace("ab", "(?P<x>a)", "\g<x>\1")`, `"aab"`},
			call: callRegexReplace},
		{Name: "regex_search", Params: []Param{text, pattern, rest("groups", KString)}, Result: KAny,
			Doc:     `the first match of pattern in text, null when there is none; with groups such as "\\1" a list of these.`,
			Example: []string{`regex_search("foo42", "\d+")`, `"42"`, `regex_search("a=b", "(\w)=(\w)", "\1", "\2")`, `["a", "b"]`, `regex_search("a", "b")`, `null`},
			call:    callRegexSearch},
		{Name: "regex_findall", Params: []Param{text, pattern, opt("multiline", KBool, "false"), opt("ignorecase", KBool, "false")}, Result: KList,
			Doc:     "all matches of pattern in text; with one group that of each, with more a list of them.",
			Example: []string{`regex_findall("a1b22", "\d+")`, `["1", "22"]`, `regex_findall("a1b2", "(\w)(\d)")`, `[["a", "1"], ["b", "2"]]`},
			call: func(c *call) (value.Value, error) {
				re, err := c.regex(1, c.flags(3, 2))
				if err != nil {
					return nil, err
				}
				out := value.List{}
				for _, m := range re.FindAllStringSubmatch(c.str(0), -1) {
					switch len(m) {
					case 1:
						out = append(out, m[0])
					case 2:
						out = append(out, m[1])
					default:
						l := value.List{}
						for _, g := range m[1:] {
							l = append(l, g)
						}
						out = append(out, l)
					}
				}
				return out, c.spend(len(c.str(0)) / 16)
			}},
		{Name: "regex_escape", Params: []Param{text, opt("type", KString, `"python"`)}, Result: KString, Doc: "text with everything escaped that means something in a regular expression, or with posix_basic in one of grep.",
			Example: []string{`regex_escape("a.b")`, "`a\\.b`"},
			call: func(c *call) (value.Value, error) {
				special := map[string]string{"python": "()[]{}?*+-|^$\\.&~# \t\n\r\v\f", "posix_basic": "].[^$*\\"}[c.strOr(1, "python")]
				if special == "" {
					return nil, c.errorf("the type is python or posix_basic, not %s", describe(c.args[1]))
				}
				var b strings.Builder
				for _, r := range c.str(0) {
					if strings.ContainsRune(special, r) {
						b.WriteByte('\\')
					}
					b.WriteRune(r)
				}
				return b.String(), nil
			}},
	}
}

func callRegexReplace(c *call) (value.Value, error) {
	re, err := c.regex(1, c.flags(3, 4))
	if err != nil {
		return nil, err
	}
	s, repl := c.str(0), c.strOr(2, "")
	limit := int(c.intOr(5, 0))
	if limit <= 0 {
		limit = -1
	}
	var b strings.Builder
	last, n := 0, 0
	for _, m := range re.FindAllStringSubmatchIndex(s, limit) {
		n++
		b.WriteString(s[last:m[0]])
		if e := expand(&b, re, repl, s, m); e != "" {
			return nil, c.errorf("%s", e)
		}
		last = m[1]
		if b.Len() > maxOutput {
			return nil, c.errorf("the text is too long")
		}
	}
	if want := int(c.intOr(6, 0)); n < want {
		return nil, c.errorf("%d replacements, and %d were to be made", n, want)
	}
	b.WriteString(s[last:])
	return b.String(), c.spend(len(s) / 16)
}

// expand writes a replacement: \1, \g<1> and \g<name> are groups, \\ a backslash.
func expand(b *strings.Builder, re *regex, repl, s string, m []int) string {
	group := func(i int) string {
		if 2*i+1 >= len(m) {
			return fmt.Sprintf(`\%d: the pattern has %s`, i, plural(int64(re.NumSubexp()), "group"))
		}
		if m[2*i] >= 0 {
			b.WriteString(s[m[2*i]:m[2*i+1]])
		}
		return ""
	}
	for i := 0; i < len(repl); i++ {
		if repl[i] != '\\' || i+1 == len(repl) {
			b.WriteByte(repl[i])
			continue
		}
		i++
		switch c := repl[i]; {
		case isDigit(c) && c != '0':
			n := int(c - '0')
			if i+1 < len(repl) && isDigit(repl[i+1]) && 10*n+int(repl[i+1]-'0') <= re.NumSubexp() {
				i++
				n = 10*n + int(repl[i]-'0')
			}
			if e := group(n); e != "" {
				return e
			}
		case c == 'g' && i+1 < len(repl) && repl[i+1] == '<':
			end := strings.IndexByte(repl[i:], '>')
			if end < 0 {
				return `\g< is never closed`
			}
			name := repl[i+2 : i+end]
			n, err := strconv.Atoi(name)
			if err != nil {
				if n = re.SubexpIndex(name); n < 0 {
					return fmt.Sprintf("the pattern has no group %q", name)
				}
			}
			if e := group(n); e != "" {
				return e
			}
			i += end
		case c == 'n':
			b.WriteByte('\n')
		case c == 't':
			b.WriteByte('\t')
		case c == 'r':
			b.WriteByte('\r')
		case c == '\\':
			b.WriteByte('\\')
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return ""
}

func callRegexSearch(c *call) (value.Value, error) {
	re, err := c.regex(1, "")
	if err != nil {
		return nil, err
	}
	s := c.str(0)
	if err := c.spend(len(s) / 16); err != nil {
		return nil, err
	}
	m := re.FindStringSubmatchIndex(s)
	if m == nil {
		return nil, nil
	}
	if len(c.args) == 2 {
		return s[m[0]:m[1]], nil
	}
	out := value.List{}
	for i := 2; i < len(c.args); i++ {
		ref := c.str(i)
		if !strings.HasPrefix(ref, `\`) {
			return nil, c.fail(`write "\\1" or "\\g<name>"; for flags begin the pattern with (?i) or (?m)`, "%q is no group", ref)
		}
		var b strings.Builder
		if e := expand(&b, re, ref, s, m); e != "" {
			return nil, c.errorf("%s", e)
		}
		out = append(out, b.String())
	}
	return out, nil
}
