package standin

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// The repository has the same packages for every suite and architecture.
var (
	suites        = []string{"bookworm", "trixie", "sid"}
	components    = []string{"main", "prerelease"}
	architectures = []string{"amd64", "arm64"}
)

// Repo is a finished repository, to be served at any path:
//
//	dists/SUITE/{InRelease,Release,Release.gpg,main/binary-ARCH/Packages...}
//	pool/NAME_VERSION_all.deb
//	matrix-org-archive-keyring.{gpg,asc}
type Repo struct {
	files map[string][]byte
	made  time.Time
	hash  string
}

// Build makes a repository of the packages, signed with the key.
func Build(key *Key, packages []Package) (*Repo, error) {
	r := &Repo{files: map[string][]byte{}, made: time.Now(), hash: Hash(packages)}
	var index bytes.Buffer
	for _, p := range packages {
		deb, err := p.Deb()
		if err != nil {
			return nil, err
		}
		name := "pool/" + p.fileName()
		r.files[name] = deb
		fmt.Fprintf(&index, "%sFilename: %s\nSize: %d\nMD5sum: %x\nSHA256: %x\n\n",
			p.control(), name, len(deb), md5.Sum(deb), sha256.Sum256(deb))
	}
	for _, suite := range suites {
		if err := r.addSuite(key, suite, index.Bytes()); err != nil {
			return nil, err
		}
	}
	var err error
	if r.files["matrix-org-archive-keyring.gpg"], err = key.Public(); err != nil {
		return nil, err
	}
	r.files["matrix-org-archive-keyring.asc"], err = key.Armored()
	return r, err
}

// Hash is equal for equal packages in the same order, whatever key signs them.
func Hash(packages []Package) string {
	sum := sha256.New()
	for _, p := range packages {
		fmt.Fprintf(sum, "%#v\n", p) // maps are printed in the order of their keys
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8])
}

// Hash is the Hash of its packages.
func (r *Repo) Hash() string { return r.hash }

func (r *Repo) addSuite(key *Key, suite string, main []byte) error {
	indexes := map[string][]byte{}
	for _, component := range components {
		index := main
		if component != "main" {
			index = nil
		}
		for _, arch := range architectures {
			dir := component + "/binary-" + arch + "/"
			zipped, err := gz(index)
			if err != nil {
				return err
			}
			indexes[dir+"Packages"], indexes[dir+"Packages.gz"] = index, zipped
		}
	}
	release := r.release(suite, indexes)
	inline, err := key.clearSign(release)
	if err != nil {
		return fmt.Errorf("sign %s: %w", suite, err)
	}
	detached, err := key.detachSign(release)
	if err != nil {
		return fmt.Errorf("sign %s: %w", suite, err)
	}
	dist := "dists/" + suite + "/"
	r.files[dist+"Release"], r.files[dist+"InRelease"], r.files[dist+"Release.gpg"] = release, inline, detached
	for name, text := range indexes {
		r.files[dist+name] = text
	}
	return nil
}

func (r *Repo) release(suite string, indexes map[string][]byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Origin: matrix.org\nLabel: matrix.org\nSuite: %[1]s\nCodename: %[1]s\n", suite)
	fmt.Fprintf(&b, "Date: %s\n", r.made.UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"))
	fmt.Fprintf(&b, "Architectures: %s\nComponents: %s\n", strings.Join(architectures, " "), strings.Join(components, " "))
	b.WriteString("Description: stand-in for packages.matrix.org\nSHA256:\n")
	names := make([]string, 0, len(indexes))
	for name := range indexes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, " %x %d %s\n", sha256.Sum256(indexes[name]), len(indexes[name]), name)
	}
	return b.Bytes()
}

func gz(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

// ServeHTTP serves the repository's files.
func (r *Repo) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name := strings.TrimPrefix(path.Clean("/"+req.URL.Path), "/")
	data, ok := r.files[name]
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, req, "", r.made, bytes.NewReader(data))
}
