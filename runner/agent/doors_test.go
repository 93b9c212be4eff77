package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

var bg = context.Background()

// doors is a host without a connection.
func doors(t *testing.T) *host {
	t.Helper()
	a := &Agent{opt: Options{State: t.TempDir(), Grace: 200 * time.Millisecond}, log: newRedactor(&tail{}), sys: newSystem(), welcome: wire.Welcome{Run: "r"}}
	return newHost(a, &wire.Call{ID: 1, Env: map[string]string{"TASK": "yes"}}, 0, &modules.Task{Kind: modules.Act})
}

func mode(m uint32) *uint32 { return &m }

func TestWrite(t *testing.T) {
	h := doors(t)
	dir := t.TempDir()
	p := filepath.Join(dir, "f")
	if err := h.Write(bg, modules.Write{Path: p, Bytes: []byte("one"), Attr: modules.Attr{Mode: mode(0o640)}}); err != nil {
		t.Fatal(err)
	}
	in, err := h.Stat(bg, p)
	if err != nil || in.Kind != "file" || in.Mode != 0o640 || in.Size != 3 {
		t.Fatalf("got %+v %v", in, err)
	}
	// The mode stays when nothing is said of it; the old file is kept beside.
	if err := h.Write(bg, modules.Write{Path: p, Bytes: []byte("two"), Backup: true}); err != nil {
		t.Fatal(err)
	}
	if in, _ = h.Stat(bg, p); in.Mode != 0o640 {
		t.Fatalf("mode %o", in.Mode)
	}
	old, _ := filepath.Glob(p + ".*~")
	if len(old) != 1 {
		t.Fatalf("backups: %v", old)
	}
	if b, _ := os.ReadFile(old[0]); string(b) != "one" {
		t.Fatalf("backup holds %q", b)
	}
	// What does not validate changes nothing and leaves nothing.
	err = h.Write(bg, modules.Write{Path: p, Bytes: []byte("bad"), Validate: []string{"sh", "-c", "echo no good: $(cat %s) >&2; exit 3"}})
	var d *modules.Detailed
	if !errors.As(err, &d) || strings.Join(d.Lines, "") != "no good: bad" {
		t.Fatalf("got %v", err)
	}
	if err := h.Write(bg, modules.Write{Path: p, Bytes: []byte("bad"), Validate: []string{"true"}}); err == nil {
		t.Fatal("a validation without the place for the file was taken")
	}
	if b, _ := h.ReadFile(bg, p); string(b) != "two" {
		t.Fatalf("got %q", b)
	}
	if list, _ := h.ReadDir(bg, dir); len(list) != 2 {
		t.Fatalf("left over: %+v", list)
	}
	if err := h.Write(bg, modules.Write{Path: dir}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Fatalf("got %v", err)
	}
	if err := h.Write(bg, modules.Write{Path: dir + "/none/f"}); !errors.Is(err, modules.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
	if err := h.Write(bg, modules.Write{Path: "f"}); err == nil {
		t.Fatal("a relative path was taken")
	}
}

func TestWriteOverALink(t *testing.T) {
	h := doors(t)
	dir := t.TempDir()
	_ = os.WriteFile(dir+"/target", []byte("old"), 0o600)
	_ = os.Symlink("target", dir+"/l")
	if err := h.Write(bg, modules.Write{Path: dir + "/l", Bytes: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(dir + "/target"); string(b) != "old" {
		t.Fatal("it wrote through the link")
	}
	if in, _ := h.Stat(bg, dir+"/l"); in.Kind != "file" || in.Mode != 0o644 {
		t.Fatalf("got %+v", in)
	}
}

func TestMkdirLinkAttrRemove(t *testing.T) {
	h := doors(t)
	dir := t.TempDir()
	if err := h.Mkdir(bg, dir+"/d", modules.Attr{Mode: mode(0o2750)}); err != nil {
		t.Fatal(err)
	}
	if in, _ := h.Stat(bg, dir+"/d"); in.Kind != "directory" || in.Mode != 0o2750 {
		t.Fatalf("got %+v", in)
	}
	if err := h.Mkdir(bg, dir+"/d", modules.Attr{}); !errors.Is(err, os.ErrExist) {
		t.Fatalf("got %v", err)
	}
	if err := h.Link(bg, "d", dir+"/l", false); err != nil {
		t.Fatal(err)
	}
	if err := h.Link(bg, "elsewhere", dir+"/l", false); err != nil {
		t.Fatal(err)
	}
	if in, _ := h.Stat(bg, dir+"/l"); in.Kind != "link" || in.Target != "elsewhere" {
		t.Fatalf("got %+v", in)
	}
	_ = h.Write(bg, modules.Write{Path: dir + "/f", Bytes: []byte("x")})
	for range 2 { // the second time the link is there already
		if err := h.Link(bg, dir+"/f", dir+"/hard", true); err != nil {
			t.Fatal(err)
		}
	}
	if in, _ := h.Stat(bg, dir+"/hard"); in.Links != 2 {
		t.Fatalf("got %+v", in)
	}
	when := time.Unix(1_600_000_000, 0)
	read := when.Add(time.Hour)
	if err := h.SetAttr(bg, dir+"/f", modules.Attr{Atime: &read}); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir+"/f", &st); err != nil || st.Atim.Sec != read.Unix() || st.Mtim.Sec == read.Unix() {
		t.Fatalf("time of access %d, of change %d, %v", st.Atim.Sec, st.Mtim.Sec, err)
	}
	if err := h.SetAttr(bg, dir+"/f", modules.Attr{Mode: mode(0o4755), Mtime: &when}); err != nil {
		t.Fatal(err)
	}
	if in, _ := h.Stat(bg, dir+"/f"); in.Mode != 0o4755 || !in.Mtime.Equal(when) {
		t.Fatalf("got %+v", in)
	}
	if os.Geteuid() == 0 {
		id := 65534
		if err := h.SetAttr(bg, dir+"/f", modules.Attr{UID: &id, GID: &id}); err != nil {
			t.Fatal(err)
		}
		if in, _ := h.Stat(bg, dir+"/f"); in.Mode != 0o4755 || in.UID != id || in.Owner != "nobody" {
			t.Fatalf("a change of owner changed more: %+v", in)
		}
		if err := h.SetAttr(bg, dir+"/l", modules.Attr{UID: &id, Mode: mode(0o600)}); err != nil {
			t.Fatal(err)
		}
		if in, _ := h.Stat(bg, dir+"/l"); in.UID != id {
			t.Fatalf("got %+v", in)
		}
		if err := h.Write(bg, modules.Write{Path: dir + "/f", Bytes: []byte("y")}); err != nil {
			t.Fatal(err)
		}
		if in, _ := h.Stat(bg, dir+"/f"); in.UID != id || in.Mode != 0o4755 {
			t.Fatalf("a new content changed owner or mode: %+v", in)
		}
	}
	if names, _ := filepath.Glob(dir + "/.mxplay*"); len(names) > 0 {
		t.Fatalf("left over: %v", names)
	}
	_ = os.WriteFile(dir+"/d/inner", nil, 0o600)
	for range 2 {
		if err := h.Remove(bg, dir+"/d"); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Remove(bg, "//"); err == nil {
		t.Fatal("it would remove everything")
	}
}

func TestReading(t *testing.T) {
	h := doors(t)
	dir := t.TempDir()
	_ = os.WriteFile(dir+"/f", []byte("abc"), 0o600)
	if s, err := h.Hash(bg, dir+"/f"); err != nil || s != hashOf([]byte("abc")) {
		t.Fatalf("%s %v", s, err)
	}
	for _, p := range []string{dir + "/none", dir + "/f/below"} {
		if _, err := h.Stat(bg, p); !errors.Is(err, modules.ErrNotExist) {
			t.Errorf("%s: %v", p, err)
		}
		if _, err := h.ReadFile(bg, p); !errors.Is(err, modules.ErrNotExist) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := h.ReadFile(bg, "/dev/null"); err == nil {
		t.Error("a device was read")
	}
	if b, err := h.ReadFile(bg, "/proc/self/status"); err != nil || len(b) == 0 {
		t.Errorf("/proc: %d bytes, %v", len(b), err)
	}
}

func TestRun(t *testing.T) {
	h := doors(t)
	o, err := h.Run(bg, modules.Command{Argv: []string{"sh", "-c", "cat; echo $TASK $OWN; echo err >&2; exit 3"}, Stdin: []byte("in "), Env: map[string]string{"OWN": "too"}})
	if err != nil || o.Exit != 3 || string(o.Stdout) != "in yes too\n" || string(o.Stderr) != "err\n" {
		t.Fatalf("got %+v %v", o, err)
	}
	if o, err = h.Run(bg, modules.Command{Argv: []string{"sh", "-c", "kill -9 $$"}}); err != nil || o.Exit != 137 {
		t.Fatalf("got %+v %v", o, err)
	}
	if _, err = h.Run(bg, modules.Command{Argv: []string{"no-such-program"}}); !errors.Is(err, modules.ErrNotExist) || err.Error() != "no-such-program: there is no such program on the host" {
		t.Fatalf("got %v", err)
	}
	if _, err = h.Run(bg, modules.Command{Argv: []string{"true"}, Dir: "/no-such-dir"}); err == nil || !strings.Contains(err.Error(), "no directory /no-such-dir") {
		t.Fatalf("got %v", err)
	}
	o, err = h.Job(bg, modules.Command{Argv: []string{"sh", "-c", "cat; echo $TASK; exit 4"}, Stdin: []byte("in ")})
	if err != nil || o.Exit != 4 || string(o.Stdout) != "in yes\n" {
		t.Fatalf("got %+v %v", o, err)
	}
}

func TestDraw(t *testing.T) {
	h := doors(t)
	a, b := h.Random("key", 40), h.Random("key", 40)
	if len(a) != 40 || string(a) != string(b) || string(a) == string(h.Random("other", 40)) || !h.Now().Equal(h.Now()) {
		t.Fatal("the draw is not stable")
	}
	if string(doors(t).Random("key", 40)) == string(a) {
		t.Fatal("two calls draw the same")
	}
}

func TestAccountsFiles(t *testing.T) {
	root := t.TempDir()
	_ = os.Mkdir(root+"/etc", 0o755)
	put := func(name, text string) { _ = os.WriteFile(root+"/etc/"+name, []byte(text), 0o600) }
	put("passwd", "root:x:0:0:root:/root:/bin/bash\nanna:x:1000:1000:Anna,,,:/home/anna:/bin/zsh\n+::::::\n")
	put("group", "root:x:0:\nsudo:x:27:bob,anna\nadm:x:4:anna\nanna:x:1000:\n")
	put("shadow", "anna:$6$x:19000:0:99999:7::20000:\n")
	d := newAccountDB(root)
	u, err := d.user(bg, "anna")
	if err != nil || u.UID != 1000 || strings.Join(u.Groups, ",") != "adm,sudo" || u.Password != "$6$x" || u.Expire != 20000 || !u.Local {
		t.Fatalf("got %+v %v", u, err)
	}
	if u, err = d.user(bg, "1000"); err != nil || u.Name != "anna" {
		t.Fatalf("got %+v %v", u, err)
	}
	if _, err = d.user(bg, "carl"); !errors.Is(err, modules.ErrNotExist) || err.Error() != `no user "carl"` {
		t.Fatalf("got %v", err)
	}
	if g, err := d.groupBy(bg, "27"); err != nil || g.Name != "sudo" || len(g.Members) != 2 {
		t.Fatalf("got %+v %v", g, err)
	}
	put("passwd", "root:x:0:0:root:/root:/bin/bash\ncarl:x:1001:1001::/home/carl:\n")
	if u, err = d.user(bg, "carl"); err != nil || u.Expire != -1 {
		t.Fatalf("a change was not seen: %+v %v", u, err)
	}
	if ids, _ := d.groupsOf(bg, modules.User{Name: "anna", GID: 1000, Local: true}); len(ids) != 3 {
		t.Fatalf("got %v", ids)
	}
}

func TestDpkg(t *testing.T) {
	dir := t.TempDir()
	_ = os.Mkdir(dir+"/updates", 0o755)
	_ = os.WriteFile(dir+"/status", []byte(`Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.22

Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.40-1)
Version: 2.40-2
Description: x
 Package: not this

Package: libc6
Status: install ok unpacked
Architecture: i386
Version: 2.40-2

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
`), 0o600)
	d := &dpkgDB{dir: dir}
	got, err := d.find([]string{"libc6", "libc6:i386", "gone", "never", "dpkg"})
	if err != nil || len(got) != 4 {
		t.Fatalf("got %+v %v", got, err)
	}
	if p := got["libc6"]; !p.OK() || p.Arch != "amd64" || p.Source != "glibc" || p.Version != "2.40-2" {
		t.Fatalf("got %+v", p)
	}
	if p := got["libc6:i386"]; p.Status != "unpacked" || p.OK() {
		t.Fatalf("got %+v", p)
	}
	if p := got["gone"]; p.Status != "config-files" || p.Want != "deinstall" {
		t.Fatalf("got %+v", p)
	}
	_ = os.WriteFile(dir+"/updates/0001", []byte("Package: libc6\nStatus: install reinstreq half-installed\nArchitecture: amd64\nVersion: 2.41\n"), 0o600)
	got, _ = d.find([]string{"libc6"})
	if p := got["libc6"]; p.Status != "half-installed" || p.Error != "reinstreq" || p.Version != "2.41" {
		t.Fatalf("an update was not seen: %+v", p)
	}
}

func TestLook(t *testing.T) {
	for _, ok := range []string{
		"apt-cache policy nginx", "apt-get -s install nginx", "apt-get -s -o Dpkg::Options::=--force-confold --no-install-recommends install a b",
		"apt-get -y -s -t bookworm-backports install x", "systemctl show nginx.service", "systemctl --root=/ is-enabled x", "systemctl --no-pager list-timers",
		"dpkg --print-architecture", "dpkg --compare-versions 1 lt 2", "journalctl -u x -n 20", "sshd -T", "crontab -l -u anna", "git -C /srv/x rev-parse --verify -q HEAD", "git --no-optional-locks -C /x status --porcelain --untracked-files=no", "git ls-remote --symref -- https://example.org/x", "id anna", "getent passwd x",
	} {
		if !mayLook(strings.Fields(ok)) {
			t.Errorf("%s is refused", ok)
		}
	}
	for _, bad := range []string{
		"", "rm -rf /", "apt-get install nginx", "apt-get -s update", "apt-get -s -o DPkg::Pre-Invoke::=/bin/x install a", "apt-get -s -oDir::Bin::dpkg=/x install a",
		"apt-get -s -c /x install a", "apt-cache gencaches", "apt-cache -o APT::X::Hook=/x policy", "systemctl start x", "systemctl --root=/ enable show", "systemctl --root=/ enable x",
		"dpkg -i x.deb", "dpkg --root=/x --status y", "journalctl --rotate", "journalctl --vacuum-size=1", "journalctl -fu x", "ip addr add x", "crontab -r", "git -c core.sshCommand=x ls-remote --symref -- a", "git ls-remote --symref -- ext::x", "git ls-remote --upload-pack=x -- a", "git -C /x checkout main", "git -C /x status", "crontab -l -r", "crontab x", "/usr/bin/id", "sh -c id", "debconf-set-selections", "timedatectl set-time x",
	} {
		if mayLook(strings.Fields(bad)) {
			t.Errorf("%s is allowed", bad)
		}
	}
	h := doors(t)
	if _, err := h.Look(bg, "rm", "x"); !errors.Is(err, modules.ErrDoor) {
		t.Fatalf("got %v", err)
	}
	if o, err := h.Look(bg, "id", "-u"); err != nil || o.Exit != 0 {
		t.Fatalf("got %+v %v", o, err)
	}
}

func TestUnmet(t *testing.T) {
	for line, want := range map[string]string{
		"rv.service skipped, unmet condition check ConditionPathExists=/no such":                               "ConditionPathExists=/no such",
		"rv.service - A (b) was skipped because of an unmet condition check (ConditionPathExists=!/etc/x(1)).": "ConditionPathExists=!/etc/x(1)",
		"rv.service - A was skipped because no trigger condition checks were met.":                             "",
		"rv.service skipped, no trigger condition checks were met":                                             "",
		"Finished rv.service - skipped by nobody.":                                                             "-",
	} {
		got, ok := unmet(line)
		if !ok {
			got = "-"
		}
		if got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}

func TestHTTP(t *testing.T) {
	h := doors(t)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/x", http.StatusFound)
		case "/none":
			http.NotFound(w, r)
		case "/big": // longer than a Response may be, and longer under way than the timeout
			for range 4 {
				_, _ = w.Write(make([]byte, 5<<20))
				w.(http.Flusher).Flush()
				time.Sleep(150 * time.Millisecond)
			}
		case "/slow":
			time.Sleep(3 * time.Second)
		default:
			user, _, _ := r.BasicAuth()
			_, _ = w.Write([]byte(r.Method + " " + r.Host + " " + user))
		}
	}))
	defer s.Close()
	if r, err := h.Get(bg, s.URL+"/x", map[string]string{"Host": "matrix.example"}); err != nil || r.Status != 200 || string(r.Body) != "GET matrix.example " {
		t.Fatalf("got %+v %v", r, err)
	}
	for _, u := range []string{"http://192.0.2.1/", "http://example.org/", "file:///etc/passwd", "http://127.0.0.1.example.org/", s.URL + "/away"} {
		if _, err := h.Get(bg, u, nil); !errors.Is(err, modules.ErrDoor) {
			t.Errorf("%s: %v", u, err)
		}
	}
	if _, err := h.HTTP(bg, modules.Request{URL: s.URL}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Fatalf("an unknown certificate was taken: %v", err)
	}
	if r, err := h.HTTP(bg, modules.Request{URL: s.URL + "/here", Insecure: true, User: "u", Password: "p"}); err != nil || !strings.HasSuffix(string(r.Body), " u") {
		t.Fatalf("got %+v %v", r, err)
	}
	if r, err := h.HTTP(bg, modules.Request{URL: s.URL + "/here", Insecure: true, Method: "POST"}); err != nil || r.Status != 302 {
		t.Fatalf("got %+v %v", r, err)
	}
	if r, err := h.HTTP(bg, modules.Request{URL: s.URL + "/here", Insecure: true, Follow: "none"}); err != nil || r.Status != 302 {
		t.Fatalf("got %+v %v", r, err)
	}
	if r, err := h.HTTP(bg, modules.Request{URL: s.URL + "/slow", Insecure: true, Timeout: 200 * time.Millisecond}); !errors.Is(err, context.DeadlineExceeded) || r.Elapsed < 150*time.Millisecond {
		t.Fatalf("got %v", err)
	}
	to, sum := t.TempDir()+"/x", sha256.New()
	big := modules.Fetch{Request: modules.Request{URL: s.URL + "/big", Insecure: true, Timeout: 400 * time.Millisecond}, Sum: sum, Want: "00"}
	if err := h.Write(bg, modules.Write{Path: to, Fetch: &big}); err == nil || !strings.Contains(err.Error(), "has the checksum") || exists(to) {
		t.Fatalf("got %v", err)
	}
	big.Want = hex.EncodeToString(sum.Sum(nil))
	if err := h.Write(bg, modules.Write{Path: to, Fetch: &big, Attr: modules.Attr{Mode: mode(0o600)}}); err != nil {
		t.Fatal(err)
	}
	if in, err := h.Stat(bg, to); err != nil || in.Size != 4*5<<20 || in.Mode != 0o600 {
		t.Fatalf("got %+v %v", in, err)
	}
	for u, want := range map[string]string{"/none": "status 404", "/slow": "no answer within"} {
		f := modules.Fetch{Request: modules.Request{URL: s.URL + u, Insecure: true, Timeout: 200 * time.Millisecond}}
		if err := h.Write(bg, modules.Write{Path: to + u[1:], Fetch: &f}); err == nil || !strings.Contains(err.Error(), want) || exists(to+u[1:]) {
			t.Fatalf("%s: %v", u, err)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(to)); len(left) != 1 {
		t.Fatalf("left behind: %v", left)
	}
	if err := h.Connect(bg, "tcp", "127.0.0.1:1"); err == nil || err.Error() != "127.0.0.1:1: connection refused" {
		t.Fatalf("got %v", err)
	}
	if err := h.Connect(bg, "tcp", strings.TrimPrefix(s.URL, "https://")); err != nil {
		t.Fatal(err)
	}
}

func TestQueryWithoutCluster(t *testing.T) {
	h := doors(t)
	for _, host := range []string{t.TempDir(), "/nonexistent"} {
		if _, err := h.Query(bg, modules.Database{Host: host, Account: "root"}, "select 1"); !errors.Is(err, modules.ErrNotExist) {
			t.Fatalf("got %v", err)
		}
	}
}
