package runner

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
	"github.com/mxplay/mxplay/runner/wire"
)

// evaluated is a task's arguments for one item, ready to be sent.
type evaluated struct {
	json    json.RawMessage
	secrets []string
	unknown string // check mode: why they cannot be known
	opaque  bool   // a secret went into content in another form
	release []func()
}

// arguments evaluates a task's arguments and brings them to their canonical form.
func (h *host) arguments(f *flight, it *item) (*evaluated, error) {
	t, env := f.t, it.env
	out := &evaluated{}
	spec := t.mod.Args
	vals := value.NewMap(len(t.args) + 2)
	var taint *expr.Taint
	ctx := h.context(env)
	plain := map[string]value.Value{}
	var contents []*arg
	for _, a := range t.args {
		if a.field == nil {
			continue
		}
		if a.field.Type.Kind == modules.ContentT {
			contents = append(contents, a)
			continue
		}
		res, err := a.value.Eval(ctx)
		switch {
		case err != nil:
			return nil, err
		case res.Unknown:
			out.unknown = "argument " + a.name + " is not known in check mode"
			return out, nil
		case res.Omitted(), res.Value == nil && a.raw == "":
			continue
		case expr.HasUnknown(res.Value):
			out.unknown = "argument " + a.name + " is not known in check mode"
			return out, nil
		}
		raw := ""
		if _, constant := a.value.Constant(); constant {
			raw = a.raw
		}
		v, err := convertField(a.field, res.Value, raw)
		if err != nil && (res.Taint != nil || a.field.Secret) {
			err = fmt.Errorf("wants %s, and the value, which is secret, does not fit", a.field.Type.Kind)
		}
		if err != nil {
			return nil, place(a, err)
		}
		taint = taint.Union(res.Taint)
		if a.field.Secret {
			taint = taint.Union(expr.SecretValue(v).Flat())
		}
		vals.Set(a.field.Name, v)
		plain[a.field.Name] = v
	}
	for _, a := range contents {
		m, err := h.content(t, a, env, plain)
		if err != nil {
			return nil, place(a, err)
		}
		if m.done != nil {
			out.release = append(out.release, m.done)
		}
		if m.unknown {
			out.unknown = "argument " + a.name + " is not known in check mode"
			return out, nil
		}
		if m.content == nil {
			continue
		}
		taint, out.opaque = taint.Union(m.taint), out.opaque || m.opaque
		v, err := value.Of(*m.content)
		if err != nil {
			return nil, err
		}
		vals.Set(a.field.Name, v)
	}
	if err := complete(spec, vals); err != nil {
		return nil, source.Errorf(t.src.ModulePos, "%s", err)
	}
	b, err := value.JSON(vals)
	if err != nil {
		return nil, err
	}
	if err := t.mod.Decode(b); err != nil {
		return nil, source.Errorf(t.src.ModulePos, "%s", hideText(err.Error(), taint.All()))
	}
	out.json, out.secrets = b, taint.All()
	return out, nil
}

// place puts an argument's error where the argument stands, unless it has a place.
func place(a *arg, err error) error {
	e, ok := err.(*source.Error)
	if ok && !e.Pos.IsZero() {
		return err
	}
	out := source.Errorf(a.pos, "%s: %s", a.name, err)
	if ok {
		out.Hint = e.Hint
	}
	return out
}

// made is content as it goes into a call.
type made struct {
	content *modules.Content // nil: the argument is left out
	unknown bool
	taint   *expr.Taint
	opaque  bool   // a secret went into it that does not stand there as it is
	done    func() // lets go of what is held for the agent; may be nil
}

