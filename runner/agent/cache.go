package agent

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How long things stay in the agents' directory that nothing uses.
const (
	keepAgents = 30 * 24 * time.Hour
	keepTemp   = 24 * time.Hour
)

// cacheDir is the directory that this agent was started from, "" when that is
// not one of mxplay's.
func cacheDir() string {
	p, err := os.Readlink(self)
	if err != nil || !strings.HasPrefix(filepath.Base(p), "mxplay-agent-") {
		return ""
	}
	return filepath.Dir(p)
}

// pruneCache removes what is left of other versions and of agents that were killed.
// The time of a binary is that of its last start, to the day.
func pruneCache(dir, own string, now time.Time) {
	if st, err := os.Lstat(filepath.Join(dir, own)); err == nil && now.Sub(st.ModTime()) > keepTemp {
		_ = os.Chtimes(filepath.Join(dir, own), now, now)
	}
	all, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range all {
		st, err := e.Info()
		if err != nil || e.Name() == own {
			continue
		}
		age := now.Sub(st.ModTime())
		p := filepath.Join(dir, e.Name())
		switch n := e.Name(); {
		case strings.HasPrefix(n, "mxplay-agent-") && st.Mode().IsRegular() && age > keepAgents,
			strings.HasPrefix(n, ".mxplay-") && st.Mode().IsRegular() && age > keepTemp:
			_ = os.Remove(p)
		case (strings.HasPrefix(n, aptPrefix) || strings.HasPrefix(n, tempPrefix)) && st.IsDir() && age > keepTemp:
			_ = os.RemoveAll(p)
		}
	}
}

// tempPrefix begins the names of directories that hold a command's temporary file.
const tempPrefix = "temp-"

const (
	aptPrefix = "apt-"
	// aptRoom is the room that apt's cache is given at most.
	aptRoom = 512 << 20
)

// aptCache is where apt keeps what it has computed while check mode looks: a
// directory of the agent's own that goes with it. Without one each question
// costs apt seconds, as it reads all its lists again.
type aptCache struct {
	once sync.Once
	dir  string
}

// options are apt's for a private cache in parent, or for none at all.
func (c *aptCache) options(parent string) []string {
	c.once.Do(func() {
		var fs unix.Statfs_t
		if parent == "" || unix.Statfs(parent, &fs) != nil || uint64(fs.Bavail)*uint64(fs.Bsize) < aptRoom {
			return
		}
		if d, err := os.MkdirTemp(parent, aptPrefix); err == nil {
			c.dir = d
		}
	})
	pkg, src := "", ""
	if c.dir != "" {
		pkg, src = filepath.Join(c.dir, "pkgcache.bin"), filepath.Join(c.dir, "srcpkgcache.bin")
	}
	return []string{"-o", "Dir::Cache::pkgcache=" + pkg, "-o", "Dir::Cache::srcpkgcache=" + src}
}

func (c *aptCache) close() {
	c.once.Do(func() {})
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}
