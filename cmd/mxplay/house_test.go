package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// These tests hold the plan of the house that CONTRIBUTING.md draws: which
// package may know which.

const (
	root   = "../.."
	prefix = "github.com/mxplay/mxplay/"
)

// arrows is what each package of ours may import of ours. A module may import
// modules and modules/internal/...; what e2e needs is its own business.
var arrows = map[string]string{
	"cmd/mxplay":               "inventory modules modules/builtin playbooks runner runner/expr runner/format runner/migrate runner/playbook runner/remote runner/report runner/source runner/value",
	"cmd/mxplay/agents/build":  "",
	"cmd/mxplay-agent":         "modules/builtin runner/agent",
	"inventory":                "runner/expr runner/source runner/value",
	"modules":                  "",
	"modules/modtest":          "modules runner/source runner/value",
	"playbooks":                "",
	"runner":                   "inventory modules runner/archive runner/expr runner/playbook runner/remote runner/report runner/source runner/value runner/wire",
	"runner/archive":           "modules",
	"runner/agent":             "modules runner/boot runner/wire",
	"runner/boot":              "runner/wire",
	"runner/expr":              "runner/source runner/value",
	"runner/format":            "runner/source",
	"runner/migrate":           "modules runner runner/expr runner/playbook runner/source runner/value",
	"runner/playbook":          "modules runner/expr runner/source runner/value",
	"runner/remote":            "modules runner/boot runner/wire",
	"runner/remote/remotetest": "",
	"runner/report":            "runner/source runner/value",
	"runner/source":            "runner/value",
	"runner/value":             "",
	"runner/wire":              "modules",
}

// homes says which packages may import a library.
var homes = map[string]string{
	"github.com/ProtonMail/go-crypto":  "e2e/",
	"github.com/aymanbagabas/go-udiff": "runner/report",
	"github.com/creack/pty":            "runner/agent",
	"github.com/expr-lang/expr":        "runner/expr",
	"github.com/godbus/dbus/v5":        "runner/agent",
	"github.com/jackc/pgx/v5":          "runner/agent",
	"github.com/kevinburke/ssh_config": "runner/remote",
	"github.com/pkg/sftp":              "runner/remote",
	"github.com/skeema/knownhosts":     "runner/remote",
	"github.com/spf13/cobra":           "cmd/mxplay",
	"github.com/spf13/pflag":           "cmd/mxplay",
	"golang.org/x/crypto/blowfish":     "runner/expr",
	"golang.org/x/crypto/ssh":          "runner/remote e2e/",
	"golang.org/x/sys":                 "runner/agent runner/remote e2e/",
	"golang.org/x/term":                "cmd/mxplay",
	"golang.org/x/text":                "modules/postgres_user",
	"golang.org/x/tools/txtar":         "modules/modtest",
	"gopkg.in/yaml.v3":                 "runner/source",
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, prefix) }

func packages(t *testing.T, patterns ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports"}, patterns...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	var list []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func under(name string, dirs string) bool {
	return slices.ContainsFunc(strings.Fields(dirs), func(d string) bool {
		return name == d || strings.HasPrefix(name, strings.TrimSuffix(d, "/")+"/")
	})
}

func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t, "./...") {
		name := p.name()
		may, placed := arrows[name]
		seen[name] = placed
		for _, i := range p.Imports {
			to, ours := strings.CutPrefix(i, prefix)
			switch {
			case !ours:
				checkLibrary(t, name, i)
			case placed:
				if !slices.Contains(strings.Fields(may), to) {
					t.Errorf("%s imports %s: no arrow goes that way", name, to)
				}
			case name == "modules/builtin":
				if to != "modules" && path.Dir(to) != "modules" {
					t.Errorf("%s imports %s: it lists the modules and does nothing else", name, to)
				}
			case under(name, "modules"):
				if to != "modules" && !under(to, "modules/internal") {
					t.Errorf("%s imports %s: a module knows modules and modules/internal only", name, to)
				}
			case under(name, "e2e"):
				if under(to, "cmd") {
					t.Errorf("%s imports %s", name, to)
				}
			}
		}
		if !placed && !under(name, "modules e2e examples") {
			t.Errorf("%s has no place in the house: give it one in arrows", name)
		}
		if !under(name, "e2e") && slices.ContainsFunc(p.Imports, func(i string) bool { return under(i, prefix+"e2e") }) {
			t.Errorf("%s imports the lab", name)
		}
	}
	for name := range arrows {
		if !seen[name] {
			t.Errorf("%s is in arrows and not in the house", name)
		}
	}
}

func checkLibrary(t *testing.T, name, library string) {
	if first, _, _ := strings.Cut(library, "/"); !strings.Contains(first, ".") {
		return // of the standard library
	}
	for l, home := range homes {
		if under(library, l) {
			if !under(name, home) {
				t.Errorf("%s imports %s, which only %s may", name, library, home)
			}
			return
		}
	}
	t.Errorf("%s imports %s: give the library a home, and CONTRIBUTING.md the reason for it", name, library)
}

