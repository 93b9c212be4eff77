package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// made is content as it goes into a call.
type made struct {
	content *modules.Content // nil: the argument is left out
	unknown bool
	taint   *expr.Taint
	opaque  bool   // a secret went into it that does not stand there as it is
	done    func() // lets go of what is held for the agent; may be nil
}

// content makes what lives on the controller: a file, a rendered template, a text, a written-out data structure.
func (h *host) content(t *task, a *arg, env *expr.Env, plain map[string]value.Value) (*made, error) {
	res, err := a.value.Eval(h.context(env))
	if err != nil || res.Omitted() {
		return &made{}, err
	}
	if res.Unknown || expr.HasUnknown(res.Value) {
		return &made{unknown: true}, nil
	}
	var data []byte
	switch a.field.Type.From {
	case "text":
		s, err := toString(res.Value, "")
		if err != nil {
			if j, jerr := value.JSON(res.Value); jerr == nil {
				s, err = string(j), nil
			}
		}
		if err != nil {
			return nil, err
		}
		data = []byte(s.(string))
	case "yaml":
		data, err = source.EmitYAML(res.Value, 2)
	case "json":
		data, err = niceJSON(res.Value)
	default:
		path, ok := res.Value.(string)
		if !ok {
			return nil, mismatch("the name of a file", res.Value)
		}
		if r := a.field.Type.Remote; r != "" && isTrue(plain[r], t.mod.Args.Field(r).Default) {
			return &made{content: &modules.Content{Name: path}, taint: res.Taint.Flat()}, nil
		}
		if a.field.Type.From == "script" {
			return h.script(t, a, env, path, res.Taint)
		}
		return h.fileContent(t, a, env, path, plain)
	}
	if err != nil {
		return nil, err
	}
	return h.run.content(a.name, data, res.Taint.Flat()), nil
}

// isTrue tells whether a boolean argument is true, given or by its default.
func isTrue(v value.Value, otherwise string) bool {
	if v == nil {
		return otherwise == "true"
	}
	return v == true
}

// content makes content of data that secrets may have gone into.
func (r *run) content(name string, data []byte, taint *expr.Taint) *made {
	c, done := r.store.bytes(name, data)
	m := &made{content: &c, taint: taint, done: done}
	for _, s := range taint.All() {
		var find report.Redactor
		find.Add(s)
		m.opaque = m.opaque || !strings.Contains(string(data), s) && !find.Has(string(data))
	}
	return m
}

// fileContent is a file of the controller, rendered when it is a template.
func (h *host) fileContent(t *task, a *arg, env *expr.Env, name string, plain map[string]value.Value) (*made, error) {
	from := a.field.Type.From
	f := a.file
	if f == nil || from != "template" {
		path, err := t.find(h.run.p, from, name)
		if err != nil {
			return nil, err
		}
		if st, err := h.run.p.loader.Stat(path); err == nil && st.IsDir() && a.field.Type.Folder {
			return h.run.folder(path, name)
		}
		if f, err = h.run.p.file(path, from == "template"); err != nil {
			return nil, err
		}
	}
	info, err := h.run.p.loader.Stat(f.path)
	if err != nil {
		return nil, source.OSError(f.path, err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder", name)
	}
	if from == "archive" {
		return h.archive(f.path, plain)
	}
	m := &made{}
	if f.tmpl != nil {
		env = env.With(h.templateVars(f.path, plain))
		res, err := f.tmpl.Render(h.context(env))
		if err != nil {
			return nil, err
		}
		if res.Unknown {
			return &made{unknown: true}, nil
		}
		m = h.run.content(f.path, []byte(value.Text(res.Value)), res.Taint)
	} else if m.content, m.done, err = h.run.bytesOf(f.path, info.Size()); err != nil {
		return nil, err
	}
	m.content.Name, m.content.Mode = source.ShortName(f.path), fmt.Sprintf("%04o", info.Mode().Perm())
	return m, nil
}

// script is a script of the controller with the arguments behind its name.
func (h *host) script(t *task, a *arg, env *expr.Env, line string, taint *expr.Taint) (*made, error) {
	name, rest := scriptWords(line)
	m, err := h.fileContent(t, a, env, name, nil)
	if err == nil {
		m.content.Args, m.taint = rest, taint.Flat()
	}
	return m, err
}

// scriptWords parts the name of a script, which may be quoted, from what follows it.
func scriptWords(line string) (name, rest string) {
	line = strings.TrimSpace(line)
	if line != "" && strings.ContainsRune(`'"`, rune(line[0])) {
		if name, rest, ok := strings.Cut(line[1:], line[:1]); ok {
			return name, strings.TrimSpace(rest)
		}
	}
	if i := strings.IndexAny(line, " \t\n"); i >= 0 {
		return line[:i], strings.TrimSpace(line[i:])
	}
	return line, ""
}

// templateVars are the variables that only a template file sees.
func (h *host) templateVars(path string, plain map[string]value.Value) *expr.Layer {
	host, _ := os.Hostname()
	return defs(expr.Magic, map[string]value.Value{
		"template_path": path, "template_fullpath": path, "template_host": host, "template_destpath": value.Text(plain["dest"]),
		"template_uid": fmt.Sprint(os.Getuid()), "template_run_date": h.run.started.Format("2006-01-02 15:04:05"),
	})
}

// shippedFile is a file of the playbooks that come with the program; nil when it is on disk.
func (p *Program) shippedFile(path string) ([]byte, error) {
	if p.opts.Shipped == nil || !strings.HasPrefix(path, p.opts.ShippedName+":/") {
		return nil, nil
	}
	return p.loader.ReadFile(path)
}

// loadTemplate finds a template file that another one, or a text, names: in the
// folders of the task, in each first in its folder templates, then beside the file that names it.
func (p *Program) loadTemplate(name string, from *expr.Template, dirs []string) (*expr.Template, error) {
	p.mu.Lock()
	beside, ok := p.stands[from]
	p.mu.Unlock()
	dirs = slices.Clip(dirs)
	if ok {
		dirs = append(dirs, filepath.Dir(beside))
	}
	if filepath.IsAbs(name) {
		dirs = []string{""}
	}
	var tried []string
	for _, d := range dirs {
		for _, path := range []string{p.loader.Join(p.loader.Join(d, "templates"), name), p.loader.Join(d, name)} {
			if slices.Contains(tried, path) {
				continue
			}
			tried = append(tried, path)
			if info, err := p.loader.Stat(path); err != nil || info.IsDir() {
				continue
			}
			f, err := p.file(path, true)
			if err != nil {
				return nil, err
			}
			return f.tmpl, nil
		}
	}
	for i := range tried {
		tried[i] = source.ShortName(tried[i])
	}
	return nil, &noTemplate{source.Error{Msg: "there is no template " + name, Hint: "looked for " + strings.Join(tried, ", ")}}
}

// noTemplate is the error of a template file that is not there.
type noTemplate struct{ is source.Error }

func (e *noTemplate) Error() string        { return e.is.Msg }
func (e *noTemplate) Is(target error) bool { return target == fs.ErrNotExist }
func (e *noTemplate) Unwrap() error        { return &e.is }

func niceJSON(v value.Value) ([]byte, error) {
	b, err := value.JSON(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
