// Package waitfor is the module wait_for: it waits until a port or a file is as wanted.
package waitfor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Args are what the playbook says.
type Args struct {
	Port           int              `json:"port" doc:"TCP port to wait for"`
	Host           string           `json:"host" default:"127.0.0.1" doc:"its host, as this host reaches it"`
	Path           modules.FilePath `json:"path" doc:"file, directory or socket to wait for"`
	SearchRegex    string           `json:"search_regex" doc:"regular expression (Go's, several lines) to find in the file"`
	State          string           `json:"state" default:"started" enum:"started,stopped,present,absent,drained" doc:"started: the port is open; present: the path is there; stopped, absent: no more; drained: nobody is connected to the port"`
	Timeout        int              `json:"timeout" default:"300" doc:"seconds to wait at most"`
	Delay          int              `json:"delay" default:"0" doc:"seconds before the first look"`
	Sleep          int              `json:"sleep" default:"1" doc:"seconds between two looks"`
	ConnectTimeout int              `json:"connect_timeout" default:"5" doc:"seconds for one attempt to connect"`
	Msg            string           `json:"msg" doc:"message when the time is over"`
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	switch {
	case a.Port < 0 || a.Port > 65535:
		return fmt.Errorf("%d is no port", a.Port)
	case a.Port != 0 && a.Path != "":
		return errors.New("port and path exclude each other")
	case a.SearchRegex != "" && a.Path == "":
		return errors.New("search_regex needs path")
	case a.State == "drained" && a.Port == 0:
		return errors.New("drained needs port")
	case a.Port == 0 && a.Path == "" && a.Delay == 0:
		return errors.New("port or path is missing")
	case a.Timeout < 0 || a.Delay < 0 || a.Sleep < 0 || a.ConnectTimeout < 0:
		return errors.New("a time is negative")
	}
	_, err := a.pattern()
	return err
}

func (a Args) pattern() (*regexp.Regexp, error) {
	if a.SearchRegex == "" {
		return nil, nil
	}
	re, err := regexp.Compile("(?m)" + a.SearchRegex)
	if err != nil {
		return nil, fmt.Errorf("search_regex: %w", err)
	}
	return re, nil
}

// gone tells that it waits for something to go.
func (a Args) gone() bool { return a.State == "absent" || a.State == "stopped" }

func (a Args) host() string {
	if a.Host == "" {
		return "127.0.0.1"
	}
	return a.Host
}

// what is waited for, in words.
func (a Args) what() string {
	switch {
	case a.Port == 0 && a.Path == "":
		return fmt.Sprintf("wait %d s", a.Delay)
	case a.State == "drained":
		return fmt.Sprintf("wait until nobody is connected to %s port %d", a.host(), a.Port)
	case a.Port != 0 && a.gone():
		return fmt.Sprintf("wait until %s port %d is closed", a.host(), a.Port)
	case a.Port != 0:
		return fmt.Sprintf("wait until %s port %d is open", a.host(), a.Port)
	case a.SearchRegex != "" && a.gone():
		return fmt.Sprintf("wait until %s no longer holds %s", a.Path, a.SearchRegex)
	case a.SearchRegex != "":
		return fmt.Sprintf("wait until %s holds %s", a.Path, a.SearchRegex)
	case a.gone():
		return fmt.Sprintf("wait until %s is gone", a.Path)
	}
	return fmt.Sprintf("wait until %s is there", a.Path)
}

// Result is what was found.
type Result struct {
	State       string   `json:"state" doc:"the state waited for"`
	Port        int      `json:"port" doc:"the port"`
	Path        string   `json:"path" doc:"the path"`
	Elapsed     int      `json:"elapsed" doc:"seconds slept"`
	MatchGroups []string `json:"match_groups" doc:"groups of search_regex"`
}

