package expr

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"net/url"
	"regexp"
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
	"sha3_224": func() hash.Hash { return sha3.New224() }, "sha3_256": func() hash.Hash { return sha3.New256() },
	"sha3_384": func() hash.Hash { return sha3.New384() }, "sha3_512": func() hash.Hash { return sha3.New512() },
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
	ascii := opt("ensure_ascii", KBool, "true")
	sortKeys := func(def string) Param { return opt("sort_keys", KBool, def) }
	yaml := func(name string, indent int64, flow bool, doc string, example ...string) *Function {
		return &Function{Name: name, Params: []Param{val, opt("indent", KInt, strconv.FormatInt(indent, 10)), sortKeys("true"), opt("width", KInt, "80"), opt("default_flow_style", KBool|KNull, map[bool]string{true: "null", false: "false"}[flow])},
			Result: KString, Doc: doc, Example: example,
			call: func(c *call) (value.Value, error) {
				v := c.args[0]
				if c.boolOr(2, true) {
					v = sortedKeys(v)
				}
				n, width := c.intOr(1, indent), c.intOr(3, 80)
				if n < 2 || n > 9 {
					return nil, c.errorf("indent is 2 to 9")
				}
				if c.boolOr(4, false) {
					return nil, c.fail("write to_json(…)", "YAML is not written on one line here")
				}
				leaves := flow
				if len(c.args) > 4 {
					leaves = c.args[4] == nil
				}
				if width < 0 || width > 1<<30 {
					width = 1 << 30
				}
				s, err := pyYAML(v, yamlOptions{indent: int(n), width: int(width), flow: leaves})
				if err != nil {
					return nil, c.errorf("%s", err)
				}
				return s, nil
			}}
	}
	return []*Function{
		digest("md5", `"0cc175b9c0f1b6a831c399e269772661"`),
		digest("sha1", `"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"`),
		{Name: "checksum", Params: []Param{text}, Result: KString, Doc: "the SHA1 of text, in hexadecimal digits.", Example: []string{`checksum("a") == sha1("a")`, `true`},
			call: func(c *call) (value.Value, error) { return hexHash("sha1", c.str(0)), nil }},
		{Name: "hash", Params: []Param{text, opt("type", KString, `"sha1"`)}, Result: KString, Doc: "the md5, sha1, sha224, sha256, sha384, sha512, sha3_256 (and the like) of text, in hexadecimal digits.",
			Example: []string{`hash("a", "md5")`, `"0cc175b9c0f1b6a831c399e269772661"`},
			call: func(c *call) (value.Value, error) {
				name := c.strOr(1, "sha1")
				if hashes[name] == nil {
					return nil, c.errorf("%q is no hash: md5, sha1, sha224, sha256, sha384, sha512, sha3_224, sha3_256, sha3_384, sha3_512", name)
				}
				return hexHash(name, c.str(0)), nil
			}},
		{Name: "password_hash", Params: []Param{text, opt("type", KString, `"sha512"`), opt("salt", KString|KNull, "random"), opt("salt_size", KInt|KNull, "16"), opt("rounds", KInt|KNull, "of the type"), opt("ident", KString|KNull, `"2b"`)}, Result: KString, impure: true,
			Doc:     "text hashed for /etc/shadow: sha512, sha256, bcrypt or md5; ident is bcrypt's. Give a salt that does not change, such as the start of hash(inventory_hostname), or each run makes another.",
			Example: []string{`password_hash("secret", "sha512", hash("web1")[:16]) == password_hash("secret", "sha512", hash("web1")[:16])`, `true`, `password_hash("Hello world!", "sha512", "saltstring", null, 5000)`, `"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"`},
			call:    callPasswordHash},
		{Name: "b64encode", Params: []Param{text, opt("encoding", KString, `"utf-8"`)}, Result: KString, Doc: "text in base64, encoded as utf-8, utf-16-le, ascii or latin-1 before.", Example: []string{`b64encode("ab")`, `"YWI="`},
			call: func(c *call) (value.Value, error) {
				b, bad := encodeText(c.str(0), c.strOr(1, "utf-8"))
				if bad != "" {
					return nil, c.errorf("%s", bad)
				}
				return base64.StdEncoding.EncodeToString(b), nil
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
				s, bad := decodeText(b, c.strOr(1, "utf-8"))
				if bad != "" {
					return nil, c.errorf("%s", bad)
				}
				return s, nil
			}},
		{Name: "to_json", Params: []Param{val, sortKeys("false"), opt("indent", KInt|KNull, "null"), ascii, opt("separators", KList|KNull, `[", ", ": "]`)}, Result: KString,
			Doc:     "value as JSON on one line, or with an indent on many; characters beyond ASCII are escaped unless ensure_ascii is false.",
			Example: []string{`to_json({"a": [1, "ä"]})`, `'{"a": [1, "\\u00e4"]}'`, `to_json({"a": 1}, false, null, true, [",", ":"])`, `'{"a":1}'`, `to_json("ä", false, null, false)`, "'\"ä\"'"},
			call: func(c *call) (value.Value, error) {
				f := jsonForm{comma: ", ", colon: ": ", ascii: c.boolOr(3, true)}
				if c.has(2) {
					n := c.intOr(2, 0)
					if n < 0 || n > 16 {
						return nil, c.errorf("indent is 0 to 16")
					}
					f.lines, f.indent, f.comma = true, int(n), ","
				}
				if c.has(4) {
					sep, err := c.texts(4)
					if err != nil || len(sep) != 2 {
						return nil, c.errorf("separators are two: that between items and that behind a key")
					}
					f.comma, f.colon = sep[0], sep[1]
				}
				return c.json(0, f, c.boolOr(1, false))
			}},
		{Name: "to_nice_json", Params: []Param{val, opt("indent", KInt, "4"), sortKeys("true"), ascii}, Result: KString, Doc: "value as JSON on many lines, keys sorted.", Example: []string{`to_nice_json({"a": 1}, 2)`, `"{\n  \"a\": 1\n}"`},
			call: func(c *call) (value.Value, error) {
				n := c.intOr(1, 4)
				if n < 0 || n > 16 {
					return nil, c.errorf("indent is 0 to 16")
				}
				return c.json(0, jsonForm{lines: true, indent: int(n), comma: ",", colon: ": ", ascii: c.boolOr(3, true)}, c.boolOr(2, true))
			}},
		{Name: "from_json", Params: []Param{p("text", KString)}, Result: KAny, Doc: "the value that a JSON text says; keys keep their order.", Example: []string{`from_json('{"a": 1.0}').a`, `1.0`},
			call: func(c *call) (value.Value, error) {
				v, err := value.ParseJSON([]byte(c.str(0)))
				if err != nil {
					return nil, c.errorf("%s", err)
				}
				return v, nil
			}},
		yaml("to_yaml", 2, true, "value as YAML, keys sorted unless told otherwise; lists and maps that hold neither stand on one line. Long texts are folded at width.", `to_yaml({"b": 1, "a": [1]})`, `"a: [1]\nb: 1\n"`, `to_yaml({"a": [1]}, 2, true, 80, false)`, `"a:\n- 1\n"`),
		yaml("to_nice_yaml", 4, false, "value as YAML on many lines, indented by four, keys sorted unless told otherwise. Long texts are folded at width.", `to_nice_yaml({"b": {"c": 1}})`, `"b:\n    c: 1\n"`, `to_nice_yaml({"a": ["yes"]}, 2)`, `"a:\n- 'yes'\n"`),
		{Name: "from_yaml", Params: []Param{p("text", KString)}, Result: KAny, Doc: "the value that a YAML text says.", Example: []string{`from_yaml("a: [1, yes]")`, `{"a": [1, true]}`},
			call: func(c *call) (value.Value, error) { return c.yaml(false) }},
		{Name: "from_yaml_all", Params: []Param{p("text", KString)}, Result: KList, Doc: "the values of the documents of a YAML text.", Example: []string{`from_yaml_all("a\n---\nb\n")`, `["a", "b"]`},
			call: func(c *call) (value.Value, error) { return c.yaml(true) }},
		{Name: "urlencode", Params: []Param{p("value", KText|KMap|KList)}, Result: KString, Doc: "text for a URL, or a map as a query.", Example: []string{`urlencode("a b/c")`, `"a%20b/c"`, `urlencode({"a": "b c"})`, `"a=b+c"`},
			call: callURLEncode},
		{Name: "urldecode", Params: []Param{text}, Result: KString, Doc: "text without the escapes of a URL; a plus is a space.", Example: []string{`urldecode("a%20b+c")`, `"a b c"`},
			call: func(c *call) (value.Value, error) {
				s, err := url.QueryUnescape(c.str(0))
				if err != nil {
					return nil, c.errorf("%s", err)
				}
				return s, nil
			}},
		{Name: "urlsplit", Params: []Param{text, opt("query", KString, "null")}, Result: KAny, Doc: "the parts of a URL, or one: fragment, hostname, netloc, password, path, port, query, scheme, username.",
			Example: []string{`urlsplit("https://u@h:8/p?q=1#f", "hostname")`, `"h"`, `urlsplit("https://h:8/p").port`, `8`},
			call:    callURLSplit},
		{Name: "is_url", Params: []Param{val, opt("schemes", KList, "any")}, Result: KBool, Doc: "whether value is a URL with a host, or with a scheme of a list.", Example: []string{`is_url("https://example.org/x")`, `true`, `is_url("example.org")`, `false`},
			call: func(c *call) (value.Value, error) {
				s, ok := c.args[0].(string)
				u, bad := splitURL(s)
				if !ok || bad != "" || u.scheme == "" || u.netloc == "" {
					return false, nil
				}
				if !c.has(1) {
					return true, nil
				}
				schemes, err := c.texts(1)
				return slices.Contains(schemes, u.scheme), err
			}},
		{Name: "crc32", Params: []Param{text}, Result: KString, Doc: "the CRC-32 of text, in hexadecimal digits.", Example: []string{`crc32("a")`, `"e8b7be43"`},
			call: func(c *call) (value.Value, error) {
				return strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(c.str(0)))), 16), nil
			}},
		{Name: "to_uuid", Params: []Param{text, opt("namespace", KString, "Ansible's")}, Result: KString, Doc: "the UUID (version 5) of text in a name space.", Example: []string{`to_uuid("ansible")`, `"5ecca099-0345-5f70-b25a-bacaea0dd909"`},
			call: callUUID},
	}
}

