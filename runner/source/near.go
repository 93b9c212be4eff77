package source

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// DidYouMean is the candidate that the word most likely meant; "" if none is near.
func DidYouMean(word string, candidates []string) string {
	best, dist := "", len([]rune(word))/3+1
	if dist > 4 {
		dist = 4
	}
	w := []rune(strings.ToLower(word))
	for _, c := range candidates {
		if c == word {
			continue
		}
		d := distance(w, []rune(strings.ToLower(c)), dist)
		if d < dist || d == dist && best == "" && d < len(w) {
			best, dist = c, d
		}
	}
	return best
}

// Slip tells whether two words differ by one slip of a finger: a letter more,
// one less, another one, or two swapped.
func Slip(a, b string) bool {
	return a != b && len(a) > 3 && len(b) > 3 && oneSlip([]rune(strings.ToLower(a)), []rune(strings.ToLower(b)))
}

// oneSlip tells whether two words are at most one letter, or one swap, apart.
func oneSlip(a, b []rune) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// Neighbours are, for each of some words, the candidates that may be one slip
// apart from it, in their order: all that are, and few others. It costs as much
// as the words and candidates are long together.
func Neighbours(words, candidates []string) map[string][]string {
	by := map[string][]string{} // words by what is left of them
	for _, w := range words {
		shortened(w, func(left []byte) { by[string(left)] = append(by[string(left)], w) })
	}
	out := map[string][]string{}
	for _, c := range candidates {
		shortened(c, func(left []byte) {
			for _, w := range by[string(left)] {
				if l := out[w]; len(l) == 0 || l[len(l)-1] != c {
					out[w] = append(l, c)
				}
			}
		})
	}
	return out
}

// shortened gives a word in lower case, and what is left of it without each of
// its letters: two words one slip apart have one of these in common.
func shortened(word string, f func(left []byte)) {
	word = strings.ToLower(word)
	f([]byte(word))
	left := make([]byte, 0, len(word))
	for i := 0; i < len(word); {
		_, size := utf8.DecodeRuneInString(word[i:])
		f(append(append(left[:0], word[:i]...), word[i+size:]...))
		i += size
	}
}

// Misspelt is Slip for words that nobody declared: two that only a digit or a
// plural's s tells apart (web1 and web2, user and users) are two words.
func Misspelt(a, b string) bool {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(x) < 3 || len(y) < 4 || a == b || distance(x, y, 1) > 1 {
		return false
	}
	if strings.TrimRight(string(y), "s") == strings.TrimRight(string(x), "s") {
		return false
	}
	if len(x) == len(y) && enumerated(x, y) {
		return false
	}
	digits := func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}
	return strings.Map(digits, string(x)) != strings.Map(digits, string(y))
}

// enumerated tells whether two words differ in a letter that stands alone, as in disk_a and disk_b.
func enumerated(a, b []rune) bool {
	for i := range a {
		if a[i] != b[i] {
			alone := func(j int) bool { return j < 0 || j >= len(a) || !unicode.IsLetter(a[j]) && !unicode.IsDigit(a[j]) }
			return alone(i-1) && alone(i+1)
		}
	}
	return false
}

// distance is the number of letters to insert, drop, replace or swap with
// their neighbour to get from a to b; anything above most counts as most+1.
func distance(a, b []rune, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	var before []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, prev[j]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev = prev, row
	}
	return min(prev[len(b)], most+1)
}
