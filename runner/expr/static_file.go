package expr

// template walks the statements of a text in order, so that what it sets
// itself is known behind the place where it is set.
func (s *static) template(t *Template) {
	old := s.locals
	s.locals = append(s.locals, map[string]Type{})
	s.block(t.code.parts)
	s.locals = old
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
	case *importStmt:
		s.typ(st.n, false)
		if st.as != "" {
			s.set(st.as, Any)
		}
		for _, n := range st.names {
			s.set(n[1], Any)
		}
	case *includeStmt:
		s.typ(st.n, false)
	}
}
