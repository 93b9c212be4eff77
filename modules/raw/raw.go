// Package raw runs a line of shell as it is.
package raw

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/process"
)

// Args are what a playbook says.
type Args struct {
	Cmd        string           `json:"cmd" freeform:"true" required:"true" doc:"what the shell runs"`
	Executable modules.FilePath `json:"executable" default:"/bin/sh" doc:"the shell"`
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	switch {
	case strings.TrimSpace(a.Cmd) == "":
		return errors.New("the command is empty")
	case !path.IsAbs(string(a.Executable)):
		return errors.New("executable must be an absolute path")
	}
	return nil
}

// Result is what is registered.
type Result struct {
	process.Result
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "raw",
		Doc: `Runs a line of shell on the host, as shell does.

Elsewhere it is what works before Python is there. Here every task works without, so that shell, which knows creates,
removes and read_only, is the better choice. It counts as changed each time.`,
		Example: `
- name: what begins many a playbook
  raw: apt-get install -y python3-minimal
`,
		Run:  run,
		What: func(a Args) string { return "run " + process.FirstLine(a.Cmd) },
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	r, err := process.Args{Newline: true}.Run(ctx, h, []string{string(a.Executable), "-c", a.Cmd})
	return Result{r}, err
}
