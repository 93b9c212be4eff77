// Package geturl downloads a file to the host.
package geturl

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	URL      string            `json:"url" required:"true" doc:"where it comes from, http or https; the host fetches it"`
	Dest     modules.FilePath  `json:"dest" required:"true" doc:"where it goes; a directory takes it under the name that ends the URL"`
	Checksum string            `json:"checksum" doc:"what it must be, ALGORITHM:HEX (sha256:0123...), or ALGORITHM:URL of a list of checksums; a file that has it is not fetched again"`
	Force    bool              `json:"force" default:"false" doc:"fetch it although dest exists; without a checksum this counts as changed each time"`
	Headers  map[string]string `json:"headers" doc:"sent with the request"`
	Timeout  int64             `json:"timeout" default:"10" doc:"seconds without a byte after which the server is given up"`
	User     string            `json:"url_username" alias:"username" doc:"name for basic authentication"`
	Password string            `json:"url_password" alias:"password" secret:"true" doc:"its password"`
	Verify   bool              `json:"validate_certs" default:"true" doc:"refuse a certificate that does not fit"`
	place.Args
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	if u, err := url.Parse(a.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("url must begin with http:// or https://, found %q", a.URL)
	}
	if a.Timeout <= 0 {
		return fmt.Errorf("timeout must be positive, found %d", a.Timeout)
	}
	if a.Checksum != "" {
		if err := checkSum(a.Checksum); err != nil {
			return err
		}
	}
	if err := place.Absolute("dest", a.Dest); err != nil {
		return err
	}
	return a.Args.Check()
}

func checkSum(s string) error {
	name, sum, ok := strings.Cut(s, ":")
	h := newHash(name)
	if !ok || h == nil {
		return fmt.Errorf("checksum is ALGORITHM:HEX with md5, sha1, sha224, sha256, sha384 or sha512, found %q", s)
	}
	if isURL(sum) {
		return nil
	}
	if b, err := hex.DecodeString(sum); err != nil || len(b) != h.Size() {
		return fmt.Errorf("checksum: %s has %d hex digits, found %q", name, 2*h.Size(), sum)
	}
	return nil
}

func isURL(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }

