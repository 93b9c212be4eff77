//go:build lab

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// verifyArgs has verify.yml look at a host of the lab; names are known to the
// host and not to this machine, and only the certificate itself vouches for it.
func verifyArgs(s server, inv string, more ...string) []string {
	at := s.l.Host(s.host).Addr
	ca := write(s.t, "ca.pem", sh(s.t, s.l, s.host, "cat "+certificateFile)+"\n")
	return append([]string{"-i", inv, "-e", "verify_ca_path=" + ca, "-e", "verify_host_ca_path=" + certificateFile,
		"-e", fmt.Sprintf(`{"verify_resolve": {%q: %q, %q: %q}}`, domain, at, public, at), "mxplay:verify.yml"}, more...)
}

func verifies(s server, inv string, more ...string) result {
	s.t.Helper()
	return mxplay(s.t, s.l, verifyArgs(s, inv, more...)...)
}

const certificateFile = "/etc/nginx/tls/matrix.pem"

// left is what a homeserver holds, and what verify.yml may leave no more of.
const left = `cd / && runuser -u postgres -- psql -XAt -d synapse -c "select 'users', count(*) from users where deactivated = 0
 union all select 'rooms', count(*) from rooms union all select 'media', count(*) from local_media_repository
 union all select 'tokens', count(*) from access_tokens union all select 'devices', count(*) from devices
 union all select 'limits', count(*) from ratelimit_override union all select 'previews', count(*) from local_media_repository_url_cache"
find /var/lib/matrix-synapse/media/local_content -type f 2>/dev/null | wc -l`

