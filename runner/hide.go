package runner

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// stars stand where a secret stood.
const stars = "***"

// shortSecret is the length from which a secret is looked for inside of other
// texts: one letter would stand everywhere.
const shortSecret = 3

// hide is a value as it may be shown: of a text that secrets went into, each
// of them becomes ***; where none stands there as it is (a hash, a slice) all of it does.
func hide(v value.Value, t *expr.Taint) value.Value {
	if t == nil {
		return v
	}
	switch v := v.(type) {
	case string:
		return hideWhole(v, t.All())
	case value.List:
		out := make(value.List, len(v))
		for i, e := range v {
			out[i] = hide(e, t.Member(value.Text(int64(i))))
		}
		return out
	case *value.Map:
		out := value.NewMap(v.Len())
		for i := range v.Len() {
			k, e := v.At(i)
			out.Set(hideText(k, t.Origins), hide(e, t.Member(k)))
		}
		return out
	}
	return v
}

// hideWhole hides a text that is known to hold secrets.
func hideWhole(s string, secrets []string) string {
	if len(secrets) == 0 || s == "" {
		return s
	}
	out := s
	for _, x := range secrets {
		if x != "" {
			out = strings.ReplaceAll(out, x, stars)
		}
	}
	if out == s {
		return stars
	}
	return out
}

// hideText hides secrets in a text that may or may not hold them.
func hideText(s string, secrets []string) string {
	for _, x := range secrets {
		switch {
		case x == "":
		case s == x:
			return stars
		case len(x) >= shortSecret:
			s = strings.ReplaceAll(s, x, stars)
		}
	}
	return s
}

func hideTexts(list, secrets []string) []string {
	if list == nil || len(secrets) == 0 {
		return list
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = hideText(s, secrets)
	}
	return out
}

// hideStrings hides secrets in every text of a value.
func hideStrings(v value.Value, secrets []string) value.Value {
	switch v := v.(type) {
	case string:
		return hideText(v, secrets)
	case value.List:
		out := make(value.List, len(v))
		for i, e := range v {
			out[i] = hideStrings(e, secrets)
		}
		return out
	case *value.Map:
		out := value.NewMap(v.Len())
		for i := range v.Len() {
			k, e := v.At(i)
			out.Set(k, hideStrings(e, secrets))
		}
		return out
	}
	return v
}

// derived is the taint of a value that is kept: a text that secrets went into
// and in which none of them stands as it is has become a secret of its own.
func derived(v value.Value, t *expr.Taint) *expr.Taint {
	if t == nil {
		return nil
	}
	switch v := v.(type) {
	case string:
		for _, s := range t.All() {
			if s != "" && strings.Contains(v, s) {
				return t
			}
		}
		return t.Union(expr.Secret(v))
	case value.List:
		for i, e := range v {
			k := value.Text(int64(i))
			t = t.WithField(k, derived(e, t.Member(k)))
		}
	case *value.Map:
		for i := range v.Len() {
			k, e := v.At(i)
			t = t.WithField(k, derived(e, t.Member(k)))
		}
	}
	return t
}

// shownArgs are an item's arguments as they may be shown: content only by its name and hash.
func (f *flight) shownArgs(it *item) json.RawMessage {
	if it.args == nil || f.noLog {
		return nil
	}
	v, err := value.ParseJSON(it.args)
	m, ok := v.(*value.Map)
	if err != nil || !ok {
		return nil
	}
	out := value.NewMap(m.Len())
	for i := range m.Len() {
		k, e := m.At(i)
		fd := f.t.mod.Args.Field(k)
		switch {
		case fd == nil:
		case fd.Secret:
			e = hide(e, expr.SecretValue(e))
		case fd.Type.Kind == modules.ContentT:
			if c, ok := e.(*value.Map); ok {
				e = contentName(c)
			}
		}
		out.Set(k, hideStrings(e, it.secrets))
	}
	b, err := value.JSON(out)
	if err != nil {
		return nil
	}
	return b
}

// contentName is a content without its bytes, and without the hash by which a
// short secret in it could be guessed.
func contentName(c *value.Map) value.Value {
	out := value.NewMap(2)
	for _, k := range []string{"name", "size"} {
		if v, ok := c.Get(k); ok {
			out.Set(k, v)
		}
	}
	return out
}

// shownStep is a step as it may be shown. Of one that holds a secret so short
// that the report does not look for it, neither side is: what stood there
// before is as secret.
func shownStep(s modules.Shown, secrets []string, opaque bool) report.Step {
	out := report.Step{What: hideText(s.What, secrets), From: s.From, To: s.To, Event: s.Event}
	for _, side := range []string{s.From, s.To} {
		if opaque && side != "" || hideText(side, short(secrets)) != side {
			out.From, out.To = stars, stars
			if s.From == "" {
				out.From = ""
			}
			if s.To == "" {
				out.To = ""
			}
			break
		}
	}
	return out
}

// short are the secrets that the report does not look for.
func short(secrets []string) []string {
	var out []string
	for _, s := range secrets {
		if len(s) < 6 {
			out = append(out, s)
		}
	}
	return out
}

// say puts an error into a result: its place, when it has one, is the task's from here on.
func say(r *report.Result, err error, secrets []string) {
	r.Msg = hideText(err.Error(), secrets)
	var e *source.Error
	var many source.Errors
	switch {
	case errors.As(err, &many) && len(many) > 0:
		e = many[0]
		for _, x := range many[1:] {
			r.Lines = append(r.Lines, hideText(x.Error(), secrets))
		}
	case !errors.As(err, &e):
		return
	}
	r.Msg, r.Hint = hideText(e.Msg, secrets), hideText(e.Hint, secrets)
	r.Pos = e.Pos
}

// shownText is h.text as it may be shown.
func (h *host) shownText(d *expr.Def, env *expr.Env) (string, error) {
	res, err := d.Eval(h.context(env))
	if err != nil || res.Value == nil || res.Omitted() {
		return "", err
	}
	h.run.learn(res.Taint.All()...)
	return value.Text(expr.Shown(hide(res.Value, res.Taint))), nil
}
