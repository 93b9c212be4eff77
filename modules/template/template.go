// Package template puts a rendered template in its place.
package template

import (
	"context"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Src    modules.Content  `json:"src" required:"true" from:"template" doc:"template file on the controller, searched in templates/"`
	Dest   modules.FilePath `json:"dest" required:"true" doc:"where it goes; a directory, or a path that ends in /, takes it under the name of src"`
	Force  bool             `json:"force" default:"true" doc:"replace a file that is there and differs"`
	Follow bool             `json:"follow" default:"false" doc:"where dest is a symbolic link, write what it leads to instead of replacing it"`
	place.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	if err := place.Absolute("dest", a.Dest); err != nil {
		return err
	}
	return a.CheckPreserve()
}

// State is what the host shows.
type State struct {
	Dest string `json:"dest" doc:"path of the file"`
	place.Result
	seen place.Seen
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "template",
		Doc: `Renders a template and puts the text on the host.

The template is rendered on the controller, with the host's variables. The text crosses the network only when the
host's file differs.`,
		Example: `
- name: the site of nginx
  template: {src: site.conf, dest: /etc/nginx/conf.d/matrix.conf, mode: "0644"}
- name: a file that must be valid before it is used
  template: {src: sshd_config, dest: /etc/ssh/sshd_config, validate: sshd -t -f %s, backup: true}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) file() place.File {
	f := place.File{Path: string(a.Dest), From: &a.Src, Attrs: a.Attrs, Follow: a.Follow, Keep: !a.Force,
		Dirs: strings.HasSuffix(string(a.Dest), "/"), DirOwned: true, Backup: a.Backup, Validate: a.Args.Validate}
	if a.Mode == modules.Preserve {
		f.Attrs.Mode = modules.Mode(a.Src.Mode)
	}
	return f
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	p, err := place.Into(ctx, r, string(a.Dest), a.Src.Name)
	if err != nil {
		return s, err
	}
	f := a.file()
	f.Path = p
	s.seen, err = f.Look(ctx, r, false)
	s.Result, s.Dest = s.seen.Result(), s.seen.Path
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) { return a.file().Plan(s.seen) }
