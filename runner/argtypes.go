package runner

import (
	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
)

// unread is a TypeEnv that does not note what is read: another check does.
type unread struct{ n *names }

func (u unread) TypeOf(name string) (expr.Type, bool) { return u.n.TypeOf(name) }
func (u unread) Names() []string                      { return u.n.Names() }

// checkTypes refuses loops and arguments of which the type of the expression
// says that they can never be what is wanted.
func (c *compiler) checkTypes(env *names) source.Errors {
	var out source.Errors
	for _, t := range c.tasks {
		env.self, env.at = t, &where{task: t, loops: t.loops}
		if t.loop != nil && t.loop.expr != nil {
			_, told := c.constantOf(t.loop.expr, t.loop.expr.Names())
			if k := t.loop.expr.TypeIn(unread{env}).Kind &^ expr.KNull; !told && k != 0 && k&expr.KList == 0 {
				e := source.Errorf(t.loop.pos, "a loop wants a list, not %s", expr.Of(k).Name())
				if k == expr.KMap {
					e.Hint = "write loop: dict2items(...), which gives items with key and value"
				}
				out = append(out, e)
			}
		}
		for _, a := range t.args {
			if a.field == nil || a.value == nil || a.field.Type.Kind == modules.ContentT {
				continue
			}
			if e := wrongType(a, a.value.TypeIn(unread{env})); e != nil {
				e.Msg = t.mod.Name + ": " + a.name + ": " + e.Msg
				out = append(out, e)
			}
		}
	}
	return out
}

// wrongType is the error of an argument whose value can never be of its type.
func wrongType(a *arg, got expr.Type) *source.Error {
	want, kinds := takes(&a.field.Type)
	k := got.Kind &^ expr.KNull
	if k == 0 || kinds == 0 {
		return nil
	}
	if k&(kinds|expr.KObject) == 0 {
		e := source.Errorf(a.pos, "wants %s, not %s", want, expr.Of(k).Name())
		switch {
		case k == expr.KList && kinds == expr.KText:
			e.Hint = `write join(list, ","), or loop over it and take {{ item }}`
		case k == expr.KMap && kinds == expr.KText:
			e.Hint = "write one of its members, or to_json(map)"
		case k == expr.KMap && kinds&expr.KList != 0:
			e.Hint = "write keys(map), values(map) or dict2items(map)"
		}
		return e
	}
	if t := a.field.Type; t.Kind == modules.List && k == expr.KList && got.Elem != nil {
		want, kinds := takes(t.Elem)
		if k := got.Elem.Kind &^ expr.KNull; k != 0 && kinds != 0 && k&(kinds|expr.KObject) == 0 {
			return source.Errorf(a.pos, "wants a list of which each item is %s, not %s", want, expr.Of(k).Name()).WithHint("write map(list, .member) or flatten(list)")
		}
	}
	return nil
}

// takes are the kinds of values that convert to a type, 0 for any, and what the type is called.
func takes(t *modules.Type) (string, expr.Kind) {
	switch t.Kind {
	case modules.Bool:
		return "true or false", expr.KBool | expr.KInt | expr.KString
	case modules.Int:
		return "a whole number", expr.KInt | expr.KFloat | expr.KString
	case modules.Float:
		return "a number", expr.KInt | expr.KFloat | expr.KString
	case modules.String, modules.Path:
		return "a text", expr.KText
	case modules.ModeT:
		return "a file mode", expr.KInt | expr.KString
	case modules.Map, modules.Struct:
		return "a dict", expr.KMap
	case modules.List:
		if e := t.Elem.Kind; e != modules.Struct && e != modules.Map && e != modules.Any {
			return "a list", expr.KList | expr.KText
		}
	}
	return "", 0
}
