package runner

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// varsArgs are what include_vars is asked for.
type varsArgs struct {
	File          string   `json:"file"`
	Dir           string   `json:"dir"`
	Name          string   `json:"name"`
	Depth         int      `json:"depth"`
	FilesMatching string   `json:"files_matching"`
	IgnoreFiles   []string `json:"ignore_files"`
	Extensions    []string `json:"extensions"`
	IgnoreUnknown bool     `json:"ignore_unknown_extensions"`
	HashBehaviour string   `json:"hash_behaviour"`
}

// includedVars are variables that an include_vars read.
type includedVars struct {
	files []string
	layer *expr.Layer
}

// includeVars reads and checks what an include_vars with constant arguments brings in.
func (c *compiler) includeVars(t *task) {
	if t.static == nil {
		c.open = append(c.open, t.src.Pos.String()+": include_vars with a computed name")
		c.loadsAny = true
		return
	}
	var a varsArgs
	err := json.Unmarshal(t.static, &a)
	if err == nil {
		t.vars, err = c.p.readIncluded(t.src, &a)
	}
	if err != nil {
		pos := t.src.ModulePos
		for _, x := range t.args {
			if x.name == "file" || x.name == "dir" {
				pos = x.pos
			}
		}
		c.errs.Add(pos, placeless(pos, err))
		c.loader.Lost.Everything()
		return
	}
	c.layer(t.vars.layer)
	for name := range t.vars.layer.Vars {
		c.loaded[name] = true
	}
}

// placeless gives an error without a place that of the argument.
func placeless(pos source.Pos, err error) error {
	switch e := err.(type) {
	case source.Errors:
		return e
	case *source.Error:
		if e.Pos.IsZero() {
			e.Pos = pos
		}
		return e
	}
	return source.Errorf(pos, "%v", err)
}

// readIncluded finds and reads the files that include_vars names.
func (p *Program) readIncluded(t *playbook.Task, a *varsArgs) (*includedVars, error) {
	files, err := p.varsFiles(t, a)
	if err != nil {
		return nil, err
	}
	out := &includedVars{}
	var all []source.Field
	for _, f := range files {
		fields, err := p.loader.Vars(f)
		if err != nil {
			return nil, err
		}
		out.files = append(out.files, p.abs(f))
		for _, x := range fields {
			all = slices.DeleteFunc(all, func(y source.Field) bool { return y.Key == x.Key })
			all = append(all, x)
		}
	}
	n := &source.Node{Kind: source.Map, Fields: all}
	if a.Name != "" {
		pos := t.Pos
		if len(all) > 0 {
			pos = all[0].KeyPos
		}
		n.Pos = pos
		n = &source.Node{Kind: source.Map, Pos: pos, Fields: []source.Field{{Key: a.Name, KeyPos: pos, Value: n}}}
	}
	out.layer = expr.NewLayer(expr.IncludeVars, "include_vars", n, nil)
	return out, nil
}

// varsFiles are the files that include_vars names, in the order in which they are read.
func (p *Program) varsFiles(t *playbook.Task, a *varsArgs) ([]string, error) {
	if a.Dir == "" {
		found, tried := p.loader.Search(t, "vars", a.File)
		if found == "" {
			for i := range tried {
				tried[i] = source.ShortName(tried[i])
			}
			return nil, &source.Error{Msg: "there is no file " + a.File + " on the controller", Hint: "looked for " + strings.Join(tried, ", ")}
		}
		return []string{found}, nil
	}
	dir := p.varsDir(t, a.Dir)
	if st, err := p.loader.Stat(dir); err != nil || !st.IsDir() {
		return nil, &source.Error{Msg: "there is no folder " + source.ShortName(dir) + " on the controller"}
	}
	w := &varsWalk{p: p, a: a, base: dir}
	if a.FilesMatching != "" {
		w.match = regexp.MustCompile(a.FilesMatching)
	}
	for _, x := range a.IgnoreFiles {
		re, err := regexp.Compile("(?:" + x + ")$")
		if err != nil {
			return nil, err
		}
		w.ignore = append(w.ignore, re)
	}
	err := w.folder(dir, 1)
	// as in Ansible, the folders in the order of their whole names
	sort.SliceStable(w.out, func(i, j int) bool { return path.Dir(w.out[i]) < path.Dir(w.out[j]) })
	return w.out, err
}

// varsDir is the folder that dir means: in vars/ of the role, else beside the file that names it.
func (p *Program) varsDir(t *playbook.Task, dir string) string {
	if t.Role == nil {
		return p.loader.Join(t.Dir, dir)
	}
	role := t.Role.Def.Dir
	if first, _, _ := strings.Cut(filepath.ToSlash(dir), "/"); first == "vars" {
		return p.loader.Join(role, dir)
	}
	return p.loader.Join(p.loader.Join(role, "vars"), dir)
}

