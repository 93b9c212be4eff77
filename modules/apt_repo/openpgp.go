package aptrepo

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// certificate is one OpenPGP key of a keyring, as far as a repository's setup
// needs it. Nothing is verified but the fingerprint, which pins the key; that
// its signatures hold is apt's work.
type certificate struct {
	Fingerprint string    // of the primary key, upper case hex
	Expires     time.Time // when it can no longer sign; zero for never
}

// dearmour gives the binary form of a keyring, armoured or binary.
func dearmour(b []byte) ([]byte, error) {
	if !bytes.Contains(b, []byte("-----BEGIN PGP ")) {
		if len(b) > 12 && string(b[8:12]) == "KBXf" {
			return nil, errors.New("the key is a GnuPG keybox; export it with gpg --export")
		}
		return b, nil
	}
	if bytes.Contains(b, []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----")) {
		return nil, errors.New("the key is a private key")
	}
	var out []byte
	text := strings.ReplaceAll(string(b), "\r\n", "\n")
	for {
		_, rest, ok := strings.Cut(text, "-----BEGIN PGP PUBLIC KEY BLOCK-----")
		if !ok {
			break
		}
		body, tail, ok := strings.Cut(rest, "-----END PGP PUBLIC KEY BLOCK-----")
		if !ok {
			return nil, errors.New("the key's armour has no end")
		}
		bin, err := dearmourBlock(body)
		if err != nil {
			return nil, err
		}
		out, text = append(out, bin...), tail
	}
	if out == nil {
		return nil, errors.New("the armour holds no public key")
	}
	return out, nil
}

func dearmourBlock(body string) ([]byte, error) {
	var data strings.Builder
	sum := ""
	headers := true
	for _, l := range strings.Split(strings.TrimPrefix(body, "\n"), "\n") {
		l = strings.TrimSpace(l)
		switch {
		case headers && strings.Contains(l, ": "):
		case l == "":
			headers = false
		case l[0] == '=' && len(l) == 5:
			sum = l[1:]
		default:
			headers = false
			data.WriteString(l)
		}
	}
	bin, err := base64.StdEncoding.DecodeString(data.String())
	if err != nil {
		return nil, fmt.Errorf("the key's armour: %w", err)
	}
	if sum != "" {
		want, err := base64.StdEncoding.DecodeString(sum)
		if err != nil || !bytes.Equal(want, crc24(bin)) {
			return nil, errors.New("the key's armour is damaged: its checksum is wrong")
		}
	}
	return bin, nil
}

