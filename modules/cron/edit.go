package cron

import (
	"regexp"
	"slices"
	"strings"
)

// mark is what stands before a job's name in the comment above it.
const mark = "#Ansible: "

// names are those of the jobs and variables of a crontab.
func names(lines []string) (jobs, envs []string) {
	for _, l := range lines {
		if n, ok := strings.CutPrefix(l, mark); ok {
			jobs = append(jobs, n)
		} else if n := variable(l); n != "" {
			envs = append(envs, n)
		}
	}
	return jobs, envs
}

// variable is the name that a line sets; "" when it is no such line.
func variable(l string) string {
	m := regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=`).FindStringSubmatch(l)
	if m == nil {
		return ""
	}
	return m[1]
}

// line is the job as it stands in the crontab.
func (a Args) line() string {
	when := strings.Join([]string{a.Minute, a.Hour, a.Day, a.Month, a.Weekday}, " ")
	if a.Special != "" {
		when = "@" + a.Special
	}
	if a.File != "" {
		user := a.User
		if user == "" {
			user = "root"
		}
		when += " " + user
	}
	if a.Disabled {
		when = "#" + when
	}
	return when + " " + a.Job
}

// edited is a crontab's lines with the job or variable, or without it.
func (a Args) edited(lines []string) []string {
	if a.Env {
		return a.editedEnv(lines)
	}
	var out []string
	done := a.State == "absent"
	for i := 0; i < len(lines); i++ {
		switch {
		case lines[i] == mark+a.Name:
			if !done {
				out = append(out, mark+a.Name, a.line())
				done = true
			}
			if i+1 < len(lines) && !strings.HasPrefix(lines[i+1], mark) {
				i++ // the job itself
			}
		case !done && lines[i] == a.line() && (i == 0 || !strings.HasPrefix(lines[i-1], mark)) && !slices.Contains(lines, mark+a.Name):
			out = append(out, mark+a.Name, lines[i]) // it is there, without its name
			done = true
		default:
			out = append(out, lines[i])
		}
	}
	if !done {
		out = append(out, mark+a.Name, a.line())
	}
	return out
}

func (a Args) editedEnv(lines []string) []string {
	var out []string
	line := a.Name + `="` + a.Job + `"`
	done := a.State == "absent"
	for _, l := range lines {
		if variable(l) != a.Name {
			out = append(out, l)
		} else if !done {
			out = append(out, line)
			done = true
		}
	}
	if done {
		return out
	}
	at := 0
	for i, l := range out {
		if v := variable(l); v != "" && v == a.After {
			at = i + 1
		} else if v != "" && v == a.Before {
			at = i
		}
	}
	return slices.Insert(out, at, line)
}
