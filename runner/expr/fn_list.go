package expr

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// index finds values that are equal without comparing each with each.
type index struct{ m map[string]value.List }

// indexKey is the same for values that are equal.
func indexKey(v value.Value) string {
	switch v := v.(type) {
	case string:
		return "s" + v
	case int64:
		return "n" + strconv.FormatFloat(float64(v), 'g', -1, 64)
	case float64:
		return "n" + strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return "null"
	case value.List:
		return "l" + strconv.Itoa(len(v))
	case *value.Map:
		return "m" + strconv.Itoa(v.Len())
	}
	return "?"
}

func newIndex(l value.List) *index {
	x := &index{map[string]value.List{}}
	for _, v := range l {
		x.add(v)
	}
	return x
}

// add tells whether v was not there yet.
func (x *index) add(v value.Value) bool {
	if x.has(v) {
		return false
	}
	k := indexKey(v)
	x.m[k] = append(x.m[k], v)
	return true
}

func (x *index) has(v value.Value) bool {
	for _, w := range x.m[indexKey(v)] {
		if value.Equal(v, w) {
			return true
		}
	}
	return false
}

// listFunctions are those on lists.
func listFunctions() []*Function {
	list := p("list", KList)
	seq := p("list", KList|KMap|KString)
	other := p("other", KList)
	set := func(name, doc, in, out string, f func(a, b value.List) value.List) *Function {
		return &Function{Name: name, Params: []Param{list, other}, Result: KList, Doc: doc, Example: []string{in, out},
			call: func(c *call) (value.Value, error) { return f(c.list(0), c.list(1)), nil }}
	}
	without := func(a, b value.List, keep bool) value.List {
		in, seen, out := newIndex(b), newIndex(nil), value.List{}
		for _, v := range a {
			if in.has(v) == keep && seen.add(v) {
				out = append(out, v)
			}
		}
		return out
	}
	return []*Function{
		set("union", "the items of both lists, each once, in order.", `union([1, 2], [2, 3])`, `[1, 2, 3]`, func(a, b value.List) value.List {
			return without(append(a[:len(a):len(a)], b...), nil, false)
		}),
		set("intersect", "the items that are in both lists, each once.", `intersect([1, 2], [2, 3])`, `[2]`, func(a, b value.List) value.List { return without(a, b, true) }),
		set("difference", "the items of list that are not in other, each once.", `difference([1, 2, 1], [2])`, `[1]`, func(a, b value.List) value.List { return without(a, b, false) }),
		set("symmetric_difference", "the items that are in one of the lists only.", `symmetric_difference([1, 2], [2, 3])`, `[1, 3]`, func(a, b value.List) value.List {
			return append(without(a, b, false), without(b, a, false)...)
		}),
		{Name: "subset", Params: []Param{list, other}, Result: KBool, Doc: "whether every item of list is in other.", Example: []string{`subset([1], [1, 2])`, `true`},
			call: func(c *call) (value.Value, error) { return len(without(c.list(0), c.list(1), false)) == 0, nil }},
		{Name: "superset", Params: []Param{list, other}, Result: KBool, Doc: "whether every item of other is in list.", Example: []string{`superset([1], [1, 2])`, `false`},
			call: func(c *call) (value.Value, error) { return len(without(c.list(1), c.list(0), false)) == 0, nil }},
		{Name: "length", Params: []Param{p("value", KList|KMap|KString|KObject)}, Result: KInt, Doc: "the number of items, keys or characters.", Example: []string{`length("äb")`, `2`, `[1, 2] | length()`, `2`},
			call: func(c *call) (value.Value, error) {
				switch v := c.args[0].(type) {
				case string:
					return int64(len([]rune(v))), nil
				case *value.Map:
					return int64(v.Len()), nil
				case Object:
					return int64(len(c.ev.keys(v))), nil
				}
				return int64(len(c.list(0))), nil
			}},
		{Name: "list", Params: []Param{seq}, Result: KList, Doc: "a list as it is, of a map its keys, of a text its characters.", Example: []string{`list("ab")`, `["a", "b"]`, `list({"a": 1})`, `["a"]`},
			call: func(c *call) (value.Value, error) { return c.list(0), nil }},
		{Name: "first", Params: []Param{seq}, Result: KAny, Doc: "the first item; undefined when there is none.", Example: []string{`first([1, 2])`, `1`, `first([]) ?? 0`, `0`},
			call: func(c *call) (value.Value, error) { return c.pick(c.list(0), 0), nil }},
		{Name: "last", Params: []Param{seq}, Result: KAny, Doc: "the last item; undefined when there is none.", Example: []string{`last([1, 2])`, `2`},
			call: func(c *call) (value.Value, error) { l := c.list(0); return c.pick(l, len(l)-1), nil }},
		{Name: "min", Params: []Param{seq, opt("case_sensitive", KBool, "false"), opt("attribute", KString|KInt|KNull, "null")}, Result: KAny, Doc: "the least item, or that with the least member attribute.", Example: []string{`min([2, 1])`, `1`, `min(["b", "A"])`, `"A"`}, call: func(c *call) (value.Value, error) { return c.extreme(-1) }},
		{Name: "max", Params: []Param{seq, opt("case_sensitive", KBool, "false"), opt("attribute", KString|KInt|KNull, "null")}, Result: KAny, Doc: "the greatest item, or that with the greatest member attribute.", Example: []string{`max([2, 1])`, `2`, `max([{"n": 1}, {"n": 3}], false, "n").n`, `3`}, call: func(c *call) (value.Value, error) { return c.extreme(1) }},
		{Name: "reverse", Params: []Param{p("list", KList|KString)}, Result: KList | KString, Doc: "the items, or the characters of a text, the last first.", Example: []string{`reverse([1, 2])`, `[2, 1]`, `reverse("ab")`, `"ba"`},
			call: func(c *call) (value.Value, error) {
				l := c.list(0)
				out := make(value.List, len(l))
				for i, v := range l {
					out[len(l)-1-i] = v
				}
				if _, ok := c.args[0].(string); ok {
					var b strings.Builder
					for _, v := range out {
						b.WriteString(v.(string))
					}
					return b.String(), nil
				}
				return out, nil
			}},
		{Name: "sort", Params: []Param{seq, opt("reverse", KBool, "false"), opt("case_sensitive", KBool, "false"), opt("attribute", KString|KInt|KNull, "null")}, Result: KList,
			Doc:     "the items in order; texts without regard to case unless told otherwise; by the member that attribute names, or by several with commas between.",
			Example: []string{`sort([2, 1])`, `[1, 2]`, `sort(["b", "A", "c"])`, `["A", "b", "c"]`, `sort([1, 2], true)`, `[2, 1]`},
			call: func(c *call) (value.Value, error) {
				items := c.list(0)
				keys, err := c.sortKeys(items, c.boolOr(2, false), 3)
				if err != nil {
					return nil, err
				}
				return c.sorted(items, keys, c.boolOr(1, false))
			}},
		{Name: "unique", Params: []Param{seq, opt("case_sensitive", KBool|KNull, "false"), opt("attribute", KString|KInt|KNull, "null")}, Result: KList,
			Doc:     "the items, each once; texts that differ in case only are the same unless told otherwise.",
			Example: []string{`unique([1, 2, 1])`, `[1, 2]`, `unique(["a", "A"])`, `["a"]`, `unique(["a", "A"], true)`, `["a", "A"]`},
			call: func(c *call) (value.Value, error) {
				items := c.list(0)
				keys, err := c.sortKeys(items, c.boolOr(1, false), 2)
				if err != nil {
					return nil, err
				}
				seen, out := newIndex(nil), value.List{}
				for i, v := range items {
					if seen.add(keys[i]) {
						out = append(out, v)
					}
				}
				return out, nil
			}},
		{Name: "listed", Params: []Param{p("value", KAny)}, Result: KList,
			Doc:     "value where it is a list; a text's parts between commas, which is how -e and inventories give a list; null is an empty list, anything else the only item of one.",
			Example: []string{`listed("a, b")`, `["a", "b"]`, `listed(["a,b"])`, `["a,b"]`, `listed("")`, `[]`, `listed(1)`, `[1]`},
			call: func(c *call) (value.Value, error) {
				switch v := c.args[0].(type) {
				case nil:
					return value.List{}, nil
				case value.List:
					return v, nil
				case string:
					out := value.List{}
					for part := range strings.SplitSeq(v, ",") {
						if part = strings.TrimSpace(part); part != "" {
							out = append(out, part)
						}
					}
					return out, nil
				default:
					return value.List{v}, nil
				}
			}},
		{Name: "flatten", Params: []Param{list, opt("levels", KInt|KNull, "all"), opt("skip_nulls", KBool, "true")}, Result: KList, Doc: "the items of lists in the list in their place, levels deep; nulls are left out.",
			Example: []string{`flatten([1, [2, [3]]])`, `[1, 2, 3]`, `flatten([1, [2, [3]]], 1)`, `[1, 2, [3]]`},
			call: func(c *call) (value.Value, error) {
				var out value.List
				err := c.flatten(&out, c.list(0), int(c.intOr(1, -1)), c.boolOr(2, true))
				if out == nil {
					out = value.List{}
				}
				return out, err
			}},
		{Name: "zip", Params: []Param{list, rest("others", KList)}, Result: KList, Doc: "lists of the items that stand at the same place, as far as the shortest goes.", Example: []string{`zip([1, 2], ["a", "b"])`, `[[1, "a"], [2, "b"]]`},
			call: func(c *call) (value.Value, error) {
				n := len(c.list(0))
				for i := range c.args {
					n = min(n, len(c.list(i)))
				}
				out := make(value.List, n)
				for j := range out {
					row := make(value.List, len(c.args))
					for i := range c.args {
						row[i] = c.list(i)[j]
					}
					out[j] = row
				}
				return out, c.spend(n * len(c.args))
			}},
		{Name: "product", Params: []Param{list, rest("others", KList)}, Result: KList, Doc: "lists of each item with each item of the others.",
			Example: []string{`product([1, 2], ["a"])`, `[[1, "a"], [2, "a"]]`},
			call: func(c *call) (value.Value, error) {
				out := value.List{value.List{}}
				for i := range c.args {
					next := value.List{}
					l := c.list(i)
					if err := c.spend(len(out) * len(l) * (i + 1)); err != nil {
						return nil, err
					}
					for _, row := range out {
						r := row.(value.List)
						for _, v := range l {
							next = append(next, append(r[:len(r):len(r)], v))
						}
					}
					out = next
				}
				return out, nil
			}},
		{Name: "batch", Params: []Param{list, p("size", KInt), opt("fill", KAny, "none")}, Result: KList, Doc: "lists of size items each, the last filled up with fill.",
			Example: []string{`batch([1, 2, 3], 2)`, `[[1, 2], [3]]`, `batch([1, 2, 3], 2, 0)`, `[[1, 2], [3, 0]]`},
			call: func(c *call) (value.Value, error) {
				n, l, out := int(c.intOr(1, 0)), c.list(0), value.List{}
				if n < 1 || n > maxSteps {
					return nil, c.errorf("size is at least 1")
				}
				for i := 0; i < len(l); i += n {
					row := append(value.List{}, l[i:min(i+n, len(l))]...)
					for len(c.args) > 2 && len(row) < n {
						if err := c.spend(1); err != nil {
							return nil, err
						}
						row = append(row, c.args[2])
					}
					out = append(out, row)
				}
				return out, nil
			}},
		{Name: "slice", Params: []Param{list, p("slices", KInt), opt("fill", KAny, "none")}, Result: KList, Doc: "that many lists of about the same length, in order.",
			Example: []string{`slice([1, 2, 3], 2)`, `[[1, 2], [3]]`},
			call: func(c *call) (value.Value, error) {
				n, l, out := int(c.intOr(1, 0)), c.list(0), value.List{}
				if n < 1 {
					return nil, c.errorf("slices is at least 1")
				}
				if err := c.spend(min(n, maxSteps+1)); err != nil {
					return nil, err
				}
				per, more, at := len(l)/n, len(l)%n, 0
				for i := range n {
					size := per
					if i < more {
						size++
					}
					row := append(value.List{}, l[at:at+size]...)
					at += size
					if len(c.args) > 2 && i >= more {
						row = append(row, c.args[2])
					}
					out = append(out, row)
				}
				return out, nil
			}},
		{Name: "range", Params: []Param{p("start", KInt), opt("stop", KInt, "start, from 0"), opt("step", KInt, "1")}, Result: KList, Doc: "the ints from start up to, not with, stop.",
			Example: []string{`range(3)`, `[0, 1, 2]`, `range(5, 1, -2)`, `[5, 3]`},
			call: func(c *call) (value.Value, error) {
				from, to, step := int64(0), c.intOr(0, 0), c.intOr(2, 1)
				if len(c.args) > 1 {
					from, to = to, c.intOr(1, 0)
				}
				if step == 0 {
					return nil, c.errorf("step is 0")
				}
				out := value.List{}
				for i := from; step > 0 && i < to || step < 0 && i > to; {
					if err := c.spend(1); err != nil {
						return nil, err
					}
					out = append(out, i)
					next := i + step
					if (next > i) != (step > 0) {
						break
					}
					i = next
				}
				return out, nil
			}},
		{Name: "shuffle", Params: []Param{list, opt("seed", KText|KNull, "null")}, Result: KList, impure: true, Doc: "the items in random order; with a seed always the same.",
			Example: []string{`length(shuffle([1, 2, 3], "x"))`, `3`},
			call: func(c *call) (value.Value, error) {
				out := append(value.List{}, c.list(0)...)
				c.random(1).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
				return out, nil
			}},
		{Name: "random", Params: []Param{p("end", KInt|KList|KString), opt("start", KInt|KNull, "0"), opt("step", KInt|KNull, "1"), opt("seed", KText|KNull, "null")}, Result: KAny, impure: true,
			Doc:     "a random int from start below end, in steps, or a random item of a list; with a seed always the same.",
			Example: []string{`random(1)`, `0`, `random(["a"], null, null, "seed")`, `"a"`},
			call: func(c *call) (value.Value, error) {
				r := c.random(3)
				if end, ok := c.args[0].(int64); ok {
					start, step := c.intOr(1, 0), c.intOr(2, 1)
					if step < 1 || end <= start {
						return nil, c.errorf("nothing lies between %d and %d", start, end)
					}
					if end-start < 0 {
						return nil, errAsError(errOverflow)
					}
					return start + r.Int64N((end-start+step-1)/step)*step, nil
				}
				l := c.list(0)
				if len(l) == 0 {
					return c.pick(l, 0), nil
				}
				return l[r.IntN(len(l))], nil
			}},
	}
}

