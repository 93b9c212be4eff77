package expr

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// groupFunctions bring lists and maps into other shapes.
func groupFunctions() []*Function {
	list := p("list", KList)
	keyed := func(name, doc string, keep bool, in, out string) *Function {
		return &Function{Name: name, Params: []Param{p("value", KList|KMap), p("keys", KList|KString)}, Result: KList | KMap, Doc: doc, Example: []string{in, out},
			call: func(c *call) (value.Value, error) {
				names, err := c.texts(1)
				if err != nil {
					return nil, err
				}
				v, _ := pickKeys(c.args[0], names, keep)
				return v, c.spend(argCost(c.args))
			}}
	}
	return []*Function{
		{Name: "combinations", Params: []Param{list, p("size", KInt)}, Result: KList, Doc: "all lists of that many of the items, in their order.", Example: []string{`combinations([1, 2, 3], 2)`, `[[1, 2], [1, 3], [2, 3]]`},
			call: func(c *call) (value.Value, error) { return c.choices(int(c.intOr(1, 0)), true) }},
		{Name: "permutations", Params: []Param{list, opt("size", KInt|KNull, "all")}, Result: KList, Doc: "all lists of that many of the items, in every order.", Example: []string{`permutations([1, 2])`, `[[1, 2], [2, 1]]`},
			call: func(c *call) (value.Value, error) { return c.choices(int(c.intOr(1, int64(len(c.list(0))))), false) }},
		{Name: "zip_longest", Params: []Param{list, rest("others", KAny)}, Result: KList, Doc: "lists of the items that stand at the same place, as far as the longest goes; the last argument, when it is no list, fills the gaps, else null does.",
			Example: []string{`zip_longest([1, 2], ["a"])`, `[[1, "a"], [2, null]]`, `zip_longest([1, 2], ["a"], "-")`, `[[1, "a"], [2, "-"]]`},
			call:    callZipLongest},
		{Name: "groupby", Params: []Param{list, p("attribute", KString|KInt), opt("default", KAny, "none"), opt("case_sensitive", KBool, "false")}, Result: KList,
			Doc:     "lists of [value, items] for each value that the member attribute has, sorted by it; groupBy() makes a map.",
			Example: []string{`groupby([{"n": "b"}, {"n": "a"}, {"n": "b", "x": 1}], "n")`, `[["a", [{"n": "a"}]], ["b", [{"n": "b"}, {"n": "b", "x": 1}]]]`},
			call:    callGroupby},
		{Name: "groupby_as_dict", Params: []Param{list, p("attribute", KString)}, Result: KMap, Doc: "a map of the items by the member attribute, which no two share.",
			Example: []string{`groupby_as_dict([{"n": "a", "x": 1}], "n")`, `{"a": {"n": "a", "x": 1}}`},
			call:    func(c *call) (value.Value, error) { return c.keyedBy(c.list(0), c.str(1), false) }},
		{Name: "rekey_on_member", Params: []Param{p("value", KList|KMap), p("key", KString), opt("duplicates", KString, `"error"`)}, Result: KMap,
			Doc:     `a map of the items by their member key; two that share one are an error, or with "overwrite" the last one stays.`,
			Example: []string{`rekey_on_member([{"n": "a", "x": 1}], "n")`, `{"a": {"n": "a", "x": 1}}`},
			call: func(c *call) (value.Value, error) {
				items := c.list(0)
				if m := c.mapping(0); m != nil {
					items = mapValues(m)
				}
				d := c.strOr(2, "error")
				if d != "error" && d != "overwrite" {
					return nil, c.errorf(`duplicates is "error" or "overwrite"`)
				}
				return c.keyedBy(items, c.str(1), d == "overwrite")
			}},
		{Name: "extract", Params: []Param{p("key", KString|KInt), p("container", KList|KMap|KObject), opt("more", KString|KInt|KList|KNull, "none")}, Result: KAny,
			Doc:     "the member of container that key names, and of that the members that more names; the same as container[key].",
			Example: []string{`extract("a", {"a": [1, 2]})`, `[1, 2]`, `map(["a"], extract(#, {"a": {"x": [1, 2]}}, ["x", 1]))`, `[2]`},
			call:    callExtract},
		{Name: "counter", Params: []Param{list}, Result: KMap, Doc: "how often each item is in list.", Example: []string{`counter(["a", "b", "a"])`, `{"a": 2, "b": 1}`},
			call: func(c *call) (value.Value, error) {
				m := value.NewMap(0)
				for _, v := range c.list(0) {
					s, bad := inText(v)
					if bad != "" {
						return nil, c.errorf("%s", bad)
					}
					n, _ := m.Get(s)
					old, _ := n.(int64)
					m.Set(s, old+1)
				}
				return m, nil
			}},
		{Name: "dict", Params: []Param{list}, Result: KMap, Doc: "the map that a list of [key, value] makes.", Example: []string{`dict([["a", 1], ["b", 2]])`, `{"a": 1, "b": 2}`},
			call: func(c *call) (value.Value, error) {
				m := value.NewMap(0)
				for i, v := range c.list(0) {
					l, ok := v.(value.List)
					if !ok || len(l) != 2 {
						return nil, c.errorf("item %d is no [key, value]", i)
					}
					k, bad := inText(l[0])
					if bad != "" {
						return nil, c.errorf("item %d: %s as a key", i, bad)
					}
					m.Set(k, l[1])
				}
				return m, nil
			}},
		{Name: "lists_mergeby", Params: []Param{list, p("other", KList), p("attribute", KString)}, Result: KList, Doc: "the maps of both lists, those with the same member attribute as one, sorted by it.",
			Example: []string{`lists_mergeby([{"n": 1, "a": 1}, {"n": 2}], [{"n": 2, "b": 1}], "n")`, `[{"n": 1, "a": 1}, {"n": 2, "b": 1}]`},
			call:    callListsMergeby},
		{Name: "version_sort", Params: []Param{list, opt("reverse", KBool, "false")}, Result: KList, Doc: "the texts in the order of the versions that they are.", Example: []string{`version_sort(["1.10", "1.9"])`, `["1.9", "1.10"]`},
			call: func(c *call) (value.Value, error) {
				out := slices.Clone(c.list(0))
				slices.SortStableFunc(out, func(a, b value.Value) int {
					o := compareLoose(versionParts(value.Text(a)), versionParts(value.Text(b)))
					if c.boolOr(1, false) {
						o = -o
					}
					return o
				})
				return out, c.spend(8 * len(out))
			}},
		keyed("keep_keys", "a value with only these keys left in its maps, however deep.", true, `keep_keys([{"a": 1, "b": 2}], ["a"])`, `[{"a": 1}]`),
		keyed("remove_keys", "a value without these keys in its maps, however deep.", false, `remove_keys([{"a": 1, "b": 2}], ["a"])`, `[{"b": 2}]`),
		{Name: "to_paths", Params: []Param{p("value", KList|KMap)}, Result: KMap, Doc: "a flat map: the path of each member, and what is there.", Example: []string{`to_paths({"a": {"b": [1, 2]}})`, `{"a.b[0]": 1, "a.b[1]": 2}`},
			call: func(c *call) (value.Value, error) {
				m := value.NewMap(0)
				return m, c.paths(m, "", c.args[0])
			}},
	}
}

