package standin

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Key signs a repository.
type Key struct {
	entity *openpgp.Entity
}

// signing is how keys and signatures are made: what the oldest apt of the lab
// reads, and as upstream's key is, RSA.
func signing() *packet.Config {
	return &packet.Config{
		Algorithm:   packet.PubKeyAlgoRSA,
		RSABits:     3072,
		DefaultHash: crypto.SHA512,
		// A host's clock may be a little behind.
		Time: func() time.Time { return time.Now().Add(-time.Hour) },
	}
}

// NewKey makes a key that does not expire.
func NewKey(name string) (*Key, error) {
	e, err := openpgp.NewEntity(name, "", "lab@mxplay.invalid", signing())
	if err != nil {
		return nil, fmt.Errorf("new key: %w", err)
	}
	return &Key{e}, nil
}

// LoadKey returns the key kept in dir, and makes one if there is none, so that
// playbooks can pin its fingerprint for as long as the directory lives.
func LoadKey(dir string) (*Key, error) {
	path := filepath.Join(dir, "secret-key.asc")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(dir, path); err != nil {
			return nil, err
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(text))
	if err != nil || len(ring) != 1 {
		return nil, fmt.Errorf("%s: not one key: %w", path, err)
	}
	return &Key{ring[0]}, nil
}

func createKey(dir, path string) error {
	k, err := NewKey("Stand-in for packages.matrix.org")
	if err != nil {
		return err
	}
	text, err := armored(openpgp.PrivateKeyType, func(b *bytes.Buffer) error {
		return k.entity.SerializePrivate(b, signing())
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	// Of two processes that get here together the first one's key counts.
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Fingerprint is 40 hex digits in capitals.
func (k *Key) Fingerprint() string {
	return strings.ToUpper(hex.EncodeToString(k.entity.PrimaryKey.Fingerprint))
}

// Public is the key as apt wants it in a .gpg file.
func (k *Key) Public() ([]byte, error) {
	var b bytes.Buffer
	err := k.entity.Serialize(&b)
	return b.Bytes(), err
}

// Armored is the key as apt wants it in an .asc file.
func (k *Key) Armored() ([]byte, error) {
	return armored(openpgp.PublicKeyType, func(b *bytes.Buffer) error { return k.entity.Serialize(b) })
}

func armored(kind string, write func(*bytes.Buffer) error) ([]byte, error) {
	var raw, b bytes.Buffer
	if err := write(&raw); err != nil {
		return nil, err
	}
	w, err := armor.Encode(&b, kind, nil)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(raw.Bytes())
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// clearSign is the text with its signature around it, as InRelease is.
func (k *Key) clearSign(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, k.entity.PrivateKey, signing())
	if err != nil {
		return nil, err
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// detachSign is the signature alone, as Release.gpg is.
func (k *Key) detachSign(text []byte) ([]byte, error) {
	var b bytes.Buffer
	err := openpgp.ArmoredDetachSign(&b, k.entity, bytes.NewReader(text), signing())
	return b.Bytes(), err
}
