// Package uri sends an HTTP request from the host.
package uri

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Args are what the playbook says.
type Args struct {
	URL           string            `json:"url" required:"true" doc:"address, http or https"`
	Method        string            `json:"method" default:"GET" doc:"GET, HEAD, POST, PUT, PATCH, DELETE, ...; GET and HEAD run in check mode too"`
	Body          json.RawMessage   `json:"body" doc:"what to send: a structure for json and form, else text"`
	BodyFormat    string            `json:"body_format" default:"raw" enum:"raw,json,form,form-urlencoded" doc:"how the body is written, and its content type; a text is sent as it is"`
	Src           modules.FilePath  `json:"src" doc:"file of the host to send as body"`
	BodySize      int64             `json:"body_size" doc:"send that many zero bytes as body, once the server has seen the header and does not refuse them"`
	Headers       map[string]string `json:"headers" doc:"header fields"`
	StatusCode    []int             `json:"status_code" default:"[200]" doc:"answers that are well"`
	ReturnContent bool              `json:"return_content" default:"false" doc:"register the answer's text as content too"`
	User          string            `json:"url_username" alias:"user" doc:"user name for basic authentication"`
	Password      string            `json:"url_password" alias:"password" secret:"true" doc:"its password"`
	ForceBasic    bool              `json:"force_basic_auth" default:"true" doc:"send them with the first request; nothing else is done here, the argument is there for Ansible's sake"`
	Follow        string            `json:"follow_redirects" default:"safe" enum:"safe,all,none,yes,no,urllib2" doc:"safe: for GET and HEAD"`
	ValidateCerts bool              `json:"validate_certs" default:"true" doc:"verify the server's certificate"`
	CAPath        modules.FilePath  `json:"ca_path" doc:"file of the host with further certificates to trust"`
	Resolve       map[string]string `json:"resolve" doc:"addresses of names, in place of what the resolver says"`
	UnixSocket    modules.FilePath  `json:"unix_socket" doc:"socket to connect to instead of the address's host"`
	Timeout       int               `json:"timeout" default:"30" doc:"seconds for the whole request"`
	Creates       modules.FilePath  `json:"creates" doc:"do nothing when this path is there"`
	Removes       modules.FilePath  `json:"removes" doc:"do nothing when this path is not there"`
	Dest          modules.FilePath  `json:"dest" doc:"file of the host to put the answer into"`
	Mode          modules.Mode      `json:"mode" doc:"mode of dest"`
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	u, err := url.Parse(a.URL)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no address", a.URL)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%q is no http or https address", a.URL)
	case strings.ContainsAny(a.Method, " \t\r\n"):
		return fmt.Errorf("%q is no method", a.Method)
	case a.has() && a.Src != "":
		return errors.New("body and src exclude each other")
	case a.BodySize != 0 && (a.has() || a.Src != ""):
		return errors.New("body_size excludes body and src")
	case a.BodySize < 0:
		return errors.New("body_size is negative")
	case a.Timeout < 0:
		return errors.New("timeout is negative")
	}
	for k, v := range a.Headers {
		if k == "" || strings.ContainsAny(k, " :\r\n") || strings.ContainsAny(v, "\r\n") {
			return fmt.Errorf("%q is no header field", k)
		}
	}
	if err := a.Mode.Validate(); err != nil {
		return err
	}
	_, _, err = a.body()
	return err
}

func (a Args) has() bool { return len(a.Body) > 0 && string(a.Body) != "null" }

func (a Args) method() string {
	if a.Method == "" {
		return "GET"
	}
	return strings.ToUpper(a.Method)
}

// body is what is sent, and its content type.
func (a Args) body() ([]byte, string, error) {
	if !a.has() {
		return nil, "", nil
	}
	var text string
	isText := json.Unmarshal(a.Body, &text) == nil
	switch a.BodyFormat {
	case "json":
		if isText {
			return []byte(text), "application/json", nil
		}
		var b bytes.Buffer
		if err := json.Compact(&b, a.Body); err != nil {
			return nil, "", err
		}
		return b.Bytes(), "application/json", nil
	case "form", "form-urlencoded":
		if isText {
			return []byte(text), "application/x-www-form-urlencoded", nil
		}
		v, err := form(a.Body)
		return []byte(v), "application/x-www-form-urlencoded", err
	}
	if isText {
		return []byte(text), "", nil
	}
	return nil, "", errors.New("body is no text; say body_format: json or form")
}

