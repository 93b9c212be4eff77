package runner

import (
	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/expr"
)

// delegate finds the host that an item is done on.
func (f *flight) delegate(it *item) error {
	it.on = f.h
	if f.t.kw.delegateTo == nil {
		return nil
	}
	name, err := f.h.text(f.t.kw.delegateTo, it.env)
	if err != nil || name == "" || name == f.h.name {
		return err
	}
	r := f.h.run
	inv := r.p.inv.Host(name)
	if inv == nil {
		inv = &inventory.Host{Name: name, Implicit: true}
	}
	it.on = r.host(inv)
	r.mu.Lock()
	defer r.mu.Unlock()
	it.on.prepare(f.h.dir)
	return nil
}

// delegatesByItem tells whether delegate_to may differ from item to item.
func (t *task) delegatesByItem() bool {
	if t.kw.delegateTo == nil || t.loop == nil {
		return false
	}
	_, constant := t.kw.delegateTo.Constant()
	return !constant
}

// factsOf is where an item's facts are set: delegate_facts gives them to the other host.
func (f *flight) factsOf(it *item) *expr.Env {
	if it.on != nil && it.on != f.h {
		if on, _ := f.h.flag(f.t.kw.delegateFacts, f.t); on {
			return it.on.env
		}
	}
	return f.h.env
}

func (it *item) delegateName(own *host) string {
	if it.on != nil && it.on != own {
		return it.on.name
	}
	return ""
}