// varsWalk goes through a folder of variable files.
type varsWalk struct {
	p      *Program
	a      *varsArgs
	base   string
	match  *regexp.Regexp
	ignore []*regexp.Regexp
	out    []string
}

func (w *varsWalk) folder(dir string, depth int) error {
	if w.a.Depth != 0 && depth > w.a.Depth {
		return nil
	}
	list, err := w.p.loader.ReadDir(dir)
	if err != nil {
		return source.OSError(dir, err)
	}
	for _, e := range list {
		path := w.p.loader.Join(dir, e.Name())
		st, err := w.p.loader.Stat(path)
		if err != nil {
			continue // a link to nowhere
		}
		if st.IsDir() {
			if err := w.folder(path, depth+1); err != nil {
				return err
			}
			continue
		}
		if w.match != nil && !w.match.MatchString(e.Name()) || slices.ContainsFunc(w.ignore, func(re *regexp.Regexp) bool { return re.MatchString(e.Name()) }) {
			continue
		}
		if !slices.Contains(w.a.Extensions, strings.TrimPrefix(filepath.Ext(e.Name()), ".")) {
			if w.a.IgnoreUnknown {
				continue
			}
			return (&source.Error{Msg: fmt.Sprintf("%s does not end in one of %s", source.ShortName(path), strings.Join(w.a.Extensions, ", "))}).
				WithHint("ignore_unknown_extensions: true passes over such files, ignore_files over some")
		}
		w.out = append(w.out, path)
	}
	return nil
}

// includeVars does the control of that name.
func (f *flight) includeVars(it *item, done func(bool, string, *value.Map)) {
	r := f.h.run
	vars := f.t.vars
	var a varsArgs
	if vars == nil {
		e, err := f.h.arguments(f, it)
		if err != nil || e.unknown != "" {
			it.err = err
			if err == nil {
				it.maybe = e.unknown
			}
			return
		}
		if it.err = json.Unmarshal(e.json, &a); it.err != nil {
			return
		}
		if vars, err = r.p.lateVars(f.t, &a); err != nil {
			it.fail(placeless(f.t.src.ModulePos, err))
			return
		}
	} else if it.err = json.Unmarshal(f.t.static, &a); it.err != nil {
		return
	}
	to := f.factsOf(it)
	files := value.List{}
	for _, x := range vars.files {
		files = append(files, x)
	}
	for name, d := range vars.layer.Vars {
		if a.HashBehaviour == "merge" {
			merged, err := f.merged(it, name, d)
			if err != nil {
				it.fail(err)
				return
			}
			d = merged
		}
		if to == f.h.env {
			it.setsFacts = append(it.setsFacts, setting{level: expr.IncludeVars, name: name, def: d})
		}
		to.SetDef(expr.IncludeVars, name, d)
	}
	done(false, "", value.MapOf("changed", false, "failed", false, "skipped", false, "ansible_included_var_files", files))
}

// merged is a definition merged into what the variable holds, when both are dicts.
func (f *flight) merged(it *item, name string, d *expr.Def) (*expr.Def, error) {
	ctx := f.h.context(it.env)
	res, err := d.Eval(ctx)
	if err != nil {
		return nil, err
	}
	old, ok, err := it.env.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	a, isMap := old.Value.(*value.Map)
	b, too := res.Value.(*value.Map)
	if !ok || !isMap || !too {
		return d, nil
	}
	return expr.ValueDef(mergeMaps(a, b), old.Taint.Merge(res.Taint)), nil
}

// mergeMaps is a with what b says in it, map by map.
func mergeMaps(a, b *value.Map) *value.Map {
	out := a.Clone()
	for i := range b.Len() {
		k, v := b.At(i)
		old, _ := out.Get(k)
		x, ok := old.(*value.Map)
		y, too := v.(*value.Map)
		if ok && too {
			v = mergeMaps(x, y)
		}
		out.Set(k, v)
	}
	return out
}

// lateVars reads what a computed include_vars names; each file's definitions
// are made once, so that hosts share them.
func (p *Program) lateVars(t *task, a *varsArgs) (*includedVars, error) {
	b, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	p.lateMu.Lock()
	defer p.lateMu.Unlock()
	key := lateKey{t, string(b)}
	if v := p.lateFiles[key]; v != nil {
		return v, nil
	}
	v, err := p.readIncluded(t.src, a)
	if err != nil {
		return nil, err
	}
	var errs source.Errors
	p.shape.Lock()
	defer p.shape.Unlock()
	for name, d := range v.layer.Vars {
		errs.Add(d.Pos, d.Compile())
		p.defs[name] = append(p.defs[name], d)
	}
	p.grown++
	if p.lateFiles == nil {
		p.lateFiles = map[lateKey]*includedVars{}
	}
	p.lateFiles[key] = v
	return v, errs.Err()
}
