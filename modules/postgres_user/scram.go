package postgresuser

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	verifierPrefix = "SCRAM-SHA-256$"
	iterations     = 4096 // PostgreSQL's own default
)

// verifier is what PostgreSQL keeps instead of a password (RFC 5803):
// SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY.
func verifier(password string, salt []byte) string {
	return verifierOf(password, salt, iterations)
}

func verifierOf(password string, salt []byte, n int) string {
	salted, err := pbkdf2.Key(sha256.New, prepare(password), salt, n, sha256.Size)
	if err != nil {
		return ""
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return verifierPrefix + strconv.Itoa(n) + ":" + b64(salt) + "$" + b64(stored[:]) + ":" + b64(mac(salted, "Server Key"))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// matches tells that a verifier is the password's, or the verifier given as password.
func matches(have, password string) bool {
	if isVerifier(password) {
		return have == password
	}
	n, salt, ok := parts(have)
	return ok && hmac.Equal([]byte(verifierOf(password, salt, n)), []byte(have))
}

func isVerifier(s string) bool {
	_, _, ok := parts(s)
	return ok
}

func parts(v string) (n int, salt []byte, ok bool) {
	v, ok = strings.CutPrefix(v, verifierPrefix)
	if !ok {
		return 0, nil, false
	}
	head, keys, ok := strings.Cut(v, "$")
	if !ok {
		return 0, nil, false
	}
	count, text, ok := strings.Cut(head, ":")
	stored, server, ok2 := strings.Cut(keys, ":")
	n, err := strconv.Atoi(count)
	if !ok || !ok2 || err != nil || n < 1 || n > 10_000_000 {
		return 0, nil, false
	}
	for _, k := range []string{stored, server} {
		if b, err := base64.StdEncoding.DecodeString(k); err != nil || len(b) != sha256.Size {
			return 0, nil, false
		}
	}
	salt, err = base64.StdEncoding.DecodeString(text)
	return n, salt, err == nil
}

// prepare is SASLprep (RFC 4013) as PostgreSQL and libpq do it: what it would
// refuse is taken as it is.
func prepare(password string) string {
	ascii := true
	for i := range len(password) {
		ascii = ascii && password[i] < utf8.RuneSelf
	}
	if ascii || !utf8.ValidString(password) {
		return password
	}
	mapped := strings.Map(func(c rune) rune {
		switch {
		case c == 0xad, c == 0x34f, c == 0x1806, c >= 0x180b && c <= 0x180d, c >= 0x200b && c <= 0x200d,
			c == 0x2060, c >= 0xfe00 && c <= 0xfe0f, c == 0xfeff:
			return -1
		case c > 0x7f && unicode.Is(unicode.Zs, c):
			return ' '
		}
		return c
	}, password)
	out := norm.NFKC.String(mapped)
	if out == "" {
		return password
	}
	for _, c := range out {
		if unicode.Is(unicode.C, c) || unicode.Is(unicode.Noncharacter_Code_Point, c) {
			return password
		}
	}
	if !bidi(out) {
		return password
	}
	return out
}

// bidi is RFC 3454's rule for text that runs right to left, on the scripts that do.
func bidi(s string) bool {
	rtl := func(c rune) bool {
		return unicode.In(c, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana) && unicode.IsLetter(c)
	}
	rs := []rune(s)
	some, left := false, false
	for _, c := range rs {
		some = some || rtl(c)
		left = left || unicode.IsLetter(c) && !rtl(c)
	}
	return !some || !left && rtl(rs[0]) && rtl(rs[len(rs)-1])
}
