package runner

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// args compiles a task's arguments against its module's description.
func (c *compiler) args(t *task) {
	spec := t.mod.Args
	constant := value.NewMap(len(t.src.Args.Fields))
	static := true
	given := map[string]bool{}
	bad := false
	fail := func(pos source.Pos, err error) {
		bad = true
		if elsewhere(err) {
			c.errs.Add(pos, err)
			return
		}
		e, ok := err.(*source.Error)
		if !ok {
			e = &source.Error{Msg: err.Error()}
		}
		c.errs.Add(pos, &source.Error{Pos: pos, Msg: t.mod.Name + ": " + e.Msg, Hint: e.Hint})
	}
	fields := t.src.Args.Fields
	for _, d := range c.moduleDefaults(t) {
		if t.src.Args.Get(d.Key) == nil {
			fields = append(fields[:len(fields):len(fields)], d)
		}
	}
	for _, f := range fields {
		field := spec.Field(f.Key)
		if (field == nil || field.Private) && !spec.Free {
			fail(f.KeyPos, unknownName(f.Key, spec))
			continue
		}
		a := &arg{field: field, name: f.Key, pos: f.Value.Pos, raw: f.Value.Raw}
		t.args = append(t.args, a)
		if field != nil {
			a.name = field.Name
			if given[a.name] {
				fail(f.KeyPos, &source.Error{Msg: a.name + " is given twice, also under another name of it"})
				continue
			}
			given[a.name] = true
			if field.Type.Expr {
				a.conds = c.condArg(f.Value)
				static = false
				continue
			}
		}
		a.value = c.tree(f.Value)
		if t.mod.Name == "set_fact" {
			if !identifier(f.Key) && !strings.Contains(f.Key, "{{") {
				c.loader.Lost.Text(f.Key)
				fail(f.KeyPos, playbook.BadName(f.Key))
				continue
			}
			c.setFact(f, a)
		}
		if a.value == nil {
			bad = true
			continue
		}
		v, isConst := a.value.Constant()
		switch {
		case t.mod.Name == "debug" && a.name == "var":
			c.debugVar(f.Value, a)
		}
		if field == nil {
			static = false
			continue
		}
		if field.Type.Kind != modules.ContentT && f.Value.Kind != source.Scalar && !checkParts(field, f.Value, fail) {
			continue
		}
		if !isConst {
			static = false
			checkOutcomes(field, a.value, fail)
			continue
		}
		if field.Type.Kind == modules.ContentT {
			static = false
			if err := c.content(t, a, v); err != nil {
				fail(f.Value.Pos, err)
			}
			continue
		}
		x, err := convertField(field, v, f.Value.Raw)
		if err != nil {
			fail(f.Value.Pos, prefixed(field.Name, err))
			continue
		}
		constant.Set(field.Name, x)
		if field.Secret {
			t.secrets = append(t.secrets, expr.SecretValue(x).All()...)
		}
	}
	if bad {
		return
	}
	for i := range spec.Fields {
		f := &spec.Fields[i]
		if f.Required && !given[f.Name] {
			fail(t.src.ModulePos, &source.Error{Msg: f.Name + " is required"})
			return
		}
	}
	if !static {
		return
	}
	if err := complete(spec, constant); err != nil {
		fail(t.src.ModulePos, err)
		return
	}
	b, err := value.JSON(constant)
	if err == nil {
		err = t.mod.Decode(json.RawMessage(b))
	}
	if err != nil {
		fail(placeOf(t, err), err)
		return
	}
	t.static = b
}

// elsewhere tells whether an error has places of its own: in a template file.
func elsewhere(err error) bool {
	var many source.Errors
	return errors.As(err, &many) && len(many) > 0 && !many[0].Pos.IsZero()
}

func prefixed(name string, err error) error {
	if e, ok := err.(*source.Error); ok {
		return &source.Error{Msg: name + ": " + e.Msg, Hint: e.Hint}
	}
	return &source.Error{Msg: name + ": " + err.Error()}
}

// condArg is an argument that holds expressions (assert.that).
func (c *compiler) condArg(n *source.Node) []*cond {
	return c.condsOf([]*source.Node{n})
}

