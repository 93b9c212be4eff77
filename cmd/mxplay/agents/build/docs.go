package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// docTag is the doc of a field, among its other tags.
var docTag = regexp.MustCompile(` ?doc:"(?:[^"\\]|\\.)*"`)

// overlay writes the modules' sources without their docs into tmp, and the
// file that tells go build to take those: an agent shows no docs, and it goes
// over slow lines.
func overlay(tmp string) (string, error) {
	replace := map[string]string{}
	err := filepath.WalkDir("modules", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		out, err := withoutDocs(path, src)
		if err != nil || string(out) == string(src) {
			return err
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		to := filepath.Join(tmp, fmt.Sprintf("%d.go", len(replace)))
		replace[abs] = to
		return os.WriteFile(to, out, 0o600)
	})
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(tmp, "overlay.json")
	return file, os.WriteFile(file, b, 0o600)
}

// withoutDocs is a Go source with empty texts for Doc and Example, and no doc in struct tags.
func withoutDocs(path string, src []byte) ([]byte, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	type edit struct {
		from, to int
		text     string
	}
	var edits []edit
	put := func(n ast.Node, text string) {
		edits = append(edits, edit{fset.Position(n.Pos()).Offset, fset.Position(n.End()).Offset, text})
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if k, ok := n.Key.(*ast.Ident); ok && (k.Name == "Doc" || k.Name == "Example") && texts(n.Value) {
				put(n.Value, `""`)
			}
		case *ast.Field:
			if n.Tag != nil {
				put(n.Tag, docTag.ReplaceAllString(n.Tag.Value, ""))
			}
		}
		return true
	})
	slices.SortFunc(edits, func(a, b edit) int { return a.from - b.from })
	var out []byte
	last := 0
	for _, e := range edits {
		out = append(append(out, src[last:e.from]...), e.text...)
		last = e.to
	}
	return append(out, src[last:]...), nil
}

// texts tells whether an expression is made of texts alone.
func texts(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return texts(e.X) && texts(e.Y)
	}
	return false
}