// Changed: waiting changes nothing.
func (Result) Changed() bool { return false }

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "wait_for",
		Doc: "Waits until a TCP port is open or closed, or a path is there, holds a text, or is gone.\n\n" +
			"It changes nothing. Check mode looks once and does not wait; with search_regex it does, since the groups found are a result.",
		Example: `- name: Synapse's port is open
  wait_for:
    port: 8008
    timeout: 60
`,
		Needed: func(ctx context.Context, r modules.Reader, a Args) (bool, error) {
			if a.SearchRegex != "" || a.Delay > 0 {
				return true, nil
			}
			ok, _, err := look(ctx, r, a)
			return !ok, err
		},
		Run:      run,
		ReadOnly: func(a Args) bool { return a.SearchRegex != "" },
		What:     Args.what,
		Waits:    true,
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	out := Result{State: a.State, Port: a.Port, Path: string(a.Path)}
	limit := time.Duration(a.Timeout) * time.Second
	pace := time.Duration(max(a.Sleep, 0)) * time.Second
	if pace == 0 {
		pace = 100 * time.Millisecond
	}
	slept := time.Duration(0)
	if a.Delay > 0 {
		slept = time.Duration(a.Delay) * time.Second
		limit = max(limit, slept)
		if err := h.Sleep(ctx, slept); err != nil {
			return out, err
		}
	}
	// Attempts take time too, and no module reads the clock: the deadline ends them.
	bound, cancel := context.WithTimeout(ctx, limit-slept+time.Second)
	defer cancel()
	for a.Port != 0 || a.Path != "" {
		ok, groups, err := look(bound, h, a)
		out.Elapsed, out.MatchGroups = int(slept/time.Second), groups
		switch {
		case ok:
			return out, nil
		case ctx.Err() != nil:
			return out, context.Cause(ctx)
		case err != nil && bound.Err() == nil:
			return out, err
		case slept >= limit || bound.Err() != nil:
			return out, late(a)
		}
		if err := h.Sleep(ctx, min(pace, limit-slept)); err != nil {
			return out, err
		}
		slept += min(pace, limit-slept)
	}
	return out, nil
}

// late is the error when the time is over; a check mode takes it as not known yet.
func late(a Args) error {
	if a.Msg != "" {
		return modules.NotYetf("%s", a.Msg)
	}
	return modules.NotYetf("%d s are over: %s", a.Timeout, strings.Replace(a.what(), "wait until", "still waiting until", 1))
}

// look tells whether it is as wanted now.
func look(ctx context.Context, r modules.Reader, a Args) (ok bool, groups []string, err error) {
	switch {
	case a.State == "drained":
		n, err := connections(ctx, r, a)
		return n == 0 && err == nil, nil, err
	case a.Port != 0:
		seconds := a.ConnectTimeout
		if seconds == 0 {
			seconds = 5
		}
		once, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
		defer cancel()
		err := r.Connect(once, "tcp", joinHostPort(a.host(), a.Port))
		return (err == nil) != a.gone(), nil, nil
	case a.Path == "":
		return true, nil, nil
	}
	_, err = r.Stat(ctx, string(a.Path))
	if errors.Is(err, modules.ErrNotExist) {
		return a.gone(), nil, nil
	}
	if err != nil {
		return false, nil, err
	}
	re, err := a.pattern()
	if err != nil || re == nil {
		return !a.gone(), nil, err
	}
	b, err := r.ReadFile(ctx, string(a.Path))
	if errors.Is(err, modules.ErrNotExist) {
		return a.gone(), nil, nil
	}
	if err != nil {
		return false, nil, err
	}
	m := re.FindStringSubmatch(string(b))
	if m == nil {
		return a.gone(), nil, nil
	}
	return !a.gone(), m[1:], nil
}

func joinHostPort(host string, port int) string {
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(port)
}

// connections counts who is connected to the port, from the kernel's tables.
func connections(ctx context.Context, r modules.Reader, a Args) (int, error) {
	n := 0
	for _, f := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := r.ReadFile(ctx, f)
		if errors.Is(err, modules.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		n += count(string(b), a)
	}
	return n, nil
}

// count reads a table: local address is the second field, state the fourth.
// Sockets that listen (0A) or are closed (07) hold no connection.
func count(table string, a Args) int {
	want, err := netip.ParseAddr(a.Host)
	all := err != nil || want.IsUnspecified()
	n := 0
	for _, l := range strings.Split(table, "\n") {
		f := strings.Fields(l)
		if len(f) < 4 || f[3] == "0A" || f[3] == "07" || f[3] == "st" {
			continue
		}
		addr, port, ok := strings.Cut(f[1], ":")
		p, err := strconv.ParseUint(port, 16, 16)
		if !ok || err != nil || int(p) != a.Port {
			continue
		}
		if local, ok := address(addr); all || !ok || local.Unmap() == want.Unmap() {
			n++
		}
	}
	return n
}

// address reads the kernel's hex: 32 bit words in the machine's order, which is little endian wherever mxplay runs.
func address(s string) (netip.Addr, bool) {
	if len(s) != 8 && len(s) != 32 {
		return netip.Addr{}, false
	}
	b := make([]byte, len(s)/2)
	for i := range b {
		v, err := strconv.ParseUint(s[2*i:2*i+2], 16, 8)
		if err != nil {
			return netip.Addr{}, false
		}
		b[i/4*4+3-i%4] = byte(v)
	}
	return netip.AddrFromSlice(b)
}
