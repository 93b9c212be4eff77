package playbook

import (
	"runtime"
	"sync/atomic"

	"github.com/mxplay/mxplay/runner/source"
)

// ahead reads the files of a play's roles on the other processors while the
// loader is at work on those before them. What it reads in vain is no mistake.
func (l *load) ahead(entries []*source.Node, play *Play) {
	workers := runtime.GOMAXPROCS(0) - 1
	if workers < 1 || len(entries) < 2 {
		return
	}
	var files []*parsed
	for _, n := range entries {
		if n.Kind == source.Map {
			n = n.Get("role")
		}
		name, ok := constant(n)
		if !ok || name == "" {
			continue
		}
		dir := l.roleDir(l.rolePlaces(name, &RoleUse{Level: Level{Play: play}}), name)
		if dir == "" {
			continue
		}
		for _, part := range []string{"meta/argument_specs.yml", "defaults/main.yml", "vars/main.yml", "tasks/main.yml", "handlers/main.yml"} {
			if path := l.Join(dir, part); l.files[path] == nil {
				p := &parsed{path: path}
				l.files[path] = p
				files = append(files, p)
			}
		}
	}
	var next atomic.Int64
	for range workers {
		l.working.Go(func() {
			for i := next.Add(1); int(i) <= len(files); i = next.Add(1) {
				files[i-1].read(l.Loader)
			}
		})
	}
}
