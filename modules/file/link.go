package file

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// lookSource sees what a link shall lead to.
func (s *State) lookSource(ctx context.Context, r modules.Reader, a Args) error {
	if i := s.link.Info; i != nil && i.Kind == "directory" {
		in, err := r.ReadDir(ctx, s.link.Path)
		if err != nil {
			return err
		}
		s.filled = len(in) > 0
	}
	if a.Src == "" {
		return nil
	}
	s.source = a.Src
	if !path.IsAbs(s.source) {
		s.source = path.Join(path.Dir(s.link.Path), s.source)
	}
	var err error
	if a.State == "hard" {
		s.src, err = place.Stat(ctx, r, s.source)
	} else {
		_, s.src, err = place.Follow(ctx, r, s.source)
	}
	return err
}

// replaceable tells whether a link may take the place of what is there.
func replaceable(a Args, s State) error {
	i := s.link.Info
	switch {
	case i == nil || i.Kind == "link":
		return nil
	case i.Kind == "directory" && s.filled:
		return fmt.Errorf("%s is a directory that holds something", s.link.Path)
	case !a.Force:
		return modules.WithLines(fmt.Errorf("%s is %s already", s.link.Path, place.A(i.Kind)), nil, "force: true replaces it by the link")
	}
	return nil
}

func planLink(a Args, s State) ([]modules.Step, error) {
	i := s.link.Info
	if a.Src == "" {
		if i == nil || i.Kind != "link" {
			return nil, errors.New("src is needed: where the link shall lead")
		}
		return planFile(a, s)
	}
	if i != nil && i.Kind == "link" && i.Target == a.Src {
		if s.seen.Info == nil {
			return nil, nil
		}
		return set(a, s)
	}
	if err := replaceable(a, s); err != nil {
		return nil, err
	}
	switch {
	case s.src == nil && !a.Force:
		return nil, modules.NotYetf("src %s does not exist", s.source)
	case s.link.Parent != "":
		return nil, fmt.Errorf("%s: %s", s.link.Path, s.link.Parent)
	case len(s.link.Dirs) > 0:
		return nil, modules.NotYetf("directory %s does not exist", path.Dir(s.link.Path))
	}
	steps := []modules.Step{linkStep(a, s, false)}
	if s.src != nil && a.Follow && (a.Mode != "" || a.Owner != "" || a.Group != "") {
		return steps, modules.NotYetf("the attributes are set once the link is there")
	}
	if !a.Follow && (s.link.IDs.UID != nil || s.link.IDs.GID != nil) {
		return steps, modules.NotYetf("the owner is set once the link is there")
	}
	return steps, nil
}

func planHard(a Args, s State) ([]modules.Step, error) {
	switch {
	case s.src == nil:
		return nil, modules.NotYetf("src %s does not exist", s.source)
	case s.src.Kind == "directory":
		return nil, fmt.Errorf("src %s is a directory: it cannot have a second hard link", s.source)
	}
	if i := s.link.Info; i != nil && i.Kind == s.src.Kind && i.Inode == s.src.Inode {
		s.seen = s.link
		return set(a, s)
	}
	if s.link.Info != nil && s.link.Info.Kind == "link" && !a.Force {
		return nil, modules.WithLines(fmt.Errorf("%s is a symbolic link already", s.link.Path), nil, "force: true replaces it by the link")
	}
	if err := replaceable(a, s); err != nil {
		return nil, err
	}
	switch {
	case s.link.Parent != "":
		return nil, fmt.Errorf("%s: %s", s.link.Path, s.link.Parent)
	case len(s.link.Dirs) > 0:
		return nil, modules.NotYetf("directory %s does not exist", path.Dir(s.link.Path))
	}
	steps := []modules.Step{linkStep(a, s, true)}
	if a.Mode != "" || a.Owner != "" || a.Group != "" {
		return steps, modules.NotYetf("the attributes are set once the link is there")
	}
	return steps, nil
}

// linkStep puts the link in place.
func linkStep(a Args, s State, hard bool) modules.Step {
	p, target, word := s.link.Path, a.Src, "link"
	if hard {
		target, word = s.source, "hard link"
	}
	empty := s.link.Info != nil && s.link.Info.Kind == "directory"
	step := modules.Step{
		What: fmt.Sprintf("%s %s to %s", word, p, target), To: target + "\n",
		Do: func(ctx context.Context, h modules.Host) error {
			if empty {
				if err := h.Remove(ctx, p); err != nil {
					return err
				}
			}
			return h.Link(ctx, target, p, hard)
		},
	}
	if i := s.link.Info; i != nil {
		step.From = i.Kind + "\n"
		if i.Kind == "link" {
			step.From = i.Target + "\n"
		}
	}
	return step
}
