package runner

import (
	"encoding/json"
	"fmt"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// evaluated is a task's arguments for one item, ready to be sent.
type evaluated struct {
	json    json.RawMessage
	secrets []string
	unknown string // check mode: why they cannot be known
	opaque  bool   // a secret went into content in another form
	release []func()
}

// arguments evaluates a task's arguments and brings them to their canonical form.
func (h *host) arguments(f *flight, it *item) (*evaluated, error) {
	t, env := f.t, it.env
	out := &evaluated{}
	spec := t.mod.Args
	vals := value.NewMap(len(t.args) + 2)
	var taint *expr.Taint
	ctx := h.context(env)
	plain := map[string]value.Value{}
	var contents []*arg
	for _, a := range t.args {
		if a.field == nil {
			continue
		}
		if a.field.Type.Kind == modules.ContentT {
			contents = append(contents, a)
			continue
		}
		res, err := a.value.Eval(ctx)
		switch {
		case err != nil:
			return nil, err
		case res.Unknown:
			out.unknown = "argument " + a.name + " is not known in check mode"
			return out, nil
		case res.Omitted(), res.Value == nil && a.raw == "":
			continue
		case expr.HasUnknown(res.Value):
			out.unknown = "argument " + a.name + " is not known in check mode"
			return out, nil
		}
		raw := ""
		if _, constant := a.value.Constant(); constant {
			raw = a.raw
		}
		v, err := convertField(a.field, res.Value, raw)
		if err != nil && (res.Taint != nil || a.field.Secret) {
			err = fmt.Errorf("wants %s, and the value, which is secret, does not fit", a.field.Type.Kind)
		}
		if err != nil {
			return nil, place(a, err)
		}
		taint = taint.Union(res.Taint)
		if a.field.Secret {
			taint = taint.Union(expr.SecretValue(v).Flat())
		}
		vals.Set(a.field.Name, v)
		plain[a.field.Name] = v
	}
	for _, a := range contents {
		m, err := h.content(t, a, env, plain)
		if err != nil {
			return nil, place(a, err)
		}
		if m.done != nil {
			out.release = append(out.release, m.done)
		}
		if m.unknown {
			out.unknown = "argument " + a.name + " is not known in check mode"
			return out, nil
		}
		if m.content == nil {
			continue
		}
		taint, out.opaque = taint.Union(m.taint), out.opaque || m.opaque
		v, err := value.Of(*m.content)
		if err != nil {
			return nil, err
		}
		vals.Set(a.field.Name, v)
	}
	if err := complete(spec, vals); err != nil {
		return nil, source.Errorf(t.src.ModulePos, "%s", err)
	}
	b, err := value.JSON(vals)
	if err != nil {
		return nil, err
	}
	if err := t.mod.Decode(b); err != nil {
		return nil, source.Errorf(t.src.ModulePos, "%s", hideText(err.Error(), taint.All()))
	}
	out.json, out.secrets = b, taint.All()
	return out, nil
}

// place puts an argument's error where the argument stands, unless it has a place.
func place(a *arg, err error) error {
	e, ok := err.(*source.Error)
	if ok && !e.Pos.IsZero() {
		return err
	}
	out := source.Errorf(a.pos, "%s: %s", a.name, err)
	if ok {
		out.Hint = e.Hint
	}
	return out
}

// items are a loop's values.
type items struct {
	values  []value.Value
	taint   *expr.Taint
	unknown bool
}

func (h *host) items(t *task, env *expr.Env) (*items, error) {
	var res expr.Result
	var err error
	if t.loop.list != nil {
		res, err = t.loop.list.Eval(h.context(env))
	} else {
		res, err = t.loop.expr.Eval(h.context(env))
	}
	if err != nil {
		return nil, err
	}
	if res.Unknown {
		return &items{unknown: true}, nil
	}
	l, ok := res.Value.(value.List)
	if !ok {
		e := source.Errorf(t.loop.pos, "a loop wants a list, not the %s %s", value.TypeName(res.Value), value.Short(hide(res.Value, res.Taint), 60))
		if _, isMap := res.Value.(*value.Map); isMap {
			e.Hint = "write loop: dict2items(...), which gives items with key and value"
		}
		return nil, e
	}
	return &items{values: l, taint: res.Taint}, nil
}

// itemLayer are the variables of one round of a loop.
func (h *host) itemLayer(t *task, its *items, i int, v value.Value) *expr.Layer {
	l := &expr.Layer{Level: expr.LoopVars, Vars: map[string]*expr.Def{}}
	l.Vars[t.loop.variable] = expr.ValueDef(v, its.taint.Member(fmt.Sprint(i)))
	if v == expr.Unknown {
		l.Vars[t.loop.variable] = &expr.Def{Unknown: true}
	}
	l.Vars["ansible_loop_var"] = expr.ValueDef(t.loop.variable, nil)
	if t.loop.index != "" {
		l.Vars["ansible_index_var"] = expr.ValueDef(t.loop.index, nil)
		l.Vars[t.loop.index] = expr.ValueDef(int64(i), nil)
	}
	if on, _ := h.flag(t.loop.extended, t); on {
		n := len(its.values)
		m := value.MapOf("index", int64(i+1), "index0", int64(i), "first", i == 0, "last", i == n-1,
			"length", int64(n), "revindex", int64(n-i), "revindex0", int64(n-i-1))
		if all, err := h.flag(t.loop.allItems, t); err == nil && (all || t.loop.allItems == nil) {
			m.Set("allitems", append(value.List(nil), its.values...))
		}
		if i > 0 {
			m.Set("previtem", its.values[i-1])
		}
		if i < n-1 {
			m.Set("nextitem", its.values[i+1])
		}
		var taint *expr.Taint
		taint = taint.WithField("allitems", its.taint).WithField("previtem", its.taint.Member(fmt.Sprint(i-1))).WithField("nextitem", its.taint.Member(fmt.Sprint(i+1)))
		l.Vars["ansible_loop"] = expr.ValueDef(m, taint)
	}
	return l
}

func notBool(c *cond, v value.Value) error {
	e := source.Errorf(c.expr.Pos(), "a condition is true or false, not the %s %s", value.TypeName(v), value.Short(v, 60))
	e.Hint = fmt.Sprintf("write bool(%s), or compare it with something", c.expr.Source())
	switch v.(type) {
	case value.List, *value.Map:
		e.Hint = fmt.Sprintf("write length(%s) > 0", c.expr.Source())
	}
	return e
}
