package agent

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// accountDB reads /etc/passwd, group and shadow, each again only when it has
// changed, and asks getent for what does not stand there.
type accountDB struct {
	root string

	mu                    sync.Mutex
	passwd, group, shadow parsed
}

// parsed is a file of lines with colons, as it was when it had this stamp.
type parsed struct {
	stamp stamp
	rows  [][]string
}

// stamp tells whether a file has changed.
type stamp struct {
	mtime time.Time
	size  int64
	inode uint64
}

func newAccountDB(root string) *accountDB { return &accountDB{root: root} }

// rows are the lines of a file; a file that is missing or closed to us has none.
func (d *accountDB) rows(p *parsed, name string) [][]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	path := filepath.Join(d.root, "etc", name)
	st, err := os.Stat(path)
	if err != nil {
		p.rows = nil
		return nil
	}
	now := stampOf(st)
	if now == p.stamp && p.rows != nil {
		return p.rows
	}
	b, err := os.ReadFile(path)
	if err != nil {
		p.rows = nil
		return nil
	}
	rows := [][]string{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' || line[0] == '+' || line[0] == '-' {
			continue
		}
		rows = append(rows, strings.Split(line, ":"))
	}
	p.stamp, p.rows = now, rows
	return rows
}

// find is the first row whose field has the value.
func find(rows [][]string, field int, value string) []string {
	for _, r := range rows {
		if len(r) > field && r[field] == value {
			return r
		}
	}
	return nil
}

// keyField is where to look for a name or a decimal id.
func keyField(name string) int {
	if _, err := strconv.ParseUint(name, 10, 32); err == nil {
		return 2
	}
	return 0
}

// User is an account by name or uid.
func (h *host) User(ctx context.Context, name string) (modules.User, error) {
	return h.sys.accounts.user(ctx, name)
}

// Group is a group by name or gid.
func (h *host) Group(ctx context.Context, name string) (modules.Group, error) {
	return h.sys.accounts.groupBy(ctx, name)
}

func (d *accountDB) user(ctx context.Context, name string) (modules.User, error) {
	rows := d.rows(&d.passwd, "passwd")
	r := find(rows, 0, name) // a name may be digits
	if r == nil {
		r = find(rows, keyField(name), name)
	}
	local := r != nil
	if r == nil {
		var err error
		if r, err = d.getent(ctx, "passwd", name, 7); err != nil {
			return modules.User{}, err
		}
	}
	if len(r) < 7 {
		return modules.User{}, errors.New("a line of passwd is broken: " + strings.Join(r, ":"))
	}
	u := modules.User{Name: r[0], Gecos: r[4], Home: r[5], Shell: r[6], Local: local, Expire: -1}
	var err1, err2 error
	u.UID, err1 = strconv.Atoi(r[2])
	u.GID, err2 = strconv.Atoi(r[3])
	if err := errors.Join(err1, err2); err != nil {
		return u, err
	}
	if !local {
		return u, nil
	}
	for _, g := range d.rows(&d.group, "group") {
		if len(g) > 3 && slices.Contains(strings.Split(g[3], ","), u.Name) {
			u.Groups = append(u.Groups, g[0])
		}
	}
	slices.Sort(u.Groups)
	if s := find(d.rows(&d.shadow, "shadow"), 0, u.Name); len(s) > 1 {
		u.Password = s[1]
		if len(s) > 7 && s[7] != "" {
			if n, err := strconv.ParseInt(s[7], 10, 64); err == nil {
				u.Expire = n
			}
		}
	}
	return u, nil
}

func (d *accountDB) groupBy(ctx context.Context, name string) (modules.Group, error) {
	rows := d.rows(&d.group, "group")
	r := find(rows, 0, name)
	if r == nil {
		r = find(rows, keyField(name), name)
	}
	local := r != nil
	if r == nil {
		var err error
		if r, err = d.getent(ctx, "group", name, 4); err != nil {
			return modules.Group{}, err
		}
	}
	if len(r) < 4 {
		return modules.Group{}, errors.New("a line of group is broken: " + strings.Join(r, ":"))
	}
	gid, err := strconv.Atoi(r[2])
	g := modules.Group{Name: r[0], GID: gid, Local: local}
	if r[3] != "" {
		g.Members = strings.Split(r[3], ",")
	}
	return g, err
}

// getent asks the name service, which may know more than the files.
func (d *accountDB) getent(ctx context.Context, db, name string, fields int) ([]string, error) {
	what := map[string]string{"passwd": "user", "group": "group"}[db]
	if d.root != "/" || name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, ":\n") || !d.moreThanFiles(db) {
		return nil, missingf("no %s %q", what, name)
	}
	out, err := d.runGetent(ctx, db, name)
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(out, "\n")
	r := strings.Split(line, ":")
	if len(r) < fields {
		return nil, missingf("no %s %q", what, name)
	}
	return r, nil
}

// moreThanFiles tells whether nsswitch.conf names another source than the
// files and systemd's (dynamic users need no look from us unless they are asked for by name).
func (d *accountDB) moreThanFiles(db string) bool {
	b, err := os.ReadFile(filepath.Join(d.root, "etc/nsswitch.conf"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), db+":"); ok {
			for _, w := range strings.Fields(rest) {
				if w != "files" && w != "compat" && !strings.HasPrefix(w, "[") {
					return true
				}
			}
		}
	}
	return false
}

func (d *accountDB) runGetent(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	path, err := lookPath("getent")
	if err != nil {
		return "", nil
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(cleanEnv(), "LC_ALL=C")
	cmd.WaitDelay = waitDelay
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 2 {
		return "", nil // it is not there
	}
	if err != nil {
		return "", errors.New("getent " + strings.Join(args, " ") + ": " + err.Error())
	}
	return string(out), nil
}

// groupsOf are the gids that a process of the user gets, its own included.
func (d *accountDB) groupsOf(ctx context.Context, u modules.User) ([]uint32, error) {
	out := []uint32{uint32(u.GID)}
	add := func(s string) {
		if n, err := strconv.ParseUint(s, 10, 32); err == nil && !slices.Contains(out, uint32(n)) {
			out = append(out, uint32(n))
		}
	}
	for _, g := range d.rows(&d.group, "group") {
		if len(g) > 3 && slices.Contains(strings.Split(g[3], ","), u.Name) {
			add(g[2])
		}
	}
	if !u.Local && d.root == "/" {
		text, err := d.runGetent(ctx, "initgroups", u.Name)
		if err != nil {
			return nil, err
		}
		if f := strings.Fields(text); len(f) > 1 {
			for _, s := range f[1:] {
				add(s)
			}
		}
	}
	return out, nil
}

// userName is the name of a uid, or its digits. Only the files are asked: it is for showing.
func (d *accountDB) userName(uid int) string {
	if r := find(d.rows(&d.passwd, "passwd"), 2, digits(uid)); r != nil {
		return r[0]
	}
	return digits(uid)
}

func (d *accountDB) groupName(gid int) string {
	if r := find(d.rows(&d.group, "group"), 2, digits(gid)); r != nil {
		return r[0]
	}
	return digits(gid)
}
