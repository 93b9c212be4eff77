//go:build lab

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

// site is one homeserver of several.
type site struct {
	t      *testing.T
	l      *lab.Lab
	c      *http.Client
	host   string // in the lab
	domain string
	public string // name under which clients reach it
	trust  string // PEM of its authority
}

// user makes a user and returns its account.
func (s site) user(name string) account {
	s.t.Helper()
	sh(s.t, s.l, s.host, fmt.Sprintf("register_new_matrix_user -u %s -p Travel1er! --no-admin -c /etc/matrix-synapse/conf.d/keys.yaml http://127.0.0.1:8008", name))
	return s.account(name)
}

// token lets a user in by plain HTTP.
func (s site) token(name string) string {
	s.t.Helper()
	res, doc := ask(s.t, s.c, "POST", "https://"+s.public+"/_matrix/client/v3/login", "", passwordLogin(name, "Travel1er!"))
	token, _ := doc["access_token"].(string)
	if token == "" {
		s.t.Fatalf("login of %s: %s %v", name, res.Status, doc)
	}
	return token
}

// profile asks for a profile, which the user's own server is asked for.
func (s site) profile(token, user string) (int, map[string]any) {
	s.t.Helper()
	res, doc := ask(s.t, s.c, "GET", "https://"+s.public+"/_matrix/client/v3/profile/"+user, token, nil)
	return res.StatusCode, doc
}

