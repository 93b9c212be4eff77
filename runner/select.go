package runner

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// ExtraVars reads the values of -e. The error is source.Errors.
func ExtraVars(args []string) (*expr.Layer, error) {
	c := &compiler{loader: &playbook.Loader{}}
	l := c.extraVars(args)
	return l, c.errs.Err()
}

// extraVars reads -e: k=v words, a {json} or YAML map, or @file.
func (c *compiler) extraVars(args []string) *expr.Layer {
	out := &expr.Layer{Level: expr.ExtraVars, Name: "-e", Vars: map[string]*expr.Def{}}
	add := func(n *source.Node, name string) {
		if n == nil || n.IsNull() {
			return
		}
		if n.Kind != source.Map {
			c.errs.Add(n.Pos, source.Errorf(n.Pos, "%s holds no variables", name).WithHint("write NAME: VALUE lines"))
			return
		}
		for k, d := range expr.NewLayer(expr.ExtraVars, name, n, nil).Vars {
			out.Vars[k] = d
		}
	}
	for _, a := range args {
		switch {
		case strings.HasPrefix(a, "@"):
			n, err := source.ReadOne(a[1:])
			if err != nil {
				c.lostFiles(err)
				continue
			}
			add(n, a[1:])
		case strings.HasPrefix(strings.TrimSpace(a), "{"), strings.HasPrefix(strings.TrimSpace(a), "["):
			ns, err := source.ReadYAML("-e", []byte(a))
			if err != nil {
				c.loader.Lost.Text(a)
				c.errs.Add(source.Pos{File: "-e"}, err)
				continue
			}
			if len(ns) > 0 {
				add(ns[0], "-e")
			}
		default:
			words, err := splitWords(a)
			if err != nil {
				c.loader.Lost.Text(a)
				c.errs.Add(source.Pos{File: "-e"}, err)
				continue
			}
			for _, w := range words {
				k, v, ok := strings.Cut(w, "=")
				if !ok || !identifier(k) {
					c.loader.Lost.Text(w)
					c.errs.Add(source.Pos{File: "-e"}, &source.Error{Pos: source.Pos{File: "-e"}, Msg: fmt.Sprintf("%q sets no variable", w),
						Hint: `write NAME=VALUE, '{"NAME": VALUE}' or @FILE`})
					continue
				}
				v = unquoteWord(v)
				out.Vars[k] = expr.NodeDef(source.FromValue(v, source.Pos{File: "-e " + k}), nil)
			}
		}
	}
	return out
}

// unquoteWord takes away the quotes that stand around all of a value; others belong to it.
func unquoteWord(s string) string {
	if n := len(s); n > 1 && s[0] == s[n-1] && (s[0] == '\'' || s[0] == '"') && s[n-2] != '\\' {
		return s[1 : n-1]
	}
	return s
}

