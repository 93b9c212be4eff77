package modtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Script is how the host answers one command, request or query. The last one
// that matches wins, so that an effect may replace it.
type Script struct {
	Door    string // run, look, job, http, get, query, exec, connect
	Pattern string // "*" stands for any text
	Answer  string // exit status, HTTP status, result of a systemd job; "error CODE TEXT" for SQL, any other text for connect
	Out     string // stdout, body, rows (a line each, columns apart by tab, \N for NULL)
	Err     string // stderr, journal
	Header  []string
	Effects []Entry
	Do      func(h *Host, argv []string, stdin []byte) // for tests written in Go
}

// On adds an answer to a command.
func (h *Host) On(s Script) { h.Scripts = append(h.Scripts, &s) }

// match tells whether text fits a pattern in which * stands for any text.
func match(pattern, text string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !strings.HasPrefix(text, head) {
		return false
	}
	if text = text[len(head):]; !star {
		return text == ""
	}
	for i := 0; i <= len(text); i++ {
		if match(rest, text[i:]) {
			return true
		}
	}
	return false
}

func (h *Host) find(door, text string) *Script {
	for i := len(h.Scripts) - 1; i >= 0; i-- {
		if s := h.Scripts[i]; s.Door == door && match(s.Pattern, text) {
			return s
		}
	}
	return nil
}

