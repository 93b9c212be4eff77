package runner

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Options are what Compile works from: the command line, in its words.
type Options struct {
	Playbooks []string
	Inventory []string // -i
	ExtraVars []string // -e: k=v ..., {json}, @file
	Limit     []string // -l
	Tags      []string // -t
	SkipTags  []string
	RolePaths []string

	// What the command line says about connections; what the inventory or a playbook says wins.
	User, Connection, KeyFile, SSHArgs string
	Become                             bool
	BecomeUser, BecomeMethod           string
	Tasks                              []*modules.Task
	Shipped                            fs.FS  // the playbooks that come with the program
	ShippedName                        string // the NAME of NAME:/site.yml
	ForceHandlers                      bool
	Lint                               bool   // look for what works but was hardly meant, too
	StartAt                            string // --start-at-task
	NoHosts                            bool   // --syntax-check: a site without hosts will do
}

// Compile reads and checks everything: playbooks, roles, inventory, templates.
// No host is touched. The error is source.Errors: all mistakes, sorted by place.
func Compile(o Options) (*Program, error) {
	c := newCompiler(&Program{
		opts: o, mods: map[string]*modules.Task{}, files: map[string]*tmplFile{}, stands: map[*expr.Template]string{}, invLayers: map[invLayerKey]*expr.Layer{},
		lates: map[lateKey]*brought{}, defs: map[string][]*expr.Def{},
	})
	for _, t := range o.Tasks {
		c.p.mods[t.Name] = t
	}
	c.site()
	if err := c.errs.Err(); err != nil {
		return nil, err
	}
	if o.Lint {
		c.lint()
	}
	return c.p, nil
}

func newCompiler(p *Program) *compiler {
	return &compiler{
		p: p, loader: p.loader, known: map[string]bool{}, registers: map[string][]*task{},
		roleDone: map[*playbook.RoleUse]*roleVars{}, sames: map[*playbook.RoleUse]*identity{}, unchecked: map[*playbook.RoleUse]bool{}, gives: &gives{}, tagsSeen: map[string]bool{}, levels: map[levelKey]*expr.Layer{},
		handlersOf: map[string]bool{}, declared: map[string]bool{}, set: map[string]bool{}, loaded: map[string]bool{}, specSeen: map[specKey]bool{}, words: map[*source.Node]*expr.Def{}, tagLists: map[*source.Node][]string{}, results: map[resultKind]expr.Type{}, constant: map[string]bool{},
		facts: map[string]expr.Type{}, defined: map[string]int{}, setBy: map[string][]*task{}, loopNames: map[string]bool{},
		options:        map[string]*playbook.Option{},
		nearConnection: map[string]bool{}, kws: map[*playbook.Level]*keywords{}, lastPlace: &where{}, nowhere: &where{},
	}
}

// compiler gathers what Compile finds out.
type compiler struct {
	p      *Program
	errs   source.Errors
	loader *playbook.Loader

	known      map[string]bool // names that are set without a definition: register, facts, magic, prompts
	open       []string        // what can set names that nobody can list: the open sources
	registers  map[string][]*task
	roleDone   map[*playbook.RoleUse]*roleVars
	sames      map[*playbook.RoleUse]*identity
	unchecked  map[*playbook.RoleUse]bool // rolespec_validate is false
	gives      *gives                     // what the roles being compiled give to the play
	handlersOf map[string]bool            // role folders of a play whose handlers it has
	tagsSeen   map[string]bool
	tasks      []*task  // all, in order, with handlers
	checks     []check  // all that reads names
	lastPlace  *where   // of the last of them in a task
	nowhere    *where   // of variables' definitions
	proven     []string // what the conditions of inTask say is defined
	guard      int      // blocks with rescue or always around
	rescue     int      // blocks with rescue around
	rescues    []*task  // in a rescue: the tasks of its block
	levels     map[levelKey]*expr.Layer
	kws        map[*playbook.Level]*keywords // of levels with constant words
	inPlay     *play
	specs      []*specUse
	declared   map[string]bool // by argument specs: known, and set perhaps
	options    map[string]*playbook.Option
	set        map[string]bool // by set_fact
	loaded     map[string]bool // by include_vars of a constant file
	loadsAny   bool            // an include_vars of a computed one
	specSeen   map[specKey]bool
	words      map[*source.Node]*expr.Def // constant words of levels
	tagLists   map[*source.Node][]string  // of constant tags
	results    map[resultKind]expr.Type
	constant   map[string]bool // names that have a constant among their definitions
	grown      bool            // a task adds hosts or groups
	promised   []string        // that may be added, by name
	anyHost    bool            // any may be added
	inTask     *task           // being compiled; nil between tasks
	magic      map[string]expr.Type
	warned     map[string]*source.Error // names in inventories that were warned of
	facts      map[string]expr.Type     // that tasks bring
	openFacts  bool                     // a task brings facts of computed names

	nearConnection map[string]bool // by name, what nearConnection says

	defined   map[string]int     // how many definitions each name has
	setBy     map[string][]*task // tasks that register a name or set it as a fact
	loopNames map[string]bool    // variables of loops
	loops     []string           // those of the loops around inTask
	again     *task              // the outermost include around that may run again: one with a loop
	recursive bool               // a file of tasks includes itself
	after     bool               // what is compiled is read after the task has run
	read      map[string][]expr.Spot
	late      bool // a file is compiled that an include brings in while the program runs
	odd       []oddKey
	strange   []*source.Error // of lint: variables ansible_... without a meaning
	names     *names          // that something in the run sets, or may set
	readings  []reading       // of lint
	hostless  bool            // the inventory has mistakes: which hosts there are is not known
}

