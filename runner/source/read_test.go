package source

import (
	"math"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/value"
)

func TestResolve(t *testing.T) {
	for in, want := range map[string]value.Value{
		"": nil, "~": nil, "null": nil, "Null": nil, "NULL": nil, "nUll": "nUll", "none": "none",
		"yes": true, "Yes": true, "YES": true, "on": true, "On": true, "true": true, "TRUE": true, "yEs": "yEs", "y": "y", "n": "n",
		"no": false, "off": false, "OFF": false, "False": false,
		"0": int64(0), "12": int64(12), "-12": int64(-12), "+12": int64(12), "0644": int64(420), "0o644": "0o644", "08": "08", "00": int64(0),
		"0x1F": int64(31), "-0x1f": int64(-31), "0b101": int64(5), "1_000": int64(1000), "0_7": int64(7), "0x_": "0x_", "1__0": int64(10), "_1": "_1",
		"9223372036854775807": int64(math.MaxInt64), "-9223372036854775808": int64(math.MinInt64),
		"1.5": 1.5, "1.": 1.0, ".5": 0.5, "-.5": "-.5", "-1.5": -1.5, "1e3": "1e3", "1.0e3": "1.0e3", "1.0e+3": 1000.0, "1.5E-3": 0.0015, "1_0.5": 10.5,
		".inf": math.Inf(1), "-.INF": math.Inf(-1), "+.inf": math.Inf(1), "--.inf": "--.inf", "inf": "inf", ".": ".", "..": "..", "-": "-",
		"12:30:00": "12:30:00", "12:30": "12:30", "2001-01-01": "2001-01-01", "=": "=", "1.2.3": "1.2.3", "10.0.0.1": "10.0.0.1", "1,5": "1,5",
	} {
		got, ok := resolve(in)
		if !ok || !value.Equal(got, want) || value.TypeName(got) != value.TypeName(want) {
			t.Errorf("%q is %#v, want %#v", in, got, want)
		}
	}
	if v, _ := resolve(".nan"); v == nil || !math.IsNaN(v.(float64)) {
		t.Errorf(".nan is %v", v)
	}
	if _, ok := resolve("9223372036854775808"); ok {
		t.Error("2^63 fits into an int64")
	}
}

