package expr

import (
	"maps"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Level is the precedence of a variable's definition; the higher one wins.
type Level int

// The levels from low to high. GroupVars levels of deeper groups are told apart
// by their order: of two layers of one level the one that was given later wins.
const (
	RoleDefaults Level = iota
	InventoryAll
	InventoryGroups
	GroupVarsAllInventory // group_vars/all beside the inventory
	GroupVarsAllPlaybook  // group_vars/all beside the playbook
	GroupVarsInventory
	GroupVarsPlaybook
	InventoryHost
	HostVarsInventory
	HostVarsPlaybook
	Facts
	PlayVars
	VarsPrompt
	VarsFiles
	RoleVars
	BlockVars
	TaskVars
	IncludeVars
	SetFacts // set_fact and register
	RoleParams
	IncludeParams
	ExtraVars // -e
	LoopVars  // item and its kin
	Magic
)

var levelNames = [...]string{
	"role defaults", "inventory, all", "inventory, groups", "group_vars/all beside the inventory",
	"group_vars/all beside the playbook", "group_vars beside the inventory", "group_vars beside the playbook",
	"inventory, host", "host_vars beside the inventory", "host_vars beside the playbook", "facts", "play vars",
	"vars_prompt", "vars_files", "role vars", "block vars", "task vars", "include_vars", "set_fact and register",
	"role parameters", "include parameters", "-e", "loop", "magic",
}

func (l Level) String() string {
	if l >= 0 && int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "?"
}

// LevelDoc describes a level for reference pages.
type LevelDoc struct {
	Name string
	Doc  string
}

// Levels are all levels from low to high.
func Levels() []LevelDoc {
	about := [...]string{
		RoleDefaults: "defaults/main.yml of the play's roles; of two roles the later", InventoryAll: "group all in an inventory source, such as [all:vars]",
		InventoryGroups:       "other groups in an inventory source: a deeper group, then the higher ansible_group_priority, then the later name",
		GroupVarsAllInventory: "", GroupVarsAllPlaybook: "", GroupVarsInventory: "in the order of the groups", GroupVarsPlaybook: "in the order of the groups",
		InventoryHost: "of the host in an inventory source, and of add_host", HostVarsInventory: "", HostVarsPlaybook: "",
		Facts: "what the host says, as ansible_facts and ansible_NAME", PlayVars: "vars of the play", VarsPrompt: "", VarsFiles: "the later file",
		RoleVars: "vars/main.yml of the play's roles, and vars of a roles: entry; in a role its own come first", BlockVars: "vars of blocks and imports, the inner one", TaskVars: "vars of the task",
		IncludeVars: "", SetFacts: "what was set last", RoleParams: "keys of a roles: entry that are no keywords, in the role",
		IncludeParams: "vars of include_tasks and include_role, in what they bring in", ExtraVars: "",
		LoopVars: "item, or loop_var, and index_var", Magic: "what the run itself sets",
	}
	out := make([]LevelDoc, len(levelNames))
	for i, n := range levelNames {
		out[i] = LevelDoc{n, about[i]}
	}
	return out
}

// Layer is a set of definitions of one level. It is shared between hosts and
// not changed after its first use.
type Layer struct {
	Level Level
	Name  string // where it comes from, as `mxplay vars` shows it; may be ""
	Vars  map[string]*Def
}

// NewLayer makes a layer of a mapping node's fields.
func NewLayer(level Level, name string, n *source.Node, taint *Taint) *Layer {
	l := &Layer{Level: level, Name: name, Vars: map[string]*Def{}}
	if n != nil {
		for _, f := range n.Fields {
			d := NodeDef(f.Value, taint.Member(f.Key))
			d.Pos = f.KeyPos
			l.Vars[f.Key] = d
		}
	}
	return l
}

// Vars are the variables of all hosts of a run. What is set while the run goes
// on is stamped, so that hosts can read each other's variables as they stood
// at one moment.
type Vars struct {
	// Find makes the variables of a host that was not given to Host, when
	// hostvars asks for it; it may be nil, and may give nil.
	Find func(host string) *Env
	// Names are the hosts that hostvars lists; nil: those given to Host.
	Names func() []string
	// Vault opens a !vault scalar; nil: such a scalar is an error.
	Vault func(text string) (string, error)

	mu    sync.RWMutex
	hosts map[string]*hostVars
	tick  atomic.Int64
	snap  atomic.Int64 // 0: hosts read each other's newest
}

// NewVars returns the variables of a run without hosts.
func NewVars() *Vars { return &Vars{hosts: map[string]*hostVars{}} }

// Snapshot makes all hosts read each other's variables as they stand now,
// until the next Snapshot or Live.
func (v *Vars) Snapshot() { v.snap.Store(v.tick.Add(1)) }

// Live makes all hosts read each other's newest variables.
func (v *Vars) Live() { v.snap.Store(0) }

// Host makes (or replaces the shared layers of) the variables of a host.
func (v *Vars) Host(name string, layers ...*Layer) *Env {
	v.mu.Lock()
	h := v.hosts[name]
	if h == nil {
		h = &hostVars{vars: v, name: name, memo: map[*Def]*memo{}}
		v.hosts[name] = h
	}
	v.mu.Unlock()
	e := &Env{h: h, layers: sorted(layers)}
	h.base.Store(e)
	return e
}

// peer is the variables of a host as other hosts see them.
func (v *Vars) peer(name string) *Env {
	v.mu.RLock()
	h := v.hosts[name]
	v.mu.RUnlock()
	if h == nil {
		if v.Find == nil {
			return nil
		}
		e := v.Find(name)
		if e == nil {
			return nil
		}
		h = e.h
	}
	return h.base.Load().asOf(v.snap.Load())
}

// HostVars is the object `hostvars`.
func (v *Vars) HostVars() Object { return hostsObject{v} }

// hostVars is what belongs to one host: what the run set, and the memo.
type hostVars struct {
	vars *Vars
	name string
	base atomic.Pointer[Env] // as given to Host

	mu   sync.RWMutex
	sets []setLevel // highest first
	memo map[*Def]*memo
	last atomic.Int64 // tick of the last Set
}

// setLevel is what the run set at one level.
type setLevel struct {
	level Level
	cells map[string]*cell
}

// cell is a definition and since when it holds. It remembers the one before
// for those who read as of a snapshot.
type cell struct {
	tick int64
	def  *Def // nil: not defined
	prev *cell
}

// Env is the variables of one host as a task sees them. It is a Scope and
// cheap: layers are shared, With copies only the list of them.
type Env struct {
	h      *hostVars
	layers []*Layer // lowest first
	when   int64    // reads the host's set variables as of this tick; 0: now
	dirs   []string // where the task's files are, in order
	kind   string   // the folder in these for what the task's module reads; "": files
}

func sorted(layers []*Layer) []*Layer {
	out := make([]*Layer, 0, len(layers))
	for _, l := range layers {
		if l != nil && len(l.Vars) > 0 {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b *Layer) int { return int(a.Level - b.Level) })
	return out
}

// With adds layers: of a block, a task, a loop's item. Of two of one level the
// later wins.
func (e *Env) With(layers ...*Layer) *Env {
	all := make([]*Layer, 0, len(e.layers)+len(layers))
	all = append(append(all, e.layers...), layers...)
	return &Env{h: e.h, layers: sorted(all), when: e.when, dirs: e.dirs, kind: e.kind}
}

// Within is e for a task whose files are looked for in these folders, in order;
// kind is the folder in them where its module looks first, "" for files.
func (e *Env) Within(dirs []string, kind string) *Env {
	return &Env{h: e.h, layers: e.layers, when: e.when, dirs: dirs, kind: kind}
}

// Dirs are the folders of Within, and their kind.
func (e *Env) Dirs() (dirs []string, kind string) { return e.dirs, e.kind }

func (e *Env) asOf(tick int64) *Env {
	if tick == e.when {
		return e
	}
	return &Env{h: e.h, layers: e.layers, when: tick, dirs: e.dirs, kind: e.kind}
}

// Host is the host's name.
func (e *Env) Host() string { return e.h.name }

// Set defines a variable of the host from now on.
func (e *Env) Set(level Level, name string, v value.Value, taint *Taint, unknown bool) {
	e.SetDef(level, name, &Def{Value: v, Taint: taint, Unknown: unknown, Partial: HasUnknown(v)})
}

// SetDef is Set with a definition: of include_vars, a variable with a place. A nil one undefines the name.
func (e *Env) SetDef(level Level, name string, d *Def) {
	h := e.h
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.sets, func(s setLevel) bool { return s.level <= level })
	if i < 0 || h.sets[i].level != level {
		if i < 0 {
			i = len(h.sets)
		}
		h.sets = slices.Insert(h.sets, i, setLevel{level, map[string]*cell{}})
	}
	c := &cell{tick: h.vars.tick.Add(1), def: d}
	if old := h.sets[i].cells[name]; old != nil {
		if snap := h.vars.snap.Load(); old.tick > snap {
			c.prev = old.prev
		} else {
			c.prev = &cell{tick: old.tick, def: old.def}
		}
	}
	h.sets[i].cells[name] = c
	h.last.Store(c.tick)
}

