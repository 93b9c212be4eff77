//go:build lab

package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lost takes a homeserver's host away and brings the homeserver back on a bare
// one out of a backup: p lives there and talks with q, who lives on another one.
func lost(t *testing.T, one, two site, p, q talker, inv, vars string) {
	l := one.l
	room := meet(p, q)
	old := q.hears(p, room, "before the fire")
	p.hears(q, room, "it is warm here")
	file := p.must("file", with{"room": room, "name": "letter.txt", "body": "a letter"})
	q.must("fetch", with{"room": room, "event": file["event"]})
	key := p.must("keep", nil)
	if n, _ := key["count"].(float64); n < 2 {
		t.Fatalf("%v keys are in the backup", key["count"])
	}
	token := one.token("alice")
	signs := one.keys()
	const onceKeys = "select user_id || device_id || key_id from e2e_one_time_keys_json order by 1"
	once := strings.Fields(one.psql(onceKeys))
	if len(once) == 0 {
		t.Fatal("nobody has one-time keys")
	}
	to := t.TempDir()
	mxplay(t, l, "-i", inv, "-l", one.host, "-e", "backup_fetch="+to, "mxplay:backup.yml").ends(t, 0)
	made, err := filepath.Glob(filepath.Join(to, one.host, "*"))
	if err != nil || len(made) != 1 {
		t.Fatalf("backups: %v %v", made, err)
	}
	q.hears(p, room, "after the backup")

	if err := l.Reset(t.Context(), one.host); err != nil {
		t.Fatal(err)
	}
	restore := func(more ...string) result {
		return mxplay(t, l, append([]string{"-i", inv, "-l", one.host, "-e", "@" + vars, "-e", "restore_from=" + made[0], "mxplay:restore.yml"}, more...)...)
	}
	site := []string{"-i", inv, "-l", one.host, "-e", "@" + vars, "mxplay:site.yml"}
	t.Run("refused on a bare host", func(t *testing.T) {
		broken := copied(t, made[0], "media.tar", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		untouched(t, l, one.host, func() {
			restore("-C").ends(t, 0)
			restore("-e", "matrix_domain=other.lab").ends(t, 1).says(t, "is a backup of "+one.domain)
		})
		restore("-e", "restore_from="+broken).ends(t, 1).says(t, "media.tar: FAILED")
		if left := sh(t, l, one.host, "ls -d /etc/mxplay/secrets /etc/matrix-synapse 2>/dev/null || true"); left != "" {
			t.Errorf("a broken backup left %s", left)
		}
	})
	said := restore("-D", "-vvv").ends(t, 0).all()
	for _, secret := range strings.Fields(sh(t, l, one.host, "cat /etc/mxplay/secrets/*; cut -d' ' -f3 /etc/matrix-synapse/homeserver.signing.key")) {
		if strings.Contains(said, secret) {
			t.Error("a secret is in the output")
		}
	}
	unchanged(t, l, site...)
	unchanged(t, l, append([]string{"-C"}, site...)...)

	for _, k := range strings.Fields(one.psql(onceKeys)) { // clients have sent new ones by now
		for _, o := range once {
			if k == o {
				t.Errorf("the one-time key %s could be given out again", k)
			}
		}
	}
	if now := one.keys(); now != signs {
		t.Errorf("it signs with %s, before with %s", now, signs)
	}
	if res, doc := ask(t, one.c, "GET", "https://"+one.public+"/_matrix/client/v3/account/whoami", token, nil); doc["user_id"] != p.id {
		t.Errorf("the login from before: %s %v", res.Status, doc)
	}
	if left := sh(t, l, one.host, "ls -d /var/backups/matrix-restore 2>/dev/null || true; find /etc/matrix-synapse/homeserver.signing.key /etc/matrix-synapse/conf.d /var/lib/matrix-synapse/media ! -user matrix-synapse ! -group matrix-synapse ! -name '*.yaml'"); left != "" {
		t.Errorf("the restore left %s", left)
	}

	// The device from before has its keys, a new one takes them from the server.
	again := p.c.login(p.name+" again", one.account("alice"))
	again.do("unlock", with{"key": key["key"]})
	for _, who := range []talker{p, again} {
		got := who.must("history", with{"room": room, "event": old})
		if got["body"] != "before the fire" || got["encrypted"] != true {
			t.Errorf("%s reads %v", who.name, got)
		}
		who.must("history", with{"room": room, "body": "it is warm here"})
		who.must("history", with{"room": room, "event": file["event"]})
		if got := who.must("fetch", with{"room": room, "event": file["event"]}); got["text"] != "a letter" {
			t.Errorf("%s has the file %v", who.name, got)
		}
	}

	// Federation goes on, the other server knows it by its key, and to its new device too.
	q.hears(p, room, "here I am again")
	for _, who := range []talker{p, again} {
		who.hears(q, room, "welcome back, "+who.name)
	}
	q.hears(again, room, "with a new device")
	res, doc := ask(t, two.c, "GET", "https://"+two.public+"/_matrix/key/v2/query/"+one.domain, "", nil)
	keys, _ := doc["server_keys"].([]any)
	if len(keys) != 1 || fmt.Sprint(keys[0].(map[string]any)["verify_keys"]) != signs {
		t.Errorf("%s knows %s by: %s %v", two.domain, one.domain, res.Status, doc)
	}
	// Its server gets from the other one what came after the backup.
	eventually(t, time.Minute, func() string {
		if err := p.c.do(p.name, "history", time.Minute, with{"room": room, "body": "after the backup"}, nil); err != nil {
			return err.Error()
		}
		return ""
	})
	restore().ends(t, 1).says(t, "it has users")
}

// account is the one of a user that user made.
func (s site) account(name string) account {
	return account{Homeserver: "https://" + s.public, Address: s.l.Host(s.host).Addr, Trust: s.trust, User: name, Password: "Travel1er!"}
}

// keys are those that the server signs with, as it publishes them.
func (s site) keys() string {
	s.t.Helper()
	res, doc := ask(s.t, s.c, "GET", "https://"+s.public+"/_matrix/key/v2/server", "", nil)
	if res.StatusCode != http.StatusOK {
		s.t.Fatal(res.Status)
	}
	return fmt.Sprint(doc["verify_keys"])
}

func (s site) psql(query string) string {
	s.t.Helper()
	return sh(s.t, s.l, s.host, fmt.Sprintf(`cd / && runuser -u postgres -- psql -XAt -d synapse -c "%s"`, query))
}
