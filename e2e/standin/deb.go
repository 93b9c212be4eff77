package standin

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Package is a Debian package to be made.
type Package struct {
	Name        string
	Version     string
	Depends     string // as in debian/control
	Description string // one line
	Files       []File
	Scripts     map[string]string // preinst, postinst, config, templates, ...
}

// File is a file, or with Link a symbolic link, that a package installs.
type File struct {
	Path string // absolute
	Mode fs.FileMode
	Text string
	Link string
}

// packaged is the time of all files: the same input gives the same bytes.
var packaged = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Deb is the package as dpkg reads it: an ar archive of two tar files.
func (p Package) Deb() ([]byte, error) {
	control, err := p.controlTar()
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", p.Name, err)
	}
	data, err := p.dataTar()
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", p.Name, err)
	}
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	arMember(&b, "debian-binary", []byte("2.0\n"))
	arMember(&b, "control.tar.gz", control)
	arMember(&b, "data.tar.gz", data)
	return b.Bytes(), nil
}

// fileName is the package's file name in the pool.
func (p Package) fileName() string { return p.Name + "_" + p.Version + "_all.deb" }

// control is the package's control stanza.
func (p Package) control() string {
	size := 0
	for _, f := range p.Files {
		size += len(f.Text)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Package: %s\nVersion: %s\nArchitecture: all\n", p.Name, p.Version)
	fmt.Fprintf(&b, "Maintainer: mxplay lab <lab@mxplay.invalid>\nInstalled-Size: %d\n", (size+1023)/1024)
	if p.Depends != "" {
		fmt.Fprintf(&b, "Depends: %s\n", p.Depends)
	}
	fmt.Fprintf(&b, "Section: net\nPriority: optional\nDescription: %s\n", p.Description)
	return b.String()
}

func (p Package) controlTar() ([]byte, error) {
	var sums strings.Builder
	for _, f := range p.Files {
		if f.Link == "" {
			fmt.Fprintf(&sums, "%x  %s\n", md5.Sum([]byte(f.Text)), strings.TrimPrefix(f.Path, "/"))
		}
	}
	files := []File{
		{Path: "/control", Mode: 0o644, Text: p.control()},
		{Path: "/md5sums", Mode: 0o644, Text: sums.String()},
	}
	for name, text := range p.Scripts {
		mode := fs.FileMode(0o755)
		if name == "templates" || name == "conffiles" {
			mode = 0o644
		}
		files = append(files, File{Path: "/" + name, Mode: mode, Text: text})
	}
	return tarGz(files)
}

func (p Package) dataTar() ([]byte, error) { return tarGz(p.Files) }

// tarGz packs files with the directories above them, all owned by root.
func tarGz(files []File) ([]byte, error) {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	made := map[string]bool{}
	for _, f := range files {
		if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path {
			return nil, fmt.Errorf("path %q is not absolute and clean", f.Path)
		}
		if err := tarDirs(tw, path.Dir(f.Path), made); err != nil {
			return nil, err
		}
		h := &tar.Header{Name: "." + f.Path, ModTime: packaged, Format: tar.FormatGNU, Uname: "root", Gname: "root"}
		if f.Link != "" {
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
		} else {
			h.Typeflag, h.Mode, h.Size = tar.TypeReg, int64(f.Mode), int64(len(f.Text))
		}
		if err := tw.WriteHeader(h); err != nil {
			return nil, err
		}
		if f.Link == "" {
			if _, err := tw.Write([]byte(f.Text)); err != nil {
				return nil, err
			}
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// tarDirs adds a directory and those above it, each once.
func tarDirs(tw *tar.Writer, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	made[dir] = true
	if dir != "/" {
		if err := tarDirs(tw, path.Dir(dir), made); err != nil {
			return err
		}
		dir += "/"
	}
	return tw.WriteHeader(&tar.Header{
		Typeflag: tar.TypeDir, Name: "." + dir, Mode: 0o755, ModTime: packaged,
		Format: tar.FormatGNU, Uname: "root", Gname: "root",
	})
}

// arMember appends one file to an ar archive; members begin at even offsets.
func arMember(b *bytes.Buffer, name string, data []byte) {
	fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", name, packaged.Unix(), 0, 0, 0o100644, len(data))
	b.Write(data)
	if len(data)%2 == 1 {
		b.WriteByte('\n')
	}
}
