//go:build editor

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/playbooks"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
)

// These tests ask a YAML language server, the one that editors use, over its
// standard input and output. make editor-test installs it; where it is not
// there they fail.

// editor is a language server with our schemas.
type editor struct {
	t    *testing.T
	in   io.Writer
	got  chan map[string]any
	next int
	dir  string
	open int
}

func newEditor(t *testing.T) *editor {
	t.Helper()
	server := os.Getenv("MXPLAY_EDITOR")
	if server == "" {
		t.Fatal("MXPLAY_EDITOR does not name the folder with yaml-language-server: make editor-test")
	}
	cmd := exec.Command("node", filepath.Join(server, "node_modules/yaml-language-server/bin/yaml-language-server"), "--stdio")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	e := &editor{t: t, in: in, got: make(chan map[string]any, 100), dir: t.TempDir()}
	go e.read(bufio.NewReader(out))
	for _, kind := range playbook.SchemaKinds() {
		data, err := playbook.Schema(kind, builtin.Tasks())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(e.dir, kind+".json"), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e.ask("initialize", map[string]any{"processId": nil, "rootUri": "file://" + e.dir, "capabilities": map[string]any{
		"workspace":    map[string]any{"configuration": true, "didChangeConfiguration": map[string]any{"dynamicRegistration": true}},
		"textDocument": map[string]any{"completion": map[string]any{"completionItem": map[string]any{"snippetSupport": true}}, "hover": map[string]any{}},
	}})
	e.tell("initialized", map[string]any{})
	return e
}

// settings are what an editor's settings hold for the server.
func (e *editor) settings() map[string]any {
	files := map[string]any{}
	for _, kind := range playbook.SchemaKinds() {
		files["file://"+e.dir+"/"+kind+".json"] = "*." + kind + ".yml"
	}
	return map[string]any{
		"schemas": files, "validate": true, "hover": true, "completion": true, "schemaStore": map[string]any{"enable": false},
		"customTags": []string{"!vault scalar", "!unsafe scalar", "!unsafe mapping", "!unsafe sequence"},
	}
}

func (e *editor) read(r *bufio.Reader) {
	defer close(e.got)
	for {
		n := 0
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line = strings.TrimSpace(line); line == "" {
				break
			}
			if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
				n, _ = strconv.Atoi(v)
			}
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		var m map[string]any
		if json.Unmarshal(body, &m) == nil {
			e.got <- m
		}
	}
}

func (e *editor) send(m map[string]any) {
	m["jsonrpc"] = "2.0"
	body, err := json.Marshal(m)
	if err != nil {
		e.t.Fatal(err)
	}
	fmt.Fprintf(e.in, "Content-Length: %d\r\n\r\n%s", len(body), body)
}

func (e *editor) tell(method string, params any) {
	e.send(map[string]any{"method": method, "params": params})
}

// wait reads what the server says until a message is the one that is waited
// for, and answers its questions meanwhile.
func (e *editor) wait(is func(map[string]any) bool) map[string]any {
	e.t.Helper()
	late := time.After(60 * time.Second)
	for {
		select {
		case m, ok := <-e.got:
			if !ok {
				e.t.Fatal("the language server ended")
			}
			if m["method"] != nil && m["id"] != nil {
				e.answer(m)
			}
			if is(m) {
				return m
			}
		case <-late:
			e.t.Fatal("no answer from the language server")
		}
	}
}

func (e *editor) answer(m map[string]any) {
	var result any
	if m["method"] == "workspace/configuration" {
		var list []any
		for _, item := range m["params"].(map[string]any)["items"].([]any) {
			if item.(map[string]any)["section"] == "yaml" {
				list = append(list, e.settings())
			} else {
				list = append(list, map[string]any{})
			}
		}
		result = list
	}
	e.send(map[string]any{"id": m["id"], "result": result})
}

func (e *editor) ask(method string, params any) any {
	e.t.Helper()
	e.next++
	id := e.next
	e.send(map[string]any{"id": id, "method": method, "params": params})
	m := e.wait(func(m map[string]any) bool { return m["method"] == nil && m["id"] == float64(id) })
	if m["error"] != nil {
		e.t.Fatal(method, m["error"])
	}
	return m["result"]
}

