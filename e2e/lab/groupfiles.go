package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeGroup writes the files that describe a group's hosts to ssh and mxplay:
// known_hosts, ssh_config and inventory. It wants the lock.
func (c Config) writeGroup(all []*record, group string) error {
	hosts, dir := inGroup(all, group), c.groupDir(group)
	if len(hosts) == 0 && group != Main {
		return os.RemoveAll(dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	known, err := c.knownHosts(hosts)
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(dir, "known_hosts"), known, 0o644),
		writeFile(filepath.Join(dir, "ssh_config"), c.sshConfig(hosts, dir), 0o644),
		writeFile(filepath.Join(dir, "inventory"), c.inventory(hosts, dir), 0o644),
	)
}

func (c Config) knownHosts(hosts []*record) (string, error) {
	var b strings.Builder
	for _, h := range hosts {
		names := strings.Join(append([]string{h.Name, h.Addr}, h.Aliases...), ",")
		for _, kind := range hostKeyTypes {
			pub, err := os.ReadFile(h.hostKey(c, kind) + ".pub")
			if err != nil {
				return "", err
			}
			f := strings.Fields(string(pub))
			fmt.Fprintf(&b, "%s %s %s\n", names, f[0], f[1])
		}
	}
	return b.String(), nil
}

func (c Config) sshConfig(hosts []*record, dir string) string {
	var b strings.Builder
	for _, h := range hosts {
		names := strings.Join(append([]string{h.Name}, h.Aliases...), " ")
		fmt.Fprintf(&b, "Host %s\n\tHostName %s\n\tHostKeyAlias %s\n\n", names, h.Addr, h.Addr)
	}
	fmt.Fprintf(&b, "Host *\n\tUser root\n\tIdentityFile %s\n\tIdentitiesOnly yes\n", c.keyFile())
	fmt.Fprintf(&b, "\tUserKnownHostsFile %s\n\tGlobalKnownHostsFile /dev/null\n", filepath.Join(dir, "known_hosts"))
	b.WriteString("\tStrictHostKeyChecking yes\n\tConnectTimeout 10\n\tBatchMode yes\n")
	return b.String()
}

func (c Config) inventory(hosts []*record, dir string) string {
	var b strings.Builder
	bySuite := map[string][]string{}
	for _, h := range hosts {
		fmt.Fprintf(&b, "%s ansible_host=%s\n", h.Name, h.Addr)
		bySuite[h.Suite] = append(bySuite[h.Suite], h.Name)
	}
	for _, suite := range []string{"bookworm", "trixie", "sid"} {
		if names := bySuite[suite]; names != nil {
			fmt.Fprintf(&b, "\n[%s]\n%s\n", suite, strings.Join(names, "\n"))
		}
	}
	fmt.Fprintf(&b, "\n[all:vars]\nansible_user=root\nansible_ssh_private_key_file=%s\n", c.keyFile())
	fmt.Fprintf(&b, "ansible_ssh_common_args='-F %s'\n", filepath.Join(dir, "ssh_config"))
	return b.String()
}

// etcHosts is /etc/hosts of every host of a group.
func etcHosts(hosts []*record) string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	for _, h := range hosts {
		fmt.Fprintln(&b, strings.Join(append([]string{h.Addr, h.Name}, h.Aliases...), " "))
	}
	return b.String()
}

// spreadNames brings /etc/hosts of the group's running hosts up to date. A
// file that is right is not touched: tests compare whole file systems.
func (c Config) spreadNames(all []*record, group string) error {
	hosts := inGroup(all, group)
	want := etcHosts(hosts)
	var errs []error
	for _, h := range hosts {
		if !h.Init.alive() {
			continue
		}
		root, err := os.OpenRoot(h.root(c))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if now, err := root.ReadFile("etc/hosts"); err != nil || string(now) != want {
			errs = append(errs, root.WriteFile("etc/hosts", []byte(want), 0o644))
		}
		root.Close()
	}
	return errors.Join(errs...)
}
