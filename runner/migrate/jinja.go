package migrate

import (
	"fmt"
	"strings"
)

// The grammar of Jinja's expressions: tokens and a tree with the places of
// everything in its source.

type kind uint8

const (
	tokEnd kind = iota
	tokName
	tokText
	tokNumber
	tokOp
)

type token struct {
	kind     kind
	text     string // of a text with its quotes
	from, to int
}

// syntaxError is what is no expression of Jinja's.
type syntaxError struct {
	off int
	msg string
}

func (e *syntaxError) Error() string { return e.msg }

// operators of two and more characters, before those of one.
var longOperators = []string{"**", "//", "==", "!=", "<=", ">="}

func isLetter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// hardSpace is white space for Jinja, and none for us.
const hardSpace = "\u00a0"

// lexJinja cuts an expression into tokens.
func lexJinja(s string) ([]token, *syntaxError) {
	var out []token
	for i := 0; i < len(s); {
		c := s[i]
		from := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case strings.HasPrefix(s[i:], hardSpace):
			i += len(hardSpace)
			continue
		case isLetter(c):
			for i < len(s) && (isLetter(s[i]) || isDigit(s[i])) && !strings.HasPrefix(s[i:], hardSpace) {
				i++
			}
			out = append(out, token{tokName, s[from:i], from, i})
		case isDigit(c):
			i = numberEnd(s, i, len(out) > 0 && out[len(out)-1].text == ".")
			out = append(out, token{tokNumber, s[from:i], from, i})
		case c == '"' || c == '\'':
			if i = textEnd(s, i); i < 0 {
				return nil, &syntaxError{from, "a text is not closed"}
			}
			out = append(out, token{tokText, s[from:i], from, i})
		default:
			i++
			for _, op := range longOperators {
				if strings.HasPrefix(s[from:], op) {
					i = from + len(op)
				}
			}
			if !strings.ContainsRune("+-*/%~|.,:()[]{}<>=!", rune(c)) || s[from:i] == "!" {
				return nil, &syntaxError{from, fmt.Sprintf("%q is no operator of Jinja", s[from:i])}
			}
			out = append(out, token{tokOp, s[from:i], from, i})
		}
	}
	return append(out, token{tokEnd, "", len(s), len(s)}), nil
}

// numberEnd is where the number at i ends; after a point only digits belong to it.
func numberEnd(s string, i int, member bool) int {
	digits := func() {
		for i < len(s) && (isDigit(s[i]) || s[i] == '_') {
			i++
		}
	}
	if !member && s[i] == '0' && i+1 < len(s) && strings.ContainsRune("xXoObB", rune(s[i+1])) {
		i += 2
		for i < len(s) && (isDigit(s[i]) || isLetter(s[i])) {
			i++
		}
		return i
	}
	digits()
	if member {
		return i
	}
	if i+1 < len(s) && s[i] == '.' && isDigit(s[i+1]) {
		i++
		digits()
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if j < len(s) && isDigit(s[j]) {
			i = j
			digits()
		}
	}
	return i
}

// textEnd is where the text that begins at i ends, or -1.
func textEnd(s string, i int) int {
	quote := s[i]
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		}
	}
	return -1
}

// The tree.
type (
	node interface{ off() int }

	pos int

	nameNode struct {
		pos
		id string
	}
	litNode struct {
		pos
		typ typ
		raw string // as it is written
	}
	listNode struct {
		pos
		items []node
		tuple bool
	}
	dictNode struct {
		pos
		keys, vals []node
	}
	attrNode struct {
		pos
		x    node
		name string
	}
	indexNode struct {
		pos
		x, i node
	}
	sliceNode struct {
		pos
		x, from, to, step node
	}
	args struct {
		plain []node
		names []string
		named []node
		star  bool // *args or **kwargs
	}
	callNode struct {
		pos
		fn node
		args
	}
	filterNode struct {
		pos
		x    node
		name string
		args
	}
	testNode struct {
		pos
		x    node
		name string
		not  bool
		args
	}
	unaryNode struct {
		pos
		op string
		x  node
	}
	binaryNode struct {
		pos
		op   string
		a, b node
	}
	condNode struct {
		pos
		yes, cond, no node // no may be nil
	}
	// exprNode is text that is in the language here already.
	exprNode struct {
		pos
		text string
		prec int
		typ  typ
	}
)

