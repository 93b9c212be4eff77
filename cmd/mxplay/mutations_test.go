package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/playbooks"
	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/source"
)

var (
	stride = flag.Int("stride", 997, "TestMutations changes every N-th character of the shipped files")
	shifts = flag.Bool("shifts", false, "TestMutations makes slips of lines instead of characters")
	slips  = flag.String("slips", "", "TestMutations writes what was not refused into this file")
)

// shippedSite is the shipped site as files by path, with an inventory for it
// and the examples: copies that a test may change.
func shippedSite(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	add := func(f fs.FS, dir, to string) {
		err := fs.WalkDir(f, dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(p, ".md") || strings.HasSuffix(p, ".go") {
				return err
			}
			files[to+p], err = fs.ReadFile(f, p)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add(playbooks.Files, ".", "playbooks/")
	add(os.DirFS(root), "examples", "")
	return files
}

// place writes the files into the folder and works there.
func place(t testing.TB, files map[string][]byte) {
	t.Helper()
	t.Chdir(t.TempDir())
	for p, b := range files {
		write(t, p, b)
	}
}

func write(t testing.TB, p string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// isVerify tells the files of verify.yml from those of site.yml.
func isVerify(p string) bool {
	return p == "playbooks/verify.yml" || strings.HasPrefix(p, "playbooks/roles/verify/")
}

// laterBook is the playbook of the days after a site's that a file belongs to, if it does.
func laterBook(p string) string {
	for _, book := range []struct{ name, prefix string }{
		{"backup", "playbooks/roles/backup/"}, {"restore", "playbooks/roles/restore/"},
		{"upgrade", "playbooks/roles/upgrade/"}, {"upgrade", "playbooks/roles/homeserver_state/"},
	} {
		if file := "playbooks/" + book.name + ".yml"; p == file || strings.HasPrefix(p, book.prefix) {
			return file
		}
	}
	return ""
}

// booksFor are the playbooks of the site that use a file of it, and the inventory.
func booksFor(p string) (playbooks []string, inventory string) {
	all := []string{"examples/hello.yml", "examples/web.yml", "examples/postgresql.yml"}
	switch {
	case laterBook(p) != "":
		return []string{laterBook(p)}, "examples/hosts"
	case isVerify(p):
		return []string{"playbooks/verify.yml"}, "examples/hosts"
	case strings.HasPrefix(p, "playbooks/"), p == "examples/hosts":
		return []string{"playbooks/site.yml"}, "examples/hosts"
	case strings.HasPrefix(p, "examples/templates/"):
		return []string{"examples/web.yml"}, "examples/inventory"
	case strings.HasPrefix(p, "examples/inventory/"):
		return all, "examples/inventory"
	}
	return []string{p}, "examples/inventory"
}

// compileSite compiles the playbooks that use the file; their warnings count as messages, but refuse nothing.
func compileSite(p string) (refused bool, messages source.Errors) {
	books, inv := booksFor(p)
	for _, book := range books {
		prog, err := runner.Compile(runner.Options{
			Playbooks: []string{book}, Inventory: []string{inv}, Tasks: builtin.Tasks(), Shipped: fstest.MapFS{}, ShippedName: "mxplay",
			ExtraVars: []string{"restore_from=backup"},
		})
		if err != nil {
			var es source.Errors
			es.Add(source.Pos{}, err)
			refused, messages = true, append(messages, es...)
			continue
		}
		messages = append(messages, prog.Warnings...)
	}
	return refused, messages
}

// names tells whether a message names a line of a file, as its place or in what it says.
func names(es source.Errors, file string, line int) bool {
	where := fmt.Sprintf("%s:%d:", file, line)
	return slices.ContainsFunc(es, func(e *source.Error) bool {
		return e.Pos.File == file && e.Pos.Line == line || strings.Contains(e.Msg, where) || strings.Contains(e.Hint, where)
	})
}

// mutation is a file with one character wrong.
type mutation struct {
	what string
	off  int
	data []byte
}

// mutationsAt are the slips of a finger at a character: left out, twice,
// swapped with the next, another one in its place. pick chooses that other one.
func mutationsAt(data []byte, i, pick int) []mutation {
	with := func(what string, mid ...byte) mutation {
		n := 1
		if what == "swapped" {
			n = 2
		}
		return mutation{what, i, slices.Concat(data[:i], mid, data[i+n:])}
	}
	const others = "abexz09_-: '\"{}[](),.#=|&*!%@\t"
	if *shifts {
		return shiftsAt(data, i)
	}
	out := []mutation{with("left out"), with("twice", data[i], data[i]), with("another", others[pick%len(others)])}
	if i+1 < len(data) {
		out = append(out, with("swapped", data[i+1], data[i]))
	}
	return out
}

// shiftsAt are slips of another kind, on the line of a character: it loses its
// last character, moves by one or two columns, loses a quote or gets one, a word loses its end.
func shiftsAt(data []byte, i int) (out []mutation) {
	start := bytes.LastIndexByte(data[:i], '\n') + 1
	line := lineOf(data, i)
	end := start + len(line)
	if strings.TrimSpace(line) == "" || strings.TrimSpace(line)[0] == '#' {
		return nil
	}
	put := func(what string, at, to int, mid string) {
		out = append(out, mutation{what, at, slices.Concat(data[:at], []byte(mid), data[to:])})
	}
	put("last character", end-1, end, "")
	put("to the right", start, start, " ")
	put("two to the right", start, start, "  ")
	if line[0] == ' ' {
		put("to the left", start, start+1, "")
	}
	if strings.HasPrefix(line, "  ") {
		put("two to the left", start, start+2, "")
	}
	if k := strings.IndexAny(line, `"'`); k >= 0 {
		put("no quote", start+k, start+k+1, "")
		put("another quote", start+k, start+k+1, map[byte]string{'"': "'", '\'': `"`}[line[k]])
	}
	if k := strings.Index(line, ": "); k >= 0 {
		put("no blank", start+k+1, start+k+2, "")
		put("no colon", start+k, start+k+1, "")
		put("a quote", start+k+2, start+k+2, `"`)
	}
	for _, pair := range []string{"{{", "}}", "(", ")", "[", "]", "=="} {
		if k := strings.Index(line, pair); k >= 0 {
			put("no "+pair[:1], start+k, start+k+1, "")
		}
	}
	return out
}

// TestMutations changes one character of the shipped files at a time. What
// leaves the meaning of a file as it was (comments, blanks, free text, values
// that nothing can check) is not counted as a mistake unless it is refused.
func TestMutations(t *testing.T) {
	files := shippedSite(t)
	place(t, files)
	var report bytes.Buffer
	// verify.yml and those of the days after read what servers answer, members of JSON that no compiler knows
	tallies := []struct {
		counts map[string]int
		least  int // percent that must be refused, by a message that names the line
	}{{map[string]int{}, 95}, {map[string]int{}, 80}}
	n := 0
	for _, p := range slices.Sorted(maps.Keys(files)) {
		data := files[p]
		counts := tallies[0].counts
		if isVerify(p) || laterBook(p) != "" {
			counts = tallies[1].counts
		}
		for i := n % *stride; i < len(data); i += *stride {
			for _, m := range mutationsAt(data, i, n) {
				n++
				if bytes.Equal(m.data, data) {
					continue
				}
				write(t, p, m.data)
				refused, es := compileSite(p)
				line := 1 + bytes.Count(data[:m.off], []byte("\n"))
				counts["all"]++
				if !refused && !visible(p, data, m.data, i) {
					counts["no mistake"]++
					continue
				}
				switch {
				case refused && (names(es, p, line) || names(es, p, line+1) && (data[i] == '\n' || m.data[i] == '\n')):
					counts["right"]++
				case refused:
					counts["wrong"]++
					fmt.Fprintf(&report, "WRONG %s:%d %s: %q => %q\n  %v\n", p, line, m.what, lineOf(data, i), lineOf(m.data, min(i, len(m.data)-1)), errors.Join(es[0]))
				case names(es, p, line):
					counts["warned"]++
				default:
					counts["slip"]++
					fmt.Fprintf(&report, "SLIP %s:%d %s: %s => %s\n", p, line, m.what, lineOf(data, i), lineOf(m.data, min(i, len(m.data)-1)))
				}
			}
		}
		write(t, p, data)
	}
	for _, tally := range tallies {
		counts := tally.counts
		t.Logf("every %dth character: %v", *stride, counts)
		seen := counts["right"] + counts["wrong"] + counts["warned"] + counts["slip"]
		if seen == 0 || (counts["right"]+counts["wrong"])*100 < seen*tally.least || counts["right"]*100 < seen*tally.least {
			t.Errorf("of %d that a reader could see %d were refused, %d by a message that names the line", seen, counts["right"]+counts["wrong"], counts["right"])
		}
	}
	if *slips != "" {
		if err := os.WriteFile(*slips, report.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	tags      = regexp.MustCompile(`(?s)\{[{%#].*?[}%#]\}`)
	bareWords = regexp.MustCompile(`(?:when|until|that|loop|failed_when|changed_when|break_when)(?:/\d+)?$`)
)

// freeKeys are maps whose keys only the program that is configured knows
// (the settings of Synapse, LiveKit and Draupnir, and the specs that declare them), or that are names of the user's own: no reader of a playbook can tell that one
// is misspelt, nor can the engine.
var freeKeys = regexp.MustCompile(`(?m)^\w+\.yml/\d+/loop/\d+/data/|^(?:main|settings|workers)\.yml/(?:synapse_\w+|livekit_config|draupnir_config)/|^argument_specs\.yml/argument_specs/main/options/\w+/options/|/users/\w*$|/questions/|^hosts\.yml/.*/hosts/[^/]*$`)

// texts are the literals in an expression: letters of a text, as anywhere else.
var texts = regexp.MustCompile(`"[^"]*"|'[^']*'`)

// expression is what a reader sees of an expression: not its blanks, not the letters of its texts.
func expression(s string) string {
	s = strings.NewReplacer("{{-", "{{", "-}}", "}}", "{%-", "{%", "-%}", "%}").Replace(s)
	return strings.Join(strings.Fields(texts.ReplaceAllString(s, `""`)), "")
}

// commented tells whether a change only turned a line into a comment, or cut its end off with one.
func commented(before, after []byte, i int) bool {
	if i >= len(after) || bytes.Count(before, []byte("#")) >= bytes.Count(after, []byte("#")) {
		return false
	}
	line := lineOf(after, i)
	return strings.HasPrefix(strings.TrimLeft(line, " -"), "#")
}

// visible tells whether a change can be seen to be a mistake by who does not
// know what was meant: keys, types, expressions, the form. A letter of a text,
// a path or a number is none, nor is a line that became a comment.
func visible(p string, before, after []byte, i int) bool {
	if commented(before, after, i) {
		return false
	}
	switch ext := filepath.Ext(p); {
	case ext == ".yml":
		a, err := source.ReadYAML(p, before)
		b, err2 := source.ReadYAML(p, after)
		if err != nil || err2 != nil || len(a) != len(b) {
			return true
		}
		var x, y []string
		for i := range a {
			x, y = leaves(x, filepath.Base(p), a[i]), leaves(y, filepath.Base(p), b[i])
		}
		free := func(s string) bool { return freeKeys.MatchString(s) }
		return !slices.Equal(slices.DeleteFunc(x, free), slices.DeleteFunc(y, free))
	case ext == ".conf" || strings.Contains(p, "/templates/"): // what stands around the tags is another program's
		return !slices.EqualFunc(tags.FindAllString(string(before), -1), tags.FindAllString(string(after), -1), func(a, b string) bool { return expression(a) == expression(b) })
	}
	keys := regexp.MustCompile(`(?m)^\[.*|\w+=`)
	return !slices.Equal(keys.FindAllString(string(before), -1), keys.FindAllString(string(after), -1))
}

// leaves are the keys of a node with what a reader sees of each value.
func leaves(out []string, path string, n *source.Node) []string {
	for i, x := range n.Items {
		out = leaves(out, fmt.Sprintf("%s/%d", path, i), x)
	}
	for _, f := range n.Fields {
		out = leaves(append(out, path+"/"+f.Key), path+"/"+f.Key, f.Value)
	}
	if n.Kind != source.Scalar {
		return out
	}
	s, isText := n.Value.(string)
	switch {
	case isText && bareWords.MatchString(path):
		return append(out, path+"="+expression(s))
	case isText:
		for _, e := range tags.FindAllString(s, -1) {
			out = append(out, path+"="+expression(e))
		}
		return append(out, path+" text")
	}
	return append(out, fmt.Sprintf("%s %T", path, n.Value))
}

func lineOf(b []byte, i int) string {
	start := bytes.LastIndexByte(b[:i], '\n') + 1
	line, _, _ := bytes.Cut(b[start:], []byte("\n"))
	return string(line)
}
