package runner

import "testing"

// TestSpecialVariables: the special variables of Ansible's reference are there
// under their names, or are refused with a hint.
func TestSpecialVariables(t *testing.T) {
	types := magicTypes()
	for _, name := range []string{
		"ansible_check_mode", "ansible_collection_name", "ansible_config_file", "ansible_dependent_role_names", "ansible_diff_mode", "ansible_forks",
		"ansible_index_var", "ansible_inventory_sources", "ansible_limit", "ansible_loop", "ansible_loop_var", "ansible_managed", "ansible_parent_role_names", "ansible_parent_role_paths",
		"ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all", "ansible_play_name", "ansible_play_role_names", "ansible_role_name",
		"ansible_role_names", "ansible_run_tags", "ansible_search_path", "ansible_skip_tags", "ansible_verbosity", "ansible_version", "group_names", "groups",
		"hostvars", "inventory_dir", "inventory_file", "inventory_hostname", "inventory_hostname_short", "omit", "play_hosts", "playbook_dir", "role_name",
		"role_names", "role_path", "ansible_facts", "ansible_local", "ansible_become_user", "ansible_connection", "ansible_host", "ansible_user",
		"ansible_failed_task", "ansible_failed_result", "vars",
	} {
		if _, ok := types[name]; !ok {
			t.Errorf("%s is not there", name)
		}
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{"ansible_playbook_python", "ansible_python_interpreter", "environment"} {
		es := mistakes(t, "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {msg: \"{{ "+name+" }}\"}\n")
		if len(es) != 1 || es[0].Hint == "" {
			t.Errorf("%s: %v", name, es)
		}
	}
}
