package systemd

import (
	"context"
	"fmt"

	"github.com/mxplay/mxplay/modules"
)

func plan(a Args, s State) ([]modules.Step, error) {
	if a.Name == "" {
		return []modules.Step{reload("read unit files again", true)}, nil
	}
	var steps []modules.Step
	wantMasked := a.Masked != nil && *a.Masked
	masked := s.LoadState == "masked" || s.FileState == "masked" || s.FileState == "masked-runtime"
	missing := s.LoadState == "not-found" && s.FileState == ""
	never := a.DaemonReload != nil && !*a.DaemonReload

	if !s.NoSystemd && !never && (s.NeedReload || missing && s.OnDisk) {
		steps = append(steps, reload("read the changed unit file of "+s.Name, missing))
		if missing {
			return steps, modules.NotYetf("%s is not known until systemd has read its file", s.Name)
		}
		if a.State != "" && a.State != "stopped" {
			return steps, modules.NotYetf("what %s can do is known when systemd has read its file", s.Name)
		}
	}
	if missing && !s.OnDisk {
		if a.State == "stopped" && (a.Enabled == nil || !*a.Enabled) && !wantMasked || wantMasked && a.State == "" && masked {
			return steps, nil // what is not there neither runs nor starts at boot
		}
		if !wantMasked {
			return steps, modules.NotYetf("there is no unit %s", s.Name)
		}
	}
	if a.Masked != nil && !wantMasked && masked {
		steps = append(steps, systemctl(s, "unmask"))
		return steps, modules.NotYetf("what is behind the mask is known when it is gone")
	}
	if masked && !wantMasked && (a.Enabled != nil && *a.Enabled || a.State != "" && a.State != "stopped") {
		return steps, modules.WithLines(fmt.Errorf("%s is masked", s.Name), nil, "masked: false lifts it")
	}
	enable, err := planEnabled(a, s, masked)
	if err != nil {
		return steps, err
	}
	steps = append(steps, enable...)
	state, err := planState(a, s)
	if err != nil {
		return steps, err
	}
	steps = append(steps, state...)
	if wantMasked && !masked {
		steps = append(steps, systemctl(s, "mask"))
	}
	return steps, nil
}

func planEnabled(a Args, s State, masked bool) ([]modules.Step, error) {
	if a.Enabled == nil || masked {
		return nil, nil
	}
	on := false
	switch s.FileState {
	case "enabled", "linked", "alias":
		on = true
	case "indirect": // an instance is enabled by itself; what only has Also= stays indirect for ever
		on = template(s.Name) == s.Name && !isTemplate(s.Name)
	case "static", "transient", "generated":
		if !*a.Enabled {
			return nil, nil // nothing that could be disabled
		}
		if s.FileState == "generated" {
			on = true // systemd made it of an init script or of fstab: it starts at boot
			break
		}
		return nil, modules.WithLines(fmt.Errorf("%s is %s: it has no [Install] section and cannot be enabled", s.Name, s.FileState),
			nil, "enable the socket, timer or service that starts it")
	}
	if s.FileState == "enabled-runtime" || s.FileState == "linked-runtime" {
		on = !*a.Enabled // gone after a boot: neither on nor off
	}
	switch {
	case *a.Enabled && !on:
		return []modules.Step{systemctl(s, "enable")}, nil
	case !*a.Enabled && on && s.FileState != "alias":
		return []modules.Step{systemctl(s, "disable")}, nil
	}
	return nil, nil
}

func planState(a Args, s State) ([]modules.Step, error) {
	if a.State == "" {
		return nil, nil
	}
	up := s.ActiveState == "active" || s.ActiveState == "reloading" || s.ActiveState == "refreshing"
	down := s.ActiveState == "inactive" || s.ActiveState == "failed" || s.ActiveState == ""
	if s.NoSystemd {
		if a.State == "stopped" {
			return nil, nil
		}
		return nil, modules.WithLines(fmt.Errorf("systemd does not run here: %s cannot be %s", s.Name, a.State), nil,
			"in a container, leave state out; enabled and masked work")
	}
	switch a.State {
	case "started":
		if !up {
			// a oneshot that does not remain is inactive again when it has run
			return []modules.Step{act(a, s, "start", a.NoBlock || s.Type == "oneshot")}, nil
		}
	case "stopped":
		if !down {
			return []modules.Step{act(a, s, "stop", a.NoBlock)}, nil
		}
	case "restarted":
		return []modules.Step{act(a, s, "restart", true)}, nil
	case "reloaded":
		if !s.CanReload {
			return nil, modules.WithLines(fmt.Errorf("%s cannot reload: its unit has no ExecReload", s.Name), nil,
				"state: reload_or_restarted restarts it then")
		}
		verb := "reload"
		if !up {
			verb = "start"
		}
		st := act(a, s, verb, true)
		st.What = "reload " + s.Name // started it counts as reloaded
		return []modules.Step{st}, nil
	case "reload_or_restarted":
		return []modules.Step{act(a, s, "reload-or-restart", true)}, nil
	}
	return nil, nil
}

func reload(what string, event bool) modules.Step {
	return modules.Step{What: what, Event: event, Do: func(ctx context.Context, h modules.Host) error {
		return run(ctx, h, "systemctl", "daemon-reload")
	}}
}

// systemctl plans a change to what starts at boot.
func systemctl(s State, verb string) modules.Step {
	st := modules.Step{What: verb + " " + s.Name, From: s.FileState, To: verb + "d"}
	if verb == "mask" || verb == "unmask" {
		st.To = verb + "ed"
	}
	st.Do = func(ctx context.Context, h modules.Host) error {
		argv := []string{"systemctl"}
		if s.NoSystemd {
			argv = append(argv, "--root=/")
		}
		return run(ctx, h, append(argv, verb, "--", s.Name)...)
	}
	return st
}

func run(ctx context.Context, h modules.Host, argv ...string) error {
	o, err := h.Run(ctx, modules.Command{Argv: argv, Env: map[string]string{"LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": ""}})
	if err != nil {
		return err
	}
	return o.Err()
}
