package runner

import (
	"fmt"
	"slices"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
	"github.com/mxplay/mxplay/runner/wire"
)

// account is who a task runs as on the connection of h, by the variables of own.
func (h *host) account(t *task, env *expr.Env, own *host, conn link) (wire.Account, error) {
	var a wire.Account
	o := h.run.p.opts
	venv := env
	if h != own {
		venv = h.env
	}
	on := o.Become
	if t.kw.become != nil {
		b, err := own.flagIn(t.kw.become, env)
		if err != nil {
			return a, err
		}
		on = b
	}
	s, _, err := h.variable(venv, "ansible_become")
	if err != nil {
		return a, err
	}
	if s != "" {
		b, err := toBool(s)
		if err != nil {
			return a, fmt.Errorf("ansible_become: %w", err)
		}
		on = b == true
	}
	if !on {
		return a, nil
	}
	pick := func(names []string, word *expr.Def, flag, def string) (string, error) {
		s, taint, err := h.variable(venv, names...)
		h.run.learn(taint.All()...)
		if err == nil && s == "" {
			s, err = own.text(word, env)
		}
		if s == "" {
			s = flag
		}
		if s == "" {
			s = def
		}
		return s, err
	}
	if a.User, err = pick([]string{"ansible_become_user"}, t.kw.becomeUser, o.BecomeUser, "root"); err != nil {
		return a, err
	}
	if a.User == conn.Hello().User {
		return wire.Account{}, nil
	}
	if a.Method, err = pick([]string{"ansible_become_method"}, t.kw.becomeMethod, o.BecomeMethod, "sudo"); err != nil {
		return a, err
	}
	if !slices.Contains([]string{"sudo", "su", "doas"}, a.Method) {
		return a, fmt.Errorf("become_method %q is neither sudo, su nor doas", a.Method)
	}
	if a.Flags, err = pick([]string{"ansible_become_flags"}, t.kw.becomeFlags, "", ""); err != nil {
		return a, err
	}
	if a.Exe, err = pick([]string{"ansible_become_exe"}, t.kw.becomeExe, "", ""); err != nil {
		return a, err
	}
	if a.Password, err = pick([]string{"ansible_become_password", "ansible_become_pass"}, nil, "", ""); err != nil {
		return a, err
	}
	if a.Password == "" && h.run.o.BecomePassword != nil {
		if a.Password, err = h.run.o.BecomePassword(); err != nil {
			return a, err
		}
	}
	a.HasPass = a.Password != ""
	h.run.learn(a.Password)
	return a, nil
}

func (h *host) flagIn(d *expr.Def, env *expr.Env) (bool, error) {
	res, err := d.Eval(h.context(env))
	if err != nil {
		return false, err
	}
	b, err := toBool(res.Value)
	return b == true, err
}

// environment is what a task's processes get beside their account's.
func (h *host) environment(t *task, env *expr.Env) (map[string]string, error) {
	if len(t.kw.env) == 0 {
		return nil, nil
	}
	out := map[string]string{}
	for _, d := range t.kw.env {
		res, err := d.Eval(h.context(env))
		if err != nil {
			return nil, err
		}
		h.run.learn(res.Taint.All()...)
		m, ok := res.Value.(*value.Map)
		if !ok {
			return nil, source.Errorf(d.Pos, "environment wants a dict, not the %s %s", value.TypeName(res.Value), value.Short(res.Value, 60))
		}
		for i := range m.Len() {
			k, v := m.At(i)
			out[k] = value.Text(v)
		}
	}
	return out, nil
}
