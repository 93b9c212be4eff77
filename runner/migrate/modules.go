package migrate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
)

// moduleForm is what becomes of a module of Ansible's.
type moduleForm struct {
	name   string            // ours; "" the same
	args   map[string]string // renamed
	gone   string            // arguments that change nothing here
	look   string            // arguments that are left out, and told
	states map[string]string // values of state
}

var moduleForms = map[string]moduleForm{
	"apt": {name: "package", gone: "force_apt_get autoclean update_cache_retries update_cache_retry_max_delay fail_on_autoremove clean", look: "force dpkg_options allow_change_held_packages policy_rc_d",
		states: map[string]string{"installed": "present", "removed": "absent"}},
	"package":           {gone: "use", states: map[string]string{"installed": "present", "removed": "absent"}},
	"service":           {name: "systemd", args: map[string]string{"daemon-reload": "daemon_reload"}, gone: "pattern runlevel sleep use force", states: map[string]string{"running": "started"}},
	"systemd":           {args: map[string]string{"daemon-reload": "daemon_reload"}, gone: "force"},
	"systemd_service":   {name: "systemd", args: map[string]string{"daemon-reload": "daemon_reload"}, gone: "force"},
	"sysvinit":          {name: "systemd", gone: "pattern runlevels sleep"},
	"gather_facts":      {name: "setup"},
	"command":           {gone: "warn"},
	"shell":             {gone: "warn"},
	"stat":              {gone: "get_md5"},
	"set_fact":          {gone: "cacheable"},
	"get_url":           {gone: "use_proxy force_basic_auth"},
	"deb822_repository": {name: "apt_repo"},
	"copy":              {gone: "decrypt"},
	"template":          {gone: "decrypt"},
	"unarchive":         {gone: "decrypt list_files"},
	"dpkg_selections":   {name: "package", args: map[string]string{"selection": "hold"}},
	"apt_repository":    {name: "apt_repo"},
}

// collections are those whose modules, where we have one of the same name, are the same.
var collections = map[string]bool{"ansible.builtin": true, "ansible.legacy": true, "ansible.posix": true, "community.general": true}

// everywhere are arguments of all modules of files that have no use on Debian.
var everywhere = "unsafe_writes selevel serole setype seuser"

type moduleTask struct {
	*doc
	t       *source.Node
	i       int
	key     string // as it is written
	name    string // without a collection
	args    *source.Node
	handler bool
	to      string // ours
	form    moduleForm
	spec    *modules.Spec
}

func (m *moduleTask) field() source.Field { return m.t.Fields[m.i] }

func (m *moduleTask) refuse(way, format string, a ...any) bool {
	m.note(m.offset(m.field().KeyPos), Refused, way, format, a...)
	return false
}

// write writes the module of a task with its arguments.
func (m *moduleTask) write() bool {
	m.name = m.key
	collection, short, ok := cutLast(m.key)
	if ok && collections[collection] {
		m.name = short
	}
	switch m.name {
	case "action", "local_action":
		return m.action()
	case "include":
		return m.include()
	case "import_tasks", "include_tasks", "import_role", "include_role", "import_playbook":
		return m.included()
	case "meta":
		return m.metaWord()
	}
	m.form = moduleForms[m.name]
	if m.to = m.form.name; m.to == "" {
		m.to = m.name
	}
	mod := m.modules[m.to]
	if mod == nil {
		way := playbook.ForeignModules()[plainName(m.key)]
		if way != "" {
			way = "use " + way
		}
		m.all(m.field().Value)
		return m.refuse(way, "the module %s has no counterpart", m.key)
	}
	m.spec = mod.Args
	if m.to != m.key {
		m.replaceKey(m.t, m.i, m.to)
	}
	if m.name == "apt_repository" {
		if bad := m.repository(); bad != "" {
			m.undo()
			m.all(m.field().Value)
			return m.refuse("apt_repo with name, uris, suites, components", "%s", bad)
		}
		return true
	}
	if bad := m.special(); bad != "" {
		m.undo()
		return m.refuse("", "%s", bad)
	}
	v := m.field().Value
	text, isText := v.Value.(string)
	okArgs := true
	switch {
	case v.Kind == source.Map:
		okArgs = m.arguments(v)
	case isText && m.freeForm() != "" && isCommand(m.to):
		okArgs = m.command(v, text)
	case isText:
		okArgs = m.pairs(v, text)
	}
	if m.args != nil && m.args.Kind == source.Map {
		okArgs = m.arguments(m.args) && okArgs
	} else if m.args != nil {
		okArgs = m.all(m.args) && okArgs
	}
	return okArgs
}

