package migrate

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/runner/expr"
)

// functions are the functions of ours, by name.
var functions = sync.OnceValue(func() map[string]expr.FunctionDoc {
	m := map[string]expr.FunctionDoc{}
	for _, f := range expr.Functions() {
		m[f.Name] = f
	}
	return m
})

// otherNames are filters that are called otherwise here.
var otherNames = map[string]string{
	"d": "default", "e": "escape", "len": "length", "fromjson": "from_json", "dict_kv": "", "nthost": "nthhost",
	"usable_range": "", "host_port": "",
}

// asTests are tests that were filters in Ansible before 2.9.
var asTests = map[string]string{
	"failed": "failed", "changed": "changed", "success": "succeeded", "succeeded": "succeeded", "skipped": "skipped", "version_compare": "version",
	"match": "match", "search": "search", "regex": "regex", "issubset": "subset", "issuperset": "superset",
}

func (e *emitter) filter(n *filterNode) (string, int, error) {
	if n.star {
		return "", 0, refuse(n, "", "arguments by * and **")
	}
	var err error
	arg := func(i int, name string) node {
		if i < len(n.plain) {
			return n.plain[i]
		}
		return n.get(name)
	}
	x := func(in int) string { return e.of(&err, n.x, in) }
	switch n.name {
	case "default", "d":
		return e.defaults(n)
	case "length", "count":
		if len(n.plain) == 0 {
			return x(inPipe) + " | length()", inPipe, err
		}
	case "safe", "unsafe":
		return e.emit(n.x)
	case "list":
		if e.typeOf(n.x) == aList {
			return e.emit(n.x)
		}
	case "bool":
		return e.boolOf(n)
	case "string":
		if e.typeOf(n.x) == aBool {
			return e.emit(e.pythonBool(n.x))
		}
	case "map":
		return e.mapFilter(n)
	case "select", "reject", "selectattr", "rejectattr":
		return e.selects(n)
	case "ternary":
		if len(n.plain) == 3 {
			null, yes, no := e.of(&err, n.plain[2], inOr), e.of(&err, n.plain[0], inOr), e.of(&err, n.plain[1], inOr)
			return x(inCompare+1) + " == null ? " + null + " : " + e.conditionText(&err, n.x, inOr) + " ? " + yes + " : " + no, inChoice, err
		}
		if c := e.typeOf(n.x); c != aBool && len(n.plain) == 2 {
			cond := *n
			s := e.conditionText(&err, n.x, inPipe)
			cond.x = word(n.x, inPipe, aBool, "%s", s)
			if err != nil {
				return "", 0, err
			}
			return e.plainFilter("ternary", &cond)
		}
	case "sum":
		if a := n.get("attribute"); a != nil {
			if start := n.get("start"); start != nil && e.typeOf(start) == aList {
				m := &filterNode{pos: n.pos, x: n.x, name: "map", args: args{names: []string{"attribute"}, named: []node{a}}}
				return "flatten(" + e.of(&err, m, inChoice) + ", 1)", inMember, err
			}
			p, ok := path("#", a)
			if !ok {
				return "", 0, refuse(n, "sum(list, .name)", "an attribute that is computed")
			}
			return "sum(" + x(inChoice) + ", " + p + ")", inMember, err
		}
		if start := arg(0, "start"); start != nil && e.typeOf(start) == aList {
			return "flatten(" + x(inChoice) + ", 1)", inMember, err
		}
	case "tojson":
		return x(inPipe) + " | to_json(true)", inPipe, err
	case "type_debug":
		return "", 0, refuse(n, "is_string(x), is_mapping(x), is_list(x)", "the names of types are others here")
	case "json_query":
		return e.query(n)
	case "regex_search", "regex_findall":
		return e.regex(n)
	case "combine":
		return e.combine(n)
	case "zip_longest":
		if f := n.get("fillvalue"); f != nil {
			c := *n
			c.names, c.named = nil, nil
			c.plain = append(append([]node(nil), n.plain...), f)
			return e.plainFilter("zip_longest", &c)
		}
	case "random":
		if s := n.get("seed"); s != nil && len(n.plain) == 0 && e.typeOf(n.x) != aList {
			return "random(" + x(inChoice) + ", 0, 1, " + e.of(&err, s, inChoice) + ")", inMember, err
		}
	case "contains", "split", "trim", "to_datetime", "strftime":
	case "center":
	}
	if t, ok := asTests[n.name]; ok {
		return e.test(&testNode{pos: n.pos, x: n.x, name: t, args: n.args})
	}
	name := n.name
	if to, ok := otherNames[name]; ok {
		name = to
	}
	return e.plainFilter(name, n)
}

