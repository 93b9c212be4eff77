package runner

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
)

// Finding is one warning of lint.
type Finding struct {
	Rule string
	*source.Error
}

// LintRule is a rule of lint: its name never changes.
type LintRule struct{ Name, Doc string }

// LintRules are the rules, in the order in which they are explained.
func LintRules() []LintRule {
	return []LintRule{
		{"unused-register", "a registered result that nothing reads"},
		{"unused-variable", "a variable of a play, role or task that nothing reads"},
		{"unused-handler", "a handler that nothing notifies"},
		{"unreachable", "a task that can never run: its condition is always false, or an end_play or fail stands before it"},
		{"tags", "a task that its tags keep from running: always beside never, or never with no other tag to ask for it by"},
		{"unnamed", "a task without a name, which the output can only call by its module"},
		{"unknown-variable", "a variable ansible_... that mxplay gives no meaning"},
		{"braces", "{{ }} around a condition, which is an expression already"},
		{"foreign-default", "a role that reads another role's defaults without declaring the variable"},
		{"some-hosts", "a variable that only some hosts of the play have"},
		{"command", "a command where a module does the same and tells what changed"},
		{"no-log", "a secret in the arguments of a command, without no_log"},
		{"old-spelling", "a spelling that is taken for the sake of existing playbooks"},
		{"outside-host", "delegate_to names a host that the inventory does not have"},
		{"compile", "what mxplay run warns of too"},
	}
}

// reading is a variable that a task reads.
type reading struct {
	name    string
	task    *task
	guarded bool
	at      expr.Spot
}

// lint looks for what works but was hardly meant. It goes by what the compile knows.
type lint struct {
	c   *compiler
	out []Finding
}

func (c *compiler) lint() {
	l := &lint{c: c}
	for _, w := range c.p.Warnings {
		l.add("compile", w)
	}
	l.unused()
	l.handlers()
	for _, p := range c.p.plays {
		for _, ts := range [][]*task{p.pre, p.main, p.post, p.handlers} {
			l.reach(ts)
		}
	}
	for _, k := range c.checks {
		if e, ok := k.what.(*expr.Expr); ok && k.cond && e.Wrapped {
			l.at("braces", e.Pos(), "a condition needs no {{ }}").WithHint("write it without")
		}
	}
	for _, e := range c.strange {
		l.add("unknown-variable", e)
	}
	for _, t := range c.tasks {
		if t.ends || t.spec != nil {
			continue
		}
		l.tags(t)
		l.unnamed(t)
		l.spelling(t)
		l.command(t)
		l.secrets(t)
		l.outside(t)
	}
	l.foreign()
	l.someHosts()
	c.p.Findings = silenced(l.out, c.loader.ReadFile)
}

func (l *lint) add(rule string, e *source.Error) { l.out = append(l.out, Finding{rule, e}) }

func (l *lint) at(rule string, pos source.Pos, format string, args ...any) *source.Error {
	e := source.Errorf(pos, format, args...)
	l.add(rule, e)
	return e
}

// unused finds what is set and never read. Who reads vars or hostvars may read any name.
func (l *lint) unused() {
	c := l.c
	if len(c.read["vars"])+len(c.read["hostvars"]) > 0 || len(c.open) > 0 {
		return
	}
	for name, ts := range c.registers {
		for _, t := range ts {
			if len(c.read[name]) == 0 {
				l.at("unused-register", t.src.RegisterPos, "nothing reads %s", name).WithHint("take register: %s out", name)
			}
		}
	}
	layer := func(x *expr.Layer, what string) {
		if x == nil {
			return
		}
		for name, d := range x.Vars {
			if len(c.read[name]) == 0 && c.options[name] == nil && !strings.HasPrefix(name, "ansible_") {
				l.at("unused-variable", d.Pos, "nothing reads %s, %s", name, what).WithHint("take it out, or is it misspelt?")
			}
		}
	}
	for _, p := range c.p.plays {
		for _, x := range p.layers {
			if x != nil && x.Level == expr.PlayVars {
				layer(x, "a variable of the play")
			}
		}
	}
	for _, v := range c.roleDone {
		for _, x := range v.all()[1:] {
			layer(x, "a variable of the role")
		}
	}
	for _, x := range c.levels {
		layer(x, "which is set here")
	}
}

