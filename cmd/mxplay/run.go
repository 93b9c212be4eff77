package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/remote"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
)

// runFlags are the flags of mxplay run, in Ansible's words.
type runFlags struct {
	compile runner.Options

	listHosts, listTasks, listTags, syntax bool
	check, diff                            bool
	forks, verbose                         int
	askBecome, askPass                     bool
	becomeFile, passFile                   string
	pending, step                          bool
	output                                 string
	timeout                                int
	silence                                time.Duration
	hostKeys                               string
}

func newRun(p *program) *cobra.Command {
	o := &runFlags{}
	c := &cobra.Command{
		Use:   "run PLAYBOOK... -i SOURCE",
		Short: "bring hosts to the state that playbooks describe",
		Long: `Reads the playbooks and all that they name, checks everything, and only then
connects to the hosts and brings them to the state described.

With -C nothing is changed: what would be is shown, step by step with -D. The
playbooks that come with mxplay are named mxplay:NAME, as in mxplay:site.yml.`,
		Example: `  mxplay run site.yml -i hosts
  mxplay run site.yml -i hosts -l web1 -t nginx -C -D
  mxplay run site.yml -i 192.0.2.7, -u admin -b -K -e domain=example.org
  mxplay run site.yml -i hosts --list-tasks`,
		Annotations: map[string]string{"more": exitCodes},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return badInput(errors.New("name a playbook: mxplay run site.yml -i hosts"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.compile.Playbooks = args
			if note := unread(c.Flags()); note != "" {
				fmt.Fprintln(p.err, "note: "+strings.ReplaceAll(note, "\n", "\nnote: "))
			}
			return p.run(c.Context(), o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.SetNormalizeFunc(alias)
	x := &o.compile
	f.StringArrayVarP(&x.Inventory, "inventory", "i", nil, "`SOURCE` of hosts: file, folder, program, or names with commas between; may be given again")
	f.StringArrayVarP(&x.Limit, "limit", "l", nil, "only hosts of this `PATTERN`; @FILE reads it from a file, @failed are the hosts that failed or were unreachable in the last run of the same playbooks and inventory (a file of that name is @./failed)")
	f.StringArrayVarP(&x.ExtraVars, "extra-vars", "e", nil, "`VARS` that win over all others: name=value, {json}, or @FILE")
	f.StringArrayVarP(&x.Tags, "tags", "t", nil, "only tasks with one of these `TAGS`")
	f.StringArrayVar(&x.SkipTags, "skip-tags", nil, "no tasks with one of these `TAGS`")
	f.BoolVarP(&o.check, "check", "C", false, "change nothing, show what would change")
	f.BoolVarP(&o.diff, "diff", "D", false, "show what changes line by line")
	f.BoolVar(&o.listHosts, "list-hosts", false, "show the hosts of each play and end")
	f.BoolVar(&o.listTasks, "list-tasks", false, "show the tasks of each play and end")
	f.BoolVar(&o.listTags, "list-tags", false, "show the tags of each play and end")
	f.BoolVar(&o.syntax, "syntax-check", false, "check the playbooks and end")
	f.StringVar(&x.StartAt, "start-at-task", "", "begin with the first task of this `NAME`, which may be a pattern or \"role : name\"; what stands before it does not run")
	f.BoolVar(&o.step, "step", false, "ask before each task: y runs it, n does not, c runs it and all that follow")
	f.IntVarP(&o.forks, "forks", "f", 50, "at most `N` hosts at work at a time")
	f.BoolVar(&x.ForceHandlers, "force-handlers", false, "run a host's handlers even when a task failed there")
	f.BoolVar(&o.pending, "pending-handlers", false, "run the handlers too that an earlier run notified on a host and did not come to run there")
	f.StringVarP(&x.User, "user", "u", "", "log in as `NAME`")
	f.StringVarP(&x.Connection, "connection", "c", "", "`KIND` of connection: ssh or local")
	f.StringVar(&x.KeyFile, "private-key", "", "log in with the key in `FILE`")
	f.BoolVarP(&o.askPass, "ask-pass", "k", false, "ask for the password to log in with")
	f.StringVar(&o.passFile, "connection-password-file", "", "read that password from `FILE`")
	f.StringVar(&x.SSHArgs, "ssh-common-args", "", "`ARGS` of ssh, such as \"-J bastion\" or \"-o ProxyCommand=...\"")
	f.BoolVarP(&x.Become, "become", "b", false, "work as another account: root, unless --become-user names one")
	f.StringVar(&x.BecomeUser, "become-user", "", "work as `NAME`")
	f.StringVar(&x.BecomeMethod, "become-method", "", "`HOW` to get there: sudo, su or doas")
	f.BoolVarP(&o.askBecome, "ask-become-pass", "K", false, "ask for the password of the become method")
	f.StringVar(&o.becomeFile, "become-password-file", "", "read that password from `FILE`")
	f.StringVar(&o.hostKeys, "host-key-checking", "", "what to do about hosts that known_hosts does not know: `HOW` is yes (refuse), accept-new or no")
	f.IntVarP(&o.timeout, "timeout", "T", 0, "`SECONDS` that a connection may take to stand; 10 unless ssh's configuration says otherwise")
	f.DurationVar(&o.silence, "silence", 30*time.Second, "`TIME` without a sign of life after which the other side is taken for gone")
	f.StringArrayVar(&x.RolePaths, "roles-path", nil, "further `FOLDER` with roles; may be given again")
	f.CountVarP(&o.verbose, "verbose", "v", "show results; -vv arguments and places too, -vvv times too")
	f.StringVar(&o.output, "output", "text", "`FORM` of what is shown: text, or json, one object a line")
	p.completeRun(c, o)
	return c
}

// run is the subcommand.
func (p *program) run(ctx context.Context, o *runFlags) error {
	if o.output != "text" && o.output != "json" {
		return badInput(fmt.Errorf("--output is text or json, not %s", o.output))
	}
	for _, f := range []struct{ flag, value, words string }{
		{"--connection", o.compile.Connection, "ssh local smart paramiko"},
		{"--become-method", o.compile.BecomeMethod, "sudo su doas"},
		{"--host-key-checking", o.hostKeys, "yes accept-new no"},
	} {
		if f.value != "" && !slices.Contains(strings.Fields(f.words), f.value) {
			return badInput(fmt.Errorf("%s is one of %s, not %s", f.flag, strings.ReplaceAll(f.words, " ", ", "), f.value))
		}
	}
	if o.forks < 1 {
		return badInput(errors.New("--forks must be 1 at least"))
	}
	x := o.compile
	x.Limit = slices.Clone(x.Limit)
	if err := withFailed(&x); err != nil {
		return badInput(err)
	}
	x.Tags, x.SkipTags = splitCommas(x.Tags), splitCommas(x.SkipTags)
	x.Tasks, x.Shipped, x.ShippedName = p.tasks, p.shipped, "mxplay"
	x.NoHosts = o.syntax
	if o.listTags && len(x.Tags)+len(x.SkipTags) == 0 {
		x.Tags = []string{"never", "all"} // as in Ansible, all tags there are
	}
	if list := os.Getenv("MXPLAY_ROLES_PATH"); list != "" {
		x.RolePaths = append(x.RolePaths, strings.Split(list, string(os.PathListSeparator))...)
	}
	prog, err := compile(x)
	if err != nil {
		p.complain(err)
		fmt.Fprintf(p.err, "%s; nothing was touched\n", mistakes(err))
		return &exitError{code: report.ExitInput}
	}
	if o.syntax || o.listHosts || o.listTasks || o.listTags {
		for _, w := range prog.Warnings {
			p.warn(w)
		}
		return p.list(prog, o)
	}
	return p.carryOut(ctx, prog, o)
}

// compile compiles with a collector less zealous than usual: nearly all that is
// made stays, and to look at it again and again costs a good part of the time.
func compile(o runner.Options) (*runner.Program, error) {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(300))
	}
	return runner.Compile(o)
}

// list answers the flags that look at a program without running it.
func (p *program) list(prog *runner.Program, o *runFlags) error {
	if o.syntax {
		for _, name := range o.compile.Playbooks {
			fmt.Fprintf(p.out, "\nplaybook: %s\n", name)
		}
	}
	if o.listHosts || o.listTasks || o.listTags {
		return prog.List(p.out, o.listHosts, o.listTasks, o.listTags)
	}
	return nil
}

func (p *program) warn(w *source.Error) {
	fmt.Fprint(p.err, "warning: ")
	_ = source.Render(p.err, w, colorful(p.err))
}

// mistakes says how many an error holds.
func mistakes(err error) string {
	var many source.Errors
	many.Add(source.Pos{}, err)
	if len(many) == 1 {
		return "1 mistake"
	}
	return fmt.Sprintf("%d mistakes", len(many))
}

// carryOut runs the program on its hosts.
func (p *program) carryOut(ctx context.Context, prog *runner.Program, o *runFlags) error {
	redact := &report.Redactor{}
	var rep report.Reporter
	var term *report.Terminal
	if o.output == "json" {
		rep = report.NewLines(p.out, redact, nil)
	} else {
		term = report.New(report.Options{
			Out: p.out, Color: colorful(p.out), Live: isTerminal(p.out) && os.Getenv("TERM") != "dumb",
			Width: width(p.out), Verbose: o.verbose, Redact: redact,
		})
		rep = term
	}
	defer rep.Close()
	step, err := stepper(o.step, term)
	if err != nil {
		return badInput(err)
	}
	prompt := func(text string) (string, error) {
		if term != nil {
			defer term.Pause()()
		}
		return ask(text)
	}
	secret := func(get func() (string, error)) func() (string, error) {
		if get == nil {
			return nil
		}
		return func() (string, error) {
			if term != nil {
				defer term.Pause()()
			}
			s, err := get()
			if err == nil {
				redact.Add(s)
			}
			return s, err
		}
	}
	ro := runner.RunOptions{
		Check: o.check, Diff: o.diff, Verbose: o.verbose, Forks: o.forks, PendingHandlers: o.pending, Report: rep, Redact: redact,
		BecomePassword: secret(asker(o.becomeFile, o.askBecome, "become password:")),
		Password:       secret(asker(o.passFile, o.askPass, "ssh password:")),
		Prompt:         prompter(term),
		Step:           step,
		Remote: remote.Options{
			Agents: agents(p.agents), Ask: prompt, Silence: o.silence, Redial: time.Minute,
			ConnectTimeout: time.Duration(o.timeout) * time.Second, HostKeyChecking: o.hostKeys,
			Notice: func(host, text string) { rep.Notice(&report.Notice{Level: "note", Host: host, Text: text}) },
		},
	}
	sum, err := prog.Run(ctx, ro)
	p.remember(o, sum)
	if err != nil {
		if errors.Is(err, runner.ErrInterrupted) {
			return &exitError{code: report.ExitInterrupted}
		}
		p.complain(err)
		return &exitError{code: report.ExitInput}
	}
	if code := sum.Exit(); code != report.ExitOK {
		return &exitError{code: code}
	}
	return nil
}

// splitCommas takes "a,b" apart.
func splitCommas(list []string) []string {
	var out []string
	for _, s := range list {
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}
