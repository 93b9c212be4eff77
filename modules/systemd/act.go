package systemd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// act plans a job of systemd's.
func act(a Args, s State, verb string, event bool) modules.Step {
	st := modules.Step{What: verb + " " + s.Name, Event: event}
	if !event {
		st.From, st.To = s.ActiveState, "active"
		if verb == "stop" {
			st.To = "inactive"
		}
	}
	st.Do = func(ctx context.Context, h modules.Host) error {
		if a.NoBlock {
			return run(ctx, h, "systemctl", "--no-block", verb, "--", s.Name)
		}
		j, err := h.UnitJob(ctx, verb, s.Name)
		if err != nil {
			return err
		}
		if err := jobError(j); err != nil {
			return err
		}
		if verb == "stop" {
			return nil
		}
		return settle(ctx, h, a, j)
	}
	return st
}

// jobError is what the end of a job has to say.
func jobError(j modules.UnitJob) error {
	switch j.Result {
	case "done", "":
	case "failed":
		if r := j.Unit.Result; r != "" && r != "success" {
			return explain(j, "job failed ("+r+")")
		}
		return explain(j, "job failed")
	case "timeout":
		return explain(j, "job ran out of time")
	case "dependency":
		return explain(j, "a unit that it needs did not start")
	case "canceled":
		return explain(j, "job was cancelled by another one")
	case "skipped":
		return explain(j, "the unit was not in a state for this job")
	case "assert":
		return explain(j, "an assertion of the unit does not hold")
	default:
		return explain(j, "job ended as "+j.Result)
	}
	u := j.Unit
	if !u.Condition && u.ConditionAt > 0 && (u.Active == "inactive" || u.Active == "failed") {
		why := strings.Join(u.FailedConditions, ", ")
		if why == "" {
			why = "a condition"
		}
		return modules.WithLines(fmt.Errorf("systemd skipped it: %s does not hold", why), nil,
			"the unit starts only when this condition holds; systemctl calls a skipped start a success")
	}
	return nil
}

// explain is an error with the journal's lines, the one that tells most in the message.
func explain(j modules.UnitJob, what string) error {
	err := errors.New(what)
	if l := telling(j.Journal); l != "" {
		err = fmt.Errorf("%s: %s", what, l)
	}
	n := len(j.Journal)
	return modules.WithLines(err, j.Journal[max(0, n-10):], "")
}

// told matches the lines by which services say what is wrong with their configuration.
var told = regexp.MustCompile(`ConfigError:|Error in configuration|\[emerg\]|FATAL:|[Cc]onfiguration error|[Ss]yntax error`)

// telling is the last line of a journal that names the cause, without the journal's prefix.
func telling(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if at := told.FindStringIndex(lines[i]); at != nil {
			l := lines[i]
			// what stands before the first "]: " or ": " is time, host and process
			if _, rest, ok := strings.Cut(l[:at[0]], "]: "); ok {
				l = rest + l[at[0]:]
			}
			return strings.TrimSpace(l)
		}
	}
	return ""
}

// settle looks whether what was started stays up: a service that dies right
// after its start, or that systemd keeps restarting, is not started.
func settle(ctx context.Context, h modules.Host, a Args, j modules.UnitJob) error {
	u := j.Unit
	oneshot := u.Type == "oneshot"
	const pace = 250 * time.Millisecond
	for left := time.Duration(a.Settle) * time.Second; ; left -= pace {
		up := u.Active == "active" || u.Active == "reloading" || u.Active == "refreshing"
		switch {
		case u.Active == "failed":
			return died(ctx, h, u, "it failed right after its start ("+u.Result+")")
		case u.Active == "activating" && u.Sub == "auto-restart", u.Active == "activating" && u.Sub == "auto-restart-queued":
			return died(ctx, h, u, "it dies and is started again and again")
		case u.NRestarts > j.Unit.NRestarts:
			return died(ctx, h, u, "it died and systemd started it again")
		case u.Active == "inactive" && !oneshot:
			return died(ctx, h, u, "it ended right after its start")
		case u.Active == "deactivating" && !oneshot:
			return died(ctx, h, u, "it ends right after its start")
		case up && (oneshot || !strings.HasSuffix(u.Name, ".service")), u.Active == "inactive" && oneshot:
			return nil
		}
		if left <= 0 {
			return nil
		}
		if err := h.Sleep(ctx, pace); err != nil {
			return err
		}
		next, err := h.Unit(ctx, j.Unit.Name)
		if err != nil {
			return err
		}
		u = next
	}
}

// died is an error with the journal of the unit's last run.
func died(ctx context.Context, h modules.Host, u modules.Unit, what string) error {
	argv := []string{"journalctl", "--no-pager", "-q", "-n", "30", "-o", "short-iso", "-u", u.Name}
	var lines []string
	if o, err := h.Run(ctx, modules.Command{Argv: argv}); err == nil && o.Exit == 0 {
		lines = modules.LastLines(string(o.Stdout), 30)
	}
	return explain(modules.UnitJob{Unit: u, Journal: lines}, what)
}