// encodeText is a text's bytes in an encoding.
func encodeText(s, name string) ([]byte, string) {
	switch encoding(name) {
	case "utf8":
		return []byte(s), ""
	case "utf16le":
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return b, ""
	case "ascii", "latin1", "iso88591":
		var b []byte
		for _, r := range s {
			if r > 0xff || r > 0x7f && encoding(name) == "ascii" {
				return nil, fmt.Sprintf("%q is no character of %s", r, name)
			}
			b = append(b, byte(r))
		}
		return b, ""
	}
	return nil, fmt.Sprintf("%q is no encoding: utf-8, utf-16-le, ascii, latin-1", name)
}

// decodeText is the text of bytes in an encoding.
func decodeText(b []byte, name string) (string, string) {
	switch encoding(name) {
	case "utf8", "ascii":
		return string(b), ""
	case "utf16le":
		var u []uint16
		for i := 0; i+1 < len(b); i += 2 {
			u = append(u, uint16(b[i])|uint16(b[i+1])<<8)
		}
		return string(utf16.Decode(u)), ""
	case "latin1", "iso88591":
		r := make([]rune, len(b))
		for i := range b {
			r[i] = rune(b[i])
		}
		return string(r), ""
	}
	return "", fmt.Sprintf("%q is no encoding: utf-8, utf-16-le, ascii, latin-1", name)
}

