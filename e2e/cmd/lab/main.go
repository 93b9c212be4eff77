// Command lab runs real Debian hosts on this machine; see package lab.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mxplay/mxplay/e2e/lab"
)

const usage = `usage: lab up [--host NAME:SUITE[:ALIAS,ALIAS...]]...
       lab down [--cache | NAME...]
       lab status
       lab reset NAME...
       lab ssh [USER@]NAME [COMMAND...]
       lab exec NAME COMMAND...
       lab ansible

Real Debian hosts (suites bookworm, trixie and sid) on a bridge of this machine.
up boots the hosts that do not run yet; without --host it is demo:sid. down ends
some or all and leaves no trace but the cache of root file systems and downloads;
--cache removes that too. reset boots a host bare again. The accounts are root,
admin (sudo with the password "` + lab.Password + `") and ops (sudo without).
ansible prints the root of a tree with trixie's ansible-core, which it builds
if there is none: conformance tests are recorded in it.

environment:
  MXPLAY_LAB_MIRROR  Debian mirror (the one in this machine's apt sources)
  MXPLAY_LAB_CACHE   cache directory (/var/cache/mxplay-lab)
  MXPLAY_LAB_NET     hosts are 10.NET.0.2 and up (88)
`

// errUsage is a command line that means nothing.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case errors.As(err, &exit) && exit.ExitCode() > 0 && len(os.Args) > 1 && os.Args[1] == "ssh":
		os.Exit(exit.ExitCode())
	default:
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	c, err := lab.FromEnv()
	if err != nil {
		return err
	}
	c.Group, c.Owner = lab.Main, 0
	c.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, "lab: "+format+"\n", args...) }
	if len(args) == 0 {
		return errUsage
	}
	switch verb, args := args[0], args[1:]; verb {
	case "up":
		return up(ctx, c, args)
	case "down":
		return down(ctx, c, args)
	case "status":
		return status(c)
	case "reset":
		return reset(ctx, c, args)
	case "ssh":
		return ssh(ctx, c, args)
	case "exec":
		return execute(ctx, c, args)
	case "ansible":
		root, err := c.AnsibleTree(ctx)
		if err == nil {
			fmt.Println(root)
		}
		return err
	case "serve":
		return c.Serve(ctx)
	case "help", "--help", "-h":
		fmt.Print(usage)
		return nil
	}
	return errUsage
}

func up(ctx context.Context, c lab.Config, args []string) error {
	var specs []lab.Spec
	for len(args) > 0 {
		arg, ok := strings.CutPrefix(args[0], "--host=")
		args = args[1:]
		if !ok {
			if arg != "--host" || len(args) == 0 {
				return errUsage
			}
			arg, args = args[0], args[1:]
		}
		s, err := parseSpec(arg)
		if err != nil {
			return err
		}
		specs = append(specs, s)
	}
	if specs == nil {
		specs = []lab.Spec{{Name: "demo", Suite: "sid"}}
	}
	l, err := c.Up(ctx, specs...)
	if err != nil {
		return err
	}
	for _, h := range l.Hosts {
		fmt.Printf("%-12s %-12s %s\n", h.Name, h.Addr, h.Suite)
	}
	describe(l)
	return nil
}

func parseSpec(arg string) (lab.Spec, error) {
	f := strings.SplitN(arg, ":", 3)
	if len(f) < 2 {
		return lab.Spec{}, fmt.Errorf("--host %s: want NAME:SUITE", arg)
	}
	s := lab.Spec{Name: f[0], Suite: f[1]}
	if len(f) == 3 {
		s.Aliases = strings.Split(f[2], ",")
	}
	return s, nil
}

func describe(l *lab.Lab) {
	fmt.Println("inventory   ", l.Inventory)
	fmt.Println("ssh config  ", l.SSHConfig)
	fmt.Println("key         ", l.KeyFile)
	fmt.Println("known hosts ", l.KnownHosts)
	fmt.Println("mirror      ", l.Mirror)
	fmt.Println("stand-in    ", l.StandIn, "signed by", l.Fingerprint)
}

func down(ctx context.Context, c lab.Config, args []string) error {
	if len(args) == 1 && args[0] == "--cache" {
		if err := c.Down(ctx); err != nil {
			return err
		}
		return c.DropCache()
	}
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			return errUsage
		}
	}
	if len(args) > 0 {
		return c.DownHosts(ctx, args...)
	}
	return c.Down(ctx)
}

func status(c lab.Config) error {
	states, err := c.Status()
	if err != nil {
		return err
	}
	for _, s := range states {
		fmt.Printf("%-12s %-12s %-9s %-8s %s\n", s.Name, s.Addr, s.Suite, s.State, s.Group)
	}
	if l, err := c.Attach(); err == nil {
		describe(l)
	}
	return nil
}

func reset(ctx context.Context, c lab.Config, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	l, err := c.Attach()
	if err != nil {
		return err
	}
	for _, name := range args {
		if err := l.Reset(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func ssh(ctx context.Context, c lab.Config, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	l, err := c.Attach()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "ssh", append([]string{"-F", l.SSHConfig}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

func execute(ctx context.Context, c lab.Config, args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	l, err := c.Attach()
	if err != nil {
		return err
	}
	out, err := l.Exec(ctx, args[0], args[1:]...)
	fmt.Print(out)
	return err
}
