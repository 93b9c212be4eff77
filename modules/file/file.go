// Package file makes paths be what they shall be: a directory, a link, a file
// with its attributes, or nothing.
package file

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Path    modules.FilePath `json:"path" alias:"dest,name" required:"true" doc:"the path on the host"`
	State   string           `json:"state" enum:"absent,directory,file,hard,link,touch" doc:"what shall be there; when not given what is there, or a directory with recurse, else a file. file changes attributes and makes nothing; absent removes a directory with all it holds; directory makes those above it too"`
	Src     string           `json:"src" doc:"where a link leads; a relative path counts from the link's directory"`
	Recurse bool             `json:"recurse" default:"false" doc:"set mode, owner and group of everything below the directory too; links in it are left alone"`
	Force   bool             `json:"force" default:"false" doc:"make a link to what does not exist, or in the place of a file or an empty directory"`
	Follow  bool             `json:"follow" default:"true" doc:"where path is a symbolic link, set the attributes of what it leads to"`
	Mtime   string           `json:"modification_time" doc:"of a touched file: preserve, now, or YYYYMMDDhhmm.ss in UTC; now for touch when not given"`
	Atime   string           `json:"access_time" doc:"of a touched file: preserve or now; goes with modification_time when not given. No other time: it would not last, as every reading moves it"`
	place.Attrs
}

const timeFormat = "200601021504.05"

// Validate holds the arguments together.
func (a Args) Validate() error {
	if err := place.Absolute("path", a.Path); err != nil {
		return err
	}
	switch {
	case a.Recurse && a.State != "directory" && a.State != "":
		return errors.New("recurse needs state: directory")
	case a.State == "hard" && a.Src == "":
		return errors.New("state: hard needs src")
	case a.Src != "" && a.State != "link" && a.State != "hard":
		return errors.New("src needs state: link or hard")
	case a.State == "absent" && path.Clean(string(a.Path)) == "/":
		return errors.New("the root directory cannot be absent")
	}
	if t := a.Mtime; t != "" && t != "now" && t != "preserve" {
		if _, err := time.Parse(timeFormat, t); err != nil {
			return fmt.Errorf("modification_time is preserve, now or YYYYMMDDhhmm.ss, found %q", t)
		}
	}
	if t := a.Atime; t != "" && t != "now" && t != "preserve" {
		return fmt.Errorf("access_time is preserve or now, found %q: any other would not last, as every reading moves it", t)
	}
	return a.Attrs.Validate()
}

