// Package runner turns playbooks and an inventory into a Program (Compile,
// which touches no network) and carries it out on hosts (Run).
package runner

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Program is a site that compiled: every name known, every constant argument checked.
type Program struct {
	Warnings []*source.Error
	Findings []Finding // of lint, when Options.Lint asks for it

	opts      Options
	inv       *inventory.Inventory
	plays     []*play
	extra     *expr.Layer
	mods      map[string]*modules.Task
	loader    *playbook.Loader
	types     map[string]expr.Type   // of all names
	defs      map[string][]*expr.Def // all definitions of each name, for what a call must wait for
	before    map[*task]bool         // what stands before --start-at-task
	firstPlay int                    // the play that it stands in
	all       []*inventory.Host      // hosts of any play that -l leaves

	mu        sync.Mutex
	files     map[string]*tmplFile
	stands    map[*expr.Template]string // the path of each template file
	invLayers map[invLayerKey]*expr.Layer
	lateMu    sync.Mutex
	shape     sync.RWMutex // what late includes add to: layers and handlers of plays, defs
	grown     int          // how often they did
	lates     map[lateKey]*brought
	lateFiles map[lateKey]*includedVars
}

// play is a compiled play. Its sections run in order, with a flush of handlers after pre, main and post.
type play struct {
	src      *playbook.Play
	name     *expr.Def
	pattern  *expr.Def
	hosts    []*inventory.Host
	on       string   // the pattern, evaluated
	patterns []string // its parts, as hosts: lists them
	pre      []*task
	main     []*task // roles, then tasks
	post     []*task
	handlers []*task
	called   map[string][]*task // handlers by name and topic
	gather   *expr.Def
	serial   []*expr.Def
	force    *expr.Def // force_handlers
	maxFail  *expr.Def

	anyErrorsFatal, ignoreUnreachable *expr.Def

	strategy  *expr.Def
	free      bool // its strategy is free
	order     *expr.Def
	inOrder   value.Value       // what order says; nil when it says nothing
	matched   []*inventory.Host // hosts, before order
	book      string            // the playbook as the command line names it
	shuffle   bool
	delegates bool          // a task of it delegates
	layers    []*expr.Layer // play vars, vars_files, defaults and vars of all its roles
	dir       string
	roleNames []string // of its roles, without dependencies
	depNames  []string
}

// task is a compiled task, handler, block, import's child or include.
type task struct {
	src  *playbook.Task
	play *play
	ends bool          // it is no task, but the end of its role
	spec *specUse      // it is no task, but the check of its role's arguments
	same *identity     // of its role
	mod  *modules.Task // nil for a block, an include or meta
	name *expr.Def     // nil when it has none

	when   []*cond // outer ones first
	tags   []string
	layers []*expr.Layer // of its role, blocks, includes and itself, outer ones first

	args    []*arg
	static  []byte   // canonical arguments, when nothing in them has to be evaluated
	secrets []string // in them
	loop    *loop
	until   []*cond
	changed []*cond
	failed  []*cond
	retries *expr.Def
	delay   *expr.Def
	async   *expr.Def
	poll    *expr.Def
	notify  []*expr.Def
	targets map[string][]*task // handlers by the constant names it notifies
	listen  []string
	label   string // its name when that is constant
	kw      *keywords
	role    *playbook.RoleUse
	vars    *includedVars // of include_vars with constant arguments

	body, rescue, always []*task // of a block
	block                bool
	include              *include
	register             string
	guarded              bool // it stands in a block with rescue or always
	handler              bool
	rescued              bool     // a failure of it goes to a rescue
	rescues              []*task  // the tasks whose failure brought it about; nil outside of rescue
	loops                []string // the variables of the loops around
	order                int      // among all that were compiled
	again                *task    // the include with a loop around it, which runs it several times

	readMu    sync.Mutex
	reads     []string // names that it may read, also through other variables
	readsAll  bool     // it may read any name
	readAt    int      // when that was found out: 1 + Program.grown
	roleOnce  sync.Once
	roleMagic *expr.Layer
	dirsOnce  sync.Once
	dirs      []string // where its files are
}

