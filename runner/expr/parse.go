package expr

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/operator"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// setPrecedence gives expr's operators Jinja's precedence, once: | and the
// signs bind tighter than any binary operator, `not` looser than comparisons.
var setPrecedence = sync.OnceFunc(func() {
	l, r := operator.Left, operator.Right
	for op, p := range map[string]operator.Operator{
		"or": {Precedence: 10, Associativity: l}, "||": {Precedence: 10, Associativity: l},
		"and": {Precedence: 15, Associativity: l}, "&&": {Precedence: 15, Associativity: l},
		"==": {Precedence: 20, Associativity: l}, "!=": {Precedence: 20, Associativity: l},
		"<": {Precedence: 20, Associativity: l}, ">": {Precedence: 20, Associativity: l},
		"<=": {Precedence: 20, Associativity: l}, ">=": {Precedence: 20, Associativity: l},
		"in": {Precedence: 20, Associativity: l}, "matches": {Precedence: 20, Associativity: l},
		"contains": {Precedence: 20, Associativity: l}, "startsWith": {Precedence: 20, Associativity: l},
		"endsWith": {Precedence: 20, Associativity: l},
		"..":       {Precedence: 25, Associativity: l},
		"+":        {Precedence: 30, Associativity: l}, "-": {Precedence: 30, Associativity: l},
		"*": {Precedence: 60, Associativity: l}, "/": {Precedence: 60, Associativity: l}, "%": {Precedence: 60, Associativity: l},
		"**": {Precedence: 100, Associativity: r}, "^": {Precedence: 100, Associativity: r},
		"??": {Precedence: 150, Associativity: l},
		"|":  {Precedence: 200, Associativity: l},
	} {
		operator.Binary[op] = p
	}
	operator.Unary["not"] = operator.Operator{Precedence: 17, Associativity: l}
	operator.Unary["!"] = operator.Operator{Precedence: 17, Associativity: l}
	operator.Unary["-"] = operator.Operator{Precedence: 300, Associativity: l}
	operator.Unary["+"] = operator.Operator{Precedence: 300, Associativity: l}
})

// comparisons are the operators that chain: a < b == c is a < b and b == c.
var comparisons = map[string]bool{
	"==": true, "!=": true, "<": true, ">": true, "<=": true, ">=": true, "in": true,
	"matches": true, "contains": true, "startsWith": true, "endsWith": true,
}

// dialect is where an expression stands: template files may call what they define.
type dialect struct {
	file  bool
	calls func(name string, off int) // told of each call of a name that is no function

	macros map[string]*Function // of the file so far: their names and parameters
}

// parseBare reads a whole text as one expression.
func parseBare(src string) *parsed {
	trimmed := strings.TrimSpace(src)
	if trimmed == "" {
		return &parsed{err: &perr{msg: "an expression is missing"}}
	}
	if strings.HasPrefix(trimmed, "{{") {
		start := strings.Index(src, "{{") + 2
		if start < len(src) && (src[start] == '-' || src[start] == '+') && strings.HasPrefix(src[start-2:], "{{-") {
			start++
		}
		l, err := scan(src, start, endPrint)
		if err != nil {
			return &parsed{err: err}
		}
		if strings.TrimSpace(src[l.after:]) != "" {
			return &parsed{err: &perr{off: l.after, msg: "text after }} where one expression belongs",
				hint: "leave the braces out: " + source.QuoteYAML(strings.NewReplacer("{{ ", "", " }}", "", "{{", "", "}}", "").Replace(trimmed))}}
		}
		n, err := parseLexed(src, l, dialect{})
		if err != nil {
			return &parsed{err: err.wrap(func(fixed string) string { return source.QuoteYAML(strings.TrimSpace(fixed)) })}
		}
		return &parsed{root: n, wrapped: true}
	}
	l, err := scan(src, 0, endBare)
	if err != nil {
		return &parsed{err: err}
	}
	n, err := parseLexed(src, l, dialect{})
	if err != nil {
		return &parsed{err: err.wrap(func(fixed string) string { return source.QuoteYAML(strings.TrimSpace(fixed)) })}
	}
	return &parsed{root: n}
}

