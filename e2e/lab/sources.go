package lab

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// source is one archive that apt reads packages from.
type source struct {
	uri        string
	suites     []string
	components []string
	signedBy   string
}

// Mirror is the Debian mirror the lab uses: MXPLAY_LAB_MIRROR, else the one in
// the machine's apt sources; "" where neither names one, as on Ubuntu.
func Mirror() string {
	if m := os.Getenv("MXPLAY_LAB_MIRROR"); m != "" {
		return strings.TrimRight(m, "/")
	}
	return debianMirror(machineSources("/etc/apt"))
}

// errNoMirror is for machines whose own apt sources name no Debian mirror.
var errNoMirror = errors.New("this machine's apt sources name no Debian mirror: set MXPLAY_LAB_MIRROR to the URL of one, such as http://mirror.example/debian")

// machineSources reads all of apt's source files below dir. What cannot be read
// is left out.
func machineSources(dir string) []source {
	files := []string{filepath.Join(dir, "sources.list")}
	more, _ := filepath.Glob(filepath.Join(dir, "sources.list.d", "*"))
	var all []source
	for _, f := range append(files, more...) {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		switch filepath.Ext(f) {
		case ".list":
			all = append(all, parseOneLine(string(text))...)
		case ".sources":
			all = append(all, parseDeb822(string(text))...)
		}
	}
	return all
}

// parseOneLine reads the classic format: deb [options] uri suite component...
func parseOneLine(text string) []source {
	var all []source
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !ok || rest == "" || !strings.ContainsAny(rest[:1], " \t[") {
			continue
		}
		var s source
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			options, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				continue
			}
			rest = after
			for _, o := range strings.Fields(options) {
				if v, ok := strings.CutPrefix(strings.ToLower(o), "signed-by="); ok {
					s.signedBy = v
				}
			}
		}
		f := strings.Fields(rest)
		if len(f) < 2 {
			continue
		}
		s.uri, s.suites, s.components = f[0], f[1:2], f[2:]
		all = append(all, s)
	}
	return all
}

// parseDeb822 reads the .sources format: stanzas of fields, one source a URI.
func parseDeb822(text string) []source {
	var all []source
	fields := map[string]string{}
	flush := func() {
		enabled := !slices.Contains([]string{"no", "false", "0"}, strings.ToLower(fields["enabled"]))
		if enabled && slices.Contains(strings.Fields(fields["types"]), "deb") {
			for _, uri := range strings.Fields(fields["uris"]) {
				all = append(all, source{
					uri:        uri,
					suites:     strings.Fields(fields["suites"]),
					components: strings.Fields(fields["components"]),
					signedBy:   fields["signed-by"],
				})
			}
		}
		clear(fields)
	}
	last := ""
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += " " + strings.TrimSpace(line)
		default:
			key, value, _ := strings.Cut(line, ":")
			last = strings.ToLower(strings.TrimSpace(key))
			fields[last] = strings.TrimSpace(value)
		}
	}
	flush()
	return all
}

var debianSuites = []string{
	"bullseye", "bookworm", "trixie", "forky", "sid",
	"oldoldstable", "oldstable", "stable", "testing", "unstable",
}

// debianMirror picks the mirror of Debian itself, or "". Other archives use
// Debian's suite names and component too, but sign with a key of their own.
func debianMirror(all []source) string {
	best := ""
	for _, s := range all {
		uri := strings.TrimRight(s.uri, "/")
		if !strings.HasPrefix(uri, "http://") && !strings.HasPrefix(uri, "https://") {
			continue
		}
		if !slices.Contains(s.components, "main") || strings.Contains(uri, "ubuntu") ||
			!slices.ContainsFunc(s.suites, func(x string) bool { return slices.Contains(debianSuites, x) }) {
			continue
		}
		if s.signedBy != "" && !strings.Contains(s.signedBy, "debian-archive") {
			continue
		}
		if strings.HasSuffix(uri, "/debian") {
			return uri
		}
		if best == "" {
			best = uri
		}
	}
	return best
}
