package lab

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Files describes every file of a host: what it is, owner, mode, time of
// change and a hash of its content, by absolute path. It looks from outside,
// so /proc, /sys, /dev, /run and /tmp are empty and reading leaves no trace.
// Paths at and below skip are left out. Two results are compared by Changed.
func (l *Lab) Files(host string, skip ...string) (map[string]string, error) {
	root, err := l.Root(host)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone while we walked
		}
		if err != nil {
			return err
		}
		name := "/" + strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
		for _, s := range skip {
			if name == s || strings.HasPrefix(name, s+"/") {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
		}
		files[name], err = describeFile(path, d)
		return err
	})
	return files, err
}

func describeFile(path string, d fs.DirEntry) (string, error) {
	info, err := d.Info()
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	text := fmt.Sprintf("%v %d:%d %s", info.Mode(), st.Uid, st.Gid, info.ModTime().UTC().Format("2006-01-02T15:04:05.000000000"))
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return text + " -> " + target, err
	case info.Mode().IsRegular():
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s %x", text, sum.Sum(nil)), nil
	}
	return text, nil
}

// Changed lists what differs between two results of Files, a line each.
func Changed(before, after map[string]string) []string {
	var lines []string
	for name, was := range before {
		switch now, ok := after[name]; {
		case !ok:
			lines = append(lines, name+": removed")
		case now != was:
			lines = append(lines, name+": "+was+" became "+now)
		}
	}
	for name, now := range after {
		if _, ok := before[name]; !ok {
			lines = append(lines, name+": added, "+now)
		}
	}
	slices.Sort(lines)
	return lines
}
