package builtin

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/modules"
)

const root = "github.com/mxplay/mxplay/"

// Every module is one folder and one line: the list and the folders agree.
func TestFolders(t *testing.T) {
	var listed []string
	for _, task := range Tasks() {
		listed = append(listed, task.Name)
	}
	if !slices.IsSorted(listed) {
		t.Errorf("the list is not in order: %s", strings.Join(listed, " "))
	}
	if twice := len(listed) - len(slices.Compact(slices.Clone(listed))); twice > 0 {
		t.Errorf("%d names stand twice", twice)
	}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() && !slices.Contains([]string{"builtin", "internal", "modtest"}, e.Name()) {
			folders = append(folders, e.Name())
		}
	}
	if !slices.Equal(listed, folders) {
		t.Errorf("listed\n%s\nfolders\n%s", strings.Join(listed, " "), strings.Join(folders, " "))
	}
}

// Modules reach the system through the doors only, and know nothing of the
// controller: what their production code imports is the contract, their own
// helpers and the pure part of the standard library.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, root+"modules")
		if name == "/modtest" || name == "/builtin" {
			continue
		}
		for _, i := range p.Imports {
			if why := forbidden(name, i); why != "" {
				t.Errorf("modules%s imports %s: %s", name, i, why)
			}
		}
	}
}

func forbidden(from, imp string) string {
	switch {
	case imp == root+"modules", strings.HasPrefix(imp, root+"modules/internal/"):
		return ""
	case strings.HasPrefix(imp, root):
		return "a module knows package modules alone"
	case !strings.Contains(strings.SplitN(imp, "/", 2)[0], "."):
		for _, no := range []string{"os", "os/exec", "os/user", "os/signal", "net", "net/http", "net/rpc", "syscall", "unsafe", "plugin",
			"math/rand", "math/rand/v2", "crypto/rand", "io/ioutil", "log", "log/slog", "runtime/debug"} {
			if imp == no {
				return "there is a door for it, or none is meant to be"
			}
		}
		return ""
	}
	allowed := map[string][]string{ // OpenPGP keys are verified where the repository is set up
		"/apt_repo":      {"github.com/ProtonMail/go-crypto"},
		"/postgres_user": {"golang.org/x/text/unicode/norm"}, // passwords are normalised before they are hashed
	}
	for _, ok := range allowed[path.Clean(from)] {
		if strings.HasPrefix(imp, ok) {
			return ""
		}
	}
	return "no library is needed for it yet"
}

var clock = regexp.MustCompile(`\b(time\.(Now|Since|Until|Sleep|NewTimer|NewTicker|Tick|AfterFunc)|rand\.Reader)\b`)

// The clock is a door as well: time is there to be written, not to be asked.
func TestClock(t *testing.T) {
	files, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range files {
		if !dir.IsDir() || dir.Name() == "modtest" || dir.Name() == "builtin" {
			continue
		}
		sources, _ := os.ReadDir("../" + dir.Name())
		for _, f := range sources {
			if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
				continue
			}
			b, err := os.ReadFile(path.Join("..", dir.Name(), f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, no := range clock.FindAllString(string(b), -1) {
				t.Errorf("%s/%s: %s: the clock and chance are doors of the Reader", dir.Name(), f.Name(), no)
			}
		}
	}
}

// No package keeps state of its own or runs code on its own.
func TestNoInit(t *testing.T) {
	out, _ := exec.Command("grep", "-rnE", "--include=*.go", "^func init\\(", "..").Output()
	if len(out) > 0 {
		t.Errorf("init functions:\n%s", out)
	}
}

// What check mode reads from a host that is not yet as the plan would leave it
// is unknown: the engine knows that of actions that only read.
func TestReadersAreActions(t *testing.T) {
	for name, args := range map[string]string{"stat": `{"path":"/x"}`, "slurp": `{"src":"/x"}`, "uri": `{"url":"http://x/"}`} {
		for _, task := range Tasks() {
			if task.Name == name && (task.Kind != modules.Act || !task.ReadOnly(json.RawMessage(args))) {
				t.Errorf("%s is %s and not an action that only reads", name, task.Kind)
			}
		}
	}
}
