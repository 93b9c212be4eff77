// Package unarchive unpacks archives.
package unarchive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Src       *modules.Content `json:"src" from:"archive" remote:"remote_src" required:"true" doc:"archive on the controller, searched in files/: a tar, also compressed with gzip, bzip2, xz or zstd, or a zip; with remote_src a tar on the host, or an http(s) address"`
	Dest      modules.FilePath `json:"dest" required:"true" doc:"directory that it is unpacked in; it must be there"`
	RemoteSrc bool             `json:"remote_src" default:"false" doc:"src is on the host, or the host fetches it"`
	Creates   modules.FilePath `json:"creates" doc:"nothing is done when this path exists; needed where src is an address"`
	Include   []string         `json:"include" doc:"only these members; of a directory all that is below it"`
	Exclude   []string         `json:"exclude" doc:"patterns of members that are left out; * and ? stand for slashes too"`
	ExtraOpts []string         `json:"extra_opts" doc:"--strip-components=N takes leading parts of the names away; others are tar's and need remote_src"`
	KeepNewer bool             `json:"keep_newer" default:"false" doc:"a file of the host that is newer than the archive's stays"`
	ListFiles bool             `json:"list_files" default:"false" doc:"register the names of what is in it"`
	Verify    bool             `json:"validate_certs" default:"true" doc:"refuse a certificate that does not fit"`
	place.Attrs
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	if err := errors.Join(place.Absolute("dest", a.Dest), a.Attrs.Validate()); err != nil {
		return err
	}
	if len(a.Include) > 0 && len(a.Exclude) > 0 {
		return errors.New("include and exclude exclude each other")
	}
	if a.Creates != "" {
		if err := place.Absolute("creates", a.Creates); err != nil {
			return err
		}
	}
	if !a.RemoteSrc {
		return nil
	}
	if a.isURL() && a.Creates == "" {
		return modules.WithLines(errors.New("an address needs creates: else it would be fetched each time to see what is in it"), nil, "or get_url with a checksum, and then unarchive with remote_src")
	}
	if !a.isURL() {
		if err := place.Absolute("src", modules.FilePath(a.Src.Name)); err != nil {
			return err
		}
	}
	switch {
	case a.isZip() && a.Creates == "":
		return errors.New("a zip of the host needs creates, by which a second run sees that it is unpacked")
	case a.isZip() && a.attributes():
		return modules.WithLines(errors.New("owner, group and mode are not set for a zip of the host"), nil, "file with recurse: true after it")
	case a.KeepNewer && a.Creates == "":
		return errors.New("keep_newer needs creates where the archive is on the host")
	}
	return nil
}

func (a Args) attributes() bool { return a.Mode != "" || a.Owner != "" || a.Group != "" }

func (a Args) isURL() bool {
	return strings.HasPrefix(a.Src.Name, "http://") || strings.HasPrefix(a.Src.Name, "https://")
}

func (a Args) isZip() bool { return strings.HasSuffix(strings.ToLower(a.Src.Name), ".zip") }

// State is what the host shows.
type State struct {
	Dest  string   `json:"dest" doc:"the directory"`
	Src   string   `json:"src" doc:"the archive"`
	Files []string `json:"files" doc:"what is in it, with list_files"`
	done  bool     // what creates names is there
	why   string   // the directory is not
	ids   place.IDs
	other []string // what differs
	attrs []attr   // what only has another mode or owner
	all   []attr   // what shall be set after unpacking
	root  bool
}

