package runner

import (
	"fmt"
	"testing"

	"github.com/mxplay/mxplay/e2e/scale/site"
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
