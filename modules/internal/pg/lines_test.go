package pg

import (
	"slices"
	"testing"
	"time"
)

func TestEpoch(t *testing.T) {
	for in, want := range map[string]time.Time{
		"1900000000.5":      time.Unix(1900000000, 500000000),
		"1900000000.036177": time.Unix(1900000000, 36177000),
		"1900000000":        time.Unix(1900000000, 0),
	} {
		if got := epoch(in); !got.Equal(want) {
			t.Errorf("%s is %v, not %v", in, got, want)
		}
	}
}

func TestQuotes(t *testing.T) {
	for in, want := range map[string]string{`a`: `"a"`, `a"b`: `"a""b"`, `'; drop`: `"'; drop"`} {
		if got := Ident(in); got != want {
			t.Errorf("%s is %s, not %s", in, got, want)
		}
	}
	for in, want := range map[string]string{`a`: `'a'`, `it's`: `'it''s'`, `a\'b`: ` E'a\\''b'`} {
		if got := Literal(in); got != want {
			t.Errorf("%s is %s, not %s", in, got, want)
		}
	}
}

func TestFields(t *testing.T) {
	got := Fields(`host a,b, c "my user" 10.0.0.0/8 md5 # rest`)
	if want := []string{"host", "a,b,c", `"my user"`, "10.0.0.0/8", "md5"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}
