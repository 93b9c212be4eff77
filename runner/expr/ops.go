package expr

import (
	"math"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

func (n *compareNode) eval(ev *evaluator) (value.Value, error) {
	left, err := ev.full(n.first)
	if err != nil {
		return nil, err
	}
	for i := range n.links {
		k := &n.links[i]
		if err := ev.step(n); err != nil {
			return nil, err
		}
		right, err := ev.want(k.n)
		if err != nil {
			return nil, err
		}
		if o, ok := right.(Object); ok && k.op != "in" && k.op != "contains" {
			if right, err = ev.materialize(o, k.n); err != nil {
				return nil, err
			}
		}
		b, msg := ev.compare(k, left, right)
		if msg != nil {
			e := ev.o.errorf(k.off, "%s", msg.msg)
			e.Hint = msg.hint
			return nil, e
		}
		if err := ev.spend(n, compareCost(left, right)); err != nil {
			return nil, err
		}
		if b == k.neg {
			return false, nil
		}
		left = right
	}
	return true, nil
}

func compareCost(l, r value.Value) int {
	switch r := r.(type) {
	case value.List:
		return len(r)
	case string:
		if s, ok := l.(string); ok {
			return (len(r) + len(s)) / 64
		}
	}
	return 0
}

func (ev *evaluator) compare(k *link, l, r value.Value) (bool, *perr) {
	switch k.op {
	case "==":
		return value.Equal(l, r), nil
	case "!=":
		return !value.Equal(l, r), nil
	case "in":
		return ev.contains(r, l)
	case "contains":
		return ev.contains(l, r)
	case "<", ">", "<=", ">=":
		c, err := order(l, r)
		if err != nil {
			return false, err
		}
		switch k.op {
		case "<":
			return c < 0, nil
		case ">":
			return c > 0, nil
		case "<=":
			return c <= 0, nil
		}
		return c >= 0, nil
	}
	s, ok := l.(string)
	if !ok {
		return false, &perr{msg: k.op + " needs a string on its left, not " + describe(l)}
	}
	p, ok := r.(string)
	if !ok {
		return false, &perr{msg: k.op + " needs a string on its right, not " + describe(r)}
	}
	switch k.op {
	case "startsWith":
		return strings.HasPrefix(s, p), nil
	case "endsWith":
		return strings.HasSuffix(s, p), nil
	}
	re := k.re
	if re == nil {
		var err *perr
		if re, err = compileRegex(p); err != nil {
			return false, err
		}
	}
	return re.MatchString(s), nil
}

// contains tells whether container has x: as a member, a key or a part of the text.
func (ev *evaluator) contains(container, x value.Value) (bool, *perr) {
	switch c := container.(type) {
	case value.List:
		for _, e := range c {
			if value.Equal(e, x) {
				return true, nil
			}
		}
		return false, nil
	case string:
		if s, ok := x.(string); ok {
			return strings.Contains(c, s), nil
		}
		return false, &perr{msg: "only a string can be in a string, this is " + describe(x), hint: "write string(…) in …"}
	case *value.Map:
		s, ok := x.(string)
		if !ok {
			return false, nil
		}
		_, ok = c.Get(s)
		return ok, nil
	case Object:
		s, ok := x.(string)
		if !ok {
			return false, nil
		}
		return ev.has(c, s), nil
	}
	return false, &perr{msg: "nothing can be in " + describe(container)}
}

// order compares numbers, strings by code points, and lists by their items.
func order(l, r value.Value) (int, *perr) {
	switch a := l.(type) {
	case int64:
		switch b := r.(type) {
		case int64:
			return cmp3(a, b), nil
		case float64:
			return cmp3(float64(a), b), nil
		}
	case float64:
		switch b := r.(type) {
		case int64:
			return cmp3(a, float64(b)), nil
		case float64:
			return cmp3(a, b), nil
		}
	case string:
		if b, ok := r.(string); ok {
			return strings.Compare(a, b), nil
		}
	case bool:
		if b, ok := r.(bool); ok {
			number := map[bool]int{true: 1}
			return cmp3(number[a], number[b]), nil
		}
	case value.List:
		if b, ok := r.(value.List); ok {
			for i := range min(len(a), len(b)) {
				if value.Equal(a[i], b[i]) {
					continue
				}
				return order(a[i], b[i])
			}
			return cmp3(len(a), len(b)), nil
		}
	}
	e := &perr{msg: describe(l) + " and " + describe(r) + " have no order"}
	_, ls := l.(string)
	_, rs := r.(string)
	if ls != rs && (number(l) || number(r)) {
		e.hint = "write int(…) around the string"
	}
	return 0, e
}

func number(v value.Value) bool {
	switch v.(type) {
	case int64, float64:
		return true
	}
	return false
}

func cmp3[T int | int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (n *signNode) eval(ev *evaluator) (value.Value, error) {
	v, err := ev.want(n.n)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case int64:
		if !n.neg {
			return v, nil
		}
		if v == math.MinInt64 {
			return nil, ev.errorf(n, "the result does not fit into 64 bits")
		}
		return -v, nil
	case float64:
		if n.neg {
			return -v, nil
		}
		return v, nil
	}
	return nil, ev.errorf(n, "a sign needs a number, not %s", describe(v))
}

func (n *binNode) eval(ev *evaluator) (value.Value, error) {
	if err := ev.step(n); err != nil {
		return nil, err
	}
	l, err := ev.full(n.l)
	if err != nil {
		return nil, err
	}
	r, err := ev.full(n.r)
	if err != nil {
		return nil, err
	}
	if size := resultSize(n.op, l, r); size > 0 {
		if err := ev.produce(n, size); err != nil {
			return nil, err
		}
		if err := ev.spend(n, size/64); err != nil {
			return nil, err
		}
	}
	v, e := arith(n.op, l, r)
	if e != nil {
		err := ev.errorf(n, "%s", e.msg)
		err.Hint = e.hint
		return nil, err
	}
	return v, nil
}

// resultSize is about how many bytes an operator will produce.
func resultSize(op string, l, r value.Value) int {
	size := func(v value.Value) int {
		switch v := v.(type) {
		case string:
			return len(v)
		case value.List:
			return 16 * len(v)
		}
		return 0
	}
	times := func(v, n value.Value) int {
		k, ok := n.(int64)
		if s := size(v); ok && s > 0 && k > 0 {
			if k > int64(math.MaxInt32)/int64(s) {
				return math.MaxInt32
			}
			return s * int(k)
		}
		return 0
	}
	switch op {
	case "+":
		return size(l) + size(r)
	case "*":
		return max(times(l, r), times(r, l))
	case "..":
		a, ok1 := l.(int64)
		b, ok2 := r.(int64)
		if ok1 && ok2 && b > a {
			if d := uint64(b) - uint64(a); d < math.MaxInt32/16 {
				return 16 * int(d)
			}
			return math.MaxInt32
		}
	}
	return 0
}

// arith is l op r. Ints stay ints except in division; what overflows is an error.
func arith(op string, l, r value.Value) (value.Value, *perr) {
	a, aInt := l.(int64)
	b, bInt := r.(int64)
	if aInt && bInt {
		return arithInt(op, a, b)
	}
	if number(l) && number(r) && op != ".." {
		return arithFloat(op, toFloat(l), toFloat(r))
	}
	switch op {
	case "+":
		if s, ok := l.(string); ok {
			if t, ok := r.(string); ok {
				return s + t, nil
			}
		}
		if s, ok := l.(value.List); ok {
			if t, ok := r.(value.List); ok {
				return append(s[:len(s):len(s)], t...), nil
			}
		}
		e := &perr{msg: "cannot add " + describe(l) + " and " + describe(r)}
		_, ls := l.(string)
		_, rs := r.(string)
		_, lm := l.(*value.Map)
		_, rm := r.(*value.Map)
		_, ll := l.(value.List)
		_, rl := r.(value.List)
		switch {
		case lm && rm:
			e.hint = "write combine(a, b)"
		case l == nil || r == nil:
			e.hint = `write (x ?? "")`
		case ls != rs && (number(l) || number(r)):
			e.hint = "write string(…) around the number, or int(…) around the string"
		case ls != rs:
			e.hint = "write string(…)"
		case ll != rl:
			e.hint = "write [x] for a list of one"
		}
		return nil, e
	case "*":
		if bInt {
			return repeat(l, b, r)
		}
		if aInt {
			return repeat(r, a, l)
		}
	case "%":
		if _, ok := l.(string); ok {
			return nil, &perr{msg: "% takes numbers", hint: `write format("%s", x)`}
		}
	case "-":
		if _, ok := l.(value.List); ok {
			return nil, &perr{msg: "- takes numbers", hint: "write difference(a, b)"}
		}
	case "..":
		return nil, &perr{msg: "a range goes from an int to an int, not from " + describe(l) + " to " + describe(r)}
	}
	return nil, &perr{msg: op + " takes numbers, not " + describe(l) + " and " + describe(r)}
}

func repeat(v value.Value, n int64, other value.Value) (value.Value, *perr) {
	n = max(n, 0)
	switch v := v.(type) {
	case string:
		return strings.Repeat(v, int(n)), nil
	case value.List:
		out := make(value.List, 0, len(v)*int(n))
		for range n {
			out = append(out, v...)
		}
		return out, nil
	}
	return nil, &perr{msg: "* takes numbers, not " + describe(v) + " and " + describe(other)}
}

func toFloat(v value.Value) float64 {
	if i, ok := v.(int64); ok {
		return float64(i)
	}
	return v.(float64)
}

var errOverflow = &perr{msg: "the result does not fit into 64 bits"}

func arithInt(op string, a, b int64) (value.Value, *perr) {
	switch op {
	case "+":
		c := a + b
		if (c > a) != (b > 0) && b != 0 {
			return nil, errOverflow
		}
		return c, nil
	case "-":
		c := a - b
		if (c < a) != (b > 0) && b != 0 {
			return nil, errOverflow
		}
		return c, nil
	case "*":
		if a == 0 || b == 0 {
			return int64(0), nil
		}
		c := a * b
		if c/b != a || (a == -1 && b == math.MinInt64) || (b == -1 && a == math.MinInt64) {
			return nil, errOverflow
		}
		return c, nil
	case "/":
		if b == 0 {
			return nil, &perr{msg: "division by zero"}
		}
		return float64(a) / float64(b), nil
	case "%":
		if b == 0 {
			return nil, &perr{msg: "division by zero"}
		}
		if b == -1 {
			return int64(0), nil
		}
		m := a % b
		if m != 0 && (m < 0) != (b < 0) {
			m += b
		}
		return m, nil
	case "..":
		out := make(value.List, 0, max(0, b-a+1))
		for i := a; i <= b; i++ {
			out = append(out, i)
		}
		return out, nil
	}
	return nil, &perr{msg: op + " is no operator"}
}

func arithFloat(op string, a, b float64) (value.Value, *perr) {
	var f float64
	switch op {
	case "+":
		f = a + b
	case "-":
		f = a - b
	case "*":
		f = a * b
	case "/", "%":
		if b == 0 {
			return nil, &perr{msg: "division by zero"}
		}
		if op == "/" {
			f = a / b
			break
		}
		f = math.Mod(a, b)
		switch {
		case f == 0:
			f = math.Copysign(0, b)
		case (f < 0) != (b < 0):
			f += b
		}
	default:
		return nil, &perr{msg: op + " is no operator"}
	}
	if math.IsInf(f, 0) && !math.IsInf(a, 0) && !math.IsInf(b, 0) {
		return nil, &perr{msg: "the result is too large for a float"}
	}
	return f, nil
}