func errAsError(p *perr) error { return p }

// random is a source of random numbers, seeded by the i-th argument if it is there.
func (c *call) random(i int) *rand.Rand {
	if !c.has(i) {
		return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	h := fnv.New128a()
	_, _ = h.Write([]byte(c.str(i)))
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])))
}

func (c *call) pick(l value.List, i int) value.Value {
	if i < 0 || i >= len(l) {
		return &undefined{n: c.n, o: c.ev.o, why: "it has no items"}
	}
	return l[i]
}

func (c *call) extreme(sign int) (value.Value, error) {
	l := c.list(0)
	if len(l) == 0 {
		return c.pick(l, 0), nil
	}
	keys, err := c.sortKeys(l, c.boolOr(1, false), 2)
	if err != nil {
		return nil, err
	}
	best := 0
	for i := range l {
		o, err := order(keys[i], keys[best])
		if err != nil {
			return nil, c.fail(err.hint, "%s", err.msg)
		}
		if o*sign > 0 {
			best = i
		}
	}
	return l[best], nil
}

// sortKeys are what items are compared by: a member, without regard to case.
func (c *call) sortKeys(items value.List, caseSensitive bool, attr int) (value.List, error) {
	keys := make(value.List, len(items))
	for i, v := range items {
		var parts value.List
		names := []string{""}
		if c.has(attr) {
			names = strings.Split(c.str(attr), ",")
		}
		for _, name := range names {
			e, ok := v, true
			if name != "" {
				e, ok = member(v, name)
			}
			if !ok {
				return nil, c.errorf("the member %s of item %d is undefined", name, i)
			}
			if s, ok := e.(string); ok && !caseSensitive {
				e = strings.ToLower(s)
			}
			parts = append(parts, e)
		}
		if keys[i] = parts[0]; len(parts) > 1 {
			keys[i] = parts
		}
	}
	return keys, nil
}

func memberOf(v value.Value, name string) (value.Value, bool) {
	switch v := v.(type) {
	case *value.Map:
		return v.Get(name)
	case value.List:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v) {
			return v[i], true
		}
	}
	return nil, false
}

func (c *call) flatten(out *value.List, l value.List, levels int, skipNull bool) error {
	if err := c.spend(len(l)); err != nil {
		return err
	}
	for _, v := range l {
		inner, ok := v.(value.List)
		switch {
		case ok && levels != 0:
			if err := c.flatten(out, inner, levels-1, skipNull); err != nil {
				return err
			}
		case v == nil && skipNull:
		default:
			*out = append(*out, v)
		}
	}
	return nil
}
