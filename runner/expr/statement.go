package expr

import (
	"fmt"
	"strings"
)

type (
	branch struct {
		cond node // nil: else
		body []stmt
	}
	ifStmt  struct{ branches []*branch }
	forStmt struct {
		at
		names  []string
		iter   node
		filter node

		recursive bool
		body      []stmt
		none      []stmt // else
	}
	// setStmt is {% set a = x %}, {% set ns.a = x %} and {% set a %}…{% endset %}.
	setStmt struct {
		at
		names []string
		attr  string
		n     node
		block bool
		body  []stmt
	}
	// nsStmt is {% set ns = namespace(a=1) %}.
	nsStmt struct {
		at
		name string
		keys []string
		vals []node
		from node
	}
	param struct {
		name string
		def  node
	}
	macroStmt struct {
		at
		name   string
		params []param
		body   []stmt

		varargs bool
	}
	callStmt struct {
		at
		n      *dynNode
		params []param
		body   []stmt
	}
	importStmt struct {
		at
		n     node
		as    string
		names [][2]string // of from … import: name, alias

		context bool // it sees what is set around it
	}
	includeStmt struct {
		at
		n       node
		missing bool
		alone   bool // it does not see what is set around it
	}
	withStmt struct {
		names []string
		vals  []node
		body  []stmt
	}
)

// open begins a statement that has a body.
func (p *fileParser) open(word string, off int, body *[]stmt, next func(word string, l *lexed) *perr) *perr {
	if len(p.blocks) >= maxNesting {
		return &perr{off: off, msg: fmt.Sprintf("statements are nested deeper than %d", maxNesting)}
	}
	p.blocks = append(p.blocks, &openBlock{word: word, off: off, next: next, prev: p.body})
	p.body = body
	return nil
}

func (p *fileParser) add(s stmt) { *p.body = append(*p.body, s) }

