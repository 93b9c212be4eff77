//go:build lab

package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mxplay/mxplay/e2e/lab"
)

// fiveHosts spreads the homeserver over the lab's hosts db, hs, w1, w2 and edge.
func fiveHosts(t *testing.T, l *lab.Lab) string {
	t.Helper()
	return write(t, "homeserver", fmt.Sprintf(`[homeserver]
hs
[matrix_database]
db
[matrix_workers]
w1
w2
[matrix_edge]
edge
[matrix:children]
homeserver
matrix_database
matrix_workers
matrix_edge
[matrix:vars]
matrix_domain=%s
synapse_workers=small
matrix_firewall=true
synapse_settings={"rc_login": {"address": {"per_second": 10, "burst_count": 100}, "account": {"per_second": 10, "burst_count": 100}}}
synapse_repository_url=%s
synapse_repository_key_url=%s/matrix-org-archive-keyring.gpg
synapse_repository_fingerprint=%s
`, domain, l.StandIn, l.StandIn, l.Fingerprint))
}

// One run spreads a homeserver over five bare hosts: database, main process,
// two hosts of workers, and nginx with coturn.
func TestFiveHosts(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "db", Suite: "sid"}, lab.Spec{Name: "hs", Suite: "sid"}, lab.Spec{Name: "w1", Suite: "sid"},
		lab.Spec{Name: "w2", Suite: "sid"}, lab.Spec{Name: "edge", Suite: "sid", Aliases: []string{domain, public}})
	inv := fiveHosts(t, l)
	args := func(more ...string) []string { return append([]string{"-i", inv, "mxplay:site.yml"}, more...) }

	t.Run("bare hosts", func(t *testing.T) { bareHosts(t, l, args) })
	watch := watchProcesses(t, l, "w1") // where secrets arrive that another host has drawn
	defer watch.stop()
	said := mxplay(t, l, args("-D", "-vvv")...).ends(t, 0).all()
	ran := watch.stop()
	said += unchanged(t, l, args("-D", "-vvv")...).all()
	said += unchanged(t, l, args("-C", "-D", "-vvv")...).all()
	afterwards(t, l, args, said, ran)
}

// afterwards looks at what a run has made of five hosts.
func afterwards(t *testing.T, l *lab.Lab, args func(...string) []string, said string, ran []string) {
	s := server{t: t, c: through(t, l.Host("edge").Addr), l: l, host: "hs"}
	t.Run("serves", func(t *testing.T) { serves(t, s.c); wellKnown(t, s.c) })
	s.admin = s.login("admin", sh(t, l, "hs", "cat /etc/mxplay/secrets/admin_password"))
	s.bot("bob")
	t.Run("requests", func(t *testing.T) {
		s := s.in(t)
		throughWorkers(s)
		for _, on := range [][3]string{{"w1", "sync1", "/sync"}, {"w2", "client1", "/send/m.room.message"}, {"w1", "federation1", "/_matrix/federation/v1/version"}, {"hs", "main", "/typing/"}} {
			s.host = on[0]
			s.asked(on[1], on[2])
		}
	})
	t.Run("workers", func(t *testing.T) { spreadWorkers(s.in(t)) })
	t.Run("database", func(t *testing.T) { spreadDatabase(t, l) })
	t.Run("listeners", func(t *testing.T) { privateOnly(t, l) })
	t.Run("calls", func(t *testing.T) { callsThrough(s.in(t), "edge") })
	t.Run("verify", func(t *testing.T) {
		at := l.Host("edge").Addr
		mxplay(t, l, append(args()[:2], "mxplay:verify.yml", "-e", fmt.Sprintf(`{"verify_validate_certs": false, "verify_resolve": {%q: %q, %q: %q}}`, domain, at, public, at))...).
			ends(t, 0).says(t, "a message through sync1", "a message through client1", "sender1 answers")
	})
	t.Run("limit", func(t *testing.T) {
		unchanged(t, l, args("-l", "w2")...)
		unchanged(t, l, args("-l", "edge")...)
	})
	t.Run("refused", func(t *testing.T) {
		for what, why := range map[string]string{
			`{"matrix_address": "0.0.0.0"}`: "set matrix_address to its address in a private network",
			`{"synapse_workers": "none"}`:   "and workers (synapse_workers) where it has hosts in matrix_workers",
			`{"synapse_more_workers": [{"name": "x", "serves": ["sync"], "host": "edge"}]}`: "the host of a worker is one of hs, w1, w2",
		} {
			mxplay(t, l, args("-C", "-e", what)...).ends(t, 2).says(t, why)
		}
	})
	t.Run("secrets", func(t *testing.T) { spreadSecrets(t, l, said, ran) })
	t.Run("tuning", func(t *testing.T) { tuning(t, l, args) })
}

