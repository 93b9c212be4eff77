package tlscheck

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/modtest"
)

// shown is a connection whose handshake showed this.
type shown struct {
	modules.Conn
	tls modules.TLS
}

func (s shown) TLS() *modules.TLS { return &s.tls }
func (shown) Peer() string        { return "192.0.2.7:443" }
func (shown) Close() error        { return nil }

func TestDays(t *testing.T) {
	h := modtest.New()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "matrix.example.org"}, DNSNames: []string{"matrix.example.org"},
		NotBefore: h.Time.Add(-time.Hour), NotAfter: h.Time.Add(30*24*time.Hour + time.Minute)}
	der, err := x509.CreateCertificate(rand.Reader, x, x, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		days    int
		invalid string
		says    string
	}{
		"well":         {days: 30},
		"soon over":    {days: 31, says: "ends in 30 days, on 2026-02-01"},
		"not trusted":  {invalid: "x509: certificate signed by unknown authority", says: "unknown authority"},
		"both, reason": {days: 31, invalid: "x509: not for this name", says: "not for this name"},
	} {
		h.OnDial = func(d modules.Dial) (modules.Conn, error) {
			if !d.TLS || !d.Insecure || d.Addr != "matrix.example.org:443" {
				t.Errorf("%+v", d)
			}
			return shown{tls: modules.TLS{Version: "TLS 1.3", Chain: [][]byte{der}, Invalid: c.invalid}}, nil
		}
		out, err := run(t.Context(), h, Args{Host: "matrix.example.org", Days: c.days})
		if out.OK != (c.says == "") || out.OK != (err == nil) || !strings.Contains(out.Error, c.says) || out.DaysLeft != 30 || out.Names[0] != "matrix.example.org" || out.Version != "TLS 1.3" {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}
