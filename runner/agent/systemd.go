package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/mxplay/mxplay/modules"
)

// systemd is the door to process 1 over D-Bus: root through its private
// socket, which needs no bus daemon, others through the system bus.
type systemd struct {
	mu      sync.Mutex
	conn    *dbus.Conn
	private bool // it is process 1 itself at the other end, and no bus
}

const (
	busName     = "org.freedesktop.systemd1"
	managerPath = dbus.ObjectPath("/org/freedesktop/systemd1")
	manager     = "org.freedesktop.systemd1.Manager."
	privateBus  = "unix:path=/run/systemd/private"
)

// systemdRuns tells whether process 1 is systemd, as sd_booted does.
func systemdRuns() bool {
	st, err := os.Lstat("/run/systemd/system")
	return err == nil && st.IsDir()
}

var errNoSystemd = errors.New("systemd does not run on this host")

// connect is the connection, made on first use and again when it broke.
func (s *systemd) connect(ctx context.Context) (*dbus.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.conn.Connected() {
		return s.conn, nil
	}
	if !systemdRuns() {
		return nil, errNoSystemd
	}
	// The connection outlives the call that made it.
	var c *dbus.Conn
	var err error
	s.private = os.Geteuid() == 0
	if s.private {
		if c, err = dbus.Dial(privateBus); err == nil {
			if err = errors.Join(c.Auth([]dbus.Auth{dbus.AuthExternal("0")}), wake(ctx, c)); err != nil {
				c.Close()
			}
		}
	}
	if !s.private || err != nil {
		s.private = false
		if c, err = dbus.ConnectSystemBus(); err != nil {
			return nil, fmt.Errorf("systemd: %w", err)
		}
	}
	s.conn = c
	return c, nil
}

// wake makes process 1 read. When a first message arrives together with the
// end of the handshake, it lies in its buffer, unseen, until more comes.
func wake(ctx context.Context, c *dbus.Conn) error {
	var err error
	for wait := 3 * time.Millisecond; wait < 5*time.Second; wait *= 2 {
		ping, cancel := context.WithTimeout(ctx, wait)
		err = c.Object(busName, managerPath).CallWithContext(ping, "org.freedesktop.DBus.Peer.Ping", 0).Err
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("systemd does not answer: %w", err)
}

func (s *systemd) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// ask calls a method of the manager or a unit.
func (s *systemd) ask(ctx context.Context, path dbus.ObjectPath, method string, args ...any) (*dbus.Call, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	call := c.Object(busName, path).CallWithContext(ctx, method, 0, args...)
	if call.Err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, dbusError(call.Err)
	}
	return call, nil
}

