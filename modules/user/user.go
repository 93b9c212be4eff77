// Package user makes, changes and removes accounts.
package user

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Name       string           `json:"name" alias:"user" required:"true" doc:"name of the account"`
	State      string           `json:"state" default:"present" enum:"present,absent" doc:"whether the account shall be there"`
	UID        *int64           `json:"uid" doc:"its number"`
	NonUnique  bool             `json:"non_unique" default:"false" doc:"uid may be another account's too"`
	Group      string           `json:"group" doc:"its primary group, name or gid; a new account gets the group of its own name when not given"`
	Groups     *[]string        `json:"groups" doc:"the other groups it belongs to; an empty list means none"`
	Append     bool             `json:"append" default:"false" doc:"it stays in groups that are not listed"`
	Comment    *string          `json:"comment" doc:"the GECOS field, mostly a name"`
	Home       modules.FilePath `json:"home" doc:"its home directory"`
	CreateHome bool             `json:"create_home" alias:"createhome" default:"true" doc:"make the home directory when it is missing; /nonexistent is never made"`
	MoveHome   bool             `json:"move_home" default:"false" doc:"when home changes, move what the old one holds"`
	Skeleton   modules.FilePath `json:"skeleton" doc:"directory whose files a new home gets, /etc/skel when not given"`
	Shell      modules.FilePath `json:"shell" doc:"its login shell"`
	System     bool             `json:"system" default:"false" doc:"a new account gets a number of the system's range"`
	Password   *string          `json:"password" secret:"true" doc:"hash of the password as /etc/shadow has it; * or ! for none that works"`
	Update     string           `json:"update_password" default:"always" enum:"always,on_create" doc:"set the password always, or only on a new account"`
	Lock       *bool            `json:"password_lock" doc:"whether the password is locked; left as it is when not given"`
	Expires    *float64         `json:"expires" doc:"when the account ends, seconds since 1970; a negative number for never"`
	Remove     bool             `json:"remove" default:"false" doc:"with state: absent remove the home directory and mail too"`
	Force      bool             `json:"force" default:"false" doc:"with state: absent remove it even while it is logged in"`
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	switch {
	case a.Name == "":
		return errors.New("name is empty")
	case a.UID != nil && *a.UID < 0:
		return fmt.Errorf("uid cannot be negative, found %d", *a.UID)
	case a.NonUnique && a.UID == nil:
		return errors.New("non_unique needs uid")
	case a.Append && a.Groups == nil:
		return errors.New("append needs groups")
	case a.MoveHome && a.Home == "":
		return errors.New("move_home needs home")
	case a.State == "absent" && a.Name == "root":
		return errors.New("root cannot be absent")
	}
	for arg, p := range map[string]modules.FilePath{"home": a.Home, "shell": a.Shell, "skeleton": a.Skeleton} {
		if p != "" && !path.IsAbs(string(p)) {
			return fmt.Errorf("%s must be an absolute path, found %q", arg, string(p))
		}
	}
	if a.Password != nil && !isHash(*a.Password) {
		return errors.New(`password must be a hash as /etc/shadow has it ("$6$..."), or * or ! for none`)
	}
	return nil
}

// isHash tells a hash from a password in clear.
func isHash(p string) bool {
	p = strings.TrimLeft(p, "!")
	return p == "" || p == "*" || strings.HasPrefix(p, "$") && strings.Count(p, "$") >= 3 && !strings.ContainsAny(p, ":\n")
}

