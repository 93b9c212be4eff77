package playbook

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/source"
)

var update = flag.Bool("update", false, "rewrite what the cases expect")

type fileArgs struct {
	Path  string `json:"path" required:"true"`
	Src   string `json:"src"`
	Mode  string `json:"mode"`
	Owner string `json:"owner"`
	Group string `json:"group"`
	State string `json:"state"`
}

type copyArgs struct {
	Src     string `json:"src"`
	Dest    string `json:"dest"`
	Content string `json:"content"`
	Mode    string `json:"mode"`
}

type commandArgs struct {
	Cmd     string   `json:"cmd" freeform:"true"`
	Argv    []string `json:"argv"`
	Creates string   `json:"creates"`
	Chdir   string   `json:"chdir"`
}

type debugArgs struct {
	Msg string `json:"msg"`
	Var string `json:"var"`
}

type none struct{}

func kind[A any](name string) *modules.Task {
	return modules.Control[A, none]{Name: name, Do: func(A) (none, error) { return none{}, nil }}.Task()
}

func testModules() map[string]*modules.Task {
	m := map[string]*modules.Task{}
	for _, t := range []*modules.Task{
		kind[fileArgs]("file"), kind[copyArgs]("copy"), kind[copyArgs]("template"), kind[commandArgs]("command"),
		kind[commandArgs]("shell"), kind[debugArgs]("debug"), kind[fileArgs]("group"), kind[fileArgs]("systemd"), kind[fileArgs]("package"),
	} {
		m[t.Name] = t
	}
	return m
}

// TestLoad runs the cases of testdata: files, and what comes of site.yml in
// "want": the plays as an outline, or the errors as a person sees them.
func TestLoad(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	home, _ := os.Getwd()
	for _, c := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(c), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(filepath.Join(home, c))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			builtin := fstest.MapFS{}
			var want []byte
			at := -1
			for i, f := range ar.Files {
				if f.Name == "want" {
					want, at = f.Data, i
					continue
				}
				if in, ok := strings.CutPrefix(f.Name, "builtin/"); ok {
					builtin[in] = &fstest.MapFile{Data: f.Data}
					continue
				}
				p := filepath.Join(dir, f.Name)
				os.MkdirAll(filepath.Dir(p), 0o755)
				os.WriteFile(p, f.Data, 0o644)
			}
			t.Chdir(dir)
			var out bytes.Buffer
			pb, err := New(Options{Modules: testModules(), Builtin: builtin, RolePaths: []string{"more"}}).Playbook("site.yml")
			if err != nil {
				source.Render(&out, err, false)
			} else {
				outline(&out, pb)
			}
			if *update {
				if at < 0 {
					ar.Files = append(ar.Files, txtar.File{Name: "want"})
					at = len(ar.Files) - 1
				}
				ar.Files[at].Data = out.Bytes()
				os.WriteFile(filepath.Join(home, c), txtar.Format(ar), 0o644)
				return
			}
			if out.String() != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", &out, want)
			}
		})
	}
}

func outline(w *bytes.Buffer, pb *Playbook) {
	for _, p := range pb.Plays {
		fmt.Fprintf(w, "play %s%s\n", text(p.Hosts), level(&p.Level))
		for _, f := range p.Vars {
			fmt.Fprintf(w, "  var %s=%s\n", f.Key, text(f.Value))
		}
		outlineTasks(w, "pre", p.PreTasks, 1)
		for _, u := range p.Roles {
			outlineUse(w, u, 1)
		}
		outlineTasks(w, "tasks", p.Tasks, 1)
		outlineTasks(w, "post", p.Post, 1)
		outlineTasks(w, "handlers", p.Handlers, 1)
	}
}

func outlineUse(w *bytes.Buffer, u *RoleUse, depth int) {
	pad := strings.Repeat("  ", depth)
	fmt.Fprintf(w, "%srole %s (%s) in %s%s\n", pad, u.Def.Name, u.Entry, u.Def.Dir, level(&u.Level))
	for _, g := range []struct {
		name   string
		fields []source.Field
	}{{"param", u.Params}, {"default", u.Defaults}, {"var", u.VarsOf}} {
		for _, f := range g.fields {
			fmt.Fprintf(w, "%s  %s %s=%s at %s\n", pad, g.name, f.Key, text(f.Value), f.KeyPos)
		}
	}
	if u.Spec != nil {
		for _, o := range u.Spec.Options {
			fmt.Fprintf(w, "%s  option %s %s required=%v\n", pad, o.Name, o.Type, o.Required)
		}
	}
	for _, d := range u.Deps {
		outlineUse(w, d, depth+1)
	}
	outlineTasks(w, "tasks", u.Tasks, depth+1)
	outlineTasks(w, "handlers", u.Handlers, depth+1)
}

func outlineTasks(w *bytes.Buffer, what string, list []*Task, depth int) {
	if len(list) == 0 {
		return
	}
	pad := strings.Repeat("  ", depth)
	fmt.Fprintf(w, "%s%s:\n", pad, what)
	for _, t := range list {
		fmt.Fprintf(w, "%s- %s", pad, t.Pos)
		switch {
		case t.Include != nil:
			fmt.Fprintf(w, " %s %s resolved=%v", t.Include.Word, text(t.Include.Name), t.Include.Resolved)
		case t.Block != nil:
			fmt.Fprint(w, " block")
		case t.Meta != "":
			fmt.Fprintf(w, " meta %s", t.Meta)
		default:
			fmt.Fprintf(w, " %s %s", t.Module, text(t.Args))
		}
		fmt.Fprintln(w, level(&t.Level))
		outlineTasks(w, "block", t.Block, depth+1)
		outlineTasks(w, "rescue", t.Rescue, depth+1)
		outlineTasks(w, "always", t.Always, depth+1)
		if t.Include != nil {
			if t.Include.Apply != &t.Level {
				fmt.Fprintf(w, "%s  apply%s\n", pad, level(t.Include.Apply))
			}
			outlineTasks(w, "children", t.Include.Tasks, depth+1)
			if t.Include.Role != nil {
				outlineUse(w, t.Include.Role, depth+1)
			}
		}
	}
}

func text(n *source.Node) string {
	switch {
	case n.IsNull():
		return "null"
	case n.Kind == source.Scalar:
		return n.Raw
	case n.Kind == source.List:
		var s []string
		for _, e := range n.Items {
			s = append(s, text(e))
		}
		return "[" + strings.Join(s, " ") + "]"
	}
	var s []string
	for _, f := range n.Fields {
		s = append(s, f.Key+"="+text(f.Value))
	}
	return "{" + strings.Join(s, " ") + "}"
}

// level shows what adds up along the chain, outermost first.
func level(l *Level) string {
	var s string
	if l.Name != nil {
		s = " name=" + text(l.Name)
	}
	var when, tags []string
	for ; l != nil; l = l.Up {
		for i := len(l.When) - 1; i >= 0; i-- {
			when = append([]string{text(l.When[i])}, when...)
		}
		for i := len(l.Tags) - 1; i >= 0; i-- {
			tags = append([]string{text(l.Tags[i])}, tags...)
		}
	}
	if len(when) > 0 {
		s += " when=" + strings.Join(when, "&")
	}
	if len(tags) > 0 {
		s += " tags=" + strings.Join(tags, ",")
	}
	return s
}