// dbusError is systemd's own words.
func dbusError(err error) error {
	var d dbus.Error
	if errors.As(err, &d) {
		if len(d.Body) > 0 {
			if text, ok := d.Body[0].(string); ok {
				text = strings.TrimSuffix(text, ".")
				if strings.HasSuffix(d.Name, ".NoSuchUnit") {
					return &missing{text}
				}
				return errors.New("systemd: " + lowerFirst(text))
			}
		}
		return errors.New("systemd: " + d.Name)
	}
	return fmt.Errorf("systemd: %w", err)
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// unitName adds .service to a name that has no kind.
func unitName(name string) string {
	for _, k := range []string{".service", ".socket", ".timer", ".target", ".mount", ".automount", ".path", ".slice", ".scope", ".swap", ".device"} {
		if strings.HasSuffix(name, k) {
			return name
		}
	}
	return name + ".service"
}

// Unit is what systemd knows of a unit.
func (h *host) Unit(ctx context.Context, name string) (modules.Unit, error) {
	return h.sys.systemd.unit(ctx, h.sys.procs, unitName(name))
}

func (s *systemd) unit(ctx context.Context, p *procs, name string) (modules.Unit, error) {
	if !systemdRuns() {
		return offlineUnit(ctx, p, name)
	}
	call, err := s.ask(ctx, managerPath, manager+"LoadUnit", name)
	if err != nil {
		return modules.Unit{}, err
	}
	var path dbus.ObjectPath
	if err := call.Store(&path); err != nil {
		return modules.Unit{}, err
	}
	all, err := s.properties(ctx, path, "org.freedesktop.systemd1.Unit")
	if err != nil {
		return modules.Unit{}, err
	}
	u := modules.Unit{
		Name: name, Load: all.text("LoadState"), Active: all.text("ActiveState"), Sub: all.text("SubState"),
		File: all.text("UnitFileState"), Path: all.text("FragmentPath"), DropIns: all.texts("DropInPaths"),
		NeedReload: all.flag("NeedDaemonReload"), Condition: all.flag("ConditionResult"),
		ConditionAt: all.number("ConditionTimestamp"), ActiveEnter: all.number("ActiveEnterTimestampMonotonic"),
		StateChange: all.number("StateChangeTimestampMonotonic"), CanReload: all.flag("CanReload"),
		Description: all.text("Description"), InvocationID: all.id("InvocationID"),
		FailedConditions: all.conditions("Conditions"),
	}
	if strings.HasSuffix(name, ".service") && u.Load != "not-found" {
		svc, err := s.properties(ctx, path, "org.freedesktop.systemd1.Service")
		if err != nil {
			return u, err
		}
		u.Result, u.Type = svc.text("Result"), svc.text("Type")
		u.MainPID, u.NRestarts = int(svc.number("MainPID")), int(svc.number("NRestarts"))
	}
	return u, nil
}

// offlineUnit is what can be known where systemd does not run.
func offlineUnit(ctx context.Context, p *procs, name string) (modules.Unit, error) {
	u := modules.Unit{Name: name, NoSystemd: true, Load: "not-found", Active: "inactive"}
	for _, d := range []string{"/etc/systemd/system/", "/run/systemd/system/", "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/"} {
		t, err := os.Readlink(d + name)
		if err == nil && t == "/dev/null" {
			u.Load = "masked"
		} else if exists(d + name) {
			u.Load = "loaded"
		} else {
			continue
		}
		u.Path = d + name
		break
	}
	if _, err := lookPath("systemctl"); err != nil || u.Load == "not-found" && !strings.Contains(name, "@") {
		return u, nil
	}
	out, err := p.run(ctx, modules.Command{Argv: []string{"systemctl", "--root=/", "is-enabled", name}}, append(cleanEnv(), "LC_ALL=C"), time.Second)
	if err != nil {
		return u, err
	}
	u.File = strings.TrimSpace(string(out.Stdout))
	return u, nil
}

// props are the properties of one interface.
type props map[string]dbus.Variant

func (s *systemd) properties(ctx context.Context, path dbus.ObjectPath, iface string) (props, error) {
	call, err := s.ask(ctx, path, "org.freedesktop.DBus.Properties.GetAll", iface)
	if err != nil {
		return nil, err
	}
	p := props{}
	return p, call.Store((*map[string]dbus.Variant)(&p))
}

func (p props) text(k string) string { s, _ := p[k].Value().(string); return s }

func (p props) texts(k string) []string { s, _ := p[k].Value().([]string); return s }

func (p props) flag(k string) bool { b, _ := p[k].Value().(bool); return b }

func (p props) number(k string) uint64 {
	switch n := p[k].Value().(type) {
	case uint64:
		return n
	case uint32:
		return uint64(n)
	case int32:
		return uint64(n)
	}
	return 0
}

func (p props) id(k string) string {
	b, _ := p[k].Value().([]byte)
	var s strings.Builder
	for _, c := range b {
		s.WriteString(hex2(c))
	}
	return s.String()
}

func hex2(c byte) string {
	if c < 16 {
		return "0" + strconv.FormatUint(uint64(c), 16)
	}
	return strconv.FormatUint(uint64(c), 16)
}

// conditions are those that did not hold: (type, trigger, negate, parameter, state).
func (p props) conditions(k string) []string {
	rows, _ := p[k].Value().([][]any)
	var out []string
	for _, r := range rows {
		if len(r) < 5 {
			continue
		}
		kind, _ := r[0].(string)
		trigger, _ := r[1].(bool)
		negate, _ := r[2].(bool)
		param, _ := r[3].(string)
		state, _ := r[4].(int32)
		if state >= 0 {
			continue
		}
		mark := ""
		if trigger {
			mark += "|"
		}
		if negate {
			mark += "!"
		}
		out = append(out, kind+"="+mark+param)
	}
	return out
}
