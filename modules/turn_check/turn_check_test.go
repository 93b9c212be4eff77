package turncheck

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/modtest"
)

func TestWhere(t *testing.T) {
	for uri, want := range map[string]place{
		"turn:a.example.org":                    {false, "udp", "a.example.org", "3478"},
		"turn:a.example.org:3479?transport=udp": {false, "udp", "a.example.org", "3479"},
		"turn:a.example.org?transport=tcp":      {false, "tcp", "a.example.org", "3478"},
		"turns:a.example.org?transport=tcp":     {true, "tcp", "a.example.org", "5349"},
		"turns:[2001:db8::1]:443":               {true, "tcp", "[2001:db8::1]", "443"},
	} {
		if got, err := where(uri); err != nil || got != want {
			t.Errorf("%s: %+v, %v", uri, got, err)
		}
	}
	for _, uri := range []string{"stun:a", "turn", "turn:", "turn:a:b", "turn:a?transport=sctp", "turns:a?transport=udp"} {
		if got, err := where(uri); err == nil {
			t.Errorf("%s: %+v", uri, got)
		}
	}
}

// The request with long-term credentials of RFC 5769, 2.4.
func TestVector(t *testing.T) {
	raw, err := hex.DecodeString(strings.Join(strings.Fields(`
		00010060 2112a442 78ad3433 c6ad72c0 29da412e
		00060012 e3839ee3 8388e383 aae38383 e382af e382b9 0000
		0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341
		0014000b 6578616d 706c652e 6f726700
		00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666`), ""))
	if err != nil {
		t.Fatal(err)
	}
	m, err := parse(raw)
	if err != nil || m.kind != 1 || string(m.get(attrRealm)) != "example.org" {
		t.Fatalf("%+v, %v", m, err)
	}
	key := longTerm(string(m.get(attrUsername)), "example.org", "TheMatrIX")
	if !signed(raw, key) || signed(raw, longTerm("a", "b", "c")) {
		t.Error("the signature")
	}
	m.attrs = m.attrs[:3]
	if got := m.bytes(key); hex.EncodeToString(got) != hex.EncodeToString(raw) {
		t.Errorf("written again:\n%x\n%x", got, raw)
	}
	for n := range len(raw) {
		if _, err := parse(raw[:n]); err == nil {
			t.Errorf("%d bytes are a message", n)
		}
	}
}

// pipe is a connection to a server of the test's own.
type pipe struct {
	net.Conn
	patience time.Duration
}

func (p *pipe) Patience(d time.Duration) { p.patience = d }
func (*pipe) TLS() *modules.TLS          { return nil }
func (*pipe) Peer() string               { return "192.0.2.7:3478" }
func (p *pipe) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(p.patience)); err != nil {
		return 0, err
	}
	n, err := p.Conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	return n, err
}

// turn answers as a TURN server does, until the connection ends.
func turn(c net.Conn, password string, lose int, returned chan<- bool) {
	buf := make([]byte, 2048)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if lose--; lose >= 0 {
			continue
		}
		m, err := parse(buf[:n])
		if err != nil {
			return
		}
		answer := message{kind: m.kind | success, id: m.id}
		key := longTerm(string(m.get(attrUsername)), "example.org", password)
		switch {
		case m.get(attrUsername) == nil, !signed(buf[:n], key):
			key = nil
			answer.kind = m.kind | 0x0110
			answer.add(attrError, append([]byte{0, 0, 4, 1}, "Unauthorized"...))
			answer.add(attrRealm, []byte("example.org"))
			answer.add(attrNonce, []byte("n0nce"))
		case m.kind == allocate:
			v := []byte{0, 1, 0, 0}
			binary.BigEndian.PutUint16(v[2:], 50000^magic>>16)
			ip := binary.BigEndian.Uint32([]byte{192, 0, 2, 7}) ^ magic
			answer.add(attrRelayed, binary.BigEndian.AppendUint32(v, ip))
			answer.add(attrLifetime, []byte{0, 0, 2, 88})
		case m.kind == refresh:
			returned <- binary.BigEndian.Uint32(m.get(attrLifetime)) == 0
		}
		if _, err := c.Write(answer.bytes(key)); err != nil {
			return
		}
	}
}

func TestRelay(t *testing.T) {
	for name, c := range map[string]struct {
		uri, password string
		lose          int
		code          int
		says          string
	}{
		"UDP":            {uri: "turn:turn.example.org", password: "right"},
		"a lost packet":  {uri: "turn:turn.example.org", password: "right", lose: 1},
		"TCP":            {uri: "turn:turn.example.org?transport=tcp", password: "right"},
		"wrong":          {uri: "turn:turn.example.org", password: "wrong", code: 401, says: "401 Unauthorized"},
		"nobody answers": {uri: "turn:turn.example.org", password: "right", lose: 100, says: "no answer within 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			h := modtest.New()
			returned := make(chan bool, 10)
			h.OnDial = func(modules.Dial) (modules.Conn, error) {
				ours, theirs := net.Pipe()
				t.Cleanup(func() { theirs.Close() })
				go turn(theirs, "right", c.lose, returned)
				return &pipe{Conn: ours}, nil
			}
			out, err := run(t.Context(), h, Args{URI: c.uri, Username: "1:@a:example.org", Password: c.password, Timeout: 1})
			if out.OK != (c.says == "") || out.OK != (err == nil) || out.Code != c.code || !strings.Contains(out.Error, c.says) {
				t.Fatalf("%+v, %v", out, err)
			}
			if c.says != "" {
				return
			}
			if out.Relayed != "192.0.2.7:50000" || out.Lifetime != 600 || out.Realm != "example.org" {
				t.Errorf("%+v", out)
			}
			if !<-returned {
				t.Error("the relay was not given back")
			}
		})
	}
}

func TestAddress(t *testing.T) {
	var m message
	v := []byte{0, 2, 0x21, 0x12}
	v = append(v, 0x21, 0x12, 0xa4, 0x42)
	v = append(v, make([]byte, 12)...)
	if a, ok := m.address(v); !ok || a != netip.MustParseAddrPort("[::]:0") {
		t.Errorf("%v, %v", a, ok)
	}
	if _, ok := m.address(v[:7]); ok {
		t.Error("half an address")
	}
}
