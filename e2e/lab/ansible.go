package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// AnsibleTree is the root of a tree with ansible-core 2.19, trixie's, built if it is missing.
func (c Config) AnsibleTree(ctx context.Context) (string, error) {
	tree := filepath.Join(c.Cache, "ansible-core-trixie")
	if exists(tree) {
		return tree, nil
	}
	c.logf("building a tree with ansible-core, about two minutes")
	tmp := tree + ".tmp"
	if err := removeTree(tmp); err != nil {
		return "", err
	}
	if err := os.MkdirAll(c.Cache, 0o755); err != nil {
		return "", err
	}
	// in mounts of its own, none can be left in the tree
	if _, err := run(ctx, "unshare", "-m", "mmdebstrap", "--mode=root", "--variant=minbase", "--include=ansible-core",
		"--keyring=/usr/share/keyrings/debian-archive-keyring.gpg", "trixie", tmp,
		fmt.Sprintf("deb [check-valid-until=no] %s trixie main", Mirror())); err != nil {
		return "", fmt.Errorf("a tree with ansible-core: %w", err)
	}
	return tree, os.Rename(tmp, tree)
}
