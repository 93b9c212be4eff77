// Package hostname sets a host's name.
package hostname

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

const (
	nameFile = "/etc/hostname"
	live     = "/proc/sys/kernel/hostname"
)

// Args are what a playbook says.
type Args struct {
	Name string `json:"name" required:"true" doc:"the name, mostly without its domain"`
	Use  string `json:"use" doc:"accepted as Ansible has it; there is one way here"`
}

// Validate refuses what cannot be a name.
func (a Args) Validate() error {
	if ok := regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`).MatchString(a.Name); !ok || len(a.Name) > 64 {
		return fmt.Errorf("name has letters, digits, - and . and at most 64 of them, found %q", a.Name)
	}
	return nil
}

// State is what the host shows.
type State struct {
	Name string `json:"name" doc:"the name in force"`
	file place.Seen
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "hostname",
		Doc: `Sets a host's name, now and for the next start.

/etc/hosts is not touched: a line there that names the host is lineinfile's. Facts are those from before the task.`,
		Example: `
- name: its name
  hostname: {name: matrix}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) file() place.File { return place.File{Path: nameFile, Bytes: []byte(a.Name + "\n")} }

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	b, err := r.ReadFile(ctx, live)
	if err != nil && !errors.Is(err, modules.ErrNotExist) {
		return s, err
	}
	s.Name = strings.TrimSpace(string(b))
	s.file, err = a.file().Look(ctx, r, true)
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) {
	steps, err := a.file().Plan(s.file)
	if err != nil || s.Name == a.Name {
		return steps, err
	}
	return append(steps, modules.Step{
		What: "set the name to " + a.Name, From: s.Name, To: a.Name,
		Do: func(ctx context.Context, h modules.Host) error {
			out, err := h.Run(ctx, modules.Command{Argv: []string{"hostname", "--", a.Name}})
			return errors.Join(err, out.Err())
		},
	}), nil
}