// statement reads one {% %} that begins at off.
func (p *fileParser) statement(off int, l *lexed) *perr {
	if len(l.toks) == 0 {
		return &perr{off: off, msg: "a statement is missing"}
	}
	word := l.toks[0].text
	n := len(l.toks)
	switch word {
	case "if":
		b := &branch{cond: p.part(l, 1, n, word)}
		s := &ifStmt{branches: []*branch{b}}
		p.add(s)
		return p.open(word, off, &b.body, func(word string, l *lexed) *perr {
			if s.branches[len(s.branches)-1].cond == nil {
				return &perr{off: l.toks[0].off, msg: word + " after else"}
			}
			b := &branch{}
			if word == "elif" {
				b.cond = p.part(l, 1, len(l.toks), word)
			}
			s.branches = append(s.branches, b)
			p.body = &b.body
			return nil
		})
	case "for":
		return p.forTag(off, l)
	case "elif", "else":
		if len(p.blocks) > 0 {
			if b := p.blocks[len(p.blocks)-1]; b.next != nil {
				return b.next(word, l)
			}
		}
		return &perr{off: off, msg: "{% " + word + " %} outside of an if"}
	case "set":
		return p.setTag(off, l)
	case "macro":
		m := &macroStmt{at: at(off)}
		if n < 4 || l.toks[1].kind != tokIdent || !l.is(2, "(") || !l.is(n-1, ")") {
			return &perr{off: off, msg: "a macro is written {% macro name(a, b=1) %}"}
		}
		m.name = l.toks[1].text
		p.declared[m.name] = true
		var err *perr
		if m.params, err = p.params(l, 3, n-1); err != nil {
			return err
		}
		p.macros[m.name] = p.signature(m.name, l, 3, n-1)
		p.add(m)
		if err := p.open(word, off, &m.body, nil); err != nil {
			return err
		}
		p.blocks[len(p.blocks)-1].end = func() {
			m.varargs = strings.Contains(p.src[off:p.i], "varargs")
		}
		return nil
	case "call":
		return p.callTag(off, l)
	case "import", "from", "include":
		return p.importTag(off, l)
	case "with":
		s := &withStmt{}
		args, err := p.named(l, 1, n)
		if err != nil {
			return err
		}
		for _, a := range args {
			s.names, s.vals = append(s.names, a.name), append(s.vals, a.def)
			p.declared[a.name] = true
		}
		p.add(s)
		return p.open(word, off, &s.body, nil)
	case "endif", "endfor", "endset", "endmacro", "endcall", "endwith", "endfilter", "endblock":
		if len(p.blocks) == 0 {
			return &perr{off: off, msg: "{% " + word + " %} ends nothing"}
		}
		b := p.blocks[len(p.blocks)-1]
		if "end"+b.word != word {
			p.blocks = p.blocks[:len(p.blocks)-1]
			p.body = b.prev
			return &perr{off: off, msg: fmt.Sprintf("{%% %s %%} where {%% end%s %%} belongs: the %s begins at line %d", word, b.word, b.word, p.o.pos(b.off).Line)}
		}
		p.blocks = p.blocks[:len(p.blocks)-1]
		p.body = b.prev
		if b.end != nil {
			b.end()
		}
		return nil
	case "endraw":
		return &perr{off: off, msg: "{% endraw %} ends nothing"}
	case "do":
		if e := p.changing(l, 1); e != nil {
			return e
		}
		return &perr{off: off, msg: "{% do %} has no meaning here", hint: "write {% set list = list + [x] %}, inside a loop with a namespace"}
	case "filter":
		return p.filterTag(off, l)
	case "block":
		return p.blockTag(off, l)
	case "extends":
		s := &extendsStmt{at(off), p.part(l, 1, n, word)}
		p.note(s.n, false)
		p.add(s)
		return nil
	case "break", "continue":
		return &perr{off: off, msg: "{% " + word + " %} has no meaning here", hint: "write {% for x in list if … %}"}
	case "autoescape", "endautoescape":
		return &perr{off: off, msg: "nothing is escaped here", hint: "write {{ x | escape() }} where it has to be"}
	case "trans", "pluralize", "debug":
		return &perr{off: off, msg: "{% " + word + " %} has no meaning here"}
	}
	words := []string{"if", "for", "set", "macro", "call", "import", "from", "include", "raw", "with", "elif", "else", "filter", "block", "extends", "endfilter", "endblock", "endif", "endfor", "endset", "endmacro", "endcall"}
	e := &perr{off: off, msg: fmt.Sprintf("{%% %s %%} is no statement", word)}
	if c := similar(word, words); len(c) > 0 {
		e.hint = "did you mean " + c[0] + "?"
	}
	return e
}

// list reads names between commas from i to j.
func (p *fileParser) nameList(l *lexed, i, j int) ([]string, bool) {
	if l.is(i, "(") && l.is(j-1, ")") {
		i, j = i+1, j-1
	}
	var out []string
	for ; i < j; i += 2 {
		if l.toks[i].kind != tokIdent || i+1 < j && !l.is(i+1, ",") {
			return nil, false
		}
		if reserved[l.toks[i].text] {
			return nil, false
		}
		out = append(out, l.toks[i].text)
		p.declared[l.toks[i].text] = true
	}
	return out, len(out) > 0
}

func (p *fileParser) forTag(off int, l *lexed) *perr {
	in := l.find(1, "in")
	if in < 0 {
		return &perr{off: off, msg: "a loop is written {% for x in list %}"}
	}
	s := &forStmt{at: at(off)}
	var ok bool
	if s.names, ok = p.nameList(l, 1, in); !ok {
		return &perr{off: l.toks[1].off, msg: "the names of a loop are written a, b"}
	}
	end := len(l.toks)
	if l.is(end-1, "recursive") {
		s.recursive = true
		end--
	}
	if i := l.find(in+1, "if"); i >= 0 && l.find(i, "else") < 0 {
		s.filter = p.part(l, i+1, end, "if")
		end = i
	}
	s.iter = p.part(l, in+1, end, "for … in")
	p.add(s)
	return p.open("for", off, &s.body, func(word string, l *lexed) *perr {
		if word != "else" || p.body == &s.none {
			return &perr{off: l.toks[0].off, msg: word + " has no place in this loop"}
		}
		p.body = &s.none
		return nil
	})
}

