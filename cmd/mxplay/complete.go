package main

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner"
)

// What a shell is offered behind the flags of mxplay run. A site that does not
// compile offers nothing; it is no place for messages.

// completeRun says what stands behind the flags of mxplay run.
func (p *program) completeRun(c *cobra.Command, o *runFlags) {
	type offer func(args []string) []string
	plain := func(words ...string) offer { return func([]string) []string { return words } }
	for flag, offer := range map[string]offer{
		"limit":             func([]string) []string { return inventoryNames(o.compile.Inventory, true) },
		"tags":              func(args []string) []string { return p.siteWords(args, o, (*runner.Program).Tags) },
		"skip-tags":         func(args []string) []string { return p.siteWords(args, o, (*runner.Program).Tags) },
		"start-at-task":     func(args []string) []string { return p.siteWords(args, o, (*runner.Program).TaskNames) },
		"connection":        plain("ssh", "local"),
		"become-method":     plain("sudo", "su", "doas"),
		"host-key-checking": plain("yes", "accept-new", "no"),
		"output":            plain("text", "json"),
	} {
		_ = c.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			return afterComma(offer(args), begun), cobra.ShellCompDirectiveNoFileComp
		})
	}
	c.ValidArgsFunction = func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		var shipped []string
		books, _ := fs.Glob(p.shipped, "*.yml")
		for _, book := range books {
			if name := "mxplay:" + book; strings.HasPrefix(name, begun) {
				shipped = append(shipped, name)
			}
		}
		if len(shipped) > 0 {
			return shipped, cobra.ShellCompDirectiveDefault
		}
		return []string{"yml", "yaml"}, cobra.ShellCompDirectiveFilterFileExt
	}
}

// afterComma offers words behind those of a list that stand already.
func afterComma(words []string, begun string) []string {
	i := strings.LastIndexByte(begun, ',')
	if i < 0 {
		return words
	}
	var out []string
	for _, w := range words {
		out = append(out, begun[:i+1]+w)
	}
	return out
}

// inventoryNames are the hosts of an inventory, and its groups.
func inventoryNames(sources []string, groups bool) []string {
	inv, err := inventory.Load(sources, inventory.Options{})
	if err != nil {
		return nil
	}
	var out []string
	for _, h := range inv.Hosts {
		out = append(out, h.Name)
	}
	if groups {
		for _, g := range inv.Groups {
			out = append(out, g.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// siteWords are words of a site, such as its tags.
func (p *program) siteWords(playbooks []string, o *runFlags, of func(*runner.Program) []string) []string {
	if len(playbooks) == 0 {
		return nil
	}
	prog, err := runner.Compile(runner.Options{
		Playbooks: playbooks, Inventory: o.compile.Inventory, ExtraVars: o.compile.ExtraVars, RolePaths: o.compile.RolePaths,
		Tasks: p.tasks, Shipped: p.shipped, ShippedName: "mxplay", NoHosts: true,
	})
	if err != nil {
		return nil
	}
	return of(prog)
}
