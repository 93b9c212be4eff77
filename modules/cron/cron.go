// Package cron holds jobs and variables of crontabs.
package cron

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Name     string `json:"name" required:"true" doc:"what the job is known by: it stands in a comment above it; with env the variable's name"`
	Job      string `json:"job" alias:"value" doc:"the command; with env the variable's value; needed for state: present"`
	State    string `json:"state" default:"present" enum:"present,absent" doc:"whether it shall be there"`
	File     string `json:"cron_file" doc:"file of /etc/cron.d, or an absolute path, that holds the job, instead of the account's crontab"`
	User     string `json:"user" doc:"whose crontab; with cron_file who runs the job. The task's own account when not given, root with cron_file"`
	Special  string `json:"special_time" enum:"reboot,yearly,annually,monthly,weekly,daily,hourly" doc:"a time with a name, instead of the five below"`
	Minute   string `json:"minute" default:"'*'" doc:"0-59, *, */2, lists and ranges"`
	Hour     string `json:"hour" default:"'*'" doc:"0-23"`
	Day      string `json:"day" alias:"dom" default:"'*'" doc:"day of the month, 1-31"`
	Month    string `json:"month" default:"'*'" doc:"1-12 or jan-dec"`
	Weekday  string `json:"weekday" alias:"dow" default:"'*'" doc:"0-7 or sun-sat"`
	Disabled bool   `json:"disabled" default:"false" doc:"the job stands there as a comment"`
	Env      bool   `json:"env" default:"false" doc:"a variable of the crontab is meant, at its top, rather than a job"`
	After    string `json:"insertafter" doc:"with env: a new variable goes after this one"`
	Before   string `json:"insertbefore" doc:"with env: a new variable goes before this one"`
	Backup   bool   `json:"backup" default:"false" doc:"with cron_file: keep the old file beside the new one, with the time in its name"`
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	timed := a.Minute+a.Hour+a.Day+a.Month+a.Weekday != "*****"
	switch {
	case a.Name == "" || strings.Contains(a.Name, "\n"):
		return errors.New("name must be one line")
	case strings.Contains(a.Job, "\n"):
		return errors.New("job must be one line: cron has no others")
	case a.State == "present" && a.Job == "" && !a.Env:
		return errors.New("state: present needs job")
	case a.Special != "" && timed:
		return errors.New("special_time and minute, hour, day, month, weekday cannot both be given")
	case (a.After != "" || a.Before != "") && !a.Env:
		return errors.New("insertafter and insertbefore need env: true")
	case a.After != "" && a.Before != "":
		return errors.New("insertafter and insertbefore cannot both be given")
	case a.Backup && a.File == "":
		return errors.New("backup needs cron_file")
	case a.Env && !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(a.Name):
		return fmt.Errorf("with env name must be that of a variable, found %q", a.Name)
	case a.File != "" && !path.IsAbs(a.File) && (strings.Contains(a.File, "/") || !plainName(a.File)):
		return fmt.Errorf("cron_file: cron reads only names of letters, digits, - and _ in /etc/cron.d, found %q", a.File)
	}
	for _, f := range []struct{ arg, value string }{{"minute", a.Minute}, {"hour", a.Hour}, {"day", a.Day}, {"month", a.Month}, {"weekday", a.Weekday}} {
		if !regexp.MustCompile(`^[0-9A-Za-z*,/~-]+$`).MatchString(f.value) {
			return fmt.Errorf("%s is a number, *, a list, a range or a step, found %q", f.arg, f.value)
		}
	}
	return nil
}

func plainName(s string) bool { return regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(s) }