// take finds a script, logs the act and lets its effects happen.
func (h *Host) take(door, text string, argv []string, stdin []byte, acts bool) (*Script, error) {
	s := h.find(door, text)
	if acts {
		in := ""
		if len(stdin) > 0 {
			in = fmt.Sprintf(" < %q", stdin)
		}
		h.did("%s %s%s", door, text, in)
	}
	if s == nil {
		return nil, fmt.Errorf("%w: %s %s", errNoScript, door, text)
	}
	if s.Do != nil {
		s.Do(h, argv, stdin)
	}
	for _, e := range s.Effects {
		if err := h.Apply(e); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (h *Host) answer(door string, argv []string, stdin []byte, acts bool) (modules.Output, error) {
	s, err := h.take(door, strings.Join(argv, " "), argv, stdin, acts)
	if err != nil {
		return modules.Output{}, err
	}
	o := modules.Output{Argv: argv, Stdout: []byte(s.Out), Stderr: []byte(s.Err), Start: h.Time, End: h.Time}
	fmt.Sscanf(s.Answer, "%d", &o.Exit)
	return o, nil
}

// Look is the door of that name.
func (h *Host) Look(_ context.Context, argv ...string) (modules.Output, error) {
	return h.answer("look", argv, nil, false)
}

// Run is the door of that name.
func (h *Host) Run(ctx context.Context, c modules.Command) (modules.Output, error) {
	if c.Temp != nil {
		b := c.Temp.Bytes
		if c.Temp.From != nil {
			var err error
			if b, err = h.Content(ctx, *c.Temp.From); err != nil {
				return modules.Output{}, err
			}
		}
		if c.Temp.Fetch != nil {
			h.did("temp %s from %s", c.Temp.Path, c.Temp.Fetch.URL)
		} else {
			h.did("temp %s %s", c.Temp.Path, modules.Sum(b)[:8])
		}
		c.Argv = slices.Clone(c.Argv)
		for i, w := range c.Argv {
			if w == modules.TempPath {
				c.Argv[i] = "TEMP/" + c.Temp.Path
			}
		}
	}
	return h.answer("run", c.Argv, c.Stdin, true)
}

// Job is the door of that name.
func (h *Host) Job(_ context.Context, c modules.Command) (modules.Output, error) {
	return h.answer("job", c.Argv, c.Stdin, true)
}

// AsyncJob is the door of that name.
func (h *Host) AsyncJob(_ context.Context, id string) (modules.AsyncJob, error) {
	j := h.Jobs[id]
	if j == nil {
		return modules.AsyncJob{}, fmt.Errorf("job %s: %w", id, modules.ErrNotExist)
	}
	return *j, nil
}

// ForgetAsync is the door of that name.
func (h *Host) ForgetAsync(_ context.Context, id string) error {
	h.did("forget %s", id)
	delete(h.Jobs, id)
	return nil
}

// UnitJob is the door of that name. Without a script a unit that is there
// does what it is told.
func (h *Host) UnitJob(ctx context.Context, verb, unit string) (modules.UnitJob, error) {
	unit = unitName(unit)
	text := verb + " " + unit
	if h.find("unitjob", text) == nil {
		h.did("unitjob %s", text)
		u := h.Units[unit]
		if u == nil {
			return modules.UnitJob{}, fmt.Errorf("unit %s: %w", unit, modules.ErrNotExist)
		}
		if verb == "stop" {
			u.Active, u.Sub = "inactive", "dead"
		} else {
			u.Active, u.Sub = "active", "running"
			if verb == "start" || strings.Contains(verb, "restart") {
				u.NeedReload = false
			}
		}
		return modules.UnitJob{Result: "done", Unit: *u}, nil
	}
	s, err := h.take("unitjob", text, nil, nil, true)
	if err != nil {
		return modules.UnitJob{}, err
	}
	j := modules.UnitJob{Result: s.Answer, Journal: modules.LastLines(s.Err, 100)}
	j.Unit, err = h.Unit(ctx, unit)
	return j, err
}

// Query is the door of that name; the text that a pattern must match is
// "DATABASE: SQL", with " | ARG" for each argument.
func (h *Host) Query(_ context.Context, db modules.Database, sql string, args ...any) ([][]*string, error) {
	text := database(db) + ": " + strings.Join(strings.Fields(sql), " ")
	for _, a := range args {
		text += fmt.Sprintf(" | %v", a)
	}
	s, err := h.take("query", text, nil, nil, false)
	if err != nil {
		return nil, err
	}
	if err := s.sqlError(); err != nil {
		return nil, err
	}
	var rows [][]*string
	for line := range strings.Lines(s.Out) {
		var row []*string
		for c := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\t") {
			if c == `\N` {
				row = append(row, nil)
			} else {
				row = append(row, &c)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Exec is the door of that name; patterns match "DATABASE: SQL".
func (h *Host) Exec(_ context.Context, db modules.Database, sql string) error {
	s, err := h.take("exec", database(db)+": "+sql, nil, nil, true)
	if err != nil {
		return err
	}
	return s.sqlError()
}

func database(db modules.Database) string {
	if db.Name == "" {
		return "postgres"
	}
	return db.Name
}

func (s *Script) sqlError() error {
	rest, ok := strings.CutPrefix(s.Answer, "error ")
	if !ok {
		if s.Answer == "absent" {
			return fmt.Errorf("no cluster: %w", modules.ErrNotExist)
		}
		return nil
	}
	code, msg, _ := strings.Cut(rest, " ")
	return &modules.SQLError{Code: code, Message: msg}
}

// Get is the door of that name; patterns match the URL.
func (h *Host) Get(_ context.Context, url string, _ map[string]string) (modules.Response, error) {
	return h.response("get", url, url, nil, false)
}

// HTTP is the door of that name; patterns match "METHOD URL".
func (h *Host) HTTP(_ context.Context, r modules.Request) (modules.Response, error) {
	m := r.Method
	if m == "" {
		m = "GET"
	}
	return h.response("http", m+" "+r.URL, r.URL, r.Body, true)
}

func (h *Host) response(door, text, url string, body []byte, acts bool) (modules.Response, error) {
	s, err := h.take(door, text, nil, body, acts)
	if err != nil {
		return modules.Response{}, err
	}
	r := modules.Response{Body: []byte(s.Out), URL: url, Header: map[string][]string{}}
	for _, l := range s.Header {
		k, v, _ := strings.Cut(l, ":")
		r.Header[k] = append(r.Header[k], strings.TrimSpace(v))
	}
	if _, err := fmt.Sscanf(s.Answer, "%d", &r.Status); err != nil {
		return r, fmt.Errorf("%s: %s", url, s.Answer)
	}
	return r, nil
}

// Connect is the door of that name; patterns match "NETWORK ADDRESS", the
// answer "ok" succeeds.
func (h *Host) Connect(_ context.Context, network, addr string) error {
	s, err := h.take("connect", network+" "+addr, nil, nil, false)
	if err != nil {
		return err
	}
	if s.Answer != "ok" {
		return fmt.Errorf("%s: %s", addr, s.Answer)
	}
	return nil
}

// Dial is the door of that name; patterns match "NETWORK ADDRESS". A script's answer is the error; OnDial is asked first.
func (h *Host) Dial(_ context.Context, d modules.Dial) (modules.Conn, error) {
	if h.OnDial != nil {
		return h.OnDial(d)
	}
	network := d.Network
	if network == "" {
		network = "tcp"
	}
	s, err := h.take("dial", network+" "+d.Addr, nil, nil, true)
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s: %s", d.Addr, s.Answer)
}

// Services is the door of that name; a script's output is a target a line. Without one there are none.
func (h *Host) Services(_ context.Context, name string) ([]string, error) {
	s := h.find("services", name)
	if s == nil {
		return nil, fmt.Errorf("SRV records of %s: %w", name, modules.ErrNotExist)
	}
	return strings.Fields(s.Out), nil
}
