package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/mxplay/mxplay/runner/wire"
)

// Handlers that a run notified and that have not run yet are remembered beside
// the agent, a file for each name of an inventory: what broke off must not
// leave a service with its old configuration for good.

// pendingDir is where they are remembered. It is made when the first one is.
func (a *Agent) pendingDir() string {
	dir := cacheDir()
	if dir == "" {
		dir = a.opt.State
	}
	return filepath.Join(dir, "pending")
}

// pending are all that are remembered.
func (a *Agent) pending() (out []wire.Pending) {
	files, _ := filepath.Glob(filepath.Join(a.pendingDir(), "*.json"))
	for _, f := range files {
		var p wire.Pending
		if b, err := os.ReadFile(f); err == nil && json.Unmarshal(b, &p) == nil {
			out = append(out, p)
		}
	}
	return out
}

// remember puts a host's handlers in place of those that were remembered.
func (a *Agent) remember(p wire.Pending) {
	dir := a.pendingDir()
	h := sha256.Sum256([]byte(p.Host))
	path := filepath.Join(dir, hex.EncodeToString(h[:8])+".json")
	if len(p.Handlers) == 0 {
		_ = os.Remove(path)
		_ = os.Remove(dir) // unless another one is there
		return
	}
	b, err := json.Marshal(p)
	if err == nil {
		err = ownDir(dir)
	}
	if err == nil {
		err = putFile(path, b)
	}
	if err != nil {
		a.log.printf("handlers that have not run are not remembered: %v", err)
	}
}
