package runner

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// convert brings a value to a field's type without loss, as Ansible does
// ("80" to int, yes to bool, int to string); everything else is an error.
// raw is the text the value was written as, "" when it was computed.
func convert(t modules.Type, v value.Value, raw string) (value.Value, error) {
	switch t.Kind {
	case modules.Any:
		return v, nil
	case modules.Bool:
		return toBool(v)
	case modules.Int:
		return toInt(v)
	case modules.Float:
		return toFloat(v)
	case modules.String:
		return toString(v, raw)
	case modules.Path:
		s, err := toString(v, raw)
		if err != nil {
			return nil, err
		}
		p := s.(string)
		if p != "" && !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "~") {
			return nil, fmt.Errorf("%s is no absolute path on the host", value.Short(p, 60))
		}
		return p, nil
	case modules.ModeT:
		return toMode(v, raw)
	case modules.List:
		return toList(t, v, raw)
	case modules.Map:
		m, ok := v.(*value.Map)
		if !ok {
			return nil, mismatch("a dict", v)
		}
		out := value.NewMap(m.Len())
		for i := range m.Len() {
			k, e := m.At(i)
			c, err := convert(*t.Elem, e, "")
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			out.Set(k, c)
		}
		return out, nil
	case modules.Struct:
		m, ok := v.(*value.Map)
		if !ok {
			return nil, mismatch("a dict with "+strings.Join(t.Struct.Names(), ", "), v)
		}
		return fill(t.Struct, m)
	}
	return nil, fmt.Errorf("no conversion to %s", t.Kind)
}

// fill converts a map to a spec's canonical form: names for aliases, defaults
// for what is missing, an error for what is unknown or required and missing.
func fill(s *modules.Spec, m *value.Map) (*value.Map, error) {
	out := value.NewMap(len(s.Fields))
	for i := range m.Len() {
		k, e := m.At(i)
		f := s.Field(k)
		if f == nil {
			if s.Free {
				out.Set(k, e)
				continue
			}
			return nil, unknownName(k, s)
		}
		c, err := convertField(f, e, "")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		if _, twice := out.Get(f.Name); twice {
			return nil, fmt.Errorf("%s is given twice, also under another name of it", f.Name)
		}
		out.Set(f.Name, c)
	}
	return out, complete(s, out)
}

// complete sets the defaults of what is missing and refuses what is required and missing.
func complete(s *modules.Spec, out *value.Map) error {
	for i := range s.Fields {
		f := &s.Fields[i]
		if _, there := out.Get(f.Name); there {
			continue
		}
		switch {
		case f.Required:
			return fmt.Errorf("%s is required", f.Name)
		case f.Default != "" && f.Type.Kind != modules.ContentT:
			d, err := defaultOf(f)
			if err != nil {
				return fmt.Errorf("default of %s: %w", f.Name, err)
			}
			out.Set(f.Name, d)
		}
	}
	return nil
}

// defaults remembers the values of defaults that are scalars: the few texts
// there are would be read as YAML again for each argument of each call.
var defaults sync.Map

type defaultKey struct {
	kind modules.TypeKind
	text string
}

func defaultOf(f *modules.Field) (value.Value, error) {
	key := defaultKey{f.Type.Kind, f.Default}
	if v, ok := defaults.Load(key); ok {
		return v, nil
	}
	v, err := readDefault(f)
	switch v.(type) {
	case bool, int64, float64, string:
		if err == nil {
			defaults.Store(key, v)
		}
	}
	return v, err
}

func readDefault(f *modules.Field) (value.Value, error) {
	nodes, err := source.ReadYAML("default", []byte(f.Default))
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 {
		return nil, nil
	}
	return convert(f.Type, nodes[0].Plain(), f.Default)
}

func convertField(f *modules.Field, v value.Value, raw string) (value.Value, error) {
	c, err := convert(f.Type, v, raw)
	if err != nil || len(f.Enum) == 0 {
		return c, err
	}
	s, ok := c.(string)
	if !ok || s == "" {
		return c, nil
	}
	for _, e := range f.Enum {
		if s == e {
			return c, nil
		}
	}
	e := &source.Error{Msg: fmt.Sprintf("%s is not one of %s", value.Short(s, 40), strings.Join(f.Enum, ", "))}
	if m := source.DidYouMean(s, f.Enum); m != "" {
		e.Hint = "did you mean " + m + "?"
	}
	return nil, e
}

