// Package process is what command, shell, raw and script have in common.
package process

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Args are those that all take.
type Args struct {
	Chdir    modules.FilePath `json:"chdir" doc:"directory it runs in; relative creates and removes count from it"`
	Creates  string           `json:"creates" doc:"a path, or a pattern with * and ?: nothing is done when it exists"`
	Removes  string           `json:"removes" doc:"a path, or a pattern with * and ?: nothing is done unless it exists"`
	Stdin    *string          `json:"stdin" doc:"what the process reads"`
	Newline  bool             `json:"stdin_add_newline" default:"true" doc:"end stdin with a newline"`
	Strip    bool             `json:"strip_empty_ends" default:"true" doc:"cut the newlines that end stdout and stderr"`
	ReadOnly bool             `json:"read_only" default:"false" doc:"it changes nothing: it never counts as changed, and runs in check mode too"`
}

// Validate refuses a directory that is not absolute.
func (a Args) Validate() error {
	if a.Chdir != "" && !a.Chdir.Absolute() {
		return fmt.Errorf("chdir must be an absolute path, found %q", string(a.Chdir))
	}
	return nil
}

// Result is what all register beside the command.
type Result struct {
	RC          int64    `json:"rc" doc:"exit status; 128 and the signal's number when a signal ended it"`
	Stdout      string   `json:"stdout" doc:"what it wrote"`
	Stderr      string   `json:"stderr" doc:"what it wrote as errors"`
	StdoutLines []string `json:"stdout_lines" doc:"stdout, line by line"`
	StderrLines []string `json:"stderr_lines" doc:"stderr, line by line"`
	Start       string   `json:"start" doc:"when it began, in the host's time"`
	End         string   `json:"end" doc:"when it ended"`
	Delta       string   `json:"delta" doc:"how long it took, h:mm:ss.micros"`
}

// Needed answers creates and removes.
func (a Args) Needed(ctx context.Context, r modules.Reader) (bool, error) {
	if a.Creates != "" {
		if there, err := modules.Exists(ctx, r, a.at(a.Creates)); there || err != nil {
			return false, err
		}
	}
	if a.Removes != "" {
		if there, err := modules.Exists(ctx, r, a.at(a.Removes)); !there || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (a Args) at(p string) string {
	if path.IsAbs(p) {
		return p
	}
	return path.Join("/", string(a.Chdir), p)
}

// Run runs an argv; an exit status other than 0 is an error beside the result.
func (a Args) Run(ctx context.Context, h modules.Host, argv []string) (Result, error) {
	return a.RunWith(ctx, h, modules.Command{Argv: argv})
}

// RunWith is Run with a command that may bring a file along.
func (a Args) RunWith(ctx context.Context, h modules.Host, c modules.Command) (Result, error) {
	c.Dir = string(a.Chdir)
	if a.Stdin != nil {
		in := *a.Stdin
		if a.Newline {
			in += "\n"
		}
		c.Stdin = []byte(in)
	}
	out, err := h.Run(ctx, c)
	if err != nil {
		return Result{RC: -1}, err
	}
	r := Result{
		RC: int64(out.Exit), Stdout: string(out.Stdout), Stderr: string(out.Stderr),
		Start: clock(out.Start), End: clock(out.End), Delta: delta(out.End.Sub(out.Start)),
	}
	if a.Strip {
		r.Stdout, r.Stderr = strings.TrimRight(r.Stdout, "\r\n"), strings.TrimRight(r.Stderr, "\r\n")
	}
	r.StdoutLines, r.StderrLines = lines(r.Stdout), lines(r.Stderr)
	if err := out.Err(); err != nil {
		text := r.Stderr
		if strings.TrimSpace(text) == "" {
			text = r.Stdout
		}
		return r, modules.WithLines(err, modules.LastLines(text, 10), "")
	}
	return r, nil
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	var out []string
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		out = append(out, strings.TrimSuffix(l, "\r"))
	}
	return out
}

func clock(t time.Time) string { return t.Format("2006-01-02 15:04:05.000000") }

func delta(d time.Duration) string {
	s := int64(d / time.Second)
	return fmt.Sprintf("%d:%02d:%02d.%06d", s/3600, s/60%60, s%60, int64(d/time.Microsecond)%1e6)
}

// FirstLine is a script as one line for a plan.
func FirstLine(cmd string) string {
	line, rest, _ := strings.Cut(strings.TrimSpace(cmd), "\n")
	if rest != "" {
		line += " ..."
	}
	return line
}
