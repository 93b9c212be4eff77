package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "show the version, and which agents are inside",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(p.out, "mxplay %s (%s, %s/%s)\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			find := agents(p.agents)
			found := false
			for _, arch := range []string{"amd64", "arm64", "arm"} {
				a, err := find(arch)
				if err == nil {
					found = true
					fmt.Fprintf(p.out, "agent linux/%-5s %s, %d bytes, %d compressed\n", arch, a.SHA256[:12], a.Size, a.Packed)
				}
			}
			if !found {
				fmt.Fprintln(p.out, "no agents inside: `make build` makes a mxplay that can work on hosts")
			}
			return nil
		},
	}
}

func versionText() string {
	if version != "" {
		return version
	}
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return b.Main.Version
	}
	return "unknown"
}
