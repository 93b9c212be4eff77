package expr

import (
	"errors"
	"strconv"

	"github.com/mxplay/mxplay/runner/value"
)

func (n *litNode) eval(*evaluator) (value.Value, error) { return n.v, nil }

func (n *identNode) eval(ev *evaluator) (value.Value, error) { return ev.use(n.path(ev)) }

func (n *identNode) path(ev *evaluator) (value.Value, *Taint, error) {
	if err := ev.step(n); err != nil {
		return nil, nil, err
	}
	return ev.lookup(n)
}

func (n *pointerNode) eval(ev *evaluator) (value.Value, error) {
	if len(ev.items) == 0 {
		return nil, ev.errorf(n, "# stands outside of a closure")
	}
	e := ev.items[len(ev.items)-1]
	switch n.name {
	case "index":
		return e.index, nil
	case "acc":
		return e.acc, nil
	}
	return e.v, nil
}

func (n *chainNode) eval(ev *evaluator) (value.Value, error) { return ev.use(n.path(ev)) }

// errChain ends a chain whose ?. met null.
var errChain = errors.New("null in a chain")

func (n *chainNode) path(ev *evaluator) (value.Value, *Taint, error) {
	v, t, err := ev.value(n.n)
	if err == errChain {
		return nil, nil, nil
	}
	return v, t, err
}

func (n *memberNode) eval(ev *evaluator) (value.Value, error) { return ev.use(n.path(ev)) }

func (n *memberNode) path(ev *evaluator) (value.Value, *Taint, error) {
	if err := ev.step(n); err != nil {
		return nil, nil, err
	}
	base, taint, err := ev.value(n.base)
	if err != nil {
		return nil, nil, err
	}
	if u, ok := base.(*undefined); ok {
		return u, nil, nil
	}
	if base == nil && n.opt {
		return nil, nil, errChain
	}
	if n.index == nil {
		return ev.member(n, base, taint, n.name)
	}
	key, err := ev.want(n.index)
	if err != nil {
		return nil, nil, err
	}
	switch k := key.(type) {
	case string:
		if _, list := base.(value.List); list {
			return nil, nil, ev.errorf(n, "the index of a list is an int, not %s", describe(key))
		}
		return ev.member(n, base, taint, k)
	case int64:
		return ev.element(n, base, taint, k)
	}
	return nil, nil, ev.errorf(n, "an index is an int or a string, not %s", describe(key))
}

// member is base.key.
func (ev *evaluator) member(n *memberNode, base value.Value, taint *Taint, key string) (value.Value, *Taint, error) {
	why := ""
	switch b := base.(type) {
	case *value.Map:
		v, ok := b.Get(key)
		if v == Unknown {
			return nil, nil, errUnknown
		}
		if ok {
			return v, taint.Member(key), nil
		}
		why = "it has no member " + key
		if c := similar(key, b.Keys()); len(c) > 0 {
			why += ", but " + c[0]
		}
	case Object:
		v, t, err := ev.get(b, key, n)
		if u, ok := v.(*undefined); ok && u.err == nil {
			u.why = "nothing of that name is there"
		}
		return v, t, err
	case *omitValue:
		return nil, nil, ev.errorf(n, "omit has no members")
	default:
		why = pathOf(n.base) + " is " + article(value.TypeName(base)) + " and has no members"
		if base == nil {
			why = pathOf(n.base) + " is null"
		}
	}
	return &undefined{n: n, o: ev.o, why: why}, nil, nil
}

// element is base[i], counted from the end when i is negative.
func (ev *evaluator) element(n *memberNode, base value.Value, taint *Taint, i int64) (value.Value, *Taint, error) {
	var size int64
	at := func() int64 {
		if i < 0 {
			return i + size
		}
		return i
	}
	switch b := base.(type) {
	case value.List:
		size = int64(len(b))
		if j := at(); j >= 0 && j < size {
			if b[j] == Unknown {
				return nil, nil, errUnknown
			}
			return b[j], taint.Member(strconv.FormatInt(j, 10)), nil
		}
	case string:
		if ascii(b) {
			size = int64(len(b))
			if j := at(); j >= 0 && j < size {
				return b[j : j+1], taint, nil
			}
			break
		}
		r := []rune(b)
		size = int64(len(r))
		if j := at(); j >= 0 && j < size {
			return string(r[j]), taint, nil
		}
	case *value.Map, Object:
		return nil, nil, ev.errorf(n, "the keys of a map are strings, not ints").WithHint("write %s[%q]", pathOf(n.base), strconv.FormatInt(i, 10))
	default:
		return &undefined{n: n, o: ev.o, why: pathOf(n.base) + " is " + article(value.TypeName(base)) + " and has no items"}, nil, nil
	}
	return &undefined{n: n, o: ev.o, why: "it has " + plural(size, "item")}, nil, nil
}

func plural(n int64, what string) string {
	s := strconv.FormatInt(n, 10) + " " + what
	if n != 1 {
		s += "s"
	}
	return s
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func (n *sliceNode) eval(ev *evaluator) (value.Value, error) {
	if err := ev.step(n); err != nil {
		return nil, err
	}
	base, err := n.base.eval(ev)
	if err != nil {
		return nil, err
	}
	if _, ok := base.(*undefined); ok {
		return base, nil
	}
	bounds := [2]*int64{}
	for i, b := range []node{n.from, n.to} {
		if b == nil {
			continue
		}
		v, err := ev.want(b)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		k, ok := v.(int64)
		if !ok {
			return nil, ev.errorf(b, "a slice is cut at ints, not at %s", describe(v))
		}
		bounds[i] = &k
	}
	switch b := base.(type) {
	case value.List:
		from, to := cut(len(b), bounds)
		if err := ev.spend(n, to-from); err != nil {
			return nil, err
		}
		return append(value.List{}, b[from:to]...), nil
	case string:
		if ascii(b) {
			from, to := cut(len(b), bounds)
			return b[from:to], nil
		}
		r := []rune(b)
		from, to := cut(len(r), bounds)
		return string(r[from:to]), nil
	}
	return nil, ev.errorf(n, "only lists and strings have slices, this is %s", describe(base))
}

// cut brings the bounds of a slice into 0..n as Python does.
func cut(n int, b [2]*int64) (int, int) {
	clamp := func(p *int64, missing int) int {
		if p == nil {
			return missing
		}
		k := *p
		if k < 0 {
			k += int64(n)
		}
		return int(min(max(k, 0), int64(n)))
	}
	from, to := clamp(b[0], 0), clamp(b[1], n)
	return from, max(from, to)
}
