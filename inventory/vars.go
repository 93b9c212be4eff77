package inventory

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// Level says where variables were set; a higher one wins.
type Level int

// The levels, low to high.
const (
	AllVars             Level = iota // of group all, in an inventory source
	GroupVars                        // of the other groups, in an inventory source
	AllInventoryFiles                // group_vars/all beside the inventory
	AllPlaybookFiles                 // group_vars/all beside the playbook
	GroupInventoryFiles              // group_vars/NAME beside the inventory
	GroupPlaybookFiles               // group_vars/NAME beside the playbook
	HostVars                         // of the host, in an inventory source
	HostInventoryFiles               // host_vars/NAME beside the inventory
	HostPlaybookFiles                // host_vars/NAME beside the playbook
)

var levelNames = [...]string{
	"inventory, group all", "inventory, group", "group_vars/all beside the inventory", "group_vars/all beside the playbook",
	"group_vars beside the inventory", "group_vars beside the playbook", "inventory, host", "host_vars beside the inventory", "host_vars beside the playbook",
}

func (l Level) String() string { return levelNames[l] }

// Layer is what one place says. Hosts share the maps of their groups: they
// are not to be changed.
type Layer struct {
	Level Level
	Name  string // the group or host
	File  string // the file, where the level is one of files
	Vars  Vars
}

type layerKey struct {
	groups, playbook string
}

// fileVars are the variables of one group or host in one folder.
type fileVars struct {
	layers []Layer // one a file, without level and name
	err    error
}

// Layers are a host's variables, lowest level first: a name in a later layer
// hides the same name in an earlier one. Beside the playbook means in
// playbookDir; "" is nowhere. A file is read when the first host needs it, and
// once. Beside an error there are the layers that could be read.
func (inv *Inventory) Layers(h *Host, playbookDir string) ([]Layer, error) {
	inv.growing.RLock()
	defer inv.growing.RUnlock()
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var errs source.Errors
	shared, err := inv.groupLayers(h, playbookDir)
	errs.Add(source.Pos{}, err)
	out := append(make([]Layer, 0, len(shared)+3), shared...)
	if len(h.Vars) > 0 {
		out = append(out, Layer{Level: HostVars, Name: h.Name, Vars: h.Vars})
	}
	if strings.HasPrefix(h.Name, "/") {
		return out, errs.Err()
	}
	for _, dir := range inv.dirs {
		out = inv.addFiles(out, &errs, HostInventoryFiles, dir, "host_vars", h.Name)
	}
	if inv.beside(playbookDir) {
		out = inv.addFiles(out, &errs, HostPlaybookFiles, playbookDir, "host_vars", h.Name)
	}
	return out, errs.Err()
}

// Vars are a host's variables with the levels put together.
func (inv *Inventory) Vars(h *Host, playbookDir string) (Vars, error) {
	layers, err := inv.Layers(h, playbookDir)
	if err != nil {
		return nil, err
	}
	out := Vars{}
	for _, l := range layers {
		for k, v := range l.Vars {
			out[k] = v
		}
	}
	return out, nil
}

// beside tells whether a playbook's folder is to be looked into: not when it is
// the last of the inventory's own, whose files have been read then.
func (inv *Inventory) beside(dir string) bool {
	if dir == "" {
		return false
	}
	return len(inv.dirs) == 0 || !sameDir(inv.dirs[len(inv.dirs)-1], dir)
}

func sameDir(a, b string) bool {
	x, err1 := filepath.Abs(a)
	y, err2 := filepath.Abs(b)
	return err1 == nil && err2 == nil && x == y
}

// groupLayers are the layers of a host's groups, shared by all hosts of the
// same groups.
func (inv *Inventory) groupLayers(h *Host, playbookDir string) ([]Layer, error) {
	var b strings.Builder
	for _, g := range h.member {
		b.WriteString(strconv.Itoa(g.index))
		b.WriteByte(' ')
	}
	key := layerKey{b.String(), playbookDir}
	if out, ok := inv.layers[key]; ok {
		return out, nil
	}
	var errs source.Errors
	var out []Layer
	all := inv.groups["all"]
	if len(all.Vars) > 0 {
		out = append(out, Layer{Level: AllVars, Name: "all", Vars: all.Vars})
	}
	for _, g := range h.member {
		if len(g.Vars) > 0 {
			out = append(out, Layer{Level: GroupVars, Name: g.Name, Vars: g.Vars})
		}
	}
	add := func(level Level, dir string, groups []*Group) {
		for _, g := range groups {
			out = inv.addFiles(out, &errs, level, dir, "group_vars", g.Name)
		}
	}
	for _, dir := range inv.dirs {
		add(AllInventoryFiles, dir, []*Group{all})
	}
	if inv.beside(playbookDir) {
		add(AllPlaybookFiles, playbookDir, []*Group{all})
	}
	for _, dir := range inv.dirs {
		add(GroupInventoryFiles, dir, h.member)
	}
	if inv.beside(playbookDir) {
		add(GroupPlaybookFiles, playbookDir, h.member)
	}
	if err := errs.Err(); err != nil {
		return out, err
	}
	inv.layers[key] = out
	return out, nil
}

