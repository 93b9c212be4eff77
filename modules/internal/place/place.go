// Package place is what the modules that put a file on a host have in common:
// owners, modes, links, the diff, and the steps that follow from them.
package place

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Attrs are the arguments that every such module takes.
type Attrs struct {
	Mode  modules.Mode `json:"mode" doc:"permissions, \"0644\" or \"u=rw,go=r\"; left as they are when not given (0644 for a new file, 0755 for a new directory)"`
	Owner string       `json:"owner" doc:"account that owns it, name or uid"`
	Group string       `json:"group" doc:"group that owns it, name or gid"`
}

// Validate refuses a mode that cannot be read.
func (a Attrs) Validate() error {
	if a.Mode == modules.Preserve {
		return errors.New("mode preserve has no source file to take it from")
	}
	return a.Mode.Validate()
}

// Result is what such a module registers, under Ansible's names.
type Result struct {
	Path     string `json:"path" doc:"the path on the host"`
	State    string `json:"state" doc:"file, directory, link, hard, other or absent"`
	Mode     string `json:"mode" doc:"permissions, \"0644\""`
	Owner    string `json:"owner" doc:"name of the owner"`
	Group    string `json:"group" doc:"name of the group"`
	UID      int64  `json:"uid" doc:"id of the owner"`
	GID      int64  `json:"gid" doc:"id of the group"`
	Size     int64  `json:"size" doc:"bytes"`
	Checksum string `json:"checksum" doc:"SHA-256 of a file's content; empty where it was not looked at"`
}

// Seen is what stands at a path, and the ids behind the owners that are wanted.
type Seen struct {
	Path   string        // links followed where that was asked for
	Info   *modules.Info // nil when nothing is there
	Hash   string        // of a file
	Old    []byte        // its bytes, where they were read
	New    []byte        // the bytes that shall be there, where they were fetched for the diff
	Parent string        // "" or why its directory cannot take it
	Dirs   []string      // directories above it that are missing, from the top
	IDs    IDs
}

// IDs are the owners that are wanted.
type IDs struct {
	UID, GID *int
	Missing  string // "" or the account that does not exist
}

// Result is Seen as it is registered.
func (s Seen) Result() Result {
	r := Result{Path: s.Path, State: "absent"}
	if i := s.Info; i != nil {
		r.State, r.Mode, r.Owner, r.Group = i.Kind, modules.ModeText(i.Mode), i.Owner, i.Group
		r.UID, r.GID, r.Size, r.Checksum = int64(i.UID), int64(i.GID), i.Size, s.Hash
	}
	return r
}

// A is what stands somewhere, in words: a directory, a device, socket or pipe.
func A(kind string) string {
	if kind == "other" {
		return "a device, socket or pipe"
	}
	return "a " + kind
}

// Stat is a path's Info, nil when nothing is there.
func Stat(ctx context.Context, r modules.Reader, p string) (*modules.Info, error) {
	i, err := r.Stat(ctx, p)
	if errors.Is(err, modules.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &i, nil
}

// Follow is where a path leads when each link at its end is followed, with what is there.
func Follow(ctx context.Context, r modules.Reader, p string) (string, *modules.Info, error) {
	for range 40 {
		i, err := Stat(ctx, r, p)
		if err != nil || i == nil || i.Kind != "link" {
			return p, i, err
		}
		if path.IsAbs(i.Target) {
			p = path.Clean(i.Target)
		} else {
			p = path.Join(path.Dir(p), i.Target)
		}
	}
	return p, nil, fmt.Errorf("%s: too many links", p)
}

// LookIDs finds the ids of an owner and a group.
func LookIDs(ctx context.Context, r modules.Reader, owner, group string) (IDs, error) {
	var ids IDs
	var missing []string
	if owner != "" {
		if n, ok := number(owner); ok {
			ids.UID = &n
		} else if u, err := r.User(ctx, owner); err == nil {
			ids.UID = &u.UID
		} else if errors.Is(err, modules.ErrNotExist) {
			missing = append(missing, "user "+owner)
		} else {
			return ids, err
		}
	}
	if group != "" {
		if n, ok := number(group); ok {
			ids.GID = &n
		} else if g, err := r.Group(ctx, group); err == nil {
			ids.GID = &g.GID
		} else if errors.Is(err, modules.ErrNotExist) {
			missing = append(missing, "group "+group)
		} else {
			return ids, err
		}
	}
	switch len(missing) {
	case 1:
		ids.Missing = missing[0] + " does not exist"
	case 2:
		ids.Missing = strings.Join(missing, " and ") + " do not exist"
	}
	return ids, nil
}

// number reads decimal digits that fit an int of 32 bits; a longer number is looked up as a name.
func number(s string) (int, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n), err == nil && s[0] >= '0' && s[0] <= '9'
}

// MissingDirs are the directories above p that do not exist, from the top; why
// is set when something else stands where a directory must be.
func MissingDirs(ctx context.Context, r modules.Reader, p string) (dirs []string, why string, err error) {
	for d := path.Dir(p); ; d = path.Dir(d) {
		_, i, err := Follow(ctx, r, d)
		switch {
		case err != nil:
			return nil, "", err
		case i == nil && d != "/":
			dirs = append([]string{d}, dirs...)
			continue
		case i != nil && i.Kind != "directory":
			return nil, d + " is no directory", nil
		}
		return dirs, "", nil
	}
}

// Dirs are the steps that make missing directories.
func Dirs(dirs []string, a modules.Attr) []modules.Step {
	var steps []modules.Step
	for _, d := range dirs {
		steps = append(steps, modules.Step{
			What: "make directory " + d, To: modeLine(a),
			Do: func(ctx context.Context, h modules.Host) error { return h.Mkdir(ctx, d, a) },
		})
	}
	return steps
}

func modeLine(a modules.Attr) string {
	if a.Mode == nil {
		return "mode 0755\n"
	}
	return "mode " + modules.ModeText(*a.Mode) + "\n"
}
