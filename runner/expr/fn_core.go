package expr

import (
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// coreFunctions are those about being defined, types and conversion.
func coreFunctions() []*Function {
	return []*Function{
		{Name: "default", Params: []Param{p("value", KAny), p("instead", KAny), opt("empty", KBool, "false")}, Result: KAny, lazy: true,
			Doc:     "value, or instead when value is undefined; with empty true also when it is null, false, zero or empty. instead is evaluated only then.",
			Example: []string{`default(nope, 1)`, `1`, `default("", "d", true)`, `"d"`, `default("", "d")`, `""`, `nope.a.b | default([])`, `[]`},
			call:    callDefault},
		{Name: "defined", Params: []Param{p("value", KAny)}, Result: KBool, lazy: true,
			Doc:     "whether value is defined; null is.",
			Example: []string{`defined(nope)`, `false`, `defined(nope.a)`, `false`, `defined(null)`, `true`},
			call: func(c *call) (value.Value, error) {
				v, err := c.n.args[0].eval(c.ev)
				if err != nil {
					return nil, err
				}
				_, undef := v.(*undefined)
				return !undef, nil
			}},
		{Name: "mandatory", Params: []Param{p("value", KAny), opt("message", KString, "null")}, Result: KAny, lazy: true,
			Doc:     "value; an error with the message when it is undefined.",
			Example: []string{`mandatory(1)`, `1`},
			call: func(c *call) (value.Value, error) {
				v, err := c.n.args[0].eval(c.ev)
				if err != nil {
					return nil, err
				}
				if u, ok := v.(*undefined); ok {
					if len(c.n.args) < 2 {
						return nil, u.fail(c.ev)
					}
					m, err := c.ev.want(c.n.args[1])
					if err != nil {
						return nil, err
					}
					return nil, c.errorf("%s", value.Text(m))
				}
				return v, nil
			}},
		{Name: "ternary", Params: []Param{p("condition", KBool|KNull), p("yes", KAny), p("no", KAny), opt("null", KAny, "no")}, Result: KAny, lazy: true,
			Doc:     "yes or no; when condition is null the last argument. Only the one that is taken is evaluated.",
			Example: []string{`ternary(1 < 2, "a", "b")`, `"a"`, `true | ternary("a", nope)`, `"a"`},
			call: func(c *call) (value.Value, error) {
				v, err := c.ev.want(c.n.args[0])
				if err != nil {
					return nil, err
				}
				if v == nil && len(c.n.args) > 3 {
					return c.n.args[3].eval(c.ev)
				}
				if v == nil {
					v = false
				}
				b, ok := v.(bool)
				if !ok {
					return nil, c.ev.notBool(c.n.args[0], v)
				}
				if b {
					return c.n.args[1].eval(c.ev)
				}
				return c.n.args[2].eval(c.ev)
			}},
		{Name: "omit", Params: []Param{p("value", KAny)}, Result: KAny, lazy: true,
			Doc:     "value, or omit when it is undefined: the argument is then left out.",
			Example: []string{`omit(1)`, `1`},
			call: func(c *call) (value.Value, error) {
				v, err := c.n.args[0].eval(c.ev)
				if _, undef := v.(*undefined); undef && err == nil {
					return Omit, nil
				}
				return v, err
			}},
		{Name: "bool", Params: []Param{p("value", KAny)}, Result: KBool,
			Doc:     "value as a boolean: true, yes, on, y, t, 1 and false, no, off, n, f, 0 in any case; anything else is an error.",
			Example: []string{`bool("yes")`, `true`, `bool(0)`, `false`, `bool("False")`, `false`},
			call: func(c *call) (value.Value, error) {
				b, ok := asBool(c.args[0])
				if !ok {
					return nil, c.fail("write truthy(x) to ask whether it is not empty", "%s is neither true nor false", describe(c.args[0]))
				}
				return b, nil
			}},
		{Name: "truthy", Params: []Param{p("value", KAny), opt("convert_bool", KBool, "false")}, Result: KBool,
			Doc:     "whether value is neither null nor false, zero or empty; with convert_bool a text such as no or false counts as false.",
			Example: []string{`truthy("")`, `false`, `truthy([0])`, `true`, `truthy("no", true)`, `false`},
			call:    func(c *call) (value.Value, error) { return c.truthy(), nil }},
		{Name: "falsy", Params: []Param{p("value", KAny), opt("convert_bool", KBool, "false")}, Result: KBool,
			Doc:     "whether value is null, false, zero or empty; with convert_bool also a text such as no or false.",
			Example: []string{`falsy({})`, `true`},
			call:    func(c *call) (value.Value, error) { return !c.truthy(), nil }},
		{Name: "int", Params: []Param{p("value", KAny), opt("instead", KAny, "0"), opt("base", KInt, "10")}, Result: KInt,
			Doc:     "value as an int, cut towards zero; a text that is no number gives instead.",
			Example: []string{`int("42")`, `42`, `int(3.9)`, `3`, `int("x", 7)`, `7`, `int("ff", 0, 16)`, `255`, `"1.5" | int()`, `1`},
			call:    callInt},
		{Name: "float", Params: []Param{p("value", KAny), opt("instead", KAny, "0.0")}, Result: KFloat,
			Doc:     "value as a float; a text that is no number gives instead.",
			Example: []string{`float("1.5")`, `1.5`, `float(2)`, `2.0`, `float("x", 0.5)`, `0.5`},
			call: func(c *call) (value.Value, error) {
				switch v := c.args[0].(type) {
				case int64:
					return float64(v), nil
				case float64:
					return v, nil
				case bool:
					return map[bool]float64{true: 1}[v], nil
				case string:
					if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
						return f, nil
					}
				}
				if len(c.args) > 1 {
					return c.args[1], nil
				}
				return 0.0, nil
			}},
		{Name: "string", Params: []Param{p("value", KAny)}, Result: KString,
			Doc:     "value as text: as it would stand in a larger text; null is empty.",
			Example: []string{`string(1)`, `"1"`, `string(4/2)`, `"2.0"`, `string(true)`, `"true"`, `string([1, "a"])`, `'[1,"a"]'`},
			call: func(c *call) (value.Value, error) {
				if c.args[0] == nil {
					return "", nil
				}
				s, bad := inText(c.args[0])
				if bad != "" {
					return nil, c.errorf("%s", bad)
				}
				return s, nil
			}},
		{Name: "type_debug", Params: []Param{p("value", KAny)}, Result: KString,
			Doc:     "the name of the value's type: null, bool, int, float, string, list, map.",
			Example: []string{`type_debug(1.0)`, `"float"`},
			call:    func(c *call) (value.Value, error) { return value.TypeName(c.args[0]), nil }},
		isKind("is_string", "a string", `is_string("a")`, KString),
		isKind("is_mapping", "a map", `is_mapping({"a": 1})`, KMap),
		isKind("is_number", "an int or a float", `is_number(1)`, KNumber),
		isKind("is_integer", "an int", `is_integer(1)`, KInt),
		isKind("is_float", "a float", `is_float(1.5)`, KFloat),
		isKind("is_boolean", "true or false", `is_boolean(false)`, KBool),
		isKind("is_list", "a list", `is_list([])`, KList),
		isKind("is_iterable", "a list, a map or a string", `is_iterable("a")`, KList|KMap|KString),
		isKind("is_sequence", "a list, a map or a string", `is_sequence([])`, KList|KMap|KString),
	}
}

