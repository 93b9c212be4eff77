package agent

import (
	"context"
	"sync"
	"time"
)

// parkLimit is how long a session waits for the next item.
const parkLimit = time.Second

// park keeps one session between items. Playbooks ask PostgreSQL several times
// in a row, and most of an answer's time is the making of the session. Only one
// that has done nothing but look, in the database postgres, is kept; whatever
// may change the host ends it first, so that it never stands in the way of a
// DROP DATABASE or sees a server that was restarted.
type park struct {
	mu    sync.Mutex
	key   string
	sess  *session
	timer *time.Timer
}

// put keeps a session; one that was kept ends.
func (p *park) put(key string, s *session) {
	p.drop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.sess = key, s
	p.timer = time.AfterFunc(parkLimit, func() {
		if s := p.out(s); s != nil {
			s.close()
		}
	})
}

// take gives the session that is kept, if it is this one and alive.
func (p *park) take(ctx context.Context, key string) *session {
	p.mu.Lock()
	s := p.sess
	if s == nil || p.key != key {
		s = nil
	}
	p.mu.Unlock()
	if s = p.out(s); s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, parkLimit)
	defer cancel()
	if s.conn.Ping(ctx) != nil {
		s.close()
		return nil
	}
	return s
}

// drop ends the session that is kept.
func (p *park) drop() {
	p.mu.Lock()
	s := p.sess
	p.mu.Unlock()
	if s = p.out(s); s != nil {
		s.close()
	}
}

// out takes this session out, nil when it is not there any more.
func (p *park) out(s *session) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s == nil || p.sess != s {
		return nil
	}
	p.timer.Stop()
	p.sess, p.timer = nil, nil
	return s
}
