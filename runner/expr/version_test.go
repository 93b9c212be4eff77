package expr

import "testing"

// FuzzVersion: versions of each type have an order, and what is none is said.
func FuzzVersion(f *testing.F) {
	for _, s := range [][3]string{{"1.10", "1.9", "1.10"}, {"1.0.0-rc.1", "1.0.0", "1.0.0+b"}, {"99999999999999999999", "1", "a"}, {"1a", "1.a", "a1"}, {"1", ".", "0"}, {"1.0.0-1.a", "1.0.0-a.1", "1.0.0-00"},
		{"1!1.0.post1", "1.0.dev3", "1.0+l.1"}, {"1.2a3", "1.2b1", "1.2.0"}} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if a == "" || b == "" || c == "" {
			return // refused before
		}
		for kind, compare := range versionTypes {
			ab, bad := compare(a, b)
			bc, bad2 := compare(b, c)
			if bad != "" || bad2 != "" {
				if bad != "" && bad != a && bad != b || bad2 != "" && bad2 != b && bad2 != c {
					t.Fatalf("%s: %q, %q and %q: %q %q", kind, a, b, c, bad, bad2)
				}
				continue
			}
			ac, _ := compare(a, c)
			if ba, _ := compare(b, a); ba != -ab {
				t.Fatalf("%s: %q and %q have no order", kind, a, b)
			}
			if aa, _ := compare(a, a); aa != 0 {
				t.Fatalf("%s: %q is not itself", kind, a)
			}
			if ab <= 0 && bc <= 0 && ac > 0 || ab < 0 && bc <= 0 && ac >= 0 {
				t.Fatalf("%s: %q, %q and %q go round: %d %d %d", kind, a, b, c, ab, bc, ac)
			}
		}
	})
}