var (
	queryPath = regexp.MustCompile(`^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$`)
	queryList = regexp.MustCompile(`^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)?\[(?:\*|\?([A-Za-z_]\w*)\s*(==|!=)\s*(?:'([^'"\x60\\]*)'|\x60([a-z0-9.]+)\x60))?\](?:\.([A-Za-z_]\w*))?$`)
)

// query is json_query with a path, or with a list of which one member is
// taken, or those where a member has a value. Members that are missing are null.
func (e *emitter) query(n *filterNode) (string, int, error) {
	no := refuse(n, "filter(list, .name == …) and map(list, .name)", "there is no json_query")
	if len(n.plain) != 1 {
		return "", 0, no
	}
	lit, ok := n.plain[0].(*litNode)
	if !ok || lit.typ != aText {
		return "", 0, no
	}
	var err error
	q := lit.raw[1 : len(lit.raw)-1]
	if queryPath.MatchString(q) {
		return "default(" + e.of(&err, n.x, inMember) + "." + q + ", null)", inMember, err
	}
	m := queryList.FindStringSubmatch(q)
	if m == nil {
		return "", 0, no
	}
	list := e.of(&err, n.x, inMember)
	if m[1] != "" {
		list += "." + m[1]
	}
	if strings.Contains(q, "[]") {
		list = "flatten(" + list + ", 1)"
	}
	if m[2] != "" {
		val := m[5]
		if val == "" {
			val = "'" + m[4] + "'"
		}
		list = "filter(" + list + ", default(." + m[2] + ", null) " + m[3] + " " + val + ")"
	}
	if m[6] == "" {
		return list, inMember, err
	}
	return "map(filter(" + list + ", default(." + m[6] + ", null) != null), ." + m[6] + ")", inMember, err
}

// defaults is x | default(y, true).
func (e *emitter) defaults(n *filterNode) (string, int, error) {
	var err error
	d := n.get("default_value")
	if len(n.plain) > 0 {
		d = n.plain[0]
	}
	if d == nil {
		d = &litNode{n.pos, aText, `""`}
	}
	if c, ok := n.x.(*condNode); ok && c.no == nil {
		return e.choice(&condNode{c.pos, c.yes, c.cond, d})
	}
	x := e.of(&err, n.x, inPipe)
	out := x + " | default(" + e.of(&err, d, inChoice)
	flag := n.get("boolean")
	if len(n.plain) > 1 {
		flag = n.plain[1]
	}
	if flag != nil {
		f, prec, err2 := e.condition(flag)
		if _ = prec; err == nil {
			err = err2
		}
		if lit, ok := flag.(*litNode); ok && lit.typ != aBool && lit.typ != aNull {
			f = "true" // default('x', 1) and default('x', 'true')
			if strings.Trim(lit.raw, `'"`) == "" || lit.raw == "0" {
				f = "false"
			}
		}
		if f != "false" {
			out += ", " + f
		}
	}
	return out + ")", inPipe, err
}

// boolOf is x | bool: an empty text, which Ansible takes as false, is false.
func (e *emitter) boolOf(n *filterNode) (string, int, error) {
	if f, ok := n.x.(*filterNode); ok && (f.name == "default" || f.name == "d") {
		c := *f
		c.plain = append([]node(nil), f.plain...)
		empty := len(c.plain) == 0
		if !empty {
			lit, ok := c.plain[0].(*litNode)
			empty = ok && (lit.raw == `""` || lit.raw == "''" || lit.typ == aNull)
		}
		if name, ok := firstName(c.plain); ok && name == "omit" {
			empty = false
		}
		if empty {
			c.plain = append([]node{&litNode{n.pos, aBool, "false"}}, c.plain[min(1, len(c.plain)):]...)
			n = &filterNode{pos: n.pos, x: &c, name: "bool"}
		}
	}
	if e.typeOf(n.x) == aBool {
		if _, ok := n.x.(*testNode); ok {
			return e.emit(n.x)
		}
	}
	return e.plainFilter("bool", n)
}

