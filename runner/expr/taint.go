package expr

import (
	"sort"
	"strconv"

	"github.com/mxplay/mxplay/runner/value"
)

// Taint says which secrets a value was made of, and where in a list or map
// they are. A nil Taint is none. A Taint is not changed after it was made.
type Taint struct {
	Origins []string          // the secrets the whole value was made of, sorted
	Fields  map[string]*Taint // of single members; a list's are under "0", "1", …
}

// Secret is the taint of a value that is itself a secret.
func Secret(s string) *Taint {
	if s == "" {
		return nil
	}
	return &Taint{Origins: []string{s}}
}

// SecretValue is the taint of a value each of whose strings is a secret; its
// booleans and numbers are not.
func SecretValue(v value.Value) *Taint {
	switch v := v.(type) {
	case string:
		return Secret(v)
	case value.List:
		var t *Taint
		for i, e := range v {
			t = t.WithField(strconv.Itoa(i), SecretValue(e))
		}
		return t
	case *value.Map:
		var t *Taint
		for i := range v.Len() {
			k, e := v.At(i)
			t = t.WithField(k, SecretValue(e))
		}
		return t
	}
	return nil
}

// All are the secrets of the value and of all its members, sorted, each once.
func (t *Taint) All() []string {
	if t == nil {
		return nil
	}
	if len(t.Fields) == 0 {
		return t.Origins
	}
	seen := map[string]bool{}
	t.collect(seen)
	out := make([]string, 0, len(seen))
	for s := range seen {
		out = append(out, s)
	}
	sort.Strings(out)
	return out
}

func (t *Taint) collect(seen map[string]bool) {
	if t == nil {
		return
	}
	for _, s := range t.Origins {
		seen[s] = true
	}
	for _, f := range t.Fields {
		f.collect(seen)
	}
}

// Flat is the taint without its members' places.
func (t *Taint) Flat() *Taint {
	if t == nil || len(t.Fields) == 0 {
		return t
	}
	all := t.All()
	if len(all) == 0 {
		return nil
	}
	return &Taint{Origins: all}
}

// Union is the taint of a value that was made of both.
func (t *Taint) Union(u *Taint) *Taint {
	t, u = t.Flat(), u.Flat()
	if u == nil || t == u {
		return t
	}
	if t == nil {
		return u
	}
	seen := map[string]bool{}
	t.collect(seen)
	n := len(seen)
	u.collect(seen)
	if len(seen) == n {
		return t
	}
	out := make([]string, 0, len(seen))
	for s := range seen {
		out = append(out, s)
	}
	sort.Strings(out)
	return &Taint{Origins: out}
}

// Member is the taint of a member of the value.
func (t *Taint) Member(key string) *Taint {
	if t == nil {
		return nil
	}
	f := t.Fields[key]
	if len(t.Origins) == 0 {
		return f
	}
	own := &Taint{Origins: t.Origins}
	if f == nil {
		return own
	}
	return own.Union(f)
}

// WithField is the taint with that of a member added; f may be nil.
func (t *Taint) WithField(key string, f *Taint) *Taint {
	if f == nil {
		return t
	}
	n := &Taint{Fields: map[string]*Taint{}}
	if t != nil {
		n.Origins = t.Origins
		for k, v := range t.Fields {
			n.Fields[k] = v
		}
	}
	n.Fields[key] = f
	return n
}
