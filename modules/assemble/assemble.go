// Package assemble makes one file of many fragments.
package assemble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Src       *modules.Content `json:"src" from:"file" remote:"remote_src" folder:"true" required:"true" doc:"folder that holds the fragments"`
	Dest      modules.FilePath `json:"dest" required:"true" doc:"the file that they make"`
	RemoteSrc bool             `json:"remote_src" default:"true" doc:"src is on the host; false: on the controller, searched in files/"`
	Delimiter string           `json:"delimiter" doc:"what stands between two fragments, on a line of its own; \\n in it is a newline"`
	Regexp    string           `json:"regexp" doc:"regular expression (RE2): only files in whose names it finds something"`
	Hidden    bool             `json:"ignore_hidden" default:"false" doc:"leave out files whose name begins with a dot"`
	place.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	if a.RemoteSrc {
		if err := place.Absolute("src", modules.FilePath(a.Src.Name)); err != nil {
			return err
		}
	} else if !a.Src.Dir {
		return fmt.Errorf("src must be a folder, %s is none", a.Src.Name)
	}
	if err := place.Regexp("regexp", a.Regexp); err != nil {
		return err
	}
	if err := place.Absolute("dest", a.Dest); err != nil {
		return err
	}
	return a.Args.Check()
}

// State is what the host shows.
type State struct {
	Dest string `json:"dest" doc:"path of the file"`
	place.Result
	seen    place.Seen
	text    []byte
	missing bool
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "assemble",
		Doc: `Makes one file of all files of a folder, in the order of their names.

Folders below it are left out.`,
		Example: `
- name: one file of what packages and roles put there
  assemble: {src: /etc/app/conf.d, dest: /etc/app/app.conf, regexp: '\.conf$', mode: "0640"}
- name: fragments of the playbook
  assemble:
    src: sshd/
    remote_src: false
    dest: /etc/ssh/sshd_config
    validate: sshd -t -f %s
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) file(s State) place.File {
	return place.File{Path: string(a.Dest), Bytes: s.text, Attrs: a.Attrs, Follow: true, Backup: a.Backup, Validate: a.Args.Validate}
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	parts, err := a.parts(ctx, r)
	if errors.Is(err, modules.ErrNotExist) && a.RemoteSrc {
		s.missing, err = true, nil
	}
	if err != nil {
		return s, err
	}
	s.text = a.join(parts)
	s.seen, err = a.file(s).Look(ctx, r, true)
	s.Result, s.Dest = s.seen.Result(), s.seen.Path
	return s, err
}

// parts are the fragments, in order.
func (a Args) parts(ctx context.Context, r modules.Reader) ([][]byte, error) {
	var names []string
	read := map[string]func() ([]byte, error){}
	add := func(name string, f func() ([]byte, error)) {
		if a.wants(name) {
			names = append(names, name)
			read[name] = f
		}
	}
	if a.RemoteSrc {
		entries, err := r.ReadDir(ctx, a.Src.Name)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			p, i, err := place.Follow(ctx, r, path.Join(a.Src.Name, e.Name))
			if err != nil {
				return nil, err
			}
			if i != nil && i.Kind == "file" {
				add(e.Name, func() ([]byte, error) { return r.ReadFile(ctx, p) })
			}
		}
	}
	for _, c := range a.Src.Tree {
		if !c.Dir && !strings.Contains(c.Name, "/") {
			add(c.Name, func() ([]byte, error) { return r.Content(ctx, c) })
		}
	}
	slices.Sort(names)
	var out [][]byte
	for _, n := range names {
		b, err := read[n]()
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func (a Args) wants(name string) bool {
	if a.Hidden && strings.HasPrefix(name, ".") {
		return false
	}
	return a.Regexp == "" || regexp.MustCompile(a.Regexp).MatchString(name)
}

// join is the file's text. A fragment that lacks its last newline gets one
// where another follows it, and so does the delimiter.
func (a Args) join(parts [][]byte) []byte {
	delimiter := []byte(strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(a.Delimiter))
	out := []byte{}
	for i, p := range parts {
		if i > 0 && !bytes.HasSuffix(parts[i-1], []byte("\n")) {
			out = append(out, '\n')
		}
		if i > 0 && len(delimiter) > 0 {
			if out = append(out, delimiter...); !bytes.HasSuffix(delimiter, []byte("\n")) {
				out = append(out, '\n')
			}
		}
		out = append(out, p...)
	}
	return out
}

func plan(a Args, s State) ([]modules.Step, error) {
	if s.missing {
		return nil, modules.NotYetf("src %s does not exist on the host", a.Src.Name)
	}
	return a.file(s).Plan(s.seen)
}
