// Package site writes sites as large as one likes, that use what real ones use:
// roles with defaults, variables, argument specs, handlers and templates, which
// name each other's variables; hosts in groups with variables of their own.
package site

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Shape is how large a site is.
type Shape struct {
	Roles int // with TasksOfRole tasks each
	Hosts int
	Vars  int // of each host
	Split int // roles in a play; all in one play when 0
}

// TasksOfRole is how many tasks a role has, blocks not counted.
const TasksOfRole = 20

// Write writes the site into a folder: site.yml, hosts, group_vars, host_vars
// and roles.
func Write(dir string, s Shape) error {
	w := &writer{dir: dir}
	w.plays(s)
	for i := range s.Roles {
		w.role(i)
	}
	w.inventory(s)
	return w.err
}

type writer struct {
	dir string
	err error
}

func (w *writer) file(name, format string, args ...any) {
	if w.err != nil {
		return
	}
	path := filepath.Join(w.dir, name)
	if w.err = os.MkdirAll(filepath.Dir(path), 0o755); w.err == nil {
		w.err = os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o644)
	}
}

func (w *writer) plays(s Shape) {
	split := s.Split
	if split == 0 {
		split = max(s.Roles, 1)
	}
	var b strings.Builder
	for i := 0; i < max(s.Roles, 1); i += split {
		fmt.Fprintf(&b, "- name: services from %d\n  hosts: all\n  become: true\n  vars:\n    site_part: %d\n  roles:\n", i, i)
		for j := i; j < min(i+split, s.Roles); j++ {
			switch j % 4 {
			case 0:
				fmt.Fprintf(&b, "    - r%d\n", j)
			default:
				fmt.Fprintf(&b, "    - role: r%d\n      tags: [r%d, part%d]\n      vars: {r%d_given: 'given to {{ inventory_hostname }}'}\n", j, j, j%10, j)
			}
		}
		if s.Roles == 0 {
			b.WriteString("    []\n")
		}
		b.WriteString("  post_tasks:\n    - debug: {msg: 'done with {{ site_name }}'}\n")
	}
	w.file("site.yml", "%s", b.String())
	w.file("group_vars/all.yml", "site_name: example\nsite_domain: example.org\nsite_contact: 'admin@{{ site_domain }}'\nsite_enabled: true\nsite_users:\n  - {name: alice, shell: /bin/sh}\n  - {name: bob, shell: /bin/bash}\n")
}

// role writes role i, which reads variables of the one before.
func (w *writer) role(i int) {
	n := fmt.Sprintf("r%d", i)
	before := fmt.Sprintf("r%d", max(i-1, 0))
	fill := strings.NewReplacer("ROLE", n, "BEFORE", before).Replace
	dir := "roles/" + n + "/"
	w.file(dir+"defaults/main.yml", "%s", fill(`ROLE_enabled: true
ROLE_package: ROLE-server
ROLE_version: '1.2.3'
ROLE_port: 8000
ROLE_user: ROLE
ROLE_group: '{{ ROLE_user }}'
ROLE_home: '/var/lib/{{ ROLE_user }}'
ROLE_config: '/etc/{{ ROLE_user }}'
ROLE_given: ''
ROLE_options:
  workers: 4
  domain: '{{ site_domain }}'
  peers: []
`))
	w.file(dir+"vars/main.yml", "%s", fill("ROLE_folders:\n  - '{{ ROLE_home }}'\n  - '{{ ROLE_config }}'\nROLE_url: 'http://{{ ROLE_options.domain }}:{{ ROLE_port }}/'\n"))
	w.file(dir+"meta/argument_specs.yml", "%s", fill(`argument_specs:
  main:
    short_description: installs ROLE
    options:
      ROLE_port: {type: int, default: 8000, description: where it listens}
      ROLE_enabled: {type: bool, default: true, description: whether it runs}
      ROLE_given: {type: str, description: from the play}
`))
	if i%10 == 9 {
		w.file(dir+"meta/main.yml", "dependencies:\n  - role: r0\n")
	}
	w.file(dir+"handlers/main.yml", "%s", fill("- name: restart ROLE\n  systemd: {name: ROLE, state: restarted}\n  when: ROLE_enabled\n- name: reload ROLE\n  listen: ROLE changed\n  command: 'reload {{ ROLE_user }}'\n"))
	w.file(dir+"templates/main.conf.j2", "%s", fill(`# {{ ansible_managed }}
name = ROLE
url = {{ ROLE_url }}
{% for k in ROLE_options.peers %}
peer = {{ k }}
{% else %}
peer = none
{% endfor %}
{% if ROLE_enabled %}
workers = {{ ROLE_options.workers * 2 }}
{% endif %}
{% set n = 3 %}
level = {{ n + 1 }}
contact = {{ site_contact }}
before = {{ BEFORE_port }}
`))
	w.file(dir+"tasks/late.yml", "%s", fill("- name: a file of ROLE from another list\n  copy:\n    content: '{{ ROLE_version }}'\n    dest: '{{ ROLE_home }}/version'\n  notify: restart ROLE\n- debug: {msg: '{{ ROLE_status.rc | default(0) }} {{ default(ROLE_optional, 1) }}'}\n"))
	w.file(dir+"tasks/main.yml", "%s", fill(tasks))
}