func firstName(list []node) (string, bool) {
	if len(list) == 0 {
		return "", false
	}
	n, ok := list[0].(*nameNode)
	if !ok {
		return "", false
	}
	return n.id, true
}

// plainFilter is a filter that a function of ours stands for.
func (e *emitter) plainFilter(name string, n *filterNode) (string, int, error) {
	f, ok := functions()[name]
	if !ok {
		if e.macros[name] {
			return "", 0, refuse(n, "", "a macro as a filter")
		}
		return "", 0, refuse(n, expr.Instead(n.name), "there is no function that does what the filter %s does", n.name)
	}
	rest, err := e.ordered(f, n, n.args, 1)
	if err != nil {
		return "", 0, err
	}
	var err2 error
	x := e.of(&err2, n.x, inPipe)
	var parts []string
	for _, a := range rest {
		parts = append(parts, e.of(&err2, a, inChoice))
	}
	return x + " | " + name + "(" + strings.Join(parts, ", ") + ")", inPipe, err2
}

// ordered are the arguments of a call in the order of the function's parameters.
func (e *emitter) ordered(f expr.FunctionDoc, at node, a args, first int) ([]node, error) {
	out := append([]node(nil), a.plain...)
	if len(a.named) == 0 {
		return out, nil
	}
	given := map[int]node{}
	last := len(out) + first
	for i, name := range a.names {
		p := expr.ParamIndex(f.Name, name)
		if p < first {
			if f.Name == "comment" || ignorable[f.Name+" "+name] {
				continue
			}
			return nil, refuse(at, "its form is "+f.Usage, "%s() has no parameter %s here", f.Name, name)
		}
		given[p] = a.named[i]
		last = max(last, p+1)
	}
	if f.Name == "comment" {
		return commentArgs(at, a), nil
	}
	for p := len(out) + first; p < last; p++ {
		switch v, ok := given[p]; {
		case ok:
			out = append(out, v)
		case p < len(f.Params) && literal(f.Params[p].Default):
			out = append(out, word(at, inMember, anAny, "%s", f.Params[p].Default))
		case p < len(f.Params) && f.Params[p].Optional && f.Params[p].Kind&expr.KNull != 0:
			out = append(out, word(at, inMember, aNull, "null"))
		case f.Name == "flatten" && p == 1:
			out = append(out, word(at, inMember, aNull, "null"))
		default:
			return nil, refuse(at, "its form is "+f.Usage, "an argument of %s() before %s has no default", f.Name, a.names[0])
		}
	}
	return out, nil
}

// literal tells whether the default of a parameter is a value, not a description.
func literal(s string) bool {
	n, err := parseJinja(s)
	if err != nil {
		return false
	}
	_, ok := n.(*litNode)
	list, isList := n.(*listNode)
	return ok || isList && len(list.items) == 0 || s == "null"
}

// ignorable are arguments that change nothing.
var ignorable = map[string]bool{"to_nice_yaml allow_unicode": true, "to_yaml allow_unicode": true}

// commentArgs are those of the filter comment: the style, and the rest as a map.
func commentArgs(at node, a args) []node {
	var style node = &litNode{pos(at.off()), aText, `"plain"`}
	if len(a.plain) > 0 {
		style = a.plain[0]
	}
	d := &dictNode{pos: pos(at.off())}
	for i, name := range a.names {
		if name == "style" {
			style = a.named[i]
			continue
		}
		d.keys = append(d.keys, &litNode{d.pos, aText, `"` + name + `"`})
		d.vals = append(d.vals, a.named[i])
	}
	if d.keys == nil {
		return []node{style}
	}
	return []node{style, d}
}

func (e *emitter) combine(n *filterNode) (string, int, error) {
	c := *n
	c.names, c.named = nil, nil
	c.plain = append([]node(nil), n.plain...)
	for _, name := range []string{"recursive", "list_merge"} {
		if v := n.get(name); v != nil {
			c.plain = append(c.plain, v)
		}
	}
	return e.plainFilter("combine", &c)
}

