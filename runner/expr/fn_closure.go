package expr

import (
	"sort"

	"github.com/mxplay/mxplay/runner/value"
)

// closureFunctions take an expression over each item: # is the item, .name its
// member, #index its number from 0.
func closureFunctions() []*Function {
	list := p("list", KList)
	fn := p("each", KClosure)
	return []*Function{
		{Name: "filter", Params: []Param{list, fn}, Result: KList, lazy: true, Doc: "the items for which each is true.",
			Example: []string{`filter([1, 2, 3], # > 1)`, `[2, 3]`, `filter([{"n": "a", "up": true}, {"n": "b", "up": false}], .up)`, `[{"n": "a", "up": true}]`},
			call: func(c *call) (value.Value, error) {
				out := value.List{}
				err := c.test(func(_ int, v value.Value, b bool) bool {
					if b {
						out = append(out, v)
					}
					return true
				})
				return out, err
			}},
		{Name: "map", Params: []Param{list, fn}, Result: KList, lazy: true, Doc: "each, evaluated for every item.",
			Example: []string{`map([1, 2], # * 2)`, `[2, 4]`, `map([{"n": "a"}], .n)`, `["a"]`, `map(["a", "b"], string(#index) + #)`, `["0a", "1b"]`},
			call: func(c *call) (value.Value, error) {
				out := value.List{}
				err := c.over(1, func(_ int, _, r value.Value) (bool, error) {
					if r != Omit {
						out = append(out, r)
					}
					return true, nil
				})
				return out, err
			}},
		{Name: "any", Params: []Param{list, fn}, Result: KBool, lazy: true, Doc: "whether each is true for some item.",
			Example: []string{`any([1, 2], # == 2)`, `true`, `any([], # == 2)`, `false`},
			call: func(c *call) (value.Value, error) {
				found := false
				err := c.test(func(_ int, _ value.Value, b bool) bool { found = found || b; return !found })
				return found, err
			}},
		{Name: "all", Params: []Param{list, fn}, Result: KBool, lazy: true, Doc: "whether each is true for every item.",
			Example: []string{`all([1, 2], # > 0)`, `true`, `all([1, 2], # > 1)`, `false`},
			call: func(c *call) (value.Value, error) {
				ok := true
				err := c.test(func(_ int, _ value.Value, b bool) bool { ok = ok && b; return ok })
				return ok, err
			}},
		{Name: "none", Params: []Param{list, fn}, Result: KBool, lazy: true, Doc: "whether each is true for no item.",
			Example: []string{`none([1, 2], # > 2)`, `true`},
			call: func(c *call) (value.Value, error) {
				ok := true
				err := c.test(func(_ int, _ value.Value, b bool) bool { ok = ok && !b; return ok })
				return ok, err
			}},
		{Name: "one", Params: []Param{list, fn}, Result: KBool, lazy: true, Doc: "whether each is true for exactly one item.",
			Example: []string{`one([1, 2], # > 1)`, `true`},
			call: func(c *call) (value.Value, error) {
				n := 0
				err := c.test(func(_ int, _ value.Value, b bool) bool {
					if b {
						n++
					}
					return n < 2
				})
				return n == 1, err
			}},
		{Name: "find", Params: []Param{list, fn}, Result: KAny, lazy: true, Doc: "the first item for which each is true; undefined when there is none.",
			Example: []string{`find([1, 2, 3], # > 1)`, `2`, `find([1], # > 1) ?? 0`, `0`},
			call:    func(c *call) (value.Value, error) { return c.find(false) }},
		{Name: "findLast", Params: []Param{list, fn}, Result: KAny, lazy: true, Doc: "the last item for which each is true; undefined when there is none.",
			Example: []string{`findLast([1, 2, 3], # > 1)`, `3`},
			call:    func(c *call) (value.Value, error) { return c.find(true) }},
		{Name: "findIndex", Params: []Param{list, fn}, Result: KInt, lazy: true, Doc: "the number of the first item for which each is true; -1 when there is none.",
			Example: []string{`findIndex([1, 2, 3], # > 1)`, `1`},
			call:    func(c *call) (value.Value, error) { return c.findIndex(false) }},
		{Name: "findLastIndex", Params: []Param{list, fn}, Result: KInt, lazy: true, Doc: "the number of the last item for which each is true; -1 when there is none.",
			Example: []string{`findLastIndex([1, 2, 3], # > 1)`, `2`},
			call:    func(c *call) (value.Value, error) { return c.findIndex(true) }},
		{Name: "count", Params: []Param{list, {Name: "each", Kind: KClosure, Optional: true}}, Result: KInt, lazy: true, Doc: "how many items there are, or for how many each is true.",
			Example: []string{`count([1, 2, 3], # > 1)`, `2`, `count([1, 2])`, `2`},
			call: func(c *call) (value.Value, error) {
				if len(c.n.args) == 1 {
					items, err := c.items()
					return int64(len(items)), err
				}
				n := int64(0)
				err := c.test(func(_ int, _ value.Value, b bool) bool {
					if b {
						n++
					}
					return true
				})
				return n, err
			}},
		{Name: "sum", Params: []Param{list, {Name: "each", Kind: KClosure, Optional: true}}, Result: KNumber, lazy: true, Doc: "the sum of the items, or of each.",
			Example: []string{`sum([1, 2, 3])`, `6`, `sum([{"n": 1}, {"n": 0.5}], .n)`, `1.5`},
			call: func(c *call) (value.Value, error) {
				var total value.Value = int64(0)
				err := c.over(1, func(_ int, _, r value.Value) (bool, error) {
					if !number(r) {
						return false, c.errorf("%s is no number", describe(r))
					}
					var e *perr
					if total, e = arith("+", total, r); e != nil {
						return false, c.errorf("%s", e.msg)
					}
					return true, nil
				})
				return total, err
			}},
		{Name: "groupBy", Params: []Param{list, fn}, Result: KMap, lazy: true, Doc: "a map of lists: the items under the text of each.",
			Example: []string{`groupBy([1, 2, 3], # % 2 == 0 ? "even" : "odd")`, `{"odd": [1, 3], "even": [2]}`},
			call: func(c *call) (value.Value, error) {
				m := value.NewMap(0)
				err := c.over(1, func(_ int, v, r value.Value) (bool, error) {
					k, bad := inText(r)
					if bad != "" {
						return false, c.errorf("%s", bad)
					}
					old, _ := m.Get(k)
					l, _ := old.(value.List)
					m.Set(k, append(l, v))
					return true, nil
				})
				return m, err
			}},
		{Name: "sortBy", Params: []Param{list, fn, opt("order", KString, `"asc"`)}, Result: KList, lazy: true, Doc: `the items sorted by each, "asc" or "desc"; equal ones keep their order.`,
			Example: []string{`sortBy([{"n": 2}, {"n": 1}], .n)`, `[{"n": 1}, {"n": 2}]`, `sortBy([1, 3, 2], #, "desc")`, `[3, 2, 1]`},
			call:    callSortBy},
		{Name: "reduce", Params: []Param{list, fn, opt("start", KAny, "the first item")}, Result: KAny, lazy: true, Doc: "each, evaluated item by item with #acc as what came out before.",
			Example: []string{`reduce([1, 2, 3], #acc + #, 10)`, `16`, `reduce([1, 2, 3], #acc * #)`, `6`},
			call:    callReduce},
	}
}

