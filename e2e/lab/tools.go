package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

var errNotRoot = errors.New("the lab needs root: it makes namespaces, mounts and a bridge")

// tools are what the lab needs on the machine, and the packages they come from.
var tools = []struct{ file, pkg string }{
	{"mmdebstrap", "mmdebstrap"},
	{"systemd-nspawn", "systemd-container"},
	{"ip", "iproute2"},
	{"nft", "nftables"},
	{"ssh", "openssh-client"},
	{"nsenter", "util-linux"},
	{keyring, "debian-archive-keyring"},
}

// ensureTools installs what is missing.
func (c Config) ensureTools(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	var missing []string
	for _, t := range tools {
		if t.file[0] == '/' && exists(t.file) {
			continue
		}
		if _, err := exec.LookPath(t.file); err != nil {
			missing = append(missing, t.pkg)
		}
	}
	if missing == nil {
		return nil
	}
	c.logf("installing %v", missing)
	install := append([]string{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y",
		"-o", "DPkg::Lock::Timeout=300", "install", "--no-install-recommends"}, missing...)
	if _, err := run(ctx, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "update"); err != nil {
		return fmt.Errorf("apt lists: %w", err)
	}
	_, err := run(ctx, install...)
	return err
}
