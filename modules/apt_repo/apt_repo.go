// Package aptrepo is the module apt_repo: a package repository and its key.
package aptrepo

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/apt"
)

// Args are what the playbook says.
type Args struct {
	Name          string            `json:"name" required:"true" doc:"name of the files: sources.list.d/NAME.sources, keyrings/NAME.gpg"`
	State         string            `json:"state" default:"present" enum:"present,absent" doc:"absent: the source goes, and its key if it is at the usual place"`
	URIs          []string          `json:"uris" alias:"uri,url" doc:"where the repository is"`
	Suites        []string          `json:"suites" alias:"suite" doc:"suites, such as trixie; a path that ends in / for a repository without them"`
	Components    []string          `json:"components" alias:"component" doc:"components, such as main"`
	Architectures []string          `json:"architectures" alias:"architecture,arch" doc:"only these architectures; the host's own if not given"`
	Types         []string          `json:"types" default:"[deb]" doc:"deb, deb-src"`
	KeyURL        string            `json:"key_url" doc:"http(s) address of the key, fetched by the host when its own copy is missing, another, or ends within 90 days"`
	KeyFile       *modules.Content  `json:"key_file" from:"file" doc:"the key, a file of the playbook, armoured or binary"`
	Key           *modules.Content  `json:"key" from:"text" doc:"the key itself, armoured"`
	Fingerprint   []string          `json:"fingerprint" alias:"fingerprints" doc:"fingerprints of all primary keys; must be given with key_url"`
	SignedBy      modules.FilePath  `json:"signed_by" doc:"where the key is kept, /etc/apt/keyrings/NAME.gpg if not given; without a key of this task, an existing key file"`
	Enabled       bool              `json:"enabled" default:"true" doc:"false: the source stands there and is not used"`
	Options       map[string]string `json:"options" doc:"further fields of the source, such as Check-Valid-Until: \"no\""`
	UpdateCache   bool              `json:"update_cache" default:"true" doc:"apt-get update when the source or its key changed, or its lists are missing or older"`
	LockTimeout   int               `json:"lock_timeout" default:"300" doc:"seconds to wait for another apt to end"`
}