// undo takes the new name of the module back.
func (m *moduleTask) undo() {
	from := m.offset(m.field().KeyPos)
	m.edits = slices.DeleteFunc(m.edits, func(c change) bool { return c.from == from })
}

func cutLast(key string) (before, after string, ok bool) {
	i := strings.LastIndexByte(key, '.')
	if i < 0 {
		return "", key, false
	}
	return key[:i], key[i+1:], true
}

func isCommand(name string) bool {
	return name == "command" || name == "shell" || name == "raw" || name == "script"
}

func (m *moduleTask) freeForm() string {
	for _, f := range m.spec.Fields {
		if f.FreeForm {
			return f.Name
		}
	}
	return ""
}

// argument is an argument wherever it stands; "" and false when it is not given.
func (m *moduleTask) argument(names ...string) (string, bool) {
	v := m.field().Value
	for _, name := range names {
		for _, n := range []*source.Node{v, m.args} {
			if n != nil && n.Kind == source.Map {
				if a := n.Get(name); a != nil {
					return a.Raw, true
				}
			}
		}
		if s, ok := v.Value.(string); ok {
			for _, w := range words(s) {
				if val, ok := strings.CutPrefix(w, name+"="); ok {
					return strings.Trim(val, `"'`), true
				}
			}
		}
	}
	return "", false
}

// special says what of a module's arguments cannot be.
func (m *moduleTask) special() string {
	has := func(names ...string) bool { _, ok := m.argument(names...); return ok }
	switch m.name {
	case "apt":
		switch {
		case has("upgrade"):
			return "package upgrades no host as a whole: command: apt-get -y upgrade"
		case has("deb"):
			return "package installs nothing from a file: command: apt-get install FILE, with creates"
		case !has("name", "pkg", "package"):
			if m.updateOnly() {
				return ""
			}
			return "package needs the names of packages"
		}
		if s, _ := m.argument("name", "pkg", "package"); s == "*" {
			return "package upgrades no host as a whole: command: apt-get -y upgrade"
		}
		if s, ok := m.argument("state"); ok && (s == "build-dep" || s == "fixed") {
			return "package has no state " + s
		}
	case "service", "systemd", "systemd_service", "sysvinit":
		if s, ok := m.argument("scope"); ok && s != "system" {
			return "systemd works on the system's units only, not on those of a user"
		}
		if has("arguments", "args") && m.name == "service" {
			if s, _ := m.argument("arguments"); s != "" {
				return "systemd gives a service no arguments"
			}
		}
		if has("daemon_reexec", "daemon-reexec") {
			return "there is no daemon_reexec: command: systemctl daemon-reexec"
		}
	case "deb822_repository":
		if s, ok := m.argument("signed_by"); ok && !strings.HasPrefix(s, "/") {
			return "apt_repo takes the key of a URL with its fingerprint only: key_url and fingerprint"
		}
	}
	return ""
}

// notName are the letters that a file of apt's sources cannot have.
var notName = regexp.MustCompile(`[^A-Za-z0-9]+`)

