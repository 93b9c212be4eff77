package lab

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// create gives a host a bare file system and boots it.
func (c Config) create(ctx context.Context, h *record, group []*record) error {
	if err := c.mountRoot(ctx, h); err != nil {
		return err
	}
	if err := c.furnish(h, group); err != nil {
		return err
	}
	if err := c.plug(ctx, h); err != nil {
		return err
	}
	return c.boot(h)
}

// mountRoot lays an empty layer over the suite's tree.
func (c Config) mountRoot(ctx context.Context, h *record) error {
	if err := c.dropRoot(ctx, h); err != nil {
		return err
	}
	base := h.overlay(c)
	upper, work := filepath.Join(base, "upper"), filepath.Join(base, "work")
	for _, d := range []string{upper, work, h.root(c)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", h.Tree, upper, work)
	// A host need not survive a power cut of the machine, so it need not wait
	// for the disk (volatile); and it may rename directories as on a real disk.
	_, err := run(ctx, "mount", "-t", "overlay", "overlay", "-o", layers+",redirect_dir=on,volatile", h.root(c))
	if err != nil { // an older kernel
		_, err = run(ctx, "mount", "-t", "overlay", "overlay", "-o", layers, h.root(c))
	}
	return err
}

func (c Config) dropRoot(ctx context.Context, h *record) error {
	if !exists(h.overlay(c)) {
		return nil
	}
	return removeTree(h.overlay(c))
}

// furnish writes what tells one host from another.
func (c Config) furnish(h *record, group []*record) error {
	root, err := os.OpenRoot(h.root(c))
	if err != nil {
		return err
	}
	defer root.Close()
	id := make([]byte, 16)
	rand.Read(id)
	files := []struct {
		path, text string
		mode       fs.FileMode
	}{
		{"etc/machine-id", hex.EncodeToString(id) + "\n", 0o444},
		{"etc/hostname", h.Name + "\n", 0o644},
		{"etc/hosts", etcHosts(group), 0o644},
		{"etc/resolv.conf", resolvConf(), 0o644},
	}
	if suites[h.Suite].deb822 {
		files = append(files, struct {
			path, text string
			mode       fs.FileMode
		}{"etc/apt/sources.list.d/debian.sources", fmt.Sprintf(
			"Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nCheck-Valid-Until: no\nSigned-By: %s\n",
			c.MirrorURL(), h.Suite, keyring), 0o644})
	} else {
		files = append(files, struct {
			path, text string
			mode       fs.FileMode
		}{"etc/apt/sources.list", fmt.Sprintf("deb [check-valid-until=no signed-by=%s] %s %s main\n",
			keyring, c.MirrorURL(), h.Suite), 0o644})
	}
	if err := root.Remove("etc/apt/sources.list"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, kind := range hostKeyTypes {
		path := "etc/ssh/" + filepath.Base(h.hostKey(c, kind))
		key, err := os.ReadFile(h.hostKey(c, kind))
		if err != nil {
			return err
		}
		pub, err := os.ReadFile(h.hostKey(c, kind) + ".pub")
		if err != nil {
			return err
		}
		files = append(files, struct {
			path, text string
			mode       fs.FileMode
		}{path, string(key), 0o600}, struct {
			path, text string
			mode       fs.FileMode
		}{path + ".pub", string(pub), 0o644})
	}
	for _, f := range files {
		if err := put(root, f.path, f.text, f.mode, 0, 0); err != nil {
			return err
		}
	}
	return c.admit(root)
}

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// admit lets the lab's key into every account that a person would use.
func (c Config) admit(root *os.Root) error {
	pub, err := os.ReadFile(c.keyFile() + ".pub")
	if err != nil {
		return err
	}
	passwd, err := root.ReadFile("etc/passwd")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(passwd)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 7 || f[0] != "root" && f[0] != "admin" && f[0] != "ops" {
			continue
		}
		uid, _ := strconv.Atoi(f[2])
		gid, _ := strconv.Atoi(f[3])
		dir := strings.TrimPrefix(f[5], "/") + "/.ssh"
		if err := root.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := root.Chown(dir, uid, gid); err != nil {
			return err
		}
		if err := put(root, dir+"/authorized_keys", string(pub), 0o600, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// put writes a new file, also where the tree has a link of that name.
func put(root *os.Root, path, text string, mode fs.FileMode, uid, gid int) error {
	if err := root.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := root.WriteFile(path, []byte(text), mode); err != nil {
		return err
	}
	if err := root.Chmod(path, mode); err != nil { // whatever our umask is
		return err
	}
	return root.Chown(path, uid, gid)
}

// resolvConf is the machine's, or the real one behind systemd's local stub.
func resolvConf() string {
	text, _ := os.ReadFile("/etc/resolv.conf")
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) == 2 && f[0] == "nameserver" && strings.HasPrefix(f[1], "127.") {
			if real, err := os.ReadFile("/run/systemd/resolve/resolv.conf"); err == nil {
				return string(real)
			}
		}
	}
	return string(text)
}

// inside gives the host a view of the cgroups that begins at its own, as it
// runs with a cgroup namespace but still sees the machine's mounts. With
// --keep-unit nspawn leaves a reboot to its caller and says so by exit code 133.
const inside = `umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
while :; do
	systemd-nspawn "$@"
	[ $? = 133 ] || exit 1
done`

// boot starts the host's processes. Each host lives in a cgroup and a process
// namespace of its own: with a shared tree, stopping a service on one host
// would end the service of that name on all.
func (c Config) boot(h *record) error {
	cg, err := c.cgroup(h)
	if err != nil {
		return err
	}
	if err := removeCgroup(cg); err != nil {
		return err
	}
	if err := os.Mkdir(cg, 0o755); err != nil {
		return err
	}
	cgDir, err := os.Open(cg)
	if err != nil {
		return err
	}
	defer cgDir.Close()
	console, err := os.Create(h.console(c))
	if err != nil {
		return err
	}
	defer console.Close()
	cmd := exec.Command("unshare", "-m", "-C", "-p", "-f", "--kill-child", "--mount-proc",
		"sh", "-c", inside, "sh",
		"-q", "-b", "-D", h.root(c), "-M", h.machine(c), "--hostname="+h.Name,
		"--register=no", "--keep-unit", "--network-namespace-path=/run/netns/"+h.netns(),
		"--capability=CAP_NET_ADMIN", "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe")
	cmd.Stdout, cmd.Stderr = console, console
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"}
	// Not our terminal, not our signals; and in its cgroup before its first
	// instruction, for unshare makes the cgroup it is in the host's root.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: int(cgDir.Fd())}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start host %s: %w", h.Name, err)
	}
	h.Init, err = findProcess(cmd.Process.Pid)
	go cmd.Wait() // else it stays a zombie as long as we run
	if err != nil {
		return fmt.Errorf("host %s ended at once: %s", h.Name, h.lastWords(c))
	}
	return h.save(c)
}

func (c Config) cgroup(h *record) (string, error) {
	root, err := cgroupRoot()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, h.machine(c)), nil
}

