package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// member is one of an archive that a test makes.
type member struct {
	kind         byte
	name, target string
	text         string
	mode         int64
}

var members = []member{
	{kind: tar.TypeDir, name: "./", mode: 0o700},
	{kind: tar.TypeDir, name: "app-1.0/", mode: 0o755},
	{kind: tar.TypeReg, name: "app-1.0/run", text: "#!/bin/sh\n", mode: 0o755},
	{kind: tar.TypeReg, name: "./app-1.0/doc/README.md", text: "read\n", mode: 0o644},
	{kind: tar.TypeReg, name: "app-1.0/doc/api/x.md", text: "x\n", mode: 0o640},
	{kind: tar.TypeLink, name: "app-1.0/start", target: "app-1.0/run"},
	{kind: tar.TypeSymlink, name: "app-1.0/latest", target: "doc"},
}

func tarOf(t *testing.T, ms []member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range ms {
		h := &tar.Header{Typeflag: m.kind, Name: m.name, Linkname: m.target, Mode: m.mode, Size: int64(len(m.text)), Uname: "builder", Uid: 1000, Gname: "staff", Gid: 50, ModTime: time.Unix(1e9, 0)}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members[1:] {
		if m.kind == tar.TypeLink {
			continue
		}
		h := &zip.FileHeader{Name: m.name, Modified: time.Unix(1e9, 0), Method: zip.Deflate}
		mode, text := os.FileMode(m.mode), m.text
		switch m.kind {
		case tar.TypeSymlink:
			mode, text = os.ModeSymlink|0o777, m.target
		case tar.TypeDir:
			mode |= os.ModeDir
		}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pack is the entries as text, and what a tar reads from what was packed.
func pack(t *testing.T, data []byte, sel Select) (list string, packed string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	entries, err := Pack(&out, file, sel)
	if err != nil {
		return "", "", err
	}
	var l, p strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&l, "%s %s %04o %d %s\n", e.Kind, e.Name, e.Mode, e.Size, e.Target)
	}
	gz, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if err == io.EOF {
			return l.String(), p.String(), nil
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r)
		fmt.Fprintf(&p, "%c %s %s %q\n", h.Typeflag, h.Name, h.Linkname, text)
	}
}

func TestPack(t *testing.T) {
	plain := tarOf(t, members)
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, _ = w.Write(plain)
	_ = w.Close()
	forms := map[string][]byte{"tar": plain, "gzip": gz.Bytes(), "zip": zipOf(t)}
	for _, program := range []string{"xz", "zstd", "bzip2"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Logf("there is no %s here", program)
			continue
		}
		cmd := exec.Command(program, "-c")
		cmd.Stdin = bytes.NewReader(plain)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		forms[program] = out
	}
	for name, data := range forms {
		t.Run(name, func(t *testing.T) {
			list, packed, err := pack(t, data, Select{})
			if err != nil {
				t.Fatal(err)
			}
			want := `directory app-1.0 0755 0 
file app-1.0/run 0755 10 
file app-1.0/doc/README.md 0644 5 
file app-1.0/doc/api/x.md 0640 2 
file app-1.0/start 0755 10 
link app-1.0/latest 0777 0 doc
`
			wantPacked := `5 app-1.0/  ""
0 app-1.0/run  "#!/bin/sh\n"
0 app-1.0/doc/README.md  "read\n"
0 app-1.0/doc/api/x.md  "x\n"
1 app-1.0/start app-1.0/run ""
2 app-1.0/latest doc ""
`
			if name == "zip" {
				want = strings.Replace(want, "file app-1.0/start 0755 10 \n", "", 1)
				wantPacked = strings.Replace(wantPacked, "1 app-1.0/start app-1.0/run \"\"\n", "", 1)
			}
			if list != want || packed != wantPacked {
				t.Errorf("entries\n%spacked\n%s", list, packed)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	for _, x := range []struct {
		name string
		sel  Select
		want string
	}{
		{"strip", Select{Strip: 1}, "run doc/README.md doc/api/x.md start latest"},
		{"strip all", Select{Strip: 2}, "README.md api/x.md"},
		{"pattern", Select{Exclude: []string{"*.md"}}, "app-1.0 app-1.0/run app-1.0/start app-1.0/latest"},
		{"folder", Select{Exclude: []string{"app-1.0/doc/"}}, "app-1.0 app-1.0/run app-1.0/start app-1.0/latest"},
		{"part", Select{Exclude: []string{"api", "r?n", "start"}}, "app-1.0 app-1.0/doc/README.md app-1.0/latest"},
		{"include", Select{Include: []string{"./app-1.0/doc", "app-1.0/run"}}, "app-1.0/run app-1.0/doc/README.md app-1.0/doc/api/x.md"},
	} {
		t.Run(x.name, func(t *testing.T) {
			list, _, err := pack(t, tarOf(t, members), x.sel)
			var names []string
			for l := range strings.Lines(list) {
				names = append(names, strings.Fields(l)[1])
			}
			if got := strings.Join(names, " "); got != x.want || err != nil {
				t.Errorf("%s, %v; want %s", got, err, x.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for want, data := range map[string][]byte{
		"leads out of the directory": tarOf(t, []member{{kind: tar.TypeReg, name: "a/../../etc/passwd"}}),
		"is no file, directory":      tarOf(t, []member{{kind: tar.TypeFifo, name: "pipe"}}),
		"is a hard link to gone":     tarOf(t, []member{{kind: tar.TypeLink, name: "a", target: "gone"}}),
		"it is no archive":           []byte("just a text"),
		"unexpected EOF":             tarOf(t, members)[:1300],
	} {
		if _, _, err := pack(t, data, Select{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if list, _, err := pack(t, tarOf(t, []member{{kind: tar.TypeReg, name: "/etc/x", mode: 0o600}}), Select{}); err != nil || list != "file etc/x 0600 0 \n" {
		t.Errorf("an absolute name: %q, %v", list, err)
	}
}
