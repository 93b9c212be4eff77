package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Password is the password of the accounts root and admin on every host.
// (sshd takes no password for root, su does.)
const Password = "lab-password"

// suites are the Debian releases the lab offers, with whether their apt reads
// deb822 files by default: one of each, so that both are met in tests.
var suites = map[string]struct{ deb822 bool }{
	"bookworm": {false},
	"trixie":   {true},
	"sid":      {true},
}

// packages make a minimal system into a host as a provider would hand it over.
const packages = "systemd,systemd-sysv,dbus,openssh-server,sudo,ca-certificates,iproute2,libpam-systemd,procps"

// prepare is run in the new tree. Timers that call apt by themselves would make
// tests wait for locks at random.
const prepare = `set -eu
useradd --create-home --shell /bin/bash --groups sudo admin
useradd --create-home --shell /bin/bash ops
chpasswd
echo 'ops ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops
chmod 0440 /etc/sudoers.d/ops
for t in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim; do
	rm -f /etc/systemd/system/timers.target.wants/$t.timer
done
rm -f /etc/ssh/ssh_host_* /var/log/*.log /var/log/apt/*
: >/etc/machine-id
`

// tree is the finished root file system of a suite, built if it is missing.
// The stamp beside it is written last: a tree without one is half built.
func (c Config) tree(ctx context.Context, suite string) (string, error) {
	dir := filepath.Join(c.Cache, "root", suite+"-"+recipe(suite))
	tree, stamp := filepath.Join(dir, "tree"), filepath.Join(dir, "stamp")
	if exists(stamp) {
		return tree, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(c.Cache, "root", suite+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(stamp) { // by another process, while this one waited
		return tree, nil
	}
	if err := removeTree(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	start := time.Now()
	c.logf("building the root file system of %s, about a minute", suite)
	if err := c.build(ctx, suite, tree); err != nil {
		return "", fmt.Errorf("root file system of %s: %w", suite, err)
	}
	c.logf("built %s in %.0f s", suite, time.Since(start).Seconds())
	return tree, os.WriteFile(stamp, []byte(recipe(suite)+"\n"), 0o644)
}

func (c Config) build(ctx context.Context, suite, tree string) error {
	// A mirror may be a frozen one, whose Release file ran out.
	line := fmt.Sprintf("deb [check-valid-until=no] %s %s main", c.MirrorURL(), suite)
	if out, err := run(ctx, "mmdebstrap", "--mode=root", "--variant=minbase", "--include="+packages,
		"--keyring=/usr/share/keyrings/debian-archive-keyring.gpg", suite, tree, line); err != nil {
		var ce *CommandError
		if errors.As(err, &ce) {
			return fmt.Errorf("mmdebstrap: %w\n%s", ce.Err, tail(out+ce.Stderr, 15))
		}
		return err
	}
	input := fmt.Sprintf("root:%[1]s\nadmin:%[1]s\n", Password)
	_, err := runInput(ctx, input, "chroot", tree, "/bin/sh", "-c", prepare)
	return err
}

// recipe is a short hash of all that a tree is made from, its mirror included.
func recipe(suite string) string {
	text, _ := json.Marshal([]string{"1", suite, runtime.GOARCH, Mirror(), packages, prepare, Password})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// oldTrees removes trees of earlier recipes that no host stands on.
func (c Config) oldTrees(hosts []*record) error {
	used := map[string]bool{}
	for _, h := range hosts {
		used[filepath.Dir(h.Tree)] = true
	}
	for suite := range suites {
		used[filepath.Join(c.Cache, "root", suite+"-"+recipe(suite))] = true
	}
	dirs, _ := filepath.Glob(filepath.Join(c.Cache, "root", "*-*"))
	for _, dir := range dirs {
		stamp, err := os.Stat(filepath.Join(dir, "stamp"))
		// Without a stamp it may be one that another process builds now.
		if used[dir] || err != nil || time.Since(stamp.ModTime()) < time.Hour {
			continue
		}
		if err := removeTree(dir); err != nil {
			return err
		}
	}
	return nil
}

// removeTree is os.RemoveAll that refuses to walk into a mount: an interrupted
// build leaves /proc and /sys mounted in the tree.
func removeTree(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var below []string
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4]+"/", dir+"/") {
			below = append(below, f[4])
		}
	}
	for i := len(below) - 1; i >= 0; i-- {
		if _, err := run(context.Background(), "umount", below[i]); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