// splitWords parts a text at blanks outside of quotes; the quotes stay.
func splitWords(s string) ([]string, error) {
	var out []string
	var b strings.Builder
	var quote rune
	in := false
	for _, r := range s {
		switch {
		case quote != 0 && r == quote && !strings.HasSuffix(b.String(), `\`):
			quote = 0
			b.WriteRune(r)
		case quote == 0 && (r == '\'' || r == '"') && !strings.HasSuffix(b.String(), `\`):
			quote, in = r, true
			b.WriteRune(r)
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			if in {
				out = append(out, b.String())
				b.Reset()
				in = false
			}
		default:
			b.WriteRune(r)
			in = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c in %q is never closed", quote, s)
	}
	if in {
		out = append(out, b.String())
	}
	return out, nil
}

func identifier(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// selectHosts finds the hosts of each play.
func (c *compiler) selectHosts() {
	limit := strings.Join(c.p.opts.Limit, ",")
	var allowed map[string]bool
	if limit != "" {
		hs, warns, err := c.p.inv.Limited(limit)
		if err != nil {
			c.errs.Add(source.Pos{File: "--limit"}, err)
			return
		}
		c.warn(source.Pos{File: "--limit"}, warns)
		allowed = map[string]bool{}
		for _, h := range hs {
			allowed[h.Name] = true
		}
		if len(hs) == 0 && !c.hostless && !(c.grown && len(warns) == 0) {
			e := &source.Error{Msg: fmt.Sprintf("--limit %s matches no host", limit)}
			if len(warns) > 0 {
				e.Hint = warns[0].Hint
			}
			c.errs = append(c.errs, e)
			return
		}
	}
	seen := map[string]bool{}
	any := false
	for _, p := range c.p.plays {
		if p.pattern == nil {
			continue // refused already
		}
		pos := p.src.Hosts.Pos
		v, err := c.p.word(p, p.pattern)
		if err != nil {
			c.errs.Add(pos, err)
			order(p, c)
			continue
		}
		parts := patternsOf(v)
		if len(parts) == 0 { // inventory.Match takes no pattern for all hosts
			e := source.Errorf(pos, "hosts is empty")
			if e.Hint = "all hosts are written all"; !strings.Contains(p.src.Hosts.Raw, "{{") {
				c.errs = append(c.errs, e)
			} else {
				e.Msg += ": the play is for no host"
				c.p.Warnings = append(c.p.Warnings, e)
			}
			order(p, c)
			continue
		}
		p.patterns, p.on = parts, strings.Join(parts, ",")
		on := p.on
		if len(parts) > 1 {
			on = inventory.JoinPatterns(parts)
		}
		hs, warns, err := c.p.inv.Match(on, "")
		if err != nil {
			c.errs.Add(pos, err)
			continue
		}
		c.warn(pos, warns)
		any = any || len(hs) > 0
		for _, h := range hs {
			if allowed == nil || allowed[h.Name] {
				p.hosts = append(p.hosts, h)
				if !seen[h.Name] {
					seen[h.Name] = true
					c.p.all = append(c.p.all, h)
				}
			}
		}
		p.matched = slices.Clone(p.hosts)
		order(p, c)
	}
	if c.hostless {
		c.p.Warnings = nil // a pattern may mean what was not read
		return
	}
	if !any && len(c.p.plays) > 0 && !c.p.opts.NoHosts && len(c.errs) == 0 {
		e := &source.Error{Pos: c.p.plays[0].src.Hosts.Pos, Msg: "no host of the inventory matches any play"}
		if len(c.p.opts.Inventory) == 0 {
			e.Hint = "name an inventory: -i hosts"
		} else if n := len(c.p.Warnings); n > 0 {
			e.Hint = strings.TrimSuffix(c.p.Warnings[n-1].Msg+"; "+c.p.Warnings[n-1].Hint, "; ")
		}
		c.errs = append(c.errs, e)
	}
}

// patternsOf are the patterns of hosts, as it was written or computed.
func patternsOf(v value.Value) (parts []string) {
	l, ok := v.(value.List)
	if !ok {
		l = value.List{v}
	}
	for _, x := range l {
		if t := strings.TrimSpace(value.Text(x)); t != "" && x != nil {
			parts = append(parts, t)
		}
	}
	return parts
}

func (c *compiler) warn(pos source.Pos, warns []*source.Error) {
	for _, w := range warns {
		if w.Pos.IsZero() {
			w.Pos = pos
		}
		c.p.Warnings = append(c.p.Warnings, w)
	}
}

// inOrder sorts hosts as a word says; shuffle is for each run. It is false for no such word.
func inOrder(hs []*inventory.Host, word value.Value) bool {
	switch word {
	case "inventory", "shuffle", nil:
	case "sorted":
		sort.SliceStable(hs, func(i, j int) bool { return hs[i].Name < hs[j].Name })
	case "reverse_sorted":
		sort.SliceStable(hs, func(i, j int) bool { return hs[i].Name > hs[j].Name })
	case "reverse_inventory":
		slices.Reverse(hs)
	default:
		return false
	}
	return true
}

// order sorts a play's hosts as its order says.
func order(p *play, c *compiler) {
	if p.order == nil {
		return
	}
	v, err := c.p.word(p, p.order)
	if err != nil {
		c.errs.Add(p.src.Order.Pos, err)
		return
	}
	p.inOrder, p.shuffle = v, v == "shuffle"
	if !inOrder(p.hosts, v) {
		pos := p.src.Order.Pos
		c.errs.Add(pos, source.Errorf(pos, "order is inventory, reverse_inventory, sorted, reverse_sorted or shuffle, not %s", value.Short(v, 30)))
	}
}

// inventoryVars notes the names that the inventory sets for the hosts of the plays.
func (c *compiler) inventoryVars() {
	seen := map[*expr.Layer]bool{}
	dirs := map[string]bool{}
	for _, p := range c.p.plays {
		if dirs[p.dir] {
			continue
		}
		dirs[p.dir] = true
		for _, h := range c.p.inv.Hosts {
			ls, err := c.p.inv.Layers(h, p.dir)
			c.lostFiles(err)
			for _, l := range ls {
				if x := c.p.invLayer(l); !seen[x] {
					seen[x] = true
					c.layer(x)
				}
			}
		}
	}
}

// invLayer is an inventory layer as the language sees it, made once.
func (p *Program) invLayer(l inventory.Layer) *expr.Layer {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := invLayerKey{l.Level, l.Name, l.File}
	if x := p.invLayers[key]; x != nil {
		return x
	}
	x := &expr.Layer{Level: invLevels[l.Level], Name: l.Name, Vars: make(map[string]*expr.Def, len(l.Vars))}
	if l.File != "" {
		x.Name = l.File
	}
	for k, v := range l.Vars {
		d := expr.NodeDef(v.Node, nil)
		d.Pos = v.Pos
		x.Vars[k] = d
	}
	p.invLayers[key] = x
	return x
}

type invLayerKey struct {
	level      inventory.Level
	name, file string
}

var invLevels = map[inventory.Level]expr.Level{
	inventory.AllVars: expr.InventoryAll, inventory.GroupVars: expr.InventoryGroups,
	inventory.AllInventoryFiles: expr.GroupVarsAllInventory, inventory.AllPlaybookFiles: expr.GroupVarsAllPlaybook,
	inventory.GroupInventoryFiles: expr.GroupVarsInventory, inventory.GroupPlaybookFiles: expr.GroupVarsPlaybook,
	inventory.HostVars: expr.InventoryHost, inventory.HostInventoryFiles: expr.HostVarsInventory,
	inventory.HostPlaybookFiles: expr.HostVarsPlaybook,
}

// checkTags refuses a tag of the command line that no task has.
func (c *compiler) checkTags() {
	special := map[string]bool{"all": true, "tagged": true, "untagged": true, "always": true, "never": true}
	var all []string
	for t := range c.tagsSeen {
		all = append(all, t)
	}
	sort.Strings(all)
	check := func(flag string, tags []string) {
		for _, t := range tags {
			if special[t] || c.tagsSeen[t] || c.loader.Lost.Phrase(t) || c.loader.Lost.All() && source.DidYouMean(t, all) == "" {
				continue
			}
			e := &source.Error{Msg: fmt.Sprintf("%s %s: no task has this tag", flag, t)}
			if m := source.DidYouMean(t, all); m != "" {
				e.Hint = "did you mean " + m + "?"
			} else if len(all) > 0 {
				e.Hint = "there are " + strings.Join(all, ", ")
			}
			c.errs = append(c.errs, e)
		}
	}
	check("--tags", c.p.opts.Tags)
	check("--skip-tags", c.p.opts.SkipTags)
}

// selected tells whether -t and --skip-tags let a task run, by Ansible's rules.
func (p *Program) selected(tags []string) bool {
	has := map[string]bool{}
	for _, t := range tags {
		has[t] = true
	}
	run := len(p.opts.Tags) == 0 && !has["never"]
	if has["always"] {
		run = true
	}
	for _, t := range p.opts.Tags {
		switch t {
		case "all":
			run = run || !has["never"]
		case "tagged":
			run = run || len(tags) > 0 && !has["never"]
		case "untagged":
			run = run || len(tags) == 0
		default:
			run = run || has[t]
		}
	}
	if !run {
		return false
	}
	for _, t := range p.opts.SkipTags {
		switch {
		case t == "all" && !has["always"], t == "tagged" && len(tags) > 0, t == "untagged" && len(tags) == 0, has[t]:
			return false
		}
	}
	return true
}
