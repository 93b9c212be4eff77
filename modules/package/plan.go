package pkg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/apt"
)

func plan(a Args, s State) ([]modules.Step, error) {
	var steps []modules.Step
	var notYet error
	work := len(s.Todo) > 0 || len(s.Remove) > 0
	if s.LeftOver {
		steps = append(steps, modules.Step{What: "remove " + policyFile + ", left over from an install that was cut", Do: unhold})
	}
	if len(s.Broken) > 0 {
		steps = append(steps, modules.Step{
			What: "configure what an interrupted run left behind", From: strings.Join(s.Broken, "\n"), Do: configure(a),
		})
		notYet = modules.NotYetf("what else apt has to do is known once dpkg is in order")
	}
	if s.Stale != "" {
		steps = append(steps, modules.Step{
			What: "update apt's lists", From: s.Stale, Event: true,
			Do: func(ctx context.Context, h modules.Host) error { return apt.Update(ctx, h, a.LockTimeout) },
		})
		if len(s.Todo) > 0 {
			notYet = modules.NotYetf("what is to be installed (%s) is known after the update", list(s.Todo))
		}
	}
	for _, q := range s.Questions {
		steps = append(steps, q.Answer.Step(q.Now))
	}
	if notYet == nil && len(s.Unknown) > 0 {
		return steps, unknown(a, s)
	}
	if notYet != nil && work {
		return steps, notYet
	}
	if len(s.Refused) > 0 {
		return nil, modules.WithLines(fmt.Errorf("apt would not %s", verb(a, s)), s.Refused, refusedHint(a, s))
	}
	if work {
		from, to := s.Change.text()
		steps = append(steps, modules.Step{What: verb(a, s), From: from, To: to, Do: act(a, s)})
	}
	if len(s.HoldTodo) > 0 {
		steps = append(steps, holdStep(*a.Hold, s.HoldTodo))
	}
	if len(s.Orphans) > 0 {
		steps = append(steps, modules.Step{
			What: "remove what is no longer needed", From: join(s.Orphans),
			Do: func(ctx context.Context, h modules.Host) error {
				args := []string{"autoremove"}
				if a.Purge {
					args = append(args, "--purge")
				}
				return job(ctx, h, apt.Get(a.LockTimeout, args...), "")
			},
		})
	}
	if a.Autoremove && work && notYet == nil {
		notYet = modules.NotYetf("what is no longer needed is known afterwards")
	}
	return steps, notYet
}

func unknown(a Args, s State) error {
	var why []string
	for _, k := range slices.Sorted(maps.Keys(s.Unknown)) {
		why = append(why, s.Unknown[k])
	}
	text := strings.Join(why, "; ")
	if a.UpdateCache != nil && !*a.UpdateCache {
		text += " (update_cache is false)"
	}
	return modules.NotYetf("%s", text)
}

func refusedHint(a Args, s State) string {
	switch {
	case len(s.Held) > 0 && a.Hold == nil:
		return "on hold: " + strings.Join(s.Held, ", ") + "; hold: false lets them go"
	case len(s.Down) > 0 && !a.AllowDowngrade:
		return "an older version needs allow_downgrade: true"
	}
	return ""
}

// verb says what apt is asked to do.
func verb(a Args, s State) string {
	switch {
	case len(s.Remove) > 0 && a.Purge:
		return "purge " + strings.Join(s.Remove, ", ")
	case len(s.Remove) > 0:
		return "remove " + strings.Join(s.Remove, ", ")
	case !a.Start:
		return "install " + list(s.Todo) + ", services held back"
	}
	return "install " + list(s.Todo)
}

func list(ws []want) string {
	var out []string
	for _, w := range ws {
		out = append(out, w.String())
	}
	return strings.Join(out, ", ")
}

