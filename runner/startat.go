package runner

import (
	"fmt"
	"strings"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/source"
)

// startAt finds the task that --start-at-task names, and marks all that stand
// before it: plays and tasks that do not run. What an include brings in is
// known only when it is reached, so that nothing can start there.
func (c *compiler) startAt() {
	p := c.p
	if p.opts.StartAt == "" || len(c.errs) > 0 {
		return
	}
	s := &starts{p: p, want: p.opts.StartAt, before: map[*task]bool{}}
	for i, pl := range p.plays {
		if len(pl.hosts) > 0 && s.in(pl) {
			p.before, p.firstPlay = s.before, i
			return
		}
	}
	e := &source.Error{Msg: fmt.Sprintf("--start-at-task %s: no task has this name", s.want)}
	switch m := source.DidYouMean(s.want, s.names); {
	case s.inside != nil:
		e.Msg = fmt.Sprintf("--start-at-task %s: this task is brought in by an include, and nothing can start in there", s.want)
		e.Hint = "start at the include itself: --start-at-task '" + listName(s.inside) + "'"
	case m != "":
		e.Hint = "did you mean " + m + "?"
	default:
		e.Hint = "--list-tasks shows their names"
	}
	c.errs = append(c.errs, e)
}

// starts is a search for the task to start at.
type starts struct {
	p      *Program
	want   string
	before map[*task]bool
	names  []string
	inside *task // the include that brings in a task of this name
}

func (s *starts) in(pl *play) bool {
	for _, ts := range [][]*task{pl.pre, pl.main, pl.post} {
		if s.among(ts) {
			return true
		}
	}
	return false
}

// among looks through tasks in order; those that it passes stand before the one that is meant.
func (s *starts) among(ts []*task) bool {
	for _, t := range ts {
		switch {
		case t.block:
			if s.among(t.body) || s.among(t.always) {
				return true
			}
		case t.ends, t.spec != nil, !s.p.selected(t.tags):
		case s.meant(t):
			return true
		case t.include != nil && s.inside == nil && s.holds(t.include.body):
			s.inside = t
		}
		s.before[t] = true
	}
	return false
}

func (s *starts) meant(t *task) bool {
	full := listName(t)
	own := strings.TrimPrefix(full, roleName(t)+" : ")
	s.names = append(s.names, full, own)
	return inventory.Glob(s.want, full) || t.src.Name != nil && inventory.Glob(s.want, own)
}

// holds tells whether tasks of an include have the name.
func (s *starts) holds(ts []*task) bool {
	for _, t := range ts {
		n := len(s.names)
		found := t.block && (s.holds(t.body) || s.holds(t.always)) || !t.block && !t.ends && t.spec == nil && s.meant(t)
		s.names = s.names[:n]
		if found {
			return true
		}
	}
	return false
}
