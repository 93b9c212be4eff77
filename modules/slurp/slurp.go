// Package slurp brings a file of the host into a variable.
package slurp

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Src modules.FilePath `json:"src" alias:"path" required:"true" doc:"the file on the host"`
}

// Validate refuses a path that is not absolute.
func (a Args) Validate() error { return place.Absolute("src", a.Src) }

// State is what the host shows.
type State struct {
	Content  string `json:"content" doc:"the bytes, in base64"`
	Encoding string `json:"encoding" doc:"base64"`
	Source   string `json:"source" doc:"path of the file"`
}

// Task is the module.
func Task() *modules.Task {
	return modules.Action[Args, State]{
		Name: "slurp",
		Doc: `Reads a file of the host.

The content is registered in base64, as the bytes need not be text: {{ r.content | b64decode() }}. Check mode
reads it too, unless an earlier task would have changed the host.`,
		Example: `
- name: the signing key's public half
  slurp: {src: /etc/matrix-synapse/homeserver.signing.key}
  register: key
`,
		Run:      func(ctx context.Context, h modules.Host, a Args) (State, error) { return check(ctx, h, a) },
		ReadOnly: func(Args) bool { return true },
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Encoding: "base64", Source: string(a.Src)}
	p, i, err := place.Follow(ctx, r, s.Source)
	switch {
	case err != nil:
		return s, err
	case i == nil:
		return s, fmt.Errorf("%s does not exist", s.Source)
	case i.Kind == "directory":
		return s, fmt.Errorf("%s is a directory, not a file", s.Source)
	}
	b, err := r.ReadFile(ctx, p)
	s.Content = base64.StdEncoding.EncodeToString(b)
	return s, err
}
