package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mxplay/mxplay/modules"
)

// startLimit is how long a cluster that is starting is waited for.
const startLimit = 60 * time.Second

// session is one connection to PostgreSQL, kept for an item: one that stayed
// longer would stand in the way of CREATE and DROP DATABASE; see park.
type session struct {
	conn *pgconn.PgConn
	keep bool // the next item may have it
}

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
}

// forgetPG drops libpq's environment, once: nothing that a login shell
// exported decides where we connect.
var forgetPG = sync.OnceFunc(func() {
	for _, kv := range os.Environ() {
		if k, _, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "PG") {
			_ = os.Unsetenv(k)
		}
	}
})

// filled is db with its defaults.
func filled(db modules.Database) modules.Database {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&db.Name, "postgres")
	set(&db.User, "postgres")
	set(&db.Account, "postgres")
	set(&db.Host, "/var/run/postgresql")
	if db.Port == 0 {
		db.Port = 5432
	}
	return db
}

// connect is the item's connection to a database.
func (h *host) connect(ctx context.Context, db modules.Database) (*session, error) {
	db = filled(db)
	key := fmt.Sprintf("%q", []string{db.Name, db.User, db.Account, db.Host, strconv.Itoa(db.Port), db.Password})
	if s := h.sql[key]; s != nil && !s.conn.IsClosed() {
		return s, nil
	}
	if s := h.sys.park.take(ctx, key); s != nil {
		h.sql[key] = s
		return s, nil
	}
	cfg, err := h.pgConfig(db)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(startLimit); ; {
		conn, err := pgconn.ConnectConfig(ctx, cfg)
		if err == nil {
			s := &session{conn: conn, keep: db.Name == "postgres"}
			h.sql[key] = s
			return s, nil
		}
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "57P03" || time.Now().After(end) {
			return nil, connectError(ctx, db, err)
		}
		if err := h.Sleep(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// pgConfig sets every parameter; the parser is made to read neither files nor environment.
func (h *host) pgConfig(db modules.Database) (*pgconn.Config, error) {
	forgetPG()
	socket := strings.HasPrefix(db.Host, "/")
	mode := "disable"
	if !socket {
		mode = "prefer"
	}
	cfg, err := pgconn.ParseConfig("host=" + quotePG(db.Host) + " port=" + strconv.Itoa(db.Port) +
		" user=" + quotePG(db.User) + " dbname=" + quotePG(db.Name) + " sslmode=" + mode +
		" passfile=/nonexistent servicefile=/nonexistent sslcert='' sslkey='' sslrootcert='' target_session_attrs=any connect_timeout=10")
	if err != nil {
		return nil, err
	}
	cfg.Password = db.Password
	cfg.RuntimeParams = map[string]string{"application_name": "mxplay", "client_encoding": "UTF8"}
	if socket {
		cfg.TLSConfig, cfg.Fallbacks = nil, nil
		cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return h.sys.socketAs(ctx, db.Account, filepath.Join(db.Host, ".s.PGSQL."+strconv.Itoa(db.Port)))
		}
	}
	return cfg, nil
}

func quotePG(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// connectError tells a cluster that is not there from one that refuses.
func connectError(ctx context.Context, db modules.Database, err error) error {
	var pg *pgconn.PgError
	var account *accountError
	switch {
	case errors.As(err, &pg):
		return sqlError(pg)
	case errors.As(err, &account):
		return account
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, modules.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return missingf("no PostgreSQL cluster answers at %s, port %d", db.Host, db.Port)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e // the innermost error says it without the connection string
	}
	return fmt.Errorf("PostgreSQL at %s: %w", db.Host, err)
}

func sqlError(pg *pgconn.PgError) error {
	return &modules.SQLError{Code: pg.Code, Message: pg.Message, Detail: pg.Detail, Hint: pg.Hint}
}

func queryError(ctx context.Context, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return sqlError(pg)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("PostgreSQL: %w", err)
}

// Query reads in a READ ONLY transaction that is rolled back. The statement
// goes over the extended protocol, which takes a single one.
func (h *host) Query(ctx context.Context, db modules.Database, sql string, args ...any) ([][]*string, error) {
	s, err := h.connect(ctx, db)
	if err != nil {
		return nil, err
	}
	params := make([][]byte, len(args))
	for i, a := range args {
		if params[i], err = textParam(a); err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
	}
	if _, err := s.conn.Exec(ctx, "BEGIN READ ONLY").ReadAll(); err != nil {
		return nil, queryError(ctx, err)
	}
	res := s.conn.ExecParams(ctx, sql, params, nil, nil, nil).Read()
	_, rerr := s.conn.Exec(ctx, "ROLLBACK").ReadAll()
	if res.Err != nil {
		return nil, queryError(ctx, res.Err)
	}
	if rerr != nil {
		return nil, queryError(ctx, rerr)
	}
	out := make([][]*string, len(res.Rows))
	for i, row := range res.Rows {
		out[i] = make([]*string, len(row))
		for j, v := range row {
			if v != nil {
				t := string(v)
				out[i][j] = &t
			}
		}
	}
	return out, nil
}

// textParam is a parameter in PostgreSQL's text form.
func textParam(a any) ([]byte, error) {
	switch v := a.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(v), nil
	case []byte:
		return []byte(`\x` + hex.EncodeToString(v)), nil
	case bool, int, int64, int32, uint32, uint64, float64:
		return fmt.Append(nil, v), nil
	case time.Time:
		return []byte(v.Format(time.RFC3339Nano)), nil
	case []string:
		var b strings.Builder
		b.WriteByte('{')
		for i, s := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`)
		}
		b.WriteByte('}')
		return []byte(b.String()), nil
	}
	return nil, fmt.Errorf("a %T is no parameter", a)
}

// Exec runs statements over the simple protocol.
func (h *host) Exec(ctx context.Context, db modules.Database, sql string) error {
	if err := h.may("execute SQL"); err != nil {
		return err
	}
	s, err := h.connect(ctx, db)
	if err != nil {
		return err
	}
	s.keep = false
	if _, err := s.conn.Exec(ctx, sql).ReadAll(); err != nil {
		return queryError(ctx, err)
	}
	return nil
}
