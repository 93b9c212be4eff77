package modtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// apply sets what an Attr gives.
func (f *File) apply(a modules.Attr) {
	if a.Mode != nil {
		f.Mode = *a.Mode
	}
	if a.UID != nil {
		f.UID = *a.UID
	}
	if a.GID != nil {
		f.GID = *a.GID
	}
	if a.Mtime != nil {
		f.Mtime = *a.Mtime
	}
	f.given = true
}

func attrText(a modules.Attr) string {
	var out []string
	if a.Mode != nil {
		out = append(out, fmt.Sprintf("mode=%04o", *a.Mode))
	}
	if a.UID != nil {
		out = append(out, fmt.Sprintf("uid=%d", *a.UID))
	}
	if a.GID != nil {
		out = append(out, fmt.Sprintf("gid=%d", *a.GID))
	}
	if a.Mtime != nil {
		out = append(out, "mtime="+a.Mtime.UTC().Format(time.RFC3339))
	}
	if a.Atime != nil {
		out = append(out, "atime="+a.Atime.UTC().Format(time.RFC3339))
	}
	if len(out) == 0 {
		return ""
	}
	return " " + strings.Join(out, " ")
}

// parent tells whether the directory that a new entry needs is there.
func (h *Host) parent(p string) error {
	d := h.Files[path.Dir(p)]
	switch {
	case d == nil:
		return fmt.Errorf("%s: %w", path.Dir(p), modules.ErrNotExist)
	case d.Kind != "directory":
		return fmt.Errorf("%s: not a directory", path.Dir(p))
	}
	return nil
}

// Write is the door of that name.
func (h *Host) Write(ctx context.Context, w modules.Write) error {
	if w.Fetch != nil {
		res, err := h.HTTP(ctx, w.Fetch.Request)
		if err == nil {
			err = w.Fetch.Answered(res.Status, res.Body)
		}
		if err == nil && w.Fetch.Sum != nil {
			w.Fetch.Sum.Reset()
			w.Fetch.Sum.Write(res.Body)
			err = w.Fetch.Whole()
		}
		if err != nil {
			return err
		}
		w.Bytes = res.Body
	}
	h.did("write %s%s", w.Path, attrText(w.Attr))
	p, err := h.resolve(w.Path, false)
	if err != nil {
		return err
	}
	if err := h.parent(p); err != nil {
		return err
	}
	old := h.Files[p]
	if old != nil && old.Kind == "directory" {
		return fmt.Errorf("%s: is a directory", w.Path)
	}
	data := w.Bytes
	if w.From != nil {
		if data, err = h.Content(ctx, *w.From); err != nil {
			return err
		}
	}
	if len(w.Validate) > 0 {
		argv := slices.Clone(w.Validate)
		for i := range argv {
			argv[i] = strings.ReplaceAll(argv[i], "%s", path.Join(path.Dir(p), ".mxplay-new"))
		}
		out, err := h.answer("run", argv, nil, true)
		if err != nil {
			return err
		}
		if err := out.Err(); err != nil {
			return fmt.Errorf("%s was not replaced: validate: %w", w.Path, err)
		}
	}
	f := &File{Kind: "file", Mode: 0o644, Data: slices.Clone(data), Mtime: h.Time, given: true}
	if old != nil && old.Kind == "file" {
		f.Mode, f.UID, f.GID = old.Mode, old.UID, old.GID
		if w.Backup {
			keep := *old
			keep.given = true
			h.Files[p+"."+h.Time.Format("2006-01-02T15:04:05")+"~"] = &keep
		}
	}
	f.apply(w.Attr)
	h.Files[p] = f
	return nil
}

// Mkdir is the door of that name.
func (h *Host) Mkdir(_ context.Context, p string, a modules.Attr) error {
	h.did("mkdir %s%s", p, attrText(a))
	r, err := h.resolve(p, false)
	if err != nil {
		return err
	}
	if h.Files[r] != nil {
		return fmt.Errorf("%s: file exists", p)
	}
	if err := h.parent(r); err != nil {
		return err
	}
	f := &File{Kind: "directory", Mode: 0o755, Mtime: h.Time}
	f.apply(a)
	h.Files[r] = f
	return nil
}

// Link is the door of that name. Hard links share their inode.
func (h *Host) Link(_ context.Context, target, p string, hard bool) error {
	word := "link"
	if hard {
		word = "hardlink"
	}
	h.did("%s %s -> %s", word, p, target)
	r, err := h.resolve(p, false)
	if err != nil {
		return err
	}
	if err := h.parent(r); err != nil {
		return err
	}
	if old := h.Files[r]; old != nil && old.Kind == "directory" {
		return fmt.Errorf("%s: is a directory", p)
	}
	if hard {
		t, f, err := h.at(target, false)
		if err != nil {
			return err
		}
		if f.inode == "" {
			f.inode = t
		}
		h.Files[r] = f
		return nil
	}
	h.Files[r] = &File{Kind: "link", Mode: 0o777, Target: target, Mtime: h.Time, given: true}
	return nil
}

// SetAttr is the door of that name.
func (h *Host) SetAttr(_ context.Context, p string, a modules.Attr) error {
	h.did("setattr %s%s", p, attrText(a))
	_, f, err := h.at(p, false)
	if err != nil {
		return err
	}
	f.apply(a)
	return nil
}

// Remove is the door of that name.
func (h *Host) Remove(_ context.Context, p string) error {
	h.did("remove %s", p)
	r, err := h.resolve(p, false)
	if err != nil {
		return err
	}
	for _, name := range slices.Collect(maps.Keys(h.Files)) {
		if name == r || strings.HasPrefix(name, r+"/") {
			delete(h.Files, name)
		}
	}
	return nil
}

// Sleep is the door of that name; the fake's clock moves, nobody waits.
func (h *Host) Sleep(ctx context.Context, d time.Duration) error {
	h.Time = h.Time.Add(d)
	return ctx.Err()
}

// Progress is the door of that name.
func (h *Host) Progress(string) {}

var errNoScript = errors.New("modtest: the host's script has no answer for this")
