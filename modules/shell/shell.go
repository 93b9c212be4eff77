// Package shell runs a line of shell.
package shell

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
	Cmd        string           `json:"cmd" freeform:"true" required:"true" doc:"what the shell runs; it may have several lines"`
	Executable modules.FilePath `json:"executable" default:"/bin/sh" doc:"the shell"`
	process.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	switch {
	case strings.TrimSpace(a.Cmd) == "":
		return errors.New("the command is empty")
	case !path.IsAbs(string(a.Executable)):
		return errors.New("executable must be an absolute path")
	}
	return a.Args.Validate()
}

// Result is what is registered.
type Result struct {
	Cmd string `json:"cmd" doc:"what the shell ran"`
	process.Result
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "shell",
		Doc: `Runs a line of shell on the host.

Where no shell is needed command is the better choice. Quote values from variables with quote(), and keep secrets out:
give them by stdin or environment, since everybody on the host sees the arguments of a process.`,
		Example: `
- name: two programs and a pipe
  shell: "set -e; zcat /var/backups/db.sql.gz | psql synapse"
  args: {removes: /var/backups/db.sql.gz}
- name: count what is there
  shell: {cmd: "ls /var/lib/matrix-synapse/media | wc -l", executable: /bin/bash, read_only: true}
`,
		Needed: func(ctx context.Context, r modules.Reader, a Args) (bool, error) { return a.Needed(ctx, r) },
		Run:    run,
		ReadOnly: func(a Args) bool {
			return a.ReadOnly
		},
		What: func(a Args) string { return "run " + process.FirstLine(a.Cmd) },
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	r, err := a.Run(ctx, h, []string{string(a.Executable), "-c", a.Cmd})
	return Result{a.Cmd, r}, err
}
