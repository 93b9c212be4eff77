package user

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// flags collects the arguments of useradd or usermod with the lines of the diff.
type flags struct {
	argv     []string
	from, to []string
}

func (f *flags) set(flag, value, what, from, to string) {
	f.argv = append(f.argv, flag, value)
	if from != "" {
		f.from = append(f.from, what+" "+from)
	}
	f.to = append(f.to, what+" "+to)
}

func (f *flags) step(what, name string) modules.Step {
	s := modules.Step{What: what, Do: run(f.argv, name)}
	if len(f.from) > 0 {
		s.From = strings.Join(f.from, "\n") + "\n"
	}
	if len(f.to) > 0 {
		s.To = strings.Join(f.to, "\n") + "\n"
	}
	return s
}

// add is the steps of an account that is not there.
func add(a Args, s State) []modules.Step {
	f := flags{argv: []string{"useradd"}}
	if a.System {
		f.argv = append(f.argv, "--system")
	}
	if a.UID != nil {
		n := strconv.FormatInt(*a.UID, 10)
		f.set("--uid", n, "uid", "", n)
		if a.NonUnique {
			f.argv = append(f.argv, "--non-unique")
		}
	}
	switch {
	case a.Group != "":
		f.set("--gid", a.Group, "group", "", a.Group)
	case s.ownGroup:
		f.set("--gid", a.Name, "group", "", a.Name)
	}
	if a.Groups != nil && len(*a.Groups) > 0 {
		l := strings.Join(*a.Groups, ",")
		f.set("--groups", l, "groups", "", l)
	}
	if a.Comment != nil {
		f.set("--comment", *a.Comment, "comment", "", *a.Comment)
	}
	if a.Home != "" {
		f.set("--home-dir", string(a.Home), "home", "", string(a.Home))
	}
	if a.Shell != "" {
		f.set("--shell", string(a.Shell), "shell", "", string(a.Shell))
	}
	if a.Expires != nil && *a.Expires >= 0 {
		d := date(days(*a.Expires))
		f.set("--expiredate", d, "expires", "", d)
	}
	if a.CreateHome && a.Home != noHome {
		f.argv = append(f.argv, "--create-home")
		if a.Skeleton != "" {
			f.argv = append(f.argv, "--skel", string(a.Skeleton))
		}
	} else {
		f.argv = append(f.argv, "--no-create-home")
	}
	steps := []modules.Step{f.step("add user "+a.Name, a.Name)}
	if a.Password != nil {
		steps = append(steps, setPassword(a))
	}
	if a.Lock != nil && *a.Lock && a.Password != nil && !strings.HasPrefix(*a.Password, "!") {
		steps = append(steps, lock(a, true))
	}
	return steps
}

// change is the steps of an account that is there.
func change(a Args, s State) []modules.Step {
	f := flags{argv: []string{"usermod"}}
	if a.UID != nil && *a.UID != s.UID {
		n := strconv.FormatInt(*a.UID, 10)
		f.set("--uid", n, "uid", strconv.FormatInt(s.UID, 10), n)
		if a.NonUnique {
			f.argv = append(f.argv, "--non-unique")
		}
	}
	if s.gid >= 0 && s.gid != s.Group {
		f.set("--gid", a.Group, "gid", strconv.FormatInt(s.Group, 10), strconv.FormatInt(s.gid, 10))
	}
	if want, differ := groups(a, s); differ {
		f.set("--groups", strings.Join(want, ","), "groups", strings.Join(s.Groups, ","), strings.Join(want, ","))
	}
	if a.Comment != nil && *a.Comment != s.Comment {
		f.set("--comment", *a.Comment, "comment", s.Comment, *a.Comment)
	}
	if a.Home != "" && string(a.Home) != s.Home {
		f.set("--home", string(a.Home), "home", s.Home, string(a.Home))
		if s.moves {
			f.argv = append(f.argv, "--move-home")
		}
	}
	if a.Shell != "" && string(a.Shell) != s.Shell {
		f.set("--shell", string(a.Shell), "shell", s.Shell, string(a.Shell))
	}
	if a.Expires != nil {
		if want := days(*a.Expires); want != s.expire {
			f.set("--expiredate", date(want), "expires", never(s.expire), never(want))
		}
	}
	var steps []modules.Step
	if len(f.argv) > 1 {
		steps = append(steps, f.step("change user "+a.Name, a.Name))
	}
	locked := strings.HasPrefix(s.password, "!")
	if a.Password != nil && a.Update == "always" && bare(*a.Password) != bare(s.password) {
		steps = append(steps, setPassword(a))
		locked = strings.HasPrefix(*a.Password, "!")
	}
	if a.Lock != nil && *a.Lock != locked && (*a.Lock || bare(s.password) != "" || a.Password != nil) {
		steps = append(steps, lock(a, *a.Lock))
	}
	return steps
}

// bare is a hash without the mark of a lock.
func bare(p string) string { return strings.TrimLeft(p, "!") }

// groups are the supplementary groups that are wanted, sorted, and whether
// they differ from what is there.
func groups(a Args, s State) ([]string, bool) {
	if a.Groups == nil {
		return nil, false
	}
	want := slices.Clone(s.extra)
	if a.Append {
		want = append(want, s.Groups...)
	}
	slices.Sort(want)
	want = slices.Compact(want)
	return want, !slices.Equal(want, s.Groups)
}

// setPassword gives the hash to chpasswd by its stdin: arguments can be seen by everybody.
func setPassword(a Args) modules.Step {
	in := []byte(a.Name + ":" + *a.Password + "\n")
	return modules.Step{What: "set the password of " + a.Name, Do: func(ctx context.Context, h modules.Host) error {
		out, err := h.Run(ctx, modules.Command{Argv: []string{"chpasswd", "--encrypted"}, Stdin: in})
		if err != nil {
			return err
		}
		return out.Err()
	}}
}

func lock(a Args, on bool) modules.Step {
	if on {
		return modules.Step{What: "lock the password of " + a.Name, Do: run([]string{"usermod", "--lock"}, a.Name)}
	}
	return modules.Step{What: "unlock the password of " + a.Name, Do: run([]string{"usermod", "--unlock"}, a.Name)}
}

// makeHome makes a missing home directory with the skeleton's files.
func makeHome(a Args, s State) modules.Step {
	argv := []string{"mkhomedir_helper", a.Name, "0022"}
	if a.Skeleton != "" {
		argv = append(argv, string(a.Skeleton))
	}
	home := s.Home
	if a.Home != "" {
		home = string(a.Home)
	}
	return modules.Step{What: "make home directory " + home, Do: run(argv)}
}

func days(expires float64) int64 {
	if expires < 0 {
		return -1
	}
	return int64(math.Floor(expires / 86400))
}

// date is a day as useradd takes it; "" for never.
func date(days int64) string {
	if days < 0 {
		return ""
	}
	return time.Unix(days*86400, 0).UTC().Format(time.DateOnly)
}

func never(days int64) string {
	if days < 0 {
		return "never"
	}
	return date(days)
}

// run is what a step does: one command.
func run(argv []string, more ...string) func(context.Context, modules.Host) error {
	argv = append(slices.Clone(argv), more...)
	return func(ctx context.Context, h modules.Host) error {
		out, err := h.Run(ctx, modules.Command{Argv: argv})
		if err != nil {
			return fmt.Errorf("%s: %w", argv[0], err)
		}
		return out.Err()
	}
}
