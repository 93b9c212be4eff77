package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cgroupRoot is where version 2 of the cgroups is mounted: all of it on a
// machine of today, a part beside version 1 on a hybrid one.
func cgroupRoot() (string, error) {
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			var st syscall.Statfs_t
			const cgroup2 = 0x63677270
			if syscall.Statfs(dir, &st) == nil && st.Type == cgroup2 {
				return dir, nil
			}
		}
	}
	return "", errors.New("no cgroup version 2 hierarchy in /sys/fs/cgroup")
}

// removeCgroup removes a cgroup with all below it, once its processes ended.
func removeCgroup(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		events, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
		if err == nil && strings.Contains(string(events), "populated 0") {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("cgroup %s still has processes", dir)
		}
	}
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	// A cgroup goes only when it is empty: the deepest first.
	for _, d := range slices.Backward(dirs) {
		if e := os.Remove(d); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
