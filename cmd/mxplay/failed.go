package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/report"
)

// outcome is how the last run of the same playbooks with the same inventory
// ended: what --limit @failed goes by. Check mode leaves it as it is.
type outcome struct {
	Playbooks []string  `json:"playbooks"`
	Inventory []string  `json:"inventory"`
	At        time.Time `json:"at"`
	Failed    []string  `json:"failed"` // and unreachable
}

const failedWord = "@failed"

// outcomeOf is an outcome's key, with names that hold in any folder.
func outcomeOf(x *runner.Options) *outcome {
	o := &outcome{}
	for _, p := range x.Playbooks {
		o.Playbooks = append(o.Playbooks, absolute(p))
	}
	for _, i := range x.Inventory {
		o.Inventory = append(o.Inventory, absolute(i))
	}
	return o
}

// absolute is a path that is there as an absolute one; anything else stays as it is.
func absolute(name string) string {
	if _, err := os.Stat(name); err != nil {
		return name
	}
	if a, err := filepath.Abs(name); err == nil {
		return a
	}
	return name
}

// file is where the outcome is kept: $XDG_STATE_HOME/mxplay/runs, in ~/.local/state unless that is set.
func (o *outcome) file() (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".local", "state")
	}
	key, err := json.Marshal([]any{o.Playbooks, o.Inventory})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(key)
	return filepath.Join(dir, "mxplay", "runs", hex.EncodeToString(sum[:12])+".json"), nil
}

// record keeps how the hosts of a run ended. It holds names of hosts and paths only.
func (o *outcome) record(sum *report.Recap) error {
	o.At = time.Now().UTC().Truncate(time.Second)
	for _, h := range sum.Hosts {
		if h.State != report.OK {
			o.Failed = append(o.Failed, h.Host)
		}
	}
	path, err := o.file()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".run-") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// withFailed puts the hosts that failed in the last run in place of @failed in a limit.
func withFailed(x *runner.Options) error {
	for i, limit := range x.Limit {
		sep := ":"
		if strings.Contains(limit, ",") {
			sep = ","
		}
		parts := strings.Split(limit, sep)
		at := slices.Index(parts, failedWord)
		if at < 0 {
			continue
		}
		hosts, err := outcomeOf(x).last()
		if err != nil {
			return err
		}
		x.Limit[i] = strings.Join(slices.Replace(parts, at, at+1, hosts...), ",")
	}
	return nil
}

// last are the hosts that failed in the last run.
func (o *outcome) last() ([]string, error) {
	path, err := o.file()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("--limit %s: no run of %s with this inventory is recorded here", failedWord, strings.Join(o.Playbooks, ", "))
	}
	if err == nil {
		err = json.Unmarshal(b, o)
	}
	if err != nil {
		return nil, fmt.Errorf("--limit %s: %w", failedWord, err)
	}
	if len(o.Failed) == 0 {
		return nil, fmt.Errorf("--limit %s: no host failed in the last run, at %s", failedWord, o.At.Local().Format("2006-01-02 15:04:05"))
	}
	return o.Failed, nil
}

// remember records a run, and says how to go on with the hosts that failed.
func (p *program) remember(o *runFlags, sum *report.Recap) {
	if o.check || sum == nil {
		return
	}
	last := outcomeOf(&o.compile)
	if err := last.record(sum); err != nil {
		fmt.Fprintf(p.err, "warning: how the run ended is not recorded for --limit %s: %v\n", failedWord, err)
		return
	}
	switch n := len(last.Failed); n {
	case 0:
	case 1:
		fmt.Fprintf(p.err, "once more on the host that failed: the same with --limit %s\n", failedWord)
	default:
		fmt.Fprintf(p.err, "once more on the %d hosts that failed: the same with --limit %s\n", n, failedWord)
	}
}