func (p *fileParser) setTag(off int, l *lexed) *perr {
	eq := l.find(1, "=")
	if eq < 0 {
		if len(l.toks) < 2 || l.toks[1].kind != tokIdent || len(l.toks) > 2 && (!l.is(2, "|") || len(l.toks) == 3) {
			return &perr{off: off, msg: "a variable is set by {% set x = 1 %} or {% set x %}…{% endset %}"}
		}
		s := &setStmt{at: at(off), names: []string{l.toks[1].text}, block: true}
		if len(l.toks) > 2 {
			s.n = p.filterChain(l, 3, "{% set "+s.names[0]+" | ")
		}
		p.declared[s.names[0]] = true
		p.add(s)
		return p.open("set", off, &s.body, nil)
	}
	if eq == 4 && l.is(2, ".") && l.toks[1].kind == tokIdent && l.toks[3].kind == tokIdent {
		p.add(&setStmt{at: at(l.toks[1].off), names: []string{l.toks[1].text}, attr: l.toks[3].text, n: p.part(l, eq+1, len(l.toks), "set … =")})
		return nil
	}
	names, ok := p.nameList(l, 1, eq)
	if !ok {
		return &perr{off: l.toks[1].off, msg: "only a name can be set, or a member of a namespace"}
	}
	if l.is(eq+1, "namespace") && l.is(eq+2, "(") && l.is(len(l.toks)-1, ")") && len(names) == 1 {
		s := &nsStmt{at: at(off), name: names[0]}
		if l.is(eq+4, "=") || eq+3 == len(l.toks)-1 {
			args, err := p.named(l, eq+3, len(l.toks)-1)
			if err != nil {
				return err
			}
			for _, a := range args {
				s.keys, s.vals = append(s.keys, a.name), append(s.vals, a.def)
			}
		} else {
			s.from = p.part(l, eq+3, len(l.toks)-1, "set … = namespace")
		}
		p.add(s)
		return nil
	}
	if e := p.changing(l, eq+1); e != nil {
		return e
	}
	p.add(&setStmt{at: at(off), names: names, n: p.part(l, eq+1, len(l.toks), "set "+names[0]+" =")})
	return nil
}

// changing is the error of x.append(y) from the i-th token on: values do not
// change, a namespace holds the new one.
func (p *fileParser) changing(l *lexed, i int) *perr {
	if i+3 >= len(l.toks) || l.toks[i].kind != tokIdent || !l.is(i+1, ".") || !l.is(i+3, "(") {
		return nil
	}
	x, rest := l.toks[i].text, ""
	args := strings.TrimSpace(p.src[l.toks[i+3].end:l.toks[len(l.toks)-1].off])
	switch l.toks[i+2].text {
	case "append":
		rest = "ns." + x + " + [" + args + "]"
	case "extend":
		rest = "ns." + x + " + " + args
	case "update":
		rest = "combine(ns." + x + ", " + args + ")"
	default:
		return nil
	}
	empty := "[]"
	if l.toks[i+2].text == "update" {
		empty = "{}"
	}
	return &perr{off: l.toks[i+2].off, msg: "values have no methods: ." + l.toks[i+2].text + "()",
		hint: fmt.Sprintf("write {%% set ns = namespace(%s=%s) %%} before the loop, {%% set ns.%s = %s %%} in it, and ns.%s behind it", x, empty, x, rest, x)}
}

