package runner

import (
	"slices"
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
)

// reader gathers the names that a task may read, also through other variables.
type reader struct {
	p    *Program
	seen map[string]bool
	todo []string
	all  bool // any name may be read
}

func (r *reader) refs(refs []expr.Ref) {
	for _, x := range refs {
		r.name(x.Name)
	}
}

func (r *reader) name(name string) {
	if name == "vars" || name == "hostvars" {
		r.all = true
	}
	if !r.seen[name] {
		r.seen[name] = true
		r.todo = append(r.todo, name)
	}
}

func (r *reader) defs(ds ...*expr.Def) {
	for _, d := range ds {
		if d != nil {
			r.refs(d.Refs())
			r.all = r.all || rendersFile(d.Node)
		}
	}
}

func (r *reader) conds(cs ...*cond) {
	for _, c := range cs {
		if c != nil {
			r.expr(c.expr)
		}
	}
}

func (r *reader) expr(e *expr.Expr) {
	if e != nil {
		r.refs(e.Names())
		r.all = r.all || strings.Contains(e.Source(), templateCall)
	}
}

// templateCall renders a file, which may read anything.
const templateCall = "template("

func rendersFile(n *source.Node) bool {
	if n == nil {
		return false
	}
	if s, ok := n.Value.(string); ok && strings.Contains(s, templateCall) {
		return true
	}
	for _, i := range n.Items {
		if rendersFile(i) {
			return true
		}
	}
	for _, f := range n.Fields {
		if rendersFile(f.Value) {
			return true
		}
	}
	return false
}

// close follows the names through all definitions that they may have.
func (r *reader) close() {
	for len(r.todo) > 0 {
		name := r.todo[0]
		r.todo = r.todo[1:]
		r.defs(r.p.defs[name]...)
	}
}

// mayRead are the names that a task may read before it is sent, also through
// other variables; all says that it may read any.
func (p *Program) mayRead(t *task) (names []string, all bool) {
	t.readMu.Lock()
	defer t.readMu.Unlock()
	p.shape.RLock()
	defer p.shape.RUnlock()
	if t.readAt == p.grown+1 {
		return t.reads, t.readsAll
	}
	r := &reader{p: p, seen: map[string]bool{}}
	r.conds(t.when...)
	if t.spec != nil {
		for _, o := range t.spec.use.Spec.Options {
			r.name(o.Name)
		}
	}
	for _, a := range t.args {
		r.arg(a)
	}
	if l := t.loop; l != nil {
		r.defs(l.list, l.label, l.extended)
		r.expr(l.expr)
	}
	k := t.kw
	r.defs(t.name, k.become, k.becomeUser, k.becomeMethod, k.becomeFlags, k.becomeExe, t.async, t.poll, k.remoteUser, k.connection, k.port, k.noLog, k.diff, k.timeout, k.throttle)
	r.defs(k.env...)
	for _, v := range connectionVars {
		r.name(v)
	}
	r.close()
	t.reads, t.readsAll, t.readAt = nil, r.all, p.grown+1
	for n := range r.seen {
		t.reads = append(t.reads, n)
	}
	slices.Sort(t.reads)
	return t.reads, t.readsAll
}

func (r *reader) arg(a *arg) {
	r.defs(a.value)
	r.expr(a.shown)
	r.conds(a.conds...)
	switch {
	case a.file != nil && a.file.tmpl != nil:
		r.refs(a.file.tmpl.Names())
		r.all = r.all || len(a.file.tmpl.Includes()) > 0 || strings.Contains(a.file.tmpl.Source(), templateCall)
	case a.field != nil && a.field.Type.From == "template":
		r.all = true
	case a.field != nil && a.field.Type.Expr && len(a.conds) == 0:
		r.all = true // the expression is computed
	}
}
