package expr

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

func hexHash(name, s string) string {
	h := hashes[name]()
	_, _ = h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil))
}

// codecFunctions bring values into other forms and back.
func codecFunctions() []*Function {
	text, val := p("text", KText), p("value", KAny)
	digest := func(name, out string) *Function {
		return &Function{Name: name, Params: []Param{text}, Result: KString, Doc: "the " + strings.ToUpper(name) + " of text, in hexadecimal digits.", Example: []string{name + `("a")`, out},
			call: func(c *call) (value.Value, error) { return hexHash(name, c.str(0)), nil }}
	}
	sortKeys := func(def string) Param { return opt("sort_keys", KBool, def) }
	yaml := func(name string, indent int64, doc, in, out string) *Function {
		return &Function{Name: name, Params: []Param{val, opt("indent", KInt, strconv.FormatInt(indent, 10)), sortKeys("true")}, Result: KString, Doc: doc, Example: []string{in, out},
			call: func(c *call) (value.Value, error) {
				v := c.args[0]
				if c.boolOr(2, true) {
					v = sortedKeys(v)
				}
				n := c.intOr(1, indent)
				if n < 1 || n > 16 {
					return nil, c.errorf("indent is 1 to 16")
				}
				b, err := source.EmitYAML(v, int(n))
				return string(b), err
			}}
	}
	return []*Function{
		digest("md5", `"0cc175b9c0f1b6a831c399e269772661"`),
		digest("sha1", `"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"`),
		{Name: "checksum", Params: []Param{text}, Result: KString, Doc: "the SHA1 of text, in hexadecimal digits.", Example: []string{`checksum("a") == sha1("a")`, `true`},
			call: func(c *call) (value.Value, error) { return hexHash("sha1", c.str(0)), nil }},
		{Name: "hash", Params: []Param{text, opt("type", KString, `"sha1"`)}, Result: KString, Doc: "the md5, sha1, sha224, sha256, sha384 or sha512 of text, in hexadecimal digits.",
			Example: []string{`hash("a", "md5")`, `"0cc175b9c0f1b6a831c399e269772661"`},
			call: func(c *call) (value.Value, error) {
				name := c.strOr(1, "sha1")
				if hashes[name] == nil {
					return nil, c.errorf("%q is no hash: md5, sha1, sha224, sha256, sha384, sha512", name)
				}
				return hexHash(name, c.str(0)), nil
			}},
		{Name: "password_hash", Params: []Param{text, opt("type", KString, `"sha512"`), opt("salt", KString|KNull, "random"), opt("salt_size", KInt|KNull, "16"), opt("rounds", KInt|KNull, "of the type")}, Result: KString, impure: true,
			Doc:     "text hashed for /etc/shadow: sha512 or sha256. Give a salt that does not change, or each run makes another.",
			Example: []string{`password_hash("Hello world!", "sha512", "saltstring", null, 5000)`, `"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"`},
			call:    callPasswordHash},
		{Name: "b64encode", Params: []Param{text, opt("encoding", KString, `"utf-8"`)}, Result: KString, Doc: "text in base64.", Example: []string{`b64encode("ab")`, `"YWI="`},
			call: func(c *call) (value.Value, error) {
				if c.strOr(1, "utf-8") == "utf-16-le" {
					var b []byte
					for _, u := range utf16.Encode([]rune(c.str(0))) {
						b = append(b, byte(u), byte(u>>8))
					}
					return base64.StdEncoding.EncodeToString(b), nil
				}
				return base64.StdEncoding.EncodeToString([]byte(c.str(0))), nil
			}},
		{Name: "b64decode", Params: []Param{text, opt("encoding", KString, `"utf-8"`)}, Result: KString, Doc: "the text that is in base64.", Example: []string{`b64decode("YWI=")`, `"ab"`},
			call: func(c *call) (value.Value, error) {
				s := strings.Map(func(r rune) rune {
					if r == ' ' || r == '\n' || r == '\r' || r == '\t' {
						return -1
					}
					return r
				}, c.str(0))
				b, err := base64.StdEncoding.DecodeString(s)
				if err != nil {
					return nil, c.errorf("%s is no base64", describeHidden(c.args[0]))
				}
				return string(b), nil
			}},
		{Name: "to_json", Params: []Param{val, sortKeys("false")}, Result: KString, Doc: "value as JSON on one line.", Example: []string{`to_json({"a": [1, "ä"]})`, `'{"a": [1, "\\u00e4"]}'`},
			call: func(c *call) (value.Value, error) { return c.json(0, "", c.boolOr(1, false)) }},
		{Name: "to_nice_json", Params: []Param{val, opt("indent", KInt, "4"), sortKeys("true")}, Result: KString, Doc: "value as JSON on many lines, keys sorted.", Example: []string{`to_nice_json({"a": 1}, 2)`, `"{\n  \"a\": 1\n}"`},
			call: func(c *call) (value.Value, error) {
				n := c.intOr(1, 4)
				if n < 0 || n > 16 {
					return nil, c.errorf("indent is 0 to 16")
				}
				return c.json(0, "\n"+strings.Repeat(" ", int(n)), c.boolOr(2, true))
			}},
		{Name: "from_json", Params: []Param{p("text", KString)}, Result: KAny, Doc: "the value that a JSON text says; keys keep their order.", Example: []string{`from_json('{"a": 1.0}').a`, `1.0`},
			call: func(c *call) (value.Value, error) {
				v, err := value.ParseJSON([]byte(c.str(0)))
				if err != nil {
					return nil, c.errorf("%s", err)
				}
				return v, nil
			}},
		yaml("to_yaml", 2, "value as YAML, keys sorted unless told otherwise.", `to_yaml({"b": 1, "a": [1]})`, `"a:\n  - 1\nb: 1\n"`),
		yaml("to_nice_yaml", 4, "value as YAML, indented by four, keys sorted unless told otherwise.", `to_nice_yaml({"b": {"c": 1}})`, `"b:\n    c: 1\n"`),
		{Name: "from_yaml", Params: []Param{p("text", KString)}, Result: KAny, Doc: "the value that a YAML text says.", Example: []string{`from_yaml("a: [1, yes]")`, `{"a": [1, true]}`},
			call: func(c *call) (value.Value, error) { return c.yaml(false) }},
		{Name: "from_yaml_all", Params: []Param{p("text", KString)}, Result: KList, Doc: "the values of the documents of a YAML text.", Example: []string{`from_yaml_all("a\n---\nb\n")`, `["a", "b"]`},
			call: func(c *call) (value.Value, error) { return c.yaml(true) }},
		{Name: "urlencode", Params: []Param{p("value", KText|KMap|KList)}, Result: KString, Doc: "text for a URL, or a map as a query.", Example: []string{`urlencode("a b/c")`, `"a%20b/c"`, `urlencode({"a": "b c"})`, `"a=b+c"`},
			call: callURLEncode},
		{Name: "urldecode", Params: []Param{text}, Result: KString, Doc: "text without the escapes of a URL.", Example: []string{`urldecode("a%20b")`, `"a b"`},
			call: func(c *call) (value.Value, error) {
				s, err := url.PathUnescape(c.str(0))
				if err != nil {
					return nil, c.errorf("%s", err)
				}
				return s, nil
			}},
		{Name: "urlsplit", Params: []Param{text, opt("query", KString, "null")}, Result: KAny, Doc: "the parts of a URL, or one: fragment, hostname, netloc, password, path, port, query, scheme, username.",
			Example: []string{`urlsplit("https://u@h:8/p?q=1#f", "hostname")`, `"h"`, `urlsplit("https://h:8/p").port`, `8`},
			call:    callURLSplit},
		{Name: "to_uuid", Params: []Param{text, opt("namespace", KString, "Ansible's")}, Result: KString, Doc: "the UUID (version 5) of text in a name space.", Example: []string{`to_uuid("ansible")`, `"5ecca099-0345-5f70-b25a-bacaea0dd909"`},
			call: callUUID},
	}
}

