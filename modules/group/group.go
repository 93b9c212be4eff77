// Package group makes and removes groups of accounts.
package group

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Name      string `json:"name" required:"true" doc:"name of the group"`
	GID       *int64 `json:"gid" doc:"its number"`
	System    bool   `json:"system" default:"false" doc:"a new group gets a number of the system's range"`
	NonUnique bool   `json:"non_unique" default:"false" doc:"gid may be another group's too"`
	State     string `json:"state" default:"present" enum:"present,absent" doc:"whether the group shall be there"`
}

// Validate refuses what groupadd would not take.
func (a Args) Validate() error {
	switch {
	case a.Name == "":
		return errors.New("name is empty")
	case a.GID != nil && *a.GID < 0:
		return fmt.Errorf("gid cannot be negative, found %d", *a.GID)
	case a.NonUnique && a.GID == nil:
		return errors.New("non_unique needs gid")
	}
	return nil
}

// State is what the host shows.
type State struct {
	Name   string `json:"name" doc:"name of the group"`
	State  string `json:"state" doc:"present or absent"`
	GID    int64  `json:"gid" doc:"its number; -1 when it is absent"`
	System bool   `json:"system" doc:"as the task says"`
	local  bool
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "group",
		Doc: `Makes, changes or removes a group.

Only what stands in /etc/group is changed. A group that another source has (LDAP) is found, and an error where it would
have to change.`,
		Example: `
- name: the group of the bridges
  group: {name: matrix-bridges, system: true}
- name: a group that is no longer needed
  group: {name: matrix-old, state: absent}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Name: a.Name, State: "absent", GID: -1, System: a.System}
	g, err := r.Group(ctx, a.Name)
	switch {
	case errors.Is(err, modules.ErrNotExist) || err == nil && g.Name != a.Name:
		return s, nil
	case err != nil:
		return s, err
	}
	s.State, s.GID, s.local = "present", int64(g.GID), g.Local
	return s, nil
}

func plan(a Args, s State) ([]modules.Step, error) {
	there := s.State == "present"
	switch {
	case a.State == "absent" && !there, a.State == "present" && there && (a.GID == nil || *a.GID == s.GID):
		return nil, nil
	case there && !s.local:
		return nil, fmt.Errorf("group %s does not stand in /etc/group: it cannot be changed here", a.Name)
	case a.State == "absent":
		return []modules.Step{{What: "remove group " + a.Name, From: "gid " + strconv.FormatInt(s.GID, 10) + "\n", Do: run("groupdel", a.Name)}}, nil
	}
	var argv []string
	step := modules.Step{What: "add group " + a.Name}
	if there {
		argv = []string{"groupmod"}
		step.What = "change group " + a.Name
		step.From = "gid " + strconv.FormatInt(s.GID, 10) + "\n"
	} else {
		argv = []string{"groupadd"}
		if a.System {
			argv = append(argv, "--system")
		}
	}
	if a.GID != nil {
		gid := strconv.FormatInt(*a.GID, 10)
		argv = append(argv, "--gid", gid)
		step.To = "gid " + gid + "\n"
		if a.NonUnique {
			argv = append(argv, "--non-unique")
		}
	}
	step.Do = run(append(argv, a.Name)...)
	return []modules.Step{step}, nil
}

// run is what a step does: one command.
func run(argv ...string) func(context.Context, modules.Host) error {
	return func(ctx context.Context, h modules.Host) error {
		out, err := h.Run(ctx, modules.Command{Argv: argv})
		if err != nil {
			return err
		}
		return out.Err()
	}
}
