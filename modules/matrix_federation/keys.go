package matrixfederation

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keys is the answer to a request for a server's keys.
type keys struct {
	Server     string                          `json:"server_name"`
	ValidUntil int64                           `json:"valid_until_ts"`
	Verify     map[string]struct{ Key string } `json:"verify_keys"`
	Signatures map[string]map[string]string    `json:"signatures"`
}

// check holds an answer to what it must be: of this server, valid, and signed with each of its keys.
func check(body []byte, server string, now time.Time) (k keys, err error) {
	if err := json.Unmarshal(body, &k); err != nil {
		return k, errors.New("the keys are no JSON object of the right form")
	}
	if k.Server != server {
		return k, fmt.Errorf("the keys are those of %q, not of %q", k.Server, server)
	}
	if k.ValidUntil <= now.UnixMilli() {
		return k, errors.New("the keys are valid no more (valid_until_ts)")
	}
	signed, err := withoutSignatures(body)
	if err != nil {
		return k, err
	}
	n := 0
	for _, id := range slices.Sorted(maps.Keys(k.Verify)) {
		if !strings.HasPrefix(id, "ed25519:") {
			continue
		}
		key, err := unpadded(k.Verify[id].Key)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return k, fmt.Errorf("%s is no Ed25519 key", id)
		}
		sig, err := unpadded(k.Signatures[server][id])
		switch {
		case err != nil || len(sig) == 0:
			return k, fmt.Errorf("there is no signature with %s", id)
		case !ed25519.Verify(key, signed, sig):
			return k, fmt.Errorf("the signature with %s is wrong", id)
		}
		n++
	}
	if n == 0 {
		return k, errors.New("there is no Ed25519 key")
	}
	return k, nil
}

func unpadded(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
}

// withoutSignatures is canonical JSON of an object, as it is signed.
func withoutSignatures(body []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	delete(doc, "signatures")
	delete(doc, "unsigned")
	return canonical(nil, doc)
}

// canonical appends a value as canonical JSON: keys sorted, no white space, only the escapes that must be, integers.
func canonical(b []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return quoted(b, v), nil
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil || n <= -1<<53 || n >= 1<<53 {
			return b, fmt.Errorf("%s is no number of canonical JSON", v)
		}
		return strconv.AppendInt(b, n, 10), nil
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = canonical(b, e); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case map[string]any:
		b = append(b, '{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(quoted(b, k), ':')
			if b, err = canonical(b, v[k]); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
	return b, fmt.Errorf("%T has no JSON", v)
}

func quoted(b []byte, s string) []byte {
	short := map[byte]byte{'"': '"', '\\': '\\', '\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r'}
	b = append(b, '"')
	for i := range len(s) {
		c := s[i]
		switch e, ok := short[c]; {
		case ok:
			b = append(b, '\\', e)
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