// form writes a dict, or a list of pairs, whose values are scalars or lists of them.
func form(body json.RawMessage) (string, error) {
	v := url.Values{}
	add := func(k string, raw json.RawMessage) error {
		var many []json.RawMessage
		if json.Unmarshal(raw, &many) != nil {
			many = []json.RawMessage{raw}
		}
		for _, m := range many {
			s, err := scalar(m)
			if err != nil {
				return fmt.Errorf("body: %s: %w", k, err)
			}
			v.Add(k, s)
		}
		return nil
	}
	var pairs [][]json.RawMessage
	var dict map[string]json.RawMessage
	switch {
	case json.Unmarshal(body, &dict) == nil:
		for k, raw := range dict {
			if err := add(k, raw); err != nil {
				return "", err
			}
		}
	case json.Unmarshal(body, &pairs) == nil:
		for _, p := range pairs {
			if len(p) != 2 {
				return "", errors.New("body: a form is a dict or a list of pairs")
			}
			k, err := scalar(p[0])
			if err != nil {
				return "", err
			}
			if err := add(k, p[1]); err != nil {
				return "", err
			}
		}
	default:
		return "", errors.New("body: a form is a dict or a list of pairs")
	}
	return v.Encode(), nil
}

func scalar(raw json.RawMessage) (string, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	if len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
		return "", errors.New("a form holds texts, numbers and booleans only")
	}
	if string(raw) == "null" {
		return "", nil
	}
	return string(raw), nil
}

// Result is the answer.
type Result struct {
	Status      int               `json:"status" doc:"HTTP status, -1 when there was no answer"`
	Msg         string            `json:"msg" doc:"what the status means, or why there was no answer"`
	URL         string            `json:"url" doc:"address that answered, after redirects"`
	JSON        json.RawMessage   `json:"json" doc:"the answer, where it is JSON"`
	Content     string            `json:"content" doc:"the answer as text, with return_content or when the status is not well"`
	ContentType string            `json:"content_type" doc:"the header field"`
	Location    string            `json:"location" doc:"the header field"`
	Headers     map[string]string `json:"headers" doc:"all header fields, names in lower case with underscores; several of a name joined by commas"`
	Elapsed     float64           `json:"elapsed" doc:"seconds the request took"`
	Path        string            `json:"path" doc:"dest"`

	Wrote bool `json:"-"`
	Plain bool `json:"-"` // GET and HEAD
}

// Changed: a request that only reads changes something when it writes dest.
func (r Result) Changed() bool { return r.Wrote || !r.Plain }

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "uri",
		Doc: "Sends an HTTP request from the host and looks at the answer's status.\n\n" +
			"GET and HEAD without dest change nothing and run in check mode too.",
		Example: `- name: Synapse answers
  uri:
    url: http://127.0.0.1:8008/health
    return_content: true
  register: health
  until: health.content == "OK"
`,
		Needed: needed, Run: run,
		ReadOnly: func(a Args) bool {
			return (a.method() == "GET" || a.method() == "HEAD") && a.Dest == ""
		},
		What: func(a Args) string { return a.method() + " " + shown(a.URL) },
	}.Task()
}

