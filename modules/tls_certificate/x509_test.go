package tlscertificate

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestSelfSigned(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := Args{Names: []string{"matrix.example.com", "*.example.org", "10.0.0.1", "::1"}, Days: 90, RenewBefore: 30, KeyType: "ecdsa"}
	cert, key, err := selfSigned(a, bytes.Repeat([]byte{7}, 32), now)
	if err != nil {
		t.Fatal(err)
	}
	_, again, _ := selfSigned(a, bytes.Repeat([]byte{7}, 32), now)
	_, other, _ := selfSigned(a, bytes.Repeat([]byte{8}, 32), now)
	if !bytes.Equal(key, again) || bytes.Equal(key, other) {
		t.Error("the key does not follow the seed")
	}
	for _, c := range []struct {
		what, why string
		names     []string
		now       time.Time
		key       []byte
	}{
		{"as made", "", a.Names, now, key},
		{"by its wildcard", "", []string{"www.example.org"}, now, key},
		{"another name", "it is not for example.com", []string{"example.com"}, now, key},
		{"two labels", "it is not for a.b.example.org", []string{"a.b.example.org"}, now, key},
		{"soon over", "it ends on", a.Names, now.AddDate(0, 0, 61), key},
		{"over", "it ended on", a.Names, now.AddDate(0, 0, 91), key},
		{"not begun", "it begins only on", a.Names, now.AddDate(0, 0, -1), key},
		{"another key", "the key is another", a.Names, now, other},
		{"no key", "its key is missing", a.Names, now, nil},
	} {
		s := State{Now: c.now}
		got := examine(Args{Names: c.names, RenewBefore: 30}, cert, c.key, &s)
		if !strings.HasPrefix(got, c.why) || c.why == "" && got != "" {
			t.Errorf("%s: %q, not %q", c.what, got, c.why)
		}
		if !s.SelfSigned {
			t.Errorf("%s: not self-signed", c.what)
		}
	}
}
