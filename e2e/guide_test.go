//go:build lab

package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

// guideVars sets the sections of the guide that a first installation has not.
func guideVars(t *testing.T, mail *mailbox, more string) string {
	t.Helper()
	return write(t, "guide.yml", fmt.Sprintf(`synapse_email:
  smtp_host: smtp.example.lab
  smtp_port: %s
  enable_tls: false
  notif_from: "Your Matrix server <matrix@example.lab>"
synapse_blocking:
  admin_contact: mailto:matrixadmin@example.lab
synapse_federation:
  federation_domain_whitelist: [matrix.org, example.org]
  federation_whitelist_endpoint_enabled: true
  federation_verify_certificates: true
  federation_client_minimum_tls_version: "1.2"
  allow_profile_lookup_over_federation: true
  allow_device_name_lookup_over_federation: false
  key_refresh_interval: 1d
  federation_rr_transactions_per_room_per_second: 50
  federation:
    client_timeout: 60s
    max_short_retry_delay: 2s
    max_short_retries: 3
    max_long_retry_delay: 60s
    max_long_retries: 10
    destination_min_retry_interval: 10m
    destination_retry_multiplier: 2
    destination_max_retry_interval: 7d
synapse_federation_authorities: [%s]
synapse_server: {ip_range_whitelist: [192.0.2.0/24]}
synapse_registration:
  enable_registration: true
  registration_requires_token: true
coturn_user_quota: 100
synapse_consent:
  version: "0.10"
  policy_name: Example terms
  templates: %s
synapse_log_levels: {synapse.storage.SQL: WARNING}
synapse_settings:
  rc_login:
    address: {per_second: 10, burst_count: 100}
    account: {per_second: 10, burst_count: 100}
    failed_attempts: {per_second: 10, burst_count: 100}
%s`, mail.port, newAuthority(t).file("authority.pem"), abs(t, "testdata/terms"), more))
}

// guide makes a plain homeserver one with every section of the guide but LDAP,
// and looks whether each does what it is for.
// It returns what the runs said.
func guide(t *testing.T, l *lab.Lab, inv string, c *http.Client, liveKit string) string {
	bridge, err := url.Parse(l.StandIn)
	if err != nil {
		t.Fatal(err)
	}
	mail := takeMail(t, bridge.Hostname())
	sh(t, l, "hs", fmt.Sprintf("echo '%s smtp.example.lab' >>/etc/hosts", mail.host))
	vars := guideVars(t, mail, liveKitVars(t, l, liveKit))
	args := func(more ...string) []string {
		return append([]string{"-i", inv, "-e", "@" + vars, "mxplay:site.yml"}, more...)
	}
	said := mxplay(t, l, args("-D", "-vvv")...).ends(t, 0).all()
	said += unchanged(t, l, args("-D", "-vvv")...).all()
	said += unchanged(t, l, args("-C")...).all()

	s := server{t: t, c: c, l: l, host: "hs"}
	s.admin = s.login("admin", sh(t, l, "hs", "cat /etc/mxplay/secrets/admin_password"))
	t.Run("settings", func(t *testing.T) { settings(t, l, "hs") })
	t.Run("mistakes of the guide", func(t *testing.T) { guideMistakes(s.in(t)) })
	t.Run("registration", func(t *testing.T) { registration(s.in(t)) })
	s.bot("bob") // whom the terms do not stop, as he is a bot
	t.Run("password policy", func(t *testing.T) { passwordPolicy(s.in(t)) })
	t.Run("mail", func(t *testing.T) { mailArrives(s.in(t), mail) })
	t.Run("media", func(t *testing.T) { mediaStore(s.in(t)) })
	t.Run("server", func(t *testing.T) { serverSection(s.in(t)) })
	t.Run("turn", func(t *testing.T) { turnCredentials(s.in(t)) })
	t.Run("LiveKit", func(t *testing.T) { calls(s.in(t), inv, vars) })
	t.Run("notices and terms", func(t *testing.T) { noticesAndTerms(s.in(t)) })
	t.Run("log", func(t *testing.T) { logs(s.in(t)) })
	t.Run("verify", func(t *testing.T) { verified(s.in(t), inv, mail) })
	t.Run("guards", func(t *testing.T) { guards(s.in(t), args) })
	t.Run("terms, a new version", func(t *testing.T) {
		restarted := restarts(s.in(t), "matrix-synapse", "nginx", "postgresql@18-main", "coturn")
		mxplay(t, l, args("-e", fmt.Sprintf(`{"synapse_consent": {"version": "0.2", "policy_name": "Example terms", "templates": %q}}`, abs(t, "testdata/terms")))...).ends(t, 0)
		restarted("another version of the terms", "matrix-synapse")
		s := s.in(t)
		alice := s.login("alice", "Wonder!1and")
		if status, doc := s.try("POST", "/_matrix/client/v3/createRoom", alice, map[string]any{}); status != 403 || doc["errcode"] != "M_CONSENT_NOT_GIVEN" {
			t.Errorf("the old consent counts for the new terms: %d %v", status, doc)
		}
	})
	t.Run("Draupnir", func(t *testing.T) { moderation(s.in(t), args) })
	t.Run("workers", func(t *testing.T) { workers(s.in(t), inv, args) })
	t.Run("LDAP", func(t *testing.T) { ldapLogin(s.in(t), inv, args) })
	return said
}

