package runner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// resolveNotify finds the handlers that each constant notify means.
func (c *compiler) resolveNotify() {
	indexed, meant := map[*play]bool{}, map[meaning][]*task{}
	for _, t := range c.tasks {
		if !indexed[t.play] {
			indexed[t.play] = true
			t.play.index()
		}
		for _, n := range t.notify {
			if n == nil {
				continue
			}
			v, ok := n.Constant()
			if !ok {
				continue
			}
			name := value.Text(v)
			key := meaning{t.play, t.role, name}
			hs, seen := meant[key]
			var twins []*task
			if !seen {
				if hs, twins = t.play.handlersFor(t, name); len(twins) < 2 {
					meant[key] = hs
				}
			}
			if len(twins) > 1 {
				e := source.Errorf(n.Pos, "%s could mean two handlers: %s and %s", name, handlerName(twins[0]), handlerName(twins[1]))
				if twins[0].role != nil {
					e.Hint = "notify: " + twins[0].fullLabel()
				} else {
					e.Hint = "give them different names"
				}
				c.errs = append(c.errs, e)
				continue
			}
			if len(hs) == 0 {
				e := source.Errorf(n.Pos, "no handler %s in this play", name)
				var all []string
				for _, h := range t.play.handlers {
					all = append(all, h.label)
					all = append(all, h.listen...)
				}
				m := source.DidYouMean(name, all)
				if c.loader.Lost.Phrase(name) || m == "" && c.loader.Lost.All() {
					continue // it may stand in what could not be read
				}
				if m != "" {
					e.Hint = "did you mean " + m + "?"
					for _, h := range t.play.called[m] {
						e.Hint = fmt.Sprintf("did you mean %s (%s)?", m, h.src.Pos)
					}
				} else if len(all) > 0 {
					e.Hint = "there are " + strings.Join(all, ", ")
				}
				c.errs = append(c.errs, e)
				continue
			}
			if t.targets == nil {
				t.targets = map[string][]*task{}
			}
			t.targets[name] = hs
		}
	}
}

// meaning is what the handlers that a name means depend on.
type meaning struct {
	play *play
	role *playbook.RoleUse
	name string
}

// index finds out which handlers each name or topic may mean, in the order of their definition.
func (p *play) index() {
	p.called = map[string][]*task{}
	for _, h := range p.handlers {
		names := append([]string{h.label}, h.listen...)
		if h.role != nil {
			names = append(names, h.fullLabel())
		}
		slices.Sort(names)
		for _, n := range slices.Compact(names) {
			p.called[n] = append(p.called[n], h)
		}
	}
}

// handlersFor are the handlers that a name means to a task: those that listen
// to it, and the one of that name: of its own role first, then of the play,
// then of another role. "role : name" picks. Where the name could mean several
// that are equally near, they are the second result.
func (p *play) handlersFor(t *task, name string) (out, twins []*task) {
	best := 0
	var named []*task
	for _, h := range p.called[name] {
		if slices.Contains(h.listen, name) {
			out = append(out, h)
		}
		if h.label != name && h.fullLabel() != name {
			continue
		}
		if n := h.nearness(t); named == nil || n > best {
			best, named = n, []*task{h}
		} else if n == best {
			named = append(named, h)
		}
	}
	if len(named) == 0 {
		return out, nil
	}
	for _, h := range named[1:] {
		// one role that is used twice has each of its handlers twice
		if h.role == nil || named[0].role == nil || h.role.Def != named[0].role.Def || h.src.Pos != named[0].src.Pos {
			return nil, named
		}
	}
	last := named[len(named)-1]
	for _, h := range out {
		if h == last {
			return out, nil
		}
	}
	return append(out, last), nil
}

// nearness is how near a handler stands to a task that notifies it.
func (t *task) nearness(from *task) int {
	switch {
	case t.role != nil && t.role == from.role:
		return 3
	case t.role != nil && from.role != nil && t.role.Def == from.role.Def:
		return 2
	case t.role == nil:
		return 1
	}
	return 0
}

// fullLabel is a handler's name with its role's.
func (t *task) fullLabel() string {
	if t.role == nil {
		return t.label
	}
	return t.role.Def.Name + " : " + t.label
}

func handlerName(t *task) string { return t.fullLabel() + " (" + t.src.Pos.String() + ")" }
