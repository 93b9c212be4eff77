package value

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A map keeps its keys in order and finds each, with few keys and with many.
func TestMap(t *testing.T) {
	for _, n := range []int{0, 1, fewKeys, fewKeys + 1, 100} {
		m, small := NewMap(0), NewMap(n)
		var want []string
		for i := range n {
			k := fmt.Sprint("k", (i*7)%n)
			want = append(want, k)
			m.Set(k, int64(i))
			small.Set(k, int64(i))
		}
		if !slices.Equal(m.Keys(), want) || !slices.Equal(small.Keys(), want) {
			t.Errorf("%d keys: %v, not %v", n, m.Keys(), want)
		}
		c := m.Clone()
		for i, k := range want {
			m.Set(k, int64(-i))
			if v, ok := m.Get(k); !ok || v != int64(-i) {
				t.Errorf("%d keys: %s is %v", n, k, v)
			}
			if v, _ := c.Get(k); v != int64(i) {
				t.Errorf("%d keys: %s of the copy is %v", n, k, v)
			}
		}
		for i := 0; i < n; i += 2 {
			m.Delete(want[i])
		}
		m.Delete("none")
		for i, k := range want {
			if v, ok := m.Get(k); ok != (i%2 == 1) || ok && v != int64(-i) {
				t.Errorf("%d keys, half of them deleted: %s is %v", n, k, v)
			}
		}
		if m.Len() != n/2 || c.Len() != n {
			t.Errorf("%d keys: %d are left, %d in the copy", n, m.Len(), c.Len())
		}
	}
}

// What JSON writes is what the library writes, with its keys in our order.
func TestJSON(t *testing.T) {
	for _, s := range []string{"", "plain", `a "quoted" \ text`, "tab\tnewline\n", "\x00\x1f\x7f", "ünïcode 漢", "<a href='x'>&", "\u2028", "broken \xff"} {
		want, err := marshal(s)
		if got, _ := JSON(s); err != nil || string(got) != string(want) {
			t.Errorf("%q: %s, not %s", s, got, want)
		}
	}
	m := MapOf("z", int64(1), "a", List{nil, true, false, -1.5, 2.0, "x", (*Map)(nil), List(nil), NewMap(0)}, "k\n", "v")
	want := `{"z":1,"a":[null,true,false,-1.5,2.0,"x",null,[],{}],"k\n":"v"}`
	got, err := JSON(m)
	if err != nil || string(got) != want {
		t.Errorf("%s %v, not %s", got, err, want)
	}
	if b, err := json.Marshal(m); err != nil || string(b) != want {
		t.Errorf("as the library calls it: %s %v", b, err)
	}
	back, err := ParseJSON(got)
	if again, _ := JSON(back); err != nil || string(again) != want {
		t.Errorf("read again: %s %v", again, err)
	}
	deep := Value("x")
	for range 1000 {
		deep = List{deep}
	}
	if b, err := JSON(deep); err != nil || string(b) != strings.Repeat("[", 1000)+`"x"`+strings.Repeat("]", 1000) {
		t.Error("a deep list comes out otherwise", err)
	}
}