// leader is the host's own process 1, as the machine numbers it; 0 if it has
// none now. A host that reboots gets a new one.
func (h *record) leader() int {
	if !h.Init.alive() {
		return 0
	}
	return findSystemd(h.Init.PID)
}

// findSystemd looks below unshare, the shell and nspawn. A child of nspawn that
// is not systemd is nspawn itself, still preparing.
func findSystemd(pid int) int {
	for _, child := range children(pid) {
		if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child)); string(name) == "systemd\n" {
			return child
		}
		if found := findSystemd(child); found != 0 {
			return found
		}
	}
	return 0
}

// ready waits until the host has booted: systemd is done, no unit failed, and
// sshd answers.
func (c Config) ready(ctx context.Context, h *record) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	state := ""
	for state != "running" {
		if !h.Init.alive() {
			return fmt.Errorf("host %s ended while it booted: %s", h.Name, h.lastWords(c))
		}
		var err error
		out, err := c.execIn(ctx, h, "systemctl", "is-system-running", "--wait")
		state = strings.TrimSpace(out)
		if state == "degraded" || state == "maintenance" {
			failed, _ := c.execIn(ctx, h, "systemctl", "--failed", "--no-legend", "--plain")
			log, _ := c.execIn(ctx, h, "journalctl", "-b", "-p", "err", "--no-pager", "-n", "20")
			return fmt.Errorf("host %s is %s:\n%s%s", h.Name, state, failed, log)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("host %s did not boot in time (%q): %v: %s", h.Name, state, err, h.lastWords(c))
		}
		if state != "running" {
			time.Sleep(100 * time.Millisecond)
		}
	}
	return c.sshAnswers(ctx, h)
}

func (h *record) lastWords(c Config) string {
	text, _ := os.ReadFile(h.console(c))
	return tail(string(text), 10)
}

// execIn runs a command as root in the host, by its namespaces.
func (c Config) execIn(ctx context.Context, h *record, argv ...string) (string, error) {
	pid := h.leader()
	if pid == 0 {
		return "", fmt.Errorf("host %s does not run", h.Name)
	}
	enter := []string{"nsenter", "-t", strconv.Itoa(pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w",
		"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	return run(ctx, append(enter, argv...)...)
}

// end stops a host at once and removes its processes, network and file system.
// It may be called for a host of which only a part exists.
func (c Config) end(ctx context.Context, h *record) error {
	var errs []error
	errs = append(errs, h.Init.signal(syscall.SIGKILL)) // all others are in its namespace
	if !h.Init.gone(10 * time.Second) {
		return fmt.Errorf("host %s: process %d does not end", h.Name, h.Init.PID)
	}
	if cg, err := c.cgroup(h); err != nil {
		errs = append(errs, err)
	} else {
		errs = append(errs, removeCgroup(cg))
	}
	errs = append(errs, c.unplug(ctx, h), c.dropTraces(h), c.dropRoot(ctx, h))
	h.Init = process{}
	return errors.Join(errs...)
}

const nspawnDir = "/run/systemd/nspawn"

// dropTraces removes what nspawn leaves behind when it is killed. It wants the
// host's root still mounted, after whose inode one lock is named.
func (c Config) dropTraces(h *record) error {
	errs := []error{
		os.RemoveAll(filepath.Join(nspawnDir, "propagate", h.machine(c))),
		os.RemoveAll(filepath.Join(nspawnDir, "unix-export", h.machine(c))),
	}
	var st syscall.Stat_t
	if syscall.Stat(h.root(c), &st) == nil {
		lock := fmt.Sprintf("inode-%d:%d", st.Dev, st.Ino)
		errs = append(errs, os.RemoveAll(filepath.Join(nspawnDir, "locks", lock)))
	}
	return errors.Join(errs...)
}