// show opens a text as a file of a kind, and gives its address and what is underlined: "line: message".
func (e *editor) show(kind, text string) (uri string, marks []string) {
	e.t.Helper()
	e.open++
	uri = fmt.Sprintf("file://%s/%d.%s.yml", e.dir, e.open, kind)
	e.tell("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "yaml", "version": 1, "text": text}})
	m := e.wait(func(m map[string]any) bool {
		p, _ := m["params"].(map[string]any)
		return m["method"] == "textDocument/publishDiagnostics" && p["uri"] == uri
	})
	for _, d := range m["params"].(map[string]any)["diagnostics"].([]any) {
		d := d.(map[string]any)
		line := d["range"].(map[string]any)["start"].(map[string]any)["line"].(float64)
		marks = append(marks, fmt.Sprintf("%d: %s", int(line)+1, d["message"]))
	}
	return uri, marks
}

// TestEditorShipped: nothing is underlined in what is shipped.
func TestEditorShipped(t *testing.T) {
	e := newEditor(t)
	n := 0
	for _, tree := range []map[string][]byte{siteFiles(t, playbooks.Files), siteFiles(t, os.DirFS(filepath.Join(root, "examples")))} {
		for name, data := range tree {
			docs, err := source.ReadYAML(name, data)
			if err != nil || len(docs) == 0 {
				continue
			}
			if kind := kindOf("/"+name, docs[0]); kind != "" {
				n++
				if _, marks := e.show(kind, string(data)); marks != nil {
					t.Errorf("%s as %s: %s", name, kind, strings.Join(marks, "\n\t"))
				}
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d files", n)
	}
}

// TestEditorMistakes: what cannot be is underlined in its line, and what can is not.
func TestEditorMistakes(t *testing.T) {
	e := newEditor(t)
	data, err := os.ReadFile("testdata/schema/mistakes.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range strings.Split(string(data), "\n=== ")[1:] {
		head, text, _ := strings.Cut(c, "\n")
		verdict, rest, _ := strings.Cut(head, " ")
		kind, _, _ := strings.Cut(rest, ": ")
		_, marks := e.show(kind, text)
		if verdict == "good" {
			if marks != nil {
				t.Errorf("%s:\n\t%s", head, strings.Join(marks, "\n\t"))
			}
			continue
		}
		want, message := 0, ""
		for i, line := range strings.Split(text, "\n") {
			if _, m, ok := strings.Cut(line, " #! "); ok {
				want, message = i+1, m
			}
		}
		if want == 0 {
			t.Errorf("%s: no line has the mark #!", head)
		}
		found := false
		for _, m := range marks {
			found = found || strings.HasPrefix(m, fmt.Sprintf("%d: ", want)) && strings.Contains(m, message)
		}
		if !found {
			t.Errorf("%s: line %d with %q is not among\n\t%s", head, want, message, strings.Join(marks, "\n\t"))
		}
	}
}

// TestEditorHelp: the server completes modules, arguments, words and keywords, and shows their docs.
func TestEditorHelp(t *testing.T) {
	e := newEditor(t)
	at := func(uri string, line, col int) map[string]any {
		return map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": col}}
	}
	for _, c := range []struct {
		text      string
		line, col int
		want      []string
		not       []string
	}{
		{"- hosts: all\n  tasks:\n    - \n", 2, 6, []string{"copy", "when", "block", "include_role"}, []string{"apt", "ansible.builtin.copy", "hosts"}},
		{"- hosts: all\n  tasks:\n    - file:\n        \n", 3, 8, []string{"path", "state", "mode"}, []string{"dest"}},
		{"- hosts: all\n  tasks:\n    - file:\n        path: /x\n        state: \n", 4, 15, []string{"directory", "absent"}, nil},
		{"- hosts: all\n  \n", 1, 2, []string{"tasks", "become", "roles", "serial"}, []string{"register"}},
	} {
		uri, _ := e.show("playbook", c.text)
		got := map[string]bool{}
		for _, i := range e.ask("textDocument/completion", at(uri, c.line, c.col)).(map[string]any)["items"].([]any) {
			got[i.(map[string]any)["label"].(string)] = true
		}
		for _, w := range c.want {
			if !got[w] {
				t.Errorf("%q: %s is not offered among %d", c.text, w, len(got))
			}
		}
		for _, w := range c.not {
			if got[w] {
				t.Errorf("%q: %s is offered", c.text, w)
			}
		}
	}
	uri, _ := e.show("playbook", "- hosts: all\n  tasks:\n    - copy:\n        dest: /etc/x\n        content: x\n      when: a\n")
	for _, c := range []struct {
		line, col int
		want      string
	}{
		{2, 8, docOf("copy")}, {3, 10, "file"}, {5, 8, "run only if this holds"}, {0, 4, "the hosts of the play"},
	} {
		hover, _ := json.Marshal(e.ask("textDocument/hover", at(uri, c.line, c.col)))
		if !strings.Contains(strings.ReplaceAll(string(hover), `\\`, ""), c.want) {
			t.Errorf("at %d:%d is shown %s, not %q", c.line+1, c.col+1, hover, c.want)
		}
	}
}

func docOf(module string) string {
	for _, m := range builtin.Tasks() {
		if m.Name == module {
			return strings.TrimSuffix(firstLine(m.Doc), ".")
		}
	}
	return "no module " + module
}