func TestReadYAML(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"comment only", "# a\n", ""},
		{"empty document", "---\n", "null"},
		{"two documents", "a: 1\n---\n- b\n", `{"a":1} ["b"]`},
		{"order", "b: 1\na: 2\n", `{"b":1,"a":2}`},
		{"quoted stay text", "[ '1', \"yes\", !!str 3, ! 4, !!int \"5\", !!float 6 ]", `["1","yes","3","4",5,6.0]`},
		{"merge", "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n  z: 4\n", `{"a":{"x":1,"y":2},"b":{"x":1,"y":3,"z":4}}`},
		{"merge list", "b:\n  z: 1\n  <<: [{x: 1, y: 1}, {y: 2, w: 2}]\n", `{"b":{"y":1,"w":2,"x":1,"z":1}}`},
		{"text key", "'<<': 1\n", `{"<<":1}`},
		{"alias", "a: &a [1]\nb: *a\n", `{"a":[1],"b":[1]}`},
		{"data.json", `{"a":[1,2.5,null,true,"x\/y"]}`, `{"a":[1,2.5,null,true,"x/y"]}`},
		{"json with tabs", "{\n\t\"a\": 1\n}\n", `{"a":1}`},
		{"ip as key", "192.168.1.1:\nfe80::1: x\n", `{"192.168.1.1":null,"fe80::1":"x"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			docs, err := ReadYAML(tt.name, []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range docs {
				b, err := value.JSON(d.Plain())
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(b))
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %s want %s", s, tt.want)
			}
		})
	}
}

func TestNodes(t *testing.T) {
	docs, err := ReadYAML("t.yml", []byte("a: 0644\nb: !unsafe '{{ x }}'\nc: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  30\nä: [x, 'y']\n"))
	if err != nil {
		t.Fatal(err)
	}
	n := docs[0]
	if a := n.Get("a"); a.Raw != "0644" || a.Value != int64(420) || a.Pos.String() != "t.yml:1:4" {
		t.Errorf("a is %+v", a)
	}
	if b := n.Get("b"); !b.Unsafe || b.Pos.String() != "t.yml:2:12" || !b.Quoted() {
		t.Errorf("b is %+v", b)
	}
	if c := n.Get("c"); !c.Vault || c.Pos.String() != "t.yml:3:11" {
		t.Errorf("c is %+v", c)
	}
	if l := n.Get("ä"); l.Items[1].Pos.String() != "t.yml:6:8" || n.Fields[3].KeyPos.String() != "t.yml:6:1" {
		t.Errorf("ä is %+v", l)
	}
}

func TestReadErrors(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"bare template", "a: 1\nx: {{ y }}\n", `2:4: a value that begins with {{ must be quoted | quote it: x: "{{ y }}"`},
		{"bare template with more", "x: {{ y }}/z # c\n", `1:4: a value that begins with {{ must be quoted | quote it: x: "{{ y }}/z"`},
		{"bare template with quotes", "  - x: {{ y[\"a\"] | default('b') }}\n", `1:8: a value that begins with {{ must be quoted | quote it: - x: '{{ y["a"] | default(''b'') }}'`},
		{"bare template in a list", "a:\n  - {{ y }}\n", `2:5: a value that begins with {{ must be quoted | quote it: - "{{ y }}"`},
		{"bare statement", "a: {% if x %}\n", `1:4: a value that begins with {% must be quoted | quote it: a: "{% if x %}"`},
		{"duplicate", "a: 1\nb: 2\na: 3\n", `3:1: key "a" stands twice in this map, first in line 1`},
		{"two mistakes", "a: 1\na: 2\nb: !x y\n", `2:1: key "a" stands twice in this map, first in line 1; 3:4: unknown tag !x | a value that begins with ! is a tag in YAML, quote it: b: "!x y"`},
		{"when", "- when: !x\n", `1:9: unknown tag !x | a value that begins with ! is a tag in YAML, quote it: - when: "!x"`},
		{"near tag", "a: !unsave x\n", `1:4: unknown tag !unsave | did you mean !unsafe?`},
		{"python tag", "a: !!python/object x\n", `1:4: unknown tag !!python/object | a value that begins with ! is a tag in YAML, quote it: a: "!!python/object x"`},
		{"vault", "a: !vault x\n", `1:11: !vault needs the text that ansible-vault made, which begins with $ANSIBLE_VAULT`},
		{"tab", "a:\n\tb: 1\n", `2:1: a tab cannot indent YAML | use spaces: b: 1`},
		{"tab after spaces", "a:\n  b: 1\n  \tc: 2\n", `3:3: a tab cannot indent YAML | use spaces: c: 2`},
		{"open double quote", "a: 1\nb: \"one\nc: 2\n", `2:4: the quote that opens here is not closed on its line | close it: b: "one"`},
		{"open quote, more quotes after", "a: 1\nb: \"one\nc: \"two\"\nd: \"three\"\n", `2:4: the quote that opens here is not closed on its line | close it: b: "one"`},
		{"open single quote", "- b: 'one\n- c\n", `1:6: the quote that opens here is not closed on its line | close it: - b: 'one'`},
		{"apostrophe", "a: 'it's so'\n", `1:8: text stands behind the closing quote | quote the whole value: a: "it's so"`},
		{"quoted beginning", "a: \"{{ x }}\"/y\n", `1:13: text stands behind the closing quote | quote the whole value: a: '"{{ x }}"/y'`},
		{"second colon", "name: install: all\n", `1:14: a second colon stands in this value | quote it: name: "install: all"`},
		{"ternary", "when: c ? a : b\n", `1:13: a second colon stands in this value | quote it: when: "c ? a : b"`},
		{"deeper key", "a: b\n  c: d\n", `2:3: a key cannot stand here, the line before has a value already | check the indentation: line 1 begins in column 1, this one in 3, or quote the value if it goes on here`},
		{"shallower key", "a:\n    b: 1\n  c: 2\n", `3:3: a key does not fit here | keys of one map begin in the same column: line 2 begins in column 5, this one in 3`},
		{"entry and key", "- a\nb: 1\n", `2:1: a list entry, which begins with -, does not stand here | entries of one list begin in the same column`},
		{"key left of its entry", "- a: 1\n  b: 2\n c: 3\n", `3:2: this line stands in a column where nothing began | the keys of a list entry begin in one column, behind its dash: line 2 begins in column 3, this one in 2`},
		{"at sign", "a: @b\n", `1:4: a value cannot begin with '@' | quote it: a: "@b"`},
		{"percent", "a: %b\n", `1:4: a value cannot begin with '%' | quote it: a: "%b"`},
		{"list on the key's line", "a: - b\n", `1:4: a list cannot begin on this line | put each entry on a line of its own below the key`},
		{"open list", "a: [1, 2\nb: 3\n", `1:4: the [ that opens here is not closed | close it with ], or quote the value if it is text: a: "[1, 2"`},
		{"open map", "a: {b: 1\n", `1:4: the { that opens here is not closed | close it with }, or quote the value if it is text: a: "{b: 1"`},
		{"map as expression", "that: {\"a\": 1} == x\n", `1:16: text stands behind the closing bracket | quote the whole value: that: '{"a": 1} == x'`},
		{"unknown alias", "a: *.example.org\n", `1:4: a value that begins with * must be quoted | quote it if it is text: a: "*.example.org"`},
		{"alias of nothing", "a: *b\n", `1:4: nothing is named &b before this *b | quote it if it is text: a: "*b"`},
		{"escape", "a: \"\\d+\"\n", `1:5: \d is no escape in double quotes | write \\ for a backslash, or put the text into single quotes`},
		{"missing colon", "a: 1\nb\nc: 2\n", "2:1: a colon is missing: expected `key: value` | a colon needs a space behind it"},
		{"int key", "80: http\n", `1:1: the key 80 is of type int, keys must be text | quote it: "80":`},
		{"bool key", "on: x\n", `1:1: the key on is of type bool, keys must be text | quote it: "on":`},
		{"list key", "[a]: x\n", `1:1: a map's key must be text, not a list or a map`},
		{"big int", "a: 123456789012345678901\n", `1:4: 123456789012345678901 does not fit into 64 bits | quote it if it is text: a: "123456789012345678901"`},
		{"self alias", "a: &a [*a]\n", `1:8: *a stands inside of what it names`},
		{"not utf-8", "a: 1\nb: \"\xff\"\n", `2:5: byte 0xff is not UTF-8 | save the file as UTF-8`},
		{"control", "a: \x01\n", `1:4: control character 0x01 in the file`},
		{"second document", "a: 1\n---\nb: 1\n", `3:1: a second document begins here; this file may hold one only`},
		{"umlauts", "ä: ö: ü\n", `1:5: a second colon stands in this value | quote it: ä: "ö: ü"`},
		{"first key too far left", "a:\n  b:\n   c: 1\n    d: 2\ne:\n  f: 1\n", `3:4: this line stands in a column of its own | move it by one space to the right: keys of one map, and entries of one list, begin in the same column`},
		{"first key too far right", "a:\n  b:\n     c: 1\n    d: 2\n    e: 3\ng:\n  f: 1\n", `3:6: this line stands in a column of its own | move it by one space to the left: keys of one map, and entries of one list, begin in the same column`},
		{"dash without a space", "-name: a\n  b: 1\n- name: c\n", `1:1: the dash of a list entry needs a space behind it | - name: a`},
		{"dash with two spaces", "-  name: a\n  b: 1\n- name: c\n", `1:3: this key stands in another column than the keys below it | the keys of a list entry begin in one column: - name: a`},
		{"colon without a space", "a: 1\nb:2\nc: 3\n", "2:1: a colon is missing: expected `key: value` | a colon needs a space behind it"},
		{"colon without a space, seen later", "a:\n  - b: 1\n    c: {x: \"y\"}\n    d:e\n  - f: 1\n", "4:6: a colon needs a space behind it | d: e"},
		{"quote missing at the start", "a:\n  - {{ x }}\"\n  - \"{{ y }}\"\nb: 1\n", `2:5: a value that begins with {{ must be quoted | quote it: - "{{ x }}"`},
		{"quote twice", "a: \"{{ x }}\"\"\nb: \"y\"\n", "1:13: text stands behind the closing quote | quote the whole value: a: \"{{ x }}\""},
		{"head of a block", "a:\n  b: ->\n    text: more\nc: 1\n", `2:6: the lines below belong to no block of text, which begins with | or > | b: >-`},
		{"letter before a key", "a:\n x  b: 1\n    c: 2\n", `2:2: a character too many stands before this key | b: 1`},
		{"key in a comment", "a:\n  #b:\n    c: 1\n  d: 2\n", `2:3: the lines below belong to a key that stands in a comment | take the # away: b:`},
		{"no colon in braces", "a: {b: 1, gone true}\n", "1:11: a colon is missing: expected `key: value` | write gone: true"},
		{"colon stuck in braces", "a: {b: 1, gone :true}\n", "1:11: a colon is missing: expected `key: value` | write gone: true"},
		{"set in braces", "a: {b, c: 1}\n", "1:5: a colon is missing: expected `key: value` | write b: ..., or [ ] around a list"},
		{"two colons", "a:: 1\n", `1:1: a colon too many stands behind the key a | write a: ..., or quote the key if the colon belongs to it`},
		{"stuck comment", "a: \"x\"#  b: 1\n", `1:7: a comment needs a space before it | put it on a line of its own, or take the # away`},
		{"swallowed entry", "l:\n  - a\n   - b\n", `3:4: this entry is part of the text that begins in line 2 | entries of one list begin in the same column; quote the text if it is one`},
		{"merge of text", "a:\n  <<: x\n", `2:7: << takes a map or a list of maps, not a string`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewFile("t", []byte(tt.in)).One()
			if err == nil {
				t.Fatal("no error")
			}
			var es Errors
			es.Add(Pos{}, err)
			var got []string
			for _, e := range es {
				s := strings.TrimPrefix(e.Error(), "t:")
				if e.Hint != "" {
					s += " | " + e.Hint
				}
				if e.Text == "" {
					t.Errorf("%s has no line", s)
				}
				got = append(got, s)
			}
			if s := strings.Join(got, "; "); s != tt.want {
				t.Errorf("\ngot  %s\nwant %s", s, tt.want)
			}
		})
	}
}

func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 10; i++ {
		b.WriteString("a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + strings.Repeat("*a"+string(rune('0'+i-1))+",", 9) + "]\n")
	}
	_, err := ReadYAML("t", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "the aliases of this file stand for more than") {
		t.Errorf("got %v", err)
	}
}

func TestRender(t *testing.T) {
	_, err := ReadYAML("t.yml", []byte("a: 1\n\tb: {{ x }}\n"))
	var b strings.Builder
	if err := Render(&b, err, false); err != nil {
		t.Fatal(err)
	}
	want := "t.yml:2:1: a tab cannot indent YAML\n    \tb: {{ x }}\n    ^\n  hint: use spaces: b: {{ x }}\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"name", "state", "owner", "group", "notify", "register"}
	for in, want := range map[string]string{"nmae": "name", "stat": "state", "ownr": "owner", "regsiter": "register", "x": "", "zzzzzz": "", "Notify": "notify", "notfy": "notify"} {
		if got := DidYouMean(in, words); got != want {
			t.Errorf("%s: got %q want %q", in, got, want)
		}
	}
}

func FuzzReadYAML(f *testing.F) {
	for _, s := range []string{"a: b", "- 'x''y'\n", "a: |\n  b\n\n  c\n", "a: >-\n  b\n   c\n  d\n", "\"a\\\n  b\": [1, {c: d}]", "&a x: *a", "a: !unsafe b", "{{ x }}", "a:\n\tb", "a: 'b", "? a\n: b", "a: [", "%", "a: \"\\d\"", "a: b: c"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := ReadYAML("t", data)
		if err != nil {
			var es Errors
			es.Add(Pos{}, err)
			for _, e := range es {
				if e.Pos.Line < 1 || e.Pos.Col < 1 || e.Msg == "" || e.Pos.Line > endLine(data) {
					t.Errorf("%q: no place in %+v", data, e)
				}
			}
			var b strings.Builder
			if err := Render(&b, err, true); err != nil {
				t.Fatal(err)
			}
			return
		}
		for _, d := range docs {
			checkPositions(t, d)
			checkInside(t, d, endLine(data))
			v := d.Plain()
			out, err := EmitYAML(v, 2)
			if err != nil {
				continue // binary
			}
			again, err := ReadYAML("t", out)
			if err != nil || len(again) != 1 || !value.Equal(again[0].Plain(), v) {
				t.Errorf("%q\nis written as\n%s\nand not read as the same: %v", data, out, err)
			}
		}
	})
}

// endLine is the line behind the last one.
func endLine(data []byte) int {
	n := 2
	for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		n += strings.Count(string(data), end)
	}
	return n
}

// checkInside holds that every node and key stands inside the file.
func checkInside(t *testing.T, n *Node, end int) {
	t.Helper()
	in := func(p Pos) {
		if p.Line < 1 || p.Col < 1 || p.Line > end {
			t.Fatalf("%s is no place in\n%q", p, n.file.Data)
		}
	}
	in(n.Pos)
	for _, e := range n.Items {
		checkInside(t, e, end)
	}
	for _, f := range n.Fields {
		in(f.KeyPos)
		checkInside(t, f.Value, end)
	}
}