func (c *compiler) site() {
	o := c.p.opts
	c.loader = playbook.New(playbook.Options{
		RolePaths: o.RolePaths, Builtin: o.Shipped, Name: o.ShippedName, Modules: c.p.mods,
		Static: c.staticName,
	})
	c.p.loader = c.loader
	c.p.extra = c.extraVars(o.ExtraVars)
	var inv *inventory.Inventory
	var invErr error
	var reading sync.WaitGroup
	reading.Go(func() { inv, invErr = inventory.Load(o.Inventory, inventory.Options{Extra: c.p.extra}) })
	var books []*playbook.Playbook
	var names []string
	for _, path := range o.Playbooks {
		pb, err := c.loader.Playbook(path)
		c.errs.Add(source.Pos{File: path}, err)
		if pb == nil {
			c.loader.Lost.Everything()
			continue
		}
		books = append(books, pb)
		names = append(names, path)
	}
	reading.Wait()
	c.p.inv, c.hostless = inv, invErr != nil
	c.lostFiles(invErr)
	c.magicNames()
	c.layer(c.p.extra)
	for i, pb := range books {
		for _, src := range pb.Plays {
			pl := c.play(src)
			pl.book = names[i]
			c.p.plays = append(c.p.plays, pl)
		}
	}
	c.inventoryVars()
	c.otherFiles()
	c.selectHosts()
	c.resolveNotify()
	c.checkSpecs()
	c.checkNames()
	c.checkConstants()
	c.checkTags()
	c.startAt()
	c.foresee()
	c.warnOfNames()
	c.p.Warnings = append(c.p.Warnings, inv.Warnings...)
}

// lostFiles collects the mistakes of inventory files. What such a file sets is
// no second mistake where it is used.
func (c *compiler) lostFiles(err error) {
	var errs source.Errors
	errs.Add(source.Pos{}, err)
	c.errs = append(c.errs, errs...)
	for _, e := range errs.Unique() {
		data, err := os.ReadFile(e.Pos.File)
		if err != nil {
			c.loader.Lost.Everything()
			continue
		}
		c.loader.Lost.Text(string(data))
	}
}

// layer notes that a layer's names can be set, and parses its templates.
func (c *compiler) layer(l *expr.Layer) *expr.Layer {
	if l == nil {
		return nil
	}
	for name, d := range l.Vars {
		c.named(name, d.Pos, l.Level)
		c.define(name, d)
		if d.Node != nil {
			siblings(d.Node, func(e *source.Error) { c.odd = append(c.odd, oddKey{name, e}) })
		}
	}
	return l
}

func (c *compiler) fault(e *source.Error) { c.errs = append(c.errs, e) }

