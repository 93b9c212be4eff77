package runner

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// shape checks what is known of an argument before the run: keys of dicts, and
// the parts that are constant, each at its own place. fail gets what is wrong;
// the result tells whether there was nothing.
func checkParts(f *modules.Field, n *source.Node, fail func(source.Pos, error)) bool {
	good := true
	bad := func(pos source.Pos, err error) { good = false; fail(pos, err) }
	switch {
	case n.Kind == source.Scalar:
		d := expr.NodeDef(n, nil)
		v, constant := d.Constant()
		if !constant {
			return checkOutcomes(f, d, fail)
		}
		if v == nil {
			return true
		}
		if _, err := convertField(f, v, n.Raw); err != nil {
			bad(n.Pos, prefixed(f.Name, err))
		}
	case f.Type.Kind == modules.List && n.Kind == source.List:
		item := modules.Field{Name: f.Name, Type: *f.Type.Elem}
		for _, x := range n.Items {
			good = checkParts(&item, x, fail) && good
		}
	case f.Type.Kind == modules.List && n.Kind == source.Map && f.Type.Elem.Kind == modules.Struct:
		item := modules.Field{Name: f.Name, Type: *f.Type.Elem}
		return checkParts(&item, n, fail)
	case f.Type.Kind == modules.Map && n.Kind == source.Map:
		for _, x := range n.Fields {
			item := modules.Field{Name: f.Name + "." + x.Key, Type: *f.Type.Elem}
			good = checkParts(&item, x.Value, fail) && good
		}
	case f.Type.Kind == modules.Struct && n.Kind == source.Map:
		return checkStruct(f, n, fail)
	}
	return good
}

// checkOutcomes checks the literals that an expression may give, each at its own place.
func checkOutcomes(f *modules.Field, d *expr.Def, fail func(source.Pos, error)) bool {
	good := true
	literals, _ := d.Outcomes()
	for _, o := range literals {
		if o.Value == nil || f.Type.Kind == modules.ContentT {
			continue
		}
		if _, err := convertField(f, o.Value, ""); err != nil {
			good = false
			fail(o.Pos, prefixed(f.Name, err))
		}
	}
	return good
}

// nearWords are the texts that a variable's definitions give; nil when they may give others.
func nearWords(ds []*expr.Def) map[string]source.Pos {
	out := map[string]source.Pos{}
	for _, d := range ds {
		literals, all := d.Outcomes()
		if !all {
			return nil
		}
		for _, o := range literals {
			s, ok := o.Value.(string)
			if !ok {
				return nil
			}
			out[s] = o.Pos
		}
	}
	return out
}

func checkStruct(f *modules.Field, n *source.Node, fail func(source.Pos, error)) bool {
	good, computed := true, false
	given := map[string]bool{}
	for _, x := range n.Fields {
		m := f.Type.Struct.Field(x.Key)
		switch {
		case strings.Contains(x.Key, "{{"):
			computed = true
		case m != nil:
			given[m.Name] = true
			in := *m
			in.Name = f.Name + "." + m.Name
			good = checkParts(&in, x.Value, fail) && good
		case !f.Type.Struct.Free:
			good = false
			e := unknownName(x.Key, f.Type.Struct).(*source.Error)
			fail(x.KeyPos, &source.Error{Msg: f.Name + ": there is no key " + x.Key, Hint: e.Hint})
		}
	}
	if !good || computed {
		return good
	}
	for _, m := range f.Type.Struct.Fields {
		if m.Required && !given[m.Name] {
			fail(n.Pos, &source.Error{Msg: f.Name + ": " + m.Name + " is required"})
			return false
		}
	}
	return true
}

// placeOf is the argument whose value a module's own complaint quotes; else where the module stands.
func placeOf(t *task, err error) source.Pos {
	for _, f := range t.src.Args.Fields {
		if s, ok := f.Value.Value.(string); ok && s != "" && strings.Contains(err.Error(), strconv.Quote(s)) {
			return f.Value.Pos
		}
	}
	return t.src.ModulePos
}

