package expr

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"strings"

	//lint:ignore SA1019 bcrypt is made of Blowfish
	"golang.org/x/crypto/blowfish"
)

// bcryptText is bcrypt's base64.
var bcryptText = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// bcryptHash is OpenBSD's bcrypt; salt is 16 bytes, cost 4 to 31.
func bcryptHash(password string, salt []byte, cost int, ident string) (string, error) {
	key := append([]byte(password), 0)
	key = key[:min(len(key), 72)]
	c, err := blowfish.NewSaltedCipher(key, salt)
	if err != nil {
		return "", err
	}
	for range 1 << cost {
		blowfish.ExpandKey(key, c)
		blowfish.ExpandKey(salt, c)
	}
	text := []byte("OrpheanBeholderScryDoubt")
	for i := 0; i < len(text); i += 8 {
		for range 64 {
			c.Encrypt(text[i:i+8], text[i:i+8])
		}
	}
	return fmt.Sprintf("$%s$%02d$%s%s", ident, cost, bcryptText.EncodeToString(salt), bcryptText.EncodeToString(text[:23])), nil
}

// md5Crypt is FreeBSD's MD5 crypt, of old /etc/shadow files.
func md5Crypt(password, salt string) string {
	sum := func(parts ...string) []byte {
		h := md5.Sum([]byte(strings.Join(parts, "")))
		return h[:]
	}
	alt := string(sum(password, salt, password))
	in := password + "$1$" + salt
	for n := len(password); n > 0; n -= 16 {
		in += alt[:min(n, 16)]
	}
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			in += "\x00"
		} else {
			in += password[:1]
		}
	}
	a := sum(in)
	for i := range 1000 {
		var b strings.Builder
		put := func(ok bool, s string) {
			if ok {
				b.WriteString(s)
			}
		}
		put(i&1 != 0, password)
		put(i&1 == 0, string(a))
		put(i%3 != 0, salt)
		put(i%7 != 0, password)
		put(i&1 != 0, string(a))
		put(i&1 == 0, password)
		a = sum(b.String())
	}
	var out strings.Builder
	digits := func(x, y, z byte, n int) {
		w := uint(x)<<16 | uint(y)<<8 | uint(z)
		for range n {
			out.WriteByte(cryptAlphabet[w&63])
			w >>= 6
		}
	}
	for i := range 5 {
		last := i + 12
		if i == 4 {
			last = 5
		}
		digits(a[i], a[i+6], a[last], 4)
	}
	digits(0, 0, a[11], 2)
	return "$1$" + salt + "$" + out.String()
}