func (p pos) off() int { return int(p) }

// get is a named argument; nil when there is none.
func (a *args) get(name string) node {
	for i, n := range a.names {
		if n == name {
			return a.named[i]
		}
	}
	return nil
}

type jinjaParser struct {
	toks []token
	i    int
}

// parseJinja reads a whole expression.
func parseJinja(s string) (n node, err *syntaxError) {
	toks, err := lexJinja(s)
	if err != nil {
		return nil, err
	}
	p := &jinjaParser{toks: toks}
	defer p.recover(&err)
	n = p.tupleOr(false)
	if p.peek().kind != tokEnd {
		p.fail("%q is not expected here", p.peek().text)
	}
	return n, nil
}

// recover gives what a panic of fail holds.
func (p *jinjaParser) recover(err **syntaxError) {
	switch e := recover().(type) {
	case nil:
	case *syntaxError:
		*err = e
	default:
		panic(e)
	}
}

func (p *jinjaParser) fail(format string, a ...any) {
	panic(&syntaxError{p.peek().from, fmt.Sprintf(format, a...)})
}

func (p *jinjaParser) peek() token { return p.toks[p.i] }
func (p *jinjaParser) at() pos     { return pos(p.toks[p.i].from) }

func (p *jinjaParser) isOp(text string) bool {
	return p.peek().kind == tokOp && p.peek().text == text
}

func (p *jinjaParser) isName(text string) bool {
	return p.peek().kind == tokName && p.peek().text == text
}

func (p *jinjaParser) op(text string) bool {
	if p.isOp(text) {
		p.i++
		return true
	}
	return false
}

func (p *jinjaParser) word(text string) bool {
	if p.isName(text) {
		p.i++
		return true
	}
	return false
}

func (p *jinjaParser) want(text string) {
	if !p.op(text) {
		if p.peek().kind == tokEnd {
			p.fail("the expression ends where %q is missing", text)
		}
		p.fail("%q stands where %q is missing", p.peek().text, text)
	}
}

// tupleOr reads an expression, or several with commas between.
func (p *jinjaParser) tupleOr(nocond bool) node {
	at := p.at()
	read := p.cond
	if nocond {
		read = p.or
	}
	n := read()
	if !p.isOp(",") {
		return n
	}
	t := &listNode{pos: at, tuple: true, items: []node{n}}
	for p.op(",") {
		if k := p.peek(); k.kind == tokEnd || p.isOp(")") {
			break
		}
		t.items = append(t.items, read())
	}
	return t
}

func (p *jinjaParser) cond() node {
	at := p.at()
	n := p.or()
	for p.word("if") {
		c := &condNode{pos: at, yes: n, cond: p.or()}
		if p.word("else") {
			c.no = p.cond()
		}
		n = c
	}
	return n
}

func (p *jinjaParser) or() node {
	at := p.at()
	n := p.and()
	for p.word("or") {
		n = &binaryNode{at, "or", n, p.and()}
	}
	return n
}

func (p *jinjaParser) and() node {
	at := p.at()
	n := p.not()
	for p.word("and") {
		n = &binaryNode{at, "and", n, p.not()}
	}
	return n
}

func (p *jinjaParser) not() node {
	at := p.at()
	if p.word("not") {
		return &unaryNode{at, "not", p.not()}
	}
	return p.compare()
}

