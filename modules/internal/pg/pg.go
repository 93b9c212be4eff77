// Package pg is what the modules for PostgreSQL share: how to connect, how to
// quote, and how its two access files are edited.
package pg

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Server says where the server is and who talks to it; every module for
// PostgreSQL has these arguments.
type Server struct {
	Port     int    `json:"port" default:"5432" alias:"login_port" doc:"port of the cluster; names the socket too"`
	Host     string `json:"login_host" alias:"login_unix_socket" doc:"host name or socket directory, /var/run/postgresql if not given"`
	User     string `json:"login_user" doc:"role to connect as, postgres if not given"`
	Password string `json:"login_password" secret:"true" doc:"its password, where the server asks for one"`
	Account  string `json:"login_account" doc:"the operating system's account that connects, postgres if not given; peer authentication goes by it"`
}

// DB is the database of that name on the server.
func (l Server) DB(name string) modules.Database {
	return modules.Database{
		Name: name, Port: l.Port, Host: l.Host, User: l.User, Password: l.Password, Account: l.Account,
	}
}

func (l Server) where() string {
	p := l.Port
	if p == 0 {
		p = 5432
	}
	if l.Host == "" {
		return "port " + strconv.Itoa(p)
	}
	return l.Host + " port " + strconv.Itoa(p)
}

// Query reads rows; a cluster that is not there is NotYet.
func (l Server) Query(ctx context.Context, r modules.Reader, db, sql string, args ...any) ([][]*string, error) {
	rows, err := r.Query(ctx, l.DB(db), sql, args...)
	if errors.Is(err, modules.ErrNotExist) {
		return nil, modules.NotYetf("no PostgreSQL answers at %s", l.where())
	}
	return rows, wrap(err)
}

// Exec runs statements in database postgres.
func (l Server) Exec(ctx context.Context, h modules.Host, sql string) error {
	return wrap(h.Exec(ctx, l.DB(""), sql))
}

// wrap brings the server's hint to where hints are shown.
func wrap(err error) error {
	var e *modules.SQLError
	if errors.As(err, &e) && e.Hint != "" {
		return modules.WithLines(err, nil, e.Hint)
	}
	return err
}

// Ident quotes a name for SQL.
func Ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// Literal quotes a text for SQL, whatever standard_conforming_strings says.
func Literal(s string) string {
	s = strings.ReplaceAll(s, `'`, `''`)
	if strings.Contains(s, `\`) {
		return ` E'` + strings.ReplaceAll(s, `\`, `\\`) + `'`
	}
	return `'` + s + `'`
}

// CheckName refuses what cannot be the name of a role or a database.
func CheckName(s string) error {
	switch {
	case s == "":
		return errors.New("the name is empty")
	case len(s) > 63:
		return errors.New(s + ": PostgreSQL's names have at most 63 bytes")
	case strings.ContainsRune(s, 0):
		return errors.New("a name cannot hold a NUL")
	}
	return nil
}

// Text is a column's text, "" for NULL.
func Text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Bool is a boolean column.
func Bool(s *string) bool { return s != nil && (*s == "t" || *s == "true") }
