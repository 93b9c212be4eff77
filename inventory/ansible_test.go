package inventory

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
)

// record asks ansible-inventory anew: go test ./inventory -run TestAnsible
// -record DIR, where DIR is the root of a system with ansible-core 2.19 (such
// as mmdebstrap --include=ansible-core trixie DIR makes); "/" is this system.
// -cases 'constructed_*' asks for these only.
var recordCases = flag.String("cases", "*", "pattern of the cases that are recorded anew")

var record = flag.String("record", "", "root of a system with ansible-core, to record its answers anew")

// TestAnsible compares with what ansible-inventory printed for the same files.
// A case is a txtar: in its comment "args:" with the -i and other options, and
// "hosts:" to be asked for by --host; then the files; then below want/ the answers.
func TestAnsible(t *testing.T) {
	paths, err := filepath.Glob("testdata/ansible/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	if *record != "" {
		again, err := filepath.Glob("testdata/ansible/" + *recordCases + ".txtar")
		if err != nil || len(again) == 0 {
			t.Fatalf("no cases %s: %v", *recordCases, err)
		}
		recordAll(t, again)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			c := readCase(t, path)
			t.Chdir(c.unpack(t, t.TempDir()))
			inv, err := Load(c.sources, Options{Extra: c.view.Extra})
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range c.questions() {
				got, err := c.answer(inv, q)
				if err != nil {
					t.Fatalf("%s: %v", q, err)
				}
				if want := c.want[q]; string(got) != want {
					t.Errorf("%s\ngot\n%s\nwant\n%s", q, got, want)
				}
			}
		})
	}
}

type ansibleCase struct {
	path     string
	ar       *txtar.Archive
	sources  []string
	view     View
	extra    []string // -e, each NAME=TEXT
	hosts    []string
	patterns []string // asked one by one, instead of anything else
	skip     []string // questions that are not asked
	want     map[string]string
}

var header = regexp.MustCompile(`(?m)^(args|hosts|skip|patterns): (.*)$`)

func readCase(t *testing.T, path string) *ansibleCase {
	t.Helper()
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &ansibleCase{path: path, ar: ar, want: map[string]string{}}
	for _, m := range header.FindAllStringSubmatch(string(ar.Comment), -1) {
		words := strings.Fields(m[2])
		if m[1] == "hosts" {
			c.hosts = words
			continue
		}
		if m[1] == "patterns" {
			c.patterns = words
			continue
		}
		if m[1] == "skip" {
			c.skip = words
			continue
		}
		for i := 0; i+1 < len(words); i += 2 {
			switch words[i] {
			case "-i":
				c.sources = append(c.sources, words[i+1])
			case "-l":
				c.view.Limit = words[i+1]
			case "-e":
				name, text, _ := strings.Cut(words[i+1], "=")
				c.extra = append(c.extra, words[i+1])
				if c.view.Extra == nil {
					c.view.Extra = &expr.Layer{Level: expr.ExtraVars, Vars: map[string]*expr.Def{}}
				}
				c.view.Extra.Vars[name] = expr.NodeDef(source.FromValue(text, source.Pos{}), nil)
			case "--playbook-dir":
				c.view.PlaybookDir = words[i+1]
			default:
				t.Fatalf("%s: unknown option %s", path, words[i])
			}
		}
	}
	if c.sources == nil {
		c.sources = []string{"hosts"}
	}
	for _, f := range ar.Files {
		if q, ok := strings.CutPrefix(f.Name, "want/"); ok {
			c.want[q] = string(f.Data)
		}
	}
	return c
}

