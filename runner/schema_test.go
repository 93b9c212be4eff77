package runner

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// TestSchema: the schema for editors takes every playbook that the cases in testdata run.
func TestSchema(t *testing.T) {
	data, err := playbook.Schema("playbook", newCloud().tasks())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("playbook.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("playbook.json")
	if err != nil {
		t.Fatal(err)
	}
	paths, _ := filepath.Glob("testdata/*.txtar")
	n := 0
	for _, path := range paths {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			node := playIn(f)
			if node == nil || bytes.Contains(ar.Files[len(ar.Files)-1].Data, []byte("hint: ")) {
				continue
			}
			text, err := value.JSON(node.Plain())
			if err != nil {
				t.Fatal(err)
			}
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			n++
			if err := schema.Validate(doc); err != nil {
				t.Errorf("%s: %s: %v", path, f.Name, err)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d playbooks", n)
	}
}

// playIn is a file as a playbook; nil when it is none.
func playIn(f txtar.File) *source.Node {
	if !strings.HasSuffix(f.Name, ".yml") {
		return nil
	}
	docs, err := source.ReadYAML(f.Name, f.Data)
	if err != nil || len(docs) != 1 || docs[0].Kind != source.List || len(docs[0].Items) == 0 || docs[0].Items[0].Get("hosts") == nil {
		return nil
	}
	return docs[0]
}
