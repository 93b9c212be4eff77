// Package source knows where things stand: files that were read, positions in
// them, and errors that show file:line:column, the line itself and the fix.
package source

import (
	"cmp"
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Pos is a place in a file: line and column count from 1, columns in characters.
// The zero Pos is no place.
type Pos struct {
	File      string
	Line, Col int
}

// IsZero tells whether p is no place.
func (p Pos) IsZero() bool { return p.File == "" && p.Line == 0 }

func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Error is one mistake in the input. Text is the source line it stands in.
type Error struct {
	Pos  Pos
	Msg  string // lower case, no full stop
	Text string // the line, without its end; "" when not known
	Hint string // what mends it; "" when not known
}

func (e *Error) Error() string {
	if e.Pos.IsZero() {
		return e.Msg
	}
	return e.Pos.String() + ": " + e.Msg
}

// Errorf makes an Error at a place.
func Errorf(p Pos, format string, args ...any) *Error {
	return &Error{Pos: p, Msg: fmt.Sprintf(format, args...)}
}

// WithHint sets the hint and returns the error.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// In sets the line from the file that the place is in and returns the error.
func (e *Error) In(f *File) *Error {
	if f != nil && e.Text == "" && e.Pos.File == f.Name {
		e.Text = f.Line(e.Pos.Line)
	}
	return e
}

// Errors are all mistakes of one input, to be shown in one go.
type Errors []*Error

func (es Errors) Error() string {
	var lines []string
	for _, e := range es {
		lines = append(lines, e.Error())
	}
	return strings.Join(lines, "\n")
}

// Add collects err: an *Error, Errors (also wrapped), or any other error, which gets the place p.
func (es *Errors) Add(p Pos, err error) {
	if err == nil {
		return
	}
	var many Errors
	var one *Error
	switch {
	case errors.As(err, &many):
		*es = append(*es, many...)
	case errors.As(err, &one):
		*es = append(*es, one)
	default:
		*es = append(*es, &Error{Pos: p, Msg: err.Error()})
	}
}

// Sort brings the errors into the order of their places.
func (es Errors) Sort() {
	sort.SliceStable(es, func(i, j int) bool { return Compare(es[i].Pos, es[j].Pos) < 0 })
}

// Compare orders places: by file, line and column.
func Compare(a, b Pos) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
}

// Err is nil when nothing was collected, else the errors sorted by place, each once.
func (es Errors) Err() error {
	if len(es) == 0 {
		return nil
	}
	out := append(Errors(nil), es...)
	out.Sort()
	return out.Unique()
}

// Unique are the errors without those that say the same of the same place.
func (es Errors) Unique() Errors {
	seen := make(map[string]bool, len(es))
	var out Errors
	for _, e := range es {
		if key := e.Error(); !seen[key] {
			seen[key] = true
			out = append(out, e)
		}
	}
	return out
}
