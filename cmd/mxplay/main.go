// Command mxplay brings hosts to the state that a playbook describes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/playbooks"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
)

// version is set by the linker: -X main.version=v1.2.3.
var version string

func main() { os.Exit(mxplay(os.Args[1:], agentFiles)) }

// program is what every subcommand works with.
type program struct {
	out, err io.Writer
	tasks    []*modules.Task
	shipped  fs.FS
	agents   fs.FS
}

// mxplay runs the program and gives its exit code.
func mxplay(args []string, agents fs.FS) int {
	p := &program{out: os.Stdout, err: os.Stderr, tasks: builtin.Tasks(), shipped: playbooks.Files, agents: agents}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
	}()
	root := newRoot(p)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code *exitError
	switch {
	case err == nil:
		return report.ExitOK
	case errors.As(err, &code):
		if code.err != nil {
			p.complain(code.err)
		}
		return code.code
	}
	p.complain(commandError(err, args))
	return report.ExitInput
}

// exitError ends the program with a code; a nil err was reported already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }
func (e *exitError) Unwrap() error { return e.err }

// complain shows an error with its place, its line and its hint.
func (p *program) complain(err error) {
	var many source.Errors
	var one *source.Error
	if errors.As(err, &many) || errors.As(err, &one) {
		_ = source.Render(p.err, err, colorful(p.err))
		return
	}
	fmt.Fprintf(p.err, "mxplay: %v\n", err)
}

// badInput is an error that came before any host was touched.
func badInput(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{report.ExitInput, err}
}

func newRoot(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "mxplay",
		Short: "bring hosts to the state that a playbook describes",
		Long: `mxplay reads a playbook and brings hosts to the state it describes, over SSH.

A host needs sshd and /bin/sh, nothing else: mxplay puts a small program of its
own there and talks to it. What cannot work is refused before any host is
touched, and a task that says ok is ok: mxplay has looked again.`,
		Example: `  mxplay run site.yml -i hosts             do it
  mxplay run site.yml -i hosts -C -D       show what would change, change nothing
  mxplay run site.yml -i web1, -u admin -b on one host, as admin who may use sudo
  mxplay run mxplay:site.yml -i hosts      the homeserver that comes with mxplay
  mxplay doc systemd                       what a module takes and gives`,
		Version:       versionText(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Annotations:   map[string]string{"more": exitCodes},
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(newRun(p), newLint(p), newMigrate(p), newInventory(p), newVars(p), newFmt(p), newSchema(p), newDoc(p), newVersion(p))
	root.SetHelpTemplate(helpTemplate)
	root.SetVersionTemplate("mxplay {{.Version}}\n")
	return root
}

// exitCodes is part of the help.
const exitCodes = `Exit codes:
  0  all is well
  1  a task failed
  2  the input is wrong, no host was touched
  3  a host was unreachable
  4  interrupted`

const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}
{{if .HasAvailableSubCommands}}
Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}
{{end}}{{if .HasExample}}
Examples:
{{.Example}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsagesWrapped 100 | trimTrailingWhitespaces}}
{{end}}{{with index .Annotations "more"}}
{{.}}
{{end}}{{if .HasAvailableSubCommands}}
mxplay COMMAND --help tells more about a command.
{{end}}`