// regex is regex_search and regex_findall: flags go into the pattern.
func (e *emitter) regex(n *filterNode) (string, int, error) {
	if len(n.named) == 0 {
		return e.plainFilter(n.name, n)
	}
	c := *n
	c.names, c.named = nil, nil
	c.plain = append([]node(nil), n.plain...)
	if len(c.plain) == 0 {
		return "", 0, refuse(n, "", "%s without a pattern", n.name)
	}
	p, err := withFlags(c.plain[0], n.args, false)
	if err != nil {
		return "", 0, err
	}
	c.plain[0] = p
	return e.plainFilter(n.name, &c)
}

// withFlags is a pattern with the flags of the call in it.
func withFlags(p node, a args, anchored bool) (node, error) {
	flags := ""
	for i, name := range a.names {
		lit, ok := a.named[i].(*litNode)
		if !ok || name != "ignorecase" && name != "multiline" {
			return nil, refuse(p, "", "the argument %s of a regular expression", name)
		}
		if lit.raw == "true" {
			flags += name[:1]
		}
	}
	lit, ok := p.(*litNode)
	if flags == "" && !anchored {
		return p, nil
	}
	if !ok || lit.typ != aText {
		head := ""
		if flags != "" {
			head = "(?" + flags + ")"
		}
		if anchored {
			return &binaryNode{pos(p.off()), "+", &litNode{pos(p.off()), aText, `"` + head + `^"`}, p}, nil
		}
		return &binaryNode{pos(p.off()), "+", &litNode{pos(p.off()), aText, `"` + head + `"`}, p}, nil
	}
	q, body := lit.raw[:1], lit.raw[1:len(lit.raw)-1]
	if anchored && !strings.HasPrefix(body, "^") && !strings.HasPrefix(body, `\A`) {
		if strings.Contains(body, "|") {
			body = "(?:" + body + ")"
		}
		body = "^" + body
	}
	if flags != "" {
		body = "(?" + flags + ")" + body
	}
	return &litNode{lit.pos, aText, q + body + q}, nil
}

// path is what an attribute such as a.b.0 means of a base; false when it is computed.
func path(base string, attribute node) (string, bool) {
	lit, ok := attribute.(*litNode)
	if !ok {
		return "", false
	}
	text := lit.raw
	if lit.typ == aText {
		text = text[1 : len(text)-1]
	}
	out := base
	for _, part := range strings.Split(text, ".") {
		switch {
		case part == "":
			return "", false
		case isDigit(part[0]):
			out += "[" + part + "]"
		case plainKey.MatchString(part) && !expr.Reserved(part):
			out = member(out, part)
		default:
			out += fmt.Sprintf("[%q]", part)
		}
	}
	return out, true
}

// mapFilter is map(attribute=…) and map('filter', …).
func (e *emitter) mapFilter(n *filterNode) (string, int, error) {
	var err error
	x := e.of(&err, n.x, inChoice)
	if a := n.get("attribute"); a != nil {
		p, ok := path("#", a)
		if !ok {
			return "map(" + x + ", #[" + e.of(&err, a, inChoice) + "])", inMember, err
		}
		if d := n.get("default"); d != nil {
			p = "default(" + p + ", " + e.of(&err, d, inChoice) + ")"
		}
		return "map(" + x + ", " + p + ")", inMember, err
	}
	if len(n.plain) == 0 {
		return "", 0, refuse(n, "map(list, .name)", "map without a filter")
	}
	lit, ok := n.plain[0].(*litNode)
	if !ok || lit.typ != aText {
		return "", 0, refuse(n, "map(list, f(#))", "the name of a filter that is computed")
	}
	name := plainName(lit.raw[1 : len(lit.raw)-1])
	item := word(n, inMember, anAny, "#")
	inner := &filterNode{pos: n.pos, x: item, name: name, args: args{n.plain[1:], n.names, n.named, false}}
	var each string
	switch name {
	case "extract":
		if len(n.plain) < 2 {
			return "", 0, refuse(n, "map(list, container[#])", "extract without a container")
		}
		each = e.of(&err, n.plain[1], inMember) + "[#]"
		more := n.get("morekeys")
		if len(n.plain) > 2 {
			more = n.plain[2]
		}
		if list, ok := more.(*listNode); ok {
			for _, k := range list.items {
				each += "[" + e.of(&err, k, inChoice) + "]"
			}
		} else if more != nil {
			each += "[" + e.of(&err, more, inChoice) + "]"
		}
	default:
		each = e.of(&err, inner, inChoice)
	}
	return "map(" + x + ", " + asCall(each) + ")", inMember, err
}