// tags finds tasks that their tags keep from ever running, or nearly so.
func (l *lint) tags(t *task) {
	if t.handler || !slices.Contains(t.tags, "never") {
		return
	}
	words := slices.DeleteFunc(slices.Clone(t.tags), func(s string) bool { return s == "never" || s == "always" || s == "" })
	switch {
	case slices.Contains(t.tags, "always"):
		l.at("tags", t.src.Pos, "the tags always and never contradict each other: this task runs always").WithHint("take one of them out")
	case len(words) == 0:
		l.at("tags", t.src.Pos, "this task has the tag never and no other by which -t could ask for it").WithHint("give it another: tags: [never, cleanup]")
	}
}

// unnamed finds tasks without a name that do something of their own.
func (l *lint) unnamed(t *task) {
	if t.name != nil || t.block || t.handler || t.mod == nil || t.src.ModulePos.IsZero() {
		return
	}
	switch t.mod.Name {
	case "debug", "assert", "fail", "set_fact", "include_vars", "pause", "add_host", "group_by":
		return // they touch no host
	}
	l.at("unnamed", t.src.Pos, "this task has no name").WithHint("name: what is so when it has run")
}

// handlers finds those that nothing notifies.
func (l *lint) handlers() {
	called := map[source.Pos]bool{}
	for _, t := range l.c.tasks {
		for _, n := range t.notify {
			if n == nil {
				continue
			}
			if _, constant := n.Constant(); !constant {
				return // it may name any
			}
		}
		for _, hs := range t.targets {
			for _, h := range hs {
				called[h.src.Pos] = true
			}
		}
	}
	for _, t := range l.c.tasks {
		if t.handler && !called[t.src.Pos] && t.src.Up != nil && t.src.Up.Kind != playbook.BlockLevel && len(l.c.open) == 0 {
			l.at("unused-handler", t.src.Pos, "nothing notifies the handler %s", t.label)
		}
	}
}

// reach finds tasks that can never run.
func (l *lint) reach(ts []*task) {
	ended := ""
	for _, t := range ts {
		if t.ends || t.spec != nil {
			continue
		}
		switch {
		case ended != "":
			l.at("unreachable", t.src.Pos, "this task is never reached: %s", ended)
			return
		case l.never(t):
			continue
		}
		if t.block {
			l.reach(t.body)
			l.reach(t.rescue)
			l.reach(t.always)
			if len(t.body) == 0 && len(t.rescue) > 0 {
				l.at("unreachable", t.rescue[0].src.Pos, "this rescue cannot run: its block is empty")
			}
			continue
		}
		if t.include != nil {
			l.reach(t.include.body)
		}
		if len(t.when) > 0 || t.loop != nil || len(t.failed) > 0 || t.kw.ignoreErrors != nil || len(t.tags) > 0 || t.handler {
			continue
		}
		switch {
		case t.src.Meta == "end_play", t.src.Meta == "end_host", t.src.Meta == "end_batch":
			ended = "meta: " + t.src.Meta + " stands before it"
		case t.src.Module == "fail" && !t.rescued:
			ended = "the task before it fails always"
		}
	}
}

// never tells whether a condition of a task is always false.
func (l *lint) never(t *task) bool {
	for _, x := range t.when {
		is := x.is
		if x.expr != nil {
			if v, ok := l.c.constantOf(x.expr, x.expr.Names()); ok {
				if b, isBool := v.(bool); isBool {
					is = &b
				}
			}
		}
		if is != nil && !*is {
			// what a default or -e says may be otherwise in the next run
			if x.expr == nil || len(x.expr.Names()) == 0 {
				l.at("unreachable", x.pos, "this condition is always false").WithHint("take the task out")
				return true
			}
		}
	}
	return false
}