// encoding is the name of an encoding without its signs.
func encoding(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
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

// jsonForm is how JSON is laid out.
type jsonForm struct {
	lines, ascii bool
	indent       int
	comma, colon string
}

// json writes an argument as Python's json module does.
func (c *call) json(i int, f jsonForm, sort bool) (value.Value, error) {
	v := c.args[i]
	if sort {
		v = sortedKeys(v)
	}
	var b bytes.Buffer
	if err := pythonJSON(&b, v, f, 0); err != nil {
		return nil, c.errorf("%s", err)
	}
	return b.String(), nil
}

func pythonJSON(b *bytes.Buffer, v value.Value, f jsonForm, depth int) error {
	if depth > 1000 || b.Len() > maxOutput {
		return fmt.Errorf("the value is too large")
	}
	line := func(depth int) {
		if f.lines {
			b.WriteByte('\n')
			b.WriteString(strings.Repeat(" ", f.indent*depth))
		}
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
				b.WriteString(f.comma)
			}
			line(depth + 1)
			if err := pythonJSON(b, e, f, depth+1); err != nil {
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
				b.WriteString(f.comma)
			}
			line(depth + 1)
			jsonString(b, k, f.ascii)
			b.WriteString(f.colon)
			if err := pythonJSON(b, e, f, depth+1); err != nil {
				return err
			}
		}
		line(depth)
		b.WriteByte('}')
	case string:
		jsonString(b, v, f.ascii)
	default:
		out, err := value.JSON(v)
		if err != nil {
			return err
		}
		b.Write(out)
	}
	return nil
}

