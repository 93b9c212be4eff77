package standin

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
)

func testKey(t *testing.T) *Key {
	t.Helper()
	k, err := LoadKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyIsKept(t *testing.T) {
	dir := t.TempDir()
	a, err := LoadKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a.Fingerprint() != b.Fingerprint() || len(a.Fingerprint()) != 40 {
		t.Errorf("fingerprints %s and %s", a.Fingerprint(), b.Fingerprint())
	}
	armored, err := b.Armored()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(armored))
	if err != nil || ring[0].PrivateKey != nil {
		t.Errorf("the public key file: %v, private part %v", err, ring[0].PrivateKey)
	}
}

// members reads an ar archive.
func members(t *testing.T, deb []byte) map[string][]byte {
	t.Helper()
	rest, ok := bytes.CutPrefix(deb, []byte("!<arch>\n"))
	if !ok {
		t.Fatal("not an ar archive")
	}
	found := map[string][]byte{}
	for len(rest) > 0 {
		var size int
		if _, err := fmt.Sscanf(string(rest[48:58]), "%d", &size); err != nil || string(rest[58:60]) != "`\n" {
			t.Fatalf("bad member header %q", rest[:60])
		}
		found[strings.TrimSpace(string(rest[:16]))] = rest[60 : 60+size]
		rest = rest[60+size+size%2:]
	}
	return found
}

func untar(t *testing.T, data []byte) (names []string, texts map[string]string) {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	texts = map[string]string{}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return names, texts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		texts[h.Name] = string(text) + h.Linkname
	}
}

func TestDeb(t *testing.T) {
	p := Package{
		Name: "x", Version: "1.0", Depends: "a, b (>= 2)", Description: "an x",
		Scripts: map[string]string{"postinst": "#!/bin/sh\n"},
		Files: []File{
			{Path: "/usr/bin/y", Link: "x"},
			{Path: "/usr/bin/x", Mode: 0o755, Text: "odd"},
		},
	}
	deb, err := p.Deb()
	if err != nil {
		t.Fatal(err)
	}
	ar := members(t, deb)
	if string(ar["debian-binary"]) != "2.0\n" {
		t.Errorf("debian-binary %q", ar["debian-binary"])
	}
	_, control := untar(t, ar["control.tar.gz"])
	if !strings.Contains(control["./control"], "Depends: a, b (>= 2)\n") || control["./postinst"] == "" {
		t.Errorf("control: %q", control)
	}
	names, texts := untar(t, ar["data.tar.gz"])
	if got := strings.Join(names, " "); got != "./ ./usr/ ./usr/bin/ ./usr/bin/x ./usr/bin/y" {
		t.Errorf("files: %s", got)
	}
	if texts["./usr/bin/x"] != "odd" || texts["./usr/bin/y"] != "x" {
		t.Errorf("contents: %q", texts)
	}
	again, err := p.Deb()
	if err != nil || !bytes.Equal(again, deb) {
		t.Error("the same package twice gives different files")
	}
	p.Files = append(p.Files, File{Path: "usr/../etc/x"})
	if _, err := p.Deb(); err == nil {
		t.Error("a path that is not absolute is packed")
	}
}

func TestRepositoryIsSignedAndWhole(t *testing.T) {
	k := testKey(t)
	r, err := Build(k, Packages())
	if err != nil {
		t.Fatal(err)
	}
	file := func(path string) []byte {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 200 {
			t.Fatalf("%s: %d", path, w.Code)
		}
		return w.Body.Bytes()
	}
	ring, err := openpgp.ReadKeyRing(bytes.NewReader(file("/matrix-org-archive-keyring.gpg")))
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range suites {
		block, _ := clearsign.Decode(file("/dists/" + suite + "/InRelease"))
		if block == nil {
			t.Fatal("InRelease is not signed")
		}
		if _, err := block.VerifySignature(ring, nil); err != nil {
			t.Errorf("%s: %v", suite, err)
		}
		release := file("/dists/" + suite + "/Release")
		if _, err := openpgp.CheckArmoredDetachedSignature(ring, bytes.NewReader(release),
			bytes.NewReader(file("/dists/"+suite+"/Release.gpg")), nil); err != nil {
			t.Errorf("%s: Release.gpg: %v", suite, err)
		}
		index := file("/dists/" + suite + "/main/binary-amd64/Packages")
		want := fmt.Sprintf(" %x %d main/binary-amd64/Packages\n", sha256.Sum256(index), len(index))
		if !bytes.Contains(block.Plaintext, []byte(want)) {
			t.Errorf("%s: InRelease has not the line %q", suite, want)
		}
		for stanza := range strings.SplitSeq(strings.TrimSpace(string(index)), "\n\n") {
			var name, sum string
			for line := range strings.Lines(stanza) {
				line = strings.TrimSpace(line)
				if v, ok := strings.CutPrefix(line, "Filename: "); ok {
					name = v
				}
				if v, ok := strings.CutPrefix(line, "SHA256: "); ok {
					sum = v
				}
			}
			if got := fmt.Sprintf("%x", sha256.Sum256(file("/"+name))); got != sum {
				t.Errorf("%s: sum %s, index says %s", name, got, sum)
			}
		}
	}
}

func TestSynapseStaysInstallable(t *testing.T) {
	p := synapse("1.2.3", 4)
	control := p.control()
	for _, field := range []string{"Provides:", "Conflicts:"} {
		if strings.Contains(control, field) {
			t.Errorf("the control file has %s", field)
		}
	}
	want := map[string]string{
		"/opt/venvs/matrix-synapse/bin/python3": "python",
		"/usr/bin/register_new_matrix_user":     "/opt/venvs/matrix-synapse/bin/register_new_matrix_user",
	}
	for _, f := range p.Files {
		if link, ok := want[f.Path]; ok && f.Link == link {
			delete(want, f.Path)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing links: %v", want)
	}
}

func TestHashFollowsThePackages(t *testing.T) {
	first := Hash(Packages())
	for range 20 {
		if Hash(Packages()) != first {
			t.Fatal("equal packages have different hashes")
		}
	}
	if Hash(Packages()) == Hash(Packages()[:1]) {
		t.Error("different packages have one hash")
	}
}
