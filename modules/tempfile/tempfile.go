// Package tempfile makes a temporary file or directory.
package tempfile

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	State  string           `json:"state" default:"file" enum:"file,directory" doc:"what is made"`
	Path   modules.FilePath `json:"path" doc:"directory that it is made in; TMPDIR of the task's environment or /tmp when not given"`
	Prefix string           `json:"prefix" default:"ansible." doc:"how its name begins"`
	Suffix string           `json:"suffix" doc:"how its name ends"`
}

// Validate holds the arguments to their forms.
func (a Args) Validate() error {
	if strings.Contains(a.Prefix+a.Suffix, "/") {
		return errors.New("prefix and suffix are parts of a name, without a slash")
	}
	if a.Path == "" {
		return nil
	}
	return place.Absolute("path", a.Path)
}

// Result is what is registered.
type Result struct {
	Path  string `json:"path" doc:"where it is"`
	State string `json:"state" doc:"file or directory"`
	Mode  string `json:"mode" doc:"0600 or 0700"`
	Owner string `json:"owner" doc:"the account that the task works as"`
	UID   int64  `json:"uid" doc:"its uid"`
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "tempfile",
		Doc: `Makes a temporary file or directory of a new name, which only the account may read.

It is made anew each time and stays: a later task removes it. In check mode its path is not known.`,
		Example: `
- name: a place to work in
  tempfile: {state: directory, suffix: .build}
  register: work
- name: a file that another account fills
  tempfile: {path: /var/tmp, prefix: dump.}
  become_user: postgres
`,
		Run:  run,
		What: func(a Args) string { return "make a temporary " + a.State },
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	dir := string(a.Path)
	if dir == "" {
		var err error
		if dir, err = tempDir(ctx, h); err != nil {
			return Result{}, err
		}
	}
	i, err := place.Stat(ctx, h, dir)
	if err == nil && i == nil {
		err = fmt.Errorf("directory %s does not exist", dir)
	}
	if err != nil {
		return Result{}, err
	}
	name := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Random("tempfile", 10)))
	p := path.Join(dir, a.Prefix+name+a.Suffix)
	mode := uint32(0o600)
	if a.State == "directory" {
		mode = 0o700
		err = h.Mkdir(ctx, p, modules.Attr{Mode: &mode})
	} else if i, err = place.Stat(ctx, h, p); err == nil && i != nil {
		err = fmt.Errorf("%s is there already", p)
	} else if err == nil {
		err = h.Write(ctx, modules.Write{Path: p, Attr: modules.Attr{Mode: &mode}})
	}
	if err != nil {
		return Result{}, err
	}
	r := Result{Path: p, State: a.State, Mode: modules.ModeText(mode)}
	if i, err = place.Stat(ctx, h, p); err == nil && i != nil {
		r.Owner, r.UID = i.Owner, int64(i.UID)
	}
	return r, err
}

// tempDir is where the account's programs put their temporary files.
func tempDir(ctx context.Context, h modules.Host) (string, error) {
	out, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-c", `echo "${TMPDIR:-/tmp}"`}})
	if err = errors.Join(err, out.Err()); err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(out.Stdout), "\n"), nil
}
