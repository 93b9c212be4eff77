package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

func newVars(p *program) *cobra.Command {
	var x runner.Options
	output := "text"
	c := &cobra.Command{
		Use:   "vars HOST [NAME] [PLAYBOOK...] -i SOURCE",
		Short: "show where a host's variables are set, and which place wins",
		Long: `Shows every place that sets a variable of a host, the strongest first, with * at
the one that wins before any task runs. What only some tasks see, and what a task
sets when it is reached, says so. Without a NAME all variables are shown, each
with the place that wins. No host is touched.

With playbooks (names that end in .yml or .yaml) their plays, roles and tasks
count too, for each play that the host is in.`,
		Example: `  mxplay vars web1 -i hosts
  mxplay vars web1 http_port site.yml -i hosts
  mxplay vars web1 http_port site.yml -i hosts -e http_port=81 --output json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return badInput(errors.New("name a host: mxplay vars web1 -i hosts"))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return badInput(fmt.Errorf("--output is text or json, not %s", output))
			}
			name := ""
			for _, a := range args[1:] {
				switch ext := filepath.Ext(a); {
				case ext == ".yml" || ext == ".yaml" || strings.ContainsAny(a, "/:"):
					x.Playbooks = append(x.Playbooks, a)
				case name == "":
					name = a
				default:
					return badInput(fmt.Errorf("one variable at a time: %s or %s (a playbook ends in .yml)", name, a))
				}
			}
			x.Tasks, x.Shipped, x.ShippedName = p.tasks, p.shipped, "mxplay"
			prog, err := runner.Compile(x)
			if err != nil {
				return badInput(err)
			}
			es, err := prog.Explain(args[0], name)
			if err != nil {
				return badInput(err)
			}
			if output == "json" {
				return p.varsJSON(args[0], es)
			}
			p.varsText(args[0], name, es)
			return nil
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&x.Inventory, "inventory", "i", nil, "`SOURCE` of hosts: file, folder, program, or names with commas between; may be given again")
	f.StringArrayVarP(&x.ExtraVars, "extra-vars", "e", nil, "`VARS` that win over all others: name=value, {json}, or @FILE")
	f.StringArrayVar(&x.RolePaths, "roles-path", nil, "further `FOLDER` with roles; may be given again")
	f.StringVar(&output, "output", "text", "`FORM` of what is shown: text or json")
	return c
}

// varsText shows explanations to a person.
func (p *program) varsText(host, name string, es []runner.Explanation) {
	play := source.Pos{Line: -1}
	for _, e := range es {
		if e.PlayPos != play {
			if play.Line >= 0 {
				fmt.Fprintln(p.out)
			}
			play = e.PlayPos
			if e.Play == "" {
				fmt.Fprintf(p.out, "host %s\n", host)
			} else {
				fmt.Fprintf(p.out, "host %s in play %s, %s\n", host, e.Play, e.PlayPos)
			}
		}
		if name == "" {
			p.varsLine(e)
			continue
		}
		var rows [][3]string
		for _, s := range e.Settings {
			mark := "  "
			if s.Wins {
				mark = "* "
			}
			rows = append(rows, [3]string{mark + levelText(s), placeOf(s), s.Text + remark(s.Within)})
		}
		columns(p, rows)
		if e.Known {
			fmt.Fprintf(p.out, "= %s\n", value.Short(e.Value, 2000))
		}
	}
}

// varsLine shows one variable of many: what wins, and where it is set.
func (p *program) varsLine(e runner.Explanation) {
	for _, s := range e.Settings {
		if !s.Wins {
			continue
		}
		if strings.HasPrefix(s.Level, "magic") {
			return
		}
		fmt.Fprintf(p.out, "  %s = %s  (%s, %s)\n", e.Name, s.Text, levelText(s), placeOf(s))
		return
	}
	s := e.Settings[0]
	fmt.Fprintf(p.out, "  %s: %s, %s\n", e.Name, s.Within, placeOf(s))
}

func levelText(s runner.Setting) string {
	if s.Name == "" || s.Name == s.Pos.File || strings.Contains(s.Level, s.Name) {
		return s.Level
	}
	return s.Level + ": " + s.Name
}

func placeOf(s runner.Setting) string {
	if s.Pos.IsZero() {
		return "-"
	}
	return s.Pos.String()
}

func remark(within string) string {
	if within == "" {
		return ""
	}
	return "   " + within
}

// columns prints rows with their first two columns aligned.
func columns(p *program, rows [][3]string) {
	var a, b int
	for _, r := range rows {
		a, b = max(a, len([]rune(r[0]))), max(b, len([]rune(r[1])))
	}
	for _, r := range rows {
		fmt.Fprintf(p.out, "%-*s  %-*s  %s\n", a, r[0], b, r[1], r[2])
	}
}

// varsJSON prints a list of variables.
func (p *program) varsJSON(host string, es []runner.Explanation) error {
	out := value.List{}
	for _, e := range es {
		m := value.MapOf("host", host, "name", e.Name)
		if e.Play != "" {
			m.Set("play", e.Play)
			m.Set("play_at", e.PlayPos.String())
		}
		settings := value.List{}
		for _, s := range e.Settings {
			x := value.MapOf("level", s.Level, "source", s.Name, "file", s.Pos.File, "line", int64(s.Pos.Line), "column", int64(s.Pos.Col), "value", s.Text, "wins", s.Wins)
			if s.Within != "" {
				x.Set("within", s.Within)
			}
			settings = append(settings, x)
		}
		m.Set("settings", settings)
		if e.Known {
			m.Set("value", e.Value)
		}
		out = append(out, m)
	}
	b, err := value.JSON(out)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%s\n", b)
	return err
}
