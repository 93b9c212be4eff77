package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPruneCache(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	put := func(name string, age time.Duration) {
		p := filepath.Join(dir, name)
		var err error
		if strings.HasPrefix(name, aptPrefix) {
			err = os.Mkdir(p, 0o700)
		} else {
			err = os.WriteFile(p, []byte("x"), 0o700)
		}
		if err == nil {
			err = os.Chtimes(p, now.Add(-age), now.Add(-age))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	put("mxplay-agent-own", 90*day)
	put("mxplay-agent-old", 31*day)
	put("mxplay-agent-used", 29*day)
	put(".mxplay-12", 2*day)
	put(".mxplay-13", time.Minute)
	put("apt-1", 2*day)
	put("apt-2", time.Minute)
	put("notes", 900*day)
	pruneCache(dir, "mxplay-agent-own", now)
	var left []string
	all, _ := os.ReadDir(dir)
	for _, e := range all {
		left = append(left, e.Name())
	}
	want := []string{".mxplay-13", "apt-2", "mxplay-agent-own", "mxplay-agent-used", "notes"}
	if !slices.Equal(left, want) {
		t.Errorf("left %q, not %q", left, want)
	}
	if st, err := os.Stat(filepath.Join(dir, "mxplay-agent-own")); err != nil || now.Sub(st.ModTime()) > time.Hour {
		t.Errorf("the own binary does not bear the time of its start: %v", err)
	}
}

func TestAptCache(t *testing.T) {
	parent := t.TempDir()
	var c aptCache
	o := c.options(parent)
	if !slices.Equal(o, c.options(parent)) || !strings.HasPrefix(o[1], "Dir::Cache::pkgcache="+parent+"/apt-") {
		t.Errorf("options %q", o)
	}
	if st, err := os.Stat(c.dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", st, err)
	}
	c.close()
	if left, _ := os.ReadDir(parent); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	var none aptCache
	if o := none.options(""); o[1] != "Dir::Cache::pkgcache=" || o[3] != "Dir::Cache::srcpkgcache=" {
		t.Errorf("options %q", o)
	}
	none.close()
}
