package expr

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// Scope is where the names of an expression are looked up.
type Scope interface {
	// Lookup finds a name; false means that it is undefined. An error that is
	// an *UndefinedError makes the name undefined, with that as the reason.
	Lookup(name string) (Bound, bool, error)
}

// Namer is a Scope that can list its names, for "did you mean".
type Namer interface{ Names() []string }

// Bound is what a name or a member stands for.
type Bound struct {
	Value   value.Value // or an Object
	Taint   *Taint      // the secrets in it
	Unknown bool        // in check mode: nobody can know it yet
	Partial bool        // Unknown stands somewhere inside Value
}

// Object is a thing that the evaluator indexes without having all of it:
// `vars`, `hostvars`. `in` and keys() work on it too.
type Object interface {
	Get(key string) (Bound, bool, error)
	Keys() []string
}

// Unknown stands inside a value for a part that cannot be known in check mode;
// an expression that reads it is unknown.
var Unknown value.Value = &unknownValue{}

type unknownValue struct{}

func (*unknownValue) String() string { return "<unknown>" }

// Omit is the value of `omit`: the argument that gets it is left out.
var Omit value.Value = &omitValue{}

type omitValue struct{}

func (*omitValue) String() string { return "<omit>" }

// MapScope is a Scope over a Go map, for tests and small tools.
type MapScope map[string]value.Value

// Lookup finds a name of the map.
func (m MapScope) Lookup(name string) (Bound, bool, error) {
	v, ok := m[name]
	return Bound{Value: v}, ok, nil
}

// Names are the keys of the map, sorted.
func (m MapScope) Names() []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Result is what an evaluation gives.
type Result struct {
	Value   value.Value
	Taint   *Taint   // secrets that were read; nil when the value is a bool, a number or null
	Unknown bool     // it read something unknown; Value is nil
	Partial bool     // Unknown stands somewhere inside Value, which was handed on whole
	Reads   []string // names that were looked up, each once
}

// Omitted tells whether the value is `omit`.
func (r Result) Omitted() bool { return r.Value == Omit }

// Undefined is a name or member that nothing gave a value.
type Undefined struct {
	Path string     // as written: result.stdot, users[0].name
	Pos  source.Pos // of the name or the member
}

// UndefinedError is the use of something undefined. It unwraps to the
// *source.Error that is shown.
type UndefinedError struct {
	Undefined
	Why        string   // "result has no member stdot"; "" when the name itself is not known
	Candidates []string // names that look alike, the closest first
	Via        []string // the variables through which it was read, outermost first
	Hint       string
}

func (e *UndefinedError) Error() string { return e.sourceError().Error() }

// Unwrap is the error with its place and hint.
func (e *UndefinedError) Unwrap() error { return e.sourceError() }

func (e *UndefinedError) sourceError() *source.Error {
	msg := fmt.Sprintf("%s is undefined", e.Path)
	if e.Why != "" {
		msg += ": " + e.Why
	}
	if len(e.Via) > 0 {
		msg += " (read by " + strings.Join(e.Via, ", ") + ")"
	}
	out := &source.Error{Pos: e.Pos, Msg: msg, Hint: e.Hint}
	if out.Hint == "" && len(e.Candidates) > 0 {
		out.Hint = "did you mean " + strings.Join(e.Candidates, " or ") + "?"
	}
	return out
}

// CycleError is a variable whose value needs itself.
type CycleError struct {
	Chain []string // names from the variable back to itself
	Pos   source.Pos
}

func (e *CycleError) Error() string {
	s := "variables need each other: " + strings.Join(e.Chain, " -> ")
	if !e.Pos.IsZero() {
		s = e.Pos.String() + ": " + s
	}
	return s
}

// errUnknown ends an evaluation that reads something unknown.
var errUnknown = errors.New("unknown in check mode")