// tuning changes settings of PostgreSQL: one that it takes as it runs, one that it has to start anew for, one that it would not start with.
func tuning(t *testing.T, l *lab.Lab, args func(...string) []string) {
	look := func() (since, cost, connections string) {
		f := strings.Fields(sh(t, l, "db", `cd / && runuser -u postgres -- psql -XAt -c "select extract(epoch from pg_postmaster_start_time())" -c "show random_page_cost" -c "show max_connections"`))
		return f[0], f[1], f[2]
	}
	run := func(settings string) result {
		return mxplay(t, l, args("-l", "db", "-t", "postgresql", "-e", `{"postgresql_settings": `+settings+`}`)...)
	}
	first, _, _ := look()
	run(`{"random_page_cost": 1.5}`).ends(t, 0)
	if since, cost, _ := look(); cost != "1.5" || since != first {
		t.Errorf("random_page_cost is %s; PostgreSQL runs since %s, before %s", cost, since, first)
	}
	run(`{"max_connections": 150}`).ends(t, 0)
	second, _, connections := look()
	if connections != "150" || second == first {
		t.Errorf("max_connections is %s; PostgreSQL runs since %s, before %s", connections, second, first)
	}
	run(`{"shared_buffers": "lots"}`).ends(t, 1).says(t, `invalid value for parameter "shared_buffers"`)
	if since, _, connections := look(); connections != "150" || since != second {
		t.Errorf("what it would not start with: max_connections is %s; PostgreSQL runs since %s, before %s", connections, since, second)
	}
}

