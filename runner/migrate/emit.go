package migrate

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
)

// typ is what is known of a value before a run.
type typ uint8

const (
	anAny typ = iota
	aBool
	aText
	aNumber
	aList
	aMap
	aNull
)

// How tight the operators bind.
const (
	inChoice = iota // c ? a : b
	inOr
	inAnd
	inNot
	inCompare
	inSum
	inProduct
	inPipe
	inMember // what .name and [i] may follow
)

// Refusal is a piece of an expression that has no form here.
type Refusal struct {
	Off int
	Msg string
	Way string // what to write instead
}

func (r *Refusal) Error() string { return r.Msg }

func refuse(n node, way, format string, a ...any) error {
	return &Refusal{n.off(), fmt.Sprintf(format, a...), way}
}

// Doubt is a piece of an expression that came over and has to be looked at.
type Doubt struct {
	Off int
	Msg string
}

// emitter writes Jinja's tree as expressions of ours.
type emitter struct {
	types  map[string]typ  // of variables, where all their definitions agree
	rename map[string]node // names that stand for something else
	file   bool            // in a template file: macros may be called
	macros map[string]bool // names that are called
	list   string          // what a loop that became a closure goes over
	doubts []Doubt
}

// text is a node where an operator of the given tightness holds it.
func (e *emitter) text(n node, in int) (string, error) {
	s, prec, err := e.emit(n)
	if err != nil {
		return "", err
	}
	if prec < in {
		return "(" + s + ")", nil
	}
	return s, nil
}

// of is text without an error: the first one is kept in err.
func (e *emitter) of(err *error, n node, in int) string {
	if *err != nil {
		return ""
	}
	s, err2 := e.text(n, in)
	*err = err2
	return s
}

// word is an expression that is ours already.
func word(n node, prec int, t typ, format string, a ...any) *exprNode {
	return &exprNode{pos(n.off()), fmt.Sprintf(format, a...), prec, t}
}

func (e *emitter) emit(n node) (string, int, error) {
	var err error
	switch n := n.(type) {
	case *exprNode:
		return n.text, n.prec, nil
	case *litNode:
		return n.raw, inMember, nil
	case *nameNode:
		if r := e.rename[n.id]; r != nil {
			return e.emit(r)
		}
		if expr.Reserved(n.id) && n.id != "omit" {
			return fmt.Sprintf("vars[%q]", n.id), inMember, nil
		}
		return n.id, inMember, nil
	case *listNode:
		var parts []string
		for _, item := range n.items {
			parts = append(parts, e.of(&err, item, inChoice))
		}
		return "[" + strings.Join(parts, ", ") + "]", inMember, err
	case *dictNode:
		return e.dict(n)
	case *attrNode:
		if isLoop(n.x) && e.list != "" {
			return e.loopMember(n)
		}
		x := e.of(&err, n.x, inMember)
		if expr.Reserved(n.name) {
			return fmt.Sprintf("%s[%q]", x, n.name), inMember, err
		}
		return member(x, n.name), inMember, err
	case *indexNode:
		return fmt.Sprintf("%s[%s]", e.of(&err, n.x, inMember), e.of(&err, n.i, inChoice)), inMember, err
	case *sliceNode:
		return e.slice(n)
	case *callNode:
		return e.call(n)
	case *filterNode:
		return e.filter(n)
	case *testNode:
		return e.test(n)
	case *unaryNode:
		return e.unary(n)
	case *binaryNode:
		return e.binary(n)
	case *condNode:
		return e.choice(n)
	}
	return "", 0, refuse(n, "", "not understood")
}

// loopMember is loop.first and its kin in a loop that became a closure.
func (e *emitter) loopMember(n *attrNode) (string, int, error) {
	switch n.name {
	case "first":
		return "#index == 0", inCompare, nil
	case "last":
		return "#index == length(" + e.list + ") - 1", inCompare, nil
	case "index":
		return "#index + 1", inSum, nil
	case "index0":
		return "#index", inMember, nil
	case "length":
		return "length(" + e.list + ")", inMember, nil
	}
	return "", 0, refuse(n, "a template file", "loop.%s in a text of a playbook", n.name)
}

// member is x.name; of the item of a closure .name.
func member(x, name string) string {
	if x == "#" {
		return "." + name
	}
	return x + "." + name
}

var plainKey = regexp.MustCompile(`^[A-Za-z_]\w*$`)

