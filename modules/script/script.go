// Package script runs a script of the controller on the host.
package script

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
	Cmd        *modules.Content `json:"cmd" from:"script" freeform:"true" required:"true" doc:"file on the controller, searched in files/, and the arguments that follow it, as a shell of the host reads them"`
	Executable string           `json:"executable" doc:"program that runs it, such as python3; else it is started itself, by what stands behind its #!"`
	process.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	if a.Cmd == nil {
		return errors.New("cmd is needed")
	}
	return a.Args.Validate()
}

// Result is what is registered.
type Result struct {
	Cmd string `json:"cmd" doc:"the script's name and arguments"`
	process.Result
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "script",
		Doc: `Runs a script of the controller on the host.

It is sent, run from a directory that nobody else may enter, and taken away again. Where it brings about a state, a
module is the better choice: a script counts as changed each time unless read_only, creates or removes says otherwise.`,
		Example: `
- name: a script with arguments
  script: tune.sh --level 3
  args: {creates: /etc/tuned}
- name: in another language
  script: {cmd: report.py /var/log, executable: python3, read_only: true}
  register: report
`,
		Needed:   func(ctx context.Context, r modules.Reader, a Args) (bool, error) { return a.Needed(ctx, r) },
		Run:      run,
		ReadOnly: func(a Args) bool { return a.ReadOnly },
		What:     func(a Args) string { return "run " + a.line() },
	}.Task()
}

// line is the script's name and its arguments.
func (a Args) line() string { return strings.TrimSpace(a.Cmd.Name + " " + a.Cmd.Args) }

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	line := strings.TrimSpace(a.Executable + ` "$0" ` + a.Cmd.Args)
	r, err := a.RunWith(ctx, h, modules.Command{
		Argv: []string{"/bin/sh", "-c", line, modules.TempPath},
		Temp: &modules.Write{Path: path.Base(a.Cmd.Name), From: a.Cmd},
	})
	var c *modules.CommandError
	if errors.As(err, &c) {
		c.Argv = strings.Fields(a.line()) // what the playbook says, not how it is started
	}
	return Result{a.line(), r}, err
}