// define notes a definition of a variable. Of those that are constants one a
// name is kept: they read nothing, and there are as many as hosts.
func (c *compiler) define(name string, d *expr.Def) {
	c.connectionVar(name, d)
	c.defined[name]++
	err := d.Compile()
	_, constant := d.Constant()
	if constant && err == nil {
		if c.constant[name] {
			return
		}
		c.constant[name] = true
	}
	c.p.defs[name] = append(c.p.defs[name], d)
	if err != nil {
		c.errs.Add(d.Pos, err)
		return
	}
	c.checks = append(c.checks, check{what: d, at: c.nowhere})
}

// fields makes a layer of a mapping's fields.
func (c *compiler) fields(level expr.Level, name string, fs []source.Field) *expr.Layer {
	if len(fs) == 0 {
		return nil
	}
	return c.layer(expr.NewLayer(level, name, &source.Node{Kind: source.Map, Fields: fs}, nil))
}

// tree makes a keyword or argument ready to evaluate; nil stays nil.
func (c *compiler) tree(n *source.Node) *expr.Def {
	if n == nil {
		return nil
	}
	d := expr.NodeDef(n, nil)
	if err := d.Compile(); err != nil {
		c.errs.Add(n.Pos, err)
		return nil
	}
	if _, constant := d.Constant(); !constant {
		c.check(d, false)
	}
	return d
}

// shared is tree for a word of a level, which all tasks below see: a constant
// is made once for them.
func (c *compiler) shared(n *source.Node) *expr.Def {
	if d := c.words[n]; d != nil {
		return d
	}
	d := c.tree(n)
	if d != nil {
		if _, constant := d.Constant(); constant {
			c.words[n] = d
		}
	}
	return d
}

// cond makes a condition of a node that holds an expression or a boolean.
func (c *compiler) cond(n *source.Node) *cond {
	if n == nil {
		return nil
	}
	switch v := n.Value.(type) {
	case bool:
		if n.Kind == source.Scalar {
			return &cond{is: &v, pos: n.Pos}
		}
	case string:
		e, err := expr.ParseExpr(v, expr.NodeLocator(n))
		if err != nil {
			c.errs.Add(n.Pos, err)
			return nil
		}
		c.check(e, true)
		return &cond{expr: e, pos: n.Pos}
	}
	c.errs.Add(n.Pos, source.Errorf(n.Pos, "a condition is an expression that is true or false, not %s", describe(n)))
	return nil
}

// conds makes conditions that all must hold: what one says is defined is so for those behind it.
func (c *compiler) conds(ns []*source.Node) []*cond {
	var out []*cond
	for _, n := range ns {
		if n.Kind == source.List {
			out = append(out, c.conds(n.Items)...)
		} else if x := c.cond(n); x != nil {
			out = append(out, x)
			if x.expr != nil {
				c.proven = append(c.proven[:len(c.proven):len(c.proven)], x.expr.Defines()...)
			}
		}
	}
	return out
}

// condsOf is conds for a word that proves nothing for those beside it.
func (c *compiler) condsOf(ns []*source.Node) []*cond {
	defer func(proven []string) { c.proven = proven }(c.proven)
	return c.conds(ns)
}

func describe(n *source.Node) string {
	switch n.Kind {
	case source.List:
		return "a list"
	case source.Map:
		return "a dict"
	}
	return fmt.Sprintf("the %s", n.Raw)
}

