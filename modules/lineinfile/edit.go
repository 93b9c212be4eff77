package lineinfile

import (
	"regexp"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules/internal/place"
)

// matcher tells whether a line is one that regexp, search_string or, for
// state: absent, line mean.
func matcher(a Args) func(string) bool {
	switch {
	case a.Regexp != "":
		re := regexp.MustCompile(a.Regexp)
		return func(l string) bool { return re.MatchString(place.Bare(l)) }
	case a.Search != "":
		return func(l string) bool { return strings.Contains(l, a.Search) }
	}
	return func(l string) bool { return a.Line != nil && place.Bare(l) == *a.Line }
}

// remove is a text without the lines that are meant.
func remove(a Args, text []byte) []byte {
	lines := place.Lines(text)
	left := slices.DeleteFunc(slices.Clone(lines), matcher(a))
	if len(left) == len(lines) {
		return text
	}
	return place.Unlines(left)
}

// present is a text with the line: in the place of one that is meant, else
// where it stands already, else where a new line goes.
func present(a Args, text []byte) []byte {
	lines := place.Lines(text)
	at := -1
	found := matcher(a)
	for n, l := range lines {
		if found(l) {
			at = n
			if a.First {
				break
			}
		}
	}
	line := *a.Line
	if at >= 0 && a.Backrefs {
		re := regexp.MustCompile(a.Regexp)
		line = place.Expand(line, re, re.FindStringSubmatch(place.Bare(lines[at])))
	}
	if at < 0 && !a.Backrefs {
		at = slices.IndexFunc(lines, func(l string) bool { return place.Bare(l) == line })
	}
	switch {
	case at >= 0 && lines[at] == line, at < 0 && a.Backrefs:
		return text
	case at >= 0:
		if place.Bare(lines[at]) == line {
			return text
		}
		lines[at] = line
	default:
		lines = slices.Insert(lines, a.Insert.At(lines, a.First), line)
	}
	return place.Unlines(lines)
}
