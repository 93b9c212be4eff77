package synapseuser

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

func plan(a Args, s State) ([]modules.Step, error) {
	if s.Deactivated {
		return nil, fmt.Errorf("%s is deactivated", s.UserID)
	}
	if !s.Exists && !(s.Hidden && s.Proven) {
		if s.Secret == "" {
			return nil, modules.NotYetf("%s cannot be registered: %s", s.UserID, s.NoSecret)
		}
		return []modules.Step{{
			What: "register " + s.UserID, To: wanted(a),
			Do: func(ctx context.Context, h modules.Host) error { return register(ctx, h, a, s) },
		}}, nil
	}
	var from, to []string
	if !s.Proven && a.UpdatePassword != "on_create" {
		to = append(to, "password: the playbook's")
	}
	if a.Admin != nil && (s.Known && s.Admin != *a.Admin || !s.Known && !s.Proven) {
		if s.Known {
			from = append(from, fmt.Sprintf("admin: %t", s.Admin))
		}
		to = append(to, fmt.Sprintf("admin: %t", *a.Admin))
	}
	if a.UserType != "" && s.Known && a.UserType != s.UserType {
		from, to = append(from, "user_type: "+s.UserType), append(to, "user_type: "+a.UserType)
	}
	if a.DisplayName != nil && s.Exists && *a.DisplayName != s.DisplayName {
		from, to = append(from, "displayname: "+s.DisplayName), append(to, "displayname: "+*a.DisplayName)
	}
	if len(to) == 0 {
		return nil, nil
	}
	what := "bring " + s.UserID + " to what is wanted"
	return []modules.Step{{
		What: what, From: strings.Join(from, "\n"), To: strings.Join(to, "\n"),
		Do: func(ctx context.Context, h modules.Host) error { return update(ctx, h, a, s) },
	}}, nil
}

func wanted(a Args) string {
	out := []string{fmt.Sprintf("admin: %t", a.Admin != nil && *a.Admin)}
	if a.DisplayName != nil {
		out = append(out, "displayname: "+*a.DisplayName)
	}
	if a.UserType != "" {
		out = append(out, "user_type: "+a.UserType)
	}
	return strings.Join(out, "\n")
}

// remember writes the record; with on_create a password that was never tried counts as well.
func remember(ctx context.Context, h modules.Host, a Args, s State) error {
	if s.NoFolder {
		mode := uint32(0o755)
		if err := h.Mkdir(ctx, recordDir, modules.Attr{Mode: &mode}); err != nil {
			return err
		}
	}
	mode := uint32(0o600)
	return h.Write(ctx, modules.Write{Path: s.record(), Bytes: []byte(a.seal(s.UserID, s.Salt)), Attr: modules.Attr{Mode: &mode}})
}

var errHint = "give admin_token or admin_token_file, the access token of an administrator"

// update looks as the user, sets what differs, and remembers that it is so.
func update(ctx context.Context, h modules.Host, a Args, s State) error {
	c := client{h: h, base: a.url()}
	body := map[string]any{}
	token := s.Token
	// The one before first: Synapse bears few failed logins, and it is the one that is expected.
	old := a.OldPassword != "" && a.OldPassword != a.Password && a.UpdatePassword != "on_create" && token == ""
	first := a.Password
	if old {
		first = a.OldPassword
	}
	own, err := c.login(ctx, s.UserID, first)
	var refused *matrixError
	if old && errors.As(err, &refused) && refused.Code == "M_FORBIDDEN" {
		old = false
		own, err = c.login(ctx, s.UserID, a.Password)
	}
	switch {
	case old && err == nil:
		defer c.logout(ctx, own)
		body["password"], body["logout_devices"] = a.Password, false
	case err == nil:
		defer c.logout(ctx, own)
	case !errors.As(err, &refused) || refused.Code != "M_FORBIDDEN":
		return err
	case a.UpdatePassword == "on_create":
	case token == "":
		return modules.WithLines(fmt.Errorf("%s is there and has another password", s.UserID), nil, errHint+"; or say update_password: on_create")
	default:
		body["password"], body["logout_devices"] = a.Password, false
	}
	isAdmin := s.Admin
	if !s.Known && own != "" {
		u, admin, err := c.self(ctx, own, s.UserID)
		if err != nil {
			return err
		}
		if isAdmin = admin; admin {
			token, s.UserType = own, u.UserType
		}
	}
	if a.Admin != nil && isAdmin != *a.Admin {
		body["admin"] = *a.Admin
	}
	if a.UserType != "" && (s.Known || token != "") && s.UserType != a.UserType {
		body["user_type"] = a.UserType
	}
	if a.DisplayName != nil && *a.DisplayName != s.DisplayName {
		if token == "" && own != "" {
			if err := c.displayName(ctx, own, s.UserID, *a.DisplayName); err != nil {
				return err
			}
		} else {
			body["displayname"] = *a.DisplayName
		}
	}
	if len(body) > 0 {
		if token == "" {
			return modules.WithLines(fmt.Errorf("%s cannot be changed by its own login", s.UserID), nil, errHint)
		}
		if err := c.modify(ctx, token, s.UserID, body); err != nil {
			return err
		}
	}
	return remember(ctx, h, a, s)
}
