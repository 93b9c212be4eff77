package inventory

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// Match is the hosts of a pattern, those in the limit only ("" is no limit), in
// the order in which the pattern names them. A pattern is names of hosts and
// groups, globs, and regular expressions after ~, with commas or colons
// between: their union, then what is in each &part too, then without each
// !part. Only a limit may have @file, a file with a pattern a line. A name
// that nothing has is a warning, a pattern that cannot be read an error.
func (inv *Inventory) Match(pattern, limit string) (hosts []*Host, warnings []*source.Error, err error) {
	inv.growing.RLock()
	defer inv.growing.RUnlock()
	m := &matcher{inv: inv}
	parts := splitPattern(pattern)
	if len(parts) == 0 && pattern != "" {
		// nothing but signs is a slip, and must not mean all hosts
		return nil, nil, &source.Error{Msg: "the pattern " + strconv.Quote(pattern) + " names no host"}
	}
	hosts, err = m.evaluate(parts)
	if err != nil {
		return nil, nil, err
	}
	if limit != "" {
		parts, err := limitParts(limit)
		if err != nil {
			return nil, nil, err
		}
		in, err := m.evaluate(parts)
		if err != nil {
			return nil, nil, err
		}
		hosts = keep(hosts, in, true)
	}
	return hosts, m.warnings, nil
}

// Limited are the hosts that a limit leaves, of all, implicit ones included. It may hold @file.
func (inv *Inventory) Limited(limit string) (hosts []*Host, warnings []*source.Error, err error) {
	inv.growing.RLock()
	defer inv.growing.RUnlock()
	parts, err := limitParts(limit)
	if err != nil {
		return nil, nil, err
	}
	m := &matcher{inv: inv}
	hosts, err = m.evaluate(parts)
	return hosts, m.warnings, err
}

// limitParts splits a limit and reads its @files.
func limitParts(limit string) ([]string, error) {
	var out []string
	for _, p := range splitPattern(limit) {
		path, isFile := strings.CutPrefix(p, "@")
		if !isFile {
			out = append(out, p)
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, source.OSError(path, err)
		}
		for line := range strings.SplitSeq(string(data), "\n") {
			if line = strings.TrimSpace(line); line != "" {
				out = append(out, line)
			}
		}
	}
	if len(out) == 0 {
		return nil, &source.Error{Msg: "the limit " + strconv.Quote(limit) + " names no host"}
	}
	return out, nil
}

var patternParts = regexp.MustCompile(`(?:[^\s:\[\]]|\[[^\]]*\])+`)

// splitPattern splits at commas, or at colons when there are none and the whole
// is no address or range.
func splitPattern(s string) []string {
	var parts []string
	if strings.Contains(s, ",") {
		parts = strings.Split(s, ",")
	} else if _, _, ok := parseAddress(s); ok {
		parts = []string{s}
	} else {
		parts = patternParts.FindAllString(s, -1)
	}
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// JoinPatterns makes one pattern of a list of them, each taken apart by itself.
func JoinPatterns(list []string) string {
	var parts []string
	for _, p := range list {
		parts = append(parts, splitPattern(p)...)
	}
	return strings.Join(parts, ",")
}

type matcher struct {
	inv      *Inventory
	warnings []*source.Error
}

func (m *matcher) evaluate(parts []string) ([]*Host, error) {
	var union, and, not []string
	for _, p := range parts {
		switch p[0] {
		case '&':
			and = append(and, p[1:])
		case '!':
			not = append(not, p[1:])
		default:
			union = append(union, p)
		}
	}
	if len(union) == 0 {
		union = []string{"all"}
	}
	var hosts []*Host
	for _, p := range union {
		that, err := m.one(p)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, that...)
	}
	hosts = once(hosts)
	for i, p := range append(and, not...) {
		that, err := m.one(p)
		if err != nil {
			return nil, err
		}
		hosts = keep(hosts, that, i < len(and))
	}
	return hosts, nil
}

// keep are the hosts that are in that, or are not.
func keep(hosts, that []*Host, in bool) []*Host {
	set := make(map[*Host]bool, len(that))
	for _, h := range that {
		set[h] = true
	}
	var out []*Host
	for _, h := range hosts {
		if set[h] == in {
			out = append(out, h)
		}
	}
	return out
}

func once(hosts []*Host) []*Host {
	seen := make(map[*Host]bool, len(hosts))
	out := hosts[:0:0]
	for _, h := range hosts {
		if !seen[h] {
			seen[h] = true
			out = append(out, h)
		}
	}
	return out
}

var subscripted = regexp.MustCompile(`^(.+)\[(?:(-?[0-9]+)|([0-9]+)([:-])([0-9]*))\]$`)

// one is the hosts of one part, without its & or !.
func (m *matcher) one(p string) ([]*Host, error) {
	if h := m.inv.hosts[p]; h != nil {
		return []*Host{h}, nil
	}
	expr := p
	var sub []string
	if p != "" && p[0] != '~' {
		if sub = subscripted.FindStringSubmatch(p); sub != nil {
			expr = sub[1]
		}
	}
	hosts, err := m.enumerate(expr)
	if err != nil || sub == nil || len(hosts) == 0 {
		return hosts, err
	}
	return subscript(once(hosts), p, sub)
}

