package playbook

import "github.com/mxplay/mxplay/runner/source"

// table makes the words of the language.
func table() *words {
	w := &words{byName: map[string]*Keyword{}}
	for _, list := range [][]*Keyword{playWords(), commonWords(), taskWords(), refusedWords()} {
		w.all = append(w.all, list...)
	}
	for _, k := range w.all {
		w.byName[k.Name] = k
	}
	return w
}

func playWords() []*Keyword {
	return []*Keyword{
		{Name: "hosts", On: OnPlay, Shape: Texts, Doc: "the hosts of the play: names, groups and patterns, separated by commas or as a list; before any host is known a play reads -e, its own vars, vars_files and groups",
			put: one(func(d dest) **source.Node { return &d.play.Hosts })},
		{Name: "gather_facts", On: OnPlay, Shape: Bool, Doc: "whether facts are at hand; they are read as needed, so this costs next to nothing",
			put: one(func(d dest) **source.Node { return &d.play.GatherFacts })},
		{Name: "gather_subset", On: OnPlay, Shape: Texts, Doc: "taken for the sake of existing playbooks; facts are read as needed",
			put: one(func(d dest) **source.Node { return &d.play.GatherWhat })},
		{Name: "vars_files", On: OnPlay, Shape: Listing, Doc: "files of variables, later ones win; of an entry that is a list the first file that exists is taken",
			put: (*load).varsFiles},
		{Name: "vars_prompt", On: OnPlay, Shape: Listing, Doc: "variables that are asked for on the terminal unless -e gives them",
			put: (*load).varsPrompt},
		{Name: "serial", On: OnPlay, Shape: Texts, Doc: "how many hosts at a time: a number, a percentage, or a list of which the last repeats",
			put: each(func(d dest) *[]*source.Node { return &d.play.Serial })},
		{Name: "max_fail_percentage", On: OnPlay, Shape: Number, Doc: "stop the run when more than this share of a batch has failed",
			put: one(func(d dest) **source.Node { return &d.play.MaxFail })},
		{Name: "strategy", On: OnPlay, Shape: Text, Doc: "linear: all hosts finish a task before the next begins; free: each host goes on by itself",
			put: one(func(d dest) **source.Node { return &d.play.Strategy })},
		{Name: "order", On: OnPlay, Shape: Text, Doc: "order of the hosts: inventory, reverse_inventory, sorted, reverse_sorted, shuffle",
			put: one(func(d dest) **source.Node { return &d.play.Order })},
		{Name: "force_handlers", On: OnPlay, Shape: Bool, Doc: "run a host's notified handlers even when it failed; else the host remembers them, and a later run with --pending-handlers runs them",
			put: one(func(d dest) **source.Node { return &d.play.Force })},
		{Name: "roles", On: OnPlay, Shape: Roles, Doc: "roles that run before the tasks, with their parameters", put: (*load).roles},
		{Name: "pre_tasks", On: OnPlay, Shape: Tasks, Doc: "tasks that run before the roles",
			put: func(l *load, d dest, f source.Field) { d.play.PreTasks = l.tasks(f.Value, l.inPlay(d.play)) }},
		{Name: "tasks", On: OnPlay, Shape: Tasks, Doc: "what the play does",
			put: func(l *load, d dest, f source.Field) { d.play.Tasks = l.tasks(f.Value, l.inPlay(d.play)) }},
		{Name: "post_tasks", On: OnPlay, Shape: Tasks, Doc: "tasks that run after the handlers of the tasks",
			put: func(l *load, d dest, f source.Field) { d.play.Post = l.tasks(f.Value, l.inPlay(d.play)) }},
		{Name: "handlers", On: OnPlay, Shape: Tasks, Doc: "tasks that run once at the end when a task that changed something notifies them",
			put: func(l *load, d dest, f source.Field) { d.play.Handlers = l.tasks(f.Value, l.inPlay(d.play).handlers()) }},
	}
}

