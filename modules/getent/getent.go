// Package getent asks the databases of names of a host.
package getent

import (
	"context"
	"fmt"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Database string `json:"database" required:"true" enum:"ahosts,ahostsv4,ahostsv6,aliases,ethers,group,gshadow,hosts,initgroups,netgroup,networks,passwd,protocols,rpc,services,shadow" doc:"which of them"`
	Key      string `json:"key" doc:"name or number to look for; all that can be listed when not given"`
	FailKey  bool   `json:"fail_key" default:"true" doc:"fail when there is no such key; else its value is null"`
	Service  string `json:"service" doc:"ask only this source, such as files"`
	Split    string `json:"split" doc:"what parts the fields; a colon in passwd, shadow, group and gshadow, else white space"`
}

// Validate refuses a key that getent would take for an option.
func (a Args) Validate() error {
	for arg, v := range map[string]string{"key": a.Key, "service": a.Service} {
		if strings.HasPrefix(v, "-") {
			return fmt.Errorf("%s cannot begin with a dash, found %q", arg, v)
		}
	}
	return nil
}

// Result is what is registered.
type Result struct {
	Facts map[string]map[string]any `json:"ansible_facts" doc:"getent_DATABASE: for each name the list of its further fields, or a list of such lists where it stands more than once"`
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "getent",
		Doc: `Asks the host's databases of names: accounts, groups, hosts, services.

What is found stands in ansible_facts.getent_DATABASE and in the variable getent_DATABASE. Nothing is changed.`,
		Example: `
- name: where the account lives
  getent: {database: passwd, key: www-data}
- name: and use it
  getent: {database: group, key: "{{ getent_passwd['www-data'][2] }}"}
`,
		Run:      run,
		ReadOnly: func(Args) bool { return true },
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	argv := []string{"getent", a.Database}
	if a.Key != "" {
		argv = append(argv, a.Key)
	}
	if a.Service != "" {
		argv = append(argv, "-s", a.Service)
	}
	found := map[string]any{}
	r := Result{map[string]map[string]any{"getent_" + a.Database: found}}
	out, err := h.Look(ctx, argv...)
	if err != nil {
		return r, err
	}
	switch out.Exit {
	case 0:
		a.read(string(out.Stdout), found)
		return r, nil
	case 2:
		if a.FailKey {
			return r, fmt.Errorf("there is no %s in the database %s", a.Key, a.Database)
		}
		found[a.Key] = nil
		return r, nil
	case 3:
		return r, fmt.Errorf("the database %s cannot be listed: name a key", a.Database)
	}
	return r, out.Err()
}

// read puts the lines of getent's answer into a map.
func (a Args) read(text string, found map[string]any) {
	split := a.Split
	switch a.Database {
	case "passwd", "shadow", "group", "gshadow":
		if split == "" {
			split = ":"
		}
	}
	times := map[string]int{}
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		f := strings.Fields(l)
		if split != "" {
			f = strings.Split(l, split)
		}
		if len(f) == 0 {
			continue
		}
		name, rest := f[0], f[1:]
		switch times[name]++; times[name] {
		case 1:
			found[name] = rest
		case 2:
			found[name] = []any{found[name], rest}
		default:
			found[name] = append(found[name].([]any), rest)
		}
	}
}
