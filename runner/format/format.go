// Package format lays YAML out in one style. It changes white space only, and
// what a reader makes of the text stays the same: each result is read again
// and compared before anybody sees it.
//
// The style: two spaces a level, lists below a key indented too, one space
// behind a dash and a colon, no space at the end of a line, two empty lines in
// a row at most, comments in the column of what they stand at. Quotes, order,
// long lines and all that stands between brackets on one line are left alone.
package format

import (
	"bytes"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// maxBlank is how many empty lines may follow each other outside of scalars.
const maxBlank = 2

var bom = []byte("\ufeff")

// YAML lays a YAML text out. The error is that of a text that does not parse,
// or says that the text cannot be laid out without a change of what it says.
// A file that ansible-vault encrypted comes back as it is.
func YAML(name string, data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte("$ANSIBLE_VAULT;")) {
		return data, nil
	}
	before, err := source.ReadYAML(name, data)
	if err != nil {
		return nil, err
	}
	body, marked := bytes.CutPrefix(data, bom)
	l := &layout{src: strings.ReplaceAll(string(body), "\r\n", "\n")}
	if strings.ContainsAny(l.src, "\r\u0085\u2028\u2029") {
		return nil, oddEnd(name, data)
	}
	l.run()
	out := []byte(l.text())
	if marked {
		out = append(bytes.Clone(bom), out...)
	}
	if off := sameMarks(data, out); off >= 0 {
		return nil, cannot(name, data, off)
	}
	after, err := source.ReadYAML(name, out)
	if err != nil {
		return nil, cannot(name, data, 0)
	}
	if n := differ(before, after); n != nil {
		return nil, n.Errorf("%s", cannotText).WithHint("%s", cannotHint)
	}
	return out, nil
}

const (
	cannotText = "this cannot be laid out without a change of what it says"
	cannotHint = "the file was left as it is; write this part in a simpler form"
)

func cannot(name string, data []byte, off int) error {
	f := source.NewFile(name, data)
	return source.Errorf(f.PosOf(off), cannotText).In(f).WithHint("%s", cannotHint)
}

// oddEnd is the error of a text with line ends that YAML knows and editors do not.
func oddEnd(name string, data []byte) error {
	f := source.NewFile(name, data)
	for i := range data {
		odd := data[i] == '\r' && (i+1 == len(data) || data[i+1] != '\n')
		for _, end := range []string{"\u0085", "\u2028", "\u2029"} {
			odd = odd || bytes.HasPrefix(data[i:], []byte(end))
		}
		if odd {
			return source.Errorf(f.PosOf(i), "a line ends in another way than with a newline").In(f).WithHint("put a newline in its place, or an escape into double quotes")
		}
	}
	return cannot(name, data, 0)
}

// sameMarks compares all that is not white space. It is the offset in a of the
// first difference, -1 when there is none.
func sameMarks(a, b []byte) int {
	i, j := 0, 0
	for {
		for i < len(a) && white(a[i]) {
			i++
		}
		for j < len(b) && white(b[j]) {
			j++
		}
		switch {
		case i == len(a) && j == len(b):
			return -1
		case i == len(a) || j == len(b) || a[i] != b[j]:
			return i
		}
		i++
		j++
	}
}

func white(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// differ is the first node of the documents a that is another one in b.
func differ(a, b []*source.Node) *source.Node {
	for i, n := range a {
		if i >= len(b) {
			return n
		}
		if d := (&comparer{map[*source.Node]*source.Node{}}).differ(n, b[i]); d != nil {
			return d
		}
	}
	if len(b) > len(a) {
		return b[len(a)]
	}
	return nil
}

// comparer remembers what it compared: nodes that aliases share are seen once.
type comparer struct {
	seen map[*source.Node]*source.Node
}

func (c *comparer) differ(a, b *source.Node) *source.Node {
	if c.seen[a] == b {
		return nil
	}
	c.seen[a] = b
	if a.Kind != b.Kind || a.Raw != b.Raw || a.Quoted() != b.Quoted() || a.Unsafe != b.Unsafe || a.Vault != b.Vault ||
		a.TypeName() != b.TypeName() || len(a.Items) != len(b.Items) || len(a.Fields) != len(b.Fields) {
		return a
	}
	for i := range a.Items {
		if d := c.differ(a.Items[i], b.Items[i]); d != nil {
			return d
		}
	}
	for i := range a.Fields {
		if a.Fields[i].Key != b.Fields[i].Key {
			return a
		}
		if d := c.differ(a.Fields[i].Value, b.Fields[i].Value); d != nil {
			return d
		}
	}
	return nil
}
