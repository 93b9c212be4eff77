package playbook

import (
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/source"
)

// maxTasks bounds what imports and includes may unfold to, so that a few
// small files cannot become a billion tasks.
const maxTasks = 250_000

// Includes in includes are followed to any depth, but from the third on a file
// is unfolded so often only: then the rest is left to the run. All of it has been checked by then.
const (
	deepIncludes = 3
	maxUnfolds   = 50
)

// Options are what a Loader needs to know.
type Options struct {
	RolePaths []string                 // searched after the folders beside the playbook
	Builtin   fs.FS                    // the playbooks that come with the program, as NAME:/site.yml; may be nil
	Name      string                   // the NAME in such a path; "" means "mxplay"
	Modules   map[string]*modules.Task // every kind of task, by name

	// Static evaluates the name in an import that is no constant, such as
	// import_tasks: "{{ what }}.yml" with what from the command line. Nil refuses them.
	Static func(name *source.Node, at *Level) (string, error)
}

// Loader reads playbooks. It keeps what it has read, and is safe for use by
// several goroutines.
type Loader struct {
	opts  Options
	words *words
	known []string // names of modules, sorted

	Lost source.Lost // what mistakes kept from being read

	mu    sync.Mutex
	files map[string]*parsed
	defs  map[string]*Role // by folder
}

// parsed is a file that is read once, or the error that came of it.
type parsed struct {
	path string
	once sync.Once
	file *source.File
	node *source.Node
	err  error
	used bool // the loader has asked for it
}

func (p *parsed) read(l *Loader) {
	p.once.Do(func() {
		data, err := l.ReadFile(p.path)
		if err != nil {
			p.err = source.OSError(p.path, err)
			return
		}
		p.file = source.NewFile(source.ShortName(p.path), data)
		p.node, p.err = p.file.One()
	})
}

// New makes a Loader.
func New(opts Options) *Loader {
	if opts.Name == "" {
		opts.Name = "mxplay"
	}
	l := &Loader{opts: opts, words: table(), files: map[string]*parsed{}, defs: map[string]*Role{}}
	for name := range opts.Modules {
		l.known = append(l.known, name)
	}
	for _, name := range engineWords {
		if opts.Modules[name] == nil {
			l.known = append(l.known, name)
		}
	}
	sort.Strings(l.known)
	return l
}

// Playbook reads a playbook and everything that it names by constant names.
// The error is source.Errors: all mistakes of the site, sorted by place. What
// could be read beside them is there too; it is nil when nothing could.
func (l *Loader) Playbook(path string) (*Playbook, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ld := &load{Loader: l}
	pb := ld.playbook(l.clean(path))
	ld.working.Wait()
	return pb, ld.errs.Err()
}

func (l *load) playbook(path string) *Playbook {
	l.stack = []frame{{key: "playbook " + path, static: true, shown: filepath.Base(path)}}
	p := l.read(path)
	if p.err != nil {
		l.errs.Add(source.Pos{File: path}, p.err)
		return nil
	}
	return &Playbook{File: p.file, Plays: l.plays(p, path, nil)}
}

// Include reads what an include brings in once its name is known. It is for
// includes that are not Resolved; the result has the same Include with Tasks
// or Role filled, and t stays as it is. The error is source.Errors.
func (l *Loader) Include(t *Task, name string) (*Include, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ld := &load{Loader: l}
	inc := *t.Include
	ld.resolve(t, &inc, name)
	if err := ld.errs.Err(); err != nil {
		return nil, err
	}
	return &inc, nil
}

// Vars reads a file of variables. The error is source.Errors.
func (l *Loader) Vars(path string) ([]source.Field, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ld := &load{Loader: l}
	fields := ld.varsFile(l.clean(path))
	return fields, ld.errs.Err()
}

// load is one reading: it gathers the mistakes.
type load struct {
	*Loader
	errs  source.Errors
	count int  // tasks made so far
	full  bool // count went over the limit
	stack []frame
	times map[string]int // how often an include deep inside was unfolded

	working sync.WaitGroup // those that read ahead
}

// frame is one file or role on the way from the playbook to where we read.
type frame struct {
	key    string // what recurs when the key recurs
	static bool   // entered by an import, a dependency or roles:
	shown  string
}

// add collects an error of a node.
func (l *load) add(e *source.Error) *source.Error {
	l.errs = append(l.errs, e)
	return e
}

// read reads a YAML file with one document.
func (l *Loader) read(path string) *parsed {
	p := l.files[path]
	if p == nil {
		p = &parsed{path: path}
		l.files[path] = p
	}
	p.read(l)
	if p.err != nil && !p.used {
		if p.file == nil {
			l.Lost.Everything()
		} else {
			l.Lost.Text(string(p.file.Data))
		}
	}
	p.used = true
	return p
}

// didYouMean is a hint that names the nearest of some words, "" when none is near.
func didYouMean(word string, names ...[]string) string {
	var all []string
	for _, n := range names {
		all = append(all, n...)
	}
	if near := source.DidYouMean(word, all); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// constant is the text of a scalar that holds no template.
func constant(n *source.Node) (string, bool) {
	if n.IsNull() || n.Kind != source.Scalar {
		return "", false
	}
	if s, ok := n.Value.(string); ok {
		return s, n.Unsafe || !templated(s)
	}
	return n.Raw, true
}

func templated(s string) bool {
	i := strings.IndexByte(s, '{')
	return i >= 0 && (strings.Contains(s[i:], "{{") || strings.Contains(s[i:], "{%") || strings.Contains(s[i:], "{#"))
}

// isYAML tells whether a name is one of a YAML or JSON file.
func isYAML(name string) bool {
	switch filepath.Ext(name) {
	case ".yml", ".yaml", ".json":
		return true
	}
	return false
}
