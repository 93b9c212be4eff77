package runner

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/e2e/scale/site"
	"github.com/mxplay/mxplay/runner/report"
)

// largeSite writes a site of n roles and n hosts into a folder of its own and goes there.
func largeSite(t testing.TB, n int) Options {
	t.Helper()
	dir := t.TempDir()
	if err := site.Write(dir, site.Shape{Roles: n, Hosts: n, Vars: 50}); err != nil {
		t.Fatal(err)
	}
	switch t := t.(type) {
	case *testing.B:
		t.Chdir(dir)
	case *testing.T:
		t.Chdir(dir)
	}
	return Options{Playbooks: []string{"site.yml"}, Inventory: []string{"hosts"}, Tasks: newCloud().tasks()}
}

// Compile time grows linearly: a thousand roles with twenty tasks each, and a
// thousand hosts with fifty variables each.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o := largeSite(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a compile does, counted in allocations and their bytes, grows with the
// site and no faster: ten times the roles and hosts are at most twelve times the work.
func TestCompileIsLinear(t *testing.T) {
	count := func(n int) (objects, bytes uint64) {
		o := largeSite(t, n)
		return allocated(func() {
			if _, err := Compile(o); err != nil {
				t.Fatal(err)
			}
		})
	}
	objects, bytes := count(30)
	manyObjects, manyBytes := count(300)
	if manyObjects > 12*objects || manyBytes > 12*bytes {
		t.Errorf("ten times the site: %d allocations instead of %d, %d bytes instead of %d", manyObjects, objects, manyBytes, bytes)
	}
}

// allocated is what f allocates, on all goroutines.
func allocated(f func()) (objects, bytes uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc
}

