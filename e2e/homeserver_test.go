//go:build lab

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/mxplay/mxplay/e2e/lab"
)

const (
	domain = "example.lab"
	public = "matrix.example.lab"
)

// siteInventory makes a host of the lab a homeserver, with the stand-in for
// packages.matrix.org.
func siteInventory(t *testing.T, l *lab.Lab, host string) string {
	t.Helper()
	return write(t, "homeserver", fmt.Sprintf(`[homeserver]
%s

[homeserver:vars]
matrix_domain=%s
synapse_repository_url=%s
synapse_repository_key_url=%s/matrix-org-archive-keyring.gpg
synapse_repository_fingerprint=%s
`, host, domain, l.StandIn, l.StandIn, l.Fingerprint))
}

// A bare host becomes a homeserver by one command, and what it then serves is
// what Matrix asks for. Nothing of it changes when the command is given again.
func TestHomeserver(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "hs", Suite: "sid", Aliases: []string{domain, public}})
	liveKit := startLiveKit(t)
	inv := siteInventory(t, l, "hs")
	args := func(more ...string) []string { return append([]string{"-i", inv, "mxplay:site.yml"}, more...) }
	spy := watchProcesses(t, l, "hs")
	defer spy.stop()

	var said strings.Builder // by all runs, to search for secrets
	first := mxplay(t, l, args("-D", "-vvv")...).ends(t, 0)
	said.WriteString(first.all())
	ran := spy.stop()
	client := through(t, l.Host("hs").Addr)

	t.Run("serves", func(t *testing.T) { serves(t, client) })
	t.Run("well-known", func(t *testing.T) { wellKnown(t, client) })
	t.Run("messages", func(t *testing.T) {
		messages(t, client, sh(t, l, "hs", "cat /etc/mxplay/secrets/admin_password"))
	})
	t.Run("database", func(t *testing.T) { database(t, l) })
	t.Run("configuration", func(t *testing.T) { configuration(t, l) })
	t.Run("second run", func(t *testing.T) { said.WriteString(unchanged(t, l, args("-D", "-vvv")...).all()) })
	t.Run("check", func(t *testing.T) { said.WriteString(unchanged(t, l, args("-C", "-D", "-vvv")...).all()) })
	spy = watchProcesses(t, l, "hs")
	defer spy.stop()
	t.Run("guide", func(t *testing.T) { said.WriteString(guide(t, l, inv, client, liveKit())) })
	ran = append(ran, spy.stop()...)
	t.Run("secrets", func(t *testing.T) { secrets(t, l, said.String(), ran) })
}

// through is a client that finds every name at one address and believes any
// certificate that is for the name it asked.
func through(t *testing.T, addr string) *http.Client {
	return &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, target string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(target)
				if err != nil {
					return nil, err
				}
				return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(addr, port))
			},
			TLSClientConfig: &tls.Config{
				InsecureSkipVerify: true, // it signed itself, but it must be for the name
				VerifyConnection: func(s tls.ConnectionState) error {
					return s.PeerCertificates[0].VerifyHostname(s.ServerName)
				},
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ask sends a request and returns the answer and its JSON.
func ask(t *testing.T, c *http.Client, method, url, token string, body any) (*http.Response, map[string]any) {
	t.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil && res.StatusCode == http.StatusOK {
		t.Fatalf("%s %s: %v: %q", method, url, err, text)
	}
	return res, doc
}

func call(t *testing.T, c *http.Client, method, path, token string, body any) map[string]any {
	t.Helper()
	res, doc := ask(t, c, method, "https://"+public+path, token, body)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s: %v", method, path, res.Status, doc)
	}
	return doc
}

func serves(t *testing.T, c *http.Client) {
	if v, _ := call(t, c, "GET", "/_matrix/client/versions", "", nil)["versions"].([]any); len(v) == 0 {
		t.Error("no versions")
	}
	if s := call(t, c, "GET", "/_matrix/key/v2/server", "", nil)["server_name"]; s != domain {
		t.Errorf("it signs for %v", s)
	}
	call(t, c, "GET", "/_matrix/federation/v1/version", "", nil)
	// What only the host itself may reach.
	for _, path := range []string{"/_synapse/admin/v1/server_version", "/_synapse/metrics", "/"} {
		if res, _ := ask(t, c, "GET", "https://"+public+path, "", nil); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s from outside: %s", path, res.Status)
		}
	}
	res, _ := ask(t, c, "GET", "http://"+public+"/_matrix/client/versions", "", nil)
	if want := "https://" + public + "/_matrix/client/versions"; res.StatusCode != http.StatusMovedPermanently || res.Header.Get("Location") != want {
		t.Errorf("plain HTTP: %s, Location %q", res.Status, res.Header.Get("Location"))
	}
}