// asCall is "# | f(a)" as f(#, a).
func asCall(s string) string {
	rest, ok := strings.CutPrefix(s, "# | ")
	if !ok {
		return s
	}
	name, inner, ok := strings.Cut(rest, "(")
	if !ok || strings.Contains(inner, " | ") {
		return s
	}
	if inner == ")" {
		return name + "(#)"
	}
	return name + "(#, " + inner
}

// selects is select, reject, selectattr and rejectattr.
func (e *emitter) selects(n *filterNode) (string, int, error) {
	var err error
	x := e.of(&err, n.x, inChoice)
	rest := n.plain
	item := word(n, inMember, anAny, "#")
	if strings.HasSuffix(n.name, "attr") {
		if len(rest) == 0 {
			return "", 0, refuse(n, "filter(list, .name)", "%s without an attribute", n.name)
		}
		p, ok := path("#", rest[0])
		if !ok {
			p = "#[" + e.of(&err, rest[0], inChoice) + "]"
		}
		item = word(n, inMember, anAny, "%s", p)
		rest = rest[1:]
	}
	not := strings.HasPrefix(n.name, "reject")
	if len(rest) == 0 {
		s := "truthy(" + item.text + ")"
		if not {
			s = "not " + s
		}
		return "filter(" + x + ", " + s + ")", inMember, err
	}
	lit, ok := rest[0].(*litNode)
	if !ok || lit.typ != aText {
		return "", 0, refuse(n, "filter(list, …)", "the name of a test that is computed")
	}
	t := &testNode{pos: n.pos, x: item, name: plainName(lit.raw[1 : len(lit.raw)-1]), not: not, args: args{rest[1:], n.names, n.named, false}}
	return "filter(" + x + ", " + e.of(&err, t, inChoice) + ")", inMember, err
}

// testForms are Jinja's tests: %s is x, %[2]s the argument. How tight the form binds follows.
var testForms = map[string]struct {
	form string
	prec int
}{
	"none": {"%s == null", inCompare}, "true": {"%s == true", inCompare}, "false": {"%s == false", inCompare},
	"failed": {"%s.failed", inMember}, "failure": {"%s.failed", inMember}, "succeeded": {"not %s.failed", inNot}, "success": {"not %s.failed", inNot}, "successful": {"not %s.failed", inNot},
	"changed": {"%s.changed", inMember}, "change": {"%s.changed", inMember}, "skipped": {"%s.skipped", inMember}, "skip": {"%s.skipped", inMember},
	"unreachable": {"%s.unreachable", inMember}, "reachable": {"not %s.unreachable", inNot}, "started": {"%s.started", inMember}, "finished": {"%s.finished", inMember},
	"contains": {"%[2]s in %[1]s", inCompare}, "in": {"%s in %s", inCompare},
	"even": {"%s %% 2 == 0", inCompare}, "odd": {"%s %% 2 == 1", inCompare}, "divisibleby": {"%s %% %s == 0", inCompare},
	"eq": {"%s == %s", inCompare}, "equalto": {"%s == %s", inCompare}, "==": {"%s == %s", inCompare}, "sameas": {"%s == %s", inCompare},
	"ne": {"%s != %s", inCompare}, "!=": {"%s != %s", inCompare},
	"gt": {"%s > %s", inCompare}, "greaterthan": {"%s > %s", inCompare}, ">": {"%s > %s", inCompare}, "ge": {"%s >= %s", inCompare}, ">=": {"%s >= %s", inCompare},
	"lt": {"%s < %s", inCompare}, "lessthan": {"%s < %s", inCompare}, "<": {"%s < %s", inCompare}, "le": {"%s <= %s", inCompare}, "<=": {"%s <= %s", inCompare},
	"any": {"any(%s, truthy(#))", inMember}, "all": {"all(%s, truthy(#))", inMember},
	"lower": {"%[1]s == lower(%[1]s)", inCompare}, "upper": {"%[1]s == upper(%[1]s)", inCompare},
	"ip": {"ipaddr(%s) != false", inCompare}, "ip_address": {"ipaddr(%s) != false", inCompare}, "ipv4": {"ipv4(%s) != false", inCompare}, "ipv4_address": {"ipv4(%s) != false", inCompare},
	"ipv6": {"ipv6(%s) != false", inCompare}, "ipv6_address": {"ipv6(%s) != false", inCompare}, "mac": {"hwaddr(%s) != false", inCompare},
	"in_network": {"network_in_network(%[2]s, %[1]s)", inMember}, "abs": {"is_abs(%s)", inMember},
	"url": {"is_url(%s)", inMember}, "uri": {"%s matches '^[a-z][a-z0-9+.-]*:'", inCompare},
}

