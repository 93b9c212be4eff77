package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/runner/remote"
)

// TestMain makes the test binary the tool itself when a script calls it.
func TestMain(m *testing.M) {
	if os.Getenv("MXPLAY_ITSELF") != "" {
		main()
	}
	testscript.Main(m, map[string]func(){
		"mxplay":      main,
		"mxplay-bare": func() { os.Exit(mxplay(os.Args[1:], fstest.MapFS{})) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Condition: func(cond string) (bool, error) {
			_, err := agents(agentFiles)(runtime.GOARCH)
			return cond == "agents" && err == nil && runtime.GOOS == "linux", nil
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("NO_COLOR", "1")
			shipped, err := filepath.Abs(filepath.Join(root, "playbooks"))
			e.Setenv("PLAYBOOKS", shipped)
			return err
		},
	})
}

func TestAgents(t *testing.T) {
	if _, err := agents(fstest.MapFS{})("amd64"); err != remote.ErrNoAgent {
		t.Error("without any:", err)
	}
	manifest, _ := json.Marshal(map[string]any{"amd64": map[string]any{"file": "a.gz", "sha256": "abc", "size": 12}})
	files := fstest.MapFS{"agents/manifest.json": {Data: manifest}, "agents/a.gz": {Data: []byte("gz")}}
	a, err := agents(files)("amd64")
	if err != nil || a.SHA256 != "abc" || a.Size != 12 || a.Packed != 2 {
		t.Fatalf("%+v, %v", a, err)
	}
	gz, err := a.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer gz.Close()
	if text, err := io.ReadAll(gz); err != nil || string(text) != "gz" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := agents(files)("arm"); err != remote.ErrNoAgent {
		t.Error("of an unknown kind:", err)
	}
}

// TestReference writes the page of everything that has one.
func TestReference(t *testing.T) {
	r := &reference{tasks: builtin.Tasks()}
	for _, name := range append(r.names(), "modules", "keywords", "functions", "facts") {
		var b bytes.Buffer
		r.w = &b
		if err := r.show([]string{name}); err != nil || b.Len() == 0 {
			t.Errorf("%s: %v", name, err)
		}
		for line := range strings.Lines(b.String()) {
			if strings.HasSuffix(line, " \n") {
				t.Errorf("%s: space at the end of %q", name, line)
			}
		}
	}
}
