package postgresuser

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/pg"
)

func plan(a Args, s State) ([]modules.Step, error) {
	if a.State == "absent" {
		if !s.Exists {
			return nil, nil
		}
		return []modules.Step{{What: "drop role " + a.Name, From: a.Name, Do: exec(a, "drop role "+pg.Ident(a.Name))}}, nil
	}
	var steps []modules.Step
	options, from, to := options(a, s)
	if a.Password != "" {
		if s.Exists && s.Unreadable {
			return nil, errors.New("the password cannot be compared: the role that looks is no superuser")
		}
		if !matches(s.Verifier, a.Password) {
			v := a.Password
			if !isVerifier(v) {
				v = verifier(a.Password, s.Salt)
			}
			options = append(options, "password "+pg.Literal(v))
			to = append(to, "password: (a new one)")
		}
	}
	switch {
	case !s.Exists:
		sql := strings.TrimSpace("create role " + pg.Ident(a.Name) + " " + strings.Join(options, " "))
		steps = append(steps, modules.Step{What: "create role " + a.Name, To: lines(to), Do: exec(a, sql)})
	case len(options) > 0:
		sql := "alter role " + pg.Ident(a.Name) + " " + strings.Join(options, " ")
		steps = append(steps, modules.Step{What: "alter role " + a.Name, From: lines(from), To: lines(to), Do: exec(a, sql)})
	}
	if len(s.Missing) > 0 {
		return steps, modules.NotYetf("there is no role %s", strings.Join(s.Missing, ", "))
	}
	for _, m := range a.MemberOf {
		if !slices.Contains(s.MemberOf, m) {
			steps = append(steps, modules.Step{
				What: "make " + a.Name + " a member of " + m, To: m,
				Do: exec(a, "grant "+pg.Ident(m)+" to "+pg.Ident(a.Name)),
			})
		}
	}
	return steps, nil
}

// options are what differs, as SQL and as the two sides of the diff.
func options(a Args, s State) (sql, from, to []string) {
	login := a.Login
	if login == nil && !s.Exists {
		yes := true
		login = &yes
	}
	for _, f := range []struct {
		name string
		want *bool
		have bool
	}{
		{"login", login, s.Login}, {"superuser", a.Superuser, s.Superuser}, {"createdb", a.CreateDB, s.CreateDB},
		{"createrole", a.CreateRole, s.CreateRole}, {"inherit", a.Inherit, s.Inherit || !s.Exists},
		{"replication", a.Replication, s.Replication}, {"bypassrls", a.BypassRLS, s.BypassRLS},
	} {
		if f.want == nil || *f.want == f.have {
			continue
		}
		word := f.name
		if !*f.want {
			word = "no" + word
		}
		sql = append(sql, word)
		from = append(from, f.name+": "+strconv.FormatBool(f.have))
		to = append(to, f.name+": "+strconv.FormatBool(*f.want))
	}
	have := s.ConnectionLimit
	if !s.Exists {
		have = -1
	}
	if n := a.ConnectionLimit; n != nil && *n != have {
		sql = append(sql, "connection limit "+strconv.Itoa(*n))
		from = append(from, "connection_limit: "+strconv.Itoa(have))
		to = append(to, "connection_limit: "+strconv.Itoa(*n))
	}
	return sql, from, to
}

func exec(a Args, sql string) func(context.Context, modules.Host) error {
	return func(ctx context.Context, h modules.Host) error { return a.Exec(ctx, h, sql) }
}

func lines(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return strings.Join(s, "\n") + "\n"
}
