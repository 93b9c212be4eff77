package runner

import (
	"testing"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/runner/value"
)

// What a default says is the same the first time and from memory.
func TestDefaultsKeepTheirTypes(t *testing.T) {
	for _, c := range []struct {
		kind modules.TypeKind
		text string
		want value.Value
	}{
		{modules.String, "300", "300"},
		{modules.Int, "300", int64(300)},
		{modules.String, "true", "true"},
		{modules.Bool, "true", true},
		{modules.String, "'0600'", "0600"},
	} {
		f := &modules.Field{Name: "f", Default: c.text, Type: modules.Type{Kind: c.kind}}
		for range 2 {
			got, err := defaultOf(f)
			if err != nil || got != c.want {
				t.Errorf("%s %s: %#v, %v", c.kind, c.text, got, err)
			}
		}
	}
}

// A list is nobody's to share.
func TestDefaultListsAreFresh(t *testing.T) {
	f := &modules.Field{Name: "f", Default: "[200]", Type: modules.Type{Kind: modules.List, Elem: &modules.Type{Kind: modules.Int}}}
	a, err := defaultOf(f)
	if err != nil {
		t.Fatal(err)
	}
	a.([]value.Value)[0] = int64(1)
	b, err := defaultOf(f)
	if err != nil || b.([]value.Value)[0] != int64(200) {
		t.Errorf("got %v, %v", b, err)
	}
}

func BenchmarkDefaults(b *testing.B) {
	for _, t := range builtin.Tasks() {
		if t.Name != "package" {
			continue
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := complete(t.Args, value.NewMap(8)); err != nil {
				b.Fatal(err)
			}
		}
	}
}
