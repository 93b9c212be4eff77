package source

import (
	"fmt"
	"slices"
	"testing"
)

// Neighbours finds all that Slip and Misspelt would.
func TestNeighbours(t *testing.T) {
	var words []string
	for _, w := range []string{"app_port", "App_Name", "größe_x", "user", "users", "web1", "web2", "ansible_host", "ab"} {
		r := []rune(w)
		words = append(words, w)
		for i := range r {
			words = append(words, string(r[:i])+string(r[i+1:]), string(r[:i])+"x"+string(r[i:]), string(r[:i])+"q"+string(r[i+1:]))
			if i > 0 {
				swapped := slices.Clone(r)
				swapped[i-1], swapped[i] = r[i], r[i-1]
				words = append(words, string(swapped))
			}
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	near, found := Neighbours(words, words), 0
	for _, a := range words {
		for _, b := range words {
			if Slip(a, b) || Misspelt(a, b) {
				found++
				if !slices.Contains(near[a], b) {
					t.Errorf("%s has no neighbour %s", a, b)
				}
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d pairs", found)
	}
}

// As many words have as few neighbours each, and cost as much each.
func TestNeighboursAreLinear(t *testing.T) {
	count := func(n int) float64 {
		var words, names []string
		for i := range n {
			words, names = append(words, fmt.Sprintf("role%d_optional", i)), append(names, fmt.Sprintf("role%d_setting", i))
		}
		return testing.AllocsPerRun(1, func() { Neighbours(words, names) })
	}
	if few, many := count(200), count(2000); many > 12*few {
		t.Errorf("ten times the words: %v allocations instead of %v", many, few)
	}
}