func isKind(name, what, example string, k Kind) *Function {
	return &Function{Name: name, Params: []Param{p("value", KAny)}, Result: KBool, Doc: "whether value is " + what + ".", Example: []string{example, "true"},
		call: func(c *call) (value.Value, error) { return kindOf(c.args[0])&k != 0, nil }}
}

func callDefault(c *call) (value.Value, error) {
	v, t, err := c.ev.value(c.n.args[0])
	if err != nil {
		return nil, err
	}
	_, undef := v.(*undefined)
	if !undef && len(c.n.args) > 2 {
		flag, err := c.ev.cond(c.n.args[2])
		if err != nil {
			return nil, err
		}
		undef = flag && empty(v)
	}
	if undef {
		return c.n.args[1].eval(c.ev)
	}
	c.ev.addTaint(t)
	return v, nil
}

// truthy tells whether the first argument is neither null nor false, zero or empty.
func (c *call) truthy() bool {
	if s, ok := c.args[0].(string); ok && c.boolOr(1, false) {
		if b, ok := asBool(s); ok {
			return b
		}
	}
	return !empty(c.args[0])
}

// empty tells what Python takes for false.
func empty(v value.Value) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case int64:
		return v == 0
	case float64:
		return v == 0
	case string:
		return v == ""
	case value.List:
		return len(v) == 0
	case *value.Map:
		return v.Len() == 0
	case Object:
		return len(v.Keys()) == 0
	}
	return false
}

// asBool reads what Ansible takes for a boolean.
func asBool(v value.Value) (b, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case int64:
		return v == 1, v == 0 || v == 1
	case float64:
		return v == 1, v == 0 || v == 1
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes", "on", "y", "t", "1", "1.0":
			return true, true
		case "false", "no", "off", "n", "f", "0", "0.0", "":
			return false, true
		}
	case nil:
		return false, true
	}
	return false, false
}

func callInt(c *call) (value.Value, error) {
	switch v := c.args[0].(type) {
	case int64:
		return v, nil
	case bool:
		return map[bool]int64{true: 1}[v], nil
	case float64:
		if v >= -1<<63 && v < 1<<63 {
			return int64(v), nil
		}
		return nil, c.errorf("%s does not fit into 64 bits", value.FloatText(v))
	case string:
		base := c.intOr(2, 10)
		s := strings.TrimSpace(v)
		if base == 16 {
			s = strings.TrimPrefix(strings.ToLower(s), "0x")
		}
		if base < 2 || base > 36 {
			return nil, c.errorf("a base is 2 to 36")
		}
		if i, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), int(base), 64); err == nil {
			return i, nil
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil && base == 10 && f >= -1<<63 && f < 1<<63 {
			return int64(f), nil
		}
	}
	if len(c.args) > 1 {
		return c.args[1], nil
	}
	return int64(0), nil
}
