package expr

import (
	"cmp"
	"errors"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

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
	question := func(name, what, in, out string, f func(os.FileInfo) bool) *Function {
		return &Function{Name: name, Params: []Param{text}, Result: KBool, impure: true, Doc: "whether path is " + what + " on the controller.", Example: []string{in, out},
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
		simple("normpath", "path without ., .. and double slashes; nothing is looked up.", `normpath("/a/./b/../c//d")`, `"/a/c/d"`, normpath),
		simple("win_basename", "the last part of a path of Windows.", `win_basename("C:\\a\\b.txt")`, `"b.txt"`, func(s string) string { return s[strings.LastIndexAny(s, `/\:`)+1:] }),
		simple("win_dirname", "a path of Windows without its last part.", `win_dirname("C:\\a\\b.txt")`, `"C:\\a"`, func(s string) string {
			head := s[:strings.LastIndexAny(s, `/\:`)+1]
			if t := strings.TrimRight(head, `/\`); t != "" && !strings.HasSuffix(t, ":") {
				return t
			}
			return head
		}),
		{Name: "win_splitdrive", Params: []Param{text}, Result: KList, Doc: "the drive of a path of Windows, and the rest.", Example: []string{`win_splitdrive("C:\\a")`, `["C:", "\\a"]`},
			call: func(c *call) (value.Value, error) {
				s := c.str(0)
				if len(s) > 1 && s[1] == ':' {
					return value.List{s[:2], s[2:]}, nil
				}
				return value.List{"", s}, nil
			}},
		{Name: "expandvars", Params: []Param{text}, Result: KString, impure: true, Doc: "path with $NAME and ${NAME} replaced by variables of the environment of mxplay; unknown ones stay.", Example: []string{`expandvars("/x/$MXPLAY_NOT_SET/y")`, `"/x/$MXPLAY_NOT_SET/y"`},
			call: func(c *call) (value.Value, error) {
				return shellVar.ReplaceAllStringFunc(c.str(0), func(m string) string {
					if v, ok := os.LookupEnv(strings.Trim(m, "${}")); ok {
						return v
					}
					return m
				}), nil
			}},
		{Name: "is_abs", Params: []Param{text}, Result: KBool, Doc: "whether path begins at the root.", Example: []string{`is_abs("/etc")`, `true`},
			call: func(c *call) (value.Value, error) { return strings.HasPrefix(c.str(0), "/"), nil }},
		{Name: "is_link", Params: []Param{text}, Result: KBool, impure: true, Doc: "whether path is a symbolic link on the controller.", Example: []string{`is_link("/")`, `false`},
			call: func(c *call) (value.Value, error) {
				info, err := os.Lstat(c.findFile(c.str(0)))
				return err == nil && info.Mode()&os.ModeSymlink != 0, nil
			}},
		{Name: "is_mount", Params: []Param{text}, Result: KBool, impure: true, Doc: "whether a file system is mounted at path on the controller.", Example: []string{`is_mount("/")`, `true`},
			call: func(c *call) (value.Value, error) { return isMount(c.findFile(c.str(0))), nil }},
		{Name: "same_file", Params: []Param{text, p("other", KString)}, Result: KBool, impure: true, Doc: "whether both paths are the same file on the controller.", Example: []string{`same_file("/", "/.")`, `true`},
			call: func(c *call) (value.Value, error) {
				a, err := os.Stat(c.findFile(c.str(0)))
				b, err2 := os.Stat(c.findFile(c.str(1)))
				if err := errors.Join(err, err2); err != nil {
					return nil, c.errorf("%s", err)
				}
				return os.SameFile(a, b), nil
			}},
		question("exists", "there", `exists("nowhere")`, "false", func(os.FileInfo) bool { return true }),
		question("is_file", "a file", `is_file("motd")`, "true", func(i os.FileInfo) bool { return i.Mode().IsRegular() }),
		question("is_dir", "a directory", `is_dir("/")`, "true", os.FileInfo.IsDir),
		{Name: "first_found", Params: []Param{p("paths", KList|KString|KMap), opt("dirs", KList|KString, "the usual ones")}, Result: KString, impure: true,
			Doc:     "the first of the paths that is there on the controller; undefined when none is. A map in place of a path has files and paths, where these are looked for.",
			Example: []string{`first_found(["/nope", "/"])`, `"/"`},
			call:    callFirstFound},
		{Name: "fileglob", Params: []Param{p("pattern", KString)}, Result: KList, impure: true, Doc: "the files on the controller that a pattern with * and ? matches, sorted.", Example: []string{`fileglob("/nope/*")`, `[]`},
			call: func(c *call) (value.Value, error) {
				found := value.List{}
				pat := expandHome(c.str(0))
				tries := []string{pat}
				if !filepath.IsAbs(pat) {
					tries = nil
					for _, dir := range c.dirs() {
						tries = append(tries, filepath.Join(dir, "files", pat), filepath.Join(dir, pat))
					}
				}
				for _, pat := range tries {
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

var shellVar = regexp.MustCompile(`\$(?:[A-Za-z0-9_]+|\{[^}]*\})`)

// normpath is Python's: two leading slashes stay, the empty path is ".".
func normpath(s string) string {
	if s == "" {
		return "."
	}
	clean := path.Clean(s)
	if strings.HasPrefix(s, "//") && !strings.HasPrefix(s, "///") {
		clean = "/" + clean
	}
	return clean
}

// isMount tells whether a directory and that above it are on different file systems.
func isMount(dir string) bool {
	var a, b syscall.Stat_t
	if syscall.Lstat(dir, &a) != nil || syscall.Lstat(filepath.Join(dir, ".."), &b) != nil || a.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		return false
	}
	return a.Dev != b.Dev || a.Ino == b.Ino
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

// playbookDir is where the playbook stands: relative to it files are written and commands run.
func (c *call) playbookDir() string {
	d := c.dirs()
	return d[len(d)-1]
}

// findFile is the path of a file: in the folder of the role whose task this is,
// in those of the roles that brought it in, in that of the task, and in the
// playbook's; in each first in its folder files. When none has it, it is the playbook's.
func (c *call) findFile(name string) string { return c.findIn(name, "files") }

// findIn is findFile with another folder than files to look in first.
func (c *call) findIn(name, kind string) string {
	name = expandHome(name)
	if filepath.IsAbs(name) {
		return name
	}
	for _, d := range c.dirs() {
		for _, sub := range []string{kind, "files", "", "templates"} {
			f := filepath.Join(d, sub, name)
			if _, err := os.Stat(f); err == nil {
				return f
			}
		}
	}
	return filepath.Join(c.playbookDir(), name)
}

func callFirstFound(c *call) (value.Value, error) {
	var tries []string
	kind := cmp.Or(c.ev.ctx.Kind, "files")
	take := func(files []string, dirs []string) {
		for _, f := range files {
			if dirs == nil {
				tries = append(tries, c.findIn(f, kind))
			}
			for _, d := range dirs {
				tries = append(tries, c.findIn(filepath.Join(d, f), kind))
			}
		}
	}
	var outer []string
	if c.has(1) {
		var err error
		if outer, err = c.texts(1); err != nil {
			return nil, err
		}
	}
	names, isList := c.args[0].(value.List)
	if !isList {
		names = value.List{c.args[0]}
	}
	for _, n := range names {
		switch n := n.(type) {
		case string:
			take([]string{n}, outer)
		case *value.Map:
			files, dirs, bad := foundMap(n)
			if bad != "" {
				return nil, c.errorf("%s", bad)
			}
			take(files, dirs)
		default:
			return nil, c.errorf("%s is no path", describe(n))
		}
	}
	for _, f := range tries {
		if _, err := os.Stat(f); err == nil {
			return f, nil
		}
	}
	return &undefined{n: c.n, o: c.ev.o, why: "none of the files is there"}, nil
}

// foundMap reads files and paths, each a list or a text with commas.
func foundMap(m *value.Map) (files, dirs []string, bad string) {
	for i := range m.Len() {
		k, v := m.At(i)
		var to *[]string
		switch k {
		case "files":
			to = &files
		case "paths":
			to = &dirs
		case "skip": // undefined is what default() is for
			continue
		default:
			return nil, nil, k + " has no meaning here: files, paths"
		}
		switch v := v.(type) {
		case string:
			*to = append(*to, strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ';' })...)
		case value.List:
			for _, e := range v {
				*to = append(*to, value.Text(e))
			}
		default:
			return nil, nil, k + " is " + describe(v) + ", not a list"
		}
	}
	return files, dirs, ""
}
