package expr

import "github.com/mxplay/mxplay/runner/source"

// Eval evaluates a definition that is no variable: an argument of a task, a
// keyword. Strings that are exactly one {{ }} keep their value's type.
func (d *Def) Eval(ctx *Context) (Result, error) {
	if err := d.Compile(); err != nil {
		return Result{}, err
	}
	if d.Node == nil {
		return Result{Value: d.Value, Taint: d.Taint, Unknown: d.Unknown}, nil
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
	return Result{Value: v, Taint: mergeTaint(taint, d.Taint), Reads: ev.reads()}, nil
}

// Check is Expr.Check for all expressions of the definition.
func (d *Def) Check(env TypeEnv, proven ...string) []*source.Error {
	if d.Compile() != nil || d.code == nil {
		return nil
	}
	return checkNode(d.code, env, proven)
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
