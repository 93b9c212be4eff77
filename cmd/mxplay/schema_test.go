package main

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// schemas are the compiled schemas of all kinds.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	out := map[string]*jsonschema.Schema{}
	for _, kind := range playbook.SchemaKinds() {
		data, err := playbook.Schema(kind, builtin.Tasks())
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(kind+".json", doc); err != nil {
			t.Fatal(err)
		}
		if out[kind], err = c.Compile(kind + ".json"); err != nil {
			t.Fatal(kind, err)
		}
	}
	return out
}

// bare is a value as the validator wants it.
func bare(v value.Value) any {
	switch v := v.(type) {
	case *value.Map:
		m := map[string]any{}
		for i := range v.Len() {
			k, e := v.At(i)
			m[k] = bare(e)
		}
		return m
	case value.List:
		l := make([]any, 0, len(v))
		for _, e := range v {
			l = append(l, bare(e))
		}
		return l
	}
	return v
}

// kindOf is the kind of a file in the tree of a site; "" for none.
func kindOf(name string, n *source.Node) string {
	switch dir := path.Dir(name); {
	case strings.Contains(name, "/files/"), strings.Contains(name, "/templates/"):
		return ""
	case strings.HasSuffix(name, "meta/main.yml"):
		return "meta"
	case strings.HasSuffix(name, "meta/argument_specs.yml"):
		return "argument_specs"
	case path.Base(dir) == "handlers":
		return "handlers"
	case path.Base(dir) == "tasks":
		return "tasks"
	case path.Base(dir) == "defaults", path.Base(dir) == "vars", strings.Contains(name, "group_vars"), strings.Contains(name, "host_vars"):
		return "vars"
	case n.Kind == source.List:
		for _, p := range n.Items {
			if p.Get("hosts") == nil && p.Get("import_playbook") == nil {
				return "tasks"
			}
		}
		return "playbook"
	case n.Get("all") != nil:
		return "inventory"
	}
	return ""
}

// siteFiles are the YAML files of a tree by name.
func siteFiles(t *testing.T, tree fs.FS) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".yml" && path.Ext(name) != ".yaml" {
			return err
		}
		out[name], err = fs.ReadFile(tree, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSchemaShipped: all that is shipped, and every example of the reference, is valid.
func TestSchemaShipped(t *testing.T) {
	all := schemas(t)
	seen := map[string]int{}
	check := func(t *testing.T, name string, data []byte) {
		docs, err := source.ReadYAML(name, data)
		if err != nil || len(docs) != 1 {
			return
		}
		kind := kindOf("/"+name, docs[0])
		if kind == "" {
			return
		}
		seen[kind]++
		if err := all[kind].Validate(bare(docs[0].Plain())); err != nil {
			t.Errorf("%s as %s: %v", name, kind, err)
		}
	}
	for _, dir := range []string{"playbooks", "examples"} {
		for name, data := range siteFiles(t, os.DirFS(filepath.Join(root, dir))) {
			check(t, name, data)
		}
	}
	for _, m := range builtin.Tasks() {
		check(t, m.Name+"/tasks/example.yml", []byte(m.Example))
	}
	for _, kind := range playbook.SchemaKinds() {
		if seen[kind] == 0 && kind != "inventory" && kind != "meta" {
			t.Errorf("no file of kind %s was seen", kind)
		}
	}
}

// TestSchemaMistakes: what cannot be is invalid, and what can is not.
func TestSchemaMistakes(t *testing.T) {
	all := schemas(t)
	data, err := os.ReadFile("testdata/schema/mistakes.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range strings.Split(string(data), "\n=== ")[1:] {
		head, text, _ := strings.Cut(c, "\n")
		verdict, rest, _ := strings.Cut(head, " ")
		kind, what, _ := strings.Cut(rest, ": ")
		t.Run(kind+" "+what, func(t *testing.T) {
			docs, err := source.ReadYAML("case.yml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			err = all[kind].Validate(bare(docs[0].Plain()))
			if (err == nil) != (verdict == "good") {
				t.Errorf("%s: %v\n%s", verdict, err, text)
			}
		})
	}
}