// attr is a path whose attributes are to be set.
type attr struct {
	path string
	info modules.Info
	to   modules.Attr
	c    place.Change
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "unarchive",
		Doc: `Unpacks an archive.

An archive of the controller is opened there, and the host is asked file by file for what differs: only then it is sent,
whole. The host needs nothing for it, whatever its form. What is on the host and not in the archive stays. As root, files
belong to whom the archive says unless owner and group are given.`,
		Example: `
- name: a release from files/
  unarchive: {src: element-v1.11.tar.gz, dest: /var/www/element, owner: www-data, group: www-data, extra_opts: [--strip-components=1]}
- name: fetched by the host
  unarchive:
    src: https://example.org/exporter-1.8.tar.gz
    dest: /opt
    remote_src: true
    creates: /opt/exporter-1.8/exporter
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Dest: path.Clean(string(a.Dest)), Src: a.Src.Name}
	if a.Creates != "" {
		i, err := place.Stat(ctx, r, string(a.Creates))
		if s.done = i != nil; s.done || err != nil {
			return s, err
		}
	}
	dest, i, err := place.Follow(ctx, r, s.Dest)
	switch {
	case err != nil:
		return s, err
	case i == nil:
		s.why = "directory " + s.Dest + " does not exist"
		return s, nil
	case i.Kind != "directory":
		return s, fmt.Errorf("dest %s is %s, not a directory", s.Dest, place.A(i.Kind))
	}
	s.Dest = dest
	f, err := r.Facts(ctx)
	if err != nil {
		return s, err
	}
	s.root = f.EffectiveUserID == 0
	if s.ids, err = place.LookIDs(ctx, r, a.Owner, a.Group); err != nil {
		return s, err
	}
	if s.ids.Missing != "" {
		s.why = s.ids.Missing
		return s, nil
	}
	if a.RemoteSrc {
		return s, lookRemote(ctx, r, a, &s)
	}
	return s, look(ctx, r, a, &s)
}

// look compares what the controller's archive holds with what is there.
func look(ctx context.Context, r modules.Reader, a Args, s *State) error {
	list, err := r.Content(ctx, *a.Src.List)
	if err != nil {
		return err
	}
	owners := owners{r: r, users: map[string]*int{}, groups: map[string]*int{}}
	for d := json.NewDecoder(bytes.NewReader(list)); d.More(); {
		var e modules.Entry
		if err := d.Decode(&e); err != nil {
			return err
		}
		if a.ListFiles {
			s.Files = append(s.Files, e.Name)
		}
		if err := s.compare(ctx, r, a, e, &owners); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) compare(ctx context.Context, r modules.Reader, a Args, e modules.Entry, o *owners) error {
	p := path.Join(s.Dest, e.Name)
	i, err := place.Stat(ctx, r, p)
	if err != nil {
		return err
	}
	same := i != nil && i.Kind == e.Kind
	if same && a.KeepNewer && e.Kind == "file" && i.Mtime.Unix() > e.Mtime {
		return nil
	}
	switch {
	case same && e.Kind == "link":
		same = i.Target == e.Target
	case same && e.Kind == "file":
		same = i.Size == e.Size
		if same && e.Size > 0 {
			sum, err := r.Hash(ctx, p)
			if err != nil {
				return err
			}
			same = sum == e.Hash
		}
	}
	ids, err := s.owners(ctx, a, e, o)
	if err != nil {
		return err
	}
	want := modules.Info{Kind: e.Kind, Mode: e.Mode}
	mode, err := a.Mode.Apply(e.Mode, e.Kind == "directory")
	if err != nil {
		return err
	}
	t := attr{path: p, info: want, to: modules.Attr{UID: ids.UID, GID: ids.GID}}
	if e.Kind != "link" {
		t.to.Mode = &mode
	}
	s.all = append(s.all, t)
	if !same {
		s.other = append(s.other, e.Name)
		return nil
	}
	t.c, err = place.Attrs{Mode: modules.Mode(modules.ModeText(mode)), Owner: ids.owner, Group: ids.group}.Change(*i, ids.IDs)
	if !t.c.None() {
		s.attrs = append(s.attrs, t)
	}
	return err
}

// owned are the ids of a member, with their names for the diff.
type owned struct {
	place.IDs
	owner, group string
}

// owners are the host's ids of the names in an archive.
type owners struct {
	r             modules.Reader
	users, groups map[string]*int
}

// owners are whom a member shall belong to; nil ids are left as they come.
func (s *State) owners(ctx context.Context, a Args, e modules.Entry, o *owners) (owned, error) {
	w := owned{s.ids, a.Owner, a.Group}
	if !s.root || !e.Owned {
		return w, nil
	}
	var err error
	if w.UID == nil {
		w.owner = e.Owner
		if w.UID, err = find(o.users, e.Owner, e.UID, func() (int, error) {
			u, err := o.r.User(ctx, e.Owner)
			return u.UID, err
		}); err != nil {
			return w, err
		}
	}
	if w.GID == nil {
		w.group = e.Group
		w.GID, err = find(o.groups, e.Group, e.GID, func() (int, error) {
			g, err := o.r.Group(ctx, e.Group)
			return g.GID, err
		})
	}
	return w, err
}

// find is the id of a name, or, where the host does not know it, the archive's number.
func find(known map[string]*int, name string, number int, ask func() (int, error)) (*int, error) {
	key := fmt.Sprint(name, " ", number)
	if id, ok := known[key]; ok {
		return id, nil
	}
	id := number
	if name != "" {
		n, err := ask()
		switch {
		case err == nil:
			id = n
		case !errors.Is(err, modules.ErrNotExist):
			return nil, err
		}
	}
	known[key] = &id
	return &id, nil
}

func plan(a Args, s State) ([]modules.Step, error) {
	switch {
	case s.done:
		return nil, nil
	case s.why != "":
		return nil, modules.NotYetf("%s", s.why)
	case len(s.other) > 0:
		return []modules.Step{{
			What: "unpack " + s.Src + " in " + s.Dest, To: shown(s.other),
			Do: func(ctx context.Context, h modules.Host) error { return unpack(ctx, h, a, s) },
		}}, nil
	}
	var steps []modules.Step
	for _, t := range s.attrs {
		from, to := t.c.Texts()
		steps = append(steps, modules.Step{What: "change " + t.path + ", " + t.c.Phrase(), From: from, To: to,
			Do: func(ctx context.Context, h modules.Host) error { return h.SetAttr(ctx, t.path, t.c.Attr) }})
	}
	return steps, nil
}

// shown are the names of what differs, as many as one reads.
func shown(names []string) string {
	const most = 100
	if n := len(names) - most; n > 0 {
		names = append(names[:most:most], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(names, "\n") + "\n"
}

// unpack unpacks all of an archive, and sets whose it is.
func unpack(ctx context.Context, h modules.Host, a Args, s State) error {
	c := modules.Command{Argv: []string{"tar", "--extract", "--file", modules.TempPath, "--directory", s.Dest, "--preserve-permissions"}}
	switch {
	case a.RemoteSrc && a.isURL():
		c.Temp = &modules.Write{Path: path.Base(a.Src.Name), Fetch: &modules.Fetch{Request: modules.Request{URL: a.Src.Name, Insecure: !a.Verify, Timeout: time.Minute}}}
	case a.RemoteSrc:
		c.Argv[3] = a.Src.Name
	default:
		c.Temp = &modules.Write{Path: "archive.tar.gz", From: a.Src}
	}
	if a.RemoteSrc {
		c.Argv = append(c.Argv, a.remoteOpts()...)
	}
	if a.RemoteSrc && a.isZip() {
		c.Argv = append([]string{"unzip", "-qo"}, a.ExtraOpts...)
		c.Argv = append(append(c.Argv, modules.TempPath), a.Include...)
		if c.Temp == nil {
			c.Argv[2+len(a.ExtraOpts)] = a.Src.Name
		}
		if len(a.Exclude) > 0 {
			c.Argv = append(append(c.Argv, "-x"), a.Exclude...)
		}
		c.Argv = append(c.Argv, "-d", s.Dest)
	} else if a.KeepNewer {
		c.Argv = append(c.Argv, "--keep-newer-files")
	}
	if a.RemoteSrc && !a.isZip() {
		c.Argv = append(append(c.Argv, "--verbose", "--show-transformed-names"), a.Include...)
	}
	out, err := h.Run(ctx, c)
	if err = errors.Join(err, out.Err()); err != nil {
		return err
	}
	if a.RemoteSrc && a.attributes() {
		if err := a.under(ctx, h, &s, string(out.Stdout)); err != nil {
			return err
		}
		for _, t := range s.attrs {
			if err := h.SetAttr(ctx, t.path, t.c.Attr); err != nil {
				return err
			}
		}
	}
	for _, t := range s.all {
		if err := h.SetAttr(ctx, t.path, t.to); err != nil {
			return err
		}
	}
	return nil
}
