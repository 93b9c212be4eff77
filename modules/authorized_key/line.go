package authorizedkey

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// line is one key of an authorized_keys file; blob is empty for any other line.
type line struct {
	options, kind, blob, comment string
}

func (l line) String() string {
	out := l.kind + " " + l.blob
	if l.options != "" {
		out = l.options + " " + out
	}
	if l.comment != "" {
		out += " " + l.comment
	}
	return out
}

// parse reads a line: [options] kind blob [comment]. Options may hold blanks in double quotes.
func parse(text string) line {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "#") {
		return line{}
	}
	if l, ok := bare(text); ok {
		return l
	}
	quoted := false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' && (i == 0 || text[i-1] != '\\'):
			quoted = !quoted
		case (c == ' ' || c == '\t') && !quoted:
			l, ok := bare(strings.TrimSpace(text[i:]))
			if !ok {
				return line{}
			}
			l.options = text[:i]
			return l
		}
	}
	return line{}
}

// bare reads a line without options.
func bare(text string) (line, bool) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return line{}, false
	}
	l := line{kind: f[0], blob: f[1], comment: strings.Join(f[2:], " ")}
	b, err := base64.StdEncoding.DecodeString(l.blob)
	if err != nil || len(b) < 4 {
		return line{}, false
	}
	n := binary.BigEndian.Uint32(b)
	return l, uint64(n)+4 <= uint64(len(b)) && string(b[4:4+n]) == l.kind
}

// merge is a file's lines with the keys, or without them.
func merge(lines []string, keys []line, a Args) []string {
	wanted := map[string]line{}
	for _, k := range keys {
		wanted[k.blob] = k
	}
	var out []string
	done := map[string]bool{}
	for _, text := range lines {
		l := parse(text)
		k, meant := wanted[l.blob]
		switch {
		case l.blob == "":
			out = append(out, text)
		case !meant && !a.Exclusive, meant && a.State == "present" && !done[l.blob] && k == l:
			out = append(out, text)
		case meant && a.State == "present" && !done[l.blob]:
			out = append(out, k.String())
		}
		done[l.blob] = true
	}
	for _, k := range keys {
		if a.State == "present" && !done[k.blob] {
			done[k.blob] = true
			out = append(out, k.String())
		}
	}
	return out
}