// wrap turns the mended source of an error, if there is one, into its hint.
func (p *perr) wrap(write func(fixed string) string) *perr {
	if p.fixed == "" || p.hint != "" {
		return p
	}
	q := *p
	q.hint = "write " + write(p.fixed)
	return &q
}

// parseLexed parses what scan has read. Habits of Jinja are refused first.
func parseLexed(src string, l *lexed, d dialect) (node, *perr) {
	if len(l.toks) == 0 {
		return nil, &perr{off: l.start, msg: "an expression is missing"}
	}
	if f := habit(src, l, d); f != nil {
		return nil, f.mended(src, l, d)
	}
	setPrecedence()
	tree, err := parser.ParseWithConfig(l.masked, nil)
	var added []int
	if err != nil {
		again := err
		if masked, at := l.mapBodies(); len(at) > 0 {
			added = at
			tree, again = parser.ParseWithConfig(masked, nil)
		}
		if again != nil {
			return nil, l.grammar(err)
		}
	}
	tr := &translator{src: src, l: l, d: d, added: added}
	n := tr.node(tree.Node)
	if tr.err != nil {
		return nil, tr.err
	}
	return n, nil
}

// mapBodies is the masked source with parentheses around the maps that are
// arguments of calls, which expr's grammar would take for a closure's braces:
// map(x, {"key": .key}). at are the offsets in it of what was added.
func (l *lexed) mapBodies() (masked string, at []int) {
	puts := map[int]string{} // by offset in the masked source
	for i := 1; i+2 < len(l.toks); i++ {
		t := l.toks[i]
		if before := l.toks[i-1].text; t.text != "{" || before != "," && before != "(" || l.toks[i+2].text != ":" || l.toks[i+1].kind != tokString && l.toks[i+1].kind != tokIdent {
			continue
		}
		for _, end := range l.toks[i+1:] {
			if end.kind == tokClose && end.depth <= t.depth {
				puts[t.off-l.start] += "("
				puts[end.end-l.start] = ")" + puts[end.end-l.start]
				break
			}
		}
	}
	var out strings.Builder
	for i := range len(l.masked) + 1 {
		for _, c := range puts[i] {
			at = append(at, out.Len())
			out.WriteRune(c)
		}
		if i < len(l.masked) {
			out.WriteByte(l.masked[i])
		}
	}
	return out.String(), at
}

// grammar words an error of expr's parser.
func (l *lexed) grammar(err error) *perr {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return &perr{off: l.start, msg: err.Error()}
	}
	off := l.start + fe.From
	if strings.Contains(fe.Message, "cannot be mixed") {
		return &perr{off: off, msg: "?? beside another operator needs parentheses", hint: `such as (x ?? "d") == "d"`}
	}
	if strings.Contains(fe.Message, "maximum allowed nodes") {
		return &perr{off: l.start, msg: "the expression has too many parts"}
	}
	i := sort.Search(len(l.toks), func(i int) bool { return l.toks[i].end > off })
	if i == len(l.toks) || fe.Message == "unexpected token EOF" {
		return &perr{off: l.toks[len(l.toks)-1].off, msg: "the expression ends too early"}
	}
	t := l.toks[i]
	if !strings.HasPrefix(fe.Message, "unexpected token") && fe.Message != "expected name" {
		return &perr{off: t.off, msg: strings.ToLower(fe.Message[:1]) + fe.Message[1:]}
	}
	return &perr{off: t.off, msg: fmt.Sprintf("unexpected %s", l.show(t))}
}

func (l *lexed) show(t tok) string {
	if t.kind == tokString {
		return value.Short(t.text, 30)
	}
	return fmt.Sprintf("%q", t.text)
}

// translator makes our nodes of expr's.
type translator struct {
	src string
	l   *lexed
	d   dialect
	err *perr

	added []int // offsets in what was parsed of characters that the source does not have
}

