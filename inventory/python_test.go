package inventory

import (
	"os"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/value"
)

// TestPython compares with Python's own answers, see testdata/python.py.
func TestPython(t *testing.T) {
	data, err := os.ReadFile("testdata/python.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := value.ParseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	m := v.(*value.Map)
	for i := range m.Len() {
		in, want := m.At(i)
		got, ok, err := pyLiteral(in)
		l, isLiteral := want.(value.List)
		switch {
		case err != nil:
			t.Errorf("%q: %v", in, err)
		case ok != isLiteral:
			t.Errorf("%q: literal %v, in Python %v", in, ok, isLiteral)
		case ok && (!value.Equal(got, l[0]) || value.TypeName(got) != value.TypeName(l[0])):
			t.Errorf("%q: %s, in Python %s", in, value.Text(got), value.Text(l[0]))
		}
	}
}

func TestPythonErrors(t *testing.T) {
	for in, want := range map[string]string{
		"{1: 'a'}":             "keys must be text",
		"12345678901234567890": "does not fit into 64 bits",
	} {
		if _, _, err := pyLiteral(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func FuzzPython(f *testing.F) {
	for _, s := range []string{"[1, 'a', {'b': None}]", "1_0.5e-3", "'''a'''", "{1, 2}", `"\u00e9\x41"`, "((((", "..."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, ok, err := pyLiteral(s)
		if ok && err == nil {
			value.Text(v)
		}
	})
}
