package matrixfederation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// target is where requests for a server's name go.
type target struct {
	connect string // HOST:PORT
	host    string // what the request says as Host
	cert    string // name that the certificate must be for
}

// split parts a server name into host and port; the host of an IPv6 address has no brackets.
func split(name string) (host, port string, err error) {
	host = name
	if i := strings.LastIndexByte(name, ':'); i >= 0 && !strings.HasSuffix(name, "]") {
		host, port = name[:i], name[i+1:]
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "", "", fmt.Errorf("%q has no port that is a number up to 65535", name)
		}
	}
	if in, ok := strings.CutPrefix(host, "["); ok {
		in, ok = strings.CutSuffix(in, "]")
		if a, err := netip.ParseAddr(in); !ok || err != nil || !a.Is6() {
			return "", "", fmt.Errorf("%q is no IPv6 address", host)
		}
		return in, port, nil
	}
	if host == "" || strings.ContainsAny(host, "/?#@: \t") {
		return "", "", fmt.Errorf("%q is no host name with a port or without", name)
	}
	return host, port, nil
}

func join(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// literal is the target of an address; false for a name.
func literal(name, host, port string) (target, bool) {
	if _, err := netip.ParseAddr(host); err != nil {
		return target{}, false
	}
	if port == "" {
		port = "8448"
	}
	return target{join(host, port), name, host}, true
}

// discover walks from a server's name to where its requests go, in the order of the specification.
func (w *walk) discover(ctx context.Context, name string) ([]target, error) {
	host, port, err := split(name)
	if err != nil {
		return nil, err
	}
	if t, ok := literal(name, host, port); ok {
		return w.found("address", "the name is an address", t), nil
	}
	if port != "" {
		return w.found("port", "the name has a port", target{name, name, host}), nil
	}
	delegated, err := w.wellKnown(ctx, host)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		w.out.WellKnownError = err.Error()
		w.say("no server document at %s: %v", host, err)
		return w.records(ctx, "", host)
	}
	w.out.Delegated = delegated
	w.say("https://%s/.well-known/matrix/server says %s", host, delegated)
	host, port, _ = split(delegated)
	if t, ok := literal(delegated, host, port); ok {
		return w.found("well-known", "which is an address", t), nil
	}
	if port != "" {
		return w.found("well-known", "which has a port", target{delegated, delegated, host}), nil
	}
	return w.records(ctx, "well-known, ", host)
}

// wellKnown is what the server document says.
func (w *walk) wellKnown(ctx context.Context, host string) (string, error) {
	r := w.request("https://" + host + "/.well-known/matrix/server")
	r.Follow = "all"
	res, err := w.h.HTTP(ctx, r)
	if err != nil {
		return "", err
	}
	w.out.WellKnownStatus = res.Status
	if res.Status != 200 {
		return "", fmt.Errorf("status %d", res.Status)
	}
	var doc struct {
		Server string `json:"m.server"`
	}
	if err := json.Unmarshal(res.Body, &doc); err != nil {
		return "", errors.New("it is no JSON object with a text as m.server")
	}
	if doc.Server == "" {
		return "", errors.New("it has no m.server")
	}
	if _, _, err := split(doc.Server); err != nil {
		return "", fmt.Errorf("m.server: %w", err)
	}
	return doc.Server, nil
}

// records looks for SRV records, else it is port 8448.
func (w *walk) records(ctx context.Context, how, host string) ([]target, error) {
	for _, service := range []string{"_matrix-fed._tcp.", "_matrix._tcp."} {
		list, err := w.h.Services(ctx, service+host)
		if err != nil && !errors.Is(err, modules.ErrNotExist) {
			w.say("%v", err)
		}
		if len(list) == 0 {
			continue
		}
		var out []target
		for _, at := range list {
			out = append(out, target{at, host, host})
		}
		return w.found(how+"SRV", "SRV "+service+host, out...), nil
	}
	return w.found(how+"8448", "no SRV record", target{join(host, "8448"), host, host}), nil
}

func (w *walk) found(how, why string, list ...target) []target {
	w.out.How = how
	for _, t := range list {
		w.say("%s: connect to %s, certificate for %s", why, t.connect, t.cert)
	}
	return list
}

func (w *walk) say(format string, args ...any) {
	w.out.Walk = append(w.out.Walk, fmt.Sprintf(format, args...))
}
