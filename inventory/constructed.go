package inventory

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// constructed is a source that makes variables and groups of what the sources
// before it say, by expressions over each host's variables.
type constructed struct {
	inv     *Inventory
	src     string
	compose []rule
	groups  []rule
	keyed   []keyedGroup

	strict, leading, files, extra bool

	shared map[*Group][]*expr.Layer
	errs   source.Errors
}

// rule is an expression and the name of what it makes.
type rule struct {
	name string
	pos  source.Pos
	expr *expr.Expr
}

// keyedGroup makes groups of the values of an expression.
type keyedGroup struct {
	key               *expr.Expr
	node              *source.Node
	prefix, separator string
	parent            *expr.Def // nil: none
	otherwise         *string   // default_value
	trailing          bool      // trailing_separator
}

var (
	constructedNames = []string{"constructed", "ansible.builtin.constructed"}
	constructedKeys  = []string{"plugin", "strict", "compose", "groups", "keyed_groups", "leading_separator", "use_vars_plugins", "use_extra_vars"}
	keyedKeys        = []string{"key", "prefix", "separator", "parent_group", "default_value", "trailing_separator"}
)

// readPlugin reads a YAML source that names a plugin.
func readPlugin(inv *Inventory, root *source.Node, src string) error {
	name := root.Get("plugin")
	if s, _ := name.Value.(string); s != constructedNames[0] && s != constructedNames[1] {
		e := name.Errorf("the inventory plugin %v is not known", name.Plain())
		if near := source.DidYouMean(s, constructedNames); near != "" {
			return e.WithHint("did you mean %s?", near)
		}
		return e.WithHint("there is constructed; a program that prints JSON can be an inventory too")
	}
	c := &constructed{inv: inv, src: src, leading: true, shared: map[*Group][]*expr.Layer{}}
	c.read(root)
	if err := c.errs.Err(); err != nil {
		return err
	}
	inv.depths()
	for _, h := range inv.Hosts {
		c.host(h)
	}
	return c.errs.Err()
}

// read takes the options apart and parses every expression.
func (c *constructed) read(root *source.Node) {
	for i, f := range root.Fields {
		switch f.Key {
		case "plugin":
		case "strict":
			c.flag(&c.strict, f)
		case "leading_separator":
			c.flag(&c.leading, f)
		case "use_vars_plugins":
			c.flag(&c.files, f)
		case "use_extra_vars":
			c.flag(&c.extra, f)
		case "compose":
			c.compose = c.rules(f)
		case "groups":
			c.groups = c.rules(f)
		case "keyed_groups":
			c.keyedGroups(f)
		default:
			c.unknown(root, i, "constructed has no option", constructedKeys)
		}
	}
}

func (c *constructed) unknown(n *source.Node, i int, what string, names []string) {
	e := n.KeyErrorf(i, "%s %s", what, n.Fields[i].Key)
	e.Hint = "there are " + strings.Join(names, ", ")
	if near := source.DidYouMean(n.Fields[i].Key, names); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	c.errs = append(c.errs, e)
}

func (c *constructed) flag(to *bool, f source.Field) {
	switch v := f.Value.Value.(type) {
	case bool:
		*to = v
		return
	case string:
		switch strings.ToLower(v) {
		case "yes", "on", "true", "1", "y", "t":
			*to = true
			return
		case "no", "off", "false", "0", "n", "f":
			*to = false
			return
		}
	}
	c.errs = append(c.errs, f.Value.Errorf("%s is true or false", f.Key))
}

// rules are the expressions of compose or groups by the names they make.
func (c *constructed) rules(f source.Field) []rule {
	if f.Value.IsNull() {
		return nil
	}
	if f.Value.Kind != source.Map {
		c.errs = append(c.errs, f.Value.Errorf("%s is a map of names and expressions, not a %s", f.Key, f.Value.TypeName()))
		return nil
	}
	var out []rule
	for i, r := range f.Value.Fields {
		if f.Key == "compose" && !variableName(r.Key) {
			c.errs = append(c.errs, f.Value.KeyErrorf(i, "%q is no name for a variable", r.Key))
		}
		if x := c.expression(r.Value, f.Key == "groups"); x != nil {
			out = append(out, rule{r.Key, r.KeyPos, x})
		}
	}
	return out
}

