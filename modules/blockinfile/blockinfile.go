// Package blockinfile holds some lines of a file, between two marks, to what
// they shall be.
package blockinfile

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Path    modules.FilePath `json:"path" alias:"dest,destfile,name" required:"true" doc:"path of the file; a symbolic link is followed"`
	Block   string           `json:"block" alias:"content" doc:"the lines; none removes the block"`
	State   string           `json:"state" default:"present" enum:"present,absent" doc:"whether the block shall be there"`
	Marker  string           `json:"marker" default:"'# {mark} ANSIBLE MANAGED BLOCK'" doc:"the line above and below the block; {mark} stands for marker_begin and marker_end"`
	Begin   string           `json:"marker_begin" default:"BEGIN" doc:"what {mark} is above the block"`
	End     string           `json:"marker_end" default:"END" doc:"what {mark} is below the block"`
	Create  bool             `json:"create" default:"false" doc:"make the file when it is missing"`
	Append  bool             `json:"append_newline" default:"false" doc:"an empty line stands after the block, unless it ends the file"`
	Prepend bool             `json:"prepend_newline" default:"false" doc:"an empty line stands before the block, unless it begins the file"`
	place.Insert
	place.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	begin, end := a.marks()
	switch {
	case strings.Contains(a.Marker, "\n"):
		return errors.New("marker must be one line")
	case begin == end:
		return errors.New("marker must contain {mark}, or the block's begin and end could not be told apart")
	}
	if err := place.Absolute("path", a.Path); err != nil {
		return err
	}
	if err := a.Insert.Check(); err != nil {
		return err
	}
	return a.Args.Check()
}

func (a Args) marks() (begin, end string) {
	return strings.ReplaceAll(a.Marker, "{mark}", a.Begin), strings.ReplaceAll(a.Marker, "{mark}", a.End)
}

// State is what the host shows.
type State struct {
	place.Result
	seen place.Seen
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "blockinfile",
		Doc: `Makes sure that a block of lines is in a file, between two marks, or is not.

The marks are Ansible's, so that a block which Ansible wrote is found. Several blocks of one file need markers of their own.`,
		Example: `
- name: the lab's names
  blockinfile:
    path: /etc/hosts
    marker: "# {mark} matrix"
    block: |
      10.88.0.10 matrix.example.org
      10.88.0.11 turn.example.org
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) file(text []byte) place.File {
	return place.File{Path: string(a.Path), Bytes: text, Attrs: a.Attrs, Follow: true, Dirs: a.Create,
		Backup: a.Backup, Validate: a.Args.Validate}
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	var err error
	s.seen, err = a.file(nil).Look(ctx, r, true)
	s.Result = s.seen.Result()
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) {
	if s.seen.Info == nil {
		switch {
		case a.State == "absent" || a.Block == "":
			return nil, nil
		case !a.Create:
			return nil, modules.NotYetf("%s does not exist, and create is not set", s.seen.Path)
		}
	}
	return a.file(edit(a, s.seen.Old)).Plan(s.seen)
}

// edit is a text with the block, or without it.
func edit(a Args, text []byte) []byte {
	old := place.Lines(text)
	begin, end := a.marks()
	var block []string
	if a.State == "present" && a.Block != "" {
		block = append([]string{begin}, place.Lines([]byte(a.Block))...)
		block = append(block, end)
	}
	first, last := -1, -1
	for n, l := range old {
		switch place.Bare(l) {
		case begin:
			first = n
		case end:
			last = n
		}
	}
	lines := slices.Clone(old)
	at := 0
	switch {
	case first >= 0 && last >= 0: // in whichever order they stand
		at = min(first, last)
		lines = slices.Delete(lines, at, max(first, last)+1)
	default:
		at = a.Insert.At(lines, false)
	}
	if len(block) > 0 {
		if a.Prepend && at > 0 && place.Bare(lines[at-1]) != "" {
			block = append([]string{""}, block...)
		}
		if a.Append && at < len(lines) && place.Bare(lines[at]) != "" {
			block = append(block, "")
		}
	}
	lines = slices.Insert(lines, at, block...)
	if slices.Equal(lines, old) {
		return text
	}
	return place.Unlines(lines)
}
