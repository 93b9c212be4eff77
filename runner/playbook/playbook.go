// Package playbook reads playbooks, roles and task files into typed plays,
// blocks and tasks, each with its place. It evaluates nothing: whatever may
// hold a template or an expression stays a *source.Node.
//
// What several stages say about a task (play, role, import, block, task) is
// not merged here: each stage is a Level that points to the one above it, and
// the runner decides by the keyword whether the nearest wins or all add up.
package playbook

import (
	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/source"
)

// Playbook is a file of plays with its imports followed.
type Playbook struct {
	File  *source.File
	Plays []*Play
}

// Play is one play. What an import_playbook says (vars, tags, when) already
// stands in the Level: its vars win over the play's own, as in Ansible.
type Play struct {
	Level // Kind is PlayLevel; Up is nil

	File *source.File // the playbook that it stands in
	Dir  string       // the folder of that file: playbook_dir, and where src, vars_files and roles are looked for

	Hosts       *source.Node
	VarsFiles   []*source.Node // each a string, or a list of which the first that exists is taken
	VarsPrompt  []*Prompt
	GatherFacts *source.Node
	GatherWhat  *source.Node // gather_subset
	Serial      []*source.Node
	MaxFail     *source.Node // max_fail_percentage
	Strategy    *source.Node
	Order       *source.Node
	Force       *source.Node // force_handlers

	Roles    []*RoleUse
	PreTasks []*Task
	Tasks    []*Task
	Post     []*Task // post_tasks
	Handlers []*Task
}

// Prompt is one entry of vars_prompt.
type Prompt struct {
	Pos                      source.Pos
	Name                     string
	Prompt, Default          *source.Node
	Private, Confirm, Unsafe *source.Node
}

// LevelKind says which stage a Level is.
type LevelKind int

// The stages, from the outside to the inside.
const (
	PlayLevel    LevelKind = iota // a play
	RoleLevel                     // a use of a role: an entry of roles:, a dependency, or what import_role and include_role run
	ImportLevel                   // a task that imports: all of it reaches the children
	IncludeLevel                  // the vars of an include, which its children see as parameters; apply is a BlockLevel below it
	BlockLevel                    // a block
	TaskLevel                     // the task itself
)

// Level is what one stage says to all that stands below it. Absent keywords are nil.
type Level struct {
	Kind LevelKind
	Pos  source.Pos
	Up   *Level   // the stage around it; nil for a play
	Play *Play    // the play that it belongs to
	Role *RoleUse // the role that it stands in; nil outside of roles
	Keywords
}

// Keywords are the words that more than one stage knows.
type Keywords struct {
	Name *source.Node
	When []*source.Node // of this level, each an expression (string or bool)
	Tags []*source.Node // of this level, each a scalar; "a,b" already split when it is constant
	Vars []source.Field // in the order of the file

	Manner         *Manner         // nil when nothing of it is said
	Environment    []*source.Node  // maps or templates; later ones win
	ModuleDefaults []ModuleDefault // names resolved

	Notify      []*source.Node // task and block
	Loop        *source.Node   // task and block; a list, or a string that is an expression
	LoopControl *LoopControl
}

// Manner is how tasks are done: of each word the nearest level's counts.
type Manner struct {
	Become, BecomeUser, BecomeMethod, BecomeFlags, BecomeExe *source.Node
	RemoteUser, Connection, Port                             *source.Node
	NoLog, Diff, CheckMode                                   *source.Node
	IgnoreErrors, IgnoreUnreachable                          *source.Node
	Throttle, Timeout, AnyErrorsFatal                        *source.Node
	RunOnce, Once                                            *source.Node
	DelegateTo, DelegateFacts                                *source.Node
}

// manner is the level's Manner, to say something in.
func (k *Keywords) manner() *Manner {
	if k.Manner == nil {
		k.Manner = &Manner{}
	}
	return k.Manner
}

// ModuleDefault is one entry of module_defaults.
type ModuleDefault struct {
	Pos    source.Pos
	Module string       // a name in Options.Modules
	Args   *source.Node // a map
}

// LoopControl is how a loop goes.
type LoopControl struct {
	Pos                               source.Pos
	LoopVar, IndexVar                 *source.Node // constant identifiers
	Label, Pause, Extended, BreakWhen *source.Node
	ExtendedAllitems                  *source.Node
}

