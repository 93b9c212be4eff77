//go:build lab

package e2e

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

// The SFU under test is LiveKit's own. What lets people in, lk-jwt-service, is
// no module that could be fetched: e2e/standin/rtctoken stands in for it.
const liveKit = "github.com/livekit/livekit-server/cmd/server@v1.13.5"

// startLiveKit builds LiveKit in the background, gently, since it takes minutes, and
// returns what waits for the program. One that was built before is taken from the lab's cache.
func startLiveKit(t *testing.T) func() string {
	t.Helper()
	c, err := lab.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(c.Cache, "livekit", "livekit-server-"+liveKit[strings.LastIndex(liveKit, "@")+1:])
	if _, err := os.Stat(program); err == nil {
		return func() string { return program }
	}
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "nice", "-n", "10", "go", "install", "-trimpath", "-ldflags=-s -w", liveKit)
	build.Dir = dir
	build.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	var said bytes.Buffer
	build.Stdout, build.Stderr = &said, &said
	if err := build.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- build.Wait() }()
	return func() string {
		if err := <-done; err != nil {
			t.Fatalf("build LiveKit: %v\n%s", err, said.String())
		}
		if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program+".new", read(t, filepath.Join(dir, "server")), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(program+".new", program); err != nil {
			t.Fatal(err)
		}
		return program
	}
}

// offered serves a file's content at an address of the lab's bridge, until the test ends.
func offered(t *testing.T, l *lab.Lab, name string, text []byte) string {
	t.Helper()
	bridge, err := url.Parse(l.StandIn)
	if err != nil {
		t.Fatal(err)
	}
	in, err := net.Listen("tcp", net.JoinHostPort(bridge.Hostname(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) })}
	go func() { _ = s.Serve(in) }()
	t.Cleanup(func() { s.Close() })
	return "http://" + in.Addr().String() + "/" + name
}

