//go:build lab

package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/mxplay/mxplay/e2e/lab"
)

var update = flag.Bool("update", false, "write playbooks/SETTINGS.md anew")

// effective says where Synapse keeps what it read of a setting: an expression
// of Python over c, its loaded configuration. A setting without one is a
// mistake: Synapse reads unknown keys without a word.
var effective = map[string]string{
	"server_name":                                "c.server.server_name",
	"report_stats":                               "c.metrics.report_stats",
	"public_baseurl":                             "c.server.public_baseurl",
	"trusted_key_servers":                        "[{'server_name': s.server_name} for s in c.key.key_servers]",
	"presence.enabled":                           "c.server.presence_enabled",
	"presence.include_offline_users_on_sync":     "c.server.presence_include_offline_users_on_sync",
	"require_auth_for_profile_requests":          "c.server.require_auth_for_profile_requests",
	"allow_public_rooms_over_federation":         "c.server.allow_public_rooms_over_federation",
	"filter_timeline_limit":                      "c.server.filter_timeline_limit",
	"delete_stale_devices_after":                 "c.server.delete_stale_devices_after",
	"listeners":                                  "[{'port': l.port, 'tls': l.tls, 'type': l.type, 'x_forwarded': l.http_options.x_forwarded, 'bind_addresses': l.bind_addresses, 'resources': [{'names': r.names, 'compress': r.compress} for r in l.http_options.resources]} for l in c.server.listeners]",
	"database.name":                              "c.database.databases[0].config['name']",
	"database.args.user":                         "c.database.databases[0].config['args']['user']",
	"database.args.dbname":                       "c.database.databases[0].config['args']['dbname']",
	"database.args.host":                         "c.database.databases[0].config['args']['host']",
	"database.args.cp_min":                       "c.database.databases[0].config['args']['cp_min']",
	"database.args.cp_max":                       "c.database.databases[0].config['args']['cp_max']",
	"registration_shared_secret":                 "c.registration.registration_shared_secret",
	"macaroon_secret_key":                        "c.key.macaroon_secret_key",
	"form_secret":                                "c.key.form_secret",
	"log_config":                                 "c.logging.log_config",
	"email.enable_notifs":                        "c.email.email_enable_notifs",
	"email.app_name":                             "c.email.email_app_name",
	"email.smtp_host":                            "c.email.email_smtp_host",
	"email.smtp_port":                            "c.email.email_smtp_port",
	"email.enable_tls":                           "c.email.enable_smtp_tls",
	"email.notif_from":                           "c.email.email_notif_from",
	"media_store_path":                           "c.media.media_store_path",
	"max_upload_size":                            "c.media.max_upload_size",
	"url_preview_enabled":                        "c.media.url_preview_enabled",
	"url_preview_ip_range_blacklist":             "[str(n) for n in c.media.url_preview_ip_range_blocklist.iter_cidrs()]",
	"media_retention.remote_media_lifetime":      "c.media.media_retention_remote_media_lifetime_ms",
	"mau_stats_only":                             "c.server.mau_stats_only",
	"max_avatar_size":                            "c.server.max_avatar_size",
	"allowed_avatar_mimetypes":                   "c.server.allowed_avatar_mimetypes",
	"forgotten_room_retention_period":            "c.server.forgotten_room_retention_period",
	"forget_rooms_on_leave":                      "c.room.forget_on_leave",
	"admin_contact":                              "c.server.admin_contact",
	"password_config.enabled":                    "c.auth.password_enabled_for_login and c.auth.password_enabled_for_reauth",
	"password_config.localdb_enabled":            "c.auth.password_localdb_enabled",
	"password_config.pepper":                     "c.auth.password_pepper",
	"password_config.policy.enabled":             "c.auth.password_policy_enabled",
	"password_config.policy.minimum_length":      "c.auth.password_policy['minimum_length']",
	"password_config.policy.require_digit":       "c.auth.password_policy['require_digit']",
	"password_config.policy.require_symbol":      "c.auth.password_policy['require_symbol']",
	"password_config.policy.require_lowercase":   "c.auth.password_policy['require_lowercase']",
	"password_config.policy.require_uppercase":   "c.auth.password_policy['require_uppercase']",
	"modules":                                    "[{'module': m.__module__ + '.' + m.__name__} for m, _ in c.modules.loaded_modules]",
	"enable_registration":                        "c.registration.enable_registration",
	"allow_guest_access":                         "c.registration.allow_guest_access",
	"enable_set_displayname":                     "c.registration.enable_set_displayname",
	"enable_3pid_changes":                        "c.registration.enable_3pid_changes",
	"registration_requires_token":                "c.registration.registration_requires_token",
	"turn_uris":                                  "c.voip.turn_uris",
	"turn_shared_secret":                         "c.voip.turn_shared_secret",
	"turn_user_lifetime":                         "c.voip.turn_user_lifetime",
	"turn_allow_guests":                          "c.voip.turn_allow_guests",
	"max_event_delay_duration":                   "c.server.max_event_delay_duration.as_millis()",
	"experimental_features.msc4143_enabled":      "c.experimental.msc4143_enabled",
	"experimental_features.msc4222_enabled":      "c.experimental.msc4222_enabled",
	"matrix_rtc.transports":                      "c.matrix_rtc.transports",
	"rc_message.per_second":                      "c.ratelimiting.rc_message.per_second",
	"rc_message.burst_count":                     "c.ratelimiting.rc_message.burst_count",
	"rc_delayed_event_mgmt.per_second":           "c.ratelimiting.rc_delayed_event_mgmt.per_second",
	"rc_delayed_event_mgmt.burst_count":          "c.ratelimiting.rc_delayed_event_mgmt.burst_count",
	"server_notices.system_mxid_localpart":       "c.servernotices.server_notices_mxid[1:].split(':')[0]",
	"server_notices.system_mxid_display_name":    "c.servernotices.server_notices_mxid_display_name",
	"server_notices.room_name":                   "c.servernotices.server_notices_room_name",
	"server_notices.room_topic":                  "c.servernotices.server_notices_room_topic",
	"server_notices.auto_join":                   "c.servernotices.server_notices_auto_join",
	"rc_login.address.per_second":                "c.ratelimiting.rc_login_address.per_second",
	"rc_login.address.burst_count":               "c.ratelimiting.rc_login_address.burst_count",
	"rc_login.account.per_second":                "c.ratelimiting.rc_login_account.per_second",
	"rc_login.account.burst_count":               "c.ratelimiting.rc_login_account.burst_count",
	"rc_login.failed_attempts.per_second":        "c.ratelimiting.rc_login_failed_attempts.per_second",
	"rc_login.failed_attempts.burst_count":       "c.ratelimiting.rc_login_failed_attempts.burst_count",
	"instance_map":                               "{k: {'host': v.host, 'port': v.port} for k, v in c.worker.instance_map.items()}",
	"stream_writers":                             "{k: v for k, v in vars_of(c.worker.writers).items() if v != ['master']}",
	"federation_sender_instances":                "c.worker.federation_shard_config.instances",
	"pusher_instances":                           "c.worker.pusher_shard_config.instances",
	"run_background_tasks_on":                    "only(lambda c: c.worker.run_background_tasks)",
	"update_user_directory_from_worker":          "only(lambda c: c.worker.should_update_user_directory)",
	"notify_appservices_from_worker":             "only(lambda c: c.worker.should_notify_appservices)",
	"enable_media_repo":                          "c.media.can_load_media_repo",
	"media_instance_running_background_jobs":     "c.media.media_instance_running_background_jobs",
	"worker_replication_secret":                  "c.worker.worker_replication_secret",
	"redis.enabled":                              "c.redis.redis_enabled",
	"redis.host":                                 "c.redis.redis_host",
	"redis.port":                                 "c.redis.redis_port",
	"redis.password":                             "c.redis.redis_password",
	"user_consent.require_at_registration":       "c.consent.user_consent_at_registration",
	"user_consent.template_dir":                  "c.consent.user_consent_template_dir",
	"user_consent.server_notice_content.msgtype": "c.consent.user_consent_server_notice_content['msgtype']",
	"user_consent.server_notice_content.body":    "c.consent.user_consent_server_notice_content['body']",
	"user_consent.block_events_error":            "c.consent.block_events_without_consent_error",
	"user_consent.version":                       "c.consent.user_consent_version",
	"user_consent.policy_name":                   "c.consent.user_consent_policy_name",

	"federation_domain_whitelist":                    "list(c.federation.federation_domain_whitelist)",
	"federation_whitelist_endpoint_enabled":          "c.federation.federation_whitelist_endpoint_enabled",
	"federation_verify_certificates":                 "c.tls.federation_verify_certificates",
	"federation_custom_ca_list":                      "[f for f in sorted(glob.glob('/etc/matrix-synapse/federation/*')) if trusts(f)]",
	"federation_client_minimum_tls_version":          "c.tls.federation_client_minimum_tls_version",
	"allow_profile_lookup_over_federation":           "c.federation.allow_profile_lookup_over_federation",
	"allow_device_name_lookup_over_federation":       "c.federation.allow_device_name_lookup_over_federation",
	"key_refresh_interval":                           "c.key.key_refresh_interval",
	"federation_rr_transactions_per_room_per_second": "c.ratelimiting.federation_rr_transactions_per_room_per_second",
	"federation.client_timeout":                      "c.federation.client_timeout_ms",
	"federation.max_short_retry_delay":               "c.federation.max_short_retry_delay_ms",
	"federation.max_short_retries":                   "c.federation.max_short_retries",
	"federation.max_long_retry_delay":                "c.federation.max_long_retry_delay_ms",
	"federation.max_long_retries":                    "c.federation.max_long_retries",
	"federation.destination_min_retry_interval":      "c.federation.destination_min_retry_interval_ms",
	"federation.destination_retry_multiplier":        "c.federation.destination_retry_multiplier",
	"federation.destination_max_retry_interval":      "c.federation.destination_max_retry_interval_ms",
	"ip_range_whitelist":                             "[str(n) for n in c.server.ip_range_allowlist.iter_cidrs()]",
}

