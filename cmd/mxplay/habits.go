package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mxplay/mxplay/runner/source"
)

// What the fingers of people who come from Ansible type, and what answers them.

// alias is our name of a flag that Ansible has under several.
func alias(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "inventory-file":
		name = "inventory"
	case "key-file":
		name = "private-key"
	case "conn-pass-file":
		name = "connection-password-file"
	case "become-pass-file":
		name = "become-password-file"
	}
	return pflag.NormalizedName(name)
}

// noFlags are flags of Ansible that have no counterpart, and the way out.
func noFlags() map[string]string {
	vault := "take it out: what ansible-vault encrypted cannot be read here; the module secret makes secrets on the host (mxplay doc secret)"
	return map[string]string{
		"vault-password-file": vault, "vault-pass-file": vault, "vault-id": vault, "ask-vault-pass": vault, "ask-vault-password": vault, "J": vault,
		"module-path": "take it out: modules are built in, mxplay doc modules lists them", "M": "take it out: modules are built in, mxplay doc modules lists them",
		"flush-cache":    "take it out: facts are read anew in each run",
		"ssh-extra-args": "--ssh-common-args: one connection carries all", "sftp-extra-args": "--ssh-common-args: one connection carries all",
		"scp-extra-args": "--ssh-common-args: one connection carries all",
		"sudo":           "-b (--become)", "su": "-b --become-method su", "s": "-b (--become)", "S": "-b --become-method su",
		"sudo-user": "-b --become-user NAME", "U": "-b --become-user NAME", "su-user": "-b --become-method su --become-user NAME",
		"ask-sudo-pass": "-K (--ask-become-pass)", "ask-su-pass": "-K (--ask-become-pass)", "ask-become-password": "-K (--ask-become-pass)",
		"step-by-step": "--step", "dry-run": "-C (--check)", "n": "-C (--check)", "extra-var": "-e (--extra-vars)", "tag": "-t (--tags)", "hosts": "-l (--limit)", "host": "-l (--limit)",
		"module-name": "there are no commands without a playbook: write the task into one", "m": "there are no commands without a playbook: write the task into one",
		"args": "there are no commands without a playbook: write the task into one", "a": "there are no commands without a playbook: write the task into one",
		"one-line": "take it out", "o": "--output json: one line for each result", "poll": "poll: of the task", "P": "poll: of the task", "background": "async: of the task", "B": "async: of the task",
	}
}

var badFlag = regexp.MustCompile(`^unknown (?:shorthand )?flag: (?:'(.)' in -.*|--([^ =]+).*)$`)

