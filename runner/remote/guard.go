package remote

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// guard ends what makes no progress, unless a person is being asked.
type guard struct {
	stop chan struct{}
	beat chan struct{}
	late atomic.Bool
}

func newGuard(limit time.Duration, s *secrets, onLate func()) *guard {
	g := &guard{stop: make(chan struct{}), beat: make(chan struct{}, 1)}
	go func() {
		t := time.NewTimer(limit)
		defer t.Stop()
		for {
			select {
			case <-g.stop:
				return
			case <-g.beat:
			case <-t.C:
				if s.open.Load() == 0 {
					g.late.Store(true)
					onLate()
					return
				}
			}
			t.Reset(limit)
		}
	}()
	return g
}

// touch says that there is progress.
func (g *guard) touch() {
	select {
	case g.beat <- struct{}{}:
	default:
	}
}

// end stops watching and tells whether it was too late. Call it once.
func (g *guard) end() bool {
	close(g.stop)
	return g.late.Load()
}

// watched is a connection whose reading is progress.
type watched struct {
	net.Conn
	g *guard
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.g.touch()
	return n, err
}

// touching is a reader or writer whose use is progress.
type touching struct {
	r io.Reader
	w io.Writer
	g *guard
}

func (t *touching) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.g.touch()
	return n, err
}

func (t *touching) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.g.touch()
	return n, err
}
