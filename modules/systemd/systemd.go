// Package systemd starts, stops, enables and masks units.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Args are what the playbook says.
type Args struct {
	Name         string `json:"name" alias:"unit,service" doc:"the unit; without a suffix a service"`
	State        string `json:"state" enum:"started,stopped,restarted,reloaded,reload_or_restarted" doc:"restarted and reloaded act on every run and belong into handlers; a unit that does not run is started by them"`
	Enabled      *bool  `json:"enabled" doc:"start it at boot, or not"`
	Masked       *bool  `json:"masked" doc:"make it impossible to start, or possible again"`
	DaemonReload *bool  `json:"daemon_reload" alias:"daemon-reload" doc:"read unit files again; if not given or true with a name, when the unit's file on disk is newer than what systemd has loaded; true without a name, always"`
	NoBlock      bool   `json:"no_block" default:"false" doc:"do not wait for the end of a start or stop"`
	Settle       int    `json:"settle" default:"1" doc:"seconds for which a service must stay up after its start, so that one that dies at once is seen"`
}

var unitRE = regexp.MustCompile(`^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*$`)

// Validate refuses what cannot work.
func (a Args) Validate() error {
	switch {
	case a.Name == "" && (a.State != "" || a.Enabled != nil || a.Masked != nil):
		return errors.New("name is missing")
	case a.Name == "" && (a.DaemonReload == nil || !*a.DaemonReload):
		return errors.New("name is missing (or daemon_reload: true, which does without)")
	case a.Name != "" && (!unitRE.MatchString(a.Name) || len(a.Name) > 255):
		return fmt.Errorf("%q is no unit name", a.Name)
	case a.Masked != nil && *a.Masked && a.Enabled != nil && *a.Enabled:
		return errors.New("a masked unit cannot be enabled")
	case a.Masked != nil && *a.Masked && a.State != "" && a.State != "stopped":
		return errors.New("a masked unit cannot be " + a.State)
	case isTemplate(unitName(a.Name)) && a.State != "":
		return fmt.Errorf("%s is a template: name an instance, such as %s", a.Name, strings.Replace(unitName(a.Name), "@.", "@x.", 1))
	case a.Settle < 0:
		return errors.New("settle is negative")
	}
	return nil
}

// unitName adds .service where systemctl would.
func unitName(n string) string {
	if n == "" {
		return ""
	}
	switch path.Ext(n) {
	case ".service", ".socket", ".target", ".timer", ".mount", ".automount", ".swap", ".path", ".slice", ".scope", ".device":
		return n
	}
	return n + ".service"
}

func isTemplate(n string) bool { return strings.Contains(n, "@.") }

// template is the name of an instance's template; the name itself for others.
func template(n string) string {
	if at := strings.IndexByte(n, '@'); at >= 0 {
		return n[:at+1] + path.Ext(n)
	}
	return n
}

// State is what the host shows.
type State struct {
	Name        string `json:"name" doc:"the unit's full name"`
	LoadState   string `json:"load_state" doc:"loaded, not-found, masked, ..."`
	ActiveState string `json:"active_state" doc:"active, inactive, failed, activating, ..."`
	SubState    string `json:"sub_state" doc:"running, exited, dead, ..."`
	FileState   string `json:"unit_file_state" doc:"enabled, disabled, static, masked, ..."`
	MainPID     int    `json:"main_pid" doc:"the service's main process, 0 without one"`
	Path        string `json:"fragment_path" doc:"the unit's file"`

	Type       string `json:"type" private:"true"`
	NeedReload bool   `json:"need_reload" private:"true"`
	OnDisk     bool   `json:"on_disk" private:"true"` // a file is there that systemd has not read
	CanReload  bool   `json:"can_reload" private:"true"`
	NoSystemd  bool   `json:"no_systemd" private:"true"`
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "systemd",
		Doc: "Starts, stops, enables and masks systemd's units: services, sockets, timers, targets, instances of templates.\n\n" +
			"The start job's own result decides, and a service must stay up for a moment: one that systemd restarts for ever fails the task, " +
			"and so does a unit that systemd skipped because a condition did not hold. The journal's lines say why. " +
			"Unit files that are newer than what systemd has loaded are read again first. Where systemd does not run (a container), " +
			"units can be enabled and masked, not started.",
		Example: `- name: Synapse runs, now and after a boot
  systemd:
    name: matrix-synapse
    state: started
    enabled: true
`,
		Check: check, Plan: plan,
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	if a.Name == "" {
		return State{}, nil
	}
	u, err := r.Unit(ctx, unitName(a.Name))
	if err != nil && !errors.Is(err, modules.ErrNotExist) {
		return State{}, err
	}
	s := State{
		Name: unitName(a.Name), LoadState: u.Load, ActiveState: u.Active, SubState: u.Sub, FileState: u.File,
		MainPID: u.MainPID, Path: u.Path, Type: u.Type, NeedReload: u.NeedReload, CanReload: u.CanReload, NoSystemd: u.NoSystemd,
	}
	if s.LoadState == "" {
		s.LoadState = "not-found"
	}
	if s.LoadState == "not-found" && !s.NoSystemd || s.FileState == "" || s.FileState == "generated" {
		if s.OnDisk, err = onDisk(ctx, r, s.Name); err != nil {
			return s, err
		}
	}
	return s, nil
}

// unitDirs are where unit files lie, init scripts last.
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// onDisk looks for a unit's file, or an init script that stands for one.
func onDisk(ctx context.Context, r modules.Reader, name string) (bool, error) {
	var paths []string
	for _, d := range unitDirs {
		paths = append(paths, d+"/"+name)
		if t := template(name); t != name {
			paths = append(paths, d+"/"+t)
		}
	}
	if n, ok := strings.CutSuffix(name, ".service"); ok && !strings.Contains(n, "@") {
		paths = append(paths, "/etc/init.d/"+n)
	}
	for _, p := range paths {
		if _, err := r.Stat(ctx, p); err == nil {
			return true, nil
		} else if !errors.Is(err, modules.ErrNotExist) {
			return false, err
		}
	}
	return false, nil
}
