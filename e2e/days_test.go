//go:build lab

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

// The days after: a homeserver is backed up, and gets other versions, another
// certificate and other passwords.
func TestDays(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "hs", Suite: "sid", Aliases: []string{domain, public}})
	inv := siteInventory(t, l, "hs")
	t.Run("bare host", func(t *testing.T) { daysBare(t, l, inv) })

	vars := daysVars(t, "First-pass1", "Number-0ne")
	mxplay(t, l, "-i", inv, "-e", "@"+vars, "mxplay:site.yml").ends(t, 0)
	s := server{t: t, c: through(t, l.Host("hs").Addr), l: l, host: "hs"}
	s.admin = s.login("admin", "First-pass1")
	s.manage("PUT", "/_synapse/admin/v2/users/@bob:"+domain, map[string]any{"password": "Builder!1"})
	folder := backedUp(s, inv)
	t.Run("no restore", func(t *testing.T) { noRestore(t, l, inv, folder) })
	t.Run("another version", func(t *testing.T) { otherVersion(s.in(t), inv) })
	t.Run("changes", func(t *testing.T) { changes(s.in(t), inv) })
}

// daysBare: where there is no homeserver yet, check mode of every playbook ends
// well and touches nothing, and the playbooks of the days after refuse to run.
func daysBare(t *testing.T, l *lab.Lab, inv string) {
	for _, book := range []string{"site", "verify", "backup", "upgrade"} {
		t.Run(book+", check mode", func(t *testing.T) {
			untouched(t, l, "hs", func() {
				for host, c := range mxplay(t, l, "-i", inv, "-C", "--output", "json", "mxplay:"+book+".yml").ends(t, 0).recap(t) {
					if c.OK == 0 || c.Failed+c.Unreachable+c.Ignored+c.Rescued != 0 {
						t.Errorf("%s: %+v", host, c)
					}
				}
			})
		})
	}
	for _, book := range []string{"backup", "upgrade"} {
		t.Run(book, func(t *testing.T) {
			mxplay(t, l, "-i", inv, "mxplay:"+book+".yml").ends(t, 1).says(t, "there is no homeserver on this host")
		})
	}
}

// daysVars has a given certificate and passwords that the variables say.
func daysVars(t *testing.T, admin, database string) string {
	t.Helper()
	cert, key := certificate(t, domain, public)
	return write(t, "days.yml", fmt.Sprintf(`synapse_admin_password: %s
synapse_database_connection: tcp
synapse_database_password: %s
nginx_tls: given
nginx_certificate: %s
nginx_certificate_key: %s
matrix_turn: false
synapse_more_workers:
  - {name: first, serves: [client]}
  - {name: second, serves: [sync]}
`, admin, database, cert, key))
}

// certificate makes one for names that signed itself, in files, with its key.
func certificate(t *testing.T, names ...string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})))
}

// backedUp makes backups and returns the folder of the last one on this machine.
func backedUp(s server, inv string) string {
	t := s.t
	to := t.TempDir()
	args := []string{"-i", inv, "-e", "backup_fetch=" + to, "-e", "backup_keep=2", "-e", "backup_timer=daily", "-D", "-vvv"}
	said := mxplay(t, s.l, append(args, "-C", "mxplay:backup.yml")...).ends(t, 0).all()
	if left := sh(t, s.l, "hs", "ls -d /var/backups/matrix /etc/systemd/system/matrix-backup.* /usr/local/lib/mxplay 2>/dev/null || true"); left != "" {
		t.Errorf("check mode left %s", left)
	}
	for range 2 {
		said += mxplay(t, s.l, append(args, "mxplay:backup.yml")...).ends(t, 0).all()
	}
	// the timer's service makes the third, and the first one goes
	sh(t, s.l, "hs", "systemctl is-active matrix-backup.timer && systemctl start matrix-backup.service")
	for _, secret := range append(strings.Fields(sh(t, s.l, "hs", "cat /etc/mxplay/secrets/*")), "Number-0ne") {
		if strings.Contains(said, secret) {
			t.Error("a secret is in the output")
		}
	}
	if open := sh(t, s.l, "hs", "find /var/backups/matrix ! -user root -o ! -group root -o -type f ! -perm 600 -o -type d ! -perm 700"); open != "" {
		t.Errorf("others may read %s", open)
	}
	kept := strings.Fields(sh(t, s.l, "hs", "ls /var/backups/matrix"))
	came, err := filepath.Glob(to + "/hs/*")
	if err != nil || len(came) != 2 || len(kept) != 2 {
		t.Fatalf("%v came, %v are kept, %v", came, kept, err)
	}
	if kept[0] != filepath.Base(came[1]) {
		t.Errorf("%v are kept, %v came", kept, came)
	}
	files, err := filepath.Glob(came[1] + "/*")
	if err != nil || len(files) != 6 {
		t.Fatalf("%v in the backup, %v", files, err)
	}
	for _, f := range files {
		if i, err := os.Stat(f); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", f, i.Mode(), err)
		}
	}
	// Without the timer its units go.
	mxplay(t, s.l, "-i", inv, "-e", "backup_now=false", "mxplay:backup.yml").ends(t, 0)
	unchanged(t, s.l, "-i", inv, "-e", "backup_now=false", "mxplay:backup.yml")
	sh(t, s.l, "hs", "! systemctl is-active matrix-backup.timer && test ! -e /etc/systemd/system/matrix-backup.service")
	return came[1]
}

