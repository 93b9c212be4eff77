package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func took(ms ...int) []time.Duration {
	var out []time.Duration
	for _, n := range ms {
		out = append(out, time.Duration(n)*time.Millisecond)
	}
	return out
}

func results() []*contestant {
	return []*contestant{
		{name: nameScript, took: took(100, 1000, 200)},
		{name: nameMxplay, took: took(50, 600, 100)},
		{name: nameAnsible, took: took(5000, 40000, 6000)},
	}
}

// A round that the machine was busy in counts by its ratio.
func TestRatiosAreOfARound(t *testing.T) {
	got := asMarkdown(table(results()))
	const want = `| a run without changes | times the script | times mxplay |
|---|---:|---:|
| mxplay | 0.50 | 1.00 |
| script that looks | 1.00 | 2.00 |
| Ansible | 40.00 | 66.67 |
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLimits(t *testing.T) {
	all := results()
	if err := held(table(all)); err != nil {
		t.Error(err)
	}
	all[1].took = took(150, 1300, 300)
	if err := held(table(all)); err == nil || !strings.Contains(err.Error(), "1.50 times the script") {
		t.Errorf("a slow mxplay: %v", err)
	}
	all = results()
	all[2].took = took(1000, 10000, 1000)
	if err := held(table(all)); err == nil || !strings.Contains(err.Error(), "less than 30") {
		t.Errorf("a fast Ansible: %v", err)
	}
}

func TestTheTableHasItsPlaceInTheREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	rows := table(results())
	for range 2 {
		if err := update(path, rows); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(got), asMarkdown(rows)) != 1 {
		t.Errorf("the table is not in it once:\n%s", got)
	}
}

// The script looks at every file that the playbooks write.
func TestTheScriptLooksAtAllFiles(t *testing.T) {
	script, err := fs.ReadFile(workload, "workload/look.sh")
	if err != nil {
		t.Fatal(err)
	}
	for folder, on := range map[string]string{"templates": "conf", "files": "www"} {
		files, err := fs.ReadDir(workload, "workload/"+folder)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != 10 {
			t.Errorf("%d %s, want 10", len(files), folder)
		}
		for _, f := range files {
			for _, line := range []string{on + "/" + f.Name() + " regular file", "  " + on + "/" + f.Name() + "\n"} {
				if !strings.Contains(string(script), line) {
					t.Errorf("look.sh does not look at %q", line)
				}
			}
		}
	}
}
