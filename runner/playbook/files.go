package playbook

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// Paths are those of the disk, or NAME:/... for the tree that comes with the
// program. Everything that is named by a playbook is opened here, so that a
// shipped role finds its files where it stands.

// builtin is the path inside the shipped tree, if it is one of it.
func (l *Loader) builtin(p string) (string, bool) {
	rest, ok := strings.CutPrefix(p, l.opts.Name+":")
	if !ok || l.opts.Builtin == nil {
		return "", false
	}
	rest = strings.TrimPrefix(path.Clean("/"+rest), "/")
	if rest == "" {
		rest = "."
	}
	return rest, true
}

// clean is a path in its shortest form.
func (l *Loader) clean(p string) string {
	if in, ok := l.builtin(p); ok {
		return l.opts.Name + ":/" + in
	}
	return filepath.Clean(p)
}

// Join is a name as seen from a folder: absolute names, ~/ and shipped paths stand for themselves.
func (l *Loader) Join(dir, name string) string {
	if _, ok := l.builtin(name); ok {
		return l.clean(name)
	}
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if in, ok := l.builtin(dir); ok {
		return l.opts.Name + ":" + path.Join("/", in, filepath.ToSlash(name))
	}
	return filepath.Join(dir, name)
}

// ReadFile reads a file of the disk or of the shipped tree.
func (l *Loader) ReadFile(p string) ([]byte, error) {
	if in, ok := l.builtin(p); ok {
		return fs.ReadFile(l.opts.Builtin, in)
	}
	return os.ReadFile(p)
}

// Stat describes a file or folder, links followed.
func (l *Loader) Stat(p string) (fs.FileInfo, error) {
	if in, ok := l.builtin(p); ok {
		return fs.Stat(l.opts.Builtin, in)
	}
	return os.Stat(p)
}

// ReadDir lists a folder, sorted by name.
func (l *Loader) ReadDir(p string) ([]fs.DirEntry, error) {
	if in, ok := l.builtin(p); ok {
		return fs.ReadDir(l.opts.Builtin, in)
	}
	return os.ReadDir(p)
}

func (l *Loader) isFile(p string) bool {
	i, err := l.Stat(p)
	return err == nil && !i.IsDir()
}

func (l *Loader) isDir(p string) bool {
	i, err := l.Stat(p)
	return err == nil && i.IsDir()
}

// dirOf is the folder that a path stands in.
func (l *Loader) dirOf(p string) string {
	if in, ok := l.builtin(p); ok {
		return l.clean(l.opts.Name + ":/" + path.Dir(in))
	}
	return filepath.Dir(p)
}

// Search finds a file that a task names, such as the src of a template: kind
// is files, templates, tasks or vars. It looks in the role, in the roles that
// brought it in, in the folder of the task's file and beside the playbook, each
// first in the folder of that kind. The second result is where it looked.
func (l *Loader) Search(t *Task, kind, name string) (found string, tried []string) {
	try := func(dirs ...string) bool {
		for _, d := range dirs {
			p := l.Join(d, name)
			if len(tried) > 0 && tried[len(tried)-1] == p {
				continue
			}
			tried = append(tried, p)
			if _, err := l.Stat(p); err == nil {
				found = p
				return true
			}
		}
		return false
	}
	if filepath.IsAbs(name) || strings.HasPrefix(name, "~/") {
		try("")
		return found, tried
	}
	for r := t.Role; r != nil; r = r.Via {
		if try(l.Join(r.Def.Dir, kind), r.Def.Dir) {
			return found, tried
		}
	}
	dirs := []string{l.Join(t.Dir, kind), t.Dir}
	if t.Play != nil && t.Play.Dir != t.Dir {
		dirs = append(dirs, l.Join(t.Play.Dir, kind), t.Play.Dir)
	}
	try(dirs...)
	return found, tried
}

// Near is a hint with the file that a missing one was most likely meant to be.
func (l *Loader) Near(p string) string {
	dir, base := l.dirOf(p), filepath.Base(p)
	entries, err := l.ReadDir(dir)
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			if e.Name() == base+".yml" || e.Name() == base+".yaml" {
				return "did you mean " + e.Name() + "?"
			}
			names = append(names, e.Name())
		}
	}
	if n := source.DidYouMean(base, names); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}