// Two bare hosts become two homeservers by one command, each found in its own
// way: one by its document, one by its own name on port 8448. Their users meet:
// through an encrypted room, while one of them was away, and with those of a
// third one that comes later, whose document leads to port 8448 of another name.
func TestFederation(t *testing.T) {
	t.Parallel()
	l := up(t,
		lab.Spec{Name: "one", Suite: "sid", Aliases: []string{"one.lab", "matrix.one.lab"}},
		lab.Spec{Name: "two", Suite: "sid", Aliases: []string{"two.lab"}},
		lab.Spec{Name: "three", Suite: "sid", Aliases: []string{"three.lab", "chat.three.lab"}})
	ca := newAuthority(t)
	at := func(host, domain, public string) site {
		ca.issue(t, host, slices.Compact([]string{domain, public})...)
		return site{t, l, through(t, l.Host(host).Addr), host, domain, public, ca.pem}
	}
	one, two, three := at("one", "one.lab", "matrix.one.lab"), at("two", "two.lab", "two.lab"), at("three", "three.lab", "chat.three.lab")
	inv := func(more string) string {
		return write(t, "homeservers", fmt.Sprintf(`[homeserver]
one matrix_domain=one.lab
two matrix_domain=two.lab matrix_host=two.lab well_known_server= nginx_listen_8448=True
%s

[homeserver:vars]
synapse_repository_url=%s
synapse_repository_key_url=%s/matrix-org-archive-keyring.gpg
synapse_repository_fingerprint=%s
`, more, l.StandIn, l.StandIn, l.Fingerprint))
	}
	vars := write(t, "federation.yml", fmt.Sprintf(`matrix_turn: false
nginx_tls: given
nginx_certificate: "%s/{{ inventory_hostname }}.pem"
nginx_certificate_key: "%s/{{ inventory_hostname }}.key"
synapse_federation_authorities: [%s/authority.pem]
synapse_trusted_key_servers: []
synapse_settings:
  rc_login: {address: {per_second: 10, burst_count: 100}, account: {per_second: 10, burst_count: 100}}
synapse_server: {ip_range_whitelist: [%s]}
`, ca.dir, ca.dir, ca.dir, subnet(t, l.Host("one").Addr)))
	both := []string{"-i", inv(""), "-e", "@" + vars, "mxplay:site.yml"}
	for host, c := range mxplay(t, l, append([]string{"-C", "--output", "json"}, both...)...).ends(t, 0).recap(t) {
		if c.Changed == 0 || c.Failed+c.Unreachable+c.Ignored+c.Rescued != 0 {
			t.Errorf("check mode on a bare host, %s: %+v", host, c)
		}
	}
	mxplay(t, l, both...).ends(t, 0)

	t.Run("settings", func(t *testing.T) {
		for _, s := range []site{one, two} {
			for _, e := range readSettings(t, l, s.host) {
				if !e.holds() {
					t.Errorf("%s: %s: %s is %v, and Synapse runs with %v", s.host, e.file, e.name, e.want, e.got)
				}
			}
		}
	})
	chat := startChat(t)
	alice, bob := chat.login("alice", one.user("alice")), chat.login("bob", two.user("bob"))
	verify := func(t *testing.T, limit, inventory string) result {
		t.Helper()
		accounts := write(t, "verify.yml", fmt.Sprintf(`verify_resolve: {one.lab: %[1]s, matrix.one.lab: %[1]s, two.lab: %[2]s, three.lab: %[3]s, chat.three.lab: %[3]s}
verify_ca_path: %[4]s
verify_host_ca_path: /etc/matrix-synapse/federation/authority.pem
verify_peer: '{{ {"domain": inventory_hostname == "one" ? "two.lab" : "one.lab", "user": inventory_hostname == "one" ? "bob" : "alice", "password": "Travel1er!"} }}'
`, l.Host("one").Addr, l.Host("two").Addr, l.Host("three").Addr, ca.file("authority.pem")))
		r := mxplay(t, l, "-i", inventory, "-l", limit, "-e", "@"+accounts, "mxplay:verify.yml").ends(t, 0)
		if strings.Contains(r.all(), "FAIL") {
			t.Error(r.all())
		}
		return r.says(t, "an event arrives from the other one", "an event arrives at the other one")
	}
	t.Run("verify", func(t *testing.T) { // the two have not heard of each other yet
		verify(t, "all", both[1]).says(t, "well-known: matrix.one.lab:443", "8448: two.lab:8448")
		// names that only the host knows
		mxplay(t, l, "-i", both[1], "-l", "two", "mxplay:verify.yml").ends(t, 1).says(t,
			"no A or AAAA record of two.lab is seen from the controller: add one that leads to "+l.Host("two").Addr)
	})
	t.Run("delegation without a port", func(t *testing.T) { portless(t, one, two, both) })
	var room string
	t.Run("conversation", func(t *testing.T) {
		chat.t = t
		room = meet(alice, bob)
		converse(alice, bob, room)
		converse(bob, alice, meet(bob, alice))
	})
	t.Run("second run", func(t *testing.T) {
		chat.t = t
		end := alice.steadily(room, 5*time.Second, bob)
		unchanged(t, l, both...)
		unchanged(t, l, append([]string{"-C"}, both...)...)
		t.Log(end())
	})
	t.Run("sliding sync", func(t *testing.T) {
		chat.t = t
		sliding(t, one, one.token("alice"), room, func(text string) error {
			return chat.do("bob", "send", time.Minute, with{"room": room, "body": text}, nil)
		})
	})
	t.Run("a server that was away", func(t *testing.T) {
		chat.t = t
		sh(t, l, "two", "systemctl stop matrix-synapse")
		alice.do("send", with{"room": room, "body": "while you were away"})
		alice.do("send", with{"room": room, "body": "and some time later"})
		sh(t, l, "two", "systemctl start matrix-synapse")
		alice.hears(bob, room, "I am back")
		bob.reads(alice, room, "while you were away")
		bob.reads(alice, room, "and some time later")
	})

	// The third one talks to the first only.
	t.Run("a server that is added", func(t *testing.T) {
		chat.t = t
		more := inv("three matrix_domain=three.lab matrix_host=chat.three.lab well_known_server=chat.three.lab nginx_listen_8448=True")
		own := filepath.Join(filepath.Dir(more), "host_vars")
		if err := os.Mkdir(own, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(own, "three.yml"), []byte("synapse_federation: {federation_domain_whitelist: [one.lab]}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := mxplay(t, l, "--output", "json", "-i", more, "-e", "@"+vars, "mxplay:site.yml").ends(t, 0)
		for host, c := range r.recap(t) {
			if (c.Changed > 0) != (host == "three") {
				t.Errorf("%s: %+v", host, c)
			}
		}
		carol := chat.login("carol", three.user("carol"))
		room := meet(carol, alice)
		alice.hears(carol, room, "I am new here")
		carol.hears(alice, room, "welcome")
		for _, c := range []struct {
			s         site
			name, who string
			status    int
		}{
			{three, "carol", "@alice:one.lab", http.StatusOK},
			{three, "carol", "@bob:two.lab", http.StatusForbidden},
			{two, "bob", "@carol:three.lab", http.StatusForbidden},
		} {
			if status, doc := c.s.profile(c.s.token(c.name), c.who); status != c.status && (c.status == http.StatusOK || status != http.StatusBadGateway) {
				t.Errorf("%s asks for %s: %d %v", c.name, c.who, status, doc)
			}
		}
		verify(t, "three", more).says(t, "well-known, 8448: chat.three.lab:8448")
	})
	t.Run("a host that is lost", func(t *testing.T) {
		chat.t = t
		lost(t, one, two, alice, bob, inv(""), vars)
	})
}

// subnet is the lab's network.
func subnet(t *testing.T, addr string) string {
	t.Helper()
	a, err := netip.ParseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	return netip.PrefixFrom(a, 24).Masked().String()
}

// portless shows what the guide's m.server, a name without a port, is worth:
// other servers try port 8448.
func portless(t *testing.T, one, two site, args []string) {
	const document = "/var/www/matrix/.well-known/matrix/server"
	bob := two.token("bob")
	before := sh(t, one.l, one.host, "cat "+document)
	forget := func() { sh(t, two.l, two.host, "systemctl restart matrix-synapse") } // it keeps what it found for a day
	sh(t, one.l, one.host, `printf '{"m.server": "matrix.one.lab"}' >`+document)
	forget()
	if status, doc := two.profile(bob, "@alice:one.lab"); status != http.StatusBadGateway && status != http.StatusNotFound {
		t.Errorf("without a port: %d %v", status, doc)
	}
	mxplay(t, one.l, append([]string{"--tags", "well_known"}, args...)...).ends(t, 0)
	if after := sh(t, one.l, one.host, "cat "+document); after != before {
		t.Errorf("the document is now %s", after)
	}
	forget()
	eventually(t, time.Minute, func() string {
		status, doc := two.profile(bob, "@alice:one.lab")
		if status == http.StatusOK {
			return ""
		}
		return fmt.Sprint("with a port: ", status, doc)
	})
}

// sliding is the sync of today's clients: a list at first, then a request that
// waits until there is something new.
func sliding(t *testing.T, s site, token, room string, say func(string) error) {
	sync := func(pos, timeout string) map[string]any {
		t.Helper()
		q := url.Values{"timeout": {timeout}}
		if pos != "" {
			q.Set("pos", pos)
		}
		res, doc := ask(t, s.c, "POST", "https://"+s.public+"/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?"+q.Encode(), token, map[string]any{
			"lists": map[string]any{"all": map[string]any{"ranges": []any{[]int{0, 9}}, "timeline_limit": 5, "required_state": []any{[]string{"m.room.encryption", ""}}}}})
		if res.StatusCode != http.StatusOK {
			t.Fatalf("sliding sync: %s %v", res.Status, doc)
		}
		return doc
	}
	first := sync("", "0")
	if !strings.Contains(flat(first), `"count":`) || room == "" || !strings.Contains(flat(first["rooms"]), room) {
		t.Fatalf("the first answer lacks the room %s: %s", room, flat(first))
	}
	pos, _ := first["pos"].(string)
	for range 5 { // what came meanwhile
		doc := sync(pos, "0")
		if pos, _ = doc["pos"].(string); flat(doc["rooms"]) == "{}" {
			break
		}
	}
	said := make(chan error, 1)
	time.AfterFunc(2*time.Second, func() { said <- say("wake up") })
	next := sync(pos, "30000")
	if err := <-said; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(flat(next["rooms"]), room) || !strings.Contains(flat(next["rooms"]), "m.room.encrypted") || next["pos"] == pos {
		t.Errorf("the second answer lacks the message: %s", flat(next))
	}
}

func flat(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