// The agent stays small, and takes nothing that reads playbooks.
func TestAgentLinks(t *testing.T) {
	for _, p := range packages(t, "-deps", "./cmd/mxplay-agent") {
		if under(p.ImportPath, "golang.org/x/crypto/ssh github.com/pkg/sftp gopkg.in/yaml.v3 go.yaml.in github.com/expr-lang "+
			"github.com/spf13 github.com/ProtonMail text/template html/template testing go/parser") {
			t.Errorf("the agent links %s", p.ImportPath)
		}
		if under(p.ImportPath, "github.com/jackc/pgx/v5") && strings.HasSuffix(p.ImportPath, "/stdlib") {
			t.Errorf("the agent links %s", p.ImportPath)
		}
	}
}

// An agent goes over slow lines to every host: 4 MB, compressed, and no more.
func TestAgentSize(t *testing.T) {
	const limit = 4_000_000
	files, err := fs.Glob(agentFiles, "agents/*.gz")
	if err != nil || len(files) == 0 {
		t.Skip("built without agents: make agents")
	}
	for _, f := range files {
		info, err := fs.Stat(agentFiles, f)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d of %d bytes", path.Base(f), info.Size(), limit)
		if info.Size() > limit {
			t.Errorf("%s has %d bytes, %d too many", path.Base(f), info.Size(), info.Size()-limit)
		}
	}
}

// A module reaches the system by the doors of Reader and Host only.
func TestModuleDoors(t *testing.T) {
	const closed = "os io/ioutil syscall net plugin unsafe log log/slog math/rand math/rand/v2 crypto/rand os/exec runtime/debug"
	const open = "net/url net/netip"
	for _, p := range packages(t, "./modules/...") {
		if p.name() == "modules/modtest" {
			continue
		}
		for _, i := range p.Imports {
			if under(i, closed) && !under(i, open) {
				t.Errorf("%s imports %s: what it needs of the system is a door of modules.Reader or modules.Host", p.name(), i)
			}
		}
		checkState(t, p)
	}
}

// checkState finds init functions, variables that change, and clocks.
func checkState(t *testing.T, p pkg) {
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}
	fset := token.NewFileSet()
	var files []*ast.File
	vars := map[string]bool{}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s: init: modules/builtin lists the modules, nothing registers itself", fset.Position(d.Pos()))
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					v, ok := s.(*ast.ValueSpec)
					if !ok || d.Tok != token.VAR {
						continue
					}
					for _, n := range v.Names {
						vars[n.Name] = true
						if len(v.Values) == 0 {
							t.Errorf("%s: %s has no value, so it is there to be changed: a module keeps no state", fset.Position(n.Pos()), n.Name)
						}
					}
				}
			}
		}
	}
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			own := ownNames(fn)
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				var left []ast.Expr
				switch n := n.(type) {
				case *ast.AssignStmt:
					if n.Tok != token.DEFINE {
						left = n.Lhs
					}
				case *ast.IncDecStmt:
					left = []ast.Expr{n.X}
				case *ast.UnaryExpr:
					if n.Op == token.AND {
						left = []ast.Expr{n.X}
					}
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && !own["time"] && slices.Contains(clock, n.Sel.Name) {
						t.Errorf("%s: time.%s: the clock is a door of modules.Reader", fset.Position(n.Pos()), n.Sel.Name)
					}
				}
				for _, e := range left {
					if name := base(e); vars[name] && !own[name] {
						t.Errorf("%s: %s is changed: a module keeps no state", fset.Position(e.Pos()), name)
					}
				}
				return true
			})
		}
	}
}

// ownNames are the names that a function gives to things of its own.
func ownNames(fn *ast.FuncDecl) map[string]bool {
	own := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, i := range n.Names {
				own[i.Name] = true
			}
		case *ast.ValueSpec:
			for _, i := range n.Names {
				own[i.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					own[base(e)] = true
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				for _, e := range []ast.Expr{n.Key, n.Value} {
					own[base(e)] = true
				}
			}
		}
		return true
	})
	return own
}

// base is the variable that an expression reaches into.
func base(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ""
		}
	}
}

// The rooms of the house.
func TestFolders(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	rooms := strings.Fields("cmd runner modules playbooks inventory examples e2e")
	for _, e := range entries {
		made := e.Name() == "bin" || e.Name() == "dist" // and not kept in git
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !made && !slices.Contains(rooms, e.Name()) {
			t.Errorf("%s: the rooms are %v", e.Name(), rooms)
		}
	}
}

// Every module is in the list, with a folder of its own.
func TestModuleFolders(t *testing.T) {
	listed := map[string]bool{}
	for _, p := range packages(t, "./modules/builtin") {
		for _, i := range p.Imports {
			listed[strings.TrimPrefix(i, prefix)] = true
		}
	}
	for _, p := range packages(t, "./modules/...") {
		name := p.name()
		if path.Dir(name) == "modules" && name != "modules/builtin" && name != "modules/modtest" && !listed[name] {
			t.Errorf("%s is not in modules/builtin", name)
		}
	}
}
