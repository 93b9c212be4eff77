// Package turncheck is the module turn_check: it asks a TURN server for a relay.
package turncheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Args are what the playbook says.
type Args struct {
	URI           string            `json:"uri" required:"true" doc:"turn: or turns: URI, as homeservers hand them out"`
	Username      string            `json:"username" required:"true" doc:"user"`
	Password      string            `json:"password" required:"true" secret:"true" doc:"its password"`
	Resolve       map[string]string `json:"resolve" doc:"addresses of names, in place of what the resolver says"`
	CAPath        modules.FilePath  `json:"ca_path" doc:"file of the host with further certificates to trust"`
	ValidateCerts bool              `json:"validate_certs" default:"true" doc:"verify the server's certificate (turns)"`
	Timeout       int               `json:"timeout" default:"10" doc:"seconds for each answer"`
}

// place is what a URI says.
type place struct {
	tls     bool
	network string
	host    string
	port    string
}

func (p place) addr() string {
	return p.host + ":" + p.port
}

// where reads a URI of RFC 7065.
func where(uri string) (place, error) {
	scheme, rest, ok := strings.Cut(uri, ":")
	p := place{network: "udp", port: "3478"}
	switch {
	case ok && strings.EqualFold(scheme, "turns"):
		p.tls, p.network, p.port = true, "tcp", "5349"
	case !ok || !strings.EqualFold(scheme, "turn"):
		return p, fmt.Errorf("the scheme of %q is neither turn nor turns", uri)
	}
	rest, query, _ := strings.Cut(rest, "?")
	if query != "" {
		t, ok := strings.CutPrefix(query, "transport=")
		if !ok || t != "udp" && t != "tcp" {
			return p, fmt.Errorf("%q: what may follow ? is transport=udp or transport=tcp", uri)
		}
		if p.tls && t == "udp" {
			return p, &modules.ErrSkipped{Reason: "DTLS (turns over UDP) is not looked at"}
		}
		p.network = t
	}
	p.host = rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		p.host, p.port = rest[:i], rest[i+1:]
	}
	if n, err := strconv.Atoi(p.port); p.host == "" || strings.ContainsAny(p.host, "/@ ") || err != nil || n < 1 || n > 65535 {
		return p, fmt.Errorf("%q is no host with a port or without", rest)
	}
	return p, nil
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	if a.Timeout < 0 {
		return errors.New("timeout is negative")
	}
	_, err := where(a.URI)
	var skip *modules.ErrSkipped
	if errors.As(err, &skip) {
		return nil
	}
	return err
}

// Result is what the server said.
type Result struct {
	OK        bool   `json:"ok" doc:"the server gave a relay"`
	Error     string `json:"error" doc:"why not"`
	Code      int    `json:"code" doc:"what the server refused with, such as 401; 0 when it did not"`
	Transport string `json:"transport" doc:"udp, tcp or tls"`
	Realm     string `json:"realm" doc:"the server's realm"`
	Relayed   string `json:"relayed" doc:"address of the relay that it gave"`
	Lifetime  int    `json:"lifetime" doc:"seconds that the relay would have held"`
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "turn_check",
		Doc: `Asks a TURN server for a relay with a user's credentials, and gives it back at once.

What it proves is that a call would get its relay: the server is reached over the transport of the URI, and it believes the
credentials. When it does not, the task fails, and the result has the code that the server refused with.`,
		Example: `
- name: a relay for it
  turn_check:
    uri: "{{ item }}"
    username: "{{ turn.json.username }}"
    password: "{{ turn.json.password }}"
  loop: "{{ turn.json.uris }}"
`,
		Run:      run,
		ReadOnly: func(Args) bool { return true },
		What:     func(a Args) string { return "ask " + a.URI + " for a relay" },
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	var out Result
	err := relay(ctx, h, a, &out)
	out.OK = err == nil
	if err != nil {
		out.Error = err.Error()
	}
	var no *refused
	if errors.As(err, &no) {
		out.Code = no.code
	}
	return out, err
}

