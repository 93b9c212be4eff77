// Package secret makes a secret once, on the host, and keeps it there.
package secret

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Path     modules.FilePath `json:"path" alias:"dest" required:"true" doc:"file on the host that keeps it; directories above it are made, 0711: they can be passed, not listed"`
	Format   string           `json:"format" default:"text" enum:"text,hex,base64" doc:"characters of the alphabet, or random bytes in hex or base64"`
	Length   int64            `json:"length" default:"64" doc:"number of characters, or of bytes with hex and base64"`
	Alphabet string           `json:"alphabet" default:"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" doc:"characters that a text is made of; the default has none that a configuration file or a URL would take amiss"`
	Mode     modules.Mode     `json:"mode" default:"'0600'" doc:"permissions of the file"`
	Owner    string           `json:"owner" doc:"account that owns it, name or uid"`
	Group    string           `json:"group" doc:"group that owns it, name or gid"`
	State    string           `json:"state" default:"present" enum:"present,absent" doc:"whether the secret shall be there; absent removes it for good"`
}

// Validate refuses what would be no secret.
func (a Args) Validate() error {
	if err := place.Absolute("path", a.Path); err != nil {
		return err
	}
	least := int64(16)
	if a.Format != "text" {
		least = 8
	}
	if a.Length < least || a.Length > 4096 {
		return fmt.Errorf("length is between %d and 4096, found %d", least, a.Length)
	}
	seen := map[rune]bool{}
	for _, c := range a.Alphabet {
		if c <= ' ' || c > '~' {
			return errors.New("alphabet must be visible ASCII characters")
		}
		if seen[c] {
			return fmt.Errorf("alphabet has %c twice", c)
		}
		seen[c] = true
	}
	if len(seen) < 10 {
		return errors.New("alphabet must have 10 characters or more")
	}
	return place.Attrs{Mode: a.Mode}.Validate()
}

// State is what the host shows.
type State struct {
	Path  string `json:"path" doc:"file that keeps it"`
	State string `json:"state" doc:"present or absent"`
	Value string `json:"value" secret:"true" doc:"the secret; empty when there is none"`
	seen  place.Seen
	fresh string // what it would become
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "secret",
		Doc: `Makes a secret once, on the host, and reads it ever after.

The secret is drawn on the host and kept in a file there, so that a rerun finds it and the laptop needs none. A file
that is there is read and never written again: to change the secret, remove it. Its value is registered, and shown nowhere.`,
		Example: `
- name: the password of the database
  secret: {path: /etc/mxplay/secrets/synapse_db}
  register: synapse_db
- name: a key of 32 bytes for a service
  secret: {path: /etc/matrix-authentication-service/encryption, format: hex, length: 32, owner: root}
  register: encryption
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) file(text string) place.File {
	return place.File{Path: string(a.Path), Bytes: []byte(text + "\n"), Attrs: place.Attrs{Mode: a.Mode, Owner: a.Owner, Group: a.Group},
		Follow: true, Dirs: true, DirMode: "0711", Secret: true}
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Path: path.Clean(string(a.Path)), State: "absent"}
	var err error
	if a.State == "absent" {
		s.seen.Info, err = place.Stat(ctx, r, s.Path)
		if s.seen.Info != nil {
			s.State = "present"
		}
		return s, err
	}
	if s.seen, err = a.file("").Look(ctx, r, true); err != nil {
		return s, err
	}
	switch {
	case s.seen.Info == nil:
		s.fresh = draw(r, a)
	case s.seen.Info.Kind == "file":
		s.State, s.Value = "present", strings.TrimRight(string(s.seen.Old), "\r\n")
		if strings.TrimSpace(s.Value) == "" {
			return s, modules.WithLines(fmt.Errorf("%s is empty", s.Path), nil, "remove the file, and the next run makes the secret")
		}
	}
	return s, nil
}

func plan(a Args, s State) ([]modules.Step, error) {
	if a.State == "absent" {
		if s.seen.Info == nil {
			return nil, nil
		}
		return []modules.Step{{What: "remove the secret " + s.Path, Do: func(ctx context.Context, h modules.Host) error { return h.Remove(ctx, s.Path) }}}, nil
	}
	if s.seen.Info != nil {
		f := a.file("")
		f.Bytes = s.seen.Old // it is kept as it is
		return f.Plan(s.seen)
	}
	steps, err := a.file(s.fresh).Plan(s.seen)
	if err == nil {
		last := &steps[len(steps)-1]
		last.What = strings.Replace(last.What, "create", "make the secret", 1)
	}
	return steps, err
}

// draw makes a secret; within a call it is the same each time.
func draw(r modules.Draw, a Args) string {
	key := "secret " + string(a.Path)
	switch a.Format {
	case "hex":
		return hex.EncodeToString(r.Random(key, int(a.Length)))
	case "base64":
		return base64.StdEncoding.EncodeToString(r.Random(key, int(a.Length)))
	}
	var b strings.Builder
	limit := 256 - 256%len(a.Alphabet) // bytes above would favour the first characters
	for n := 0; b.Len() < int(a.Length); n++ {
		for _, c := range r.Random(fmt.Sprintf("%s %d", key, n), int(a.Length)) {
			if int(c) < limit && b.Len() < int(a.Length) {
				b.WriteByte(a.Alphabet[int(c)%len(a.Alphabet)])
			}
		}
	}
	return b.String()
}
