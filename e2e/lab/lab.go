package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Host is a running host.
type Host struct {
	Name    string
	Addr    string // IPv4, on the lab's bridge
	Suite   string
	Aliases []string
}

// Lab is the hosts of one group.
type Lab struct {
	Hosts       []Host // as they were asked for
	KeyFile     string // private key that root, admin and ops accept
	KnownHosts  string // their host keys, by name and address
	SSHConfig   string // for ssh -F: names, key and host keys
	Inventory   string // the group in Ansible's INI format, as root
	Mirror      string // URL of the Debian mirror, as the hosts use it
	StandIn     string // URL of the stand-in for packages.matrix.org/debian
	Fingerprint string // of the key that signs the stand-in, 40 hex digits; also in State/standin.fingerprint

	config Config
	began  []string // hosts that were not there before
}

// Up brings hosts up for this process, in a group of its own; see Config.Up.
func Up(ctx context.Context, hosts ...Spec) (*Lab, error) {
	c, err := FromEnv()
	if err != nil {
		return nil, err
	}
	return c.Up(ctx, hosts...)
}

// Up boots the hosts that do not run and returns when all of them are ready:
// booted with no failed unit, sshd answering. Those that run stay as they are.
// What it began it takes down again on an error.
func (c Config) Up(ctx context.Context, hosts ...Spec) (*Lab, error) {
	for _, s := range hosts {
		if err := s.validate(); err != nil {
			return nil, err
		}
	}
	if Mirror() == "" {
		return nil, errNoMirror
	}
	if err := c.ensureTools(ctx); err != nil {
		return nil, err
	}
	wanted, began, err := c.enlist(ctx, hosts)
	if err != nil {
		return nil, err
	}
	l := c.lab(wanted)
	l.began = began
	l.Fingerprint, err = c.fingerprint()
	if err == nil {
		err = c.writeFingerprint(l.Fingerprint)
	}
	if err == nil {
		err = c.bringUp(ctx, wanted)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(context.WithoutCancel(ctx)))
	}
	return l, nil
}

// Attach returns the running hosts of the configuration's group, and starts none.
func (c Config) Attach() (*Lab, error) {
	all, err := c.records()
	if err != nil {
		return nil, err
	}
	hosts := inGroup(all, c.Group)
	if len(hosts) == 0 {
		return nil, fmt.Errorf("no hosts are up in %s", c.State)
	}
	l := c.lab(hosts)
	l.Fingerprint, err = c.fingerprint()
	return l, err
}

func (c Config) lab(hosts []*record) *Lab {
	dir := c.groupDir(c.Group)
	l := &Lab{
		KeyFile: c.keyFile(), KnownHosts: filepath.Join(dir, "known_hosts"),
		SSHConfig: filepath.Join(dir, "ssh_config"), Inventory: filepath.Join(dir, "inventory"),
		Mirror: c.MirrorURL(), StandIn: c.StandInURL(), config: c,
	}
	for _, h := range hosts {
		l.Hosts = append(l.Hosts, Host{Name: h.Name, Addr: h.Addr, Suite: h.Suite, Aliases: h.Aliases})
	}
	return l
}

