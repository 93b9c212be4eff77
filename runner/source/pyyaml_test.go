package source

import (
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/value"
)

// The answers are PyYAML's with libyaml, sort_keys as it stands by default.
func TestDumpPyYAML(t *testing.T) {
	k := func(v value.Value) value.Value { return value.MapOf("k", v) }
	shared := value.List{int64(1)}
	for _, tt := range []struct {
		in   value.Value
		o    PyYAML
		want string
	}{
		{k(strings.Repeat("a ", 60)), PyYAML{}, "k: 'a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a\n  a a a a a a a a a a a a a a a a a a a a a '\n"},
		{k("it's " + strings.Repeat("b ", 60)), PyYAML{}, "k: 'it''s b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b b\n  b b b b b b b b b b b b b b b b b b b b b b b b '\n"},
		{k("a\nb\n"), PyYAML{}, "k: 'a\n\n  b\n\n  '\n"},
		{k("x\n\n  y"), PyYAML{}, "k: \"x\\n\\n  y\"\n"},
		{k("😀"), PyYAML{}, "k: \"\\U0001F600\"\n"},
		{k("a\ab " + strings.Repeat("c ", 60)), PyYAML{}, "k: \"a\\ab c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c\n  c c c c c c c c c c c c c c c c c c c c c c c \"\n"},
		{k("12:30:00"), PyYAML{}, "k: '12:30:00'\n"},
		{k("y"), PyYAML{}, "k: y\n"},
		{k(""), PyYAML{}, "k: ''\n"},
		{k("?a"), PyYAML{}, "k: ?a\n"},
		{k("---x"), PyYAML{}, "k: '---x'\n"},
		{value.MapOf("b", value.List{int64(1), value.MapOf("x", nil, "a", value.List{})}, "a", value.MapOf("c", 1e16)), PyYAML{},
			"a:\n  c: 1.0e+16\nb:\n- 1\n- a: []\n  x: null\n"},
		{value.MapOf("b", value.List{value.MapOf("x", true, "y", value.List{"z"})}), PyYAML{Indent: 4, KeepOrder: true}, "b:\n-   x: true\n    y:\n    - z\n"},
		{value.List{value.List{int64(1), value.List{int64(2)}}}, PyYAML{}, "- - 1\n  - - 2\n"},
		{value.List{value.List{int64(1), int64(2)}}, PyYAML{Indent: 4}, "-   - 1\n    - 2\n"},
		{value.MapOf("a", shared, "b", shared), PyYAML{Aliases: true}, "a: &id001\n- 1\nb: *id001\n"},
		{"x", PyYAML{}, "x\n...\n"},
		{"yes", PyYAML{}, "'yes'\n"},
		{int64(1), PyYAML{}, "1\n...\n"},
	} {
		got, err := DumpPyYAML(tt.in, tt.o)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s\ngot  %q %v\nwant %q", value.Text(tt.in), got, err, tt.want)
		}
	}
}
