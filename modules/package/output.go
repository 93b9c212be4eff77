package pkg

import (
	"slices"
	"strings"
)

// policy is apt-cache policy's answer for one package.
type policy struct {
	Candidate string
	Versions  []string
}

// parsePolicy reads apt-cache policy (in English, as the agent runs it).
func parsePolicy(out string) map[string]policy {
	all := map[string]policy{}
	var name string
	for _, l := range strings.Split(out, "\n") {
		t := strings.TrimSpace(l)
		switch {
		case l == "":
		case l[0] != ' ' && strings.HasSuffix(l, ":"):
			name = strings.TrimSuffix(l, ":")
			all[name] = policy{}
		case strings.HasPrefix(l, "  Candidate: "):
			if v := strings.TrimPrefix(t, "Candidate: "); v != "(none)" {
				p := all[name]
				p.Candidate = v
				all[name] = p
			}
		case strings.HasPrefix(l, " *** ") || strings.HasPrefix(l, "     ") && l[5] != ' ':
			f := strings.Fields(strings.TrimPrefix(t, "*** "))
			if len(f) == 2 {
				p := all[name]
				p.Versions = append(p.Versions, f[0])
				all[name] = p
			}
		}
	}
	return all
}

// providers reads the last part of apt-cache showpkg.
func providers(out string) []string {
	_, tail, ok := strings.Cut(out, "\nReverse Provides:")
	if !ok {
		return nil
	}
	var by []string
	for _, l := range strings.Split(tail, "\n") {
		if f := strings.Fields(l); len(f) >= 2 {
			n, _, _ := strings.Cut(f[0], ":")
			if !slices.Contains(by, n) {
				by = append(by, n)
			}
		}
	}
	slices.Sort(by)
	return by
}

// audited reads the package names of dpkg --audit: lines of one blank, the name, its summary.
func audited(out string) []string {
	var bad []string
	for _, l := range strings.Split(out, "\n") {
		if strings.HasPrefix(l, " ") {
			if f := strings.Fields(l); len(f) > 0 {
				bad = append(bad, f[0])
			}
		}
	}
	if bad == nil {
		bad = []string{"dpkg"}
	}
	return bad
}

// change is what apt-get -s says it would do; each entry is "name version" or "name old -> new".
type change struct {
	Install []string
	Upgrade []string
	Remove  []string
	Purge   []string
}

// parseSim reads lines like
//
//	Inst nginx [1.22.1-9] (1.22.1-9+deb12u3 Debian:12.13/oldstable [amd64])
//	Remv apache2 [2.4.62-1~deb12u2]
//	Purg apache2 [2.4.62-1~deb12u2]
func parseSim(out string) change {
	var c change
	for _, l := range strings.Split(out, "\n") {
		f := strings.Fields(l)
		if len(f) < 2 {
			continue
		}
		old := ""
		if len(f) > 2 && strings.HasPrefix(f[2], "[") {
			old = strings.Trim(f[2], "[]")
		}
		switch f[0] {
		case "Inst":
			_, tail, _ := strings.Cut(l, "(")
			version, _, _ := strings.Cut(tail, " ")
			if old == "" {
				c.Install = append(c.Install, f[1]+" "+version)
			} else {
				c.Upgrade = append(c.Upgrade, f[1]+" "+old+" -> "+version)
			}
		case "Remv":
			c.Remove = append(c.Remove, strings.TrimSpace(f[1]+" "+old))
		case "Purg":
			c.Purge = append(c.Purge, strings.TrimSpace(f[1]+" "+old))
		}
	}
	return c
}

// text is the change as the two sides of a diff.
func (c change) text() (from, to string) {
	var a, b []string
	for _, u := range c.Upgrade {
		name, vs, _ := strings.Cut(u, " ")
		o, n, _ := strings.Cut(vs, " -> ")
		a, b = append(a, name+" "+o), append(b, name+" "+n)
	}
	a = append(append(a, c.Remove...), c.Purge...)
	b = append(b, c.Install...)
	slices.Sort(a)
	slices.Sort(b)
	return join(a), join(b)
}

func join(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
