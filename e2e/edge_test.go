//go:build lab

package e2e

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

// What a homeserver shows to the outside, on a host with nginx, coturn and the
// firewall; in Synapse's place stands a server that writes down what reaches it.
// On another host of the lab is Pebble, the ACME server's authors' own for tests.
func TestEdge(t *testing.T) {
	t.Parallel()
	l := up(t, lab.Spec{Name: "edge", Suite: "sid", Aliases: []string{domain, public, "chat." + domain}},
		lab.Spec{Name: "peer", Suite: "trixie", Aliases: []string{"acme." + domain}})
	e := &edge{t: t, l: l, tags: "nginx,coturn", addr: l.Host("edge").Addr, ca: newAuthority(t), behind: standBehind(t, l)}
	e.inv = write(t, "edge", fmt.Sprintf(`[homeserver]
edge

[homeserver:vars]
matrix_domain=%s
nginx_synapse_upstream=%s
nginx_acme_server=https://acme.%s:14000/dir
nginx_acme_ca_file=%s
`, domain, e.behind.addr, domain, e.ca.file("authority.pem")))
	startPebble(t, l, e.ca)

	t.Run("check on a bare host", func(t *testing.T) { edgeBare(e.with("firewall,nginx,coturn").in(t)) })
	t.Run("Draupnir without its Node", func(t *testing.T) { oldNode(t, l, "peer") })
	t.Run("acme", func(t *testing.T) { edgeACME(e.in(t)) })
	t.Run("given", func(t *testing.T) { edgeGiven(e.in(t)) })
	t.Run("paths", func(t *testing.T) { edgePaths(e.in(t)) })
	t.Run("listeners", func(t *testing.T) { edgeListeners(e.in(t)) })
	t.Run("broken site", func(t *testing.T) { edgeBrokenSite(e.in(t)) })
	t.Run("firewall", func(t *testing.T) { edgeFirewall(e.with("firewall").in(t)) })
}

// edge is the host under test, as the outside sees it.
type edge struct {
	t      *testing.T
	l      *lab.Lab
	tags   string // the roles that runs are limited to
	addr   string
	inv    string
	ca     *authority
	behind *behind
}

func (e edge) in(t *testing.T) *edge {
	e.t = t
	return &e
}

func (e edge) with(tags string) *edge {
	e.tags = tags
	return &e
}

// run brings the outer side of the homeserver to what the variables say.
func (e *edge) run(vars string, more ...string) result {
	e.t.Helper()
	return mxplay(e.t, e.l, e.args(vars, more...)...)
}

func (e *edge) args(vars string, more ...string) []string {
	return append([]string{"-i", e.inv, "-t", e.tags, "-e", vars, "mxplay:site.yml"}, more...)
}

// settled runs, and shows that a second run and check mode change nothing.
func (e *edge) settled(vars string) {
	e.t.Helper()
	e.run(vars).ends(e.t, 0)
	unchanged(e.t, e.l, e.args(vars)...)
	unchanged(e.t, e.l, e.args(vars, "-C")...)
}

func (e *edge) sh(command string) string {
	e.t.Helper()
	return sh(e.t, e.l, "edge", command)
}

// shown is the certificate that a port shows for a name.
func (e *edge) shown(port, name string) *x509.Certificate {
	e.t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 20 * time.Second}, Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	c, err := d.DialContext(e.t.Context(), "tcp", net.JoinHostPort(e.addr, port))
	if err != nil {
		e.t.Fatalf("port %s: %v", port, err)
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0]
}

