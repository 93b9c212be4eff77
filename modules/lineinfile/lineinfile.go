// Package lineinfile holds a line of a file to what it shall be.
package lineinfile

import (
	"context"
	"errors"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Path     modules.FilePath `json:"path" alias:"dest,destfile,name" required:"true" doc:"path of the file; a symbolic link is followed"`
	Line     *string          `json:"line" alias:"value" doc:"the line; needed for state: present"`
	Regexp   string           `json:"regexp" alias:"regex" doc:"regular expression (RE2): the last line that it finds becomes line; with state: absent all that it finds go"`
	Search   string           `json:"search_string" doc:"text instead of regexp: lines that contain it"`
	State    string           `json:"state" default:"present" enum:"present,absent" doc:"whether the line shall be there"`
	Backrefs bool             `json:"backrefs" default:"false" doc:"\\1 and \\g<name> in line are the groups of regexp; where regexp finds nothing, nothing changes"`
	First    bool             `json:"firstmatch" default:"false" doc:"take the first line that matches rather than the last"`
	Create   bool             `json:"create" default:"false" doc:"make the file when it is missing"`
	place.Insert
	place.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	switch {
	case a.Regexp != "" && a.Search != "":
		return errors.New("regexp and search_string cannot both be given")
	case a.State == "present" && a.Line == nil:
		return errors.New("state: present needs line")
	case a.State == "absent" && a.Line == nil && a.Regexp == "" && a.Search == "":
		return errors.New("state: absent needs one of regexp, search_string and line")
	case a.Backrefs && a.Regexp == "":
		return errors.New("backrefs needs regexp")
	}
	if err := place.Absolute("path", a.Path); err != nil {
		return err
	}
	if err := place.Regexp("regexp", a.Regexp); err != nil {
		return err
	}
	if err := a.Insert.Check(); err != nil {
		return err
	}
	return a.Args.Check()
}

// State is what the host shows.
type State struct {
	place.Result
	seen place.Seen
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "lineinfile",
		Doc: `Makes sure that a line is in a file, or is not.

One line is meant. For several use blockinfile, for a whole file copy or template.`,
		Example: `
- name: ssh takes no passwords
  lineinfile:
    path: /etc/ssh/sshd_config
    regexp: '^#?PasswordAuthentication '
    line: PasswordAuthentication no
    validate: sshd -t -f %s
- name: no SQLite in the configuration
  lineinfile: {path: /etc/matrix-synapse/homeserver.yaml, regexp: sqlite3, state: absent}
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
		case a.State == "absent":
			return nil, nil
		case !a.Create:
			return nil, modules.NotYetf("%s does not exist, and create is not set", s.seen.Path)
		}
	}
	text := s.seen.Old
	if a.State == "absent" {
		text = remove(a, text)
	} else {
		text = present(a, text)
	}
	return a.file(text).Plan(s.seen)
}
