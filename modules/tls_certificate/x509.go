package tlscertificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

var hostRE = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

func isName(n string) bool {
	_, err := netip.ParseAddr(n)
	return err == nil || hostRE.MatchString(n) && len(n) < 254
}

// examine reads a certificate and its key into s and says why they do not do; "" if they do.
func examine(a Args, cert, key []byte, s *State) string {
	if cert == nil {
		return "there is none"
	}
	c, err := readCert(cert)
	if err != nil {
		return err.Error()
	}
	s.Subject, s.Issuer = c.Subject.String(), c.Issuer.String()
	s.NotAfter = c.NotAfter.UTC().Format(time.RFC3339)
	s.SelfSigned = bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
	sum := sha256.Sum256(c.Raw)
	s.Fingerprint = hex.EncodeToString(sum[:])
	s.Names = append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		s.Names = append(s.Names, ip.String())
	}
	slices.Sort(s.Names)
	if key == nil {
		return "its key is missing"
	}
	k, err := readKey(key)
	if err != nil {
		return "its key: " + err.Error()
	}
	pub, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(c.PublicKey) {
		return "the key is another certificate's"
	}
	var lacks []string
	for _, n := range a.Names {
		if !covers(s.Names, n) {
			lacks = append(lacks, n)
		}
	}
	left := c.NotAfter.Sub(s.Now)
	soon := time.Duration(a.RenewBefore) * 24 * time.Hour
	switch {
	case len(lacks) > 0:
		return "it is not for " + strings.Join(lacks, ", ")
	case left <= 0:
		return "it ended on " + c.NotAfter.UTC().Format(time.DateOnly)
	case s.Now.Before(c.NotBefore):
		return "it begins only on " + c.NotBefore.UTC().Format(time.DateOnly)
	case s.SelfSigned && left < soon:
		return "it ends on " + c.NotAfter.UTC().Format(time.DateOnly)
	}
	return ""
}

// covers tells that a name is among names; addresses compare by value, a wildcard stands for one label.
func covers(names []string, n string) bool {
	n = strings.ToLower(n)
	if ip, err := netip.ParseAddr(n); err == nil {
		n = ip.Unmap().String()
	}
	for _, have := range names {
		have = strings.ToLower(have)
		_, parent, ok := strings.Cut(n, ".")
		if have == n || ok && !strings.HasPrefix(n, "*") && have == "*."+parent {
			return true
		}
	}
	return false
}

func readCert(b []byte) (*x509.Certificate, error) {
	for len(b) > 0 {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, errors.New("it is no certificate that can be read")
			}
			return c, nil
		}
	}
	return nil, errors.New("there is no certificate in it")
}

func readKey(b []byte) (crypto.Signer, error) {
	for len(b) > 0 {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		var k any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			k, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			k, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return nil, errors.New("it has a passphrase")
			}
			k, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("it has a passphrase")
		default:
			continue
		}
		if s, ok := k.(crypto.Signer); ok && err == nil {
			return s, nil
		}
		return nil, errors.New("it is no private key that can be read")
	}
	return nil, errors.New("there is no private key in it")
}

// selfSigned makes a key and a certificate of it, out of the seed.
func selfSigned(a Args, seed []byte, now time.Time) (cert, key []byte, err error) {
	random := &stream{seed: seed}
	k, err := newKey(a, random)
	if err != nil {
		return nil, nil, err
	}
	serial := make([]byte, 16)
	_, _ = random.Read(serial)
	serial[0] = serial[0]&0x7f | 0x40
	t := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: a.Names[0]},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, a.Days),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true, // so that it can be put into a trust store
	}
	if a.KeyType == "rsa" {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	if len(t.Subject.CommonName) > 64 {
		t.Subject.CommonName = "mxplay self-signed"
	}
	for _, n := range a.Names {
		if ip, err := netip.ParseAddr(n); err == nil {
			t.IPAddresses = append(t.IPAddresses, ip.Unmap().AsSlice())
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(random, t, t, k.Public(), k)
	if err != nil {
		return nil, nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil
}

func newKey(a Args, random io.Reader) (crypto.Signer, error) {
	if a.KeyType == "rsa" {
		return rsa.GenerateKey(random, a.KeySize)
	}
	raw := make([]byte, 32)
	for range 8 { // a number beyond the curve's order comes once in four thousand million
		if _, err := random.Read(raw); err != nil {
			return nil, err
		}
		if k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw); err == nil {
			return k, nil
		}
	}
	return nil, fmt.Errorf("no key came out of the random numbers")
}

// stream stretches a seed: SHA-256 over the seed and a counter.
type stream struct {
	seed []byte
	n    uint64
	rest []byte
}

func (s *stream) Read(p []byte) (int, error) {
	for i := range p {
		if len(s.rest) == 0 {
			sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("mxplay key\x00"), s.seed...), s.n))
			s.n, s.rest = s.n+1, sum[:]
		}
		p[i], s.rest = s.rest[0], s.rest[1:]
	}
	return len(p), nil
}
