// Command mxplay-agent is the side of mxplay that runs on a host. It is
// started by mxplay over SSH, speaks its protocol on stdin and stdout, and
// ends with its connection. It is not meant to be called by hand.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/runner/agent"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	switch {
	case len(args) >= 1 && args[0] == "serve":
		return serve()
	case len(args) == 2 && args[0] == "job":
		// The keeper of a job: it has nothing to do with any connection.
		agent.Settle()
		if err := agent.KeepJob(args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "mxplay-agent: job:", err)
			return 1
		}
		return 0
	case len(args) == 2 && args[0] == "async":
		agent.Settle()
		if err := agent.KeepAsync(args[1], agent.Options{Tasks: builtin.Tasks(), Log: os.Stderr}); err != nil {
			fmt.Fprintln(os.Stderr, "mxplay-agent: async:", err)
			return 1
		}
		return 0
	case len(args) == 2 && args[0] == "dial":
		return agent.DialFor(args[1])
	}
	fmt.Fprintln(os.Stderr, "mxplay-agent: this program is started by mxplay, on a host, by itself")
	return 2
}

func serve() int {
	agent.Settle()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	exe, _ := os.Executable()
	hash, ok := strings.CutPrefix(filepath.Base(exe), "mxplay-agent-")
	if !ok {
		hash = ""
	}
	err := agent.Serve(ctx, os.Stdin, os.Stdout, agent.Options{Tasks: builtin.Tasks(), Log: os.Stderr, Hash: hash})
	if err != nil {
		fmt.Fprintln(os.Stderr, "mxplay-agent:", err)
		return 1
	}
	return 0
}
