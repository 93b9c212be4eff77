//go:build lab

package e2e

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/e2e/lab"
)

// suites are the releases of Debian that the modules work on.
var suites = []string{"bookworm", "trixie", "sid"}

// stage is a host, and how a test logs in and becomes root there.
type stage struct {
	t    *testing.T
	l    *lab.Lab
	host string
	args []string
}

// run runs one of the playbooks of the test data, with variables.
func (s *stage) run(book string, vars ...string) result {
	s.t.Helper()
	return mxplay(s.t, s.l, s.with(book, vars)...)
}

func (s *stage) with(book string, vars []string, more ...string) []string {
	s.t.Helper()
	args := append([]string{abs(s.t, "testdata/modules/"+book+".yml"), "-l", s.host,
		"-e", "standin=" + s.l.StandIn, "-e", "fingerprint=" + s.l.Fingerprint}, s.args...)
	for _, v := range vars {
		args = append(args, "-e", v)
	}
	return append(args, more...)
}

// reaches brings the host to a state, shows that it was not there and then is:
// check mode announces a change, the run makes it, a second one and a check
// find nothing to do.
func (s *stage) reaches(book string, vars ...string) {
	s.t.Helper()
	c := mxplay(s.t, s.l, s.with(book, vars, "-C", "--output", "json")...).ends(s.t, 0).recap(s.t)[s.host]
	if c.Changed+c.Maybe == 0 {
		s.t.Errorf("%s %v: check mode announces nothing: %+v", book, vars, c)
	}
	s.run(book, vars...).ends(s.t, 0)
	unchanged(s.t, s.l, s.with(book, vars)...)
	unchanged(s.t, s.l, s.with(book, vars, "-C")...)
}

// Every module on every release, as root and as somebody who must use sudo
// with a password: what was not there comes, stays, and goes.
func TestModules(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			name := "m" + suite
			l := up(t, lab.Spec{Name: name, Suite: suite})
			pass := write(t, "pass", lab.Password+"\n")
			for _, login := range []struct {
				user string
				args []string
			}{
				{"root", []string{"-u", "root"}},
				{"admin", []string{"-u", "admin", "--become-password-file", pass}},
			} {
				args := append(login.args, "-e", "ansible_user="+login.user)
				stage := func(t *testing.T) *stage { return &stage{t, l, name, args} }
				t.Run("files as "+login.user, func(t *testing.T) { files(stage(t)) })
				t.Run("daily as "+login.user, func(t *testing.T) { daily(stage(t)) })
				t.Run("units as "+login.user, func(t *testing.T) { units(stage(t)) })
				t.Run("packages as "+login.user, func(t *testing.T) { packages(stage(t)) })
				t.Run("postgres as "+login.user, func(t *testing.T) { postgres(stage(t)) })
			}
			t.Run("bad units", func(t *testing.T) { badUnits(&stage{t, l, name, nil}) })
			t.Run("repositories", func(t *testing.T) { repositories(&stage{t, l, name, nil}) })
			t.Run("refusals", func(t *testing.T) { moduleRefusals(&stage{t, l, name, nil}) })
			if suite == "trixie" {
				t.Run("a role of Ansible", func(t *testing.T) { migrated(t, l, name) })
			}
		})
	}
}

