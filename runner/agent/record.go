package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

// record remembers on the host what became of the calls of Actions, so that
// a controller that lost its connection learns whether one was done. A
// module's call is simply made again, and is not remembered.
type record struct {
	dir  string // of this run; "" when nothing is remembered
	host string

	mu      sync.Mutex
	open    map[uint64]bool // begun and remembered
	results map[uint64][]wire.Result
}

// keepRuns is how long the records of a run stay.
const keepRuns = 24 * time.Hour

func newRecord(state string, w wire.Welcome) *record {
	r := &record{open: map[uint64]bool{}, results: map[uint64][]wire.Result{}}
	if w.Run == "" || w.Child != 0 {
		return r
	}
	name := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:8]) }
	dir := filepath.Join(state, "runs", name(w.Run))
	if ownDir(state) != nil || ownDir(filepath.Dir(dir)) != nil || ownDir(dir) != nil {
		return r
	}
	r.dir, r.host = dir, name(w.Host)
	go prune(filepath.Dir(dir), keepRuns)
	return r
}

// prune removes folders that were not touched for so long.
func prune(dir string, age time.Duration) {
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		if st, err := e.Info(); err == nil && time.Since(st.ModTime()) > age {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

func (r *record) path(id uint64, ext string) string {
	return filepath.Join(r.dir, r.host+"-"+strconv.FormatUint(id, 10)+ext)
}

// begin notes that a call begins, before it does.
func (r *record) begin(c *wire.Call, t *modules.Task) {
	if r.dir == "" || t.Kind != modules.Act || c.Plan || c.Async > 0 { // asked again, the latter finds its job
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := os.WriteFile(r.path(c.ID, ".begun"), nil, 0o600); err == nil {
		r.open[c.ID] = true
	}
}

// result notes the end of an item, and of the call with its last.
func (r *record) result(res wire.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open[res.ID] {
		return
	}
	r.results[res.ID] = append(r.results[res.ID], res)
	if !res.Last {
		return
	}
	if b, err := json.Marshal(r.results[res.ID]); err == nil {
		_ = putFile(r.path(res.ID, ".json"), b)
	}
	delete(r.open, res.ID)
	delete(r.results, res.ID)
}

// answer tells what became of a call.
func (r *record) answer(id uint64) wire.Answer {
	a := wire.Answer{ID: id, State: "unknown"}
	if r.dir == "" {
		return a
	}
	r.mu.Lock()
	running := r.open[id]
	r.mu.Unlock()
	b, err := os.ReadFile(r.path(id, ".json"))
	switch {
	case err == nil && json.Unmarshal(b, &a.Results) == nil:
		a.State = "done"
	case running:
		a.State = "running"
	case !exists(r.path(id, ".begun")):
		a.State = "none"
	}
	return a
}

// changed keeps a change from being forgotten over a cut: an item that had
// changed something when the connection ended is marked, and counts as changed
// when the same run makes the same call again and finds nothing left to do.
func (r *record) changed(c *wire.Call, res *wire.Result, ended bool) {
	if r.dir == "" || c.Plan || res.Item >= len(c.Items) || res.NotBegun || res.Refused != "" {
		return
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q", c.Task, c.Account.User, c.Items[res.Item].Args)
	path := filepath.Join(r.dir, r.host+"-changed-"+hex.EncodeToString(h.Sum(nil)[:12]))
	switch {
	case ended && res.Outcome.Changed && res.Outcome.Failed:
		_ = os.WriteFile(path, nil, 0o600)
	case !ended && exists(path):
		res.Outcome.Changed = true
		_ = os.Remove(path)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// endOlder ends the agent of an earlier connection of the same run to the
// same host, which may not know yet that its line is dead, and notes this one.
func (r *record) endOlder() {
	if r.dir == "" {
		return
	}
	path := filepath.Join(r.dir, r.host+"-agent")
	if b, err := os.ReadFile(path); err == nil {
		if pid, start, ok := strings.Cut(strings.TrimSpace(string(b)), " "); ok {
			if n, err := strconv.Atoi(pid); err == nil && n != os.Getpid() {
				endProcess(n, start, 6*time.Second)
			}
		}
	}
	_ = putFile(path, []byte(fmt.Sprintf("%d %s\n", os.Getpid(), processStart(os.Getpid()))))
}

// endProcess asks a process to end, waits, and kills it at last. It must be
// the very one that began at start: numbers are used again.
func endProcess(pid int, start string, limit time.Duration) {
	alive := func() bool { s := processStart(pid); return s != "" && s == start }
	if !alive() || errors.Is(syscall.Kill(pid, syscall.SIGTERM), syscall.ESRCH) {
		return
	}
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !alive() {
			return
		}
	}
	if alive() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// processStart is when a process began, in ticks since boot; "" when there is
// none, or only what is left of one.
func processStart(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, ok := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return ""
	}
	return f[19]
}
