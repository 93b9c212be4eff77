package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// hostKeyTypes are the host keys that Debian's openssh-server makes.
var hostKeyTypes = []string{"ed25519", "ecdsa", "rsa"}

func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "ecdsa":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		return rsa.GenerateKey(rand.Reader, 3072)
	default:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
}

// ensureKey makes an OpenSSH key pair, path and path.pub, unless it is there.
func ensureKey(path, kind, comment string) error {
	if exists(path) && exists(path+".pub") {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	key, err := newKey(kind)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return err
	}
	pub, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := writeFile(path, string(pem.EncodeToMemory(block)), 0o600); err != nil {
		return err
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub))) + " " + comment + "\n"
	return writeFile(path+".pub", line, 0o644)
}

// hostKey is the file of a host's key. The keys outlive Reset, so that
// known_hosts stays true.
func (r *record) hostKey(c Config, kind string) string {
	return filepath.Join(r.dir(c), "ssh_host_"+kind+"_key")
}

func (r *record) ensureHostKeys(c Config) error {
	for _, kind := range hostKeyTypes {
		if err := ensureKey(r.hostKey(c, kind), kind, "root@"+r.Name); err != nil {
			return err
		}
	}
	return nil
}