func commonWords() []*Keyword {
	const every = onEach | OnPlaybookImport
	return []*Keyword{
		{Name: "name", On: every | OnInclude, Shape: Text, Doc: "what it is for, in a few words",
			put: one(func(d dest) **source.Node { return &d.level.Name })},
		{Name: "when", On: OnBlock | onWork | OnImport | OnInclude | OnRole | OnPlaybookImport, Shape: Cond, Inherit: Added,
			Doc: "run only if this holds; conditions of what is around come first", put: each(func(d dest) *[]*source.Node { return &d.level.When })},
		{Name: "tags", On: every | OnInclude, Shape: Texts, Inherit: Added, Doc: "words by which -t and --skip-tags select; always and never are special",
			put: func(_ *load, d dest, f source.Field) { d.level.Tags = tags(f.Value) }},
		{Name: "vars", On: every | OnInclude, Shape: Dict, Inherit: Nearest, Doc: "variables; a value may name others",
			put: func(l *load, d dest, f source.Field) { d.level.Vars = l.vars(f.Value) }},
		{Name: "become", On: onEach, Shape: Bool, Inherit: Nearest, Doc: "work as another account, root unless become_user names one",
			put: one(func(d dest) **source.Node { return &d.level.manner().Become })},
		{Name: "become_user", On: onEach, Shape: Text, Inherit: Nearest, Doc: "the account to work as",
			put: one(func(d dest) **source.Node { return &d.level.manner().BecomeUser })},
		{Name: "become_method", On: onEach, Shape: Text, Words: []string{"sudo", "su", "doas"}, Inherit: Nearest, Doc: "sudo, su or doas",
			put: one(func(d dest) **source.Node { return &d.level.manner().BecomeMethod })},
		{Name: "become_flags", On: onEach, Shape: Text, Inherit: Nearest, Doc: "further words for the become_method",
			put: one(func(d dest) **source.Node { return &d.level.manner().BecomeFlags })},
		{Name: "become_exe", On: onEach, Shape: Text, Inherit: Nearest, Doc: "the program of the become_method, when it is another than the one of that name on the path",
			put: one(func(d dest) **source.Node { return &d.level.manner().BecomeExe })},
		{Name: "remote_user", On: onEach, Shape: Text, Inherit: Nearest, Doc: "the account to log in as",
			put: one(func(d dest) **source.Node { return &d.level.manner().RemoteUser })},
		{Name: "connection", On: onEach, Shape: Text, Words: []string{"ssh", "local", "smart", "paramiko"}, Inherit: Nearest, Doc: "ssh or local; smart and paramiko mean ssh",
			put: one(func(d dest) **source.Node { return &d.level.manner().Connection })},
		{Name: "port", On: onEach &^ OnRole, Shape: Int, Inherit: Nearest, Doc: "the port to log in at; of a role it is a parameter",
			put: one(func(d dest) **source.Node { return &d.level.manner().Port })},
		{Name: "environment", On: onEach, Shape: Dicts, Inherit: Merged, Doc: "environment variables for the processes of the task",
			put: each(func(d dest) *[]*source.Node { return &d.level.Environment })},
		{Name: "module_defaults", On: onEach, Shape: Dicts, Inherit: Merged, Doc: "arguments that every task of a kind gets unless it has its own",
			put: (*load).moduleDefaults},
		{Name: "no_log", On: onEach | OnInclude, Shape: Bool, Inherit: Nearest, Doc: "show neither arguments nor result",
			put: one(func(d dest) **source.Node { return &d.level.manner().NoLog })},
		{Name: "diff", On: onEach, Shape: Bool, Inherit: Nearest, Doc: "show what changes line by line, as -D does",
			put: one(func(d dest) **source.Node { return &d.level.manner().Diff })},
		{Name: "check_mode", On: onEach, Shape: Bool, Inherit: Nearest, Doc: "true: only look, even without -C; false: act even with -C",
			put: one(func(d dest) **source.Node { return &d.level.manner().CheckMode })},
		{Name: "ignore_errors", On: onEach | OnInclude, Shape: Bool, Inherit: Nearest, Doc: "go on with the host when the task fails",
			put: one(func(d dest) **source.Node { return &d.level.manner().IgnoreErrors })},
		{Name: "ignore_unreachable", On: onEach, Shape: Bool, Inherit: Nearest, Doc: "keep a host in the play that did not answer",
			put: one(func(d dest) **source.Node { return &d.level.manner().IgnoreUnreachable })},
		{Name: "any_errors_fatal", On: onEach, Shape: Bool, Inherit: Nearest, Doc: "a failure on one host ends the play for all",
			put: one(func(d dest) **source.Node { return &d.level.manner().AnyErrorsFatal })},
		{Name: "throttle", On: onEach, Shape: Int, Inherit: Nearest, Doc: "at most so many hosts at the task at the same time",
			put: one(func(d dest) **source.Node { return &d.level.manner().Throttle })},
		{Name: "timeout", On: onEach | OnInclude, Shape: Int, Inherit: Nearest, Doc: "seconds that one attempt may take",
			put: one(func(d dest) **source.Node { return &d.level.manner().Timeout })},
		{Name: "run_once", On: onEach | OnInclude, Shape: Bool, Inherit: Nearest, Doc: "run on the first host of the batch only; all get the result",
			put: one(func(d dest) **source.Node { return &d.level.manner().RunOnce })},
		{Name: "once", On: onEach, Shape: Bool, Inherit: Nearest, Doc: "run once in the whole run, not once per batch",
			put: one(func(d dest) **source.Node { return &d.level.manner().Once })},
		{Name: "delegate_to", On: OnBlock | onWork | OnImport | OnRole, Shape: Text, Inherit: Nearest, Doc: "do it on another host, with this host's variables",
			put: one(func(d dest) **source.Node { return &d.level.manner().DelegateTo })},
		{Name: "delegate_facts", On: OnBlock | onWork | OnImport | OnRole, Shape: Bool, Inherit: Nearest, Doc: "facts belong to the host of delegate_to",
			put: one(func(d dest) **source.Node { return &d.level.manner().DelegateFacts })},
		{Name: "notify", On: OnBlock | onWork | OnImport, Shape: Texts, Inherit: Nearest, Doc: "handlers to run at the end if this changed something",
			put: each(func(d dest) *[]*source.Node { return &d.level.Notify })},
		{Name: "loop", On: OnBlock | onWork | OnInclude, Shape: Looped, Doc: "do it once for each item",
			put: one(func(d dest) **source.Node { return &d.level.Loop })},
		{Name: "loop_control", On: OnBlock | onWork | OnInclude, Shape: Dict, Doc: "loop_var, index_var, label, pause, extended, break_when; a loop in another one needs a loop_var of its own", put: (*load).loopControl},
	}
}

