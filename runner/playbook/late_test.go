package playbook

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/mxplay/mxplay/runner/source"
)

// unpack writes the files of an archive into a folder and goes there.
func unpack(t testing.TB, text string) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(text)).Files {
		p := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chdir(wd) })
}

func TestIncludeLate(t *testing.T) {
	unpack(t, `
-- site.yml --
- hosts: all
  tasks:
    - include_tasks: "{{ name }}.yml"
      vars: {p: 1}
    - include_role: {name: "{{ name }}", tasks_from: extra}
-- one.yml --
- debug: {msg: one}
-- bad.yml --
- debug: {msg: one}
  whne: x
-- roles/r/tasks/extra.yml --
- debug: {msg: extra}
-- roles/r/handlers/main.yml --
- name: h
  debug: {}
`)
	l := New(Options{Modules: testModules()})
	pb, err := l.Playbook("site.yml")
	if err != nil {
		t.Fatal(err)
	}
	file, role := pb.Plays[0].Tasks[0], pb.Plays[0].Tasks[1]
	for range 2 {
		inc, err := l.Include(file, "one.yml")
		if err != nil || len(inc.Tasks) != 1 || !inc.Resolved || file.Include.Resolved {
			t.Fatalf("%+v, %v", inc, err)
		}
		if up := inc.Tasks[0].Up; up.Kind != IncludeLevel || up.Vars[0].Key != "p" || up.Up.Kind != PlayLevel {
			t.Errorf("the task stands below %+v", up)
		}
	}
	inc, err := l.Include(role, "r")
	if err != nil || len(inc.Role.Tasks) != 1 || len(inc.Role.Handlers) != 1 || inc.Role.Entry != "extra" {
		t.Fatalf("%+v, %v", inc, err)
	}
	for name, want := range map[string]string{"bad.yml": "unknown keyword whne", "on.yml": "no such file"} {
		if _, err := l.Include(file, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := l.Include(role, "rr"); err == nil || !strings.Contains(err.Error(), "there is no role rr") {
		t.Error(err)
	}
}

func TestSearch(t *testing.T) {
	unpack(t, `
-- site.yml --
- hosts: all
  roles: [a]
  tasks:
    - import_tasks: sub/t.yml
-- files/top --
-- both --
-- sub/t.yml --
- copy: {src: x}
-- sub/near --
-- roles/a/meta/main.yml --
dependencies: [b]
-- roles/a/files/of_a --
-- roles/b/tasks/main.yml --
- copy: {src: x}
-- roles/b/files/of_b --
-- roles/b/both --
`)
	l := New(Options{Modules: testModules()})
	pb, err := l.Playbook("site.yml")
	if err != nil {
		t.Fatal(err)
	}
	play := pb.Plays[0]
	inRole, inFile := play.Roles[0].Deps[0].Tasks[0], play.Tasks[0].Include.Tasks[0]
	for _, c := range []struct {
		task *Task
		name string
		want string
	}{
		{inRole, "of_b", "roles/b/files/of_b"},
		{inRole, "of_a", "roles/a/files/of_a"},
		{inRole, "both", "roles/b/both"},
		{inRole, "top", "files/top"},
		{inFile, "near", "sub/near"},
		{inFile, "top", "files/top"},
		{inFile, "both", "both"},
		{inFile, "none", ""},
		{inFile, "/etc/passwd", "/etc/passwd"},
	} {
		got, tried := l.Search(c.task, "files", c.name)
		if got != c.want {
			t.Errorf("%s: found %q in %v, want %q", c.name, got, tried, c.want)
		}
	}
}

func TestStaticNames(t *testing.T) {
	unpack(t, `
-- site.yml --
- hosts: all
  tasks:
    - import_tasks: "{{ what }}.yml"
-- one.yml --
- debug: {}
`)
	pb, err := New(Options{Modules: testModules(), Static: func(n *source.Node, at *Level) (string, error) {
		return strings.ReplaceAll(n.Value.(string), "{{ what }}", "one"), nil
	}}).Playbook("site.yml")
	if err != nil || len(pb.Plays[0].Tasks[0].Include.Tasks) != 1 {
		t.Fatal(err)
	}
}

// TestUnfold has files that include each other in every way: what is made of them is bounded.
func TestUnfold(t *testing.T) {
	var b strings.Builder
	b.WriteString("-- site.yml --\n- hosts: all\n  tasks:\n    - include_tasks: f0.yml\n")
	const n = 12
	for i := range n {
		fmt.Fprintf(&b, "-- f%d.yml --\n", i)
		for j := range n {
			fmt.Fprintf(&b, "- include_tasks: f%d.yml\n", j)
		}
	}
	b.WriteString("-- deep.yml --\n- hosts: all\n  tasks:\n    - import_tasks: d0.yml\n")
	for i := range 30 {
		fmt.Fprintf(&b, "-- d%d.yml --\n- import_tasks: d%d.yml\n- import_tasks: d%d.yml\n", i, i+1, i+1)
	}
	b.WriteString("-- d30.yml --\n- debug: {}\n")
	unpack(t, b.String())
	ld := &load{Loader: New(Options{Modules: testModules()})}
	if pb := ld.playbook("site.yml"); pb == nil || len(ld.errs) > 0 {
		t.Error(ld.errs)
	}
	if most := (deepIncludes + maxUnfolds) * n * n; ld.count > most {
		t.Errorf("%d tasks were made of %d, at most %d may be", ld.count, n*n, most)
	}
	ld = &load{Loader: New(Options{Modules: testModules()})}
	ld.playbook("deep.yml")
	if err := ld.errs.Err(); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
	if ld.count > maxTasks+100 { // each of the lists around stops at its next task
		t.Errorf("it went on to %d tasks", ld.count)
	}
}

func FuzzLoad(f *testing.F) {
	cases, _ := filepath.Glob("testdata/*.txtar")
	for _, c := range cases {
		ar, err := txtar.ParseFile(c)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			if isYAML(file.Name) {
				f.Add(file.Data)
			}
		}
	}
	dir := f.TempDir()
	os.MkdirAll(filepath.Join(dir, "roles/r/tasks"), 0o755)
	os.WriteFile(filepath.Join(dir, "roles/r/tasks/main.yml"), []byte("- debug: {}\n"), 0o644)
	path := filepath.Join(dir, "site.yml")
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"site.yml", "t.yml", "roles/r/tasks/x.yml"} {
			os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		pb, err := New(Options{Modules: testModules()}).Playbook(path)
		if err != nil {
			for _, e := range err.(source.Errors) {
				if e.Msg == "" {
					t.Errorf("an error without words at %s", e.Pos)
				}
			}
			return
		}
		for _, p := range pb.Plays {
			for _, task := range p.Tasks {
				if task.Module == "" && task.Block == nil && task.Include == nil {
					t.Errorf("%s: a task that does nothing", task.Pos)
				}
				if task.Module != "" && task.Args == nil {
					t.Errorf("%s: a task without arguments", task.Pos)
				}
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	var t strings.Builder
	t.WriteString("-- site.yml --\n- hosts: all\n  roles:\n")
	for i := range 1000 {
		fmt.Fprintf(&t, "    - r%d\n", i)
	}
	for i := range 1000 {
		fmt.Fprintf(&t, "-- roles/r%d/tasks/main.yml --\n", i)
		for j := range 20 {
			fmt.Fprintf(&t, "- name: task %d\n  copy: {src: a, dest: /etc/%d, mode: \"0644\"}\n  when: x > %d\n  notify: restart\n", j, j, j)
		}
	}
	unpack(b, t.String())
	mods := testModules()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(Options{Modules: mods}).Playbook("site.yml"); err != nil {
			b.Fatal(err)
		}
	}
}