// expression parses a node's text; one that is a condition may stand as {{ }}, or be true or false.
func (c *constructed) expression(n *source.Node, condition bool) *expr.Expr {
	text, ok := n.Value.(string)
	if b, isBool := n.Value.(bool); isBool && condition {
		text, ok = fmt.Sprint(b), true
	}
	if !ok || n.Kind != source.Scalar {
		e := n.Errorf("this is an expression, in a text, not a %s", n.TypeName())
		if n.Kind == source.Scalar && !n.IsNull() {
			e.Hint = fmt.Sprintf("%q", n.Raw)
		}
		c.errs = append(c.errs, e)
		return nil
	}
	x, err := expr.ParseExpr(text, expr.NodeLocator(n))
	switch {
	case err != nil:
		c.errs.Add(n.Pos, err)
		return nil
	case x.Wrapped && !condition:
		c.errs = append(c.errs, n.Errorf("an expression stands here without {{ }}"))
		return nil
	}
	return x
}

func (c *constructed) keyedGroups(f source.Field) {
	if f.Value.IsNull() {
		return
	}
	if f.Value.Kind != source.List {
		c.errs = append(c.errs, f.Value.Errorf("keyed_groups is a list, not a %s", f.Value.TypeName()).WithHint("keyed_groups:\n  - key: os"))
		return
	}
	for _, n := range f.Value.Items {
		if n.Kind != source.Map {
			c.errs = append(c.errs, n.Errorf("an entry of keyed_groups is a map with a key, not a %s", n.TypeName()))
			continue
		}
		c.keyedGroup(n)
	}
}

func (c *constructed) keyedGroup(n *source.Node) {
	k := keyedGroup{node: n, separator: "_", trailing: true}
	for i, f := range n.Fields {
		text := value.Text(f.Value.Plain())
		switch f.Key {
		case "key":
			k.key = c.expression(f.Value, false)
		case "prefix":
			k.prefix = text
		case "separator":
			k.separator = text
		case "parent_group":
			if !f.Value.IsNull() {
				k.parent = expr.NodeDef(f.Value, nil)
				c.errs.Add(f.Value.Pos, k.parent.Compile())
			}
		case "default_value":
			if !f.Value.IsNull() {
				k.otherwise = &text
			}
		case "trailing_separator":
			c.flag(&k.trailing, f)
		default:
			c.unknown(n, i, "an entry of keyed_groups has no", keyedKeys)
		}
	}
	switch {
	case n.Get("key") == nil:
		c.errs = append(c.errs, n.Errorf("the entry has no key").WithHint("key: an expression whose value names the group"))
	case n.Get("trailing_separator") != nil && k.otherwise != nil:
		c.errs = append(c.errs, n.Errorf("default_value and trailing_separator exclude each other"))
	default:
		c.keyed = append(c.keyed, k)
	}
}

// host makes one host's variables and groups.
func (c *constructed) host(h *Host) {
	ctx, layers := c.context(h, c.extra)
	for _, r := range c.compose {
		res, ok := c.eval(ctx, h, r.expr, "the variable "+r.name)
		if ok && !res.Omitted() {
			n := source.FromValue(res.Value, r.pos)
			c.computed(n, layers, res.Reads)
			h.Vars[r.name] = Var{Node: n, Pos: r.pos}
		}
	}
	plain := ctx
	if len(c.compose) > 0 || c.extra {
		ctx, _ = c.context(h, c.extra)
		plain, _ = c.context(h, false) // as in Ansible, groups do not see the command line's variables
	}
	for _, r := range c.groups {
		res, ok := c.eval(plain, h, r.expr, "the group "+r.name)
		v := res.Value
		in, isBool := v.(bool)
		if ok && !isBool {
			e := source.Errorf(r.expr.Pos(), "whether host %s is in group %s is true or false, not the %s %s", h.Name, r.name, value.TypeName(v), value.Short(v, 40))
			c.fault(e.WithHint("bool(%s)", r.expr.Source()), true)
		}
		if in {
			c.inv.join(c.inv.group(safeGroupName(r.name), r.pos), h)
		}
	}
	for i := range c.keyed {
		c.byKey(ctx, h, &c.keyed[i])
	}
}

// computed marks the texts of a computed value: none is a template. What an
// expression only hands on, from a variable that it read, is not marked, as in
// Ansible, unless it looks like one.
func (c *constructed) computed(n *source.Node, layers []*expr.Layer, reads []string) {
	handed := map[string]bool{}
	for _, l := range layers {
		for _, name := range reads {
			if d := l.Vars[name]; d != nil && d.Node != nil {
				texts(d.Node, handed)
			}
		}
	}
	var mark func(n *source.Node)
	mark = func(n *source.Node) {
		if s, ok := n.Value.(string); ok && n.Kind == source.Scalar {
			n.Unsafe = !handed[s] || strings.Contains(s, "{{") || strings.Contains(s, "{%")
		}
		for _, e := range n.Items {
			mark(e)
		}
		for _, f := range n.Fields {
			mark(f.Value)
		}
	}
	mark(n)
}