// everywhere fails the test unless nginx and coturn come to show the same
// certificate that is for the names and looks as it should; it returns its serial number.
func (e *edge) everywhere(want string, right func(*x509.Certificate) bool) string {
	e.t.Helper()
	serial := ""
	eventually(e.t, time.Minute, func() string {
		var first *x509.Certificate
		for _, at := range [][2]string{{"443", public}, {"443", domain}, {"5349", public}} {
			c := e.shown(at[0], at[1])
			if first == nil {
				first = c
			}
			if err := c.VerifyHostname(at[1]); err != nil || !right(c) || c.SerialNumber.Cmp(first.SerialNumber) != 0 {
				return fmt.Sprintf("port %s shows %s %x, signed by %s, for %v until %v, not %s",
					at[0], at[1], c.SerialNumber, c.Issuer, c.DNSNames, c.NotAfter, want)
			}
		}
		serial = first.SerialNumber.Text(16)
		return ""
	})
	return serial
}

// pids are the main processes of nginx and coturn.
func (e *edge) pids() string {
	e.t.Helper()
	return e.sh("systemctl show -p MainPID --value nginx coturn")
}

// get asks for a path as it stands, which no client library would leave alone.
func (e *edge) get(port, name, path string) (status int, header http.Header, body string) {
	e.t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 20 * time.Second}, Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	var c net.Conn
	var err error
	if port == "80" {
		c, err = d.NetDialer.DialContext(e.t.Context(), "tcp", net.JoinHostPort(e.addr, port))
	} else {
		c, err = d.DialContext(e.t.Context(), "tcp", net.JoinHostPort(e.addr, port))
	}
	if err != nil {
		e.t.Fatalf("port %s: %v", port, err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: 192.0.2.99\r\nConnection: close\r\n\r\n", path, name)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		e.t.Fatalf("%s: %v", path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		e.t.Fatalf("%s: %v", path, err)
	}
	return res.StatusCode, res.Header, string(b)
}

// behind stands in Synapse's place.
type behind struct {
	addr string
	mu   sync.Mutex
	got  []string
}

// standBehind answers on the lab's bridge and keeps each request's path, Host
// and the address that it is said to come from.
func standBehind(t *testing.T, l *lab.Lab) *behind {
	t.Helper()
	bridge, err := url.Parse(l.StandIn)
	if err != nil {
		t.Fatal(err)
	}
	in, err := net.Listen("tcp", net.JoinHostPort(bridge.Hostname(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	b := &behind{addr: in.Addr().String()}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.got = append(b.got, strings.Join([]string{r.RequestURI, r.Host, strings.Join(r.Header.Values("X-Forwarded-For"), ","), r.Header.Get("X-Forwarded-Proto")}, " "))
		fmt.Fprint(w, "reached")
	})}
	go func() { _ = s.Serve(in) }()
	t.Cleanup(func() { s.Close() })
	return b
}

// asked returns what came since it was last asked.
func (b *behind) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// startPebble builds Pebble and has it run on the host peer until the lab ends.
func startPebble(t *testing.T, l *lab.Lab, ca *authority) {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "install", "-trimpath", "-ldflags=-s -w", "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build Pebble: %v\n%s", err, out)
	}
	root, err := l.Root("peer")
	if err != nil {
		t.Fatal(err)
	}
	program := read(t, filepath.Join(dir, "pebble"))
	ca.issue(t, "acme", "acme."+domain)
	for name, f := range map[string]struct {
		text []byte
		mode os.FileMode
	}{
		"usr/local/bin/pebble": {program, 0o755},
		"root/acme.pem":        {read(t, ca.file("acme.pem")), 0o644},
		"root/acme.key":        {read(t, ca.file("acme.key")), 0o600},
		"root/pebble.json": {[]byte(`{"pebble": {"listenAddress": "0.0.0.0:14000", "managementListenAddress": "0.0.0.0:15000",
			"certificate": "/root/acme.pem", "privateKey": "/root/acme.key", "httpPort": 80, "tlsPort": 443}}`), 0o644},
	} {
		if err := os.WriteFile(filepath.Join(root, name), f.text, f.mode); err != nil {
			t.Fatal(err)
		}
	}
	sh(t, l, "peer", "systemd-run --unit=pebble --setenv=PEBBLE_VA_NOSLEEP=1 /usr/local/bin/pebble -config /root/pebble.json")
	eventually(t, 2*time.Minute, func() string {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(l.Host("peer").Addr, "14000"), 5*time.Second)
		if err != nil {
			return err.Error()
		}
		c.Close()
		return ""
	})
}

