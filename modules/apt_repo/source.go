package aptrepo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// deb822 is the source as its file holds it.
func (a Args) deb822() string {
	var b strings.Builder
	field := func(k string, v ...string) {
		if len(v) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", k, strings.Join(v, " "))
		}
	}
	if !a.Enabled {
		field("Enabled", "no")
	}
	types := a.Types
	if len(types) == 0 {
		types = []string{"deb"}
	}
	field("Types", types...)
	field("URIs", a.URIs...)
	field("Suites", a.Suites...)
	field("Components", a.Components...)
	field("Architectures", a.Architectures...)
	if a.hasKey() || a.SignedBy != "" {
		field("Signed-By", a.keyring())
	}
	for _, k := range slices.Sorted(maps.Keys(a.Options)) {
		field(k, a.Options[k])
	}
	return b.String()
}

// fieldOf reads a field of one line out of a deb822 text.
func fieldOf(text, name string) []string {
	for _, l := range strings.Split(text, "\n") {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.EqualFold(k, name) {
			return strings.Fields(v)
		}
	}
	return nil
}

// withoutRepo takes the one-line sources of the repository out of a .list
// file: of a line that names more components than the task, these stay.
// active tells that sources are left.
func withoutRepo(text string, a Args) (out string, active, changed bool) {
	var kept []string
	for _, l := range strings.Split(text, "\n") {
		rest, mine := oneLine(l, a)
		switch {
		case !mine:
			t := strings.TrimSpace(l)
			active = active || strings.HasPrefix(t, "deb")
			kept = append(kept, l)
		case rest != "":
			active, changed = true, true
			kept = append(kept, rest)
		default:
			changed = true
		}
	}
	return strings.Join(kept, "\n"), active, changed
}

// oneLine tells whether a line is one of the repository's, and what has to stay of it.
func oneLine(line string, a Args) (rest string, mine bool) {
	text, _, _ := strings.Cut(line, "#")
	head := text
	options := ""
	if i, j := strings.IndexByte(text, '['), strings.IndexByte(text, ']'); i >= 0 && j > i {
		options = text[i : j+1]
		head = text[:i] + " " + text[j+1:]
	}
	f := strings.Fields(head)
	if len(f) < 3 || f[0] != "deb" && f[0] != "deb-src" {
		return "", false
	}
	types := a.Types
	if len(types) == 0 {
		types = []string{"deb"}
	}
	same := slices.ContainsFunc(a.URIs, func(u string) bool { return strings.TrimRight(u, "/") == strings.TrimRight(f[1], "/") })
	if !same || !slices.Contains(types, f[0]) || !slices.Contains(a.Suites, f[2]) {
		return "", false
	}
	var left []string
	for _, c := range f[3:] {
		if a.State != "absent" && !slices.Contains(a.Components, c) {
			left = append(left, c)
		}
	}
	switch {
	case len(left) == 0:
		return "", true
	case len(left) == len(f)-3: // other components of the same suite
		return "", false
	}
	parts := append([]string{f[0]}, f[1:3]...)
	if options != "" {
		parts = []string{f[0], options, f[1], f[2]}
	}
	return strings.Join(append(parts, left...), " "), true
}

// listName is how the names of a repository's files in apt's lists begin
// (apt's URItoFileName); ok is false where the name cannot be foretold.
func listName(uri, suite string) (base string, ok bool) {
	scheme, rest, found := strings.Cut(uri, ":")
	switch {
	case !found, strings.Contains(uri+suite, "$("):
		return "", false
	case !slices.Contains([]string{"http", "https", "ftp", "file", "copy"}, scheme):
		return "", false
	}
	rest = strings.TrimPrefix(rest, "//")
	if host, tail, cut := strings.Cut(rest, "/"); cut || host != "" {
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			host = host[at+1:]
		}
		rest = host + "/" + tail
	}
	rest = strings.TrimRight(rest, "/") + "/"
	if strings.HasSuffix(suite, "/") {
		if s := strings.Trim(suite, "/"); s != "." && s != "" {
			rest += strings.TrimPrefix(strings.TrimRight(suite, "/"), "./") + "/"
		} else {
			rest += strings.TrimPrefix(suite, "/")
		}
	} else {
		rest += "dists/" + suite + "/"
	}
	var b strings.Builder
	for _, c := range []byte(rest) {
		switch {
		case c == '/':
			b.WriteByte('_')
		case c <= 0x20 || c >= 0x7f || strings.IndexByte("\\|{}[]<>\"^~_=!@#$%^&*", c) >= 0:
			fmt.Fprintf(&b, "%%%02x", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}
