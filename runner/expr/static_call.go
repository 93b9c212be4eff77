package expr

// call checks a call's arguments and tells its result.
func (s *static) call(n *callNode) Type {
	name := n.fn.Name
	s.impure = s.impure || n.fn.impure || name == "template"
	args := make([]Type, len(n.args))
	for i, a := range n.args {
		if c, ok := a.(*closureNode); ok {
			elem := Any
			if i > 0 && args[0].Elem != nil {
				elem = *args[0].Elem
			}
			s.items = append(s.items, elem)
			if takesTest[name] {
				s.cond(c.body)
				args[i] = Of(KBool)
			} else {
				args[i] = s.typ(c.body, false)
			}
			s.items = s.items[:len(s.items)-1]
			continue
		}
		guarded := i == 0 && (name == "default" || name == "defined" || name == "mandatory" || name == "omit")
		if lit, ok := a.(*litNode); name == "ternary" && i == 0 && !(ok && lit.v == nil) {
			s.cond(a)
			continue
		}
		args[i] = s.typ(a, guarded)
		p, _ := n.fn.param(i)
		if _, lit := a.(*litNode); lit || guarded || p.Kind == 0 || args[i].Kind == 0 || args[i].Kind&(p.Kind|KObject) != 0 {
			continue
		}
		s.errorf(a, "%s of %s() is %s, not %s", p.Name, name, p.Kind.a(), args[i].Kind.a()).Hint = "its form is " + n.fn.usage()
	}
	switch name {
	case "template":
		s.within(s.other(n.args[0], false), true)
	case "default":
		if args[0].Kind == 0 || args[1].Kind == 0 {
			return Any
		}
		return args[0].Union(args[1])
	case "ternary", "mandatory":
		return Any
	case "filter", "sortBy", "unique", "sort", "reverse", "shuffle":
		if args[0].Kind == KList {
			return args[0]
		}
	case "regex_search":
		if len(args) == 2 {
			return Of(KString | KNull)
		}
		return Type{Kind: KList | KNull, Elem: &Type{Kind: KString}}
	case "keys", "split", "splitlines", "lines", "varnames", "sequence", "fileglob", "splitext":
		return ListOf(Of(KString))
	case "dict2items":
		if len(args) == 1 {
			val := Any
			if args[0].Elem != nil && len(args[0].Fields) == 0 {
				val = *args[0].Elem
			}
			return ListOf(Record(map[string]Type{"key": Of(KString), "value": val}))
		}
	case "range":
		return ListOf(Of(KInt))
	case "map":
		return ListOf(args[1])
	case "find", "first", "last", "min", "max", "findLast":
		if args[0].Kind == KList && args[0].Elem != nil {
			return *args[0].Elem
		}
	}
	if n.fn.Result == KAny {
		return Any
	}
	return Of(n.fn.Result)
}

// takesTest are the functions whose closure is true or false.
var takesTest = map[string]bool{
	"filter": true, "any": true, "all": true, "none": true, "one": true, "count": true,
	"find": true, "findLast": true, "findIndex": true, "findLastIndex": true,
}
