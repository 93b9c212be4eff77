// Package fetch brings a file of the host to the controller.
package fetch

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Src      modules.FilePath `json:"src" required:"true" doc:"the file on the host"`
	Dest     string           `json:"dest" required:"true" doc:"folder on the controller that takes it as DEST/HOST/SRC; relative to the playbook's folder"`
	Flat     bool             `json:"flat" default:"false" doc:"dest is the file itself or, where it ends in a slash, the folder that it goes to"`
	Fail     bool             `json:"fail_on_missing" default:"true" doc:"fail when it is not there; else that is told and nothing done"`
	Checksum bool             `json:"validate_checksum" default:"true" doc:"accepted as Ansible has it; what comes is always what was read"`
	Have     string           `json:"have" private:"true"` // SHA-256 of what the controller has
}

// Validate refuses a path that is not absolute.
func (a Args) Validate() error {
	if a.Dest == "" {
		return errors.New("dest is empty")
	}
	return place.Absolute("src", a.Src)
}

// Result is what is registered. The engine takes the content out of it.
type Result struct {
	Dest     string `json:"dest" doc:"the file on the controller"`
	File     string `json:"file" doc:"the file on the host"`
	Checksum string `json:"checksum" doc:"SHA-1 of its content; empty where there is none"`
	Remote   string `json:"remote_checksum" doc:"the same"`
	MD5      string `json:"md5sum" doc:"MD5 of its content"`
	Msg      string `json:"msg,omitempty" doc:"that there is no file"`
	Content  string `json:"content,omitempty" private:"wire"` // in base64
	Sent     bool   `json:"sent,omitempty" private:"wire"`    // the controller lacks it
	Closed   bool   `json:"closed,omitempty" private:"wire"`  // others than its owner and group may not read it
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "fetch",
		Doc: `Brings a file of the host to the controller.

Its bytes come only where the controller has none, or other ones. Check mode looks whether they would. What others may
not read on the host they may not read on the controller. A file may have up to 64 MiB; for more take command with
rsync or scp and delegate_to: localhost.`,
		Example: `
- name: the logs of all hosts, one folder a host
  fetch: {src: /var/log/dpkg.log, dest: logs}
- name: the host's key, under a name of its own
  fetch:
    src: /etc/ssh/ssh_host_ed25519_key.pub
    dest: keys/{{ inventory_hostname }}.pub
    flat: true
`,
		Run:      run,
		ReadOnly: func(Args) bool { return true },
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	r := Result{File: string(a.Src)}
	p, i, err := place.Follow(ctx, h, r.File)
	switch {
	case err != nil:
		return r, err
	case i == nil && !a.Fail:
		r.Msg = "the remote file does not exist, not transferring, ignored"
		return r, nil
	case i == nil:
		return r, fmt.Errorf("%s does not exist", r.File)
	case i.Kind != "file":
		return r, fmt.Errorf("%s is %s, not a file", r.File, place.A(i.Kind))
	}
	b, err := h.ReadFile(ctx, p)
	if err != nil {
		return r, err
	}
	r.Checksum, r.MD5 = place.Sum("sha1", b), place.Sum("md5", b)
	r.Remote = r.Checksum
	r.Closed = i.Mode&0o004 == 0
	if modules.Sum(b) != a.Have {
		r.Content, r.Sent = base64.StdEncoding.EncodeToString(b), true
	}
	return r, nil
}
