package playbook

import (
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// What the keywords with a form of their own take.

// tags are the words of a tags: keyword, "a,b" taken apart.
func tags(n *source.Node) []*source.Node {
	var out []*source.Node
	for _, e := range listOf(n) {
		s, ok := constant(e)
		if !ok || !strings.Contains(s, ",") {
			out = append(out, e)
			continue
		}
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				one := *e
				one.Value, one.Raw = part, part
				out = append(out, &one)
			}
		}
	}
	return out
}

// vars checks the names of variables.
func (l *load) vars(n *source.Node) []source.Field {
	if n.IsNull() {
		return nil
	}
	for i, f := range n.Fields {
		if !identForm.MatchString(f.Key) {
			l.Lost.Text(f.Key)
			l.add(badIdent(n.KeyErrorf(i, "%q is no name for a variable", f.Key), f.Key))
		}
	}
	return n.Fields
}

func (l *load) register(d dest, f source.Field) {
	d.task.Register, _ = constant(f.Value)
	d.task.RegisterPos = f.Value.Pos
}

func (l *load) varsFiles(d dest, f source.Field) {
	for _, e := range f.Value.Items {
		if e.IsNull() || e.Kind == source.Map {
			l.add(e.Errorf("vars_files takes file names, not a %s", e.TypeName()))
			continue
		}
		for _, in := range e.Items {
			if in.IsNull() || in.Kind != source.Scalar {
				l.add(in.Errorf("vars_files takes file names, not a %s", in.TypeName()))
			}
		}
		d.play.VarsFiles = append(d.play.VarsFiles, e)
	}
}

func (l *load) varsPrompt(d dest, f source.Field) {
	known := []string{"name", "prompt", "default", "private", "confirm", "unsafe"}
	before := len(l.errs)
	defer func() {
		if len(l.errs) > before {
			l.Lost.Field(f)
		}
	}()
	for _, e := range f.Value.Items {
		if e.Kind != source.Map {
			l.add(e.Errorf("an entry of vars_prompt is a map, not a %s", e.TypeName())).Hint = "- name: VARIABLE"
			continue
		}
		p := &Prompt{Pos: e.Pos, Prompt: e.Get("prompt"), Default: e.Get("default")}
		p.Private, p.Confirm, p.Unsafe = e.Get("private"), e.Get("confirm"), e.Get("unsafe")
		for i, g := range e.Fields {
			switch g.Key {
			case "name", "prompt", "default":
			case "private", "confirm", "unsafe":
				if bad := wantBool(g.Key, g.Value); bad != nil {
					l.add(bad)
				}
			case "encrypt", "salt", "salt_size":
				l.add(keyError(e, i, "vars_prompt cannot encrypt")).Hint = "hash it where it is used: {{ password_hash(NAME) }}"
			default:
				l.add(keyError(e, i, "unknown key "+g.Key+" of vars_prompt")).Hint = didYouMean(g.Key, known)
			}
		}
		name := e.Get("name")
		if name == nil {
			l.add(e.Errorf("an entry of vars_prompt needs a name"))
			continue
		}
		if bad := wantIdent("name", name); bad != nil {
			l.add(bad)
			continue
		}
		p.Name, _ = constant(name)
		d.play.VarsPrompt = append(d.play.VarsPrompt, p)
	}
}

// keyError is an error at a key, of a text that is already made.
func keyError(m *source.Node, i int, msg string) *source.Error { return m.KeyErrorf(i, "%s", msg) }

func (l *load) moduleDefaults(d dest, f source.Field) {
	for _, m := range listOf(f.Value) {
		if m.Kind != source.Map {
			l.add(m.Errorf("module_defaults takes a map of modules"))
			continue
		}
		for i, e := range m.Fields {
			if strings.HasPrefix(e.Key, "group/") {
				l.add(m.KeyErrorf(i, "there are no groups of modules")).Hint = "name each module"
				continue
			}
			name := l.module(e.Key)
			if name == "" {
				l.unknownModule(m.KeyErrorf(i, "unknown module %s", e.Key), e.Key)
				continue
			}
			if e.Value.Kind != source.Map {
				l.add(e.Value.Errorf("the defaults of a module are a map, not a %s", e.Value.TypeName()))
				continue
			}
			d.level.ModuleDefaults = append(d.level.ModuleDefaults, ModuleDefault{Pos: e.KeyPos, Module: name, Args: e.Value})
		}
	}
}

func (l *load) loopControl(d dest, f source.Field) {
	if f.Value.IsNull() {
		return
	}
	c := &LoopControl{Pos: f.Value.Pos}
	d.level.LoopControl = c
	known := []string{"loop_var", "index_var", "label", "pause", "extended", "extended_allitems", "break_when"}
	for i, e := range f.Value.Fields {
		var bad *source.Error
		switch e.Key {
		case "loop_var":
			c.LoopVar, bad = e.Value, wantIdent(e.Key, e.Value)
		case "index_var":
			c.IndexVar, bad = e.Value, wantIdent(e.Key, e.Value)
		case "label":
			c.Label = e.Value
		case "pause":
			c.Pause, bad = e.Value, wantNumber(e.Key, e.Value, Number)
		case "extended":
			c.Extended, bad = e.Value, wantBool(e.Key, e.Value)
		case "extended_allitems":
			c.ExtendedAllitems, bad = e.Value, wantBool(e.Key, e.Value)
		case "break_when":
			c.BreakWhen, bad = e.Value, wantCond(e.Key, e.Value)
		default:
			bad = keyError(f.Value, i, "unknown key "+e.Key+" of loop_control")
			bad.Hint = didYouMean(e.Key, known)
		}
		if bad != nil {
			l.add(bad)
			l.Lost.Field(e)
		}
	}
}

// varsFile reads a file of variables, or every one of a folder.
func (l *load) varsFile(path string) []source.Field {
	if l.isDir(path) {
		return l.varsDir(path)
	}
	p := l.read(path)
	if p.err != nil {
		l.errs.Add(source.Pos{File: source.ShortName(path)}, p.err)
		return nil
	}
	if p.node.IsNull() {
		return nil
	}
	if p.node.Kind != source.Map {
		l.add(p.node.Errorf("a file of variables is a map, not a %s", p.node.TypeName())).Hint = "name: value"
		l.Lost.Node(p.node)
		return nil
	}
	return l.vars(p.node)
}

// varsDir reads the variables of a folder, sorted, at any depth; later files win.
func (l *load) varsDir(dir string) []source.Field {
	entries, err := l.ReadDir(dir)
	if err != nil {
		l.errs.Add(source.Pos{File: dir}, source.OSError(dir, err))
		return nil
	}
	var out []source.Field
	for _, e := range entries {
		name := e.Name()
		p := l.Join(dir, name)
		switch {
		case strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~"):
		case l.isDir(p):
			out = overlay(out, l.varsDir(p))
		case isYAML(name):
			out = overlay(out, l.varsFile(p))
		}
	}
	return out
}
