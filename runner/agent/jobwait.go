package agent

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mxplay/mxplay/runner/wire"
)

// awaitJobs waits, before the first call of a connection, for jobs that an
// earlier one left running: a module that looked at the host in the midst of
// a dpkg run would see a broken package and try to mend it.
func (a *Agent) awaitJobs(ctx context.Context, c *wire.Call) error {
	if a.jobsEnded {
		return nil
	}
	dirs, _ := filepath.Glob(filepath.Join(a.opt.State, "jobs", "*"))
	for _, dir := range dirs {
		said := false
		for jobAlive(dir) {
			if !said {
				said = true
				text := "waiting for a job that an earlier connection left running: " + jobText(dir)
				_ = a.conn.Send(wire.TEvent, wire.Event{ID: c.ID, Text: a.log.clean(text)})
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	a.jobsEnded = true
	return nil
}

// jobText is a job's command for messages.
func jobText(dir string) string {
	var spec jobSpec
	b, err := os.ReadFile(filepath.Join(dir, "job.json"))
	if err != nil || json.Unmarshal(b, &spec) != nil {
		return filepath.Base(dir)
	}
	text := strings.Join(spec.Argv, " ")
	if len(text) > 120 {
		text = text[:120] + "..."
	}
	return text
}