func taskWords() []*Keyword {
	return []*Keyword{
		{Name: "block", On: OnBlock, Shape: Tasks, Doc: "tasks that share the words beside it",
			put: func(l *load, d dest, f source.Field) { d.task.Block = l.tasks(f.Value, l.inBlock(d.task)) }},
		{Name: "rescue", On: OnBlock, Shape: Tasks, Doc: "tasks that run when a task of the block failed, and clear the failure",
			put: func(l *load, d dest, f source.Field) { d.task.Rescue = l.tasks(f.Value, l.inBlock(d.task)) }},
		{Name: "always", On: OnBlock, Shape: Tasks, Doc: "tasks that run after the block whatever happened",
			put: func(l *load, d dest, f source.Field) { d.task.Always = l.tasks(f.Value, l.inBlock(d.task)) }},
		{Name: "args", On: onWork | OnImport | OnInclude, Shape: Dict, Doc: "further arguments of the module, beside the short form",
			put: func(*load, dest, source.Field) {}},
		{Name: "register", On: onWork, Shape: Ident, Doc: "the variable that holds the result", put: (*load).register},
		{Name: "until", On: onWork, Shape: Cond, Doc: "try again until this holds",
			put: each(func(d dest) *[]*source.Node { return &d.task.Until })},
		{Name: "retries", On: onWork, Shape: Int, Doc: "how often to try again, 3 unless given",
			put: one(func(d dest) **source.Node { return &d.task.Retries })},
		{Name: "delay", On: onWork, Shape: Number, Doc: "seconds between attempts, 5 unless given",
			put: one(func(d dest) **source.Node { return &d.task.Delay })},
		{Name: "async", On: onWork, Shape: Int, Doc: "run as a job of its own that outlives the connection, for so many seconds at most; the result has ansible_job_id",
			put: one(func(d dest) **source.Node { return &d.task.Async })},
		{Name: "poll", On: onWork, Shape: Int, Doc: "with async: seconds between two words about the job, 15 unless given, its end is seen at once; 0: go on, async_status asks for it later",
			put: one(func(d dest) **source.Node { return &d.task.Poll })},
		{Name: "changed_when", On: onWork, Shape: Cond, Doc: "the task changed something if this holds",
			put: each(func(d dest) *[]*source.Node { return &d.task.ChangedWhen })},
		{Name: "failed_when", On: onWork, Shape: Cond, Doc: "the task failed if this holds, whatever it said itself",
			put: each(func(d dest) *[]*source.Node { return &d.task.FailedWhen })},
		{Name: "listen", On: OnHandler, Shape: Texts, Doc: "topics that notify this handler beside its name",
			put: each(func(d dest) *[]*source.Node { return &d.task.Listen })},
	}
}

// refusedWords are words that people bring along. They have no place here, and
// the message says what to write instead.
func refusedWords() []*Keyword {
	const any = onEach | OnInclude | OnPlaybookImport
	return []*Keyword{
		{Name: "action", On: onWork, Shape: Text, Refused: "write the module's name as the key"},
		{Name: "local_action", On: onWork, Shape: Text, Refused: "write the module's name as the key, and delegate_to: localhost"},
		{Name: "collections", On: any, Shape: Listing, Refused: "modules need no collection, take the line out"},
		{Name: "debugger", On: any, Shape: Text, Refused: "there is no debugger; mxplay run --step asks before each task"},
		{Name: "gather_timeout", On: OnPlay, Shape: Int, Refused: "facts are read as needed, take the line out"},
		{Name: "fact_path", On: OnPlay, Shape: Text, Refused: "read the file with slurp, or command, and set_fact"},
		{Name: "include", On: onWork | OnPlay, Shape: Text, Refused: "use import_tasks, include_tasks or import_playbook"},
		{Name: "static", On: any, Shape: Bool, Refused: "import_tasks is static, include_tasks is not"},
		{Name: "always_run", On: any, Shape: Bool, Refused: "check_mode: false"},
		{Name: "sudo", On: any, Shape: Bool, Refused: "become: true"},
		{Name: "sudo_user", On: any, Shape: Text, Refused: "become_user: NAME"},
		{Name: "su", On: any, Shape: Bool, Refused: "become: true and become_method: su"},
		{Name: "su_user", On: any, Shape: Text, Refused: "become_user: NAME and become_method: su"},
		{Name: "user", On: OnPlay, Shape: Text, Refused: "remote_user: NAME"},
		{Name: "accelerate", On: OnPlay, Shape: Bool, Refused: "take the line out"},
		{Name: "first_available_file", On: onWork, Shape: Listing, Refused: "src: \"{{ first_found([...]) }}\""},
	}
}
