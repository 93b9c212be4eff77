package wellknown

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// documents are the texts of those that are wanted.
func documents(a Args) map[string][]byte {
	docs := map[string][]byte{}
	if a.State == "absent" {
		return docs
	}
	if a.Server != "" {
		var d object
		d.add("m.server", a.Server)
		docs["server"] = d.text()
	}
	if c := a.Client; c != nil {
		var d object
		d.add("m.homeserver", map[string]string{"base_url": c.BaseURL})
		if c.IdentityServer != "" {
			d.add("m.identity_server", map[string]string{"base_url": c.IdentityServer})
		}
		if len(c.RTCFoci) > 0 {
			d.add("org.matrix.msc4143.rtc_foci", c.RTCFoci)
		}
		d.addAll(c.Extra)
		docs["client"] = d.text()
	}
	if s := a.Support; s != nil {
		var d object
		if len(s.Contacts) > 0 {
			var list []any
			for _, c := range s.Contacts {
				m := map[string]string{"role": c.Role}
				if c.MatrixID != "" {
					m["matrix_id"] = c.MatrixID
				}
				if c.Email != "" {
					m["email_address"] = c.Email
				}
				list = append(list, m)
			}
			d.add("contacts", list)
		}
		if s.Page != "" {
			d.add("support_page", s.Page)
		}
		d.addAll(s.Extra)
		docs["support"] = d.text()
	}
	return docs
}

// object writes the members of a JSON object in the order they are added.
type object struct{ b bytes.Buffer }

func (o *object) add(key string, v any) {
	o.b.WriteByte("{,"[min(o.b.Len(), 1)])
	o.write(key)
	o.b.WriteByte(':')
	o.write(v)
}

// addAll adds members sorted by their names.
func (o *object) addAll(m map[string]json.RawMessage) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		o.add(k, m[k])
	}
}

func (o *object) write(v any) {
	e := json.NewEncoder(&o.b)
	e.SetEscapeHTML(false)
	e.Encode(v) // of what came as JSON: it cannot fail
}

func (o *object) text() []byte {
	o.b.WriteByte('}')
	var out bytes.Buffer
	json.Indent(&out, o.b.Bytes(), "", "  ")
	var lines []string
	for l := range strings.SplitSeq(out.String(), "\n") {
		if strings.TrimSpace(l) != "" {
			lines = append(lines, l)
		}
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

var hostName = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// validServer holds m.server to HOST[:PORT].
func validServer(s string) error {
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		host, port = s[:i], s[i+1:]
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			port = "no"
		}
	}
	six := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	switch {
	case strings.Contains(s, "://"):
		return fmt.Errorf("server is a host name with a port or without (matrix.example.org:443), not a URL, found %q", s)
	case strings.ContainsAny(s, "/?#@"):
		return fmt.Errorf("server is a host name with a port or without (matrix.example.org:443), it has no path, found %q", s)
	case port == "no":
		return fmt.Errorf("server: the port is a number up to 65535, found %q", s)
	case six:
		if a, err := netip.ParseAddr(host[1 : len(host)-1]); err != nil || !a.Is6() {
			return fmt.Errorf("server: %s is no IPv6 address", host)
		}
	case !hostName.MatchString(host) || len(host) > 253:
		return fmt.Errorf("server: %q is no host name", host)
	}
	return nil
}

func (c Client) valid() error {
	if err := validURL("client: base_url", c.BaseURL, "https"); err != nil {
		return err
	}
	if c.IdentityServer != "" {
		if err := validURL("client: identity_server", c.IdentityServer, "https"); err != nil {
			return err
		}
	}
	for _, f := range c.RTCFoci {
		if err := validURL("client: rtc_foci", f.URL, "https"); err != nil {
			return err
		}
		if strings.HasSuffix(f.URL, "/") {
			return fmt.Errorf("client: rtc_foci: livekit_service_url has no slash at its end, found %q", f.URL)
		}
		if f.Type == "" {
			return errors.New("client: rtc_foci: type is empty")
		}
	}
	if _, twice := c.Extra["org.matrix.msc4143.rtc_foci"]; twice && len(c.RTCFoci) > 0 {
		return errors.New("client: extra has org.matrix.msc4143.rtc_foci, which rtc_foci writes")
	}
	return validExtra("client", c.Extra)
}

func (s Support) valid() error {
	if len(s.Contacts) == 0 && s.Page == "" {
		return errors.New("support needs one of contacts and support_page")
	}
	for i, c := range s.Contacts {
		switch {
		case c.Role != "m.role.admin" && c.Role != "m.role.security" && (!namespaced.MatchString(c.Role) || strings.HasPrefix(c.Role, "m.")):
			return fmt.Errorf("support: contact %d: role is m.role.admin, m.role.security or a namespaced name, found %q", i+1, c.Role)
		case c.MatrixID == "" && c.Email == "":
			return fmt.Errorf("support: contact %d needs one of matrix_id and email_address", i+1)
		case c.MatrixID != "" && !matrixID.MatchString(c.MatrixID):
			return fmt.Errorf("support: contact %d: matrix_id is @name:server, found %q", i+1, c.MatrixID)
		case c.Email != "" && !email.MatchString(c.Email):
			return fmt.Errorf("support: contact %d: %q is no e-mail address", i+1, c.Email)
		}
	}
	if s.Page != "" {
		if err := validURL("support: support_page", s.Page, "https", "http"); err != nil {
			return err
		}
	}
	return validExtra("support", s.Extra)
}

var (
	namespaced = regexp.MustCompile(`^[a-z][a-z0-9_-]*(\.[A-Za-z0-9_-]+)+$`)
	matrixID   = regexp.MustCompile(`^@[^\s:@]+:[^\s@/]+$`)
	email      = regexp.MustCompile(`^[^\s@]+@[^\s@]+$`)
)

// validExtra refuses members that are the specification's or nobody's.
func validExtra(doc string, extra map[string]json.RawMessage) error {
	for _, k := range slices.Sorted(maps.Keys(extra)) {
		switch {
		case k == "org.matrix.msc3575.proxy":
			return fmt.Errorf("%s: extra: %s belongs to a proxy that is gone: servers sync by themselves", doc, k)
		case strings.HasPrefix(k, "m."):
			return fmt.Errorf("%s: extra: %s is a name of the specification, which has an argument or is not known", doc, k)
		case !namespaced.MatchString(k):
			return fmt.Errorf("%s: extra: %q is not namespaced (org.example.name)", doc, k)
		}
	}
	return nil
}

func validURL(arg, s string, schemes ...string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme):
		return fmt.Errorf("%s must begin with %s://, found %q", arg, schemes[0], s)
	case u.User != nil, schemes[0] == "https" && len(schemes) == 1 && (u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "#")):
		return fmt.Errorf("%s is scheme, host and path alone, found %q", arg, s)
	}
	return nil
}