func (tr *translator) fail(off int, hint, format string, args ...any) node {
	if tr.err == nil {
		tr.err = &perr{off: off, msg: fmt.Sprintf(format, args...), hint: hint}
	}
	return &litNode{at: at(off)}
}

func (tr *translator) off(n ast.Node) at {
	from := n.Location().From
	return at(tr.l.start + from - sort.SearchInts(tr.added, from))
}

// depth is the bracket depth of the token at an offset.
func (tr *translator) depth(off at) int {
	i := sort.Search(len(tr.l.toks), func(i int) bool { return tr.l.toks[i].off >= int(off) })
	if i == len(tr.l.toks) {
		return -1
	}
	return tr.l.toks[i].depth
}

func (tr *translator) nodes(ns []ast.Node) []node {
	out := make([]node, len(ns))
	for i, n := range ns {
		out[i] = tr.node(n)
	}
	return out
}

// opt translates a node that may be missing.
func (tr *translator) opt(n ast.Node) node {
	if n == nil {
		return nil
	}
	return tr.node(n)
}

func (tr *translator) node(n ast.Node) node {
	off := tr.off(n)
	switch n := n.(type) {
	case *ast.NilNode:
		return &litNode{off, nil}
	case *ast.BoolNode:
		return &litNode{off, n.Value}
	case *ast.IntegerNode:
		return &litNode{off, int64(n.Value)}
	case *ast.FloatNode:
		return &litNode{off, n.Value}
	case *ast.StringNode:
		if s, ok := tr.l.strs[int(off)]; ok {
			return &litNode{off, s}
		}
		return &litNode{off, n.Value}
	case *ast.IdentifierNode:
		if v, ok := constants[n.Value]; ok {
			return &litNode{off, v}
		}
		return &identNode{off, n.Value}
	case *ast.UnaryNode:
		if c := tr.chain(n, tr.depth(off)); c != nil {
			return c
		}
		inner := tr.node(n.Node)
		if n.Operator == "-" || n.Operator == "+" {
			if lit, ok := inner.(*litNode); ok {
				switch v := lit.v.(type) {
				case int64:
					if n.Operator == "-" {
						return &litNode{off, -v}
					}
					return &litNode{off, v}
				case float64:
					if n.Operator == "-" {
						return &litNode{off, -v}
					}
					return &litNode{off, v}
				}
			}
			return &signNode{off, inner, n.Operator == "-"}
		}
		return &notNode{off, inner}
	case *ast.BinaryNode:
		return tr.binary(n)
	case *ast.ChainNode:
		return &chainNode{off, tr.node(n.Node)}
	case *ast.MemberNode:
		return tr.member(n)
	case *ast.SliceNode:
		return &sliceNode{off, tr.node(n.Node), tr.opt(n.From), tr.opt(n.To)}
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			return tr.call(off, id.Value, n.Arguments)
		}
		if m, ok := n.Callee.(*ast.MemberNode); ok && tr.d.file {
			return &dynNode{off, tr.member(m), tr.nodes(n.Arguments)}
		}
		return tr.fail(int(off), "", "only a function can be called")
	case *ast.BuiltinNode:
		return tr.call(off, n.Name, n.Arguments)
	case *ast.PredicateNode:
		return &closureNode{off, tr.node(n.Node)}
	case *ast.PointerNode:
		if n.Name != "" && n.Name != "index" && n.Name != "acc" {
			return tr.fail(int(off), "# is the element, #index its number, #acc what reduce has so far", "#%s is unknown", n.Name)
		}
		return &pointerNode{off, n.Name}
	case *ast.ConditionalNode:
		c := tr.node(n.Cond)
		return &condNode{at(c.offset()), c, tr.node(n.Exp1), tr.node(n.Exp2)}
	case *ast.ArrayNode:
		return &listNode{off, tr.nodes(n.Nodes)}
	case *ast.MapNode:
		return tr.mapping(off, n)
	}
	return tr.fail(int(off), "", "this has no meaning here")
}

// constants are the names that stand for a fixed value.
var constants = map[string]value.Value{
	"nil": nil, "null": nil, "none": nil, "None": nil,
	"true": true, "True": true, "false": false, "False": false,
}

