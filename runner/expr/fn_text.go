package expr

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mxplay/mxplay/runner/value"
)

// textFunctions are those on strings. Where they want text, numbers and
// booleans do as well.
func textFunctions() []*Function {
	text := p("text", KText)
	simple := func(name, doc, in, out string, f func(string) string) *Function {
		return &Function{Name: name, Params: []Param{text}, Result: KString, Doc: doc, Example: []string{in, out},
			call: func(c *call) (value.Value, error) { return f(c.str(0)), nil }}
	}
	return []*Function{
		simple("upper", "text in capitals.", `"a" | upper()`, `"A"`, strings.ToUpper),
		simple("lower", "text in small letters.", `lower("A")`, `"a"`, strings.ToLower),
		simple("capitalize", "text with its first letter a capital and the others small.", `capitalize("aBC")`, `"Abc"`, capitalize),
		simple("title", "text with the first letter of each word a capital and the others small.", `title("foo bar-BAZ")`, `"Foo Bar-Baz"`, title),
		{Name: "quote", Params: []Param{p("text", KText|KNull)}, Result: KString, Doc: "text quoted for a POSIX shell, if that is needed; null is an empty text.", Example: []string{`quote("a b")`, `"'a b'"`},
			call: func(c *call) (value.Value, error) { return shellQuote(c.strOr(0, "")), nil }},
		simple("escape", "text with &, <, >, ' and \" as HTML entities.", `escape("<a>")`, `"&lt;a&gt;"`,
			htmlEscape.Replace),
		{Name: "trim", Params: []Param{text, opt("chars", KString, "white space")}, Result: KString, Doc: "text without the white space, or the given characters, at both ends.",
			Example: []string{`trim(" a ")`, `"a"`, `trim("xax", "x")`, `"a"`},
			call: func(c *call) (value.Value, error) {
				if c.has(1) {
					return strings.Trim(c.str(0), c.str(1)), nil
				}
				return strings.TrimSpace(c.str(0)), nil
			}},
		{Name: "replace", Params: []Param{text, p("old", KText), p("new", KText), opt("count", KInt, "all")}, Result: KString, Doc: "text with old replaced by new, count times at most.",
			Example: []string{`replace("aaa", "a", "b", 2)`, `"bba"`, `"a.b" | replace(".", "_")`, `"a_b"`},
			call: func(c *call) (value.Value, error) {
				s, old, repl := c.str(0), c.str(1), c.str(2)
				if n := strings.Count(s, old); n > 0 && len(repl) > 0 {
					if err := c.ev.produce(c.n, min(n, maxOutput)*min(len(repl), maxOutput)); err != nil {
						return nil, err
					}
				}
				return strings.Replace(s, old, repl, int(c.intOr(3, -1))), nil
			}},
		{Name: "split", Params: []Param{text, opt("at", KString|KNull, "white space"), opt("max", KInt, "-1")}, Result: KList, Doc: "the parts of text between at; between white space when at is missing. At most max cuts.",
			Example: []string{`split("a,b", ",")`, `["a", "b"]`, `split(" a  b ")`, `["a", "b"]`, `split("a=b=c", "=", 1)`, `["a", "b=c"]`},
			call:    callSplit},
		{Name: "splitlines", Params: []Param{text}, Result: KList, Doc: "the lines of text, without their ends.",
			Example: []string{`splitlines("a\nb\n")`, `["a", "b"]`},
			call: func(c *call) (value.Value, error) {
				out := value.List{}
				for l := range strings.Lines(c.str(0)) {
					out = append(out, strings.TrimRight(l, "\r\n"))
				}
				return out, nil
			}},
		{Name: "join", Params: []Param{p("list", KList|KMap|KString), opt("between", KText, `""`), opt("attribute", KString|KInt|KNull, "null")}, Result: KString, Doc: "the items, or the member of each that attribute names, as one text, with between between them.",
			Example: []string{`join(["a", 1], ",")`, `"a,1"`, `[] | join(",")`, `""`, `join([{"n": "a"}, {"n": "b"}], " ", "n")`, `"a b"`},
			call: func(c *call) (value.Value, error) {
				var parts []string
				size := 0
				for i, e := range c.list(0) {
					if c.has(2) {
						next, ok := member(e, c.str(2))
						if !ok {
							return nil, c.errorf("item %d has no member %s", i, c.str(2))
						}
						e = next
					}
					s, bad := inText(e)
					if bad != "" {
						return nil, c.fail(`write filter(list, # != null)`, "item %d: %s", i, bad)
					}
					if size += len(s); size > maxOutput {
						return nil, c.errorf("the text is too long")
					}
					parts = append(parts, s)
				}
				sep := c.strOr(1, "")
				if err := c.ev.produce(c.n, len(sep)*len(parts)); err != nil {
					return nil, err
				}
				return strings.Join(parts, sep), nil
			}},
		{Name: "indent", Params: []Param{text, opt("width", KInt|KString, "4"), opt("first", KBool, "false"), opt("blank", KBool, "false")}, Result: KString,
			Doc:     "text with each line but the first indented by width spaces or that text; with first the first too, with blank empty lines too.",
			Example: []string{`indent("a\nb", 2)`, `"a\n  b"`, `indent("a\n\nb", 1, true)`, `" a\n\n b"`},
			call:    callIndent},
		{Name: "comment", Params: []Param{text, opt("style", KString, `"plain"`), opt("options", KString|KMap, "of the style")}, Result: KString,
			Doc:     "text as a comment: plain (#), erlang (%), c (//), cblock (/* */), xml. options is what stands before each line, or a map of some of decoration, beginning, prefix, prefix_count, postfix, postfix_count, end, newline.",
			Example: []string{`comment("a")`, `"#\n# a\n#"`, `comment("a", "cblock")`, `"/*\n *\n * a\n *\n */"`, `comment("a", "plain", "! ")`, `"!\n! a\n!"`, `comment("a", "plain", {"prefix": "##", "postfix": ""})`, `"##\n# a\n"`},
			call:    callComment},
		{Name: "format", Params: []Param{p("format", KString), rest("values", KAny)}, Result: KString, Doc: "the format with its %s, %d, %05.2f, %x replaced by the values, as printf does.",
			Example: []string{`format("%s-%03d", "a", 7)`, `"a-007"`, `"%.1f%%" | format(12.34)`, `"12.3%"`},
			call:    func(c *call) (value.Value, error) { return printf(c) }},
		{Name: "truncate", Params: []Param{text, opt("length", KInt, "255"), opt("whole", KBool, "false"), opt("end", KString, `"..."`), opt("leeway", KInt, "5")}, Result: KString,
			Doc:     "text cut to length characters with end in place of the rest; at a word's edge unless whole; not at all when only leeway more.",
			Example: []string{`truncate("foo bar baz qux", 9)`, `"foo..."`, `truncate("foo bar baz qux", 9, true)`, `"foo ba..."`},
			call: func(c *call) (value.Value, error) {
				r := []rune(c.str(0))
				n, end := int(c.intOr(1, 255)), c.strOr(3, "...")
				if len(r) <= n+int(c.intOr(4, 5)) {
					return c.str(0), nil
				}
				keep := string(r[:max(0, min(len(r), n-utf8.RuneCountInString(end)))])
				if !c.boolOr(2, false) {
					if i := strings.LastIndexByte(keep, ' '); i >= 0 {
						keep = keep[:i]
					}
				}
				return keep + end, nil
			}},
		{Name: "wordcount", Params: []Param{text}, Result: KInt, Doc: "how many words are in text.", Example: []string{`wordcount("a b")`, `2`},
			call: func(c *call) (value.Value, error) { return int64(len(wordText.FindAllString(c.str(0), -1))), nil }},
		{Name: "human_readable", Params: []Param{p("size", KText), opt("bits", KBool, "false"), opt("unit", KString|KNull, "the largest")}, Result: KString, Doc: "a number of bytes (or bits) for people.",
			Example: []string{`human_readable(1048576)`, `"1.00 MB"`, `human_readable(10)`, `"10.00 Bytes"`},
			call:    callHumanReadable},
		{Name: "human_to_bytes", Params: []Param{p("size", KText), opt("unit", KString|KNull, "bytes"), opt("isbits", KBool, "false")}, Result: KInt, Doc: "the number of bytes that a size such as 10M says; the units are powers of 1024, and KiB is the same as KB. With isbits the number of bits that one such as 10Mb says.",
			Example: []string{`human_to_bytes("2K")`, `2048`, `human_to_bytes("1.5 GB")`, `1610612736`},
			call:    callHumanToBytes},
		{Name: "version", Params: []Param{p("value", KText), p("other", KText), opt("operator", KString, `"=="`), opt("strict", KBool|KNull, "false"), opt("type", KString|KNull, `"loose"`)}, Result: KBool,
			Doc:     "compares two versions: ==, !=, <, <=, >, >= (or eq, ne, lt, le, gt, ge); type semver puts 1.0.0-rc1 before 1.0.0.",
			Example: []string{`version("1.10", "1.9", ">")`, `true`, `version("1.0.0-rc1", "1.0.0", "<", false, "semver")`, `true`},
			call:    callVersion},
	}
}

