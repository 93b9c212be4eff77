package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/mxplay/mxplay/modules"
)

// unitVerbs are the manager's methods for systemctl's verbs.
var unitVerbs = map[string]string{
	"start": "StartUnit", "stop": "StopUnit", "restart": "RestartUnit", "try-restart": "TryRestartUnit",
	"reload": "ReloadUnit", "reload-or-restart": "ReloadOrRestartUnit", "try-reload-or-restart": "ReloadOrTryRestartUnit",
}

// UnitJob asks systemd for a job and waits for its result.
func (h *host) UnitJob(ctx context.Context, verb, unit string) (modules.UnitJob, error) {
	var j modules.UnitJob
	name := unitName(unit)
	if err := h.may(verb + " " + name); err != nil {
		return j, err
	}
	method := unitVerbs[verb]
	if method == "" {
		return j, fmt.Errorf("systemd has no job %q", verb)
	}
	s, began := h.sys.systemd, time.Now()
	result, id, err := s.job(ctx, method, name)
	if err != nil {
		return j, fmt.Errorf("%s %s: %w", verb, name, err)
	}
	j.Result = result
	if j.Unit, err = s.unit(ctx, h.sys.procs, name); err != nil {
		return j, err
	}
	if result == "done" && verb != "stop" && j.Unit.Active == "inactive" && j.Unit.ConditionAt == 0 {
		h.skipped(ctx, id, &j.Unit)
	}
	if result != "done" || j.Unit.Active == "failed" || j.Unit.Sub == "auto-restart" {
		j.Journal = h.journal(ctx, j.Unit, began)
	}
	return j, nil
}

// job queues a job and waits for the JobRemoved signal that bears its result.
// The signals are asked for before the job, and its result may come before
// the answer that names it. The second string is the job's number.
func (s *systemd) job(ctx context.Context, method, name string, more ...any) (result, id string, err error) {
	c, err := s.connect(ctx)
	if err != nil {
		return "", "", err
	}
	signals := make(chan *dbus.Signal, 256)
	c.Signal(signals)
	defer func() {
		c.RemoveSignal(signals)
		for len(signals) > 0 {
			<-signals
		}
	}()
	if !s.private { // a bus passes on only what was asked for; process 1 itself never answers that question
		match := []dbus.MatchOption{dbus.WithMatchInterface("org.freedesktop.systemd1.Manager"), dbus.WithMatchMember("JobRemoved")}
		if err := c.AddMatchSignalContext(ctx, match...); err != nil {
			return "", "", dbusError(err)
		}
		if _, err := s.ask(ctx, managerPath, manager+"Subscribe"); err != nil {
			return "", "", err
		}
	}
	args := append([]any{name, "replace"}, more...)
	call, err := s.ask(ctx, managerPath, manager+method, args...)
	if err != nil {
		return "", "", err
	}
	var job dbus.ObjectPath
	if err := call.Store(&job); err != nil {
		return "", "", err
	}
	id = path.Base(string(job))
	poll := time.NewTicker(time.Second)
	defer poll.Stop()
	missed := 0
	for {
		select {
		case sig, ok := <-signals:
			if !ok || sig == nil {
				return "", "", errors.New("systemd: the connection to it was lost")
			}
			if !strings.HasSuffix(sig.Name, ".JobRemoved") || len(sig.Body) < 4 {
				continue
			}
			if which, _ := sig.Body[1].(dbus.ObjectPath); which == job {
				result, _ := sig.Body[3].(string)
				return result, id, nil
			}
		case <-poll.C:
			// A signal can be lost when systemd executes itself anew: ask whether the job is still there.
			if !c.Connected() {
				return "", "", errors.New("systemd: the connection to it was lost")
			}
			if _, err := s.properties(ctx, job, "org.freedesktop.systemd1.Job"); err == nil || ctx.Err() != nil {
				missed = 0
				continue
			}
			if missed++; missed >= 3 {
				return "unknown", id, nil
			}
		case <-ctx.Done():
			return "", "", context.Cause(ctx)
		}
	}
}

