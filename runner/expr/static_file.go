package expr

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// template walks the statements of a text in order, so that what it sets
// itself is known behind the place where it is set.
func (s *static) template(t *Template) {
	old := s.tmpl
	s.tmpl = t
	s.inner(func() { s.block(t.code.parts) })
	s.tmpl = old
}

// TemplateLoader is a TypeEnv that finds the template files that texts name.
// A nil template says that this is not known before the run.
type TemplateLoader interface {
	LoadTemplate(name string, from *Template) (*Template, error)
}

// other is the template file that a constant name stands for; nil when it is not known.
func (s *static) other(n node, missing bool) *Template {
	l, ok := s.env.(TemplateLoader)
	lit, constant := n.(*litNode)
	if !ok || !constant {
		return nil
	}
	name, ok := lit.v.(string)
	if !ok {
		return nil
	}
	t, err := l.LoadTemplate(name, s.tmpl)
	var one *source.Error
	var many source.Errors
	switch {
	case err == nil:
		return t
	case missing && errors.Is(err, fs.ErrNotExist):
	case errors.As(err, &many):
		s.errs = append(s.errs, many...)
	case errors.As(err, &one) && !one.Pos.IsZero():
		s.errs = append(s.errs, one)
	case one != nil:
		s.errorf(n, "%s", one.Msg).Hint = one.Hint
	default:
		s.errorf(n, "%s", err)
	}
	return nil
}

// within checks another template file as a part of this one. With alone it does
// not see what this one has set. It gives what the file sets itself.
func (s *static) within(t *Template, alone bool) map[string]Type {
	if t == nil || slices.Contains(s.around, t) {
		return nil
	}
	o, tmpl, locals, items := s.o, s.tmpl, s.locals, s.items
	s.o, s.tmpl, s.items = t.origin, t, nil
	s.around = append(s.around, t)
	if alone {
		s.locals = nil
	}
	own := map[string]Type{}
	s.locals = append(slices.Clip(s.locals), own)
	s.block(t.code.parts)
	s.around = s.around[:len(s.around)-1]
	s.o, s.tmpl, s.locals, s.items = o, tmpl, locals, items
	return own
}

// bring checks an imported file, and notes what it defines.
func (s *static) bring(st *importStmt) {
	t := s.other(st.n, false)
	own := s.within(t, !st.context)
	if st.as != "" {
		s.set(st.as, Any)
		if own != nil {
			s.set(st.as, Record(own))
		}
	}
	for _, n := range st.names {
		typ, ok := own[n[0]]
		if own != nil && !ok {
			e := s.errorf(st.n, "%s defines no %s", t.name, n[0])
			if c := similar(n[0], slices.Sorted(maps.Keys(own))); len(c) > 0 {
				e.Hint = "did you mean " + strings.Join(c, " or ") + "?"
			}
		}
		s.set(n[1], typ)
	}
}

func (s *static) block(body []stmt) {
	for _, st := range body {
		s.stmt(st)
	}
}

// inner runs f where names can be set that are not seen outside.
func (s *static) inner(f func()) {
	s.locals = append(s.locals, map[string]Type{})
	f()
	s.locals = s.locals[:len(s.locals)-1]
}

func (s *static) set(name string, t Type) {
	if len(s.locals) > 0 {
		s.locals[len(s.locals)-1][name] = t
	}
}

func (s *static) params(ps []param) {
	for _, p := range ps {
		if p.def != nil {
			s.typ(p.def, false)
		}
		s.set(p.name, Any)
	}
}

func (s *static) stmt(st stmt) {
	switch st := st.(type) {
	case *printStmt:
		s.typ(st.n, false)
	case *ifStmt:
		proven := s.proven
		for _, b := range st.branches {
			if b.cond == nil {
				s.block(b.body)
				continue
			}
			s.cond(b.cond)
			s.with(facts(b.cond, true), func() { s.block(b.body) })
			s.proven = prove(s.proven, facts(b.cond, false))
		}
		s.proven = proven
	case *forStmt:
		t := s.typ(st.iter, false)
		if t.Kind != 0 && t.Kind&(KList|KMap|KObject) == 0 {
			s.errorf(st.iter, "a loop goes over a list, not %s", t.Kind.a())
		}
		s.inner(func() {
			for _, n := range st.names {
				s.set(n, Any)
			}
			if len(st.names) == 1 && t.Kind == KList && t.Elem != nil {
				s.set(st.names[0], *t.Elem)
			}
			var proof []string
			if st.filter != nil {
				s.cond(st.filter)
				proof = facts(st.filter, true)
			}
			s.set("loop", Any)
			s.with(proof, func() { s.block(st.body) })
		})
		s.inner(func() { s.block(st.none) })
	case *setStmt:
		switch {
		case st.block:
			s.inner(func() { s.block(st.body) })
			t := Of(KString)
			if st.n != nil {
				s.inner(func() {
					s.set(filtered, t)
					t = s.typ(st.n, false)
				})
			}
			s.set(st.names[0], t)
		case st.attr != "":
			s.typ(st.n, false)
		default:
			s.typ(st.n, false)
			for _, n := range st.names {
				s.set(n, Any)
			}
		}
	case *nsStmt:
		if st.from != nil {
			s.typ(st.from, false)
		}
		for _, v := range st.vals {
			s.typ(v, false)
		}
		s.set(st.name, Any)
	case *withStmt:
		for _, v := range st.vals {
			s.typ(v, false)
		}
		s.inner(func() {
			for _, n := range st.names {
				s.set(n, Any)
			}
			s.block(st.body)
		})
	case *macroStmt:
		s.set(st.name, Any)
		s.inner(func() {
			s.set("caller", Any)
			if st.varargs {
				s.set("varargs", ListOf(Any))
			}
			s.params(st.params)
			s.block(st.body)
		})
	case *callStmt:
		s.typ(st.n, false)
		s.inner(func() {
			s.params(st.params)
			s.block(st.body)
		})
	case *filterStmt:
		s.inner(func() { s.block(st.body) })
		s.inner(func() {
			s.set(filtered, Of(KString))
			s.typ(st.n, false)
		})
	case *blockStmt:
		s.inner(func() {
			s.set("super", Any)
			s.block(st.body)
		})
	case *extendsStmt:
		s.typ(st.n, false)
		s.within(s.other(st.n, false), false)
	case *importStmt:
		s.typ(st.n, false)
		s.bring(st)
	case *includeStmt:
		s.typ(st.n, false)
		s.within(s.other(st.n, st.missing), st.alone)
	}
}