func files(s *stage) {
	t := s.t
	s.reaches("files", "state=present")
	got := sh(t, s.l, s.host, `cd /srv/mods; find tree | LC_ALL=C sort; stat -c '%a %U:%G %n' tree/sub tree/sub/run.sh etc/deep etc/text etc/twin secret tls.key touched; readlink link; stat -c %h hard
		cat lines block; getent passwd mods; id -nG mods | tr ' ' '\n' | sort | xargs; cat etc/data.json; grep -c . etc/large; ls www/.well-known/matrix | xargs; head -c 36 key.asc`)
	want := `tree
tree/readme
tree/sub
tree/sub/empty
tree/sub/run.sh
tree/tree
tree/tree/readme
tree/tree/sub
tree/tree/sub/empty
tree/tree/sub/run.sh
750 mods:root tree/sub
755 mods:root tree/sub/run.sh
750 mods:mods etc/deep
640 mods:mods etc/text
600 root:mods etc/twin
640 root:mods secret
640 root:mods tls.key
640 root:root touched
etc/text
2
zeroth
first
second
; BEGIN of a test
a
b
; END of a test
mods:x:4242:4242:of the modules' tests:/srv/mods/home:/bin/bash
adm mods mods-sys
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("on the host:\n%s\nwant it to begin with:\n%s", got, want)
	}
	if !strings.HasSuffix(got, "4000\nclient server support\n-----BEGIN PGP PUBLIC KEY BLOCK-----") {
		t.Errorf("on the host:\n%s", got)
	}
	s.reaches("files", "state=absent")
	sh(t, s.l, s.host, "test ! -e /srv/mods && ! getent passwd mods && ! getent group mods mods-sys")
}

func daily(s *stage) {
	archive := archives(s.t)
	s.reaches("daily", "state=present", "archive="+archive)
	got := sh(s.t, s.l, s.host, `cat /srv/daily/c.conf; readlink /etc/localtime; hostname; cat /etc/hostname; cut -d' ' -f1,2,4 /home/daily/.ssh/authorized_keys
		stat -c '%a %U:%G' /home/daily/.ssh /home/daily/.ssh/authorized_keys; cat /etc/sysctl.d/60-daily.conf; cat /srv/daily/main/f /srv/daily/tag/f /srv/daily/script /srv/daily/whole; grep -c . /srv/daily/trees; cd /srv/daily; find un un-zip un-remote -printf '%P %m %u %g\n' | LC_ALL=C sort; cat /etc/cron.d/daily; crontab -l -u daily; crontab -l`)
	if want := "one\nthree\n/usr/share/zoneinfo/Europe/Vienna\ndaily\ndaily\nno-pty ssh-ed25519 daily@example.org\n700 daily:daily\n600 daily:daily\nnet.ipv4.conf.lo.log_martians=1\nkernel.ostype=Linux\n2\n1\ndaily.sh\n/srv/daily\n3\n/srv/daily/script\ntwo words\n5\none\ntwo\n--\none\ntwo\n1\n" +
		" 755 root root\n 755 root root\n 755 root root\nreadme 644 daily root\nreadme 644 root root\nsub 755 daily daily\nsub 755 daily root\nsub 755 root root\n" +
		"sub/empty 644 daily daily\nsub/empty 644 daily root\nsub/run.sh 755 daily daily\nsub/run.sh 755 daily root\nsub/run.sh 755 root root\n" +
		"MAILTO=\"ops@example.org\"\n#Ansible: a dump\n30 3 * * * daily /bin/true\n#Ansible: a job of its own\n@reboot /bin/true\n#Ansible: of root\n#*/5 * * * * /bin/true"; got != want {
		s.t.Errorf("on the host:\n%s\nwant:\n%s", got, want)
	}
	// what somebody changed comes back, and only the owner is set where only that differs
	sh(s.t, s.l, s.host, "echo x >/srv/daily/un/sub/run.sh; rm /srv/daily/un-remote/sub/run.sh; chown root /srv/daily/un/readme; chmod 600 /srv/daily/un-zip/readme")
	s.reaches("daily", "state=present", "archive="+archive)
	s.reaches("daily", "state=absent", "archive="+archive)
}

// archives makes a tar and a zip of the folder tree; the name without what follows the dot.
func archives(t *testing.T) string {
	t.Helper()
	base := filepath.Join(t.TempDir(), "archive")
	tree := abs(t, "testdata/modules")
	if out, err := exec.Command("tar", "-C", tree, "--owner=daily:4711", "--group=0", "-czf", base+".tar.gz", "tree").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	f, err := os.Create(base + ".zip")
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	if err := errors.Join(w.AddFS(os.DirFS(filepath.Join(tree, "tree"))), w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return base
}

func units(s *stage) {
	s.reaches("units", "state=present", "colour=red")
	s.reaches("units", "state=present", "colour=green") // restarts, as the unit's file changed
	if out := sh(s.t, s.l, s.host, "systemctl is-enabled mods apt-daily-upgrade.timer || true"); out != "enabled\nmasked" {
		s.t.Errorf("units are %q", out)
	}
	s.run("units", "state=absent", "reload=true").ends(s.t, 0)
	unchanged(s.t, s.l, s.with("units", []string{"state=absent", "reload=false"})...)
}

func packages(s *stage) {
	installed := func() string {
		return sh(s.t, s.l, s.host, "dpkg-query -W -f '${Status} ${Version}\n' mxplay-hello 2>/dev/null || true; ls /etc/mxplay-hello /etc/apt/sources.list.d/standin.sources 2>/dev/null || true")
	}
	s.reaches("packages", "state=present", "version=1.1", "hold=false")
	s.reaches("packages", "state=present", "version=1.0", "hold=true")
	if got := sh(s.t, s.l, s.host, "apt-get -qq update; apt-get -y -qq upgrade >/dev/null; apt-mark showhold; mxplay-hello"); got != "mxplay-hello\nhello 1.0" {
		s.t.Errorf("held: %q", got)
	}
	s.reaches("packages", "state=latest")
	s.reaches("packages", "state=absent", "purge=false")
	if got := installed(); got != "deinstall ok config-files 1.1\n/etc/apt/sources.list.d/standin.sources\n/etc/mxplay-hello" {
		s.t.Errorf("removed: %q", got)
	}
	s.reaches("packages", "state=absent", "purge=true")
	if got := installed(); got != "" {
		s.t.Errorf("purged: %q", got)
	}
}

func postgres(s *stage) {
	s.reaches("postgres", "state=present")
	book := write(s.t, "collation.yml", `- hosts: all
  become: true
  tasks:
    - postgres_db: {name: app, lc_collate: C.UTF-8, lc_ctype: C.UTF-8}
`)
	args := append([]string{book, "-l", s.host}, s.args...)
	mxplay(s.t, s.l, args...).ends(s.t, 1).says(s.t, "postgres_db", "app", "C.UTF-8")
	s.reaches("postgres", "state=absent")
	if got := sh(s.t, s.l, s.host, "cd /; runuser -u postgres -- psql -XAtc \"select rolname from pg_roles where rolname in ('app', 'reader') union select datname from pg_database where datname = 'app'\"; grep -h app /etc/postgresql/*/main/pg_hba.conf /etc/postgresql/*/main/pg_ident.conf | grep -v '^#' || true"); got != "" {
		s.t.Errorf("left: %q", got)
	}
}

// play runs tasks as root.
func (s *stage) play(tasks string, args ...string) result {
	s.t.Helper()
	book := write(s.t, "tasks.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n"+tasks)
	return mxplay(s.t, s.l, append([]string{book, "-l", s.host}, args...)...)
}

// A unit that does not run is never ok, however systemd looks at it.
func badUnits(s *stage) {
	units := map[string]string{
		"fails":   "[Service]\nExecStart=/bin/sh -c 'echo it does not like this >&2; exit 3'\n",
		"oneshot": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo nor this >&2; exit 4'\n",
		"crashes": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=notify\nRestart=always\nRestartSec=1\nExecStart=/bin/sh -c 'sleep 1; echo bad configuration >&2; exit 1'\n",
		"skipped": "[Unit]\nConditionPathExists=/nowhere\n[Service]\nExecStart=/bin/sleep 1000\n",
		"dies":    "[Service]\nExecStart=/bin/sh -c 'sleep 0.3; echo died at once >&2; exit 1'\n",
		"broken":  "[Service]\nExecStart=no/absolute/path\n",
	}
	for name, text := range units {
		put(s, "/etc/systemd/system/bad-"+name+".service", text)
	}
	for name, want := range map[string][]string{
		"fails": {"it does not like this"}, "oneshot": {"nor this"}, "crashes": {"bad configuration"},
		"skipped": {"condition", "/nowhere"}, "dies": {"died at once"}, "broken": {"bad-broken.service"}, "missing": {"bad-missing"},
	} {
		s.play("    - systemd: {name: bad-"+name+", state: started}\n").ends(s.t, 1).says(s.t, append(want, "systemd")...)
	}
	sh(s.t, s.l, s.host, "systemctl stop 'bad-*'; rm /etc/systemd/system/bad-*; systemctl daemon-reload; systemctl reset-failed")
}

// put writes a file from outside.
func put(s *stage, path, text string) {
	s.t.Helper()
	root, err := s.l.Root(s.host)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(root+path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func repositories(s *stage) {
	t := s.t
	repo := func(more string) string {
		suite := strings.TrimPrefix(s.host, "m")
		return fmt.Sprintf("    - apt_repo: {name: own, uris: ['%s'], suites: [%s], components: [main], %s}\n", s.l.StandIn, suite, more)
	}
	sources := func() string {
		return sh(t, s.l, s.host, "cd /etc/apt; grep -l '"+s.l.StandIn+"' sources.list sources.list.d/* 2>/dev/null | xargs; ls keyrings 2>/dev/null | xargs")
	}
	t.Run("wrong fingerprint", func(t *testing.T) {
		s := &stage{t, s.l, s.host, nil}
		s.play(repo(fmt.Sprintf("key_url: '%s/matrix-org-archive-keyring.gpg', fingerprint: %s", s.l.StandIn, strings.Repeat("0123ABCD", 5)))).
			ends(t, 1).says(t, "fingerprint", s.l.Fingerprint)
		if got := sources(); got != "" {
			t.Errorf("left %q", got)
		}
	})
	t.Run("key inline, old line goes", func(t *testing.T) {
		s := &stage{t, s.l, s.host, nil}
		put(s, "/etc/apt/sources.list.d/old.list", "# of old\ndeb [trusted=yes] "+s.l.StandIn+"/ "+strings.TrimPrefix(s.host, "m")+" main\n")
		key := sh(t, s.l, s.host, "perl -MIO::Socket::INET -e '"+fetch(s.l.StandIn+"/matrix-org-archive-keyring.asc")+"'")
		vars := write(t, "key.yml", "armoured: |\n  "+strings.ReplaceAll(key, "\n", "\n  ")+"\n")
		task := repo("key: '{{ armoured }}', fingerprint: " + s.l.Fingerprint)
		s.play(task, "-e", "@"+vars).ends(t, 0)
		if got := sources(); got != "sources.list.d/own.sources\nown.gpg" {
			t.Errorf("there is %q", got)
		}
		r := s.play(task, "-e", "@"+vars, "--output", "json").ends(t, 0)
		if c := r.recap(t)[s.host]; c.Changed != 0 {
			t.Errorf("a second time: %+v", c)
		}
		sh(t, s.l, s.host, "apt-get -qq update && apt-cache policy mxplay-hello | grep -q 1.1")
		s.play(repo("state: absent")).ends(t, 0)
		if got := sources(); got != "" {
			t.Errorf("left %q", got)
		}
	})
}

// fetch is a line of perl, which every Debian has, that prints what an address serves.
func fetch(url string) string {
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	return fmt.Sprintf(`$s = IO::Socket::INET->new("%s") or die; print $s "GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n"; while (<$s>) { last if /^\r?$/ } print while <$s>`, host, path, host)
}

// What a module cannot do it says, and does nothing.
func moduleRefusals(s *stage) {
	for _, x := range []struct {
		task string
		want []string
	}{
		{"package: {name: no-such-package-anywhere}", []string{"no-such-package-anywhere"}},
		{"package: {name: hello=99}", []string{"99"}},
		{"copy: {dest: /etc/refused, content: x, validate: 'false %s'}", []string{"/etc/refused", "false"}},
		{"copy: {dest: /nowhere/at/all, content: x}", []string{"/nowhere/at"}},
		{"file: {path: /etc/refused, state: file}", []string{"/etc/refused"}},
		{"file: {path: /etc/passwd, state: directory}", []string{"/etc/passwd"}},
		{"user: {name: refused, group: no-such-group}", []string{"no-such-group"}},
		{"command: {cmd: sh -c 'echo on stderr >&2; exit 7'}", []string{"7", "on stderr"}},
		{"uri: {url: 'http://127.0.0.1:9/'}", []string{"refused"}},
		{"wait_for: {port: 9, timeout: 2}", []string{"9"}},
		{"lineinfile: {path: /etc/not-there, line: x}", []string{"/etc/not-there"}},
		{"get_url: {url: '" + s.l.StandIn + "/not-there', dest: /etc/refused}", []string{"404"}},
		{"get_url: {url: '" + s.l.StandIn + "/matrix-org-archive-keyring.asc', dest: /etc/refused, checksum: 'sha256:" + strings.Repeat("0", 64) + "'}", []string{"not 0000"}},
		{"sysctl: {name: kernel.ostype, value: x, sysctl_file: /etc/refused}", []string{"kernel.ostype"}},
		{"timezone: {name: Europe/Wien}", []string{"Europe/Wien"}},
		{"replace: {path: /etc/not-there, regexp: x}", []string{"/etc/not-there"}},
		{"fail: {msg: as it was told}", []string{"as it was told"}},
		{"assert: {that: 1 == 2, fail_msg: no such luck}", []string{"no such luck"}},
	} {
		s.play("    - "+x.task+"\n").ends(s.t, 1).says(s.t, x.want...)
	}
	sh(s.t, s.l, s.host, "test ! -e /etc/refused && test ! -e /nowhere && ! getent passwd refused")
}
