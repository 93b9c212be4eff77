package playbook

import "sort"

func (s *schemaMaker) inventory() object {
	return object{
		"type": []string{"object", "null"}, "errorMessage": "an inventory is a map of groups: all: {hosts: ...}",
		"if":   object{"type": "object", "required": []string{"plugin"}},
		"then": object{},
		"else": object{
			"additionalProperties": s.ref("group", s.group),
			"properties":           object{"hosts": false, "children": false, "vars": false, "all": object{"allOf": []object{s.ref("group", s.group)}, "description": "the group of all hosts"}},
		},
	}
}

func (s *schemaMaker) group() object {
	vars := object{}
	for _, v := range ConnectionVariables() {
		vars[v.Name] = object{"description": v.Doc}
	}
	open := object{"type": []string{"object", "null"}, "properties": vars, "errorMessage": "variables are a map"}
	names := func(doc string, of object) object {
		return object{"type": []string{"object", "string", "null"}, "additionalProperties": of, "description": doc,
			"errorMessage": "names are keys here: end each with a colon, without a dash"}
	}
	o := closed(object{
		"hosts":    names("the hosts, each with its variables", open),
		"children": names("groups in this group", s.ref("group", func() object { return nil })),
		"vars":     object{"type": []string{"object", "null"}, "properties": vars, "description": "variables of all hosts of the group"},
	})
	o["type"] = []string{"object", "null"}
	return o
}

// argumentSpecs are the entry points of a role with their options.
func (s *schemaMaker) argumentSpecs() object {
	text := object{"type": []string{"string", "array"}, "items": object{"type": "string"}}
	described := func(doc string, o object) object {
		out := object{"description": doc}
		for k, v := range o {
			out[k] = v
		}
		return out
	}
	entry := closed(object{
		"short_description": described("what it does, in a line", object{"type": "string"}),
		"description":       described("what it does", text),
		"options":           described("its variables", s.ref2("options", s.options)),
		"author":            object{}, "version_added": object{}, "seealso": object{}, "examples": object{},
	})
	entry["type"] = []string{"object", "null"}
	return object{"type": []string{"object", "null"}, "additionalProperties": entry, "description": "the entry points, each a file of tasks/ without its ending"}
}

func (s *schemaMaker) options() object {
	var types []string
	for t := range specTypes {
		types = append(types, t)
	}
	sort.Strings(types)
	option := closed(object{
		"type":          object{"enum": types, "description": "the type of the value; str unless given"},
		"elements":      object{"enum": types, "description": "the type of a list's items"},
		"required":      boolean("whether it must be given"),
		"default":       object{"description": "the value when it is not given"},
		"choices":       object{"type": "array", "description": "the values that it may have"},
		"description":   object{"type": []string{"string", "array"}, "description": "what it is for"},
		"no_log":        boolean("whether it is a secret"),
		"options":       object{"allOf": []object{{"$ref": "#/definitions/options"}}, "description": "the keys of a dict"},
		"version_added": object{}, "aliases": object{}, "mutually_exclusive": object{}, "required_together": object{},
		"required_one_of": object{}, "required_if": object{}, "required_by": object{}, "apply_defaults": object{},
	})
	option["type"] = []string{"object", "null"}
	return object{
		"type": []string{"object", "null"}, "additionalProperties": option,
		"propertyNames": object{"pattern": ident7, "patternErrorMessage": "a variable's name has letters, digits and _, not a digit first"},
	}
}
