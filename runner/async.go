package runner

import (
	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// defaultPoll is Ansible's: seconds between two words about a job.
const defaultPoll = 15

// asyncWords refuses async where nothing could be a job.
func (c *compiler) asyncWords(t *task) {
	if t.async == nil {
		return
	}
	pos := t.src.Async.Pos
	if v, constant := t.async.Constant(); constant {
		n, err := toInt(v)
		switch {
		case err != nil:
			c.errs.Add(pos, prefixed("async", err))
			return
		case n.(int64) < 0:
			c.errs.Add(pos, source.Errorf(pos, "async is a time limit in seconds, not %d", n))
			return
		case n.(int64) == 0:
			return
		}
	}
	switch {
	case t.mod != nil && t.mod.Kind == modules.Engine || t.src.Module == "meta":
		c.errs.Add(pos, source.Errorf(pos, "%s is done on the controller, where nothing can be a job", t.src.Module).
			WithHint("take the line out"))
	case t.hooked():
		c.errs.Add(pos, source.Errorf(pos, "%s is done in part on the controller, where nothing can be a job", t.src.Module).
			WithHint("take the line out"))
	case t.mod != nil && t.mod.Name == "async_status":
		c.errs.Add(pos, source.Errorf(pos, "async_status only looks at a job").
			WithHint("until, retries and delay wait for its end"))
	}
}

// asyncWords evaluates async and poll.
func (f *flight) asyncWords() error {
	n, err := f.h.whole(f.t.async, f.env, "async")
	if err != nil || n == 0 {
		return err
	}
	if n < 0 {
		return source.Errorf(f.t.src.Async.Pos, "async is a time limit in seconds, not %d", n)
	}
	f.async, f.poll = n, defaultPoll
	if f.t.poll == nil {
		return nil
	}
	if f.poll, err = f.h.whole(f.t.poll, f.env, "poll"); err == nil && f.poll < 0 {
		err = source.Errorf(f.t.src.Poll.Pos, "poll is a number of seconds, or 0, not %d", f.poll)
	}
	return err
}

// whole is a keyword that is a whole number; 0 when it is not there.
func (h *host) whole(d *expr.Def, env *expr.Env, name string) (int64, error) {
	s, err := h.text(d, env)
	if err != nil || s == "" {
		return 0, err
	}
	v, err := toInt(s)
	if err != nil {
		return 0, source.Errorf(d.Pos, "%s", prefixed(name, err))
	}
	return v.(int64), nil
}

// asyncResult adds what is known of an item's job to its result.
func (f *flight) asyncResult(it *item) {
	if f.async == 0 || it.result == nil {
		return
	}
	var id, started, finished value.Value = it.job, it.job != "", it.job != "" && f.poll > 0
	if f.check {
		id, started, finished = expr.Unknown, expr.Unknown, expr.Unknown
	}
	it.result.Set("ansible_job_id", id)
	it.result.Set("started", started)
	it.result.Set("finished", finished)
}

// asyncType is the type of what a task with async registers: of one that is
// not waited for, nothing that its module finds out.
func asyncType(t *task, of expr.Type) expr.Type {
	if t.poll != nil {
		if v, constant := t.poll.Constant(); constant && value.Text(v) == "0" {
			of = expr.Record(map[string]expr.Type{})
		}
	}
	of.Fields["ansible_job_id"] = expr.Of(expr.KString)
	of.Fields["started"], of.Fields["finished"] = expr.Of(expr.KBool), expr.Of(expr.KBool)
	return of
}
