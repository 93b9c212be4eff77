package source

import (
	"bytes"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"
)

// File is a file that was read whole, kept to show its lines in errors.
type File struct {
	Name string // as the user would name it: relative to the working directory when that is shorter
	Data []byte

	once sync.Once
	at   []int // where each line begins, once that was asked
}

// NewFile is a file whose content is at hand.
func NewFile(name string, data []byte) *File {
	return &File{Name: name, Data: data}
}

// lines are the places where the lines begin.
func (f *File) lines() []int {
	f.once.Do(func() {
		f.at = make([]int, 1, bytes.Count(f.Data, []byte("\n"))+1)
		for i, c := range f.Data {
			if c == '\n' {
				f.at = append(f.at, i+1)
			}
		}
	})
	return f.at
}

// Open reads a file. The name in its places is the shorter of path and the
// path relative to the working directory.
func Open(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, OSError(path, err)
	}
	return NewFile(ShortName(path), data), nil
}

// OSError is an error of the file system about a path, in our words.
func OSError(path string, err error) *Error {
	msg := err.Error()
	if pe, ok := err.(*os.PathError); ok {
		msg = pe.Err.Error()
	}
	switch {
	case os.IsNotExist(err):
		msg = "no such file"
	case os.IsPermission(err):
		msg = "permission denied"
	}
	return &Error{Pos: Pos{File: ShortName(path)}, Msg: msg}
}

// ShortName is a path as messages name it.
func ShortName(path string) string {
	if !filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || len(rel) >= len(path) {
		return path
	}
	return rel
}

// Line is the text of the n-th line, without its end; "" when there is none.
func (f *File) Line(n int) string {
	if f == nil || n < 1 || n > len(f.lines()) {
		return ""
	}
	end := len(f.Data)
	if n < len(f.lines()) {
		end = f.lines()[n]
	}
	return strings.TrimRight(string(f.Data[f.lines()[n-1]:end]), "\r\n")
}

// PosOf is the place of a byte offset.
func (f *File) PosOf(off int) Pos {
	off = min(max(off, 0), len(f.Data))
	i := sort.SearchInts(f.lines(), off+1) - 1
	line := f.Data[f.lines()[i]:off]
	if i == 0 {
		line = bytes.TrimPrefix(line, bom)
	}
	return Pos{File: f.Name, Line: i + 1, Col: utf8.RuneCount(line) + 1}
}

// Offset is the byte offset of a place in the file.
func (f *File) Offset(p Pos) int {
	if p.Line < 1 || p.Line > len(f.lines()) {
		return len(f.Data)
	}
	off := f.lines()[p.Line-1]
	if p.Line == 1 && bytes.HasPrefix(f.Data, bom) {
		off += len(bom)
	}
	return forward(f.Data, off, p.Col-1)
}

var bom = []byte("\ufeff")

// forward goes n characters on from a byte offset.
func forward(data []byte, off, n int) int {
	for ; n > 0 && off < len(data); n-- {
		_, size := utf8.DecodeRune(data[off:])
		off += size
	}
	return off
}
