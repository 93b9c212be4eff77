package runner

import (
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// control does a task that needs no host: debug, assert, fail, set_fact.
func (f *flight) control(it *item) {
	done := func(changed bool, text string, m *value.Map) {
		it.changed, it.text = changed, text
		it.result = m
	}
	switch f.t.mod.Name {
	case "set_fact":
		f.setFact(it, done)
	case "assert":
		f.assert(it, done)
	case "debug":
		f.debug(it, done)
	case "wait_for_connection":
		f.awaitConnection(it, done)
	case "pause":
		f.stopAndGo(it, done)
	case "add_host":
		f.addHost(it, done)
	case "group_by":
		f.groupBy(it, done)
	case "include_vars":
		f.includeVars(it, done)
	default:
		f.pure(it, done)
	}
}

// pure is a Control with nothing that only the engine can do: fail.
func (f *flight) pure(it *item, done func(bool, string, *value.Map)) {
	e, err := f.h.arguments(f, it)
	if err != nil {
		it.err = err
		return
	}
	if e.unknown != "" {
		it.maybe = e.unknown
		return
	}
	it.secrets = e.secrets
	f.h.run.learn(e.secrets...)
	res, err := f.t.mod.Do(e.json)
	if err != nil {
		it.fail(err)
		return
	}
	v, _ := value.ParseJSON(res)
	m := value.MapOf("changed", false, "failed", false, "skipped", false)
	if r, ok := v.(*value.Map); ok {
		for i := range r.Len() {
			k, x := r.At(i)
			m.Set(k, x)
		}
	}
	done(false, "", m)
}

// setFact evaluates all values, then sets them.
func (f *flight) setFact(it *item, done func(bool, string, *value.Map)) {
	facts := value.NewMap(len(f.t.args))
	var taint *expr.Taint
	var sets []setting
	for _, a := range f.t.args {
		if a.field != nil {
			continue
		}
		name := a.name
		if strings.Contains(name, "{{") {
			tm, err := expr.ParseString(name, func(int) source.Pos { return a.pos })
			if err != nil {
				it.err = err
				return
			}
			res, err := tm.Eval(f.h.context(it.env))
			if err != nil {
				it.err = err
				return
			}
			name = value.Text(res.Value)
		}
		if !identifier(name) {
			it.err = source.Errorf(a.pos, "set_fact: %q is no name for a variable", name)
			return
		}
		res, err := a.value.Eval(f.h.context(it.env))
		if err != nil {
			it.err = err
			return
		}
		if res.Omitted() {
			continue
		}
		res.Taint = derived(res.Value, res.Taint)
		s := setting{level: expr.SetFacts, name: name, v: res.Value, taint: res.Taint, unknown: res.Unknown}
		sets = append(sets, s)
		x := res.Value
		if res.Unknown {
			x = expr.Unknown
		}
		facts.Set(name, x)
		taint = taint.WithField(name, res.Taint)
		f.h.run.learn(res.Taint.All()...)
	}
	// later tasks that are sent ahead see them at once
	to := f.factsOf(it)
	for _, s := range sets {
		to.Set(s.level, s.name, s.v, s.taint, s.unknown)
	}
	if to == f.h.env {
		it.setsFacts = append(it.setsFacts, sets...)
	}
	it.taint = it.taint.WithField("ansible_facts", taint)
	done(false, "", value.MapOf("changed", false, "failed", false, "skipped", false, "ansible_facts", facts))
}

// assert evaluates its conditions one by one and shows the first that does not hold.
func (f *flight) assert(it *item, done func(bool, string, *value.Map)) {
	msgs := map[string]string{}
	var that []*cond
	for _, a := range f.t.args {
		switch {
		case a.field == nil:
		case a.field.Type.Expr:
			that = append(that, a.conds...)
		default:
			s, err := f.h.shownText(a.value, it.env)
			if err != nil {
				it.err = err
				return
			}
			if _, constant := a.value.Constant(); constant {
				s = a.raw // no is a word here
			}
			msgs[a.field.Name] = s
		}
	}
	for _, c := range that {
		on, unknown, why, err := f.h.holds([]*cond{c}, it.env)
		switch {
		case err != nil:
			it.err = err
			return
		case unknown:
			it.maybe = "its condition is not known in check mode"
			return
		case !on:
			msg := msgs["fail_msg"]
			if msg == "" {
				msg = "assertion failed: " + why
			}
			it.result = value.MapOf("changed", false, "failed", true, "skipped", false, "msg", msg, "assertion", why, "evaluated_to", false)
			it.err = source.Errorf(c.pos, "%s", msg)
			it.failed = true
			it.asserted = true
			return
		}
	}
	msg := msgs["success_msg"]
	if msg == "" {
		msg = "all assertions hold"
	}
	text := msgs["success_msg"]
	done(false, text, value.MapOf("changed", false, "failed", false, "skipped", false, "msg", msg))
}

// debug shows a message or the value of an expression.
func (f *flight) debug(it *item, done func(bool, string, *value.Map)) {
	m := value.MapOf("changed", false, "failed", false, "skipped", false)
	text := ""
	for _, a := range f.t.args {
		if a.field == nil {
			continue
		}
		var res expr.Result
		var err error
		name := "msg"
		switch a.field.Name {
		case "msg":
			res, err = a.value.Eval(f.h.context(it.env))
		case "var":
			// only what stands in the playbook is an expression, never what came of evaluating it
			name = "var"
			if a.shown != nil {
				name = a.shown.Source()
				res, err = a.shown.Eval(f.h.context(it.env))
			} else {
				res, err = a.value.Eval(f.h.context(it.env))
			}
		case "verbosity":
			if res, err = a.value.Eval(f.h.context(it.env)); err == nil {
				var n value.Value
				if n, err = toInt(res.Value); err == nil && n.(int64) > int64(f.h.run.o.Verbose) {
					it.skip = "it is shown from verbosity " + value.Text(n) + " on"
					return
				}
			}
			if err != nil {
				it.err = err
				return
			}
			continue
		default:
			continue
		}
		if err != nil {
			it.err = err
			return
		}
		if res.Omitted() {
			continue
		}
		v := res.Value
		if res.Unknown {
			v = expr.Unknown
		}
		m.Set(name, v)
		it.taint = it.taint.WithField(name, res.Taint)
		text = debugText(expr.Shown(hide(v, res.Taint)))
		if name != "msg" {
			text = name + ": " + text
		}
		f.h.run.learn(res.Taint.All()...)
	}
	if m.Len() == 3 { // neither msg nor var
		text = "Hello world!"
		m.Set("msg", text)
	}
	done(false, text, m)
}

func debugText(v value.Value) string {
	switch v := v.(type) {
	case string:
		return v
	case value.List, *value.Map:
		b, err := niceJSON(v)
		if err == nil {
			return strings.TrimRight(string(b), "\n")
		}
	}
	return value.Text(v)
}
