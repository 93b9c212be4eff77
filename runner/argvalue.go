package runner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// specWalk holds an argument of a role against the option that describes it
// and notes all that does not fit.
type specWalk struct {
	role   string
	secret bool // values are not shown
	errs   source.Errors
}

func (w *specWalk) fail(pos source.Pos, path string, o *playbook.Option, err error) *source.Error {
	e := source.Errorf(pos, "%s of role %s: %s", path, w.role, plainMsg(err))
	if w.secret || o.Secret {
		e.Msg = fmt.Sprintf("%s of role %s wants %s", path, w.role, o.Type)
	}
	if s, ok := err.(*source.Error); ok && !w.secret {
		e.Hint = s.Hint
	}
	w.errs = append(w.errs, e)
	return e
}

// node checks what stands in a file. at is where it is shown when the whole of it is wrong.
func (w *specWalk) node(o *playbook.Option, path string, n *source.Node, at source.Pos) {
	d := expr.NodeDef(n, nil)
	if n.Kind == source.Scalar {
		if v, constant := d.Constant(); constant {
			if v != nil {
				w.value(o, path, v, n.Raw, at)
			}
			return
		}
		literals, _ := d.Outcomes()
		for _, l := range literals {
			if l.Value != nil {
				w.value(o, path, l.Value, "", l.Pos)
			}
		}
		return
	}
	if n.Kind == source.List && (o.Type == modules.List || o.Type == modules.Any) {
		item := itemOption(o)
		for i, x := range n.Items {
			w.node(item, fmt.Sprintf("%s[%d]", path, i), x, x.Pos)
		}
		return
	}
	if n.Kind != source.Map || o.Type != modules.Map && o.Type != modules.Any {
		w.value(&playbook.Option{Type: o.Type, Elements: o.Elements, Secret: o.Secret}, path, n.Plain(), "", at)
		return
	}
	if len(o.Options) == 0 {
		return
	}
	given := map[string]bool{}
	computed := false
	var near []string
	for _, f := range n.Fields {
		if computed = computed || strings.Contains(f.Key, "{{"); strings.Contains(f.Key, "{{") {
			continue
		}
		if sub := subOption(o, f.Key); sub != nil {
			given[sub.Name] = true
			w.node(sub, path+"."+f.Key, f.Value, f.KeyPos)
			continue
		}
		near = append(near, w.unknownKey(o, path, f.Key, f.KeyPos))
	}
	if !computed {
		w.required(o, path, given, near, at)
	}
}

// value checks a value, of which no more is known than where it was set.
func (w *specWalk) value(o *playbook.Option, path string, v value.Value, raw string, at source.Pos) {
	if s, ok := v.(string); ok && s != "" && o.Type == modules.List {
		var l value.List // as in Ansible, a text is a list of what its commas part
		for _, x := range strings.Split(s, ",") {
			l = append(l, strings.TrimSpace(x))
		}
		v = l
	}
	_, text := v.(string)
	got, err := convert(specTypeOf(o), v, raw)
	if err != nil {
		e := w.fail(at, path, o, err)
		if name, _, _ := strings.Cut(path, "["); text && e.Hint == "" && o.Type == modules.Map && at.File == "-e "+name {
			e.Hint = fmt.Sprintf(`NAME=VALUE gives a text; write -e '{"%s": ...}', or -e @FILE`, name)
		}
		return
	}
	if l, ok := got.(value.List); ok && o.Type == modules.List {
		item := itemOption(o)
		for i, x := range l {
			if x != nil {
				w.value(item, fmt.Sprintf("%s[%d]", path, i), x, "", at)
			}
		}
		return
	}
	if o.Choices != nil {
		if choices, _ := o.Choices.Plain().(value.List); !oneOf(got, choices) {
			e := w.fail(at, path, o, fmt.Errorf("%s is not one of %s", value.Short(got, 40), value.Text(choices)))
			var words []string
			for _, c := range choices {
				words = append(words, value.Text(c))
			}
			if m := source.DidYouMean(value.Text(got), words); m != "" && !w.secret && !o.Secret {
				e.Hint = "did you mean " + m + "?"
			}
		}
	}
	m, ok := got.(*value.Map)
	if !ok || len(o.Options) == 0 {
		return
	}
	given := map[string]bool{}
	var near []string
	for i := range m.Len() {
		k, x := m.At(i)
		sub := subOption(o, k)
		if sub == nil {
			near = append(near, w.unknownKey(o, path, k, at))
			continue
		}
		if given[sub.Name] = true; x != nil {
			w.value(sub, path+"."+k, x, "", at)
		}
	}
	w.required(o, path, given, near, at)
}

// unknownKey reports a key that no option has; the result is the one that was probably meant.
func (w *specWalk) unknownKey(o *playbook.Option, path, key string, at source.Pos) string {
	var names []string
	for _, s := range o.Options {
		names = append(names, s.Name)
	}
	e := source.Errorf(at, "%s of role %s: there is no key %s", path, w.role, key)
	w.errs = append(w.errs, e)
	near := source.DidYouMean(key, names)
	if near != "" {
		e.Hint = "did you mean " + near + "?"
	} else {
		e.Hint = "there are " + strings.Join(names, ", ")
	}
	return near
}

// required reports the keys that are missing, but for those that another key was meant to be.
func (w *specWalk) required(o *playbook.Option, path string, given map[string]bool, near []string, at source.Pos) {
	for _, s := range o.Options {
		if s.Required && !given[s.Name] && !slices.Contains(near, s.Name) {
			e := source.Errorf(at, "%s of role %s: %s is required", path, w.role, s.Name)
			if s.Doc != "" {
				e.Hint = s.Name + " is " + lowerFirst(firstLine(s.Doc))
			}
			w.errs = append(w.errs, e)
		}
	}
}

func subOption(o *playbook.Option, name string) *playbook.Option {
	for _, s := range o.Options {
		if s.Name == name || slices.Contains(s.Aliases, name) {
			return s
		}
	}
	return nil
}

// itemOption describes the items of a list.
func itemOption(o *playbook.Option) *playbook.Option {
	kind := o.Elements
	if kind == "" {
		kind = modules.Any
	}
	if len(o.Options) > 0 {
		kind = modules.Map
	}
	return &playbook.Option{Name: o.Name, Type: kind, Choices: o.Choices, Options: o.Options, Secret: o.Secret}
}

// specTypeOf is what a value of an option is converted to; paths may be of the controller or of a host.
func specTypeOf(o *playbook.Option) modules.Type {
	t := modules.Type{Kind: o.Type}
	switch o.Type {
	case modules.Path:
		t.Kind = modules.String
	case modules.List, modules.Map:
		t.Elem = &modules.Type{Kind: modules.Any}
	}
	return t
}

func oneOf(v value.Value, list value.List) bool {
	for _, x := range list {
		if value.Text(x) == value.Text(v) {
			return true
		}
	}
	return false
}