func crc24(b []byte) []byte {
	crc := uint32(0xb704ce)
	for _, c := range b {
		crc ^= uint32(c) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return []byte{byte(crc >> 16), byte(crc >> 8), byte(crc)}
}

// packet is one OpenPGP packet.
type packet struct {
	tag  int
	body []byte
}

// nextPacket takes the first packet off b (RFC 9580, 4.2).
func nextPacket(b []byte) (packet, []byte, error) {
	bad := errors.New("this is no OpenPGP key")
	if len(b) < 2 || b[0]&0x80 == 0 {
		return packet{}, nil, bad
	}
	p := packet{tag: int(b[0] & 0x3f)}
	var n, at int
	if b[0]&0x40 != 0 { // the newer format
		switch l := int(b[1]); {
		case l < 192:
			n, at = l, 2
		case l < 224 && len(b) > 2:
			n, at = (l-192)<<8+int(b[2])+192, 3
		case l == 255 && len(b) > 5:
			n, at = int(binary.BigEndian.Uint32(b[2:])), 6
		default: // a partial length: not allowed in keys
			return p, nil, bad
		}
	} else {
		p.tag >>= 2
		switch b[0] & 3 {
		case 0:
			n, at = int(b[1]), 2
		case 1:
			if len(b) < 3 {
				return p, nil, bad
			}
			n, at = int(binary.BigEndian.Uint16(b[1:])), 3
		case 2:
			if len(b) < 5 {
				return p, nil, bad
			}
			n, at = int(binary.BigEndian.Uint32(b[1:])), 5
		default:
			return p, nil, bad
		}
	}
	if n < 0 || n > len(b)-at {
		return p, nil, errors.New("the OpenPGP key is cut short")
	}
	p.body = b[at : at+n]
	return p, b[at+n:], nil
}

// Packet tags that a public keyring holds.
const (
	tagSignature = 2
	tagSecret    = 5
	tagPublic    = 6
	tagSecretSub = 7
	tagSubkey    = 14
)

// certificates reads a binary keyring.
func certificates(b []byte) ([]certificate, error) {
	var out []certificate
	var cur *keyState
	end := func() {
		if cur != nil {
			out = append(out, cur.certificate())
		}
	}
	for len(b) > 0 {
		p, rest, err := nextPacket(b)
		if err != nil {
			return nil, err
		}
		b = rest
		switch p.tag {
		case tagSecret, tagSecretSub:
			return nil, errors.New("the key is a private key")
		case tagPublic:
			end()
			k, err := newKey(p.body)
			if err != nil {
				return nil, err
			}
			cur = &keyState{primary: k, keys: []*key{k}}
		case tagSubkey:
			if cur == nil {
				return nil, errors.New("the OpenPGP key begins in its middle")
			}
			k, err := newKey(p.body)
			if err != nil {
				return nil, err
			}
			cur.keys = append(cur.keys, k)
		case tagSignature:
			if cur != nil {
				cur.sign(p.body)
			}
		}
	}
	end()
	if len(out) == 0 {
		return nil, errors.New("there is no OpenPGP key in it")
	}
	return out, nil
}

// key is a primary key or a subkey with what its newest self-signature says.
type key struct {
	fingerprint []byte
	created     time.Time
	signed      uint32        // when the self-signature that counts was made
	life        time.Duration // 0: no end
	flags       byte
	revoked     bool
}

func newKey(b []byte) (*key, error) {
	if len(b) < 6 {
		return nil, errors.New("the OpenPGP key is cut short")
	}
	k := &key{created: time.Unix(int64(binary.BigEndian.Uint32(b[1:])), 0)}
	switch b[0] {
	case 4:
		h := sha1.New()
		h.Write([]byte{0x99, byte(len(b) >> 8), byte(len(b))})
		h.Write(b)
		k.fingerprint = h.Sum(nil)
	case 6:
		h := sha256.New()
		h.Write(binary.BigEndian.AppendUint32([]byte{0x9b}, uint32(len(b))))
		h.Write(b)
		k.fingerprint = h.Sum(nil)
	default:
		return nil, fmt.Errorf("OpenPGP keys of version %d are not understood", b[0])
	}
	return k, nil
}

func (k *key) expires() time.Time {
	if k.life == 0 {
		return time.Time{}
	}
	return k.created.Add(k.life)
}

type keyState struct {
	primary *key
	keys    []*key
}

// sign takes in a signature packet if it is one of the key's own over the primary key or the last subkey.
func (s *keyState) sign(b []byte) {
	sig, ok := readSignature(b)
	if !ok || !sig.by(s.primary.fingerprint) {
		return
	}
	last := s.keys[len(s.keys)-1]
	switch sig.kind {
	case 0x10, 0x11, 0x12, 0x13, 0x1f: // over a user id or the primary key
		s.primary.take(sig)
	case 0x18:
		last.take(sig)
	case 0x20:
		s.primary.revoked = true
	case 0x28:
		last.revoked = true
	}
}

func (k *key) take(sig signature) {
	if sig.created >= k.signed {
		k.signed, k.life = sig.created, time.Duration(sig.life)*time.Second
		k.flags = sig.flags
	}
}

// certificate works out until when the whole can sign: no longer than its
// primary key, and no longer than the last of its signing subkeys if it has any.
func (s *keyState) certificate() certificate {
	const maySign = 2
	c := certificate{
		Fingerprint: strings.ToUpper(hex.EncodeToString(s.primary.fingerprint)),
		Expires:     s.primary.expires(),
	}
	var last time.Time
	subs, forever := false, false
	for _, k := range s.keys[1:] {
		if k.flags&maySign == 0 || k.revoked {
			continue
		}
		e := k.expires()
		subs, forever = true, forever || e.IsZero()
		if e.After(last) {
			last = e
		}
	}
	if subs && !forever && (c.Expires.IsZero() || last.Before(c.Expires)) {
		c.Expires = last
	}
	if s.primary.revoked {
		c.Expires = s.primary.created
	}
	return c
}

// signature is what is read of a signature packet.
type signature struct {
	kind    byte
	created uint32
	life    uint32 // key expiration time
	flags   byte
	issuers [][]byte
}

func (s signature) by(fingerprint []byte) bool {
	for _, i := range s.issuers {
		if bytes.Equal(i, fingerprint) || len(i) == 8 && keyID(fingerprint, i) {
			return true
		}
	}
	return false
}

// keyID: the last eight bytes of a version 4 fingerprint, the first of a version 6 one.
func keyID(fingerprint, id []byte) bool {
	return bytes.HasSuffix(fingerprint, id) || len(fingerprint) == 32 && bytes.HasPrefix(fingerprint, id)
}

func readSignature(b []byte) (signature, bool) {
	if len(b) < 6 || b[0] != 4 && b[0] != 6 {
		return signature{}, false
	}
	s := signature{kind: b[1]}
	width := 2
	if b[0] == 6 {
		width = 4
	}
	rest := b[4:]
	for hashed := range 2 {
		if len(rest) < width {
			return s, false
		}
		n := int(binary.BigEndian.Uint16(rest))
		if width == 4 {
			n = int(binary.BigEndian.Uint32(rest))
		}
		rest = rest[width:]
		if n < 0 || n > len(rest) {
			return s, false
		}
		if !s.subpackets(rest[:n], hashed == 0) {
			return s, false
		}
		rest = rest[n:]
	}
	return s, true
}

// subpackets reads an area of subpackets; only issuers count from the one that is not hashed.
func (s *signature) subpackets(b []byte, hashed bool) bool {
	for len(b) > 0 {
		n, at := int(b[0]), 1
		switch {
		case n >= 192 && n < 255 && len(b) > 1:
			n, at = (n-192)<<8+int(b[1])+192, 2
		case n == 255 && len(b) > 4:
			n, at = int(binary.BigEndian.Uint32(b[1:])), 5
		}
		if n < 1 || n > len(b)-at {
			return false
		}
		kind, v := b[at]&0x7f, b[at+1:at+n]
		switch {
		case kind == 2 && hashed && len(v) == 4:
			s.created = binary.BigEndian.Uint32(v)
		case kind == 9 && hashed && len(v) == 4:
			s.life = binary.BigEndian.Uint32(v)
		case kind == 27 && hashed && len(v) > 0:
			s.flags = v[0]
		case kind == 16 && len(v) == 8:
			s.issuers = append(s.issuers, v)
		case kind == 33 && len(v) > 20:
			s.issuers = append(s.issuers, v[1:])
		}
		b = b[at+n:]
	}
	return true
}
