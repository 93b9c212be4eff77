package migrate

import (
	"fmt"
	"slices"
	"strings"
)

// call is f(…): a lookup, a method, a function, or a macro of a template file.
func (e *emitter) call(n *callNode) (string, int, error) {
	if n.star {
		return "", 0, refuse(n, "", "arguments by * and **")
	}
	switch f := n.fn.(type) {
	case *nameNode:
		switch f.id {
		case "lookup", "query", "q":
			return e.lookup(f, n)
		case "dict":
			if len(n.plain) == 0 {
				d := &dictNode{pos: n.pos}
				for i, name := range n.names {
					d.keys = append(d.keys, &litNode{n.pos, aText, fmt.Sprintf("%q", name)})
					d.vals = append(d.vals, n.named[i])
				}
				return e.dict(d)
			}
		case "super", "caller", "namespace":
			return e.macro(f.id, n)
		}
		if e.file && (e.macros[f.id] || f.id == "loop") {
			return e.macro(f.id, n)
		}
		if fn, ok := functions()[f.id]; ok {
			all, err := e.ordered(fn, n, n.args, 0)
			if err != nil {
				return "", 0, err
			}
			return e.function(f.id, all)
		}
		return "", 0, refuse(n, "", "no function is called %s", f.id)
	case *attrNode:
		if e.file && isLoop(f.x) {
			return e.macro("loop."+f.name, n)
		}
		if x, ok := f.x.(*nameNode); ok && e.file && e.macros[x.id] {
			return e.macro(x.id+"."+f.name, n)
		}
		return e.method(f, n)
	}
	return "", 0, refuse(n, "", "a call of a value")
}

// macro is a call whose arguments may have names.
func (e *emitter) macro(name string, n *callNode) (string, int, error) {
	var err error
	var parts []string
	for _, a := range n.plain {
		parts = append(parts, e.of(&err, a, inChoice))
	}
	for i, key := range n.names {
		parts = append(parts, key+"="+e.of(&err, n.named[i], inChoice))
	}
	return name + "(" + strings.Join(parts, ", ") + ")", inMember, err
}

// methods are Python's methods as a filter; an empty name: written below.
var methods = map[string]string{
	"keys": "keys", "values": "values", "split": "split", "splitlines": "splitlines", "replace": "replace", "strip": "trim",
	"lower": "lower", "upper": "upper", "title": "title", "capitalize": "capitalize", "format": "", "union": "union",
	"intersection": "intersect", "difference": "difference", "strftime": "strftime",
}

// method is x.name(…).
func (e *emitter) method(f *attrNode, n *callNode) (string, int, error) {
	var err error
	x := func(in int) string { return e.of(&err, f.x, in) }
	arg := func(i, in int) string { return e.of(&err, n.plain[i], in) }
	switch k := len(n.plain); {
	case f.name == "items" || f.name == "iteritems":
		return "items(" + x(inChoice) + ")", inMember, err
	case f.name == "get" && k == 2:
		return "default(" + x(inMember) + "[" + arg(0, inChoice) + "], " + arg(1, inChoice) + ")", inMember, err
	case f.name == "get" && k == 1:
		return "default(" + x(inMember) + "[" + arg(0, inChoice) + "], null)", inMember, err
	case f.name == "startswith" && k == 1:
		return x(inCompare+1) + " startsWith " + arg(0, inCompare+1), inCompare, err
	case f.name == "endswith" && k == 1:
		return x(inCompare+1) + " endsWith " + arg(0, inCompare+1), inCompare, err
	case f.name == "join" && k == 1:
		return "join(" + arg(0, inChoice) + ", " + x(inChoice) + ")", inMember, err
	case f.name == "isdigit" && k == 0:
		return x(inCompare+1) + ` matches '^[0-9]+$'`, inCompare, err
	case f.name == "isalpha" && k == 0:
		return x(inCompare+1) + ` matches '^[A-Za-z]+$'`, inCompare, err
	case f.name == "rstrip" && k == 0:
		return "regex_replace(" + x(inChoice) + `, '[ \t\r\n]+$', '')`, inMember, err
	case f.name == "lstrip" && k == 0:
		return "regex_replace(" + x(inChoice) + `, '^[ \t\r\n]+', '')`, inMember, err
	case (f.name == "ljust" || f.name == "rjust") && k == 1:
		sign := map[string]string{"ljust": "-", "rjust": ""}[f.name]
		if whole(n.plain[0]) {
			return "format('%" + sign + arg(0, inChoice) + "s', " + x(inChoice) + ")", inMember, err
		}
		return "format('%" + sign + "' + string(" + arg(0, inChoice) + ") + 's', " + x(inChoice) + ")", inMember, err
	case f.name == "find" && k == 1:
		return "", 0, refuse(n, "a in b", "there is no find of texts")
	case f.name == "count" && k == 1 && e.typeOf(f.x) == aList:
		return "count(" + x(inChoice) + ", # == " + arg(0, inCompare+1) + ")", inMember, err
	case f.name == "total_seconds" && k == 0:
		return x(inSum) + " + 0.0", inSum, err
	case f.name == "copy" && k == 0, f.name == "encode", f.name == "decode":
		return e.emit(f.x)
	case f.name == "format" && len(n.named) == 0:
		return e.pythonFormat(f, n)
	case f.name == "index" && k == 1:
		return "findIndex(" + x(inChoice) + ", # == " + arg(0, inCompare+1) + ")", inMember, err
	case methods[f.name] != "" && len(n.named) == 0:
		fl := &filterNode{pos: n.pos, x: f.x, name: methods[f.name], args: n.args}
		return e.plainFilter(fl.name, fl)
	}
	return "", 0, refuse(n, "a function with the value as its first argument", "values have no methods: .%s()", f.name)
}