// split cuts the tokens from i to j at the commas outside of brackets.
func (l *lexed) split(i, j int) [][2]int {
	var out [][2]int
	if i >= j {
		return nil
	}
	depth := l.toks[i].depth
	from := i
	for k := i; k < j; k++ {
		if l.toks[k].depth == depth && l.is(k, ",") {
			out = append(out, [2]int{from, k})
			from = k + 1
		}
	}
	if from < j {
		out = append(out, [2]int{from, j})
	}
	return out
}

// params reads a, b=1.
func (p *fileParser) params(l *lexed, i, j int) ([]param, *perr) {
	var out []param
	for _, r := range l.split(i, j) {
		if r[0] == r[1] || l.toks[r[0]].kind != tokIdent || r[1]-r[0] > 1 && (!l.is(r[0]+1, "=") || r[1]-r[0] == 2) {
			return nil, &perr{off: l.toks[min(r[0], len(l.toks)-1)].off, msg: "parameters are written a, b=1"}
		}
		a := param{name: l.toks[r[0]].text}
		p.declared[a.name] = true
		if r[1]-r[0] > 2 {
			a.def = p.part(l, r[0]+2, r[1], a.name+" =")
		}
		out = append(out, a)
	}
	return out, nil
}

// signature is the form of a macro.
func (p *fileParser) signature(name string, l *lexed, i, j int) *Function {
	f := &Function{Name: name}
	for _, r := range l.split(i, j) {
		a := Param{Name: l.toks[r[0]].text}
		if r[1]-r[0] > 2 {
			a.Optional, a.Default = true, p.src[l.toks[r[0]+2].off:l.toks[r[1]-1].end]
		}
		f.Params = append(f.Params, a)
	}
	return f
}

// named is params whose values must be there.
func (p *fileParser) named(l *lexed, i, j int) ([]param, *perr) {
	out, err := p.params(l, i, j)
	for _, a := range out {
		if a.def == nil && err == nil {
			err = &perr{off: l.toks[i].off, msg: a.name + " has no value: write " + a.name + "=…"}
		}
	}
	return out, err
}

func (p *fileParser) callTag(off int, l *lexed) *perr {
	s := &callStmt{at: at(off)}
	i := 1
	if l.is(1, "(") {
		depth := l.toks[1].depth
		for i = 2; i < len(l.toks) && !(l.toks[i].kind == tokClose && l.toks[i].depth == depth); i++ {
		}
		var err *perr
		if s.params, err = p.params(l, 2, i); err != nil {
			return err
		}
		i++
	}
	n := p.part(l, i, len(l.toks), "call")
	dyn, ok := n.(*dynNode)
	if !ok {
		return &perr{off: off, msg: "{% call %} needs a macro: {% call name(…) %}"}
	}
	s.n = dyn
	p.add(s)
	return p.open("call", off, &s.body, nil)
}

func (p *fileParser) importTag(off int, l *lexed) *perr {
	word := l.toks[0].text
	end := len(l.toks)
	with, without := false, false
	if l.is(end-1, "context") && (l.is(end-2, "with") || l.is(end-2, "without")) {
		with, without = l.is(end-2, "with"), l.is(end-2, "without")
		end -= 2
	}
	switch word {
	case "include":
		s := &includeStmt{at: at(off), alone: without}
		if l.is(end-1, "missing") && l.is(end-2, "ignore") {
			s.missing = true
			end -= 2
		}
		s.n = p.part(l, 1, end, word)
		p.note(s.n, s.missing)
		p.add(s)
	case "import":
		if end < 4 || !l.is(end-2, "as") || l.toks[end-1].kind != tokIdent {
			return &perr{off: off, msg: `write {% import "file" as name %}`}
		}
		s := &importStmt{at: at(off), as: l.toks[end-1].text, context: with, n: p.part(l, 1, end-2, word)}
		p.declared[s.as] = true
		p.note(s.n, false)
		p.add(s)
	case "from":
		imp := l.find(1, "import")
		if imp < 0 {
			return &perr{off: off, msg: `write {% from "file" import a, b as c %}`}
		}
		s := &importStmt{at: at(off), context: with, n: p.part(l, 1, imp, word)}
		for _, r := range l.split(imp+1, end) {
			name := l.toks[r[0]].text
			alias := name
			switch {
			case r[1]-r[0] == 3 && l.is(r[0]+1, "as"):
				alias = l.toks[r[0]+2].text
			case r[1]-r[0] != 1:
				return &perr{off: l.toks[r[0]].off, msg: "imports are written a, b as c"}
			}
			p.declared[alias] = true
			s.names = append(s.names, [2]string{name, alias})
		}
		p.note(s.n, false)
		p.add(s)
	}
	return nil
}

