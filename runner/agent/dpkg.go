package agent

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/modules"
)

// dpkgDB is dpkg's database as it stands on disk: the status file and, while
// dpkg works, the records in updates/ that it has not merged yet.
type dpkgDB struct {
	dir string

	mu     sync.Mutex
	stamps map[string]stamp
	pkgs   map[string][]modules.Package // by name, one for each architecture
	native string
}

// Packages are dpkg's records of the named packages. "name:arch" asks for one architecture.
func (h *host) Packages(ctx context.Context, names ...string) (map[string]modules.Package, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return h.sys.dpkg.find(names)
}

func (d *dpkgDB) find(names []string) (map[string]modules.Package, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(); err != nil {
		return nil, err
	}
	out := map[string]modules.Package{}
	for _, n := range names {
		name, arch, _ := strings.Cut(n, ":")
		if arch == "native" {
			arch = ""
		}
		for _, p := range d.pkgs[name] {
			if arch == "any" || p.Arch == arch || arch == "" && (p.Arch == "all" || p.Arch == d.native || p.Arch == "") {
				out[n] = p
				break
			}
		}
	}
	return out, nil
}

// load reads the database if one of its files is another than last time.
func (d *dpkgDB) load() error {
	files := []string{filepath.Join(d.dir, "status")}
	list, _ := os.ReadDir(filepath.Join(d.dir, "updates"))
	var nums []int
	for _, e := range list {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			nums = append(nums, n)
			files = append(files, filepath.Join(d.dir, "updates", e.Name()))
		}
	}
	if len(nums) > 1 {
		sort.Strings(files[1:]) // the names are of one length
	}
	stamps := map[string]stamp{}
	for _, f := range files {
		st, err := os.Stat(f)
		if errors.Is(err, os.ErrNotExist) && f != files[0] {
			continue // merged meanwhile
		}
		if errors.Is(err, os.ErrNotExist) {
			return missingf("this host has no dpkg: there is no %s", f)
		}
		if err != nil {
			return err
		}
		stamps[f] = stampOf(st)
	}
	if d.pkgs != nil && same(stamps, d.stamps) {
		return nil
	}
	pkgs := map[string][]modules.Package{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		parseStatus(b, pkgs)
	}
	d.pkgs, d.stamps = pkgs, stamps
	d.native = ""
	for _, p := range pkgs["dpkg"] {
		if p.Status == "installed" || d.native == "" {
			d.native = p.Arch
		}
	}
	return nil
}

func same(a, b map[string]stamp) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// parseStatus reads stanzas; a later one of the same package and architecture replaces an earlier one.
func parseStatus(b []byte, into map[string][]modules.Package) {
	var p modules.Package
	flush := func() {
		if p.Name == "" {
			return
		}
		if p.Source == "" {
			p.Source = p.Name
		}
		list := into[p.Name]
		for i := range list {
			if list[i].Arch == p.Arch || list[i].Arch == "" || p.Arch == "" {
				list[i] = p
				p = modules.Package{}
				return
			}
		}
		into[p.Name] = append(list, p)
		p = modules.Package{}
	}
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		if len(line) == 0 {
			flush()
			continue
		}
		switch line[0] { // of thousands of lines few matter
		case 'P':
			if v, ok := field(line, "Package:"); ok {
				p.Name = v
			}
		case 'S':
			if v, ok := field(line, "Status:"); ok {
				if w := strings.Fields(v); len(w) == 3 {
					p.Want, p.Error, p.Status = w[0], w[1], w[2]
				}
			} else if v, ok := field(line, "Source:"); ok {
				p.Source, _, _ = strings.Cut(v, " ")
			}
		case 'A':
			if v, ok := field(line, "Architecture:"); ok {
				p.Arch = v
			}
		case 'V':
			if v, ok := field(line, "Version:"); ok {
				p.Version = v
			}
		}
	}
	flush()
}

func field(line []byte, name string) (string, bool) {
	if !bytes.HasPrefix(line, []byte(name)) {
		return "", false
	}
	return string(bytes.TrimSpace(line[len(name):])), true
}