// content makes what lives on the controller: a file, a rendered template, a text, a written-out data structure.
func (h *host) content(t *task, a *arg, env *expr.Env, plain map[string]value.Value) (*made, error) {
	res, err := a.value.Eval(h.context(env))
	if err != nil || res.Omitted() {
		return &made{}, err
	}
	if res.Unknown || expr.HasUnknown(res.Value) {
		return &made{unknown: true}, nil
	}
	var data []byte
	switch a.field.Type.From {
	case "text":
		s, err := toString(res.Value, "")
		if err != nil {
			if j, jerr := value.JSON(res.Value); jerr == nil {
				s, err = string(j), nil
			}
		}
		if err != nil {
			return nil, err
		}
		data = []byte(s.(string))
	case "yaml":
		data, err = source.EmitYAML(res.Value, 2)
	case "json":
		data, err = niceJSON(res.Value)
	default:
		path, ok := res.Value.(string)
		if !ok {
			return nil, mismatch("the name of a file", res.Value)
		}
		if r := a.field.Type.Remote; r != "" && plain[r] == true {
			return &made{content: &modules.Content{Name: path}, taint: res.Taint.Flat()}, nil
		}
		return h.fileContent(t, a, env, path, plain)
	}
	if err != nil {
		return nil, err
	}
	return h.run.content(a.name, data, res.Taint.Flat()), nil
}

// content makes content of data that secrets may have gone into.
func (r *run) content(name string, data []byte, taint *expr.Taint) *made {
	c, done := r.store.bytes(name, data)
	m := &made{content: &c, taint: taint, done: done}
	for _, s := range taint.All() {
		var find report.Redactor
		find.Add(s)
		m.opaque = m.opaque || !strings.Contains(string(data), s) && !find.Has(string(data))
	}
	return m
}

// fileContent is a file of the controller, rendered when it is a template.
func (h *host) fileContent(t *task, a *arg, env *expr.Env, name string, plain map[string]value.Value) (*made, error) {
	from := a.field.Type.From
	f := a.file
	if f == nil || from == "file" {
		path, err := t.find(h.run.p, from, name)
		if err != nil {
			return nil, err
		}
		if f, err = h.run.p.file(path, from == "template"); err != nil {
			return nil, err
		}
	}
	info, err := h.run.p.loader.Stat(f.path)
	if err != nil {
		return nil, source.OSError(f.path, err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder", name)
	}
	m := &made{}
	if f.tmpl != nil {
		env = env.With(h.templateVars(f.path, plain))
		res, err := f.tmpl.Render(h.context(env))
		if err != nil {
			return nil, err
		}
		if res.Unknown {
			return &made{unknown: true}, nil
		}
		m = h.run.content(f.path, []byte(value.Text(res.Value)), res.Taint)
	} else if b, err := h.run.p.shippedFile(f.path); err != nil {
		return nil, source.OSError(f.path, err)
	} else if b != nil {
		m = h.run.content(f.path, b, nil)
	} else {
		c, done, err := h.run.store.file(f.path, info.Size())
		if err != nil {
			return nil, err
		}
		m.content, m.done = &c, done
	}
	m.content.Name, m.content.Mode = source.ShortName(f.path), fmt.Sprintf("%04o", info.Mode().Perm())
	return m, nil
}

// templateVars are the variables that only a template file sees.
func (h *host) templateVars(path string, plain map[string]value.Value) *expr.Layer {
	host, _ := os.Hostname()
	return defs(expr.Magic, map[string]value.Value{
		"template_path": path, "template_fullpath": path, "template_host": host, "template_destpath": value.Text(plain["dest"]),
		"template_uid": fmt.Sprint(os.Getuid()), "template_run_date": h.run.started.Format("2006-01-02 15:04:05"),
	})
}

// shippedFile is a file of the playbooks that come with the program; nil when it is on disk.
func (p *Program) shippedFile(path string) ([]byte, error) {
	if p.opts.Shipped == nil || !strings.HasPrefix(path, p.opts.ShippedName+":/") {
		return nil, nil
	}
	return p.loader.ReadFile(path)
}

// loadTemplate finds a template file that another one imports or includes.
func (p *Program) loadTemplate(name string, from *expr.Template) (*expr.Template, error) {
	dirs := []string{filepath.Dir(from.Name())}
	for path, f := range p.snapshotFiles() {
		if f.tmpl == from {
			dirs = []string{filepath.Dir(strings.TrimPrefix(path, "template "))}
		}
	}
	for _, d := range dirs {
		for _, path := range []string{p.loader.Join(d, name), p.loader.Join(d, "../templates/"+name)} {
			if _, err := p.loader.Stat(path); err == nil {
				f, err := p.file(path, true)
				if err != nil {
					return nil, err
				}
				return f.tmpl, nil
			}
		}
	}
	return nil, fmt.Errorf("there is no template %s beside %s", name, from.Name())
}

func (p *Program) snapshotFiles() map[string]*tmplFile {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]*tmplFile, len(p.files))
	for k, v := range p.files {
		out[k] = v
	}
	return out
}

