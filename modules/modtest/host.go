// Package modtest is the test kit of the modules: a host in memory that is
// written and read as text, and the suite that every task must pass.
package modtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Host is a machine in memory. It does what the doors promise for files,
// accounts, packages and units; commands, HTTP and SQL answer as scripted.
type Host struct {
	Files    map[string]*File
	Users    map[string]*modules.User
	Groups   map[string]*modules.Group
	Pkgs     map[string]*modules.Package
	Units    map[string]*modules.Unit
	Scripts  []*Script
	Contents map[string][]byte            // what the controller can give, by SHA-256
	Jobs     map[string]*modules.AsyncJob // tasks that were started with async, by id
	FactSet  modules.Facts
	Time     time.Time
	OnDial   func(modules.Dial) (modules.Conn, error) // for tests written in Go

	Log  []string // every door that changes something, in order
	call int
}

// File is what stands at a path.
type File struct {
	Kind   string // file, directory, link
	Mode   uint32
	UID    int
	GID    int
	Data   []byte
	Target string
	Mtime  time.Time
	given  bool   // it was named: a state lists it
	inode  string // the path it was made at; hard links share it
}

var _ modules.Host = (*Host)(nil)

// New is a host with a few directories and root.
func New() *Host {
	h := &Host{
		Files: map[string]*File{}, Users: map[string]*modules.User{}, Groups: map[string]*modules.Group{},
		Pkgs: map[string]*modules.Package{}, Units: map[string]*modules.Unit{}, Contents: map[string][]byte{}, Jobs: map[string]*modules.AsyncJob{},
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		FactSet: modules.Facts{System: "Linux", OSFamily: "Debian", Distribution: "Debian", DistributionRelease: "trixie",
			DistributionVersion: "13.1", DistributionMajor: "13", Architecture: "x86_64", DpkgArchitecture: "amd64",
			Hostname: "web1", Nodename: "web1", FQDN: "web1.example.org", Domain: "example.org", ServiceMgr: "systemd",
			PkgMgr: "apt", UserID: "root", UserDir: "/root"},
	}
	for _, d := range strings.Fields("/ /etc /home /opt /root /run /srv /tmp /usr /usr/local /var /var/lib") {
		h.Files[d] = &File{Kind: "directory", Mode: 0o755, Mtime: h.Time}
	}
	h.Users["root"] = &modules.User{Name: "root", Home: "/root", Shell: "/bin/bash", Gecos: "root", Local: true, Password: "*", Expire: -1}
	h.Groups["root"] = &modules.Group{Name: "root", Local: true}
	return h
}

// Clone is a copy that shares nothing that changes.
func (h *Host) Clone() *Host {
	c := *h
	c.Files, c.Users, c.Groups = deep(h.Files), deep(h.Users), deep(h.Groups)
	c.Pkgs, c.Units = deep(h.Pkgs), deep(h.Units)
	c.Contents, c.Jobs = maps.Clone(h.Contents), maps.Clone(h.Jobs)
	c.Scripts = slices.Clone(h.Scripts)
	c.Log = nil
	return &c
}

func deep[K comparable, V any](m map[K]*V) map[K]*V {
	out := make(map[K]*V, len(m))
	for k, v := range m {
		c := *v
		out[k] = &c
	}
	return out
}

// NextCall begins another call: draws of randomness differ from now on.
func (h *Host) NextCall() { h.call++ }

// Give makes bytes known as content of the controller.
func (h *Host) Give(name string, data []byte) modules.Content {
	sum := sha256.Sum256(data)
	c := modules.Content{Name: name, Hash: hex.EncodeToString(sum[:]), Size: int64(len(data)), Mode: "0644"}
	h.Contents[c.Hash] = slices.Clone(data)
	if len(data) <= 16<<10 {
		c.Inline = slices.Clone(data)
	}
	return c
}

func (h *Host) did(format string, args ...any) { h.Log = append(h.Log, fmt.Sprintf(format, args...)) }

// resolve follows the links in a path, the last part of it only when last is set.
func (h *Host) resolve(p string, last bool) (string, error) {
	if !path.IsAbs(p) {
		return "", fmt.Errorf("%s: the path is not absolute", p)
	}
	parts := strings.Split(strings.Trim(path.Clean(p), "/"), "/")
	at := "/"
	for hops, i := 0, 0; i < len(parts); i++ {
		if parts[i] == "" {
			continue
		}
		next := path.Join(at, parts[i])
		f := h.Files[next]
		if f == nil || f.Kind != "link" || i == len(parts)-1 && !last {
			if f != nil && f.Kind == "file" && i < len(parts)-1 {
				return "", fmt.Errorf("%s: not a directory", next)
			}
			at = next
			continue
		}
		if hops++; hops > 40 {
			return "", fmt.Errorf("%s: too many links", p)
		}
		t := f.Target
		if !path.IsAbs(t) {
			t = path.Join(at, t)
		}
		parts = append(strings.Split(strings.Trim(path.Clean(t), "/"), "/"), parts[i+1:]...)
		at, i = "/", -1
	}
	return at, nil
}