// State is what the host shows.
type State struct {
	Jobs []string `json:"jobs" doc:"names of the jobs that were there"`
	Envs []string `json:"envs" doc:"names of the variables that were there"`
	Path string   `json:"cron_file" doc:"the file; empty for an account's crontab"`
	text []byte
	seen place.Seen
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "cron",
		Doc: `Holds a job, or a variable, of a crontab.

A job is known by the comment "#Ansible: NAME" above it, so that what Ansible wrote is found. A file of /etc/cron.d is
written whole at once; an account's crontab goes through crontab. A file that holds nothing any more is removed.`,
		Example: `
- name: a dump each night
  cron: {name: dump the database, cron_file: backup, user: postgres, minute: "30", hour: "3", job: /usr/local/bin/dump}
- name: where its messages go
  cron: {name: MAILTO, cron_file: backup, env: true, job: ops@example.org}
- name: at the start of the host, of the account itself
  cron: {name: agent, user: ops, special_time: reboot, job: /home/ops/bin/agent}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

// file is the file that holds the job; ok is false for a crontab.
func (a Args) file(text []byte) (f place.File, ok bool) {
	p := a.File
	if p != "" && !path.IsAbs(p) {
		p = path.Join("/etc/cron.d", p)
	}
	return place.File{Path: p, Bytes: text, Backup: a.Backup}, p != ""
}

// crontab is the command with the account.
func (a Args) crontab(args ...string) []string {
	if a.User != "" {
		args = append(args, "-u", a.User)
	}
	return append([]string{"crontab"}, args...)
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	if f, ok := a.file(nil); ok {
		var err error
		if s.seen, err = f.Look(ctx, r, true); err != nil {
			return s, err
		}
		s.Path, s.text = s.seen.Path, s.seen.Old
		if len(s.seen.Dirs) > 0 && a.State == "present" {
			return s, modules.NotYetf("directory %s does not exist (package cron)", path.Dir(s.Path))
		}
	} else {
		if a.User != "" {
			if _, err := r.User(ctx, a.User); errors.Is(err, modules.ErrNotExist) {
				if a.State == "absent" {
					return s, nil
				}
				return s, modules.NotYetf("user %s does not exist", a.User)
			} else if err != nil {
				return s, err
			}
		}
		if _, err := r.Stat(ctx, "/usr/bin/crontab"); errors.Is(err, modules.ErrNotExist) {
			if a.State == "absent" {
				return s, nil
			}
			return s, modules.NotYetf("crontab is not installed (package cron)")
		}
		out, err := r.Look(ctx, a.crontab("-l")...)
		if err != nil {
			return s, err
		}
		none := out.Exit == 1 && strings.HasPrefix(string(out.Stderr), "no crontab for ")
		if err := out.Err(); err != nil && !none {
			return s, err
		}
		s.text = out.Stdout
	}
	s.Jobs, s.Envs = names(place.Lines(s.text))
	return s, nil
}

func plan(a Args, s State) ([]modules.Step, error) {
	lines := place.Lines(s.text)
	text := place.Unlines(a.edited(lines))
	f, inFile := a.file(text)
	switch {
	case string(text) == string(s.text) || len(lines) == 0 && len(text) == 0:
		return nil, nil
	case inFile && (len(text) > 0 || s.seen.Info.Kind != "file"):
		return f.Plan(s.seen)
	case inFile:
		return []modules.Step{{What: "remove " + s.Path + ", which holds nothing any more", From: string(s.text),
			Do: func(ctx context.Context, h modules.Host) error { return h.Remove(ctx, s.Path) }}}, nil
	}
	what := "change the crontab"
	if a.User != "" {
		what += " of " + a.User
	}
	cmd := modules.Command{Argv: a.crontab("-"), Stdin: text}
	if a.User != "" {
		cmd.Argv = append(a.crontab(), "-") // the file comes last
	}
	if len(text) == 0 {
		cmd = modules.Command{Argv: a.crontab("-r")}
	}
	return []modules.Step{{What: what, From: string(s.text), To: string(text), Do: func(ctx context.Context, h modules.Host) error {
		out, err := h.Run(ctx, cmd)
		return errors.Join(err, out.Err())
	}}}, nil
}
