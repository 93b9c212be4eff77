package agent

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// A certificate that is not valid is shown where that is asked for, and refused elsewhere.
func TestDialTLS(t *testing.T) {
	h := doors(t)
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	at := s.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(at)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"example.com": "127.0.0.1", "example.net": "127.0.0.1"}
	for name, c := range map[string]struct {
		d       modules.Dial
		invalid string // why the certificate is not valid
	}{
		"trusted":       {modules.Dial{Addr: "example.com:" + port, CAFile: ca}, ""},
		"another name":  {modules.Dial{Addr: "example.net:" + port, CAFile: ca}, "not example.net"},
		"name is given": {modules.Dial{Addr: "example.net:" + port, CAFile: ca, Name: "example.com"}, ""},
		"not trusted":   {modules.Dial{Addr: "example.com:" + port}, "unknown authority"},
	} {
		d := c.d
		d.TLS, d.Resolve, d.Insecure = true, names, true
		got, err := h.Dial(bg, d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if x := got.TLS(); len(x.Chain) != 1 || x.Version != "TLS 1.3" || (x.Invalid == "") != (c.invalid == "") || !strings.Contains(x.Invalid, c.invalid) || got.Peer() != at {
			t.Errorf("%s: %+v, %s", name, x, got.Peer())
		}
		got.Close()
		d.Insecure = false
		got, err = h.Dial(bg, d)
		if (err == nil) != (c.invalid == "") {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			got.Close()
		}
	}
	h.looking = true
	if _, err := h.Dial(bg, modules.Dial{Addr: at}); !errors.Is(err, modules.ErrDoor) {
		t.Errorf("while looking: %v", err)
	}
}

// A read ends after the patience that was asked for, and the connection is good for more.
func TestDialUDP(t *testing.T) {
	h := doors(t)
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go func() {
		b := make([]byte, 100)
		for n := 0; ; n++ {
			l, from, err := s.ReadFrom(b)
			if err != nil {
				return
			}
			if n > 0 {
				_, _ = s.WriteTo(b[:l], from)
			}
		}
	}()
	ctx, cancel := context.WithCancel(bg)
	c, err := h.Dial(ctx, modules.Dial{Network: "udp", Addr: s.LocalAddr().String()})
	if err != nil {
		t.Fatal(err)
	}
	c.Patience(50 * time.Millisecond)
	b := make([]byte, 100)
	for range 2 {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(b)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if err == nil && string(b[:n]) != "x" {
			t.Errorf("%q", b[:n])
		}
		c.Patience(10 * time.Second)
	}
	cancel()
	if _, err := c.Read(b); err == nil {
		t.Error("it outlives its call")
	}
}

// A request goes where it is told to, and what it asks for is the URL's.
func TestRequestElsewhere(t *testing.T) {
	h := doors(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/upload" && r.ContentLength > 1<<20 {
			w.WriteHeader(http.StatusRequestEntityTooLarge) // before any of the body is read
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		if n != r.ContentLength {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write([]byte(r.Host))
	}))
	defer s.Close()
	at := s.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(at)
	for name, r := range map[string]modules.Request{
		"resolve": {URL: "http://example.com:" + port, Resolve: map[string]string{"example.com": "127.0.0.1"}},
		"connect": {URL: "http://example.com:" + port, Connect: at},
		"both":    {URL: "http://example.com:" + port, Connect: "example.net:" + port, Resolve: map[string]string{"example.net": "127.0.0.1"}},
		"zeros":   {URL: "http://example.com:" + port, Connect: at, Method: "POST", Zeros: 1 << 20},
	} {
		if res, err := h.HTTP(bg, r); err != nil || res.Status != 200 || string(res.Body) != "example.com:"+port {
			t.Errorf("%s: %+v %v", name, res, err)
		}
	}
	if res, err := h.HTTP(bg, modules.Request{URL: s.URL + "/upload", Method: "POST", Zeros: 1 << 40}); err != nil || res.Status != 413 {
		t.Errorf("too large: %+v %v", res, err)
	}
}
