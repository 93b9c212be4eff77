package expr

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Function is one row of the library.
type Function struct {
	Name    string
	Params  []Param
	Result  Kind
	Doc     string
	Example []string // expression, its value as an expression; run as a test

	impure bool // its result is kept per host, use and arguments
	secret bool // its result is a secret
	lazy   bool // it evaluates its arguments itself; undefined ones may reach it
	call   func(c *call) (value.Value, error)
}

// Param is one parameter of a function.
type Param struct {
	Name     string
	Kind     Kind
	Optional bool
	Default  string // how the missing argument reads, for the documentation
	Rest     bool   // it takes all further arguments
}

// FunctionDoc describes a function for reference pages and completion.
type FunctionDoc struct {
	Name     string
	Usage    string // default(value, instead, empty = false)
	Params   []Param
	Result   string
	Doc      string
	Examples [][2]string // expression, value
	Impure   bool
}

// Functions are all functions, by name.
func Functions() []FunctionDoc {
	var out []FunctionDoc
	for _, f := range library() {
		d := FunctionDoc{Name: f.Name, Usage: f.usage(), Params: f.Params, Result: f.Result.String(), Doc: f.Doc, Impure: f.impure}
		for i := 0; i+1 < len(f.Example); i += 2 {
			d.Examples = append(d.Examples, [2]string{f.Example[i], f.Example[i+1]})
		}
		out = append(out, d)
	}
	return out
}

// FunctionNames are the names of all functions, sorted.
func FunctionNames() []string {
	var out []string
	for _, f := range library() {
		out = append(out, f.Name)
	}
	return out
}

// ParamIndex is the place of a function's parameter by its name, in Ansible's
// words too; -1 when it has no such parameter.
func ParamIndex(fn, name string) int {
	if f := lookupFunction(fn); f != nil {
		for i, p := range f.Params {
			if p.Name == name && !p.Rest {
				return i
			}
		}
	}
	return paramAlias(fn, name)
}

// Instead is what to write for a filter or function of Jinja or Ansible that
// there is not here; "" when nothing is known.
func Instead(name string) string { return unknownFunction(name, 0).hint }

func (f *Function) usage() string {
	var ps []string
	for _, p := range f.Params {
		s := p.Name
		switch {
		case p.Rest:
			s += "…"
		case p.Default != "":
			s += " = " + p.Default
		case p.Optional:
			s = "[" + s + "]"
		}
		ps = append(ps, s)
	}
	return f.Name + "(" + strings.Join(ps, ", ") + ")"
}

// library is the table of all functions, sorted by name.
var library = sync.OnceValue(func() []*Function {
	var all []*Function
	for _, part := range [][]*Function{
		coreFunctions(), closureFunctions(), textFunctions(), regexFunctions(), listFunctions(), mapFunctions(),
		groupFunctions(), numberFunctions(), layoutFunctions(), lookupFunctions(), codecFunctions(), pathFunctions(), hostFunctions(), timeFunctions(), netFunctions(),
	} {
		all = append(all, part...)
	}
	slices.SortFunc(all, func(a, b *Function) int { return strings.Compare(a.Name, b.Name) })
	return all
})

var functionIndex = sync.OnceValue(func() map[string]*Function {
	m := map[string]*Function{}
	for _, f := range library() {
		m[f.Name] = f
	}
	return m
})

func lookupFunction(name string) *Function { return functionIndex()[name] }

// p, opt and rest make parameters.
func p(name string, k Kind) Param { return Param{Name: name, Kind: k} }
func opt(name string, k Kind, def string) Param {
	return Param{Name: name, Kind: k, Optional: true, Default: def}
}
func rest(name string, k Kind) Param { return Param{Name: name, Kind: k, Optional: true, Rest: true} }
func (f *Function) param(i int) (Param, bool) {
	if i < len(f.Params) {
		return f.Params[i], true
	}
	if n := len(f.Params); n > 0 && f.Params[n-1].Rest {
		return f.Params[n-1], true
	}
	return Param{}, false
}