// tasks are 18, and two in late.yml.
const tasks = `- name: ROLE is installed
  package:
    name: '{{ ROLE_package }}'
    state: present
  register: ROLE_installed
  tags: [install]

- name: the group of ROLE
  group: {name: '{{ ROLE_group }}', system: true}

- name: the account of ROLE
  user:
    name: '{{ ROLE_user }}'
    group: '{{ ROLE_group }}'
    home: '{{ ROLE_home }}'
    system: true
  when: ROLE_enabled and site_enabled

- name: the folders of ROLE
  file:
    path: '{{ item }}'
    state: directory
    owner: '{{ ROLE_user }}'
    mode: '0750'
  loop: '{{ ROLE_folders }}'
  loop_control: {label: '{{ item }}'}

- name: the configuration of ROLE
  template:
    src: main.conf.j2
    dest: '{{ ROLE_config }}/main.conf'
    mode: '0640'
  notify: restart ROLE
  register: ROLE_conf

- name: the environment of ROLE
  copy:
    content: |
      URL={{ ROLE_url }}
      GIVEN={{ ROLE_given }}
      PORT={{ ROLE_port }}
    dest: '/etc/default/ROLE'
  notify: [restart ROLE, ROLE changed]

- name: what ROLE says
  command: '{{ ROLE_user }} --status'
  register: ROLE_status
  changed_when: false
  failed_when: ROLE_status.rc > 1
  check_mode: false

- name: ROLE is set up once
  command:
    argv: ['{{ ROLE_user }}', --setup, '{{ ROLE_version }}']
    creates: '{{ ROLE_home }}/done'
  when:
    - ROLE_status.rc == 1
    - not ROLE_conf.changed or ROLE_port > 1024
  environment: {LANG: C, PORT: '{{ ROLE_port }}'}

- name: what stands there
  stat: {path: '{{ ROLE_home }}/data'}
  register: ROLE_data

- set_fact:
    ROLE_ready: '{{ ROLE_data.stat.exists and ROLE_enabled }}'

- assert:
    that:
      - ROLE_port > 0
      - version(ROLE_version, '1.0', '>=')
      - BEFORE_port < 65536
    fail_msg: 'ROLE cannot listen on {{ ROLE_port }}'

- name: a line for ROLE
  lineinfile:
    path: /etc/services
    line: 'ROLE {{ ROLE_port }}/tcp'
    regexp: '^ROLE '
  when: "'prod' in group_names or inventory_hostname != 'h0'"

- block:
    - name: ROLE runs
      systemd:
        name: ROLE
        state: '{{ ROLE_enabled ? "started" : "stopped" }}'
        enabled: '{{ ROLE_enabled }}'
    - name: ROLE answers
      uri: {url: '{{ ROLE_url }}', status_code: [200, 404]}
      register: ROLE_answer
      until: ROLE_answer.status == 200
      retries: 3
      delay: 1
  rescue:
    - debug: {msg: 'ROLE did not start: {{ ansible_failed_task.name }}'}
    - fail: {msg: 'see {{ site_contact }}'}
  when: ROLE_ready
  tags: [start]

- name: the users of ROLE
  command: 'ROLE adduser {{ item.name }} {{ item.shell }} {{ index }}'
  loop: '{{ site_users }}'
  loop_control: {index_var: index, label: '{{ item.name }}'}
  changed_when: "'added' in ROLE_users.stdout"
  register: ROLE_users
  no_log: true

- include_tasks: late.yml
  when: ROLE_enabled

- debug: {msg: '{{ ROLE_users.results | length() }} users, {{ hostvars[inventory_hostname].site_name }}'}
`

func (w *writer) inventory(s Shape) {
	var b strings.Builder
	groups := max(1, s.Hosts/20)
	for g := range groups {
		fmt.Fprintf(&b, "[g%d]\n", g)
		for h := g; h < s.Hosts; h += groups {
			fmt.Fprintf(&b, "h%d ansible_host=192.0.2.%d", h, h%250+1)
			for v := 1; v < s.Vars; v++ {
				switch v % 5 {
				case 0:
					fmt.Fprintf(&b, " v%d=%d", v, h+v)
				case 1:
					fmt.Fprintf(&b, " v%d='a text of host %d'", v, h)
				case 2:
					fmt.Fprintf(&b, " v%d=True", v)
				default:
					fmt.Fprintf(&b, " v%d=value-%d", v, h)
				}
			}
			b.WriteByte('\n')
		}
		w.file(fmt.Sprintf("group_vars/g%d.yml", g), "group_number: %d\ngroup_list: [a, b, '{{ group_number }}']\n", g)
	}
	b.WriteString("[prod:children]\n")
	for g := range groups {
		fmt.Fprintf(&b, "g%d\n", g)
	}
	w.file("hosts", "%s", b.String())
	for h := 0; h < s.Hosts; h += 10 {
		w.file(fmt.Sprintf("host_vars/h%d.yml", h), "own: {rack: %d, serial: 'SN-%d'}\n", h%40, h)
	}
}
