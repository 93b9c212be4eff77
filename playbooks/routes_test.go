package playbooks

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type route struct {
	Class, Writer, Path string
	Methods             []string
}

// classOf is the class or the stream of the first route that a request matches, or main.
func classOf(routes []route, method, path string) string {
	for _, r := range routes {
		if (r.Methods == nil || slices.Contains(r.Methods, method)) && regexp.MustCompile("^"+r.Path).MatchString(path) {
			return r.Class + r.Writer
		}
	}
	return "main"
}

// Every request goes to those who can answer it: what only main or only a
// writer knows is a 404 or a 500 elsewhere.
func TestRoutes(t *testing.T) {
	text, err := Files.ReadFile("roles/nginx/vars/main.yml")
	if err != nil {
		t.Fatal(err)
	}
	var data struct {
		Routes  []route           `yaml:"synapse_routes"`
		Balance map[string]string `yaml:"nginx_balance"`
	}
	if err := yaml.Unmarshal(text, &data); err != nil {
		t.Fatal(err)
	}
	for _, r := range data.Routes {
		if (r.Class == "") == (r.Writer == "") {
			t.Errorf("%s goes to class %q and to the writer of %q", r.Path, r.Class, r.Writer)
		}
		if data.Balance[r.Class+r.Writer] == "" {
			t.Errorf("nothing says how %s%s is spread", r.Class, r.Writer)
		}
	}
	for class, requests := range map[string][]string{
		"sync": {
			"GET /_matrix/client/v3/sync", "GET /_matrix/client/r0/sync", "GET /_matrix/client/v3/events", "GET /_matrix/client/v3/initialSync",
			"GET /_matrix/client/v3/rooms/!a:b/initialSync", "POST /_matrix/client/unstable/org.matrix.simplified_msc3575/sync",
		},
		"typing":       {"PUT /_matrix/client/v3/rooms/!a:b/typing/@c:b"},
		"to_device":    {"PUT /_matrix/client/v3/sendToDevice/m.room.encrypted/1"},
		"push_rules":   {"PUT /_matrix/client/v3/pushrules/global/content/x", "DELETE /_matrix/client/v3/pushrules/global/content/x"},
		"account_data": {"PUT /_matrix/client/v3/user/@a:b/account_data/x", "GET /_matrix/client/v3/user/@a:b/rooms/!a:b/tags"},
		"receipts":     {"POST /_matrix/client/v3/rooms/!a:b/receipt/m.read/$x", "POST /_matrix/client/v3/rooms/!a:b/read_markers"},
		"presence":     {"PUT /_matrix/client/v3/presence/@a:b/status"},
		"device_lists": {
			"GET /_matrix/client/v3/devices", "DELETE /_matrix/client/v3/devices/X", "POST /_matrix/client/v3/delete_devices",
			"POST /_matrix/client/v3/keys/upload", "POST /_matrix/client/v3/keys/device_signing/upload", "POST /_matrix/client/v3/keys/signatures/upload",
		},
		"media": {
			"POST /_matrix/media/v3/upload", "GET /_matrix/media/v3/download/b/x", "GET /_matrix/client/v1/media/config",
			"GET /_matrix/client/v1/media/preview_url", "GET /_matrix/federation/v1/media/download/x",
		},
		"room": {
			"GET /_matrix/client/v3/rooms/!a:b/messages", "POST /_matrix/client/v3/createRoom", "POST /_matrix/client/v3/join/!a:b",
			"POST /_matrix/client/v3/knock/!a:b", "PUT /_matrix/client/v3/profile/@a:b/displayname", "PUT /_matrix/client/v3/rooms/!a:b/send/m.room.message/1",
			"PUT /_matrix/client/v3/rooms/!a:b/redact/$x/1", "PUT /_matrix/client/v3/rooms/!a:b/state/m.room.name/", "POST /_matrix/client/v3/rooms/!a:b/invite",
			"POST /_matrix/client/v3/rooms/!a:b/unban",
		},
		"client": {
			"POST /_matrix/client/v3/login", "GET /_matrix/client/v3/register/available", "GET /_matrix/client/v3/password_policy",
			"GET /_matrix/client/v1/register/m.login.registration_token/validity", "GET /_matrix/client/versions", "GET /_matrix/client/v3/capabilities",
			"GET /_matrix/client/v3/account/whoami", "GET /_matrix/client/v3/account/3pid", "GET /_matrix/client/v3/publicRooms", "GET /_matrix/client/v3/joined_rooms",
			"POST /_matrix/client/v3/search", "GET /_matrix/client/v3/rooms/!a:b/joined_members", "GET /_matrix/client/v3/rooms/!a:b/context/$x",
			"GET /_matrix/client/v3/rooms/!a:b/state", "GET /_matrix/client/v1/rooms/!a:b/hierarchy", "GET /_matrix/client/v1/rooms/!a:b/relations/$x",
			"POST /_matrix/client/v3/user/@a:b/filter", "GET /_matrix/client/v3/directory/room/%23a:b", "GET /_matrix/client/v3/pushrules/",
			"POST /_matrix/client/v3/keys/query", "POST /_matrix/client/v3/keys/claim", "GET /_matrix/client/v3/keys/changes",
			"PUT /_matrix/client/v3/room_keys/keys", "POST /_matrix/client/v3/user_directory/search",
		},
		"federation_inbound": {"PUT /_matrix/federation/v1/send/1"},
		"federation_reader": {
			"GET /_matrix/federation/v1/version", "GET /_matrix/federation/v1/event/$x", "GET /_matrix/federation/v1/state_ids/!a:b",
			"GET /_matrix/federation/v1/backfill/!a:b", "POST /_matrix/federation/v1/get_missing_events/!a:b", "GET /_matrix/federation/v1/make_join/!a:b/@c:d",
			"PUT /_matrix/federation/v2/send_join/!a:b/$x", "PUT /_matrix/federation/v2/invite/!a:b/$x", "GET /_matrix/federation/v1/query/profile",
			"POST /_matrix/federation/v1/user/keys/query", "GET /_matrix/key/v2/server", "POST /_matrix/key/v2/query",
		},
		"main": {
			"GET /_matrix/consent", "POST /_matrix/consent", "GET /_matrix/static/", "POST /_matrix/client/v3/account/password", "POST /_matrix/client/v3/account/3pid/add",
			"POST /_matrix/client/v3/account/3pid/email/requestToken", "POST /_matrix/client/v3/account/password/email/requestToken",
			"POST /_matrix/client/v3/register", "POST /_matrix/client/v3/register/email/requestToken", "POST /_matrix/client/v3/user/@a:b/openid/request_token", "GET /_matrix/federation/v1/openid/userinfo",
			"GET /_matrix/client/v3/thirdparty/protocols", "GET /_matrix/client/v3/pushers", "POST /_matrix/client/v3/pushers/set", "POST /_matrix/client/v3/rooms/!a:b/report/$x",
			"POST /_matrix/client/v3/rooms/!a:b/upgrade", "POST /_matrix/client/v3/rooms/!a:b/forget", "PUT /_matrix/client/v3/directory/list/room/!a:b",
			"POST /_matrix/client/v3/logout", "POST /_matrix/client/v3/refresh", "GET /_matrix/client/v3/auth/m.login.terms/fallback/web",
			"GET /_matrix/client/v3/voip/turnServer", "GET /_matrix/client/unstable/org.matrix.msc4143/rtc/transports", "GET /_matrix/client/v3/admin/whois/@a:b",
			"GET /_synapse/client/pick_idp", "GET /_matrix/client/v3/login/sso/redirect",
		},
	} {
		for _, r := range requests {
			method, path, _ := strings.Cut(r, " ")
			if got := classOf(data.Routes, method, path); got != class {
				t.Errorf("%s goes to %s, want %s", r, got, class)
			}
		}
	}
}
