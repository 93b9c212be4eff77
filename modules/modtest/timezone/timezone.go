// Package timezone sets a host's time zone.
package timezone

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

const (
	localtime = "/etc/localtime"
	zones     = "/usr/share/zoneinfo/"
)

// Args are what a playbook says.
type Args struct {
	Name string `json:"name" required:"true" doc:"the zone, such as Europe/Vienna"`
}

// State is what the host shows, and what a register holds.
type State struct {
	Name  string `json:"name" doc:"the zone that is in force"`
	found bool   // the zone that is asked for
	link  string
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "timezone",
		Doc: `Sets the host's time zone.

Services that run already keep the old one until they are restarted.`,
		Example: `
- name: the host lives in Vienna
  timezone: {name: Europe/Vienna}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

// check looks, and has no way to write.
func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	switch zone, err := r.Stat(ctx, zones+a.Name); {
	case err == nil:
		s.found = zone.Kind != "directory"
	case !errors.Is(err, modules.ErrNotExist):
		return s, err
	}
	link, err := r.Stat(ctx, localtime)
	if err != nil && !errors.Is(err, modules.ErrNotExist) {
		return s, err
	}
	s.link = link.Target
	if zone, ok := strings.CutPrefix(link.Target, zones); ok {
		s.Name = zone
	}
	return s, nil
}

// plan is pure: the same state gives the same steps, in check mode and in a run.
func plan(a Args, s State) ([]modules.Step, error) {
	switch {
	case s.Name == a.Name:
		return nil, nil
	case !s.found:
		return nil, fmt.Errorf("there is no time zone %s on this host (package tzdata)", a.Name)
	}
	return []modules.Step{{
		What: "set the time zone to " + a.Name,
		From: s.link, To: zones + a.Name,
		Do: func(ctx context.Context, h modules.Host) error {
			return h.Link(ctx, zones+a.Name, localtime, false)
		},
	}}, nil
}
