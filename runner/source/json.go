package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// JSON reads the file as one JSON text, with places. A file that holds
// nothing is a null.
func (f *File) JSON() (*Node, error) {
	data := bytes.TrimPrefix(f.Data, bom)
	r := &jsonReader{file: f, shift: len(f.Data) - len(data), d: json.NewDecoder(bytes.NewReader(data))}
	r.d.UseNumber()
	if len(bytes.TrimSpace(data)) == 0 {
		return &Node{Pos: Pos{File: f.Name, Line: 1, Col: 1}, file: f}, nil
	}
	n := r.node()
	if r.err == nil {
		r.space()
		if at := r.off(); at < len(f.Data) {
			r.fail(at, "more text stands behind the JSON value")
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return n, r.errs.Err()
}

type jsonReader struct {
	file  *File
	shift int
	d     *json.Decoder
	err   error  // the text cannot be read further
	errs  Errors // mistakes in a text that can
	next  int
	depth int
}

func (r *jsonReader) off() int { return r.next }

// space moves on to the next token: over white space, commas and colons.
func (r *jsonReader) space() {
	r.next = int(r.d.InputOffset()) + r.shift
	for r.next < len(r.file.Data) && strings.IndexByte(" \t\r\n,:", r.file.Data[r.next]) >= 0 {
		r.next++
	}
}

func (r *jsonReader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = Errorf(r.file.PosOf(at), format, args...).In(r.file)
	}
}

// token is the next token and its place.
func (r *jsonReader) token() (json.Token, Pos) {
	r.space()
	p := r.file.PosOf(r.next)
	t, err := r.d.Token()
	var syntax *json.SyntaxError
	switch {
	case err == nil:
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		r.fail(len(r.file.Data), "the JSON text ends too early")
	case errors.As(err, &syntax):
		msg := strings.TrimSuffix(syntax.Error(), " in JSON input")
		r.fail(max(r.next, int(syntax.Offset)-1+r.shift), "%s", strings.Replace(msg, "unexpected end of", "the text ends too early,", 1))
	default:
		r.fail(r.next, "%v", err)
	}
	return t, p
}

func (r *jsonReader) node() *Node {
	t, p := r.token()
	n := &Node{Pos: p, file: r.file, style: double}
	if r.err != nil {
		return n
	}
	switch t := t.(type) {
	case json.Delim:
		if r.depth++; r.depth > 1000 {
			r.fail(r.next, "nested too deeply")
			return n
		}
		defer func() { r.depth-- }()
		if t == '[' {
			r.list(n)
		} else {
			r.fields(n)
		}
	case json.Number:
		n.style, n.Raw = plain, t.String()
		v, err := value.Of(t)
		if err != nil {
			r.errs = append(r.errs, n.Errorf("%v", err))
		}
		n.Value = v
	case string:
		n.Value, n.Raw = t, t
	default:
		n.style, n.Value, n.Raw = plain, t, fmt.Sprint(t)
		if t == nil {
			n.Raw = "null"
		}
	}
	return n
}

func (r *jsonReader) list(n *Node) {
	n.Kind, n.Items = List, []*Node{}
	for r.err == nil && r.d.More() {
		n.Items = append(n.Items, r.node())
	}
	r.token()
}

func (r *jsonReader) fields(n *Node) {
	n.Kind, n.Fields = Map, []Field{}
	seen := map[string]int{}
	for r.err == nil && r.d.More() {
		t, p := r.token()
		key, _ := t.(string)
		if r.err != nil {
			return
		}
		f := Field{Key: key, KeyPos: p, Value: r.node()}
		if line, twice := seen[key]; twice {
			r.errs = append(r.errs, Errorf(p, "key %q stands twice in this map, first in line %d", key, line).In(r.file))
			continue
		}
		seen[key] = p.Line
		n.Fields = append(n.Fields, f)
	}
	r.token()
}
