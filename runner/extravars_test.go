package runner

import "testing"

// TestExtraVarWords takes -e apart as Ansible does.
func TestExtraVarWords(t *testing.T) {
	l, err := ExtraVars([]string{`a=1 b='x y' c="it's" d=a'b c'd e= f=yes`, `{"g": 5, "h": true}`, `i=a=b`, `b=again`})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"a": "1", "b": "again", "c": "it's", "d": "a'b c'd", "e": "", "f": "yes", "g": int64(5), "h": true, "i": "a=b",
	} {
		r, err := l.Vars[name].Eval(nil)
		if err != nil || r.Value != want {
			t.Errorf("%s is %#v, not %#v (%v)", name, r.Value, want, err)
		}
	}
	for _, bad := range []string{"a", "1a=2", "a='x"} {
		if _, err := ExtraVars([]string{bad}); err == nil {
			t.Errorf("%s passes", bad)
		}
	}
}
