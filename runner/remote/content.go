package remote

import (
	"crypto/rand"
	"fmt"
	"io"
	"path"
	"sync"

	"github.com/mxplay/mxplay/runner/wire"
	"github.com/pkg/sftp"
)

// filesAbove is the size above which content goes over SFTP where there is any.
const filesAbove = 8 << 20

// supply answers an agent that needs content.
func (s *session) supply(n wire.Need) {
	if s.d.o.Content == nil {
		_ = s.w.SendFail(n.Stream, "this run has no content")
		return
	}
	r, size, err := s.d.o.Content(n.Hash)
	if err != nil {
		_ = s.w.SendFail(n.Stream, err.Error())
		return
	}
	// An agent of another account cannot open what lies in the first one's directory.
	if size > filesAbove && n.Stream>>24 == 0 {
		if name, ok := s.putFile(r, n.Hash); ok {
			_ = r.Close()
			_ = s.w.SendPath(n.Stream, name)
			return
		}
		_ = r.Close() // some of it was read: from the beginning
		if r, _, err = s.d.o.Content(n.Hash); err != nil {
			_ = s.w.SendFail(n.Stream, err.Error())
			return
		}
	}
	defer r.Close()
	_ = s.w.SendBlob(s.life, n.Stream, r)
}

// putFile puts content into the agent's directory; false when that cannot be
// done, and the content then goes over the wire.
func (s *session) putFile(r io.Reader, hash string) (string, bool) {
	fs := s.up.client(s.link)
	if fs == nil {
		return "", false
	}
	name := path.Join(s.hello.Dir, fmt.Sprintf("content-%.16s-%s", hash, rand.Text()[:8]))
	return name, upload(fs, name, r, 0o600) == nil
}

// uploader opens a connection's file transfer when the first content needs it.
type uploader struct {
	mu    sync.Mutex
	tried bool
	fs    *sftp.Client
}

func (u *uploader) client(l link) *sftp.Client {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.tried {
		u.tried = true
		if fs, err := l.files(); err == nil {
			u.fs = fs
		}
	}
	return u.fs
}

func (u *uploader) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tried = true
	if u.fs != nil {
		_ = u.fs.Close()
		u.fs = nil
	}
}
