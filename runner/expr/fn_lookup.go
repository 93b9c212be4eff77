package expr

import (
	"encoding/csv"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// lookupFunctions are those of Ansible's lookups and filters that read tables.
func lookupFunctions() []*Function {
	text := p("text", KString)
	return []*Function{
		{Name: "lines", Params: []Param{p("command", KString)}, Result: KList, impure: true, Doc: "the lines that a command of the controller's shell prints.", Example: []string{`lines("echo a; echo b")`, `["a", "b"]`},
			call: func(c *call) (value.Value, error) {
				s, err := callPipe(c)
				out := value.List{}
				if err == nil && s != "" {
					for _, l := range strings.Split(s.(string), "\n") {
						out = append(out, strings.TrimSuffix(l, "\r"))
					}
				}
				return out, err
			}},
		{Name: "varnames", Params: []Param{p("pattern", KString), rest("more", KString)}, Result: KList, Doc: "the names of the variables in which one of the regular expressions is found, those of the first before those of the next.",
			Example: []string{`varnames("^there_is_none_")`, `[]`},
			call:    callVarnames},
		{Name: "sequence", Params: []Param{p("spec", KString)}, Result: KList, Doc: `texts that count: "start=1 end=10 stride=2 format=web%02d", or count= in place of end=, or in short "5-8", "2-10/2", "4:web%02d". range() counts with numbers.`,
			Example: []string{`sequence("start=1 end=3")`, `["1", "2", "3"]`, `sequence("2-10/4:web%02d")`, `["web02", "web06", "web10"]`},
			call:    callSequence},
		{Name: "csvfile", Params: []Param{p("key", KString), p("file", KString), opt("delimiter", KString, `"\t"`), opt("col", KInt, "1"), opt("default", KAny, "null"), opt("keycol", KInt, "0")}, Result: KAny, impure: true,
			Doc:     "a column of the line of a file on the controller whose column keycol is key; columns count from 0.",
			Example: []string{`csvfile("alice", "users.csv", ",")`, `"1001"`},
			call: func(c *call) (value.Value, error) {
				s, err := c.readFile(c.findFile(c.str(1)))
				if err != nil {
					return nil, err
				}
				rows, err := c.csv(s, c.strOr(2, "\t"))
				if err != nil {
					return nil, err
				}
				key, col := int(c.intOr(5, 0)), int(c.intOr(3, 1))
				for _, r := range rows {
					if key >= 0 && key < len(r) && col >= 0 && col < len(r) && r[key] == c.str(0) {
						return r[col], nil
					}
				}
				return c.argAt(4), nil
			}},
		{Name: "ini", Params: []Param{p("key", KString), p("file", KString), opt("section", KString, `"global"`), opt("default", KAny, `""`)}, Result: KAny, impure: true,
			Doc:     "the value of a key in a section of an INI file on the controller. In a file ending in .properties, which has no sections, leave it out.",
			Example: []string{`ini("port", "app.ini", "web")`, `"8080"`, `ini("nope", "app.ini", "web", "none")`, `"none"`},
			call: func(c *call) (value.Value, error) {
				s, err := c.readFile(c.findFile(c.str(1)))
				if err != nil {
					return nil, err
				}
				m, err := c.ini(s, "global")
				if err != nil {
					return nil, err
				}
				if section, ok := m.Get(c.strOr(2, "global")); ok {
					if v, ok := section.(*value.Map).Get(strings.ToLower(c.str(0))); ok {
						return v, nil
					}
				}
				if len(c.args) > 3 {
					return c.args[3], nil
				}
				return "", nil
			}},
		{Name: "from_csv", Params: []Param{text, opt("delimiter", KString, `","`), opt("fieldnames", KList|KNull, "the first line")}, Result: KList, Doc: "the lines of a table as maps.",
			Example: []string{`from_csv("a,b\n1,2\n")`, `[{"a": "1", "b": "2"}]`},
			call: func(c *call) (value.Value, error) {
				rows, err := c.csv(c.str(0), c.strOr(1, ","))
				if err != nil {
					return nil, err
				}
				var names []string
				if c.has(2) {
					if names, err = c.texts(2); err != nil {
						return nil, err
					}
				} else if len(rows) > 0 {
					names, rows = rows[0], rows[1:]
				}
				out := value.List{}
				for _, r := range rows {
					m := value.NewMap(len(names))
					for i, n := range names {
						if i < len(r) {
							m.Set(n, r[i])
						} else {
							m.Set(n, nil)
						}
					}
					out = append(out, m)
				}
				return out, nil
			}},
		{Name: "from_ini", Params: []Param{text}, Result: KMap, Doc: "the sections of an INI text as maps; keys are in small letters.", Example: []string{`from_ini("[a]\nx = 1\n")`, `{"a": {"x": "1"}}`},
			call: func(c *call) (value.Value, error) { return c.ini(c.str(0), "") }},
		{Name: "to_ini", Params: []Param{p("map", KMap)}, Result: KString, Doc: "a map of maps as an INI text.", Example: []string{`to_ini({"a": {"x": 1}})`, `"[a]\nx = 1\n"`},
			call: func(c *call) (value.Value, error) {
				var b strings.Builder
				for i := range c.mapping(0).Len() {
					name, v := c.mapping(0).At(i)
					section, ok := v.(*value.Map)
					if !ok {
						return nil, c.errorf("%s is %s, not a map", name, describe(v))
					}
					if i > 0 {
						b.WriteByte('\n')
					}
					fmt.Fprintf(&b, "[%s]\n", name)
					for j := range section.Len() {
						k, e := section.At(j)
						s, bad := inText(e)
						if bad != "" {
							return nil, c.errorf("%s: %s", k, bad)
						}
						fmt.Fprintf(&b, "%s = %s\n", k, strings.ReplaceAll(s, "\n", "\n\t"))
					}
				}
				return b.String(), nil
			}},
	}
}

func callVarnames(c *call) (value.Value, error) {
	nm, ok := c.ev.scope.(Namer)
	if !ok {
		return value.List{}, nil
	}
	names := nm.Names()
	if l, lazy := c.ev.scope.(*Env); lazy {
		names = envObject{e: l}.keysIn(c.ev)
	}
	out := value.List{}
	for i := range c.args {
		re, err := c.regex(i, "")
		if err != nil {
			return nil, err
		}
		if err := c.spend(len(names)); err != nil {
			return nil, err
		}
		for _, n := range names {
			if re.MatchString(n) {
				out = append(out, n)
			}
		}
	}
	return out, nil
}

var sequenceShort = regexp.MustCompile(`^(?:(0x[0-9a-fA-F]+|[0-9]+)-)?(0x[0-9a-fA-F]+|[0-9]+)(?:/([0-9]+))?(?::(.+))?$`)

func callSequence(c *call) (value.Value, error) {
	start, end, stride, format := int64(1), int64(0), int64(1), "%d"
	hasEnd, count := false, int64(0)
	num := func(s string) (int64, error) {
		n, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			return 0, c.errorf("%q is no number", s)
		}
		return n, nil
	}
	var err error
	if m := sequenceShort.FindStringSubmatch(strings.TrimSpace(c.str(0))); m != nil {
		for i, to := range []*int64{&start, &end, &stride} {
			if m[i+1] != "" && err == nil {
				*to, err = num(m[i+1])
			}
		}
		if hasEnd = true; m[4] != "" {
			format = m[4]
		}
	} else {
		hasStride := false
		for _, w := range strings.Fields(c.str(0)) {
			k, v, _ := strings.Cut(w, "=")
			if err != nil {
				break
			}
			switch k {
			case "start":
				start, err = num(v)
			case "end":
				end, err = num(v)
				hasEnd = true
			case "stride":
				stride, err = num(v)
				hasStride = true
			case "count":
				var n int64
				if n, err = num(v); n == 0 {
					return value.List{}, err
				}
				if n < 0 || n > maxSteps {
					return nil, c.errorf("count is 0 to %d", maxSteps)
				}
				hasEnd, count = true, n
			case "format":
				format = v
			default:
				return nil, c.errorf("%q has no meaning: start=, end=, count=, stride=, format=", w)
			}
		}
		if count > 0 {
			end = start + (count-1)*stride
		}
		if err == nil && !hasStride && hasEnd && end < start {
			return nil, c.fail("write stride=-1", "the end lies before the start")
		}
	}
	if err != nil {
		return nil, err
	}
	if !hasEnd || stride == 0 {
		return nil, c.errorf("it needs end= or count=, and a stride that is not 0")
	}
	if n := (float64(end) - float64(start)) / float64(stride); n > 0 {
		if err := c.spend(int(min(8*n, maxSteps+1))); err != nil {
			return nil, err
		}
	}
	out := value.List{}
	for i := start; stride > 0 && i <= end || stride < 0 && i >= end; i += stride {
		one := *c
		one.args = []value.Value{format, i}
		s, err := printf(&one)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// csv reads a table.
func (c *call) csv(s, delimiter string) ([][]string, error) {
	switch delimiter {
	case "TAB", `\t`:
		delimiter = "\t"
	}
	d := []rune(delimiter)
	if len(d) != 1 || d[0] == '"' || d[0] == '\n' || d[0] == '\r' {
		return nil, c.errorf("a delimiter is one character, not %q", delimiter)
	}
	r := csv.NewReader(strings.NewReader(s))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = d[0], -1, true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, c.errorf("%s", err)
	}
	return rows, c.spend(len(s) / 16)
}

// ini reads sections of key = value; keys before a section belong to top, which "" forbids.
func (c *call) ini(s, top string) (*value.Map, error) {
	out := value.NewMap(0)
	var section *value.Map
	last := ""
	for i, line := range strings.Split(s, "\n") {
		line = strings.TrimRight(line, " \t\r")
		word := strings.TrimSpace(line)
		switch {
		case word == "" || word[0] == '#' || word[0] == ';':
		case word[0] == '[' && word[len(word)-1] == ']':
			section, last = value.NewMap(0), ""
			out.Set(word[1:len(word)-1], section)
		case (line[0] == ' ' || line[0] == '\t') && last != "":
			old, _ := section.Get(last)
			section.Set(last, value.Text(old)+"\n"+word)
		default:
			at := strings.IndexAny(word, "=:")
			if section == nil && top != "" {
				section = value.NewMap(0)
				out.Set(top, section)
			}
			if at < 0 || section == nil {
				return nil, c.errorf("line %d is neither [section] nor key = value in one", i+1)
			}
			last = strings.ToLower(strings.TrimSpace(word[:at]))
			section.Set(last, strings.TrimSpace(word[at+1:]))
		}
	}
	return out, nil
}