func (p *jinjaParser) compare() node {
	at := p.at()
	n := p.sum()
	var all node
	for {
		op := ""
		switch t := p.peek(); {
		case t.kind == tokOp && (t.text == "==" || t.text == "!=" || t.text == "<" || t.text == "<=" || t.text == ">" || t.text == ">="):
			op = t.text
			p.i++
		case p.isName("in"):
			op = "in"
			p.i++
		case p.isName("not") && p.toks[p.i+1].kind == tokName && p.toks[p.i+1].text == "in":
			op = "not in"
			p.i += 2
		}
		if op == "" {
			if all != nil {
				return all
			}
			return n
		}
		b := p.sum()
		var c node = &binaryNode{at, op, n, b}
		if all != nil {
			c = &binaryNode{at, "and", all, c}
		}
		all, n = c, b
	}
}

func (p *jinjaParser) binary(next func() node, ops ...string) node {
	at := p.at()
	n := next()
	for {
		found := ""
		for _, op := range ops {
			if p.op(op) {
				found = op
				break
			}
		}
		if found == "" {
			return n
		}
		n = &binaryNode{at, found, n, next()}
	}
}

func (p *jinjaParser) sum() node    { return p.binary(p.concat, "+", "-") }
func (p *jinjaParser) concat() node { return p.binary(p.product, "~") }
func (p *jinjaParser) product() node {
	return p.binary(p.power, "*", "//", "/", "%")
}
func (p *jinjaParser) power() node { return p.binary(func() node { return p.unary(true) }, "**") }

func (p *jinjaParser) unary(filters bool) node {
	at := p.at()
	var n node
	switch {
	case p.op("-"):
		n = &unaryNode{at, "-", p.unary(false)}
	case p.op("+"):
		n = &unaryNode{at, "+", p.unary(false)}
	default:
		n = p.primary()
	}
	n = p.postfix(n)
	if filters {
		n = p.filters(n)
	}
	return n
}

func (p *jinjaParser) primary() node {
	t := p.peek()
	at := p.at()
	switch t.kind {
	case tokName:
		p.i++
		switch t.text {
		case "true", "True":
			return &litNode{at, aBool, "true"}
		case "false", "False":
			return &litNode{at, aBool, "false"}
		case "none", "None":
			return &litNode{at, aNull, "null"}
		case "and", "or", "not", "in", "is", "if", "else":
			p.i--
			p.fail("%q stands where a value is missing", t.text)
		}
		return &nameNode{at, t.text}
	case tokText:
		p.i++
		n := &litNode{at, aText, t.text}
		for p.peek().kind == tokText {
			n.raw = joinTexts(n.raw, p.peek().text)
			p.i++
		}
		return n
	case tokNumber:
		p.i++
		return &litNode{at, aNumber, strings.ReplaceAll(t.text, "_", "")}
	case tokOp:
		switch t.text {
		case "(":
			p.i++
			if p.op(")") {
				return &listNode{pos: at, tuple: true}
			}
			n := p.tupleOr(false)
			p.want(")")
			return n
		case "[":
			p.i++
			n := &listNode{pos: at}
			for !p.op("]") {
				if len(n.items) > 0 {
					if p.want(","); p.op("]") {
						break
					}
				}
				n.items = append(n.items, p.cond())
			}
			return n
		case "{":
			p.i++
			return p.dict(at)
		}
	}
	if t.kind == tokEnd {
		p.fail("a value is missing")
	}
	p.fail("%q stands where a value is missing", t.text)
	return nil
}

