// Package archive reads archives of the controller, whatever their form, and
// writes what is wanted of them as one form that every host can unpack.
package archive

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Select says what of an archive is wanted.
type Select struct {
	Include []string // names; a directory with what is below it. All when empty
	Exclude []string // patterns, as tar's --exclude takes them
	Strip   int      // leading parts of each name that are taken away
}

// Pack writes what is wanted of an archive to w, as a tar compressed with gzip,
// and returns what is in it.
func Pack(w io.Writer, file string, sel Select) ([]modules.Entry, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	gz, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	p := &packer{tw: tar.NewWriter(gz), sel: sel, files: map[string]modules.Entry{}}
	if err := p.read(f); err != nil {
		return nil, err
	}
	return p.entries, errors.Join(p.tw.Close(), gz.Close())
}

// packer copies members from one archive into another.
type packer struct {
	tw      *tar.Writer
	sel     Select
	entries []modules.Entry
	files   map[string]modules.Entry // by the name in the old archive, for hard links
}

func (p *packer) read(f *os.File) error {
	buf := bufio.NewReader(f)
	head, _ := buf.Peek(300)
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case has("PK\x03\x04"), has("PK\x05\x06"):
		st, err := f.Stat()
		if err != nil {
			return err
		}
		return p.zip(f, st.Size())
	case has("\x1f\x8b"):
		gz, err := gzip.NewReader(buf)
		if err != nil {
			return err
		}
		return p.tar(gz)
	case has("BZh"):
		return p.tar(bzip2.NewReader(buf))
	case has("\xfd7zXZ\x00"):
		return p.through("xz", buf)
	case has("\x28\xb5\x2f\xfd"):
		return p.through("zstd", buf)
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return p.tar(buf)
	}
	return errors.New("it is no archive: a tar, also compressed with gzip, bzip2, xz or zstd, or a zip")
}

// through reads a tar that a program of the controller decompresses.
func (p *packer) through(program string, r io.Reader) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("there is no program %s on the controller to decompress it", program)
	}
	cmd := exec.Command(program, "-dc")
	cmd.Stdin = r
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = p.tar(out)
	_, _ = io.Copy(io.Discard, out)
	if werr := cmd.Wait(); werr != nil {
		return fmt.Errorf("%s: %w: %s", program, werr, strings.TrimSpace(stderr.String()))
	}
	return err
}

func (p *packer) tar(r io.Reader) error {
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		e := modules.Entry{Mode: uint32(h.Mode) & 0o7777, Owner: h.Uname, Group: h.Gname, UID: h.Uid, GID: h.Gid, Owned: true, Mtime: h.ModTime.Unix()}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse:
			e.Kind, e.Size = "file", h.Size
		case tar.TypeDir:
			e.Kind = "directory"
		case tar.TypeSymlink:
			e.Kind, e.Target = "link", h.Linkname
		case tar.TypeLink:
			e.Kind, e.Target = "hard", h.Linkname
		case tar.TypeXGlobalHeader:
			continue
		default:
			return fmt.Errorf("%s is no file, directory or link", h.Name)
		}
		if err := p.add(h.Name, e, tr); err != nil {
			return err
		}
	}
}

func (p *packer) zip(r io.ReaderAt, size int64) error {
	zr, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	for _, f := range zr.File {
		mode := f.Mode()
		e := modules.Entry{Kind: "file", Mode: uint32(mode.Perm()), Size: int64(f.UncompressedSize64), Mtime: f.Modified.Unix()}
		if f.CreatorVersion>>8 != 3 { // not made on Unix: it has no permissions
			e.Mode = 0o644
		}
		if mode.IsDir() {
			e.Kind, e.Mode, e.Size = "directory", e.Mode|0o700, 0
			if f.CreatorVersion>>8 != 3 {
				e.Mode = 0o755
			}
		}
		in, err := f.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if mode&os.ModeSymlink != 0 {
			target, err := io.ReadAll(io.LimitReader(in, 4096))
			if err != nil {
				return err
			}
			e.Kind, e.Target, e.Size = "link", string(target), 0
		}
		if err := errors.Join(p.add(f.Name, e, in), in.Close()); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// add takes a member over when it is wanted.
func (p *packer) add(old string, e modules.Entry, content io.Reader) error {
	name, err := clean(old)
	if err != nil {
		return err
	}
	if name == "" || !p.sel.wants(name) {
		return nil
	}
	if e.Name = strip(name, p.sel.Strip); e.Name == "" {
		return nil
	}
	h := &tar.Header{Name: e.Name, Mode: int64(e.Mode), Uname: e.Owner, Gname: e.Group, Uid: e.UID, Gid: e.GID, Size: e.Size,
		ModTime: time.Unix(e.Mtime, 0), Linkname: e.Target, Typeflag: tar.TypeReg}
	switch e.Kind {
	case "directory":
		h.Typeflag, h.Name = tar.TypeDir, e.Name+"/"
	case "link":
		h.Typeflag, e.Mode = tar.TypeSymlink, 0o777
	case "hard":
		target, err := clean(e.Target)
		if err != nil {
			return err
		}
		to, ok := p.files[target]
		if !ok {
			return fmt.Errorf("%s is a hard link to %s, which is not in the archive before it, or left out", old, e.Target)
		}
		h.Typeflag, h.Linkname = tar.TypeLink, to.Name
		e.Kind, e.Target, e.Size, e.Hash, e.Mode = "file", "", to.Size, to.Hash, to.Mode
	}
	if err := p.tw.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", old, err)
	}
	if h.Typeflag == tar.TypeReg {
		sum := sha256.New()
		if _, err := io.Copy(io.MultiWriter(p.tw, sum), content); err != nil {
			return fmt.Errorf("%s: %w", old, err)
		}
		e.Hash = hex.EncodeToString(sum.Sum(nil))
	}
	if e.Kind == "file" {
		p.files[name] = e
	}
	p.entries = append(p.entries, e)
	return nil
}

// clean is a member's name below the directory that it is unpacked in; empty for that itself.
func clean(name string) (string, error) {
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("%s leads out of the directory that it is unpacked in", name)
		}
	}
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	return name, nil
}

// strip takes leading parts of a name away; empty when nothing is left.
func strip(name string, n int) string {
	for ; n > 0 && name != ""; n-- {
		_, name, _ = strings.Cut(name, "/")
	}
	return name
}

func (s Select) wants(name string) bool {
	in := len(s.Include) == 0
	for _, i := range s.Include {
		i, _ = clean(i)
		in = in || name == i || strings.HasPrefix(name, i+"/")
	}
	if !in {
		return false
	}
	for _, x := range s.Exclude {
		x = strings.TrimSuffix(strings.TrimPrefix(x, "./"), "/")
		for at := name; at != "." && at != "/"; at = path.Dir(at) { // what is below an excluded directory too
			for rest, more := at, true; more; _, rest, more = strings.Cut(rest, "/") {
				if match(x, rest) {
					return false
				}
			}
		}
	}
	return true
}

// match is a pattern of tar's: * and ? stand for slashes too.
func match(pattern, name string) bool {
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			for j := 0; j <= len(name); j++ {
				if match(pattern[i+1:], name[j:]) {
					return true
				}
			}
			return false
		case '?':
			if name == "" {
				return false
			}
		default:
			if c == '\\' && i+1 < len(pattern) {
				i++
				c = pattern[i]
			}
			if name == "" || name[0] != c {
				return false
			}
		}
		name = name[1:]
	}
	return name == ""
}
