package place

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// File is a file that shall be: its path, content and attributes.
type File struct {
	Path   string
	Bytes  []byte
	From   *modules.Content // instead of Bytes
	Fetch  *modules.Fetch   // instead of both, when the file is written; the plan is that of Bytes
	Attrs  Attrs
	Follow bool // a link at Path stays, the file it leads to is meant
	Keep   bool // a file that is there stays as it is
	Dirs   bool // make the directories above it
	// DirMode is that of directories made on the way, 0755 when empty.
	DirMode  modules.Mode
	DirOwned bool // they get the file's owner and group too
	Backup   bool
	Validate string // a command line with %s for the new file
	Secret   bool   // its content is never shown
}

// Args are those of modules that write a file whole or in part.
type Args struct {
	Attrs
	Backup   bool   `json:"backup" default:"false" doc:"keep the old file beside the new one, with the time in its name"`
	Validate string `json:"validate" doc:"command that must accept the new file before it replaces the old one; %s stands for its path"`
}

// Validate holds a mode and a validate command to their forms.
func (a Args) validate() error {
	if a.Validate == "" {
		return nil
	}
	argv, err := modules.SplitWords(a.Validate)
	if err != nil {
		return fmt.Errorf("validate: %w", err)
	}
	for _, w := range argv {
		if strings.Contains(w, "%s") {
			return nil
		}
	}
	return errors.New("validate must contain %s, the path of the new file")
}

// Check is Validate of the arguments.
func (a Args) Check() error {
	if err := a.Attrs.Validate(); err != nil {
		return err
	}
	return a.validate()
}

// CheckPreserve is Check where the mode may be the source's.
func (a Args) CheckPreserve() error {
	if err := a.Mode.Validate(); err != nil {
		return err
	}
	return a.validate()
}

// Look sees what stands at a file's path. read wants its bytes, however long;
// otherwise they are read only where they differ from f.From and can be shown.
func (f File) Look(ctx context.Context, r modules.Reader, read bool) (Seen, error) {
	s := Seen{Path: path.Clean(f.Path)}
	var err error
	if f.Follow {
		s.Path, s.Info, err = Follow(ctx, r, s.Path)
	} else {
		s.Info, err = Stat(ctx, r, s.Path)
	}
	if err != nil {
		return s, err
	}
	if s.IDs, err = LookIDs(ctx, r, f.Attrs.Owner, f.Attrs.Group); err != nil {
		return s, err
	}
	if s.Info == nil {
		if s.Dirs, s.Parent, err = MissingDirs(ctx, r, s.Path); err != nil {
			return s, err
		}
	}
	if s.Info != nil && s.Info.Kind == "file" {
		if read {
			if s.Old, err = r.ReadFile(ctx, s.Path); err != nil {
				return s, err
			}
			s.Hash = modules.Sum(s.Old)
		} else if s.Hash, err = r.Hash(ctx, s.Path); err != nil {
			return s, err
		}
	}
	if f.From == nil || s.Hash == f.From.Hash || f.Secret {
		return s, nil
	}
	if s.Hash != "" && !read && s.Info.Size <= modules.MaxShown {
		if s.Old, err = r.ReadFile(ctx, s.Path); err != nil {
			return s, err
		}
	}
	if f.From.Size <= modules.MaxShown {
		s.New, err = r.Content(ctx, *f.From)
	}
	return s, err
}

// Plan is what makes the file so.
func (f File) Plan(s Seen) ([]modules.Step, error) {
	if s.Info != nil && f.Keep && s.Info.Kind == "file" {
		return nil, nil
	}
	switch {
	case s.Info != nil && s.Info.Kind != "file" && s.Info.Kind != "link":
		return nil, fmt.Errorf("%s is %s, not a file", s.Path, A(s.Info.Kind))
	case s.IDs.Missing != "":
		return nil, modules.NotYetf("%s: %s", s.Path, s.IDs.Missing)
	case s.Parent != "":
		return nil, fmt.Errorf("%s: %s", s.Path, s.Parent)
	case len(s.Dirs) > 0 && !f.Dirs:
		return nil, modules.NotYetf("directory %s does not exist", path.Dir(s.Path))
	}
	hash := ""
	if f.From != nil {
		hash = f.From.Hash
	} else {
		hash = modules.Sum(f.Bytes)
	}
	if s.Hash == hash {
		step, ok, err := f.Attrs.SetStep(s.Path, *s.Info, s.IDs)
		if err != nil || !ok {
			return nil, err
		}
		return []modules.Step{step}, nil
	}
	return f.write(s)
}

