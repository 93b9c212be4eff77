package place

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io/fs"

	"github.com/mxplay/mxplay/modules"
)

// Checksum is that of a file's content in hex, by md5, sha1, sha224, sha256,
// sha384 or sha512; empty when the file may not be read.
func Checksum(ctx context.Context, r modules.Reader, p, algorithm string) (string, error) {
	sum, err := checksum(ctx, r, p, algorithm)
	if errors.Is(err, fs.ErrPermission) { // what may be seen of it is seen all the same
		return "", nil
	}
	return sum, err
}

func checksum(ctx context.Context, r modules.Reader, p, algorithm string) (string, error) {
	if algorithm == "sha256" {
		return r.Hash(ctx, p)
	}
	b, err := r.ReadFile(ctx, p)
	if err != nil {
		return "", err
	}
	return Sum(algorithm, b), nil
}

// Sum is the checksum of bytes in hex, by one of these algorithms.
func Sum(algorithm string, b []byte) string {
	h := map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}[algorithm]()
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}
