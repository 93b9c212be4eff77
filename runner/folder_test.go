package runner

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/playbook"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func folderRun() *run {
	return &run{p: &Program{loader: playbook.New(playbook.Options{})}, store: newStore()}
}

// A folder becomes content: names below it, links followed, no more bytes inline than fit, all of them held until let go.
func TestFolder(t *testing.T) {
	files := map[string]string{"a": "a", "sub/b": "b", "sub/large": strings.Repeat("x", inline+1)}
	for _, n := range strings.Fields("0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16") {
		files["many/"+n] = strings.Repeat(n, inline/len(n))
	}
	dir := tree(t, files)
	if err := os.Symlink("sub", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	r := folderRun()
	m, err := r.folder(dir, "x/")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	sum := 0
	for _, c := range m.content.Tree {
		if !c.Dir {
			sum += len(c.Inline)
			if len(c.Inline) == 0 {
				f, _, err := r.store.open(c.Hash)
				if err != nil {
					t.Errorf("%s neither comes along nor is held: %v", c.Name, err)
					continue
				}
				f.Close()
			}
		}
		if !strings.HasPrefix(c.Name, "many/") {
			names = append(names, c.Name+" "+c.Mode)
		}
	}
	want := "a 0640,link 0755,link/b 0640,link/large 0640,many 0755,sub 0755,sub/b 0640,sub/large 0640"
	if got := strings.Join(names, ","); got != want {
		t.Errorf("holds %s\nwant %s", got, want)
	}
	if !m.content.Dir || !strings.HasSuffix(m.content.Name, "/") || sum > folderInline || sum == 0 {
		t.Errorf("content %v %q, %d bytes come along", m.content.Dir, m.content.Name, sum)
	}
	if m.done(); len(r.store.held) != 0 {
		t.Errorf("%d files are still held", len(r.store.held))
	}
}

func TestFolderRefused(t *testing.T) {
	many := map[string]string{}
	for i := range 3000 {
		many[strings.Repeat("y", 230)+strconv.Itoa(i)] = ""
	}
	loop := tree(t, map[string]string{"a": "a"})
	if err := os.Symlink(".", filepath.Join(loop, "b")); err != nil {
		t.Fatal(err)
	}
	dangling := t.TempDir()
	if err := os.Symlink("nowhere", filepath.Join(dangling, "b")); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{tree(t, many): "too many for one task", loop: "does a link lead back", dangling: "b"} {
		r := folderRun()
		if _, err := r.folder(dir, "x"); err == nil || !strings.Contains(err.Error(), want) || len(r.store.held) != 0 {
			t.Errorf("%v, want %s; %d held", err, want, len(r.store.held))
		}
	}
}
