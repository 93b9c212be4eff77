package runner

import "testing"

// A percentage is exact: floating point makes 28 of 29 % of 100.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		word string
		all  int
		want int
	}{{"29%", 100, 29}, {"30%", 10, 3}, {"1%", 6, 1}, {"50%", 6, 3}, {"100%", 7, 7}, {"3", 10, 3}} {
		if got, err := share(c.word, c.all); err != nil || got != c.want {
			t.Errorf("%s of %d is %d (%v), not %d", c.word, c.all, got, err, c.want)
		}
	}
}
