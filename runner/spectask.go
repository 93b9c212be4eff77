package runner

import (
	"context"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
)

// specTask stands before the tasks of a role with argument specs, where its
// conditions hold: it checks on each host what the compile could not know. It
// is shown only where something is wrong.
func (c *compiler) specTask(r *playbook.RoleUse) []*task {
	if r.Spec == nil || c.unchecked[r] {
		return nil
	}
	use := c.noteSpec(r)
	src := &playbook.Task{Level: playbook.Level{Kind: playbook.TaskLevel, Pos: r.Pos, Up: &r.Level, Play: r.Play, Role: r}}
	t := c.task(src)
	t.spec, t.tags = use, append(t.tags, "always")
	t.label = "Validating arguments against arg spec '" + r.Spec.Entry + "'"
	if r.Spec.Doc != "" {
		t.label += " - " + r.Spec.Doc
	}
	return []*task{t}
}

// arguments checks the arguments of a role on the hosts that are about to run it.
func (b *batch) arguments(ctx context.Context, t *task, hs []*host) {
	shown := b.free()
	for _, h := range hs {
		if len(h.queue) > 0 && h.mustWait(t) {
			h.drain(ctx)
		}
		if !h.goesOn() {
			continue
		}
		env := h.taskEnv(t)
		on, unknown, _, err := h.holds(t.when, env)
		if err == nil && (!on || unknown) {
			continue
		}
		if err == nil {
			err = t.spec.mistakes(h, env)
		}
		if err == nil {
			continue
		}
		if h.drain(ctx); !h.goesOn() {
			continue
		}
		if !shown {
			shown = true
			b.run.o.Report.Task(h.shownTask(t))
		}
		h.failTask(t, err)
	}
	if !b.free() {
		b.limits(t, hs)
	}
}

// mistakes are all arguments of a role that a host has wrong, or has not.
func (u *specUse) mistakes(h *host, env *expr.Env) error {
	var errs source.Errors
	for _, o := range u.use.Spec.Options {
		pos := u.use.Pos
		set := env.Where(o.Name)
		if len(set) > 0 {
			if set[0].Def.Node != nil && set[0].Def.Node == o.Default {
				continue // the spec's own word
			}
			if !set[0].Def.Pos.IsZero() {
				pos = set[0].Def.Pos
			}
		}
		b, there, err := env.Resolve(h.context(env), o.Name)
		switch {
		case err != nil:
			errs.Add(pos, err)
		case !there && o.Required:
			errs = append(errs, u.lacks(o, h.name))
		case !there, b.Unknown, b.Partial, b.Value == nil, b.Value == expr.Omit:
		default:
			w := &specWalk{role: u.use.Def.Name, secret: b.Taint != nil}
			w.value(o, o.Name, b.Value, "", pos)
			errs = append(errs, w.errs...)
		}
	}
	return errs.Err()
}