// items is the list that a closure goes over.
func (c *call) items() (value.List, error) {
	v, err := c.ev.want(c.n.args[0])
	if err != nil {
		return nil, err
	}
	l, ok := v.(value.List)
	if !ok {
		return nil, c.wrongArg(0, v)
	}
	return l, c.spend(len(l))
}

// over evaluates the closure at argument i for each item; without one the item itself.
func (c *call) over(i int, f func(at int, v, r value.Value) (bool, error)) error {
	items, err := c.items()
	if err != nil {
		return err
	}
	var body node
	if len(c.n.args) > i {
		body = closureBody(c.n.args[i])
	}
	for at, v := range items {
		r := v
		if body != nil {
			if r, err = c.one(body, element{v: v, index: int64(at)}); err != nil {
				return err
			}
		}
		if r == Unknown {
			return errUnknown
		}
		more, err := f(at, v, r)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func closureBody(n node) node {
	if c, ok := n.(*closureNode); ok {
		return c.body
	}
	return n
}

// one evaluates a closure for one item.
func (c *call) one(body node, e element) (value.Value, error) {
	ev := c.ev
	ev.items = append(ev.items, e)
	v, err := ev.item(body)
	ev.items = ev.items[:len(ev.items)-1]
	return v, err
}

// test is over for a closure that is true or false.
func (c *call) test(f func(at int, v value.Value, b bool) bool) error {
	return c.over(1, func(at int, v, r value.Value) (bool, error) {
		b, ok := r.(bool)
		if !ok {
			return false, c.ev.notBool(closureBody(c.n.args[1]), r)
		}
		return f(at, v, b), nil
	})
}

func (c *call) find(last bool) (value.Value, error) {
	var out value.Value = &undefined{n: c.n, o: c.ev.o, why: "no item is like that"}
	err := c.test(func(_ int, v value.Value, b bool) bool {
		if b {
			out = v
		}
		return !b || last
	})
	return out, err
}

func (c *call) findIndex(last bool) (value.Value, error) {
	out := int64(-1)
	err := c.test(func(at int, _ value.Value, b bool) bool {
		if b {
			out = int64(at)
		}
		return !b || last
	})
	return out, err
}

func callSortBy(c *call) (value.Value, error) {
	desc := false
	if len(c.n.args) > 2 {
		v, err := c.ev.want(c.n.args[2])
		if err != nil {
			return nil, err
		}
		if v != "asc" && v != "desc" {
			return nil, c.errorf(`the order is "asc" or "desc", not %s`, describe(v))
		}
		desc = v == "desc"
	}
	var items, keys value.List
	err := c.over(1, func(_ int, v, r value.Value) (bool, error) {
		items, keys = append(items, v), append(keys, r)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return c.sorted(items, keys, desc)
}

// sorted sorts items by their keys.
func (c *call) sorted(items, keys value.List, desc bool) (value.Value, error) {
	var bad *perr
	idx := make([]int, len(items))
	for i := range idx {
		idx[i] = i
	}
	sort.SliceStable(idx, func(i, j int) bool {
		o, err := order(keys[idx[i]], keys[idx[j]])
		if err != nil && bad == nil {
			bad = err
		}
		if desc {
			return o > 0
		}
		return o < 0
	})
	if bad != nil {
		return nil, c.fail(bad.hint, "%s", bad.msg)
	}
	out := make(value.List, len(items))
	for i, j := range idx {
		out[i] = items[j]
	}
	return out, c.spend(4 * len(items))
}

func callReduce(c *call) (value.Value, error) {
	items, err := c.items()
	if err != nil {
		return nil, err
	}
	var acc value.Value
	start := 0
	switch {
	case len(c.n.args) > 2:
		if acc, err = c.ev.want(c.n.args[2]); err != nil {
			return nil, err
		}
	case len(items) == 0:
		return nil, c.errorf("an empty list and no start")
	default:
		acc, start = items[0], 1
	}
	body := closureBody(c.n.args[1])
	for i := start; i < len(items); i++ {
		if acc, err = c.one(body, element{v: items[i], index: int64(i), acc: acc}); err != nil {
			return nil, err
		}
	}
	return acc, nil
}
