package migrate

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/runner/source"
)

// TestCases: the playbooks whose runs were compared with ansible-playbook's, in
// Ansible's words, become what they are in ours.
func TestCases(t *testing.T) {
	paths, err := filepath.Glob("../testdata/ansible/*/*.txtar")
	if err != nil || len(paths) < 200 {
		t.Fatal(len(paths), err)
	}
	table := moduleTable(builtin.Tasks())
	table["act"] = table["command"] // of the kit: it takes any text
	compared, substituted := 0, 0
	for _, path := range paths {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var subs [][2]string
		for _, f := range ar.Files {
			if f.Name == "ansible.sub" {
				for line := range strings.Lines(string(f.Data)) {
					if ours, theirs, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " => "); ok {
						subs = append(subs, [2]string{ours, theirs})
					}
				}
			}
		}
		for _, f := range ar.Files {
			kind := kindOf(f.Name, f.Data)
			if !isYAMLName(f.Name) || kind != "playbook" && kind != "tasks" && kind != "handlers" {
				continue
			}
			theirs := string(f.Data)
			for _, s := range subs {
				theirs = strings.ReplaceAll(theirs, s[0], s[1])
			}
			ours, err := source.NewFile(f.Name, f.Data).One()
			if err != nil {
				continue // a mistake on purpose
			}
			if theirs != string(f.Data) {
				substituted++
			}
			compared++
			out := &File{Path: f.Name, Text: []byte(theirs)}
			u := &unit{modules: table, types: map[string]typ{}, flats: map[string]bool{}, elsew: map[string]bool{}, files: map[string]*File{f.Name: out}}
			u.learn()
			u.write(out)
			got, err := source.NewFile(f.Name, out.Text).One()
			if err != nil {
				t.Errorf("%s: %s: %v", path, f.Name, err)
				continue
			}
			if otherwise[filepath.Base(path)] {
				continue
			}
			// a function that is written first there
			a, b := plainOf(ours), plainOf(got)
			a = strings.NewReplacer("int(defined(ansible_loop.allitems))", "defined(ansible_loop.allitems)|int()").Replace(a)
			if a != b {
				t.Errorf("%s: %s\n is %s\nnot %s", filepath.Base(path), f.Name, b, a)
			}
		}
	}
	t.Logf("%d files, %d in Ansible's words", compared, substituted)
	if compared < 200 || substituted < 10 {
		t.Errorf("%d files, %d in Ansible's words", compared, substituted)
	}
}

// otherwise are cases whose text becomes another one with the same meaning: brackets, a
// filter for a function, the loop of a with_items, True in a text, what Jinja takes as true.
var otherwise = map[string]bool{"notify_itself.txtar": true, "dict2items.txtar": true, "with_items.txtar": true, "bool_in_text.txtar": true,
	"delegate_loop.txtar": true, "set_fact_loop.txtar": true, "until_loop.txtar": true, "when_no_boolean.txtar": true}

// plainOf is a YAML value on one line, its texts without white space.
func plainOf(n *source.Node) string {
	var b strings.Builder
	var put func(n *source.Node)
	put = func(n *source.Node) {
		switch n.Kind {
		case source.List:
			for _, c := range n.Items {
				b.WriteString("- ")
				put(c)
			}
		case source.Map:
			for _, f := range n.Fields {
				b.WriteString(f.Key + ": ")
				put(f.Value)
			}
		default:
			b.WriteString(strings.Join(strings.Fields(n.Raw), "") + "\n")
		}
	}
	put(n)
	return b.String()
}