// play compiles one play.
func (c *compiler) play(src *playbook.Play) *play {
	p := &play{src: src, dir: src.Dir}
	c.inPlay, c.handlersOf = p, map[string]bool{}
	p.name = c.tree(src.Name)
	p.pattern = c.tree(src.Hosts)
	p.gather = c.tree(src.GatherFacts)
	p.force = c.tree(src.Force)
	p.maxFail = c.tree(src.MaxFail)
	p.strategy = c.tree(src.Strategy)
	p.order = c.tree(src.Order)
	if m := src.Manner; m != nil {
		p.anyErrorsFatal, p.ignoreUnreachable = c.tree(m.AnyErrorsFatal), c.tree(m.IgnoreUnreachable)
	}
	for _, s := range src.Serial {
		if d := c.tree(s); d != nil {
			p.serial = append(p.serial, d)
		}
	}
	p.layers = append(p.layers, c.fields(expr.PlayVars, "play", src.Vars))
	for _, f := range src.VarsFiles {
		p.layers = append(p.layers, c.varsFile(p, f))
	}
	for _, pr := range src.VarsPrompt {
		c.named(pr.Name, pr.Pos, expr.VarsPrompt)
		c.known[pr.Name] = true
	}
	c.strategy(p)
	pre := c.giving(func() { p.pre = c.list(src.PreTasks) })
	entries := &gives{}
	imports := c.giving(func() {
		for _, r := range src.Roles {
			p.main = append(p.main, c.role(r, r.Def.Meta.AllowDuplicates)...)
			entries.role(r, c.exports(r))
		}
	})
	tasks := c.giving(func() { p.main = append(p.main, c.list(src.Tasks)...) })
	post := c.giving(func() { p.post = c.list(src.Post) })
	handlers := c.giving(func() { p.handlers = append(p.handlers, c.list(src.Handlers)...) })
	// of what they set, the later wins; this is the order in which Ansible reads them
	for _, g := range []*gives{imports, handlers, pre, post, tasks} {
		entries.add(g)
	}
	p.layers = append(p.layers, entries.layers...)
	p.roleNames, p.depNames = entries.roles, once(entries.deps)
	c.playWords(p)
	return p
}

// varsFile reads an entry of vars_files: a name, or a list of which the first that exists is taken.
func (c *compiler) varsFile(p *play, n *source.Node) *expr.Layer {
	names := []*source.Node{n}
	if n.Kind == source.List {
		names = n.Items
	}
	for i, f := range names {
		v, err := c.p.word(p, expr.NodeDef(f, nil))
		name, ok := v.(string)
		if err == nil && !ok {
			err = source.Errorf(f.Pos, "the name of a file is a text, not %s", value.Short(v, 30))
		}
		if err != nil {
			c.loader.Lost.Everything()
			c.errs.Add(f.Pos, err)
			return nil
		}
		path := name
		if !filepath.IsAbs(name) {
			path = c.loader.Join(p.dir, name)
		}
		if i < len(names)-1 && !c.loaderHas(path) {
			continue
		}
		if !c.loaderHas(path) {
			c.loader.Lost.Everything()
			e := f.Errorf("%s: no such file", name)
			if e.Hint = c.loader.Near(path); e.Hint == "" {
				e.Hint = "looked for " + source.ShortName(path)
			}
			c.errs.Add(f.Pos, e)
			return nil
		}
		fields, err := c.loader.Vars(path)
		c.errs.Add(f.Pos, err)
		return c.fields(expr.VarsFiles, path, fields)
	}
	return nil
}

func (c *compiler) loaderHas(path string) bool {
	_, err := c.loader.Stat(path)
	return err == nil
}

// strategy refuses what is neither linear nor free.
func (c *compiler) strategy(p *play) {
	if p.strategy == nil {
		return
	}
	v, err := c.p.word(p, p.strategy)
	if err != nil {
		c.errs.Add(p.src.Strategy.Pos, err)
		return
	}
	word, _ := v.(string)
	switch strings.TrimPrefix(word, "ansible.builtin.") {
	case "linear":
	case "free":
		p.free = true
	case "host_pinned":
		c.errs.Add(p.src.Strategy.Pos, source.Errorf(p.src.Strategy.Pos, "strategy is linear or free").WithHint("strategy: free"))
	default:
		e := source.Errorf(p.src.Strategy.Pos, "strategy is linear or free, not %s", value.Short(v, 30))
		if word == "debug" {
			e.Hint = "mxplay run --step asks before each task"
		}
		c.errs.Add(p.src.Strategy.Pos, e)
	}
}

// playWords refuses words of a play that are not what they must be. What reads
// vars_prompt is known once that was asked for.
func (c *compiler) playWords(p *play) {
	add := func(pos source.Pos, err error) {
		if name := undefinedIn(err); err != nil && (name == "" || !p.asks(name)) {
			c.errs.Add(pos, err)
		}
	}
	if len(p.serial) > 0 {
		_, err := batchSizes(c.p, p, 1, nil)
		add(p.src.Serial[0].Pos, err)
	}
	if p.maxFail != nil {
		_, err := c.p.maxFailOf(p, nil)
		add(p.src.MaxFail.Pos, err)
	}
	if p.gather != nil {
		_, err := c.p.gathers(p, nil)
		add(p.src.GatherFacts.Pos, err)
	}
}
