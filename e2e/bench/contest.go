package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

//go:embed workload
var workload embed.FS

// The names of the table's rows.
const (
	nameScript  = "script that looks"
	nameMxplay  = "mxplay"
	nameMitogen = "Ansible with mitogen"
	nameAnsible = "Ansible"
)

// contestant is one of those that are measured.
type contestant struct {
	name  string
	argv  []string
	env   []string
	stdin string // path
	dir   string
	same  string // what its output holds when nothing was changed
	took  []time.Duration
}

// run runs it once and returns what it wrote.
func (c *contestant) run(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.WaitDelay = 5 * time.Second
	if c.stdin != "" {
		f, err := os.Open(c.stdin)
		if err != nil {
			return "", err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", c.name, err, &out)
	}
	return out.String(), nil
}

// contest lets all run in turn, round by round, and every other round backwards,
// so that none always comes after the same.
func contest(ctx context.Context, all []*contestant, warm, rounds int) error {
	for round := range warm + rounds {
		for i := range all {
			c := all[i]
			if round%2 == 1 {
				c = all[len(all)-1-i]
			}
			start := time.Now()
			if _, err := c.run(ctx); err != nil {
				return err
			}
			if round >= warm {
				c.took = append(c.took, time.Since(start))
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, warm+rounds)
	}
	return nil
}

// script is the floor: one ssh, one shell, no tool. Its key exchange is the
// cheapest there is: older releases of OpenSSH spend more time on their default
// than the script takes.
func script(l *lab.Lab, dir string) *contestant {
	return &contestant{
		name:  nameScript,
		argv:  []string{"ssh", "-F", l.SSHConfig, "-o", "KexAlgorithms=curve25519-sha256", "bench", "sh", "-s"},
		stdin: filepath.Join(dir, "look.sh"),
		same:  "all is well",
	}
}

func mxplay(l *lab.Lab, program, dir string) *contestant {
	return &contestant{
		name: nameMxplay,
		argv: []string{program, "run", "mxplay.yml", "-i", l.Inventory},
		dir:  dir,
		same: "changed=0",
	}
}

// unpack writes the workload into a folder.
func unpack(dir string) error {
	files, err := fs.Sub(workload, "workload")
	if err != nil {
		return err
	}
	return fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, path)
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
}
