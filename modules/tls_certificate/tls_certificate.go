// Package tlscertificate is the module tls_certificate: a certificate and its key, made on the host or given.
package tlscertificate

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Args are what the playbook says.
type Args struct {
	Path        modules.FilePath `json:"path" required:"true" alias:"certificate_path,dest" doc:"file of the certificate (and its chain), PEM"`
	KeyPath     modules.FilePath `json:"key_path" required:"true" alias:"privatekey_path" doc:"file of the private key, PEM"`
	Names       []string         `json:"names" alias:"subject_alt_names,domains" doc:"host names, *.names and addresses that the certificate is for; needed for a self-signed one"`
	Days        int              `json:"days" default:"365" doc:"days for which a self-signed certificate holds"`
	RenewBefore int              `json:"renew_before" default:"30" doc:"days before its end at which a self-signed certificate is made anew"`
	KeyType     string           `json:"key_type" default:"ecdsa" enum:"ecdsa,rsa" doc:"key of a self-signed certificate: ECDSA P-256, or RSA"`
	KeySize     int              `json:"key_size" default:"3072" doc:"bits of an RSA key"`
	Certificate *modules.Content `json:"certificate" from:"text" doc:"the certificate itself, its chain behind it, instead of a self-signed one"`
	CertFile    *modules.Content `json:"certificate_file" alias:"certificate_src" from:"file" doc:"the same from a file of the playbook"`
	Key         *modules.Content `json:"key" alias:"private_key" from:"text" secret:"true" doc:"the certificate's private key itself"`
	KeyFile     *modules.Content `json:"key_file" alias:"key_src" from:"file" secret:"true" doc:"the same from a file of the playbook"`
	Mode        modules.Mode     `json:"mode" default:"0644" doc:"mode of the certificate"`
	KeyMode     modules.Mode     `json:"key_mode" default:"0600" doc:"mode of the key"`
	Owner       string           `json:"owner" doc:"account that owns both files, root if not given"`
	Group       string           `json:"group" doc:"group of both files, root if not given"`
}

func (a Args) cert() *modules.Content {
	if a.CertFile != nil {
		return a.CertFile
	}
	return a.Certificate
}

func (a Args) key() *modules.Content {
	if a.KeyFile != nil {
		return a.KeyFile
	}
	return a.Key
}

// given tells that certificate and key come with the task.
func (a Args) given() bool { return a.cert() != nil }

// Validate refuses what cannot work.
func (a Args) Validate() error {
	switch {
	case !path.IsAbs(string(a.Path)) || !path.IsAbs(string(a.KeyPath)):
		return errors.New("path and key_path must be absolute")
	case path.Clean(string(a.Path)) == path.Clean(string(a.KeyPath)):
		return errors.New("certificate and key need a file each")
	case a.Certificate != nil && a.CertFile != nil, a.Key != nil && a.KeyFile != nil:
		return errors.New("give the content or the file, not both")
	case (a.cert() == nil) != (a.key() == nil):
		return errors.New("a certificate and its key come together")
	case !a.given() && len(a.Names) == 0:
		return errors.New("names is missing: a self-signed certificate must be for something")
	case a.Days < 1 || a.RenewBefore < 0 || !a.given() && a.RenewBefore >= a.Days:
		return errors.New("renew_before must be less than days")
	case a.KeyType == "rsa" && (a.KeySize < 2048 || a.KeySize > 8192):
		return fmt.Errorf("an RSA key of %d bits: 2048 to 8192 are sensible", a.KeySize)
	}
	for _, n := range a.Names {
		if !isName(n) {
			return fmt.Errorf("%q is neither a host name nor an address", n)
		}
	}
	if err := a.Mode.Validate(); err != nil {
		return err
	}
	if m, err := a.KeyMode.Apply(0o600, false); err != nil {
		return err
	} else if m&0o007 != 0 {
		return fmt.Errorf("key_mode %s lets everybody at the key", a.KeyMode)
	}
	return nil
}