func (l *lint) spelling(t *task) {
	if t.src.ModuleAs != "" && strings.HasPrefix(t.src.ModuleAs, "ansible.") {
		short := t.src.ModuleAs[strings.LastIndexByte(t.src.ModuleAs, '.')+1:]
		l.at("old-spelling", t.src.ModulePos, "%s is %s here", t.src.ModuleAs, short).WithHint("write %s:", short)
	}
	if d := t.kw.connection; d != nil {
		if v, _ := d.Constant(); v == "smart" || v == "paramiko" {
			l.at("old-spelling", d.Pos, "the connection %s is ssh", v).WithHint("connection: ssh")
		}
	}
}

// commandFor are the modules that do what a command does.
var commandFor = map[string]string{
	"apt-get": "package", "apt": "package", "aptitude": "package", "dpkg": "package", "service": "systemd", "useradd": "user", "adduser": "user",
	"usermod": "user", "userdel": "user", "groupadd": "group", "groupdel": "group", "mkdir": "file", "chmod": "file", "chown": "file", "chgrp": "file",
	"ln": "file", "rm": "file", "rmdir": "file", "touch": "file", "cp": "copy", "curl": "get_url or uri", "wget": "get_url", "debconf-set-selections": "debconf",
}

// changing are the words behind systemctl that a module says better.
var changing = []string{"start", "stop", "restart", "reload", "enable", "disable", "mask", "unmask", "daemon-reload"}

// commandText is the text or the first words of a command; "" of anything else.
func commandText(t *task) string {
	if t.mod == nil || t.mod.Name != "command" && t.mod.Name != "shell" {
		return ""
	}
	for _, f := range t.src.Args.Fields {
		switch {
		case f.Key == "cmd" || f.Key == "_raw_params":
			s, _ := f.Value.Value.(string)
			return s
		case f.Key == "argv":
			var words []string
			for _, i := range f.Value.Items {
				s, _ := i.Value.(string)
				words = append(words, s)
			}
			return strings.Join(words, " ")
		}
	}
	return ""
}

func (l *lint) command(t *task) {
	words := strings.Fields(commandText(t))
	if len(words) == 0 {
		return
	}
	if n := t.src.Args.Get("read_only"); n != nil && n.Value == true {
		return
	}
	first := words[0][strings.LastIndexByte(words[0], '/')+1:]
	module := commandFor[first]
	if first == "systemctl" && len(words) > 1 && slices.Contains(changing, words[1]) {
		module = "systemd"
	}
	if first == "sed" && slices.Contains(words, "-i") {
		module = "lineinfile or replace"
	}
	if module != "" {
		l.at("command", t.src.ModulePos, "%s does what a module does", first).WithHint("use %s, which looks first and tells what it changes", module)
	}
}

var secretName = regexp.MustCompile(`(?i)passw|passphrase|secret|token|api_?key|private_key`)

func (l *lint) secrets(t *task) {
	if commandText(t) == "" || t.kw.noLog != nil {
		return
	}
	for _, a := range t.args {
		if a.value == nil {
			continue
		}
		for _, r := range a.value.Refs() {
			name := r.Name + "." + strings.Join(r.Path, ".")
			if secretName.MatchString(name) && len(l.c.registers[r.Name]) == 0 {
				l.at("no-log", r.Pos(), "%s looks like a secret and is shown with the command", strings.TrimSuffix(name, ".")).WithHint("no_log: true")
			}
		}
	}
}

func (l *lint) outside(t *task) {
	if t.kw.delegateTo == nil {
		return
	}
	v, ok := t.kw.delegateTo.Constant()
	name, isText := v.(string)
	if !ok || !isText || l.c.p.inv.Host(name) != nil || l.c.grown {
		return
	}
	var names []string
	for _, h := range l.c.p.inv.Hosts {
		names = append(names, h.Name)
	}
	e := l.at("outside-host", t.kw.delegateTo.Pos, "the inventory has no host %s", name)
	if m := source.DidYouMean(name, names); m != "" {
		e.Hint = "did you mean " + m + "?"
	}
}

