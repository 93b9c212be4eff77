// Package postgreshba is the module postgres_hba: who may connect to PostgreSQL, and how.
package postgreshba

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/pg"
)

// Args are what the playbook says.
type Args struct {
	Rules []Rule `json:"rules" required:"true" doc:"the rules, in order; the first that fits a connection decides"`
	State string `json:"state" default:"present" enum:"present,absent" doc:"absent: rules for the same connections are taken out, whatever their method"`
	pg.Server
}

// Rule is one line of pg_hba.conf.
type Rule struct {
	Type     string            `json:"type" default:"local" enum:"local,host,hostssl,hostnossl,hostgssenc,hostnogssenc" doc:"local: the socket; host: TCP"`
	Database string            `json:"database" required:"true" alias:"databases,db" doc:"database, several with commas, all, sameuser, replication"`
	User     string            `json:"user" required:"true" alias:"users" doc:"role, several with commas, all, +group"`
	Address  string            `json:"address" alias:"source" doc:"for host: 10.0.0.0/8, a host name, samehost, samenet, all"`
	Method   string            `json:"method" default:"scram-sha-256" enum:"scram-sha-256,peer,md5,trust,reject,cert,ident,password,gss,sspi,ldap,radius,pam,oauth" doc:"how the client proves who it is"`
	Options  map[string]string `json:"options" doc:"options of the method, such as map: synapse"`
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	if len(a.Rules) == 0 {
		return errors.New("rules is empty")
	}
	for _, r := range a.Rules {
		if err := r.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (r Rule) validate() error {
	for _, w := range append([]string{r.Database, r.User, r.Address}, slices.Collect(maps.Values(r.Options))...) {
		if strings.ContainsAny(w, "\r\n\x00") {
			return fmt.Errorf("%q has more than one line", w)
		}
	}
	switch {
	case r.Database == "" || r.User == "":
		return errors.New("a rule needs a database and a user; all for any")
	case r.Type == "local" && r.Address != "":
		return errors.New("a local rule has no address")
	case r.Type != "local" && r.Address == "":
		return fmt.Errorf("a %s rule needs an address", r.Type)
	case strings.ContainsAny(r.Address, " \t\",#"):
		return fmt.Errorf("%q is no address", r.Address)
	case r.Method == "peer" && r.Type != "local":
		return errors.New("peer works for local rules only")
	case r.Method == "cert" && r.Type != "hostssl":
		return errors.New("cert works for hostssl rules only")
	}
	for k := range r.Options {
		if strings.ContainsAny(k, " \t\"=,#") || k == "" {
			return fmt.Errorf("%q is no option", k)
		}
	}
	return nil
}

// names writes a list of databases or users; quotes that are given stay.
func names(s string) string {
	var out []string
	for _, n := range strings.Split(s, ",") {
		n = strings.TrimSpace(n)
		if !strings.HasPrefix(n, `"`) {
			n = pg.Field(n)
		}
		out = append(out, n)
	}
	return strings.Join(out, ",")
}

// key is what the rule is for: all fields before the method.
func (r Rule) key() []string {
	k := []string{r.Type, names(r.Database), names(r.User)}
	if r.Type != "local" {
		k = append(k, r.Address)
	}
	return k
}

// line is the rule as Debian writes its own.
func (r Rule) line() string {
	l := fmt.Sprintf("%-7s %-15s %-15s %-23s %s", r.Type, names(r.Database), names(r.User), r.Address, r.Method)
	for _, k := range slices.Sorted(maps.Keys(r.Options)) {
		v := r.Options[k]
		if v != pg.Field(v) {
			v = `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
			l += " " + k + "=" + v
			continue
		}
		l += " " + k + "=" + v
	}
	return l
}

// keyOf is the key of a line in the file.
func keyOf(f []string) []string {
	switch {
	case f[0] == "local" && len(f) >= 4:
		return f[:3]
	case f[0] != "local" && len(f) >= 5:
		return f[:4]
	}
	return nil
}

// generic tells a line that is for all databases and all users.
func generic(f []string) bool {
	k := keyOf(f)
	return k != nil && k[1] == "all" && k[2] == "all"
}

// State is what the host shows.
type State struct {
	Path  string   `json:"path" doc:"the file"`
	Rules []string `json:"rules" doc:"its lines that are no comments"`

	File pg.File `json:"-"`
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "postgres_hba",
		Doc: "Says who may connect to PostgreSQL: rules in pg_hba.conf, in front of the first one that is for all databases and users.\n\n" +
			"The file is the one that the server names. A rule for the same connections is replaced; other lines stay. The server checks " +
			"the new file before it is used (a mistake puts the old one back), and then reloads it.",
		Example: `- name: Synapse connects through the socket with its password
  postgres_hba:
    rules:
      - {type: local, database: synapse, user: synapse, method: scram-sha-256}
`,
		Check: check, Plan: plan,
	}.Task()
}

const view = "pg_hba_file_rules"

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	f, err := a.LookFile(ctx, r, "hba_file")
	s := State{Path: f.Path, File: f}
	for _, l := range strings.Split(f.Text, "\n") {
		if w := pg.Fields(l); len(w) > 0 {
			s.Rules = append(s.Rules, strings.Join(w, " "))
		}
	}
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) {
	var lines []string
	for _, r := range a.Rules {
		if a.State != "absent" {
			lines = append(lines, r.line())
		}
	}
	text := pg.Place(s.File.Text, lines, func(f []string) bool {
		return slices.ContainsFunc(a.Rules, func(r Rule) bool { return slices.Equal(r.key(), keyOf(f)) })
	}, generic)
	return a.Steps(s.File, text, view), nil
}
