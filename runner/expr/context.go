package expr

import (
	"context"
	"sync"
	"time"

	"github.com/mxplay/mxplay/runner/value"
)

// Context is what an evaluation needs besides the expression.
type Context struct {
	Scope Scope // names; nil: none are defined

	Host  string // the host that is evaluated for, a key of the cache
	Cache *Cache // keeps results of impure functions; nil: they run each time

	Go   context.Context                                                     // ends pipe(); nil: context.Background
	Dirs []string                                                            // where file(), first_found() and the like look, in order, each first in its folder files; the last is the playbook's, the working directory when empty
	Kind string                                                              // the folder in Dirs where first_found() looks before files; may be ""
	Load func(name string, from *Template, dirs []string) (*Template, error) // finds the template file that another one, or a text, names; dirs is Dirs
	Now  func() time.Time                                                    // nil: time.Now

	MaxSteps  int // nodes and elements; 0: the package's limit
	MaxOutput int // bytes of text; 0: the package's limit
}

// Cache keeps the results of impure functions (env, file, pipe, password,
// random, now): each runs once per host, use and arguments. It is safe for concurrent use.
type Cache struct {
	mu sync.Mutex
	m  map[string]*cached
}

type cached struct {
	once sync.Once
	v    value.Value
	err  error
}

// NewCache returns an empty cache; a run has one.
func NewCache() *Cache { return &Cache{m: map[string]*cached{}} }

func (c *Cache) do(key string, f func() (value.Value, error)) (value.Value, error) {
	if c == nil {
		return f()
	}
	c.mu.Lock()
	e := c.m[key]
	if e == nil {
		e = &cached{}
		c.m[key] = e
	}
	c.mu.Unlock()
	e.once.Do(func() { e.v, e.err = f() })
	return e.v, e.err
}

// Eval evaluates the expression. Errors are *source.Error with the place in
// the file, or an *UndefinedError that unwraps to one.
func (e *Expr) Eval(ctx *Context) (Result, error) {
	ev := newEvaluator(ctx, e.origin)
	return ev.result(e.root)
}

// Eval evaluates the text: exactly one {{ }} keeps its value's type, everything
// else is text.
func (t *Template) Eval(ctx *Context) (Result, error) {
	if t.code.plain {
		return Result{Value: t.code.text}, nil
	}
	ev := newEvaluator(ctx, t.origin)
	ev.tmpl = t
	if t.code.single != nil {
		return ev.result(t.code.single)
	}
	text, err := ev.render(t)
	if err == errUnknown {
		return Result{Unknown: true, Taint: ev.taint, Reads: ev.reads()}, nil
	}
	if err != nil {
		return Result{}, ev.finish(err)
	}
	return Result{Value: text, Taint: ev.taint, Reads: ev.reads()}, nil
}

// Render evaluates the text, of a template file mostly, as text.
func (t *Template) Render(ctx *Context) (Result, error) {
	if t.code.single == nil {
		return t.Eval(ctx)
	}
	r, err := t.Eval(ctx)
	if err != nil || r.Unknown {
		return r, err
	}
	s, terr := inText(r.Value)
	if terr != "" {
		e := t.errorf(t.code.single.offset(), "%s", reveal(terr, r.Taint != nil))
		return r, e
	}
	r.Value = s
	return r, nil
}
