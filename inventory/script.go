package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/mxplay/mxplay/runner/source"
)

// scriptTime bounds one call of an inventory program.
const scriptTime = 5 * time.Minute

// script reads the answers of a program: --list gives the groups and, below
// _meta, the variables of all hosts; without that --host is called for each.
// What a program says is never a template.
type script struct {
	inv  *Inventory
	path string
	src  string
	errs source.Errors
	seen []*Host // in the order in which the answer names them
	at   map[*Host]bool

	call func(args ...string) (*source.Node, error)
}

func readScript(inv *Inventory, path string) error {
	s := &script{inv: inv, path: path, src: path, at: map[*Host]bool{}}
	s.call = s.run
	return s.read()
}

func (s *script) read() error {
	root, err := s.call("--list")
	if err != nil {
		return err
	}
	if root.Kind != source.Map {
		return root.Errorf("an inventory program answers with a map of groups, not a %s", root.TypeName())
	}
	hostvars := root.Get("_meta").Get("hostvars")
	if m := root.Get("_meta"); m != nil && (hostvars == nil || hostvars.Kind != source.Map) {
		return m.Errorf("_meta must hold hostvars, a map of hosts")
	}
	for _, f := range root.Fields {
		if f.Key != "_meta" {
			s.group(f)
		}
	}
	if len(s.errs) > 0 {
		return s.errs.Err()
	}
	for _, h := range s.seen {
		vars := hostvars.Get(h.Name)
		if hostvars == nil {
			if vars, err = s.call("--host", h.Name); err != nil {
				return err
			}
		}
		if vars.IsNull() {
			continue
		}
		if vars.Kind != source.Map {
			s.errs = append(s.errs, vars.Errorf("the variables of host %s are a map, not a %s", h.Name, vars.TypeName()))
			continue
		}
		for _, f := range vars.Fields {
			h.Vars[f.Key] = Var{Node: f.Value, Pos: f.KeyPos, Program: true}
		}
	}
	return s.errs.Err()
}

// run runs the program and reads what it prints.
func (s *script) run(args ...string) (*source.Node, error) {
	path, err := filepath.Abs(s.path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), scriptTime)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...)
	var out, msg bytes.Buffer
	c.Stdout, c.Stderr = &out, &msg
	c.WaitDelay = time.Second
	name := source.ShortName(s.path)
	if err := c.Run(); err != nil {
		e := &source.Error{Pos: source.Pos{File: name}, Msg: fmt.Sprintf("the inventory program did not run: %v", err)}
		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			e.Msg = fmt.Sprintf("the inventory program gave no answer to %s within %s", strings.Join(args, " "), scriptTime)
		case errors.As(err, &exit):
			e.Msg = fmt.Sprintf("the inventory program failed at %s: %v", strings.Join(args, " "), err)
		}
		if t := strings.TrimSpace(msg.String()); t != "" {
			lines := strings.Split(t, "\n")
			e.Hint = "it said: " + strings.Join(lines[max(0, len(lines)-5):], "\n")
		}
		return nil, e
	}
	root, err := source.NewFile(name+" "+strings.Join(args, " "), out.Bytes()).JSON()
	if err != nil {
		return nil, err
	}
	unsafe(root)
	return root, nil
}

func unsafe(n *source.Node) {
	n.Unsafe = true
	for _, e := range n.Items {
		unsafe(e)
	}
	for _, f := range n.Fields {
		unsafe(f.Value)
	}
}

func (s *script) fail(n *source.Node, format string, args ...any) {
	s.errs = append(s.errs, n.Errorf(format, args...))
}

func (s *script) group(f source.Field) {
	n := f.Value
	if f.Key == "" {
		s.fail(n, "the name of the group is empty")
		return
	}
	g := s.inv.group(f.Key, f.KeyPos)
	switch {
	case n.Kind == source.List:
		s.hosts(g, n)
		return
	case n.Kind != source.Map:
		s.fail(n, "group %s is a map with hosts, children and vars, not a %s", f.Key, n.TypeName())
		return
	case n.Get("hosts") == nil && n.Get("vars") == nil && n.Get("children") == nil:
		// as in Ansible: a group of one host of the same name, with these variables
		s.host(g, f.Key, f.KeyPos)
		for _, v := range n.Fields {
			_ = g.set(v.Key, Var{Node: v.Value, Pos: v.KeyPos, Program: true})
		}
		return
	}
	if h := n.Get("hosts"); h != nil {
		s.hosts(g, h)
	}
	if v := n.Get("vars"); v != nil && v.Kind != source.Map {
		s.fail(v, "vars of group %s is a map, not a %s", f.Key, v.TypeName())
	} else if v != nil {
		for _, x := range v.Fields {
			if err := g.set(x.Key, Var{Node: x.Value, Pos: x.KeyPos, Program: true}); err != nil {
				s.fail(x.Value, "%v", err)
			}
		}
	}
	if c := n.Get("children"); c != nil {
		for _, name := range s.names(g, c, "children") {
			if err := s.inv.child(g, s.inv.group(name.Raw, name.Pos)); err != nil {
				s.fail(name, "%v", err)
			}
		}
	}
}

func (s *script) names(g *Group, n *source.Node, what string) []*source.Node {
	if n.Kind != source.List {
		s.fail(n, "%s of group %s is a list, not a %s", what, g.Name, n.TypeName())
		return nil
	}
	var out []*source.Node
	for _, e := range n.Items {
		if t, ok := e.Value.(string); !ok || t == "" || e.Kind != source.Scalar {
			s.fail(e, "%s of group %s are names, not a %s", what, g.Name, e.TypeName())
			continue
		}
		out = append(out, e)
	}
	return out
}

func (s *script) hosts(g *Group, n *source.Node) {
	for _, e := range s.names(g, n, "hosts") {
		s.host(g, e.Raw, e.Pos)
	}
}

func (s *script) host(g *Group, name string, p source.Pos) {
	h := s.inv.host(name, g, 0, s.src, p)
	if !s.at[h] {
		s.at[h] = true
		s.seen = append(s.seen, h)
	}
}
