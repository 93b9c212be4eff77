package runner

import (
	"fmt"
	"runtime"
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
