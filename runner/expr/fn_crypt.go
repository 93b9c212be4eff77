package expr

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

const cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// hashType is a way to hash passwords: what its salt may be, and its rounds.
type hashType struct {
	salt         int // characters, at most
	least        int // characters, at least
	rounds       int64
	low, high    int64
	cost         func(rounds int64) int64 // in steps
	alphabet     string
	defaultIdent string
}

var hashTypes = map[string]hashType{
	"md5":    {8, 0, 0, 0, 0, func(int64) int64 { return 1000 }, cryptAlphabet, ""},
	"sha256": {16, 0, 535000, 1000, 999_999_999, func(n int64) int64 { return n / 4 }, cryptAlphabet, ""},
	"sha512": {16, 0, 656000, 1000, 999_999_999, func(n int64) int64 { return n / 4 }, cryptAlphabet, ""},
	"bcrypt": {22, 22, 12, 4, 31, func(n int64) int64 { return 100 << n }, cryptAlphabet, "2b"},
}

func callPasswordHash(c *call) (value.Value, error) {
	kind := c.strOr(1, "sha512")
	if kind == "blowfish" {
		kind = "bcrypt"
	}
	size := c.intOr(3, 0)
	rounds := c.intOr(4, 0)
	return c.hashPassword(c.str(0), kind, c.strOr(2, ""), size, rounds, c.strOr(5, ""))
}

// hashPassword hashes a password for /etc/shadow. An empty salt is a random one
// of size characters; a size, rounds or ident of nothing are those of the type.
func (c *call) hashPassword(password, kind, salt string, size, rounds int64, ident string) (value.Value, error) {
	t, ok := hashTypes[kind]
	if !ok {
		return nil, c.errorf("%q is no type: sha512, sha256, bcrypt, md5", kind)
	}
	if salt == "" {
		if size == 0 {
			size = int64(t.salt)
		}
		if size < int64(max(t.least, 1)) || size > int64(t.salt) {
			return nil, c.errorf("salt_size of %s is %d to %d", kind, max(t.least, 1), t.salt)
		}
		salt = randomText(int(size), t.alphabet)
	}
	if strings.Trim(salt, t.alphabet) != "" || len(salt) > t.salt || len(salt) < t.least {
		return nil, c.errorf("a salt of %s is %d to %d of the characters a-z, A-Z, 0-9, . and /", kind, max(t.least, 1), t.salt)
	}
	if rounds == 0 {
		rounds = t.rounds
	}
	if rounds < t.low || rounds > t.high {
		return nil, c.errorf("rounds of %s is %d to %d", kind, t.low, t.high)
	}
	if ident != "" && kind != "bcrypt" {
		return nil, c.errorf("ident is for bcrypt only")
	}
	if err := c.spend(int(min(t.cost(min(rounds, 5*maxSteps)), maxSteps+1))); err != nil {
		return nil, err
	}
	switch kind {
	case "md5":
		return md5Crypt(password, salt), nil
	case "bcrypt":
		if ident == "" {
			ident = t.defaultIdent
		}
		if ident != "2a" && ident != "2b" && ident != "2y" {
			return nil, c.errorf("ident is 2a, 2b or 2y, not %q", ident)
		}
		raw, err := bcryptText.DecodeString(salt)
		if err != nil {
			return nil, c.errorf("this is no salt for bcrypt")
		}
		return bcryptHash(password, raw, int(rounds), ident)
	}
	return shaCrypt(kind, password, salt, int(rounds)), nil
}

// randomText is n random characters of an alphabet.
func randomText(n int, alphabet string) string {
	out := make([]byte, 0, n)
	limit := 256 - 256%len(alphabet)
	var b [64]byte
	for len(out) < n {
		_, _ = rand.Read(b[:])
		for _, x := range b {
			if int(x) < limit && len(out) < n {
				out = append(out, alphabet[int(x)%len(alphabet)])
			}
		}
	}
	return string(out)
}

// shaCrypt is Drepper's SHA-crypt as the C library has it.
func shaCrypt(kind, password, salt string, rounds int) string {
	newHash, size, id := func() hash.Hash { return sha512.New() }, 64, "6"
	if kind == "sha256" {
		newHash, size, id = func() hash.Hash { return sha256.New() }, 32, "5"
	}
	pw, s := []byte(password), []byte(salt)
	sum := func(parts ...[]byte) []byte {
		h := newHash()
		for _, p := range parts {
			_, _ = h.Write(p)
		}
		return h.Sum(nil)
	}
	stretch := func(b []byte, n int) []byte {
		var out []byte
		for len(out) < n {
			out = append(out, b[:min(len(b), n-len(out))]...)
		}
		return out
	}
	b := sum(pw, s, pw)
	h := newHash()
	_, _ = h.Write(pw)
	_, _ = h.Write(s)
	_, _ = h.Write(stretch(b, len(pw)))
	for n := len(pw); n > 0; n >>= 1 {
		if n&1 != 0 {
			_, _ = h.Write(b)
		} else {
			_, _ = h.Write(pw)
		}
	}
	a := h.Sum(nil)
	h = newHash()
	for range pw {
		_, _ = h.Write(pw)
	}
	p := stretch(h.Sum(nil), len(pw))
	h = newHash()
	for range 16 + int(a[0]) {
		_, _ = h.Write(s)
	}
	sp := stretch(h.Sum(nil), len(s))
	for i := range rounds {
		h = newHash()
		if i&1 != 0 {
			_, _ = h.Write(p)
		} else {
			_, _ = h.Write(a)
		}
		if i%3 != 0 {
			_, _ = h.Write(sp)
		}
		if i%7 != 0 {
			_, _ = h.Write(p)
		}
		if i&1 != 0 {
			_, _ = h.Write(a)
		} else {
			_, _ = h.Write(p)
		}
		a = h.Sum(a[:0])
	}
	out := "$" + id + "$"
	if rounds != 5000 {
		out += fmt.Sprintf("rounds=%d$", rounds)
	}
	return out + salt + "$" + cryptDigits(a, size)
}

// cryptDigits writes a digest in crypt's order and alphabet.
func cryptDigits(a []byte, size int) string {
	var out strings.Builder
	digits := func(x, y, z byte, n int) {
		w := uint(x)<<16 | uint(y)<<8 | uint(z)
		for range n {
			out.WriteByte(cryptAlphabet[w&63])
			w >>= 6
		}
	}
	if size == 64 {
		i, j, k := 0, 21, 42
		for range 21 {
			digits(a[i], a[j], a[k], 4)
			i, j, k = j+1, k+1, i+1
		}
		digits(0, 0, a[63], 2)
		return out.String()
	}
	i, j, k := 0, 10, 20
	for range 10 {
		digits(a[i], a[j], a[k], 4)
		i, j, k = k+1, i+1, j+1
	}
	digits(0, a[31], a[30], 3)
	return out.String()
}
