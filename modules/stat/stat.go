// Package stat describes what stands at a path.
package stat

import (
	"context"
	"path"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Path      modules.FilePath `json:"path" alias:"dest,name" required:"true" doc:"the path on the host"`
	Follow    bool             `json:"follow" default:"false" doc:"describe what a symbolic link leads to"`
	Checksum  bool             `json:"get_checksum" default:"true" doc:"compute the checksum of a file"`
	Algorithm string           `json:"checksum_algorithm" alias:"checksum,checksum_algo" default:"sha1" enum:"md5,sha1,sha224,sha256,sha384,sha512" doc:"which checksum; sha256 is the cheapest for large files"`
	Mime      bool             `json:"get_mime" default:"false" doc:"accepted as Ansible has it; types of content are not told"`
	Attrs     bool             `json:"get_attributes" default:"false" doc:"accepted as Ansible has it; attributes of file systems are not told"`
}

// Validate refuses a path that is not absolute.
func (a Args) Validate() error { return place.Absolute("path", a.Path) }

// State is what the host shows.
type State struct {
	Stat Stat `json:"stat" doc:"what stands there"`
}

// Stat is what stands at a path, under Ansible's names.
type Stat struct {
	Exists bool `json:"exists" doc:"something is there; all else is empty when nothing is"`
	place.About
	LnkSource string `json:"lnk_source" doc:"of a link: the path it leads to"`
	LnkTarget string `json:"lnk_target" doc:"of a link: its text"`
}

// Task is the module.
func Task() *modules.Task {
	return modules.Action[Args, State]{
		Name: "stat",
		Doc: `Looks at a path.

Nothing is changed. Check mode looks too, unless an earlier task would have changed the host: what stands there then is
not known.`,
		Example: `
- name: is SQLite still there
  stat: {path: /var/lib/matrix-synapse/homeserver.db}
  register: sqlite
`,
		Run:      func(ctx context.Context, h modules.Host, a Args) (State, error) { return check(ctx, h, a) },
		ReadOnly: func(Args) bool { return true },
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	p := path.Clean(string(a.Path))
	i, err := place.Stat(ctx, r, p)
	if a.Follow {
		p, i, err = place.Follow(ctx, r, p)
	}
	if err != nil || i == nil {
		return State{Stat{About: place.About{Path: string(a.Path)}}}, err
	}
	s := Stat{Exists: true, About: place.Describe(string(a.Path), *i)}
	switch {
	case s.IsLnk:
		s.LnkTarget = i.Target
		s.LnkSource, _, err = place.Follow(ctx, r, p)
	case s.IsReg && a.Checksum:
		s.Checksum, err = place.Checksum(ctx, r, p, a.Algorithm)
	}
	return State{s}, err
}