// foreign finds roles that read what another role's defaults set.
func (l *lint) foreign() {
	owner := map[string]string{}
	own := map[string]bool{} // role and name
	for r, v := range l.c.roleDone {
		for _, x := range v.all() {
			if x == nil {
				continue
			}
			for name := range x.Vars {
				own[r.Def.Name+"\x00"+name] = true
				if x == v.defaults {
					owner[name] = r.Def.Name
				}
			}
		}
		if r.Spec != nil {
			for _, o := range r.Spec.Options {
				own[r.Def.Name+"\x00"+o.Name] = true
			}
		}
	}
	for _, r := range l.c.readings {
		if r.task == nil || r.task.role == nil || r.guarded {
			continue
		}
		role := r.task.role.Def.Name
		if by := owner[r.name]; by != "" && by != role && !own[role+"\x00"+r.name] {
			l.at("foreign-default", r.at.Pos(), "role %s reads %s, a default of role %s", role, r.name, by).
				WithHint("declare it in meta/argument_specs.yml of %s, or give it a default there", role)
		}
	}
}

// someHosts finds variables that the inventory sets for some hosts of a play only.
func (l *lint) someHosts() {
	c := l.c
	elsewhere := map[string]bool{}
	note := func(x *expr.Layer) {
		if x != nil {
			for name := range x.Vars {
				elsewhere[name] = true
			}
		}
	}
	note(c.p.extra)
	for _, p := range c.p.plays {
		for _, x := range p.layers {
			note(x)
		}
	}
	for _, x := range c.levels {
		note(x)
	}
	for _, v := range c.roleDone {
		for _, x := range v.all() {
			note(x)
		}
	}
	names, dirs := map[string]bool{}, map[string]map[string]map[*inventory.Host]*expr.Def{}
	for _, r := range c.readings {
		names[r.name] = true
	}
	for _, r := range c.readings {
		if r.task == nil || r.guarded || len(r.task.when) > 0 || elsewhere[r.name] || c.known[r.name] || c.set[r.name] || c.registers[r.name] != nil || c.loopNames[r.name] || c.defined[r.name] == 0 {
			continue
		}
		p := r.task.play
		if dirs[p.dir] == nil {
			dirs[p.dir] = c.hostVars(p.dir, names)
		}
		var without []string
		for _, h := range p.hosts {
			if dirs[p.dir][r.name][h] == nil {
				without = append(without, h.Name)
			}
		}
		if n := len(without); n > 0 && n < len(p.hosts) {
			if n > 5 {
				without = append(without[:5], fmt.Sprintf("%d more", n-5))
			}
			l.at("some-hosts", r.at.Pos(), "%s is not set for %s", r.name, strings.Join(without, ", ")).WithHint("set it for all, or write default(%s, ...)", r.name)
		}
	}
}

var noqa = regexp.MustCompile(`#\s*noqa(?::?\s*([\w, -]+))?\s*$`)

// silenced are the findings without those that a comment "# noqa: RULE" on
// their line takes out, each once, sorted by place.
func silenced(in []Finding, read func(string) ([]byte, error)) []Finding {
	files := map[string]*source.File{}
	seen := map[string]bool{}
	var out []Finding
	for _, f := range in {
		if key := f.Rule + f.Error.Error(); seen[key] {
			continue
		} else {
			seen[key] = true
		}
		file, known := files[f.Pos.File]
		if !known && f.Pos.File != "" {
			if data, err := read(f.Pos.File); err == nil {
				file = source.NewFile(f.Pos.File, data)
			}
			files[f.Pos.File] = file
		}
		m := noqa.FindStringSubmatch(file.Line(f.Pos.Line))
		if m != nil && (strings.TrimSpace(m[1]) == "" || slices.ContainsFunc(strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' }), func(w string) bool { return w == f.Rule })) {
			continue
		}
		f.In(file)
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return source.Compare(a.Pos, b.Pos)
	})
	return out
}
