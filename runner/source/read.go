package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxExpanded bounds the nodes that aliases may stand for, so that a few lines
// cannot become a billion nodes when they are walked.
const maxExpanded = 1_000_000

// bang is the tag that says no more than "not plain".
var bang = regexp.MustCompile(`!(?:\s|\x{85}|\x{2028}|\x{2029}|$)`)

// ReadYAML reads the documents of a YAML text. A text that holds nothing, or
// only comments, has no document; an empty document is a null. The error is an
// *Error (the text does not parse) or Errors (all mistakes in it).
func ReadYAML(name string, data []byte) ([]*Node, error) {
	return NewFile(name, data).YAML()
}

// ReadFile reads the documents of a YAML file.
func ReadFile(path string) ([]*Node, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	return f.YAML()
}

// ReadOne reads a YAML file that may hold one document; an empty file is a null.
func ReadOne(path string) (*Node, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	return f.One()
}

// One reads the file as YAML with one document at most; an empty file is a null.
func (f *File) One() (*Node, error) {
	docs, err := f.YAML()
	if err != nil {
		return nil, err
	}
	switch len(docs) {
	case 0:
		return &Node{Pos: Pos{File: f.Name, Line: 1, Col: 1}, file: f}, nil
	case 1:
		return docs[0], nil
	}
	return nil, docs[1].Errorf("a second document begins here; this file may hold one only")
}

// YAML reads the documents of the file, which is JSON if its name ends so.
func (f *File) YAML() ([]*Node, error) {
	if err := f.checkText(); err != nil {
		return nil, err
	}
	if strings.HasSuffix(f.Name, ".json") {
		n, err := f.JSON()
		if err != nil {
			return nil, err
		}
		return []*Node{n}, nil
	}
	roots, err := parse(f.Data)
	if err != nil {
		return nil, diagnose(f, err)
	}
	c := &converter{file: f, done: map[*yaml.Node]*Node{}, places: f.places()}
	c.bang = bang.Match(f.Data)
	c.stuckComments()
	var docs []*Node
	for _, r := range roots {
		c.expanded = 0
		docs = append(docs, c.node(r, 0))
	}
	if err := c.errs.Err(); err != nil {
		return nil, err
	}
	return docs, nil
}

// parse runs the parser over all documents. Its panics, should there be any,
// come back as errors: the input is to blame for nothing worse.
func parse(data []byte) (roots []*yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return roots, nil
		case err != nil:
			return nil, err
		}
		root := &doc
		if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
			root = doc.Content[0]
		}
		roots = append(roots, root)
	}
}

// checkText refuses what is no text, at its exact place.
func (f *File) checkText() error {
	data := f.Data
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return (&Error{Pos: Pos{File: f.Name, Line: 1, Col: 1}, Msg: "the file is UTF-16"}).WithHint("save it as UTF-8")
	}
	for i := 0; i < len(data); {
		c := data[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			return Errorf(f.PosOf(i), "control character 0x%02x in the file", c).In(f)
		}
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return Errorf(f.PosOf(i), "byte 0x%02x is not UTF-8", c).WithHint("save the file as UTF-8").In(f)
		}
		if r >= 0x80 && r < 0xa0 && r != 0x85 || r == 0xfffe || r == 0xffff {
			return Errorf(f.PosOf(i), "control character U+%04X in the file", r).In(f)
		}
		i += size
	}
	return nil
}

// converter makes our nodes of the parser's.
type converter struct {
	file     *File
	places   *places
	bang     bool // a lone "!" stands somewhere
	errs     Errors
	done     map[*yaml.Node]*Node // of what an alias may name; nil while under way
	sizes    map[*yaml.Node]int
	expanded int
	dead     bool // too many nodes: said once
}

