// Command tally reads what `go test -json` writes, shows it as go test alone
// would, and ends with the number of tests. Its exit code is 1 when a test or
// package failed, or when nothing ran.
//
//	go test -json ./... | tally -keep FILE NAME
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	keep := flag.String("keep", "", "add the last line to this `FILE`")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ... | tally [-keep FILE] NAME")
		os.Exit(2)
	}
	t, err := read(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	line := flag.Arg(0) + ": " + t.String() + "\n"
	fmt.Print(line)
	if *keep != "" {
		if err := add(*keep, line); err != nil {
			fmt.Fprintln(os.Stderr, "tally:", err)
			os.Exit(1)
		}
	}
	if t.failed+t.broken > 0 || t.passed == 0 {
		os.Exit(1)
	}
}

func add(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// totals counts tests, subtests included, and packages that failed.
type totals struct{ passed, failed, skipped, packages, broken int }

func (t totals) String() string {
	s := fmt.Sprintf("%d tests passed, %d failed, %d skipped, in %d packages", t.passed, t.failed, t.skipped, t.packages)
	if t.broken > 0 {
		s += fmt.Sprintf(", %d of them failed", t.broken)
	}
	return s
}

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, ImportPath, Test, Output string
}

func read(in io.Reader, out io.Writer) (totals, error) {
	var t totals
	said := map[[2]string]*strings.Builder{} // what a test that has not ended wrote
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(out, "%s", line) // not of go test -json
			} else {
				t.take(out, said, e)
			}
		}
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return t, err
		}
	}
}

func (t *totals) take(out io.Writer, said map[[2]string]*strings.Builder, e event) {
	// A subtest's lines belong to its test: they are shown when that failed.
	top, _, sub := strings.Cut(e.Test, "/")
	key := [2]string{e.Package, top}
	switch e.Action {
	case "output", "build-output":
		if e.Test == "" {
			if e.Output != "PASS\n" {
				fmt.Fprint(out, e.Output)
			}
			return
		}
		if said[key] == nil {
			said[key] = &strings.Builder{}
		}
		said[key].WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.packages++
			if e.Action == "fail" {
				t.broken++
				for k, b := range said { // of tests that the package's end cut off
					if k[0] == e.Package {
						fmt.Fprint(out, b.String())
						delete(said, k)
					}
				}
			}
			return
		}
		switch e.Action {
		case "pass":
			t.passed++
		case "fail":
			t.failed++
		case "skip":
			t.skipped++
		}
		if sub {
			return
		}
		if b := said[key]; b != nil && e.Action != "pass" {
			for line := range strings.Lines(b.String()) {
				if !strings.HasPrefix(line, "=== ") {
					fmt.Fprint(out, line)
				}
			}
		}
		delete(said, key)
	}
}
