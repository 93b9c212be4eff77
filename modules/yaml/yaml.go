// Package yaml writes a data structure as a YAML file.
package yaml

import (
	"context"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Dest   modules.FilePath `json:"dest" alias:"path" required:"true" doc:"path of the file"`
	Data   modules.Content  `json:"data" required:"true" from:"yaml" doc:"what the file holds; keys keep their order, texts are quoted where they must be"`
	Header string           `json:"header" doc:"comment at the top of the file, a # before each line"`
	Force  bool             `json:"force" default:"true" doc:"replace a file that is there and differs"`
	Follow bool             `json:"follow" default:"false" doc:"where dest is a symbolic link, write what it leads to instead of replacing it"`
	place.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	if err := place.Absolute("dest", a.Dest); err != nil {
		return err
	}
	return a.Check()
}

// State is what the host shows.
type State struct {
	Dest string `json:"dest" doc:"path of the file"`
	place.Result
	seen place.Seen
	text []byte // header and document, when there is a header
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "yaml",
		Doc: `Writes a data structure as a YAML file.

Whatever characters a value holds, a reader gets the same value back: there is nothing to quote and nothing to indent
in the playbook. The whole file is written; what others added to it is replaced.`,
		Example: `
- name: the database of Synapse
  yaml:
    dest: /etc/matrix-synapse/conf.d/database.yaml
    owner: root
    group: matrix-synapse
    mode: "0640"
    header: written by mxplay
    data:
      database:
        name: psycopg2
        args: {user: synapse, password: "p: #'\"", dbname: synapse, cp_min: 5, cp_max: 10}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) file(s State) place.File {
	f := place.File{Path: string(a.Dest), From: &a.Data, Attrs: a.Attrs, Follow: a.Follow, Keep: !a.Force,
		Backup: a.Backup, Validate: a.Args.Validate}
	if a.Header != "" {
		f.From, f.Bytes = nil, s.text
	}
	return f
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	if a.Header != "" {
		doc, err := r.Content(ctx, a.Data)
		if err != nil {
			return s, err
		}
		s.text = append(comment(a.Header), doc...)
	}
	var err error
	s.seen, err = a.file(s).Look(ctx, r, a.Header != "")
	s.Result, s.Dest = s.seen.Result(), s.seen.Path
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) { return a.file(s).Plan(s.seen) }

// comment is a text as a comment of YAML.
func comment(text string) []byte {
	var b []byte
	for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if !strings.HasPrefix(l, "#") {
			l = strings.TrimRight("# "+l, " ")
		}
		b = append(b, l+"\n"...)
	}
	return b
}
