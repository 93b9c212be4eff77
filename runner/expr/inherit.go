package expr

import (
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

type (
	// filterStmt is {% filter upper() %}…{% endfilter %}: n is over the name filtered.
	filterStmt struct {
		n    node
		body []stmt
	}
	// blockStmt is {% block name %}: a part that a file which extends this one may replace.
	blockStmt struct {
		at
		name   string
		scoped bool // it sees what is set around it
		body   []stmt
	}
	extendsStmt struct {
		at
		n node
	}
)

// filtered is the name of the text inside a filterStmt; no variable is called so.
const filtered = "_"

// inherit is a template file that is rendered, with those that it extends.
type inherit struct {
	blocks map[string][]blockDef // by name; what replaces stands before what is replaced
	top    *frame
	parent *Template // set by extends
	cut    int       // where the text ended then
}

type blockDef struct {
	s    *blockStmt
	tmpl *Template
}

// superBlock is super(): the block that this one replaces.
type superBlock struct {
	defs []blockDef
	s    *blockStmt
}

// body renders a template file, or the one that it extends, into out.
func (ev *evaluator) body(t *Template, out *strings.Builder) error {
	old, o, tmpl := ev.inherit, ev.o, ev.tmpl
	defer func() { ev.inherit, ev.o, ev.tmpl = old, o, tmpl }()
	in := &inherit{top: ev.frame}
	ev.inherit = in
	for depth := 0; ; depth++ {
		if depth > maxDepth {
			return ev.o.errorf(0, "template files extend each other deeper than %d", maxDepth)
		}
		for name, s := range t.code.blocks {
			if in.blocks == nil {
				in.blocks = map[string][]blockDef{}
			}
			in.blocks[name] = append(in.blocks[name], blockDef{s, t})
		}
		in.parent = nil
		if t.code.plain {
			out.WriteString(t.code.text)
			return nil
		}
		var text strings.Builder
		if err := ev.block(t.code.parts, &text); err != nil {
			return err
		}
		if in.parent == nil {
			out.WriteString(text.String())
			return nil
		}
		out.WriteString(text.String()[:in.cut])
		t = in.parent
		ev.o, ev.tmpl = t.origin, t
	}
}

func (s *filterStmt) run(ev *evaluator, out *strings.Builder) error {
	var text strings.Builder
	err := ev.in(ev.frame, func(*frame) error { return ev.block(s.body, &text) })
	if err != nil {
		return err
	}
	return ev.in(ev.frame, func(f *frame) error {
		f.set(filtered, text.String())
		return (&printStmt{s.n}).run(ev, out)
	})
}

func (s *extendsStmt) run(ev *evaluator, out *strings.Builder) error {
	t, err := ev.load(s.n)
	if err != nil {
		return unwrapped(err)
	}
	if ev.inherit == nil || ev.inherit.parent != nil {
		return ev.o.errorf(s.offset(), "a template file extends one other")
	}
	ev.inherit.parent, ev.inherit.cut = t, out.Len()
	return nil
}

func (s *blockStmt) run(ev *evaluator, out *strings.Builder) error {
	in := ev.inherit
	if in != nil && in.parent != nil {
		return nil // the file that is extended says where it stands
	}
	defs := []blockDef{{s, ev.tmpl}}
	if in != nil && len(in.blocks[s.name]) > 0 {
		defs = in.blocks[s.name]
	}
	text, err := ev.runBlock(s, defs)
	out.WriteString(text)
	return err
}

// runBlock renders the first of the blocks, in the place of s.
func (ev *evaluator) runBlock(s *blockStmt, defs []blockDef) (string, error) {
	if ev.depth++; ev.depth > maxDepth {
		return "", ev.o.errorf(s.offset(), "blocks are nested deeper than %d", maxDepth)
	}
	o, tmpl, items := ev.o, ev.tmpl, ev.items
	defer func() { ev.o, ev.tmpl, ev.items = o, tmpl, items; ev.depth-- }()
	parent := ev.frame
	if !s.scoped && ev.inherit != nil {
		parent = ev.inherit.top
	}
	if t := defs[0].tmpl; t != nil {
		ev.o, ev.tmpl, ev.items = t.origin, t, nil
	}
	var out strings.Builder
	err := ev.in(parent, func(f *frame) error {
		f.set("super", &superBlock{defs[1:], s})
		return ev.block(defs[0].s.body, &out)
	})
	return out.String(), err
}

// super is super().
func (n *dynNode) super(ev *evaluator, b *superBlock) (value.Value, error) {
	if len(n.args) > 0 {
		return nil, ev.errorf(n, "super() takes no arguments")
	}
	if len(b.defs) == 0 {
		return nil, ev.errorf(n, "the block %s replaces none", b.s.name)
	}
	return ev.runBlock(b.s, b.defs)
}
