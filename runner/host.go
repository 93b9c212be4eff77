package runner

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/value"
)

// host is a host during a run.
type host struct {
	run   *run
	inv   *inventory.Host
	name  string
	batch *batch
	env   *expr.Env
	dir   string // of the playbook that env was made for
	grown int64  // the run's, when env was made

	connMu   sync.Mutex
	conns    map[connKey]link
	gathered bool

	queue        []*flight
	extra        []*expr.Layer // of includes and loops on blocks around
	marks        []int
	roles        map[string]*roleRun // of the play, by what makes them the same
	pending      map[*task]string    // handlers to run; the text says why it is a maybe
	maybeHandler string
	memory       atomic.Pointer[memory] // of the handlers that were notified; nil before the first connection

	unread                     error // why its variables could not be read whole; of one that a task added, as others are read before the run
	touched                    bool  // the run has begun with it
	failed, unreachable, ended bool
	cleared                    bool              // meta: clear_host_errors came in an always
	rescuing                   bool              // its failure goes to a rescue
	endRole                    *playbook.RoleUse // left by meta: end_role
	planned                    string            // check mode: the first change that was only planned
	failedTask                 value.Value
	failedResult               value.Value
	failedTaint                *expr.Taint
	counts                     report.Counts
	countMu                    sync.Mutex
}

// out tells whether the host is out of the play for good: no rescue may bring it back.
func (h *host) out() bool { return h.unreachable || h.failed && !h.rescuing }

func (h *host) goesOn() bool { return !h.failed && !h.unreachable && !h.ended }

func (h *host) count(s report.Status, changed bool) {
	h.countMu.Lock()
	defer h.countMu.Unlock()
	h.counts.Add(s, changed)
}

// plan notes, in check mode, a change that was only planned.
func (h *host) plan(what string) {
	h.countMu.Lock()
	defer h.countMu.Unlock()
	if h.planned == "" {
		h.planned = what
	}
}

func (h *host) plannedWhat() string {
	h.countMu.Lock()
	defer h.countMu.Unlock()
	return h.planned
}

// prepare makes the host's variables as a play in dir sees them.
func (h *host) prepare(dir string) {
	if h.env != nil && (h.dir == dir || dir == "") {
		return
	}
	h.dir = dir
	layers := []*expr.Layer{ownDefaults(), h.run.p.extra}
	ls, err := h.run.p.inv.Layers(h.inv, dir)
	for _, l := range ls {
		layers = append(layers, h.run.p.invLayer(l))
	}
	h.unread = err
	layers = append(layers, h.magicLayer())
	h.env = h.run.vars.Host(h.name, layers...)
}

// groupHosts are the groups of an inventory with the names of their hosts.
func groupHosts(inv *inventory.Inventory) *value.Map {
	m := value.NewMap(0)
	inv.Read(func() {
		for _, g := range inv.Groups {
			var l value.List
			for _, h := range g.AllHosts() {
				l = append(l, h.Name)
			}
			m.Set(g.Name, l)
		}
	})
	return m
}

// ownName is the layer of ownDefaults, as mxplay vars shows it.
const ownName = "mxplay itself"

// ownDefaults are variables that mxplay gives a value for as long as nothing else does.
func ownDefaults() *expr.Layer {
	l := defs(expr.RoleDefaults, map[string]value.Value{"ansible_managed": "Managed by mxplay: what you change here is lost"})
	l.Name = ownName
	return l
}

// magicLayer are the variables that the engine sets for the host alone.
func (h *host) magicLayer() *expr.Layer {
	var names []string
	h.run.p.inv.Read(func() { names = h.inv.GroupNames() })
	groups := make(value.List, len(names))
	for i, n := range names {
		groups[i] = n
	}
	short := h.name
	for i, c := range short {
		if c == '.' {
			short = short[:i]
			break
		}
	}
	vars := h.run.magicOfRun()
	vars["inventory_file"], vars["inventory_dir"] = h.inv.SourceVars()
	for k, v := range map[string]value.Value{
		"inventory_hostname": h.name, "inventory_hostname_short": short, "group_names": groups,
	} {
		vars[k] = v
	}
	return defs(expr.Magic, vars)
}

