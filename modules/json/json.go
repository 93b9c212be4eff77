// Package json writes a data structure as a JSON file.
package json

import (
	"context"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Dest   modules.FilePath `json:"dest" alias:"path" required:"true" doc:"path of the file"`
	Data   modules.Content  `json:"data" required:"true" from:"json" doc:"what the file holds; keys keep their order"`
	Force  bool             `json:"force" default:"true" doc:"replace a file that is there and differs"`
	Follow bool             `json:"follow" default:"false" doc:"where dest is a symbolic link, write what it leads to instead of replacing it"`
	place.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	if err := place.Absolute("dest", a.Dest); err != nil {
		return err
	}
	return a.Check()
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
		Name: "json",
		Doc: `Writes a data structure as a JSON file.

The whole file is written; what others added to it is replaced.`,
		Example: `
- name: the configuration of Element Web
  json:
    dest: /etc/element-web/config.json
    mode: "0644"
    data:
      default_server_config:
        m.homeserver: {base_url: "https://matrix.example.org"}
      disable_guests: true
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) file() place.File {
	return place.File{Path: string(a.Dest), From: &a.Data, Attrs: a.Attrs, Follow: a.Follow, Keep: !a.Force,
		Backup: a.Backup, Validate: a.Args.Validate}
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	var err error
	s.seen, err = a.file().Look(ctx, r, false)
	s.Result, s.Dest = s.seen.Result(), s.seen.Path
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) { return a.file().Plan(s.seen) }
