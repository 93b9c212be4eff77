package source

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/value"
)

func TestEmitYAML(t *testing.T) {
	m := value.MapOf
	for _, tt := range []struct {
		name string
		in   value.Value
		want string
	}{
		{"map", m("a", int64(1), "b", true, "c", nil, "d", 2.0, "e", "text"), "a: 1\nb: true\nc: null\nd: 2.0\ne: text\n"},
		{"nested", m("a", m("b", m("c", "d")), "l", value.List{int64(1), m("x", "y", "z", value.List{"q"})}),
			"a:\n  b:\n    c: d\nl:\n  - 1\n  - x: \"y\"\n    z:\n      - q\n"},
		{"lists", value.List{value.List{int64(1), int64(2)}, value.List{}, m()}, "- - 1\n  - 2\n- []\n- {}\n"},
		{"literal", m("k", "one\ntwo\n", "l", "one\ntwo", "m", "one\n\ntwo\n\n"),
			"k: |\n  one\n  two\nl: |-\n  one\n  two\nm: |+\n  one\n\n  two\n\n"},
		{"not literal", m("k", " one\ntwo", "l", "one\r\ntwo", "m", "a\n  \nb", "o", "\n"),
			"k: \" one\\ntwo\"\nl: \"one\\r\\ntwo\"\nm: \"a\\n  \\nb\"\no: \"\\n\"\n"},
		{"floats", value.List{1e16, 1.5, 0.0, math.Inf(-1)}, "- 1.0e+16\n- 1.5\n- 0.0\n- -.inf\n"},
		{"scalar", "yes", "\"yes\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := EmitYAML(tt.in, 2)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, tt.want)
			}
		})
	}
	if _, err := EmitYAML("a\xffb", 2); err == nil {
		t.Error("text that is not UTF-8 was written")
	}
}

func TestEmitQuotes(t *testing.T) {
	quoted := strings.Split("yes|no|on|off|Yes|NO|y|N|true|False|null|~||0644|0o644|0x1F|1e3|1.5|.5|-1|+1|1_000|12:30:00|12:30|2001-01-01|"+
		"2001-01-01T00:00:00Z|.inf|.nan|=|<<|*a|&a|!a|a: b|a #b|a:| a|a |- a|-|?|? a|%a|@a|`a|[a|{a|'a|\"a|#a|>a|,a|{{ a }}|a {{ b }}|---|...|a\tb|\u0085|a\u2028b", "|")
	for _, s := range quoted {
		got, err := EmitYAML(s, 2)
		if err != nil || got[0] != '"' && got[0] != '\'' {
			t.Errorf("%q is written as %s (%v)", s, got, err)
		}
	}
	for _, s := range []string{"a", "matrix.example.org", "/var/lib", "a:b", "a#b", "5m", "100M", "hello world", "_x", "https://a.b/c?d=e", "größe"} {
		if got, _ := EmitYAML(s, 2); string(got) != s+"\n" {
			t.Errorf("%q is written as %s", s, got)
		}
	}
}

func TestEmitRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		v := randomValue(r, 4)
		roundTrip(t, v, 1+r.IntN(6))
	}
}

func FuzzEmitYAML(f *testing.F) {
	for _, s := range []string{"", "a", "yes", "a\nb\n", " a\nb", "a: b", "- x\n", "\u0085", "1e3", "\t", "a\n\n\n", "{{ x }}", "'", "\\"} {
		f.Add(s, "k")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ToValidUTF8(a, "") != a || strings.ToValidUTF8(b, "") != b {
			return
		}
		roundTrip(t, value.MapOf(a, b, b+"2", value.List{a, value.MapOf(b, a)}), 2)
		roundTrip(t, a, 4)
	})
}

func roundTrip(t *testing.T, v value.Value, indent int) {
	t.Helper()
	data, err := EmitYAML(v, indent)
	if err != nil {
		t.Fatalf("%s: %v", value.Short(v, 200), err)
	}
	docs, err := ReadYAML("t", data)
	if err != nil || len(docs) != 1 {
		t.Fatalf("%s\nis read as %d documents: %v", data, len(docs), err)
	}
	got := docs[0].Plain()
	if !value.Equal(got, v) || value.TypeName(got) != value.TypeName(v) {
		t.Fatalf("%q\nis read as %q\n%s", value.Text(v), value.Text(got), data)
	}
}

var pieces = []string{"a", "b", " ", "  ", "\n", "\n\n", ":", ": ", "#", " #", "-", "- ", "'", `"`, "\\", "{", "}", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "`",
	"0", "1", "7", "e", "x", ".", "_", "yes", "null", "~", "\t", "\r", "é", "\u0085", "\u2028", "\ufeff", "😀", "\x00", "\x1b", "?", "? ", "=", "<<", "---", "...", "+"}

func randomText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(7) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func randomValue(r *rand.Rand, depth int) value.Value {
	n := 8
	if depth == 0 {
		n = 6
	}
	switch r.IntN(n) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return r.Int64() - r.Int64()
	case 3:
		return r.NormFloat64() * math.Pow(10, float64(r.IntN(60)-30))
	case 4, 5:
		return randomText(r)
	case 6:
		l := value.List{}
		for range r.IntN(4) {
			l = append(l, randomValue(r, depth-1))
		}
		return l
	}
	m := value.NewMap(0)
	for range r.IntN(4) {
		m.Set(randomText(r), randomValue(r, depth-1))
	}
	return m
}