// server is a homeserver on a lab's host, as clients and its administrator see it.
type server struct {
	t    *testing.T
	c    *http.Client
	l    *lab.Lab
	host string

	admin string
}

func (s server) in(t *testing.T) server {
	s.t = t
	return s
}

// try asks under the public name and returns the status.
func (s server) try(method, path, token string, body any) (int, map[string]any) {
	s.t.Helper()
	res, doc := ask(s.t, s.c, method, "https://"+public+path, token, body)
	return res.StatusCode, doc
}

func (s server) call(method, path, token string, body any) map[string]any {
	s.t.Helper()
	return call(s.t, s.c, method, path, token, body)
}

func passwordLogin(user, password string) map[string]any {
	return map[string]any{"type": "m.login.password", "password": password, "identifier": map[string]any{"type": "m.id.user", "user": user}}
}

func (s server) login(user, password string) string {
	s.t.Helper()
	token, _ := s.call("POST", "/_matrix/client/v3/login", "", passwordLogin(user, password))["access_token"].(string)
	return token
}

const python = `import json, sys, urllib.request
m, p, t = sys.argv[1:4]
r = urllib.request.Request("http://127.0.0.1:8008" + p, sys.stdin.buffer.read() or None, {"Authorization": "Bearer " + t, "Content-Type": "application/json"}, method=m)
sys.stdout.write(urllib.request.urlopen(r).read().decode())
`

// manage asks Synapse's admin interface, which only the host itself reaches.
func (s server) manage(method, path string, body any) map[string]any {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	out := sh(s.t, s.l, s.host, fmt.Sprintf("python3 -c '%s' %s '%s' %s <<'END'\n%s\nEND", python, method, path, s.admin, b))
	var doc map[string]any
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		s.t.Fatalf("%s %s: %q", method, path, out)
	}
	return doc
}

// bot makes a user of the type bot and returns its token.
func (s server) bot(name string) string {
	s.t.Helper()
	s.manage("PUT", "/_synapse/admin/v2/users/@"+name+":"+domain, map[string]any{"password": "Builder!1", "user_type": "bot"})
	return s.login(name, "Builder!1")
}

