package playbook

// Variable is a variable with a meaning of its own.
type Variable struct{ Name, Doc string }

// ConnectionVariables say how a host is reached; the inventory, or anything else, sets them.
func ConnectionVariables() []Variable {
	return []Variable{
		{"ansible_host", "the name or address to connect to, if not the host's name"},
		{"ansible_port", "the port to connect to"},
		{"ansible_user", "the account to log in as"},
		{"ansible_connection", "ssh or local"},
		{"ansible_password", "the password to log in with"},
		{"ansible_ssh_pass", "the same as ansible_password"},
		{"ansible_ssh_private_key_file", "the key to log in with"},
		{"ansible_ssh_common_args", "further words for ssh, such as -J bastion"},
		{"ansible_ssh_extra_args", "further words for ssh, behind those"},
		{"ansible_become", "whether to work as another account"},
		{"ansible_become_user", "that account, root unless given"},
		{"ansible_become_method", "sudo, su or doas"},
		{"ansible_become_password", "the password of the become method"},
		{"ansible_become_pass", "the same as ansible_become_password"},
		{"ansible_become_flags", "further words for the become method"},
		{"ansible_become_exe", "the program of the become method, where it is not found by its name"},
		{"ansible_agent_dir", "the folder on the host that holds the agent"},
	}
}
