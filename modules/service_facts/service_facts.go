// Package servicefacts tells which services a host has.
package servicefacts

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says: nothing.
type Args struct{}

// Result is what is registered.
type Result struct {
	Facts Facts `json:"ansible_facts" doc:"what becomes known of the host"`
}

// Facts are those that the task brings.
type Facts struct {
	Services map[string]Service `json:"services" doc:"the services that systemd knows, by the unit's name: nginx.service"`
}

// Service is one service.
type Service struct {
	Name   string `json:"name" doc:"nginx.service"`
	State  string `json:"state" doc:"running or stopped; inactive and the like of one that is not loaded, unknown of a template"`
	Status string `json:"status" doc:"enabled, disabled, static, indirect, ...; not-found, masked and failed where it is so"`
	Source string `json:"source" doc:"systemd"`
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "service_facts",
		Doc: `Tells which services the host has, which of them run, and which start with it.

They stand in ansible_facts.services and in the variable services. Nothing is changed. To start or enable a unit nobody
needs them: systemd looks by itself.`,
		Example: `
- name: what runs
  service_facts: {}
`,
		Run:      run,
		ReadOnly: func(Args) bool { return true },
	}.Task()
}

func run(ctx context.Context, h modules.Host, _ Args) (Result, error) {
	all := map[string]Service{}
	r := Result{Facts{all}}
	units, err := lines(ctx, h, "list-units")
	if err != nil {
		return r, err
	}
	for _, f := range units {
		if len(f) < 4 {
			continue
		}
		s := Service{Name: f[0], State: "stopped", Status: f[2], Source: "systemd"}
		for _, bad := range bads {
			if slices.Contains(f[1:4], bad) {
				s.Status = bad
			}
		}
		if f[3] == "running" {
			s.State = "running"
		}
		all[s.Name] = s
	}
	files, err := lines(ctx, h, "list-unit-files")
	if err != nil {
		return r, err
	}
	for _, f := range files {
		if len(f) < 2 {
			continue
		}
		s, loaded := all[f[0]]
		switch {
		case strings.Contains(f[0], "@."): // a template, which has no state
			all[f[0]] = Service{Name: f[0], State: "unknown", Status: f[1], Source: "systemd"}
		case !loaded:
			u, err := h.Unit(ctx, f[0])
			if err != nil {
				return r, err
			}
			all[f[0]] = Service{Name: f[0], State: u.Active, Status: f[1], Source: "systemd"}
		case !slices.Contains(bads, s.Status):
			s.Status = f[1]
			all[f[0]] = s
		}
	}
	return r, nil
}

// bads are states that tell more than whether the unit is enabled.
var bads = []string{"not-found", "masked", "failed"}

// lines are the words of each line that systemctl prints of services.
func lines(ctx context.Context, h modules.Host, verb string) ([][]string, error) {
	out, err := h.Look(ctx, "systemctl", "--no-pager", "--all", "--plain", "--no-legend", "--type=service", verb)
	if err = errors.Join(err, out.Err()); err != nil {
		return nil, err
	}
	var all [][]string
	for l := range strings.Lines(string(out.Stdout)) {
		if f := strings.Fields(l); len(f) > 0 && strings.HasSuffix(f[0], ".service") {
			all = append(all, f)
		}
	}
	return all, nil
}