// describeHidden names the type only: the value may be a secret.
func describeHidden(v value.Value) string { return "this " + value.TypeName(v) }

func sortedKeys(v value.Value) value.Value {
	switch v := v.(type) {
	case value.List:
		out := make(value.List, len(v))
		for i, e := range v {
			out[i] = sortedKeys(e)
		}
		return out
	case *value.Map:
		keys := slices.Clone(v.Keys())
		slices.Sort(keys)
		out := value.NewMap(len(keys))
		for _, k := range keys {
			e, _ := v.Get(k)
			out.Set(k, sortedKeys(e))
		}
		return out
	}
	return v
}

// json writes an argument as Python's json module does: a space after commas
// and colons, everything beyond ASCII escaped. A break is what begins a line,
// one level of it; "" writes one line.
func (c *call) json(i int, brk string, sort bool) (value.Value, error) {
	v := c.args[i]
	if sort {
		v = sortedKeys(v)
	}
	var b bytes.Buffer
	if err := pythonJSON(&b, v, brk, 0); err != nil {
		return nil, c.errorf("%s", err)
	}
	return b.String(), nil
}

func pythonJSON(b *bytes.Buffer, v value.Value, brk string, depth int) error {
	if depth > 1000 || b.Len() > maxOutput {
		return fmt.Errorf("the value is too large")
	}
	line := func(depth int) {
		if brk != "" {
			b.WriteByte('\n')
			b.WriteString(strings.Repeat(brk[1:], depth))
		}
	}
	sep := ", "
	if brk != "" {
		sep = ","
	}
	switch v := v.(type) {
	case value.List:
		if len(v) == 0 {
			b.WriteString("[]")
			return nil
		}
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteString(sep)
			}
			line(depth + 1)
			if err := pythonJSON(b, e, brk, depth+1); err != nil {
				return err
			}
		}
		line(depth)
		b.WriteByte(']')
	case *value.Map:
		if v.Len() == 0 {
			b.WriteString("{}")
			return nil
		}
		b.WriteByte('{')
		for i := range v.Len() {
			k, e := v.At(i)
			if i > 0 {
				b.WriteString(sep)
			}
			line(depth + 1)
			jsonString(b, k)
			b.WriteString(": ")
			if err := pythonJSON(b, e, brk, depth+1); err != nil {
				return err
			}
		}
		line(depth)
		b.WriteByte('}')
	case string:
		jsonString(b, v)
	default:
		out, err := value.JSON(v)
		if err != nil {
			return err
		}
		b.Write(out)
	}
	return nil
}