// hostLines is an inventory of n hosts with some variables each.
func hostLines(n, vars int) string {
	var b strings.Builder
	b.WriteString("[g]\n")
	for i := range n {
		fmt.Fprintf(&b, "h%d", i)
		for v := range vars {
			fmt.Fprintf(&b, " v%d=%d-%d", v, i, v)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// scaled are runs of which every part grows with n.
var scaled = []struct {
	name  string
	small int // n of the smaller run in tests
	files func(n int) map[string]string
}{
	{"loop", 200, func(n int) map[string]string {
		return map[string]string{"hosts": "a\n", "site.yml": fmt.Sprintf("- hosts: all\n  gather_facts: false\n  tasks:\n    - act: {out: 'x {{ item }}', changed: false}\n      loop: range(%d)\n      register: r\n    - debug: {msg: '{{ length(r.results) }} {{ r.results[%d].stdout }}'}\n", n, n-1)}
	}},
	{"include", 20, func(n int) map[string]string {
		return map[string]string{"hosts": "a\n", "t.yml": "- act: {out: 'x {{ item }}', changed: false}\n- set_fact: {last: '{{ item }}'}\n",
			"site.yml": fmt.Sprintf("- hosts: all\n  gather_facts: false\n  tasks:\n    - include_tasks: t.yml\n      loop: range(%d)\n", n)}
	}},
	{"include by a name of each item", 20, func(n int) map[string]string {
		return map[string]string{"hosts": "a\n", "t0.yml": "- act: {out: 'x {{ item }}', changed: false}\n", "t1.yml": "- act: {out: 'y {{ item }}', changed: false}\n",
			"site.yml": fmt.Sprintf("- hosts: all\n  gather_facts: false\n  tasks:\n    - include_tasks: 't{{ item %% 2 }}.yml'\n      loop: range(%d)\n", n)}
	}},
	{"include of a file of its own for each item", 100, func(n int) map[string]string {
		files := map[string]string{"hosts": "a\n", "site.yml": fmt.Sprintf("- hosts: all\n  gather_facts: false\n  tasks:\n    - include_tasks: 't{{ item }}.yml'\n      loop: range(%d)\n", n)}
		for i := range n {
			files[fmt.Sprintf("t%d.yml", i)] = fmt.Sprintf("- act: {out: 'x {{ item }}', changed: false}\n  register: r%d\n", i)
		}
		return files
	}},
	{"set_fact in a loop", 200, func(n int) map[string]string {
		return map[string]string{"hosts": "a\n", "site.yml": fmt.Sprintf("- hosts: all\n  gather_facts: false\n  tasks:\n    - set_fact: {last: '{{ item }}'}\n      loop: range(%d)\n", n)}
	}},
	{"hosts that notify", 100, func(n int) map[string]string {
		return map[string]string{"hosts": hostLines(n, 5), "site.yml": "- hosts: all\n  gather_facts: false\n  tasks:\n    - act: {out: x}\n      notify: h\n  handlers:\n    - {name: h, act: {out: h}}\n"}
	}},
	{"block loop", 20, func(n int) map[string]string {
		return map[string]string{"hosts": "a\n",
			"site.yml": fmt.Sprintf("- hosts: all\n  gather_facts: false\n  tasks:\n    - block:\n        - act: {out: 'x {{ item }}', changed: false}\n        - debug: {msg: hello}\n      loop: range(%d)\n", n)}
	}},
	{"hostvars of all hosts in one template", 50, func(n int) map[string]string {
		return map[string]string{"hosts": hostLines(n, 50), "t.j2": "{% for h in groups.g %}{{ h }} {{ hostvars[h].w == hostvars[h].v7 ? 1 : 0 }}\n{% endfor %}",
			"group_vars/g.yml": "w: '{{ v1 }} and {{ v2 }}'\n",
			"site.yml":         "- hosts: h0\n  gather_facts: false\n  tasks:\n    - template: {src: t.j2, dest: /etc/t}\n"}
	}},
	{"plays", 20, func(n int) map[string]string {
		return map[string]string{"hosts": "a\nb\n", "site.yml": strings.Repeat("- hosts: all\n  gather_facts: false\n  vars: {x: 1}\n  tasks:\n    - act: {out: '{{ x }}', changed: false}\n", n)}
	}},
	{"tasks that notify", 20, func(n int) map[string]string {
		var b strings.Builder
		b.WriteString("- hosts: all\n  gather_facts: false\n  tasks:\n")
		for i := range n {
			fmt.Fprintf(&b, "    - {act: {out: t%d}, notify: h%d}\n", i, i)
		}
		b.WriteString("  handlers:\n")
		for i := range n {
			fmt.Fprintf(&b, "    - {name: h%d, act: {out: h%d}}\n", i, i)
		}
		return map[string]string{"hosts": "a\n", "site.yml": b.String()}
	}},
	{"hosts", 20, func(n int) map[string]string {
		return map[string]string{"hosts": hostLines(n, 50), "site.yml": "- hosts: all\n  gather_facts: false\n  tasks:\n    - act: {out: '{{ v1 }}', changed: false}\n      register: r\n    - debug: {msg: '{{ r.stdout }}'}\n      when: length(groups.g) > 1\n    - set_fact: {x: '{{ v2 }}'}\n"}
	}},
}

// Everything that a run can have many of costs the same each, however many there are.
func TestRunIsLinear(t *testing.T) {
	for _, s := range scaled {
		t.Run(s.name, func(t *testing.T) {
			objects, bytes := allocated(func() { runScaled(t, s.files(s.small)) })
			manyObjects, manyBytes := allocated(func() { runScaled(t, s.files(10*s.small)) })
			if manyObjects > 12*objects || manyBytes > 12*bytes {
				t.Errorf("ten times as many: %d allocations instead of %d, %d bytes instead of %d", manyObjects, objects, manyBytes, bytes)
			}
		})
	}
}

func BenchmarkRun(b *testing.B) {
	for _, s := range scaled {
		for _, n := range []int{100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					runScaled(b, s.files(n))
				}
			})
		}
	}
}

// runScaled compiles and runs a site on hosts in memory, all of which must go well.
func runScaled(t testing.TB, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		writeFile(t, filepath.Join(dir, name), []byte(text))
	}
	c := newCloud()
	p, err := Compile(Options{Playbooks: []string{filepath.Join(dir, "site.yml")}, Inventory: []string{filepath.Join(dir, "hosts")}, Tasks: c.tasks()})
	if err != nil {
		t.Fatal(err)
	}
	redact := &report.Redactor{}
	var said tail
	recap, err := p.Run(t.Context(), RunOptions{Report: report.New(report.Options{Out: &said, Redact: redact}), Redact: redact, Forks: 50, dialer: c})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range recap.Hosts {
		if h.Failed+h.Unreachable > 0 || h.OK+h.Changed == 0 {
			t.Fatalf("%+v\n%s", h, said.end)
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct{ end []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.end = append(t.end, p...)
	if n := len(t.end); n > 4000 {
		t.end = append(t.end[:0], t.end[n-2000:]...)
	}
	return len(p), nil
}