func jsonString(b *bytes.Buffer, s string, ascii bool) {
	var enc bytes.Buffer
	e := json.NewEncoder(&enc)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	for _, r := range strings.TrimSuffix(enc.String(), "\n") {
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(byte(r))
		case !ascii:
			b.WriteRune(r)
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
	var parts []string
	m := c.mapping(0)
	if m == nil {
		if l, ok := c.args[0].(value.List); ok {
			for _, e := range l {
				pair, ok := e.(value.List)
				if !ok || len(pair) != 2 {
					return nil, c.errorf("a list holds pairs of name and value")
				}
				parts = append(parts, quote(value.Text(pair[0]), true)+"="+quote(value.Text(pair[1]), true))
			}
			return strings.Join(parts, "&"), nil
		}
		return quote(c.str(0), false), nil
	}
	for i := range m.Len() {
		k, v := m.At(i)
		parts = append(parts, quote(k, true)+"="+quote(value.Text(v), true))
	}
	return strings.Join(parts, "&"), nil
}

// urlParts are the parts of a URL as they are written.
type urlParts struct{ scheme, netloc, path, query, fragment string }

var urlScheme = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*):`)

// splitURL cuts a URL as Python's urlsplit does; bad says why it cannot.
func splitURL(s string) (u urlParts, bad string) {
	s = strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(strings.TrimLeft(s, " "))
	if m := urlScheme.FindString(s); m != "" {
		u.scheme, s = strings.ToLower(m[:len(m)-1]), s[len(m):]
	}
	if rest, ok := strings.CutPrefix(s, "//"); ok {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		u.netloc, s = rest[:end], rest[end:]
		if strings.Contains(u.netloc, "[") != strings.Contains(u.netloc, "]") {
			return u, "the address in square brackets is not closed"
		}
	}
	s, u.fragment, _ = strings.Cut(s, "#")
	u.path, u.query, _ = strings.Cut(s, "?")
	return u, ""
}

func callURLSplit(c *call) (value.Value, error) {
	u, bad := splitURL(c.str(0))
	if bad != "" {
		return nil, c.errorf("%s", bad)
	}
	user, host := "", u.netloc
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		user, host = host[:i], host[i+1:]
	}
	port := ""
	if inner, after, ok := strings.Cut(strings.TrimPrefix(host, "["), "]"); ok && strings.HasPrefix(host, "[") {
		host, port = inner, strings.TrimPrefix(after, ":")
	} else {
		host, port, _ = strings.Cut(host, ":")
	}
	name, pw, hasPW := strings.Cut(user, ":")
	str := func(s string, there bool) value.Value {
		if !there {
			return nil
		}
		return s
	}
	m := value.MapOf("fragment", u.fragment, "hostname", str(strings.ToLower(host), host != ""), "netloc", u.netloc, "password", str(pw, hasPW),
		"path", u.path, "port", nil, "query", u.query, "scheme", u.scheme, "username", str(name, user != ""))
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, c.errorf("%q is no port", port)
		}
		m.Set("port", int64(n))
	}
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