// unpack writes the case's files below a folder; those that begin with #! can run.
func (c *ansibleCase) unpack(t *testing.T, dir string) string {
	t.Helper()
	for _, f := range c.ar.Files {
		if strings.HasPrefix(f.Name, "want/") {
			continue
		}
		path := filepath.Join(dir, f.Name)
		mode := os.FileMode(0o644)
		if bytes.HasPrefix(f.Data, []byte("#!")) {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (c *ansibleCase) questions() []string {
	if c.patterns != nil {
		var qs []string
		for _, p := range c.patterns {
			qs = append(qs, "pattern "+p)
		}
		return qs
	}
	qs := []string{"list", "export", "graph", "graph-vars", "yaml", "yaml-export"}
	for _, h := range c.hosts {
		qs = append(qs, "host/"+h)
	}
	return slices.DeleteFunc(qs, func(q string) bool { return slices.Contains(c.skip, q) })
}

func (c *ansibleCase) answer(inv *Inventory, q string) ([]byte, error) {
	v := c.view
	if p, ok := strings.CutPrefix(q, "pattern "); ok {
		hosts, _, err := inv.Match(p, v.Limit)
		var b strings.Builder
		fmt.Fprintf(&b, "  hosts (%d):\n", len(hosts))
		for _, h := range hosts {
			b.WriteString("    " + h.Name + "\n")
		}
		return []byte(b.String()), err
	}
	switch q {
	case "list":
		return ListJSON(inv, v)
	case "export":
		v.Export = true
		return ListJSON(inv, v)
	case "yaml":
		return ListYAML(inv, v)
	case "yaml-export":
		v.Export = true
		return ListYAML(inv, v)
	case "graph":
		return Graph(inv, v)
	case "graph-vars":
		v.ShowVars = true
		return Graph(inv, v)
	}
	return HostJSON(inv, strings.TrimPrefix(q, "host/"), v)
}

func (c *ansibleCase) args(q string) []string {
	args := []string{"ansible-inventory"}
	p, isPattern := strings.CutPrefix(q, "pattern ")
	if isPattern {
		args = []string{"ansible", p, "--list-hosts"}
	}
	for _, s := range c.sources {
		args = append(args, "-i", s)
	}
	if c.view.Limit != "" {
		args = append(args, "-l", c.view.Limit)
	}
	for _, e := range c.extra {
		args = append(args, "-e", e)
	}
	if c.view.PlaybookDir != "" {
		args = append(args, "--playbook-dir", c.view.PlaybookDir)
	}
	if isPattern {
		return args
	}
	switch q {
	case "list":
		return append(args, "--list")
	case "export":
		return append(args, "--list", "--export")
	case "yaml":
		return append(args, "--list", "--yaml")
	case "yaml-export":
		return append(args, "--list", "--yaml", "--export")
	case "graph":
		return append(args, "--graph")
	case "graph-vars":
		return append(args, "--graph", "--vars")
	}
	return append(args, "--host", strings.TrimPrefix(q, "host/"))
}

// recordAll writes Ansible's answers into the cases.
func recordAll(t *testing.T, paths []string) {
	t.Helper()
	root, err := os.MkdirTemp(filepath.Join(*record, "tmp"), "inventories")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	inside := filepath.Join("/tmp", filepath.Base(root))
	type call struct {
		Dir  string   `json:"dir"`
		Args []string `json:"args"`
	}
	var calls []call
	var cases []*ansibleCase
	for _, p := range paths {
		c := readCase(t, p)
		c.unpack(t, filepath.Join(root, filepath.Base(p)))
		cases = append(cases, c)
		for _, q := range c.questions() {
			calls = append(calls, call{filepath.Join(inside, filepath.Base(p)), c.args(q)})
		}
	}
	script, err := os.ReadFile("testdata/record.py")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "record.py"), script, 0o644); err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("chroot", *record, "env", "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1", "python3", inside+"/record.py")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []struct {
		RC       int
		Out, Err string
	}
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		c.ar.Files = slices.DeleteFunc(c.ar.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want/") })
		for _, q := range c.questions() {
			a := answers[0]
			answers = answers[1:]
			if a.RC != 0 {
				t.Errorf("%s %s: %d %s", c.path, q, a.RC, a.Err)
			} else if a.Err != "" {
				t.Logf("%s %s: %s", c.path, q, a.Err)
			}
			c.ar.Files = append(c.ar.Files, txtar.File{Name: "want/" + q, Data: []byte(a.Out)})
		}
		if err := os.WriteFile(c.path, txtar.Format(c.ar), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