func (e *emitter) dict(n *dictNode) (string, int, error) {
	var err error
	var parts []string
	for i := range n.keys {
		key := e.of(&err, n.keys[i], inChoice)
		if lit, ok := n.keys[i].(*litNode); !ok || lit.typ != aText {
			key = "(" + key + ")"
			if ok {
				key = `"` + lit.raw + `"`
			}
		}
		parts = append(parts, key+": "+e.of(&err, n.vals[i], inChoice))
	}
	return "{" + strings.Join(parts, ", ") + "}", inMember, err
}

func (e *emitter) slice(n *sliceNode) (string, int, error) {
	var err error
	x := e.of(&err, n.x, inMember)
	if n.step != nil {
		s, _ := e.text(n.step, inChoice)
		if s == "-1" && n.from == nil && n.to == nil {
			return "reverse(" + e.of(&err, n.x, inChoice) + ")", inMember, err
		}
		if s != "1" {
			return "", 0, refuse(n, "map(range(...), x[#])", "slices have no step here")
		}
	}
	part := func(n node) string {
		if n == nil {
			return ""
		}
		return e.of(&err, n, inSum)
	}
	return x + "[" + part(n.from) + ":" + part(n.to) + "]", inMember, err
}

func (e *emitter) unary(n *unaryNode) (string, int, error) {
	if n.op == "not" {
		if t, ok := n.x.(*testNode); ok {
			c := *t
			c.not = !t.not
			return e.test(&c)
		}
		if b, ok := n.x.(*binaryNode); ok && b.op == "in" {
			c := *b
			c.op = "not in"
			return e.binary(&c)
		}
		s, prec, err := e.condition(n.x)
		if prec < inNot {
			s = "(" + s + ")"
		}
		return "not " + s, inNot, err
	}
	var err error
	s := e.of(&err, n.x, inMember)
	return n.op + s, inPipe, err
}

func (e *emitter) binary(n *binaryNode) (string, int, error) {
	var err error
	both := func(op string, prec int) (string, int, error) {
		a := e.of(&err, n.a, prec)
		return a + " " + op + " " + e.of(&err, n.b, prec+1), prec, err
	}
	if t := typeTest(n); t != nil {
		return e.emit(t)
	}
	switch n.op {
	case "and", "or":
		return e.logic(n)
	case "==", "!=", "<", "<=", ">", ">=", "in":
		a := e.of(&err, n.a, inCompare+1)
		return a + " " + n.op + " " + e.of(&err, n.b, inCompare+1), inCompare, err
	case "not in":
		a := e.of(&err, n.a, inCompare+1)
		return a + " not in " + e.of(&err, n.b, inCompare+1), inCompare, err
	case "+", "-":
		return both(n.op, inSum)
	case "*", "/":
		return both(n.op, inProduct)
	case "%":
		if e.typeOf(n.a) == aText {
			list, ok := n.b.(*listNode)
			if !ok {
				list = &listNode{items: []node{n.b}}
			}
			return e.function("format", append([]node{n.a}, list.items...))
		}
		return both("%", inProduct)
	case "//":
		q := e.of(&err, n.a, inProduct) + " / " + e.of(&err, n.b, inPipe)
		if whole(n.a) && whole(n.b) {
			return "int(" + q + ")", inMember, err
		}
		return "int(round(" + q + ", 0, 'floor'))", inMember, err
	case "**":
		p := "pow(" + e.of(&err, n.a, inChoice) + ", " + e.of(&err, n.b, inChoice) + ")"
		if whole(n.a) && whole(n.b) {
			p = "int(" + p + ")"
		} else {
			e.doubts = append(e.doubts, Doubt{n.off(), "a power is a float here; int() makes it whole"})
		}
		return p, inMember, err
	case "~":
		return e.asText(&err, n.a) + " + " + e.asText(&err, n.b), inSum, err
	}
	return "", 0, refuse(n, "", "the operator %s is not known", n.op)
}

// pythonTypes are the names of types that type_debug gives, with the test that says the same.
var pythonTypes = map[string]string{"list": "list", "AnsibleSequence": "list", "dict": "mapping", "AnsibleMapping": "mapping", "str": "string", "AnsibleUnicode": "string",
	"unicode": "string", "AnsibleUnsafeText": "string", "int": "integer", "bool": "boolean", "float": "float", "NoneType": "none"}