var (
	nameRE   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	fieldRE  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)
	schemeRE = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`)
)

// Validate refuses what cannot work.
func (a Args) Validate() error {
	if !nameRE.MatchString(a.Name) {
		return fmt.Errorf("%q is no file name for a source (letters, digits, _ . -)", a.Name)
	}
	keys := 0
	for _, given := range []bool{a.KeyURL != "", a.KeyFile != nil, a.Key != nil} {
		if given {
			keys++
		}
	}
	switch {
	case keys > 1:
		return errors.New("key_url, key_file and key exclude each other")
	case a.SignedBy != "" && !path.IsAbs(string(a.SignedBy)):
		return errors.New("signed_by is no absolute path")
	case keys > 0 && !strings.HasSuffix(a.keyring(), ".gpg"):
		return errors.New("signed_by must end in .gpg, since the key is written in binary form")
	}
	for i, f := range a.Fingerprint {
		f = cleanFingerprint(f)
		if b, err := hex.DecodeString(f); err != nil || len(b) != 20 && len(b) != 32 {
			return fmt.Errorf("fingerprint %q has not 40 (or 64) hex digits", a.Fingerprint[i])
		}
	}
	if a.State == "absent" {
		return nil
	}
	return a.validatePresent()
}

func (a Args) validatePresent() error {
	switch {
	case len(a.URIs) == 0:
		return errors.New("uris is missing")
	case len(a.Suites) == 0:
		return errors.New("suites is missing")
	case a.KeyURL != "" && len(a.Fingerprint) == 0:
		return errors.New("key_url needs fingerprint: what comes over the network is pinned")
	case a.KeyURL != "" && !strings.HasPrefix(a.KeyURL, "https://") && !strings.HasPrefix(a.KeyURL, "http://"):
		return errors.New("key_url is no http or https address")
	case len(a.Fingerprint) > 0 && !a.hasKey():
		return errors.New("fingerprint goes with key_url, key_file or key")
	}
	flat := 0
	for _, s := range a.Suites {
		if strings.HasSuffix(s, "/") {
			flat++
		}
	}
	switch {
	case flat > 0 && (flat < len(a.Suites) || len(a.Components) > 0):
		return errors.New("a suite that ends in / has no components, and goes with its like only")
	case flat == 0 && len(a.Components) == 0:
		return errors.New("components is missing (main?)")
	}
	for _, u := range a.URIs {
		if !schemeRE.MatchString(u) {
			return fmt.Errorf("%q is no address", u)
		}
	}
	for _, t := range a.Types {
		if t != "deb" && t != "deb-src" {
			return fmt.Errorf("type %q is neither deb nor deb-src", t)
		}
	}
	for _, l := range [][]string{a.URIs, a.Suites, a.Components, a.Architectures} {
		for _, w := range l {
			if w == "" || strings.ContainsAny(w, " \t\r\n") {
				return fmt.Errorf("%q holds a blank or nothing", w)
			}
		}
	}
	for k, v := range a.Options {
		if !fieldRE.MatchString(k) || strings.ContainsAny(v, "\r\n") {
			return fmt.Errorf("option %q: %q is no field of a source", k, v)
		}
		if slices.Contains([]string{"types", "uris", "suites", "components", "architectures", "signed-by", "enabled"}, strings.ToLower(k)) {
			return fmt.Errorf("option %s has an argument of its own", k)
		}
	}
	return nil
}

func cleanFingerprint(s string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", ":", "", "\t", "").Replace(strings.TrimPrefix(s, "0x")))
}

func (a Args) hasKey() bool { return a.KeyURL != "" || a.KeyFile != nil || a.Key != nil }

// given is the key that came with the task.
func (a Args) given() *modules.Content {
	if a.Key != nil {
		return a.Key
	}
	return a.KeyFile
}

// keyring is where the key is kept.
func (a Args) keyring() string {
	if a.SignedBy != "" {
		return string(a.SignedBy)
	}
	return defaultKeyring(a.Name)
}

func defaultKeyring(name string) string { return keyringDir + "/" + name + ".gpg" }

const keyringDir = "/etc/apt/keyrings"

func (a Args) source() string { return apt.SourceParts + "/" + a.Name + ".sources" }

// pinned are the fingerprints asked for, in one writing.
func (a Args) pinned() []string {
	var out []string
	for _, f := range a.Fingerprint {
		out = append(out, cleanFingerprint(f))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// State is what the host shows.
type State struct {
	Source       string   `json:"source" doc:"path of the source"`
	Keyring      string   `json:"keyring" doc:"path of the key"`
	Fingerprints []string `json:"fingerprints" doc:"fingerprints of the keys in it"`
	Expires      string   `json:"expires" doc:"day on which the first of them can no longer sign; empty for never"`

	Text      string     `json:"text" private:"true"`       // of the source; "" when it is not there
	Mode      uint32     `json:"mode" private:"true"`       // of the source
	Have      keyring    `json:"-"`                         // on the host
	Want      []byte     `json:"want" private:"true"`       // the key that came along, binary; nil if it is on the host already
	WantPrint []string   `json:"want_print" private:"true"` // its fingerprints
	KeyError  string     `json:"key_error" private:"true"`  // why it cannot be used
	Dirs      []string   `json:"dirs" private:"true"`       // folders that the keyring lacks
	Old       []leftover `json:"-"`                         // one-line sources of the same repository
	Stale     string     `json:"stale" private:"true"`      // why the lists are no longer right
	KeyUsed   bool       `json:"key_used" private:"true"`   // by another source
	Now       time.Time  `json:"-"`
}

// keyring is a key file on the host.
type keyring struct {
	Exists  bool
	Mode    uint32
	Sum     string
	Armour  bool
	Renew   bool   // ends within 90 days
	Expired bool   // has ended
	Recent  bool   // written within a day
	Bad     string // why it cannot be read
}

// leftover is a file with one-line sources of the same repository.
type leftover struct {
	Path string
	From string
	To   string
	Mode uint32
	Gone bool // nothing is left in it
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "apt_repo",
		Doc: "Sets up a package repository: its key, its source in deb822 form, and apt's lists of it.\n\n" +
			"The key's fingerprints are verified before anything is written, and the key is always kept in binary form, 0644. " +
			"One-line sources of the same repository are taken away. apt-get update runs only when the source or the key " +
			"changed, or the repository's lists are missing or older than the source.",
		Example: `- name: packages of matrix.org
  apt_repo:
    name: matrix-org
    uris: https://packages.matrix.org/debian/
    suites: trixie
    components: main
    architectures: amd64
    key_url: https://packages.matrix.org/debian/matrix-org-archive-keyring.gpg
    fingerprint: AAF9AE843A7584B5A3E4CD2BCF45A512DE2DA058
`,
		Check: check, Plan: plan,
	}.Task()
}
