package synapseuser

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// client speaks Matrix's client and Synapse's admin interface.
type client struct {
	h    modules.Host
	base string
}

// call sends one request; where the server asks for patience it waits.
func (c client) call(ctx context.Context, method, path, token string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req := modules.Request{
		Method: method, URL: c.base + path, Timeout: time.Minute,
		Header: map[string]string{"Accept": "application/json"},
	}
	if in != nil {
		req.Body, req.Header["Content-Type"] = body, "application/json"
	}
	if token != "" {
		req.Header["Authorization"] = "Bearer " + token
	}
	for try := 0; ; try++ {
		res, err := c.h.HTTP(ctx, req)
		if err != nil {
			return err
		}
		if res.Status == 200 || res.Status == 201 {
			if out == nil {
				return nil
			}
			return json.Unmarshal(res.Body, out)
		}
		err = apiError(strings.ToLower(method)+" "+path, res)
		var e *matrixError
		if res.Status != 429 || try >= 5 || !errors.As(err, &e) {
			return err
		}
		pause := min(max(time.Duration(e.RetryMS)*time.Millisecond, time.Second), 30*time.Second)
		if err := c.h.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// login is an access token for the password.
func (c client) login(ctx context.Context, userID, password string) (string, error) {
	var out struct {
		Token string `json:"access_token"`
	}
	err := c.call(ctx, "POST", "/_matrix/client/v3/login", "", map[string]any{
		"type":                        "m.login.password",
		"identifier":                  map[string]string{"type": "m.id.user", "user": userID},
		"password":                    password,
		"initial_device_display_name": "mxplay",
	}, &out)
	return out.Token, err
}

// logout ends a login, also when the task was stopped.
func (c client) logout(ctx context.Context, token string) {
	if token != "" {
		_ = c.call(context.WithoutCancel(ctx), "POST", "/_matrix/client/v3/logout", token, map[string]any{}, nil)
	}
}

// self is what an administrator sees of itself; admin is false where it is none.
func (c client) self(ctx context.Context, token, userID string) (u user, admin bool, err error) {
	err = c.call(ctx, "GET", "/_synapse/admin/v2/users/"+url.PathEscape(userID), token, nil, &u)
	var e *matrixError
	if errors.As(err, &e) && (e.Code == "M_FORBIDDEN" || e.Code == "M_UNRECOGNIZED") {
		return u, false, nil
	}
	return u, err == nil, err
}

func (c client) modify(ctx context.Context, token, userID string, body map[string]any) error {
	return c.call(ctx, "PUT", "/_synapse/admin/v2/users/"+url.PathEscape(userID), token, body, nil)
}

func (c client) displayName(ctx context.Context, token, userID, name string) error {
	return c.call(ctx, "PUT", "/_matrix/client/v3/profile/"+url.PathEscape(userID)+"/displayname", token,
		map[string]string{"displayname": name}, nil)
}

const registerPath = "/_synapse/admin/v1/register"

// register makes the user with the shared secret, logs the token out that
// comes with it, and remembers.
func register(ctx context.Context, h modules.Host, a Args, s State) error {
	c := client{h: h, base: a.url()}
	var nonce struct {
		Nonce string `json:"nonce"`
	}
	if err := c.call(ctx, "GET", registerPath, "", nil, &nonce); err != nil {
		return hintRegister(err)
	}
	local, _ := a.split()
	admin := a.Admin != nil && *a.Admin
	body := map[string]any{
		"nonce": nonce.Nonce, "username": local, "password": a.Password, "admin": admin,
		"mac": registerMAC(s.Secret, nonce.Nonce, local, a.Password, admin, a.UserType),
	}
	if a.DisplayName != nil {
		body["displayname"] = *a.DisplayName
	}
	if a.UserType != "" {
		body["user_type"] = a.UserType
	}
	var out struct {
		Token  string `json:"access_token"`
		UserID string `json:"user_id"`
	}
	err := c.call(ctx, "POST", registerPath, "", body, &out)
	var e *matrixError
	if errors.As(err, &e) && e.Code == "M_USER_IN_USE" { // a server that hides profiles
		return update(ctx, h, a, s)
	}
	if err != nil {
		return hintRegister(err)
	}
	c.logout(ctx, out.Token)
	if out.UserID != "" && out.UserID != s.UserID {
		return fmt.Errorf("the server registered %s, not %s", out.UserID, s.UserID)
	}
	return remember(ctx, h, a, s)
}

func hintRegister(err error) error {
	var e *matrixError
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case strings.Contains(e.Text, "HMAC"):
		return modules.WithLines(err, nil, "the shared secret is not the one that Synapse uses: is registration_shared_secret set in more than one file?")
	case strings.Contains(e.Text, "hared secret registration"):
		return modules.WithLines(err, nil, "Synapse has no registration_shared_secret, or was not restarted since it has")
	}
	return err
}

// registerMAC is docs/admin_api/register_api.md's: HMAC-SHA1 of the fields with a NUL between them.
func registerMAC(secret, nonce, user, password string, admin bool, userType string) string {
	word := "notadmin"
	if admin {
		word = "admin"
	}
	parts := []string{nonce, user, password, word}
	if userType != "" {
		parts = append(parts, userType)
	}
	m := hmac.New(sha1.New, []byte(secret))
	m.Write([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(m.Sum(nil))
}