// find is the definition of a name that wins; nil when there is none.
func (e *Env) find(name string) *Def {
	h := e.h
	i := len(e.layers) - 1
	if h.last.Load() > 0 {
		h.mu.RLock()
		for _, s := range h.sets {
			c := s.cells[name]
			for c != nil && e.when > 0 && c.tick > e.when {
				c = c.prev
			}
			if c == nil || c.def == nil {
				continue
			}
			for ; i >= 0 && e.layers[i].Level > s.level; i-- {
				if d := e.layers[i].Vars[name]; d != nil {
					h.mu.RUnlock()
					return d
				}
			}
			h.mu.RUnlock()
			return c.def
		}
		h.mu.RUnlock()
	}
	for ; i >= 0; i-- {
		if d := e.layers[i].Vars[name]; d != nil {
			return d
		}
	}
	return nil
}

// Setting is one definition of a name.
type Setting struct {
	Level Level
	Layer string
	Def   *Def
}

// Where lists all definitions of a name, the one that wins first.
func (e *Env) Where(name string) []Setting {
	var out []Setting
	e.h.mu.RLock()
	for _, s := range e.h.sets {
		if c := s.cells[name]; c != nil && c.def != nil {
			out = append(out, Setting{s.level, "", c.def})
		}
	}
	e.h.mu.RUnlock()
	for i := len(e.layers) - 1; i >= 0; i-- {
		if d := e.layers[i].Vars[name]; d != nil {
			out = append(out, Setting{e.layers[i].Level, e.layers[i].Name, d})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Level > out[j].Level })
	return out
}

// Names are all names that are defined, sorted.
func (e *Env) Names() []string {
	seen := map[string]bool{}
	for _, l := range e.layers {
		for n := range l.Vars {
			seen[n] = true
		}
	}
	e.h.mu.RLock()
	for _, s := range e.h.sets {
		for n, c := range s.cells {
			if c.def != nil {
				seen[n] = true
			}
		}
	}
	e.h.mu.RUnlock()
	return slices.Sorted(maps.Keys(seen))
}

// Lookup resolves a name. Functions that need a Context's directories or cache
// find none; an evaluation resolves with its own.
func (e *Env) Lookup(name string) (Bound, bool, error) {
	return e.lookupIn(newEvaluator(&Context{Scope: e}, nil), name)
}

// Resolve is Lookup in a Context, whose Scope is not used.
func (e *Env) Resolve(ctx *Context, name string) (Bound, bool, error) {
	c := *ctx
	c.Scope = e
	return e.lookupIn(newEvaluator(&c, nil), name)
}
