package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

// maxContent is how much content a module may hold in memory.
const maxContent = 64 << 20

// contents fetches what lives on the controller, and keeps the last of it: a
// module that compares it in Check writes the same in its step.
type contents struct {
	conn *wire.Conn
	dir  string // of an asynchronous task, which has all of it there and no controller

	mu   sync.Mutex
	hash string
	data []byte
}

func newContents(c *wire.Conn) *contents { return &contents{conn: c} }

// Content is content as bytes.
func (h *host) Content(ctx context.Context, c modules.Content) ([]byte, error) {
	if c.Size > maxContent {
		return nil, fmt.Errorf("%s: %d MiB are more than a module reads into memory", c.Name, c.Size>>20)
	}
	var b bytes.Buffer
	err := h.contentTo(ctx, c, &b)
	return b.Bytes(), err
}

// contentTo writes content to w and errs unless it is what its hash says.
func (h *host) contentTo(ctx context.Context, c modules.Content, w io.Writer) error {
	if int64(len(c.Inline)) == c.Size {
		if c.Hash != "" && hashOf(c.Inline) != c.Hash {
			return fmt.Errorf("%s: the content is not what its hash says", c.Name)
		}
		_, err := w.Write(c.Inline)
		return err
	}
	k := h.agent.content
	k.mu.Lock()
	data, have := k.data, k.hash == c.Hash && c.Hash != ""
	k.mu.Unlock()
	if have {
		_, err := w.Write(data)
		return err
	}
	sum := sha256.New()
	n := &counter{}
	to := []io.Writer{w, sum, n}
	var keep bytes.Buffer
	if c.Size <= 8<<20 {
		to = append(to, &keep)
	}
	if err := k.fetch(ctx, h.call.ID, c.Hash, io.MultiWriter(to...)); err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != c.Hash {
		return fmt.Errorf("%s: what came is not what its hash says (%d bytes of %d)", c.Name, n.n, c.Size)
	}
	if c.Size <= 8<<20 {
		k.mu.Lock()
		k.hash, k.data = c.Hash, keep.Bytes()
		k.mu.Unlock()
	}
	return nil
}

// fetch asks the controller for content and writes it to w.
func (k *contents) fetch(ctx context.Context, call uint64, hash string, w io.Writer) error {
	if k.dir != "" {
		return copyFile(w, contentPath(k.dir, hash))
	}
	stream := k.conn.NextStream()
	in := k.conn.Expect(stream)
	if err := k.conn.Send(wire.TNeed, wire.Need{ID: call, Hash: hash, Stream: stream}); err != nil {
		return err
	}
	path, err := in.Copy(ctx, w)
	if err != nil || path == "" {
		return err
	}
	defer os.Remove(path)
	return copyFile(w, path)
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

func hashOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
