package turncheck

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Messages and attributes of STUN (RFC 8489) and TURN (RFC 8656).
const (
	magic = 0x2112A442

	allocate = 0x0003
	refresh  = 0x0004
	success  = 0x0100

	attrUsername  = 0x0006
	attrIntegrity = 0x0008
	attrError     = 0x0009
	attrLifetime  = 0x000D
	attrRealm     = 0x0014
	attrNonce     = 0x0015
	attrRelayed   = 0x0016
	attrTransport = 0x0019
)

// message is a STUN message.
type message struct {
	kind  uint16
	id    [12]byte
	attrs []attr
}

type attr struct {
	kind  uint16
	value []byte
}

func (m *message) add(kind uint16, value []byte) { m.attrs = append(m.attrs, attr{kind, value}) }

func (m *message) get(kind uint16) []byte {
	for _, a := range m.attrs {
		if a.kind == kind {
			return a.value
		}
	}
	return nil
}

// bytes is the message as it is sent; with a key it is signed.
func (m *message) bytes(key []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, m.kind)
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint32(b, magic)
	b = append(b, m.id[:]...)
	for _, a := range m.attrs {
		b = appendAttr(b, a)
	}
	if key != nil {
		// the length that is signed counts the signature
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)-20+24))
		b = appendAttr(b, attr{attrIntegrity, sign(b, key)})
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-20))
	return b
}

func appendAttr(b []byte, a attr) []byte {
	b = binary.BigEndian.AppendUint16(b, a.kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.value)))
	b = append(b, a.value...)
	return append(b, make([]byte, -len(a.value)&3)...)
}

func sign(b, key []byte) []byte {
	m := hmac.New(sha1.New, key)
	m.Write(b)
	return m.Sum(nil)
}

// longTerm is the key of a user in a realm.
func longTerm(user, realm, password string) []byte {
	sum := md5.Sum([]byte(user + ":" + realm + ":" + password))
	return sum[:]
}

// size is how long a message is whose first 20 bytes these are.
func size(head []byte) (int, error) {
	if len(head) < 20 || head[0]&0xC0 != 0 || binary.BigEndian.Uint32(head[4:]) != magic || head[3]&3 != 0 {
		return 0, errors.New("the answer is not STUN")
	}
	return 20 + int(binary.BigEndian.Uint16(head[2:])), nil
}

func parse(b []byte) (message, error) {
	n, err := size(b)
	if err != nil {
		return message{}, err
	}
	if len(b) < n {
		return message{}, errors.New("the answer is cut short")
	}
	m := message{kind: binary.BigEndian.Uint16(b)}
	copy(m.id[:], b[8:20])
	for b = b[20:n]; len(b) > 0; {
		if len(b) < 4 {
			return m, errors.New("an attribute of the answer is cut short")
		}
		kind, l := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		whole := 4 + l + -l&3
		if len(b) < whole {
			return m, errors.New("an attribute of the answer is cut short")
		}
		m.add(kind, b[4:4+l])
		b = b[whole:]
	}
	return m, nil
}

// signed tells whether raw, whose message m is, was signed with the key.
func signed(raw []byte, key []byte) bool {
	for at := 20; at+4 <= len(raw); {
		kind, l := binary.BigEndian.Uint16(raw[at:]), int(binary.BigEndian.Uint16(raw[at+2:]))
		if kind == attrIntegrity && l == 20 && at+24 <= len(raw) {
			b := bytes.Clone(raw[:at])
			binary.BigEndian.PutUint16(b[2:], uint16(at-20+24))
			return hmac.Equal(sign(b, key), raw[at+4:at+24])
		}
		at += 4 + l + -l&3
	}
	return false
}

// refused is an error that the server answered with.
type refused struct {
	code   int
	reason string
}

func (e *refused) Error() string { return fmt.Sprintf("the server answers %d %s", e.code, e.reason) }

func (m message) err() error {
	v := m.get(attrError)
	if len(v) < 4 {
		return errors.New("the server refuses without saying why")
	}
	return &refused{int(v[2]&7)*100 + int(v[3]), string(v[4:])}
}

// address reads an attribute that is masked with the header.
func (m message) address(v []byte) (netip.AddrPort, bool) {
	if len(v) < 8 {
		return netip.AddrPort{}, false
	}
	mask := binary.BigEndian.AppendUint32(nil, magic)
	mask = append(mask, m.id[:]...)
	port := binary.BigEndian.Uint16(v[2:]) ^ magic>>16
	ip := bytes.Clone(v[4:])
	if len(ip) > 16 {
		return netip.AddrPort{}, false
	}
	for i := range ip {
		ip[i] ^= mask[i]
	}
	a, ok := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a, port), ok
}