// typeTest is x | type_debug == "list" as a test; nil when n is no such comparison.
func typeTest(n *binaryNode) node {
	f, ok := n.a.(*filterNode)
	if !ok || f.name != "type_debug" {
		return nil
	}
	not := n.op == "!=" || n.op == "not in"
	names := []node{n.b}
	if list, ok := n.b.(*listNode); ok && (n.op == "in" || n.op == "not in") {
		names = list.items
	} else if n.op != "==" && n.op != "!=" {
		return nil
	}
	var out node
	seen := map[string]bool{}
	for _, name := range names {
		lit, ok := name.(*litNode)
		if !ok || lit.typ != aText {
			return nil
		}
		test := pythonTypes[lit.raw[1:len(lit.raw)-1]]
		if test == "" {
			return nil
		}
		if seen[test] {
			continue
		}
		seen[test] = true
		var t node = &testNode{pos: n.pos, x: f.x, name: test}
		if out != nil {
			t = &binaryNode{n.pos, "or", out, t}
		}
		out = t
	}
	if not && out != nil {
		return &unaryNode{n.pos, "not", out}
	}
	return out
}

// whole tells whether a node is an int without a sign.
func whole(n node) bool {
	lit, ok := n.(*litNode)
	return ok && lit.typ == aNumber && !strings.ContainsAny(lit.raw, ".eE")
}

// asText is a node as a piece of a text, as Python writes it.
func (e *emitter) asText(err *error, n node) string {
	switch e.typeOf(n) {
	case aText:
		return e.of(err, n, inSum)
	case aBool:
		return e.of(err, e.pythonBool(n), inPipe)
	}
	return "string(" + e.of(err, n, inChoice) + ")"
}

// pythonBool is the text that Python makes of a boolean.
func (e *emitter) pythonBool(n node) node {
	return &condNode{pos(n.off()), &litNode{pos(n.off()), aText, `"True"`}, n, &litNode{pos(n.off()), aText, `"False"`}}
}

// logic is and and or of values: between booleans they are the same, else
// Jinja's give one of their sides.
func (e *emitter) logic(n *binaryNode) (string, int, error) {
	if e.typeOf(n.a) == aBool && e.typeOf(n.b) == aBool {
		return e.condition(n)
	}
	var err error
	b := e.of(&err, n.b, inOr)
	if n.op == "or" {
		if f, ok := n.a.(*filterNode); ok && (f.name == "default" || f.name == "d") {
			return "default(" + e.of(&err, n.a, inChoice) + ", " + e.of(&err, n.b, inChoice) + ", true)", inMember, err
		}
		return e.conditionText(&err, n.a, inOr) + " ? " + e.of(&err, n.a, inOr) + " : " + b, inChoice, err
	}
	return e.conditionText(&err, n.a, inOr) + " ? " + b + " : " + e.of(&err, n.a, inOr), inChoice, err
}

func (e *emitter) choice(n *condNode) (string, int, error) {
	var err error
	cond := e.conditionText(&err, n.cond, inOr)
	yes := e.of(&err, n.yes, inOr)
	if n.no == nil && e.file {
		return cond + " ? " + yes + ` : ""`, inChoice, err // as text the same in Ansible
	}
	if n.no == nil {
		e.doubts = append(e.doubts, Doubt{n.off(), "an if without an else gives an empty text here where the condition is false; in Ansible it is undefined"})
		return cond + " ? " + yes + ` : ""`, inChoice, err
	}
	// c ? a : d ? b : e reads as Jinja's chain of else.
	no := e.of(&err, n.no, inChoice)
	return cond + " ? " + yes + " : " + no, inChoice, err
}

func (e *emitter) conditionText(err *error, n node, in int) string {
	if *err != nil {
		return ""
	}
	s, prec, err2 := e.condition(n)
	*err = err2
	if prec < in {
		return "(" + s + ")"
	}
	return s
}

// condition is a node where only a boolean will do: what Jinja takes as true is.
func (e *emitter) condition(n node) (string, int, error) {
	switch x := n.(type) {
	case *nameNode:
		if r := e.rename[x.id]; r != nil {
			if _, ours := r.(*exprNode); !ours {
				return e.condition(r)
			}
		}
	case *binaryNode:
		if x.op == "and" || x.op == "or" {
			var err error
			prec := map[string]int{"or": inOr, "and": inAnd}[x.op]
			a := e.conditionText(&err, x.a, prec)
			return a + " " + x.op + " " + e.conditionText(&err, x.b, prec), prec, err
		}
	case *condNode:
		if x.no != nil {
			var err error
			c, yes := e.conditionText(&err, x.cond, inOr), e.conditionText(&err, x.yes, inOr)
			return c + " ? " + yes + " : " + e.conditionText(&err, x.no, inChoice), inChoice, err
		}
		var err error
		c := e.conditionText(&err, x.cond, inAnd)
		return c + " and " + e.conditionText(&err, x.yes, inAnd), inAnd, err
	case *filterNode:
		if x.name == "length" || x.name == "count" {
			var err error
			return e.of(&err, n, inSum) + " > 0", inCompare, err
		}
	}
	switch e.typeOf(n) {
	case aBool:
		return e.emit(n)
	case aNull:
		return "false", inMember, nil
	}
	var err error
	return "truthy(" + e.of(&err, n, inChoice) + ")", inMember, err
}