// GroupLayers are what a group itself sets, lowest level first.
func (inv *Inventory) GroupLayers(g *Group, playbookDir string) ([]Layer, error) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	levels := [...]Level{GroupVars, GroupInventoryFiles, GroupPlaybookFiles}
	if g.Name == "all" {
		levels = [...]Level{AllVars, AllInventoryFiles, AllPlaybookFiles}
	}
	var errs source.Errors
	var out []Layer
	if len(g.Vars) > 0 {
		out = append(out, Layer{Level: levels[0], Name: g.Name, Vars: g.Vars})
	}
	for _, dir := range inv.dirs {
		out = inv.addFiles(out, &errs, levels[1], dir, "group_vars", g.Name)
	}
	if inv.beside(playbookDir) {
		out = inv.addFiles(out, &errs, levels[2], playbookDir, "group_vars", g.Name)
	}
	return out, errs.Err()
}

func (inv *Inventory) addFiles(out []Layer, errs *source.Errors, level Level, dir, kind, name string) []Layer {
	fv := inv.varFiles(dir, kind, name)
	errs.Add(source.Pos{}, fv.err)
	for _, l := range fv.layers {
		l.Level, l.Name = level, name
		out = append(out, l)
	}
	return out
}

var varEnds = []string{"", ".yml", ".yaml", ".json"}

// varFiles reads DIR/group_vars/NAME: the first that is there of NAME (a file
// or a folder), NAME.yml, NAME.yaml and NAME.json.
func (inv *Inventory) varFiles(dir, kind, name string) fileVars {
	if strings.HasPrefix(name, "/") || !inv.dirHas(dir, kind, name) {
		return fileVars{}
	}
	base := filepath.Join(dir, kind, name)
	if fv, ok := inv.files[base]; ok {
		return fv
	}
	var fv fileVars
	var found string
	for _, end := range varEnds {
		fi, err := os.Stat(base + end)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if found != "" {
			inv.warn(source.Errorf(source.Pos{File: source.ShortName(base + end)}, "this file is not read, since %s is there too", source.ShortName(found)))
			continue
		}
		found = base + end
		if err != nil {
			fv.err = source.OSError(found, err)
			continue
		}
		fv = inv.readVars(found, fi.IsDir())
	}
	inv.files[base] = fv
	return fv
}

// dirHas tells from one listing whether a folder may hold variables of a name.
func (inv *Inventory) dirHas(dir, kind, name string) bool {
	if strings.Contains(name, "/") {
		return true
	}
	return inv.listing(dir, kind)[name]
}

// varNames are the names that a folder holds variables of, sorted.
func (inv *Inventory) varNames(dir, kind string) []string {
	var out []string
	list := inv.listing(dir, kind)
	for name := range list {
		end := filepath.Ext(name)
		twice := end != "" && slices.Contains(varEnds, end) && list[strings.TrimSuffix(name, end)]
		if !twice && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// listing is what a folder of variable files holds, by name, with and without
// the ends that such files may have.
func (inv *Inventory) listing(dir, kind string) map[string]bool {
	key := filepath.Join(dir, kind) + "/"
	list, ok := inv.lists[key]
	if !ok {
		list = map[string]bool{}
		entries, _ := os.ReadDir(key)
		for _, e := range entries {
			n := e.Name()
			list[n] = true
			for _, end := range varEnds[1:] {
				list[strings.TrimSuffix(n, end)] = true
			}
		}
		inv.lists[key] = list
	}
	return list
}

func (inv *Inventory) readVars(path string, isDir bool) fileVars {
	paths := []string{path}
	var fv fileVars
	if isDir {
		if paths, fv.err = varsBelow(path); fv.err != nil {
			return fv
		}
	}
	var errs source.Errors
	for _, p := range paths {
		vars, err := inv.readVarFile(p)
		errs.Add(source.Pos{File: p}, err)
		if len(vars) > 0 {
			fv.layers = append(fv.layers, Layer{File: source.ShortName(p), Vars: vars})
		}
	}
	fv.err = errs.Err()
	return fv
}

// varsBelow are the variable files of a folder, sorted, any depth.
func varsBelow(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, source.OSError(dir, err)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	var out []string
	for _, e := range list {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
			continue
		}
		path := filepath.Join(dir, name)
		fi, err := os.Stat(path)
		if err != nil {
			return nil, source.OSError(path, err)
		}
		ext := filepath.Ext(name)
		switch {
		case fi.IsDir() && ext == "":
			sub, err := varsBelow(path)
			if err != nil {
				return nil, err
			}
			out = append(out, sub...)
		case fi.Mode().IsRegular() && (ext == "" || ext == ".yml" || ext == ".yaml" || ext == ".json"):
			out = append(out, path)
		}
	}
	return out, nil
}

func (inv *Inventory) readVarFile(path string) (Vars, error) {
	f, err := source.Open(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(f.Data, []byte("$ANSIBLE_VAULT;")) {
		if inv.decrypt == nil {
			return nil, source.Errorf(source.Pos{File: f.Name, Line: 1, Col: 1}, "the file is encrypted with ansible-vault").In(f)
		}
		data, err := inv.decrypt(path, f.Data)
		if err != nil {
			return nil, &source.Error{Pos: source.Pos{File: f.Name}, Msg: err.Error()}
		}
		f = source.NewFile(f.Name, data)
	}
	root, err := f.One()
	if err != nil {
		return nil, err
	}
	if root.IsNull() {
		return nil, nil
	}
	if root.Kind != source.Map {
		return nil, root.Errorf("a file of variables is a map, not a %s", root.TypeName())
	}
	vars := make(Vars, len(root.Fields))
	for _, f := range root.Fields {
		vars[f.Key] = Var{Node: f.Value, Pos: f.KeyPos}
	}
	return vars, nil
}
