package runner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
)

// A name that is read but never set, beside one that is set but never read and
// differs by one slip of a finger: which of the two is misspelt? What is read
// at several places, or declared by argument specs, is taken for right.

// setter is a place that sets a variable.
type setter struct {
	name string
	pos  source.Pos
}

// setters are the places that set each variable by a name that is written there.
func (c *compiler) setters() map[string][]setter {
	out := map[string][]setter{}
	for name, ds := range c.p.defs {
		for _, d := range ds {
			out[name] = append(out[name], setter{name, d.Pos})
		}
	}
	for name, ts := range c.registers {
		for _, t := range ts {
			out[name] = append(out[name], setter{name, t.src.RegisterPos})
		}
	}
	return out
}

// blame puts mistakes of names where they were made.
func (c *compiler) blame(errs source.Errors) source.Errors {
	unset := c.unsetOptions()
	loose := c.looseNames(errs)
	if !slices.ContainsFunc(errs, func(e *source.Error) bool { return strings.HasPrefix(e.Msg, expr.UnknownName) }) && len(unset) == 0 && len(loose) == 0 {
		return errs
	}
	read, set := c.read, c.setters()
	var idle []string // set, and read nowhere
	for name := range set {
		if read[name] == nil && c.options[name] == nil {
			idle = append(idle, name)
		}
	}
	slices.Sort(idle)
	words := slices.Clone(loose)
	for _, o := range unset {
		words = append(words, o.Name)
	}
	for _, e := range errs {
		if name, ok := strings.CutPrefix(e.Msg, expr.UnknownName); ok {
			words = append(words, name)
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	nearIdle := source.Neighbours(words, idle)
	slip := func(name string) []setter {
		for _, n := range nearIdle[name] {
			if source.Slip(name, n) {
				return set[n]
			}
		}
		return nil
	}
	var out source.Errors
	done := map[string]bool{}
	for _, e := range errs {
		name, ok := strings.CutPrefix(e.Msg, expr.UnknownName)
		by := slip(name)
		switch {
		case !ok || len(by) == 0:
			out = append(out, e)
		case len(read[name]) == 1 || len(by) > 1 || c.defined[by[0].name] > 1:
			e.Hint = fmt.Sprintf("did you mean %s, which %s sets?", by[0].name, by[0].pos)
			out = append(out, e)
		case !done[name]:
			done[name] = true
			out = append(out, misspelt(by[0], fmt.Sprintf("but %s is read (%s) and nothing sets that", name, read[name][0].Pos()), name))
		}
	}
	nearRead := source.Neighbours(words, slices.Sorted(maps.Keys(read)))
	for _, o := range unset {
		if by := slip(o.Name); len(by) == 1 && c.defined[by[0].name] < 2 && !done[o.Name] {
			done[o.Name] = true
			if len(read[o.Name]) > 0 {
				out = append(out, misspelt(by[0], fmt.Sprintf("but the role takes %s (%s)", o.Name, o.Pos), o.Name))
			} else {
				out = append(out, source.Errorf(o.Pos, "nothing sets or reads the variable %s", o.Name).WithHint("did you mean %s, which %s sets?", by[0].name, by[0].pos))
			}
			continue
		}
		if len(read[o.Name]) > 0 || done[o.Name] {
			continue
		}
		for _, name := range nearRead[o.Name] {
			if source.Misspelt(o.Name, name) {
				done[o.Name], done[name] = true, true
				out = append(out, source.Errorf(o.Pos, "nothing sets or reads the variable %s", o.Name).WithHint("did you mean %s?", name))
				break
			}
		}
	}
	nearNames := source.Neighbours(loose, c.names.Names())
	for _, name := range loose {
		if !done[name] {
			out = append(out, c.guess(name, nearIdle[name], nearNames[name], set)...)
		}
	}
	return out
}

// looseNames are read only where they may be undefined, and nothing sets them:
// settings that may be given, or slips of a finger that default() would hide.
func (c *compiler) looseNames(errs source.Errors) []string {
	if c.late {
		return nil // what else is read, and set, is not looked at again
	}
	said := map[string]bool{}
	for _, e := range errs {
		said[strings.TrimPrefix(e.Msg, expr.UnknownName)] = true
	}
	var out []string
	for name := range c.read {
		if !said[name] && !c.names.canBe(name) && c.options[name] == nil && !strings.HasPrefix(name, "ansible_") && !c.loader.Lost.Names(name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// guess refuses a name that nothing sets when it is almost another one: one
// that is set and read nowhere, or, if it is read at one place only, one that is known.
func (c *compiler) guess(name string, idle, known []string, set map[string][]setter) source.Errors {
	at := c.read[name][0].Pos()
	for _, n := range idle {
		if source.Misspelt(name, n) && c.defined[n] < 2 && len(set[n]) == 1 {
			return source.Errors{misspelt(set[n][0], fmt.Sprintf("but %s is read (%s) and nothing sets that", name, at), name)}
		}
	}
	if len(c.read[name]) > 1 {
		return nil
	}
	for _, n := range known {
		if source.Misspelt(name, n) {
			e := source.Errorf(at, "%s%s", expr.UnknownName, name)
			return source.Errors{e.WithHint("did you mean %s?", n)}
		}
	}
	return nil
}

func misspelt(s setter, but, right string) *source.Error {
	return source.Errorf(s.pos, "nothing reads the variable %s, %s", s.name, but).WithHint("did you mean %s?", right)
}

// params refuses parameters of roles that nothing reads when they are almost
// keywords: any other key of a role is a parameter.
func (c *compiler) params() {
	said := map[source.Pos]bool{}
	for r := range c.roleDone {
		c.roleDefaults(r, said)
	}
	if len(c.open) > 0 || len(c.read["vars"])+len(c.read["hostvars"]) > 0 {
		return
	}
	var words []string
	for _, k := range playbook.AllKeywords() {
		if k.On&playbook.OnRole != 0 {
			words = append(words, k.Name)
		}
	}
	for r := range c.roleDone {
		for _, f := range r.Params {
			if len(c.read[f.Key]) > 0 || c.options[f.Key] != nil || said[f.KeyPos] || c.loader.Lost.All() {
				continue
			}
			said[f.KeyPos] = true
			e := source.Errorf(f.KeyPos, "role %s has no parameter %s: nothing reads it", r.Def.Name, f.Key)
			for _, w := range words {
				if source.Misspelt(f.Key, w) {
					c.errs = append(c.errs, e.WithHint("did you mean %s?", w))
					e = nil
					break
				}
			}
			if e != nil {
				if n := source.DidYouMean(f.Key, slices.Sorted(maps.Keys(c.read))); n != "" {
					e.Hint = "did you mean " + n + "?"
				}
				c.p.Warnings = append(c.p.Warnings, e)
			}
		}
	}
}

// unsetOptions are the variables that argument specs declare without a default and nothing sets.
func (c *compiler) unsetOptions() []*playbook.Option {
	var out []*playbook.Option
	for name, o := range c.options {
		if !c.known[name] && !c.set[name] && len(c.p.defs[name]) == 0 {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *playbook.Option) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// otherVars are variables of Ansible's that have no use here, and do no harm.
var otherVars = []string{
	"ansible_python_interpreter", "ansible_shell_type", "ansible_shell_executable", "ansible_pipelining", "ansible_ssh_pipelining",
	"ansible_ssh_executable", "ansible_scp_executable", "ansible_sftp_executable", "ansible_timeout", "ansible_ssh_timeout", "ansible_ssh_retries",
	"ansible_ssh_transfer_method", "ansible_scp_if_ssh", "ansible_sftp_extra_args", "ansible_scp_extra_args", "ansible_become_exe",
	"ansible_group_priority", "ansible_ssh_host_key_checking", "ansible_host_key_checking", "ansible_remote_tmp", "ansible_network_os",
	"ansible_ssh_host", "ansible_ssh_port", "ansible_ssh_user", "ansible_ssh_password", "ansible_private_key_file", "ansible_async_dir",
}

// connectionFields are the types of connection variables that are no text.
var connectionFields = map[string]struct {
	Kind modules.TypeKind
	Hint string
}{
	"ansible_become": {modules.Bool, "ansible_become: true"}, "ansible_port": {modules.Int, "ansible_port: 22"},
	"ansible_ssh_port": {modules.Int, "ansible_port: 22"},
}

// oldVars are what early releases of Ansible called these, with their names.
var oldVars = map[string]string{
	"ansible_sudo": "ansible_become", "ansible_sudo_user": "ansible_become_user", "ansible_sudo_pass": "ansible_become_password",
	"ansible_sudo_password": "ansible_become_password", "ansible_su": "ansible_become and ansible_become_method: su",
	"ansible_su_user": "ansible_become_user", "ansible_su_pass": "ansible_become_password", "ansible_sudo_exe": "ansible_become_method",
}

// connectionVar refuses a variable whose name is almost one that the engine
// reads: it would be taken for one of the user's own.
func (c *compiler) connectionVar(name string, d *expr.Def) {
	if f := connectionFields[name]; f.Kind != "" {
		if v, ok := d.Constant(); ok && v != nil && v != "" {
			if _, err := convert(modules.Type{Kind: f.Kind}, v, ""); err != nil {
				c.errs.Add(d.Pos, source.Errorf(d.Pos, "%s %s", name, plainMsg(err)).WithHint("%s", f.Hint))
			}
		}
		return
	}
	near, known := c.nearConnection[name]
	if !known {
		near = nearConnection(name)
		c.nearConnection[name] = near
	}
	if !near {
		return
	}
	if now := oldVars[name]; now != "" {
		c.errs.Add(d.Pos, source.Errorf(d.Pos, "%s is no variable that connects", name).WithHint("write %s", now))
		return
	}
	if c.magic == nil {
		c.magic = magicTypes()
	}
	if _, ok := c.magic[name]; ok || slices.Contains(otherVars, name) {
		return
	}
	if near := source.DidYouMean(name, connectionVars); near != "" {
		c.errs.Add(d.Pos, source.Errorf(d.Pos, "no variable is called %s", name).WithHint("did you mean %s?", near))
	} else if c.p.opts.Lint && strings.HasPrefix(name, "ansible_") {
		c.strange = append(c.strange, source.Errorf(d.Pos, "mxplay gives the variable %s no meaning", name).WithHint("variables of your own have another beginning; mxplay doc connection lists those with a meaning"))
	}
}

// runNames are the variables that the run always sets itself.
func runNames(name string) bool {
	switch name {
	case "inventory_hostname", "inventory_hostname_short", "inventory_dir", "inventory_file", "group_names", "groups", "hostvars", "vars",
		"playbook_dir", "ansible_play_name", "ansible_play_hosts", "ansible_play_hosts_all", "ansible_play_batch", "play_hosts",
		"ansible_check_mode", "ansible_diff_mode", "ansible_forks", "ansible_run_tags", "ansible_skip_tags", "ansible_verbosity", "ansible_version":
		return true
	}
	return false
}

// named refuses a name under which no expression finds what is set: a word of
// the language, or what the run sets itself. Of an inventory it is a warning,
// once a name.
func (c *compiler) named(name string, pos source.Pos, at expr.Level) {
	var e *source.Error
	switch {
	case expr.Reserved(name):
		e = source.Errorf(pos, "%s is a word of expressions and cannot name a variable", name)
	case runNames(name):
		e = source.Errorf(pos, "%s is set by the run itself, what is set here is never read", name)
	default:
		return
	}
	e.Hint = "give it another name"
	if at < expr.InventoryAll || at > expr.HostVarsPlaybook {
		c.errs.Add(pos, e)
		return
	}
	if expr.Reserved(name) {
		e.Hint += ", or read it as vars[\"" + name + "\"]"
	}
	if c.warned == nil {
		c.warned = map[string]*source.Error{}
	}
	if old := c.warned[name]; old == nil || source.Compare(pos, old.Pos) < 0 {
		c.warned[name] = e
	}
}

// warnOfNames shows the warnings of named, by place.
func (c *compiler) warnOfNames() {
	ws := slices.Collect(maps.Values(c.warned))
	slices.SortFunc(ws, func(a, b *source.Error) int { return source.Compare(a.Pos, b.Pos) })
	c.p.Warnings = append(c.p.Warnings, ws...)
}

// nearConnection tells whether a name looks like one that the engine reads.
func nearConnection(name string) bool {
	return strings.Contains(name, "ible_") || strings.HasPrefix(name, "ans") ||
		slices.ContainsFunc(connectionVars, func(v string) bool { return source.Slip(name, v) })
}

// roleDefaults refuses a default of a role that nothing reads and that is
// almost an argument of the role without a default.
func (c *compiler) roleDefaults(r *playbook.RoleUse, said map[source.Pos]bool) {
	if r.Spec == nil {
		return
	}
	set := map[string]bool{}
	for _, f := range r.Defaults {
		set[f.Key] = true
	}
	for _, f := range r.Defaults {
		if said[f.KeyPos] || len(c.read[f.Key]) > 0 || c.options[f.Key] != nil {
			continue
		}
		for _, o := range r.Spec.Options {
			if !set[o.Name] && o.Default == nil && source.Slip(f.Key, o.Name) {
				said[f.KeyPos] = true
				c.errs = append(c.errs, misspelt(setter{f.Key, f.KeyPos}, fmt.Sprintf("but role %s takes %s (%s)", r.Def.Name, o.Name, o.Pos), o.Name))
				break
			}
		}
	}
}