// State is what the host shows.
type State struct {
	place.Result
	Dest string `json:"dest" doc:"the path again, as Ansible names it"`
	Src  string `json:"src" doc:"where a link leads"`

	link   place.Seen    // what stands at the path itself
	seen   place.Seen    // what stands where the path leads
	src    *modules.Info // what a link shall lead to, links in it followed
	source string        // its path
	filled bool          // the directory at the path holds something
	below  []entry       // with recurse: what must change
	now    time.Time
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "file",
		Doc: `Makes directories and links, sets modes and owners, removes paths.

Directories that must be made above the path get the same mode and owner.`,
		Example: `
- name: a directory
  file: {path: /etc/matrix-synapse/conf.d, state: directory, owner: root, group: matrix-synapse, mode: "0750"}
- name: a link
  file: {path: /etc/nginx/sites-enabled/matrix, src: ../sites-available/matrix, state: link}
- name: everything below belongs to synapse
  file: {path: /var/lib/matrix-synapse, recurse: true, owner: matrix-synapse, mode: "u=rwX,g=rX,o="}
- name: the SQLite database is gone
  file: {path: /var/lib/matrix-synapse/homeserver.db, state: absent}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	f := place.File{Path: string(a.Path), Attrs: a.Attrs}
	var err error
	if s.link.Path = path.Clean(f.Path); a.State == "absent" {
		s.link.Info, err = place.Stat(ctx, r, s.link.Path)
		s.seen = s.link
		s.result(s.link)
		return s, err
	}
	if s.link, err = f.Look(ctx, r, false); err != nil {
		return s, err
	}
	s.seen = s.link
	if a.Follow && s.link.Info != nil && s.link.Info.Kind == "link" {
		if s.seen.Path, s.seen.Info, err = place.Follow(ctx, r, s.link.Path); err != nil {
			return s, err
		}
	}
	switch a.State {
	case "link", "hard":
		err = s.lookSource(ctx, r, a)
		s.result(s.link)
		return s, err
	case "touch":
		s.now = r.Now()
	}
	if a.Recurse && s.seen.Info != nil && s.seen.Info.Kind == "directory" {
		s.below, err = lookBelow(ctx, r, a.Attrs, s.seen.Path, s.seen.IDs)
	}
	s.result(s.seen)
	return s, err
}

func (s *State) result(seen place.Seen) {
	s.Result, s.Dest = seen.Result(), seen.Path
	if s.link.Info != nil {
		s.Src = s.link.Info.Target
	}
}

func plan(a Args, s State) ([]modules.Step, error) {
	state := a.State
	if state == "" {
		switch {
		case a.Recurse:
			state = "directory"
		case s.seen.Info != nil:
			state = s.seen.Info.Kind
		case s.link.Info != nil:
			state = s.link.Info.Kind
		default:
			state = "file"
		}
	}
	if state != "absent" && s.link.IDs.Missing != "" {
		return nil, modules.NotYetf("%s: %s", s.link.Path, s.link.IDs.Missing)
	}
	switch state {
	case "absent":
		return planAbsent(s)
	case "directory":
		return planDirectory(a, s)
	case "link":
		return planLink(a, s)
	case "hard":
		return planHard(a, s)
	case "touch":
		return planTouch(a, s)
	}
	return planFile(a, s)
}

func planAbsent(s State) ([]modules.Step, error) {
	if s.link.Info == nil {
		return nil, nil
	}
	what := "remove " + s.link.Path
	if k := s.link.Info.Kind; k == "directory" {
		what = "remove directory " + s.link.Path + " and what it holds"
	}
	p := s.link.Path
	return []modules.Step{{
		What: what, From: s.link.Info.Kind + " " + p + "\n",
		Do: func(ctx context.Context, h modules.Host) error { return h.Remove(ctx, p) },
	}}, nil
}

// planFile sets the attributes of what is there.
func planFile(a Args, s State) ([]modules.Step, error) {
	switch {
	case s.seen.Info == nil && s.link.Info != nil:
		return nil, fmt.Errorf("%s leads to %s, which does not exist", s.link.Path, s.link.Info.Target)
	case s.seen.Info == nil:
		return nil, modules.NotYetf("%s does not exist", s.seen.Path)
	case a.State == "file" && s.seen.Info.Kind == "directory":
		return nil, fmt.Errorf("%s is a directory, not a file", s.seen.Path)
	}
	return set(a, s)
}

// set is the step that sets attributes, if there is one.
func set(a Args, s State) ([]modules.Step, error) {
	step, ok, err := a.SetStep(s.seen.Path, *s.seen.Info, s.seen.IDs)
	if err != nil || !ok {
		return nil, err
	}
	return []modules.Step{step}, nil
}

func planDirectory(a Args, s State) ([]modules.Step, error) {
	if i := s.seen.Info; i != nil {
		if i.Kind != "directory" {
			return nil, fmt.Errorf("%s is %s, not a directory", s.seen.Path, place.A(i.Kind))
		}
		steps, err := set(a, s)
		if err != nil || len(s.below) == 0 {
			return steps, err
		}
		return append(steps, setBelow(s.seen.Path, s.below)), nil
	}
	if s.link.Info != nil {
		return nil, fmt.Errorf("%s leads to %s, which does not exist", s.link.Path, s.link.Info.Target)
	}
	if s.link.Parent != "" {
		return nil, fmt.Errorf("%s: %s", s.link.Path, s.link.Parent)
	}
	at, err := a.Fresh(true, s.link.IDs)
	if err != nil {
		return nil, err
	}
	var steps []modules.Step
	for _, d := range append(s.link.Dirs, s.link.Path) {
		steps = append(steps, modules.Step{
			What: "make directory " + d, To: a.FreshLines(at),
			Do: func(ctx context.Context, h modules.Host) error { return h.Mkdir(ctx, d, at) },
		})
	}
	return steps, nil
}

func planTouch(a Args, s State) ([]modules.Step, error) {
	if s.seen.Info == nil {
		f := place.File{Path: s.link.Path, Bytes: []byte{}, Attrs: a.Attrs}
		if s.link.Info != nil {
			return nil, fmt.Errorf("%s leads to %s, which does not exist", s.link.Path, s.link.Info.Target)
		}
		steps, err := f.Plan(s.link)
		switch {
		case err != nil || a.Mtime == "preserve":
		case a.Mtime == "" || a.Mtime == "now":
			steps = append(steps, a.touch(s.link.Path, s.now)...)
		default:
			err = modules.NotYetf("the time is set once the file is there")
		}
		return steps, err
	}
	steps, err := set(a, s)
	if err != nil {
		return nil, err
	}
	switch p := s.seen.Path; a.Mtime {
	case "", "now", "preserve":
		steps = append(steps, a.touch(p, s.now)...)
	default:
		if a.Atime == "now" {
			steps = append(steps, setTimes("touch "+p, p, modules.Attr{Atime: &s.now}))
		}
		t, err := time.Parse(timeFormat, a.Mtime)
		if err != nil || s.seen.Info.Mtime.Equal(t) {
			return steps, err
		}
		step := setTimes("touch "+p, p, modules.Attr{Mtime: &t})
		step.Event = false
		step.From, step.To = s.seen.Info.Mtime.UTC().Format(time.RFC3339)+"\n", t.Format(time.RFC3339)+"\n"
		steps = append(steps, step)
	}
	return steps, nil
}

// touch is an event: a touch is done whenever it is asked for.
func (a Args) touch(p string, now time.Time) []modules.Step {
	var at modules.Attr
	if a.Mtime != "preserve" {
		at.Mtime = &now
	}
	if a.Atime == "now" || a.Atime == "" && a.Mtime != "preserve" {
		at.Atime = &now
	}
	if at == (modules.Attr{}) {
		return nil
	}
	return []modules.Step{setTimes("touch "+p, p, at)}
}

func setTimes(what, p string, at modules.Attr) modules.Step {
	return modules.Step{What: what, Event: true, Do: func(ctx context.Context, h modules.Host) error { return h.SetAttr(ctx, p, at) }}
}
