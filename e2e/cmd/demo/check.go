package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	certificate = "/etc/nginx/tls/matrix.pem"
	password    = "/etc/mxplay/secrets/admin_password"
)

// check proves the homeserver, as a client elsewhere would see it; it returns
// the first thing that is wrong.
func (d *demo) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	c, err := d.client(ctx)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, *client) error{d.versions, d.documents, d.message} {
		if err := step(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) versions(ctx context.Context, c *client) error {
	var v struct{ Versions []string }
	if err := c.do(ctx, "GET", "https://"+d.public()+"/_matrix/client/versions", nil, &v); err != nil {
		return err
	}
	if len(v.Versions) == 0 {
		return errors.New("the homeserver speaks no version of Matrix")
	}
	d.row("Synapse", "answers through nginx at https://%s/: Matrix %s to %s", d.public(), v.Versions[0], v.Versions[len(v.Versions)-1])
	return nil
}

func (d *demo) documents(ctx context.Context, c *client) error {
	var server struct {
		Server string `json:"m.server"`
	}
	var found struct {
		Homeserver struct {
			URL string `json:"base_url"`
		} `json:"m.homeserver"`
	}
	base := "https://" + d.domain + "/.well-known/matrix/"
	if err := errors.Join(c.do(ctx, "GET", base+"server", nil, &server), c.do(ctx, "GET", base+"client", nil, &found)); err != nil {
		return err
	}
	if server.Server != d.public()+":443" {
		return fmt.Errorf("%sserver leads to %q", base, server.Server)
	}
	if strings.TrimRight(found.Homeserver.URL, "/") != "https://"+d.public() {
		return fmt.Errorf("%sclient leads to %q", base, found.Homeserver.URL)
	}
	d.row("delegation", "%s leads servers to %s and clients to %s", d.domain, server.Server, found.Homeserver.URL)
	return nil
}

// message logs in, sends a message, reads it, and finds it in PostgreSQL.
func (d *demo) message(ctx context.Context, c *client) error {
	secret, err := d.lab.Exec(ctx, d.host, "cat", password)
	if err != nil {
		return err
	}
	api := "https://" + d.public() + "/_matrix/client/v3/"
	var login struct {
		Token string `json:"access_token"`
		User  string `json:"user_id"`
	}
	if err := c.do(ctx, "POST", api+"login", map[string]any{
		"type": "m.login.password", "password": strings.TrimSpace(secret), "initial_device_display_name": "mxplay demo",
		"identifier": map[string]any{"type": "m.id.user", "user": "admin"},
	}, &login); err != nil {
		return err
	}
	c.token = login.Token
	d.row("administrator", "%s logs in with the password that was drawn on the host", login.User)

	var room struct {
		ID string `json:"room_id"`
	}
	if err := c.do(ctx, "POST", api+"createRoom", map[string]any{"name": "mxplay demo"}, &room); err != nil {
		return err
	}
	text := "hello, it is " + time.Now().Format(time.TimeOnly)
	var sent struct {
		ID string `json:"event_id"`
	}
	if err := c.do(ctx, "PUT", api+"rooms/"+room.ID+"/send/m.room.message/1", map[string]any{"msgtype": "m.text", "body": text}, &sent); err != nil {
		return err
	}
	var read struct {
		Chunk []struct {
			ID      string `json:"event_id"`
			Content struct{ Body string }
		}
	}
	if err := c.do(ctx, "GET", api+"rooms/"+room.ID+"/messages?dir=b&limit=1", nil, &read); err != nil {
		return err
	}
	if len(read.Chunk) != 1 || read.Chunk[0].ID != sent.ID || read.Chunk[0].Content.Body != text {
		return fmt.Errorf("sent %q, read %+v", text, read.Chunk)
	}
	d.row("a message", "%q was sent and read", text)

	query := "select count(*), (select count(*) from events) from events where event_id = '" + strings.ReplaceAll(sent.ID, "'", "''") + "'"
	out, err := d.lab.Exec(ctx, d.host, "sh", "-c", `cd / && exec runuser -u postgres -- psql -XAt -d synapse -c "$1"`, "sh", query)
	if err != nil {
		return err
	}
	found, all, _ := strings.Cut(strings.TrimSpace(out), "|")
	if found != "1" {
		return fmt.Errorf("PostgreSQL does not hold the message %s", sent.ID)
	}
	d.row("PostgreSQL", "holds it, and %s events in all", all)
	for _, path := range []string{"rooms/" + room.ID + "/leave", "rooms/" + room.ID + "/forget", "logout"} {
		if err := c.do(ctx, "POST", api+path, map[string]any{}, nil); err != nil {
			return err
		}
	}
	return nil
}

// client finds every name at the demo's host, and believes the host's own certificate only.
type client struct {
	http  *http.Client
	token string
}

func (d *demo) client(ctx context.Context) (*client, error) {
	pem, err := d.lab.Exec(ctx, d.host, "cat", certificate)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(pem)) {
		return nil, fmt.Errorf("%s holds no certificate", certificate)
	}
	return &client{http: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(d.addr, "443"))
			},
			TLSClientConfig: &tls.Config{RootCAs: roots},
		},
	}}, nil
}

func (c *client) do(ctx context.Context, method, url string, body, answer any) error {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, &text)
	if err != nil {
		return err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var said json.RawMessage
	err = json.NewDecoder(res.Body).Decode(&said)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, url, res.Status, said)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(said, answer)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	return nil
}
