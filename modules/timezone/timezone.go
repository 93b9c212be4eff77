// Package timezone sets a host's time zone.
package timezone

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

const (
	localtime = "/etc/localtime"
	nameFile  = "/etc/timezone"
	zones     = "/usr/share/zoneinfo/"
)

// Args are what a playbook says.
type Args struct {
	Name string `json:"name" required:"true" doc:"the zone, such as Europe/Vienna or Etc/UTC"`
}

// Validate refuses what is no name of a zone.
func (a Args) Validate() error {
	if path.Clean("/"+a.Name) != "/"+a.Name || a.Name == "" {
		return fmt.Errorf("name must be that of a time zone, such as Europe/Vienna, found %q", a.Name)
	}
	return nil
}

// State is what the host shows.
type State struct {
	Name  string `json:"name" doc:"the zone that is in force; empty when /etc/localtime does not say"`
	found bool   // the zone that is asked for
	link  string
	file  place.Seen
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "timezone",
		Doc: `Sets the host's time zone.

/etc/localtime leads to the zone, and /etc/timezone names it where there is such a file. Services that run already keep
the old zone until they are restarted.`,
		Example: `
- name: the host lives in Vienna
  timezone: {name: Europe/Vienna}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) file() place.File { return place.File{Path: nameFile, Bytes: []byte(a.Name + "\n")} }

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	_, zone, err := place.Follow(ctx, r, zones+a.Name)
	if err != nil {
		return s, err
	}
	s.found = zone != nil && zone.Kind == "file"
	link, err := r.Stat(ctx, localtime)
	if err != nil && !errors.Is(err, modules.ErrNotExist) {
		return s, err
	}
	if link.Kind != "" && link.Kind != "link" {
		s.link = "(a copy)"
	}
	if link.Kind == "link" {
		s.link = link.Target
		p := link.Target
		if !path.IsAbs(p) {
			p = path.Join(path.Dir(localtime), p)
		}
		s.Name, _ = strings.CutPrefix(p, zones)
	}
	s.file, err = a.file().Look(ctx, r, true)
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) {
	if !s.found {
		return nil, modules.NotYetf("there is no time zone %s on this host (package tzdata)", a.Name)
	}
	var steps []modules.Step
	if s.Name != a.Name {
		steps = append(steps, modules.Step{
			What: "set the time zone to " + a.Name, From: s.link, To: zones + a.Name,
			Do: func(ctx context.Context, h modules.Host) error { return h.Link(ctx, zones+a.Name, localtime, false) },
		})
	}
	if s.file.Info == nil {
		return steps, nil
	}
	more, err := a.file().Plan(s.file)
	return append(steps, more...), err
}
