package main

import (
	"bytes"
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
)

// record asks ansible-playbook anew: go test ./cmd/mxplay -run TestLists
// -record DIR, where DIR is the root of a system with ansible-core 2.19 (such
// as mmdebstrap --include=ansible-core trixie DIR makes); "/" is this system.
var record = flag.String("record", "", "root of a system with ansible-core, to record its answers anew")

var runLine = regexp.MustCompile(`(?m)^run: (.*)$`)

// TestLists compares --list-hosts, --list-tasks, --list-tags and
// --syntax-check with what ansible-playbook printed for the same files. A case
// is a txtar: in its comment the command lines, then the files, then as
// want/NUMBER Ansible's answers.
func TestLists(t *testing.T) {
	paths, _ := filepath.Glob("testdata/lists/*.txtar")
	if len(paths) < 15 {
		t.Fatalf("%d cases", len(paths))
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			runs := runLine.FindAllStringSubmatch(string(ar.Comment), -1)
			want, files := map[string]string{}, []txtar.File(nil)
			for _, f := range ar.Files {
				if strings.HasPrefix(f.Name, "want/") {
					want[f.Name] = string(f.Data)
				} else {
					files = append(files, f)
				}
			}
			if *record != "" {
				for i, r := range runs {
					name := fmt.Sprintf("want/%d", i+1)
					want[name] = ansible(t, files, r[1])
					files = append(files, txtar.File{Name: name, Data: []byte(want[name])})
				}
				ar.Files = files
				if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			dir := t.TempDir()
			unpack(t, dir, files)
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range runs {
				got := inShell(t, dir, self, "run "+r[1])
				if w := want[fmt.Sprintf("want/%d", i+1)]; sorted(got) != sorted(w) || w == "" {
					t.Errorf("%s\ngot\n%s\nwant\n%s", r[1], got, w)
				}
			}
		})
	}
}

var (
	hostList = regexp.MustCompile(`(?m)(^    hosts \(\d+\):\n)((?:      \S+\n)+)`)
	playTags = regexp.MustCompile(`(?m)(^  play .*\tTAGS: \[)(.*)\]$`)
)

// sorted puts hosts and the tags of plays into order: Ansible prints both as
// sets, in another order each time; mxplay prints hosts as they will be run.
func sorted(s string) string {
	s = hostList.ReplaceAllStringFunc(s, func(m string) string {
		parts := hostList.FindStringSubmatch(m)
		lines := strings.SplitAfter(parts[2], "\n")
		slices.Sort(lines)
		return parts[1] + strings.Join(lines, "")
	})
	return playTags.ReplaceAllStringFunc(s, func(m string) string {
		parts := playTags.FindStringSubmatch(m)
		tags := strings.Split(parts[2], ",")
		slices.Sort(tags)
		return parts[1] + strings.Join(tags, ",") + "]"
	})
}

func unpack(t *testing.T, dir string, files []txtar.File) {
	t.Helper()
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if strings.HasPrefix(f.Name, "want/") {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// inShell is what mxplay prints: the test binary, which is mxplay where MXPLAY_ITSELF is set.
func inShell(t *testing.T, dir, self, args string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", `exec "$0" `+args, self)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MXPLAY_ITSELF=1", "NO_COLOR=1", "HOME="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

// ansible is what ansible-playbook prints.
func ansible(t *testing.T, files []txtar.File, args string) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Join(*record, "tmp"), "lists")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	unpack(t, dir, files)
	inside := filepath.Join("/tmp", filepath.Base(dir))
	cmd := exec.Command("chroot", *record, "env", "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1", "sh", "-c", "cd "+inside+" && ansible-playbook "+args)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v\n%s%s", args, err, out, stderr.String())
	}
	return string(out)
}
