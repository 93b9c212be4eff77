package runner

import (
	"fmt"
	"strings"
	"testing"
)

// Compile time grows linearly: a thousand roles with twenty tasks each, and a
// thousand hosts with fifty variables each.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.Chdir(b.TempDir())
			var site, hosts strings.Builder
			site.WriteString("- hosts: all\n  roles:\n")
			for i := range n {
				fmt.Fprintf(&site, "    - r%d\n", i)
				var y strings.Builder
				for j := range 20 {
					fmt.Fprintf(&y, "- {name: task %d, copy: {content: '{{ r%d_v%d }}', dest: '/etc/%d'}, when: r%d_v0 != 'x', register: r%d_r%d, notify: h}\n", j, i, j%5, j, i, i, j)
				}
				writeFile(b, fmt.Sprintf("roles/r%d/tasks/main.yml", i), []byte(y.String()))
				writeFile(b, fmt.Sprintf("roles/r%d/defaults/main.yml", i), fmt.Appendf(nil, "r%[1]d_v0: a\nr%[1]d_v1: '{{ r%[1]d_v0 }}'\nr%[1]d_v2: c\nr%[1]d_v3: d\nr%[1]d_v4: e\n", i))
				writeFile(b, fmt.Sprintf("roles/r%d/handlers/main.yml", i), []byte("- {name: h, command: 'true'}\n"))
				fmt.Fprintf(&hosts, "h%d", i)
				for j := range 50 {
					fmt.Fprintf(&hosts, " v%d=%d", j, i)
				}
				hosts.WriteString("\n")
			}
			writeFile(b, "site.yml", []byte(site.String()))
			writeFile(b, "hosts", []byte(hosts.String()))
			tasks := newCloud().tasks()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(Options{Playbooks: []string{"site.yml"}, Inventory: []string{"hosts"}, Tasks: tasks}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
