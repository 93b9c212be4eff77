package expr

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// pathFunctions are those on paths; realpath, expanduser and the questions
// about files look at the controller.
func pathFunctions() []*Function {
	text := p("path", KString)
	simple := func(name, doc, in, out string, f func(string) string) *Function {
		return &Function{Name: name, Params: []Param{text}, Result: KString, Doc: doc, Example: []string{in, out},
			call: func(c *call) (value.Value, error) { return f(c.str(0)), nil }}
	}
	question := func(name, what string, f func(os.FileInfo) bool) *Function {
		return &Function{Name: name, Params: []Param{text}, Result: KBool, impure: true, Doc: "whether path is " + what + " on the controller.",
			call: func(c *call) (value.Value, error) {
				info, err := os.Stat(c.findFile(c.str(0)))
				return err == nil && f(info), nil
			}}
	}
	return []*Function{
		simple("basename", "the last part of a path.", `basename("/a/b.c")`, `"b.c"`, func(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }),
		simple("dirname", "a path without its last part.", `dirname("/a/b.c")`, `"/a"`, func(s string) string {
			head := s[:strings.LastIndexByte(s, '/')+1]
			if t := strings.TrimRight(head, "/"); t != "" {
				return t
			}
			return head
		}),
		{Name: "splitext", Params: []Param{text}, Result: KList, Doc: "a path and its ending.", Example: []string{`splitext("/a/b.c")`, `["/a/b", ".c"]`},
			call: func(c *call) (value.Value, error) {
				s := c.str(0)
				base := s[strings.LastIndexByte(s, '/')+1:]
				i := strings.LastIndexByte(base, '.')
				if i <= 0 || strings.Trim(base[:i], ".") == "" {
					return value.List{s, ""}, nil
				}
				cut := len(s) - len(base) + i
				return value.List{s[:cut], s[cut:]}, nil
			}},
		{Name: "path_join", Params: []Param{p("parts", KList|KString), rest("more", KString)}, Result: KString, Doc: "the parts as one path; an absolute part begins anew.", Example: []string{`path_join(["/a", "b"])`, `"/a/b"`, `path_join("a", "/b")`, `"/b"`},
			call: func(c *call) (value.Value, error) {
				var parts []string
				if l, ok := c.args[0].(value.List); ok {
					for _, e := range l {
						parts = append(parts, value.Text(e))
					}
				} else {
					parts = append(parts, c.str(0))
				}
				for i := 1; i < len(c.args); i++ {
					parts = append(parts, c.str(i))
				}
				out := ""
				for _, s := range parts {
					switch {
					case strings.HasPrefix(s, "/") || out == "":
						out = s
					case strings.HasSuffix(out, "/"):
						out += s
					default:
						out += "/" + s
					}
				}
				return out, nil
			}},
		{Name: "commonpath", Params: []Param{p("paths", KList)}, Result: KString, Doc: "the longest path that all paths begin with.", Example: []string{`commonpath(["/a/b", "/a/c"])`, `"/a"`},
			call: func(c *call) (value.Value, error) {
				var common []string
				for i, e := range c.list(0) {
					parts := strings.Split(path.Clean(value.Text(e)), "/")
					if i == 0 {
						common = parts
					}
					n := 0
					for n < len(common) && n < len(parts) && common[n] == parts[n] {
						n++
					}
					common = common[:n]
				}
				if len(common) == 1 && common[0] == "" {
					return "/", nil
				}
				return strings.Join(common, "/"), nil
			}},
		{Name: "relpath", Params: []Param{text, opt("start", KString, "the working directory")}, Result: KString, Doc: "path as seen from start.", Example: []string{`relpath("/a/b", "/a/c")`, `"../b"`},
			call: func(c *call) (value.Value, error) {
				abs := func(s string) string { a, _ := filepath.Abs(s); return a }
				r, err := filepath.Rel(abs(c.strOr(1, ".")), abs(c.str(0)))
				return r, err
			}},
		{Name: "realpath", Params: []Param{text}, Result: KString, impure: true, Doc: "path on the controller without links.", Example: []string{`realpath("/")`, `"/"`},
			call: func(c *call) (value.Value, error) {
				a, err := filepath.Abs(c.str(0))
				if err != nil {
					return nil, err
				}
				if r, err := filepath.EvalSymlinks(a); err == nil {
					return r, nil
				}
				return a, nil
			}},
		{Name: "expanduser", Params: []Param{text}, Result: KString, impure: true, Doc: "path with ~ replaced by the home directory of who runs mxplay.", Example: []string{`expanduser("/a")`, `"/a"`},
			call: func(c *call) (value.Value, error) { return expandHome(c.str(0)), nil }},
		question("exists", "there", func(os.FileInfo) bool { return true }),
		question("is_file", "a file", func(i os.FileInfo) bool { return i.Mode().IsRegular() }),
		question("is_dir", "a directory", os.FileInfo.IsDir),
		{Name: "first_found", Params: []Param{p("paths", KList|KString), opt("dirs", KList, "the usual ones")}, Result: KString, impure: true,
			Doc:     "the first of the paths that is there on the controller; undefined when none is.",
			Example: []string{`first_found(["/nope", "/"])`, `"/"`},
			call:    callFirstFound},
		{Name: "fileglob", Params: []Param{p("pattern", KString)}, Result: KList, impure: true, Doc: "the files on the controller that a pattern with * and ? matches, sorted.", Example: []string{`fileglob("/nope/*")`, `[]`},
			call: func(c *call) (value.Value, error) {
				found := value.List{}
				for _, dir := range c.dirs() {
					pat := expandHome(c.str(0))
					if !filepath.IsAbs(pat) {
						pat = filepath.Join(dir, pat)
					}
					m, err := filepath.Glob(pat)
					if err != nil {
						return nil, c.errorf("%s", err)
					}
					slices.Sort(m)
					for _, f := range m {
						if i, err := os.Stat(f); err == nil && i.Mode().IsRegular() {
							found = append(found, f)
						}
					}
					if len(found) > 0 {
						break
					}
				}
				return found, nil
			}},
	}
}