// packed is a tar.gz with one program in it.
func packed(t *testing.T, name string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// liveKitVars has LiveKit from a file of the controller, and the stand-in for its
// authorisation service out of an archive that the host fetches.
func liveKitVars(t *testing.T, l *lab.Lab, program string) string {
	t.Helper()
	standIn := filepath.Join(t.TempDir(), "rtctoken")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", standIn, "./standin/rtctoken")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	archive := packed(t, "release/lk-jwt-service", read(t, standIn))
	return fmt.Sprintf(`matrix_livekit: true
livekit_source: {file: %s, sha256: %x}
livekit_jwt_source: {url: %q, sha256: %x}
livekit_jwt_member: release/lk-jwt-service
# the lab's nginx signed its certificate itself
livekit_jwt_environment: {LIVEKIT_INSECURE_SKIP_VERIFY_TLS: YES_I_KNOW_WHAT_I_AM_DOING}
`, program, sha256.Sum256(read(t, program)), offered(t, l, "lk-jwt-service.tar.gz", archive), sha256.Sum256(archive))
}

// calls holds that a user of the homeserver gets into a call, and nobody else does.
func calls(s server, inv, vars string) {
	t := s.t
	bob := s.login("bob", "Builder!1")

	// where calls go, in two places with one value
	const service = "https://" + public + "/livekit/jwt"
	told, _ := json.Marshal(s.call("GET", "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports", bob, nil)["rtc_transports"])
	_, doc := ask(t, s.c, "GET", "https://"+domain+"/.well-known/matrix/client", "", nil)
	written, _ := json.Marshal(doc["org.matrix.msc4143.rtc_foci"])
	if string(told) != string(written) || string(told) != `[{"livekit_service_url":"`+service+`","type":"livekit"}]` {
		t.Errorf("Synapse tells %s, the client document %s", told, written)
	}
	features, _ := s.call("GET", "/_matrix/client/versions", bob, nil)["unstable_features"].(map[string]any)
	if features["org.matrix.msc4140"] != true || features["org.matrix.msc4143"] != true {
		t.Errorf("Synapse can %v", features)
	}
	room, _ := s.call("POST", "/_matrix/client/v3/createRoom", bob, map[string]any{})["room_id"].(string)
	if id := s.call("PUT", "/_matrix/client/v3/rooms/"+room+"/send/m.room.message/later?org.matrix.msc4140.delay=3600000", bob, map[string]any{"msgtype": "m.text", "body": "later"})["delay_id"]; id == nil {
		t.Error("an event that is to come later has no id")
	}

	// the homeserver says who it is, the service lets in, LiveKit takes it
	openID := s.call("POST", "/_matrix/client/v3/user/@bob:"+domain+"/openid/request_token", bob, map[string]any{})
	get := func(openID any) (int, map[string]any) {
		return s.try("POST", "/livekit/jwt/sfu/get", "", map[string]any{"room": room, "device_id": "BOB", "openid_token": openID})
	}
	status, doc := get(openID)
	jwt, _ := doc["jwt"].(string)
	if status != 200 || doc["url"] != "wss://"+public+"/livekit/sfu" {
		t.Fatalf("the service says %d %v", status, doc)
	}
	if status, first := s.signal(jwt); status != http.StatusSwitchingProtocols || !bytes.Contains(first, []byte("@bob:"+domain+":BOB")) || !bytes.Contains(first, []byte(room)) {
		t.Errorf("LiveKit lets bob in with %d, and says %q", status, first)
	}
	eventually(t, time.Minute, func() string {
		if said := sh(t, s.l, s.host, "journalctl -u livekit-jwt --no-pager -o cat"); !strings.Contains(said, "LiveKit says room_started") {
			return "LiveKit did not tell the service of the room: " + tail(said, 5)
		}
		return ""
	})

	// and nobody else
	stolen := map[string]any{"access_token": "made-up", "matrix_server_name": domain, "token_type": "Bearer", "expires_in": 3600}
	if status, doc := get(stolen); status != 401 {
		t.Errorf("an OpenID token that nobody gave: %d %v", status, doc)
	}
	if status, _ := s.signal(resigned(t, jwt, "another secret, which LiveKit does not know", "")); status != 401 {
		t.Errorf("a token of another secret: %d", status)
	}
	secret := sh(t, s.l, s.host, "cat /etc/mxplay/secrets/livekit_secret")
	if status, _ := s.signal(resigned(t, jwt, secret, "")); status != http.StatusSwitchingProtocols {
		t.Errorf("the same token with the right secret: %d", status)
	}
	if status, _ := s.signal(resigned(t, jwt, secret, "nobody-made-this")); status != 404 {
		t.Errorf("a room that the service did not make: %d", status)
	}
	for _, port := range []string{"7880", "8080"} {
		if c, err := net.DialTimeout("tcp", net.JoinHostPort(s.l.Host(s.host).Addr, port), 5*time.Second); err == nil {
			c.Close()
			t.Errorf("port %s is open to all", port)
		}
	}
	if status, _ := s.try("POST", "/livekit/jwt/sfu_webhook", "", nil); status != 404 {
		t.Errorf("LiveKit's way to the service is open to all: %d", status)
	}
	if got := sh(t, s.l, s.host, "stat -c '%a %U:%G' /etc/livekit/keys /etc/livekit/livekit.yaml; for u in livekit livekit-jwt; do ps -o user:20= -p $(systemctl show -P MainPID $u); done"); got != "600 root:root\n640 root:livekit\nlivekit\nlivekit-jwt" {
		t.Errorf("files and accounts:\n%s", got)
	}
	if got := sh(t, s.l, s.host, "grep -c access_token=ey /var/log/nginx/access.log || true"); got != "0" {
		t.Errorf("%s tokens of LiveKit stand in nginx's log", got)
	}

	t.Run("verify", func(t *testing.T) {
		r := verifies(s.in(t), inv)
		for _, check := range []string{"client document names LiveKit", "Synapse names LiveKit", "both name the same", "the authorisation service answers", "a token for a user", "others get none", "LiveKit takes the token", "LiveKit refuses another"} {
			row := slices.Collect(lines(r.all(), check))
			if len(row) != 1 || !strings.Contains(row[0], "pass") || strings.Contains(row[0], "FAIL") {
				t.Errorf("%s: %q\n%s", check, row, tail(r.all(), 90))
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		run := func(e string) result {
			return mxplay(t, s.l, "-i", inv, "-t", "livekit", "-e", "@"+vars, "-e", e, "mxplay:site.yml")
		}
		before := sh(t, s.l, s.host, "sha256sum /usr/local/lib/livekit/* 2>/dev/null; stat -c %Y /etc/livekit/*")
		source := func(sha string) string {
			return fmt.Sprintf(`{"livekit_source": {"file": %q%s}}`, abs(t, "livekit_test.go"), sha)
		}
		run(source(`, "sha256": "`+strings.Repeat("0", 64)+`"`)).ends(t, 1).says(t, "its SHA-256 is not "+strings.Repeat("0", 64))
		if after := sh(t, s.l, s.host, "sha256sum /usr/local/lib/livekit/* 2>/dev/null; stat -c %Y /etc/livekit/*"); after != before {
			t.Errorf("what was refused changed something:\n%s\n%s", before, after)
		}
	})
	t.Run("off and on", func(t *testing.T) {
		off := []string{"-i", inv, "-t", "livekit,nginx", "-e", "@" + vars, "-e", `{"matrix_livekit": false}`, "mxplay:site.yml"}
		mxplay(t, s.l, off...).ends(t, 0)
		if got := sh(t, s.l, s.host, "ls -d /etc/livekit /usr/local/lib/livekit /etc/systemd/system/livekit* 2>/dev/null; systemctl is-active livekit livekit-jwt; pgrep -l 'livekit|lk-jwt' || true"); got != "inactive\ninactive" {
			t.Errorf("what is left of LiveKit: %s", got)
		}
		s := s.in(t)
		if status, _ := s.try("GET", "/livekit/jwt/healthz", "", nil); status != 404 {
			t.Errorf("nginx still leads to it: %d", status)
		}
		unchanged(t, s.l, off...)
		mxplay(t, s.l, "-i", inv, "-t", "livekit,nginx", "-e", "@"+vars, "mxplay:site.yml").ends(t, 0)
	})
}

// lines are those of a text that have a word in them.
func lines(text, word string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if strings.Contains(line, " "+word+" ") && !yield(line) {
				return
			}
		}
	}
}

// resigned is a LiveKit token with another signature, and for another room where one is said.
func resigned(t *testing.T, jwt, secret, room string) string {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", jwt)
	}
	if room != "" {
		b, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := json.Unmarshal(b, &claims); err != nil {
			t.Fatal(err)
		}
		claims["video"].(map[string]any)["room"] = room
		if b, err = json.Marshal(claims); err != nil {
			t.Fatal(err)
		}
		parts[1] = base64.RawURLEncoding.EncodeToString(b)
	}
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(parts[0] + "." + parts[1]))
	return parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// signal opens LiveKit's signal connection through nginx, a WebSocket, as clients do, and
// returns the status of the answer and the first message.
func (s server) signal(jwt string) (int, []byte) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{ServerName: public, InsecureSkipVerify: true}}
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(s.l.Host(s.host).Addr, "443"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(c, "GET /livekit/sfu/rtc?access_token=%s&auto_subscribe=1&sdk=go&protocol=15 HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", jwt, public)
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return res.StatusCode, nil
	}
	first, err := frame(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, first
}

// frame reads a message of a WebSocket's server.
func frame(r io.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(head[1] & 0x7f)
	if more := map[int]int{126: 2, 127: 8}[n]; more > 0 {
		long := make([]byte, more)
		if _, err := io.ReadFull(r, long); err != nil {
			return nil, err
		}
		n = 0
		for _, b := range long {
			n = n<<8 | int(b)
		}
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}
