package report

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"
)

// minSecret is the length below which a secret is not looked for: its letters
// would stand everywhere.
const minSecret = 6

// hidden stands where a secret stood.
const hidden = "***"

// Redactor replaces the secrets of a run in all that is shown. It is the
// second line: values that are known to hold secrets are hidden before.
// A nil Redactor, and the zero one, replace nothing.
type Redactor struct {
	mu    sync.RWMutex
	known map[string]bool
	forms []string // every form of every secret
}

// Add makes secrets known, from now on.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]bool{}
	}
	fresh := false
	for _, s := range secrets {
		if r.known[s] {
			continue
		}
		r.known[s] = true
		for _, f := range forms(s) {
			r.forms = append(r.forms, f)
			fresh = true
		}
	}
	if !fresh {
		return
	}
	sort.Strings(r.forms)
	uniq := r.forms[:0]
	for i, f := range r.forms {
		if i == 0 || f != r.forms[i-1] {
			uniq = append(uniq, f)
		}
	}
	r.forms = uniq
}

// forms are the ways in which a secret can turn up in a text.
func forms(secret string) []string {
	parts := []string{secret, strings.TrimSpace(secret)}
	if strings.ContainsAny(secret, "\r\n") {
		for line := range strings.FieldsFuncSeq(secret, func(r rune) bool { return r == '\n' || r == '\r' }) {
			parts = append(parts, line, strings.TrimSpace(line))
		}
	}
	var out []string
	for _, p := range parts {
		if utf8.RuneCountInString(p) < minSecret {
			continue
		}
		js, _ := json.Marshal(p)
		plainJS := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(js))
		out = append(out, p,
			trimQuotes(string(js)), trimQuotes(plainJS),
			strings.ReplaceAll(p, "'", "''"),    // YAML, SQL
			strings.ReplaceAll(p, "'", `'\''`),  // shell
			strings.ReplaceAll(p, "'", `'"'"'`), // shell, as Python quotes
			backslashed(p),
			url.QueryEscape(p), url.PathEscape(p),
			strings.ReplaceAll(url.QueryEscape(p), "+", "%20"),
		)
		out = append(out, base64Forms(p)...)
	}
	return out
}

func trimQuotes(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(s, `"`), `"`)
}

// backslashed has a backslash before all that is special between double quotes of a shell.
func backslashed(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s)
}

// base64Forms are the letters that a secret gives, wherever it stands in the
// encoded bytes: those that hold nothing but its own bits.
func base64Forms(s string) []string {
	var out []string
	for pad := range 3 {
		raw := append(make([]byte, pad), s...)
		from := (pad*8 + 5) / 6
		to := len(raw) * 8 / 6
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if text := enc.EncodeToString(raw); to-from >= minSecret {
				out = append(out, text[from:to])
			}
		}
	}
	return out
}

// find are the places of secrets in s, in order and without overlap.
func (r *Redactor) find(s string) [][2]int {
	if r == nil || s == "" {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	var spans [][2]int
	for _, f := range r.forms {
		for at := 0; ; {
			i := strings.Index(s[at:], f)
			if i < 0 {
				break
			}
			spans = append(spans, [2]int{at + i, at + i + len(f)})
			at += i + 1
		}
	}
	sort.Slice(spans, func(i, j int) bool { return spans[i][0] < spans[j][0] })
	var out [][2]int
	for _, p := range spans {
		if n := len(out); n > 0 && p[0] <= out[n-1][1] {
			out[n-1][1] = max(out[n-1][1], p[1])
			continue
		}
		out = append(out, p)
	}
	return out
}

// Has tells whether a secret stands in s.
func (r *Redactor) Has(s string) bool { return len(r.find(s)) > 0 }

// Text is s with *** in place of every secret.
func (r *Redactor) Text(s string) string {
	spans := r.find(s)
	if spans == nil {
		return s
	}
	var b strings.Builder
	last := 0
	for _, p := range spans {
		b.WriteString(s[last:p[0]])
		b.WriteString(hidden)
		last = p[1]
	}
	b.WriteString(s[last:])
	return b.String()
}

// Texts is Text of each.
func (r *Redactor) Texts(list []string) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = r.Text(s)
	}
	return out
}

// JSON is a JSON text with every secret in its strings replaced.
func (r *Redactor) JSON(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return raw
	}
	out := r.Text(string(raw))
	if out == string(raw) {
		return raw
	}
	if !json.Valid([]byte(out)) {
		// a secret reached over more than the inside of a string, such as a number
		b, _ := json.Marshal(hidden)
		return b
	}
	return json.RawMessage(out)
}
