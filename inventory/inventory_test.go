package inventory

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mxplay/mxplay/runner/source"
	"golang.org/x/tools/txtar"
)

// files writes a txtar into a new folder and goes there.
func files(t testing.TB, text string) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(text)).Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(string(f.Data), "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, f.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

func load(t testing.TB, sources ...string) *Inventory {
	t.Helper()
	inv, err := Load(sources, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestLoadErrors(t *testing.T) {
	for _, tt := range []struct{ name, files, args, want string }{
		{"no file", "", "hosts.ini", "hosts.ini: no such file | write it first, a host a line: web1 ansible_host=192.0.2.1; or name hosts right here: -i web1,web2"},
		{"no host", "", "web1", "web1: no such file | a list of hosts needs a comma: -i web1,"},
		{"no file in a folder", "", "inv/hosts", "inv/hosts: no such file"},
		{"spaces in a section", "[web servers]\na\n", "hosts", "hosts:1:1: [web servers] is no section | a section is [group], [group:children] or [group:vars], without spaces"},
		{"kind of section", "[web:var]\na=1\n", "hosts", "hosts:1:6: section [web:var] is of an unknown kind | did you mean [web:vars]?"},
		{"vars of no group", "[web]\na\n[wbe:vars]\nx=1\n", "hosts", "hosts:3:2: [wbe:vars] sets variables of group wbe, which nothing defines | did you mean web (hosts:1:2)?"},
		{"unknown child", "[web]\na\n[site:children]\nwob\n", "hosts", "hosts:4:1: [site:children] names group wob, which nothing defines | did you mean web (hosts:1:2)?"},
		{"variable without =", "a b c=d\n", "hosts", "hosts:1:3: key=value is expected here, not \"b\""},
		{"space around =", "a b = c\n", "hosts", "hosts:1:3: key=value is expected here, not \"b\"; hosts:1:5: key=value is expected here, not \"=\" | no space may stand around the =; hosts:1:7: key=value is expected here, not \"c\""},
		{"var line without =", "[a]\n[a:vars]\n  x\n", "hosts", "hosts:3:3: key=value is expected here, not \"x\""},
		{"open quote", "a b='c\n", "hosts", "hosts:1:5: the quote that opens here is not closed"},
		{"circle", "[a:children]\nb\n[b:children]\na\n", "hosts", "hosts:4:1: group a is above group b already and cannot be below it too"},
		{"own child", "[a:children]\na\n", "hosts", "hosts:2:1: group a cannot be its own child"},
		{"all as child", "[a:children]\nall\n", "hosts", "hosts:2:1: group all holds every group and can be a child of none"},
		{"empty range", "web[3:1]\n", "hosts", "hosts:1:1: the range [3:1] begins behind its end"},
		{"range of words", "web[one:two]\n", "hosts", "hosts:1:1: a range goes from number to number or from letter to letter, not [one:two]"},
		{"padding", "web[01:100]\n", "hosts", "hosts:1:1: the numbers of the range [01:100] must have as many digits, since the first has zeros before it"},
		{"no end", "web[1:]\n", "hosts", "hosts:1:1: the range [1:] has no end"},
		{"step", "web[1:3:0]\n", "hosts", "hosts:1:1: the step of the range [1:3:0] must be a number above 0"},
		{"huge range", "web[1:99999999]\n", "hosts", "hosts:1:1: the range [1:99999999] stands for more than 1000000 hosts"},
		{"no port", "a\nweb:\n[b]\n", "hosts", "hosts:2:1: the port is missing after the colon of \"web:\""},
		{"port", "web:99999\n", "hosts", "hosts:1:1: 99999 is no port"},
		{"priority", "[a]\nb\n[a:vars]\nansible_group_priority=high\n", "hosts", "hosts:4:24: ansible_group_priority must be a whole number, not \"high\""},
		{"large number", "a x=123456789012345678901\n", "hosts", "hosts:1:5: 123456789012345678901 does not fit into 64 bits: quote it twice if it is text, as in \"'123456789012345678901'\""},
		{"yaml with tab", "all:\n\thosts:\n", "h.yml", "h.yml:2:1: a tab cannot indent YAML | use spaces: hosts:"},
		{"yaml without extension", "all:\n  hosts:\n    a: {{ x }}\n", "hosts", "hosts:3:8: a value that begins with {{ must be quoted | quote it: a: \"{{ x }}\""},
		{"yaml list of hosts", "all:\n  hosts:\n    - a\n", "h.yml", "h.yml:3:5: hosts of group all is a map, not a list | end each name with a colon, without a dash: a:"},
		{"yaml hosts in no group", "hosts:\n  a:\n", "h.yml", "h.yml:1:1: hosts stands in no group | all:\n  hosts:"},
		{"yaml misspelt section", "all:\n  host:\n    a:\n", "h.yml", "h.yml:2:3: group all has hosts, children and vars, not \"host\" | did you mean hosts?"},
		{"yaml group as list", "web: [a, b]\n", "h.yml", "h.yml:1:6: group web takes hosts, children and vars, not a list"},
		{"yaml is a list", "- a\n", "h.yml", "h.yml:1:1: a YAML inventory is a map of groups, not a list | all:\n  hosts:\n    web1:"},
		{"yaml host variables", "all:\n  hosts:\n    a: b\n", "h.yml", "h.yml:3:8: the variables of host a are a map, not a string"},
		{"yaml duplicate host", "all:\n  hosts:\n    a:\n    a:\n", "h.yml", "h.yml:4:5: key \"a\" stands twice in this map, first in line 3"},
		{"yaml circle", "a:\n  children:\n    b:\n      children:\n        a:\n", "h.yml", "h.yml:5:9: group a is above group b already and cannot be below it too"},
		{"yaml number as host", "all:\n  hosts:\n    12:\n", "h.yml", "h.yml:3:5: the key 12 is of type int, keys must be text | quote it: \"12\":"},
		{"plugin", "plugin: cloud\n", "h.yml", "h.yml:1:9: the inventory plugin cloud is not known | there is constructed; a program that prints JSON can be an inventory too"},
		{"ini named yml", "[web]\na b=c\n", "h.yml", "h.yml:2:1: a second value stands here after the first has ended | check the indentation"},
		{"range in a list", "", "web[1:3],", "a range such as web[1:3] is not expanded in a list of hosts | name each host"},
		{"program fails", "#!/bin/sh\necho oops >&2\nexit 3\n", "inv.sh", "inv.sh: the inventory program failed at --list: exit status 3 | it said: oops"},
		{"program prints no JSON", "#!/bin/sh\necho '{\"a\": [1,}'\n", "inv.sh", "inv.sh --list:1:10: invalid character '}' looking for beginning of value"},
		{"program prints nothing", "#!/bin/sh\n", "inv.sh", "inv.sh --list:1:1: an inventory program answers with a map of groups, not a null"},
		{"program prints wrong types", "#!/bin/sh\necho '{\"a\": {\"hosts\": {}, \"vars\": 1}, \"_meta\": {\"hostvars\": {}}}'\n", "inv.sh", "inv.sh --list:1:17: hosts of group a is a list, not a map; inv.sh --list:1:29: vars of group a is a map, not a int"},
		{"not text", "a\nb \xff\n", "hosts", "hosts:2:1: the line is not UTF-8"},
		{"toml", "[a]\n", "hosts.toml", "hosts.toml: an inventory in TOML is not known | write it as YAML or INI"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := tt.args
			if tt.files == "" {
				name = "other"
			}
			files(t, "")
			mode := os.FileMode(0o644)
			if strings.HasPrefix(tt.files, "#!") {
				mode = 0o755
			}
			if err := os.WriteFile(name, []byte(tt.files), mode); err != nil {
				t.Fatal(err)
			}
			_, err := Load([]string{tt.args}, Options{})
			if got := messages(err); got != tt.want {
				t.Errorf("\ngot  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func messages(err error) string {
	var es source.Errors
	es.Add(source.Pos{}, err)
	var out []string
	for _, e := range es {
		s := e.Error()
		if e.Hint != "" {
			s += " | " + e.Hint
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestVarFileErrors(t *testing.T) {
	files(t, `
-- hosts --
[web]
a
b
c
d
-- group_vars/all/vault.yml --
x: 1
-- host_vars/a.yml --
- list
-- host_vars/b.yml --
$ANSIBLE_VAULT;1.1;AES256
3030
-- host_vars/c.yml --
x: {{ y }}
-- host_vars/d --
x: 1
-- host_vars/d.yml --
x: 2
`)
	inv := load(t, "hosts")
	for host, want := range map[string]string{
		"a": "host_vars/a.yml:1:1: a file of variables is a map, not a list",
		"b": "host_vars/b.yml:1:1: the file is encrypted with ansible-vault",
		"c": `host_vars/c.yml:1:4: a value that begins with {{ must be quoted | quote it: x: "{{ y }}"`,
		"d": "",
	} {
		_, err := inv.Layers(inv.Host(host), "")
		if got := messages(err); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", host, got, want)
		}
	}
	if got, want := messages(inv.Warnings.Err()), "host_vars/d.yml: this file is not read, since host_vars/d is there too"; got != want {
		t.Errorf("warnings: %s", got)
	}
	decrypted, err := Load([]string{"hosts"}, Options{Decrypt: func(string, []byte) ([]byte, error) { return []byte("s: 1"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	if vars, err := decrypted.Vars(decrypted.Host("b"), ""); err != nil || vars["s"].Plain() != int64(1) {
		t.Errorf("got %v %v", vars, err)
	}
}

func TestLayers(t *testing.T) {
	files(t, `
-- inv/hosts --
[web]
a x=1
b
[web:vars]
y=2
[all:vars]
z=3
-- inv/group_vars/all.yml --
z: 4
-- inv/group_vars/web/1.yml --
y: 5
-- inv/group_vars/web/2.yml --
y: 6
-- play/group_vars/web.yml --
y: 7
-- play/host_vars/a.yml --
x: 8
`)
	inv := load(t, "inv/hosts")
	layers, err := inv.Layers(inv.Host("a"), "play")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range layers {
		for _, k := range sortedNames(l.Vars) {
			got = append(got, fmt.Sprintf("%s %s %s=%v %s", l.Level, l.Name, k, l.Vars[k].Plain(), l.Vars[k].Pos))
		}
	}
	want := `inventory, group all all z=3 inv/hosts:7:1
inventory, group web y=2 inv/hosts:5:1
group_vars/all beside the inventory all z=4 inv/group_vars/all.yml:1:1
group_vars beside the inventory web y=5 inv/group_vars/web/1.yml:1:1
group_vars beside the inventory web y=6 inv/group_vars/web/2.yml:1:1
group_vars beside the playbook web y=7 play/group_vars/web.yml:1:1
inventory, host a x=1 inv/hosts:2:3
host_vars beside the playbook a x=8 play/host_vars/a.yml:1:1`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s", s)
	}
	other, err := inv.Layers(inv.Host("b"), "play")
	if err != nil {
		t.Fatal(err)
	}
	layers[1].Vars["probe"] = Var{}
	if _, ok := other[1].Vars["probe"]; !ok {
		t.Error("two hosts of a group have copies of its variables")
	}
}

func TestMatchWarnings(t *testing.T) {
	files(t, "-- hosts --\n[webservers]\nweb1\n")
	inv := load(t, "hosts")
	for pattern, want := range map[string]string{
		"webserver":  "no host or group matches webserver | did you mean webservers?",
		"all:!wbe1":  "no host or group matches wbe1 | did you mean web1?",
		"db*":        "no host or group matches db*",
		"webservers": "",
		"localhost":  "",
	} {
		_, warnings, err := inv.Match(pattern, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := messages(source.Errors(warnings).Err()); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", pattern, got, want)
		}
	}
	for pattern, want := range map[string]string{
		"~(":              "pattern ~( is no regular expression: missing closing ): `^(?:()`",
		"webservers[3]":   "pattern webservers[3] counts further than its 1 hosts",
		"webservers[1:0]": "pattern webservers[1:0] begins behind its end",
		"webservers[0-1]": "pattern webservers[0-1] has a range with -, write webservers[0:1]",
	} {
		_, _, err := inv.Match(pattern, "")
		if got := messages(err); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", pattern, got, want)
		}
	}
}

func TestLimitFile(t *testing.T) {
	files(t, "-- hosts --\na\nb\nc\n-- retry --\nc\n\na\n-- empty --\n")
	inv := load(t, "hosts")
	hosts, _, err := inv.Match("all", "@retry")
	if err != nil || names(hosts) != "a c" {
		t.Errorf("got %s %v", names(hosts), err)
	}
	if _, _, err := inv.Match("all", "@none"); messages(err) != "none: no such file" {
		t.Errorf("got %v", err)
	}
	if _, _, err := inv.Match("all", "@empty"); err == nil {
		t.Error("an empty limit is taken for all")
	}
}

func names(hosts []*Host) string {
	var out []string
	for _, h := range hosts {
		out = append(out, h.Name)
	}
	return strings.Join(out, " ")
}

func TestLineEnds(t *testing.T) {
	files(t, "-- hosts --\n\ufeff[web]\r\na x=1\r\n[web:vars]\r\ny=z\r\n-- hosts.yml --\r\nall:\r\n  hosts:\r\n    b:\r\n      x: 2\r\n")
	inv := load(t, "hosts", "hosts.yml")
	vars, err := inv.Vars(inv.Host("a"), "")
	if err != nil || vars["x"].Plain() != int64(1) || vars["y"].Plain() != "z" {
		t.Errorf("got %v %v", vars, err)
	}
	if vars, _ = inv.Vars(inv.Host("b"), ""); vars["x"].Plain() != int64(2) {
		t.Errorf("got %v", vars)
	}
}

func TestProgramsAreNoTemplates(t *testing.T) {
	files(t, "-- inv.sh --\n#!/bin/sh\necho '{\"_meta\": {\"hostvars\": {\"a\": {\"x\": [\"{{ y }}\"]}}}, \"g\": {\"hosts\": [\"a\"], \"vars\": {\"z\": \"{{ y }}\"}}}'\n-- data.yml --\nall:\n")
	if err := os.Chmod("data.yml", 0o755); err != nil {
		t.Fatal(err)
	}
	inv := load(t, "./inv.sh", "data.yml")
	vars, err := inv.Vars(inv.Host("a"), "")
	if err != nil {
		t.Fatal(err)
	}
	if x := vars["x"]; !x.Node.Unsafe || !x.Node.Items[0].Unsafe || !vars["z"].Node.Unsafe || !x.Program {
		t.Errorf("a program's text can be a template: %+v", x.Node)
	}
}

func TestAddHost(t *testing.T) {
	files(t, "-- hosts --\n[web]\na\n-- group_vars/new.yml --\nx: 1\n")
	inv := load(t, "hosts")
	if others, err := inv.OtherFiles(""); err != nil || len(others) != 1 || others[0].Name != "new" {
		t.Errorf("got %v %v", others, err)
	}
	h, changed := inv.AddHost("n", []string{"new", "web"})
	if !changed || strings.Join(h.GroupNames(), " ") != "new web" {
		t.Errorf("got %v %v", changed, h.GroupNames())
	}
	vars, err := inv.Vars(h, "")
	if err != nil || vars["x"].Plain() != int64(1) {
		t.Errorf("got %v %v", vars, err)
	}
	if hosts, _, _ := inv.Match("web", ""); names(hosts) != "a n" {
		t.Errorf("got %s", names(hosts))
	}
	if _, changed := inv.AddHost("n", []string{"new"}); changed {
		t.Error("the second time changed something")
	}
}

func TestAddToGroups(t *testing.T) {
	files(t, "-- hosts --\n[web]\na\n")
	inv := load(t, "hosts")
	a := inv.Host("a")
	m := Membership{a, "os_debian", []string{"os", "all"}}
	if !inv.Changes(m) {
		t.Error("nothing would change")
	}
	if err := inv.AddToGroups([]Membership{m}); err != nil {
		t.Error(err)
	}
	if inv.Changes(m) || !a.In(inv.Group("os")) || strings.Join(a.GroupNames(), " ") != "os os_debian web" {
		t.Errorf("got %v", a.GroupNames())
	}
	if !inv.Changes(Membership{a, "os_debian", []string{"family"}}) {
		t.Error("a new parent changes nothing")
	}
	if err := inv.AddToGroups([]Membership{{a, "os", []string{"os_debian"}}}); err == nil {
		t.Error("a circle")
	}
	inv.Promise([]string{"later"}, false)
	if _, warns, _ := inv.Match("later,latr", ""); len(warns) != 1 || warns[0].Hint != "did you mean later?" {
		t.Errorf("got %v", warns)
	}
}

func TestConcurrent(t *testing.T) {
	files(t, "-- hosts --\n[web]\nw[1:50] x=1\n-- group_vars/web.yml --\ny: 1\n")
	inv := load(t, "hosts")
	var wg sync.WaitGroup
	for _, h := range inv.Hosts {
		wg.Go(func() {
			if _, err := inv.Layers(h, "play"); err != nil {
				t.Error(err)
			}
			inv.Host("localhost")
			if _, _, err := inv.Match("web:!w1,localhost", ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkThousandHosts(b *testing.B) {
	var s strings.Builder
	s.WriteString("-- hosts --\n")
	for g := range 20 {
		fmt.Fprintf(&s, "[g%d]\n", g)
		for h := range 50 {
			fmt.Fprintf(&s, "h%d-%d", g, h)
			for v := range 50 {
				fmt.Fprintf(&s, " v%d=value%d", v, v)
			}
			s.WriteByte('\n')
		}
	}
	files(b, s.String())
	b.ReportAllocs()
	for b.Loop() {
		inv := load(b, "hosts")
		for _, h := range inv.Hosts {
			if _, err := inv.Layers(h, ""); err != nil {
				b.Fatal(err)
			}
		}
	}
}