const acme = `{"nginx_tls": "acme"}`

// edgeBare: check mode on a bare host plans everything, and touches nothing.
func edgeBare(e *edge) {
	t := e.t
	e.sh("mkdir -p -m 700 /root/.cache")
	files := func() map[string]string {
		t.Helper()
		f, err := e.l.Files("edge", "/var/log", "/root/.cache")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	before := files()
	all := `{"nginx_tls": "acme", "matrix_firewall": true, "nginx_listen_8448": true, "nginx_admin_networks": ["192.0.2.0/24"]}`
	for host, c := range e.run(all, "-C", "--output", "json").ends(t, 0).recap(t) {
		if c.Changed == 0 || c.Maybe == 0 || c.Failed+c.Unreachable+c.Ignored+c.Rescued != 0 {
			t.Errorf("%s: %+v", host, c)
		}
	}
	if diff := lab.Changed(before, files()); diff != nil {
		t.Errorf("changed:\n%s", strings.Join(diff, "\n"))
	}
}

// edgeACME: a bare host comes by a certificate of an ACME server, asks for it
// once, and renewals reach nginx and coturn while both go on.
func edgeACME(e *edge) {
	t := e.t
	fromPebble := func(c *x509.Certificate) bool {
		_, ecdsa := c.PublicKey.(*ecdsa.PublicKey)
		return strings.HasPrefix(c.Issuer.CommonName, "Pebble Intermediate") && ecdsa && len(c.DNSNames) == 2
	}
	e.run(acme).ends(t, 0)
	first := e.everywhere("Pebble's", fromPebble)
	unchanged(t, e.l, e.args(acme)...)
	unchanged(t, e.l, e.args(acme, "-C")...)
	if again := e.everywhere("Pebble's", fromPebble); again != first {
		t.Errorf("a second run got another certificate: %s, after %s", again, first)
	}
	if at := e.sh("systemctl is-active certbot.timer; systemctl is-enabled certbot.timer; stat -c '%a %U:%G' /etc/nginx/tls/matrix.key /etc/coturn-tls/turn.key"); at != "active\nenabled\n600 root:root\n640 root:turnserver" {
		t.Errorf("timer and keys: %s", at)
	}

	pids := e.pids()
	e.sh("sed -i '1i renew_before_expiry = 36500 days' /etc/letsencrypt/renewal/" + public + ".conf && systemctl start certbot.service")
	second := e.everywhere("a renewed one", func(c *x509.Certificate) bool { return fromPebble(c) && c.SerialNumber.Text(16) != first })
	e.sh("sed -i '/^renew_before_expiry/d' /etc/letsencrypt/renewal/" + public + ".conf")
	if now := e.pids(); now != pids {
		t.Errorf("processes of nginx and coturn were %s, are %s", pids, now)
	}
	unchanged(t, e.l, e.args(acme)...)

	// another name: one certificate more, for all of them
	more := fmt.Sprintf(`{"nginx_tls": "acme", "nginx_certificate_names": [%q, %q, %q]}`, public, domain, "chat."+domain)
	e.run(more).ends(t, 0)
	e.everywhere("one for three names", func(c *x509.Certificate) bool { return len(c.DNSNames) == 3 && c.SerialNumber.Text(16) != second })
	unchanged(t, e.l, e.args(more)...)
	unchanged(t, e.l, e.args(more, "-C")...)

	t.Run("no answer", func(t *testing.T) {
		pids := e.pids()
		wrong := fmt.Sprintf(`{"nginx_tls": "acme", "nginx_certificate_names": [%q, %q, %q]}`, public, domain, "nowhere."+domain)
		e.in(t).run(wrong).ends(t, 1).says(t, "nowhere."+domain)
		e.in(t).everywhere("the old one", func(c *x509.Certificate) bool { return len(c.DNSNames) == 3 })
		if now := e.pids(); now != pids {
			t.Errorf("processes of nginx and coturn were %s, are %s", pids, now)
		}
	})
}

// edgeGiven: a given certificate comes into force everywhere by a reload, and
// one that cannot work is refused before anything is touched.
func edgeGiven(e *edge) {
	t := e.t
	given := func(cert, key string) string {
		return fmt.Sprintf(`{"nginx_tls": "given", "nginx_certificate": %q, "nginx_certificate_key": %q}`, e.ca.file(cert+".pem"), e.ca.file(key+".key"))
	}
	pids := e.pids()
	var good, serial string
	for _, name := range []string{"old", "new"} {
		e.ca.issue(t, name, public, domain)
		good = given(name, name)
		e.settled(good)
		want := big.NewInt(e.ca.last).Text(16)
		serial = e.everywhere("number "+want, func(c *x509.Certificate) bool { return c.SerialNumber.Text(16) == want })
	}
	if now := e.pids(); now != pids {
		t.Errorf("processes of nginx and coturn were %s, are %s", pids, now)
	}
	e.sh("test ! -e /etc/letsencrypt/renewal-hooks/deploy/mxplay-" + public)

	before := e.sh("sha256sum /etc/nginx/tls/* /etc/coturn-tls/*; stat -c %Y /etc/nginx/tls/*")
	e.ca.issueUntil(t, time.Now().Add(-time.Hour), "ended", public, domain)
	e.ca.issue(t, "lacks", public)
	for name, c := range map[string]struct{ vars, says string }{
		"another key":  {given("old", "new"), "the key is another certificate's"},
		"ended":        {given("ended", "ended"), "it ended on"},
		"lacks a name": {given("lacks", "lacks"), "it is not for " + domain},
		"no key":       {fmt.Sprintf(`{"nginx_tls": "given", "nginx_certificate": %q}`, e.ca.file("old.pem")), "nginx_certificate_key"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, more := range [][]string{{"-C"}, nil} {
				r := e.in(t).run(c.vars, more...).says(t, c.says)
				if r.exit == 0 {
					t.Errorf("it is taken: %s", r.all())
				}
				if strings.Contains(r.all(), "PRIVATE KEY") {
					t.Error("a key is shown")
				}
			}
			e.in(t).everywhere("number "+serial, func(c *x509.Certificate) bool { return c.SerialNumber.Text(16) == serial })
		})
	}
	if after := e.sh("sha256sum /etc/nginx/tls/* /etc/coturn-tls/*; stat -c %Y /etc/nginx/tls/*"); after != before {
		t.Errorf("files changed:\n%s\n%s", before, after)
	}

	// back to the one that certbot still has, without asking for another
	e.settled(acme)
	e.everywhere("Pebble's", func(c *x509.Certificate) bool { return strings.HasPrefix(c.Issuer.CommonName, "Pebble Intermediate") })
	e.settled(good)
}