// joinTexts is two texts beside each other as one.
func joinTexts(a, b string) string {
	if a[0] == b[0] {
		return a[:len(a)-1] + b[1:]
	}
	inner := b[1 : len(b)-1]
	inner = strings.ReplaceAll(inner, `\`+b[:1], b[:1])
	return a[:len(a)-1] + strings.ReplaceAll(inner, a[:1], `\`+a[:1]) + a[:1]
}

func (p *jinjaParser) dict(at pos) node {
	n := &dictNode{pos: at}
	for !p.op("}") {
		if len(n.keys) > 0 {
			if p.want(","); p.op("}") {
				break
			}
		}
		n.keys = append(n.keys, p.cond())
		p.want(":")
		n.vals = append(n.vals, p.cond())
	}
	return n
}

func (p *jinjaParser) postfix(n node) node {
	for {
		at := p.at()
		switch {
		case p.op("."):
			t := p.peek()
			p.i++
			switch t.kind {
			case tokName:
				n = &attrNode{at, n, t.text}
			case tokNumber:
				n = &indexNode{at, n, &litNode{pos(t.from), aNumber, t.text}}
			default:
				p.i--
				p.fail("a name is missing after the point")
			}
		case p.op("["):
			n = p.subscript(at, n)
		case p.isOp("("):
			n = p.call(n)
		default:
			return n
		}
	}
}

// subscript is x[i] or x[from:to:step].
func (p *jinjaParser) subscript(at pos, x node) node {
	var parts [3]node
	colons := 0
	for !p.op("]") {
		switch {
		case p.op(":"):
			if colons++; colons > 2 {
				p.fail("a slice has two colons at most")
			}
		case parts[colons] != nil:
			p.want("]")
		default:
			parts[colons] = p.cond()
		}
	}
	if colons == 0 {
		if parts[0] == nil {
			p.i--
			p.fail("an index is missing")
		}
		return &indexNode{at, x, parts[0]}
	}
	return &sliceNode{at, x, parts[0], parts[1], parts[2]}
}

func (p *jinjaParser) call(fn node) node {
	n := &callNode{pos: p.at(), fn: fn}
	p.arguments(&n.args)
	return n
}

// arguments reads what stands in brackets.
func (p *jinjaParser) arguments(a *args) {
	p.want("(")
	first := true
	for !p.op(")") {
		if !first {
			if p.want(","); p.op(")") {
				return
			}
		}
		first = false
		if p.op("**") || p.op("*") {
			a.star = true
			a.plain = append(a.plain, p.cond())
			continue
		}
		if t := p.peek(); t.kind == tokName && p.toks[p.i+1].kind == tokOp && p.toks[p.i+1].text == "=" {
			p.i += 2
			a.names = append(a.names, t.text)
			a.named = append(a.named, p.cond())
			continue
		}
		a.plain = append(a.plain, p.cond())
	}
}

// dotted is a name that may have parts: ansible.builtin.upper.
func (p *jinjaParser) dotted() string {
	t := p.peek()
	if t.kind != tokName {
		p.fail("a name is missing")
	}
	p.i++
	name := t.text
	for p.isOp(".") && p.toks[p.i+1].kind == tokName {
		name += "." + p.toks[p.i+1].text
		p.i += 2
	}
	return name
}

func (p *jinjaParser) filters(n node) node {
	for {
		at := p.at()
		switch {
		case p.op("|"):
			f := &filterNode{pos: at, x: n}
			f.name = plainName(p.dotted())
			if p.isOp("(") {
				p.arguments(&f.args)
			}
			n = f
		case p.word("is"):
			n = p.test(at, n)
		case p.isOp("("):
			n = p.call(n)
		default:
			return n
		}
	}
}

// plainName is the last part of a name with a collection.
func plainName(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

func (p *jinjaParser) test(at pos, x node) node {
	t := &testNode{pos: at, x: x}
	t.not = p.word("not")
	t.name = plainName(p.dotted())
	if p.isOp("(") {
		p.arguments(&t.args)
		return t
	}
	switch k := p.peek(); {
	case k.kind == tokName && k.text == "is":
		p.fail("two tests in a row")
	case k.kind == tokName && !(k.text == "else" || k.text == "or" || k.text == "and" || k.text == "if" || k.text == "in" || k.text == "not"),
		k.kind == tokText, k.kind == tokNumber, p.isOp("["), p.isOp("{"):
		t.plain = []node{p.postfix(p.primary())}
	}
	return t
}
