// Package migrate writes Ansible's playbooks and roles in the language of
// mxplay, as far as they map, and says where they do not.
package migrate

import (
	"errors"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
)

// Use is what an expression is for.
type Use uint8

// The uses.
const (
	Value     Use = iota // its value
	Condition            // whether it is true
)

// Expression writes a bare expression of Jinja's as one of ours. The error is a
// *Refusal when a piece of it has no form here.
func (e *emitter) Expression(src string, use Use) (string, error) {
	n, bad := parseJinja(src)
	if bad != nil {
		return "", &Refusal{Off: bad.off, Msg: bad.msg}
	}
	return e.write(n, src, use)
}

func (e *emitter) write(n node, src string, use Use) (string, error) {
	var out string
	var err error
	if use == Condition {
		out, _, err = e.condition(n)
	} else {
		out, _, err = e.emit(n)
	}
	if err != nil {
		return "", err
	}
	if e.file {
		return out, nil // macros are known when the whole file is read
	}
	if _, err := expr.ParseExpr(out, nil); err != nil {
		var se *source.Error
		r := &Refusal{Off: n.off(), Msg: err.Error()}
		if errors.As(err, &se) {
			r.Msg, r.Way = se.Msg, se.Hint
		}
		return "", r
	}
	return out, nil
}