// State is what the host shows.
type State struct {
	Name    string   `json:"name" doc:"name of the account"`
	State   string   `json:"state" doc:"present or absent"`
	UID     int64    `json:"uid" doc:"its number; -1 when it is absent"`
	Group   int64    `json:"group" doc:"number of its primary group; -1 when it is absent"`
	Groups  []string `json:"groups" doc:"other groups that /etc/group lists it in"`
	Comment string   `json:"comment" doc:"the GECOS field"`
	Home    string   `json:"home" doc:"its home directory"`
	Shell   string   `json:"shell" doc:"its login shell"`
	System  bool     `json:"system" doc:"as the task says"`

	local    bool
	password string
	expire   int64    // days, -1 for never
	homeless bool     // the home directory that is wanted is missing
	moves    bool     // there is an old home directory to move
	extra    []string // names of the other groups that are wanted
	ownGroup bool     // there is a group of the account's name
	gid      int64    // of the primary group that is wanted, -1 for none
	missing  string
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "user",
		Doc: `Makes, changes or removes an account.

Only what stands in /etc/passwd, shadow and group is changed. An account that another source has (LDAP) is found, and an
error where it would have to change. A password never stands in a command's arguments.`,
		Example: `
- name: the account of a bridge
  user: {name: mautrix, system: true, home: /var/lib/mautrix, shell: /usr/sbin/nologin}
- name: an operator
  user:
    name: ops
    groups: [sudo, adm]
    append: true
    shell: /bin/bash
    password: "$6$salt$hashofthepassword"
- name: gone, with what it had
  user: {name: temp, state: absent, remove: true}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Name: a.Name, State: "absent", UID: -1, Group: -1, System: a.System, gid: -1, expire: -1}
	u, err := r.User(ctx, a.Name)
	if err != nil && !errors.Is(err, modules.ErrNotExist) {
		return s, err
	}
	if err == nil && u.Name == a.Name {
		s.State, s.UID, s.Group, s.Groups = "present", int64(u.UID), int64(u.GID), u.Groups
		s.Comment, s.Home, s.Shell = u.Gecos, u.Home, u.Shell
		s.local, s.password, s.expire = u.Local, u.Password, u.Expire
	}
	if a.State == "absent" {
		return s, nil
	}
	if err := s.lookGroups(ctx, r, a); err != nil {
		return s, err
	}
	if s.State == "present" {
		if s.moves, err = there(ctx, r, s.Home); err != nil {
			return s, err
		}
		home := s.Home
		if a.Home != "" {
			home = string(a.Home)
		}
		found, err := there(ctx, r, home)
		if err != nil {
			return s, err
		}
		s.homeless = !found && home != noHome
		s.moves = s.moves && a.MoveHome && home != s.Home
	}
	return s, nil
}

// noHome is where Debian's accounts without a home directory have it.
const noHome = "/nonexistent"

func there(ctx context.Context, r modules.Reader, p string) (bool, error) {
	_, i, err := place.Follow(ctx, r, p)
	return i != nil, err
}

// lookGroups finds the groups that are wanted.
func (s *State) lookGroups(ctx context.Context, r modules.Reader, a Args) error {
	var want, missing []string
	if a.Group != "" {
		want = append(want, a.Group)
	}
	if a.Groups != nil {
		want = append(want, *a.Groups...)
	}
	for i, name := range want {
		g, err := r.Group(ctx, name)
		switch {
		case errors.Is(err, modules.ErrNotExist):
			missing = append(missing, name)
		case err != nil:
			return err
		case i == 0 && a.Group != "":
			s.gid = int64(g.GID)
		default:
			s.extra = append(s.extra, g.Name)
		}
	}
	if len(missing) > 0 {
		s.missing = "group " + strings.Join(slices.Compact(missing), ", ") + " does not exist"
	}
	_, err := r.Group(ctx, a.Name)
	if err != nil && !errors.Is(err, modules.ErrNotExist) {
		return err
	}
	s.ownGroup = err == nil
	return nil
}

func plan(a Args, s State) ([]modules.Step, error) {
	there := s.State == "present"
	switch {
	case a.State == "absent" && !there:
		return nil, nil
	case a.State == "absent" && !s.local:
		return nil, foreign(a.Name)
	case a.State == "absent":
		return []modules.Step{remove(a, s)}, nil
	case s.missing != "":
		return nil, modules.NotYetf("%s", s.missing)
	case !there:
		return add(a, s), nil
	}
	steps := change(a, s)
	if len(steps) > 0 && !s.local {
		return nil, foreign(a.Name)
	}
	if a.CreateHome && s.homeless && !s.moves {
		steps = append(steps, makeHome(a, s))
	}
	return steps, nil
}

func foreign(name string) error {
	return fmt.Errorf("user %s does not stand in /etc/passwd: it cannot be changed here", name)
}

func remove(a Args, s State) modules.Step {
	argv := []string{"userdel"}
	what := "remove user " + a.Name
	if a.Remove {
		argv = append(argv, "--remove")
		what += " and its home " + s.Home
	}
	if a.Force {
		argv = append(argv, "--force")
	}
	return modules.Step{What: what, From: fmt.Sprintf("uid %d\nhome %s\n", s.UID, s.Home), Do: run(argv, a.Name)}
}
