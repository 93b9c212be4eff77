package runner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/mxplay/mxplay/modules"
)

// inline is how much content comes along with a call; more is asked for when it is needed.
const inline = 16 << 10

// store holds the content that agents may ask for while their calls run.
type store struct {
	mu   sync.Mutex
	held map[string]*held
}

type held struct {
	refs int
	data []byte
	path string // instead of data
	size int64
}

func newStore() *store { return &store{held: map[string]*held{}} }

func (s *store) open(hash string) (io.ReadCloser, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[hash]
	if h == nil {
		return nil, 0, fmt.Errorf("no content with the hash %s", hash)
	}
	if h.path == "" {
		return io.NopCloser(bytes.NewReader(h.data)), h.size, nil
	}
	f, err := os.Open(h.path)
	return f, h.size, err
}

// bytes makes content of data, and keeps it when it does not come along. The
// returned function lets it go.
func (s *store) bytes(name string, data []byte) (modules.Content, func()) {
	sum := sha256.Sum256(data)
	c := modules.Content{Name: name, Hash: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	if len(data) <= inline {
		c.Inline = data
		return c, func() {}
	}
	return c, s.hold(c.Hash, &held{data: data, size: c.Size})
}

// file makes content of a file on the controller.
func (s *store) file(path string, size int64) (modules.Content, func(), error) {
	if size <= inline {
		b, err := os.ReadFile(path)
		if err != nil {
			return modules.Content{}, nil, err
		}
		c, done := s.bytes(path, b)
		return c, done, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return modules.Content{}, nil, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return modules.Content{}, nil, err
	}
	c := modules.Content{Name: path, Hash: hex.EncodeToString(h.Sum(nil)), Size: n}
	return c, s.hold(c.Hash, &held{path: path, size: n}), nil
}

func (s *store) hold(hash string, h *held) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.held[hash]; old != nil {
		h = old
	}
	h.refs++
	s.held[hash] = h
	var once sync.Once
	return func() {
		once.Do(func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if h.refs--; h.refs == 0 {
				delete(s.held, hash)
			}
		})
	}
}