// keywords are the inherited words, the nearest level's each. Tasks share them.
type keywords struct {
	become, becomeUser, becomeMethod, becomeFlags *expr.Def // nearest wins
	becomeExe                                     *expr.Def
	remoteUser, connection, port                  *expr.Def
	env                                           []*expr.Def // outer ones first
	noLog, diff, checkMode                        *expr.Def
	ignoreErrors, ignoreUnreachable               *expr.Def
	timeout, throttle                             *expr.Def
	anyErrorsFatal, runOnce, once                 *expr.Def
	delegateTo, delegateFacts                     *expr.Def
}

// constant tells whether nothing in the words is evaluated when a task runs.
func (k *keywords) constant() bool {
	defs := append([]*expr.Def{
		k.become, k.becomeUser, k.becomeMethod, k.becomeFlags, k.becomeExe, k.remoteUser, k.connection, k.port,
		k.noLog, k.diff, k.checkMode, k.ignoreErrors, k.ignoreUnreachable, k.timeout, k.throttle,
		k.anyErrorsFatal, k.runOnce, k.once, k.delegateTo, k.delegateFacts,
	}, k.env...)
	return !slices.ContainsFunc(defs, func(d *expr.Def) bool {
		if d == nil {
			return false
		}
		_, constant := d.Constant()
		return !constant
	})
}

// onOneHost is k with run_once: true.
func (k *keywords) onOneHost() *keywords {
	once := *k
	once.runOnce = expr.ValueDef(true, nil)
	return &once
}

// include is a dynamic include of tasks or a role.
type include struct {
	src   *playbook.Include
	name  *expr.Def
	body  []*task // when the name was constant
	gives *gives  // that the play gets with it
}

// cond is a condition with the text it was written as.
type cond struct {
	expr *expr.Expr
	pos  source.Pos
	is   *bool // a constant
}

// loop is a task's loop.
type loop struct {
	list     *expr.Def  // a list of the playbook
	typ      expr.Type  // of its items
	expr     *expr.Expr // or an expression
	pos      source.Pos
	variable string // item
	index    string
	label    *expr.Def
	pause    *expr.Def
	extended *expr.Def
	allItems *expr.Def // extended_allitems
	stop     []*cond   // break_when
}

// arg is one argument of a task.
type arg struct {
	field *modules.Field // nil for a free key
	name  string
	pos   source.Pos
	raw   string // as it was written, of a constant scalar
	value *expr.Def
	conds []*cond    // of an argument that is an expression
	shown *expr.Expr // of debug: var
	file  *tmplFile  // of a constant src
}

// tmplFile is a file on the controller that was found, and parsed when it is a template.
type tmplFile struct {
	path string
	tmpl *expr.Template
}

// layersOf are the variables of a play as they are now.
func (p *Program) layersOf(pl *play) []*expr.Layer {
	p.shape.RLock()
	defer p.shape.RUnlock()
	return pl.layers[:len(pl.layers):len(pl.layers)]
}

// handlersOf are the handlers of a play as they are now.
func (p *Program) handlersOf(pl *play) []*task {
	p.shape.RLock()
	defer p.shape.RUnlock()
	return pl.handlers[:len(pl.handlers):len(pl.handlers)]
}

// handlersFor are the handlers that a name means to a task.
func (p *Program) handlersFor(t *task, name string) []*task {
	p.shape.RLock()
	defer p.shape.RUnlock()
	hs, _ := t.play.handlersFor(t, name)
	return hs
}

// abs is a folder as role_path and playbook_dir show it.
func (p *Program) abs(dir string) string {
	if p.opts.Shipped != nil && strings.HasPrefix(dir, p.opts.ShippedName+":/") {
		return dir
	}
	if a, err := filepath.Abs(dir); err == nil {
		return a
	}
	return dir
}