// write is the steps that put the content in place.
func (f File) write(s Seen) ([]modules.Step, error) {
	w := modules.Write{Path: s.Path, Bytes: f.Bytes, From: f.From, Fetch: f.Fetch, Backup: f.Backup}
	var steps []modules.Step
	if len(s.Dirs) > 0 {
		var ids IDs
		if f.DirOwned {
			ids = s.IDs
		}
		at, err := Attrs{Mode: f.DirMode}.Fresh(true, ids)
		if err != nil {
			return nil, err
		}
		steps = Dirs(s.Dirs, at)
	}
	var what string
	if s.Info == nil || s.Info.Kind == "link" {
		at, err := f.Attrs.Fresh(false, s.IDs)
		if err != nil {
			return nil, err
		}
		w.Attr = at
		what = "create " + s.Path + ", mode " + modules.ModeText(*at.Mode)
		if s.Info != nil {
			what = fmt.Sprintf("replace the link %s (to %s) by a file, mode %s", s.Path, s.Info.Target, modules.ModeText(*at.Mode))
		}
		if at.UID != nil {
			what += ", owner " + f.Attrs.Owner
		}
		if at.GID != nil {
			what += ", group " + f.Attrs.Group
		}
	} else {
		c, err := f.Attrs.Change(*s.Info, s.IDs)
		if err != nil {
			return nil, err
		}
		w.Attr = c.Attr
		what = "change " + s.Path
		if !c.None() {
			what += ", " + c.Phrase()
		}
	}
	if f.Validate != "" {
		argv, err := modules.SplitWords(f.Validate)
		if err != nil {
			return nil, err
		}
		w.Validate = argv
	}
	step := modules.Step{What: what, Do: func(ctx context.Context, h modules.Host) error { return h.Write(ctx, w) }}
	if !f.Secret {
		step.From, step.To = f.texts(s)
	}
	return append(steps, step), nil
}

// texts are the two sides of the diff.
func (f File) texts(s Seen) (from, to string) {
	if s.Hash != "" {
		from = modules.ShowBytes(s.Old)
		if s.Old == nil && s.Info.Size > 0 {
			from = modules.ShowSum(s.Info.Size, s.Hash)
		}
	}
	switch {
	case f.From == nil:
		to = modules.ShowBytes(f.Bytes)
	case s.New == nil && f.From.Size > 0:
		to = modules.ShowSum(f.From.Size, f.From.Hash)
	default:
		to = modules.ShowBytes(s.New)
	}
	return from, to
}

// Into is the path that dest means for a file called name: dest itself, or a
// file in it when it is a directory or ends in a slash.
func Into(ctx context.Context, r modules.Reader, dest, name string) (string, error) {
	dir := strings.HasSuffix(dest, "/")
	if !dir {
		_, i, err := Follow(ctx, r, path.Clean(dest))
		if err != nil {
			return "", err
		}
		dir = i != nil && i.Kind == "directory"
	}
	switch {
	case !dir:
		return dest, nil
	case name == "":
		return "", fmt.Errorf("dest %s is a directory: name the file in it", dest)
	}
	return path.Join(dest, path.Base(name)), nil
}

// Absolute refuses a path that begins neither at the root nor at a home directory.
func Absolute(arg string, p modules.FilePath) error {
	if !p.Absolute() {
		return fmt.Errorf("%s must be an absolute path, found %q", arg, string(p))
	}
	return nil
}