// repository is apt_repository: its line as the fields of apt_repo.
func (m *moduleTask) repository() string {
	v := m.field().Value
	line, _ := m.argument("repo")
	all := words(line)
	if len(all) < 3 || all[0] != "deb" && all[0] != "deb-src" || m.inFlow(m.t) || m.args != nil {
		return "a repository that is no line beginning with deb"
	}
	for _, f := range v.Fields {
		if !in("repo state filename update_cache mode", f.Key) {
			return "apt_repo has no argument " + f.Key
		}
	}
	values := map[string]string{}
	var keys []string
	add := func(key, val string) bool {
		text, ok := m.pairValue(v, val)
		keys = append(keys, key)
		values[key] = text
		return ok
	}
	options, rest := "", all[1:]
	if strings.HasPrefix(rest[0], "[") {
		for i, w := range rest {
			if strings.HasSuffix(w, "]") {
				options, rest = strings.Trim(strings.Join(rest[:i+1], " "), "[] "), rest[i+1:]
				break
			}
		}
	}
	if len(rest) < 2 || strings.HasPrefix(rest[0], "[") {
		return "a repository without a suite"
	}
	name, ok := m.argument("filename")
	if !ok {
		if isJinja(rest[0]) {
			return "a repository without a filename whose address is computed"
		}
		_, address, _ := strings.Cut(rest[0], "://")
		name = strings.Trim(notName.ReplaceAllString(address, "_"), "_")
	}
	good := add("name", name) && add("uris", rest[0]) && add("suites", rest[1])
	if len(rest) > 2 {
		good = good && add("components", strings.Join(rest[2:], ","))
	}
	if all[0] == "deb-src" {
		good = good && add("types", "deb-src")
	}
	signed := false
	for _, o := range strings.Fields(options) {
		switch key, val, _ := strings.Cut(o, "="); key {
		case "arch":
			good = good && add("architectures", val)
		case "signed-by":
			signed = true
			good = good && add("signed_by", val)
		default:
			return "the option " + key + " of a repository"
		}
	}
	for _, key := range []string{"state", "update_cache"} {
		if val, ok := m.argument(key); ok {
			good = good && add(key, val)
		}
	}
	if !good {
		return "a repository whose line is not understood"
	}
	if !signed {
		m.note(m.offset(m.field().KeyPos), Look, "", "which key signs this repository must be said: key_url with fingerprint, or signed_by")
	}
	m.put(v, keys, values)
	return ""
}

// updateOnly is a task that only fetches apt's lists.
func (m *moduleTask) updateOnly() bool {
	v := m.field().Value
	if s, ok := m.argument("update_cache", "update-cache"); !ok || slices.Contains([]string{"no", "false", "False"}, s) || m.inFlow(m.t) {
		return false
	}
	for _, name := range []string{"autoremove", "purge", "autoclean", "clean"} {
		if _, ok := m.argument(name); ok {
			return false
		}
	}
	m.undo()
	m.replaceKey(m.t, m.i, "command")
	m.edit(m.offset(m.field().KeyPos)+len(m.key)+1, m.end(v), " apt-get update")
	if m.t.Get("changed_when") == nil {
		m.addLine(m.t, m.i, "changed_when: false")
	}
	m.note(m.offset(m.field().KeyPos), Look, "", "apt-get update runs each time; the task can go, since package fetches lists that are missing or older than a source")
	return true
}

func in(list, word string) bool { return slices.Contains(strings.Fields(list), word) }

// arguments writes the arguments of a module that stand in a map.
func (m *moduleTask) arguments(n *source.Node) bool {
	if m.name == "apt" {
		if _, ok := m.argument("name", "pkg", "package"); !ok {
			return true // an update of the lists
		}
	}
	ok := true
	for i, f := range n.Fields {
		if !m.argumentOf(n, i, f) {
			ok = false
		}
	}
	return ok
}