// edgePaths: what is Synapse's reaches it as it was sent, all else nobody.
func edgePaths(e *edge) {
	t := e.t
	gateway, _, _ := strings.Cut(e.behind.addr, ":")
	e.behind.asked()
	for _, path := range []string{
		"/_matrix/client/versions",
		"/_matrix/client/v3/rooms/%21a%3Ab/state/m.room.name/a%2Fb",
		"/_matrix/client/v3/rooms/!a:b/typing/%40c%3ab",
		"/_matrix/client/v3/directory/room/%23a..b%2F..%2Fc:d?x=%2F%25",
		"/_matrix/federation/v1/query/directory?room_alias=%23a%3Ab",
		"/_matrix/media/v3/download/b/%E2%82%AC%20x",
		"/_synapse/client/pick_idp?x=1",
	} {
		status, header, body := e.get("443", public, path)
		want := []string{strings.Join([]string{path, public + ":443", gateway, "https"}, " ")}
		if got := e.behind.asked(); status != 200 || body != "reached" || !slices.Equal(got, want) {
			t.Errorf("%s: %d, it arrives as %q, want %q", path, status, got, want)
		}
		if s := header.Get("Server"); s != "nginx" {
			t.Errorf("the server names itself %q", s)
		}
	}
	for _, path := range []string{
		"/", "/_matrixx", "/_synapse", "/_synapse/admin/v1/server_version", "/_synapse/metrics", "/_synapse/replication/x",
		"//_synapse/admin/v1/server_version", "/%5Fsynapse/admin/v1/server_version", "/_synapse%2Fadmin/v1/server_version",
		"/_matrix/../_synapse/admin/v1/server_version", "/_matrix/%2e%2e/_synapse/metrics",
		// these end in what is let through, and Synapse takes them for what they begin with
		"/_synapse/admin/v1/purge_history/x/../../../../../_matrix/client/versions", "/_synapse/metrics/../../_matrix/client/versions",
		"/_synapse/metrics/%2e%2e/%2e%2e/_matrix/client/versions", "/%5Fsynapse/metrics/../../_matrix/client/versions",
		"/_synapse/replication/x/../../../_synapse/client/x",
	} {
		status, header, _ := e.get("443", public, path)
		if got := e.behind.asked(); status != 404 || len(got) != 0 {
			t.Errorf("%s: %d, it arrives as %q", path, status, got)
		}
		if s := header.Get("Server"); s != "nginx" {
			t.Errorf("the server names itself %q", s)
		}
	}
	e.sh("install -D -m 644 /dev/stdin /var/www/html/.well-known/acme-challenge/token <<'E'\nproof\nE")
	if status, _, body := e.get("80", domain, "/.well-known/acme-challenge/token"); status != 200 || body != "proof\n" {
		t.Errorf("a challenge is answered with %d %q", status, body)
	}
	e.sh("rm /var/www/html/.well-known/acme-challenge/token")
	for _, name := range []string{domain, public} {
		status, header, _ := e.get("80", name, "/_matrix/client/versions?x=%2F")
		if want := "https://" + name + "/_matrix/client/versions?x=%2F"; status != 301 || header.Get("Location") != want || header.Get("Server") != "nginx" {
			t.Errorf("plain HTTP: %d to %q by %q", status, header.Get("Location"), header.Get("Server"))
		}
	}
	if got := e.behind.asked(); len(got) != 0 {
		t.Errorf("plain HTTP arrives as %q", got)
	}
}

