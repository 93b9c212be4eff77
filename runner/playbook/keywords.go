package playbook

import (
	"sort"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// Place is a set of places where a keyword may stand.
type Place int

// The places.
const (
	OnPlay Place = 1 << iota
	OnBlock
	OnTask
	OnHandler
	OnImport         // import_tasks, import_role
	OnInclude        // include_tasks, include_role
	OnRole           // an entry of roles: or of a role's dependencies
	OnPlaybookImport // import_playbook

	onEach = OnPlay | OnBlock | OnTask | OnHandler | OnImport | OnRole // inherited by everything below
	onWork = OnTask | OnHandler                                        // only where something is done
)

var placeNames = []string{"play", "block", "task", "handler", "import", "include", "role", "import_playbook"}

// Names are the names of the places, in order.
func (p Place) Names() []string {
	var out []string
	for i, n := range placeNames {
		if p&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

func (p Place) String() string { return strings.Join(p.Names(), ", ") }

// Shape is what a keyword takes.
type Shape string

// The shapes. All but Dict, Tasks, Roles and Names may hold a template.
const (
	Bool    Shape = "bool"
	Int     Shape = "int"
	Number  Shape = "number"
	Text    Shape = "text"
	Texts   Shape = "text or list of texts"
	Cond    Shape = "expression or list of expressions"
	Looped  Shape = "list, or expression that gives one"
	Dict    Shape = "map"
	Dicts   Shape = "map or list of maps"
	Listing Shape = "list"
	Tasks   Shape = "list of tasks"
	Roles   Shape = "list of roles"
	Ident   Shape = "name of a variable"
)

// Inherit says how a keyword reaches what stands below it.
type Inherit string

// The ways of inheritance.
const (
	Not     Inherit = ""
	Nearest Inherit = "the nearest wins"
	Merged  Inherit = "merged, the nearest wins per key"
	Added   Inherit = "all add up"
)

// Keyword is one word of the language. The one table of them is what the
// reader, the messages and `mxplay doc` go by.
type Keyword struct {
	Name    string
	On      Place
	Shape   Shape
	Inherit Inherit
	Doc     string
	Refused string   // not in this language: what to write instead
	Words   []string // all that a Text may be; nil: any

	put func(*load, dest, source.Field)
}

// dest is where keywords are put: k is set in all places, the others as it fits.
type dest struct {
	level *Level
	play  *Play
	task  *Task
	use   *RoleUse
}

// one puts a single node.
func one(slot func(dest) **source.Node) func(*load, dest, source.Field) {
	return func(_ *load, d dest, f source.Field) { *slot(d) = f.Value }
}

// each puts a list, or a single one as a list of one.
func each(slot func(dest) *[]*source.Node) func(*load, dest, source.Field) {
	return func(_ *load, d dest, f source.Field) { *slot(d) = listOf(f.Value) }
}

func listOf(n *source.Node) []*source.Node {
	switch {
	case n.IsNull():
		return nil
	case n.Kind == source.List:
		return n.Items
	}
	return []*source.Node{n}
}

// AllKeywords are the words of the language in the order in which they are explained.
func AllKeywords() []*Keyword { return table().all }

type words struct {
	all    []*Keyword
	byName map[string]*Keyword
}

// names are the words that may stand at a place, sorted.
func (w *words) names(at Place) []string {
	var out []string
	for _, k := range w.all {
		if k.On&at != 0 && k.Refused == "" {
			out = append(out, k.Name)
		}
	}
	sort.Strings(out)
	return out
}