// checkCall looks at what is known of a call when it is parsed: the number of
// arguments, constants of the wrong type, closures.
func (f *Function) checkCall(off int, args []node) *perr {
	least := 0
	for _, p := range f.Params {
		if !p.Optional {
			least++
		}
	}
	if len(args) < least {
		return &perr{off: off, msg: fmt.Sprintf("%s() is called with %s", f.Name, plural(int64(len(args)), "argument")), hint: "its form is " + f.usage()}
	}
	for i, a := range args {
		p, ok := f.param(i)
		if !ok {
			return &perr{off: a.offset(), msg: fmt.Sprintf("%s() takes %s", f.Name, plural(int64(len(f.Params)), "argument")), hint: "its form is " + f.usage()}
		}
		if lit, ok := a.(*litNode); ok && !p.Kind.holds(lit.v) {
			return &perr{off: a.offset(), msg: fmt.Sprintf("%s of %s() is %s, not %s", p.Name, f.Name, p.Kind.a(), describe(lit.v)), hint: "its form is " + f.usage()}
		}
		switch a.(type) {
		case *listNode:
			if p.Kind&KList == 0 {
				return &perr{off: a.offset(), msg: fmt.Sprintf("%s of %s() is %s, not a list", p.Name, f.Name, p.Kind.a()), hint: "its form is " + f.usage()}
			}
		case *mapNode:
			if p.Kind&KMap == 0 {
				return &perr{off: a.offset(), msg: fmt.Sprintf("%s of %s() is %s, not a map", p.Name, f.Name, p.Kind.a()), hint: "its form is " + f.usage()}
			}
		}
		if c, ok := a.(*closureNode); ok {
			if lit, ok := c.body.(*litNode); ok {
				if _, text := lit.v.(string); text {
					return &perr{off: a.offset(), msg: fmt.Sprintf("%s() takes an expression over each item, not a text", f.Name), hint: closureHint(f.Name, lit.v.(string))}
				}
			}
		}
	}
	return nil
}

// closureHint is for map("upper") and its kin.
func closureHint(fn, text string) string {
	if lookupFunction(text) != nil {
		return fmt.Sprintf("write %s(list, %s(#))", fn, text)
	}
	return fmt.Sprintf("write %s(list, .%s)", fn, text)
}

// holds tells whether a value is of one of the kinds. Where text is wanted
// numbers and booleans do.
func (k Kind) holds(v value.Value) bool { return k == 0 || k&kindOf(v) != 0 }

func kindOf(v value.Value) Kind {
	switch v.(type) {
	case nil:
		return KNull
	case bool:
		return KBool
	case int64:
		return KInt
	case float64:
		return KFloat
	case string:
		return KString
	case value.List:
		return KList
	case *value.Map:
		return KMap
	case Object:
		return KObject
	}
	return 0
}

// call is one call of a function with its evaluated arguments.
type call struct {
	ev   *evaluator
	n    *callNode
	args []value.Value
}

func (n *callNode) eval(ev *evaluator) (value.Value, error) {
	if err := ev.step(n); err != nil {
		return nil, err
	}
	c := &call{ev: ev, n: n}
	if n.fn.lazy {
		return n.fn.call(c)
	}
	c.args = make([]value.Value, len(n.args))
	for i, a := range n.args {
		if _, ok := a.(*closureNode); ok {
			continue
		}
		p, _ := n.fn.param(i)
		v, err := ev.want(a)
		if err != nil {
			return nil, err
		}
		if o, ok := v.(Object); ok && p.Kind&KObject == 0 || ok && p.Kind == KAny {
			if v, err = ev.materialize(o, a); err != nil {
				return nil, err
			}
		}
		if !p.Kind.holds(v) {
			return nil, c.wrongArg(i, v)
		}
		c.args[i] = v
	}
	if err := ev.spend(n, argCost(c.args)); err != nil {
		return nil, err
	}
	var v value.Value
	var err error
	if n.fn.impure {
		v, err = c.once()
	} else {
		v, err = n.fn.call(c)
	}
	if err != nil {
		return nil, placed(err, ev, n)
	}
	if n.fn.secret {
		ev.addTaint(SecretValue(v))
	}
	return v, ev.produceValue(n, v)
}