func newHash(name string) hash.Hash {
	switch name {
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha224":
		return sha256.New224()
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// State is what the host shows.
type State struct {
	Dest string `json:"dest" doc:"path of the file"`
	URL  string `json:"url" doc:"where it comes from"`
	place.Result
	seen place.Seen
	sum  string // of the file, by the checksum's algorithm
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "get_url",
		Doc: `Downloads a file to the host.

A file that is there is kept unless its checksum is another than the one given, or force is set. Give a checksum: it
says what you mean, and a run that changes nothing then fetches nothing. The file may be of any size (of up to 64 MiB
with a checksum other than SHA-256).`,
		Example: `
- name: the key of the repository
  get_url:
    url: https://packages.matrix.org/debian/matrix-org-archive-keyring.gpg
    dest: /usr/share/keyrings/matrix-org-archive-keyring.gpg
    checksum: sha256:d490a0cdd5db1dc3ca6a7ac5f4d0c2bcf8ba8b1d5e2f9d5d8b7d2c2a0a6c1b1e
    mode: "0644"
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

// file is the file with its content, or without where only attributes count.
func (a Args) file(p string, content []byte) place.File {
	return place.File{Path: p, Bytes: content, Attrs: a.Attrs, Follow: true, Backup: a.Backup, Validate: a.Args.Validate}
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{URL: a.URL}
	name := ""
	if u, err := url.Parse(a.URL); err == nil && u.Path != "" && !strings.HasSuffix(u.Path, "/") {
		name = path.Base(u.Path)
	}
	p, err := place.Into(ctx, r, string(a.Dest), name)
	if err != nil {
		return s, err
	}
	s.seen, err = a.file(p, nil).Look(ctx, r, false)
	s.Result, s.Dest = s.seen.Result(), s.seen.Path
	if err != nil || s.seen.Hash == "" {
		return s, err
	}
	switch algorithm, _, _ := strings.Cut(a.Checksum, ":"); algorithm {
	case "":
	case "sha256":
		s.sum = s.seen.Hash
	default:
		b, err := r.ReadFile(ctx, s.seen.Path)
		if err != nil {
			return s, err
		}
		s.sum = sum(algorithm, b)
	}
	return s, nil
}

func sum(algorithm string, b []byte) string {
	h := newHash(algorithm)
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

func plan(a Args, s State) ([]modules.Step, error) {
	f := a.file(s.seen.Path, nil)
	_, want, _ := strings.Cut(a.Checksum, ":")
	known := want != "" && !isURL(want)
	fetch := s.seen.Info == nil || s.seen.Info.Kind != "file" || a.Force && !known || known && !strings.EqualFold(want, s.sum)
	if !fetch {
		step, ok, err := a.SetStep(s.seen.Path, *s.seen.Info, s.seen.IDs)
		if s.seen.IDs.Missing != "" {
			return nil, modules.NotYetf("%s: %s", s.seen.Path, s.seen.IDs.Missing)
		}
		if err != nil || !ok {
			return nil, err
		}
		return []modules.Step{step}, nil
	}
	// what the file will hold is not known; the rest of its plan is that of any other
	f.Bytes = []byte("\x00" + a.URL)
	if s.seen.Info != nil && s.seen.Info.Kind == "file" {
		s.seen.Hash = "other"
	}
	steps, err := f.Plan(s.seen)
	if err != nil || len(steps) == 0 {
		return steps, err
	}
	write := &steps[len(steps)-1]
	write.What += ", from " + a.URL
	if a.Force && !known { // nothing can tell that it was done: the same event each time
		write.What, write.Event = "fetch "+s.seen.Path+" from "+a.URL, true
	}
	write.From, write.To = "", ""
	if s.seen.Info != nil && s.sum != "" {
		write.From = s.sum + "\n"
	}
	if known {
		write.To = strings.ToLower(want) + "\n"
	}
	seen := s.seen
	write.Do = func(ctx context.Context, h modules.Host) error { return download(ctx, h, a, seen) }
	return steps, nil
}

// download fetches the file, holds it against its checksum and puts it in place.
func download(ctx context.Context, h modules.Host, a Args, seen place.Seen) error {
	f := a.file(seen.Path, []byte("\x00"+a.URL))
	f.Fetch = &modules.Fetch{Request: a.request(a.URL)}
	if algorithm, want, ok := strings.Cut(a.Checksum, ":"); ok {
		if isURL(want) {
			from := want
			list, err := h.HTTP(ctx, a.request(from))
			if err == nil {
				err = modules.Fetch{Request: a.request(from)}.Answered(list.Status, list.Body)
			}
			if err != nil {
				return err
			}
			if want, err = find(string(list.Body), path.Base(a.URL)); err != nil {
				return fmt.Errorf("%s: %w", from, err)
			}
		}
		f.Fetch.Sum, f.Fetch.Want = newHash(algorithm), want
	}
	steps, err := f.Plan(seen)
	if err != nil || len(steps) == 0 {
		return err
	}
	return steps[len(steps)-1].Do(ctx, h)
}

func (a Args) request(from string) modules.Request {
	return modules.Request{URL: from, Header: a.Headers, Insecure: !a.Verify, User: a.User, Password: a.Password,
		Timeout: time.Duration(a.Timeout) * time.Second}
}

// find takes a file's checksum from a list: "HEX  NAME" or "HEX *NAME" a line, or one HEX alone.
func find(list, name string) (string, error) {
	for l := range strings.Lines(list) {
		f := strings.Fields(l)
		if len(f) == 2 && path.Base(strings.TrimPrefix(f[1], "*")) == name || len(f) == 1 && len(strings.Fields(list)) == 1 {
			return f[0], nil
		}
	}
	return "", errors.New("the list has no checksum of " + name)
}
