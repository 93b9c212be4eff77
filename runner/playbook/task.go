package playbook

import (
	"maps"
	"sort"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// tasks reads a list of tasks.
func (l *load) tasks(n *source.Node, s scope) []*Task {
	if n.IsNull() {
		return nil
	}
	if n.Kind != source.List {
		l.Lost.Node(n)
		e := l.add(n.Errorf("tasks are a list, not a %s", n.TypeName()))
		if n.Kind == source.Map {
			e.Hint = "begin each task with a dash: - name: ..."
		}
		return nil
	}
	out := make([]*Task, 0, len(n.Items))
	for _, item := range n.Items {
		if l.count++; l.count > maxTasks {
			if !l.full {
				l.full = true
				l.add(item.Errorf("the imports unfold to more than %d tasks", maxTasks))
			}
			return out
		}
		if t := l.task(item, s); t != nil {
			out = append(out, t)
		}
	}
	return out
}

func (l *load) task(n *source.Node, s scope) *Task {
	if n.Kind != source.Map {
		l.Lost.Node(n)
		e := l.add(n.Errorf("a task is a map, not a %s", n.TypeName()))
		if text, ok := constant(n); ok && l.module(text) != "" {
			e.Hint = "- " + text + ": {}"
		}
		return nil
	}
	t := &Task{Dir: s.dir, Handler: s.handler}
	t.Level = Level{Kind: TaskLevel, Pos: n.Pos, Up: s.up, Play: s.play, Role: s.role}
	if n.Get("block") != nil || n.Get("rescue") != nil || n.Get("always") != nil {
		return l.block(t, n)
	}
	at := OnTask
	if s.handler {
		at = OnHandler
	}
	actors := l.actors(n, at)
	if len(actors) == 1 {
		if k := includeWords[bare(n.Fields[actors[0]].Key)]; k != nil {
			return l.include(t, n, actors[0], k)
		}
	}
	before := len(l.errs)
	for i, f := range n.Fields {
		k := l.words.byName[f.Key]
		switch {
		case contains(actors, i):
		case strings.HasPrefix(f.Key, "with_"):
			l.refuseWith(n, i)
		case k != nil && k.On&at != 0 && k.Refused != "":
			l.refuseAction(n, i, k)
			l.Lost.Field(f)
		case k != nil:
			l.keyword(n, i, at, dest{level: &t.Level, task: t})
		default:
			l.unknownKey(n, i, actors, at)
			l.Lost.Field(f)
			l.Lost.Text("item")
		}
	}
	switch len(actors) {
	case 0:
		if len(l.errs) == before {
			l.add(n.Errorf("the task has no module")).Hint = "say what it does: copy:, template:, command:, ..."
		}
	case 1:
		l.moduleTask(t, n, actors[0])
	default:
		l.twoModules(n, actors)
	}
	return t
}

// actors are the keys of a task that say what it does: modules, imports, includes.
func (l *load) actors(n *source.Node, at Place) []int {
	var out []int
	for i, f := range n.Fields {
		if k := l.words.byName[f.Key]; k != nil && k.On&at != 0 {
			continue
		}
		if includeWords[bare(f.Key)] != nil || l.module(f.Key) != "" {
			out = append(out, i)
		}
	}
	return out
}

func contains(list []int, i int) bool {
	for _, e := range list {
		if e == i {
			return true
		}
	}
	return false
}

func (l *load) block(t *Task, n *source.Node) *Task {
	t.Kind = BlockLevel
	if t.Handler {
		l.add(n.Errorf("a block cannot be a handler")).Hint = "let several handlers listen to one topic"
	}
	if n.Get("block") == nil {
		l.add(n.Errorf("rescue and always need a block beside them"))
	}
	for _, i := range tasksLast(n) {
		f := n.Fields[i]
		if l.words.byName[f.Key] == nil && (l.module(f.Key) != "" || includeWords[bare(f.Key)] != nil) {
			l.add(n.KeyErrorf(i, "a block does nothing by itself, but %s stands here", f.Key)).Hint = "put it into a task below block:"
			l.Lost.Field(f)
			continue
		}
		if strings.HasPrefix(f.Key, "with_") {
			l.refuseWith(n, i)
			continue
		}
		l.keyword(n, i, OnBlock, dest{level: &t.Level, task: t})
	}
	if t.Block == nil {
		t.Block = []*Task{} // an empty block is still one
	}
	return t
}

func (l *load) twoModules(n *source.Node, actors []int) {
	for _, a := range actors {
		l.Lost.Field(n.Fields[a])
	}
	first, second := n.Fields[actors[0]], n.Fields[actors[1]]
	e := l.add(n.KeyErrorf(actors[1], "a task does one thing, but %s and %s both stand here", first.Key, second.Key))
	e.Hint = "begin a second task: - name: ..."
	for _, p := range [][2]source.Field{{first, second}, {second, first}} {
		m := l.opts.Modules[l.module(p[0].Key)]
		if m != nil && m.Args.Field(p[1].Key) != nil && p[1].Value.Kind == source.Scalar {
			e.Hint = "if " + p[1].Key + " is an argument of " + p[0].Key + ", indent it below " + p[0].Key + ":"
			return
		}
	}
}

// unknownKey reports a key of a task that is neither keyword nor module.
func (l *load) unknownKey(n *source.Node, i int, actors []int, at Place) {
	key := n.Fields[i].Key
	for _, a := range actors {
		m := l.opts.Modules[l.module(n.Fields[a].Key)]
		if m != nil && m.Args.Field(key) != nil {
			l.add(n.KeyErrorf(i, "%s is no keyword of %s", key, placeName(at))).Hint =
				"it is an argument of " + m.Name + ": indent it below " + n.Fields[a].Key + ":"
			return
		}
	}
	if len(actors) > 0 {
		l.add(n.KeyErrorf(i, "unknown keyword %s of %s", key, placeName(at))).Hint = didYouMean(key, l.words.names(at))
		return
	}
	e := n.KeyErrorf(i, "unknown module or keyword %s", key)
	if strings.Contains(key, ".") || foreign[key] != "" {
		e.Msg = "unknown module " + key
	}
	l.unknownModule(e, key, l.words.names(at))
}

// unknownModule reports e with what was most likely meant.
func (l *load) unknownModule(e *source.Error, key string, also ...[]string) {
	last := key[strings.LastIndexByte(key, '.')+1:]
	switch {
	case foreign[last] != "":
		e.Hint = "use " + foreign[last]
	case last != key && l.opts.Modules[last] != nil:
		e.Hint = "here it is " + last
	default:
		e.Hint = didYouMean(last, append(also, l.known)...)
	}
	l.add(e)
}

// engineWords are kinds of task that the reader knows by itself.
var engineWords = []string{"meta", "import_tasks", "include_tasks", "import_role", "include_role"}

// foreign are modules of Ansible whose work another one does here.
var foreign = map[string]string{
	"apt": "package", "yum": "package", "dnf": "package", "dnf5": "package", "apk": "package", "pacman": "package", "zypper": "package", "homebrew": "package",
	"service": "systemd", "systemd_service": "systemd", "sysvinit": "systemd",
	"apt_repository": "apt_repo", "apt_key": "apt_repo, which takes the key too", "deb822_repository": "apt_repo", "yum_repository": "apt_repo", "rpm_key": "apt_repo, which takes the key too",
	"postgresql_db": "postgres_db", "postgresql_user": "postgres_user", "postgresql_privs": "postgres_user, or command with psql",
	"postgresql_query": "command with psql", "postgresql_pg_hba": "postgres_hba", "mysql_db": "command with mysql", "mysql_user": "command with mysql",
	"expect": "command with stdin", "win_copy": "copy", "win_command": "command",
	"gather_facts": "setup",
	"synchronize":  "copy, or command with rsync and delegate_to: localhost", "ini_file": "lineinfile with regexp, or template",
	"xml": "template", "json_patch": "json", "yaml_file": "yaml",
	"archive": "command with tar and creates", "subversion": "command with svn and creates",
	"pip": "command with pip and creates", "npm": "command with npm and creates", "gem": "command with gem and creates", "make": "command with make", "composer": "command with composer and creates",
	"at": "command with systemd-run", "mount": "a .mount unit with copy and systemd",
	"modprobe": "copy to /etc/modules-load.d, and command: modprobe NAME", "locale_gen": "debconf and package",
	"known_hosts": "lineinfile on ~/.ssh/known_hosts", "openssh_keypair": "command: ssh-keygen with creates", "alternatives": "command: update-alternatives with creates", "ufw": "command with ufw", "iptables": "command with nft",
	"openssl_privatekey": "tls_certificate", "openssl_csr": "tls_certificate", "x509_certificate": "tls_certificate", "acme_certificate": "command with certbot and creates", "htpasswd": "copy with content",
	"docker_container": "command with docker", "docker_image": "command with docker", "docker_compose": "command with docker compose", "docker_compose_v2": "command with docker compose", "podman_container": "a .container unit with copy and systemd",
	"set_stats": "set_fact", "validate_argument_spec": "meta/argument_specs.yml, which is checked by itself",
	"user_info": "command: getent with read_only: true", "lvol": "command with lvcreate and creates", "filesystem": "command with mkfs and creates", "parted": "command with parted", "selinux": "command with setenforce", "firewalld": "command with firewall-cmd",
}

// Instead is what to write here for a word of Ansible's that has another name,
// or none; "" when it is no such word.
func Instead(name string) string {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if foreign[last] != "" {
		return "use " + foreign[last]
	}
	if strings.HasPrefix(name, "with_") {
		return "it is written as loop; where it stands, the error shows how"
	}
	return ""
}

// bare is a module's name without the collection that stands for what is built in.
func bare(key string) string {
	for _, prefix := range []string{"ansible.builtin.", "ansible.legacy."} {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			return rest
		}
	}
	return key
}

