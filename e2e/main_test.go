//go:build lab

// Package e2e shows what mxplay promises on real Debian hosts.
package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// binary is the mxplay under test, its agents inside.
var binary string

// scratch is a folder for what is built, gone when the tests end.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "mxplay-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	if binary = os.Getenv("MXPLAY_BIN"); binary == "" {
		binary, err = build(scratch)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build mxplay:", err)
		return 1
	}
	return m.Run()
}

// build makes mxplay with the agent of this machine's processor, beside what
// may stand in cmd/mxplay/agents.
func build(dir string) (string, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return "", err
	}
	agents := filepath.Join(dir, "agents")
	if err := os.Mkdir(agents, 0o755); err != nil {
		return "", err
	}
	if err := goTool(root, "run", "./cmd/mxplay/agents/build", agents, runtime.GOARCH); err != nil {
		return "", err
	}
	made, err := os.ReadDir(agents)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for _, f := range made {
		replace[filepath.Join(root, "cmd/mxplay/agents", f.Name())] = filepath.Join(agents, f.Name())
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o644); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "mxplay")
	return bin, goTool(root, "build", "-trimpath", "-overlay", overlay, "-o", bin, "./cmd/mxplay")
}

func goTool(root string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", args[0], err, out)
	}
	return nil
}
