package runner

import (
	"context"
	"fmt"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/remote"
	"github.com/mxplay/mxplay/runner/value"
)

type connKey struct{ host, user, connection, port string }

// connect is the connection that a task uses; the first one of a host brings its facts.
func (h *host) connect(ctx context.Context, t *task) (link, error) {
	env := h.env
	kw := &keywords{}
	if t != nil {
		env, kw = h.taskEnv(t), t.kw
	}
	target, key, err := h.target(env, kw)
	if err != nil {
		return nil, err
	}
	h.connMu.Lock()
	defer h.connMu.Unlock()
	if c := h.conns[key]; c != nil {
		if c.Err() == nil {
			return c, nil
		}
		delete(h.conns, key)
	}
	c, err := h.run.dialer.Dial(ctx, target)
	if err != nil {
		return nil, err
	}
	h.conns[key] = c
	if !h.gathered {
		h.gathered = true
		h.setFacts(c.Hello().Facts)
		h.recall(c)
	}
	return c, nil
}

func (h *host) disconnect() {
	h.connMu.Lock()
	defer h.connMu.Unlock()
	for k, c := range h.conns {
		_ = c.Close()
		delete(h.conns, k)
	}
}

// setFacts puts the facts into ansible_facts and, each, into ansible_NAME.
func (h *host) setFacts(f any) {
	v, err := value.Of(f)
	if err != nil {
		return
	}
	m, ok := v.(*value.Map)
	if !ok {
		return
	}
	h.env.Set(expr.Facts, "ansible_facts", m, nil, false)
	for i := range m.Len() {
		k, x := m.At(i)
		h.env.Set(expr.Facts, "ansible_"+k, x, nil, false)
	}
}

// target is how to reach the host: what the inventory says, then the playbook, then the command line.
func (h *host) target(env *expr.Env, kw *keywords) (remote.Target, connKey, error) {
	o := h.run.p.opts
	t := remote.Target{Name: h.name}
	var first error
	pick := func(names []string, word *expr.Def, flag string) string {
		s, taint, err := h.variable(env, names...)
		if err == nil && s == "" {
			s, err = h.text(word, env)
		}
		if err != nil && first == nil {
			first = err
		}
		h.run.learn(taint.All()...)
		if s == "" {
			s = flag
		}
		return s
	}
	t.Host = pick([]string{"ansible_host", "ansible_ssh_host"}, nil, "")
	port := pick([]string{"ansible_port", "ansible_ssh_port"}, kw.port, "")
	t.User = pick([]string{"ansible_user", "ansible_ssh_user"}, kw.remoteUser, o.User)
	t.Connection = pick([]string{"ansible_connection"}, kw.connection, o.Connection)
	t.KeyFile = pick([]string{"ansible_ssh_private_key_file", "ansible_private_key_file"}, nil, o.KeyFile)
	t.Password = pick([]string{"ansible_password", "ansible_ssh_pass", "ansible_ssh_password"}, nil, "")
	t.AgentDir = pick([]string{"ansible_agent_dir"}, nil, "")
	for _, v := range []string{"ansible_ssh_common_args", "ansible_ssh_extra_args"} {
		if s := pick([]string{v}, nil, ""); s != "" {
			t.CommonArgs += " " + s
		}
	}
	if o.SSHArgs != "" {
		t.CommonArgs += " " + o.SSHArgs
	}
	if first != nil {
		return t, connKey{}, first
	}
	switch t.Connection {
	case "", "ssh", "smart", "paramiko":
		t.Connection = "ssh"
	case "local":
	default:
		return t, connKey{}, fmt.Errorf("connection %q is neither ssh nor local", t.Connection)
	}
	if port != "" {
		n, err := toInt(port)
		if err != nil {
			return t, connKey{}, fmt.Errorf("ansible_port: %w", err)
		}
		t.Port = int(n.(int64))
	}
	if t.Password == "" && h.run.o.Password != nil && t.Connection == "ssh" {
		p, err := h.run.o.Password()
		if err != nil {
			return t, connKey{}, err
		}
		t.Password = p
		h.run.learn(p)
	}
	return t, connKey{t.Host, t.User, t.Connection, port}, nil
}

// learn makes secrets known to everything that shows something.
func (r *run) learn(secrets ...string) {
	if len(secrets) > 0 && r.o.Redact != nil {
		r.o.Redact.Add(secrets...)
	}
}
