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

// homeDirs are the folders of this account that stay when it logs out, the best one first.
func homeDirs() (dirs []string) {
	if home := os.Getenv("HOME"); filepath.IsAbs(home) && home != "/nonexistent" {
		dirs = append(dirs, filepath.Join(home, ".cache", "mxplay"))
	}
	return append(dirs, "/var/tmp/mxplay-"+strconv.Itoa(os.Geteuid()))
}

// homeDir is the first of homeDirs that can be had; it is made.
func homeDir() string {
	dirs := homeDirs()
	last := len(dirs) - 1
	for _, d := range dirs[:last] {
		if ownDir(d) == nil {
			return d
		}
	}
	return dirs[last]
}

// ownDir makes dir, or makes sure that it is a directory of ours that nobody else can enter.
func ownDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	st, err := ours(dir)
	if err != nil || st.Mode().Perm()&0o077 == 0 {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// ours is what stands at dir; the error says why that is no directory of this account's.
func ours(dir string) (os.FileInfo, error) {
	st, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !st.IsDir():
		return nil, fmt.Errorf("%s is no directory", dir)
	case !ok || int(sys.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%s belongs to another account", dir)
	}
	return st, nil
}

// putFile writes a file of our own so that it is there whole or not at all.
func putFile(path string, data []byte) error {
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, path)
}