func (c *converter) node(y *yaml.Node, depth int) *Node {
	if y.Kind == yaml.AliasNode {
		return c.alias(y)
	}
	if y.Anchor != "" {
		c.done[y] = nil
	}
	n := &Node{Pos: c.places.of(y.Line, y.Column), file: c.file}
	tag := ""
	if y.Style&yaml.TaggedStyle != 0 {
		tag = y.Tag
	}
	tagPos := n.Pos
	if tag != "" || y.Anchor != "" || c.bang && y.Kind == yaml.ScalarNode {
		var lone bool
		n.Pos, lone = c.afterProperties(n.Pos)
		if lone && tag == "" {
			tag = "!!str"
		}
	}
	switch y.Kind {
	case yaml.ScalarNode:
		c.scalar(n, y, tag, tagPos)
	case yaml.SequenceNode:
		n.Kind = List
		c.collectionTag(n, tag, "!!seq", tagPos)
		n.Items = make([]*Node, 0, len(y.Content))
		for _, e := range y.Content {
			n.Items = append(n.Items, c.node(e, depth+1))
		}
	case yaml.MappingNode:
		n.Kind = Map
		c.collectionTag(n, tag, "!!map", tagPos)
		c.mapping(n, y, depth)
	}
	if y.Anchor != "" {
		c.done[y] = n
	}
	return n
}

// alias is the node that an alias names, itself and not a copy.
func (c *converter) alias(y *yaml.Node) *Node {
	pos := c.places.of(y.Line, y.Column)
	n, ok := c.done[y.Alias]
	if !ok || n == nil {
		c.errs = append(c.errs, Errorf(pos, "*%s stands inside of what it names", y.Value).In(c.file))
		return &Node{Pos: pos, file: c.file}
	}
	c.expanded += c.size(y.Alias)
	if c.expanded > maxExpanded && !c.dead {
		c.dead = true
		c.errs = append(c.errs, Errorf(pos, "the aliases of this file stand for more than %d values", maxExpanded).In(c.file))
	}
	return n
}

// size is the number of values below a node with its aliases expanded.
func (c *converter) size(y *yaml.Node) int {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	if s, ok := c.sizes[y]; ok {
		return s
	}
	if c.sizes == nil {
		c.sizes = map[*yaml.Node]int{}
	}
	c.sizes[y] = maxExpanded // for one that holds itself
	s := 1
	for _, e := range y.Content {
		s = min(s+c.size(e), maxExpanded+1)
	}
	c.sizes[y] = s
	return s
}

// afterProperties is the place behind the tag and the anchor of a value, and
// whether the tag is a lone "!".
func (c *converter) afterProperties(p Pos) (at Pos, lone bool) {
	data, off := c.file.Data, c.file.Offset(p)
	for off < len(data) {
		if n := lineBreak(data[off:]); n > 0 {
			off += n
			continue
		}
		switch data[off] {
		case '&':
			for off++; off < len(data) && anchorChar(data[off]); off++ {
			}
		case '!':
			from := off
			for off < len(data) && data[off] != ' ' && data[off] != '\t' && lineBreak(data[off:]) == 0 && strings.IndexByte(",[]{}", data[off]) < 0 {
				off++
			}
			lone = lone || off == from+1
		case ' ', '\t':
			off++
		case '#':
			for off < len(data) && lineBreak(data[off:]) == 0 {
				off++
			}
		default:
			return c.file.PosOf(off), lone
		}
	}
	return p, lone
}

// anchorChar tells whether a character can stand in an anchor's name.
func anchorChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

func (c *converter) fail(p Pos, format string, args ...any) *Error {
	e := Errorf(p, format, args...).In(c.file)
	c.errs = append(c.errs, e)
	return e
}

func (c *converter) collectionTag(n *Node, tag, own string, at Pos) {
	switch tag {
	case "", own:
	case "!unsafe":
		n.Unsafe = true
	default:
		c.unknownTag(n, tag, at)
	}
}

func (c *converter) unknownTag(n *Node, tag string, at Pos) {
	e := c.fail(at, "unknown tag %s", tag)
	line := c.file.Line(at.Line)
	if near := DidYouMean(tag, []string{"!unsafe", "!vault"}); near != "" {
		e.Hint = "did you mean " + near + "?"
		return
	}
	if n.Kind != Scalar {
		return
	}
	if q := quoteFrom(line, at.Col); q != "" {
		e.Hint = "a value that begins with ! is a tag in YAML, quote it: " + q
	}
}

