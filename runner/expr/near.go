package expr

import (
	"sort"
)

// similar are the names that look like name, the closest first, three at most.
func similar(name string, names []string) []string {
	type near struct {
		name string
		d    int
	}
	var found []near
	limit := max(1, len(name)/3)
	for _, c := range names {
		if c == name || len(c) > len(name)+limit || len(c) < len(name)-limit {
			continue
		}
		if d := distance(name, c, limit); d <= limit && d < len(name) {
			found = append(found, near{c, d})
		}
	}
	sort.Slice(found, func(i, j int) bool {
		if found[i].d != found[j].d {
			return found[i].d < found[j].d
		}
		return found[i].name < found[j].name
	})
	var out []string
	for i, f := range found {
		if i < 3 {
			out = append(out, f.name)
		}
	}
	return out
}

// distance counts the edits between two names, swaps of neighbours as one; more than limit is limit+1.
func distance(a, b string, limit int) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
			best = min(best, cur[j])
		}
		if best > limit {
			return limit + 1
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