// texts gathers the texts in a node.
func texts(n *source.Node, into map[string]bool) {
	if s, ok := n.Value.(string); ok && n.Kind == source.Scalar && (!n.Unsafe || n.File() != nil) {
		into[s] = true
	}
	for _, e := range n.Items {
		texts(e, into)
	}
	for _, f := range n.Fields {
		texts(f.Value, into)
	}
}

// fault is a mistake that shows at a host: an error under strict; else what it
// is about does not come to be, which is worth a warning unless something was undefined.
func (c *constructed) fault(e *source.Error, loud bool) {
	switch {
	case c.strict:
		c.errs = append(c.errs, e)
	case loud:
		c.inv.warn(e)
	}
}

func (c *constructed) eval(ctx *expr.Context, h *Host, x *expr.Expr, what string) (expr.Result, bool) {
	res, err := x.Eval(ctx)
	if err == nil {
		return res, true
	}
	var undefined *expr.UndefinedError
	var e *source.Error
	if !errors.As(err, &e) {
		e = source.Errorf(x.Pos(), "%v", err)
	}
	c.fault(source.Errorf(e.Pos, "%s of host %s: %s", what, h.Name, e.Msg).WithHint("%s", e.Hint), !errors.As(err, &undefined))
	return res, false
}

// byKey puts a host into the groups that the value of a key names.
func (c *constructed) byKey(ctx *expr.Context, h *Host, k *keyedGroup) {
	res, ok := c.eval(ctx, h, k.key, "the key")
	if !ok {
		return
	}
	v := res.Value
	names, ok := k.names(v)
	if !ok {
		c.errs = append(c.errs, source.Errorf(k.key.Pos(), "the key of host %s is the %s %s, not a text, list or map", h.Name, value.TypeName(v), value.Short(v, 40)).
			WithHint("string(%s)", k.key.Source()))
		return
	}
	if empty := v == nil || v == "" || v == false || v == int64(0) || v == 0.0; empty && len(names) == 0 {
		c.fault(source.Errorf(k.key.Pos(), "the key of host %s is empty", h.Name).WithHint("default_value names a group for such hosts"), false)
		return
	}
	parent, ok := c.parentOf(ctx, h, k)
	if !ok {
		return
	}
	sep := k.separator
	if k.prefix == "" && !c.leading {
		sep = ""
	}
	for _, name := range names {
		g := c.inv.group(safeGroupName(k.prefix+sep+name), k.node.Pos)
		c.inv.join(g, h)
		if parent == "" {
			continue
		}
		if err := c.inv.child(c.inv.group(safeGroupName(parent), k.node.Pos), g); err != nil {
			c.errs = append(c.errs, k.node.Errorf("%v", err))
		}
	}
}

func (c *constructed) parentOf(ctx *expr.Context, h *Host, k *keyedGroup) (string, bool) {
	if k.parent == nil {
		return "", true
	}
	res, err := k.parent.Eval(ctx)
	if err != nil {
		c.fault(source.Errorf(k.node.Get("parent_group").Pos, "the parent group of host %s: %v", h.Name, err), false)
		return "", false
	}
	if res.Omitted() || res.Value == nil {
		return "", true
	}
	return value.Text(res.Value), true
}

// names are the groups that a key's value stands for, without prefix. It is
// false for what is neither empty nor a text, list or map.
func (k *keyedGroup) names(v value.Value) ([]string, bool) {
	instead := func(v value.Value) string {
		if k.otherwise != nil && (v == nil || v == "") {
			return *k.otherwise
		}
		return pyText(v)
	}
	switch v := v.(type) {
	case value.List:
		var out []string
		for _, e := range v {
			out = append(out, instead(e))
		}
		return out, true
	case *value.Map:
		var out []string
		for i := range v.Len() {
			name, e := v.At(i)
			if e == nil || e == "" {
				if k.otherwise == nil && !k.trailing {
					out = append(out, name)
					continue
				}
			}
			out = append(out, name+k.separator+instead(e))
		}
		return out, true
	case nil, string:
		if v == nil || v == "" {
			if k.otherwise == nil {
				return nil, true
			}
			return []string{*k.otherwise}, true
		}
		return []string{v.(string)}, true
	case bool:
		return nil, !v
	case int64:
		return nil, v == 0
	case float64:
		return nil, v == 0
	}
	return nil, false
}

