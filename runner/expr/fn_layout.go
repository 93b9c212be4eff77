package expr

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mxplay/mxplay/runner/value"
)

// layoutFunctions lay text out.
func layoutFunctions() []*Function {
	text := p("text", KText)
	return []*Function{
		{Name: "center", Params: []Param{text, opt("width", KInt, "80")}, Result: KString, Doc: "text in the middle of width characters.", Example: []string{`center("a", 5)`, `"  a  "`},
			call: func(c *call) (value.Value, error) {
				s, n := c.str(0), int(c.intOr(1, 80))
				pad := n - utf8.RuneCountInString(s)
				if pad <= 0 {
					return s, nil
				}
				if n > 10000 {
					return nil, c.errorf("width is at most 10000")
				}
				left := pad/2 + pad&n&1
				return strings.Repeat(" ", left) + s + strings.Repeat(" ", pad-left), nil
			}},
		{Name: "wordwrap", Params: []Param{text, opt("width", KInt, "79"), opt("break_long_words", KBool, "true"), opt("between", KString|KNull, "newline")}, Result: KString,
			Doc: "text with its lines broken between words so that none is longer than width.", Example: []string{`wordwrap("the quick brown fox", 10)`, `"the quick\nbrown fox"`},
			call: callWordwrap},
		{Name: "striptags", Params: []Param{text}, Result: KString, Doc: "text without the tags of HTML, its white space as single spaces.", Example: []string{`striptags("<b>x</b> &amp; y")`, `"x & y"`},
			call: func(c *call) (value.Value, error) {
				s := htmlTag.ReplaceAllString(htmlComment.ReplaceAllString(c.str(0), ""), "")
				return html.UnescapeString(strings.Join(strings.Fields(s), " ")), nil
			}},
		{Name: "filesizeformat", Params: []Param{p("size", KText), opt("binary", KBool, "false")}, Result: KString, Doc: "a number of bytes for people: kB is 1000 of them, with binary KiB 1024.",
			Example: []string{`filesizeformat(10000)`, `"10.0 kB"`, `filesizeformat(10240, true)`, `"10.0 KiB"`},
			call:    callFilesizeformat},
		{Name: "xmlattr", Params: []Param{p("map", KMap), opt("autospace", KBool, "true")}, Result: KString, Doc: "a map as the attributes of a tag, a space before them; nulls are left out.", Example: []string{`xmlattr({"a": 1, "b": null})`, `" a=\"1\""`},
			call: func(c *call) (value.Value, error) {
				var parts []string
				for i := range c.mapping(0).Len() {
					k, v := c.mapping(0).At(i)
					if v == nil {
						continue
					}
					s, bad := inText(v)
					if bad != "" || strings.ContainsAny(k, " \t\r\n/>=") {
						return nil, c.errorf("%q is no name of an attribute", k)
					}
					parts = append(parts, k+`="`+htmlEscape.Replace(s)+`"`)
				}
				out := strings.Join(parts, " ")
				if out != "" && c.boolOr(1, true) {
					out = " " + out
				}
				return out, nil
			}},
	}
}

var (
	htmlTag     = regexp.MustCompile(`<[^>]*>`)
	htmlComment = regexp.MustCompile(`(?s)<!--.*?-->`)
	htmlEscape  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")
)

func callFilesizeformat(c *call) (value.Value, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(c.str(0)), 64)
	if err != nil {
		return nil, c.errorf("%s is no number", describe(c.args[0]))
	}
	base, names := 1000.0, []string{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	if c.boolOr(1, false) {
		base, names = 1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	}
	switch {
	case f == 1:
		return "1 Byte", nil
	case f < base:
		return strconv.FormatInt(int64(f), 10) + " Bytes", nil
	}
	unit := base
	for i, name := range names {
		if f < unit*base || i == len(names)-1 {
			return strconv.FormatFloat(f/unit, 'f', 1, 64) + " " + name, nil
		}
		unit *= base
	}
	return nil, nil
}

// callWordwrap breaks lines as Python's textwrap does, each line by itself.
func callWordwrap(c *call) (value.Value, error) {
	n, cut, sep := int(c.intOr(1, 79)), c.boolOr(2, true), c.strOr(3, "\n")
	if n < 1 {
		return nil, c.errorf("width is at least 1")
	}
	var out []string
	for _, line := range strings.Split(strings.ReplaceAll(c.str(0), "\r\n", "\n"), "\n") {
		out = append(out, wrapLine(line, n, cut)...)
	}
	s := strings.Join(out, sep)
	return s, c.ev.produce(c.n, len(s))
}

func wrapLine(line string, n int, cut bool) []string {
	var out []string
	var cur []rune
	flush := func() {
		out = append(out, strings.TrimRightFunc(string(cur), unicode.IsSpace))
		cur = nil
	}
	for _, chunk := range wrapChunks(line) {
		r := []rune(chunk)
		if len(cur)+len(r) > n && len(cur) > 0 {
			if cut && len(r) > n && !unicode.IsSpace(r[0]) && n > len(cur) {
				k := n - len(cur)
				cur = append(cur, r[:k]...)
				r = r[k:]
			}
			flush()
			if len(r) > 0 && unicode.IsSpace(r[0]) {
				continue
			}
		}
		for cut && len(r) > n {
			cur = r[:n]
			flush()
			r = r[n:]
		}
		cur = append(cur, r...)
	}
	if len(cur) > 0 || len(out) == 0 {
		flush()
	}
	return out
}

// wrapChunks cuts a line into words, which a hyphen ends, and the white space between them.
func wrapChunks(line string) []string {
	var out []string
	rs := []rune(line)
	for i := 0; i < len(rs); {
		j := i
		space := unicode.IsSpace(rs[i])
		for j < len(rs) && unicode.IsSpace(rs[j]) == space {
			j++
			if !space && rs[j-1] == '-' && j-i > 1 && j < len(rs) && unicode.IsLetter(rs[j]) && unicode.IsLetter(rs[j-2]) {
				break
			}
		}
		out = append(out, string(rs[i:j]))
		i = j
	}
	return out
}
