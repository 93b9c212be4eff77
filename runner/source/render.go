package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Render shows an error as a person reads it: for each mistake in it the
// place, the line with a mark below, and the hint. A line that the error does
// not carry is read from its file.
func Render(w io.Writer, err error, color bool) error {
	if err == nil {
		return nil
	}
	var es Errors
	es.Add(Pos{}, err)
	files := map[string]*File{}
	b := bufio.NewWriter(w)
	for _, e := range es {
		text := e.Text
		if text == "" && e.Pos.Line > 0 {
			f, ok := files[e.Pos.File]
			if !ok {
				f, _ = Open(e.Pos.File)
				files[e.Pos.File] = f
			}
			text = f.Line(e.Pos.Line)
		}
		renderOne(b, e, context(err, e), text, color)
	}
	return b.Flush()
}

// context is what a wrapped single error says before the mistake itself.
func context(err error, e *Error) string {
	var one *Error
	if !errors.As(err, &one) || one != e {
		return ""
	}
	var many Errors
	if errors.As(err, &many) {
		return ""
	}
	before, ok := strings.CutSuffix(err.Error(), e.Error())
	if !ok {
		return ""
	}
	return before
}

func renderOne(b *bufio.Writer, e *Error, before, text string, color bool) {
	bold, red, cyan, off := "", "", "", ""
	if color {
		bold, red, cyan, off = "\x1b[1m", "\x1b[31m", "\x1b[36m", "\x1b[0m"
	}
	if !e.Pos.IsZero() {
		fmt.Fprintf(b, "%s%s:%s ", bold, e.Pos, off)
	}
	fmt.Fprintf(b, "%s%s%s%s\n", red, before, e.Msg, off)
	if strings.TrimSpace(text) != "" {
		line, mark := window(text, e.Pos.Col)
		fmt.Fprintf(b, "    %s\n", line)
		if e.Pos.Col > 0 {
			fmt.Fprintf(b, "    %s%s^%s\n", mark, red, off)
		}
	}
	if e.Hint != "" {
		fmt.Fprintf(b, "  %shint:%s %s\n", cyan, off, strings.ReplaceAll(strings.TrimRight(e.Hint, "\n"), "\n", "\n        "))
	}
}

// window cuts a very long line around the column and gives the space before
// the mark, with tabs where the line has tabs. Control characters of the
// file never reach the terminal.
func window(text string, col int) (line, before string) {
	const width = 160
	r := []rune(text)
	at := min(max(col-1, 0), len(r))
	if len(r) > width {
		from := max(0, at-width/2)
		to := min(len(r), from+width)
		cut := append([]rune{}, r[from:to]...)
		if to < len(r) {
			cut = append(cut, '…')
		}
		at -= from
		if from > 0 {
			cut = append([]rune{'…'}, cut...)
			at++
		}
		r = cut
	}
	var mark []rune
	for i, c := range r {
		switch {
		case c == '\t':
		case c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' || c >= '\u202a' && c <= '\u202e' || c >= '\u2066' && c <= '\u2069':
			r[i] = '·'
		}
		if i < at {
			if c == '\t' {
				mark = append(mark, '\t')
			} else {
				mark = append(mark, ' ')
			}
		}
	}
	for range at - len(r) {
		mark = append(mark, ' ')
	}
	return string(r), string(mark)
}