func registration(s server) {
	t := s.t
	if status, doc := s.try("POST", "/_matrix/client/v3/register?kind=guest", "", map[string]any{}); status != 403 {
		t.Errorf("a guest: %d %v", status, doc)
	}
	status, doc := s.try("POST", "/_matrix/client/v3/register", "", map[string]any{})
	session, _ := doc["session"].(string)
	flows := fmt.Sprint(doc["flows"])
	if status != 401 || session == "" || !strings.Contains(flows, "m.login.registration_token") || !strings.Contains(flows, "m.login.terms") {
		t.Fatalf("registration asks for %s: %d %v", flows, status, doc)
	}
	token, _ := s.manage("POST", "/_synapse/admin/v1/registration_tokens/new", map[string]any{"uses_allowed": 1})["token"].(string)
	stage := func(auth map[string]any) (int, map[string]any) {
		auth["session"] = session
		return s.try("POST", "/_matrix/client/v3/register", "", map[string]any{"username": "alice", "password": "Wonder!1and", "auth": auth})
	}
	if status, doc := stage(map[string]any{"type": "m.login.registration_token", "token": "wrong"}); status != 401 || doc["errcode"] == nil {
		t.Errorf("a wrong token: %d %v", status, doc)
	}
	if status, doc := stage(map[string]any{"type": "m.login.registration_token", "token": token}); status != 401 || doc["errcode"] != nil {
		t.Errorf("the token: %d %v", status, doc)
	}
	status, doc = stage(map[string]any{"type": "m.login.terms"})
	if status == 401 {
		status, doc = stage(map[string]any{"type": "m.login.dummy"})
	}
	if status != 200 || doc["user_id"] != "@alice:"+domain {
		t.Errorf("alice: %d %v", status, doc)
	}
}

func passwordPolicy(s server) {
	doc := s.call("GET", "/_matrix/client/v3/password_policy", "", nil)
	want := map[string]any{"m.minimum_length": 8.0, "m.require_digit": true, "m.require_symbol": true, "m.require_lowercase": true, "m.require_uppercase": true}
	if fmt.Sprint(doc) != fmt.Sprint(want) {
		s.t.Errorf("policy %v", doc)
	}
	token := s.login("bob", "Builder!1")
	auth := passwordLogin("bob", "Builder!1")
	status, doc := s.try("POST", "/_matrix/client/v3/account/password", token, map[string]any{"new_password": "abc", "auth": auth})
	if status != 400 || doc["errcode"] != "M_PASSWORD_TOO_SHORT" {
		s.t.Errorf("the password abc: %d %v", status, doc)
	}
}

var link = regexp.MustCompile(`https://\S+/_matrix/client/unstable/add_threepid/email/submit_token\?\S+`)

// mailArrives proves an address the way a user does: a mail, its link, the page behind it.
func mailArrives(s server, mail *mailbox) {
	t := s.t
	token := s.login("bob", "Builder!1")
	ids := map[string]any{"client_secret": "monkey", "email": "bob@example.lab", "send_attempt": 1}
	sid, _ := s.call("POST", "/_matrix/client/v3/account/3pid/email/requestToken", token, ids)["sid"].(string)
	var text string
	select {
	case text = <-mail.mail:
	case <-time.After(time.Minute):
		t.Fatal("no mail came")
	}
	for _, want := range []string{"From: Your Matrix server <matrix@example.lab>", "To: bob@example.lab", "Subject: [example.lab] Validate your email"} {
		if !strings.Contains(text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, text)
		}
	}
	page := link.FindString(unquote(text))
	if page == "" {
		t.Fatalf("no link in the mail:\n%s", unquote(text))
	}
	if status, body := s.form("GET", page, nil); status != 200 {
		t.Errorf("the link's page: %d %s", status, body)
	}
	s.call("POST", "/_matrix/client/v3/account/3pid/add", token, map[string]any{
		"sid": sid, "client_secret": "monkey", "auth": passwordLogin("bob", "Builder!1")})
	if got := fmt.Sprint(s.call("GET", "/_matrix/client/v3/account/3pid", token, nil)["threepids"]); !strings.Contains(got, "address:bob@example.lab") {
		t.Errorf("bob's addresses: %s", got)
	}
}

var encoded = regexp.MustCompile(`(?m)^[A-Za-z0-9+/=]{20,}$(?:\n^[A-Za-z0-9+/=]+$)*`)

// unquote returns a mail with what base64 and quoted-printable hide.
func unquote(mail string) string {
	mail = encoded.ReplaceAllStringFunc(mail, func(s string) string {
		b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(s, "\n", ""))
		if err != nil {
			return s
		}
		return string(b)
	})
	return strings.NewReplacer("=\n", "", "=3D", "=").Replace(mail)
}