// resultBools are members of results of tasks that are booleans.
var resultBools = map[string]bool{"changed": true, "failed": true, "skipped": true, "finished": true, "started": true, "exists": true,
	"isdir": true, "islnk": true, "isreg": true, "unreachable": true}

// typeOf is what is known of the value of a node.
func (e *emitter) typeOf(n node) typ {
	switch n := n.(type) {
	case *exprNode:
		return n.typ
	case *litNode:
		return n.typ
	case *listNode:
		return aList
	case *dictNode:
		return aMap
	case *testNode:
		return aBool
	case *unaryNode:
		if n.op == "not" {
			return aBool
		}
		return aNumber
	case *nameNode:
		if r := e.rename[n.id]; r != nil {
			return e.typeOf(r)
		}
		return e.types[n.id]
	case *attrNode:
		if resultBools[n.name] && !isLoop(n.x) {
			return aBool
		}
		if isLoop(n.x) {
			return map[string]typ{"first": aBool, "last": aBool, "index": aNumber, "index0": aNumber, "length": aNumber}[n.name]
		}
	case *binaryNode:
		switch n.op {
		case "and", "or":
			if e.typeOf(n.a) == aBool && e.typeOf(n.b) == aBool {
				return aBool
			}
		case "==", "!=", "<", "<=", ">", ">=", "in", "not in":
			return aBool
		case "~":
			return aText
		case "+":
			if a := e.typeOf(n.a); a == e.typeOf(n.b) {
				return a
			}
		case "-", "*", "/", "//", "**":
			return aNumber
		case "%":
			return e.typeOf(n.a)
		}
	case *condNode:
		if n.no != nil && e.typeOf(n.yes) == e.typeOf(n.no) {
			return e.typeOf(n.yes)
		}
	case *filterNode:
		return e.filterType(n)
	case *callNode:
		return e.callType(n)
	}
	return anAny
}

func isLoop(n node) bool {
	x, ok := n.(*nameNode)
	return ok && x.id == "loop"
}

// filterType is what a filter gives.
func (e *emitter) filterType(n *filterNode) typ {
	switch n.name {
	case "default", "d":
		if len(n.plain) > 0 {
			if a := e.typeOf(n.x); a == e.typeOf(n.plain[0]) {
				return a
			}
		}
		return anAny
	case "ternary":
		if len(n.plain) > 1 && e.typeOf(n.plain[0]) == e.typeOf(n.plain[1]) {
			return e.typeOf(n.plain[0])
		}
		return anAny
	case "first", "last", "max", "min", "random", "from_json", "from_yaml", "mandatory", "extract", "regex_search", "ipaddr", "ipv4", "ipv6", "ansible_native":
		return anAny
	case "selectattr", "rejectattr", "select", "reject", "map", "list":
		return aList
	case "count":
		return aNumber
	case "match", "search", "changed", "failed", "success", "succeeded", "skipped", "version_compare":
		return aBool
	}
	return resultType(n.name)
}

func (e *emitter) callType(n *callNode) typ {
	if f, ok := n.fn.(*nameNode); ok {
		return resultType(f.id)
	}
	if a, ok := n.fn.(*attrNode); ok {
		if isLoop(a.x) && a.name == "changed" {
			return aBool
		}
		switch a.name {
		case "startswith", "endswith", "isdigit", "isalnum", "isalpha":
			return aBool
		case "lower", "upper", "strip", "replace", "format", "join", "title", "lstrip", "rstrip", "capitalize", "strftime":
			return aText
		case "split", "splitlines", "keys", "values", "items":
			return aList
		}
	}
	return anAny
}

// resultType is what a function of ours gives.
func resultType(name string) typ {
	f, ok := functions()[name]
	if !ok {
		return anAny
	}
	return map[string]typ{"bool": aBool, "string": aText, "int": aNumber, "float": aNumber, "number": aNumber, "list": aList, "map": aMap}[f.Result]
}

// function is a call of a function of ours.
func (e *emitter) function(name string, args []node) (string, int, error) {
	var err error
	var parts []string
	for _, a := range args {
		parts = append(parts, e.of(&err, a, inChoice))
	}
	return name + "(" + strings.Join(parts, ", ") + ")", inMember, err
}
