// Package authorizedkey holds the SSH keys that may log in to an account.
package authorizedkey

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	User      string           `json:"user" required:"true" doc:"account whose keys they are"`
	Key       string           `json:"key" required:"true" doc:"public keys as ssh-keygen writes them, a line each"`
	State     string           `json:"state" default:"present" enum:"present,absent" doc:"whether the keys shall be there"`
	Exclusive bool             `json:"exclusive" default:"false" doc:"no other key may be there; lines of comment stay. In a loop each turn removes the others' keys"`
	Options   *string          `json:"key_options" doc:"options before each key, such as no-port-forwarding,command=\"/usr/bin/backup\""`
	Comment   *string          `json:"comment" doc:"comment of each key, instead of its own"`
	Path      modules.FilePath `json:"path" doc:"file that holds them, ~/.ssh/authorized_keys of the account when not given"`
	ManageDir bool             `json:"manage_dir" default:"true" doc:"make ~/.ssh and hold it to its owner and mode 0700; a directory of path is never touched"`
}

// Validate holds the keys to their form.
func (a Args) Validate() error {
	if strings.HasPrefix(a.Key, "http://") || strings.HasPrefix(a.Key, "https://") {
		return errors.New("key must be the keys themselves: an address would let its server decide who may log in")
	}
	keys, err := a.keys()
	if err != nil {
		return err
	}
	if len(keys) == 0 && !(a.Exclusive && a.State == "present") {
		return errors.New("key holds no public key")
	}
	if a.Exclusive && a.State == "absent" {
		return errors.New("exclusive and state: absent cannot both be given")
	}
	if a.Path != "" {
		return place.Absolute("path", a.Path)
	}
	return nil
}

// keys are the keys that are meant.
func (a Args) keys() ([]line, error) {
	var out []line
	for n, text := range place.Lines([]byte(a.Key)) {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		k := parse(text)
		if k.blob == "" {
			return nil, fmt.Errorf("line %d of key is no public key: %s", n+1, short(text))
		}
		if a.Options != nil {
			k.options = *a.Options
		}
		if a.Comment != nil {
			k.comment = *a.Comment
		}
		out = append(out, k)
	}
	return out, nil
}

func short(s string) string {
	if len(s) > 40 {
		return s[:37] + "..."
	}
	return s
}

// State is what the host shows.
type State struct {
	User string   `json:"user" doc:"the account"`
	File string   `json:"keyfile" doc:"the file that holds the keys"`
	Keys []string `json:"keys" doc:"the lines of all keys that were there"`
	file place.File
	seen place.Seen
	dir  *modules.Info // ~/.ssh, when it is managed
	ids  place.IDs
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "authorized_key",
		Doc: `Holds the SSH keys that may log in to an account.

A key is known by what it is, not by its comment: one that is there with other options or another comment is changed in
its place. The file and ~/.ssh belong to the account; a ~/.ssh that is a symbolic link is refused.`,
		Example: `
- name: who may log in
  authorized_key:
    user: ops
    key: |
      ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG/+dAsDLqX0OARZWaALvd2pCdkwoSOFQ3E9W78Djhja ada@example.org
    exclusive: true
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{User: a.User}
	u, err := r.User(ctx, a.User)
	if errors.Is(err, modules.ErrNotExist) {
		return s, modules.NotYetf("user %s does not exist", a.User)
	}
	if err != nil {
		return s, err
	}
	s.file = place.File{Path: string(a.Path), Follow: a.Path != ""}
	if a.Path == "" {
		s.file.Path = path.Join("/", u.Home, ".ssh/authorized_keys")
		s.file.Attrs = place.Attrs{Mode: "0600", Owner: a.User, Group: strconv.Itoa(u.GID)}
		if s.dir, err = place.Stat(ctx, r, path.Dir(s.file.Path)); err != nil {
			return s, err
		}
		if s.dir != nil && s.dir.Kind != "directory" {
			return s, fmt.Errorf("%s is %s, not a directory", path.Dir(s.file.Path), place.A(s.dir.Kind))
		}
		s.ids = place.IDs{UID: &u.UID, GID: &u.GID}
	}
	s.seen, err = s.file.Look(ctx, r, true)
	s.File = s.seen.Path
	for _, l := range place.Lines(s.seen.Old) {
		if parse(l).blob != "" {
			s.Keys = append(s.Keys, strings.TrimSpace(l))
		}
	}
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) {
	keys, err := a.keys()
	if err != nil {
		return nil, err
	}
	text := merge(place.Lines(s.seen.Old), keys, a)
	if s.seen.Info == nil && len(text) == 0 {
		return nil, nil
	}
	f := s.file
	f.Bytes = place.Unlines(text)
	if a.Path != "" || !a.ManageDir {
		return f.Plan(s.seen)
	}
	dir := path.Dir(s.file.Path)
	want := place.Attrs{Mode: "0700", Owner: a.User, Group: s.file.Attrs.Group}
	var steps []modules.Step
	if s.dir != nil {
		step, ok, err := want.SetStep(dir, *s.dir, s.ids)
		if err != nil {
			return nil, err
		}
		if ok {
			steps = append(steps, step)
		}
	} else {
		if len(s.seen.Dirs) > 1 {
			return nil, modules.NotYetf("the home directory %s does not exist", path.Dir(dir))
		}
		at, err := want.Fresh(true, s.ids)
		if err != nil {
			return nil, err
		}
		steps = place.Dirs(s.seen.Dirs, at)
		s.seen.Dirs = nil
	}
	more, err := f.Plan(s.seen)
	return append(steps, more...), err
}
