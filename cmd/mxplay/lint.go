package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
)

// lintFlags are the flags of mxplay lint.
type lintFlags struct {
	compile runner.Options
	ignore  []string
	output  string
}

func newLint(p *program) *cobra.Command {
	o := &lintFlags{}
	var rules strings.Builder
	for _, r := range runner.LintRules() {
		fmt.Fprintf(&rules, "\n  %-16s %s", r.Name, r.Doc)
	}
	c := &cobra.Command{
		Use:   "lint PLAYBOOK... [-i SOURCE]",
		Short: "look for what works but was hardly meant",
		Long: `Compiles the playbooks as mxplay run does and shows mistakes, then what works
but was hardly meant: each with its place, its line and the rule. A comment
"# noqa: RULE" silences a rule on its line, --ignore everywhere.

Rules:` + rules.String(),
		Example: `  mxplay lint site.yml -i hosts
  mxplay lint site.yml --ignore command --output json`,
		Annotations: map[string]string{"more": "Exit codes:\n  0  nothing was found\n  1  warnings\n  2  mistakes: mxplay run would refuse the input"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return badInput(errors.New("name a playbook: mxplay lint site.yml -i hosts"))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			o.compile.Playbooks = args
			return p.lint(o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&o.compile.Inventory, "inventory", "i", nil, "`SOURCE` of hosts, as of mxplay run; may be given again")
	f.StringArrayVarP(&o.compile.ExtraVars, "extra-vars", "e", nil, "`VARS` that win over all others")
	f.StringArrayVar(&o.ignore, "ignore", nil, "leave out this `RULE`; may be given again")
	f.StringArrayVar(&o.compile.RolePaths, "roles-path", nil, "further `FOLDER` with roles; may be given again")
	f.StringVar(&o.output, "output", "text", "`FORM` of what is shown: text, or json, one object a line")
	return c
}

// lint is the subcommand.
func (p *program) lint(o *lintFlags) error {
	if o.output != "text" && o.output != "json" {
		return badInput(fmt.Errorf("--output is text or json, not %s", o.output))
	}
	ignore := splitCommas(o.ignore)
	var known []string
	for _, r := range runner.LintRules() {
		known = append(known, r.Name)
	}
	for _, name := range ignore {
		if !slices.Contains(known, name) {
			return badInput(fmt.Errorf("--ignore %s: there is no such rule; there are %s", name, strings.Join(known, ", ")))
		}
	}
	x := o.compile
	x.Tasks, x.Shipped, x.ShippedName, x.Lint, x.NoHosts = p.tasks, p.shipped, "mxplay", true, len(x.Inventory) == 0
	if list := os.Getenv("MXPLAY_ROLES_PATH"); list != "" {
		x.RolePaths = append(x.RolePaths, strings.Split(list, string(os.PathListSeparator))...)
	}
	prog, err := runner.Compile(x)
	if err != nil {
		if o.output == "text" {
			p.complain(err)
			fmt.Fprintln(p.err, mistakes(err))
			return &exitError{code: report.ExitInput}
		}
		var es source.Errors
		es.Add(source.Pos{}, err)
		for _, e := range es {
			p.finding("error", "", e)
		}
		return &exitError{code: report.ExitInput}
	}
	n := 0
	for _, f := range prog.Findings {
		if slices.Contains(ignore, f.Rule) {
			continue
		}
		n++
		if o.output == "json" {
			p.finding("warning", f.Rule, f.Error)
			continue
		}
		shown := *f.Error
		shown.Msg += " [" + f.Rule + "]"
		if err := source.Render(p.out, &shown, colorful(p.out)); err != nil {
			return err
		}
	}
	switch {
	case n == 0:
		return nil
	case o.output == "text" && n == 1:
		fmt.Fprintln(p.out, "1 warning")
	case o.output == "text":
		fmt.Fprintf(p.out, "%d warnings\n", n)
	}
	return &exitError{code: report.ExitFailed}
}

// finding prints one finding as a line of JSON.
func (p *program) finding(severity, rule string, e *source.Error) {
	b, err := json.Marshal(struct {
		Severity string `json:"severity"`
		Rule     string `json:"rule,omitempty"`
		File     string `json:"file,omitempty"`
		Line     int    `json:"line,omitempty"`
		Column   int    `json:"column,omitempty"`
		Message  string `json:"message"`
		Hint     string `json:"hint,omitempty"`
	}{severity, rule, e.Pos.File, e.Pos.Line, e.Pos.Col, e.Msg, e.Hint})
	if err == nil {
		fmt.Fprintf(p.out, "%s\n", b)
	}
}