// note remembers a template file that this one brings in.
func (p *fileParser) note(n node, missing bool) {
	inc := Include{off: n.offset(), Missing: missing}
	if lit, ok := n.(*litNode); ok {
		inc.Name, _ = lit.v.(string)
	}
	p.code.incs = append(p.code.incs, inc)
}

// filterTag is {% filter indent(2) | upper() %}.
func (p *fileParser) filterTag(off int, l *lexed) *perr {
	if len(l.toks) < 2 {
		return &perr{off: off, msg: "a filter is missing", hint: "write {% filter upper() %}"}
	}
	s := &filterStmt{n: p.filterChain(l, 1, "{% filter ")}
	p.add(s)
	return p.open("filter", off, &s.body, nil)
}

// filterChain reads indent(2) | upper() from the i-th token on: the expression
// over the text stands behind a name and a pipe that nobody wrote.
func (p *fileParser) filterChain(l *lexed, i int, word string) node {
	const before = filtered + " | "
	sub := l.sub(i, len(l.toks))
	start := sub.start - len(before)
	toks := []tok{{kind: tokIdent, off: start, end: start + 1, depth: sub.toks[0].depth, text: filtered},
		{kind: tokOp, off: start + 2, end: start + 3, depth: sub.toks[0].depth, text: "|"}}
	sub.start, sub.toks, sub.masked = start, append(toks, sub.toks...), before+sub.masked
	n, err := parseLexed(p.src[:start]+before+p.src[start+len(before):], sub, dialect{file: true})
	if err != nil {
		p.fail(err.wrap(func(fixed string) string {
			return word + strings.TrimPrefix(strings.TrimSpace(fixed), before) + " %}"
		}))
		return &litNode{at: at(l.toks[i].off)}
	}
	return n
}

func (p *fileParser) blockTag(off int, l *lexed) *perr {
	n := len(l.toks)
	s := &blockStmt{at: at(off)}
	for n > 2 && (l.is(n-1, "scoped") || l.is(n-1, "required")) {
		s.scoped = s.scoped || l.is(n-1, "scoped")
		n--
	}
	if n != 2 || l.toks[1].kind != tokIdent {
		return &perr{off: off, msg: "a block is written {% block name %}"}
	}
	s.name = l.toks[1].text
	if p.code.blocks[s.name] != nil {
		return &perr{off: off, msg: "there are two blocks " + s.name}
	}
	if p.code.blocks == nil {
		p.code.blocks = map[string]*blockStmt{}
	}
	p.code.blocks[s.name] = s
	p.declared["super"] = true
	p.add(s)
	return p.open("block", off, &s.body, nil)
}

// reserved are the words that cannot name a variable.
var reserved = map[string]bool{
	"and": true, "or": true, "not": true, "in": true, "matches": true, "contains": true, "startsWith": true, "endsWith": true,
	"if": true, "else": true, "let": true, "is": true, "true": true, "false": true, "nil": true, "null": true, "none": true,
	"True": true, "False": true, "None": true, "omit": true,
}

// Reserved tells whether a word has a meaning in the language and so cannot
// name a variable.
func Reserved(word string) bool { return reserved[word] }
