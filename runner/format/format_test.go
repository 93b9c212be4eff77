package format

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/mxplay/mxplay/runner/source"
)

// TestCases: a case is a txtar with the files "in" and "out"; \t, \r and ⏎ (a
// space at a line's end) stand for what an editor would eat. UPDATE=1 writes "out".
func TestCases(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txtar")
	if len(paths) == 0 {
		t.Fatal("no cases")
	}
	see := strings.NewReplacer("→", "\t", "␍", "\r", "·\n", " \n", "¶\n", "")
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil || len(ar.Files) == 0 {
				t.Fatal("no case", err)
			}
			in := []byte(see.Replace(string(ar.Files[0].Data)))
			got, err := YAML("in.yml", in)
			if err != nil {
				t.Fatal(err)
			}
			hide := strings.NewReplacer("\t", "→", "\r", "␍", " \n", "·\n").Replace(string(got))
			if !strings.HasSuffix(hide, "\n") {
				hide += "¶\n"
			}
			if os.Getenv("UPDATE") != "" {
				ar.Files = []txtar.File{ar.Files[0], {Name: "out", Data: []byte(hide)}}
				if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(ar.Files) != 2 || string(ar.Files[1].Data) != hide {
				t.Errorf("got\n%s\nwant\n%s", hide, ar.Files[len(ar.Files)-1].Data)
			}
			holds(t, in, got)
		})
	}
}

var comment = regexp.MustCompile(`(?m)(^|\s)#.*$`)

// holds checks what fmt promises of a text and its result: the same values,
// the same comments, and a result that stays as it is.
func holds(t *testing.T, in, out []byte) {
	t.Helper()
	a, err := source.ReadYAML("a", in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := source.ReadYAML("b", out)
	if err != nil {
		t.Fatalf("the result does not parse: %v\n%s", err, out)
	}
	if n := differ(a, b); n != nil {
		t.Errorf("%s: another value\n%s", n.Pos, out)
	}
	if off := sameMarks(in, out); off >= 0 {
		t.Errorf("more than white space changed at %d\n%s", off, out)
	}
	trim := func(all []string) string {
		for i := range all {
			all[i] = strings.TrimSpace(all[i])
		}
		return strings.Join(all, "\n")
	}
	if x, y := trim(comment.FindAllString(string(in), -1)), trim(comment.FindAllString(string(out), -1)); x != y {
		t.Errorf("comments\n%s\nbecame\n%s", x, y)
	}
	again, err := YAML("again", out)
	if err != nil {
		t.Fatalf("the result cannot be laid out: %v\n%s", err, out)
	}
	if !bytes.Equal(again, out) {
		t.Errorf("the second time it differs:\n%s\nfrom\n%s\nof\n%q", again, out, in)
	}
}

// TestTree lays out every YAML file that comes with mxplay.
func TestTree(t *testing.T) {
	n := 0
	_ = filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		var texts [][]byte
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".yml", ".yaml":
			texts = [][]byte{data}
		case ".txtar":
			for _, f := range txtar.Parse(data).Files {
				if ext := filepath.Ext(f.Name); ext == ".yml" || ext == ".yaml" {
					texts = append(texts, f.Data)
				}
			}
		}
		for _, in := range texts {
			if _, err := source.ReadYAML(path, in); err != nil {
				continue
			}
			out, err := YAML(path, in)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			n++
			holds(t, in, out)
			if shipped := strings.HasPrefix(path, "../../playbooks/") || strings.HasPrefix(path, "../../examples/"); shipped && !bytes.Equal(in, out) {
				t.Errorf("mxplay fmt %s would change it", path)
			}
		}
		return nil
	})
	if n < 100 {
		t.Errorf("only %d texts", n)
	}
}

// FuzzFmt: whatever parses is laid out and keeps its promises, or is refused.
func FuzzFmt(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.txtar")
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(ar.Files[0].Data))
	}
	for _, s := range []string{"a: b # c\n", "- - a\n  - b\n", "a: |2-\n   x\n # c\n", "? a\n: b\n", "{a: [1, 'x', \"y\"]}", "&a x: *a\n", "--- |\n x\n...\n--- a\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := YAML("in.yml", in)
		if err != nil {
			return
		}
		if bytes.HasPrefix(in, []byte("$ANSIBLE_VAULT;")) {
			return
		}
		a, _ := source.ReadYAML("a", in)
		b, err := source.ReadYAML("b", out)
		if err != nil || differ(a, b) != nil || sameMarks(in, out) >= 0 {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		again, err := YAML("again", out)
		if err == nil && !bytes.Equal(again, out) {
			t.Fatalf("%q became %q, then %q", in, out, again)
		}
	})
}
