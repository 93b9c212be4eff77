package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxplay/mxplay/runner/migrate"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
)

// migrateFlags are the flags of mxplay migrate.
type migrateFlags struct {
	dir       string
	summary   bool
	rolePaths []string
}

func newMigrate(p *program) *cobra.Command {
	o := &migrateFlags{}
	c := &cobra.Command{
		Use:   "migrate SITE.yml|ROLE... [-o DIR]",
		Short: "bring a playbook or a role of Ansible's over",
		Long: `Reads a playbook of Ansible's with what belongs to it, or a role's folder, and
writes it in the language of mxplay: expressions and template files, modules and
their arguments, with_ loops, key=value arguments. Comments and layout stay, and
what is read is never changed. Without -o nothing is written.

What came over is compiled, and what a person must look at is told with its
place in the new files: "refused" has no form here and stays as it was, with a
comment above it; "look" came over and may mean something else; "other" is for
other systems than Debian and became a comment.`,
		Example: `  mxplay migrate roles/nginx                     what would come over
  mxplay migrate site.yml -o ../site-mxplay      write it into a new folder
  mxplay migrate --summary roles/*               the share of each role`,
		Annotations: map[string]string{"more": `Exit codes:
  0  all of it came over and compiles
  1  something has to be written by hand
  2  the input could not be read, or DIR is there already`},
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return badInput(errors.New("name a playbook or a role's folder: mxplay migrate site.yml -o DIR"))
			case len(args) > 1 && o.dir != "":
				return badInput(errors.New("-o takes one playbook or role at a time"))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return p.migrate(args, o) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&o.dir, "output-dir", "o", "", "write into this `DIR`, which must not be there yet")
	f.BoolVar(&o.summary, "summary", false, "one line for each role: the share of tasks and expressions that came over")
	f.StringArrayVar(&o.rolePaths, "roles-path", nil, "further `FOLDER` with roles, in the form of mxplay; may be given again")
	return c
}

// migrate is the subcommand.
func (p *program) migrate(args []string, o *migrateFlags) error {
	whole := true
	var sum migrate.Report
	roles := 0
	for _, path := range args {
		reports, left, err := p.migrateOne(path, o)
		if err != nil {
			return badInput(err)
		}
		for _, r := range reports {
			whole = whole && r.Whole
			roles++
			sum.Tasks, sum.Came, sum.Left = sum.Tasks+r.Tasks, sum.Came+r.Came, sum.Left+r.Left
			sum.Exprs, sum.ExprsCame = sum.Exprs+r.Exprs, sum.ExprsCame+r.ExprsCame
			p.migrated(r, o.summary)
		}
		if len(left) > 0 && !o.summary {
			fmt.Fprintf(p.out, "not brought over: %s\n", strings.Join(left, ", "))
		}
	}
	if roles > 1 {
		sum.Name = fmt.Sprintf("all %d", roles)
		fmt.Fprintln(p.out, shares(&sum))
	}
	if o.dir != "" {
		fmt.Fprintf(p.out, "written to %s\n", source.ShortName(o.dir))
	}
	if !whole {
		return &exitError{code: report.ExitFailed}
	}
	return nil
}

// migrateOne brings one playbook or role over.
func (p *program) migrateOne(path string, o *migrateFlags) ([]*migrate.Report, []string, error) {
	m, err := migrate.New(filepath.Clean(path), p.tasks)
	if err != nil {
		return nil, nil, err
	}
	if o.dir != "" {
		if _, err := os.Lstat(o.dir); err == nil {
			return nil, nil, source.Errorf(source.Pos{File: source.ShortName(o.dir)}, "is there already; nothing was written").WithHint("name a folder that is not there")
		}
	}
	if err := m.Read(); err != nil {
		return nil, nil, err
	}
	if len(m.Files()) == 0 {
		return nil, nil, source.Errorf(source.Pos{File: source.ShortName(path)}, "nothing of Ansible's is in here")
	}
	scratch, err := os.MkdirTemp("", "mxplay-migrate-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(scratch)
	reports, err := m.Check(scratch, o.rolePaths)
	if err == nil && o.dir != "" {
		err = m.Write(o.dir)
	}
	return reports, m.Left, err
}

// shares is the line that sums a report up.
func shares(r *migrate.Report) string {
	s := fmt.Sprintf("%s: %d of %d tasks (%s) and %d of %d expressions (%s) came over", r.Name,
		r.Came, r.Tasks, percent(r.Came, r.Tasks), r.ExprsCame, r.Exprs, percent(r.ExprsCame, r.Exprs))
	switch {
	case r.Left == 1:
		s += "; 1 task is for other systems"
	case r.Left > 1:
		s += fmt.Sprintf("; %d tasks are for other systems", r.Left)
	}
	return s
}

// percent never says 100 where something is missing.
func percent(part, all int) string {
	if part == all {
		return "100%"
	}
	return fmt.Sprintf("%d%%", min(99, part*100/all))
}

// migrated shows what became of a role.
func (p *program) migrated(r *migrate.Report, summary bool) {
	fmt.Fprintln(p.out, shares(r))
	if summary {
		return
	}
	words := map[migrate.Level]string{migrate.Look: "look", migrate.Other: "other", migrate.Refused: "refused"}
	for _, n := range r.Notes {
		fmt.Fprintf(p.out, "  %s: %s: %s\n", n.Pos, words[n.Level], n.Msg)
		for i, line := range strings.Split(n.Way, "\n") {
			switch {
			case n.Way == "":
			case i == 0:
				fmt.Fprintf(p.out, "    hint: %s\n", line)
			default:
				fmt.Fprintf(p.out, "          %s\n", line)
			}
		}
	}
	if len(r.Inputs) > 0 {
		fmt.Fprintf(p.out, "  the caller has to set: %s\n", strings.Join(r.Inputs, ", "))
	}
}
