// Package copy puts a file of the controller, a text, or another file of the
// host in its place.
package copy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Src       *modules.Content `json:"src" from:"file" remote:"remote_src" folder:"true" doc:"file or folder on the controller, searched in files/; of a folder that ends in / what it holds is copied, else the folder itself; with remote_src a file on the host"`
	Content   *modules.Content `json:"content" from:"text" doc:"the text of the file, instead of src"`
	Dest      modules.FilePath `json:"dest" required:"true" doc:"where it goes; a directory, or a path that ends in /, takes it under the name of src"`
	RemoteSrc bool             `json:"remote_src" default:"false" doc:"src is on the host already"`
	Force     bool             `json:"force" default:"true" doc:"replace a file that is there and differs"`
	Follow    bool             `json:"follow" default:"false" doc:"where dest is a symbolic link, write what it leads to instead of replacing it"`
	DirMode   modules.Mode     `json:"directory_mode" doc:"permissions of directories that are made on the way or, of a folder, below dest"`
	place.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	switch {
	case a.Src == nil && a.Content == nil:
		return errors.New("one of src and content is needed")
	case a.Src != nil && a.Content != nil:
		return errors.New("src and content cannot both be given")
	case a.Content != nil && strings.HasSuffix(string(a.Dest), "/"):
		return errors.New("content needs a dest that names the file, it ends in a slash")
	case a.RemoteSrc && a.Src == nil:
		return errors.New("remote_src needs src")
	case a.Mode == modules.Preserve && a.Src == nil:
		return errors.New("mode preserve needs src")
	}
	if a.RemoteSrc {
		if err := place.Absolute("src", modules.FilePath(a.Src.Name)); err != nil {
			return err
		}
	}
	if err := place.Absolute("dest", a.Dest); err != nil {
		return err
	}
	if err := a.DirMode.Validate(); err != nil {
		return err
	}
	return a.CheckPreserve()
}

// State is what the host shows.
type State struct {
	Dest string `json:"dest" doc:"path of the file"`
	place.Result
	seen    place.Seen
	src     []byte // the host's own source
	srcMode string
	missing bool // the host's own source
	below   []part
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "copy",
		Doc: `Puts a file or a text on the host.

The file is written beside its place and moved there, so that nobody sees half of it. Bytes cross the network only
when the host's file differs. Of a folder each file is looked at by itself; links in it are followed, and what only the
host has stays.`,
		Example: `
- name: a file from files/
  copy: {src: log.yaml, dest: /etc/matrix-synapse/log.yaml, owner: root, group: matrix-synapse, mode: "0640"}
- name: a text
  copy:
    dest: /etc/motd
    content: |
      welcome
- name: what the folder files/site/ holds, with its folders
  copy: {src: site/, dest: /var/www/site, owner: www-data, mode: "0644", directory_mode: "0755"}
- name: keep the old file and test the new one
  copy: {src: sudoers, dest: /etc/sudoers.d/ops, mode: "0440", validate: visudo -cf %s, backup: true}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) file(s State) place.File {
	f := place.File{Path: string(a.Dest), From: a.Content, Attrs: a.Attrs, Follow: a.Follow, Keep: !a.Force,
		Dirs: strings.HasSuffix(string(a.Dest), "/"), DirMode: a.DirMode, DirOwned: true, Backup: a.Backup, Validate: a.Args.Validate}
	if a.Src != nil {
		f.From = a.Src
	}
	mode := ""
	if f.From != nil {
		mode = f.From.Mode
	}
	if a.RemoteSrc {
		f.From, f.Bytes, mode = nil, s.src, s.srcMode
	}
	if a.Mode == modules.Preserve {
		f.Attrs.Mode = modules.Mode(mode)
	}
	return f
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	if a.Src != nil && a.Src.Dir {
		return lookFolder(ctx, r, a)
	}
	name := ""
	if a.Src != nil {
		name = a.Src.Name
	}
	if a.RemoteSrc {
		p, i, err := place.Follow(ctx, r, name)
		switch {
		case err != nil:
			return s, err
		case i == nil:
			s.missing = true
		case i.Kind != "file":
			return s, fmt.Errorf("src %s is %s, not a file", name, place.A(i.Kind))
		default:
			s.srcMode = modules.ModeText(i.Mode)
			if s.src, err = r.ReadFile(ctx, p); err != nil {
				return s, err
			}
		}
	}
	p, err := place.Into(ctx, r, string(a.Dest), name)
	if err != nil {
		return s, err
	}
	f := a.file(s)
	f.Path = p
	s.seen, err = f.Look(ctx, r, a.RemoteSrc)
	s.Result, s.Dest = s.seen.Result(), s.seen.Path
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) {
	if s.missing {
		return nil, modules.NotYetf("src %s does not exist on the host", a.Src.Name)
	}
	if a.Src != nil && a.Src.Dir {
		return planFolder(a, s)
	}
	return a.file(s).Plan(s.seen)
}
