// Package apt is what the modules that drive apt share: the one way to call
// apt-get, when its lists are old, and which lines of its errors matter.
package apt

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Where apt keeps what it fetched and where it is told what to fetch.
const (
	Lists       = "/var/lib/apt/lists"
	SourceList  = "/etc/apt/sources.list"
	SourceParts = "/etc/apt/sources.list.d"
)

// Env makes apt-get and dpkg ask nothing and speak English.
func Env() map[string]string {
	return map[string]string{
		"DEBIAN_FRONTEND": "noninteractive", "DEBIAN_PRIORITY": "critical",
		"APT_LISTCHANGES_FRONTEND": "none", "LC_ALL": "C.UTF-8", "LANGUAGE": "",
	}
}

// Get is an apt-get command that waits for dpkg's lock and keeps changed configuration files unless told otherwise.
func Get(lockTimeout int, args ...string) modules.Command {
	argv := append([]string{"apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=" + strconv.Itoa(lockTimeout)}, args...)
	return modules.Command{Argv: argv, Env: Env()}
}

// Fresh is how the lists stand to the sources they come from.
type Fresh struct {
	Updated time.Time // the lists' last update; zero when there never was one
	Source  time.Time // the newest change to a source
}

// Stale tells that there are no lists, or that a source changed after their update.
func (f Fresh) Stale() bool { return f.Updated.IsZero() || f.Source.After(f.Updated) }

// Look finds out how fresh the lists are.
func Look(ctx context.Context, r modules.Reader) (Fresh, error) {
	var f Fresh
	d, err := r.Stat(ctx, Lists)
	if err != nil && !errors.Is(err, modules.ErrNotExist) {
		return f, err
	}
	if err == nil {
		files, err := r.ReadDir(ctx, Lists)
		if err != nil {
			return f, err
		}
		for _, i := range files {
			if strings.HasSuffix(i.Name, "Release") {
				f.Updated = d.Mtime
				break
			}
		}
	}
	src, err := r.Stat(ctx, SourceList)
	switch {
	case err == nil:
		f.Source = src.Mtime
	case !errors.Is(err, modules.ErrNotExist):
		return f, err
	}
	parts, err := Parts(ctx, r)
	if err != nil {
		return f, err
	}
	for _, i := range parts {
		if i.Mtime.After(f.Source) {
			f.Source = i.Mtime
		}
	}
	return f, nil
}

// Parts are the files in sources.list.d that apt reads.
func Parts(ctx context.Context, r modules.Reader) ([]modules.Info, error) {
	all, err := r.ReadDir(ctx, SourceParts)
	if errors.Is(err, modules.ErrNotExist) {
		return nil, nil
	}
	var out []modules.Info
	for _, i := range all {
		if e := path.Ext(i.Name); e == ".list" || e == ".sources" {
			out = append(out, i)
		}
	}
	return out, err
}

// Update fetches the lists. It fails when any source could not be fetched or
// verified, and then leaves the lists marked as old, so that the next look sees it.
func Update(ctx context.Context, h modules.Host, lockTimeout int) error {
	for waited := 0; ; waited += 2 {
		o, err := h.Job(ctx, Get(lockTimeout, "-o", "APT::Update::Error-Mode=any", "update"))
		if err != nil {
			return err
		}
		if o.Exit == 0 {
			// apt leaves the folder's time alone when nothing was new
			return touch(ctx, h, o.End)
		}
		if strings.Contains(string(o.Stderr), Lists+"/lock") && waited < lockTimeout {
			if err := h.Sleep(ctx, 2*time.Second); err != nil {
				return err
			}
			continue
		}
		if err := touch(ctx, h, time.Unix(0, 0)); err != nil && !errors.Is(err, modules.ErrNotExist) {
			return err
		}
		return Fail(o, "")
	}
}

func touch(ctx context.Context, h modules.Host, t time.Time) error {
	return h.SetAttr(ctx, Lists, modules.Attr{Mtime: &t})
}

// Fail is the error of an apt-get that did not end well, with the lines that say why.
func Fail(o modules.Output, hint string) error {
	err := o.Err()
	if err == nil {
		return nil
	}
	lines := Lines(string(o.Stdout) + "\n" + string(o.Stderr))
	if len(lines) > 0 {
		if text, ok := strings.CutPrefix(lines[0], "E: "); ok {
			err = fmt.Errorf("%w: %s", err, lowerFirst(text))
		}
	}
	return modules.WithLines(err, lines, hint)
}

// Lines are the lines of apt's output that say what went wrong: errors first,
// then warnings, dpkg's own and what explains unmet dependencies.
func Lines(out string) []string {
	var errs, rest []string
	detail := false
	for _, l := range strings.Split(out, "\n") {
		l = strings.TrimRight(l, " \r")
		switch {
		case strings.HasPrefix(l, "E: "):
			errs, detail = append(errs, l), true
		case strings.HasPrefix(l, "W: "), strings.HasPrefix(l, "dpkg: error"), strings.HasPrefix(l, "Err:"):
			rest, detail = append(rest, l), true
		case strings.Contains(l, "unmet dependencies"):
			rest, detail = append(rest, l), true
		case detail && strings.HasPrefix(l, " ") && l != "":
			rest = append(rest, l)
		default:
			detail = false
		}
	}
	all := append(errs, rest...)
	if len(all) == 0 {
		return modules.LastLines(out, 10)
	}
	if len(all) > 15 {
		all = all[:15]
	}
	return all
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && (s[1] < 'A' || s[1] > 'Z') {
		s = string(s[0]+'a'-'A') + s[1:]
	}
	return strings.TrimSuffix(s, ".")
}