func jsonString(b *bytes.Buffer, s string) {
	var enc bytes.Buffer
	e := json.NewEncoder(&enc)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	for _, r := range strings.TrimSuffix(enc.String(), "\n") {
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(byte(r))
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
}

func (c *call) yaml(all bool) (value.Value, error) {
	nodes, err := source.ReadYAML("text", []byte(c.str(0)))
	if err != nil {
		return nil, c.errorf("%s", err)
	}
	out := value.List{}
	for _, n := range nodes {
		out = append(out, n.Plain())
	}
	switch {
	case all:
		return out, nil
	case len(out) == 0:
		return nil, nil
	case len(out) > 1:
		return nil, c.fail("write from_yaml_all(…)", "the text holds %d documents", len(out))
	}
	return out[0], nil
}

func callURLEncode(c *call) (value.Value, error) {
	quote := func(s string, plus bool) string {
		s = url.QueryEscape(s)
		if !plus {
			s = strings.NewReplacer("+", "%20", "%2F", "/", "%7E", "~").Replace(s)
		}
		return s
	}
	m := c.mapping(0)
	if m == nil {
		if l, ok := c.args[0].(value.List); ok {
			m = value.NewMap(len(l))
			for _, e := range l {
				pair, ok := e.(value.List)
				if !ok || len(pair) != 2 {
					return nil, c.errorf("a list holds pairs of name and value")
				}
				m.Set(value.Text(pair[0]), pair[1])
			}
		} else {
			return quote(c.str(0), false), nil
		}
	}
	var parts []string
	for i := range m.Len() {
		k, v := m.At(i)
		parts = append(parts, quote(k, true)+"="+quote(value.Text(v), true))
	}
	return strings.Join(parts, "&"), nil
}

func callURLSplit(c *call) (value.Value, error) {
	u, err := url.Parse(c.str(0))
	if err != nil {
		return nil, c.errorf("this is no URL")
	}
	m := value.NewMap(9)
	str := func(s string) value.Value {
		if s == "" {
			return nil
		}
		return s
	}
	m.Set("fragment", u.Fragment)
	m.Set("hostname", str(u.Hostname()))
	netloc := u.Host
	if u.User != nil {
		netloc = u.User.String() + "@" + netloc
	}
	m.Set("netloc", netloc)
	pw, _ := u.User.Password()
	m.Set("password", str(pw))
	m.Set("path", u.EscapedPath())
	m.Set("port", nil)
	if n, err := strconv.ParseInt(u.Port(), 10, 64); err == nil {
		m.Set("port", n)
	}
	m.Set("query", u.RawQuery)
	m.Set("scheme", u.Scheme)
	m.Set("username", str(u.User.Username()))
	if q := c.strOr(1, ""); q != "" {
		v, ok := m.Get(q)
		if !ok {
			return nil, c.errorf("%q is no part: %s", q, strings.Join(m.Keys(), ", "))
		}
		return v, nil
	}
	return m, nil
}

func callUUID(c *call) (value.Value, error) {
	space, err := hex.DecodeString(strings.ReplaceAll(c.strOr(1, "361E6D51-FAEC-444A-9079-341386DA8E2E"), "-", ""))
	if err != nil || len(space) != 16 {
		return nil, c.errorf("%s is no UUID", describe(c.args[1]))
	}
	h := sha1.Sum(append(space, c.str(0)...))
	h[6] = h[6]&0x0f | 0x50
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16]), nil
}