func (h *Host) at(p string, last bool) (string, *File, error) {
	r, err := h.resolve(p, last)
	if err != nil {
		return p, nil, err
	}
	f := h.Files[r]
	if f == nil {
		return r, nil, fmt.Errorf("%s: %w", p, modules.ErrNotExist)
	}
	return r, f, nil
}

func (h *Host) info(p string, f *File) modules.Info {
	in := modules.Info{Name: path.Base(p), Kind: f.Kind, Mode: f.Mode, UID: f.UID, GID: f.GID, Target: f.Target,
		Size: int64(len(f.Data)), Mtime: f.Mtime, Owner: strconv.Itoa(f.UID), Group: strconv.Itoa(f.GID), Inode: inode(p)}
	if f.inode != "" {
		in.Inode = inode(f.inode)
	}
	for n, o := range h.Files {
		if n == p || f.inode != "" && o.inode == f.inode {
			in.Links++
		}
	}
	for _, u := range h.Users {
		if u.UID == f.UID {
			in.Owner = u.Name
		}
	}
	for _, g := range h.Groups {
		if g.GID == f.GID {
			in.Group = g.Name
		}
	}
	return in
}

func inode(p string) uint64 {
	s := sha256.Sum256([]byte(p))
	return uint64(s[0])<<16 | uint64(s[1])<<8 | uint64(s[2])
}

// Stat is the door of that name.
func (h *Host) Stat(_ context.Context, p string) (modules.Info, error) {
	r, f, err := h.at(p, false)
	if err != nil {
		return modules.Info{}, err
	}
	return h.info(r, f), nil
}

// ReadFile is the door of that name.
func (h *Host) ReadFile(_ context.Context, p string) ([]byte, error) {
	_, f, err := h.at(p, true)
	switch {
	case err != nil:
		return nil, err
	case f.Kind != "file":
		return nil, fmt.Errorf("%s: is a %s", p, f.Kind)
	}
	return slices.Clone(f.Data), nil
}

// ReadDir is the door of that name.
func (h *Host) ReadDir(_ context.Context, p string) ([]modules.Info, error) {
	r, f, err := h.at(p, true)
	switch {
	case err != nil:
		return nil, err
	case f.Kind != "directory":
		return nil, fmt.Errorf("%s: not a directory", p)
	}
	var out []modules.Info
	for _, name := range slices.Sorted(maps.Keys(h.Files)) {
		if name != "/" && path.Dir(name) == r {
			out = append(out, h.info(name, h.Files[name]))
		}
	}
	return out, nil
}

// Hash is the door of that name.
func (h *Host) Hash(ctx context.Context, p string) (string, error) {
	b, err := h.ReadFile(ctx, p)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// Content is the door of that name.
func (h *Host) Content(_ context.Context, c modules.Content) ([]byte, error) {
	if b, ok := h.Contents[c.Hash]; ok {
		return slices.Clone(b), nil
	}
	if sum := sha256.Sum256(c.Inline); hex.EncodeToString(sum[:]) == c.Hash {
		return slices.Clone(c.Inline), nil
	}
	return nil, fmt.Errorf("%s: the controller does not have it", c.Name)
}

// User is the door of that name.
func (h *Host) User(_ context.Context, name string) (modules.User, error) {
	for _, u := range h.Users {
		if u.Name == name || strconv.Itoa(u.UID) == name {
			c := *u
			c.Groups = nil
			for _, g := range slices.Sorted(maps.Keys(h.Groups)) {
				if slices.Contains(h.Groups[g].Members, u.Name) {
					c.Groups = append(c.Groups, g)
				}
			}
			return c, nil
		}
	}
	return modules.User{}, fmt.Errorf("user %s: %w", name, modules.ErrNotExist)
}

// Group is the door of that name.
func (h *Host) Group(_ context.Context, name string) (modules.Group, error) {
	for _, g := range h.Groups {
		if g.Name == name || strconv.Itoa(g.GID) == name {
			return *g, nil
		}
	}
	return modules.Group{}, fmt.Errorf("group %s: %w", name, modules.ErrNotExist)
}

// Packages is the door of that name.
func (h *Host) Packages(_ context.Context, names ...string) (map[string]modules.Package, error) {
	out := map[string]modules.Package{}
	for _, n := range names {
		if p := h.Pkgs[n]; p != nil {
			out[n] = *p
		}
	}
	return out, nil
}

// Unit is the door of that name.
func (h *Host) Unit(_ context.Context, name string) (modules.Unit, error) {
	name = unitName(name)
	if u := h.Units[name]; u != nil {
		return *u, nil
	}
	return modules.Unit{Name: name, Load: "not-found", Active: "inactive", Sub: "dead"}, nil
}

func unitName(name string) string {
	if path.Ext(name) == "" {
		return name + ".service"
	}
	return name
}

// Now is the door of that name.
func (h *Host) Now() time.Time { return h.Time }

// Random is the door of that name: the same within a call, another in the next.
func (h *Host) Random(key string, n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		s := sha256.Sum256(fmt.Appendf(nil, "%d %s %d", h.call, key, i))
		out = append(out, s[:]...)
	}
	return out[:n]
}

// Facts is the door of that name.
func (h *Host) Facts(context.Context) (modules.Facts, error) { return h.FactSet, nil }
