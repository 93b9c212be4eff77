package expr

import (
	"sort"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// mapFunctions are those on maps.
func mapFunctions() []*Function {
	m := p("map", KMap)
	names := []Param{opt("key_name", KString, `"key"`), opt("value_name", KString, `"value"`)}
	return []*Function{
		{Name: "keys", Params: []Param{p("map", KMap|KObject)}, Result: KList, Doc: "the keys, in order.", Example: []string{`keys({"b": 1, "a": 2})`, `["b", "a"]`},
			call: func(c *call) (value.Value, error) {
				if o, ok := c.args[0].(Object); ok {
					out := value.List{}
					for _, k := range c.ev.keys(o) {
						out = append(out, k)
					}
					return out, nil
				}
				return keyList(c.mapping(0)), nil
			}},
		{Name: "values", Params: []Param{m}, Result: KList, Doc: "the values, in the order of the keys.", Example: []string{`values({"b": 1, "a": 2})`, `[1, 2]`},
			call: func(c *call) (value.Value, error) {
				out := value.List{}
				for i := range c.mapping(0).Len() {
					_, v := c.mapping(0).At(i)
					out = append(out, v)
				}
				return out, nil
			}},
		{Name: "dict2items", Params: append([]Param{m}, names...), Result: KList, Doc: "a list of maps with key and value.", Example: []string{`dict2items({"a": 1})`, `[{"key": "a", "value": 1}]`, `dict2items({"a": 1}, "k", "v")`, `[{"k": "a", "v": 1}]`},
			call: func(c *call) (value.Value, error) {
				out := value.List{}
				for i := range c.mapping(0).Len() {
					k, v := c.mapping(0).At(i)
					out = append(out, value.MapOf(c.strOr(1, "key"), k, c.strOr(2, "value"), v))
				}
				return out, nil
			}},
		{Name: "items", Params: []Param{m}, Result: KList, Doc: "a list of [key, value].", Example: []string{`items({"a": 1})`, `[["a", 1]]`},
			call: func(c *call) (value.Value, error) {
				out := value.List{}
				for i := range c.mapping(0).Len() {
					k, v := c.mapping(0).At(i)
					out = append(out, value.List{k, v})
				}
				return out, nil
			}},
		{Name: "items2dict", Params: append([]Param{p("list", KList)}, names...), Result: KMap, Doc: "a map of a list of maps with key and value.", Example: []string{`items2dict([{"key": "a", "value": 1}])`, `{"a": 1}`},
			call: func(c *call) (value.Value, error) {
				out := value.NewMap(len(c.list(0)))
				for i, e := range c.list(0) {
					k, ok1 := memberOf(e, c.strOr(1, "key"))
					v, ok2 := memberOf(e, c.strOr(2, "value"))
					if !ok1 || !ok2 {
						return nil, c.errorf("item %d has no %s or no %s", i, c.strOr(1, "key"), c.strOr(2, "value"))
					}
					s, bad := inText(k)
					if bad != "" {
						return nil, c.errorf("item %d: %s as a key", i, bad)
					}
					out.Set(s, v)
				}
				return out, nil
			}},
		{Name: "dictsort", Params: []Param{m, opt("case_sensitive", KBool, "false"), opt("by", KString, `"key"`), opt("reverse", KBool, "false")}, Result: KList,
			Doc: `a list of [key, value], sorted by "key" or "value".`, Example: []string{`dictsort({"b": 1, "A": 2})`, `[["A", 2], ["b", 1]]`, `dictsort({"b": 1, "A": 2}, false, "value")`, `[["b", 1], ["A", 2]]`},
			call: func(c *call) (value.Value, error) {
				items, keys := value.List{}, value.List{}
				by := c.strOr(2, "key")
				if by != "key" && by != "value" {
					return nil, c.errorf(`by is "key" or "value"`)
				}
				for i := range c.mapping(0).Len() {
					k, v := c.mapping(0).At(i)
					items = append(items, value.List{k, v})
					var key value.Value = k
					if by == "value" {
						key = v
					}
					if s, ok := key.(string); ok && !c.boolOr(1, false) {
						key = strings.ToLower(s)
					}
					keys = append(keys, key)
				}
				return c.sorted(items, keys, c.boolOr(3, false))
			}},
		{Name: "combine", Params: []Param{p("map", KMap|KList), rest("others", KMap|KList|KBool|KString)}, Result: KMap,
			Doc: "the maps as one, later keys win. A true after them merges maps in maps too; a text after that says what becomes of lists: replace, keep, append, prepend, append_rp, prepend_rp.",
			Example: []string{`combine({"a": 1}, {"b": 2})`, `{"a": 1, "b": 2}`, `combine({"a": {"x": 1}}, {"a": {"y": 2}}, true)`, `{"a": {"x": 1, "y": 2}}`,
				`combine({"a": [1]}, {"a": [2]}, true, "append")`, `{"a": [1, 2]}`},
			call: callCombine},
		{Name: "subelements", Params: []Param{p("list", KList|KMap), p("member", KString|KList), opt("skip_missing", KBool, "false")}, Result: KList,
			Doc: "a list of [item, sub] for each sub of the list that member names in each item.", Example: []string{`subelements([{"n": "a", "k": [1, 2]}], "k")`, `[[{"n": "a", "k": [1, 2]}, 1], [{"n": "a", "k": [1, 2]}, 2]]`},
			call: callSubelements},
	}
}

func callCombine(c *call) (value.Value, error) {
	var maps []*value.Map
	recursive, merge := false, "replace"
	var take func(v value.Value) error
	take = func(v value.Value) error {
		switch v := v.(type) {
		case *value.Map:
			maps = append(maps, v)
		case value.List:
			for _, e := range v {
				if _, ok := e.(*value.Map); !ok {
					return c.errorf("%s is no map", describe(e))
				}
				if err := take(e); err != nil {
					return err
				}
			}
		case bool:
			recursive = v
		case string:
			merge = v
		}
		return nil
	}
	for _, a := range c.args {
		if err := take(a); err != nil {
			return nil, err
		}
	}
	switch merge {
	case "replace", "keep", "append", "prepend", "append_rp", "prepend_rp":
	default:
		return nil, c.errorf("%q is no way to merge lists: replace, keep, append, prepend, append_rp, prepend_rp", merge)
	}
	out := value.NewMap(0)
	for _, m := range maps {
		var err error
		if out, err = c.merge(out, m, recursive, merge); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *call) merge(a, b *value.Map, recursive bool, lists string) (*value.Map, error) {
	if err := c.spend(a.Len() + b.Len()); err != nil {
		return nil, err
	}
	out := a.Clone()
	for i := range b.Len() {
		k, v := b.At(i)
		old, ok := out.Get(k)
		om, isMap := old.(*value.Map)
		vm, toMap := v.(*value.Map)
		ol, isList := old.(value.List)
		vl, toList := v.(value.List)
		switch {
		case ok && isMap && toMap && recursive:
			m, err := c.merge(om, vm, true, lists)
			if err != nil {
				return nil, err
			}
			v = m
		case ok && isList && toList:
			v = mergeLists(ol, vl, lists)
		}
		out.Set(k, v)
	}
	return out, nil
}

func mergeLists(a, b value.List, how string) value.List {
	minus := func(l, other value.List) value.List {
		in, out := newIndex(other), value.List{}
		for _, v := range l {
			if !in.has(v) {
				out = append(out, v)
			}
		}
		return out
	}
	switch how {
	case "keep":
		return a
	case "append":
		return append(a[:len(a):len(a)], b...)
	case "prepend":
		return append(b[:len(b):len(b)], a...)
	case "append_rp":
		return append(minus(a, b), b...)
	case "prepend_rp":
		return append(b[:len(b):len(b)], minus(a, b)...)
	}
	return b
}

func callSubelements(c *call) (value.Value, error) {
	items := value.List{}
	if m := c.mapping(0); m != nil {
		keys := append([]string{}, m.Keys()...)
		sort.Strings(keys)
		for i := range m.Len() {
			_, v := m.At(i)
			items = append(items, v)
		}
	} else {
		items = c.list(0)
	}
	var path []string
	if l, ok := c.args[1].(value.List); ok {
		for _, e := range l {
			path = append(path, value.Text(e))
		}
	} else {
		path = strings.Split(c.str(1), ".")
	}
	out := value.List{}
	for i, item := range items {
		v, ok := item, true
		for _, part := range path {
			if v, ok = memberOf(v, part); !ok {
				break
			}
		}
		if !ok {
			if c.boolOr(2, false) {
				continue
			}
			return nil, c.fail("the third argument true leaves such items out", "item %d has no %s", i, strings.Join(path, "."))
		}
		subs, ok := v.(value.List)
		if !ok {
			return nil, c.errorf("%s of item %d is %s, not a list", strings.Join(path, "."), i, describe(v))
		}
		if err := c.spend(len(subs)); err != nil {
			return nil, err
		}
		for _, s := range subs {
			out = append(out, value.List{item, s})
		}
	}
	return out, nil
}