// shown is an address without password and query, which may hold secrets.
func shown(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "the address"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func needed(ctx context.Context, r modules.Reader, a Args) (bool, error) {
	there := func(p modules.FilePath) (bool, error) {
		_, err := r.Stat(ctx, string(p))
		if errors.Is(err, modules.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	if a.Creates != "" {
		if ok, err := there(a.Creates); err != nil || ok {
			return false, err
		}
	}
	if a.Removes != "" {
		return there(a.Removes)
	}
	return true, nil
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	out := Result{Status: -1, URL: shown(a.URL), Plain: a.method() == "GET" || a.method() == "HEAD"}
	req, err := request(ctx, h, a)
	if err != nil {
		return out, err
	}
	res, err := h.HTTP(ctx, req)
	if err != nil {
		out.Msg = err.Error()
		return out, err
	}
	fill(&out, a, res)
	want := a.StatusCode
	if len(want) == 0 {
		want = []int{200}
	}
	if !slices.Contains(want, res.Status) {
		out.Content = text(res.Body)
		return out, modules.WithLines(fmt.Errorf("status %d (%s), not %s", res.Status, out.Msg, list(want)), modules.LastLines(head(out.Content), 10), "")
	}
	if a.Dest != "" {
		out.Path = string(a.Dest)
		out.Wrote, err = save(ctx, h, a, res.Body)
	}
	return out, err
}

func request(ctx context.Context, h modules.Host, a Args) (modules.Request, error) {
	body, kind, err := a.body()
	if err != nil {
		return modules.Request{}, err
	}
	if a.Src != "" {
		if body, err = h.ReadFile(ctx, string(a.Src)); err != nil {
			return modules.Request{}, err
		}
	}
	header := map[string]string{}
	if kind != "" {
		header["Content-Type"] = kind
	}
	for k, v := range a.Headers {
		for have := range header {
			if strings.EqualFold(have, k) {
				delete(header, have)
			}
		}
		header[k] = v
	}
	follow := map[string]string{"yes": "all", "no": "none", "urllib2": "safe", "": "safe"}[a.Follow]
	if follow == "" {
		follow = a.Follow
	}
	seconds := a.Timeout
	if seconds == 0 {
		seconds = 30
	}
	return modules.Request{
		Method: a.method(), URL: a.URL, Header: header, Body: body, Follow: follow, Insecure: !a.ValidateCerts,
		CAFile: string(a.CAPath), Unix: string(a.UnixSocket), Timeout: time.Duration(seconds) * time.Second,
		User: a.User, Password: a.Password, Resolve: a.Resolve, Zeros: a.BodySize,
	}, nil
}

func fill(out *Result, a Args, res modules.Response) {
	out.Status, out.Elapsed = res.Status, res.Elapsed.Seconds()
	out.Msg = meaning(res.Status)
	if res.URL != "" {
		out.URL = res.URL
	}
	out.Headers = map[string]string{}
	for k, v := range res.Header {
		out.Headers[strings.ReplaceAll(strings.ToLower(k), "-", "_")] = strings.Join(v, ", ")
	}
	out.ContentType, out.Location = out.Headers["content_type"], out.Headers["location"]
	if strings.Contains(out.ContentType, "json") && json.Valid(res.Body) {
		out.JSON = json.RawMessage(res.Body)
	}
	if a.ReturnContent {
		out.Content = text(res.Body)
	}
}

func save(ctx context.Context, h modules.Host, a Args, body []byte) (bool, error) {
	w := modules.Write{Path: string(a.Dest), Bytes: body}
	i, err := h.Stat(ctx, w.Path)
	switch {
	case err == nil && i.Kind == "directory":
		return false, fmt.Errorf("dest %s is a directory", w.Path)
	case err == nil:
		w.Attr = modules.Attr{Mode: &i.Mode, UID: &i.UID, GID: &i.GID}
	case !errors.Is(err, modules.ErrNotExist):
		return false, err
	}
	old := uint32(0o644)
	if err == nil {
		old = i.Mode
	}
	mode, merr := a.Mode.Apply(old, false)
	if merr != nil {
		return false, merr
	}
	if err == nil && mode == i.Mode {
		if sum, err := h.Hash(ctx, w.Path); err == nil && sum == modules.Sum(body) {
			return false, nil
		}
	}
	w.Attr.Mode = &mode
	return true, h.Write(ctx, w)
}

func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// head is the beginning of a long text.
func head(s string) string {
	if len(s) > 2000 {
		s = s[:2000]
	}
	return s
}

func list(codes []int) string {
	var s []string
	for _, c := range codes {
		s = append(s, fmt.Sprint(c))
	}
	return strings.Join(s, " or ")
}

// meaning is the reason phrase of the statuses that people meet.
func meaning(status int) string {
	phrases := map[int]string{
		200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
		301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
		400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
		409: "Conflict", 410: "Gone", 413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content",
		429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
		504: "Gateway Timeout",
	}
	if p, ok := phrases[status]; ok {
		return p
	}
	return "no well-known status"
}
