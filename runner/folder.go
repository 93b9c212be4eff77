package runner

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/wire"
)

const (
	// folderInline is how many bytes of a folder's files come along with a call.
	folderInline = 256 << 10
	// folderDepth ends a walk that links lead round in circles.
	folderDepth = 30
)

// bytesOf makes content of a file's bytes; the function lets go of what is held for the agent.
func (r *run) bytesOf(path string, size int64) (*modules.Content, func(), error) {
	b, err := r.p.shippedFile(path)
	if err != nil {
		return nil, nil, source.OSError(path, err)
	}
	if b != nil {
		c, done := r.store.bytes(path, b)
		return &c, done, nil
	}
	c, done, err := r.store.file(path, size)
	return &c, done, err
}

// folder makes content of a folder of the controller. Links are followed, as
// Ansible does. A slash at the end of its name stays: it means what it holds.
func (r *run) folder(dir, name string) (*made, error) {
	w := folderWalk{run: r, left: folderInline}
	m := &made{content: &modules.Content{Name: source.ShortName(dir), Dir: true}, done: w.release}
	if strings.HasSuffix(name, "/") {
		m.content.Name += "/"
	}
	err := w.walk(dir, "", 0)
	m.content.Tree = w.tree
	if err == nil {
		var b []byte
		if b, err = json.Marshal(m.content); err == nil && len(b) > wire.MaxFrame*9/10 {
			err = &source.Error{Msg: fmt.Sprintf("%s holds %d files and folders, too many for one task", name, len(w.tree)),
				Hint: "copy its folders one by one, in a loop, or pack it and use unarchive"}
		}
	}
	if err != nil {
		w.release()
		return nil, err
	}
	return m, nil
}

// folderWalk collects what is below a folder.
type folderWalk struct {
	run  *run
	tree []modules.Content
	left int // bytes that may still come along
	done []func()
}

func (w *folderWalk) release() {
	for _, f := range w.done {
		f()
	}
}

func (w *folderWalk) walk(dir, below string, depth int) error {
	loader := w.run.p.loader
	if depth > folderDepth {
		return fmt.Errorf("%s: deeper than %d folders: does a link lead back", source.ShortName(dir), folderDepth)
	}
	entries, err := loader.ReadDir(dir)
	if err != nil {
		return source.OSError(dir, err)
	}
	for _, e := range entries {
		at, name := loader.Join(dir, e.Name()), path.Join(below, e.Name())
		info, err := loader.Stat(at)
		if err != nil {
			return source.OSError(at, err)
		}
		mode := fmt.Sprintf("%04o", info.Mode().Perm())
		switch {
		case info.IsDir():
			w.tree = append(w.tree, modules.Content{Name: name, Dir: true, Mode: mode})
			if err := w.walk(at, name, depth+1); err != nil {
				return err
			}
		case info.Mode().Type() != fs.FileMode(0):
			return fmt.Errorf("%s is no file", source.ShortName(at))
		default:
			if err := w.file(at, name, mode, info.Size()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *folderWalk) file(at, name, mode string, size int64) error {
	c, done, err := w.run.bytesOf(at, size)
	if err != nil {
		return err
	}
	w.done = append(w.done, done)
	if len(c.Inline) > w.left {
		w.done = append(w.done, w.run.store.hold(c.Hash, &held{data: c.Inline, size: c.Size}))
		c.Inline = nil
	}
	w.left -= len(c.Inline)
	c.Name, c.Mode = name, mode
	w.tree = append(w.tree, *c)
	return nil
}