func niceJSON(v value.Value) ([]byte, error) {
	b, err := value.JSON(v)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	if err := indentJSON(&out, b); err != nil {
		return nil, err
	}
	return []byte(out.String() + "\n"), nil
}

// items are a loop's values.
type items struct {
	values  []value.Value
	taint   *expr.Taint
	unknown bool
}

func (h *host) items(t *task, env *expr.Env) (*items, error) {
	var res expr.Result
	var err error
	if t.loop.list != nil {
		res, err = t.loop.list.Eval(h.context(env))
	} else {
		res, err = t.loop.expr.Eval(h.context(env))
	}
	if err != nil {
		return nil, err
	}
	if res.Unknown {
		return &items{unknown: true}, nil
	}
	l, ok := res.Value.(value.List)
	if !ok {
		e := source.Errorf(t.loop.pos, "a loop wants a list, not the %s %s", value.TypeName(res.Value), value.Short(hide(res.Value, res.Taint), 60))
		if _, isMap := res.Value.(*value.Map); isMap {
			e.Hint = "write loop: dict2items(...), which gives items with key and value"
		}
		return nil, e
	}
	return &items{values: l, taint: res.Taint}, nil
}

// itemLayer are the variables of one round of a loop.
func (h *host) itemLayer(t *task, its *items, i int, v value.Value) *expr.Layer {
	l := &expr.Layer{Level: expr.LoopVars, Vars: map[string]*expr.Def{}}
	l.Vars[t.loop.variable] = expr.ValueDef(v, its.taint.Member(fmt.Sprint(i)))
	if v == expr.Unknown {
		l.Vars[t.loop.variable] = &expr.Def{Unknown: true}
	}
	if t.loop.index != "" {
		l.Vars[t.loop.index] = expr.ValueDef(int64(i), nil)
	}
	if on, _ := h.flag(t.loop.extended, t); on {
		n := len(its.values)
		m := value.MapOf("allitems", append(value.List(nil), its.values...), "index", int64(i+1), "index0", int64(i), "first", i == 0, "last", i == n-1,
			"length", int64(n), "revindex", int64(n-i), "revindex0", int64(n-i-1))
		if i > 0 {
			m.Set("previtem", its.values[i-1])
		}
		if i < n-1 {
			m.Set("nextitem", its.values[i+1])
		}
		l.Vars["ansible_loop"] = expr.ValueDef(m, nil)
	}
	return l
}

func notBool(c *cond, v value.Value) error {
	e := source.Errorf(c.expr.Pos(), "a condition is true or false, not the %s %s", value.TypeName(v), value.Short(v, 60))
	e.Hint = fmt.Sprintf("write bool(%s), or compare it with something", c.expr.Source())
	return e
}

