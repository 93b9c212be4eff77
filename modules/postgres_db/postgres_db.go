// Package postgresdb is the module postgres_db: databases of PostgreSQL.
package postgresdb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/pg"
)

// Args are what the playbook says.
type Args struct {
	Name            string `json:"name" required:"true" alias:"db,database" doc:"the database"`
	State           string `json:"state" default:"present" enum:"present,absent" doc:"absent: it is dropped with all it holds, which needs force: true"`
	Owner           string `json:"owner" doc:"role that owns it; who connects if not given"`
	Encoding        string `json:"encoding" doc:"such as UTF8; the template's if not given"`
	LcCollate       string `json:"lc_collate" doc:"how text is sorted, such as C; the template's if not given"`
	LcCtype         string `json:"lc_ctype" doc:"which characters are letters, such as C; the template's if not given"`
	LocaleProvider  string `json:"locale_provider" enum:"libc,icu,builtin" doc:"who sorts (PostgreSQL 15 and newer; builtin 17); libc where lc_collate or lc_ctype is given, else the template's"`
	Locale          string `json:"locale" alias:"icu_locale" doc:"locale of the provider icu or builtin"`
	Template        string `json:"template" doc:"database to copy; template0 where encoding or a locale is given, else template1"`
	Tablespace      string `json:"tablespace" doc:"tablespace to put it into"`
	ConnectionLimit *int   `json:"connection_limit" alias:"conn_limit" doc:"connections at a time, -1 for any number"`
	Force           bool   `json:"force" default:"false" doc:"with absent: drop it, and end the connections to it"`
	pg.Server
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	for _, n := range []string{a.Name, or(a.Owner, "x"), or(a.Template, "x"), or(a.Tablespace, "x")} {
		if err := pg.CheckName(n); err != nil {
			return err
		}
	}
	switch {
	case a.State == "absent" && isSystem(a.Name):
		return fmt.Errorf("%s belongs to PostgreSQL and is not dropped", a.Name)
	case a.Locale != "" && a.LocaleProvider != "icu" && a.LocaleProvider != "builtin":
		return errors.New("locale goes with locale_provider icu or builtin; for libc there are lc_collate and lc_ctype")
	case a.LocaleProvider != "" && a.LocaleProvider != "libc" && a.Locale == "":
		return fmt.Errorf("locale_provider %s needs locale", a.LocaleProvider)
	case a.ConnectionLimit != nil && *a.ConnectionLimit < -1:
		return errors.New("connection_limit is less than -1")
	}
	return nil
}

func isSystem(n string) bool { return n == "postgres" || n == "template0" || n == "template1" }

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// State is what the host shows.
type State struct {
	Exists          bool   `json:"exists" doc:"the database is there"`
	Owner           string `json:"owner" doc:"role that owns it"`
	Encoding        string `json:"encoding" doc:"its encoding"`
	LcCollate       string `json:"lc_collate" doc:"how it sorts"`
	LcCtype         string `json:"lc_ctype" doc:"which characters are letters"`
	LocaleProvider  string `json:"locale_provider" doc:"libc, icu or builtin"`
	Locale          string `json:"locale" doc:"locale of the provider icu or builtin"`
	Tablespace      string `json:"tablespace" doc:"its tablespace"`
	ConnectionLimit int    `json:"connection_limit" doc:"connections at a time, -1 for any number"`
	Version         int    `json:"server_version" doc:"the server's version, 170006 for 17.6"`

	OwnerExists bool `json:"owner_exists" private:"true"`
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "postgres_db",
		Doc: "Creates, alters and drops databases of PostgreSQL.\n\n" +
			"Owner, tablespace and connection limit are altered in place. Encoding and locale cannot be: where they differ the task fails " +
			"and says what to do. Arguments that are not given leave the database as it is.",
		Example: `- name: Synapse's database, which must sort by bytes
  postgres_db:
    name: synapse
    owner: synapse
    encoding: UTF8
    lc_collate: C
    lc_ctype: C
    template: template0
`,
		Check: check, Plan: plan,
	}.Task()
}

// The columns that came or changed their names with a version are read through
// JSON, so that one query does for all: datlocprovider (15), daticulocale (15, 16), datlocale (17).
const query = `select pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
	coalesce(to_jsonb(d)->>'datlocprovider', 'c'), coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale'),
	t.spcname, d.datconnlimit::text
	from pg_catalog.pg_database d join pg_catalog.pg_tablespace t on t.oid = d.dattablespace where d.datname = $1`

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	rows, err := a.Query(ctx, r, "", `select current_setting('server_version_num'),
		exists (select from pg_catalog.pg_roles where rolname = $1)::text`, a.Owner)
	if err != nil {
		return s, err
	}
	if len(rows) == 1 && len(rows[0]) == 2 {
		s.Version, _ = strconv.Atoi(pg.Text(rows[0][0]))
		s.OwnerExists = pg.Bool(rows[0][1])
	}
	rows, err = a.Query(ctx, r, "", query, a.Name)
	if err != nil || len(rows) != 1 || len(rows[0]) != 8 {
		return s, err
	}
	c := rows[0]
	s.Exists = true
	s.Owner, s.Encoding, s.LcCollate, s.LcCtype = pg.Text(c[0]), pg.Text(c[1]), pg.Text(c[2]), pg.Text(c[3])
	s.LocaleProvider = map[string]string{"c": "libc", "i": "icu", "b": "builtin"}[pg.Text(c[4])]
	s.Locale, s.Tablespace = pg.Text(c[5]), pg.Text(c[6])
	s.ConnectionLimit, _ = strconv.Atoi(pg.Text(c[7]))
	return s, nil
}

// sameEncoding compares names of encodings as PostgreSQL does: letters and digits only.
func sameEncoding(a, b string) bool {
	clean := func(s string) string {
		s = strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
				return c
			}
			return -1
		}, strings.ToLower(s))
		if s == "unicode" {
			return "utf8"
		}
		return s
	}
	return clean(a) == clean(b)
}

// sameLocale compares names of locales: POSIX is C, C.utf8 is C.UTF-8.
func sameLocale(a, b string) bool {
	clean := func(s string) string {
		if s == "POSIX" {
			return "C"
		}
		name, charset, ok := strings.Cut(s, ".")
		if ok {
			return name + "." + strings.ReplaceAll(strings.ToLower(charset), "-", "")
		}
		return s
	}
	return clean(a) == clean(b)
}