// itemType is what is known of the items of a list that is written out.
func itemType(n *source.Node) expr.Type {
	var out expr.Type
	for i, x := range n.Items {
		if t := nodeType(x); i == 0 {
			out = t
		} else {
			out = out.Union(t)
		}
	}
	return out
}

func nodeType(n *source.Node) expr.Type {
	switch n.Kind {
	case source.List:
		return expr.ListOf(itemType(n))
	case source.Map:
		fields := map[string]expr.Type{}
		for _, f := range n.Fields {
			if strings.Contains(f.Key, "{{") {
				return expr.Any
			}
			fields[f.Key] = nodeType(f.Value)
		}
		return expr.Record(fields)
	}
	if v, ok := expr.NodeDef(n, nil).Constant(); ok {
		return expr.KindOf(v)
	}
	return expr.Any
}

// constantOf evaluates an expression that reads only variables of which there is
// one definition, a constant; false when it reads anything else.
func (c *compiler) constantOf(e *expr.Expr, reads []expr.Ref) (value.Value, bool) {
	if len(c.open) > 0 {
		return nil, false
	}
	scope := expr.MapScope{}
	for _, r := range reads {
		ds := c.p.defs[r.Name]
		if len(ds) != 1 || c.defined[r.Name] != 1 || c.known[r.Name] || c.set[r.Name] || c.registers[r.Name] != nil || c.loader.Lost.All() || c.loader.Lost.Names(r.Name) {
			return nil, false
		}
		v, ok := ds[0].Constant()
		if !ok {
			return nil, false
		}
		scope[r.Name] = v
	}
	if !e.Pure() {
		return nil, false
	}
	r, err := e.Eval(&expr.Context{Scope: scope, MaxSteps: 100_000})
	if err != nil || r.Unknown {
		return nil, false
	}
	return r.Value, true
}

// checkConstants refuses loops and conditions of which it is known already that
// they give no list, or neither true nor false.
func (c *compiler) checkConstants() {
	for _, t := range c.tasks {
		if len(t.when) > 0 {
			if err := c.noBool(t.when[0]); err != nil {
				c.errs.Add(t.when[0].pos, err)
			}
			continue // what is behind it may never be reached
		}
		if t.loop != nil && t.loop.expr != nil {
			v, ok := c.constantOf(t.loop.expr, t.loop.expr.Names())
			if _, isList := v.(value.List); ok && !isList {
				c.errs.Add(t.loop.pos, noList(t.loop.pos, v))
			}
		}
		for _, list := range [][]*cond{t.until, t.changed, t.failed} {
			if len(list) > 0 {
				if err := c.noBool(list[0]); err != nil {
					c.errs.Add(list[0].pos, err)
				}
			}
		}
		for _, a := range t.args {
			if len(a.conds) > 0 {
				if err := c.noBool(a.conds[0]); err != nil {
					c.errs.Add(a.conds[0].pos, err)
				}
			}
		}
	}
}

func (c *compiler) noBool(x *cond) error {
	if x.expr == nil {
		return nil
	}
	names := x.expr.Names()
	if len(names) == 0 {
		return nil // the types say it
	}
	v, ok := c.constantOf(x.expr, names)
	if _, isBool := v.(bool); !ok || isBool {
		return nil
	}
	return notBool(x, v)
}

func noList(pos source.Pos, v value.Value) *source.Error {
	e := source.Errorf(pos, "a loop wants a list, not the %s %s", value.TypeName(v), value.Short(v, 60))
	if _, isMap := v.(*value.Map); isMap {
		e.Hint = "write loop: dict2items(...), which gives items with key and value"
	}
	return e
}

// optionWords are the words that a variable may be, by the argument specs that declare it; nil for any.
func optionWords(o *playbook.Option) []string {
	if o.Choices == nil || o.Type != modules.String {
		return nil
	}
	var out []string
	for _, x := range o.Choices.Items {
		s, ok := x.Value.(string)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