// account is who a task runs as on the connection of h, by the variables of own.
func (h *host) account(t *task, env *expr.Env, own *host, conn link) (wire.Account, error) {
	var a wire.Account
	o := h.run.p.opts
	venv := env
	if h != own {
		venv = h.env
	}
	on := o.Become
	if t.kw.become != nil {
		b, err := own.flagIn(t.kw.become, env)
		if err != nil {
			return a, err
		}
		on = b
	}
	s, _, err := h.variable(venv, "ansible_become")
	if err != nil {
		return a, err
	}
	if s != "" {
		b, err := toBool(s)
		if err != nil {
			return a, fmt.Errorf("ansible_become: %w", err)
		}
		on = b == true
	}
	if !on {
		return a, nil
	}
	pick := func(names []string, word *expr.Def, flag, def string) (string, error) {
		s, taint, err := h.variable(venv, names...)
		h.run.learn(taint.All()...)
		if err == nil && s == "" {
			s, err = own.text(word, env)
		}
		if s == "" {
			s = flag
		}
		if s == "" {
			s = def
		}
		return s, err
	}
	if a.User, err = pick([]string{"ansible_become_user"}, t.kw.becomeUser, o.BecomeUser, "root"); err != nil {
		return a, err
	}
	if a.User == conn.Hello().User {
		return wire.Account{}, nil
	}
	if a.Method, err = pick([]string{"ansible_become_method"}, t.kw.becomeMethod, o.BecomeMethod, "sudo"); err != nil {
		return a, err
	}
	if !slices.Contains([]string{"sudo", "su", "doas"}, a.Method) {
		return a, fmt.Errorf("become_method %q is neither sudo, su nor doas", a.Method)
	}
	if a.Flags, err = pick([]string{"ansible_become_flags"}, t.kw.becomeFlags, "", ""); err != nil {
		return a, err
	}
	if a.Password, err = pick([]string{"ansible_become_password", "ansible_become_pass"}, nil, "", ""); err != nil {
		return a, err
	}
	if a.Password == "" && h.run.o.BecomePassword != nil {
		if a.Password, err = h.run.o.BecomePassword(); err != nil {
			return a, err
		}
	}
	a.HasPass = a.Password != ""
	h.run.learn(a.Password)
	return a, nil
}

func (h *host) flagIn(d *expr.Def, env *expr.Env) (bool, error) {
	res, err := d.Eval(h.context(env))
	if err != nil {
		return false, err
	}
	b, err := toBool(res.Value)
	return b == true, err
}

// environment is what a task's processes get beside their account's.
func (h *host) environment(t *task, env *expr.Env) (map[string]string, error) {
	if len(t.kw.env) == 0 {
		return nil, nil
	}
	out := map[string]string{}
	for _, d := range t.kw.env {
		res, err := d.Eval(h.context(env))
		if err != nil {
			return nil, err
		}
		h.run.learn(res.Taint.All()...)
		m, ok := res.Value.(*value.Map)
		if !ok {
			return nil, source.Errorf(d.Pos, "environment wants a dict, not the %s %s", value.TypeName(res.Value), value.Short(res.Value, 60))
		}
		for i := range m.Len() {
			k, v := m.At(i)
			out[k] = value.Text(v)
		}
	}
	return out, nil
}

// late compiles what an include with a computed name brings in.
func (p *Program) late(t *task, name string) (*brought, error) {
	p.lateMu.Lock()
	defer p.lateMu.Unlock()
	key := lateKey{t, name}
	if b, ok := p.lates[key]; ok {
		return b, nil
	}
	inc, err := p.loader.Include(t.src, name)
	if err != nil {
		return nil, err
	}
	p.shape.Lock()
	defer p.shape.Unlock()
	p.grown++
	c := newCompiler(p)
	c.inPlay = t.play
	if t.guarded {
		c.guard++
	}
	if t.rescued {
		c.rescue++
	}
	var ts []*task
	var seen []*expr.Layer
	if inc.Kind == playbook.WholeRole {
		ts, seen = c.includedRole(inc)
	} else {
		ts = c.list(inc.Tasks)
	}
	c.resolveNotify()
	if err := c.errs.Err(); err != nil {
		return nil, err
	}
	b := &brought{ts, seen}
	p.lates[key] = b
	return b, nil
}

// brought is what an include brings in: tasks, and the variables of a public role.
type brought struct {
	tasks  []*task
	layers []*expr.Layer
}

type lateKey struct {
	t    *task
	name string
}
