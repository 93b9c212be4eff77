package runner

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/source"
)

// mistakes are what is wrong with a playbook of one file.
func mistakes(t testing.TB, text string) source.Errors {
	t.Helper()
	var es source.Errors
	if err := compileText(t, text); err != nil && !errors.As(err, &es) {
		t.Fatal(err)
	}
	return es
}

// compileText compiles a playbook of one file.
func compileText(t testing.TB, text string) error {
	t.Helper()
	if err := os.WriteFile("site.yml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Compile(Options{Playbooks: []string{"site.yml"}, Inventory: []string{"a,"}, Tasks: newCloud().tasks()})
	return err
}

// TestLoopHints: the loop that is shown for one in Ansible's older words is one that compiles.
func TestLoopHints(t *testing.T) {
	t.Chdir(t.TempDir())
	const before = "- hosts: all\n  gather_facts: false\n  vars: {l: [1], d: {a: 1}, s: x}\n  tasks:\n    - debug: {msg: \"{{ item }}\"}\n      "
	for with, want := range map[string]string{
		"with_items: \"{{ l }}\"":                                  "loop: flatten(l, 1)",
		"with_items: [1, \"{{ l }}\"]":                             `loop: "flatten([1, l], 1)"`,
		"with_items: [\"a-{{ s }}\", \"{{ l }}\"]":                 `loop: 'flatten(["a-" + string(s), l], 1)'`,
		"with_list: \"{{ l }}\"":                                   "loop: l",
		"with_flattened: [\"{{ l }}\", \"{{ l }}\"]":               `loop: "flatten([l, l])"`,
		"with_dict: \"{{ d }}\"":                                   "loop: dict2items(d)",
		"with_dict: {a: 1}":                                        `loop: 'dict2items({"a": 1})'`,
		"with_together: [\"{{ l }}\", [a]]":                        `loop: 'zip(l, ["a"])'`,
		"with_nested: [\"{{ l }}\", [a, \"{{ s }}\"]]":             `loop: 'product(l, ["a", s])'`,
		"with_subelements: [\"{{ [d] }}\", a]":                     `loop: 'subelements([d], "a")'`,
		"with_sequence: start=1 end=3":                             `loop: range(1, 4)`,
		"with_sequence: count=3":                                   `loop: range(1, 1 + 3)`,
		"with_sequence: start=2 end=10 stride=2":                   `loop: range(2, 11, 2)`,
		"with_fileglob: a*":                                        `loop: 'fileglob("a*")'`,
		"with_fileglob: [a*, \"{{ s }}/*\"]":                       `loop: 'flatten(map(["a*", string(s) + "/*"], fileglob(#)))'`,
		"with_first_found: [\"{{ s }}.yml\", b]":                   `loop: '[first_found([string(s) + ".yml", "b"])]'`,
		"with_first_found: {files: [a, b], paths: [x]}":            `loop: '[first_found({"files": ["a", "b"], "paths": ["x"]})]'`,
		"with_first_found: [{files: [a], paths: [x], skip: true}]": `loop: 'filter([default(first_found([{"files": ["a"], "paths": ["x"]}]), null)], # != null)'`,
		"with_random_choice: [1, 2]":                               `loop: "[random([1, 2])]"`,
		"with_inventory_hostnames: all":                            `loop: 'groups["all"]'`,
		"with_lines: echo a":                                       `loop: 'splitlines(pipe("echo a"))'`,
	} {
		es := mistakes(t, before+with+"\n")
		if len(es) != 1 {
			t.Errorf("%s: %v", with, es)
			continue
		}
		if es[0].Hint != want {
			t.Errorf("%s\n got %s\nwant %s", with, es[0].Hint, want)
		}
		if err := compileText(t, before+strings.ReplaceAll(es[0].Hint, "\n", "\n      ")+"\n"); err != nil {
			t.Errorf("%s: %s: %v", with, es[0].Hint, err)
		}
	}
}