// edgeListeners: 8448 for servers that were not led to 443, and the admin
// interface for those on the list.
func edgeListeners(e *edge) {
	t := e.t
	gateway, _, _ := strings.Cut(e.behind.addr, ":")
	if c, err := net.DialTimeout("tcp", net.JoinHostPort(e.addr, "8448"), 20*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("8448 answers unasked: %v, %v", c, err)
	}
	allowed := func(who string) string {
		return fmt.Sprintf(`{"nginx_listen_8448": true, "nginx_admin_networks": ["2001:db8::/32", %q]}`, who)
	}
	e.settled(allowed(gateway))
	for _, name := range []string{domain, public} {
		if err := e.shown("8448", name).VerifyHostname(name); err != nil {
			t.Error(err)
		}
		e.behind.asked()
		status, _, _ := e.get("8448", name, "/_matrix/federation/v1/version")
		if got := e.behind.asked(); status != 200 || len(got) != 1 || !strings.Contains(got[0], " "+name+":8448 ") {
			t.Errorf("8448 as %s: %d %q", name, status, got)
		}
	}
	const admin = "/_synapse/admin/v1/rooms/%21a%3Ab"
	for _, port := range []string{"443", "8448"} {
		status, _, _ := e.get(port, public, admin)
		if got := e.behind.asked(); status != 200 || len(got) != 1 || !strings.HasPrefix(got[0], admin+" ") {
			t.Errorf("from the list: %d %q", status, got)
		}
		if status, _, _ := e.get(port, public, "/_synapse/metrics/../admin/v1/server_version"); status != 404 {
			t.Errorf("metrics by a detour: %d", status)
		}
	}
	e.run(allowed(e.l.Host("peer").Addr)).ends(t, 0)
	for _, port := range []string{"443", "8448"} {
		if status, _, _ := e.get(port, public, admin); status != 403 {
			t.Errorf("not on the list: %d", status)
		}
	}
	if got := e.behind.asked(); len(got) != 0 {
		t.Errorf("not on the list, it arrives as %q", got)
	}
	e.run(`{"nginx_admin_networks": ["everybody"]}`).ends(t, 2).says(t, "nginx_admin_networks")
	e.settled("{}")
}

