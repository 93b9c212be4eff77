// Package value holds the values of the language: nil, bool, int64, float64,
// string, *List, *Map and nothing else. Of brings every foreign value (YAML,
// JSON, INI, results of modules and functions) to one of these at the border.
package value

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Value is nil, bool, int64, float64, string, []Value or *Map.
// Values are not changed after they were made; whoever wants another makes a copy.
type Value = any

// List is a sequence of values.
type List = []Value

// Map keeps its keys, which are strings, in the order of their insertion.
// The zero Map is empty and ready for use; a nil *Map reads as empty.
type Map struct {
	keys []string
	at   map[string]int // nil while there are few keys: then they are looked through
	vals []Value
}

// fewKeys are looked through faster than an index of them is made.
const fewKeys = 8

// NewMap returns an empty map with room for n keys.
func NewMap(n int) *Map {
	m := &Map{keys: make([]string, 0, n), vals: make([]Value, 0, n)}
	if n > fewKeys {
		m.at = make(map[string]int, n)
	}
	return m
}

// index is where a key stands; false when it is not there.
func (m *Map) index(key string) (int, bool) {
	if m.at != nil {
		i, ok := m.at[key]
		return i, ok
	}
	i := slices.Index(m.keys, key)
	return i, i >= 0
}

// MapOf makes a map of alternating keys and values.
func MapOf(pairs ...any) *Map {
	m := NewMap(len(pairs) / 2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Set(pairs[i].(string), pairs[i+1])
	}
	return m
}

// Len is the number of keys.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.keys)
}

// Keys are the keys in order; the slice is not to be changed.
func (m *Map) Keys() []string {
	if m == nil {
		return nil
	}
	return m.keys
}

// Get returns the value of a key and whether it is there.
func (m *Map) Get(key string) (Value, bool) {
	if m == nil {
		return nil, false
	}
	i, ok := m.index(key)
	if !ok {
		return nil, false
	}
	return m.vals[i], true
}

// At is the i-th key with its value.
func (m *Map) At(i int) (string, Value) { return m.keys[i], m.vals[i] }

// Set puts a value under a key; a key that is there keeps its place.
func (m *Map) Set(key string, v Value) {
	if i, ok := m.index(key); ok {
		m.vals[i] = v
		return
	}
	m.keys = append(m.keys, key)
	m.vals = append(m.vals, v)
	switch {
	case m.at != nil:
		m.at[key] = len(m.keys) - 1
	case len(m.keys) > fewKeys:
		m.at = make(map[string]int, 2*fewKeys)
		for i, k := range m.keys {
			m.at[k] = i
		}
	}
}

// Delete removes a key, if it is there.
func (m *Map) Delete(key string) {
	i, ok := m.index(key)
	if !ok {
		return
	}
	m.keys = append(m.keys[:i:i], m.keys[i+1:]...)
	m.vals = append(m.vals[:i:i], m.vals[i+1:]...)
	delete(m.at, key)
	for k, j := range m.at {
		if j > i {
			m.at[k] = j - 1
		}
	}
}

// Clone copies the map, not the values in it.
func (m *Map) Clone() *Map {
	if m == nil {
		return NewMap(0)
	}
	return &Map{keys: slices.Clone(m.keys), vals: slices.Clone(m.vals), at: maps.Clone(m.at)}
}

// MarshalJSON writes the keys in their order.
func (m *Map) MarshalJSON() ([]byte, error) { return JSON(m) }

// JSON is the compact JSON text of a value: keys in order, no HTML escapes,
// floats with a point or exponent so that they come back as floats.
func JSON(v Value) ([]byte, error) { return appendJSON(nil, v) }

func appendJSON(b []byte, v Value) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case *Map:
		if v == nil {
			return append(b, "null"...), nil
		}
		b = append(b, '{')
		for i, k := range v.keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, k), ':')
			if b, err = appendJSON(b, v.vals[i]); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case List:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, e); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, fmt.Errorf("%v has no form in JSON", v)
		}
		return append(b, FloatText(v)...), nil
	case string:
		return appendText(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case nil:
		return append(b, "null"...), nil
	}
	x, err := marshal(v)
	return append(b, x...), err
}

// appendText writes a string; one that has nothing to escape as it stands.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			x, _ := marshal(s) // a string always has a form
			return append(b, x...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// ParseJSON reads one JSON text into a value: whole numbers become int64,
// numbers with a point or exponent float64, and keys keep their order.
func ParseJSON(data []byte) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := readJSON(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err == nil {
		return nil, fmt.Errorf("more text after the JSON value")
	}
	return v, nil
}

func readJSON(d *json.Decoder) (Value, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			l := List{}
			for d.More() {
				v, err := readJSON(d)
				if err != nil {
					return nil, err
				}
				l = append(l, v)
			}
			_, err := d.Token()
			return l, err
		}
		m := NewMap(0)
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := readJSON(d)
			if err != nil {
				return nil, err
			}
			m.Set(k.(string), v)
		}
		_, err := d.Token()
		return m, err
	case json.Number:
		return number(t)
	}
	return t, nil
}

