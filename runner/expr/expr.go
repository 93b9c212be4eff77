// Package expr is the one language of playbook strings, conditions and
// template files. The grammar of an expression is that of expr-lang/expr with
// Jinja's precedence; names, evaluation and functions are this package's own.
//
// ParseExpr, ParseString and ParseFile are the only doors through which text
// becomes an expression: values, wherever they come from, are never parsed.
package expr

import (
	"fmt"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Locator tells where the byte offset of a source text stands in its file.
// A nil Locator knows no places.
type Locator func(offset int) source.Pos

// origin is a source text with its place. What is parsed is shared between all
// texts that are equal; the origin is what differs between them.
type origin struct {
	src   string
	at    Locator
	whole bool // src is a whole file, so that lines of it can be shown
}

func (o *origin) pos(off int) source.Pos {
	if o == nil || o.at == nil {
		return source.Pos{}
	}
	return o.at(off)
}

func (o *origin) errorf(off int, format string, args ...any) *source.Error {
	e := source.Errorf(o.pos(off), format, args...)
	if o != nil && o.whole {
		e.Text = lineAt(o.src, off)
	}
	return e
}

// Expr is a parsed expression. It is immutable and safe for concurrent use.
type Expr struct {
	*origin
	root    node
	Wrapped bool // it was written as "{{ x }}"
}

// Template is a parsed text with expressions in it, immutable and safe for concurrent use.
type Template struct {
	*origin
	name string // of a template file, else ""
	code *code
}

// code is what equal sources share.
type code struct {
	parts  []stmt      // what the text is made of, in order
	single node        // the expression, when the text is exactly one {{ }}
	plain  bool        // no expression inside
	text   string      // the text, when plain
	incs   []Include   // what it imports and includes
	header fileOptions // of template files
	blocks map[string]*blockStmt
}

// ParseExpr reads a bare expression, as `when` and `loop` hold it. "{{ x }}"
// alone is accepted too and sets Wrapped. Errors are *source.Error.
func ParseExpr(src string, at Locator) (*Expr, error) {
	o := &origin{src: src, at: at}
	r := interned.expr(src)
	if r.err != nil {
		return nil, r.err.at(o)
	}
	return &Expr{origin: o, root: r.root, Wrapped: r.wrapped}, nil
}

// ParseString reads a string of a playbook: text with {{ }}, {# #} and
// {% raw %}. Errors are *source.Error.
func ParseString(src string, at Locator) (*Template, error) {
	o := &origin{src: src, at: at}
	if !strings.Contains(src, "{") {
		return &Template{origin: o, code: &code{plain: true, text: src}}, nil
	}
	r := interned.str(src)
	if r.err != nil {
		return nil, r.err.at(o)
	}
	return &Template{origin: o, code: r.code}, nil
}

// Source is the text the expression was read from.
func (e *Expr) Source() string { return e.src }

// Pos is where the expression begins.
func (e *Expr) Pos() source.Pos { return e.pos(0) }

// Source is the text the template was read from.
func (t *Template) Source() string { return t.src }

// Name is the name a template file was parsed under.
func (t *Template) Name() string { return t.name }

// Pos is where the text begins.
func (t *Template) Pos() source.Pos { return t.pos(0) }

// Constant is the text itself when there is no expression in it.
func (t *Template) Constant() (value.Value, bool) {
	if t.code.plain {
		return t.code.text, true
	}
	return nil, false
}

// Single tells whether the text is exactly one {{ }}, whose value keeps its type.
func (t *Template) Single() bool { return t.code.single != nil }

// Limits of a source text and of one evaluation.
const (
	maxSource  = 64 << 10  // bytes of one expression
	maxNesting = 200       // brackets, prefix operators, ternaries
	maxSteps   = 5_000_000 // nodes evaluated, elements produced
	maxOutput  = 64 << 20  // bytes of text produced in one evaluation
)

// perr is a parse error before it has a place: offsets into the source.
type perr struct {
	off   int
	msg   string
	hint  string
	fixed string // the expression as it should be written, when that is known
	texts []tok  // those before a quote that is never closed
}

func (p *perr) Error() string { return p.msg }

func (p *perr) at(o *origin) *source.Error {
	off, msg := p.off, p.msg
	for _, t := range p.texts {
		// A quote that is missing or too many makes the next one open a text
		// that goes on in the next line, which few are meant to.
		if o.pos(t.off).Line != o.pos(t.end-1).Line {
			off, msg = t.off, fmt.Sprintf("the quote %c is not closed in its line", o.src[t.off])
			break
		}
	}
	e := o.errorf(off, "%s", reveal(msg, false))
	e.Hint = p.hint
	return e
}

// parsed is one entry of the intern table.
type parsed struct {
	root    node
	wrapped bool
	code    *code
	err     *perr
}

// internTable keeps what was parsed by its source, so that a source is parsed once.
type internTable struct {
	mu    sync.RWMutex
	exprs map[string]*parsed
	strs  map[string]*parsed
}

// maxInterned bounds the table; sources beyond it are parsed each time.
const maxInterned = 1 << 17

var interned = &internTable{exprs: map[string]*parsed{}, strs: map[string]*parsed{}}

func (t *internTable) expr(src string) *parsed { return t.get(t.exprs, src, parseBare) }

func (t *internTable) str(src string) *parsed { return t.get(t.strs, src, parseText) }

func (t *internTable) get(m map[string]*parsed, src string, parse func(string) *parsed) *parsed {
	t.mu.RLock()
	p := m[src]
	t.mu.RUnlock()
	if p != nil {
		return p
	}
	p = parse(src)
	t.mu.Lock()
	defer t.mu.Unlock()
	if q := m[src]; q != nil {
		return q
	}
	if len(m) < maxInterned {
		m[src] = p
	}
	return p
}

// lineAt is the line of src that the offset stands in.
func lineAt(src string, off int) string {
	off = min(max(off, 0), len(src))
	start := strings.LastIndexByte(src[:off], '\n') + 1
	end := len(src)
	if i := strings.IndexByte(src[off:], '\n'); i >= 0 {
		end = off + i
	}
	return strings.TrimSuffix(src[start:end], "\r")
}