// edgeBrokenSite: what nginx does not take never comes to lie on the host.
func edgeBrokenSite(e *edge) {
	t := e.t
	before, pids := e.sh("cat /etc/nginx/sites-available/matrix.conf"), e.pids()
	e.run(`{"nginx_client_max_body_size": "50 megabytes"}`).ends(t, 1).says(t, "client_max_body_size")
	// a clash with a site that is not ours is seen too
	e.sh("echo 'server { listen 8448 default_server; location / { return 200 other; } }' >/etc/nginx/sites-enabled/other && systemctl reload nginx")
	e.run(`{"nginx_listen_8448": true}`).ends(t, 1).says(t, "duplicate default server")
	e.sh("nginx -t -q && rm /etc/nginx/sites-enabled/other && systemctl reload nginx")
	if after := e.sh("cat /etc/nginx/sites-available/matrix.conf"); after != before {
		t.Errorf("the site is now\n%s", after)
	}
	if now := e.pids(); now != pids {
		t.Errorf("processes of nginx and coturn were %s, are %s", pids, now)
	}
	if status, _, _ := e.get("443", public, "/_matrix/client/versions"); status != 200 {
		t.Errorf("nginx answers %d", status)
	}
	if left := e.sh("ls /tmp | grep '^tmp\\.' || true"); left != "" {
		t.Errorf("left in /tmp: %s", left)
	}
}

// closed tells that a port neither answers nor refuses: the packet is dropped.
func closed(network, addr, port string) (bool, error) {
	c, err := net.DialTimeout(network, net.JoinHostPort(addr, port), 3*time.Second)
	if err == nil && network == "udp" {
		_ = c.SetDeadline(time.Now().Add(3 * time.Second))
		// a STUN binding request, which coturn answers; where nobody listens the host refuses it
		if _, err = c.Write([]byte("\x00\x01\x00\x00\x21\x12\xa4\x42mxplay-tests")); err == nil {
			_, err = c.Read(make([]byte, 100))
		}
	}
	if c != nil {
		c.Close()
	}
	var late net.Error
	switch {
	case errors.As(err, &late) && late.Timeout():
		return true, nil
	case err == nil || errors.Is(err, syscall.ECONNREFUSED):
		return false, nil
	}
	return false, err
}

