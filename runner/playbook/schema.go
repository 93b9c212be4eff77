package playbook

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// SchemaKinds are the kinds of file that there is a schema of.
func SchemaKinds() []string {
	return []string{"playbook", "tasks", "handlers", "vars", "inventory", "meta", "argument_specs"}
}

// Schema is the JSON schema (draft-07) of a kind of file, for editors: made
// from the modules' tags and the table of keywords. What it refuses, a compile
// refuses; a compile knows more. errorMessage, patternErrorMessage and
// doNotSuggest are words of the YAML language server, which others pass over.
func Schema(kind string, mods []*modules.Task) ([]byte, error) {
	s := &schemaMaker{words: table(), mods: mods, defs: object{}}
	body, titled := s.root(kind), map[string]string{
		"playbook": "mxplay playbook", "tasks": "mxplay tasks of a role", "handlers": "mxplay handlers of a role",
		"vars": "mxplay variables", "inventory": "mxplay inventory in YAML", "meta": "mxplay meta/main.yml of a role",
		"argument_specs": "mxplay meta/argument_specs.yml of a role",
	}
	if body == nil {
		return nil, fmt.Errorf("there is no schema of %s: there are %s", kind, strings.Join(SchemaKinds(), ", "))
	}
	body["$schema"] = "http://json-schema.org/draft-07/schema#"
	body["title"] = titled[kind]
	if len(s.defs) > 0 {
		body["definitions"] = s.defs
	}
	out, err := json.MarshalIndent(body, "", "  ")
	return append(out, '\n'), err
}

// object is a JSON object; encoding/json writes its keys sorted.
type object = map[string]any

type schemaMaker struct {
	words *words
	mods  []*modules.Task
	defs  object
}

func (s *schemaMaker) root(kind string) object {
	switch kind {
	case "playbook":
		return object{"type": "array", "items": s.ref("play", s.playItem), "errorMessage": "a playbook is a list of plays: - hosts: all"}
	case "tasks":
		return object{"type": []string{"array", "null"}, "items": s.ref("task", s.task), "errorMessage": "tasks are a list: - name: ..."}
	case "handlers":
		return object{"type": []string{"array", "null"}, "items": s.ref("handler", s.handler), "errorMessage": "handlers are a list: - name: ..."}
	case "vars":
		return variables()
	case "inventory":
		return s.inventory()
	case "meta":
		return closed(object{
			"dependencies":     object{"type": []string{"array", "null"}, "items": s.ref("role", s.role), "description": "roles that run before this one"},
			"allow_duplicates": boolean("whether the role runs each time it is named, also with the same parameters"),
			"galaxy_info":      object{"description": "of no meaning here"},
			"collections":      object{"description": "of no meaning here"},
			"argument_specs":   s.ref("argument_specs", s.argumentSpecs),
		})
	case "argument_specs":
		return closed(object{"argument_specs": s.ref("argument_specs", s.argumentSpecs)})
	}
	return nil
}

// ref names a definition, which is made where it is first named.
func (s *schemaMaker) ref(name string, make func() object) object {
	if _, made := s.defs[name]; !made {
		s.defs[name] = object{}
		s.defs[name] = make()
	}
	return object{"$ref": "#/definitions/" + name}
}

