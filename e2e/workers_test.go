//go:build lab

package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// workers brings a homeserver to workers, adds one, and takes them all away again.
func workers(s server, inv string, args func(...string) []string) {
	t := s.t
	small := []string{"background1", "client1", "federation1", "persist1", "sender1", "sync1"}
	mxplay(t, s.l, args("-e", "synapse_workers=small")...).ends(t, 0)
	unchanged(t, s.l, args("-e", "synapse_workers=small")...)
	unchanged(t, s.l, args("-C", "-e", "synapse_workers=small")...)
	s.running(small)
	t.Run("settings", func(t *testing.T) {
		for _, e := range readSettings(t, s.l, s.host) {
			if !e.holds() {
				t.Errorf("%s: %s is %v, and Synapse runs with %v", e.file, e.name, e.want, e.got)
			}
		}
	})
	t.Run("requests", func(t *testing.T) {
		throughWorkers(s.in(t))
		for name, path := range map[string]string{
			"sync1": "/sync", "client1": "/send/m.room.message", "federation1": "/_matrix/federation/v1/version", "main": "/typing/",
		} {
			s.in(t).asked(name, path)
		}
	})

	t.Run("verify", func(t *testing.T) { verifiedWorkers(s.in(t), inv) })

	more := `{"synapse_workers": "small", "synapse_more_workers": [{"name": "typing1", "streams": ["typing", "to_device", "push_rules"]},
		{"name": "media1", "serves": ["media"], "streams": ["quarantined_media_changes"]}]}`
	mxplay(t, s.l, args("-e", more)...).ends(t, 0)
	unchanged(t, s.l, args("-e", more)...)
	s.running(append([]string{"media1", "typing1"}, small...))
	t.Run("requests of added workers", func(t *testing.T) {
		throughWorkers(s.in(t))
		for _, path := range []string{"/typing/", "/sendToDevice/", "/pushrules/"} {
			s.in(t).asked("typing1", path)
		}
		mediaStore(s.in(t))
	})
	for name, bad := range map[string]string{
		"two writers": `[{"name": "a", "streams": ["typing"]}, {"name": "b", "streams": ["typing"]}]`,
		"one name":    `[{"name": "sync1", "serves": ["sync"]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			mxplay(t, s.l, args("-e", `{"synapse_workers": "small", "synapse_more_workers": `+bad+`}`)...).ends(t, 1).says(t, "names are unique")
		})
	}
	t.Run("a misspelt stream", func(t *testing.T) {
		mxplay(t, s.l, args("-e", `{"synapse_more_workers": [{"name": "a", "streams": ["typng"]}]}`)...).ends(t, 2).says(t, "typng")
	})

	mxplay(t, s.l, args()...).ends(t, 0)
	unchanged(t, s.l, args()...)
	s.running(nil)
	if left := sh(t, s.l, s.host, "ls /etc/matrix-synapse/workers"); left != "" {
		t.Errorf("files of workers that are gone: %s", left)
	}
	throughWorkers(s.in(t))
}

// running fails the test unless these workers run, and no others.
func (s server) running(names []string) {
	s.t.Helper()
	slices.Sort(names)
	var want []string
	for _, n := range names {
		want = append(want, "matrix-synapse-worker@"+n+".service active running")
	}
	got := sh(s.t, s.l, s.host, "systemctl list-units --all --plain --no-legend 'matrix-synapse-worker@*' | awk '{print $1, $3, $4}' | sort")
	if got != strings.Join(want, "\n") {
		s.t.Errorf("workers: %s", got)
	}
}

// asked waits for a request in the log of a process, which is written every few seconds.
func (s server) asked(name, path string) {
	s.t.Helper()
	eventually(s.t, 30*time.Second, func() string {
		file := sh(s.t, s.l, s.host, "cat /var/log/matrix-synapse/synapse-"+name)
		for line := range strings.Lines(file) {
			if strings.Contains(line, "Processed request:") && strings.Contains(line, path) {
				return ""
			}
		}
		return name + " was asked for no " + path
	})
}

// throughWorkers does what clients do, one request of each kind that a class
// or a stream's writer answers.
func throughWorkers(s server) {
	t := s.t
	bob := s.login("bob", "Builder!1")
	first := s.call("GET", "/_matrix/client/v3/sync?timeout=0", bob, nil)
	room, _ := s.call("POST", "/_matrix/client/v3/createRoom", bob, map[string]any{"preset": "public_chat"})["room_id"].(string)
	in := "/_matrix/client/v3/rooms/" + url.PathEscape(room)
	text := fmt.Sprintf("hello %d", time.Now().UnixNano())
	s.call("PUT", in+"/send/m.room.message/"+fmt.Sprint(time.Now().UnixNano()), bob, map[string]any{"msgtype": "m.text", "body": text})
	s.call("PUT", in+"/typing/"+url.PathEscape("@bob:"+domain), bob, map[string]any{"typing": true, "timeout": 30000})
	s.call("PUT", "/_matrix/client/v3/sendToDevice/m.test/"+fmt.Sprint(time.Now().UnixNano()), bob, map[string]any{"messages": map[string]any{"@bob:" + domain: map[string]any{"*": map[string]any{"to": "device"}}}})
	s.call("PUT", "/_matrix/client/v3/pushrules/global/content/lab", bob, map[string]any{"pattern": "lab", "actions": []any{"notify"}})
	s.call("PUT", "/_matrix/client/v3/user/@bob:"+domain+"/account_data/test", bob, map[string]any{"of": text})
	s.call("PUT", "/_matrix/client/v3/presence/@bob:"+domain+"/status", bob, map[string]any{"presence": "online"})
	s.call("GET", "/_matrix/client/v3/capabilities", bob, nil)
	s.call("GET", "/_matrix/federation/v1/version", "", nil)
	s.call("GET", "/_matrix/key/v2/server", "", nil)
	s.call("GET", in+"/messages?dir=b&limit=5", bob, nil)
	s.call("GET", in+"/joined_members", bob, nil)
	next, _ := first["next_batch"].(string)
	seen := ""
	eventually(t, 30*time.Second, func() string {
		doc := s.call("GET", "/_matrix/client/v3/sync?timeout=1000&since="+url.QueryEscape(next), bob, nil)
		next, _ = doc["next_batch"].(string)
		b, err := json.Marshal(doc)
		if err != nil {
			return err.Error()
		}
		seen += string(b)
		for _, want := range []string{text, "m.typing", "m.test", "m.push_rules", `"of":"` + text} {
			if !strings.Contains(seen, want) {
				return "bob's sync lacks " + want
			}
		}
		return ""
	})
	sliding := s.call("POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", bob, map[string]any{
		"lists": map[string]any{"all": map[string]any{"ranges": []any{[]int{0, 9}}, "timeline_limit": 1, "required_state": []any{}}}})
	if rooms, _ := sliding["rooms"].(map[string]any); rooms[room] == nil {
		t.Errorf("sliding sync lacks the room: %v", sliding)
	}
}