func capitalize(s string) string {
	r := []rune(strings.ToLower(s))
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

func title(s string) string {
	out := []rune(strings.ToLower(s))
	start := true
	for i, r := range out {
		if start {
			out[i] = unicode.ToUpper(r)
		}
		start = unicode.IsSpace(r) || strings.ContainsRune("-({[<", r)
	}
	return string(out)
}

// shellQuote quotes as Python's shlex does.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_-+=:,./") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}

func callSplit(c *call) (value.Value, error) {
	s, n := c.str(0), int(c.intOr(2, -1))
	out := value.List{}
	if !c.has(1) {
		for {
			s = strings.TrimLeftFunc(s, unicode.IsSpace)
			if s == "" {
				return out, nil
			}
			i := strings.IndexFunc(s, unicode.IsSpace)
			if i < 0 || n >= 0 && len(out) == n {
				return append(out, strings.TrimRightFunc(s, unicode.IsSpace)), nil
			}
			out = append(out, s[:i])
			s = s[i:]
		}
	}
	if c.str(1) == "" {
		return nil, c.fail("write list(text) for its characters", "at is empty")
	}
	if n >= 0 {
		n++
	}
	for _, part := range strings.SplitN(s, c.str(1), n) {
		out = append(out, part)
	}
	return out, nil
}

func callIndent(c *call) (value.Value, error) {
	pad := "    "
	if c.has(1) {
		switch w := c.args[1].(type) {
		case string:
			pad = w
		case int64:
			if w < 0 || w > 1000 {
				return nil, c.errorf("width is 0 to 1000")
			}
			pad = strings.Repeat(" ", int(w))
		}
	}
	first, blank := c.boolOr(2, false), c.boolOr(3, false)
	lines := strings.Split(c.str(0), "\n")
	if err := c.ev.produce(c.n, len(pad)*len(lines)); err != nil {
		return nil, err
	}
	for i, l := range lines {
		if (i > 0 || first) && (l != "" || blank) {
			lines[i] = pad + l
		}
	}
	return strings.Join(lines, "\n"), nil
}

var commentStyles = map[string]struct{ begin, decoration, end string }{
	"plain": {"", "# ", ""}, "erlang": {"", "% ", ""}, "c": {"", "// ", ""},
	"cblock": {"/*", " * ", " */"}, "xml": {"<!--", " - ", "-->"},
}

func callComment(c *call) (value.Value, error) {
	name := c.strOr(1, "plain")
	style, ok := commentStyles[name]
	if !ok {
		return nil, c.errorf("the style is plain, erlang, c, cblock or xml, not %s", describe(c.args[1]))
	}
	o := value.MapOf("decoration", style.decoration, "beginning", style.begin, "end", style.end,
		"prefix_count", int64(1), "postfix_count", int64(1), "newline", "\n")
	given := value.NewMap(0)
	switch v := c.argAt(2).(type) {
	case string:
		given.Set("decoration", v)
	case *value.Map:
		given = v
	}
	edge := style.decoration
	if d, ok := given.Get("decoration"); ok {
		edge = value.Text(d)
	}
	o.Set("prefix", strings.TrimRight(edge, " "))
	o.Set("postfix", strings.TrimRight(edge, " "))
	for i := range given.Len() {
		k, v := given.At(i)
		if _, ok := o.Get(k); !ok {
			return nil, c.errorf("%q is no option: %s", k, strings.Join(o.Keys(), ", "))
		}
		o.Set(k, v)
	}
	text := func(k string) string { v, _ := o.Get(k); return value.Text(v) }
	edges := func(k string) (string, error) {
		v, _ := o.Get(k + "_count")
		n, ok := v.(int64)
		if !ok || n < 0 || n > 1000 {
			return "", c.errorf("%s_count is 0 to 1000", k)
		}
		return text(k), c.ev.produce(c.n, int(n)*(len(text(k))+1))
	}
	count := func(k string) int { v, _ := o.Get(k); return int(v.(int64)) }
	nl, deco := text("newline"), text("decoration")
	var b strings.Builder
	if s := text("beginning"); s != "" {
		b.WriteString(s + nl)
	}
	prefix, err := edges("prefix")
	if err != nil {
		return nil, err
	}
	if prefix != "" {
		b.WriteString(strings.Repeat(strings.TrimSuffix(prefix, nl)+nl, count("prefix_count")))
	}
	body := deco + strings.ReplaceAll(c.str(0), nl, nl+deco)
	b.WriteString(strings.ReplaceAll(body, deco+nl, strings.TrimRight(deco, " ")+nl))
	postfix, err := edges("postfix")
	if err != nil {
		return nil, err
	}
	b.WriteString(strings.Repeat(nl+postfix, count("postfix_count")))
	if s := text("end"); s != "" {
		b.WriteString(nl + s)
	}
	return b.String(), nil
}

var printfVerb = regexp.MustCompile(`%([-+ #0]*)(\*|\d+)?(?:\.(\d+))?([a-zA-Z%])`)

// printf formats as Python's % operator does.
func printf(c *call) (string, error) {
	form := c.str(0)
	args := c.args[1:]
	used := 0
	var b strings.Builder
	last := 0
	for _, m := range printfVerb.FindAllStringSubmatchIndex(form, -1) {
		b.WriteString(form[last:m[0]])
		last = m[1]
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return form[m[2*i]:m[2*i+1]]
		}
		verb := group(4)
		if verb == "%" {
			b.WriteByte('%')
			continue
		}
		if w, _ := strconv.Atoi(group(2)); w > 10000 || len(group(3)) > 4 || group(2) == "*" {
			return "", c.errorf("%s is too wide", form[m[0]:m[1]])
		}
		if used >= len(args) {
			return "", c.errorf("%q wants more values than the %d given", form, len(args))
		}
		v := args[used]
		used++
		spec := "%" + group(1) + group(2)
		if m[6] >= 0 {
			spec += "." + group(3)
		}
		s, err := formatOne(c, spec, verb, m[6] >= 0, v)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	if used < len(args) {
		return "", c.errorf("%q wants %d values, not %d", form, used, len(args))
	}
	b.WriteString(form[last:])
	return b.String(), nil
}

func formatOne(c *call, spec, verb string, precise bool, v value.Value) (string, error) {
	switch verb {
	case "s", "r":
		s, bad := inText(v)
		if v == nil {
			s, bad = "null", ""
		}
		if bad != "" {
			return "", c.errorf("%s", bad)
		}
		return fmt.Sprintf(strings.ReplaceAll(spec, "0", "0")+"s", s), nil
	case "d", "i", "u", "x", "X", "o", "c":
		var n int64
		switch x := v.(type) {
		case int64:
			n = x
		case float64:
			n = int64(x)
		case string:
			if verb == "c" {
				return fmt.Sprintf(spec+"s", x), nil
			}
			return "", c.fail("write int(…)", "%%%s wants a number, not %s", verb, describe(v))
		default:
			return "", c.errorf("%%%s wants a number, not %s", verb, describe(v))
		}
		if verb == "i" || verb == "u" {
			verb = "d"
		}
		return fmt.Sprintf(spec+verb, n), nil
	case "f", "F", "e", "E", "g", "G":
		if !number(v) {
			return "", c.fail("write float(…)", "%%%s wants a number, not %s", verb, describe(v))
		}
		if !precise {
			spec += ".6"
		}
		return fmt.Sprintf(spec+verb, toFloat(v)), nil
	}
	return "", c.errorf("%%%s is unknown", verb)
}

var wordText = regexp.MustCompile(`[\pL\pN_]+`)
