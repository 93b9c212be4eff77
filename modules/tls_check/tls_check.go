// Package tlscheck is the module tls_check: it looks at the certificate of a server.
package tlscheck

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Args are what the playbook says.
type Args struct {
	Host    string            `json:"host" required:"true" doc:"host name or address to connect to"`
	Port    int               `json:"port" default:"443" doc:"TCP port"`
	Name    string            `json:"server_name" doc:"name that the certificate must be for; host unless given"`
	Days    int               `json:"days" default:"0" doc:"days that it must be valid for at least"`
	Resolve map[string]string `json:"resolve" doc:"addresses of names, in place of what the resolver says"`
	CAPath  modules.FilePath  `json:"ca_path" doc:"file of the host with further certificates to trust"`
	Timeout int               `json:"timeout" default:"15" doc:"seconds for the handshake"`
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	switch {
	case a.Host == "" || strings.ContainsAny(a.Host, "/@ "):
		return fmt.Errorf("%q is no host", a.Host)
	case a.Port < 0 || a.Port > 65535:
		return fmt.Errorf("%d is no port", a.Port)
	case a.Days < 0 || a.Timeout < 0:
		return errors.New("a time is negative")
	}
	return nil
}

// Result is what the handshake showed.
type Result struct {
	OK       bool     `json:"ok" doc:"the chain is trusted, it is for the name, and valid long enough"`
	Error    string   `json:"error" doc:"why not"`
	Version  string   `json:"version" doc:"TLS version"`
	Peer     string   `json:"peer" doc:"address that was connected to"`
	Subject  string   `json:"subject" doc:"whose certificate it is"`
	Issuer   string   `json:"issuer" doc:"who made it"`
	Names    []string `json:"names" doc:"names that it is for"`
	Chain    []string `json:"chain" doc:"subjects of all certificates that were sent"`
	NotAfter int64    `json:"not_after" doc:"end of the chain's first certificate to end, seconds since 1970"`
	DaysLeft int      `json:"days_left" doc:"days until then"`
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "tls_check",
		Doc: `Looks at the certificate of a server: whether its chain is trusted, for the right name, and for how long.

When it is not well the task fails, and the result has what was seen. It changes nothing.`,
		Example: `
- name: the certificate holds for three weeks more
  tls_check: {host: matrix.example.org, days: 21}
`,
		Run:      run,
		ReadOnly: func(Args) bool { return true },
		What:     func(a Args) string { return "look at the certificate of " + a.addr() },
	}.Task()
}

func (a Args) addr() string {
	host, port := a.Host, a.Port
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	if port == 0 {
		port = 443
	}
	return fmt.Sprintf("%s:%d", host, port)
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	var out Result
	err := look(ctx, h, a, &out)
	if out.OK = err == nil; err != nil {
		out.Error = err.Error()
	}
	return out, err
}

func look(ctx context.Context, h modules.Host, a Args, out *Result) error {
	seconds := a.Timeout
	if seconds == 0 {
		seconds = 15
	}
	c, err := h.Dial(ctx, modules.Dial{Addr: a.addr(), TLS: true, Name: a.Name, Resolve: a.Resolve,
		CAFile: string(a.CAPath), Insecure: true, Timeout: time.Duration(seconds) * time.Second})
	if err != nil {
		return err
	}
	defer c.Close()
	seen := c.TLS()
	out.Version, out.Peer = seen.Version, c.Peer()
	for i, der := range seen.Chain {
		x, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		out.Chain = append(out.Chain, x.Subject.String())
		if i == 0 {
			out.Subject, out.Issuer, out.Names = x.Subject.String(), x.Issuer.String(), x.DNSNames
			for _, ip := range x.IPAddresses {
				out.Names = append(out.Names, ip.String())
			}
		}
		if end := x.NotAfter.Unix(); i == 0 || end < out.NotAfter {
			out.NotAfter = end
		}
	}
	left := time.Unix(out.NotAfter, 0).Sub(h.Now())
	out.DaysLeft = int(left / (24 * time.Hour))
	switch {
	case seen.Invalid != "":
		return errors.New(seen.Invalid)
	case out.DaysLeft < a.Days:
		return fmt.Errorf("the certificate ends in %d days, on %s", out.DaysLeft, time.Unix(out.NotAfter, 0).UTC().Format("2006-01-02"))
	}
	return nil
}