// verified holds verify.yml to its word on a homeserver with every section of
// the guide: it passes, leaves nothing, and names what is broken.
func verified(s server, inv string, mail *mailbox) {
	t := s.t
	inbox := filepath.Join(t.TempDir(), "inbox")
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	if err := os.WriteFile(inbox, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { // the mailbox as a file
		for {
			select {
			case text := <-mail.mail:
				f, err := os.OpenFile(inbox, os.O_APPEND|os.O_WRONLY, 0o600)
				if err != nil {
					return
				}
				fmt.Fprintf(f, "From test\n%s\n", text)
				f.Close()
			case <-stop:
				return
			}
		}
	}()
	verify := func(more ...string) result { return verifies(s.in(t), inv, more...) }

	before := sh(t, s.l, s.host, left)
	inboxed := []string{"-e", "verify_mail_address=inbox@example.lab", "-e", "verify_mail_inbox=" + inbox}
	said := verify(append(inboxed, "-vvv")...).ends(t, 0).all()
	for _, row := range []string{
		"versions pass pass", "a room pass", "a message pass pass", "the administrator logs in pass", "server document pass pass",
		"found by other servers pass pass well-known: " + public + ":443", "signed keys, right certificate pass pass", "it arrives pass",
		"upload pass", "download pass pass", "download without a login is refused pass pass", "an upload too large is refused pass",
		"no preview of 127.0.0.1 pass", "a weak password is refused pass", "a user logs in pass", "pass asks for m.login.registration_token",
		"turns:" + public + ":5349 tcp pass pass", "others are refused pass pass", "without consent no room pass", "a notice arrives pass",
		"admin interface is closed pass", "metrics are closed pass", "nothing is left behind pass",
		"LDAP one of the directory logs in - not configured", "certificate of " + domain + " pass pass", "certificate of " + public + " pass pass",
		"a message through each - not configured", "events both ways - not looked at: needs verify_peer",
	} {
		if !strings.Contains(strings.Join(strings.Fields(said), " "), row) {
			t.Errorf("the table lacks %q", row)
		}
	}
	if t.Failed() {
		t.Log(said[strings.LastIndex(said, "TASK [verify : The table]"):])
	}
	if after := sh(t, s.l, s.host, left); after != before {
		t.Errorf("it leaves\n%s\nwhere there was\n%s", after, before)
	}
	if password := sh(t, s.l, s.host, "cat /etc/mxplay/secrets/admin_password"); strings.Contains(said, password) || strings.Contains(said, "syt_") {
		t.Error("a password or a token is in the output")
	}
	verify("-C").ends(t, 0).says(t, "nothing is sent", "A run looks at "+domain+" from the controller and "+s.host)

	t.Run("broken", func(t *testing.T) {
		s := s.in(t)
		sh(t, s.l, s.host, breakages)
		defer func() {
			sh(t, s.l, s.host, `rm /etc/matrix-synapse/conf.d/zz.yaml; mv /root/server /var/www/matrix/.well-known/matrix/server
mv /root/matrix.conf $(cat /root/site); chown matrix-synapse: /var/lib/matrix-synapse/media/local_content; systemctl restart matrix-synapse; nginx -s reload`)
			s.answers()
		}()
		s.answers()
		r := verifies(s, inv, inboxed...).ends(t, 1)
		r.says(t, "server document FAIL FAIL", "found by other servers FAIL", "a mail is taken FAIL status 500", "upload FAIL status 500", "no preview of 127.0.0.1 FAIL",
			"captcha FAIL FAIL open to everybody", "turn:"+public+":3478 udp FAIL FAIL", "others are refused pass", "admin interface is closed FAIL status 200", "closed to tokens FAIL status 401",
			"client document pass pass", "a message pass pass", "no preview of 10.0.0.1 pass", "nothing is left behind pass",
			domain+" fails in Delegation and DNS, nginx, Registration, Federation, Media store, TURN, LiveKit, E-mail:")
		if after := sh(t, s.l, s.host, left); after != before {
			t.Errorf("it leaves\n%s\nwhere there was\n%s", after, before)
		}
	})
	t.Run("certificate without one of the names", func(t *testing.T) {
		s := s.in(t)
		cert, key := certificate(t, domain)
		for from, to := range map[string]string{cert: certificateFile, key: "/etc/nginx/tls/matrix.key"} {
			text, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			sh(t, s.l, s.host, "cp -p "+to+" "+to+".kept; cat >"+to+" <<'END'\n"+string(text)+"END\n")
		}
		sh(t, s.l, s.host, "nginx -s reload; sleep 1")
		defer sh(t, s.l, s.host, "cd /etc/nginx/tls && mv matrix.pem.kept matrix.pem && mv matrix.key.kept matrix.key && nginx -s reload")
		verifies(s, inv).ends(t, 1).says(t, "certificate of "+domain+" pass pass", "certificate of "+public+" FAIL FAIL x509: certificate is valid for "+domain+", not "+public, "server document pass pass", "signed keys, right certificate FAIL FAIL", "nothing is left behind pass", "TLS")
		if after := sh(t, s.l, s.host, left); after != before {
			t.Errorf("it leaves\n%s\nwhere there was\n%s", after, before)
		}
	})
	t.Run("server of others", func(t *testing.T) { verifiedFromAfar(s.in(t)) })
}

// breakages of several sections: documents swapped, registration opened, another
// TURN secret, a private network that previews may reach, no way for mail, media
// that cannot be written, the admin interface open to everybody.
const breakages = `cd /var/www/matrix/.well-known/matrix && cp -p server /root/server && cp client server
cat >/etc/matrix-synapse/conf.d/zz.yaml <<'END'
enable_registration_without_verification: true
registration_requires_token: false
turn_shared_secret: not the one of coturn
url_preview_ip_range_blacklist: [10.0.0.0/8, 169.254.0.0/16]
email: {smtp_host: 127.0.0.1, smtp_port: 1, notif_from: matrix@example.lab}
END
chown root: /var/lib/matrix-synapse/media/local_content
grep -rl 'location ~ ^/(_matrix|_synapse/client)' /etc/nginx | head -n 1 >/root/site
cp -p $(cat /root/site) /root/matrix.conf && sed -i 's#_matrix|_synapse/client#_matrix|_synapse#' $(readlink -f $(cat /root/site))
systemctl restart matrix-synapse && nginx -s reload`

// answers waits until Synapse does.
func (s server) answers() {
	s.t.Helper()
	eventually(s.t, time.Minute, func() string {
		if status, _ := s.try("GET", "/_matrix/client/versions", "", nil); status != 200 {
			return fmt.Sprint(status)
		}
		return ""
	})
}

// verifiedFromAfar looks at the server as at one that mxplay knows nothing of:
// no host of it in the inventory, an administrator's token, or an account.
func verifiedFromAfar(s server) {
	t := s.t
	sh(t, s.l, s.host, "systemd-run -q --unit=lab-relay --socket-property=ListenStream=0.0.0.0:8018 /usr/lib/systemd/systemd-socket-proxyd 127.0.0.1:8008")
	defer sh(t, s.l, s.host, "systemctl stop lab-relay.socket lab-relay.service")
	before := sh(t, s.l, s.host, left)
	at := s.l.Host(s.host).Addr
	ca := write(t, "ca.pem", sh(t, s.l, s.host, "cat "+certificateFile)+"\n")
	verify := func(account string) result {
		vars := write(t, "account.yml", fmt.Sprintf("verify_hosts: localhost\nmatrix_domain: %s\nverify_ca_path: %s\nverify_resolve: {%s: %s, %s: %s}\n%s",
			domain, ca, domain, at, public, at, account))
		onController.Lock()
		defer onController.Unlock()
		m := command(t, "run", "-i", "localhost,", "-c", "local", "-e", "@"+vars, "mxplay:verify.yml", "-vvv")
		if err := m.Run(); err != nil && m.ProcessState == nil {
			t.Fatal(err)
		}
		return m.result()
	}
	r := verify(fmt.Sprintf("verify_admin_token: %s\nverify_admin_url: http://%s:8018\n", s.admin, at)).ends(t, 0)
	r.says(t, "users are made pass", "a room pass", "a message pass", "download pass", "without consent no room pass", "a notice arrives pass", "certificate of "+public+" pass",
		"signed keys, right certificate pass", "a message through each - not looked at: needs the host", "nothing is left behind pass")
	if after := sh(t, s.l, s.host, left); after != before {
		t.Errorf("it leaves\n%s\nwhere there was\n%s", after, before)
	}
	if strings.Contains(r.all(), s.admin) {
		t.Error("the administrator's token is in the output")
	}
	verify("verify_user: bob\nverify_password: Builder!1\n").ends(t, 0).says(t, "a user logs in pass", "a message pass", "upload - not looked at: needs an administrator")
	if rooms := fmt.Sprint(s.call("GET", "/_matrix/client/v3/joined_rooms", s.login("bob", "Builder!1"), nil)); strings.Contains(rooms, "mxplay") {
		t.Errorf("bob is in %s", rooms)
	}
}

// verifiedWorkers breaks one worker, whose unit is active and whose health is well.
func verifiedWorkers(s server, inv string) {
	t := s.t
	verifies(s, inv).ends(t, 0).says(t, "a message through client1 pass", "sender1 answers pass takes no requests")
	const file = "/etc/matrix-synapse/workers/client1.yaml"
	sh(t, s.l, s.host, "cp -p "+file+" /root/ && echo 'worker_replication_secret: wrong' >>"+file+" && systemctl restart matrix-synapse-worker@client1 && systemctl is-active matrix-synapse-worker@client1")
	defer sh(t, s.l, s.host, "mv /root/client1.yaml "+file+" && systemctl restart matrix-synapse-worker@client1")
	r := verifies(s, inv).ends(t, 1)
	r.says(t, "a message through client1 FAIL status 500", "a message through sync1 pass", "nothing is left behind pass", "Workers", "a message through client1 (host): status 500")
}

// verifiedLDAP: where local passwords do not count, an administrator's token
// makes the users, and one of the directory logs in.
func verifiedLDAP(s server, inv string) {
	account := write(s.t, "account.yml", fmt.Sprintf("verify_admin_token: %s\nverify_ldap_user: dora\nverify_ldap_password: explorer\n", s.admin))
	verifies(s, inv, "-e", "@"+account).ends(s.t, 0).
		says(s.t, "one of the directory logs in pass @dora:"+domain, "a user logs in - not configured: no local passwords", "a room - not looked at: the administrator, who logs in for the user, has not accepted the terms",
			"upload pass", "turn:"+public+":3478 udp pass pass", "a notice arrives pass", "nothing is left behind pass")
}