func wellKnown(t *testing.T, c *http.Client) {
	get := func(name string) map[string]any {
		t.Helper()
		res, doc := ask(t, c, "GET", "https://"+domain+"/.well-known/matrix/"+name, "", nil)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", name, res.Status)
		}
		if ct := res.Header.Get("Content-Type"); ct != "application/json" {
			t.Errorf("%s: content type %q", name, ct)
		}
		if o := res.Header.Values("Access-Control-Allow-Origin"); !slices.Equal(o, []string{"*"}) {
			t.Errorf("%s: allowed origins %q", name, o)
		}
		return doc
	}
	server, client := get("server"), get("client")
	if server["m.server"] != public+":443" || len(server) != 1 {
		t.Errorf("server document %v", server)
	}
	hs, _ := client["m.homeserver"].(map[string]any)
	if base, _ := hs["base_url"].(string); strings.TrimRight(base, "/") != "https://"+public {
		t.Errorf("client document %v", client)
	}
	if _, ok := client["m.server"]; ok {
		t.Error("the bodies are swapped")
	}
	// what a browser asks first, where it sends more than the plainest headers
	res, _ := ask(t, c, "OPTIONS", "https://"+domain+"/.well-known/matrix/client", "", nil)
	if o := res.Header.Values("Access-Control-Allow-Origin"); res.StatusCode != http.StatusNoContent || !slices.Equal(o, []string{"*"}) || res.Header.Get("Access-Control-Allow-Headers") == "" {
		t.Errorf("OPTIONS: %s, allowed origins %q", res.Status, o)
	}
}

func messages(t *testing.T, c *http.Client, password string) {
	if len(password) < 16 {
		t.Fatalf("a password of %d characters", len(password))
	}
	login := call(t, c, "POST", "/_matrix/client/v3/login", "", map[string]any{
		"type": "m.login.password", "password": password,
		"identifier": map[string]any{"type": "m.id.user", "user": "admin"},
	})
	token, _ := login["access_token"].(string)
	if login["user_id"] != "@admin:"+domain || token == "" {
		t.Fatalf("logged in as %v", login["user_id"])
	}
	room, _ := call(t, c, "POST", "/_matrix/client/v3/createRoom", token, map[string]any{"name": "lab"})["room_id"].(string)
	const text = "käse & 🧀"
	sent := call(t, c, "PUT", "/_matrix/client/v3/rooms/"+room+"/send/m.room.message/1", token,
		map[string]any{"msgtype": "m.text", "body": text})
	read := call(t, c, "GET", "/_matrix/client/v3/rooms/"+room+"/messages?dir=b&limit=5", token, nil)
	chunk, _ := read["chunk"].([]any)
	if len(chunk) == 0 {
		t.Fatalf("no messages: %v", read)
	}
	last, _ := chunk[0].(map[string]any)
	content, _ := last["content"].(map[string]any)
	if last["event_id"] != sent["event_id"] || content["body"] != text {
		t.Errorf("read %v", last)
	}
	call(t, c, "POST", "/_matrix/client/v3/logout", token, map[string]any{})
}

func database(t *testing.T, l *lab.Lab) {
	psql := func(db, query string) string {
		return sh(t, l, "hs", fmt.Sprintf("cd / && runuser -u postgres -- psql -XAt -d %s -c %q", db, query))
	}
	if n := psql("synapse", "select count(*) from schema_version"); n != "1" {
		t.Errorf("%s rows in schema_version", n)
	}
	if n := psql("synapse", "select count(*) from events where type = 'm.room.message'"); n != "1" {
		t.Errorf("%s messages in PostgreSQL", n)
	}
	if s := psql("postgres", "select pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba) from pg_database where datname = 'synapse'"); s != "UTF8|C|C|synapse" {
		t.Errorf("the database is %s", s)
	}
	if s := sh(t, l, "hs", "find / -xdev -name homeserver.db"); s != "" {
		t.Errorf("there is a SQLite database: %s", s)
	}
}

