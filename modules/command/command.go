// Package command runs a program, without a shell.
package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/process"
)

// Args are what a playbook says.
type Args struct {
	Cmd  string   `json:"cmd" freeform:"true" doc:"program and arguments as one line; quotes keep words together, nothing else of a shell works"`
	Argv []string `json:"argv" doc:"program and arguments as a list, instead of cmd"`
	process.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	switch {
	case a.Cmd == "" && len(a.Argv) == 0:
		return errors.New("one of cmd and argv is needed")
	case a.Cmd != "" && len(a.Argv) > 0:
		return errors.New("cmd and argv cannot both be given")
	}
	if argv, err := a.argv(); err != nil {
		return fmt.Errorf("cmd: %w", err)
	} else if len(argv) == 0 || argv[0] == "" {
		return errors.New("the command is empty")
	}
	return a.Args.Validate()
}

func (a Args) argv() ([]string, error) {
	if len(a.Argv) > 0 {
		return a.Argv, nil
	}
	return modules.SplitWords(a.Cmd)
}

// Result is what is registered.
type Result struct {
	Cmd []string `json:"cmd" doc:"program and arguments"`
	process.Result
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "command",
		Doc: `Runs a program on the host, without a shell.

There is no shell: | > && * $HOME are plain text; shell understands them. An exit status other than 0 is a failure, and
is registered all the same. Every run counts as changed unless read_only, creates or removes says otherwise.`,
		Example: `
- name: a program that only looks
  command: {cmd: nginx -v, read_only: true}
- name: make a key once
  command:
    argv: [openssl, genpkey, -algorithm, ed25519, -out, /etc/ssl/private/host.key]
    creates: /etc/ssl/private/host.key
- name: the short form
  command: update-ca-certificates
  args: {chdir: /etc}
`,
		Needed: func(ctx context.Context, r modules.Reader, a Args) (bool, error) { return a.Needed(ctx, r) },
		Run:    run,
		ReadOnly: func(a Args) bool {
			return a.ReadOnly
		},
		What: func(a Args) string {
			argv, _ := a.argv()
			return "run " + modules.CommandText(argv)
		},
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	argv, err := a.argv()
	if err != nil {
		return Result{}, err
	}
	r, err := a.Run(ctx, h, argv)
	return Result{argv, r}, err
}