func expandHome(s string) string {
	if s == "~" || strings.HasPrefix(s, "~/") {
		if h, err := os.UserHomeDir(); err == nil {
			return h + s[1:]
		}
	}
	return s
}

// dirs are where files of the controller are looked for.
func (c *call) dirs() []string {
	if len(c.ev.ctx.Dirs) == 0 {
		return []string{"."}
	}
	return c.ev.ctx.Dirs
}

// findFile is the path of a file: the first directory that has it, else the first directory.
func (c *call) findFile(name string) string {
	name = expandHome(name)
	if filepath.IsAbs(name) {
		return name
	}
	for _, d := range c.dirs() {
		for _, sub := range []string{"", "files", "templates"} {
			f := filepath.Join(d, sub, name)
			if _, err := os.Stat(f); err == nil {
				return f
			}
		}
	}
	return filepath.Join(c.dirs()[0], name)
}

func callFirstFound(c *call) (value.Value, error) {
	names := c.list(0)
	if s, ok := c.args[0].(string); ok {
		names = value.List{s}
	}
	var dirs []string
	if c.has(1) {
		for _, d := range c.list(1) {
			dirs = append(dirs, value.Text(d))
		}
	}
	for _, n := range names {
		s, ok := n.(string)
		if !ok {
			return nil, c.errorf("%s is no path", describe(n))
		}
		tries := []string{c.findFile(s)}
		if dirs != nil {
			tries = nil
			for _, d := range dirs {
				tries = append(tries, c.findFile(filepath.Join(d, s)))
			}
		}
		for _, f := range tries {
			if _, err := os.Stat(f); err == nil {
				return f, nil
			}
		}
	}
	return &undefined{n: c.n, o: c.ev.o, why: "none of the files is there"}, nil
}
