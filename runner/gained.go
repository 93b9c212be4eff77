package runner

import (
	"slices"

	"github.com/mxplay/mxplay/runner/expr"
)

// gained is what the includes of a batch have brought into the play so far; it is never changed.
type gained struct {
	layers []*expr.Layer
	roles  []string // names of the play's roles, with those from its beginning
	deps   []string
	magic  *expr.Layer // tells them
}

// gain lets all hosts of the batch see what includes give to the play.
func (b *batch) gain(jobs []*bringing) {
	all := &gives{}
	for _, j := range jobs {
		all.add(j.gives)
	}
	if len(all.roles) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.gained.Load()
	if old == nil {
		old = &gained{roles: b.play.roleNames, deps: b.play.depNames}
	}
	x := &gained{
		layers: lastOf(append(slices.Clone(old.layers), all.layers...)),
		roles:  append(slices.Clone(old.roles), all.roles...),
		deps:   once(append(slices.Clone(old.deps), all.deps...)),
	}
	x.magic = defs(expr.Magic, magicOfRoles(x.roles, x.deps))
	b.gained.Store(x)
}

// lastOf leaves of each layer the last, as of two the later wins.
func lastOf(ls []*expr.Layer) []*expr.Layer {
	seen := map[*expr.Layer]bool{}
	var out []*expr.Layer
	for _, l := range slices.Backward(ls) {
		if !seen[l] {
			seen[l] = true
			out = append(out, l)
		}
	}
	slices.Reverse(out)
	return out
}