func unknownName(name string, s *modules.Spec) error {
	names := s.Names()
	for _, f := range s.Fields {
		names = append(names, f.Aliases...)
	}
	e := &source.Error{Msg: fmt.Sprintf("there is no argument %s", name)}
	if m := source.DidYouMean(name, names); m != "" {
		e.Hint = "did you mean " + m + "?"
	} else {
		e.Hint = "there are " + strings.Join(s.Names(), ", ")
	}
	return e
}

func mismatch(want string, v value.Value) error {
	return fmt.Errorf("wants %s, not the %s %s", want, value.TypeName(v), value.Short(v, 60))
}

func toBool(v value.Value) (value.Value, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case int64:
		if v == 0 || v == 1 {
			return v == 1, nil
		}
	case string:
		switch strings.ToLower(v) {
		case "yes", "on", "true", "1", "y", "t":
			return true, nil
		case "no", "off", "false", "0", "n", "f":
			return false, nil
		}
	}
	return nil, mismatch("true or false", v)
}

func toInt(v value.Value) (value.Value, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
	case string:
		if i, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return i, nil
		}
	}
	return nil, mismatch("a whole number", v)
}

func toFloat(v value.Value) (value.Value, error) {
	switch v := v.(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			return f, nil
		}
	}
	return nil, mismatch("a number", v)
}

func toString(v value.Value, raw string) (value.Value, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int64, float64:
		if raw != "" {
			return raw, nil
		}
		return value.Text(v), nil
	case bool:
		// Ansible gives "True"; the text that was written is what a person means
		if raw != "" {
			return raw, nil
		}
		return value.Text(v), nil
	}
	return nil, mismatch("a text", v)
}

func toList(t modules.Type, v value.Value, raw string) (value.Value, error) {
	var items value.List
	switch v := v.(type) {
	case value.List:
		items = v
	case string:
		// as in Ansible, a text is a list of what its commas part
		if v == "" {
			items = value.List{}
		} else if t.Elem.Kind == modules.String || t.Elem.Kind == modules.Int || t.Elem.Kind == modules.Path {
			for _, p := range strings.Split(v, ",") {
				items = append(items, strings.TrimSpace(p))
			}
		} else {
			items = value.List{v}
		}
	case nil:
		return nil, mismatch("a list", v)
	case *value.Map:
		if t.Elem.Kind != modules.Struct && t.Elem.Kind != modules.Map && t.Elem.Kind != modules.Any {
			return nil, mismatch("a list", v)
		}
		items = value.List{v}
	default:
		items = value.List{v}
	}
	out := make(value.List, len(items))
	for i, e := range items {
		c, err := convert(*t.Elem, e, "")
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i+1, err)
		}
		out[i] = c
	}
	return out, nil
}

var (
	octalText = regexp.MustCompile(`^(0o?)?[0-7]{3,4}$`)
	symbols   = regexp.MustCompile(`^[ugoa]*([-+=]([rwxXst]*|[ugo]))+(,[ugoa]*([-+=]([rwxXst]*|[ugo]))+)*$`)
)

// toMode reads a file mode. A number that was written without a leading zero
// is a decimal number to YAML and means something else than it says.
func toMode(v value.Value, raw string) (value.Value, error) {
	switch v := v.(type) {
	case string:
		s := strings.TrimSpace(v)
		switch {
		case s == "" || s == "preserve":
			return s, nil
		case octalText.MatchString(s):
			s = strings.TrimLeft(strings.TrimPrefix(s, "0o"), "0")
			return strings.Repeat("0", max(0, 4-len(s))) + s, nil
		case symbols.MatchString(s):
			return s, nil
		}
		return nil, fmt.Errorf("%s is no file mode", value.Short(s, 40))
	case int64:
		if raw != "" && !strings.HasPrefix(raw, "0") {
			e := &source.Error{Msg: fmt.Sprintf("the mode %s is a decimal number here", raw)}
			if octalText.MatchString(raw) {
				e.Hint = fmt.Sprintf("write mode: %q", "0"+strings.TrimPrefix(raw, "0"))
			}
			return nil, e
		}
		if v < 0 || v > 0o7777 {
			return nil, fmt.Errorf("%d is no file mode", v)
		}
		return fmt.Sprintf("%04o", v), nil
	}
	return nil, mismatch(`a file mode such as "0644"`, v)
}
