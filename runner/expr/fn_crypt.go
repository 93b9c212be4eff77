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

func callPasswordHash(c *call) (value.Value, error) {
	kind := c.strOr(1, "sha512")
	if kind != "sha512" && kind != "sha256" {
		return nil, c.errorf("%q is no type: sha512, sha256", kind)
	}
	salt := c.strOr(2, "")
	if salt == "" {
		n := c.intOr(3, 16)
		if n < 1 || n > 16 {
			return nil, c.errorf("salt_size is 1 to 16")
		}
		salt = randomText(int(n), cryptAlphabet)
	}
	if strings.Trim(salt, cryptAlphabet) != "" || len(salt) > 16 {
		return nil, c.errorf("a salt is 1 to 16 of the characters a-z, A-Z, 0-9, . and /")
	}
	def := int64(656000)
	if kind == "sha256" {
		def = 535000
	}
	rounds := c.intOr(4, def)
	if rounds < 1000 || rounds > 999_999_999 {
		return nil, c.errorf("rounds is 1000 to 999999999")
	}
	if err := c.spend(int(min(rounds, maxSteps*5) / 4)); err != nil {
		return nil, err
	}
	return shaCrypt(kind, c.str(0), salt, int(rounds)), nil
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
