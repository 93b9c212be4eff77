package runner

import (
	"github.com/mxplay/mxplay/runner/playbook"
)

// late compiles and checks what an include with a computed name brings in; has
// tells which names the host has that asks for it.
func (p *Program) late(t *task, name string, has func(name string) bool) (*brought, error) {
	p.lateMu.Lock()
	defer p.lateMu.Unlock()
	key := lateKey{t, name}
	if b, ok := p.lates[key]; ok {
		return b, nil
	}
	inc, err := p.loader.Include(t.src, name)
	if err != nil {
		return nil, err
	}
	p.shape.Lock()
	defer p.shape.Unlock()
	p.grown++
	c := newCompiler(p)
	c.inPlay = t.play
	if t.guarded {
		c.guard++
	}
	if t.rescued {
		c.rescue++
	}
	var ts []*task
	var g *gives
	if inc.Kind == playbook.WholeRole {
		ts, g = c.includedRole(inc)
	} else {
		g = c.giving(func() { ts = c.list(inc.Tasks) })
	}
	c.resolveNotify()
	c.checkLate(has)
	c.checkConstants()
	if err := c.errs.Err(); err != nil {
		return nil, err
	}
	b := &brought{ts, g}
	p.lates[key] = b
	return b, nil
}

// brought is what an include brings in: tasks, and what the play gets with them.
type brought struct {
	tasks []*task
	gives *gives
}

type lateKey struct {
	t    *task
	name string
}