func (m *moduleTask) argumentOf(n *source.Node, i int, f source.Field) bool {
	key := f.Key
	switch {
	case in(m.form.gone, key), in(everywhere, key) && m.spec.Field(key) == nil:
		m.removeField(n, i)
		return true
	case m.dropped(n, i, f):
		return true
	}
	if to := m.form.args[key]; to != "" {
		m.replaceKey(n, i, to)
		key = to
	}
	if m.name == "dpkg_selections" && key == "hold" {
		hold, ok := map[string]string{"hold": "true", "install": "false"}[f.Value.Raw]
		m.edit(m.offset(f.Value.Pos), m.end(f.Value), hold)
		return ok || m.refuse("", "dpkg_selections that are neither hold nor install")
	}
	if path := shells[f.Value.Raw]; isCommand(m.to) && key == "executable" && path != "" {
		m.edit(m.offset(f.Value.Pos), m.end(f.Value), path)
		return true
	}
	if m.to == "unarchive" && key == "copy" {
		m.replaceKey(n, i, "remote_src")
		b, ok := f.Value.Value.(bool)
		if ok {
			m.edit(m.offset(f.Value.Pos), m.end(f.Value), fmt.Sprint(!b))
		}
		return ok
	}
	if m.to == "get_url" && key == "sha256sum" {
		m.replaceKey(n, i, "checksum")
		if s, ok := f.Value.Value.(string); ok && !isJinja(s) {
			m.edit(m.offset(f.Value.Pos), m.end(f.Value), "sha256:"+s)
			return true
		}
		return m.refuse(`checksum: "sha256:{{ x }}"`, "the checksum is computed")
	}
	if m.spec.Field(key) == nil && !m.spec.Free {
		m.note(m.offset(f.KeyPos), Refused, "", "%s has no argument %s", m.to, key)
		m.all(f.Value)
		return false
	}
	if s, ok := f.Value.Value.(string); ok && key == "state" && m.form.states[s] != "" {
		m.edit(m.offset(f.Value.Pos), m.end(f.Value), m.form.states[s])
		return true
	}
	switch {
	case m.to == "assert" && key == "that":
		return m.bare(f.Value, Condition)
	case m.to == "debug" && key == "var":
		return m.bare(f.Value, Value)
	}
	return m.all(f.Value)
}

// shells are programs that Ansible finds on the path.
var shells = map[string]string{"bash": "/bin/bash", "sh": "/bin/sh", "dash": "/bin/dash"}

// dropped takes an argument out that is told.
func (m *moduleTask) dropped(n *source.Node, i int, f source.Field) bool {
	if !in(m.form.look, f.Key) {
		return false
	}
	m.removeField(n, i)
	if b, ok := f.Value.Value.(bool); ok && !b {
		return true
	}
	m.note(m.offset(f.KeyPos), Look, "", "%s of %s is left out: %s has no such argument", f.Key, m.name, m.to)
	return true
}

var commandWords = regexp.MustCompile(`(?:^|\s)(creates|removes|chdir|executable|stdin|warn)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:\{\{.*?\}\}|[^\s{]|\{[^{])+)`)

// command writes the text of a command: what Ansible takes out of it stands under args.
func (m *moduleTask) command(v *source.Node, s string) bool {
	found := commandWords.FindAllStringSubmatchIndex(s, -1)
	if found == nil {
		return m.all(v)
	}
	if strings.Contains(strings.TrimRight(s, "\n"), "\n") || m.args != nil || m.inFlow(m.t) {
		return m.refuse("args: {chdir: ...}", "arguments in a command of several lines")
	}
	lines := []string{"args:"}
	rest := s
	for k := len(found) - 1; k >= 0; k-- {
		f := found[k]
		rest = rest[:f[0]] + rest[f[1]:]
	}
	for _, f := range found {
		key, val := s[f[2]:f[3]], s[f[4]:f[5]]
		if key == "warn" {
			continue
		}
		text, ok := m.pairValue(v, val)
		if !ok {
			return false
		}
		lines = append(lines, "  "+key+": "+text)
	}
	now, _, o := m.e.strChanges(strings.TrimSpace(rest))
	m.record(v, o)
	if o.Refusals != nil {
		return false
	}
	m.edit(m.offset(v.Pos), m.end(v), scalarText(now, 0))
	if len(lines) > 1 {
		m.addLine(m.t, m.i, lines...)
	}
	return true
}

