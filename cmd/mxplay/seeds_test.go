package main

import (
	"bytes"
	"testing"
)

// seed is one mistake: one character (or two) wrong at one place of the
// shipped playbooks, roles, templates and inventories.
type seed struct{ file, find, wrong string }

// seeds are fifty mistakes that a reader could see.
var seeds = []seed{
	// keys
	{"playbooks/site.yml", "  hosts:", "  host:"},
	{"playbooks/site.yml", "  become:", "  becom:"},
	{"playbooks/site.yml", "  roles:", "  role:"},
	{"playbooks/roles/nginx/tasks/main.yml", "  notify: reload nginx\n\n- name: Given", "  notifiy: reload nginx\n\n- name: Given"},
	{"playbooks/roles/nginx/tasks/main.yml", "  tls_certificate:", "  tls_certficate:"},
	{"playbooks/roles/nginx/tasks/main.yml", "    key_path:", "    keypath:"},
	{"playbooks/roles/synapse/tasks/main.yml", "  register: synapse_configured", "  regster: synapse_configured"},
	{"playbooks/roles/synapse/tasks/main.yml", "  retries: 30", "  retrys: 30"},
	{"playbooks/roles/synapse/tasks/main.yml", "- import_tasks: install.yml", "- import_task: install.yml"},
	{"playbooks/roles/synapse/tasks/database.yml", "      - type: local", "      - tpe: local"},
	{"playbooks/roles/postgresql/tasks/main.yml", "    enabled: true", "    enable: true"},
	{"playbooks/roles/synapse/handlers/main.yml", "    chdir:", "    chidr:"},
	{"playbooks/roles/synapse/meta/argument_specs.yml", "        elements: dict", "        element: dict"},
	{"playbooks/roles/nginx/meta/argument_specs.yml", "        choices:", "        choises:"},
	{"examples/rolling.yml", "serial:", "serail:"},
	{"examples/loops.yml", "loop_control:", "loop_contol:"},
	{"examples/inventory/hosts.yml", "      hosts:\n        web", "      host:\n        web"},
	{"examples/hosts", "ansible_user", "ansible_usr"},
	{"examples/hosts", "[homeserver:vars]", "[homeserver:var]"},
	// names
	{"playbooks/site.yml", "role: repository", "role: repositry"},
	{"playbooks/roles/nginx/tasks/main.yml", "notify: reload nginx\n\n- name: The site is on", "notify: reload ngnix\n\n- name: The site is on"},
	{"playbooks/roles/nginx/tasks/main.yml", "src: matrix.conf", "src: matrx.conf"},
	{"playbooks/roles/nginx/tasks/main.yml", "meta: flush_handlers", "meta: flush_handler"},
	{"playbooks/roles/nginx/defaults/main.yml", "nginx_tls_dir:", "nginx_tls_dri:"},
	{"playbooks/roles/nginx/meta/argument_specs.yml", "      nginx_certificate_key:", "      nginx_certificat_key:"},
	{"playbooks/roles/nginx/templates/matrix.conf", "{{ nginx_client_max_body_size }}", "{{ nginx_client_max_bodysize }}"},
	{"playbooks/roles/synapse/tasks/main.yml", "- import_tasks: secrets.yml", "- import_tasks: secret.yml"},
	{"playbooks/roles/synapse/tasks/main.yml", "synapse_health.status", "synapse_health.statos"},
	{"playbooks/roles/synapse/tasks/main.yml", "until: synapse_health", "until: synapse_heath"},
	{"playbooks/roles/synapse/vars/main/settings.yml", "synapse_database_socket:", "synapse_database_soket:"},
	{"playbooks/roles/well_known/defaults/main.yml", "{{ matrix_host }}:443", "{{ matrix_hots }}:443"},
	// types and values
	{"playbooks/site.yml", "become: true", "become: ture"},
	{"playbooks/roles/nginx/tasks/main.yml", `mode: "0755"`, `mode: "0855"`},
	{"playbooks/roles/nginx/tasks/main.yml", "state: directory", "state: direcory"},
	{"playbooks/roles/nginx/defaults/main.yml", "nginx_tls: self-signed", "nginx_tls: selfsigned"},
	{"playbooks/roles/synapse/defaults/main.yml", "synapse_database_port: 5432", "synapse_database_port: 543z"},
	{"playbooks/roles/synapse/tasks/main.yml", "retries: 30", "retries: 3o"},
	{"playbooks/roles/synapse/meta/argument_specs.yml", "        type: int", "        type: itn"},
	// indentation
	{"playbooks/site.yml", "  become: true", "   become: true"},
	{"playbooks/roles/postgresql/tasks/main.yml", "    enabled: true", "  enabled: true"},
	{"playbooks/roles/nginx/handlers/main.yml", "    state: reloaded", "\tstate: reloaded"},
	// quotes and brackets
	{"playbooks/roles/nginx/tasks/main.yml", `path: "{{ nginx_tls_dir }}"`, `path: {{ nginx_tls_dir }}`},
	{"playbooks/roles/well_known/tasks/main.yml", `path: "{{ well_known_root }}"`, `path: "{{ well_known_root }}`},
	{"playbooks/roles/repository/tasks/main.yml", `uris: ["{{ synapse_repository_url }}"]`, `uris: ["{{ synapse_repository_url }}"`},
	{"playbooks/roles/repository/tasks/main.yml", "cache_valid_time: 86400", "cache_valid_time:86400"},
	{"playbooks/roles/nginx/templates/matrix.conf", "server_name {{ matrix_host }};", "server_name {{ matrix_host };"},
	// expressions
	{"playbooks/roles/nginx/tasks/main.yml", `nginx_tls == "given"`, `nginx_tls = "given"`},
	{"playbooks/roles/nginx/tasks/main.yml", `nginx_tls == "self-signed"`, `nginx_tls == "self-signd"`},
	{"playbooks/roles/synapse/defaults/main.yml", `bool(synapse_repository) ? "matrix-synapse-py3" :`, `bool(synapse_repository) ? "matrix-synapse-py3" `},
	{"playbooks/roles/synapse/vars/main/settings.yml", "from_yaml_all(", "from_yaml_al("},
}

// TestSeeds plants each mistake by itself: at least 95 of 100 are refused
// before a host is touched, with a message that names the line.
func TestSeeds(t *testing.T) {
	if len(seeds) != 50 {
		t.Fatalf("%d seeds", len(seeds))
	}
	files := shippedSite(t)
	place(t, files)
	right, refusedAll := 0, 0
	for _, s := range seeds {
		data := files[s.file]
		i := bytes.Index(data, []byte(s.find))
		if i < 0 {
			t.Errorf("%s holds no %q", s.file, s.find)
			continue
		}
		write(t, s.file, bytes.Replace(data, []byte(s.find), []byte(s.wrong), 1))
		refused, es := compileSite(s.file)
		write(t, s.file, data)
		line := 1 + bytes.Count(data[:i], []byte("\n"))
		switch {
		case !refused:
			t.Logf("%s:%d: %q passes", s.file, line, s.wrong)
			continue
		case names(es, s.file, line):
			right++
		default:
			t.Logf("%s:%d: %q: another line: %v", s.file, line, s.wrong, es[0])
		}
		refusedAll++
	}
	t.Logf("%d of %d refused, %d by a message that names the line", refusedAll, len(seeds), right)
	if right*100 < len(seeds)*95 {
		t.Error("too few messages name the line")
	}
}