func (c *call) wrongArg(i int, v value.Value) error {
	p, _ := c.n.fn.param(i)
	e := c.ev.errorf(c.n.args[i], "%s of %s() is %s, not %s", p.Name, c.n.fn.Name, p.Kind.a(), describe(v))
	path := pathOf(c.n.args[i])
	if path == "…" {
		path = "x"
	}
	_, isMap := v.(*value.Map)
	_, isString := v.(string)
	switch {
	case v == nil:
		e.Hint = "write " + path + " ?? …"
	case p.Kind&KList != 0 && isMap:
		e.Hint = fmt.Sprintf("write dict2items(%s), keys(%s) or values(%s)", path, path, path)
	case p.Kind&KList != 0 && isString:
		e.Hint = fmt.Sprintf("write [%s] for a list of one, split(%s) to cut it", path, path)
	case p.Kind&KNumber != 0 && isString:
		e.Hint = "write int(" + path + ")"
	}
	return e
}

// argCost charges for the size of arguments.
func argCost(args []value.Value) int {
	n := 0
	for _, a := range args {
		switch a := a.(type) {
		case string:
			n += len(a) / 64
		case value.List:
			n += len(a)
		case *value.Map:
			n += a.Len()
		}
	}
	return n
}

// produceValue charges for a function's result.
func (ev *evaluator) produceValue(n node, v value.Value) error {
	switch v := v.(type) {
	case string:
		return ev.produce(n, len(v))
	case value.List:
		return ev.produce(n, 16*len(v))
	}
	return nil
}

// once runs an impure function once per host, use and arguments.
func (c *call) once() (value.Value, error) {
	args, err := value.JSON(value.List(c.args))
	if err != nil {
		return nil, err
	}
	use := c.ev.o.pos(c.n.offset()).String()
	if use == "" {
		use = fmt.Sprintf("%p+%d", c.ev.o, c.n.offset())
	}
	key := strings.Join([]string{c.ev.host, c.n.fn.Name, use, c.dirs()[0], string(args)}, "\x00")
	return c.ev.ctx.Cache.do(key, func() (value.Value, error) { return c.n.fn.call(c) })
}

// has tells whether the i-th argument was given and is not null.
func (c *call) has(i int) bool { return i < len(c.args) && c.args[i] != nil }

// str is the i-th argument as text.
func (c *call) str(i int) string { return value.Text(c.args[i]) }

func (c *call) strOr(i int, def string) string {
	if c.has(i) {
		return c.str(i)
	}
	return def
}

func (c *call) boolOr(i int, def bool) bool {
	if c.has(i) {
		b, _ := c.args[i].(bool)
		return b
	}
	return def
}

func (c *call) intOr(i int, def int64) int64 {
	if c.has(i) {
		switch v := c.args[i].(type) {
		case int64:
			return v
		case float64:
			if v == math.Trunc(v) && math.Abs(v) < 1<<62 {
				return int64(v)
			}
		}
	}
	return def
}

// list is the i-th argument as a list; a map gives its keys, as in Jinja.
func (c *call) list(i int) value.List {
	switch v := c.args[i].(type) {
	case value.List:
		return v
	case *value.Map:
		return keyList(v)
	case string:
		out := value.List{}
		for _, r := range v {
			out = append(out, string(r))
		}
		return out
	}
	return nil
}

func keyList(m *value.Map) value.List {
	out := make(value.List, 0, m.Len())
	for _, k := range m.Keys() {
		out = append(out, k)
	}
	return out
}

func (c *call) mapping(i int) *value.Map {
	m, _ := c.args[i].(*value.Map)
	return m
}

// errorf is an error of the call.
func (c *call) errorf(format string, args ...any) error {
	return c.ev.errorf(c.n, "%s(): %s", c.n.fn.Name, fmt.Sprintf(format, args...))
}

// fail is errorf with a hint.
func (c *call) fail(hint, format string, args ...any) error {
	e := c.ev.errorf(c.n, "%s(): %s", c.n.fn.Name, fmt.Sprintf(format, args...))
	e.Hint = hint
	return e
}

// withHint is an error without a place as one of the call, its hint kept.
func (c *call) withHint(err error) error {
	var e *source.Error
	if errors.As(err, &e) && e.Pos.IsZero() {
		return c.fail(e.Hint, "%s", e.Msg)
	}
	return err
}

// spend charges for work.
func (c *call) spend(n int) error { return c.ev.spend(c.n, n) }
