package modtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Args makes canonical arguments of a task's arguments in YAML, as the
// controller would: aliases replaced, defaults filled in, texts converted,
// content given to the host.
func Args(h *Host, spec *modules.Spec, text string, files map[string]string) (json.RawMessage, error) {
	docs, err := source.ReadYAML("args", []byte(text))
	if err != nil {
		return nil, err
	}
	n := &source.Node{Kind: source.Map}
	if len(docs) > 0 && !docs[0].IsNull() {
		n = docs[0]
	}
	return encode(h, spec, n, files)
}

func encode(h *Host, spec *modules.Spec, n *source.Node, files map[string]string) (json.RawMessage, error) {
	if n.Kind != source.Map {
		for _, f := range spec.Fields {
			if f.FreeForm {
				n = &source.Node{Kind: source.Map, Fields: []source.Field{{Key: f.Name, Value: n}}}
			}
		}
	}
	if n.Kind != source.Map {
		return nil, fmt.Errorf("expected a map of arguments, found %s", n.TypeName())
	}
	out := map[string]json.RawMessage{}
	for _, e := range n.Fields {
		f := spec.Field(e.Key)
		if f == nil {
			if !spec.Free {
				return nil, fmt.Errorf("unknown argument %s", e.Key)
			}
			b, err := value.JSON(e.Value.Plain())
			if err != nil {
				return nil, err
			}
			out[e.Key] = b
			continue
		}
		if e.Value.IsNull() {
			continue
		}
		if r := f.Type.Remote; r != "" && truth(n.Get(r), spec.Field(r).Default) {
			b, err := json.Marshal(modules.Content{Name: value.Text(e.Value.Value)})
			if err != nil {
				return nil, err
			}
			out[f.Name] = b
			continue
		}
		b, err := convert(h, *f, f.Type, e.Value, files)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Key, err)
		}
		out[f.Name] = b
	}
	for _, f := range spec.Fields {
		if out[f.Name] != nil || f.Private {
			continue
		}
		if f.Required {
			return nil, fmt.Errorf("the argument %s is missing", f.Name)
		}
		if f.Default != "" {
			d, err := source.ReadYAML("default of "+f.Name, []byte(f.Default))
			if err != nil {
				return nil, err
			}
			b, err := convert(h, f, f.Type, d[0], files)
			if err != nil {
				return nil, fmt.Errorf("default of %s: %w", f.Name, err)
			}
			out[f.Name] = b
		}
	}
	var b strings.Builder
	b.WriteByte('{')
	for i, k := range slices.Sorted(maps.Keys(out)) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", k, out[k])
	}
	b.WriteByte('}')
	return json.RawMessage(b.String()), nil
}

func truth(n *source.Node, otherwise string) bool {
	if n == nil {
		return otherwise == "true"
	}
	return n.Value == true
}

func convert(h *Host, f modules.Field, t modules.Type, n *source.Node, files map[string]string) (json.RawMessage, error) {
	switch t.Kind {
	case modules.ContentT:
		return content(h, t.From, n, files)
	case modules.List:
		items := n.Items
		if n.Kind != source.List {
			items = []*source.Node{n}
			if s, ok := n.Value.(string); ok && t.Elem.Kind == modules.String && strings.Contains(s, ",") && !t.Expr {
				items = nil
				for p := range strings.SplitSeq(s, ",") {
					items = append(items, source.FromValue(strings.TrimSpace(p), n.Pos))
				}
			}
		}
		parts := []json.RawMessage{}
		for _, it := range items {
			b, err := convert(h, f, *t.Elem, it, files)
			if err != nil {
				return nil, err
			}
			parts = append(parts, b)
		}
		return json.Marshal(parts)
	case modules.Map:
		if n.Kind != source.Map {
			return nil, fmt.Errorf("expected a map, found %s", n.TypeName())
		}
		parts := map[string]json.RawMessage{}
		for _, e := range n.Fields {
			b, err := convert(h, f, *t.Elem, e.Value, files)
			if err != nil {
				return nil, err
			}
			parts[e.Key] = b
		}
		return json.Marshal(parts)
	case modules.Struct:
		return encode(h, t.Struct, n, files)
	case modules.Any:
		return value.JSON(n.Plain())
	}
	return scalar(f, t, n)
}