// configuration holds the rules for Synapse's files: Synapse merges them key by
// key, and readers of secrets are few.
func configuration(t *testing.T, l *lab.Lab) {
	root, err := l.Root("hs")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(root + "/etc/matrix-synapse/conf.d/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files in conf.d, %v", len(files), err)
	}
	in := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := yaml.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		name := filepath.Base(f)
		for key := range doc {
			if other, ok := in[key]; ok {
				t.Errorf("%s is in %s and in %s", key, other, name)
			}
			in[key] = name
		}
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if name != "server_name.yaml" && name != "report_stats.yaml" && info.Mode().Perm() != 0o640 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	for _, key := range []string{"server_name", "report_stats"} {
		if in[key] != key+".yaml" {
			t.Errorf("%s is in %q", key, in[key])
		}
	}
	for _, key := range []string{"public_baseurl", "listeners", "database", "registration_shared_secret", "macaroon_secret_key", "form_secret"} {
		if in[key] == "" {
			t.Errorf("%s is nowhere", key)
		}
	}
	// Nobody but root and Synapse reads a file with a secret in it.
	if out := sh(t, l, "hs", "for s in /etc/mxplay/secrets/*; do grep -rlF -e \"$(cat $s)\" /etc /var/lib/matrix-synapse || true; done | sort -u | xargs -r stat -c '%a %U:%G %n'"); out == "" {
		t.Error("no file holds a secret")
	} else {
		for line := range strings.Lines(out) {
			f := strings.Fields(line)
			secret := strings.HasPrefix(f[2], "/etc/mxplay/secrets/") && f[0] == "600" && f[1] == "root:root"
			conf := strings.HasPrefix(f[2], "/etc/matrix-synapse/conf.d/") && f[0] == "640" && f[1] == "root:matrix-synapse"
			turn := f[2] == "/etc/turnserver.conf" && f[0] == "640" && f[1] == "root:turnserver"
			if !secret && !conf && !turn {
				t.Errorf("a secret is in %s", line)
			}
		}
	}
	if s := sh(t, l, "hs", "id -nG matrix-synapse; getent group matrix-synapse | cut -d: -f4; stat -c %a%U /etc/mxplay/secrets /etc/nginx/tls/matrix.key"); s != "matrix-synapse\n\n700root\n600root" {
		t.Errorf("accounts and modes: %q", s)
	}
	// The package's own file is as the package brought it.
	if s := sh(t, l, "hs", `dpkg-query -W -f '${Conffiles}\n' | awk '$1 == "/etc/matrix-synapse/homeserver.yaml" {print $2}'; md5sum </etc/matrix-synapse/homeserver.yaml | cut -d' ' -f1`); len(s) != 65 || s[:32] != s[33:] {
		t.Errorf("homeserver.yaml differs from the package's: %q", s)
	}
	if s := sh(t, l, "hs", "systemctl is-enabled matrix-synapse nginx postgresql; systemctl is-active matrix-synapse nginx postgresql; systemctl show -P NRestarts matrix-synapse"); s != strings.Repeat("enabled\n", 3)+strings.Repeat("active\n", 3)+"0" {
		t.Errorf("services: %q", s)
	}
}

// secrets fails the test where a secret's value was seen that is no place for it.
func secrets(t *testing.T, l *lab.Lab, said string, ran []string) {
	values := strings.Fields(sh(t, l, "hs", "tail -qn +1 /etc/mxplay/secrets/*"))
	if len(values) < 4 {
		t.Fatalf("%d secrets on the host", len(values))
	}
	// as journal fields may be binary, and for what is written beside the journal
	journal := sh(t, l, "hs", "journalctl -a -o verbose --no-pager; find /var/log -type f -name '*.gz' -prune -o -type f ! -path '*/journal/*' -exec cat {} +")
	if len(ran) < 100 {
		t.Errorf("only %d command lines were seen", len(ran))
	}
	for i, v := range values {
		if strings.Contains(said, v) {
			for line := range strings.Lines(said) {
				if strings.Contains(line, v) {
					t.Errorf("secret %d is in mxplay's output: %.200s", i, strings.ReplaceAll(line, v, "(SECRET)"))
				}
			}
		}
		if strings.Contains(journal, v) {
			t.Errorf("secret %d is in the host's logs", i)
		}
		for _, a := range ran {
			if strings.Contains(a, v) {
				t.Errorf("secret %d is in the arguments or the environment of %q", i, strings.ReplaceAll(a, v, "(SECRET)"))
			}
		}
	}
}
