package modules

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// TypeKind is the type of an argument or result field.
type TypeKind string

// The types. Content types name what the controller makes of the playbook's value.
const (
	Any      TypeKind = "any"
	Bool     TypeKind = "bool"
	Int      TypeKind = "int"
	Float    TypeKind = "float"
	String   TypeKind = "str"
	List     TypeKind = "list"
	Map      TypeKind = "dict"
	Struct   TypeKind = "struct" // a dict with known keys
	ModeT    TypeKind = "mode"   // a file mode: "0644", 0644 or "u=rw,g=r"
	Path     TypeKind = "path"
	ContentT TypeKind = "content"
)

// Type is the type of a field.
type Type struct {
	Kind   TypeKind
	Elem   *Type // of a list's items or a map's values
	Struct *Spec // of a struct
	// From says where a content comes from: "file" (a file's bytes), "script" (the same, with what follows its name
	// in Args), "archive" (its members, packed anew, with their List), "template" (a template file, rendered),
	// "text" (the argument itself), "yaml" or "json" (a data structure, written out).
	From string
	// Remote names a boolean argument beside a content: where that is true, the value is a path on the host and
	// nothing is read here: the content is its Name alone.
	Remote string
	Folder bool // of a content: a folder is taken too, with all that is below it
	Expr   bool // the argument is an expression, or a list of them, that must hold (assert.that)
}

// Field is one argument or one member of a result.
type Field struct {
	Name     string
	Aliases  []string
	Doc      string
	Type     Type
	Required bool
	Default  string // as it would be written in YAML; "" for none
	Enum     []string
	Secret   bool // its value is a secret: never shown, and what reads it is tainted
	Private  bool // never given by a playbook, registered or shown
	FreeForm bool // takes the text of the short form `command: ls -l`
}

// Spec is what a struct's tags say: the only source of the decoder, the
// messages, the docs and the schema.
//
// Tags: json:"name" (the name), alias:"a,b", required:"true",
// default:"present", enum:"present,absent", doc:"...", secret:"true",
// private:"true" (it stays on the host) or "wire" (between the engine and the module), from:"file", remote:"remote_src" and folder:"true" (on a Content), expr:"true", freeform:"true".
// A field tagged free:"true" json:"-" marks a struct that takes any other key too
// (set_fact), which it reads with an UnmarshalJSON of its own.
type Spec struct {
	Fields []Field
	Free   bool // any other key is taken too
}

// Field finds a field by name or alias; nil when there is none.
func (s *Spec) Field(name string) *Field {
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Name == name {
			return f
		}
		for _, a := range f.Aliases {
			if a == name {
				return f
			}
		}
	}
	return nil
}

// Names are the names of all fields that may be shown, in order.
func (s *Spec) Names() []string {
	var out []string
	for _, f := range s.Fields {
		if !f.Private {
			out = append(out, f.Name)
		}
	}
	return out
}

// Mode is a file mode as the playbook gives it: octal digits with a leading
// zero ("0644"), or chmod's symbols ("u=rwX,go=rX"). "" leaves a mode as it is.
type Mode string

// SpecOf describes T by its fields' types and tags. It panics on a type that
// has no form in a playbook: a mistake of the module, found by its first test.
func SpecOf[T any]() *Spec { return specOf(reflect.TypeFor[T]()) }

func specOf(t reflect.Type) *Spec {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("modules: %s is no struct", t))
	}
	s := &Spec{}
	for i := range t.NumField() {
		sf := t.Field(i)
		if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
			in := specOf(sf.Type)
			s.Fields = append(s.Fields, in.Fields...)
			s.Free = s.Free || in.Free
			continue
		}
		if !sf.IsExported() {
			continue
		}
		if sf.Tag.Get("free") == "true" {
			s.Free = true
			continue
		}
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" {
			panic(fmt.Sprintf("modules: %s.%s has no json tag", t, sf.Name))
		}
		f := Field{
			Name: name, Doc: sf.Tag.Get("doc"), Default: sf.Tag.Get("default"),
			Required: sf.Tag.Get("required") == "true",
			Secret:   sf.Tag.Get("secret") == "true",
			Private:  sf.Tag.Get("private") != "",
			FreeForm: sf.Tag.Get("freeform") == "true",
			Aliases:  split(sf.Tag.Get("alias")),
			Enum:     split(sf.Tag.Get("enum")),
		}
		f.Type = typeOf(sf.Type)
		f.Type.Expr = sf.Tag.Get("expr") == "true"
		f.Type.From = sf.Tag.Get("from")
		f.Type.Remote = sf.Tag.Get("remote")
		f.Type.Folder = sf.Tag.Get("folder") == "true"
		if f.Type.Kind == ContentT && f.Type.From == "" {
			panic(fmt.Sprintf("modules: %s.%s is content and has no from tag", t, sf.Name))
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func typeOf(t reflect.Type) Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[Mode]():
		return Type{Kind: ModeT}
	case reflect.TypeFor[FilePath]():
		return Type{Kind: Path}
	case reflect.TypeFor[Content]():
		return Type{Kind: ContentT}
	case reflect.TypeFor[json.RawMessage]():
		return Type{Kind: Any}
	}
	switch t.Kind() {
	case reflect.Bool:
		return Type{Kind: Bool}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Type{Kind: Int}
	case reflect.Float32, reflect.Float64:
		return Type{Kind: Float}
	case reflect.String:
		return Type{Kind: String}
	case reflect.Interface:
		return Type{Kind: Any}
	case reflect.Slice:
		e := typeOf(t.Elem())
		return Type{Kind: List, Elem: &e}
	case reflect.Map:
		e := typeOf(t.Elem())
		return Type{Kind: Map, Elem: &e}
	case reflect.Struct:
		return Type{Kind: Struct, Struct: specOf(t)}
	}
	panic(fmt.Sprintf("modules: %s has no form in a playbook", t))
}
