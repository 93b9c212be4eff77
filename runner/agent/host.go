package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

// system is what the doors keep between calls.
type system struct {
	accounts *accountDB
	dpkg     *dpkgDB
	systemd  *systemd
	procs    *procs
	park     park
}

func newSystem() *system {
	return &system{accounts: newAccountDB("/"), dpkg: &dpkgDB{dir: "/var/lib/dpkg"}, systemd: &systemd{}, procs: newProcs()}
}

func (s *system) close() {
	s.park.drop()
	s.systemd.close()
}

// host is all doors to the system, for one item of one call.
type host struct {
	sys   *system
	agent *Agent
	call  *wire.Call
	item  int
	draw
	// looking refuses what writes: a module in check mode never gets that far, and must not be able to.
	looking bool
	sql     map[string]*session
}

var _ modules.Host = (*host)(nil)

func newHost(a *Agent, c *wire.Call, item int, t *modules.Task) *host {
	return &host{
		sys: a.sys, agent: a, call: c, item: item, draw: newDraw(),
		looking: c.Plan && t.Kind == modules.State,
		sql:     map[string]*session{},
	}
}

// close ends what lives as long as an item.
func (h *host) close() {
	for key, s := range h.sql {
		if s.keep && !s.conn.IsClosed() && s.conn.TxStatus() == 'I' {
			h.sys.park.put(key, s)
		} else {
			s.close()
		}
	}
}

// may refuses to change anything while looking.
func (h *host) may(what string) error {
	if h.looking {
		return fmt.Errorf("%s: %w", what, modules.ErrDoor)
	}
	h.sys.park.drop()
	return nil
}

// absolute refuses paths that depend on where the agent stands.
func absolute(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%q is not an absolute path", path)
	}
	return nil
}

// Facts are gathered once a connection, at Hello, and anew here: a task may have changed them.
func (h *host) Facts(ctx context.Context) (modules.Facts, error) {
	return gatherFacts(), ctx.Err()
}

// Sleep waits.
func (h *host) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Progress shows a line, without the call's secrets.
func (h *host) Progress(text string) {
	_ = h.agent.conn.Send(wire.TEvent, wire.Event{ID: h.call.ID, Item: h.item, Text: h.agent.log.clean(text)})
}

// missing is an error that is ErrNotExist and says what is not there.
type missing struct{ text string }

func (e *missing) Error() string        { return e.text }
func (e *missing) Is(target error) bool { return target == modules.ErrNotExist }

func missingf(format string, args ...any) error { return &missing{fmt.Sprintf(format, args...)} }

// cleanEnv is the environment of this process's account.
func cleanEnv() []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	for _, k := range []string{"HOME", "USER", "LOGNAME", "SHELL"} {
		if v := os.Getenv(k); v != "" {
			env = append(env, k+"="+v)
		}
	}
	return env
}