// pairs writes k=v arguments as YAML.
func (m *moduleTask) pairs(v *source.Node, s string) bool {
	if m.name == "apt" {
		if _, ok := m.argument("name", "pkg", "package"); !ok {
			return true
		}
	}
	if strings.TrimSpace(s) == "" {
		return true
	}
	var keys []string
	values := map[string]string{}
	free := ""
	for _, w := range words(s) {
		key, val, ok := strings.Cut(w, "=")
		if !ok || !plainKey.MatchString(strings.ReplaceAll(key, "-", "_")) {
			free += " " + w
			continue
		}
		if to := m.form.args[key]; to != "" {
			key = to
		}
		if in(m.form.gone, key) || in(everywhere, key) && m.spec.Field(key) == nil {
			continue
		}
		if in(m.form.look, key) {
			m.note(m.offset(v.Pos), Look, "", "%s of %s is left out: %s has no such argument", key, m.name, m.to)
			continue
		}
		if m.spec.Field(key) == nil && !m.spec.Free {
			return m.refuse("", "%s has no argument %s", m.to, key)
		}
		if key == "state" && m.form.states[val] != "" {
			val = m.form.states[val]
		}
		text, ok := m.pairValue(v, val)
		if !ok {
			return false
		}
		keys = append(keys, key)
		values[key] = text
	}
	if free = strings.TrimSpace(free); free != "" {
		if len(keys) == 0 && m.freeForm() != "" {
			return m.all(v)
		}
		if m.freeForm() == "" {
			return m.refuse("", "the arguments are a text that is computed, or no key=value")
		}
		text, ok := m.pairValue(v, free)
		if !ok {
			return false
		}
		keys = append([]string{m.freeForm()}, keys...)
		values[m.freeForm()] = text
	}
	m.put(v, keys, values)
	return true
}

// put writes a map in place of a value.
func (m *moduleTask) put(v *source.Node, keys []string, values map[string]string) {
	from, to := m.offset(v.Pos), m.end(v)
	var b strings.Builder
	if m.inFlow(m.t) {
		for i, k := range keys {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(k + ": " + values[k])
		}
		m.edit(from, to, "{"+b.String()+"}")
		return
	}
	pad := strings.Repeat(" ", column(m.field().KeyPos)+2)
	for _, k := range keys {
		b.WriteString("\n" + pad + k + ": " + values[k])
	}
	for from > 0 && strings.ContainsRune(" \n", rune(m.f.Data[from-1])) {
		from--
	}
	m.edit(from, to, b.String())
}

var bareValue = regexp.MustCompile(`^(?:-?[1-9]\d*|0|yes|no|true|false|True|False|on|off)$`)

// pairValue is the value of k=v as YAML.
func (m *moduleTask) pairValue(at *source.Node, val string) (string, bool) {
	if len(val) >= 2 && (val[0] == '"' || val[0] == '\'') && val[len(val)-1] == val[0] {
		val = val[1 : len(val)-1]
	}
	now, _, o := m.e.strChanges(val)
	m.record(at, o)
	if o.Refusals != nil {
		return "", false
	}
	if bareValue.MatchString(now) {
		return now, true
	}
	return scalarText(now, 0), true
}

// words splits as a shell does, but keeps quotes and {{ }} whole.
func words(s string) []string {
	var out []string
	var w strings.Builder
	var quote byte
	depth := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote && s[i-1] != '\\' {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.HasPrefix(s[i:], "{{"):
			depth++
		case strings.HasPrefix(s[i:], "}}") && depth > 0:
			depth--
		case depth == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if w.Len() > 0 {
				out = append(out, w.String())
				w.Reset()
			}
			continue
		}
		w.WriteByte(c)
	}
	if w.Len() > 0 {
		out = append(out, w.String())
	}
	return out
}