// flagError says what to write for a flag that there is not.
func flagError(c *cobra.Command, err error) error {
	m := badFlag.FindStringSubmatch(err.Error())
	if m == nil {
		return badInput(fmt.Errorf("%w (%s --help shows the flags)", err, c.CommandPath()))
	}
	name, shown := m[1]+m[2], "--"+m[2]
	if m[1] != "" {
		shown = "-" + m[1]
	}
	e := source.Errorf(source.Pos{}, "unknown flag: %s (%s --help shows the flags)", shown, c.CommandPath())
	if hint := noFlags()[name]; hint != "" {
		return badInput(e.WithHint("%s", hint))
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := source.DidYouMean(name, names); near != "" {
		e = e.WithHint("did you mean --%s?", near)
	}
	return badInput(e)
}

// noCommands are Ansible's programs by their last word, and what is written here.
func noCommands() map[string]string {
	return map[string]string{
		"playbook": "mxplay run PLAYBOOK -i HOSTS", "play": "mxplay run PLAYBOOK -i HOSTS", "apply": "mxplay run PLAYBOOK -i HOSTS",
		"check": "mxplay run PLAYBOOK -i HOSTS --check --diff", "galaxy": "there is none: put roles into roles/ beside the playbook",
		"vault":   "there is none: the module secret makes secrets on the host (mxplay doc secret)",
		"console": "there is none: write a playbook of one task", "pull": "there is none: hosts are reached over SSH",
		"config": "there is no file of settings: flags and the inventory say it all", "list": "mxplay run PLAYBOOK -i HOSTS --list-tasks",
		"import": "mxplay migrate PLAYBOOK -o DIR", "convert": "mxplay migrate PLAYBOOK -o DIR",
		"facts": "mxplay doc facts", "setup": "mxplay doc facts", "modules": "mxplay doc modules", "format": "mxplay fmt",
	}
}

var badCommand = regexp.MustCompile(`^unknown command "([^"]+)"`)

// commandError says what to write for a command that there is not.
func commandError(err error, args []string) error {
	m := badCommand.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	e := source.Errorf(source.Pos{}, "unknown command %q (mxplay --help shows the commands)", m[1])
	hint := noCommands()[m[1]]
	_, missing := os.Stat(m[1])
	switch ext := filepath.Ext(m[1]); {
	case ext == ".yml" || ext == ".yaml" || strings.HasPrefix(m[1], "mxplay:"):
		hint = "mxplay run " + strings.Join(args, " ")
	case slices.Contains(args, "-m"):
		hint = noFlags()["m"]
	case hint == "" && missing == nil:
		hint = "to run a playbook: mxplay run " + m[1] + " -i hosts"
	case hint == "":
		if near := source.DidYouMean(m[1], []string{"run", "inventory", "fmt", "schema", "doc", "lint", "migrate", "vars", "version", "completion", "help"}); near != "" {
			hint = "did you mean " + near + "?"
		}
	}
	if hint != "" {
		e = e.WithHint("%s", hint)
	}
	return e
}

// setting is one of Ansible's settings that a flag stands for here.
type setting struct{ section, key, env, flag string }

func settings() []setting {
	return []setting{
		{"defaults", "inventory", "ANSIBLE_INVENTORY", "inventory"},
		{"defaults", "roles_path", "ANSIBLE_ROLES_PATH", "roles-path"},
		{"defaults", "remote_user", "ANSIBLE_REMOTE_USER", "user"},
		{"defaults", "private_key_file", "ANSIBLE_PRIVATE_KEY_FILE", "private-key"},
		{"defaults", "host_key_checking", "ANSIBLE_HOST_KEY_CHECKING", "host-key-checking"},
		{"defaults", "forks", "ANSIBLE_FORKS", "forks"},
		{"defaults", "timeout", "ANSIBLE_TIMEOUT", "timeout"},
		{"privilege_escalation", "become", "ANSIBLE_BECOME", "become"},
		{"privilege_escalation", "become_user", "ANSIBLE_BECOME_USER", "become-user"},
		{"privilege_escalation", "become_method", "ANSIBLE_BECOME_METHOD", "become-method"},
		{"privilege_escalation", "become_ask_pass", "ANSIBLE_BECOME_ASK_PASS", "ask-become-pass"},
		{"ssh_connection", "ssh_args", "ANSIBLE_SSH_ARGS", "ssh-common-args"},
		{"ssh_connection", "ssh_common_args", "ANSIBLE_SSH_COMMON_ARGS", "ssh-common-args"},
	}
}

// unread is a note about settings of Ansible's that stand in ansible.cfg or in
// the environment, are not read here, and are not given as flags; "" for none.
func unread(flags *pflag.FlagSet) string {
	path := os.Getenv("ANSIBLE_CONFIG")
	if path == "" {
		path = "ansible.cfg"
	}
	set := readConfig(path)
	var files, envs []string
	for _, s := range settings() {
		if flags.Changed(s.flag) {
			continue
		}
		if v := os.Getenv(s.env); v != "" {
			envs = append(envs, fmt.Sprintf("%s: --%s", s.env, s.flag))
		} else if v, ok := set[s.section+"."+s.key]; ok && v != "" {
			files = append(files, fmt.Sprintf("%s: --%s", s.key, s.flag))
		}
	}
	var out []string
	if files != nil {
		out = append(out, fmt.Sprintf("%s is not read; what it sets is given by flags (%s) or in the inventory", source.ShortName(path), strings.Join(files, ", ")))
	}
	if envs != nil {
		out = append(out, fmt.Sprintf("variables of Ansible's in the environment are not read; there are flags (%s)", strings.Join(envs, ", ")))
	}
	return strings.Join(out, "\n")
}

// readConfig reads the settings of an INI file as section.key; a file that is not there has none.
func readConfig(path string) map[string]string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	set, section := map[string]string{}, ""
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			section = strings.Trim(line, "[] ")
		default:
			if k, v, ok := strings.Cut(line, "="); ok {
				set[section+"."+strings.TrimSpace(k)] = strings.TrimSpace(v)
			}
		}
	}
	return set
}