// bareHosts looks at what a run shows and refuses before anything is installed, and whether it left anything.
func bareHosts(t *testing.T, l *lab.Lab, args func(...string) []string) {
	files := func(host string) map[string]string {
		f, err := l.Files(host, "/var/log", "/root/.cache")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	before := map[string]map[string]string{}
	for _, h := range l.Hosts {
		sh(t, l, h.Name, "mkdir -p -m 700 /root/.cache")
		before[h.Name] = files(h.Name)
	}
	r := mxplay(t, l, args("-C", "--output", "json")...).ends(t, 0)
	for host, c := range r.recap(t) {
		if c.Changed == 0 || c.Failed+c.Unreachable+c.Ignored+c.Rescued != 0 {
			t.Errorf("%s: %+v", host, c)
		}
	}
	mxplay(t, l, args("-C", "-l", "w1")...).ends(t, 0)
	mxplay(t, l, args("-l", "w1")...).ends(t, 1).says(t, "hs is no homeserver yet, and --limit leaves it out")
	for _, h := range l.Hosts {
		if diff := lab.Changed(before[h.Name], files(h.Name)); diff != nil {
			t.Errorf("%s: changed:\n%s", h.Name, strings.Join(diff, "\n"))
		}
	}
}

// spreadWorkers holds what stands on which host.
func spreadWorkers(s server) {
	t := s.t
	for host, names := range map[string][]string{"hs": {"background1"}, "w1": {"sync1", "federation1", "sender1"}, "w2": {"client1", "persist1"}} {
		s.host = host
		s.running(names)
	}
	key := sh(t, s.l, "hs", "sha256sum /etc/matrix-synapse/homeserver.signing.key")
	settings := sh(t, s.l, "hs", "cd /etc/matrix-synapse/conf.d; sha256sum *")
	for _, host := range []string{"w1", "w2"} {
		if got := sh(t, s.l, host, "systemctl show -P UnitFileState -P ActiveState matrix-synapse; pgrep -f 'synapse[.]app[.]homeserver' || true"); got != "inactive\nmasked" && got != "masked\ninactive" {
			t.Errorf("%s: the main process: %q", host, got)
		}
		if got := sh(t, s.l, host, "sha256sum /etc/matrix-synapse/homeserver.signing.key"); got != key {
			t.Errorf("%s signs with another key", host)
		}
		if got := sh(t, s.l, host, "cd /etc/matrix-synapse/conf.d; sha256sum *"); got != settings {
			t.Errorf("%s has other settings:\n%s\n%s", host, got, settings)
		}
	}
	if got := sh(t, s.l, "hs", "systemctl is-active matrix-synapse redis-server@synapse"); got != "active\nactive" {
		t.Errorf("on the main process' host: %s", got)
	}
	for _, host := range []string{"db", "edge"} {
		if got := sh(t, s.l, host, "ls -d /etc/matrix-synapse /etc/mxplay/secrets 2>/dev/null || true"); got != "" {
			t.Errorf("%s has %s", host, got)
		}
	}
}

// spreadDatabase looks at who reaches PostgreSQL, how, and what it runs with.
func spreadDatabase(t *testing.T, l *lab.Lab) {
	psql := func(query string) string {
		return sh(t, l, "db", fmt.Sprintf("cd / && runuser -u postgres -- psql -XAt -c %q", query))
	}
	var want []string
	for _, h := range []string{"hs", "w1", "w2"} {
		want = append(want, l.Host(h).Addr+"|t")
	}
	slices.Sort(want)
	if got := psql("select distinct host(client_addr), ssl from pg_stat_activity join pg_stat_ssl using (pid) where datname = 'synapse' order by 1"); got != strings.Join(want, "\n") {
		t.Errorf("connected are %q, with TLS: want %q", got, want)
	}
	if got := psql("select count(*) from pg_hba_file_rules where error is not null"); got != "0" {
		t.Errorf("%s rules of pg_hba.conf have errors", got)
	}
	if got := psql("select count(*) from pg_settings where pending_restart"); got != "0" {
		t.Errorf("%s settings wait for a restart", got)
	}
	memory := sh(t, l, "db", "awk '/^MemTotal/ {print int($2 / 1024 / 4 / 32) * 32}' /proc/meminfo")
	if got := psql("select setting::bigint * 8 / 1024 from pg_settings where name = 'shared_buffers'"); got != memory {
		t.Errorf("shared_buffers %s MB, a quarter of the memory is %s", got, memory)
	}
	if got := sh(t, l, "w1", `set -- $(runuser -u matrix-synapse -- /opt/venvs/matrix-synapse/bin/python -c '
import psycopg2, sys
try: psycopg2.connect(host=sys.argv[1], user="synapse", dbname="synapse", password="wrong", sslmode="verify-full", sslrootcert="/etc/matrix-synapse/database.pem")
except psycopg2.OperationalError as e: print(e)
' `+l.Host("db").Addr+`); echo "$*"`); !strings.Contains(got, "password authentication failed") {
		t.Errorf("a wrong password: %s", got)
	}
}

// privateOnly fails the test where a port that is between the hosts only is open to others.
func privateOnly(t *testing.T, l *lab.Lab) {
	private := map[string][]string{"db": {"5432"}, "hs": {"6380", "8008", "8086", "9093"}, "w1": {"8081", "8083", "8085"}, "w2": {"8082", "8084", "9104"}}
	for host, ports := range private {
		open := strings.Fields(sh(t, l, host, "ss -ltnH | awk '{print $4}'"))
		for _, port := range ports {
			if !slices.Contains(open, l.Host(host).Addr+":"+port) {
				t.Errorf("%s: nothing is at port %s: %v", host, port, open)
			}
			for _, at := range open {
				if address, ok := strings.CutSuffix(at, ":"+port); ok && address != l.Host(host).Addr && address != "127.0.0.1" && address != "[::1]" {
					t.Errorf("%s: open is %s", host, at)
				}
			}
		}
	}
	firewalled(t, l, private)
}

// firewalled looks from this machine, which is none of the homeserver's hosts but in their network, and from a neighbour.
func firewalled(t *testing.T, l *lab.Lab, private map[string][]string) {
	seen := func(host string, want bool, ports ...string) {
		t.Helper()
		var all sync.WaitGroup
		for _, port := range ports {
			all.Go(func() {
				is := false
				var err error
				for range 3 { // a busy machine may answer late
					if is, err = closed("tcp", l.Host(host).Addr, port); err != nil || is == want {
						break
					}
				}
				if err != nil || is != want {
					t.Errorf("%s: port %s is closed to others: %v, %v", host, port, is, err)
				}
			})
		}
		all.Wait()
	}
	for host, ports := range private {
		seen(host, true, ports...)
		seen(host, false, "22")
		for _, port := range ports {
			sh(t, l, "edge", fmt.Sprintf("timeout 20 bash -c '</dev/tcp/%s/%s'", l.Host(host).Addr, port))
		}
	}
	seen("edge", false, "22", "80", "443", "3478", "5349")
	seen("edge", true, "8448")
	// it is the rules that close the port, and the file has them
	sh(t, l, "db", "nft delete table inet matrix")
	seen("db", false, "5432")
	sh(t, l, "db", "systemctl restart nftables")
	seen("db", true, "5432")
}

// callsThrough takes the credentials that Synapse hands out to coturn on another host.
func callsThrough(s server, edge string) {
	doc := s.call("GET", "/_matrix/client/v3/voip/turnServer", s.login("bob", "Builder!1"), nil)
	user, _ := doc["username"].(string)
	password, _ := doc["password"].(string)
	if uris := fmt.Sprint(doc["uris"]); !strings.Contains(uris, "turn:"+public+":3478") {
		s.t.Errorf("at %s", uris)
	}
	said := sh(s.t, s.l, edge, fmt.Sprintf("timeout 60 turnutils_uclient -y -n 2 -m 1 -u '%s' -w '%s' %s 2>&1; echo ended with $?", user, password, s.l.Host(edge).Addr))
	if !strings.Contains(said, "ended with 0") || !strings.Contains(said, "Total transmit time") {
		s.t.Errorf("media: %s", tail(said, 5))
	}
}

// spreadSecrets fails the test where a secret of the main process' host is for others to read, on any host.
func spreadSecrets(t *testing.T, l *lab.Lab, said string, ran []string) {
	values := strings.Fields(sh(t, l, "hs", "tail -qn +1 /etc/mxplay/secrets/*; tail -n 1 /etc/matrix-synapse/homeserver.signing.key | cut -d' ' -f3"))
	if len(values) < 9 {
		t.Fatalf("%d secrets on the host", len(values))
	}
	if len(ran) < 100 {
		t.Errorf("only %d command lines were seen", len(ran))
	}
	for i, v := range values {
		if strings.Contains(said, v) {
			t.Errorf("secret %d is in mxplay's output", i)
		}
		for _, a := range ran {
			if strings.Contains(a, v) {
				t.Errorf("secret %d is in the arguments or the environment of %q", i, strings.ReplaceAll(a, v, "(SECRET)"))
			}
		}
	}
	for _, h := range l.Hosts {
		root, err := l.Root(h.Name)
		if err != nil {
			t.Fatal(err)
		}
		journal := sh(t, l, h.Name, "journalctl -a -o verbose --no-pager")
		holds := func(text []byte) int {
			return slices.IndexFunc(values, func(v string) bool { return bytes.Contains(text, []byte(v)) })
		}
		if i := holds([]byte(journal)); i >= 0 {
			t.Errorf("%s: secret %d is in the journal", h.Name, i)
		}
		found := 0
		for _, dir := range []string{"etc", "var/lib/mxplay", "var/lib/matrix-synapse", "var/log", "root", "tmp", "var/tmp"} {
			err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() || strings.Contains(path, "/var/log/journal/") {
					return nil
				}
				text, err := os.ReadFile(path)
				if err != nil || holds(text) < 0 {
					return nil
				}
				found++
				if info, err := d.Info(); err != nil || info.Mode().Perm()&0o007 != 0 {
					t.Errorf("%s: others read secret %d in %s", h.Name, holds(text), strings.TrimPrefix(path, root))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if want := map[string]int{"hs": 10, "w1": 5, "w2": 5, "edge": 1}[h.Name]; found < want {
			t.Errorf("%s: secrets were seen in %d files only", h.Name, found)
		}
	}
}
