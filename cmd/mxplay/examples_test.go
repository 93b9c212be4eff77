package main

import (
	"path/filepath"
	"testing"

	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/playbooks"
	"github.com/mxplay/mxplay/runner"
)

// TestExamples compiles every playbook of examples/, and the shipped ones; lint has nothing to say of them.
func TestExamples(t *testing.T) {
	dir := filepath.Join(root, "examples")
	files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatal("there are none", err)
	}
	compile := func(t *testing.T, playbook, inventory string, extra ...string) {
		p, err := runner.Compile(runner.Options{
			Playbooks: []string{playbook}, Inventory: []string{filepath.Join(dir, inventory)}, ExtraVars: extra,
			Tasks: builtin.Tasks(), Shipped: playbooks.Files, ShippedName: "mxplay", Lint: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range p.Warnings {
			t.Errorf("it warns: %v", w)
		}
		for _, f := range p.Findings {
			t.Errorf("lint: %v [%s]", f.Error, f.Rule)
		}
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) { compile(t, f, "inventory") })
	}
	t.Run("hosts", func(t *testing.T) { compile(t, "mxplay:site.yml", "hosts") })
	t.Run("verify", func(t *testing.T) { compile(t, "mxplay:verify.yml", "hosts") })
	t.Run("backup", func(t *testing.T) { compile(t, "mxplay:backup.yml", "hosts") })
	t.Run("restore", func(t *testing.T) { compile(t, "mxplay:restore.yml", "hosts", "restore_from=backup") })
	t.Run("upgrade", func(t *testing.T) { compile(t, "mxplay:upgrade.yml", "hosts") })
	t.Run("hello.yml on hosts", func(t *testing.T) { compile(t, filepath.Join(dir, "hello.yml"), "hosts") })
}