// skipped finds out whether a start that counts as done was skipped because a
// condition did not hold. A unit that nothing else refers to is dropped by
// systemd as soon as the job has ended, and what it knew of its conditions
// with it; the journal still has the job's last word.
func (h *host) skipped(ctx context.Context, id string, u *modules.Unit) {
	argv := []string{"journalctl", "--no-pager", "--quiet", "--output=cat", "--boot", "_PID=1", "JOB_ID=" + id, "UNIT=" + u.Name}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for range 5 {
		out, err := h.sys.procs.run(ctx, modules.Command{Argv: argv}, append(cleanEnv(), "LC_ALL=C.UTF-8"), time.Second)
		if err != nil {
			return
		}
		lines := modules.LastLines(string(out.Stdout), 20)
		for _, l := range lines {
			if what, ok := unmet(l); ok {
				u.Condition, u.ConditionAt = false, uint64(time.Now().UnixMicro())
				u.FailedConditions = nil
				if what != "" {
					u.FailedConditions = []string{what}
				}
				return
			}
		}
		if len(lines) > 1 { // it said that it starts and that it has started
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

var unmetRE = regexp.MustCompile(`skipped.*(?:unmet condition check \(?([A-Za-z]+=.*?)\)?\.?|no trigger condition checks were met\.?)$`)

// unmet tells that a line of systemd's says that a unit was skipped, and the condition if it is named.
func unmet(line string) (string, bool) {
	m := unmetRE.FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// journalOf are the journal's fields and options that give the lines of a
// unit's job that began at since. The invocation alone loses some: of a process
// that has ended before journald looks, journald knows the unit and no more
// (client_context_read_cgroup in journald-context.c), which was so for one of
// forty processes that end at once.
func journalOf(u modules.Unit, since time.Time) []string {
	if strings.Trim(u.InvocationID, "0") == "" {
		return []string{"-u", u.Name, "--since=-60s"}
	}
	at := since.UnixMicro()
	// The unit's own lines, and systemd's about it.
	return []string{
		fmt.Sprintf("--since=@%d.%06d", at/1e6, at%1e6),
		"_SYSTEMD_INVOCATION_ID=" + u.InvocationID, "+", "INVOCATION_ID=" + u.InvocationID, "+", "_SYSTEMD_UNIT=" + u.Name,
	}
}

// journal is what the unit said in its job, 20 lines at most.
func (h *host) journal(ctx context.Context, u modules.Unit, since time.Time) []string {
	argv := append([]string{"journalctl", "--no-pager", "--quiet", "--output=cat", "-n", "20"}, journalOf(u, since)...)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	// The last words of a process reach the journal a moment after its end: it
	// is asked to take in what waits, which only root may do.
	if os.Geteuid() == 0 {
		sync := modules.Command{Argv: []string{"journalctl", "--sync"}}
		_, _ = h.sys.procs.run(ctx, sync, append(cleanEnv(), "LC_ALL=C.UTF-8"), time.Second)
	}
	var lines []string
	for range 5 {
		out, err := h.sys.procs.run(ctx, modules.Command{Argv: argv}, append(cleanEnv(), "LC_ALL=C.UTF-8"), time.Second)
		if err != nil {
			return lines
		}
		if lines = modules.LastLines(string(out.Stdout), 20); len(lines) > 0 {
			return lines
		}
		time.Sleep(50 * time.Millisecond)
	}
	return lines
}

// transient starts a unit of its own for a process.
func (s *systemd) transient(ctx context.Context, name string, argv, env []string) error {
	type execStart struct {
		Path   string
		Argv   []string
		Ignore bool
	}
	type property struct {
		Name  string
		Value dbus.Variant
	}
	type aux struct {
		Name  string
		Props []property
	}
	p := []property{
		{"Description", dbus.MakeVariant("mxplay job")},
		{"ExecStart", dbus.MakeVariant([]execStart{{argv[0], argv, false}})},
		{"Environment", dbus.MakeVariant(env)},
		{"Type", dbus.MakeVariant("exec")},
		{"KillMode", dbus.MakeVariant("process")}, // daemons that the job leaves behind are its effect
		{"CollectMode", dbus.MakeVariant("inactive-or-failed")},
		{"StandardOutput", dbus.MakeVariant("null")},
		{"StandardError", dbus.MakeVariant("journal")},
	}
	_, err := s.ask(ctx, managerPath, manager+"StartTransientUnit", name, "fail", p, []aux{})
	return err
}
