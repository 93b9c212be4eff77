package copy

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// part is one file or folder of a folder, and what stands where it goes.
type part struct {
	from modules.Content
	seen place.Seen
}

// root is where a folder goes: what it holds to dest, or itself into dest.
func (a Args) root() string {
	if strings.HasSuffix(a.Src.Name, "/") {
		return path.Clean(string(a.Dest))
	}
	return path.Join(string(a.Dest), path.Base(a.Src.Name))
}

// part is a file of the folder as it shall be.
func (a Args) part(p part) place.File {
	f := place.File{Path: p.seen.Path, From: &p.from, Attrs: a.Attrs, Follow: a.Follow, Keep: !a.Force, Backup: a.Backup, Validate: a.Args.Validate}
	if a.Mode == modules.Preserve {
		f.Attrs.Mode = modules.Mode(p.from.Mode)
	}
	return f
}

func lookFolder(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	root := a.root()
	for _, c := range append([]modules.Content{{Dir: true, Mode: a.Src.Mode}}, a.Src.Tree...) {
		p := part{from: c, seen: place.Seen{Path: path.Join(root, c.Name)}}
		var err error
		if c.Dir {
			p.seen, err = lookDir(ctx, r, a, p.seen.Path)
		} else {
			p.seen, err = a.part(p).Look(ctx, r, false)
		}
		if err != nil {
			return s, err
		}
		s.below = append(s.below, p)
	}
	s.Result, s.Dest = s.below[0].seen.Result(), root
	return s, nil
}

// lookDir sees what stands where a directory must be; links that lead to one are well.
func lookDir(ctx context.Context, r modules.Reader, a Args, p string) (place.Seen, error) {
	s := place.Seen{Path: p}
	var err error
	if _, s.Info, err = place.Follow(ctx, r, p); err != nil {
		return s, err
	}
	if s.IDs, err = place.LookIDs(ctx, r, a.Owner, a.Group); err != nil || s.Info != nil {
		return s, err
	}
	s.Dirs, s.Parent, err = place.MissingDirs(ctx, r, path.Join(p, "x"))
	return s, err
}

func planFolder(a Args, s State) ([]modules.Step, error) {
	var steps []modules.Step
	made := map[string]bool{}
	for _, p := range s.below {
		var err error
		var more []modules.Step
		if p.from.Dir {
			more, err = a.dirs(p.seen, made)
		} else {
			p.seen.Dirs = nil // made before it
			more, err = a.part(p).Plan(p.seen)
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, more...)
	}
	return steps, nil
}

// dirs makes a directory, with those above it, unless a part before it made them.
func (a Args) dirs(s place.Seen, made map[string]bool) ([]modules.Step, error) {
	switch {
	case s.Info != nil && s.Info.Kind != "directory":
		return nil, fmt.Errorf("%s is %s, not a directory", s.Path, place.A(s.Info.Kind))
	case s.Parent != "":
		return nil, fmt.Errorf("%s: %s", s.Path, s.Parent)
	case s.IDs.Missing != "":
		return nil, modules.NotYetf("%s: %s", s.Path, s.IDs.Missing)
	}
	var missing []string
	for _, d := range s.Dirs {
		if !made[d] {
			made[d] = true
			missing = append(missing, d)
		}
	}
	at, err := place.Attrs{Mode: a.DirMode}.Fresh(true, s.IDs)
	if err != nil {
		return nil, err
	}
	return place.Dirs(missing, at), nil
}