// texts is the i-th argument, a text or a list of them.
func (c *call) texts(i int) ([]string, error) {
	l, ok := c.args[i].(value.List)
	if !ok {
		return []string{c.str(i)}, nil
	}
	out := make([]string, len(l))
	for j, v := range l {
		s, bad := inText(v)
		if bad != "" {
			return nil, c.errorf("item %d: %s", j, bad)
		}
		out[j] = s
	}
	return out, nil
}

// choices are the lists of n items, in their order or in every order.
func (c *call) choices(n int, ordered bool) (value.Value, error) {
	l, out := c.list(0), value.List{}
	if n < 0 {
		return nil, c.errorf("size is 0 or more")
	}
	used := make([]bool, len(l))
	row := make(value.List, 0, min(n, len(l)))
	var pick func(from int) error
	pick = func(from int) error {
		if err := c.spend(1 + len(row)); err != nil {
			return err
		}
		if len(row) == n {
			out = append(out, slices.Clone(row))
			return c.ev.produce(c.n, 16*n)
		}
		if ordered && len(l)-from < n-len(row) {
			return nil
		}
		for i := from; i < len(l); i++ {
			if used[i] {
				continue
			}
			used[i], row = true, append(row, l[i])
			next := 0
			if ordered {
				next = i + 1
			}
			err := pick(next)
			used[i], row = false, row[:len(row)-1]
			if err != nil {
				return err
			}
		}
		return nil
	}
	if n > len(l) {
		return out, nil
	}
	return out, pick(0)
}

