package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

const (
	maxBody     = 16 << 20
	httpTimeout = 30 * time.Second
)

// Get asks a loopback address of the host; redirects are followed on loopback only.
func (h *host) Get(ctx context.Context, address string, header map[string]string) (modules.Response, error) {
	local := func(u *url.URL) error {
		if u.Scheme != "http" && u.Scheme != "https" || !loopback(u.Hostname()) {
			return fmt.Errorf("get %s: only a loopback address can be asked while looking: %w", address, modules.ErrDoor)
		}
		return nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return modules.Response{}, err
	}
	if err := local(u); err != nil {
		return modules.Response{}, err
	}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		name, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		var d net.Dialer
		if name != "localhost" {
			return d.DialContext(ctx, network, addr)
		}
		// The name is ours to resolve: whatever DNS says, this is the host itself.
		c, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			if c6, err6 := d.DialContext(ctx, network, net.JoinHostPort("::1", port)); err6 == nil {
				return c6, nil
			}
		}
		return c, err
	}
	return roundTrip(ctx, modules.Request{URL: address, Header: header, Insecure: true}, dial, local, nil)
}

func loopback(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(name)
	return err == nil && a.IsLoopback()
}

// HTTP sends any request to any address.
func (h *host) HTTP(ctx context.Context, r modules.Request) (modules.Response, error) {
	if err := h.may("send a request to " + r.URL); err != nil {
		return modules.Response{}, err
	}
	return roundTrip(ctx, r, dialer(r), nil, nil)
}

func dialer(r modules.Request) dialFunc {
	var d net.Dialer
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		switch {
		case r.Unix != "":
			network, addr = "unix", r.Unix
		case r.Connect != "":
			addr = resolved(r.Resolve, r.Connect)
		default:
			addr = resolved(r.Resolve, addr)
		}
		return d.DialContext(ctx, network, addr)
	}
}

// fetch writes what a server answers to a file, as it comes.
func fetch(ctx context.Context, f *modules.Fetch, to io.Writer) error {
	if f.Sum != nil {
		f.Sum.Reset()
		to = io.MultiWriter(to, f.Sum)
	}
	res, err := roundTrip(ctx, f.Request, dialer(f.Request), nil, to)
	if err != nil {
		return err
	}
	if err := f.Answered(res.Status, res.Body); err != nil {
		return err
	}
	return f.Whole()
}

// alive puts the end of the patience off with each byte that comes.
type alive struct {
	io.Reader
	timer *time.Timer
	limit time.Duration
}

func (a alive) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if n > 0 {
		a.timer.Reset(a.limit)
	}
	return n, err
}

// dialFunc makes a connection.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// roundTrip sends a request. With to, the body of a good answer goes there, of
// any length, and the timeout is that between two bytes.
func roundTrip(ctx context.Context, r modules.Request, dial dialFunc, allow func(*url.URL) error, to io.Writer) (out modules.Response, err error) {
	limit := r.Timeout
	if limit <= 0 {
		limit = httpTimeout
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(limit, func() { cancel(fmt.Errorf("no answer within %s: %w", limit, context.DeadlineExceeded)) })
	defer timer.Stop()
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return out, err
	}
	req.Header.Set("User-Agent", "mxplay")
	if r.Zeros > 0 {
		req.Body, req.GetBody, req.ContentLength = io.NopCloser(io.LimitReader(zeros{}, r.Zeros)), nil, r.Zeros
		req.Header.Set("Expect", "100-continue")
	}
	for k, v := range r.Header {
		if strings.EqualFold(k, "Host") {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	if r.User != "" || r.Password != "" {
		req.SetBasicAuth(r.User, r.Password)
	}
	tlsConfig, err := trust(r)
	if err != nil {
		return out, err
	}
	t := &http.Transport{DialContext: dial, TLSClientConfig: tlsConfig, DisableKeepAlives: true, ForceAttemptHTTP2: r.Zeros == 0, ExpectContinueTimeout: limit}
	defer t.CloseIdleConnections()
	c := &http.Client{Transport: t, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if allow != nil {
			if err := allow(req.URL); err != nil {
				return err
			}
		}
		first := via[0].Method
		follow := r.Follow == "all" || r.Follow != "none" && (first == http.MethodGet || first == http.MethodHead)
		switch {
		case !follow:
			return http.ErrUseLastResponse
		case len(via) >= 10:
			return errors.New("more than ten redirects")
		}
		return nil
	}}
	begun := time.Now()
	defer func() { out.Elapsed = time.Since(begun) }()
	res, err := c.Do(req)
	if err != nil {
		return out, httpError(ctx, r.URL, err)
	}
	defer res.Body.Close()
	out.Status, out.Header, out.URL = res.StatusCode, res.Header, res.Request.URL.String()
	if to != nil && res.StatusCode == http.StatusOK {
		_, err = io.Copy(to, alive{res.Body, timer, limit})
		if err != nil {
			err = httpError(ctx, r.URL, err)
		}
		return out, err
	}
	out.Body, err = io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return out, httpError(ctx, r.URL, err)
	}
	if len(out.Body) > maxBody {
		out.Body = out.Body[:maxBody]
		return out, fmt.Errorf("%s: the answer is longer than %d MiB", r.URL, maxBody>>20)
	}
	return out, nil
}

func trust(r modules.Request) (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: r.Insecure} //nolint:gosec // the playbook says so
	var err error
	c.RootCAs, err = roots(r.CAFile)
	return c, err
}

// roots are the system's certificates and those in the file; nil stands for the system's alone.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// httpError is why a request got no answer, without Go's wrapping.
func httpError(ctx context.Context, address string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", address, context.Cause(ctx))
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return netError(address, err)
	}
	return fmt.Errorf("%s: %w", address, err)
}
