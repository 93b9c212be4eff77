package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// record is what the lab remembers of a host. It is written before anything
// else of the host exists, so that Down finds also what was only begun.
type record struct {
	Name    string   `json:"name"`
	Group   string   `json:"group"`
	Suite   string   `json:"suite"`
	Addr    string   `json:"addr"`
	Aliases []string `json:"aliases,omitempty"`
	Tree    string   `json:"tree,omitempty"`
	Owner   process  `json:"owner"`
	Init    process  `json:"init"` // the unshare that holds the host's process ids
}

// id is the host's name on the machine, where two groups may use one name.
func (r *record) id() string {
	if r.Group == Main {
		return r.Name
	}
	return r.Group + "-" + r.Name
}

func (r *record) netns() string { return "mxlab-" + strings.ReplaceAll(r.Addr, ".", "-") }

// link is the machine's end of the host's cable; the kernel allows 15 letters.
func (r *record) link(c Config) string {
	return c.bridge() + "h" + r.Addr[strings.LastIndexByte(r.Addr, '.')+1:]
}

// mac is the hardware address of the host's end. It follows from the address,
// so that the machine and the other hosts reach a host at once after Reset,
// and need not first find out that its old one is gone.
func (r *record) mac() string {
	ip := net.ParseIP(r.Addr).To4()
	return fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", ip[0], ip[1], ip[2], ip[3])
}

func (r *record) dir(c Config) string     { return filepath.Join(c.hostsDir(), r.id()) }
func (r *record) overlay(c Config) string { return filepath.Join(c.overlaysDir(), r.id()) }
func (r *record) root(c Config) string    { return filepath.Join(r.overlay(c), "root") }
func (r *record) console(c Config) string { return filepath.Join(r.dir(c), "console.log") }

// machine is the name that nspawn knows it by.
func (r *record) machine(c Config) string { return fmt.Sprintf("%s-%s", c.bridge(), r.id()) }

// stale says whether the process that wanted the host has ended.
func (r *record) stale() bool { return r.Owner.PID != 0 && !r.Owner.alive() }

func (r *record) save(c Config) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir(c), 0o755); err != nil {
		return err
	}
	return writeFile(filepath.Join(r.dir(c), "host.json"), string(text)+"\n", 0o644)
}

// records reads all hosts of the lab, of every group.
func (c Config) records() ([]*record, error) {
	files, err := filepath.Glob(filepath.Join(c.hostsDir(), "*", "host.json"))
	if err != nil {
		return nil, err
	}
	var all []*record
	for _, f := range files {
		text, err := os.ReadFile(f)
		if errors.Is(err, fs.ErrNotExist) {
			continue // ended by another process just now
		}
		if err != nil {
			return nil, err
		}
		r := new(record)
		if err := json.Unmarshal(text, r); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *record) int { return strings.Compare(a.id(), b.id()) })
	return all, nil
}

func inGroup(all []*record, group string) []*record {
	return slices.DeleteFunc(slices.Clone(all), func(r *record) bool { return r.Group != group })
}

func named(all []*record, name string) *record {
	for _, r := range all {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// freeAddr is the lowest address that no host has.
func (c Config) freeAddr(all []*record) (string, error) {
	used := map[string]bool{}
	for _, r := range all {
		used[r.Addr] = true
	}
	for n := 2; n < 255; n++ {
		if a := c.addr(n); !used[a] {
			return a, nil
		}
	}
	return "", errors.New("all addresses of the lab are taken")
}

// lock waits for the lock file and returns what releases it.
func lock(path string) (func(), error) {
	for {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		// Down removes the file: then the lock is on one that nobody else sees.
		mine, err1 := f.Stat()
		now, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, now) {
			return func() { f.Close() }, nil
		}
		f.Close()
	}
}

// writeFile replaces a file in one step.
func writeFile(path, text string, mode fs.FileMode) error {
	tmp := path + "." + strconv.Itoa(os.Getpid())
	if err := os.WriteFile(tmp, []byte(text), mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