// behaviour is of settings that leave no trace in the configuration: a command
// on the host that succeeds, and what it shows.
var behaviour = map[string]struct{ command, shows string }{
	"suppress_key_server_warning": {"! journalctl -u matrix-synapse --no-pager | grep -q 'as its trusted key server'", "no warning at the start"},
}

// loaded prints as JSON what the expressions on its standard input are worth.
const loaded = `import json, sys
import synapse.app.homeserver
from synapse.config.homeserver import HomeServerConfig
import attr, functools, glob
@functools.cache
def load(*more):
    return HomeServerConfig.load_config("", ["-c", "/etc/matrix-synapse/homeserver.yaml", "-c", "/etc/matrix-synapse/conf.d/", *more])
c = load()
vars_of = attr.asdict
def only(holds):
    "the one process of which it holds"
    all = ["main"] if holds(c) else []
    for f in glob.glob("/etc/matrix-synapse/workers/*[0-9].yaml"):
        w = load("-c", f)
        if holds(w):
            all.append(w.worker.worker_name)
    return all[0] if len(all) == 1 else all
def trusts(file):
    "whether other servers' certificates are checked with this one"
    from twisted.internet.ssl import Certificate
    from OpenSSL.crypto import FILETYPE_PEM, dump_certificate
    return Certificate.loadPEM(open(file).read()).dumpPEM().strip() in [dump_certificate(FILETYPE_PEM, a).strip() for a in c.tls.federation_ca_trust_root._caCerts]
plain = lambda v: v.decode() if isinstance(v, bytes) else list(v) if isinstance(v, (tuple, set, frozenset)) else str(v)
print("\n" + json.dumps({k: eval(e) for k, e in json.load(open("/opt/asked.json")).items()}, default=plain))
`