// subscript takes web[0], web[-1], web[1:] or web[0:1], whose end is included.
func subscript(hosts []*Host, p string, sub []string) ([]*Host, error) {
	fail := func(msg string) ([]*Host, error) { return nil, &source.Error{Msg: "pattern " + p + " " + msg} }
	if sub[2] != "" {
		i, err := strconv.Atoi(sub[2])
		if i < 0 {
			i += len(hosts)
		}
		if err != nil || i < 0 || i >= len(hosts) {
			return fail("counts further than its " + strconv.Itoa(len(hosts)) + " hosts")
		}
		return hosts[i : i+1], nil
	}
	if sub[4] == "-" {
		return fail("has a range with -, write " + sub[1] + "[" + sub[3] + ":" + sub[5] + "]")
	}
	from, err := strconv.Atoi(sub[3])
	to := len(hosts) - 1
	if sub[5] != "" && err == nil {
		to, err = strconv.Atoi(sub[5])
	}
	switch {
	case err != nil:
		return fail("has a number that is too large")
	case sub[5] != "" && to < from:
		return fail("begins behind its end")
	}
	to = min(to, len(hosts)-1)
	if from > to {
		return nil, nil
	}
	return hosts[from : to+1], nil
}

// enumerate is the hosts of the groups that a name, glob or expression matches,
// then the hosts that it matches itself.
func (m *matcher) enumerate(expr string) ([]*Host, error) {
	match, err := matchFunc(expr)
	if err != nil {
		return nil, err
	}
	var out []*Host
	groups := false
	if match == nil {
		if g := m.inv.groups[expr]; g != nil {
			groups = true
			out = g.AllHosts()
		} else if h := m.inv.hosts[expr]; h != nil {
			out = []*Host{h}
		}
	} else {
		for _, g := range m.inv.Groups {
			if match(g.Name) {
				groups = true
				out = append(out, g.AllHosts()...)
			}
		}
		for _, h := range m.inv.Hosts {
			if match(h.Name) {
				out = append(out, h)
			}
		}
	}
	if len(out) == 0 && isLocal(expr) {
		return []*Host{m.inv.localhost(expr)}, nil
	}
	if len(out) == 0 && !groups && expr != "all" {
		m.unknown(expr)
	}
	return out, nil
}

func (m *matcher) unknown(expr string) {
	if m.inv.anyName || slices.Contains(m.inv.promised, expr) {
		return
	}
	e := &source.Error{Msg: "no host or group matches " + expr}
	var names []string
	for _, g := range m.inv.Groups {
		names = append(names, g.Name)
	}
	for _, h := range m.inv.Hosts {
		names = append(names, h.Name)
	}
	names = append(names, m.inv.promised...)
	if near := source.DidYouMean(expr, names); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	m.warnings = append(m.warnings, e)
}

// matchFunc tests names against a glob or, after ~, a regular expression; nil
// for a plain name.
func matchFunc(expr string) (func(string) bool, error) {
	if re, ok := strings.CutPrefix(expr, "~"); ok {
		r, err := regexp.Compile(`^(?:` + re + `)`)
		if err != nil {
			return nil, &source.Error{Msg: "pattern " + expr + " is no regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")}
		}
		return r.MatchString, nil
	}
	if !strings.ContainsAny(expr, "*?[") {
		return nil, nil
	}
	r, err := regexp.Compile(globRegexp(expr))
	if err != nil {
		return nil, &source.Error{Msg: "pattern " + expr + " is no glob"}
	}
	return r.MatchString, nil
}

// Glob tells whether a shell pattern, or a plain name, means a text.
func Glob(pattern, text string) bool {
	if pattern == text {
		return true
	}
	r, err := regexp.Compile(globRegexp(pattern))
	return err == nil && r.MatchString(text)
}

// globRegexp is a shell pattern as a regular expression, by the rules of
// Python's fnmatch: a [ that is not closed stands for itself.
func globRegexp(s string) string {
	var b strings.Builder
	b.WriteString(`(?s)^(?:`)
	r := []rune(s)
	for i := 0; i < len(r); i++ {
		switch c := r[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			j := i + 1
			if j < len(r) && r[j] == '!' {
				j++
			}
			if j < len(r) && r[j] == ']' {
				j++
			}
			for j < len(r) && r[j] != ']' {
				j++
			}
			if j >= len(r) {
				b.WriteString(`\[`)
				continue
			}
			set := string(r[i+1 : j])
			not := ""
			if set[0] == '!' {
				not, set = "^", set[1:]
			}
			b.WriteString("[" + not + charSet(set) + "]")
			i = j
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString(`)$`)
	return b.String()
}

// charSet quotes what stands in brackets, but for the - of a range.
func charSet(s string) string {
	var b strings.Builder
	r := []rune(s)
	for i, c := range r {
		if c == '-' && i > 0 && i < len(r)-1 {
			b.WriteByte('-')
			continue
		}
		if strings.ContainsRune(`\]^[-&~|`, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
