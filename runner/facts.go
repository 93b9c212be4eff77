package runner

import (
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// factsField is the member of a result that holds facts of the host.
const factsField = "ansible_facts"

// bringsFacts tells whether the task finds facts on the host (package_facts, setup).
func (t *task) bringsFacts() bool {
	return t.mod != nil && t.mod.Kind == modules.Act && t.mod.Result.Field(factsField) != nil
}

// bring makes the facts that an item found known.
func (f *flight) bring(it *item) {
	if !f.t.bringsFacts() || it.result == nil || it.failed {
		return
	}
	v, _ := it.result.Get(factsField)
	facts, ok := v.(*value.Map)
	if !ok {
		return
	}
	s := setting{facts: facts}
	to := f.factsOf(it)
	s.give(to)
	if to == f.h.env {
		f.sets = append(f.sets, s)
	}
}

// giveFacts puts facts beside those that are known: each into ansible_facts,
// without the prefix ansible_, and into a variable of its own name.
func giveFacts(e *expr.Env, facts *value.Map) {
	all := value.NewMap(facts.Len())
	if b, ok, err := e.Lookup(factsField); ok && err == nil {
		if old, ok := b.Value.(*value.Map); ok {
			all = old.Clone()
		}
	}
	for i := range facts.Len() {
		name, v := facts.At(i)
		all.Set(strings.TrimPrefix(name, "ansible_"), v)
		e.Set(expr.Facts, name, v, nil, v == expr.Unknown)
	}
	e.Set(expr.Facts, factsField, all, nil, false)
}

// factTypes are the facts that a task brings besides those that every host
// has, with their types; open when their names are not known.
func (t *task) factTypes() (types map[string]expr.Type, open bool) {
	if !t.bringsFacts() {
		return nil, false
	}
	if spec := t.mod.Result.Field(factsField).Type; spec.Kind == modules.Struct {
		return specType(spec.Struct).Fields, false
	}
	if t.mod.Name == "getent" {
		name, ok := constantText(t.src.Args.Get("database"))
		return map[string]expr.Type{"getent_" + name: expr.Any}, !ok
	}
	return nil, false
}

// factNames notes which facts a task brings.
func (c *compiler) factNames(t *task) {
	types, open := t.factTypes()
	for name, typ := range types {
		c.facts[name] = typ
	}
	if open {
		c.openFacts = true
		c.open = append(c.open, t.src.ModulePos.String()+": "+t.mod.Name+" with a computed name")
	}
}

// unknownFacts is for a task of which check mode cannot know whether it runs.
func (f *flight) unknownFacts() {
	types, _ := f.t.factTypes()
	facts := value.NewMap(len(types))
	for name := range types {
		facts.Set(name, expr.Unknown)
	}
	if facts.Len() > 0 {
		s := setting{facts: facts}
		s.give(f.h.env)
		f.sets = append(f.sets, s)
	}
}

// constantText is the text of a node without expressions.
func constantText(n *source.Node) (string, bool) {
	if n == nil {
		return "", false
	}
	v, ok := expr.NodeDef(n, nil).Constant()
	s, isText := v.(string)
	return s, ok && isText
}

// addFacts adds the facts that tasks bring to those that every host has.
func (c *compiler) addFacts(types map[string]expr.Type) {
	if len(c.facts) == 0 && !c.openFacts {
		return
	}
	all, ok := types[factsField]
	if !ok { // of a late include, whose names stand beside those that were known
		all = magicTypes()[factsField]
		types[factsField] = all
	}
	for name, t := range c.facts {
		all.Fields[name] = t
		if _, ok := types[name]; !ok {
			types[name] = t
		}
	}
	if c.openFacts {
		all.Closed = false
		types[factsField] = all
	}
}