// module is the name of the module that a key means; "" when it means none.
func (l *Loader) module(key string) string {
	name := bare(key)
	if l.opts.Modules[name] != nil || name == "meta" {
		return name
	}
	return ""
}

// moduleTask reads a task's module with its arguments.
func (l *load) moduleTask(t *Task, n *source.Node, i int) {
	f := n.Fields[i]
	t.Module, t.ModuleAs, t.ModulePos = l.module(f.Key), f.Key, f.KeyPos
	if t.Module == "meta" && l.opts.Modules["meta"] == nil {
		l.meta(t, f)
		return
	}
	m := l.opts.Modules[t.Module]
	free := ""
	for _, a := range m.Args.Fields {
		if a.FreeForm {
			free = a.Name
		}
	}
	t.Args = l.arguments(n, i, m.Name, free)
	if t.Args == nil {
		l.Lost.Field(f)
		t.Module, t.Args = "", emptyMap(f.Value) // what it lacks is no second mistake
	}
}

// arguments are the arguments of a module or include as one map: its own map
// or free form, and args:. It is nil when they could not be made out.
func (l *load) arguments(n *source.Node, i int, module, free string) *source.Node {
	f := n.Fields[i]
	v := f.Value
	var args *source.Node
	switch {
	case v.IsNull():
		args = emptyMap(v)
	case v.Kind == source.Map:
		args = v
	case v.Kind == source.List:
		e := l.add(v.Errorf("%s takes a map of arguments, not a list", f.Key))
		if module == "command" {
			e.Hint = "command: {argv: [...]}"
		}
		return nil
	default:
		if l.refuseKeyValue(n, i, module, free) {
			return nil
		}
		if free == "" {
			e := l.add(v.Errorf("%s takes a map of arguments, not a %s", f.Key, v.TypeName()))
			if s, ok := v.Value.(string); ok && templated(s) {
				e.Hint = "name each argument, so that they can be checked: " + f.Key + ": {...}"
			}
			return nil
		}
		args = emptyMap(v)
		args.Fields = []source.Field{{Key: free, KeyPos: v.Pos, Value: v}}
	}
	more := n.Get("args")
	switch {
	case more.IsNull():
		return args
	case more.Kind == source.Scalar:
		return args // its shape was reported
	}
	all := *args
	all.Fields = append([]source.Field(nil), args.Fields...)
	for j, a := range more.Fields {
		if args.Get(a.Key) != nil {
			l.add(more.KeyErrorf(j, "%s stands both below %s and below args", a.Key, f.Key))
			continue
		}
		all.Fields = append(all.Fields, a)
	}
	return &all
}

