package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/mxplay/mxplay/runner/boot"
)

// HashSelf is the SHA-256 of the running binary.
func HashSelf() (string, error) {
	f, err := os.Open(self)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// binary is this agent as another account's copy is made from it, and what feeds it to the start script.
func (a *Agent) binary() (boot.Binary, func(io.Writer) error, error) {
	st, err := os.Stat(self)
	if err != nil {
		return boot.Binary{}, nil, err
	}
	hash := a.opt.Hash
	if hash == "" {
		if hash, err = HashSelf(); err != nil {
			return boot.Binary{}, nil, err
		}
	}
	feed := func(w io.Writer) error {
		f, err := os.Open(self)
		if err != nil {
			return err
		}
		defer f.Close()
		n, err := io.Copy(w, f)
		if err == nil && n != st.Size() {
			err = fmt.Errorf("the agent's own file changed")
		}
		return err
	}
	return boot.Binary{Arch: runtime.GOARCH, Hash: hash, Size: st.Size(), Sent: st.Size()}, feed, nil
}
