package runner

import (
	"errors"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// playScope is a Scope over what is known before any host: -e, what a play
// sets for all its hosts, and some of what the run sets.
type playScope struct {
	extra *expr.Layer
	play  []*expr.Layer
	magic func(name string) (value.Value, bool) // may be nil
	in    *resolving
}

// resolving is a variable whose value is being made out, and those that need it.
type resolving struct {
	name string
	up   *resolving
}

func (s playScope) Lookup(name string) (expr.Bound, bool, error) {
	if s.magic != nil {
		if v, ok := s.magic(name); ok {
			return expr.Bound{Value: v}, true, nil
		}
	}
	d := s.find(name)
	if d == nil {
		return expr.Bound{}, false, nil
	}
	chain := []string{name}
	for r := s.in; r != nil; r = r.up {
		chain = append(chain, r.name)
		if r.name == name {
			slices.Reverse(chain)
			return expr.Bound{}, false, errors.New("variables need each other: " + strings.Join(chain, " -> "))
		}
	}
	s.in = &resolving{name, s.in}
	r, err := d.Eval(&expr.Context{Scope: s})
	return expr.Bound{Value: r.Value, Taint: r.Taint}, err == nil, err
}

// find is the definition that wins; nil when there is none.
func (s playScope) find(name string) *expr.Def {
	if d := s.extra.Vars[name]; d != nil {
		return d
	}
	var best *expr.Layer
	for _, l := range s.play {
		if l != nil && l.Vars[name] != nil && (best == nil || l.Level >= best.Level) {
			best = l
		}
	}
	if best == nil {
		return nil
	}
	return best.Vars[name]
}

// scopeOf is what the words of a play itself may read, such as hosts and serial.
func (p *Program) scopeOf(pl *play, layers ...*expr.Layer) playScope {
	magic := func(name string) (value.Value, bool) {
		switch name {
		case "groups":
			return groupHosts(p.inv), p.inv != nil
		case "playbook_dir":
			return p.abs(pl.dir), true
		case "ansible_version":
			return ansibleVersion(), true
		case "omit":
			return expr.Omit, true
		}
		return nil, false
	}
	return playScope{extra: p.extra, play: append(p.layersOf(pl), layers...), magic: magic}
}

// word evaluates a word of the play itself. An error has a place and says what may be read there.
func (p *Program) word(pl *play, d *expr.Def, layers ...*expr.Layer) (value.Value, error) {
	r, err := d.Eval(&expr.Context{Scope: p.scopeOf(pl, layers...)})
	return r.Value, pl.explain(err)
}

// explain gives the error of a name that is not known before any host a hint.
func (p *play) explain(err error) error {
	name := undefinedIn(err)
	if name == "" {
		return err
	}
	var e *source.Error
	errors.As(err, &e)
	if p.asks(name) {
		e.Hint = "vars_prompt is asked for after this is known; give it: -e " + name + "=..."
	} else if e.Hint == "" {
		e.Hint = "before any host only -e, the play's own variables and groups are known"
	}
	return e
}

// asks tells whether vars_prompt has the name.
func (p *play) asks(name string) bool {
	return slices.ContainsFunc(p.src.VarsPrompt, func(v *playbook.Prompt) bool { return v.Name == name })
}

// undefinedIn is the name that an evaluation did not find; "" for any other error.
func undefinedIn(err error) string {
	var u *expr.UndefinedError
	if !errors.As(err, &u) || u.Why != "" || strings.ContainsAny(u.Path, ".[") {
		return ""
	}
	return u.Path
}

// title is the play's name, or its hosts where it has none that can be made out before the run.
func (p *Program) title(pl *play) string {
	if pl.name == nil {
		return pl.on
	}
	v, err := p.word(pl, pl.name)
	if err != nil || value.Text(v) == "" {
		return pl.on
	}
	return value.Text(v)
}

// staticName evaluates the name in an import, which reads only what is known
// before any host: -e and the variables around it.
func (c *compiler) staticName(n *source.Node, at *playbook.Level) (string, error) {
	scope := playScope{extra: c.p.extra}
	add := func(level expr.Level, fields []source.Field) {
		if len(fields) == 0 {
			return
		}
		l := &expr.Layer{Level: level, Vars: map[string]*expr.Def{}}
		for _, f := range fields {
			l.Vars[f.Key] = expr.NodeDef(f.Value, nil)
		}
		scope.play = append(scope.play, l)
	}
	if at != nil && at.Play != nil {
		add(expr.PlayVars, at.Play.Vars)
	}
	for _, l := range chain(at) {
		if l.Kind != playbook.PlayLevel {
			add(expr.TaskVars, l.Vars)
		}
	}
	r, err := expr.NodeDef(n, nil).Eval(&expr.Context{Scope: scope})
	if undefinedIn(err) != "" {
		var e *source.Error
		errors.As(err, &e)
		return "", e.WithHint("before any host only -e and the variables of the play and its blocks are known; an include takes what only a host knows")
	}
	if err != nil {
		return "", err
	}
	s, ok := r.Value.(string)
	if !ok {
		return "", source.Errorf(n.Pos, "the name is no text")
	}
	return s, nil
}
