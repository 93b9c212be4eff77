// Package postgresident is the module postgres_ident: which accounts are which roles of PostgreSQL.
package postgresident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/pg"
)

// Args are what the playbook says.
type Args struct {
	Map     string  `json:"map" required:"true" alias:"name" doc:"name of the map, as map=NAME in pg_hba.conf says it"`
	Entries []Entry `json:"entries" required:"true" doc:"its entries, in order"`
	State   string  `json:"state" default:"present" enum:"present,absent" doc:"absent: these entries are taken out"`
	Only    bool    `json:"exclusive" default:"false" doc:"take every other entry of this map out"`
	pg.Server
}

// Entry lets one account be one role.
type Entry struct {
	System string `json:"system_user" required:"true" alias:"system_username,account" doc:"the operating system's account (or the certificate's name); /regular expression"`
	Role   string `json:"role" required:"true" alias:"pg_username,user,database_user" doc:"the role it may be"`
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	switch {
	case len(a.Entries) == 0:
		return errors.New("entries is empty")
	case a.State == "absent" && a.Only:
		return errors.New("exclusive and absent contradict each other")
	}
	for _, w := range a.words() {
		if w == "" || strings.ContainsAny(w, "\r\n\x00") {
			return fmt.Errorf("%q is no name", w)
		}
	}
	return nil
}

func (a Args) words() []string {
	out := []string{a.Map}
	for _, e := range a.Entries {
		out = append(out, e.System, e.Role)
	}
	return out
}

func (a Args) fields(e Entry) []string {
	return []string{pg.Field(a.Map), pg.Field(e.System), pg.Field(e.Role)}
}

// State is what the host shows.
type State struct {
	Path    string   `json:"path" doc:"the file"`
	Entries []string `json:"entries" doc:"the map's lines"`

	File pg.File `json:"-"`
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "postgres_ident",
		Doc: "Says which accounts of the operating system are which roles of PostgreSQL: a map in pg_ident.conf.\n\n" +
			"A rule of postgres_hba uses the map with options: {map: NAME}. Entries are placed in front of the map's regular expressions. " +
			"The server checks the new file before it is used (from PostgreSQL 15 on), and then reloads it.",
		Example: `- name: the account matrix-synapse is the role synapse
  postgres_ident:
    map: synapse
    entries:
      - {system_user: matrix-synapse, role: synapse}
`,
		Check: check, Plan: plan,
	}.Task()
}

const view = "pg_ident_file_mappings"

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	f, err := a.LookFile(ctx, r, "ident_file")
	s := State{Path: f.Path, File: f}
	for _, l := range strings.Split(f.Text, "\n") {
		if w := pg.Fields(l); len(w) == 3 && w[0] == pg.Field(a.Map) {
			s.Entries = append(s.Entries, strings.Join(w, " "))
		}
	}
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) {
	var lines []string
	for _, e := range a.Entries {
		if a.State != "absent" {
			f := a.fields(e)
			lines = append(lines, fmt.Sprintf("%-15s %-23s %s", f[0], f[1], f[2]))
		}
	}
	mine := func(f []string) bool {
		if a.Only && f[0] == pg.Field(a.Map) {
			return true
		}
		return slices.ContainsFunc(a.Entries, func(e Entry) bool { return slices.Equal(a.fields(e), f) })
	}
	pattern := func(f []string) bool { return len(f) == 3 && f[0] == pg.Field(a.Map) && strings.HasPrefix(f[1], "/") }
	return a.Steps(s.File, pg.Place(s.File.Text, lines, mine, pattern), view), nil
}
