package runner

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/modules/modtest"
	"github.com/mxplay/mxplay/runner/report"
)

const secretSite = `
- name: secrets
  hosts: all
  vars_prompt: [{name: typed}]
  roles: [r]
  vars:
    made: "{{ drawn.value }}"
    both: "{{ made }}:{{ typed }}"
  tasks:
    - {name: draw, secret: {path: /etc/s}, register: drawn}
    - {name: show it, debug: {var: drawn}}
    - {name: show the value, debug: {msg: "it is {{ drawn.value }}"}}
    - {name: show a part, debug: {msg: "{{ drawn.value[0:7] }}"}}
    - {name: show it otherwise, debug: {msg: "{{ drawn.value | b64encode() }} {{ drawn.value | upper() }} {{ drawn.value | hash('sha1') }}"}}
    - {name: lazily, debug: {msg: "{{ both }}"}}
    - {name: as data, debug: {msg: {a: ["{{ made }}"], b: plain}}}
    - {name: "the task {{ made }}", debug: {}}
    - {name: a fact, set_fact: {fact: "{{ made }}", part: "{{ made[3:12] }}"}}
    - {name: the fact, debug: {msg: "{{ fact }} {{ part }}"}}
    - {name: vars, debug: {msg: "{{ vars['fact'] }}"}}
    - {name: a file, template: {src: t.txt, dest: /etc/t}}
    - {name: yaml, yaml: {dest: /etc/y, data: {user: u, password: "{{ made }}", nested: ["{{ typed }}"]}}}
    - {name: copy, copy: {dest: /etc/c, content: "a\n{{ made }}\nb\n"}}
    - {name: read it back, slurp: {src: /etc/y}, register: y}
    - {name: of it, debug: {msg: "{{ y.content | b64decode() }}"}}
    - {name: tagged, act: {secret: "{{ made }}"}, register: t}
    - {name: its result, debug: {msg: "{{ t.hidden }}"}}
    - {name: constant, act: {secret: q9z7w}, register: t}
    - {name: its result, debug: {var: t}}
    - {name: fails with it, act: {fail: true, secret: q9z7w, lines: "password q9z7w is wrong"}, ignore_errors: true}
    - {name: fails with the other, act: {fail: true, out: "{{ typed }}", lines: "{{ made }}"}, ignore_errors: true}
    - {name: wrong type, act: {until: "{{ made }}"}, ignore_errors: true}
    - {name: wrong condition, debug: {}, when: made, ignore_errors: true}
    - {name: wrong loop, debug: {}, loop: "{{ made }}", ignore_errors: true}
    - {name: message, fail: {msg: "not {{ typed }}"}, ignore_errors: true}
    - {name: assertion, assert: {that: made == 'x', fail_msg: "{{ made }} is not x"}, ignore_errors: true}
    - {name: loop, debug: {msg: "{{ item }}"}, loop: ["{{ made }}", "{{ typed }}"]}
    - {name: loop again, act: {out: x}, loop: ["{{ made }}"], loop_control: {extended: true, label: "{{ ansible_loop.allitems }}"}, register: l}
    - {name: its items, debug: {msg: "{{ l.results[0].item }} {{ l.results | map(#.item) }}"}}
    - {name: its items, debug: {var: l}}
    - {name: label, act: {out: x}, loop: [1], loop_control: {label: "{{ made }}"}}
    - {name: environment, act: {}, environment: {PASSWORD: "{{ made }}"}, register: e}
    - {name: from there, debug: {msg: "{{ e.env }}"}}
    - {name: declared, debug: {msg: "{{ declared }}"}}
    - {name: changed content, copy: {dest: /etc/c, content: "a\n{{ made }}{{ typed }}\nb\n"}}
    - {name: short, copy: {dest: /etc/d, content: "x {{ t.hidden }} y\n"}}
    - {name: no_log, act: {out: "{{ item }}", lines: "{{ item }}", fail: true}, loop: [OpenSesame], no_log: true, ignore_errors: true}
    - {name: no_log too, copy: {content: OpenSesame, dest: /etc/o}, no_log: true}
    - {name: no_log of what cannot be known, act: {out: "OpenSesame{{ vars['ghost'] }}"}, no_log: true, ignore_errors: true}
    - {name: sum, act: {out: "{{ made }}", fail: true}}
`

func TestSecrets(t *testing.T) {
	for _, check := range []bool{false, true} {
		for _, json := range []bool{false, true} {
			t.Run(fmt.Sprintf("check=%v,json=%v", check, json), func(t *testing.T) { secretRun(t, check, json) })
		}
	}
}

func secretRun(t *testing.T, check, json bool) {
	t.Chdir(t.TempDir())
	writeFile(t, "site.yml", []byte(secretSite))
	writeFile(t, "templates/t.txt", []byte("user = me\npassword = {{ made }}\nother = {{ typed | lower() }}\n"))
	writeFile(t, "roles/r/meta/argument_specs.yml", []byte("argument_specs: {main: {options: {declared: {no_log: true}}}}\n"))
	writeFile(t, "group_vars/all.yml", []byte("declared: Hush-hush\n"))
	c := newCloud()
	if check {
		// so that its value is known
		m := c.machine("a")
		m.Files["/etc/s"] = &modtest.File{Kind: "file", Mode: 0o600, Data: []byte("DrawnBefore0123456789012345\n")}
		m.Files["/etc/t"] = &modtest.File{Kind: "file", Mode: 0o644, Data: []byte("user = me\npassword = TheOneBefore\n")}
	}
	p, err := Compile(Options{Playbooks: []string{"site.yml"}, Inventory: []string{"a,"}, Tasks: c.tasks()})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	redact := &report.Redactor{}
	var rep report.Reporter = report.NewLines(&out, redact, nil)
	if !json {
		rep = report.New(report.Options{Out: &out, Verbose: 3, Redact: redact})
	}
	_, err = p.Run(t.Context(), RunOptions{Check: check, Diff: true, Verbose: 3, Report: rep, Redact: redact, dialer: c,
		Prompt: func(Prompt) (string, error) { return "Tip/ed'\"1", nil }})
	if err != nil {
		t.Fatal(err)
	}
	_ = rep.Close()
	if !strings.Contains(out.String(), "sum") || strings.Contains(out.String(), "is undefined") {
		t.Errorf("the run did not come to its end:\n%s", out.String())
	}
	f := c.machine("a").Files["/etc/s"]
	if f == nil {
		t.Fatal("no secret was made")
	}
	drawn := strings.TrimSpace(string(f.Data))
	for _, s := range []string{drawn, drawn[:7], drawn[3:12], strings.ToUpper(drawn), base64.StdEncoding.EncodeToString([]byte(drawn))[:20],
		"Tip/ed", "tip/ed", "q9z7w", "Hush-hush", "TheOneBefore", "OpenSesame"} {
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, s) {
				t.Errorf("%q is shown: %s", s, line)
			}
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}