// closed is a map that takes these keys and no others.
func closed(props object, required ...string) object {
	o := object{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

const (
	templated7 = `\{\{`
	ident7     = `^[A-Za-z_][A-Za-z0-9_]*$`
)

func boolean(doc string) object {
	return object{
		"type": []string{"boolean", "string", "integer"}, "minimum": 0, "maximum": 1, "description": doc,
		"pattern":             `^([yY]([eE][sS])?|[nN][oO]?|[oO][nN]|[oO][fF][fF]|[tT]([rR][uU][eE])?|[fF]([aA][lL][sS][eE])?|0|1)$|` + templated7,
		"patternErrorMessage": "true or false, or an expression in {{ }}",
		"errorMessage":        "true or false, or an expression in {{ }}",
	}
}

func number(doc string, whole bool) object {
	o := object{
		"type": []string{"integer", "string"}, "description": doc, "pattern": `^\s*[-+]?[0-9_]+\s*$|` + templated7,
		"patternErrorMessage": "a whole number, or an expression in {{ }}", "errorMessage": "a whole number, or an expression in {{ }}",
	}
	if !whole {
		o["type"], o["pattern"] = []string{"number", "string"}, `^\s*[-+]?[0-9_.]+([eE][-+]?[0-9]+)?\s*$|`+templated7
		o["patternErrorMessage"], o["errorMessage"] = "a number, or an expression in {{ }}", "a number, or an expression in {{ }}"
	}
	return o
}

func words7(list []string, doc string) object {
	return object{"description": doc, "anyOf": []object{
		{"enum": list}, {"type": "string", "pattern": templated7, "patternErrorMessage": "one of " + strings.Join(list, ", ") + ", or an expression in {{ }}"},
	}}
}

func variables() object {
	return object{"type": []string{"object", "null"}, "propertyNames": object{"pattern": ident7, "patternErrorMessage": "a variable's name has letters, digits and _, not a digit first"}}
}

// refused is a word that has no place here, with what to write instead.
func refused(instead string) object {
	return object{"enum": []string{"not in this language"}, "errorMessage": "not in this language; instead: " + instead,
		"description": "Not in this language; instead: " + instead, "doNotSuggest": true}
}

var scalars = []string{"string", "number", "boolean"}

// keyword is what a keyword takes.
func (s *schemaMaker) keyword(k *Keyword) object {
	if k.Refused != "" {
		return refused(k.Refused)
	}
	doc := k.Doc
	if k.Inherit != Not {
		doc += " (inherited: " + string(k.Inherit) + ")"
	}
	with := func(o object) object { o["description"] = doc; return o }
	orNull := func(types ...string) []string {
		if k.Name == "hosts" {
			return types
		}
		return append(types, "null")
	}
	switch k.Name {
	case "loop_control":
		return with(s.ref2("loop_control", s.loopControl))
	case "vars_prompt":
		return with(object{"type": orNull("array"), "items": s.ref("vars_prompt", varsPrompt)})
	case "vars_files":
		return with(object{"type": orNull("array"), "items": object{"type": []string{"string", "array"}, "items": object{"type": "string"}}})
	case "module_defaults":
		one := s.ref("module_defaults", s.moduleDefaults)
		return with(object{"anyOf": []object{one, {"type": "array", "items": one}, {"type": "null"}}})
	case "vars":
		return with(variables())
	}
	switch k.Shape {
	case Bool:
		return boolean(doc)
	case Int:
		return number(doc, true)
	case Number:
		return number(doc, false)
	case Text:
		if k.Words != nil {
			return words7(k.Words, doc)
		}
		return with(object{"type": scalars})
	case Texts:
		return with(object{"type": orNull("array", "string", "number", "boolean"), "items": object{"type": scalars}})
	case Cond:
		return with(object{"type": []string{"string", "boolean", "array"}, "items": object{"type": []string{"string", "boolean"}}})
	case Looped:
		return with(object{"type": []string{"array", "string"}, "errorMessage": "a list, or an expression that gives one"})
	case Dict:
		return with(object{"type": orNull("object")})
	case Dicts:
		return with(object{"type": orNull("object", "array", "string"), "pattern": templated7, "patternErrorMessage": "a map, or an expression in {{ }}"})
	case Listing:
		return with(object{"type": orNull("array")})
	case Tasks:
		item := s.ref("task", s.task)
		if k.Name == "handlers" {
			item = s.ref("handler", s.handler)
		}
		return with(object{"type": orNull("array"), "items": item, "errorMessage": k.Name + " is a list: begin each entry with a dash"})
	case Roles:
		return with(object{"type": orNull("array"), "items": s.ref("role", s.role), "errorMessage": "roles is a list: begin each entry with a dash"})
	case Ident:
		return with(object{"type": "string", "pattern": ident7, "patternErrorMessage": "a variable's name has letters, digits and _, not a digit first"})
	}
	return with(object{})
}

// ref2 is a reference that can bear a description of its own.
func (s *schemaMaker) ref2(name string, make func() object) object {
	return object{"allOf": []object{s.ref(name, make)}}
}

// keywords are the properties of a place.
func (s *schemaMaker) keywords(at Place) object {
	props := object{}
	for _, k := range s.words.all {
		if k.On&at != 0 {
			props[k.Name] = s.keyword(k)
		}
	}
	return props
}

// noWith refuses the loops of Ansible that are written as loop here.
func noWith() object {
	return object{"^with_": refused("loop, as the message of mxplay run shows")}
}

func (s *schemaMaker) playItem() object {
	return object{
		"type": "object", "errorMessage": "a play is a map: - hosts: all",
		"if":   required("import_playbook", "ansible.builtin.import_playbook"),
		"then": s.ref("import_playbook", s.importPlaybook),
		"else": s.ref("play_itself", s.play),
	}
}

func (s *schemaMaker) play() object {
	o := closed(s.keywords(OnPlay), "hosts")
	o["properties"].(object)["import_playbook"] = object{"type": "string", "description": "the file of a playbook whose plays stand here"}
	return o
}

func (s *schemaMaker) importPlaybook() object {
	props := s.keywords(OnPlaybookImport)
	for _, name := range []string{"import_playbook", "ansible.builtin.import_playbook"} {
		props[name] = object{"type": "string", "description": "the file of a playbook whose plays stand here"}
	}
	return closed(props)
}

// required holds where one of the keys is there. A task that is still empty is
// no object: an editor then offers what the last branch has.
func required(names ...string) object {
	var any []object
	for _, n := range names {
		any = append(any, object{"required": []string{n}})
	}
	return object{"type": "object", "anyOf": any}
}

func (s *schemaMaker) task() object    { return s.taskAt("task", OnTask) }
func (s *schemaMaker) handler() object { return s.taskAt("handler", OnHandler) }

// taskAt tells blocks, imports, includes and what does something apart by their keys.
func (s *schemaMaker) taskAt(name string, at Place) object {
	work := s.ref(name+"_itself", func() object { return s.work(at) })
	include := object{"if": required(both("include_tasks", "include_role")...), "then": s.ref("include_"+name, func() object { return s.include(false, at) }), "else": work}
	imports := object{"if": required(both("import_tasks", "import_role")...), "then": s.ref("import_"+name, func() object { return s.include(true, at) }), "else": include}
	imports["type"], imports["errorMessage"] = "object", "a "+name+" is a map: - name: ..."
	if at == OnHandler {
		return imports
	}
	delete(imports, "type")
	delete(imports, "errorMessage")
	return object{"type": "object", "errorMessage": "a task is a map: - name: ...", "if": required("block", "rescue", "always"), "then": s.ref("block", s.block), "else": imports}
}

// both are names with and without the collection that stands for what is built in.
func both(names ...string) []string {
	var out []string
	for _, n := range names {
		out = append(out, n, "ansible.builtin."+n)
	}
	return out
}

func (s *schemaMaker) block() object {
	o := closed(s.keywords(OnBlock), "block")
	o["patternProperties"] = noWith()
	return o
}

func (s *schemaMaker) include(static bool, at Place) object {
	place := OnInclude
	if static {
		place = OnImport
	}
	props := s.keywords(place)
	if at == OnHandler {
		for _, k := range s.words.all {
			if k.Name == "listen" {
				props[k.Name] = s.keyword(k)
			}
		}
	}
	var names []string
	for name, w := range includeWords {
		if w.static == static {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		def := s.ref(name, func() object { return s.includeArgs(includeWords[name]) })
		props[name], props["ansible.builtin."+name] = def, hidden(def)
	}
	o := closed(props)
	o["patternProperties"] = noWith()
	return o
}

// hidden is a schema that an editor does not offer.
func hidden(o object) object { return object{"allOf": []object{o}, "doNotSuggest": true} }

var includeDocs = map[string]string{
	"import_tasks": "tasks of a file, put here before the run", "include_tasks": "tasks of a file, put here when the run gets here",
	"import_role": "a role, put here before the run", "include_role": "a role, put here when the run gets here",
	"file": "the file with the tasks", "apply": "keywords that each of the tasks gets", "name": "the role", "role": "the role",
	"tasks_from": "another file of tasks/ than main", "vars_from": "another file of vars/ than main", "defaults_from": "another file of defaults/ than main",
	"handlers_from": "another file of handlers/ than main", "allow_duplicates": "of no meaning here: it runs each time",
	"rolespec_validate": "whether the arguments are checked", "public": "whether the play sees the role's defaults and variables",
}

func (s *schemaMaker) includeArgs(w *includeWord) object {
	props := object{}
	for _, k := range w.keys {
		switch k {
		case "apply":
			apply := s.keywords(OnBlock)
			for _, no := range []string{"block", "rescue", "always", "loop", "loop_control"} {
				delete(apply, no)
			}
			props[k] = closed(apply)
			props[k].(object)["description"] = includeDocs[k]
		case "allow_duplicates", "rolespec_validate", "public":
			props[k] = boolean(includeDocs[k])
		default:
			props[k] = object{"type": "string", "description": includeDocs[k]}
		}
	}
	o := closed(props)
	o["description"] = includeDocs[w.name]
	if w.kind == TaskFile {
		o["type"] = []string{"object", "string", "null"}
	} else {
		o["anyOf"] = []object{{"required": []string{"name"}}, {"required": []string{"role"}}}
	}
	return o
}

// work is a task that does something: one module, and keywords.
func (s *schemaMaker) work(at Place) object {
	props := s.keywords(at)
	names := []string{"meta"}
	must := object{}
	var one []object
	for _, m := range s.mods {
		name := m.Name
		if name != "meta" {
			names = append(names, name)
		}
		def := s.ref("module."+name, func() object { return s.module(m) })
		props[name], props["ansible.builtin."+name] = def, hidden(def)
		if r := requiredArgs(m.Args); r != nil {
			r = append(r, object{"type": []string{"object", "string"}, "errorMessage": name + " needs arguments"})
			must[name], must["ansible.builtin."+name] = object{"allOf": r}, object{"allOf": r}
		}
	}
	for name, instead := range foreign {
		if props[name] == nil {
			names, props[name] = append(names, name), refused(instead)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		missing := "a task needs one module, such as copy: or command:"
		one = append(one, object{"anyOf": []object{{"required": []string{n}, "errorMessage": missing}, {"required": []string{"ansible.builtin." + n}, "errorMessage": missing}}})
	}
	meta := s.ref("module.meta", metaModule)
	props["meta"], props["ansible.builtin.meta"] = meta, hidden(meta)
	for name := range includeWords {
		props[name] = object{"description": includeDocs[name]}
	}
	if at == OnTask {
		for _, k := range s.words.all {
			if k.On == OnBlock {
				props[k.Name] = object{"description": k.Doc}
			}
		}
	}
	o := closed(props)
	o["patternProperties"] = noWith()
	o["oneOf"] = one
	o["if"] = object{"not": object{"required": []string{"args"}}}
	o["then"] = object{"properties": must}
	return o
}

func metaModule() object {
	var list []string
	for w, no := range metaWords {
		if no == "" {
			list = append(list, w)
		}
	}
	sort.Strings(list)
	return object{"enum": list, "description": "Something for the run itself to do."}
}

func (s *schemaMaker) loopControl() object {
	return closed(object{
		"loop_var":          object{"type": "string", "pattern": ident7, "description": "the name of the item, in place of item"},
		"index_var":         object{"type": "string", "pattern": ident7, "description": "a variable with the number of the item, from 0"},
		"label":             object{"description": "what is shown of the item"},
		"pause":             number("seconds between two items", false),
		"extended":          boolean("whether ansible_loop is there"),
		"extended_allitems": boolean("whether ansible_loop has all items"),
		"break_when":        object{"type": []string{"string", "boolean", "array"}, "description": "end the loop after an item for which this holds"},
	})
}

func varsPrompt() object {
	return closed(object{
		"name":    object{"type": "string", "pattern": ident7, "description": "the variable"},
		"prompt":  object{"type": scalars, "description": "what is asked"},
		"default": object{"description": "what an empty answer means"},
		"private": boolean("whether the answer is not shown; true unless given"),
		"confirm": boolean("whether it is asked twice"),
		"unsafe":  boolean("whether braces in the answer mean nothing"),
	}, "name")
}

func (s *schemaMaker) moduleDefaults() object {
	props := object{}
	for _, m := range s.mods {
		d := s.ref("module."+m.Name, func() object { return s.module(m) })
		props[m.Name], props["ansible.builtin."+m.Name] = d, hidden(d)
	}
	return closed(props)
}

// role is an entry of roles: or of dependencies; other keys are parameters.
func (s *schemaMaker) role() object {
	props := s.keywords(OnRole)
	for _, k := range []string{"role", "name"} {
		props[k] = object{"type": "string", "description": "the role"}
	}
	return object{"anyOf": []object{
		{"type": "string"},
		{"type": "object", "properties": props, "anyOf": []object{{"required": []string{"role"}}, {"required": []string{"name"}}}},
	}}
}
