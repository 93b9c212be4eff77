package pkg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/apt"
	"github.com/mxplay/mxplay/modules/internal/debconf"
)

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Installed: map[string]string{}, Candidate: map[string]string{}, Unknown: map[string]string{}}
	wants, err := a.wants()
	if err != nil {
		return s, err
	}
	var names []string
	for _, w := range wants {
		names = append(names, w.Name)
	}
	have := map[string]modules.Package{}
	if len(names) > 0 {
		if have, err = r.Packages(ctx, names...); err != nil {
			return s, err
		}
	}
	for _, w := range wants {
		p, known := have[w.Name]
		if known && p.OK() {
			s.Installed[w.Name] = p.Version
		}
		if known && broken(p) {
			s.Broken = append(s.Broken, w.Name)
		}
	}
	if a.State == "absent" {
		for _, w := range wants {
			if p, known := have[w.Name]; known && toRemove(p, a.Purge) {
				s.Remove = append(s.Remove, w.Name)
			}
		}
		return s, lookChange(ctx, r, a, &s, have)
	}
	for _, w := range wants {
		v, ok := s.Installed[w.Name]
		switch {
		case ok && w.fits(v):
			if a.State == "latest" {
				s.Todo = append(s.Todo, w) // unless it is apt's candidate already
			}
		case ok || !a.OnlyUpgrade:
			s.Todo = append(s.Todo, w)
		}
		if a.Hold != nil && (ok || !a.OnlyUpgrade) && (have[w.Name].Want == "hold") != *a.Hold {
			s.HoldTodo = append(s.HoldTodo, w.Name)
		}
	}
	if err := lookStale(ctx, r, a, &s); err != nil {
		return s, err
	}
	if len(s.Todo) > 0 {
		if err := lookCandidates(ctx, r, a, &s); err != nil {
			return s, err
		}
	}
	if err := lookAnswers(ctx, r, a, &s); err != nil {
		return s, err
	}
	return s, lookChange(ctx, r, a, &s, have)
}

// broken tells a package that an interrupted run left in between.
func broken(p modules.Package) bool {
	switch p.Status {
	case "unpacked", "half-configured", "half-installed", "triggers-awaited", "triggers-pending":
		return true
	}
	return p.Error != "" && p.Error != "ok"
}

func toRemove(p modules.Package, purge bool) bool {
	switch p.Status {
	case "not-installed":
		return false
	case "config-files":
		return purge
	}
	return true
}

// lookStale finds out whether the lists are too old for what is to be installed.
func lookStale(ctx context.Context, r modules.Reader, a Args, s *State) error {
	asked := a.UpdateCache != nil && *a.UpdateCache
	never := a.UpdateCache != nil && !*a.UpdateCache
	if never || len(s.Todo) == 0 && (len(a.Name) > 0 || !asked) {
		return nil
	}
	f, err := apt.Look(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case f.Updated.IsZero():
		s.Stale = "there are no lists yet"
	case f.Stale():
		s.Stale = "a source is newer"
	case asked && r.Now().Sub(f.Updated) > time.Duration(a.CacheValidTime)*time.Second:
		s.Stale = "the lists are older than " + (time.Duration(a.CacheValidTime) * time.Second).String()
	}
	return nil
}

// lookCandidates asks apt for candidates and takes what needs nothing off Todo.
func lookCandidates(ctx context.Context, r modules.Reader, a Args, s *State) error {
	argv := []string{"apt-cache", "policy"}
	if a.DefaultRelease != "" {
		argv = append(argv, "-t", a.DefaultRelease)
	}
	for _, w := range s.Todo {
		argv = append(argv, w.Name)
	}
	o, err := r.Look(ctx, argv...)
	if err != nil {
		return err
	}
	if o.Exit != 0 {
		return apt.Fail(o, "")
	}
	pol := parsePolicy(string(o.Stdout))
	var todo []want
	for _, w := range s.Todo {
		p, known := pol[w.Name]
		have, installed := s.Installed[w.Name]
		if known && p.Candidate != "" {
			s.Candidate[w.Name] = p.Candidate
		}
		switch {
		case w.Version != "":
			if !slices.ContainsFunc(p.Versions, w.fits) {
				s.Unknown[w.String()] = noVersion(w, p)
			} else if installed {
				s.Down = append(s.Down, w.Name)
			}
		case known && p.Candidate != "":
			if installed && w.fits(have) && w.Release == "" && have == p.Candidate {
				continue
			}
		case installed: // latest of something no source has: it stays
			continue
		default:
			done, why, err := lookProvided(ctx, r, w)
			if err != nil {
				return err
			}
			if done != "" {
				s.Installed[w.Name] = done
				continue
			}
			if why != "" {
				s.Unknown[w.String()] = why
			}
		}
		todo = append(todo, w)
	}
	s.Todo = todo
	return nil
}