// setting is one of Synapse's settings on a host.
type setting struct {
	name, file string
	want, got  any
}

// readSettings returns the settings in conf.d, sorted by file, with what
// Synapse makes of each.
func readSettings(t *testing.T, l *lab.Lab, host string) []setting {
	t.Helper()
	root, err := l.Root(host)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(root + "/etc/matrix-synapse/conf.d/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []setting
	asked := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := yaml.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		leaves("", doc, func(name string, v any) {
			if b, ok := behaviour[name]; ok {
				sh(t, l, host, b.command)
				all = append(all, setting{name: name, file: filepath.Base(f), want: v})
				return
			}
			expr, ok := effective[name]
			if !ok {
				t.Errorf("%s: nothing is known of the setting %s", filepath.Base(f), name)
				return
			}
			asked[name] = expr
			all = append(all, setting{name: name, file: filepath.Base(f), want: v})
		})
	}
	python := "/opt/venvs/matrix-synapse/bin/python"
	b, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"asked.json": string(b), "asked.py": loaded} {
		if err := os.WriteFile(root+"/opt/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := sh(t, l, host, "cd /var/lib/matrix-synapse && runuser -u matrix-synapse -- "+python+" /opt/asked.py 2>/dev/null; rm /opt/asked.*")
	var got map[string]any
	if err := json.Unmarshal([]byte(out[strings.LastIndex(out, "\n")+1:]), &got); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	for i := range all {
		if _, ok := behaviour[all[i].name]; ok {
			continue
		}
		all[i].got = got[all[i].name]
	}
	return all
}

// leaves calls f with every setting, lists as a whole.
func leaves(name string, v any, f func(string, any)) {
	m, ok := v.(map[string]any)
	if !ok || name == "instance_map" || name == "stream_writers" { // whose keys are names
		f(name, v)
		return
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		next := k
		if name != "" {
			next = name + "." + k
		}
		leaves(next, m[k], f)
	}
}

// holds tells whether Synapse runs with what the file says.
func (s setting) holds() bool {
	if _, ok := behaviour[s.name]; ok {
		return true // seen when it was read
	}
	if strings.Contains(s.name, "ip_range_") { // an IPv4 network is one of IPv6 too
		return covers(s.got, s.want)
	}
	if s.name == "modules" { // the configuration of a module is its own
		return len(s.want.([]any)) == len(s.got.([]any))
	}
	if n, ok := s.got.(float64); ok {
		if text, ok := s.want.(string); ok {
			return amount(text) == n
		}
	}
	var want any
	b, err := json.Marshal(s.want)
	return err == nil && json.Unmarshal(b, &want) == nil && reflect.DeepEqual(want, s.got)
}

var amounts = regexp.MustCompile(`^([0-9]+)([KMsmhdy]?)$`)

// amount is a size in bytes or a duration in milliseconds, as Synapse writes them.
func amount(s string) float64 {
	m := amounts.FindStringSubmatch(s)
	if m == nil {
		return -1
	}
	n, _ := strconv.ParseFloat(m[1], 64)
	unit := map[string]float64{"": 1, "K": 1 << 10, "M": 1 << 20, "s": 1e3, "m": 6e4, "h": 36e5, "d": 864e5, "y": 365 * 864e5}
	return n * unit[m[2]]
}

// covers tells whether each network of want lies in one of got.
func covers(got, want any) bool {
	var nets []netip.Prefix
	for _, s := range got.([]any) {
		if p, err := netip.ParsePrefix(s.(string)); err == nil {
			nets = append(nets, p)
		}
	}
	for _, s := range want.([]any) {
		p, err := netip.ParsePrefix(s.(string))
		if err != nil || !slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Bits() <= p.Bits() && n.Contains(p.Addr()) }) {
			return false
		}
	}
	return true
}