// aptArgs are apt-get's arguments, the same for looking and for doing.
func aptArgs(a Args, s State) []string {
	var args []string
	if len(s.Remove) > 0 {
		args = append(args, "remove")
		if a.Purge {
			args[0] = "purge"
		}
		if len(s.Held) > 0 {
			args = append(args, "--allow-change-held-packages")
		}
		return append(append(args, "--"), s.Remove...)
	}
	args = append(args, "install")
	if a.InstallRecommend != nil {
		args = append(args, "-o", "APT::Install-Recommends="+strconv.FormatBool(*a.InstallRecommend))
	}
	if a.DefaultRelease != "" {
		args = append(args, "-t", a.DefaultRelease)
	}
	if a.OnlyUpgrade {
		args = append(args, "--only-upgrade")
	}
	if a.AllowDowngrade {
		args = append(args, "--allow-downgrades")
	}
	// hold given means that the playbook decides over the hold
	if len(s.Held) > 0 && a.Hold != nil {
		args = append(args, "--allow-change-held-packages")
	}
	args = append(args, "--")
	for _, w := range s.Todo {
		args = append(args, w.String())
	}
	return args
}

func act(a Args, s State) func(context.Context, modules.Host) error {
	return func(ctx context.Context, h modules.Host) error {
		conf := "--force-confold"
		if a.Conffiles == "new" {
			conf = "--force-confnew"
		}
		c := apt.Get(a.LockTimeout, append([]string{"-o", "Dpkg::Options::=" + conf}, aptArgs(a, s)...)...)
		if !a.Start && len(s.Remove) == 0 {
			c = heldBack(c)
		}
		return job(ctx, h, c, refusedHint(a, s))
	}
}

func configure(a Args) func(context.Context, modules.Host) error {
	return func(ctx context.Context, h modules.Host) error {
		c := modules.Command{Argv: []string{"dpkg", "--force-confold", "--configure", "-a"}, Env: apt.Env()}
		if !a.Start {
			c = heldBack(c)
		}
		if err := job(ctx, h, c, ""); err != nil {
			return err
		}
		// what dpkg alone cannot mend, such as a package that must be unpacked again
		return job(ctx, h, apt.Get(a.LockTimeout, "-o", "Dpkg::Options::=--force-confold", "--fix-broken", "install"), "")
	}
}

func job(ctx context.Context, h modules.Host, c modules.Command, hint string) error {
	o, err := h.Job(ctx, c)
	if err != nil {
		return err
	}
	return apt.Fail(o, hint)
}

func holdStep(hold bool, names []string) modules.Step {
	word := "unhold"
	if hold {
		word = "hold"
	}
	return modules.Step{
		What: word + " " + strings.Join(names, ", "),
		Do: func(ctx context.Context, h modules.Host) error {
			o, err := h.Run(ctx, modules.Command{Argv: append([]string{"apt-mark", word, "--"}, names...), Env: apt.Env()})
			if err != nil {
				return err
			}
			return o.Err()
		},
	}
}

// policyFile is asked by every maintainer script before it starts a service.
const (
	policyFile = "/usr/sbin/policy-rc.d"
	policyMark = "mxplay: services held back during an install"
)

// holdScript runs its arguments while policy-rc.d forbids starts. It is a
// script of its own so that it puts things back even when nobody waits for it.
const holdScript = `p=/usr/sbin/policy-rc.d
if [ -e "$p" ] || [ -L "$p" ]; then
	if grep -q '` + policyMark + `' "$p"; then rm -f "$p"; else mv "$p" "$p.mxplay-saved"; fi
fi
back() { rm -f "$p"; if [ -e "$p.mxplay-saved" ] || [ -L "$p.mxplay-saved" ]; then mv "$p.mxplay-saved" "$p"; fi; }
trap back EXIT
trap 'exit 143' HUP INT TERM
printf '#!/bin/sh\n# ` + policyMark + `\nexit 101\n' >"$p.mxplay-new" && chmod 755 "$p.mxplay-new" && mv "$p.mxplay-new" "$p" || exit 1
"$@"`

func heldBack(c modules.Command) modules.Command {
	c.Argv = append([]string{"sh", "-c", holdScript, "sh"}, c.Argv...)
	return c
}

// unhold puts away what a power cut left behind.
func unhold(ctx context.Context, h modules.Host) error {
	saved := policyFile + ".mxplay-saved"
	b, err := h.ReadFile(ctx, saved)
	if errors.Is(err, modules.ErrNotExist) {
		return h.Remove(ctx, policyFile)
	}
	if err != nil {
		return err
	}
	mode := uint32(0o755)
	if err := h.Write(ctx, modules.Write{Path: policyFile, Bytes: b, Attr: modules.Attr{Mode: &mode}}); err != nil {
		return err
	}
	return h.Remove(ctx, saved)
}
