package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// CommandError is a command that could not be run or did not exit with 0.
type CommandError struct {
	Argv   []string
	Exit   int // -1 if it did not run or was ended by a signal
	Stdout string
	Stderr string
	Err    error
}

// Error names the command, its exit and the last line it wrote to stderr.
func (e *CommandError) Error() string {
	msg := fmt.Sprintf("%s: %v", strings.Join(e.Argv, " "), e.Err)
	if last := lastLine(e.Stderr); last != "" {
		msg += ": " + last
	}
	return msg
}

// Unwrap gives the error of os/exec.
func (e *CommandError) Unwrap() error { return e.Err }

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// run runs argv to its end and returns what it wrote to stdout.
func run(ctx context.Context, argv ...string) (string, error) {
	return runInput(ctx, "", argv...)
}

func runInput(ctx context.Context, stdin string, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.Stdin = strings.NewReader(stdin)
	// A daemon started by the command may keep the pipes open.
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return out.String(), &CommandError{
			Argv: argv, Exit: cmd.ProcessState.ExitCode(),
			Stdout: out.String(), Stderr: errOut.String(), Err: err,
		}
	}
	return out.String(), nil
}
