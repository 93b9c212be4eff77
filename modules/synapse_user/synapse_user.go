// Package synapseuser is the module synapse_user: accounts of a Synapse homeserver.
package synapseuser

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Args are what the playbook says.
type Args struct {
	Name             string           `json:"name" required:"true" alias:"user,username" doc:"the user: localpart, or @localpart:server"`
	ServerName       string           `json:"server_name" doc:"the homeserver's name; asked of the server if not given"`
	Password         string           `json:"password" required:"true" secret:"true" doc:"the user's password"`
	OldPassword      string           `json:"old_password" secret:"true" doc:"the password before this one: an administrator who still has it is given the new one by its own login"`
	UpdatePassword   string           `json:"update_password" default:"always" enum:"always,on_create" doc:"always: set it when the playbook's was not yet seen to work; on_create: only for a new user"`
	Admin            *bool            `json:"admin" doc:"server administrator; a new user is none if not given"`
	DisplayName      *string          `json:"displayname" alias:"display_name" doc:"name to show; a new user has its localpart if not given"`
	UserType         string           `json:"user_type" enum:"bot,support" doc:"kind of user; bots are not asked for consent. Set for a new user, later only with an administrator's token"`
	SharedSecret     string           `json:"shared_secret" secret:"true" doc:"Synapse's registration_shared_secret"`
	SharedSecretFile modules.FilePath `json:"shared_secret_file" doc:"file of the host that holds it, as registration_shared_secret_path"`
	AdminToken       string           `json:"admin_token" secret:"true" doc:"access token of an administrator, for what the user's own login cannot set"`
	AdminTokenFile   modules.FilePath `json:"admin_token_file" doc:"file of the host that holds it"`
	URL              string           `json:"url" default:"http://127.0.0.1:8008" doc:"Synapse, on a loopback address of the host"`
}

var (
	// what Synapse takes for new users; older ones may hold more
	localRE  = regexp.MustCompile(`^[a-z0-9._=/+-]+$`)
	serverRE = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)
)

// split parts name into localpart and, if it is there, server name.
func (a Args) split() (local, server string) {
	local, server = a.Name, a.ServerName
	if rest, ok := strings.CutPrefix(a.Name, "@"); ok {
		if l, s, ok := strings.Cut(rest, ":"); ok {
			return l, s
		}
		local = rest
	}
	return local, server
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	local, server := a.split()
	switch {
	case !localRE.MatchString(local):
		return fmt.Errorf("%q is no localpart: lower case letters, digits and . _ = / + -", local)
	case strings.HasPrefix(local, "_"):
		return fmt.Errorf("%q begins with an underscore, which Synapse refuses", local)
	case server != "" && !serverRE.MatchString(server):
		return fmt.Errorf("%q is no server name", server)
	case a.ServerName != "" && server != a.ServerName:
		return errors.New("name and server_name name different servers")
	case a.Password == "":
		return errors.New("the password is empty")
	case strings.ContainsRune(a.Password, 0):
		return errors.New("a password cannot hold a NUL")
	case a.SharedSecret != "" && a.SharedSecretFile != "":
		return errors.New("shared_secret and shared_secret_file exclude each other")
	case a.AdminToken != "" && a.AdminTokenFile != "":
		return errors.New("admin_token and admin_token_file exclude each other")
	}
	return checkURL(a.URL)
}

// checkURL holds passwords back from anything but this host.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if s == "" {
		return nil
	}
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is no http or https address", s)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q is no loopback address: run the task on Synapse's host", s)
	}
	return nil
}

func (a Args) url() string {
	if a.URL == "" {
		return "http://127.0.0.1:8008"
	}
	return strings.TrimRight(a.URL, "/")
}

// State is what the host shows.
type State struct {
	UserID      string `json:"user_id" doc:"the user's full name"`
	Exists      bool   `json:"exists" doc:"the server knows it"`
	DisplayName string `json:"displayname" doc:"name shown"`

	Known       bool   `json:"known" private:"true"`       // an administrator's token showed what follows
	Admin       bool   `json:"admin" private:"true"`       //
	UserType    string `json:"user_type" private:"true"`   //
	Deactivated bool   `json:"deactivated" private:"true"` //
	Hidden      bool   `json:"hidden" private:"true"`      // the server does not say whether it exists
	Proven      bool   `json:"proven" private:"true"`      // the record says that password and admin were seen to be so
	Secret      string `json:"secret" private:"true"`      // the registration secret
	Token       string `json:"token" private:"true"`       // the administrator's token
	NoSecret    string `json:"no_secret" private:"true"`   // why there is no registration secret
	Salt        []byte `json:"salt" private:"true"`        // for a new record
	NoFolder    bool   `json:"no_folder" private:"true"`   // records have no folder yet
}

// recordDir keeps, for each user, a keyed hash over what was last seen to be so.
// Looking cannot log in (that would make a device), so this is how a second
// run knows that the password works without trying it.
const recordDir = "/var/lib/mxplay"

func (s State) record() string {
	sum := sha256.Sum256([]byte(s.UserID))
	return recordDir + "/synapse_user-" + hex.EncodeToString(sum[:8])
}

// seal is a record's content: SALT$HMAC over what the task says.
func (a Args) seal(userID string, salt []byte) string {
	m := hmac.New(sha256.New, stretch(a.Password, salt))
	admin := "any"
	if a.Admin != nil {
		admin = fmt.Sprint(*a.Admin)
	}
	fmt.Fprintf(m, "%q %s %q", userID, admin, a.UserType)
	return hex.EncodeToString(salt) + "$" + hex.EncodeToString(m.Sum(nil)) + "\n"
}

// sealed tells that a record is this task's.
func (a Args) sealed(userID, record string) bool {
	text, _, ok := strings.Cut(record, "$")
	salt, err := hex.DecodeString(text)
	return ok && err == nil && len(salt) >= 16 && hmac.Equal([]byte(a.seal(userID, salt)), []byte(record))
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "synapse_user",
		Doc: "Registers a user at a Synapse homeserver, or brings an existing one to the password and rights that the task says.\n\n" +
			"Registration goes through the admin registration interface with the shared secret, on the host, over a loopback address; no secret stands in an argument. " +
			"For an existing user the task logs in once, looks, changes what differs, and logs out. That it did is remembered on the host by a salted hash (in " + recordDir + ", 0600), " +
			"so that later runs change nothing and log in no more; a password that the user changes afterwards is then left alone. " +
			"What a user cannot set for itself (a lost password, the first admin flag) needs admin_token.",
		Example: `- name: the first administrator
  synapse_user:
    name: admin
    password: "{{ synapse_admin_password }}"
    admin: true
    shared_secret_file: /etc/matrix-synapse/registration_shared_secret
`,
		Check: check, Plan: plan,
	}.Task()
}