func defs(level expr.Level, vs map[string]value.Value) *expr.Layer {
	l := &expr.Layer{Level: level, Vars: make(map[string]*expr.Def, len(vs))}
	for k, v := range vs {
		l.Vars[k] = expr.ValueDef(v, nil)
	}
	return l
}

func texts(ss []string) value.List {
	out := make(value.List, len(ss))
	for i, s := range ss {
		out[i] = s
	}
	return out
}

// groupsValue is the variable groups: every group's hosts, made once, and again when some were added.
func (r *run) groupsValue() value.Value {
	r.groupsMu.Lock()
	defer r.groupsMu.Unlock()
	if now := r.grown.Load(); r.groups == nil || r.groupsAt != now {
		r.groups, r.groupsAt = groupHosts(r.p.inv), now
	}
	return r.groups
}

// magicLayer are the variables that the engine sets for all hosts of a batch.
func (b *batch) magicLayer() *expr.Layer {
	var all, left []string
	b.grownAt = b.run.grown.Load()
	for _, inv := range b.play.matched {
		all = append(all, inv.Name)
		if h := b.run.host(inv); !h.out() && !h.ended {
			left = append(left, inv.Name)
		}
	}
	if b.grownAt > 0 {
		for _, inv := range b.run.hostsOf(b.play) {
			if !slices.Contains(b.play.matched, inv) {
				all = append(all, inv.Name) // it was added
			}
		}
	}
	var batch []string
	for _, h := range b.hosts {
		if !h.out() && !h.ended {
			batch = append(batch, h.name)
		}
	}
	vars := magicOfRoles(b.play.roleNames, b.play.depNames)
	for k, v := range map[string]value.Value{
		"ansible_play_name": b.name, "ansible_play_hosts": texts(left), "ansible_play_hosts_all": texts(all),
		"ansible_play_batch": texts(batch), "play_hosts": texts(batch), "playbook_dir": b.run.p.abs(b.play.dir),
		"ansible_search_path": value.List{b.run.p.abs(b.play.dir)},
	} {
		vars[k] = v
	}
	return defs(expr.Magic, vars)
}

// push adds variables of an include or loop around the tasks to come; pop takes the last ones off.
func (h *host) push(ls ...*expr.Layer) {
	h.marks = append(h.marks, len(h.extra))
	h.extra = append(h.extra[:len(h.extra):len(h.extra)], ls...)
}

func (h *host) pop() {
	h.extra = h.extra[:h.marks[len(h.marks)-1]]
	h.marks = h.marks[:len(h.marks)-1]
}

// taskEnv are the host's variables as a task sees them.
func (h *host) taskEnv(t *task) *expr.Env {
	of := h.run.p.layersOf(t.play)
	ls := make([]*expr.Layer, 0, len(of)+len(t.layers)+len(h.extra)+3)
	ls = append(ls, of...)
	var got *gained
	if h.batch != nil {
		if got = h.batch.gained.Load(); got != nil {
			ls = append(ls, got.layers...)
		}
	}
	ls = append(ls, t.layers...)
	ls = append(ls, h.extra...)
	if h.batch != nil {
		ls = append(ls, h.batch.magic, h.batch.prompts)
		if got != nil {
			ls = append(ls, got.magic)
		}
	}
	if t.role != nil {
		ls = append(ls, t.magicOfRole(h.run.p))
	}
	return h.env.With(ls...).Within(t.folders(h.run.p), t.folderKind())
}

// folders are where the task's files are looked for by functions such as file():
// as src is, in its role, the roles that brought it in, beside its file and beside the playbook.
func (t *task) folders(p *Program) []string {
	t.dirsOnce.Do(func() {
		add := func(dir string) {
			if !slices.Contains(t.dirs, dir) {
				t.dirs = append(t.dirs, dir)
			}
		}
		if t.src == nil {
			return
		}
		for r := t.src.Role; r != nil; r = r.Via {
			add(r.Def.Dir)
		}
		add(t.src.Dir)
		if t.src.Play != nil && t.src.Play.Dir != "" {
			t.dirs = slices.DeleteFunc(t.dirs, func(d string) bool { return d == t.src.Play.Dir })
			add(t.src.Play.Dir)
		}
	})
	return t.dirs
}

// folderKind is the folder in these where first_found() looks before files.
func (t *task) folderKind() string {
	switch {
	case t.src == nil:
		return ""
	case t.src.Module == "include_vars":
		return "vars"
	case t.src.Module == "template":
		return "templates"
	}
	return ""
}