func (tr *translator) member(n *ast.MemberNode) node {
	off := tr.off(n)
	base := tr.node(n.Node)
	if s, ok := n.Property.(*ast.StringNode); ok {
		pos := tr.off(s)
		if _, quoted := tr.l.strs[int(pos)]; !quoted {
			return &memberNode{at: pos, base: base, name: s.Value, opt: n.Optional}
		}
	}
	return &memberNode{at: off, base: base, index: tr.node(n.Property), opt: n.Optional}
}

func (tr *translator) mapping(off at, n *ast.MapNode) node {
	m := &mapNode{at: off}
	for _, p := range n.Pairs {
		pair := p.(*ast.PairNode)
		if s, ok := pair.Key.(*ast.StringNode); ok {
			pos := tr.off(s)
			if _, quoted := tr.l.strs[int(pos)]; !quoted {
				return tr.fail(int(pos), fmt.Sprintf("write %q: for the text, (%s): for the value of the variable", s.Value, s.Value),
					"the key %s needs quotes", s.Value)
			}
		}
		m.keys = append(m.keys, tr.node(pair.Key))
		m.vals = append(m.vals, tr.node(pair.Value))
	}
	return m
}

// chain reads a comparison that stands bare at the depth d into one node with
// all its operands, each once; nil when n is none.
func (tr *translator) chain(n ast.Node, d int) *compareNode {
	off := tr.off(n)
	switch n := n.(type) {
	case *ast.UnaryNode:
		b, ok := n.Node.(*ast.BinaryNode)
		if !ok || tr.off(b) != off || !comparisons[b.Operator] {
			return nil
		}
		c := tr.chain(b, d)
		if c != nil {
			c.links[len(c.links)-1].neg = true
		}
		return c
	case *ast.BinaryNode:
		if tr.depth(off) != d {
			return nil
		}
		right := n.Right
		op := n.Operator
		if op == "&&" && (tr.src[off] == '<' || tr.src[off] == '>') {
			b, ok := right.(*ast.BinaryNode)
			if !ok {
				return nil
			}
			op, right = b.Operator, b.Right
		} else if !comparisons[op] {
			return nil
		}
		c := tr.chain(n.Left, d)
		if c == nil {
			c = &compareNode{first: tr.node(n.Left)}
		}
		c.at = off
		k := link{op: op, off: int(off), n: tr.node(right)}
		if lit, ok := k.n.(*litNode); ok && op == "matches" {
			if s, ok := lit.v.(string); ok {
				re, err := compileRegex(s)
				if err != nil {
					tr.fail(lit.offset(), err.hint, "%s", err.msg)
				}
				k.re = re
			}
		}
		c.links = append(c.links, k)
		return c
	}
	return nil
}

func (tr *translator) binary(n *ast.BinaryNode) node {
	off := tr.off(n)
	if c := tr.chain(n, tr.depth(off)); c != nil {
		return c
	}
	l, r := tr.node(n.Left), tr.node(n.Right)
	switch n.Operator {
	case "and", "&&", "or", "||":
		return &logicNode{off, n.Operator[0] == 'o' || n.Operator[0] == '|', l, r}
	case "??":
		return &coalesceNode{off, l, r}
	}
	return &binNode{off, n.Operator, l, r}
}

func (tr *translator) call(off at, name string, astArgs []ast.Node) node {
	fn := lookupFunction(name)
	if fn == nil {
		if tr.d.file {
			if tr.d.calls != nil {
				tr.d.calls(name, int(off))
			}
			return &dynNode{off, &identNode{off, name}, tr.nodes(astArgs)}
		}
		e := unknownFunction(name, int(off))
		return tr.fail(e.off, e.hint, "%s", e.msg)
	}
	args := tr.nodes(astArgs)
	if tr.err != nil {
		return &litNode{at: off}
	}
	if e := fn.checkCall(int(off), args); e != nil {
		tr.err = e
	}
	return &callNode{off, fn, args}
}
