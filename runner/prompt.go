package runner

import (
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Prompt is one entry of vars_prompt, to be asked on a terminal.
type Prompt struct {
	Name, Text, Default string
	Private             bool // what is typed is not shown
	Confirm             bool // it is asked for twice
}

// ask gets what a play's vars_prompt names, but for what -e gives already.
func (r *run) ask(p *play) (*expr.Layer, error) {
	if len(p.src.VarsPrompt) == 0 {
		return nil, nil
	}
	l := &expr.Layer{Level: expr.VarsPrompt, Name: "vars_prompt", Vars: map[string]*expr.Def{}}
	for _, src := range p.src.VarsPrompt {
		if r.p.extra.Vars[src.Name] != nil {
			continue
		}
		q := Prompt{Name: src.Name, Text: src.Name, Private: true}
		var given bool
		for _, x := range []struct {
			n   *source.Node
			put func(value.Value) error
		}{
			{src.Prompt, func(v value.Value) error { q.Text = value.Text(v); return nil }},
			{src.Default, func(v value.Value) error { q.Default, given = value.Text(v), true; return nil }},
			{src.Private, func(v value.Value) error { return boolInto(&q.Private, v) }},
			{src.Confirm, func(v value.Value) error { return boolInto(&q.Confirm, v) }},
		} {
			if x.n == nil {
				continue
			}
			v, err := r.p.word(p, expr.NodeDef(x.n, nil))
			if err == nil {
				err = x.put(v)
			}
			if err != nil {
				return nil, source.Errorf(x.n.Pos, "%s", plainMsg(err))
			}
		}
		s := q.Default
		if r.o.Prompt != nil {
			var err error
			if s, err = r.o.Prompt(q); err != nil {
				return nil, source.Errorf(src.Pos, "vars_prompt: %s", err)
			}
		} else if !given {
			return nil, source.Errorf(src.Pos, "%s is to be asked for, and there is no terminal", q.Name).WithHint("give it: -e %s=...", q.Name)
		}
		var taint *expr.Taint
		if q.Private {
			taint = expr.Secret(s)
			r.learn(s)
		}
		// what a person types is never a template
		l.Vars[q.Name] = expr.ValueDef(s, taint)
	}
	return l, nil
}

func boolInto(to *bool, v value.Value) error {
	b, err := toBool(v)
	if err == nil {
		*to = b == true
	}
	return err
}