func (c *converter) scalar(n *Node, y *yaml.Node, tag string, tagPos Pos) {
	n.Raw, n.Value = y.Value, y.Value
	switch s := y.Style &^ yaml.TaggedStyle; s {
	case yaml.SingleQuotedStyle:
		n.style = single
	case yaml.DoubleQuotedStyle:
		n.style = double
	case yaml.LiteralStyle:
		n.style = literal
	case yaml.FoldedStyle:
		n.style = folded
	}
	ok := true
	switch tag {
	case "":
		if n.style == plain {
			c.goesOn(n)
			n.Value, ok = resolve(y.Value)
		}
	case "!!str":
	case "!unsafe":
		n.Unsafe = true
	case "!vault", "!vault-encrypted":
		n.Vault = true
		if !strings.HasPrefix(strings.TrimSpace(y.Value), "$ANSIBLE_VAULT;") {
			c.fail(n.Pos, "!vault needs the text that ansible-vault made, which begins with $ANSIBLE_VAULT")
		}
	case "!!null", "!!bool", "!!int", "!!float":
		c.forced(n, tag, tagPos)
		return
	default:
		c.unknownTag(n, tag, tagPos)
	}
	if !ok {
		c.fail(n.Pos, "%s does not fit into 64 bits", y.Value).WithHint("quote it if it is text: %s", quoteLine(c.file.Line(n.Pos.Line), n.Pos.Col))
	}
}

var stuckComment = regexp.MustCompile(`["']#`)

// stuckComments refuses what follows a closing quote as a comment without a
// space before it, which the parser lets pass and YAML does not.
func (c *converter) stuckComments() {
	if !stuckComment.Match(c.file.Data) {
		return
	}
	text := string(c.file.Data)
	quotes, _, _ := outline(text, len(text))
	for _, q := range quotes {
		if q.closed && at(text, q.end) == '#' {
			c.fail(c.file.PosOf(q.end), "a comment needs a space before it").WithHint("put it on a line of its own, or take the # away")
		}
	}
}

// goesOn refuses a plain text that swallows a list entry of the lines below,
// as in a list whose second dash stands too far to the right.
func (c *converter) goesOn(n *Node) {
	if !strings.Contains(n.Raw, " - ") {
		return
	}
	first, _ := cutComment(" " + strings.TrimSpace(c.file.Line(n.Pos.Line)[min(n.Pos.Col-1, len(c.file.Line(n.Pos.Line))):]))
	if strings.HasSuffix(strings.TrimSpace(first), n.Raw) {
		return
	}
	for i := n.Pos.Line + 1; i <= len(c.file.lines()); i++ {
		text := c.file.Line(i)
		t := strings.TrimSpace(text)
		if !strings.HasPrefix(t, "- ") || !strings.Contains(n.Raw, " "+t) {
			if t != "" && !strings.Contains(n.Raw, t) {
				return
			}
			continue
		}
		c.fail(Pos{File: c.file.Name, Line: i, Col: indentOf(text) + 1}, "this entry is part of the text that begins in line %d", n.Pos.Line).
			WithHint("entries of one list begin in the same column; quote the text if it is one")
		return
	}
}

// forced resolves a scalar with a tag of YAML's own, as in !!int "3".
func (c *converter) forced(n *Node, tag string, at Pos) {
	v, ok := resolve(n.Raw)
	if i, isInt := v.(int64); tag == "!!float" && isInt {
		v = float64(i)
	}
	have := map[bool]string{true: "!!bool"}[v == true || v == false]
	switch v.(type) {
	case nil:
		have = "!!null"
	case int64:
		have = "!!int"
	case float64:
		have = "!!float"
	}
	n.Value = v
	if !ok || have != tag {
		c.fail(at, "%q is no %s", n.Raw, strings.TrimPrefix(tag, "!!"))
	}
}