// enlist brings up what hosts share and reserves a name and address for each.
func (c Config) enlist(ctx context.Context, specs []Spec) (wanted []*record, began []string, err error) {
	unlock, err := lock(filepath.Join(c.State, "lock"))
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	all, err := c.tidy(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := c.bringNetwork(ctx); err != nil {
		return nil, nil, err
	}
	if err := ensureKey(c.keyFile(), "ed25519", "mxplay-lab"); err != nil {
		return nil, nil, err
	}
	if err := c.bringServer(ctx); err != nil {
		return nil, nil, err
	}
	for _, s := range specs {
		h := named(inGroup(all, c.Group), s.Name)
		if h == nil {
			h = &record{Name: s.Name, Group: c.Group, Suite: s.Suite, Aliases: s.Aliases}
			if c.Owner != 0 {
				if h.Owner, err = findProcess(c.Owner); err != nil {
					return nil, nil, err
				}
			}
			if h.Addr, err = c.freeAddr(all); err != nil {
				return nil, nil, err
			}
			if err := errors.Join(h.save(c), h.ensureHostKeys(c)); err != nil {
				return nil, nil, err
			}
			all, began = append(all, h), append(began, h.Name)
		}
		if h.Suite != s.Suite {
			return nil, nil, fmt.Errorf("host %s is there with %s, not %s: take it down first", h.Name, h.Suite, s.Suite)
		}
		wanted = append(wanted, h)
	}
	return wanted, began, c.writeGroup(all, c.Group)
}

// tidy ends hosts whose process is gone and returns those that are left.
func (c Config) tidy(ctx context.Context) ([]*record, error) {
	all, err := c.records()
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	var left []*record
	for _, h := range all {
		if h.stale() {
			c.logf("ending %s, its process is gone", h.id())
			if err := c.forget(ctx, h); err != nil {
				return nil, err
			}
			continue
		}
		known[h.id()] = true
		left = append(left, h)
	}
	// The state is lost when the machine reboots, the overlays are not.
	dirs, _ := os.ReadDir(c.overlaysDir())
	for _, d := range dirs {
		if !known[d.Name()] {
			if err := removeTree(filepath.Join(c.overlaysDir(), d.Name())); err != nil {
				return nil, err
			}
		}
	}
	return left, c.oldTrees(left)
}

// bringUp builds the trees and boots the hosts, side by side.
func (c Config) bringUp(ctx context.Context, hosts []*record) error {
	trees, err := c.trees(ctx, hosts)
	if err != nil {
		return err
	}
	all, err := c.records()
	if err != nil {
		return err
	}
	group := inGroup(all, c.Group)
	err = each(hosts, func(h *record) error {
		unlock, err := lock(filepath.Join(h.dir(c), "lock"))
		if err != nil {
			return err
		}
		defer unlock()
		if !h.Init.alive() {
			h.Tree = trees[h.Suite]
			if err := c.end(ctx, h); err != nil { // what a crash left
				return err
			}
			if err := c.create(ctx, h, group); err != nil {
				return err
			}
		}
		return c.ready(ctx, h)
	})
	if err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(c.State, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if all, err = c.records(); err != nil {
		return err
	}
	return c.spreadNames(all, c.Group)
}

// trees builds what is missing of the hosts' suites, two at a time: each is
// most of the time one busy core.
func (c Config) trees(ctx context.Context, hosts []*record) (map[string]string, error) {
	trees := map[string]string{}
	var names []string
	for _, h := range hosts {
		if _, ok := trees[h.Suite]; !ok {
			trees[h.Suite] = ""
			names = append(names, h.Suite)
		}
	}
	var mu sync.Mutex
	slots := make(chan struct{}, 2)
	err := each(names, func(suite string) error {
		slots <- struct{}{}
		defer func() { <-slots }()
		tree, err := c.tree(ctx, suite)
		mu.Lock()
		defer mu.Unlock()
		trees[suite] = tree
		return err
	})
	return trees, err
}

// each runs do for all items at once and joins their errors.
func each[T any](items []T, do func(T) error) error {
	errs := make([]error, len(items))
	var wg sync.WaitGroup
	for i, item := range items {
		wg.Go(func() { errs[i] = do(item) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Reset throws away all that happened on a host and boots it bare again, with
// the address and host keys it had.
func (l *Lab) Reset(ctx context.Context, name string) error {
	c := l.config
	h, err := c.find(name)
	if err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(h.dir(c), "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.end(ctx, h); err != nil {
		return err
	}
	all, err := c.records()
	if err != nil {
		return err
	}
	if err := c.create(ctx, h, inGroup(all, c.Group)); err != nil {
		return err
	}
	return c.ready(ctx, h)
}

// Close takes down the hosts that this Lab began. With the last host of all
// groups the network and the servers go too.
func (l *Lab) Close(ctx context.Context) error {
	return l.config.DownHosts(ctx, l.began...)
}

// DownHosts takes down some hosts of the group; one that is not there is no error.
func (c Config) DownHosts(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	unlock, err := lock(filepath.Join(c.State, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	all, err := c.records()
	if err != nil {
		return err
	}
	var left, going []*record
	want := map[string]bool{}
	for _, n := range names {
		want[n] = true
	}
	for _, h := range all {
		if h.Group == c.Group && want[h.Name] {
			going = append(going, h)
		} else {
			left = append(left, h)
		}
	}
	err = each(going, func(h *record) error { return c.forget(ctx, h) })
	if len(left) == 0 {
		return errors.Join(err, c.dropShared(ctx))
	}
	return errors.Join(err, c.writeGroup(left, c.Group), c.spreadNames(left, c.Group))
}

// Down takes down all hosts of all groups and removes every trace of the lab
// but its cache.
func (c Config) Down(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	unlock, err := lock(filepath.Join(c.State, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	all, err := c.records()
	if err != nil {
		return err
	}
	err = each(all, func(h *record) error { return c.forget(ctx, h) })
	return errors.Join(err, c.dropShared(ctx))
}

// DropCache removes the cache, root file systems and downloads. No lab may be up.
func (c Config) DropCache() error {
	used, _ := filepath.Glob(filepath.Join(c.Cache, "overlays", "*", "*"))
	if len(used) > 0 {
		return fmt.Errorf("%s is in use by another lab: %s", c.Cache, used[0])
	}
	return removeTree(c.Cache)
}

// forget ends a host and removes its record last, so that what failed half way
// can be tried again.
func (c Config) forget(ctx context.Context, h *record) error {
	if err := c.end(ctx, h); err != nil {
		return err
	}
	return os.RemoveAll(h.dir(c))
}

// dropShared removes what the hosts had in common, once there are none.
func (c Config) dropShared(ctx context.Context) error {
	err := errors.Join(c.dropServer(), c.dropNetwork(ctx))
	// nspawn's own directories, if nobody else uses them.
	for _, dir := range []string{"propagate", "unix-export", "locks", "."} {
		os.Remove(filepath.Join(nspawnDir, dir))
	}
	os.Remove(c.overlaysDir())
	os.Remove(filepath.Dir(c.overlaysDir())) // stays if another lab uses it
	if err != nil {
		return err // the state is needed to try again
	}
	return os.RemoveAll(c.State)
}

// find is a host of the group.
func (c Config) find(name string) (*record, error) {
	all, err := c.records()
	if err != nil {
		return nil, err
	}
	if h := named(inGroup(all, c.Group), name); h != nil {
		return h, nil
	}
	return nil, fmt.Errorf("no host %q in the lab", name)
}

// Host is the host of that name, or nil.
func (l *Lab) Host(name string) *Host {
	for i := range l.Hosts {
		if l.Hosts[i].Name == name {
			return &l.Hosts[i]
		}
	}
	return nil
}

// SSH runs a shell command on a host as a person would, over ssh and as root;
// "admin@NAME" and "ops@NAME" are the other accounts. It returns stdout; a
// command that does not exit with 0 is a *CommandError.
func (l *Lab) SSH(ctx context.Context, host, command string) (string, error) {
	return run(ctx, "ssh", "-F", l.SSHConfig, host, command)
}

// Exec runs a command in a host as root without ssh, also while its sshd or
// network is broken. It returns stdout; a command that does not exit with 0 is
// a *CommandError.
func (l *Lab) Exec(ctx context.Context, host string, argv ...string) (string, error) {
	h, err := l.config.find(host)
	if err != nil {
		return "", err
	}
	return l.config.execIn(ctx, h, argv...)
}

// Root is a host's root directory as the machine sees it.
func (l *Lab) Root(host string) (string, error) {
	h, err := l.config.find(host)
	if err != nil {
		return "", err
	}
	return h.root(l.config), nil
}

// sshAnswers waits for the greeting of the host's sshd.
func (c Config) sshAnswers(ctx context.Context, h *record) error {
	for {
		conn, err := net.DialTimeout("tcp", h.Addr+":22", time.Second)
		if err == nil {
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			hello := make([]byte, 4)
			_, err = conn.Read(hello)
			conn.Close()
			if strings.HasPrefix(string(hello), "SSH-") {
				return nil
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("host %s: sshd does not answer: %w", h.Name, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
