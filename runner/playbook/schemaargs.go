package playbook

import (
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// module is what may stand behind a module's name.
func (s *schemaMaker) module(m *modules.Task) object {
	o := s.spec(m.Args)
	o["description"] = strings.TrimSpace(m.Doc)
	types := []string{"object", "null"}
	for _, f := range m.Args.Fields {
		if f.FreeForm {
			types = append(types, "string")
		}
	}
	o["type"] = types
	o["errorMessage"] = m.Name + " takes a map of arguments: " + m.Name + ": {...}"
	if len(types) == 3 {
		o["errorMessage"] = m.Name + " takes a text or a map of arguments"
	}
	return wrapType(o)
}

// wrapType keeps an errorMessage to the type: the language server would show
// it for an unknown key too.
func wrapType(o object) object {
	t := object{"type": o["type"], "errorMessage": o["errorMessage"]}
	delete(o, "type")
	delete(o, "errorMessage")
	o["allOf"] = []object{t}
	return o
}

// spec is a map with a struct's fields.
func (s *schemaMaker) spec(spec *modules.Spec) object {
	props := object{}
	for i := range spec.Fields {
		f := &spec.Fields[i]
		if f.Private {
			continue
		}
		props[f.Name] = s.field(f)
		for _, a := range f.Aliases {
			o := s.field(f)
			o["description"], o["doNotSuggest"] = "The same as "+f.Name+". "+f.Doc, true
			props[a] = o
		}
	}
	o := object{"type": "object", "properties": props}
	if !spec.Free {
		o["additionalProperties"] = false
	}
	return o
}

// requiredArgs hold where the arguments that must be there are.
func requiredArgs(spec *modules.Spec) []object {
	var all []object
	for _, f := range spec.Fields {
		if !f.Required {
			continue
		}
		missing := "the argument " + f.Name + " is missing"
		one := []object{{"required": []string{f.Name}, "errorMessage": missing}}
		for _, a := range f.Aliases {
			one = append(one, object{"required": []string{a}, "errorMessage": missing})
		}
		all = append(all, object{"anyOf": one})
	}
	return all
}

func (s *schemaMaker) field(f *modules.Field) object {
	doc := strings.TrimSpace(f.Doc)
	if f.Required {
		doc = strings.TrimSpace(doc + " (required)")
	}
	if f.Default != "" {
		doc = strings.TrimSpace(doc + " (default " + f.Default + ")")
	}
	if len(f.Enum) > 0 {
		return s.enum(f, doc)
	}
	o := s.typed(f.Type)
	o["description"] = doc
	return o
}

// enum is an argument that is one of some words, or a list of them.
func (s *schemaMaker) enum(f *modules.Field, doc string) object {
	var list []any
	for _, e := range f.Enum {
		list = append(list, e)
		// a word that YAML may take for a boolean, as in state: on
		if strings.Contains(" yes no on off true false ", " "+e+" ") {
			list = append(list, e == "yes" || e == "on" || e == "true")
		}
	}
	one := object{"anyOf": []object{{"enum": list}, {"type": "string", "pattern": templated7,
		"patternErrorMessage": "one of " + strings.Join(f.Enum, ", ") + ", or an expression in {{ }}"}}, "description": doc}
	if f.Type.Kind != modules.List {
		return one
	}
	return object{"anyOf": []object{{"type": "array", "items": one}, one}, "description": doc}
}

// typed is what a type takes: all that is converted to it without loss.
func (s *schemaMaker) typed(t modules.Type) object {
	if t.Expr {
		return object{"type": []string{"string", "boolean", "array"}, "items": object{"type": []string{"string", "boolean"}}}
	}
	switch t.Kind {
	case modules.Bool:
		return boolean("")
	case modules.Int:
		return number("", true)
	case modules.Float:
		return number("", false)
	case modules.String:
		return object{"type": scalars, "errorMessage": "a text"}
	case modules.Path:
		return object{"type": "string", "pattern": `^$|^[/~]|` + templated7, "patternErrorMessage": "an absolute path on the host"}
	case modules.ModeT:
		return object{"type": []string{"string", "integer"}, "pattern": `^\s*(0o?)?[0-7]{3,4}\s*$|^$|^preserve$|^[ugoa]*[-+=]|` + templated7,
			"patternErrorMessage": `a file mode, such as "0644" or "u=rw,go=r"`, "errorMessage": `a file mode, such as "0644" or "u=rw,go=r"`}
	case modules.ContentT:
		if t.From == "file" || t.From == "template" || t.From == "script" || t.From == "archive" {
			return object{"type": "string", "errorMessage": "the name of a file"}
		}
		if t.From == "text" {
			return object{"type": scalars}
		}
		return object{}
	case modules.Map:
		return object{"type": []string{"object", "string"}, "additionalProperties": s.typed(*t.Elem), "pattern": templated7,
			"patternErrorMessage": "a map, or an expression in {{ }}"}
	case modules.Struct:
		o := s.spec(t.Struct)
		o["type"], o["pattern"], o["patternErrorMessage"] = []string{"object", "string"}, templated7, "a map, or an expression in {{ }}"
		if r := requiredArgs(t.Struct); r != nil {
			o["allOf"] = r
		}
		return o
	case modules.List:
		return s.list(t)
	}
	return object{}
}

// list takes one item without its dash too.
func (s *schemaMaker) list(t modules.Type) object {
	elem := s.typed(*t.Elem)
	switch t.Elem.Kind {
	case modules.String, modules.Int, modules.Float, modules.Bool, modules.Path:
		return object{"type": []string{"array", "string", "number", "boolean"}, "items": elem, "errorMessage": "a list"}
	case modules.Struct:
		one := object{}
		for k, v := range elem {
			one[k] = v
		}
		one["type"], one["items"] = []string{"array", "object", "string"}, elem
		return one
	}
	return object{"items": elem}
}