// copied is a copy of a backup in which a file is another one.
func copied(t *testing.T, folder, file string, change func([]byte) []byte) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(to, file)
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// noRestore shows what is refused, before anything of the host is touched.
func noRestore(t *testing.T, l *lab.Lab, inv, folder string) {
	newer := copied(t, folder, "manifest.json", func(b []byte) []byte {
		return []byte(strings.Replace(string(b), `"schema": `, `"schema": 9`, 1))
	})
	now := func() string {
		return sh(t, l, "hs", "cat /etc/mxplay/secrets/* /etc/matrix-synapse/conf.d/* | sha256sum; systemctl show -P ActiveEnterTimestampMonotonic matrix-synapse")
	}
	before := now()
	for name, c := range map[string]struct {
		from, more, says string
	}{
		"users":               {folder, "", "it has users (@bob:" + domain + ")"},
		"of another name":     {folder, "matrix_domain=other.lab", "is a backup of " + domain},
		"of a newer database": {newer, "restore_overwrite=true", "upgrade the package first"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"-i", inv, "-e", "restore_from=" + c.from, "mxplay:restore.yml"}
			if c.more != "" {
				args = append(args, "-e", c.more)
			}
			mxplay(t, l, args...).ends(t, 1).says(t, c.says)
		})
	}
	if after := now(); after != before {
		t.Errorf("a refused restore changed something: %s, before %s", after, before)
	}
}

// otherVersion goes to an older version and back to the newest.
func otherVersion(s server, inv string) {
	t := s.t
	version := func() string {
		return sh(t, s.l, s.host, "python3 -c 'import urllib.request; print(urllib.request.urlopen(\"http://127.0.0.1:8008/health\").headers[\"Server\"])'; dpkg-query -W -f '${Version}' matrix-synapse-py3")
	}
	upgrade := func(more ...string) result {
		return mxplay(t, s.l, append([]string{"-i", inv, "-e", "upgrade_wait=300", "-e", "backup_media=none", "mxplay:upgrade.yml"}, more...)...)
	}
	newest := version()
	if newest != "Synapse/1.160.1\n1.160.1+standin1" {
		t.Fatalf("it is %q", newest)
	}
	unchangedUpgrade := upgrade().ends(t, 0)
	if strings.Contains(unchangedUpgrade.all(), "changed: [") {
		t.Errorf("the newest version is not left alone:\n%s", tail(unchangedUpgrade.all(), 40))
	}
	upgrade("-e", "upgrade_version=1.98.0+standin1").ends(t, 1).says(t, "1.98.0+standin1 is made for schema 82, and the database", "newer only")
	upgrade("-e", "upgrade_version=7.0").ends(t, 1).says(t, "apt has no matrix-synapse-py3 7.0")
	if now := version(); now != newest {
		t.Errorf("after refusals it is %q", now)
	}
	// An update that no code knows is never done: nothing is upgraded before it is.
	psql := func(query string) string {
		return sh(t, s.l, s.host, fmt.Sprintf(`cd / && runuser -u postgres -- psql -XAt -d synapse -c "%s"`, query))
	}
	psql("insert into background_updates (update_name, progress_json, ordering) values ('lab_never_done', '{}', 1)")
	upgrade("-e", "upgrade_version=1.160.0+standin1", "-e", "upgrade_wait=5").ends(t, 1).says(t, "lab_never_done")
	psql("delete from background_updates where update_name = 'lab_never_done'")
	if now := version(); now != newest {
		t.Errorf("with updates to do it is %q", now)
	}

	upgrade("-e", "upgrade_version=1.160.0+standin1", "-C").ends(t, 0).says(t, "1.160.0+standin1")
	started := func() []string {
		return strings.Fields(sh(t, s.l, s.host, "systemctl show --value -p ActiveEnterTimestampMonotonic matrix-synapse matrix-synapse-worker@first matrix-synapse-worker@second"))
	}
	inOrder := func(before []string) {
		t.Helper()
		after := started()
		for i := range after {
			last := before[i]
			if i > 0 {
				last = after[i-1]
			}
			if !earlier(last, after[i]) {
				t.Errorf("processes were started at %v, before at %v", after, before)
			}
		}
	}
	before := started()
	upgrade("-e", "upgrade_version=1.160.0+standin1").ends(t, 0)
	if now := version(); now != "Synapse/1.160.0\n1.160.0+standin1" {
		t.Errorf("the older version is %q", now)
	}
	inOrder(before)
	before = started()
	upgrade("-e", "upgrade_backup=false").ends(t, 0)
	if now := version(); now != newest {
		t.Errorf("the upgrade is %q", now)
	}
	inOrder(before)
	var records []map[string]any
	for line := range strings.Lines(sh(t, s.l, s.host, "cat /var/lib/mxplay/synapse_upgrades")) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		records = append(records, r)
	}
	if len(records) != 2 || records[0]["from"] != "1.160.1+standin1" || records[1]["to"] != "1.160.1+standin1" || fmt.Sprint(records[1]["schema"]) != psql("select version from schema_version") {
		t.Errorf("recorded: %v", records)
	}
	s.login("bob", "Builder!1")
}