// settings compares what the roles write with what Synapse runs with, and the
// table of it with the one in the documentation.
func settings(t *testing.T, l *lab.Lab, host string) {
	all := readSettings(t, l, host)
	if len(all) < 60 {
		t.Errorf("only %d settings", len(all))
	}
	for _, s := range all {
		if !s.holds() {
			t.Errorf("%s: %s is %v, and Synapse runs with %v", s.file, s.name, s.want, s.got)
		}
	}
	compare(t, "../playbooks/SETTINGS.md", table(all))
}

var secret = regexp.MustCompile(`secret|pepper|macaroon|password$`)

func table(all []setting) string {
	var b strings.Builder
	b.WriteString("# What Synapse runs with\n\n" +
		"Each setting that the roles write on a host with every section of the guide but LDAP, the file in `conf.d` that it stands\n" +
		"in, and what Synapse made of it: read from its own loaded configuration, durations in milliseconds, sizes in bytes.\n" +
		"Made by the test of the lab (`-run TestHomeserver -update`).\n\n" +
		"| file | setting | written | effective |\n|---|---|---|---|\n")
	for _, s := range all {
		want, got := cell(s.want), cell(s.got)
		if secret.MatchString(s.name) {
			want, got = "***", "***"
		}
		if b, ok := behaviour[s.name]; ok {
			got = b.shows
		}
		if s.name == "email.smtp_port" {
			want, got = "the test's", "the same"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.file, s.name, want, got)
	}
	return b.String()
}

func cell(v any) string {
	if l, ok := v.([]any); ok && len(l) > 3 {
		return fmt.Sprintf("%d entries", len(l))
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return "`" + strings.ReplaceAll(strings.TrimSpace(b.String()), "|", `\|`) + "`"
}

func compare(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != text {
		t.Errorf("%s is not what the host says; it is now:\n%s", path, text)
	}
}