// testFunctions are tests that a function of ours stands for.
var testFunctions = map[string]string{
	"list": "is_list", "defined": "defined", "string": "is_string", "mapping": "is_mapping", "iterable": "is_iterable", "sequence": "is_sequence",
	"number": "is_number", "integer": "is_integer", "float": "is_float", "boolean": "is_boolean", "truthy": "truthy", "falsy": "falsy",
	"version": "version", "version_compare": "version", "subset": "subset", "superset": "superset", "issubset": "subset", "issuperset": "superset",
	"exists": "exists", "file": "is_file", "directory": "is_dir", "link": "is_link", "is_dir": "is_dir", "is_file": "is_file", "is_link": "is_link",
	"link_exists": "is_link", "mount": "is_mount", "is_mount": "is_mount", "same_file": "same_file", "is_same_file": "same_file", "is_abs": "is_abs",
}

func (e *emitter) test(n *testNode) (string, int, error) {
	if n.star {
		return "", 0, refuse(n, "", "arguments by * and **")
	}
	var err error
	name := n.name
	not := n.not
	if name == "undefined" {
		name, not = "defined", !not
	}
	if name == "None" || name == "True" || name == "False" {
		name = strings.ToLower(name)
	}
	negated := func(s string, prec int) (string, int, error) {
		if !not {
			return s, prec, err
		}
		if rest, ok := strings.CutPrefix(s, "not "); ok && prec == inNot {
			return rest, inMember, err
		}
		if a, b, ok := strings.Cut(s, " == "); ok && prec == inCompare && !strings.Contains(b, " == ") && !strings.ContainsAny(a+b, `"'`) {
			return a + " != " + b, inCompare, err
		}
		if prec < inCompare+1 && prec != inCompare {
			s = "(" + s + ")"
		} else if prec == inCompare {
			s = "(" + s + ")"
		}
		return "not " + s, inNot, err
	}
	switch name {
	case "match", "search", "regex":
		p := n.get("pattern")
		if len(n.plain) > 0 {
			p = n.plain[0]
		}
		if p == nil {
			return "", 0, refuse(n, "x matches 'pattern'", "a test without a pattern")
		}
		if p, err = withFlags(p, n.args, name == "match"); err != nil {
			return "", 0, err
		}
		return negated(e.of(&err, n.x, inCompare+1)+" matches "+e.of(&err, p, inCompare+1), inCompare)
	case "callable", "filter", "test", "vault_encrypted", "escaped", "nan":
		return "", 0, refuse(n, "", "there is no form for the test %s", n.name)
	}
	if fn, ok := testFunctions[name]; ok {
		more, err2 := e.ordered(functions()[fn], n, n.args, 1)
		if err2 != nil {
			return "", 0, err2
		}
		s, prec, err2 := e.function(fn, append([]node{n.x}, more...))
		err = err2
		return negated(s, prec)
	}
	form, ok := testForms[name]
	if !ok {
		return "", 0, refuse(n, "", "no test is called %s", n.name)
	}
	values := []any{e.of(&err, n.x, inPipe)}
	if strings.Contains(form.form, ".failed") || strings.HasSuffix(form.form, "d") && form.prec == inMember {
		values[0] = e.of(&err, n.x, inMember)
	}
	if strings.Count(form.form, "%s") == 2 || strings.Contains(form.form, "%[2]s") {
		if len(n.plain) == 0 {
			return "", 0, refuse(n, "", "the test %s has no argument", n.name)
		}
		values = append(values, e.of(&err, n.plain[0], inPipe))
	}
	if err != nil {
		return "", 0, err
	}
	return negated(fmt.Sprintf(form.form, values...), form.prec)
}
