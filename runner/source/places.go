package source

import (
	"bytes"
	"unicode/utf8"
)

// places turns the parser's lines and columns into ours. They differ only in
// files with line ends that YAML knows and editors do not: NEL, LS, PS and a
// CR without LF.
type places struct {
	file  *File
	lines []int // where the parser's lines begin; nil when they are ours

	// the last place, so that the next one on the same line is counted from it
	line, col, off int
}

func (f *File) places() *places {
	p := &places{file: f}
	data := f.Data
	odd := bytes.Contains(data, []byte("\u0085")) || bytes.Contains(data, []byte("\u2028")) || bytes.Contains(data, []byte("\u2029"))
	if !odd && bytes.Count(data, []byte("\r")) == bytes.Count(data, []byte("\r\n")) {
		return p
	}
	p.lines = []int{0}
	for i := 0; i < len(data); {
		if n := lineBreak(data[i:]); n > 0 {
			i += n
			p.lines = append(p.lines, i)
			continue
		}
		_, size := utf8.DecodeRune(data[i:])
		i += size
	}
	return p
}

// lineBreak is the length of YAML's line end at the start of b, 0 for none.
func lineBreak(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '\n':
		return 1
	case '\r':
		if len(b) > 1 && b[1] == '\n' {
			return 2
		}
		return 1
	case 0xc2:
		if len(b) > 1 && b[1] == 0x85 {
			return 2
		}
	case 0xe2:
		if len(b) > 2 && b[1] == 0x80 && (b[2] == 0xa8 || b[2] == 0xa9) {
			return 3
		}
	}
	return 0
}

// of is our place for the parser's line and column.
func (p *places) of(line, col int) Pos {
	if p.lines == nil || line < 1 || line > len(p.lines) {
		return Pos{File: p.file.Name, Line: line, Col: col}
	}
	if line != p.line || col < p.col {
		p.line, p.col, p.off = line, 1, p.lines[line-1]
		if line == 1 && bytes.HasPrefix(p.file.Data, bom) {
			p.off += len(bom)
		}
	}
	p.off = forward(p.file.Data, p.off, col-p.col)
	p.col = col
	return p.file.PosOf(p.off)
}
