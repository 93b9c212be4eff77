package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mxplay/mxplay/e2e/lab"
)

// ansibleSuite is the release whose Ansible is measured: trixie has 2.19.
const (
	ansibleSuite    = "trixie"
	ansiblePackages = "ansible-core,ansible,ansible-mitogen,openssh-client"
)

// ansibleTree is Debian's Ansible in a tree of its own.
type ansibleTree struct {
	tree, dir string // dir is the workload's folder inside the tree
	mounts    []string
}

// ansible makes the tree ready: built if it is missing, with the workload, the
// lab's key and an inventory in it.
func ansible(ctx context.Context, c lab.Config, l *lab.Lab, dir string) (_ *ansibleTree, err error) {
	a := &ansibleTree{tree: filepath.Join(c.Cache, "bench", "ansible-"+ansibleSuite), dir: "/srv/bench"}
	if _, err := os.Stat(a.tree); errors.Is(err, os.ErrNotExist) {
		if err := a.build(ctx, c); err != nil {
			return nil, fmt.Errorf("a tree with Ansible: %w", err)
		}
	}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	for _, m := range [][2]string{{"proc", "proc"}, {"tmpfs", "dev/shm"}, {"devpts", "dev/pts"}} {
		at := filepath.Join(a.tree, m[1])
		if err := os.MkdirAll(at, 0o755); err != nil {
			return nil, err
		}
		if err := syscall.Mount(m[0], at, m[0], 0, ""); err != nil {
			return nil, fmt.Errorf("mount %s: %w", at, err)
		}
		a.mounts = append(a.mounts, at)
	}
	return a, a.furnish(l, dir)
}

func (a *ansibleTree) build(ctx context.Context, c lab.Config) error {
	fmt.Fprintln(os.Stderr, "building a tree with Ansible, about two minutes")
	tmp := a.tree + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(tmp), 0o755); err != nil {
		return err
	}
	// In mounts of its own, none can be left in the tree.
	cmd := exec.CommandContext(ctx, "unshare", "-m", "mmdebstrap", "--mode=root", "--variant=minbase", "--include="+ansiblePackages,
		"--keyring=/usr/share/keyrings/debian-archive-keyring.gpg", ansibleSuite, tmp,
		fmt.Sprintf("deb [check-valid-until=no] %s %s main", c.MirrorURL(), ansibleSuite))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap: %w\n%s", err, bytes.TrimSpace(out))
	}
	return os.Rename(tmp, a.tree)
}

// furnish writes what the runs read. Everything is Ansible's default but
// pipelining, which everyone who wants speed turns on.
func (a *ansibleTree) furnish(l *lab.Lab, dir string) error {
	to := a.tree + a.dir
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		return err
	}
	key, err := os.ReadFile(l.KeyFile)
	if err != nil {
		return err
	}
	known, err := os.ReadFile(l.KnownHosts)
	if err != nil {
		return err
	}
	// mitogen's plugins lie beside its package, whose path holds Python's version.
	plugins, err := filepath.Glob(a.tree + "/usr/lib/python3/dist-packages/ansible_mitogen/plugins/strategy")
	if err != nil || len(plugins) != 1 {
		return fmt.Errorf("no mitogen in %s: remove it, and it is built again", a.tree)
	}
	cfg := "[defaults]\ninventory = hosts\n[ssh_connection]\npipelining = true\n"
	mitogen := strings.Replace(cfg, "inventory", "strategy = mitogen_linear\nstrategy_plugins = "+
		strings.TrimPrefix(plugins[0], a.tree)+"\ninventory", 1)
	h := l.Host("bench")
	hosts := fmt.Sprintf("bench ansible_host=%s ansible_user=root ansible_ssh_private_key_file=%s/key\n", h.Addr, a.dir)
	return errors.Join(
		os.WriteFile(to+"/key", key, 0o600),
		os.MkdirAll(a.tree+"/root/.ssh", 0o700),
		os.WriteFile(a.tree+"/root/.ssh/known_hosts", known, 0o600),
		os.WriteFile(to+"/ansible.cfg", []byte(cfg), 0o644),
		os.WriteFile(to+"/mitogen.cfg", []byte(mitogen), 0o644),
		os.WriteFile(to+"/hosts", []byte(hosts), 0o644),
	)
}

func (a *ansibleTree) contestant(name, config string) *contestant {
	return &contestant{
		name: name,
		argv: []string{"chroot", a.tree, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
			"LANG=C.UTF-8", "ANSIBLE_CONFIG=" + config, "sh", "-c", "cd " + a.dir + " && exec ansible-playbook ansible.yml"},
		same: "changed=0",
	}
}

func (a *ansibleTree) plain() *contestant   { return a.contestant(nameAnsible, a.dir+"/ansible.cfg") }
func (a *ansibleTree) mitogen() *contestant { return a.contestant(nameMitogen, a.dir+"/mitogen.cfg") }

// close ends the connections that ssh keeps for Ansible and undoes the mounts.
func (a *ansibleTree) close() {
	sockets, _ := filepath.Glob(a.tree + "/root/.ansible/cp/*")
	for _, s := range sockets {
		// The name of the host does not matter to a command on a socket.
		_ = exec.Command("ssh", "-o", "ControlPath="+s, "-O", "exit", "bench").Run()
	}
	_ = os.RemoveAll(a.tree + a.dir)
	for _, m := range a.mounts {
		_ = syscall.Unmount(m, syscall.MNT_DETACH)
	}
}
