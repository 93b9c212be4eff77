// Package wellknown writes the documents by which a Matrix server is found.
package wellknown

import (
	"context"
	"encoding/json"
	"errors"
	"path"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Root    modules.FilePath `json:"root" required:"true" doc:"directory that the web server of the server's name serves; the documents go to .well-known/matrix below it"`
	Server  string           `json:"server" doc:"m.server: host name or address, with a port or without, where other servers reach this one; without it no server document"`
	Client  *Client          `json:"client" doc:"what clients read; without it no client document"`
	Support *Support         `json:"support" doc:"whom to write to (Matrix 1.10); without it no support document"`
	State   string           `json:"state" default:"present" enum:"present,absent" doc:"absent removes all three documents"`
	Mode    modules.Mode     `json:"mode" default:"'0644'" doc:"permissions of the documents"`
	Owner   string           `json:"owner" doc:"account that owns them, name or uid"`
	Group   string           `json:"group" doc:"group that owns them, name or gid"`
}

// Client is the client document.
type Client struct {
	BaseURL        string                     `json:"base_url" required:"true" doc:"m.homeserver.base_url: https URL that answers /_matrix/client/versions"`
	IdentityServer string                     `json:"identity_server" doc:"m.identity_server.base_url: https URL of an identity server"`
	RTCFoci        []Focus                    `json:"rtc_foci" doc:"org.matrix.msc4143.rtc_foci: where calls go"`
	Extra          map[string]json.RawMessage `json:"extra" doc:"further members; their names are namespaced (io.element.e2ee)"`
}

// Focus is a place that calls go through.
type Focus struct {
	Type string `json:"type" default:"livekit" doc:"kind of focus"`
	URL  string `json:"livekit_service_url" required:"true" doc:"https URL of the service that gives out tokens, without a slash at its end"`
}

// Support is the support document.
type Support struct {
	Contacts []Contact                  `json:"contacts" doc:"people and rooms to turn to"`
	Page     string                     `json:"support_page" doc:"URL of a page for users"`
	Extra    map[string]json.RawMessage `json:"extra" doc:"further members; their names are namespaced"`
}

// Contact is one of them.
type Contact struct {
	Role     string `json:"role" required:"true" doc:"m.role.admin, m.role.security, or a namespaced role"`
	MatrixID string `json:"matrix_id" doc:"account on Matrix, @name:server"`
	Email    string `json:"email_address" doc:"e-mail address; one of the two is needed"`
}

// Validate holds the documents to the specification.
func (a Args) Validate() error {
	if err := place.Absolute("root", a.Root); err != nil {
		return err
	}
	if err := (place.Attrs{Mode: a.Mode}).Validate(); err != nil {
		return err
	}
	none := a.Server == "" && a.Client == nil && a.Support == nil
	switch {
	case a.State == "absent" && !none:
		return errors.New("state: absent takes no documents")
	case a.State == "absent":
		return nil
	case none:
		return errors.New("one of server, client and support is needed")
	}
	if a.Server != "" {
		if err := validServer(a.Server); err != nil {
			return err
		}
	}
	if a.Client != nil {
		if err := a.Client.valid(); err != nil {
			return err
		}
	}
	if a.Support != nil {
		return a.Support.valid()
	}
	return nil
}

// State is what the host shows.
type State struct {
	Dir       string            `json:"dir" doc:"directory of the documents"`
	Documents map[string]string `json:"documents" doc:"name of each document on the host (client, server, support) with its text"`
	seen      map[string]place.Seen
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "well_known",
		Doc: `Writes the .well-known documents by which a Matrix server is found.

The documents are made of typed arguments and held to the specification before a host is touched. What is no longer
asked for is removed. The web server must serve them on port 443 of the server's name, as application/json and, but for
server, with Access-Control-Allow-Origin: *.`,
		Example: `
- name: how example.org is found
  well_known:
    root: /var/www/example.org
    server: matrix.example.org:443
    client:
      base_url: https://matrix.example.org
      rtc_foci: [{livekit_service_url: "https://rtc.example.org/livekit/jwt"}]
      extra: {io.element.e2ee: {default: true}}
    support:
      contacts: [{role: m.role.admin, email_address: admin@example.org}]
      support_page: https://example.org/help
- name: example.net is no longer a Matrix server
  well_known: {root: /var/www/example.net, state: absent}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

// names are those of all documents, in the order of their steps.
var names = [...]string{"client", "server", "support"}

func (a Args) dir() string { return path.Join(string(a.Root), ".well-known/matrix") }

// file is one of the documents.
func (a Args) file(name string, text []byte) place.File {
	return place.File{Path: path.Join(a.dir(), name), Bytes: text, Dirs: true,
		Attrs: place.Attrs{Mode: a.Mode, Owner: a.Owner, Group: a.Group}}
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Dir: a.dir(), Documents: map[string]string{}, seen: map[string]place.Seen{}}
	for _, n := range names {
		seen, err := a.file(n, nil).Look(ctx, r, true)
		if err != nil {
			return s, err
		}
		s.seen[n] = seen
		if seen.Hash != "" {
			s.Documents[n] = string(seen.Old)
		}
	}
	return s, nil
}

func plan(a Args, s State) ([]modules.Step, error) {
	docs := documents(a)
	var steps []modules.Step
	made := map[string]bool{} // directories that an earlier document makes
	for _, n := range names {
		seen := s.seen[n]
		text, wanted := docs[n]
		if !wanted {
			if seen.Info != nil {
				steps = append(steps, remove(seen))
			}
			continue
		}
		var dirs []string
		for _, d := range seen.Dirs {
			if !made[d] {
				dirs = append(dirs, d)
			}
			made[d] = true
		}
		seen.Dirs = dirs
		more, err := a.file(n, text).Plan(seen)
		if err != nil {
			return nil, err
		}
		steps = append(steps, more...)
	}
	return steps, nil
}

// remove takes away a document that is no longer wanted.
func remove(seen place.Seen) modules.Step {
	return modules.Step{
		What: "remove " + seen.Path, From: modules.ShowBytes(seen.Old),
		Do: func(ctx context.Context, h modules.Host) error { return h.Remove(ctx, seen.Path) },
	}
}
