package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// resolved is HOST:PORT with the address that names has for the host.
func resolved(names map[string]string, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if at := names[strings.ToLower(strings.TrimSuffix(host, "."))]; at != "" {
		return net.JoinHostPort(strings.Trim(at, "[]"), port)
	}
	return addr
}

// Services are the targets of a name's SRV records.
func (h *host) Services(ctx context.Context, name string) ([]string, error) {
	_, list, err := net.DefaultResolver.LookupSRV(ctx, "", "", name)
	var none *net.DNSError
	if errors.As(err, &none) && none.IsNotFound {
		return nil, missingf("%s has no SRV record", name)
	}
	if err != nil {
		return nil, fmt.Errorf("SRV records of %s: %w", name, err)
	}
	var out []string
	for _, s := range list {
		if target := strings.TrimSuffix(s.Target, "."); target != "" {
			out = append(out, net.JoinHostPort(target, strconv.Itoa(int(s.Port))))
		}
	}
	return out, nil
}

// Dial opens a connection to any address.
func (h *host) Dial(ctx context.Context, d modules.Dial) (modules.Conn, error) {
	if err := h.may("connect to " + d.Addr); err != nil {
		return nil, err
	}
	network, limit := d.Network, d.Timeout
	if network == "" {
		network = "tcp"
	}
	if limit <= 0 {
		limit = 10 * time.Second
	}
	begun, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(begun, network, resolved(d.Resolve, d.Addr))
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, netError(d.Addr, err)
	}
	out := &conn{Conn: c}
	out.stop = context.AfterFunc(ctx, func() { c.Close() })
	if !d.TLS {
		return out, nil
	}
	if err := out.handshake(begun, d); err != nil {
		out.Close()
		return nil, fmt.Errorf("%s: %w", d.Addr, err)
	}
	return out, nil
}

// conn is a connection that ends with its call.
type conn struct {
	net.Conn
	stop     func() bool
	patience time.Duration
	shown    *modules.TLS
}

// handshake speaks TLS from here on. The certificate is looked at here and not
// by crypto/tls, which would not show one that is not valid.
func (c *conn) handshake(ctx context.Context, d modules.Dial) error {
	name := d.Name
	if name == "" {
		name, _, _ = net.SplitHostPort(d.Addr)
	}
	pool, err := roots(d.CAFile)
	if err != nil {
		return err
	}
	t := tls.Client(c.Conn, &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // see valid
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	s := t.ConnectionState()
	c.Conn, c.shown = t, &modules.TLS{Version: tls.VersionName(s.Version)}
	for _, p := range s.PeerCertificates {
		c.shown.Chain = append(c.shown.Chain, p.Raw)
	}
	if err := valid(s.PeerCertificates, name, pool); err != nil {
		c.shown.Invalid = err.Error()
		if !d.Insecure {
			return err
		}
	}
	return nil
}

// valid tells why a chain is not valid for a name now.
func valid(chain []*x509.Certificate, name string, pool *x509.CertPool) error {
	more := x509.NewCertPool()
	for _, c := range chain[1:] {
		more.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: pool, Intermediates: more})
	return err
}

func (c *conn) Close() error {
	c.stop()
	return c.Conn.Close()
}

func (c *conn) Patience(d time.Duration) { c.patience = d }

func (c *conn) Read(p []byte) (int, error) {
	if c.patience > 0 {
		if err := c.SetReadDeadline(time.Now().Add(c.patience)); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	return n, err
}

func (c *conn) TLS() *modules.TLS { return c.shown }

func (c *conn) Peer() string { return c.RemoteAddr().String() }