// Task is a task, a handler, a block, an import or an include.
type Task struct {
	Level // Kind is TaskLevel, BlockLevel or ImportLevel; its Pos is where the task begins

	Dir     string // the folder of the file that it stands in
	Handler bool   // it stands in a list of handlers

	Module    string // the name in Options.Modules, "meta", or "" for a block, an import or an include
	ModuleAs  string // as it was written, such as "ansible.builtin.copy"
	ModulePos source.Pos
	Args      *source.Node // a map, never nil when Module is set; free form and args: are merged into it
	Meta      string       // of Module "meta": flush_handlers and the like

	Register                string
	RegisterPos             source.Pos
	Until                   []*source.Node // each an expression; all must hold
	Retries, Delay          *source.Node
	Async, Poll             *source.Node
	ChangedWhen, FailedWhen []*source.Node
	Listen                  []*source.Node // handlers only
	Block, Rescue, Always   []*Task        // of a block; Block is nil when the task is none
	Include                 *Include
}

// IncludeKind says what an import or include brings in.
type IncludeKind int

// What can be brought in.
const (
	TaskFile IncludeKind = iota
	WholeRole
)

// Include is an import or include of tasks or of a role.
type Include struct {
	Kind   IncludeKind
	Static bool   // import_*; its children stand in its place
	Word   string // import_tasks, include_role, ...
	Pos    source.Pos
	Name   *source.Node // the file or role as it was written

	// Of a role.
	From            From
	Public          *source.Node
	AllowDuplicates *source.Node
	Validate        *source.Node // rolespec_validate

	// Apply is what children of a dynamic include stand under: the keywords
	// of apply, below a Level with the include's vars as parameters, whose Up is
	// the Up of the include itself. Of an import it is the import's own Level.
	Apply *Level

	// Resolved tells that the name was constant and Tasks or Role is filled.
	// Else the runner asks Loader.Include with the name once it is known. A
	// constant name can be unresolved too, when the file includes itself or was
	// unfolded very often already; it has been checked then.
	Resolved bool
	Path     string // of the task file
	Tasks    []*Task
	Role     *RoleUse
}

// From picks other entry points of a role than main; a nil part is main.
type From struct{ Tasks, Vars, Defaults, Handlers *source.Node }

// RoleUse is a role at one place of a play, with tasks of its own.
type RoleUse struct {
	Level // Kind is RoleLevel; Vars are the vars: of a roles: entry (those of an import or include stand in the Level above)

	Def    *Role
	Params []source.Field // role parameters: the keys of a roles: entry that are no keywords
	Via    *RoleUse       // the role that depends on it, imports or includes it; nil in a play
	Deps   []*RoleUse     // run before it
	Dep    bool           // it is a dependency of Via

	Defaults []source.Field // with defaults_from
	VarsOf   []source.Field // role vars, with vars_from
	Tasks    []*Task
	Handlers []*Task
	From     From     // the parts that an import or include names
	Entry    string   // the entry point: main, or tasks_from
	Spec     *ArgSpec // of the entry point; nil when the role has none
}

// Role is a role's folder.
type Role struct {
	Name string // as people call it
	Dir  string // role_path
	Meta Meta
	Pos  source.Pos // of meta/main.yml; no place when there is none
}

// Meta is what meta/ says about a role.
type Meta struct {
	AllowDuplicates bool
	Specs           []*ArgSpec
	deps            *source.Node
}

// ArgSpec describes the variables that an entry point of a role takes.
type ArgSpec struct {
	Entry   string
	Pos     source.Pos
	Doc     string // short_description
	Long    string // description
	Options []*Option
}

// Option is one variable of an ArgSpec, or one key of a dict in it.
type Option struct {
	Name     string
	Pos      source.Pos
	Doc      string
	Type     modules.TypeKind // Any where the spec says raw
	Elements modules.TypeKind // of a list; "" when not said
	Required bool
	Secret   bool // no_log
	Default  *source.Node
	Choices  *source.Node // a list; nil for any value
	Options  []*Option    // of a dict, or of a list of dicts
	Aliases  []string     // other names, of a key of a dict
}