// form sends a form, or asks for a page, and returns what a browser would show.
func (s server) form(method, address string, values url.Values) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(values.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.send(req)
}

func (s server) send(req *http.Request) (int, string) {
	s.t.Helper()
	res, err := s.c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// upload sends a file and returns its mxc address.
func (s server) upload(token, kind string, body []byte) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "POST", "https://"+public+"/_matrix/media/v3/upload", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", kind)
	status, text := s.send(req)
	var doc struct {
		URI string `json:"content_uri"`
	}
	_ = json.Unmarshal([]byte(text), &doc) // nginx answers in HTML
	return status, doc.URI
}

func mediaStore(s server) {
	t := s.t
	token := s.login("bob", "Builder!1")
	const size = 50 << 20
	if n := s.call("GET", "/_matrix/client/v1/media/config", token, nil)["m.upload.size"]; n != float64(size) {
		t.Errorf("the largest upload is %v", n)
	}
	status, mxc := s.upload(token, "text/plain", []byte("hello"))
	id, ok := strings.CutPrefix(mxc, "mxc://")
	if status != 200 || !ok {
		t.Fatalf("upload: %d %q", status, mxc)
	}
	// The media of others than the asker is for those who logged in.
	if status, _ := s.form("GET", "https://"+public+"/_matrix/media/v3/download/"+id, nil); status != 404 {
		t.Errorf("download without a token: %d", status)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+public+"/_matrix/client/v1/media/download/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if status, body := s.send(req); status != 200 || body != "hello" {
		t.Errorf("download: %d %q", status, body)
	}
	if status, _ := s.upload(token, "text/plain", make([]byte, size+1)); status != 413 {
		t.Errorf("an upload that is too large: %d", status)
	}
	status, doc := s.try("GET", "/_matrix/client/v1/media/preview_url?url="+url.QueryEscape("http://127.0.0.1/"), token, nil)
	if status != 403 || doc["error"] != "IP address blocked" {
		t.Errorf("a preview of the host itself: %d %v", status, doc)
	}
	// Homeserver blocking: an avatar is a picture.
	status, doc = s.try("PUT", "/_matrix/client/v3/profile/@bob:"+domain+"/avatar_url", token, map[string]any{"avatar_url": mxc})
	if status != 403 {
		t.Errorf("a text as avatar: %d %v", status, doc)
	}
}

func serverSection(s server) {
	if status, doc := s.try("GET", "/_matrix/client/v3/profile/@bob:"+domain, "", nil); status != 401 || doc["errcode"] != "M_MISSING_TOKEN" {
		s.t.Errorf("a profile for nobody: %d %v", status, doc)
	}
	// The address of the client is the one that nginx saw, not the one that the client says.
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", "https://"+public+"/_matrix/client/v3/account/whoami", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	token := s.login("bob", "Builder!1")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("X-Forwarded-For", "192.0.2.7")
	if status, body := s.send(req); status != 200 {
		s.t.Fatalf("whoami: %d %s", status, body)
	}
	if seen := fmt.Sprint(s.manage("GET", "/_synapse/admin/v1/whois/@bob:"+domain, nil)); strings.Contains(seen, "192.0.2.7") || !strings.Contains(seen, "ip:10.") {
		s.t.Errorf("bob was seen at %s", seen)
	}
}