func (t *task) magicOfRole(p *Program) *expr.Layer {
	t.roleOnce.Do(func() {
		vars := magicOfUse(p, t.role)
		vars["ansible_search_path"] = append(vars["ansible_search_path"].(value.List), p.abs(t.play.dir))
		t.roleMagic = defs(expr.Magic, vars)
	})
	return t.roleMagic
}

// context is what expressions of the host are evaluated in.
func (h *host) context(env expr.Scope) *expr.Context {
	dirs, kind := h.run.dirs, ""
	if e, ok := env.(*expr.Env); ok {
		if own, k := e.Dirs(); own != nil {
			dirs, kind = own, k
		}
	}
	return &expr.Context{Scope: env, Host: h.name, Cache: h.run.cache, Load: h.run.p.loadTemplate, Dirs: dirs, Kind: kind}
}

// taskName is a task's name as it is shown.
func (h *host) taskName(t *task) string {
	if t.label != "" {
		return t.label
	}
	if t.name != nil {
		if res, err := t.name.Eval(h.context(h.taskEnv(t))); err == nil && !res.Unknown {
			h.run.learn(res.Taint.All()...)
			return value.Text(hide(res.Value, res.Taint))
		}
		if s, ok := t.src.Name.Value.(string); ok {
			return s
		}
	}
	if t.include != nil {
		return t.include.src.Word + includedName(t)
	}
	return t.src.Module
}

func (h *host) shownTask(t *task) *report.Task {
	return &report.Task{Name: h.taskName(t), Role: roleName(t), Module: t.src.Module, Pos: t.src.Pos, Handler: t.handler}
}

// includedName is the role that a nameless include_role names, as it is written.
func includedName(t *task) string {
	if i := t.include.src; i.Kind == playbook.WholeRole && i.Name != nil {
		return " : " + i.Name.Raw
	}
	return ""
}

// roleName is the role that stands before a task's name: as in Ansible, that of an include_role has none.
func roleName(t *task) string {
	if t.role == nil || t.include != nil && t.include.src.Kind == playbook.WholeRole {
		return ""
	}
	return t.role.Def.Name
}

// flag evaluates a keyword that is true or false; nil is false.
func (h *host) flag(d *expr.Def, t *task) (bool, error) {
	if d == nil {
		return false, nil
	}
	if v, ok := d.Constant(); ok {
		b, err := toBool(v)
		return b == true, err
	}
	env := h.env
	if t != nil {
		env = h.taskEnv(t)
	}
	res, err := d.Eval(h.context(env))
	if err != nil {
		return false, err
	}
	b, err := toBool(res.Value)
	return b == true, err
}

// text evaluates a keyword that is a text; nil is "".
func (h *host) text(d *expr.Def, env *expr.Env) (string, error) {
	if d == nil {
		return "", nil
	}
	res, err := d.Eval(h.context(env))
	if err != nil || res.Value == nil || res.Omitted() {
		return "", err
	}
	return value.Text(res.Value), nil
}

// variable is a variable as text, "" when it is not set.
func (h *host) variable(env *expr.Env, names ...string) (string, *expr.Taint, error) {
	for _, n := range names {
		b, ok, err := env.Resolve(h.context(env), n)
		if err != nil {
			return "", nil, err
		}
		if ok && b.Value != nil && b.Value != expr.Omit {
			return value.Text(b.Value), b.Taint, nil
		}
	}
	return "", nil, nil
}

// holds evaluates conditions that must all be true; unknown in check mode.
// The text is the condition that was false.
func (h *host) holds(cs []*cond, env *expr.Env) (on, unknown bool, why string, err error) {
	ctx := h.context(env)
	for _, c := range cs {
		if c.is != nil {
			if !*c.is {
				return false, false, "false", nil
			}
			continue
		}
		res, err := c.expr.Eval(ctx)
		if err != nil {
			return false, false, "", err
		}
		if res.Unknown {
			unknown = true
			continue
		}
		b, ok := res.Value.(bool)
		if !ok {
			return false, false, "", notBool(c, hide(res.Value, res.Taint))
		}
		if !b {
			return false, false, c.expr.Source(), nil
		}
	}
	return !unknown, unknown, "", nil
}
