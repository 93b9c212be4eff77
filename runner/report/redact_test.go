package report

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

func TestRedactForms(t *testing.T) {
	const secret = `p'a"s$s <w>&%\ö`
	r := &Redactor{}
	r.Add(secret)
	js, _ := json.Marshal(secret)
	texts := map[string]string{
		"plain":       "password is " + secret + ".",
		"JSON":        string(js),
		"JSON, plain": `{"a":"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret) + `"}`,
		"YAML":        "'" + strings.ReplaceAll(secret, "'", "''") + "'",
		"shell":       "'" + strings.ReplaceAll(secret, "'", `'\''`) + "'",
		"query":       "?p=" + url.QueryEscape(secret),
		"path":        "/" + url.PathEscape(secret),
		"backslashes": backslashed(secret),
	}
	for pad := range 7 {
		raw := []byte(strings.Repeat("u", pad) + secret + "::rest")
		texts["base64 "+strings.Repeat("u", pad)] = base64.StdEncoding.EncodeToString(raw)
		texts["base64url "+strings.Repeat("u", pad)] = base64.URLEncoding.EncodeToString(raw)
	}
	for name, text := range texts {
		got := r.Text(text)
		if !strings.Contains(got, "***") {
			t.Errorf("%s: %q is shown as %q", name, text, got)
		}
		if strings.Contains(name, "base64") {
			continue
		}
		for _, part := range []string{"p'a", "s$s", "<w>", "ö"} {
			if strings.Contains(got, part) {
				t.Errorf("%s: %q still holds %q", name, got, part)
			}
		}
	}
}

func TestRedactBase64LeavesNothing(t *testing.T) {
	// What is left around the *** decodes to nothing that belongs to the secret.
	const secret = "correct-horse-battery"
	r := &Redactor{}
	r.Add(secret)
	for pad := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", pad) + secret + "yyy"))
		before, after, ok := strings.Cut(r.Text(text), "***")
		if !ok {
			t.Fatalf("pad %d: nothing hidden in %s", pad, text)
		}
		if len(before) > 3 || len(after) > 7 {
			t.Errorf("pad %d: %q is left", pad, before+"***"+after)
		}
	}
}

func TestRedactLinesAndLengths(t *testing.T) {
	r := &Redactor{}
	r.Add("short", "first line\n  second line\r\nx\n", "abcdef", "defghi")
	for in, want := range map[string]string{
		"a short word":          "a short word",
		"x: second line":        "x: ***",
		"first line":            "***",
		"abcdefghi":             "***",
		"abcdef and defghi end": "*** and *** end",
		"":                      "",
	} {
		if got := r.Text(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
	var none *Redactor
	if got := none.Text("anything"); got != "anything" {
		t.Errorf("no redactor: %q", got)
	}
}

func TestRedactJSON(t *testing.T) {
	r := &Redactor{}
	r.Add("123456", `qu"ote and more`)
	if got := string(r.JSON(json.RawMessage(`{"a":"x qu\"ote and more"}`))); got != `{"a":"x ***"}` {
		t.Error(got)
	}
	if got := string(r.JSON(json.RawMessage(`{"pin":123456}`))); got != `"***"` {
		t.Error(got)
	}
}

func TestDiff(t *testing.T) {
	r := &Redactor{}
	r.Add("new-secret")
	for name, c := range map[string]struct{ from, to, want string }{
		"same":     {"a\n", "a\n", ""},
		"one line": {"0644", "0600", "-0644\n+0600"},
		"lines":    {"a\nb\nc\n", "a\nB\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c"},
		"created":  {"", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b"},
		"secret hides the old one too": {"x: 1\npassword: old-secret\ny: 2\n", "x: 1\npassword: new-secret\ny: 3\n",
			"@@ -1,3 +1,3 @@\n x: 1\n-***\n-***\n+***\n+y: 3"},
		"secret removed":        {"password: new-secret\nx\n", "x\n", "@@ -1,2 +1 @@\n-***\n x"},
		"secret beside":         {"password: new-secret\nx\n", "password: new-secret\ny\n", "@@ -1,2 +1,2 @@\n password: ***\n-x\n+y"},
		"end of line":           {"a\nb", "a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ no newline at the end before"},
		"not text":              {"a\x00", "b\n", "(not text: 2 bytes before, 2 after)"},
		"far apart":             {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\n6\n7\n8\n10\n", "@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-9\n+10"},
		"both without line end": {"a", "b", "-a\n+b"},
	} {
		if got := strings.Join(r.Diff(c.from, c.to), "\n"); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func BenchmarkRedact(b *testing.B) {
	r := &Redactor{}
	for i := range 30 {
		r.Add("secret-number-" + strings.Repeat("x", i))
	}
	text := strings.Repeat("a line of some output that says nothing\n", 250)
	for b.Loop() {
		r.Text(text)
	}
}
