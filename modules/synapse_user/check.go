package synapseuser

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// stretch makes guessing a password from a record slow.
func stretch(password string, salt []byte) []byte {
	k, err := pbkdf2.Key(sha256.New, password, salt, 20_000, sha256.Size)
	if err != nil {
		return nil
	}
	return k
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Salt: r.Random("record", 16)}
	if res, err := r.Get(ctx, a.url()+"/_matrix/client/versions", nil); err != nil || res.Status != 200 {
		return s, modules.NotYetf("no homeserver answers at %s", a.url())
	}
	local, server := a.split()
	if server == "" {
		var err error
		if server, err = serverName(ctx, r, a); err != nil {
			return s, err
		}
	}
	s.UserID = "@" + local + ":" + server
	if err := lookSecrets(ctx, r, a, &s); err != nil {
		return s, err
	}
	if err := lookUser(ctx, r, a, &s); err != nil {
		return s, err
	}
	b, err := r.ReadFile(ctx, s.record())
	switch {
	case err == nil:
		s.Proven = a.sealed(s.UserID, string(b))
	case !errors.Is(err, modules.ErrNotExist):
		return s, err
	}
	_, err = r.Stat(ctx, recordDir)
	s.NoFolder = errors.Is(err, modules.ErrNotExist)
	return s, nil
}

// serverName asks the homeserver who it is; without a listener for keys the package's file says.
func serverName(ctx context.Context, r modules.Reader, a Args) (string, error) {
	if res, err := r.Get(ctx, a.url()+"/_matrix/key/v2/server", nil); err == nil && res.Status == 200 {
		var key struct {
			ServerName string `json:"server_name"`
		}
		if json.Unmarshal(res.Body, &key) == nil && key.ServerName != "" {
			return key.ServerName, nil
		}
	}
	b, err := r.ReadFile(ctx, "/etc/matrix-synapse/conf.d/server_name.yaml")
	if err == nil {
		for _, l := range strings.Split(string(b), "\n") {
			if v, ok := strings.CutPrefix(l, "server_name:"); ok {
				if v = strings.Trim(strings.TrimSpace(v), `"'`); serverRE.MatchString(v) {
					return v, nil
				}
			}
		}
	}
	return "", modules.WithLines(errors.New("the server does not say its name"), nil, "give server_name")
}

func lookSecrets(ctx context.Context, r modules.Reader, a Args, s *State) error {
	s.Secret, s.Token = a.SharedSecret, a.AdminToken
	if a.SharedSecretFile != "" {
		b, err := r.ReadFile(ctx, string(a.SharedSecretFile))
		switch {
		case errors.Is(err, modules.ErrNotExist):
			s.NoSecret = string(a.SharedSecretFile) + " is not there"
		case err != nil:
			return err
		default:
			s.Secret = strings.TrimSpace(string(b))
		}
	}
	if s.Secret == "" && s.NoSecret == "" {
		s.NoSecret = "neither shared_secret nor shared_secret_file is given"
	}
	if a.AdminTokenFile != "" {
		b, err := r.ReadFile(ctx, string(a.AdminTokenFile))
		if err != nil && !errors.Is(err, modules.ErrNotExist) {
			return err
		}
		s.Token = strings.TrimSpace(string(b))
	}
	return nil
}

// lookUser finds out whether the user is there: its profile says so, and with
// an administrator's token the admin API says more.
func lookUser(ctx context.Context, r modules.Reader, a Args, s *State) error {
	id := url.PathEscape(s.UserID)
	if s.Token != "" {
		res, err := r.Get(ctx, a.url()+"/_synapse/admin/v2/users/"+id, map[string]string{"Authorization": "Bearer " + s.Token})
		if err != nil {
			return err
		}
		switch res.Status {
		case 200:
			var u user
			if err := json.Unmarshal(res.Body, &u); err != nil {
				return fmt.Errorf("the admin API's answer: %w", err)
			}
			s.Exists, s.Known, s.Admin, s.Deactivated = true, true, u.Admin, u.Deactivated
			s.DisplayName, s.UserType = u.DisplayName, u.UserType
			return nil
		case 404:
			return nil
		}
		return apiError("the admin API", res)
	}
	res, err := r.Get(ctx, a.url()+"/_matrix/client/v3/profile/"+id, nil)
	if err != nil {
		return err
	}
	switch res.Status {
	case 200:
		var p user
		if err := json.Unmarshal(res.Body, &p); err != nil {
			return fmt.Errorf("the profile: %w", err)
		}
		s.Exists, s.DisplayName = true, p.DisplayName
		return nil
	case 404:
		return nil
	case 401, 403: // profiles are shown to users only: the record, or an attempt, has to say
		s.Hidden = true
		return nil
	}
	return apiError("the profile", res)
}

// user is what the two interfaces say of one.
type user struct {
	DisplayName string `json:"displayname"`
	Admin       bool   `json:"admin"`
	Deactivated bool   `json:"deactivated"`
	UserType    string `json:"user_type"`
}

// matrixError is Matrix's form of an error.
type matrixError struct {
	Code    string `json:"errcode"`
	Text    string `json:"error"`
	RetryMS int    `json:"retry_after_ms"`
}

func (e *matrixError) Error() string { return strings.TrimSuffix(e.Text, ".") + " (" + e.Code + ")" }

func apiError(what string, res modules.Response) error {
	var e matrixError
	if json.Unmarshal(res.Body, &e) == nil && e.Code != "" {
		return fmt.Errorf("%s: status %d: %w", what, res.Status, &e)
	}
	return fmt.Errorf("%s: status %d", what, res.Status)
}