// edgeFirewall: what is used is open, all else is not, and there is no moment
// without rules. Rules of others stay.
func edgeFirewall(e *edge) {
	t := e.t
	peer := e.l.Host("peer").Addr
	e.sh("echo 'server { listen 5432; listen 6380; return 200 private; }' >/etc/nginx/conf.d/private.conf && systemctl reload nginx")
	seen := func(want string, ports ...string) {
		t.Helper()
		var all sync.WaitGroup
		for _, p := range ports {
			all.Go(func() {
				port, network, _ := strings.Cut(p, "/")
				is := false
				var err error
				for range 3 { // a busy machine may answer late
					if is, err = closed(network, e.addr, port); err != nil || is == (want == "closed") {
						break
					}
				}
				if err != nil || is != (want == "closed") {
					t.Errorf("%s is not %s: %v", p, want, err)
				}
			})
		}
		all.Wait()
	}
	fromPeer := func(port string) bool {
		t.Helper()
		return sh(t, e.l, "peer", fmt.Sprintf("timeout 4 bash -c '</dev/tcp/%s/%s' 2>/dev/null && echo yes || echo no", e.addr, port)) == "yes"
	}
	seen("open", "5432/tcp", "6380/tcp", "50101/udp")

	on := fmt.Sprintf(`{"matrix_firewall": true, "coturn_min_port": 50000, "coturn_max_port": 50100,
		"firewall_private": [{"ports": ["5432/tcp", "7000-7005/udp"], "sources": [%q, "2001:db8::/64"]}]}`, peer)
	e.settled(on)
	inForce := func() {
		t.Helper()
		seen("open", "22/tcp", "80/tcp", "443/tcp", "3478/tcp", "5349/tcp", "3478/udp", "50000/udp", "50100/udp")
		seen("closed", "5432/tcp", "6380/tcp", "8448/tcp", "49999/udp", "50101/udp", "7001/udp")
		if !fromPeer("5432") || fromPeer("6380") {
			t.Errorf("from the other host 5432 answers: %v, 6380: %v", fromPeer("5432"), fromPeer("6380"))
		}
		if status, _, _ := e.get("443", public, "/_matrix/client/versions"); status != 200 {
			t.Errorf("nginx answers %d: it has to reach what is behind it", status)
		}
		e.sh("timeout 4 bash -c '</dev/tcp/127.0.0.1/6380'")
	}
	inForce()
	e.sh("systemctl restart nftables")
	inForce()
	unchanged(t, e.l, e.args(on)...)

	// others' rules stay where ours change
	e.sh("nft add table inet other && nft add chain inet other c && nft add rule inet other c counter")
	other := e.sh("nft list table inet other")
	more := `{"matrix_firewall": true, "nginx_listen_8448": true, "firewall_ports": ["6380/tcp", "40000-40010/udp"]}`
	e.settled(more)
	seen("open", "22/tcp", "443/tcp", "8448/tcp", "6380/tcp", "40005/udp", "50101/udp")
	seen("closed", "5432/tcp", "40011/udp")
	if fromPeer("5432") {
		t.Error("5432 is still open to the other host")
	}

	// what nft does not take changes nothing
	before := e.sh("nft list table inet matrix; cat /etc/nftables.d/matrix.nft /etc/nftables.conf")
	e.run(`{"matrix_firewall": true, "firewall_ports": ["70000/tcp"]}`).ends(t, 1).says(t, "70000")
	e.run(`{"matrix_firewall": true, "firewall_ports": ["http"]}`).ends(t, 2).says(t, "8443/tcp")
	if after := e.sh("nft list table inet matrix; cat /etc/nftables.d/matrix.nft /etc/nftables.conf"); after != before {
		t.Errorf("rules that do not parse changed something:\n%s", after)
	}

	// rules that somebody took away are missed
	e.sh("nft delete table inet matrix")
	if c := e.run(more, "-C", "--output", "json").ends(t, 0).recap(t)["edge"]; c.Changed == 0 {
		t.Errorf("check mode does not miss the rules: %+v", c)
	}
	e.settled(more)
	seen("closed", "5432/tcp")

	// the port that the operator came in by, of which sshd's configuration says nothing
	e.sh("systemd-run --unit=way-in /usr/sbin/sshd -D -p 2222")
	seen("closed", "2222/tcp")
	e.sh("nft add rule inet matrix input tcp dport 2222 accept")
	wayIn := []string{"-e", "ansible_port=2222", "--host-key-checking", "accept-new"}
	e.run(more, append(wayIn, "-e", `{"firewall_ports": ["6380/tcp"]}`)...).ends(t, 0)
	seen("open", "22/tcp", "2222/tcp")
	seen("closed", "40005/udp")
	e.sh("systemctl stop way-in")

	e.settled("{}")
	e.sh("test ! -e /etc/nftables.d/matrix.nft && ! nft list table inet matrix 2>/dev/null")
	seen("open", "5432/tcp", "6380/tcp", "40011/udp")
	if now := e.sh("nft list table inet other"); now != other {
		t.Errorf("another table is now\n%s", now)
	}
}