// earlier compares times as systemd writes them, without their zeros in front.
func earlier(a, b string) bool { return len(a) < len(b) || len(a) == len(b) && a < b }

// restarts returns a function that fails the test unless just these units were
// started anew since it was called last.
func restarts(s server, units ...string) func(what string, want ...string) {
	look := func() map[string]string {
		s.t.Helper()
		at := map[string]string{}
		for _, u := range units {
			at[u] = sh(s.t, s.l, s.host, "systemctl is-active -q '"+u+"' && systemctl show -P ActiveEnterTimestampMonotonic '"+u+"'")
		}
		return at
	}
	before := look()
	return func(what string, want ...string) {
		s.t.Helper()
		var got []string
		now := look()
		for _, u := range units {
			if now[u] != before[u] {
				got = append(got, u)
			}
		}
		before = now
		if !slices.Equal(got, want) {
			s.t.Errorf("%s restarts %v, want %v", what, got, want)
		}
	}
}

// changes sets other values of variables: they are in force after a run, and
// only what must restart does.
func changes(s server, inv string) {
	t := s.t
	restarted := restarts(s, "matrix-synapse", "matrix-synapse-worker@first", "matrix-synapse-worker@second", "redis-server@synapse", "nginx", "postgresql@18-main")
	serial := func() string {
		c, err := tls.Dial("tcp", s.l.Host(s.host).Addr+":443", &tls.Config{InsecureSkipVerify: true, ServerName: public})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	site := func(vars string, more ...string) string {
		t.Helper()
		return mxplay(t, s.l, append([]string{"-i", inv, "-e", "@" + vars, "-D", "-vvv", "mxplay:site.yml"}, more...)...).ends(t, 0).all()
	}

	old := serial()
	vars := daysVars(t, "First-pass1", "Number-0ne")
	site(vars)
	if serial() == old {
		t.Error("the certificate is the old one")
	}
	restarted("a certificate")

	text, err := os.ReadFile(vars)
	if err != nil {
		t.Fatal(err)
	}
	vars = write(t, "admin.yml", strings.Replace(string(text), "First-pass1", "Second-pass2", 1))
	said := site(vars)
	for password, want := range map[string]int{"First-pass1": 403, "Second-pass2": 200} {
		if status, doc := s.try("POST", "/_matrix/client/v3/login", "", passwordLogin("admin", password)); status != want {
			t.Errorf("the administrator with the password %s: %d %v", password, status, doc)
		}
	}
	s.call("GET", "/_matrix/client/v3/account/whoami", s.admin, nil) // logins from before go on
	restarted("the administrator's password")

	vars = write(t, "database.yml", strings.NewReplacer("First-pass1", "Second-pass2", "Number-0ne", "Number-tw0").Replace(string(text)))
	said += site(vars)
	for password, want := range map[string]string{"Number-0ne": "no", "Number-tw0": "1"} {
		if got := sh(t, s.l, s.host, "PGPASSWORD="+password+" psql -XAt -h 127.0.0.1 -U synapse -d synapse -c 'select 1' 2>/dev/null || echo no"); got != want {
			t.Errorf("the database with the password %s: %s", password, got)
		}
	}
	s.login("bob", "Builder!1")
	restarted("the database's password", "matrix-synapse", "matrix-synapse-worker@first", "matrix-synapse-worker@second")
	// What is refused goes on where the variable says so.
	sh(t, s.l, s.host, "printf 0ther-than-it-was >/etc/mxplay/secrets/macaroon_secret_key")
	mxplay(t, s.l, "-i", inv, "-e", "@"+vars, "mxplay:site.yml").ends(t, 1).says(t, "or set synapse_accept_change to go on")
	restarted("what is refused")
	site(vars, "-e", "synapse_accept_change=true")
	restarted("another macaroon key", "matrix-synapse", "matrix-synapse-worker@first", "matrix-synapse-worker@second")
	if n := sh(t, s.l, s.host, "grep -c 0ther-than-it-was /etc/matrix-synapse/conf.d/keys.yaml"); n != "1" {
		t.Errorf("the macaroon key is in %s lines of keys.yaml", n)
	}
	for _, secret := range []string{"First-pass1", "Second-pass2", "Number-0ne", "Number-tw0"} {
		if strings.Contains(said, secret) {
			t.Errorf("the output has %s", secret)
		}
	}
	unchanged(t, s.l, "-i", inv, "-e", "@"+vars, "mxplay:site.yml")
	unchanged(t, s.l, "-i", inv, "-e", "@"+vars, "-C", "mxplay:site.yml")
}