func turnCredentials(s server) {
	doc := s.call("GET", "/_matrix/client/v3/voip/turnServer", s.login("bob", "Builder!1"), nil)
	user, _ := doc["username"].(string)
	mac := hmac.New(sha1.New, []byte(sh(s.t, s.l, s.host, "cat /etc/mxplay/secrets/turn_shared_secret")))
	mac.Write([]byte(user))
	if doc["password"] != base64.StdEncoding.EncodeToString(mac.Sum(nil)) || doc["ttl"] != 86400.0 || !strings.HasSuffix(user, ":@bob:"+domain) {
		s.t.Errorf("credentials: user %q, ttl %v, password of the secret: %v", user, doc["ttl"], doc["password"] == base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if at := fmt.Sprint(doc["uris"]); at != "[turn:"+public+":3478?transport=udp turn:"+public+":3478?transport=tcp turns:"+public+":5349?transport=tcp]" {
		s.t.Errorf("at %s", at)
	}
	client := func(password, more string) string {
		return sh(s.t, s.l, s.host, fmt.Sprintf("timeout 60 turnutils_uclient -n 2 -m 1 -u '%s' -w '%s' %s %s 2>&1; echo ended with $?", user, password, more, s.l.Host(s.host).Addr))
	}
	good, _ := doc["password"].(string)
	for name, how := range map[string]string{"UDP": "-y", "TCP": "-y -t", "TLS": "-y -t -S -p 5349"} {
		if said := client(good, how); !strings.Contains(said, "ended with 0") || !strings.Contains(said, "Total transmit time") {
			s.t.Errorf("media over %s: %s", name, tail(said, 5))
		}
	}
	if said := client("wrong", "-y"); strings.Contains(said, "ended with 0") || !strings.Contains(said, "Cannot complete Allocation") {
		s.t.Errorf("other credentials: %s", tail(said, 5))
	}
	for _, peer := range []string{"127.0.0.1", "10.0.0.1", "192.168.1.1"} {
		if said := client(good, "-e "+peer); !strings.Contains(said, "error 403") {
			s.t.Errorf("a relay to %s: %s", peer, tail(said, 5))
		}
	}
	if mode := sh(s.t, s.l, s.host, "stat -c '%a %U:%G' /etc/turnserver.conf /etc/coturn-tls/turn.key"); mode != "640 root:turnserver\n640 root:turnserver" {
		s.t.Errorf("files of coturn: %s", mode)
	}
}

func noticesAndTerms(s server) {
	t := s.t
	s.manage("PUT", "/_synapse/admin/v2/users/@carol:"+domain, map[string]any{"password": "Singer!123"})
	carol := s.login("carol", "Singer!123")
	create := func() (int, map[string]any) {
		return s.try("POST", "/_matrix/client/v3/createRoom", carol, map[string]any{})
	}
	status, doc := create()
	if status != 403 || doc["errcode"] != "M_CONSENT_NOT_GIVEN" {
		t.Fatalf("without consent: %d %v", status, doc)
	}
	page, _ := doc["consent_uri"].(string)
	address, err := url.Parse(page)
	if err != nil || address.Host != public {
		t.Fatalf("the terms are at %q", page)
	}
	if status, body := s.form("GET", page, nil); status != 200 || !strings.Contains(body, "Be kind to each other.") {
		t.Errorf("the terms: %d %s", status, body)
	}
	if status, body := s.form("POST", "https://"+public+"/_matrix/consent", url.Values{"v": {"0.10"}, "u": {"carol"}, "h": {strings.Repeat("0", 64)}}); status == 200 {
		t.Errorf("consent with a wrong proof: %s", body)
	}
	status, body := s.form("POST", "https://"+public+"/_matrix/consent", url.Values{"v": {"0.10"}, "u": {"carol"}, "h": {address.Query().Get("h")}})
	if status != 200 || !strings.Contains(body, "Thank you.") {
		t.Errorf("consent: %d %s", status, body)
	}
	if status, doc := create(); status != 200 {
		t.Errorf("with consent: %d %v", status, doc)
	}
	if v := s.manage("GET", "/_synapse/admin/v2/users/@carol:"+domain, nil)["consent_version"]; v != "0.10" {
		t.Errorf("consent to version %v", v)
	}

	sent := s.manage("POST", "/_synapse/admin/v1/send_server_notice", map[string]any{
		"user_id": "@carol:" + domain, "content": map[string]any{"msgtype": "m.text", "body": "maintenance at ten"}})
	if sent["event_id"] == nil {
		t.Fatalf("notice: %v", sent)
	}
	since, seen := "", ""
	eventually(t, 30*time.Second, func() string {
		doc := s.call("GET", "/_matrix/client/v3/sync?timeout=0"+since, carol, nil)
		next, _ := doc["next_batch"].(string)
		since = "&since=" + url.QueryEscape(next) // the answer to a first one is kept for minutes
		b, err := json.Marshal(doc["rooms"])
		if err != nil {
			return err.Error()
		}
		seen += string(b)
		for _, want := range []string{"maintenance at ten", "m.server_notice", "Server Notices", "@server:" + domain} {
			if !strings.Contains(seen, want) {
				return "carol's rooms lack " + want
			}
		}
		return ""
	})
}

func logs(s server) {
	file := sh(s.t, s.l, s.host, "cat /var/log/matrix-synapse/synapse-main")
	if !strings.Contains(file, "Processed request:") || strings.Contains(file, "synapse.storage.SQL") {
		s.t.Errorf("the file holds the wrong lines: %d bytes", len(file))
	}
	if all := sh(s.t, s.l, s.host, "journalctl -t synapse --no-pager -o cat"); strings.Contains(all, "Processed request:") {
		s.t.Error("the journal holds each request")
	}
}

// guards shows what the role refuses, before anything was changed.
func guards(s server, args func(...string) []string) {
	before := sh(s.t, s.l, s.host, "cat /etc/matrix-synapse/conf.d/*.yaml | sha256sum; systemctl show -P ActiveEnterTimestampMonotonic matrix-synapse")
	for name, c := range map[string]struct{ prepare, restore, says string }{
		"another pepper": {
			"cp -p /etc/mxplay/secrets/password_pepper /root/kept; printf 0ther-than-it-was >/etc/mxplay/secrets/password_pepper", "mv /root/kept /etc/mxplay/secrets/password_pepper",
			"/etc/mxplay/secrets/password_pepper holds another value than the homeserver runs with",
		},
		"another macaroon key": {
			"cp -p /etc/mxplay/secrets/macaroon_secret_key /root/kept; printf s0mething-else >/etc/mxplay/secrets/macaroon_secret_key", "mv /root/kept /etc/mxplay/secrets/macaroon_secret_key",
			"/etc/mxplay/secrets/macaroon_secret_key holds another value than the homeserver runs with",
		},
		"another signing key": {
			"cd /etc/matrix-synapse && cp -p homeserver.signing.key /root/kept; echo \"ed25519 a_other $(head -c 32 /dev/urandom | base64 | tr -d =)\" >homeserver.signing.key", "mv /root/kept /etc/matrix-synapse/homeserver.signing.key",
			"is not the key that this homeserver has signed with",
		},
		"no signing key": {
			"mv /etc/matrix-synapse/homeserver.signing.key /root/kept", "mv /root/kept /etc/matrix-synapse/homeserver.signing.key",
			"is gone, and Synapse would make another one",
		},
		"a setting in two files": {
			"echo 'email: {}' >/etc/matrix-synapse/conf.d/zz.yaml", "rm /etc/matrix-synapse/conf.d/zz.yaml",
			"has email in zz.yaml, which another file there sets as well",
		},
	} {
		s.t.Run(name, func(t *testing.T) {
			sh(t, s.l, s.host, c.prepare)
			defer sh(t, s.l, s.host, c.restore)
			mxplay(t, s.l, args()...).ends(t, 1).says(t, c.says)
		})
	}
	s.t.Run("another domain", func(t *testing.T) {
		mxplay(t, s.l, args("-e", "matrix_domain=other.lab", "-e", "matrix_host="+public)...).ends(t, 1).says(t, "this host is the homeserver of "+domain)
	})
	s.t.Run("open registration", func(t *testing.T) {
		mxplay(t, s.l, args("-e", `{"synapse_registration": {"enable_registration": true}}`)...).ends(t, 2).says(t, "Synapse does not start with open registration")
	})
	s.t.Run("terms that are not there", func(t *testing.T) {
		mxplay(t, s.l, args("-e", fmt.Sprintf(`{"synapse_consent": {"version": "9", "policy_name": "x", "templates": %q}}`, abs(t, "testdata/terms")))...).
			ends(t, 1).says(t, "9.html")
	})
	if after := sh(s.t, s.l, s.host, "cat /etc/matrix-synapse/conf.d/*.yaml | sha256sum; systemctl show -P ActiveEnterTimestampMonotonic matrix-synapse"); after != before {
		s.t.Errorf("a refused run changed something: %q, before %q", after, before)
	}
}

const directory = `debconf-set-selections <<'END'
slapd slapd/domain string example.lab
slapd shared/organization string Example
slapd slapd/password1 password lab
slapd slapd/password2 password lab
END
DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends slapd ldap-utils
ldapadd -x -D cn=admin,dc=example,dc=lab -w lab <<'END'
dn: ou=users,dc=example,dc=lab
objectClass: organizationalUnit
ou: users

dn: uid=dora,ou=users,dc=example,dc=lab
objectClass: inetOrgPerson
uid: dora
cn: Dora
sn: Lab
mail: dora@example.lab
userPassword: explorer

dn: cn=matrix,dc=example,dc=lab
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: matrix
userPassword: reader
END
`

// ldapLogin is the guide's LDAP section: those of the directory come in, local
// passwords count no more.
func ldapLogin(s server, inv string, args func(...string) []string) {
	t := s.t
	sh(t, s.l, s.host, directory)
	ldap := `{"synapse_ldap": {"uri": "ldap://127.0.0.1:389", "start_tls": false, "base": "ou=users,dc=example,dc=lab",
		"attributes": {"uid": "uid", "mail": "mail", "name": "cn"}, "bind_dn": "cn=matrix,dc=example,dc=lab", "bind_password": "reader"}}`
	said := mxplay(t, s.l, args("-e", ldap, "-D", "-vvv")...).ends(t, 0).all()
	unchanged(t, s.l, args("-e", ldap)...)
	s.login("dora", "explorer")
	// The directory has another password for Synapse: nobody logs in until the variable says it as well.
	sh(t, s.l, s.host, "ldappasswd -x -D cn=admin,dc=example,dc=lab -w lab -s scholar cn=matrix,dc=example,dc=lab")
	if status, doc := s.try("POST", "/_matrix/client/v3/login", "", passwordLogin("dora", "explorer")); status == http.StatusOK {
		t.Errorf("with the old password of the directory: %d %v", status, doc)
	}
	ldap = strings.Replace(ldap, "reader", "scholar", 1)
	restarted := restarts(s, "matrix-synapse", "nginx", "postgresql@18-main", "coturn", "slapd")
	said += mxplay(t, s.l, args("-e", ldap, "-D", "-vvv")...).ends(t, 0).all()
	restarted("the directory's password", "matrix-synapse")
	unchanged(t, s.l, args("-e", ldap)...)
	if strings.Contains(said, "reader") || strings.Contains(said, "scholar") {
		t.Error("the directory's password is in the output")
	}
	verifiedLDAP(s, inv)
	dora := s.login("dora", "explorer")
	if who := s.call("GET", "/_matrix/client/v3/account/whoami", dora, nil)["user_id"]; who != "@dora:"+domain {
		t.Errorf("dora is %v", who)
	}
	for user, password := range map[string]string{"dora": "wrong", "bob": "Builder!1"} {
		if status, doc := s.try("POST", "/_matrix/client/v3/login", "", passwordLogin(user, password)); status != 403 {
			t.Errorf("%s with the password %s: %d %v", user, password, status, doc)
		}
	}
	can, _ := s.call("GET", "/_matrix/client/v3/capabilities", dora, nil)["capabilities"].(map[string]any)
	for _, name := range []string{"m.set_displayname", "m.3pid_changes"} {
		if fmt.Sprint(can[name]) != "map[enabled:false]" {
			t.Errorf("%s: %v", name, can[name])
		}
	}
	if mail := fmt.Sprint(s.manage("GET", "/_synapse/admin/v2/users/@dora:"+domain, nil)["threepids"]); !strings.Contains(mail, "address:dora@example.lab") {
		t.Errorf("dora's addresses: %s", mail)
	}
	if !slices.ContainsFunc(readSettings(t, s.l, s.host), func(s setting) bool { return s.name == "modules" && s.holds() }) {
		t.Error("the module is not in the configuration")
	}
}