func noVersion(w want, p policy) string {
	if len(p.Versions) == 0 {
		return "apt knows no package " + w.Name
	}
	return fmt.Sprintf("apt has no version %s of %s; it has %s", w.Version, w.Name, strings.Join(p.Versions, ", "))
}

// lookProvided looks who provides a package that has no version of its own:
// done is what is installed and provides it, why is the reason that nothing can.
func lookProvided(ctx context.Context, r modules.Reader, w want) (done, why string, err error) {
	o, err := r.Look(ctx, "apt-cache", "showpkg", w.Name)
	if err != nil {
		return "", "", err
	}
	by := providers(string(o.Stdout))
	if len(by) == 0 {
		return "", "apt knows no package " + w.Name, nil
	}
	have, err := r.Packages(ctx, by...)
	if err != nil {
		return "", "", err
	}
	for _, n := range by {
		if p, ok := have[n]; ok && p.OK() {
			return n + " " + p.Version, "", nil
		}
	}
	if len(by) > 1 {
		return "", w.Name + " is provided by " + strings.Join(by, ", ") + "; name one of them", nil
	}
	return "", "", nil
}

func lookAnswers(ctx context.Context, r modules.Reader, a Args, s *State) error {
	// A package that is there has read its answers; asking it again is debconf's and dpkg-reconfigure's work.
	if len(a.Debconf) == 0 || len(s.Todo) == 0 && len(s.Broken) == 0 {
		return nil
	}
	db, err := debconf.Look(ctx, r)
	if err != nil {
		return err
	}
	for _, q := range a.answers() {
		if rec, known := db[q.Question]; !q.Done(rec, known) {
			s.Questions = append(s.Questions, question{Answer: q, Now: rec})
		}
	}
	return nil
}

// lookChange asks apt what the whole consequence would be, and dpkg for what was left in between.
func lookChange(ctx context.Context, r modules.Reader, a Args, s *State, have map[string]modules.Package) error {
	if len(s.Todo) == 0 && len(s.Remove) == 0 {
		return lookOrphans(ctx, r, a, s)
	}
	for _, n := range append(names(s.Todo), s.Remove...) {
		if have[n].Want == "hold" {
			s.Held = append(s.Held, n)
		}
	}
	if !a.Start {
		b, err := r.ReadFile(ctx, policyFile)
		if err != nil && !errors.Is(err, modules.ErrNotExist) {
			return err
		}
		s.LeftOver = strings.Contains(string(b), policyMark)
	}
	if len(s.Broken) == 0 {
		o, err := r.Look(ctx, "dpkg", "--audit")
		if err == nil && len(o.Stdout) > 0 {
			s.Broken = audited(string(o.Stdout))
		} else if err != nil && !errors.Is(err, modules.ErrDoor) {
			return err
		}
	}
	if len(s.Broken) > 0 || s.Stale != "" || len(s.Unknown) > 0 {
		return nil // apt's answer would be another one afterwards
	}
	argv := append([]string{"apt-get", "-s"}, aptArgs(a, *s)...)
	o, err := r.Look(ctx, argv...)
	if err != nil {
		return err
	}
	if o.Exit != 0 {
		s.Refused = apt.Lines(string(o.Stdout) + "\n" + string(o.Stderr))
		return nil
	}
	s.Change = parseSim(string(o.Stdout))
	return nil
}

func lookOrphans(ctx context.Context, r modules.Reader, a Args, s *State) error {
	if !a.Autoremove || s.Stale != "" {
		return nil
	}
	argv := []string{"apt-get", "-s", "autoremove"}
	if a.Purge {
		argv = append(argv, "--purge")
	}
	o, err := r.Look(ctx, argv...)
	if err != nil {
		return err
	}
	if o.Exit != 0 {
		return apt.Fail(o, "")
	}
	c := parseSim(string(o.Stdout))
	s.Orphans = append(c.Remove, c.Purge...)
	return nil
}

func names(ws []want) []string {
	var out []string
	for _, w := range ws {
		out = append(out, w.Name)
	}
	return out
}