func scalar(f modules.Field, t modules.Type, n *source.Node) (json.RawMessage, error) {
	if n.Kind != source.Scalar {
		return nil, fmt.Errorf("expected %s, found %s", t.Kind, n.TypeName())
	}
	text := n.Raw
	if text == "" && n.Value != nil {
		text = value.Text(n.Value)
	}
	switch t.Kind {
	case modules.Bool:
		switch strings.ToLower(text) {
		case "true", "yes", "on", "1":
			return json.RawMessage("true"), nil
		case "false", "no", "off", "0":
			return json.RawMessage("false"), nil
		}
		return nil, fmt.Errorf("expected a boolean, found %s", text)
	case modules.Int:
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("expected an integer, found %s", text)
		}
		return json.Marshal(i)
	case modules.Float:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("expected a number, found %s", text)
		}
		return json.Marshal(x)
	}
	if len(f.Enum) > 0 && !slices.Contains(f.Enum, text) {
		return nil, fmt.Errorf("expected one of %s, found %s", strings.Join(f.Enum, ", "), text)
	}
	return json.Marshal(text)
}

func content(h *Host, from string, n *source.Node, files map[string]string) (json.RawMessage, error) {
	var c modules.Content
	switch from {
	case "file", "template", "script":
		name := value.Text(n.Value)
		rest := ""
		if from == "script" {
			name, rest, _ = strings.Cut(name, " ")
		}
		data, ok := files[name]
		switch {
		case ok:
			c = h.Give(name, []byte(data))
			c.Args = rest
		default:
			if c = folder(h, name, files); len(c.Tree) == 0 {
				return nil, fmt.Errorf("the case has no file %q", name)
			}
		}
	case "archive":
		name := value.Text(n.Value)
		var list []byte
		for _, f := range slices.Sorted(maps.Keys(files)) {
			if below, ok := strings.CutPrefix(f, name+"/"); ok {
				b, err := json.Marshal(modules.Entry{Name: below, Kind: "file", Mode: 0o644, Size: int64(len(files[f])), Hash: modules.Sum([]byte(files[f]))})
				if err != nil {
					return nil, err
				}
				list = append(append(list, b...), '\n')
			}
		}
		c = h.Give(name, []byte("the archive "+name))
		l := h.Give("", list)
		c.List = &l
	case "text":
		if n.Kind != source.Scalar {
			b, err := value.JSON(n.Plain())
			if err != nil {
				return nil, err
			}
			c = h.Give("", b)
			break
		}
		c = h.Give("", []byte(value.Text(n.Value)))
	case "yaml":
		b, err := source.EmitYAML(n.Plain(), 2)
		if err != nil {
			return nil, err
		}
		c = h.Give("", b)
	case "json":
		b, err := json.MarshalIndent(n.Plain(), "", "  ")
		if err != nil {
			return nil, err
		}
		c = h.Give("", append(b, '\n'))
	default:
		return nil, fmt.Errorf("content from %q", from)
	}
	return json.Marshal(c)
}

// folder is the content of a folder, from the names of the case's files.
func folder(h *Host, name string, files map[string]string) modules.Content {
	c := modules.Content{Name: name, Dir: true}
	seen := map[string]bool{".": true}
	for _, f := range slices.Sorted(maps.Keys(files)) {
		below, ok := strings.CutPrefix(f, strings.TrimSuffix(name, "/")+"/")
		if !ok {
			continue
		}
		var dirs []modules.Content
		for d := path.Dir(below); !seen[d]; d = path.Dir(d) {
			seen[d] = true
			dirs = append([]modules.Content{{Name: d, Dir: true, Mode: "0755"}}, dirs...)
		}
		e := h.Give(below, []byte(files[f]))
		c.Tree = append(append(c.Tree, dirs...), e)
	}
	return c
}