// State is what the host shows.
type State struct {
	Subject     string   `json:"subject" doc:"whom the certificate names"`
	Issuer      string   `json:"issuer" doc:"who signed it"`
	Names       []string `json:"names" doc:"names and addresses it is for"`
	NotAfter    string   `json:"not_after" doc:"until when it holds, RFC 3339"`
	SelfSigned  bool     `json:"self_signed" doc:"it signed itself"`
	Fingerprint string   `json:"fingerprint" doc:"SHA-256 of the certificate, hex"`

	CertSum   string    `json:"cert_sum" private:"true"` // of the file
	KeySum    string    `json:"key_sum" private:"true"`
	CertMode  uint32    `json:"cert_mode" private:"true"`
	KeyMode   uint32    `json:"key_mode" private:"true"`
	CertUID   int       `json:"cert_uid" private:"true"`
	CertGID   int       `json:"cert_gid" private:"true"`
	KeyUID    int       `json:"key_uid" private:"true"`
	KeyGID    int       `json:"key_gid" private:"true"`
	UID       int       `json:"uid" private:"true"` // as wanted
	GID       int       `json:"gid" private:"true"`
	NoAccount string    `json:"no_account" private:"true"` // owner or group that is not there
	Wrong     string    `json:"wrong" private:"true"`      // why what is there does not do
	Refused   string    `json:"refused" private:"true"`    // why what was given cannot be used
	Dirs      []string  `json:"dirs" private:"true"`       // folders to be made
	GivenCert []byte    `json:"given_cert" private:"true"`
	GivenKey  []byte    `json:"given_key" private:"true"`
	Seed      []byte    `json:"seed" private:"true"`
	Now       time.Time `json:"-"`
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "tls_certificate",
		Doc: "Puts a TLS certificate and its private key in place: given ones, or a self-signed one made on the host.\n\n" +
			"A self-signed certificate is made when there is none, when it is not for the names, has not the key that stands beside it, or ends soon. " +
			"One that somebody else signed is kept as long as it does. Given ones are written only if they belong together, are for the names and have not ended. " +
			"The private key never leaves the host and is never shown.",
		Example: `- name: a certificate to begin with
  tls_certificate:
    path: /etc/ssl/matrix/fullchain.pem
    key_path: /etc/ssl/matrix/privkey.pem
    names: [matrix.example.com, example.com]
`,
		Check: check, Plan: plan,
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Now: r.Now(), Seed: r.Random("certificate", 32)}
	if err := lookAccounts(ctx, r, a, &s); err != nil {
		return s, err
	}
	cert, err := lookFile(ctx, r, string(a.Path), &s.CertSum, &s.CertMode, &s.CertUID, &s.CertGID)
	if err != nil {
		return s, err
	}
	key, err := lookFile(ctx, r, string(a.KeyPath), &s.KeySum, &s.KeyMode, &s.KeyUID, &s.KeyGID)
	if err != nil {
		return s, err
	}
	for _, p := range []string{string(a.Path), string(a.KeyPath)} {
		if err := lookDirs(ctx, r, path.Dir(path.Clean(p)), &s); err != nil {
			return s, err
		}
	}
	s.Wrong = examine(a, cert, key, &s)
	if !a.given() || s.CertSum == a.cert().Hash && s.KeySum == a.key().Hash {
		return s, nil
	}
	if s.GivenCert, err = r.Content(ctx, *a.cert()); err != nil {
		return s, err
	}
	if s.GivenKey, err = r.Content(ctx, *a.key()); err != nil {
		return s, err
	}
	var other State
	other.Now = s.Now
	s.Refused = examine(Args{Names: a.Names}, s.GivenCert, s.GivenKey, &other)
	return s, nil
}

func lookAccounts(ctx context.Context, r modules.Reader, a Args, s *State) error {
	if a.Owner != "" {
		u, err := r.User(ctx, a.Owner)
		n, num := strconv.Atoi(a.Owner)
		switch {
		case err == nil:
			s.UID = u.UID
		case errors.Is(err, modules.ErrNotExist) && num == nil:
			s.UID = n
		case errors.Is(err, modules.ErrNotExist):
			s.NoAccount = "account " + a.Owner
		default:
			return err
		}
	}
	if a.Group != "" {
		g, err := r.Group(ctx, a.Group)
		n, num := strconv.Atoi(a.Group)
		switch {
		case err == nil:
			s.GID = g.GID
		case errors.Is(err, modules.ErrNotExist) && num == nil:
			s.GID = n
		case errors.Is(err, modules.ErrNotExist):
			s.NoAccount = "group " + a.Group
		default:
			return err
		}
	}
	return nil
}

func lookFile(ctx context.Context, r modules.Reader, p string, sum *string, mode *uint32, uid, gid *int) ([]byte, error) {
	i, err := r.Stat(ctx, p)
	if errors.Is(err, modules.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := r.ReadFile(ctx, p)
	if errors.Is(err, modules.ErrNotExist) { // a link to nothing
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	*sum, *mode, *uid, *gid = modules.Sum(b), i.Mode, i.UID, i.GID
	if i.Kind == "link" {
		*mode = 0 // its target's are not this task's to set
	}
	return b, nil
}

func lookDirs(ctx context.Context, r modules.Reader, dir string, s *State) error {
	var missing []string
	for ; dir != "/"; dir = path.Dir(dir) {
		_, err := r.Stat(ctx, dir)
		if err == nil {
			break
		}
		if !errors.Is(err, modules.ErrNotExist) {
			return err
		}
		missing = append([]string{dir}, missing...)
	}
	for _, d := range missing {
		known := false
		for _, k := range s.Dirs {
			known = known || k == d
		}
		if !known {
			s.Dirs = append(s.Dirs, d)
		}
	}
	return nil
}