// pyText is a value in a name, as Python prints it.
func pyText(v value.Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	return pyRepr(v)
}

// context is what expressions over a host's variables are evaluated in: what
// the sources before this one say, whose groups are not yet all below "all".
func (c *constructed) context(h *Host, extra bool) (*expr.Context, []*expr.Layer) {
	inv := c.inv
	groups := membership(h, map[*Group][]*Group{})
	all := inv.groups["all"]
	inAll := all.hosts[h]
	names := value.List{}
	for _, g := range groups {
		names = append(names, g.Name)
		inAll = inAll || g.above()[all]
	}
	sortTexts(names)
	var layers []*expr.Layer
	if inAll {
		layers = append(layers, c.layersOf(all)...)
	}
	for _, g := range groups {
		layers = append(layers, c.layersOf(g)...)
	}
	layers = append(layers, invLayer(expr.InventoryHost, h.Name, h.Vars))
	if c.files {
		layers = append(layers, c.fileLayers(expr.HostVarsInventory, "host_vars", h.Name)...)
	}
	if extra && inv.extra != nil {
		layers = append(layers, inv.extra)
	}
	short, _, _ := strings.Cut(h.Name, ".")
	magic := &expr.Layer{Level: expr.Magic, Vars: map[string]*expr.Def{
		"inventory_hostname": expr.ValueDef(h.Name, nil), "inventory_hostname_short": expr.ValueDef(short, nil),
		"group_names": expr.ValueDef(names, nil),
	}}
	layers = append(layers, magic, sourceLayer(h))
	vars := expr.NewVars()
	vars.Names = func() []string { return nil }
	return &expr.Context{Scope: vars.Host(h.Name, layers...), Host: h.Name, Cache: inv.cache}, layers
}

// layersOf are a group's variables, made once a source.
func (c *constructed) layersOf(g *Group) []*expr.Layer {
	if ls, ok := c.shared[g]; ok {
		return ls
	}
	level, files := expr.InventoryGroups, expr.GroupVarsInventory
	if g.Name == "all" {
		level, files = expr.InventoryAll, expr.GroupVarsAllInventory
	}
	ls := []*expr.Layer{invLayer(level, g.Name, g.Vars)}
	if c.files {
		ls = append(ls, c.fileLayers(files, "group_vars", g.Name)...)
	}
	c.shared[g] = ls
	return ls
}

// fileLayers are the files of a group or host beside the sources that were read.
func (c *constructed) fileLayers(level expr.Level, kind, name string) []*expr.Layer {
	var out []*expr.Layer
	for _, dir := range c.inv.readDirs {
		fv := c.inv.varFiles(dir, kind, name)
		c.errs.Add(source.Pos{}, fv.err)
		for _, l := range fv.layers {
			out = append(out, invLayer(level, l.File, l.Vars))
		}
	}
	return out
}

// invLayer makes a layer of an inventory's variables.
func invLayer(level expr.Level, name string, vars Vars) *expr.Layer {
	l := &expr.Layer{Level: level, Name: name, Vars: make(map[string]*expr.Def, len(vars))}
	for k, v := range vars {
		d := expr.NodeDef(v.Node, nil)
		d.Pos = v.Pos
		l.Vars[k] = d
	}
	return l
}

// sourceLayer are the variables that say where a host was named first.
func sourceLayer(h *Host) *expr.Layer {
	file, dir := h.SourceVars()
	return &expr.Layer{Level: expr.Magic, Vars: map[string]*expr.Def{"inventory_file": expr.ValueDef(file, nil), "inventory_dir": expr.ValueDef(dir, nil)}}
}

// SourceVars are the values of inventory_file and inventory_dir: null for a
// host that no source names, a list of names has no folder.
func (h *Host) SourceVars() (file, dir value.Value) {
	switch {
	case h.Source == "":
		return nil, nil
	case h.inList:
		return h.Source, nil
	}
	path, err := filepath.Abs(h.Source)
	if err != nil {
		path = h.Source
	}
	return path, filepath.Dir(path)
}

// variableName tells whether an expression can read a variable of the name.
func variableName(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}

// safeGroupName replaces what cannot stand in a variable's name by _, as
// Ansible's plugins do for the groups that they make.
func safeGroupName(s string) string {
	first := true
	return strings.Map(func(r rune) rune {
		begin := first
		first = false
		if r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) && !(begin && unicode.IsDigit(r)) {
			return r
		}
		return '_'
	}, s)
}
