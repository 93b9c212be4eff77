package source

import (
	"strings"
	"testing"
)

func TestPosAt(t *testing.T) {
	for _, tt := range []struct {
		name, in, find string
		want           string
	}{
		{"plain", "a: one XX two", "XX", "t:1:8"},
		{"plain over lines", "a: one\n   two\n\n   XX", "XX", "t:4:4"},
		{"umlauts", "ä: üü XX", "XX", "t:1:7"},
		{"single", "a: 'it''s XX'", "XX", "t:1:11"},
		{"double", `a: "\t\u00e9\x41 \"XX\""`, "XX", "t:1:20"},
		{"double over lines", "a: \"one\n\n   two \\\n   XX\"", "XX", "t:4:4"},
		{"literal", "a: |\n\n  one\n    XX\n", "XX", "t:4:5"},
		{"literal, kept", "a: |2+ # c\n   one\n\n  XX\n\n\n", "XX", "t:4:3"},
		{"literal with indent", "b:\n  a: |1\n    one\n   XX\n", "XX", "t:4:4"},
		{"folded", "a: >-\n  one\n  two\n\n  three\n   more\n  XX\n", "XX", "t:7:3"},
		{"folded start", "a: >\n\n\n  XX one\n  two\n", "XX", "t:4:3"},
		{"tag and anchor", "a: !unsafe &x 'XX'\n", "XX", "t:1:16"},
		{"tag on its own line", "a: !!str # c\n  XX\n", "XX", "t:2:3"},
		{"crlf", "a: one\r\n  XX\r\n", "XX", "t:2:3"},
		{"bom", "\ufeffa: XX", "XX", "t:1:4"},
		{"old line ends", "a: b\u2028b: XX", "XX", "t:1:9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			docs, err := ReadYAML("t", []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			n := docs[0]
			for n.Kind == Map {
				n = n.Fields[len(n.Fields)-1].Value
			}
			off := strings.Index(n.Raw, tt.find)
			if off < 0 {
				t.Fatalf("%q does not stand in %q", tt.find, n.Raw)
			}
			if got := n.PosAt(off).String(); got != tt.want {
				t.Errorf("got %s want %s in %q", got, tt.want, n.Raw)
			}
		})
	}
}

// checkPositions holds that each letter of each scalar is found where it stands.
func checkPositions(t *testing.T, n *Node) {
	t.Helper()
	for _, e := range n.Items {
		checkPositions(t, e)
	}
	for _, f := range n.Fields {
		checkPositions(t, f.Value)
	}
	if n.Kind != Scalar || n.file == nil {
		return
	}
	each := len(n.Raw)/200 + 1 // a place is found by reading from the beginning
	for i, r := range n.Raw {
		if i%each != 0 {
			continue
		}
		p := n.PosAt(i)
		if p == n.Pos || n.style == double || strings.ContainsRune(" \n\t'", r) {
			continue
		}
		if got := string(n.file.Data[n.file.Offset(p):]); !strings.HasPrefix(got, string(r)) {
			t.Fatalf("%q of %q is said to stand at %s in\n%s", r, n.Raw, p, n.file.Data)
		}
	}
	if len(n.Raw) > 1 && n.PosAt(len(n.Raw)-1) == n.Pos {
		t.Fatalf("the last byte of %q was not found in\n%q", n.Raw, n.file.Data)
	}
}
