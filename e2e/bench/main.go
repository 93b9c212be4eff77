// Command bench measures a run of mxplay that changes nothing against the same
// work done by Ansible, by Ansible with mitogen, and by a shell script that
// only looks: the floor that a person could write by hand.
//
// All four go to one Debian host of the lab that is already in the state
// described, in rounds, so that whatever else the machine does meets all alike.
// It needs root, as the lab does, and bin/mxplay (make build).
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mxplay/mxplay/e2e/lab"
)

type options struct {
	mxplay  string // the program to measure
	suite   string
	rounds  int
	warm    int
	ansible bool
	keep    bool
	update  string // a README whose table is replaced
	limits  bool   // the promises hold, or it fails
}

func main() {
	var o options
	flag.StringVar(&o.mxplay, "mxplay", cmp.Or(os.Getenv("MXPLAY_BIN"), "bin/mxplay"), "the `program` to measure")
	flag.StringVar(&o.suite, "suite", "trixie", "`release` of Debian on the host")
	flag.IntVar(&o.rounds, "rounds", 7, "rounds that count")
	flag.IntVar(&o.warm, "warm", 1, "rounds before them that do not")
	flag.BoolVar(&o.ansible, "ansible", true, "measure Ansible too")
	flag.BoolVar(&o.keep, "keep", false, "leave the host up: the next bench takes it as it is; lab down removes it")
	flag.StringVar(&o.update, "update", "", "put the table into the `README` given")
	flag.BoolVar(&o.limits, "limits", false, "fail when mxplay takes more than 1.2 times the script, or Ansible less than 30 times mxplay")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, o options, out io.Writer) (err error) {
	if o.mxplay, err = filepath.Abs(o.mxplay); err != nil {
		return err
	}
	if _, err := os.Stat(o.mxplay); err != nil {
		return fmt.Errorf("%w (make build makes it)", err)
	}
	dir, err := os.MkdirTemp("", "mxplay-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := unpack(dir); err != nil {
		return err
	}
	c, err := lab.FromEnv()
	if err != nil {
		return err
	}
	c.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	if o.keep {
		c.Group, c.Owner = "bench", 0
	}
	l, err := c.Up(ctx, lab.Spec{Name: "bench", Suite: o.suite})
	if err != nil {
		return err
	}
	if !o.keep {
		defer func() { err = errors.Join(err, l.Close(context.WithoutCancel(ctx))) }()
	}
	all := []*contestant{script(l, dir), mxplay(l, o.mxplay, dir)}
	if o.ansible {
		a, err := ansible(ctx, c, l, dir)
		if err != nil {
			return err
		}
		defer a.close()
		all = append(all, a.plain(), a.mitogen())
	}
	if err := prepare(ctx, l, all, o); err != nil {
		return err
	}
	if err := contest(ctx, all, o.warm, o.rounds); err != nil {
		return err
	}
	rows := table(all)
	fmt.Fprint(out, asText(rows))
	if o.update != "" {
		if err := update(o.update, rows); err != nil {
			return err
		}
	}
	if o.limits {
		return held(rows)
	}
	return nil
}

// prepare brings the host to the state that is measured, by mxplay, and makes
// sure that everyone takes it for right.
func prepare(ctx context.Context, l *lab.Lab, all []*contestant, o options) error {
	if o.ansible { // Ansible's modules are Python
		const install = "command -v python3 >/dev/null || { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install python3 python3-apt; }"
		if _, err := l.SSH(ctx, "bench", install); err != nil {
			return err
		}
	}
	const lists = "ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || apt-get -q update; command -v openssl >/dev/null || apt-get -q -y install openssl"
	if _, err := l.SSH(ctx, "bench", lists); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "applying the workload")
	for _, c := range all {
		if c.name == nameMxplay {
			if _, err := c.run(ctx); err != nil {
				return err
			}
		}
	}
	for _, c := range all {
		text, err := c.run(ctx)
		if err == nil && !strings.Contains(text, c.same) {
			err = fmt.Errorf("it changed something:\n%s", text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}
