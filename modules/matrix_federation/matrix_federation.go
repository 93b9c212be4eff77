// Package matrixfederation is the module matrix_federation: it looks for a Matrix server as other servers do.
package matrixfederation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Args are what the playbook says.
type Args struct {
	Server        string            `json:"server_name" required:"true" doc:"the server's name, the part of its users' names after the colon"`
	Resolve       map[string]string `json:"resolve" doc:"addresses of names, in place of what the resolver says"`
	CAPath        modules.FilePath  `json:"ca_path" doc:"file of the host with further certificates to trust"`
	ValidateCerts bool              `json:"validate_certs" default:"true" doc:"verify the server's certificates"`
	Timeout       int               `json:"timeout" default:"15" doc:"seconds for each request"`
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	if a.Timeout < 0 {
		return errors.New("timeout is negative")
	}
	if _, _, err := split(a.Server); err != nil {
		return fmt.Errorf("server_name: %w", err)
	}
	return nil
}

// Result is what was found.
type Result struct {
	OK              bool     `json:"ok" doc:"other servers reach it: it is found, its certificate is for the right name, its keys are signed"`
	Error           string   `json:"error" doc:"why not"`
	How             string   `json:"how" doc:"address, port, well-known, SRV or 8448; well-known may be followed by one of the last two"`
	Walk            []string `json:"walk" doc:"the way to it, a line a step"`
	WellKnownStatus int      `json:"well_known_status" doc:"status of the server document, 0 without an answer"`
	WellKnownError  string   `json:"well_known_error" doc:"why it does not count"`
	Delegated       string   `json:"delegated" doc:"m.server of the document"`
	Connect         string   `json:"connect" doc:"host and port that requests go to"`
	TLSName         string   `json:"tls_name" doc:"name that the certificate there must be for"`
	Host            string   `json:"host" doc:"what requests say as Host"`
	KeyIDs          []string `json:"key_ids" doc:"its signing keys"`
	ValidUntil      int64    `json:"valid_until" doc:"until when others may keep them, seconds since 1970"`
	Software        string   `json:"software" doc:"name and version of the server's software, where it tells"`
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "matrix_federation",
		Doc: `Looks for a Matrix server as other servers do, and fetches its signing keys.

The way is that of the specification: an address or a port in the name, the server document, SRV records, port 8448. The
certificate must be for the name that the way led to, the keys must be those of this server, and signed with each of them.
It changes nothing. Without success it fails, and the result says how far it came.`,
		Example: `
- name: other servers find example.org
  matrix_federation: {server_name: example.org}
  register: federation
- name: the way to it
  matrix_federation:
    server_name: example.org
    resolve: {matrix.example.org: 192.0.2.7}
    ca_path: /etc/ssl/private-ca.pem
`,
		Run:      run,
		ReadOnly: func(Args) bool { return true },
		What:     func(a Args) string { return "look for " + a.Server },
	}.Task()
}

// walk is the way to a server.
type walk struct {
	a   Args
	h   modules.Host
	out Result
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	w := &walk{a: a, h: h}
	err := w.run(ctx)
	w.out.OK = err == nil
	if err != nil {
		w.out.Error = err.Error()
		return w.out, modules.WithLines(err, w.out.Walk, "")
	}
	return w.out, nil
}

func (w *walk) run(ctx context.Context) error {
	list, err := w.discover(ctx, w.a.Server)
	if err != nil {
		return err
	}
	for _, t := range list {
		if err = w.keys(ctx, t); err == nil {
			w.software(ctx, t)
			return nil
		}
		w.say("%s: %v", t.connect, err)
	}
	return err
}

// request is one that the arguments hold for.
func (w *walk) request(url string) modules.Request {
	seconds := w.a.Timeout
	if seconds == 0 {
		seconds = 15
	}
	return modules.Request{URL: url, Resolve: w.a.Resolve, CAFile: string(w.a.CAPath), Insecure: !w.a.ValidateCerts,
		Timeout: time.Duration(seconds) * time.Second, Follow: "none"}
}

// at is a request to a target.
func (w *walk) at(t target, path string) modules.Request {
	name := t.cert
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	r := w.request("https://" + name + path)
	r.Connect, r.Header = t.connect, map[string]string{"Host": t.host}
	return r
}

func (w *walk) keys(ctx context.Context, t target) error {
	w.out.Connect, w.out.TLSName, w.out.Host = t.connect, t.cert, t.host
	res, err := w.h.HTTP(ctx, w.at(t, "/_matrix/key/v2/server"))
	if err != nil {
		return err
	}
	if res.Status != 200 {
		return fmt.Errorf("%s answers a request for its keys with status %d", t.connect, res.Status)
	}
	k, err := check(res.Body, w.a.Server, w.h.Now())
	w.out.KeyIDs, w.out.ValidUntil = slices.Sorted(maps.Keys(k.Verify)), k.ValidUntil/1000
	return err
}

// software is asked for and not needed.
func (w *walk) software(ctx context.Context, t target) {
	res, err := w.h.HTTP(ctx, w.at(t, "/_matrix/federation/v1/version"))
	var doc struct {
		Server struct{ Name, Version string }
	}
	if err == nil && res.Status == 200 && json.Unmarshal(res.Body, &doc) == nil {
		w.out.Software = strings.TrimSpace(doc.Server.Name + " " + doc.Server.Version)
	}
}