// include is the old include: of tasks.
func (m *moduleTask) include() bool {
	v := m.field().Value
	s, ok := v.Value.(string)
	if !ok || len(words(s)) != 1 {
		return m.refuse("include_tasks, with vars:", "include with parameters")
	}
	to := "import_tasks"
	if isJinja(s) || m.t.Get("loop") != nil || slices.ContainsFunc(m.t.Fields, func(f source.Field) bool { return strings.HasPrefix(f.Key, "with_") }) {
		to = "include_tasks"
	}
	m.replaceKey(m.t, m.i, to)
	return m.all(v)
}

// included is import_tasks and its kin.
func (m *moduleTask) included() bool {
	if m.name != m.key {
		m.replaceKey(m.t, m.i, m.name)
	}
	v := m.field().Value
	if s, ok := v.Value.(string); ok {
		all := words(s)
		if len(all) == 0 || len(all) == 1 && !strings.Contains(s, "=") || strings.HasSuffix(m.name, "tasks") && len(all) == 1 {
			return m.all(v)
		}
		if !strings.HasSuffix(m.name, "role") {
			return m.refuse(m.name+": FILE, with vars:", "an include with parameters")
		}
		var keys []string
		values := map[string]string{}
		for _, w := range all {
			key, val, ok := strings.Cut(w, "=")
			text, fine := m.pairValue(v, val)
			if !ok || !fine {
				return m.refuse("", "parameters that are no key=value")
			}
			keys = append(keys, key)
			values[key] = text
		}
		m.put(v, keys, values)
		return true
	}
	ok := m.all(v)
	if m.args != nil {
		ok = m.all(m.args) && ok
	}
	if apply := v.Get("apply"); apply != nil {
		for i, f := range apply.Fields {
			if f.Key == "when" {
				ok = m.keyword(apply, i) && ok
			}
		}
	}
	return ok
}

var metaGone = map[string]string{"clear_facts": "facts are read anew in each run", "refresh_inventory": "the inventory is read once"}

func (m *moduleTask) metaWord() bool {
	if m.name != m.key {
		m.replaceKey(m.t, m.i, m.name)
	}
	if s, ok := m.field().Value.Value.(string); ok && metaGone[s] != "" {
		return m.refuse("", "meta: %s has no use here: %s", s, metaGone[s])
	}
	return true
}

// action is action: module k=v and local_action.
func (m *moduleTask) action() bool {
	v := m.field().Value
	s, ok := v.Value.(string)
	all := words(s)
	if !ok || len(all) == 0 || m.inFlow(m.t) {
		return m.refuse("the module's name as the key", "%s in this form", m.key)
	}
	mod := all[0]
	rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), mod))
	name := plainName(mod)
	form := moduleForms[name]
	to := form.name
	if to == "" {
		to = name
	}
	if m.modules[to] == nil {
		return m.refuse(playbook.ForeignModules()[name], "the module %s has no counterpart", mod)
	}
	m.name, m.to, m.form, m.spec = name, to, form, m.modules[to].Args
	if m.key == "local_action" {
		m.addLine(m.t, m.i, "delegate_to: localhost")
	}
	if isCommand(to) {
		if commandWords.MatchString(rest) {
			return m.refuse("", "%s with arguments in a command", m.key)
		}
		now, _, o := m.e.strChanges(rest)
		m.record(v, o)
		m.replaceKey(m.t, m.i, to)
		m.edit(m.offset(v.Pos), m.end(v), scalarText(now, 0))
		return o.Refusals == nil
	}
	m.replaceKey(m.t, m.i, to)
	return m.pairs(v, rest)
}

// moduleTable is the modules by name.
func moduleTable(list []*modules.Task) map[string]*modules.Task {
	m := map[string]*modules.Task{}
	for _, t := range list {
		m[t.Name] = t
	}
	return maps.Clone(m)
}
