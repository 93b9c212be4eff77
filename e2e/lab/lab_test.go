//go:build lab

package lab

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// up brings hosts up for one test. A lab that does not start is a failure.
func up(t *testing.T, c Config, hosts ...Spec) *Lab {
	t.Helper()
	c.Log = t.Logf
	l, err := c.Up(t.Context(), hosts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

func fromEnv(t *testing.T) Config {
	t.Helper()
	c, err := FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	c.Group = strings.ToLower(t.Name()) // the next test may not find this one's hosts
	return c
}

func sh(t *testing.T, l *Lab, host, command string) string {
	t.Helper()
	out, err := l.SSH(t.Context(), host, command)
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	return strings.TrimSpace(out)
}

var oneOfEach = []Spec{
	{Name: "bookworm", Suite: "bookworm"},
	{Name: "trixie", Suite: "trixie"},
	{Name: "sid", Suite: "sid", Aliases: []string{"example.lab", "matrix.example.lab"}},
}

func TestHostsBootOnAllSuites(t *testing.T) {
	c := fromEnv(t)
	l := up(t, c, oneOfEach...)
	ids := map[string]bool{}
	for _, h := range l.Hosts {
		t.Run(h.Suite, func(t *testing.T) {
			if got := sh(t, l, h.Name, "systemctl is-system-running; systemctl --failed --no-legend"); got != "running" {
				t.Errorf("the system is %s", got)
			}
			if got := sh(t, l, h.Name, "hostname; cat /etc/hostname"); got != h.Name+"\n"+h.Name {
				t.Errorf("host name %q", got)
			}
			if got := sh(t, l, h.Name, "getent hosts matrix.example.lab | cut -d' ' -f1"); got != l.Host("sid").Addr {
				t.Errorf("an alias resolves to %q, want %s", got, l.Host("sid").Addr)
			}
			id := sh(t, l, h.Name, "cat /etc/machine-id")
			if len(id) != 32 || ids[id] {
				t.Errorf("machine id %q", id)
			}
			ids[id] = true
			if got := sh(t, l, "admin@"+h.Name, "echo "+Password+" | sudo -S -p '' id -un"); got != "root" {
				t.Errorf("admin with the password becomes %q", got)
			}
			if _, err := l.SSH(t.Context(), "admin@"+h.Name, "sudo -n true"); err == nil {
				t.Error("admin needs no password")
			}
			if got := sh(t, l, "ops@"+h.Name, "sudo -n id -un"); got != "root" {
				t.Errorf("ops becomes %q", got)
			}
			if got := sh(t, l, h.Name, "command -v python3 || echo none"); got != "none" {
				t.Errorf("a bare host has %s", got)
			}
			sh(t, l, h.Name, "apt-get -q update && apt-get -q -y install hello && hello")
			if got := sh(t, l, h.Name, "dpkg-query -W -f '${Status}' hello"); got != "install ok installed" {
				t.Errorf("hello is %q", got)
			}
		})
	}
	// A second Up finds them, and closing it ends nothing.
	again, err := c.Up(t.Context(), oneOfEach[2])
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	sh(t, l, "sid", "test -x /usr/bin/hello")
	if _, err := c.Up(t.Context(), Spec{Name: "sid", Suite: "trixie"}); err == nil {
		t.Error("a host is there in another suite than asked for")
	}
}

// With a cgroup tree that hosts share, stopping a service on one ends the
// service of that name on all.
func TestStopOnOneHostLeavesTheOthers(t *testing.T) {
	l := up(t, fromEnv(t), Spec{Name: "a", Suite: "trixie"}, Spec{Name: "b", Suite: "trixie"}, Spec{Name: "c", Suite: "sid"})
	const unit = "[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nExecStart=/bin/sleep infinity\\nRestart=no\\n[Install]\\nWantedBy=multi-user.target\\n"
	for _, h := range l.Hosts {
		sh(t, l, h.Name, "printf '"+unit+"' >/etc/systemd/system/lasting.service && systemctl enable -q --now lasting")
	}
	pid := sh(t, l, "b", "systemctl show -P MainPID lasting")
	for range 3 {
		sh(t, l, "a", "systemctl stop lasting && systemctl start lasting && systemctl restart lasting && systemctl daemon-reload")
	}
	sh(t, l, "a", "systemctl stop lasting")
	for _, name := range []string{"b", "c"} {
		if got := sh(t, l, name, "systemctl is-active lasting"); got != "active" {
			t.Errorf("on %s it is %s", name, got)
		}
		// A service that cannot be started any more is the other sign.
		sh(t, l, name, "systemctl restart lasting && systemctl is-active -q lasting && systemd-run -q --wait true")
	}
	if now := sh(t, l, "a", "cat /proc/1/cgroup"); now == "" {
		t.Error("no cgroup")
	}
	if now := sh(t, l, "b", "systemctl show -P NRestarts lasting"); now != "0" {
		t.Errorf("on b it was restarted %s times", now)
	}
	if pid == "0" {
		t.Error("it never ran on b")
	}
}

func TestResetGivesABareHost(t *testing.T) {
	l := up(t, fromEnv(t), Spec{Name: "a", Suite: "sid"}, Spec{Name: "b", Suite: "sid"})
	id := sh(t, l, "a", "cat /etc/machine-id")
	before, err := l.Files("a", "/var/log", "/var/lib/systemd")
	if err != nil {
		t.Fatal(err)
	}
	sh(t, l, "a", "rm -rf /opt && echo x >/etc/x && useradd y && rm /usr/bin/ip && systemctl stop ssh; nohup sleep 1000 >/dev/null 2>&1 &")
	if after, err := l.Files("a", "/var/log"); err != nil || len(Changed(before, after)) < 5 {
		t.Errorf("the changes are not seen: %v, %v", Changed(before, after), err)
	}
	sh(t, l, "b", "echo x >/etc/x")
	start := time.Now()
	if err := l.Reset(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("Reset took %v", d)
	}
	sh(t, l, "a", "test ! -e /etc/x && test -x /usr/bin/ip && test -d /opt && ! id y 2>/dev/null")
	if now := sh(t, l, "a", "cat /etc/machine-id"); now == id {
		t.Error("the machine id is the old one")
	}
	sh(t, l, "b", "test -e /etc/x")
}

// A host that nobody touches stays as it is, byte for byte, while another of
// its group comes and goes.
func TestFilesOfAnIdleHostStay(t *testing.T) {
	c := fromEnv(t)
	l := up(t, c, Spec{Name: "a", Suite: "bookworm"})
	skip := []string{"/var/log"}
	sh(t, l, "a", "true") // the first login makes what a login makes
	before, err := l.Files("a", skip...)
	if err != nil {
		t.Fatal(err)
	}
	other := c
	other.Group += "2"
	o := up(t, other, Spec{Name: "a", Suite: "bookworm"})
	if o.Host("a").Addr == l.Host("a").Addr {
		t.Error("two groups share a host")
	}
	sh(t, l, "a", "true")
	after, err := l.Files("a", skip...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := Changed(before, after); diff != nil {
		t.Errorf("changed:\n%s", strings.Join(diff, "\n"))
	}
	if len(before) < 5000 {
		t.Errorf("only %d files were seen", len(before))
	}
}

func TestRebootKeepsTheHost(t *testing.T) {
	l := up(t, fromEnv(t), Spec{Name: "a", Suite: "trixie"})
	boot := sh(t, l, "a", "systemctl show -P UserspaceTimestampMonotonic; echo x >/etc/x")
	l.SSH(t.Context(), "a", "systemctl reboot")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		out, err := l.SSH(ctx, "a", "systemctl show -P UserspaceTimestampMonotonic; test -e /etc/x && systemctl is-system-running --wait >/dev/null")
		if err == nil && strings.TrimSpace(out) != boot {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the host does not come back: %v", err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// useStandIn makes a host's apt trust and read the stand-in.
func useStandIn(t *testing.T, l *Lab, host string) {
	t.Helper()
	suite := l.Host(host).Suite
	sh(t, l, host, fmt.Sprintf(`set -e
apt-get -q update >/dev/null
apt-get -q -y install curl gpg >/dev/null
curl -fsS -o /usr/share/keyrings/matrix-org-archive-keyring.gpg %[1]s/matrix-org-archive-keyring.gpg
curl -fsS %[1]s/matrix-org-archive-keyring.asc | gpg --show-keys --with-colons | grep -q %[3]s
printf 'Types: deb\nURIs: %%s\nSuites: %%s\nComponents: main\nSigned-By: /usr/share/keyrings/matrix-org-archive-keyring.gpg\n' %[1]s %[2]s >/etc/apt/sources.list.d/matrix-org.sources
apt-get -q -o APT::Update::Error-Mode=any update`, l.StandIn, suite, l.Fingerprint))
}

func TestStandInOnAllSuites(t *testing.T) {
	l := up(t, fromEnv(t), oneOfEach...)
	for _, h := range l.Hosts {
		t.Run(h.Suite, func(t *testing.T) {
			useStandIn(t, l, h.Name)
			if got := sh(t, l, h.Name, "apt-cache policy matrix-synapse-py3 | grep Candidate"); got != "Candidate: 1.160.1+standin1" {
				t.Errorf("policy: %s", got)
			}
			sh(t, l, h.Name, "echo mxplay-hello mxplay-hello/greeting string good morning | debconf-set-selections && "+
				"DEBIAN_FRONTEND=noninteractive apt-get -q -y install mxplay-hello=1.0")
			if got := sh(t, l, h.Name, "mxplay-hello; cat /etc/mxplay-hello"); got != "hello 1.0\ngood morning" {
				t.Errorf("the older version with an answer says %q", got)
			}
			sh(t, l, h.Name, "DEBIAN_FRONTEND=noninteractive apt-get -q -y install mxplay-hello")
			if got := sh(t, l, h.Name, "mxplay-hello"); got != "hello 1.1" {
				t.Errorf("the upgrade says %q", got)
			}
			sh(t, l, h.Name, "apt-get -q -y purge mxplay-hello && test ! -e /etc/mxplay-hello")
			// An index that is not signed by the key must not be taken.
			sh(t, l, h.Name, "cp /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/matrix-org-archive-keyring.gpg")
			if _, err := l.SSH(t.Context(), h.Name, "apt-get -q -o APT::Update::Error-Mode=any update"); err == nil {
				t.Error("apt takes the stand-in's index with another key")
			}
		})
	}
}

func TestSynapseFromTheStandIn(t *testing.T) {
	l := up(t, fromEnv(t), Spec{Name: "sid", Suite: "sid"})
	useStandIn(t, l, "sid")
	sh(t, l, "sid", `set -e
export DEBIAN_FRONTEND=noninteractive
printf 'matrix-synapse-py3 matrix-synapse/%s\n' 'server-name string sid.lab' 'report-stats boolean false' | debconf-set-selections
mkdir -p /etc/matrix-synapse/conf.d
echo 'listeners: [{port: 8008, type: http, bind_addresses: [127.0.0.1], x_forwarded: true, resources: [{names: [client, federation]}]}]' >/etc/matrix-synapse/conf.d/listeners.yaml
echo 'registration_shared_secret: not a secret' >/etc/matrix-synapse/conf.d/keys.yaml
apt-get -q -y install matrix-synapse-py3`)
	for command, want := range map[string]string{
		"systemctl is-active matrix-synapse":                                                                  "active",
		"systemctl show -P Restart matrix-synapse":                                                            "always",
		"id -gn matrix-synapse":                                                                               "matrix-synapse",
		"stat -c %U:%G /var/lib/matrix-synapse":                                                               "matrix-synapse:matrix-synapse",
		"stat -c %U:%G /etc/matrix-synapse/homeserver.signing.key":                                            "matrix-synapse:matrix-synapse",
		"cat /etc/matrix-synapse/conf.d/server_name.yaml":                                                     "server_name: sid.lab",
		"/opt/venvs/matrix-synapse/bin/python -c 'import synapse'":                                            "",
		"/opt/venvs/matrix-synapse/bin/python -c 'import txredisapi'":                                         "",
		"register_new_matrix_user -u bob -p bob --no-admin -k 'not a secret' http://127.0.0.1:8008 | tail -1": "Success!",
		"systemctl reload matrix-synapse && curl -fsS http://127.0.0.1:8008/health":                           "OK",
	} {
		if got := sh(t, l, "sid", command); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

// TestDownLeavesNothing uses a network of its own, so that labs in use stay.
func TestDownLeavesNothing(t *testing.T) {
	c := fromEnv(t)
	c.Net, c.Group, c.Owner = 244, Main, 0
	c.State = StateDir(c.Net)
	if err := c.Down(t.Context()); err != nil { // of a run that was killed
		t.Fatal(err)
	}
	forward, err := os.ReadFile(forwardSwitch)
	if err != nil {
		t.Fatal(err)
	}
	c.Log = t.Logf
	l, err := c.Up(t.Context(), Spec{Name: "a", Suite: "sid"}, Spec{Name: "b", Suite: "bookworm"})
	if err != nil {
		t.Fatal(err)
	}
	sh(t, l, "a", "nohup setsid sleep 1000 >/dev/null 2>&1 & systemd-run -q sleep 1000; getent hosts b")
	if len(traces(t, c)) < 5 {
		t.Fatalf("this test does not see what a lab is made of: %v", traces(t, c))
	}
	if err := c.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, c); len(left) > 0 {
		t.Errorf("left:\n%s", strings.Join(left, "\n"))
	}
	if now, err := os.ReadFile(forwardSwitch); err != nil || string(now) != string(forward) {
		t.Errorf("routing was %q and is %q, %v", forward, now, err)
	}
	if err := c.Down(t.Context()); err != nil {
		t.Errorf("a second Down: %v", err)
	}
}

// traces finds all that bears the mark of a lab.
func traces(t *testing.T, c Config) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{
		c.State, c.overlaysDir() + "/*",
		"/run/netns/mxlab-" + strings.ReplaceAll(c.addr(0), ".", "-")[:len("10-244-0-")] + "*",
		"/sys/fs/cgroup/" + c.bridge() + "*", "/sys/fs/cgroup/unified/" + c.bridge() + "*",
		nspawnDir + "/*/" + c.bridge() + "*",
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, paths...)
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if strings.HasPrefix(l.Name, c.bridge()) {
			found = append(found, "link "+l.Name)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, c.overlaysDir()) {
			found = append(found, "mount "+line)
		}
	}
	procs, _ := fs.Glob(os.DirFS("/proc"), "[0-9]*/cgroup")
	for _, p := range procs {
		groups, _ := os.ReadFile("/proc/" + p)
		pid, _ := strconv.Atoi(filepath.Dir(p))
		_, state, err := procStat(pid)
		if err == nil && state != "Z" && strings.Contains(string(groups), c.bridge()) {
			found = append(found, "process "+p)
		}
	}
	if _, err := c.askServer(t.Context()); err == nil {
		found = append(found, "server")
	}
	if _, err := run(t.Context(), "nft", "list", "table", "ip", c.bridge()); err == nil {
		found = append(found, "nft table")
	}
	return found
}

// Two groups come and go at once, as two test processes do.
func TestGroupsComeAndGoTogether(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			c := fromEnv(t)
			c.Group = fmt.Sprintf("%s%d", c.Group, i)
			for range 3 {
				l, err := c.Up(t.Context(), Spec{Name: "a", Suite: "trixie"})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := l.SSH(t.Context(), "a", "true"); err != nil {
					t.Error(err)
				}
				if err := l.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// A host whose process was killed is ended by whoever comes next.
func TestHostsOfAnEndedProcessGo(t *testing.T) {
	c := fromEnv(t)
	l := up(t, c, Spec{Name: "a", Suite: "trixie"})
	h, err := c.find("a")
	if err != nil {
		t.Fatal(err)
	}
	h.Owner.Start-- // as if its number had gone to another process
	if err := h.save(c); err != nil {
		t.Fatal(err)
	}
	other := c
	other.Group += "2"
	up(t, other, Spec{Name: "b", Suite: "trixie"})
	if _, err := l.Exec(t.Context(), "a", "true"); err == nil {
		t.Error("the host of an ended process still runs")
	}
}
