// Command scale measures what large sites cost mxplay as a process of its own:
// processor time and memory of run --syntax-check, the best of several rounds.
// It needs bin/mxplay (make build), and nothing else.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mxplay/mxplay/e2e/scale/site"
)

func main() {
	program := flag.String("mxplay", cmp.Or(os.Getenv("MXPLAY_BIN"), "bin/mxplay"), "the `program` to measure")
	rounds := flag.Int("rounds", 5, "rounds, of which the best counts")
	limits := flag.Bool("limits", false, "fail above 2 s or 400 MB for the largest site, or when ten times the site takes more than thirteen times as long")
	keep := flag.String("keep", "", "write the largest site into this `folder` and measure nothing")
	flag.Parse()
	var err error
	if *keep != "" {
		err = site.Write(*keep, shape(1000))
	} else {
		err = measure(*program, *rounds, *limits)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func shape(n int) site.Shape { return site.Shape{Roles: n, Hosts: n, Vars: 50} }

// cost is what one process took.
type cost struct {
	cpu, wall time.Duration
	memory    int64 // bytes, at most
}

func measure(program string, rounds int, limits bool) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	fmt.Println("roles  tasks  hosts   CPU s  wall s    MB  times the line above")
	var last cost
	for _, n := range []int{10, 100, 1000} {
		c, err := compile(program, shape(n), rounds)
		if err != nil {
			return err
		}
		ratio := ""
		if last.cpu > 0 {
			ratio = fmt.Sprintf("%.1f", c.cpu.Seconds()/last.cpu.Seconds())
		}
		fmt.Printf("%5d  %5d  %5d  %6.2f  %6.2f  %4d  %s\n", n, n*site.TasksOfRole, n, c.cpu.Seconds(), c.wall.Seconds(), c.memory>>20, ratio)
		if limits && n == 1000 && (c.wall > 2*time.Second || c.memory > 400<<20 || c.cpu > 13*last.cpu) {
			return errors.New("a limit does not hold")
		}
		last = c
	}
	return nil
}

// compile is the least that a syntax check of a site costs.
func compile(program string, s site.Shape, rounds int) (best cost, err error) {
	dir, err := os.MkdirTemp("", "mxplay-scale-")
	if err != nil {
		return best, err
	}
	defer os.RemoveAll(dir)
	if err := site.Write(dir, s); err != nil {
		return best, err
	}
	for i := range rounds {
		c, err := once(program, dir)
		if err != nil {
			return best, err
		}
		if i == 0 {
			best = c
		}
		best = cost{min(best.cpu, c.cpu), min(best.wall, c.wall), min(best.memory, c.memory)}
	}
	return best, nil
}

func once(program, dir string) (cost, error) {
	cmd := exec.Command(program, "run", "--syntax-check", "-i", "hosts", "site.yml")
	cmd.Dir = dir
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	wall := time.Since(begin)
	if err != nil {
		return cost{}, fmt.Errorf("%w\n%.4000s", err, out)
	}
	use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), wall, use.Maxrss << 10}, nil
}
