package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
)

// docKinds are the kinds of things that the reference explains.
func docKinds() []string {
	return []string{"modules", "keywords", "functions", "facts", "magic", "connection"}
}

// plural is a kind as docKinds has it: module is modules.
func plural(kind string) string {
	for _, k := range docKinds() {
		if kind == k || kind+"s" == k {
			return k
		}
	}
	return kind
}

// names are all names that have a page.
func (r *reference) names() []string {
	var out []string
	for _, kind := range docKinds() {
		out = append(out, r.namesOf(kind)...)
	}
	return out
}

// namesOf are the names of a kind.
func (r *reference) namesOf(kind string) []string {
	var out []string
	for _, e := range r.entries() {
		if e.Kind == kind {
			out = append(out, e.Name)
		}
	}
	return out
}

// entry is a thing that the reference explains, as --output json shows it.
type entry struct {
	Kind      string      `json:"kind"`
	Name      string      `json:"name"`
	Doc       string      `json:"doc"`
	Usage     string      `json:"usage,omitempty"`
	Result    string      `json:"result,omitempty"`
	Takes     string      `json:"takes,omitempty"`
	On        []string    `json:"on,omitempty"`
	Inherited string      `json:"inherited,omitempty"`
	Arguments []argument  `json:"arguments,omitempty"`
	Returns   []argument  `json:"returns,omitempty"`
	Example   string      `json:"example,omitempty"`
	Examples  [][2]string `json:"examples,omitempty"`
}

// argument is one of a module's arguments, or of what it registers.
type argument struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Doc      string   `json:"doc,omitempty"`
	Required bool     `json:"required,omitempty"`
	Default  string   `json:"default,omitempty"`
	Choices  []string `json:"choices,omitempty"`
	Aliases  []string `json:"aliases,omitempty"`
}

func arguments(s *modules.Spec) []argument {
	var out []argument
	if s == nil {
		return nil
	}
	for _, f := range s.Fields {
		if !f.Private {
			out = append(out, argument{f.Name, typeText(f.Type), f.Doc, f.Required, f.Default, f.Enum, f.Aliases})
		}
	}
	return out
}

// entries are all things that have a page, kind by kind.
func (r *reference) entries() []entry {
	var out []entry
	for _, t := range r.tasks {
		out = append(out, entry{Kind: "modules", Name: t.Name, Doc: strings.TrimSpace(t.Doc), Arguments: arguments(t.Args), Returns: arguments(t.Result), Example: t.Example})
	}
	for _, k := range playbook.AllKeywords() {
		if k.Refused == "" {
			out = append(out, entry{Kind: "keywords", Name: k.Name, Doc: k.Doc, Takes: string(k.Shape), On: k.On.Names(), Inherited: string(k.Inherit)})
		}
	}
	for _, f := range expr.Functions() {
		out = append(out, entry{Kind: "functions", Name: f.Name, Doc: f.Doc, Usage: f.Usage, Result: fmt.Sprint(f.Result), Examples: f.Examples})
	}
	for _, f := range factList() {
		if !strings.HasPrefix(f.Name, " ") {
			out = append(out, entry{Kind: "facts", Name: f.Name, Doc: f.Doc})
		}
	}
	for _, v := range magicList() {
		out = append(out, entry{Kind: "magic", Name: v.Name, Doc: v.Doc})
	}
	for _, v := range runner.ConnectionVariables() {
		out = append(out, entry{Kind: "connection", Name: v.Name, Doc: v.Doc})
	}
	return out
}

// wanted is what the words of a command line ask for: a kind, "" for any, and a name.
func (r *reference) wanted(args []string) (kind, name string, err error) {
	if len(args) == 1 {
		return "", args[0], nil
	}
	kind = plural(args[0])
	if !slices.Contains(docKinds(), kind) {
		return "", "", fmt.Errorf("doc takes module, keyword, function, fact, magic or connection before a name, not %s", args[0])
	}
	return kind, args[1], nil
}

// unknown is the error for a name that has no page.
func (r *reference) unknown(kind, name string) error {
	names := append(r.names(), docKinds()...)
	err := source.Errorf(source.Pos{}, "nothing is called %s", name)
	if kind != "" {
		names = r.namesOf(kind)
		err = source.Errorf(source.Pos{}, "nothing of the %s is called %s", kind, name)
	}
	if what := playbook.Instead(name); what != "" {
		return err.WithHint("%s", what)
	}
	if near := source.DidYouMean(name, names); near != "" {
		return err.WithHint("did you mean %s?", near)
	}
	return err.WithHint("mxplay doc -l lists what there is")
}

// list shows names with their kinds.
func (r *reference) list(args []string) error {
	entries, err := r.chosen(args)
	if err != nil {
		return err
	}
	for _, e := range entries {
		fmt.Fprintf(r.w, "%-10s  %s\n", e.Kind, e.Name)
	}
	return nil
}

// json shows what is asked for as a list of objects.
func (r *reference) json(args []string) error {
	entries, err := r.chosen(args)
	if err != nil {
		return err
	}
	out, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(r.w, string(out))
	return err
}

// chosen are the entries of a kind, of a name, or all.
func (r *reference) chosen(args []string) ([]entry, error) {
	kind, name := "", ""
	var err error
	switch {
	case len(args) == 1 && slices.Contains(docKinds(), plural(args[0])):
		kind = plural(args[0])
	case len(args) > 0:
		if kind, name, err = r.wanted(args); err != nil {
			return nil, err
		}
	}
	out := []entry{}
	for _, e := range r.entries() {
		if (kind == "" || e.Kind == kind) && (name == "" || e.Name == name || e.Kind == "facts" && e.Name == "ansible_"+name) {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		return nil, r.unknown(kind, name)
	}
	return out, nil
}

// factList are the facts with their docs; members of one follow it, indented.
func factList() []runner.Variable {
	t := reflect.TypeFor[modules.Facts]()
	var out []runner.Variable
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		out = append(out, runner.Variable{Name: "ansible_" + name, Doc: f.Tag.Get("doc")})
		if f.Type.Kind() == reflect.Struct {
			for j := range f.Type.NumField() {
				g := f.Type.Field(j)
				sub, _, _ := strings.Cut(g.Tag.Get("json"), ",")
				out = append(out, runner.Variable{Name: "  ." + sub, Doc: g.Tag.Get("doc")})
			}
		}
	}
	return out
}

// fact is the page of a fact, with its members.
func (r *reference) fact(name string) bool {
	var rows [][2]string
	for _, f := range factList() {
		switch {
		case rows != nil && strings.HasPrefix(f.Name, " "):
			rows = append(rows, [2]string{strings.TrimSpace(f.Name), f.Doc})
		case rows != nil:
			r.table("  ", rows)
			return true
		case f.Name == name || f.Name == "ansible_"+name:
			fmt.Fprintf(r.w, "fact %s\n\n", f.Name)
			rows = append(rows, [2]string{"", f.Doc})
		}
	}
	r.table("  ", rows)
	return rows != nil
}

func (r *reference) variables(list []runner.Variable) {
	var rows [][2]string
	for _, v := range list {
		rows = append(rows, [2]string{v.Name, v.Doc})
	}
	r.table("  ", rows)
}

// variable is the page of a variable.
func (r *reference) variable(what, name string, list []runner.Variable) bool {
	for _, v := range list {
		if v.Name == name {
			fmt.Fprintf(r.w, "%s %s\n\n", what, name)
			r.table("  ", [][2]string{{"", v.Doc}})
			return true
		}
	}
	return false
}
