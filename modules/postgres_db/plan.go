package postgresdb

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/pg"
)

func plan(a Args, s State) ([]modules.Step, error) {
	if a.State == "absent" {
		return planAbsent(a, s)
	}
	if a.Owner != "" && !s.OwnerExists {
		return nil, modules.NotYetf("there is no role %s to own %s", a.Owner, a.Name)
	}
	if !s.Exists {
		sql, to, err := create(a, s)
		if err != nil {
			return nil, err
		}
		return []modules.Step{{What: "create database " + a.Name, To: to, Do: exec(a, sql)}}, nil
	}
	if err := fixed(a, s); err != nil {
		return nil, err
	}
	var steps []modules.Step
	alter := func(what, from, to, sql string) {
		steps = append(steps, modules.Step{
			What: "set the " + what + " of database " + a.Name, From: from, To: to,
			Do: exec(a, "alter database "+pg.Ident(a.Name)+" "+sql),
		})
	}
	if a.Owner != "" && a.Owner != s.Owner {
		alter("owner", s.Owner, a.Owner, "owner to "+pg.Ident(a.Owner))
	}
	if a.Tablespace != "" && a.Tablespace != s.Tablespace {
		alter("tablespace", s.Tablespace, a.Tablespace, "set tablespace "+pg.Ident(a.Tablespace))
	}
	if n := a.ConnectionLimit; n != nil && *n != s.ConnectionLimit {
		alter("connection limit", strconv.Itoa(s.ConnectionLimit), strconv.Itoa(*n), "connection limit "+strconv.Itoa(*n))
	}
	return steps, nil
}

func planAbsent(a Args, s State) ([]modules.Step, error) {
	switch {
	case !s.Exists:
		return nil, nil
	case !a.Force:
		return nil, modules.WithLines(fmt.Errorf("database %s is not dropped with all it holds unless the task says so", a.Name),
			nil, "force: true drops it")
	}
	sql := "drop database " + pg.Ident(a.Name)
	if s.Version >= 130000 {
		sql += " with (force)"
	}
	return []modules.Step{{What: "drop database " + a.Name, From: a.Name, Do: exec(a, sql)}}, nil
}

// fixed refuses what a database keeps for life.
func fixed(a Args, s State) error {
	var diff []string
	note := func(what, have, want string, same bool) {
		if want != "" && !same {
			diff = append(diff, fmt.Sprintf("%s is %s, not %s", what, or(have, "none"), want))
		}
	}
	note("encoding", s.Encoding, a.Encoding, sameEncoding(s.Encoding, a.Encoding))
	note("lc_collate", s.LcCollate, a.LcCollate, sameLocale(s.LcCollate, a.LcCollate))
	note("lc_ctype", s.LcCtype, a.LcCtype, sameLocale(s.LcCtype, a.LcCtype))
	note("locale_provider", s.LocaleProvider, a.LocaleProvider, s.LocaleProvider == a.LocaleProvider)
	note("locale", s.Locale, a.Locale, sameLocale(s.Locale, a.Locale) || strings.EqualFold(s.Locale, a.Locale))
	if len(diff) == 0 {
		return nil
	}
	return modules.WithLines(
		fmt.Errorf("database %s cannot be changed in place: its %s", a.Name, strings.Join(diff, ", its ")), nil,
		"dump it (pg_dump "+a.Name+"), drop it (state: absent, force: true), create it as wanted and load the dump")
}

// create is the statement and what is shown of it.
func create(a Args, s State) (sql, to string, err error) {
	provider := a.LocaleProvider
	locales := a.LcCollate != "" || a.LcCtype != "" || provider != ""
	if provider == "" && locales && s.Version >= 150000 {
		provider = "libc" // else the cluster's own provider would sort, whatever lc_collate says
	}
	switch {
	case provider != "" && provider != "libc" && s.Version < 150000, provider == "builtin" && s.Version < 170000:
		return "", "", fmt.Errorf("PostgreSQL %d has no locale_provider %s", s.Version/10000, provider)
	case s.Version < 150000:
		provider = ""
	}
	template := a.Template
	if template == "" && (locales || a.Encoding != "") {
		template = "template0"
	}
	var opts, show []string
	add := func(word, value, quoted string) {
		if value != "" {
			opts = append(opts, word+" "+quoted)
			show = append(show, strings.ReplaceAll(word, " ", "_")+": "+value)
		}
	}
	add("owner", a.Owner, pg.Ident(a.Owner))
	add("template", template, pg.Ident(template))
	add("encoding", a.Encoding, pg.Literal(a.Encoding))
	add("locale_provider", provider, provider)
	add("lc_collate", a.LcCollate, pg.Literal(a.LcCollate))
	add("lc_ctype", a.LcCtype, pg.Literal(a.LcCtype))
	switch provider {
	case "icu":
		add("icu_locale", a.Locale, pg.Literal(a.Locale))
	case "builtin":
		add("builtin_locale", a.Locale, pg.Literal(a.Locale))
	}
	add("tablespace", a.Tablespace, pg.Ident(a.Tablespace))
	if n := a.ConnectionLimit; n != nil && *n != -1 {
		add("connection limit", strconv.Itoa(*n), strconv.Itoa(*n))
	}
	sql = strings.TrimSpace("create database " + pg.Ident(a.Name) + " " + strings.Join(opts, " "))
	if len(show) > 0 {
		to = strings.Join(show, "\n") + "\n"
	}
	return sql, to, nil
}

func exec(a Args, sql string) func(context.Context, modules.Host) error {
	return func(ctx context.Context, h modules.Host) error { return a.Exec(ctx, h, sql) }
}
