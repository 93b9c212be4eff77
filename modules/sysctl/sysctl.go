// Package sysctl sets a parameter of the kernel.
package sysctl

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Name   string           `json:"name" alias:"key" required:"true" doc:"the parameter, net.ipv4.ip_forward or net/ipv4/ip_forward; the second way where a part of it has a dot"`
	Value  *string          `json:"value" alias:"val" doc:"its value; needed for state: present"`
	State  string           `json:"state" default:"present" enum:"present,absent" doc:"absent takes the line out of the file; what is in force stays until the next start"`
	File   modules.FilePath `json:"sysctl_file" default:"/etc/sysctl.d/99-sysctl.conf" doc:"file that keeps it for the next start; a link is followed. Ansible's default, /etc/sysctl.conf, is where that link leads on Debian 12; from Debian 13 on it is not read any more"`
	Reload bool             `json:"reload" default:"true" doc:"the value shall be in force now too"`
	Set    bool             `json:"sysctl_set" default:"false" doc:"the same, also with reload: false"`
	Ignore bool             `json:"ignoreerrors" default:"false" doc:"a parameter that the kernel does not have, or does not let be set, is only kept in the file"`
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	switch {
	case a.State == "present" && a.Value == nil:
		return errors.New("state: present needs value")
	case a.Name == "" || strings.ContainsAny(a.Name, " \t\n=#;") || strings.Contains(a.Name, "..") || path.IsAbs(a.Name):
		return fmt.Errorf("name must be that of a parameter, such as net.ipv4.ip_forward, found %q", a.Name)
	case a.Value != nil && (strings.ContainsAny(*a.Value, "\n") || strings.TrimSpace(*a.Value) == ""):
		return fmt.Errorf("value must be one line, found %q", *a.Value)
	}
	return place.Absolute("sysctl_file", a.File)
}

// State is what the host shows.
type State struct {
	Name  string `json:"name" doc:"the parameter"`
	Value string `json:"value" doc:"the value in force; empty when the kernel has no such parameter"`
	File  string `json:"file" doc:"the file that keeps it"`
	known bool
	seen  place.Seen
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "sysctl",
		Doc: `Sets a parameter of the kernel, now and for the next start.

The line is kept in one file; a file of /etc/sysctl.d that sorts after it may set another value at the next start.`,
		Example: `
- name: packets are passed on
  sysctl: {name: net.ipv4.ip_forward, value: "1", sysctl_file: /etc/sysctl.d/60-vpn.conf}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

// proc is the parameter's file below /proc/sys.
func (a Args) proc() string {
	n := a.Name
	if i := strings.IndexAny(n, "./"); i >= 0 && n[i] == '.' {
		n = strings.NewReplacer(".", "/", "/", ".").Replace(n)
	}
	return path.Join("/proc/sys", n)
}

// canonical is a name or value for comparison.
func canonical(s string) string { return strings.Join(strings.Fields(s), " ") }

func same(name, other string) bool {
	return (Args{Name: name}).proc() == (Args{Name: other}).proc()
}

func (a Args) file(text []byte) place.File {
	return place.File{Path: string(a.File), Bytes: text, Follow: true, Dirs: true}
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Name: a.Name}
	b, err := r.ReadFile(ctx, a.proc())
	switch {
	case err == nil:
		s.known, s.Value = true, canonical(string(b))
	case !errors.Is(err, modules.ErrNotExist):
		return s, err
	}
	s.seen, err = a.file(nil).Look(ctx, r, true)
	s.File = s.seen.Path
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) {
	var steps []modules.Step
	if a.State == "present" && (a.Reload || a.Set) && (s.Value != canonical(*a.Value) || !s.known) {
		switch {
		case s.known: // first, so that no file keeps a value that the kernel refuses
			steps = append(steps, modules.Step{What: "set " + a.Name, From: s.Value, To: canonical(*a.Value), Event: a.Ignore, Do: a.set})
		case !a.Ignore:
			return nil, modules.NotYetf("the kernel has no parameter %s (is a module of it to be loaded first)", a.Name)
		}
	}
	text := a.kept(s.seen.Old)
	if s.seen.Info == nil && len(text) == 0 {
		return steps, nil
	}
	more, err := a.file(text).Plan(s.seen)
	return append(steps, more...), err
}

func (a Args) set(ctx context.Context, h modules.Host) error {
	out, err := h.Run(ctx, modules.Command{Argv: []string{"sysctl", "-q", "-w", a.Name + "=" + *a.Value}})
	if a.Ignore && err == nil {
		return nil
	}
	if err = errors.Join(err, out.Err()); err != nil {
		return err
	}
	// sysctl ends with 0 where the kernel may not be written to
	b, err := h.ReadFile(ctx, a.proc())
	if err != nil {
		return err
	}
	if is := canonical(string(b)); is != canonical(*a.Value) {
		return modules.WithLines(fmt.Errorf("the kernel keeps %s", is), modules.LastLines(string(out.Stderr), 5), "")
	}
	return nil
}

// kept is the file's text with the parameter's line, or without it.
func (a Args) kept(old []byte) []byte {
	var out []string
	done := a.State == "absent"
	for _, l := range place.Lines(old) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(l), "-"), "=")
		comment := strings.HasPrefix(name, "#") || strings.HasPrefix(name, ";")
		if !ok || comment || !same(strings.TrimSpace(name), a.Name) {
			out = append(out, l)
			continue
		}
		if done {
			continue
		}
		done = true
		if canonical(value) != canonical(*a.Value) {
			l = a.Name + "=" + *a.Value
		}
		out = append(out, l)
	}
	if !done {
		out = append(out, a.Name+"="+*a.Value)
	}
	return place.Unlines(out)
}
