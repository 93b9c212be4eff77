package playbooks

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// converted are the types of arguments that -e and inventories bring as texts,
// with the functions through which an expression reads them.
var converted = map[string][]string{"bool": {"bool"}, "int": {"int", "string"}, "float": {"float"}, "list": {"listed"}}

// option is one of a role's argument specs.
type option struct {
	Type, Elements string
	Options        map[string]option
}

// options are those of the roles whose files the pattern names.
func options(t *testing.T, pattern string) map[string]option {
	t.Helper()
	specs, err := fs.Glob(Files, pattern)
	if err != nil || len(specs) == 0 {
		t.Fatal(specs, err)
	}
	out := map[string]option{}
	for _, name := range specs {
		text, err := Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Specs map[string]struct{ Options map[string]option } `yaml:"argument_specs"`
		}
		if err := yaml.Unmarshal(text, &doc); err != nil {
			t.Fatal(name, err)
		}
		for _, s := range doc.Specs {
			maps.Copy(out, s.Options)
		}
	}
	return out
}

// typedArguments are the arguments of all roles that are to be converted, by name.
func typedArguments(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, o := range options(t, "roles/*/meta/argument_specs.yml") {
		if converted[o.Type] != nil && o.Elements != "dict" { // a text is no map, and refused
			out[name] = o.Type
		}
	}
	return out
}

var (
	inBraces   = regexp.MustCompile(`(?s)\{\{(.*?)\}\}|\{%(.*?)%\}`)
	literal    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`)
	identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// expressions are those of a file of a playbook, their text literals left out.
func expressions(t *testing.T, name string, text []byte) []string {
	t.Helper()
	var out []string
	add := func(e string) { out = append(out, literal.ReplaceAllString(e, `""`)) }
	braces := func(s string) {
		for _, m := range inBraces.FindAllStringSubmatch(s, -1) {
			add(m[1] + m[2])
		}
	}
	if !strings.HasSuffix(name, ".yml") {
		braces(string(text))
		return out
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(name, err)
	}
	var walk func(n *yaml.Node, condition bool)
	walk = func(n *yaml.Node, condition bool) {
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i < len(n.Content); i += 2 {
				walk(n.Content[i+1], slices.Contains([]string{"when", "that", "until", "failed_when", "changed_when"}, n.Content[i].Value))
			}
		case yaml.ScalarNode:
			if braces(n.Value); condition && !strings.Contains(n.Value, "{{") {
				add(n.Value)
			}
		default:
			for _, c := range n.Content {
				walk(c, condition)
			}
		}
	}
	walk(&doc, false)
	return out
}

// unconverted are the places of an expression that read an argument as it was given.
func unconverted(e string, arguments map[string]string) []string {
	var out []string
	for _, at := range identifier.FindAllStringIndex(e, -1) {
		name := e[at[0]:at[1]]
		if arguments[name] == "" || strings.HasSuffix(e[:at[0]], ".") {
			continue
		}
		read := regexp.MustCompile(`(?:\b(?:defined|` + strings.Join(converted[arguments[name]], "|") + `)\($)`).MatchString(e[:at[0]])
		piped := regexp.MustCompile(`^\s*\|\s*(?:` + strings.Join(converted[arguments[name]], "|") + `)\b`).MatchString(e[at[1]:])
		if !read && !piped {
			out = append(out, name)
		}
	}
	return out
}

// Arguments that -e or an inventory brings are texts: "false" is no boolean,
// "30" + 1 no sum and "a,b" no list, unless each expression reads them as what they are.
func TestTextArguments(t *testing.T) {
	for e, want := range map[string]int{
		`on and not off`: 2, `bool(on) and (off | bool)`: 0, `boolean(on)`: 1, `x.on`: 0, `int(size) + size`: 1, `defined(on)`: 0, `bool(on ?? false)`: 0,
	} {
		if got := unconverted(e, map[string]string{"on": "bool", "off": "bool", "size": "int"}); len(got) != want {
			t.Errorf("%s: %v", e, got)
		}
	}
	arguments := typedArguments(t)
	reads := map[string]bool{}
	err := fs.WalkDir(Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, "/meta/") || strings.Contains(name, "/files/") {
			return err
		}
		text, err := Files.ReadFile(name)
		if err != nil {
			return err
		}
		for _, e := range expressions(t, name, text) {
			for _, id := range identifier.FindAllString(e, -1) {
				reads[id] = true
			}
			for _, a := range unconverted(e, arguments) {
				t.Errorf("%s: %s is of type %s, and a text where -e sets it: %s", name, a, arguments[a], fmt.Sprintf("read it through %s(): %s", converted[arguments[a]][0], strings.TrimSpace(e)))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for a := range arguments {
		if !reads[a] {
			t.Errorf("nothing reads %s", a)
		}
	}
}

// A text in a map of Synapse's own keys is Synapse's to read, which takes
// "false" for true: the role knows every key that is to be no text.
func TestTypedKeys(t *testing.T) {
	var want []string
	given := map[string]bool{}
	var walk func(top string, os map[string]option)
	walk = func(top string, os map[string]option) {
		for name, o := range os {
			if top != "" && slices.Contains([]string{"bool", "int", "float"}, o.Type) {
				want = append(want, name)
				given[top] = true
			}
			walk(cmp.Or(top, name), o.Options)
		}
	}
	walk("", options(t, "roles/synapse/meta/argument_specs.yml"))
	slices.Sort(want)
	text, err := Files.ReadFile("roles/synapse/vars/main/settings.yml")
	if err != nil {
		t.Fatal(err)
	}
	var vars struct {
		Keys  []string          `yaml:"synapse_typed_keys"`
		Given map[string]string `yaml:"synapse_given"`
	}
	if err := yaml.Unmarshal(text, &vars); err != nil {
		t.Fatal(err)
	}
	if want = slices.Compact(want); !slices.Equal(vars.Keys, want) {
		t.Errorf("synapse_typed_keys are\n%q, want\n%q", vars.Keys, want)
	}
	if got := slices.Sorted(maps.Keys(vars.Given)); !slices.Equal(got, slices.Sorted(maps.Keys(given))) {
		t.Errorf("synapse_given has %q, want %q", got, slices.Sorted(maps.Keys(given)))
	}
}
