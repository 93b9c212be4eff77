package expr

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
