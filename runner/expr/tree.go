package expr

import (
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Eval evaluates a definition that is no variable: an argument of a task, a
// keyword. Strings that are exactly one {{ }} keep their value's type.
func (d *Def) Eval(ctx *Context) (Result, error) {
	if err := d.Compile(); err != nil {
		return Result{}, err
	}
	if d.Node == nil {
		return Result{Value: d.Value, Taint: d.Taint, Unknown: d.Unknown, Partial: d.Partial}, nil
	}
	if c, ok := d.code.(*defConst); ok {
		return Result{Value: c.v, Taint: d.Taint}, nil
	}
	ev := newEvaluator(ctx, nil)
	v, taint, err := d.code.resolve(ev)
	if err == errUnknown {
		return Result{Unknown: true, Taint: taint, Reads: ev.reads()}, nil
	}
	if err != nil {
		return Result{}, err
	}
	return Result{Value: v, Taint: mergeTaint(taint, d.Taint), Reads: ev.reads(), Partial: ev.partial && HasUnknown(v)}, nil
}

// Check is Expr.Check for all expressions of the definition.
func (d *Def) Check(env TypeEnv, proven ...string) []*source.Error {
	if d.Compile() != nil || d.code == nil {
		return nil
	}
	return checkNode(d.code, env, proven)
}

// TypeIn is what is known of the value of a definition that is one text; of
// lists and maps that are written out their parts are looked at one by one.
func (d *Def) TypeIn(env TypeEnv) Type {
	if d.Compile() != nil {
		return Any
	}
	if n, ok := d.code.(*defText); ok {
		return n.t.TypeIn(env)
	}
	return Any
}

func checkNode(n defNode, env TypeEnv, proven []string) []*source.Error {
	var out []*source.Error
	switch n := n.(type) {
	case *defText:
		return n.t.Check(env, proven...)
	case *defList:
		for _, i := range n.items {
			out = append(out, checkNode(i, env, proven)...)
		}
	case *defMap:
		for i, v := range n.vals {
			if n.names[i] != nil {
				out = append(out, n.names[i].Check(env, proven...)...)
			}
			out = append(out, checkNode(v, env, proven)...)
		}
	}
	return out
}

// Merge is the taint of a value that has both, member by member.
func (t *Taint) Merge(u *Taint) *Taint { return mergeTaint(t, u) }

// Containing is the taint of a value's strings that hold one of some secrets;
// nil when none does.
func Containing(v value.Value, secrets []string) *Taint {
	if len(secrets) == 0 {
		return nil
	}
	var t *Taint
	switch v := v.(type) {
	case string:
		for _, s := range secrets {
			if s != "" && strings.Contains(v, s) {
				t = t.Union(Secret(s))
			}
		}
	case value.List:
		for i, e := range v {
			t = t.WithField(strconv.Itoa(i), Containing(e, secrets))
		}
	case *value.Map:
		for i := range v.Len() {
			k, e := v.At(i)
			t = t.WithField(k, Containing(e, secrets))
		}
	}
	return t
}

// Shown is a value for people: what is unknown or omitted stands as a text.
func Shown(v value.Value) value.Value {
	switch v := v.(type) {
	case *unknownValue:
		return "(known after a real run)"
	case *omitValue:
		return "(omitted)"
	case value.List:
		out := make(value.List, len(v))
		for i, e := range v {
			out[i] = Shown(e)
		}
		return out
	case *value.Map:
		out := value.NewMap(v.Len())
		for i := range v.Len() {
			k, e := v.At(i)
			out.Set(k, Shown(e))
		}
		return out
	case Object:
		return "(object)"
	}
	return v
}

// HasUnknown tells whether a part of a value is Unknown.
func HasUnknown(v value.Value) bool {
	switch v := v.(type) {
	case *unknownValue:
		return true
	case value.List:
		for _, e := range v {
			if HasUnknown(e) {
				return true
			}
		}
	case *value.Map:
		for i := range v.Len() {
			if _, e := v.At(i); HasUnknown(e) {
				return true
			}
		}
	}
	return false
}
