package unarchive

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// remoteOpts are tar's further options for an archive of the host.
func (a Args) remoteOpts() []string {
	var opts []string
	for _, x := range a.Exclude {
		opts = append(opts, "--exclude="+x)
	}
	return append(opts, a.ExtraOpts...)
}

// lookRemote compares an archive of the host with what is there, through tar.
func lookRemote(ctx context.Context, r modules.Reader, a Args, s *State) error {
	if a.isURL() || a.isZip() {
		s.other = []string{"what is in it"} // creates is missing
		return nil
	}
	i, err := place.Stat(ctx, r, a.Src.Name)
	if err != nil {
		return err
	}
	if i == nil {
		s.why = "src " + a.Src.Name + " does not exist on the host"
		return nil
	}
	out, err := r.Look(ctx, a.tar("--diff", s.Dest)...)
	if err != nil {
		return err
	}
	if out.Exit > 1 && !strings.Contains(string(out.Stderr), "Cannot stat") {
		return modules.WithLines(out.Err(), modules.LastLines(string(out.Stderr), 5), "")
	}
	s.other = a.differences(string(out.Stdout)+string(out.Stderr), s.root)
	if !a.ListFiles && !a.attributes() {
		return nil
	}
	return a.listRemote(ctx, r, s)
}

// tar is a command that looks into the archive.
func (a Args) tar(what, dest string) []string {
	argv := append([]string{"tar", what, "--file", a.Src.Name, "--directory", dest, "--show-transformed-names"}, a.remoteOpts()...)
	return append(argv, a.Include...)
}

// differences are the members of which tar says that they matter.
func (a Args) differences(text string, root bool) []string {
	var out []string
	for l := range strings.Lines(text) {
		name, what, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(l), "tar: "), ": ")
		switch {
		case !ok, name == "", strings.HasPrefix(l, "tar: Exiting"):
		case strings.HasPrefix(what, "Mod time differs"), strings.HasPrefix(what, "Warning: Cannot lchown"):
		case strings.HasPrefix(what, "Uid differs") && (a.Owner != "" || !root), strings.HasPrefix(what, "Gid differs") && (a.Group != "" || !root):
		case strings.HasPrefix(what, "Mode differs") && a.Mode != "":
		case !slices.Contains(out, name):
			out = append(out, name)
		}
	}
	return out
}

// listRemote takes the names in the archive, and looks whose the files are.
func (a Args) listRemote(ctx context.Context, r modules.Reader, s *State) error {
	out, err := r.Look(ctx, a.tar("--list", s.Dest)...)
	if err == nil {
		err = out.Err()
	}
	if err != nil {
		return err
	}
	if a.ListFiles {
		for l := range strings.Lines(string(out.Stdout)) {
			s.Files = append(s.Files, strings.TrimSuffix(strings.TrimSuffix(l, "\n"), "/"))
		}
	}
	return a.under(ctx, r, s, string(out.Stdout))
}

// under notes which of the files that tar names have other attributes than they shall.
func (a Args) under(ctx context.Context, r modules.Reader, s *State, names string) error {
	s.attrs = nil
	for l := range strings.Lines(names) {
		name := strings.Trim(path.Clean("/"+strings.TrimSuffix(l, "\n")), "/")
		if name == "" || !a.attributes() { // the directory itself is not the archive's
			continue
		}
		if strings.Contains(name, `\`) {
			return fmt.Errorf("the name %s holds characters that tar writes in another way: leave out owner, group and mode", name)
		}
		p := path.Join(s.Dest, name)
		i, err := place.Stat(ctx, r, p)
		if err != nil || i == nil {
			return err
		}
		c, err := a.Change(*i, s.ids)
		if err != nil {
			return err
		}
		if !c.None() {
			s.attrs = append(s.attrs, attr{path: p, c: c})
		}
	}
	return nil
}