// debugVar parses the expression that debug shows.
func (c *compiler) debugVar(n *source.Node, a *arg) {
	s, ok := n.Value.(string)
	if !ok {
		return
	}
	e, err := expr.ParseExpr(s, expr.NodeLocator(n))
	if err != nil {
		if _, constant := a.value.Constant(); constant {
			c.errs.Add(n.Pos, err)
		}
		return
	}
	c.check(e, false)
	a.shown = e
}

// setFact notes the names that a set_fact sets.
func (c *compiler) setFact(f source.Field, a *arg) {
	if strings.Contains(f.Key, "{{") {
		c.open = append(c.open, f.KeyPos.String()+": set_fact with a computed name")
		return
	}
	c.named(f.Key, f.KeyPos, expr.SetFacts)
	c.set[f.Key] = true
	c.setBy[f.Key] = append(c.setBy[f.Key], c.inTask)
	if a.value != nil {
		c.p.defs[f.Key] = append(c.p.defs[f.Key], a.value)
	}
}

// moduleDefaults are the arguments that module_defaults give to a task: those
// of the nearest level that names its module, and no others.
func (c *compiler) moduleDefaults(t *task) []source.Field {
	for l := &t.src.Level; l != nil; l = l.Up {
		for i := len(l.ModuleDefaults) - 1; i >= 0; i-- {
			d := l.ModuleDefaults[i]
			if d.Module == t.mod.Name && d.Args != nil {
				return d.Args.Fields
			}
		}
	}
	return nil
}

// content finds the file of a constant src, and parses it when it is a template.
func (c *compiler) content(t *task, a *arg, v value.Value) error {
	from := a.field.Type.From
	if from != "file" && from != "template" && from != "script" && from != "archive" {
		return nil
	}
	name, ok := v.(string)
	if !ok {
		return mismatch("the name of a file", v)
	}
	if from == "script" {
		name, _ = scriptWords(name)
	}
	if r := a.field.Type.Remote; r != "" && mayBeTrue(t.src.Args, t.mod.Args.Field(r)) {
		return nil // a path on the host, or nobody knows yet
	}
	path, err := t.find(c.p, from, name)
	if err != nil {
		return err
	}
	if st, err := c.loader.Stat(path); err == nil && st.IsDir() {
		if a.field.Type.Folder {
			return nil
		}
		return &source.Error{Msg: name + " is a folder", Hint: "name its files one by one, in a loop"}
	}
	a.file, err = c.p.file(path, from == "template")
	if err != nil {
		return err
	}
	if a.file.tmpl != nil {
		c.check(a.file.tmpl, false)
	}
	return nil
}

// mayBeTrue tells whether an argument of a task is true, or may turn out to be.
func mayBeTrue(args *source.Node, f *modules.Field) bool {
	if f == nil {
		return false
	}
	for _, name := range append([]string{f.Name}, f.Aliases...) {
		if n := args.Get(name); n != nil {
			v, constant := expr.NodeDef(n, nil).Constant()
			if !constant {
				return true
			}
			b, err := toBool(v)
			return err == nil && b == true
		}
	}
	return f.Default == "true"
}

// find looks for a file that an argument names: in the task's role, the roles
// that brought that in, and beside the playbook.
func (t *task) find(p *Program, from, name string) (string, error) {
	kind := "files"
	if from == "template" {
		kind = "templates"
	}
	found, tried := p.loader.Search(t.src, kind, name)
	if found != "" {
		return found, nil
	}
	for i := range tried {
		tried[i] = source.ShortName(tried[i])
	}
	return "", &source.Error{Msg: "there is no file " + name + " on the controller", Hint: "looked for " + strings.Join(tried, ", ")}
}

// file is a file of the controller, a template parsed; each is read once.
func (p *Program) file(path string, template bool) (*tmplFile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := path
	if template {
		key = "template " + path
	}
	if f := p.files[key]; f != nil {
		return f, nil
	}
	f := &tmplFile{path: path}
	if template {
		b, err := p.loader.ReadFile(path)
		if err != nil {
			return nil, source.OSError(path, err)
		}
		if f.tmpl, err = expr.ParseFile(source.ShortName(path), string(b)); err != nil {
			return nil, err
		}
		p.stands[f.tmpl] = path
	}
	p.files[key] = f
	return f, nil
}