func callZipLongest(c *call) (value.Value, error) {
	args, fill := c.args, value.Value(nil)
	if _, ok := args[len(args)-1].(value.List); !ok && len(args) > 1 {
		args, fill = args[:len(args)-1], c.args[len(c.args)-1]
	}
	n := 0
	for i, a := range args {
		l, ok := a.(value.List)
		if !ok {
			return nil, c.wrongArg(i, a)
		}
		n = max(n, len(l))
	}
	if err := c.spend(n * len(args)); err != nil {
		return nil, err
	}
	out := make(value.List, n)
	for j := range out {
		row := make(value.List, len(args))
		for i, a := range args {
			row[i] = fill
			if l := a.(value.List); j < len(l) {
				row[i] = l[j]
			}
		}
		out[j] = row
	}
	return out, nil
}

// member is the value at a path such as a.b.0.
func member(v value.Value, path string) (value.Value, bool) {
	for _, part := range strings.Split(path, ".") {
		next, ok := memberOf(v, part)
		if !ok {
			return nil, false
		}
		v = next
	}
	return v, true
}

func callGroupby(c *call) (value.Value, error) {
	items := c.list(0)
	keys := make(value.List, len(items))
	sortKeys := make(value.List, len(items))
	for i, v := range items {
		k, ok := member(v, c.str(1))
		if !ok {
			if len(c.args) < 3 {
				return nil, c.errorf("item %d has no member %s", i, c.str(1))
			}
			k = c.args[2]
		}
		keys[i], sortKeys[i] = k, k
		if s, isText := k.(string); isText && !c.boolOr(3, false) {
			sortKeys[i] = strings.ToLower(s)
		}
	}
	numbers := make(value.List, len(items))
	for i := range items {
		numbers[i] = int64(i)
	}
	sorted, err := c.sorted(numbers, sortKeys, false)
	if err != nil {
		return nil, err
	}
	out := value.List{}
	var last value.Value
	for _, n := range sorted.(value.List) {
		i := int(n.(int64))
		if len(out) == 0 || !value.Equal(last, sortKeys[i]) {
			out = append(out, value.List{keys[i], value.List{}})
			last = sortKeys[i]
		}
		g := out[len(out)-1].(value.List)
		g[1] = append(g[1].(value.List), items[i])
	}
	return out, nil
}

// keyedBy is a map of maps by a member.
func (c *call) keyedBy(items value.List, name string, overwrite bool) (value.Value, error) {
	m := value.NewMap(len(items))
	for i, v := range items {
		k, ok := memberOf(v, name)
		if !ok {
			return nil, c.errorf("item %d has no member %s", i, name)
		}
		s, bad := inText(k)
		if bad != "" {
			return nil, c.errorf("item %d: %s as a key", i, bad)
		}
		if _, twice := m.Get(s); twice && !overwrite {
			return nil, c.errorf("two items have %s as %s", value.Short(k, 40), name)
		}
		m.Set(s, v)
	}
	return m, nil
}

