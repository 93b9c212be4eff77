package runner

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/wire"
)

// settleLimit is how long the end of a run waits for a host to take in which handlers have not run.
const settleLimit = 5 * time.Second

// memory is what a host remembers of handlers that were notified there and
// have not run. Each change goes to the host at once, and is not waited for:
// what breaks off later leaves it as it is.
type memory struct {
	conn link
	mu   sync.Mutex
	left []wire.Handler // by earlier runs, in the order in which they were notified
	owed []wire.Handler // by this run
	sent bool           // the host was told something
}

// handlerID is a handler by the names that another run knows it by.
func handlerID(t *task) wire.Handler {
	name := t.label
	if name == "" && t.src.Name != nil {
		name, _ = t.src.Name.Value.(string)
	}
	return wire.Handler{Book: filepath.Base(t.play.book), Role: roleName(t), Name: name}
}

// same tells whether two handlers are one: that of a role is the same in every playbook.
func same(a, b wire.Handler) bool {
	return a.Name == b.Name && a.Role == b.Role && (a.Role != "" || a.Book == b.Book)
}

func sameAs(a wire.Handler) func(wire.Handler) bool {
	return func(b wire.Handler) bool { return same(a, b) }
}

// recall takes what the host remembers, and says so.
func (h *host) recall(c link) {
	m := &memory{conn: c}
	h.memory.Store(m)
	var names []string
	for _, p := range c.Hello().Pending {
		if p.Host != h.name {
			continue
		}
		m.left = p.Handlers
		for _, x := range p.Handlers {
			if h.run.p.concerns(x) {
				names = append(names, strings.TrimPrefix(x.Role+" : "+x.Name, " : "))
			}
		}
	}
	if len(names) == 0 {
		return
	}
	text := "an earlier run notified handlers here and did not come to run them: " + strings.Join(names, ", ")
	if h.run.o.PendingHandlers {
		text += "; they run with the others"
	} else {
		text += "; --pending-handlers runs them"
	}
	h.run.o.Report.Notice(&report.Notice{Level: "warning", Host: h.name, Text: text})
}

// concerns tells whether a handler is one of the program's, or was one of its playbooks'.
func (p *Program) concerns(x wire.Handler) bool {
	for _, pl := range p.plays {
		if filepath.Base(pl.book) == x.Book || p.handlerOf(pl, x) != nil {
			return true
		}
	}
	return false
}

// handlerOf is a handler of a play by its names, nil when it has none such. Of
// a role that is used twice it is the last, as a notify would take it.
func (p *Program) handlerOf(pl *play, x wire.Handler) (out *task) {
	for _, t := range p.handlersOf(pl) {
		if same(handlerID(t), x) {
			out = t
		}
	}
	return out
}

// takeUp marks, as --pending-handlers says, the handlers that earlier runs left and a play has.
func (h *host) takeUp(ctx context.Context, pl *play) {
	if !h.run.o.PendingHandlers || !h.goesOn() || len(h.run.p.handlersOf(pl)) == 0 {
		return
	}
	if _, err := h.connect(ctx, nil); err != nil {
		h.lost(ctx, nil, "", err)
		return
	}
	m := h.memory.Load()
	m.mu.Lock()
	defer m.mu.Unlock()
	var left []wire.Handler
	for _, x := range m.left {
		t := h.run.p.handlerOf(pl, x)
		if t == nil {
			left = append(left, x)
			continue
		}
		if _, there := h.pending[t]; !there {
			h.pending[t] = ""
		}
		m.owed = append(m.owed, x)
	}
	m.left = left
}

// owe has the host remember handlers until they have run.
func (h *host) owe(ts ...*task) {
	h.change(func(m *memory) (changed bool) {
		for _, t := range ts {
			if x := handlerID(t); !slices.ContainsFunc(m.owed, sameAs(x)) {
				m.owed, changed = append(m.owed, x), true
			}
		}
		return changed
	})
}

// paid has the host forget a handler that has run.
func (h *host) paid(t *task) {
	h.change(func(m *memory) bool {
		n := len(m.owed) + len(m.left)
		m.owed = slices.DeleteFunc(m.owed, sameAs(handlerID(t)))
		m.left = slices.DeleteFunc(m.left, sameAs(handlerID(t)))
		return len(m.owed)+len(m.left) < n
	})
}

// change changes what the host remembers. Check mode changes nothing.
func (h *host) change(f func(*memory) bool) {
	m := h.memory.Load()
	if m == nil || h.run.o.Check {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !f(m) {
		return
	}
	m.sent = true
	m.conn.Remember(wire.Pending{Host: h.name, Handlers: m.all()})
}

// all are the handlers that have not run, each once.
func (m *memory) all() []wire.Handler {
	if len(m.left) == 0 {
		return slices.Clone(m.owed)
	}
	out := slices.Clone(m.left)
	for _, x := range m.owed {
		if !slices.ContainsFunc(m.left, sameAs(x)) {
			out = append(out, x)
		}
	}
	return out
}

// settle waits, before a connection is closed, for the host to take in what was said last.
func (m *memory) settle(c link) {
	if m == nil || m.conn != c || !m.sent || c.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleLimit)
	defer cancel()
	_ = c.Settle(ctx)
}

// forgetGone forgets, after a run with --pending-handlers, the handlers that its playbooks do not have any more.
func (r *run) forgetGone(ctx context.Context) {
	if !r.o.PendingHandlers || r.o.Check || r.stop || ctx.Err() != nil {
		return
	}
	for _, inv := range r.p.all {
		h := r.host(inv)
		m := h.memory.Load()
		if m == nil || !h.goesOn() {
			continue
		}
		for _, x := range slices.Clone(m.left) {
			if !r.books()[x.Book] {
				continue
			}
			name := strings.TrimPrefix(x.Role+" : "+x.Name, " : ")
			r.o.Report.Notice(&report.Notice{Level: "warning", Host: h.name,
				Text: "the handler " + name + ", which an earlier run notified, is not in " + x.Book + " any more: it is forgotten"})
			h.change(func(m *memory) bool {
				m.left = slices.DeleteFunc(m.left, sameAs(x))
				return true
			})
		}
	}
}

// books are the file names of the run's playbooks.
func (r *run) books() map[string]bool {
	out := map[string]bool{}
	for _, pl := range r.p.plays {
		out[filepath.Base(pl.book)] = true
	}
	return out
}
