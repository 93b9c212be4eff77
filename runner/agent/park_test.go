package agent

import (
	"net"
	"os/user"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/mxplay/mxplay/modules"
)

// fakePG answers every query with nothing and counts its sessions.
type fakePG struct {
	dir   string
	mu    sync.Mutex
	began int
	open  map[net.Conn]bool
}

func newFakePG(t *testing.T) *fakePG {
	t.Helper()
	f := &fakePG{dir: t.TempDir(), open: map[net.Conn]bool{}}
	l, err := net.Listen("unix", filepath.Join(f.dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); f.cut() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(c)
		}
	}()
	return f
}

func (f *fakePG) serve(c net.Conn) {
	defer func() {
		c.Close()
		f.mu.Lock()
		delete(f.open, c)
		f.mu.Unlock()
	}()
	b := pgproto3.NewBackend(c, c)
	m, err := b.ReceiveStartupMessage()
	if _, ok := m.(*pgproto3.StartupMessage); err != nil || !ok { // it may also ask to cancel
		return
	}
	f.mu.Lock()
	f.began++
	f.open[c] = true
	f.mu.Unlock()
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for b.Flush() == nil {
		m, err := b.Receive()
		if err != nil {
			return
		}
		switch m.(type) {
		case *pgproto3.Query:
			b.Send(&pgproto3.CommandComplete{})
			b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Parse:
			b.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Bind:
			b.Send(&pgproto3.BindComplete{})
		case *pgproto3.Describe:
			b.Send(&pgproto3.NoData{})
		case *pgproto3.Execute:
			b.Send(&pgproto3.CommandComplete{})
		case *pgproto3.Sync:
			b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Terminate:
			return
		}
	}
}

// cut ends all sessions, as a restart does.
func (f *fakePG) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.open {
		c.Close()
	}
}

func (f *fakePG) count() (began, open int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.began, len(f.open)
}

// closed waits for all sessions to end.
func (f *fakePG) closed(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, open := f.count(); open == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a session stays")
		}
	}
}

func TestSessionsWaitForTheNextItem(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		db      string
		between func(*testing.T, *host, *fakePG)
		want    int // sessions in all
	}{
		{"items that look", "postgres", func(*testing.T, *host, *fakePG) {}, 1},
		{"another database", "synapse", func(*testing.T, *host, *fakePG) {}, 2},
		{"a change", "postgres", func(t *testing.T, h *host, f *fakePG) {
			if err := h.may("change something"); err != nil {
				t.Error(err)
			}
			f.closed(t)
		}, 2},
		{"a restart", "postgres", func(t *testing.T, _ *host, f *fakePG) { f.cut(); f.closed(t) }, 2},
		{"time", "postgres", func(t *testing.T, _ *host, f *fakePG) { f.closed(t) }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, first := newFakePG(t), doors(t)
			db := modules.Database{Name: c.db, Host: f.dir, Account: me.Username}
			look := func(h *host) {
				t.Helper()
				if _, err := h.Query(t.Context(), db, "SELECT 1"); err != nil {
					t.Fatal(err)
				}
				h.close()
			}
			look(first)
			c.between(t, first, f)
			look(newHost(first.agent, first.call, 1, &modules.Task{Kind: modules.State}))
			if began, _ := f.count(); began != c.want {
				t.Errorf("%d sessions, want %d", began, c.want)
			}
			first.sys.close()
			f.closed(t)
		})
	}
}

func TestSessionsThatChangedSomethingEnd(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	f, h := newFakePG(t), doors(t)
	db := modules.Database{Host: f.dir, Account: me.Username}
	if _, err := h.Query(t.Context(), db, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if err := h.Exec(t.Context(), db, "CREATE ROLE x"); err != nil {
		t.Fatal(err)
	}
	if began, open := f.count(); began != 1 || open != 1 {
		t.Errorf("%d sessions, %d open", began, open)
	}
	h.close()
	f.closed(t)
	if h.sys.park.sess != nil {
		t.Error("it is kept")
	}
}
