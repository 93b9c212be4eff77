// Package stat describes what stands at a path.
package stat

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io/fs"
	"path"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Path      modules.FilePath `json:"path" alias:"dest,name" required:"true" doc:"the path on the host"`
	Follow    bool             `json:"follow" default:"false" doc:"describe what a symbolic link leads to"`
	Checksum  bool             `json:"get_checksum" default:"true" doc:"compute the checksum of a file"`
	Algorithm string           `json:"checksum_algorithm" alias:"checksum,checksum_algo" default:"sha1" enum:"md5,sha1,sha224,sha256,sha384,sha512" doc:"which checksum; sha256 is the cheapest for large files"`
	Mime      bool             `json:"get_mime" default:"false" doc:"accepted as Ansible has it; types of content are not told"`
	Attrs     bool             `json:"get_attributes" default:"false" doc:"accepted as Ansible has it; attributes of file systems are not told"`
}

// Validate refuses a path that is not absolute.
func (a Args) Validate() error { return place.Absolute("path", a.Path) }

// State is what the host shows.
type State struct {
	Stat Stat `json:"stat" doc:"what stands there"`
}

// Stat is what stands at a path, under Ansible's names.
type Stat struct {
	Exists    bool    `json:"exists" doc:"something is there; all else is empty when nothing is"`
	Path      string  `json:"path" doc:"the path"`
	IsDir     bool    `json:"isdir" doc:"a directory"`
	IsReg     bool    `json:"isreg" doc:"a file"`
	IsLnk     bool    `json:"islnk" doc:"a symbolic link"`
	Mode      string  `json:"mode" doc:"permissions, \"0644\""`
	UID       int64   `json:"uid" doc:"id of the owner"`
	GID       int64   `json:"gid" doc:"id of the group"`
	PwName    string  `json:"pw_name" doc:"name of the owner"`
	GrName    string  `json:"gr_name" doc:"name of the group"`
	Size      int64   `json:"size" doc:"bytes"`
	Mtime     float64 `json:"mtime" doc:"when its content changed, seconds since 1970"`
	Inode     int64   `json:"inode" doc:"number of the inode"`
	Nlink     int64   `json:"nlink" doc:"number of hard links"`
	Checksum  string  `json:"checksum" doc:"of a file's content, in hex; empty when it may not be read"`
	LnkSource string  `json:"lnk_source" doc:"of a link: the path it leads to"`
	LnkTarget string  `json:"lnk_target" doc:"of a link: its text"`
	IsUID     bool    `json:"isuid" doc:"setuid"`
	IsGID     bool    `json:"isgid" doc:"setgid"`
	RUsr      bool    `json:"rusr" doc:"the owner may read"`
	WUsr      bool    `json:"wusr" doc:"the owner may write"`
	XUsr      bool    `json:"xusr" doc:"the owner may execute"`
	RGrp      bool    `json:"rgrp" doc:"the group may read"`
	WGrp      bool    `json:"wgrp" doc:"the group may write"`
	XGrp      bool    `json:"xgrp" doc:"the group may execute"`
	ROth      bool    `json:"roth" doc:"others may read"`
	WOth      bool    `json:"woth" doc:"others may write"`
	XOth      bool    `json:"xoth" doc:"others may execute"`
}

// Task is the module.
func Task() *modules.Task {
	return modules.Action[Args, State]{
		Name: "stat",
		Doc: `Looks at a path.

Nothing is changed. Check mode looks too, unless an earlier task would have changed the host: what stands there then is
not known.`,
		Example: `
- name: is SQLite still there
  stat: {path: /var/lib/matrix-synapse/homeserver.db}
  register: sqlite
`,
		Run:      func(ctx context.Context, h modules.Host, a Args) (State, error) { return check(ctx, h, a) },
		ReadOnly: func(Args) bool { return true },
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	p := path.Clean(string(a.Path))
	i, err := place.Stat(ctx, r, p)
	if a.Follow {
		p, i, err = place.Follow(ctx, r, p)
	}
	if err != nil || i == nil {
		return State{Stat{Path: string(a.Path)}}, err
	}
	bit := func(b uint32) bool { return i.Mode&b != 0 }
	s := Stat{
		Exists: true, Path: string(a.Path), IsDir: i.Kind == "directory", IsReg: i.Kind == "file", IsLnk: i.Kind == "link",
		Mode: modules.ModeText(i.Mode), UID: int64(i.UID), GID: int64(i.GID), PwName: i.Owner, GrName: i.Group, Size: i.Size,
		Mtime: float64(i.Mtime.UnixMicro()) / 1e6, Inode: int64(i.Inode), Nlink: int64(i.Links), IsUID: bit(0o4000), IsGID: bit(0o2000),
		RUsr: bit(0o400), WUsr: bit(0o200), XUsr: bit(0o100), RGrp: bit(0o040), WGrp: bit(0o020), XGrp: bit(0o010),
		ROth: bit(0o004), WOth: bit(0o002), XOth: bit(0o001),
	}
	switch {
	case s.IsLnk:
		s.LnkTarget = i.Target
		s.LnkSource, _, err = place.Follow(ctx, r, p)
	case s.IsReg && a.Checksum:
		s.Checksum, err = checksum(ctx, r, p, a.Algorithm)
		if errors.Is(err, fs.ErrPermission) { // what may be seen of it is seen all the same
			err = nil
		}
	}
	return State{s}, err
}

func checksum(ctx context.Context, r modules.Reader, p, algorithm string) (string, error) {
	if algorithm == "sha256" {
		return r.Hash(ctx, p)
	}
	b, err := r.ReadFile(ctx, p)
	if err != nil {
		return "", err
	}
	h := map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha384": sha512.New384, "sha512": sha512.New}[algorithm]()
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil)), nil
}
