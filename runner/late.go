package runner

import (
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
)

// late compiles what an include with a computed name brings in.
func (p *Program) late(t *task, name string) (*brought, error) {
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
	var seen []*expr.Layer
	if inc.Kind == playbook.WholeRole {
		ts, seen = c.includedRole(inc)
	} else {
		ts = c.list(inc.Tasks)
	}
	c.resolveNotify()
	if err := c.errs.Err(); err != nil {
		return nil, err
	}
	b := &brought{ts, seen}
	p.lates[key] = b
	return b, nil
}

// brought is what an include brings in: tasks, and the variables of a public role.
type brought struct {
	tasks  []*task
	layers []*expr.Layer
}

type lateKey struct {
	t    *task
	name string
}