func callExtract(c *call) (value.Value, error) {
	v := c.args[1]
	steps := value.List{c.args[0]}
	if c.has(2) {
		if l, ok := c.args[2].(value.List); ok {
			steps = append(steps, l...)
		} else {
			steps = append(steps, c.args[2])
		}
	}
	for _, s := range steps {
		missing := &undefined{n: c.n, o: c.ev.o, why: "there is no member " + value.Text(s)}
		if o, ok := v.(Object); ok {
			next, t, err := c.ev.get(o, value.Text(s), c.n)
			if err != nil {
				return nil, err
			}
			c.ev.addTaint(t)
			if v = next; isUndefined(v) {
				return v, nil
			}
			continue
		}
		name := value.Text(s)
		if l, ok := v.(value.List); ok {
			if k, isInt := s.(int64); isInt && k < 0 {
				name = strconv.FormatInt(k+int64(len(l)), 10)
			}
		}
		next, ok := memberOf(v, name)
		if !ok {
			return missing, nil
		}
		if v = next; v == Unknown {
			return nil, errUnknown
		}
	}
	if o, ok := v.(Object); ok {
		return c.ev.materialize(o, c.n)
	}
	return v, nil
}

func isUndefined(v value.Value) bool {
	_, ok := v.(*undefined)
	return ok
}

func callListsMergeby(c *call) (value.Value, error) {
	merged := map[string]*value.Map{}
	keys, order := value.List{}, value.List{}
	for _, l := range []value.List{c.list(0), c.list(1)} {
		for i, v := range l {
			m, ok := v.(*value.Map)
			if !ok {
				return nil, c.errorf("item %d is %s, not a map", i, describe(v))
			}
			k, ok := m.Get(c.str(2))
			if !ok {
				continue
			}
			id := indexKey(k)
			if merged[id] == nil {
				merged[id] = value.NewMap(m.Len())
				keys, order = append(keys, k), append(order, id)
			}
			for j := range m.Len() {
				name, e := m.At(j)
				merged[id].Set(name, e)
			}
		}
	}
	sorted, err := c.sorted(order, keys, false)
	if err != nil {
		return nil, err
	}
	out := value.List{}
	for _, id := range sorted.(value.List) {
		out = append(out, merged[id.(string)])
	}
	return out, nil
}

// pickKeys keeps or removes keys; false when nothing is left of what had something.
func pickKeys(v value.Value, names []string, keep bool) (value.Value, bool) {
	switch v := v.(type) {
	case value.List:
		out := value.List{}
		for _, e := range v {
			_, isMap := e.(*value.Map)
			_, isList := e.(value.List)
			e, some := pickKeys(e, names, keep)
			if some || !isMap && !isList && !keep {
				out = append(out, e)
			}
		}
		return out, len(out) > 0
	case *value.Map:
		out := value.NewMap(v.Len())
		for i := range v.Len() {
			k, e := v.At(i)
			named := slices.Contains(names, k)
			e, some := pickKeys(e, names, keep)
			if keep && (named || some) || !keep && !named {
				out.Set(k, e)
			}
		}
		return out, out.Len() > 0
	}
	return v, false
}

func (c *call) paths(out *value.Map, at string, v value.Value) error {
	if err := c.ev.produce(c.n, len(at)); err != nil {
		return err
	}
	switch v := v.(type) {
	case *value.Map:
		for i := range v.Len() {
			k, e := v.At(i)
			name := k
			switch {
			case strings.ContainsAny(k, ".[]' ") || k == "":
				name = at + "['" + k + "']"
			case at != "":
				name = at + "." + k
			}
			if err := c.paths(out, name, e); err != nil {
				return err
			}
		}
		return nil
	case value.List:
		for i, e := range v {
			if err := c.paths(out, at+"["+strconv.Itoa(i)+"]", e); err != nil {
				return err
			}
		}
		return nil
	}
	out.Set(at, v)
	return nil
}