func number(n json.Number) (Value, error) {
	if !strings.ContainsAny(string(n), ".eE") {
		if i, err := n.Int64(); err == nil {
			return i, nil
		}
		return nil, fmt.Errorf("%s does not fit into 64 bits", n)
	}
	f, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("%s does not fit a float", n)
	}
	return f, nil
}

// Of normalises a Go value into a Value. Unordered maps are sorted by key.
// It fails for what the language has no form for (channels, functions, keys that are no strings).
func Of(v any) (Value, error) {
	switch v := v.(type) {
	case nil, bool, int64, string:
		return v, nil
	case float64:
		return v, nil
	case *Map:
		if v == nil {
			return nil, nil
		}
		return v, nil
	case int:
		return int64(v), nil
	case json.Number:
		return number(v)
	case json.RawMessage:
		return ParseJSON(v)
	case *big.Int:
		return nil, fmt.Errorf("%s does not fit into 64 bits", v)
	case List:
		out := make(List, len(v))
		for i, e := range v {
			o, err := Of(e)
			if err != nil {
				return nil, err
			}
			out[i] = o
		}
		return out, nil
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Bool:
		return r.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if u := r.Uint(); u <= math.MaxInt64 {
			return int64(u), nil
		}
		return nil, fmt.Errorf("%d does not fit into 64 bits", r.Uint())
	case reflect.Float32, reflect.Float64:
		return r.Float(), nil
	case reflect.String:
		return r.String(), nil
	case reflect.Slice, reflect.Array:
		if r.Kind() == reflect.Slice && r.Type().Elem().Kind() == reflect.Uint8 {
			return string(r.Bytes()), nil
		}
		out := make(List, r.Len())
		for i := range out {
			o, err := Of(r.Index(i).Interface())
			if err != nil {
				return nil, err
			}
			out[i] = o
		}
		return out, nil
	case reflect.Map:
		if r.Type().Key().Kind() != reflect.String {
			return nil, fmt.Errorf("a map with keys of type %s has no form in the language", r.Type().Key())
		}
		keys := r.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
		m := NewMap(len(keys))
		for _, k := range keys {
			o, err := Of(r.MapIndex(k).Interface())
			if err != nil {
				return nil, err
			}
			m.Set(k.String(), o)
		}
		return m, nil
	case reflect.Pointer, reflect.Interface:
		if r.IsNil() {
			return nil, nil
		}
		if r.Kind() == reflect.Pointer && r.Elem().Kind() == reflect.Struct {
			break
		}
		return Of(r.Elem().Interface())
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("a %T has no form in the language", v)
	}
	return ParseJSON(b)
}

// TypeName is the name of a value's type as messages show it.
func TypeName(v Value) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "string"
	case List:
		return "list"
	case *Map:
		return "map"
	}
	return fmt.Sprintf("%T", v)
}

// Equal compares deeply; int64 and float64 compare by value, other types never equal each other.
func Equal(a, b Value) bool {
	switch x := a.(type) {
	case int64:
		switch y := b.(type) {
		case int64:
			return x == y
		case float64:
			return float64(x) == y
		}
		return false
	case float64:
		switch y := b.(type) {
		case int64:
			return x == float64(y)
		case float64:
			return x == y
		}
		return false
	case List:
		y, ok := b.(List)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !Equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case *Map:
		y, ok := b.(*Map)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for i, k := range x.Keys() {
			v, ok := y.Get(k)
			if !ok || !Equal(x.vals[i], v) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case List, *Map:
		return false
	}
	return a == b
}

// Text is a value's form inside a larger text: strings as they are, booleans
// true and false, floats as Python prints them, lists and maps as JSON.
func Text(v Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return FloatText(v)
	}
	b, err := JSON(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// FloatText prints a float as Python's repr does: 2.0, 0.1, 1e+16, inf, nan.
func FloatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// Short is a value as one short line for a message, at most n characters.
func Short(v Value, n int) string {
	var s string
	if t, ok := v.(string); ok {
		s = strconv.Quote(t)
	} else {
		s = Text(v)
	}
	if utf8.RuneCountInString(s) > n {
		r := []rune(s)
		return string(r[:n-1]) + "…"
	}
	return s
}