// talk is a conversation with the server.
type talk struct {
	c      modules.Conn
	stream bool
	limit  time.Duration
	draw   func(string, int) []byte
	asked  int
}

func relay(ctx context.Context, h modules.Host, a Args, out *Result) error {
	p, err := where(a.URI)
	if err != nil {
		return err
	}
	if out.Transport = p.network; p.tls {
		out.Transport = "tls"
	}
	limit := time.Duration(a.Timeout) * time.Second
	if limit == 0 {
		limit = 10 * time.Second
	}
	c, err := h.Dial(ctx, modules.Dial{Network: p.network, Addr: p.addr(), TLS: p.tls, Resolve: a.Resolve,
		CAFile: string(a.CAPath), Insecure: !a.ValidateCerts, Timeout: limit})
	if err != nil {
		return err
	}
	defer c.Close()
	t := &talk{c: c, stream: p.network == "tcp", limit: limit, draw: h.Random}

	// the first request is without credentials: the answer names realm and nonce
	first, err := t.ask(allocate, nil, nil)
	if err != nil {
		return err
	}
	if first.kind == allocate|success {
		return errors.New("the server gives a relay to anybody, without credentials")
	}
	realm, nonce := first.get(attrRealm), first.get(attrNonce)
	if realm == nil || nonce == nil {
		return first.err()
	}
	out.Realm = string(realm)
	key := longTerm(a.Username, out.Realm, a.Password)
	who := []attr{{attrUsername, []byte(a.Username)}, {attrRealm, realm}, {attrNonce, nonce}}
	answer, err := t.ask(allocate, who, key)
	if err != nil {
		return err
	}
	if answer.kind != allocate|success {
		return answer.err()
	}
	at, ok := answer.address(answer.get(attrRelayed))
	if !ok {
		return errors.New("the server says yes and names no relay")
	}
	out.Relayed = at.String()
	if v := answer.get(attrLifetime); len(v) == 4 {
		out.Lifetime = int(v[0])<<24 | int(v[1])<<16 | int(v[2])<<8 | int(v[3])
	}
	// given back: it counts against the user's quota; an answer is not needed
	_, _ = t.ask(refresh, append(who, attr{attrLifetime, make([]byte, 4)}), key)
	return nil
}

// ask sends a request and returns its answer; over UDP it is sent again where none comes.
func (t *talk) ask(kind uint16, who []attr, key []byte) (message, error) {
	m := message{kind: kind}
	t.asked++
	copy(m.id[:], t.draw("transaction "+strconv.Itoa(t.asked), len(m.id)))
	if kind == allocate {
		m.add(attrTransport, []byte{17, 0, 0, 0}) // the relay speaks UDP
	}
	m.attrs = append(m.attrs, who...)
	tries, patience := 1, t.limit
	if !t.stream {
		tries, patience = 5, t.limit/5
	}
	t.c.Patience(patience)
	for range tries {
		if _, err := t.c.Write(m.bytes(key)); err != nil {
			return m, err
		}
		for {
			raw, err := t.read()
			if errors.Is(err, context.DeadlineExceeded) {
				break
			}
			if err != nil {
				return m, err
			}
			answer, err := parse(raw)
			if err != nil {
				return m, err
			}
			if answer.id != m.id {
				continue // of a request that was sent twice
			}
			if key != nil && answer.kind == kind|success && !signed(raw, key) {
				return m, errors.New("the answer is not signed with the password")
			}
			return answer, nil
		}
	}
	return m, fmt.Errorf("no answer within %s", t.limit)
}

func (t *talk) read() ([]byte, error) {
	if !t.stream {
		b := make([]byte, 2048)
		n, err := t.c.Read(b)
		return b[:n], err
	}
	head := make([]byte, 20)
	if _, err := io.ReadFull(t.c, head); err != nil {
		return nil, ended(err)
	}
	n, err := size(head)
	if err != nil {
		return nil, err
	}
	b := append(bytes.Clone(head), make([]byte, n-20)...)
	_, err = io.ReadFull(t.c, b[20:])
	return b, ended(err)
}

func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the server closed the connection")
	}
	return err
}
