// Package packagefacts tells which packages a host has.
package packagefacts

import (
	"context"
	"errors"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Manager  []string `json:"manager" default:"[auto]" doc:"auto or apt; there is no other here"`
	Strategy string   `json:"strategy" default:"first" enum:"first,all" doc:"accepted as Ansible has it"`
}

// Validate refuses managers of other systems.
func (a Args) Validate() error {
	for _, m := range a.Manager {
		if m != "auto" && m != "apt" {
			return errors.New("manager is auto or apt, found " + m)
		}
	}
	return nil
}

// Result is what is registered.
type Result struct {
	Facts Facts `json:"ansible_facts" doc:"what becomes known of the host"`
}

// Facts are those that the task brings.
type Facts struct {
	Packages map[string][]Package `json:"packages" doc:"the packages that are installed, by name"`
}

// Package is one that is installed.
type Package struct {
	Name     string `json:"name" doc:"its name"`
	Version  string `json:"version" doc:"its version"`
	Arch     string `json:"arch" doc:"amd64, all, ..."`
	Category string `json:"category" doc:"its section"`
	Source   string `json:"source" doc:"apt"`
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "package_facts",
		Doc: `Tells which packages the host has.

They stand in ansible_facts.packages and in the variable packages. Nothing is changed. To install or remove a package
nobody needs them: package looks by itself.`,
		Example: `
- name: what is installed
  package_facts: {}
`,
		Run:      run,
		ReadOnly: func(Args) bool { return true },
	}.Task()
}

func run(ctx context.Context, h modules.Host, _ Args) (Result, error) {
	all := map[string][]Package{}
	r := Result{Facts{all}}
	out, err := h.Look(ctx, "dpkg-query", "-W", "-f", `${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${Section}\n`)
	if err = errors.Join(err, out.Err()); err != nil {
		return r, err
	}
	for l := range strings.Lines(string(out.Stdout)) {
		f := strings.Split(strings.TrimSuffix(l, "\n"), "\t")
		if len(f) == 5 && f[0] == "installed" {
			all[f[1]] = append(all[f[1]], Package{Name: f[1], Version: f[2], Arch: f[3], Category: f[4], Source: "apt"})
		}
	}
	return r, nil
}
