//go:build lab

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/e2e/lab"
)

// draupnirVars has the stand-in for Draupnir: a tree with a program at Draupnir's place, packed.
func draupnirVars(t *testing.T, change string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{
		"apps/draupnir/dist/index.js": string(read(t, "standin/draupnir/index.mjs")) + change,
		"apps/draupnir/package.json":  `{"type": "module"}`,
	} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "draupnir.tar.gz")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"matrix_draupnir": true, "draupnir_source": {"file": %q, "sha256": "%x"}}`, file, sha256.Sum256(b.Bytes()))
}

// moderation holds that the bot has an account of its own kind, a login that nobody else
// reads and no rate limit, and gets its configuration; what runs is a stand-in for Draupnir.
func moderation(s server, args func(...string) []string) {
	t := s.t
	run := func(vars string, more ...string) result {
		return mxplay(t, s.l, args(append([]string{"-t", "draupnir", "-e", vars}, more...)...)...)
	}
	one := draupnirVars(t, "")
	run(one, "-C").ends(t, 0)
	sh(t, s.l, s.host, "test ! -e /opt/draupnir -a ! -e /etc/mxplay/secrets/draupnir_password")
	run(one).ends(t, 0)
	unchanged(t, s.l, args("-t", "draupnir", "-e", one)...)
	unchanged(t, s.l, args("-t", "draupnir", "-e", one, "-C")...)

	const bot = "@draupnir:" + domain
	if kind := s.manage("GET", "/_synapse/admin/v2/users/"+bot, nil)["user_type"]; kind != "bot" {
		t.Errorf("its account is of the type %v", kind)
	}
	if limit := s.manage("GET", "/_synapse/admin/v1/users/"+bot+"/override_ratelimit", nil); fmt.Sprint(limit) != "map[burst_count:0 messages_per_second:0]" {
		t.Errorf("its rate limit: %v", limit)
	}
	room := sh(t, s.l, s.host, "cat /var/lib/draupnir/management-room")
	var flag, invited string
	events, _ := s.manage("GET", "/_synapse/admin/v1/rooms/"+room+"/state", nil)["state"].([]any)
	for _, e := range events {
		e, _ := e.(map[string]any)
		content, _ := e["content"].(map[string]any)
		switch {
		case e["type"] == "org.example.standin" && e["state_key"] == bot:
			flag = fmt.Sprint(content["node"])
		case e["type"] == "m.room.member" && e["state_key"] == "@admin:"+domain:
			invited = fmt.Sprint(content["membership"])
		}
	}
	if !strings.HasPrefix(flag, "v2") || invited != "invite" {
		t.Errorf("the flag that it sets is %q, who manages it has %q", flag, invited)
	}
	token := sh(t, s.l, s.host, "cat /etc/mxplay/secrets/draupnir_access_token")
	if got := sh(t, s.l, s.host, "stat -c '%a %U:%G' /etc/mxplay/secrets/draupnir_* /etc/draupnir/draupnir.yaml; ps -o user:20= -p $(systemctl show -P MainPID draupnir); grep -rlF "+token+" /etc /opt /var/lib/draupnir | grep -v ^/etc/mxplay/secrets/ || true"); got != "600 root:root\n600 root:root\n640 root:draupnir\ndraupnir" {
		t.Errorf("files, its account, and where its login stands beside:\n%s", got)
	}

	// another version in the place of the one before, and a login that counts no more
	two := draupnirVars(t, "\n// another\n")
	s.call("POST", "/_matrix/client/v3/logout", token, map[string]any{})
	run(two).ends(t, 0)
	unchanged(t, s.l, args("-t", "draupnir", "-e", two)...)
	if got := sh(t, s.l, s.host, "ls -d /opt/draupnir/*/ | wc -l; cat /var/lib/draupnir/management-room"); got != "1\n"+room {
		t.Errorf("versions, and the room: %s", got)
	}
	run(strings.Replace(two, `"sha256": "`, `"sha256": "0`, 1)).ends(t, 2).says(t, "the SHA-256 in 64 hexadecimal digits")

	run(`{"matrix_draupnir": false}`).ends(t, 0)
	if got := sh(t, s.l, s.host, "ls -d /etc/draupnir /opt/draupnir /etc/systemd/system/draupnir* 2>/dev/null; systemctl is-active draupnir; ls /var/lib/draupnir"); got != "inactive\nmanagement-room" {
		t.Errorf("what is left of it: %s", got)
	}
}

// oldNode: a host whose Debian has an older Node is refused before anything of it is touched.
func oldNode(t *testing.T, l *lab.Lab, host string) {
	inv := siteInventory(t, l, host)
	sh(t, l, host, "mkdir -p -m 700 /root/.cache")
	before, err := l.Files(host, "/var/log", "/root/.cache")
	if err != nil {
		t.Fatal(err)
	}
	mxplay(t, l, "-i", inv, "-e", draupnirVars(t, ""), "mxplay:site.yml").ends(t, 1).says(t, "Draupnir wants Node 24 or newer, and "+host)
	after, err := l.Files(host, "/var/log", "/root/.cache")
	if err != nil {
		t.Fatal(err)
	}
	if diff := lab.Changed(before, after); diff != nil {
		t.Errorf("changed:\n%s", strings.Join(diff, "\n"))
	}
}