func (e *emitter) isLit(n node, raw string) bool {
	lit, ok := n.(*litNode)
	return ok && lit.raw == raw
}

// pythonFormat is "{}-{}".format(a, b) as a sum of texts.
func (e *emitter) pythonFormat(f *attrNode, n *callNode) (string, int, error) {
	lit, ok := f.x.(*litNode)
	if !ok || lit.typ != aText || strings.ContainsAny(lit.raw, `\`) {
		return "", 0, refuse(n, "format(\"%s\", x)", "Python's format() of a text that is computed")
	}
	q, body := lit.raw[:1], lit.raw[1:len(lit.raw)-1]
	var parts []string
	var err error
	next := 0
	for body != "" {
		text, rest, found := strings.Cut(body, "{")
		if strings.Contains(text, "}") || strings.HasPrefix(rest, "{") {
			return "", 0, refuse(n, "format(\"%s\", x)", "braces in Python's format()")
		}
		if text != "" {
			parts = append(parts, q+text+q)
		}
		if !found {
			break
		}
		spec, after, closed := strings.Cut(rest, "}")
		i := next
		if spec != "" {
			if _, err := fmt.Sscanf(spec, "%d", &i); err != nil || fmt.Sprint(i) != spec {
				return "", 0, refuse(n, "format(\"%s\", x)", "{%s} in Python's format()", spec)
			}
		}
		next++
		if !closed || i >= len(n.plain) {
			return "", 0, refuse(n, "", "Python's format() lacks an argument")
		}
		parts = append(parts, e.asText(&err, n.plain[i]))
		body = after
	}
	if len(parts) == 0 {
		return `""`, inMember, err
	}
	return strings.Join(parts, " + "), inSum, err
}

// lookupForm is what stands for a lookup: a function, whether it takes one
// argument and so is called for each, and whether it gives a list.
type lookupForm struct {
	form string
	each bool
	list bool
}

var lookups = map[string]lookupForm{
	"env": {form: "env(%s)", each: true}, "file": {form: "file(%s)", each: true}, "pipe": {form: "pipe(%s)", each: true},
	"password": {form: "password(%s)", each: true}, "template": {form: "template(%s)", each: true}, "vars": {form: "vars[%s]", each: true},
	"first_found": {form: "first_found(%s)"}, "fileglob": {form: "fileglob(%s)", list: true}, "varnames": {form: "varnames(%s)", list: true},
	"lines": {form: "lines(%s)", list: true}, "sequence": {form: "sequence(%s)", list: true}, "dict": {form: "dict2items(%s)"},
	"items": {form: "flatten(%s, 1)"}, "flattened": {form: "flatten(%s)"}, "together": {form: "zip_longest(%s)"}, "nested": {form: "product(%s)"},
	"cartesian": {form: "product(%s)"}, "subelements": {form: "subelements(%s)"}, "random_choice": {form: "random(%s)"}, "list": {form: "%s"},
	"indexed_items": {form: "map(%s, [#index, #])"}, "csvfile": {form: "csvfile(%s)", each: true}, "ini": {form: "ini(%s)", each: true},
}

// lookup is lookup("name", …), query and q.
func (e *emitter) lookup(f *nameNode, n *callNode) (string, int, error) {
	if len(n.plain) == 0 {
		return "", 0, refuse(n, "", "a lookup without a name")
	}
	lit, ok := n.plain[0].(*litNode)
	if !ok || lit.typ != aText {
		return "", 0, refuse(n, "", "the name of a lookup that is computed")
	}
	name := plainName(lit.raw[1 : len(lit.raw)-1])
	form, ok := lookups[name]
	if !ok {
		return "", 0, refuse(n, "", "no function does what the lookup %s does", name)
	}
	list := f.id != "lookup"
	var instead node
	var err error
	d := &dictNode{pos: n.pos}
	for i, key := range n.names {
		v := n.named[i]
		switch {
		case key == "wantlist":
			list = e.isLit(v, "true")
		case key == "errors" || key == "convert_data" && (name != "template" || e.isLit(v, "false")) || key == "allow_dir":
			if key == "errors" && !e.isLit(v, `"strict"`) && !e.isLit(v, `'strict'`) {
				e.doubts = append(e.doubts, Doubt{n.off(), "errors= of a lookup is left out: an error stays one"})
			}
		case key == "default" && name == "vars":
			instead = v
		case key == "default" && name == "env":
			n.plain = append(slices.Clone(n.plain), v)
		case name == "first_found" && (key == "files" || key == "paths"):
			d.keys = append(d.keys, &litNode{n.pos, aText, `"` + key + `"`})
			d.vals = append(d.vals, v)
		case name == "first_found" && key == "skip":
			if e.isLit(v, "true") {
				instead = &litNode{n.pos, aList, "[]"}
			}
		default:
			return "", 0, refuse(n, "", "the argument %s of the lookup %s", key, name)
		}
	}
	rest := n.plain[1:]
	if d.keys != nil {
		rest = append(slices.Clone(rest), d)
	}
	if len(rest) == 0 {
		return "", 0, refuse(n, "", "a lookup without arguments")
	}
	if (name == "password" || name == "csvfile" || name == "ini") && (len(rest) > 1 || !simpleTerm(rest[0])) {
		return "", 0, refuse(n, "its form is "+functions()[name].Usage, "the lookup %s with options", name)
	}
	var parts []string
	for _, r := range rest {
		parts = append(parts, e.of(&err, r, inChoice))
	}
	one := func(s string) string {
		out := fmt.Sprintf(form.form, s)
		if instead != nil {
			out = "default(" + out + ", " + e.of(&err, instead, inChoice) + ")"
		}
		return out
	}
	all := strings.Join(parts, ", ")
	if len(parts) > 1 && (name == "items" || name == "flattened" || name == "list" || name == "random_choice") {
		all = "[" + all + "]"
	}
	var out string
	switch {
	case form.each && len(parts) > 1 && name != "env":
		for i := range parts {
			parts[i] = one(parts[i])
		}
		if out = "[" + strings.Join(parts, ", ") + "]"; !list {
			out = "join(" + out + `, ",")`
		}
	case form.each && list:
		out = "[" + one(all) + "]"
	case name == "fileglob" && len(parts) > 1:
		out = "flatten(map([" + all + "], fileglob(#)))"
	case form.list && !list:
		out = "join(" + one(all) + `, ",")`
	case name == "first_found":
		if len(parts) > 1 {
			all = "[" + all + "]"
		}
		switch out = one(all); {
		case list && instead != nil:
			out = "filter([" + out + "], # != [])"
		case list:
			out = "[" + out + "]"
		}
	default:
		out = one(all)
	}
	return out, inMember, err
}

// simpleTerm tells whether the argument of a lookup is a text without options in it.
func simpleTerm(n node) bool {
	lit, ok := n.(*litNode)
	return ok && lit.typ == aText && !strings.ContainsAny(lit.raw, " =")
}
