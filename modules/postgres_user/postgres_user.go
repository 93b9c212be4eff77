// Package postgresuser is the module postgres_user: roles of PostgreSQL.
package postgresuser

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/pg"
)

// Args are what the playbook says.
type Args struct {
	Name            string   `json:"name" required:"true" alias:"user,role" doc:"the role"`
	State           string   `json:"state" default:"present" enum:"present,absent" doc:"absent: the role is dropped; PostgreSQL refuses while it owns something"`
	Password        string   `json:"password" secret:"true" doc:"its password, or a SCRAM-SHA-256 verifier; the server only ever gets a verifier. Not given: left as it is"`
	Login           *bool    `json:"login" doc:"may log in; a new role may if not given"`
	Superuser       *bool    `json:"superuser" doc:"may do everything"`
	CreateDB        *bool    `json:"createdb" doc:"may create databases"`
	CreateRole      *bool    `json:"createrole" doc:"may create roles"`
	Inherit         *bool    `json:"inherit" doc:"has the rights of the roles it is a member of"`
	Replication     *bool    `json:"replication" doc:"may replicate"`
	BypassRLS       *bool    `json:"bypassrls" doc:"is not held by row level security"`
	ConnectionLimit *int     `json:"connection_limit" alias:"conn_limit" doc:"connections at a time, -1 for any number"`
	MemberOf        []string `json:"member_of" alias:"groups" doc:"roles it is a member of; other memberships stay"`
	pg.Server
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	for _, n := range append([]string{a.Name}, a.MemberOf...) {
		if err := pg.CheckName(n); err != nil {
			return err
		}
	}
	switch {
	case strings.HasPrefix(a.Name, "pg_"):
		return fmt.Errorf("%s: names that begin with pg_ are PostgreSQL's own", a.Name)
	case strings.ContainsRune(a.Password, 0):
		return errors.New("a password cannot hold a NUL")
	case strings.HasPrefix(a.Password, verifierPrefix) && !isVerifier(a.Password):
		return errors.New("the password begins like a SCRAM-SHA-256 verifier and is none")
	case a.ConnectionLimit != nil && *a.ConnectionLimit < -1:
		return errors.New("connection_limit is less than -1")
	case slices.Contains(a.MemberOf, a.Name):
		return errors.New("a role cannot be a member of itself")
	}
	return nil
}

// State is what the host shows.
type State struct {
	Exists          bool     `json:"exists" doc:"the role is there"`
	Login           bool     `json:"login" doc:"it may log in"`
	Superuser       bool     `json:"superuser" doc:"it may do everything"`
	CreateDB        bool     `json:"createdb" doc:"it may create databases"`
	CreateRole      bool     `json:"createrole" doc:"it may create roles"`
	Inherit         bool     `json:"inherit" doc:"it has the rights of the roles it is a member of"`
	Replication     bool     `json:"replication" doc:"it may replicate"`
	BypassRLS       bool     `json:"bypassrls" doc:"it is not held by row level security"`
	ConnectionLimit int      `json:"connection_limit" doc:"connections at a time, -1 for any number"`
	MemberOf        []string `json:"member_of" doc:"roles it is a member of"`

	Verifier   string   `json:"verifier" private:"true"`   // as the server keeps it
	Unreadable bool     `json:"unreadable" private:"true"` // the verifier cannot be read: no superuser looks
	Missing    []string `json:"missing" private:"true"`    // roles of member_of that are not there
	Salt       []byte   `json:"salt" private:"true"`       // for a new verifier
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "postgres_user",
		Doc: "Creates, alters and drops roles of PostgreSQL.\n\n" +
			"Arguments that are not given leave the role as it is. The password reaches the server as a SCRAM-SHA-256 verifier made here, " +
			"so that it never stands in a log; on the next run the verifier on the server is checked against the password, and nothing changes. " +
			"A role whose verifier is md5 gets a SCRAM one.",
		Example: `- name: Synapse's role
  become: true
  postgres_user:
    name: synapse
    password: "{{ synapse_db_password }}"
`,
		Check: check, Plan: plan,
	}.Task()
}

const attributes = "rolcanlogin::text, rolsuper::text, rolcreatedb::text, rolcreaterole::text, rolinherit::text, rolreplication::text, rolbypassrls::text, rolconnlimit::text"

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Salt: r.Random("salt", 16)}
	rows, err := a.Query(ctx, r, "", "select "+attributes+", rolpassword from pg_catalog.pg_authid where rolname = $1", a.Name)
	var refused *modules.SQLError
	if errors.As(err, &refused) && refused.Code == "42501" { // only a superuser reads verifiers
		s.Unreadable = true
		rows, err = a.Query(ctx, r, "", "select "+attributes+", null from pg_catalog.pg_roles where rolname = $1", a.Name)
	}
	if err != nil {
		return s, err
	}
	if len(rows) == 1 && len(rows[0]) == 9 {
		c := rows[0]
		s.Exists = true
		s.Login, s.Superuser, s.CreateDB, s.CreateRole = pg.Bool(c[0]), pg.Bool(c[1]), pg.Bool(c[2]), pg.Bool(c[3])
		s.Inherit, s.Replication, s.BypassRLS = pg.Bool(c[4]), pg.Bool(c[5]), pg.Bool(c[6])
		s.ConnectionLimit, _ = strconv.Atoi(pg.Text(c[7]))
		s.Verifier = pg.Text(c[8])
	}
	if a.State == "absent" || len(a.MemberOf) == 0 {
		return s, nil
	}
	rows, err = a.Query(ctx, r, "", `select r.rolname, exists (select from pg_catalog.pg_auth_members m
		join pg_catalog.pg_roles u on u.oid = m.member where m.roleid = r.oid and u.rolname = $1)::text from pg_catalog.pg_roles r order by 1`, a.Name)
	if err != nil {
		return s, err
	}
	var all []string
	for _, c := range rows {
		all = append(all, pg.Text(c[0]))
		if pg.Bool(c[1]) {
			s.MemberOf = append(s.MemberOf, pg.Text(c[0]))
		}
	}
	for _, m := range a.MemberOf {
		if !slices.Contains(all, m) {
			s.Missing = append(s.Missing, m)
		}
	}
	return s, nil
}
