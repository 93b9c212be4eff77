package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// StateDir is where this account keeps its lock, jobs and results: a folder
// that a reboot empties where there is one.
func StateDir() string {
	uid := os.Geteuid()
	if uid == 0 {
		return "/run/mxplay"
	}
	u := strconv.Itoa(uid)
	if st, err := os.Stat("/run/user/" + u); err == nil && st.IsDir() {
		return "/run/user/" + u + "/mxplay"
	}
	return homeDir()
}

// homeDir is the folder of this account that stays when it logs out.
func homeDir() string {
	if home := os.Getenv("HOME"); filepath.IsAbs(home) && home != "/nonexistent" {
		d := filepath.Join(home, ".cache", "mxplay")
		if ownDir(d) == nil {
			return d
		}
	}
	return "/var/tmp/mxplay-" + strconv.Itoa(os.Geteuid())
}

// ownDir makes dir, or makes sure that it is a directory of ours that nobody else can enter.
func ownDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !st.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	case !ok || int(sys.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another account", dir)
	case st.Mode().Perm()&0o077 != 0:
		return os.Chmod(dir, 0o700)
	}
	return nil
}

// putFile writes a file of our own so that it is there whole or not at all.
func putFile(path string, data []byte) error {
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, path)
}