// emptyMap is a map without keys at the place of another node.
func emptyMap(at *source.Node) *source.Node {
	m := *at
	m.Kind, m.Value, m.Raw, m.Unsafe, m.Vault = source.Map, nil, "", false, false
	m.Items, m.Fields = nil, nil
	return &m
}

// metaWords are what meta: takes, with what is said of those that are refused.
var metaWords = map[string]string{
	"flush_handlers": "", "end_host": "", "end_play": "", "end_batch": "", "end_role": "",
	"clear_host_errors": "", "noop": "", "reset_connection": "",
	"clear_facts":       "facts are read anew in each run",
	"refresh_inventory": "the inventory is read once, before any host is touched",
}

func (l *load) meta(t *Task, f source.Field) {
	t.Args = emptyMap(f.Value)
	word, ok := constant(f.Value)
	var names []string
	for w, no := range metaWords {
		if no == "" {
			names = append(names, w)
		}
	}
	sort.Strings(names)
	if !ok {
		l.add(f.Value.Errorf("meta takes one of %s", strings.Join(names, ", ")))
		return
	}
	no, known := metaWords[word]
	switch {
	case !known:
		e := l.add(f.Value.Errorf("unknown meta word %s", word))
		if e.Hint = didYouMean(word, names); e.Hint == "" {
			e.Hint = "one of " + strings.Join(names, ", ")
		}
	case no != "":
		l.add(f.Value.Errorf("meta: %s has no use here", word)).Hint = no
	}
	t.Meta = word
}

// ForeignModules are the modules of Ansible whose work another one does here, with what to use.
func ForeignModules() map[string]string { return maps.Clone(foreign) }
