package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/source"
)

func newInventory(p *program) *cobra.Command {
	var o struct {
		sources, extra    []string
		list, graph, yaml bool
		host              string
		view              inventory.View
	}
	c := &cobra.Command{
		Use:   "inventory -i SOURCE... --list | --host NAME | --graph [GROUP]",
		Short: "show hosts, groups and variables as ansible-inventory does",
		Long: `Shows what an inventory says: all of it as JSON or YAML (--list), the variables of one
host (--host), or the tree of groups (--graph). The answers are those that
ansible-inventory gives for the same files.`,
		Example: `  mxplay inventory -i hosts --list
  mxplay inventory -i hosts --host web1
  mxplay inventory -i hosts --graph --vars`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && !o.graph {
				return badInput(errors.New("a group is for --graph only"))
			}
			if len(args) == 1 {
				o.view.Group = args[0]
			}
			actions := 0
			for _, on := range []bool{o.list, o.graph, o.host != ""} {
				if on {
					actions++
				}
			}
			if actions != 1 {
				return badInput(errors.New("one of --list, --host and --graph says what to show"))
			}
			if o.yaml && o.graph {
				return badInput(errors.New("--yaml is for --list and --host"))
			}
			var err error
			if o.view.Extra, err = runner.ExtraVars(o.extra); err != nil {
				return badInput(err)
			}
			inv, err := inventory.Load(o.sources, inventory.Options{Extra: o.view.Extra})
			if err != nil {
				return badInput(err)
			}
			for _, w := range inv.Warnings {
				_ = source.Render(p.err, w, colorful(p.err))
			}
			var out []byte
			switch {
			case o.list && o.yaml:
				out, err = inventory.ListYAML(inv, o.view)
			case o.list:
				out, err = inventory.ListJSON(inv, o.view)
			case o.graph:
				out, err = inventory.Graph(inv, o.view)
			case o.yaml:
				out, err = inventory.HostYAML(inv, o.host, o.view)
			default:
				out, err = inventory.HostJSON(inv, o.host, o.view)
			}
			if err != nil {
				return badInput(err)
			}
			if n := len(out); n > 0 && out[n-1] != '\n' {
				out = append(out, '\n')
			}
			_, err = p.out.Write(out)
			return err
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&o.sources, "inventory", "i", nil, "`SOURCE` of hosts: file, folder, program, or names with commas between; may be given again")
	f.BoolVar(&o.list, "list", false, "all hosts, groups and variables as JSON")
	f.BoolVarP(&o.yaml, "yaml", "y", false, "as YAML; that of --list can be an inventory itself")
	f.StringVar(&o.host, "host", "", "the variables of the host `NAME` as JSON")
	f.BoolVar(&o.graph, "graph", false, "the tree of groups")
	f.BoolVar(&o.view.ShowVars, "vars", false, "with --graph: variables too")
	f.BoolVar(&o.view.Export, "export", false, "with --list: variables where they are set")
	f.StringVarP(&o.view.Limit, "limit", "l", "", "only hosts of the `PATTERN`")
	f.StringVar(&o.view.PlaybookDir, "playbook-dir", "", "`FOLDER` whose group_vars and host_vars count too")
	f.StringArrayVarP(&o.extra, "extra-vars", "e", nil, "`VARS` that win over all others: name=value, {json}, or @FILE")
	_ = c.MarkFlagRequired("inventory")
	names := func(groups bool) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return inventoryNames(o.sources, groups), cobra.ShellCompDirectiveNoFileComp
		}
	}
	_ = c.RegisterFlagCompletionFunc("host", names(false))
	_ = c.RegisterFlagCompletionFunc("limit", names(true))
	return c
}
