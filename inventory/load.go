package inventory

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"syscall"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
)

// Options are what Load can be told.
type Options struct {
	// Decrypt opens a variable file that is encrypted as a whole; without it
	// such a file is an error.
	Decrypt func(path string, data []byte) ([]byte, error)
	// Extra are the variables of the command line, which a constructed source
	// may ask for; may be nil.
	Extra *expr.Layer
}

// Load reads inventory sources in their order; what a later one says about a
// host or group adds to the earlier ones, and its variables win. A source is a
// file in INI or YAML, a program, a folder of these, or host names with commas
// between ("a," is one host). The error holds all mistakes found; the
// inventory is what could be read beside them, to find more.
func Load(sources []string, o Options) (*Inventory, error) {
	inv := newInventory()
	inv.decrypt, inv.extra = o.Decrypt, o.Extra
	var errs source.Errors
	for _, s := range sources {
		if s == "" {
			continue
		}
		errs.Add(source.Pos{File: s}, inv.source(s, true))
	}
	inv.finish()
	return inv, errs.Err()
}

// fileName tells whether a name was meant as that of a file, not of a host.
func fileName(name string) bool {
	switch filepath.Ext(name) {
	case ".ini", ".yml", ".yaml", ".json", ".cfg", ".txt", ".py", ".sh":
		return true
	}
	return name == "hosts" || name == "inventory"
}

// source reads one source; top is false inside a folder.
func (inv *Inventory) source(path string, top bool) error {
	fi, err := os.Stat(path)
	if err != nil {
		// a long list of hosts is too long for a file's name
		if strings.Contains(path, ",") && (os.IsNotExist(err) || errors.Is(err, syscall.ENAMETOOLONG)) {
			return inv.list(path)
		}
		e := source.OSError(path, err)
		if _, _, ok := parseAddress(path); ok && os.IsNotExist(err) && !strings.Contains(path, "/") {
			e.Hint = "a list of hosts needs a comma: -i " + path + ","
			if fileName(path) {
				e.Hint = "write it first, a host a line: web1 ansible_host=192.0.2.1; or name hosts right here: -i web1,web2"
			}
		}
		return e
	}
	if fi.IsDir() {
		if top {
			inv.addDir(path)
		}
		return inv.folder(path)
	}
	if top {
		inv.addDir(filepath.Dir(path))
	}
	defer inv.wasRead(filepath.Dir(path))
	if fi.Mode()&0o111 != 0 && program(path) {
		return readScript(inv, path)
	}
	f, err := source.Open(path)
	if err != nil {
		return err
	}
	return inv.file(f, path)
}

// wasRead notes the folder of a source, whose variable files a constructed
// source after it may see.
func (inv *Inventory) wasRead(dir string) {
	for _, d := range inv.readDirs {
		if d == dir {
			return
		}
	}
	inv.readDirs = append(inv.readDirs, dir)
}

// addDir notes a folder whose group_vars and host_vars count. One that comes
// again wins over those between.
func (inv *Inventory) addDir(dir string) {
	for i, d := range inv.dirs {
		if d == dir {
			inv.dirs = append(inv.dirs[:i:i], inv.dirs[i+1:]...)
			break
		}
	}
	inv.dirs = append(inv.dirs, dir)
}

var (
	ignoredName = regexp.MustCompile(`^\.|^(?:host_vars|group_vars|vars_plugins)$`)
	ignoredEnds = []string{".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"}
)

func ignored(name string) bool {
	for _, e := range ignoredEnds {
		if strings.HasSuffix(name, e) {
			return true
		}
	}
	return ignoredName.MatchString(name)
}

func (inv *Inventory) folder(path string) error {
	list, err := os.ReadDir(path)
	if err != nil {
		return source.OSError(path, err)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	var errs source.Errors
	for _, e := range list {
		if !ignored(e.Name()) {
			errs.Add(source.Pos{File: path}, inv.source(filepath.Join(path, e.Name()), false))
		}
	}
	return errs.Err()
}

// program tells whether a file with the x bit is one: a YAML file on a file
// system that gives the bit to all is not.
func program(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4)
	n, _ := f.Read(head)
	head = head[:n]
	for _, magic := range []string{"#!", "\x7fELF", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// list reads "a,b," into ungrouped.
func (inv *Inventory) list(s string) error {
	var errs source.Errors
	p := source.Pos{}
	for name := range strings.SplitSeq(s, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		host, port, ok := parseAddress(name)
		switch {
		case strings.Contains(host, "["):
			errs.Add(p, source.Errorf(p, "a range such as %s is not expanded in a list of hosts", name).WithHint("name each host"))
		case !ok && strings.ContainsAny(name, "/\\"):
			errs.Add(p, source.Errorf(p, "%s is neither a host nor a file that is there", name))
		case inv.hosts[host] == nil:
			inv.host(host, inv.groups["ungrouped"], port, s, p).inList = true
		}
	}
	return errs.Err()
}

// yamlLike is a line that begins a YAML inventory.
var yamlLike = regexp.MustCompile(`(?m)^(?:---|[\w"'-]+:)[ \t]*(?:#.*)?\r?$`)

// file reads a file as YAML or INI: by its name, and by its content when the
// name says nothing.
func (inv *Inventory) file(f *source.File, src string) error {
	switch ext := filepath.Ext(src); ext {
	case ".yml", ".yaml", ".json":
		return inv.yaml(f, src)
	case "":
		if iniSection.Match(bytes.TrimSpace(firstLine(f.Data))) {
			return readINI(inv, f, src)
		}
		root, err := f.One()
		switch {
		case err == nil && root.Kind == source.Map:
			return readYAML(inv, root, src)
		case err != nil && yamlLike.Match(firstLine(f.Data)):
			return err
		}
		return readINI(inv, f, src)
	case ".toml":
		return source.Errorf(source.Pos{File: f.Name}, "an inventory in TOML is not known").WithHint("write it as YAML or INI")
	}
	return readINI(inv, f, src)
}

func (inv *Inventory) yaml(f *source.File, src string) error {
	root, err := f.One()
	if err != nil {
		var e *source.Error
		if errors.As(err, &e) && bytes.HasPrefix(firstLine(f.Data), []byte("[")) && e.Hint == "" {
			e.Hint = "an INI inventory has a name without .yml"
		}
		return err
	}
	return readYAML(inv, root, src)
}

// firstLine is the first line that says something.
func firstLine(data []byte) []byte {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		if t := bytes.TrimSpace(line); len(t) > 0 && t[0] != '#' && t[0] != ';' {
			return line
		}
		data = rest
	}
	return nil
}
