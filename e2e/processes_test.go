//go:build lab

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

// spy writes down the arguments and environments of a host's processes.
type spy struct {
	done  chan struct{}
	ended sync.WaitGroup
	once  sync.Once
	seen  map[string]bool
}

// watchProcesses looks from outside, often enough to see what lives for some
// hundredths of a second. A host's processes are those of its process namespace
// and below.
func watchProcesses(t *testing.T, l *lab.Lab, host string) *spy {
	t.Helper()
	ns := namespace(t, l, host)
	s := &spy{done: make(chan struct{}), seen: map[string]bool{}}
	s.ended.Go(func() {
		last := map[int]time.Time{} // when a process was first seen
		for {
			select {
			case <-s.done:
				return
			case <-time.After(10 * time.Millisecond):
			}
			now := map[int]time.Time{}
			for _, pid := range processes() {
				since, known := last[pid]
				if !known {
					since = time.Now()
				}
				now[pid] = since
				if time.Since(since) > 300*time.Millisecond { // it has exec'd long since
					continue
				}
				if !inNamespace(pid, ns) {
					continue
				}
				for _, f := range []string{"cmdline", "environ"} {
					if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, f)); err == nil && len(text) > 0 {
						s.seen[string(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))] = true
					}
				}
			}
			last = now
		}
	})
	return s
}

// stop ends the watch and returns what was seen.
func (s *spy) stop() []string {
	s.once.Do(func() { close(s.done) })
	s.ended.Wait()
	var all []string
	for a := range s.seen {
		all = append(all, a)
	}
	return all
}

// namespace is a host's process namespace, as /proc names it.
func namespace(t *testing.T, l *lab.Lab, host string) string {
	t.Helper()
	return sh(t, l, host, "readlink /proc/self/ns/pid")
}

func inNamespace(pid int, ns string) bool {
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	return err == nil && link == ns
}

func processes() []int {
	dirs, _ := os.ReadDir("/proc")
	var all []int
	for _, d := range dirs {
		if pid, err := strconv.Atoi(d.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// running lists a host's processes that fit.
func running(ns string, fits func(exe, line string) bool) []string {
	var found []string
	for _, pid := range processes() {
		if !inNamespace(pid, ns) {
			continue
		}
		dir := fmt.Sprintf("/proc/%d", pid)
		text, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		line := strings.ReplaceAll(strings.TrimRight(string(text), "\x00"), "\x00", " ")
		exe, _ := os.Readlink(filepath.Join(dir, "exe"))
		if fits(exe, line) {
			found = append(found, fmt.Sprintf("%d %.200s", pid, line))
		}
	}
	return found
}

// ours lists the processes on a host that a run of mxplay started there: its
// agents, and all that bear the mark in their arguments.
func ours(ns, mark string) []string {
	return running(ns, func(exe, line string) bool {
		return strings.Contains(exe, "mxplay-agent") || strings.Contains(line, "mxplay") || strings.Contains(line, mark)
	})
}

// bearing lists the processes on a host that have the text in their arguments.
func bearing(ns, text string) []string {
	return running(ns, func(_, line string) bool { return strings.Contains(line, text) })
}
