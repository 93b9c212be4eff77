package matrixfederation

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules/modtest"
)

// The order of the specification, a row a case.
func TestDiscover(t *testing.T) {
	const doc = "http GET https://example.org/.well-known/matrix/server"
	for name, c := range map[string]struct {
		server, host    string
		how             string
		connect, header string
		cert            string
		problem         string // with the document
	}{
		"address":           {server: "192.0.2.7", how: "address", connect: "192.0.2.7:8448", header: "192.0.2.7", cert: "192.0.2.7"},
		"address, port":     {server: "192.0.2.7:443", how: "address", connect: "192.0.2.7:443", header: "192.0.2.7:443", cert: "192.0.2.7"},
		"IPv6":              {server: "[2001:db8::1]", how: "address", connect: "[2001:db8::1]:8448", header: "[2001:db8::1]", cert: "2001:db8::1"},
		"port":              {server: "example.org:8449", how: "port", connect: "example.org:8449", header: "example.org:8449", cert: "example.org"},
		"document, port":    {server: "example.org", host: doc + ` => 200\n	out: {"m.server":"matrix.example.org:443"}`, how: "well-known", connect: "matrix.example.org:443", header: "matrix.example.org:443", cert: "matrix.example.org"},
		"document, address": {server: "example.org", host: doc + ` => 200\n	out: {"m.server":"192.0.2.9"}`, how: "well-known", connect: "192.0.2.9:8448", header: "192.0.2.9", cert: "192.0.2.9"},
		"document, SRV": {server: "example.org", host: doc + ` => 200\n	out: {"m.server":"matrix.example.org"}\nservices _matrix-fed._tcp.matrix.example.org => 0\n	out: host7.example.org:8450`,
			how: "well-known, SRV", connect: "host7.example.org:8450", header: "matrix.example.org", cert: "matrix.example.org"},
		"document, old SRV": {server: "example.org", host: doc + ` => 200\n	out: {"m.server":"matrix.example.org"}\nservices _matrix._tcp.matrix.example.org => 0\n	out: host7.example.org:8450`,
			how: "well-known, SRV", connect: "host7.example.org:8450", header: "matrix.example.org", cert: "matrix.example.org"},
		"document, 8448": {server: "example.org", host: doc + ` => 200\n	out: {"m.server":"matrix.example.org"}`, how: "well-known, 8448", connect: "matrix.example.org:8448", header: "matrix.example.org", cert: "matrix.example.org"},
		"SRV": {server: "example.org", host: doc + ` => 404\nservices _matrix-fed._tcp.example.org => 0\n	out: host7.example.org:8450`,
			how: "SRV", connect: "host7.example.org:8450", header: "example.org", cert: "example.org", problem: "status 404"},
		"8448":           {server: "example.org", host: doc + " => 404", how: "8448", connect: "example.org:8448", header: "example.org", cert: "example.org", problem: "status 404"},
		"no answer":      {server: "example.org", host: doc + " => refused", how: "8448", connect: "example.org:8448", header: "example.org", cert: "example.org", problem: "refused"},
		"bodies swapped": {server: "example.org", host: doc + ` => 200\n	out: {"m.homeserver":{"base_url":"https://matrix.example.org"}}`, how: "8448", connect: "example.org:8448", header: "example.org", cert: "example.org", problem: "no m.server"},
		"a URL":          {server: "example.org", host: doc + ` => 200\n	out: {"m.server":"https://matrix.example.org"}`, how: "8448", connect: "example.org:8448", header: "example.org", cert: "example.org", problem: "m.server:"},
		"not JSON":       {server: "example.org", host: doc + ` => 200\n	out: <html>`, how: "8448", connect: "example.org:8448", header: "example.org", cert: "example.org", problem: "no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := modtest.Parse(strings.ReplaceAll(c.host, `\n`, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			w := &walk{a: Args{Server: c.server, ValidateCerts: true}, h: h}
			list, err := w.discover(t.Context(), c.server)
			if err != nil || len(list) != 1 {
				t.Fatalf("%v, %v", list, err)
			}
			if got := list[0]; got != (target{c.connect, c.header, c.cert}) || w.out.How != c.how {
				t.Errorf("%s: %+v", w.out.How, got)
			}
			if c.problem == "" && w.out.WellKnownError != "" || !strings.Contains(w.out.WellKnownError, c.problem) {
				t.Errorf("the document: %q, want %q", w.out.WellKnownError, c.problem)
			}
		})
	}
	for _, bad := range []string{"", "example.org:0", "example.org:port", "https://example.org", "[::1", "a b"} {
		if _, _, err := split(bad); err == nil {
			t.Errorf("%q is taken for a server's name", bad)
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		`{ "b": 2, "a": 1 }`:                       `{"a":1,"b":2}`,
		`{"one": 1, "two": "Two"}`:                 `{"one":1,"two":"Two"}`,
		`{"本": 2, "日": 1}`:                         `{"日":1,"本":2}`,
		`{"a": "\u65E5", "b": null}`:               `{"a":"日","b":null}`,
		`{"a": -0, "b": [1, {"d": true, "c": 0}]}`: `{"a":0,"b":[1,{"c":0,"d":true}]}`,
		`{"s": "\u000b\n\"<&>\u2028\/\\"}`:         `{"s":"\u000b\n\"<&>` + "\u2028" + `/\\"}`,
		`{"signatures": {}, "unsigned": 1}`:        `{}`,
	} {
		if got, err := withoutSignatures([]byte(in)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{`{"a": 1.5}`, `{"a": 9007199254740992}`, `[]`} {
		if got, err := withoutSignatures([]byte(in)); err == nil {
			t.Errorf("%s is %s", in, got)
		}
	}
}

// answer is a server's keys, signed, after change has had its way with them.
func answer(t *testing.T, change func(doc map[string]any)) []byte {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	b64 := base64.RawStdEncoding.EncodeToString
	doc := map[string]any{"server_name": "example.org", "valid_until_ts": int64(2_000_000_000_000), "old_verify_keys": map[string]any{},
		"verify_keys": map[string]any{"ed25519:a_1": map[string]any{"key": b64(key.Public().(ed25519.PublicKey))}}}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = withoutSignatures(b); err != nil {
		t.Fatal(err)
	}
	doc["signatures"] = map[string]any{"example.org": map[string]any{"ed25519:a_1": b64(ed25519.Sign(key, b))}}
	if change != nil {
		change(doc)
	}
	if b, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeys(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	if k, err := check(answer(t, nil), "example.org", now); err != nil || len(k.Verify) != 1 {
		t.Errorf("%+v, %v", k, err)
	}
	for name, c := range map[string]struct {
		change func(map[string]any)
		says   string
	}{
		"of another server": {func(d map[string]any) { d["server_name"] = "example.com" }, `those of "example.com"`},
		"old":               {func(d map[string]any) { d["valid_until_ts"] = 1 }, "valid no more"},
		"changed":           {func(d map[string]any) { d["more"] = 1 }, "the signature with ed25519:a_1 is wrong"},
		"not signed":        {func(d map[string]any) { delete(d, "signatures") }, "no signature with ed25519:a_1"},
		"no key":            {func(d map[string]any) { d["verify_keys"] = map[string]any{} }, "no Ed25519 key"},
		"a short key": {func(d map[string]any) {
			d["verify_keys"] = map[string]any{"ed25519:a_1": map[string]any{"key": "AAAA"}}
		}, "is no Ed25519 key"},
		"of no form": {func(d map[string]any) { d["verify_keys"] = 1 }, "right form"},
	} {
		if _, err := check(answer(t, c.change), "example.org", now); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The first target of SRV records that answers is the one.
func TestSecondTarget(t *testing.T) {
	h, err := modtest.Parse(fmt.Sprintf(`http GET https://example.org/.well-known/matrix/server => 404
services _matrix-fed._tcp.example.org => 0
	out: a.example.org:8450 b.example.org:8451
http GET https://example.org/_matrix/key/v2/server => 200
	out: %s
http GET https://example.org/_matrix/federation/v1/version => 200
	out: {"server":{"name":"Synapse","version":"1.160.0"}}
`, answer(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t.Context(), h, Args{Server: "example.org", ValidateCerts: true})
	if err != nil || !out.OK || out.Connect != "a.example.org:8450" || !slices.Equal(out.KeyIDs, []string{"ed25519:a_1"}) || out.Software != "Synapse 1.160.0" {
		t.Errorf("%+v, %v", out, err)
	}
}
