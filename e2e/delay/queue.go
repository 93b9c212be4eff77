package delay

import (
	"context"
	"sync"
)

// queue is what travels on a line: first in, first out, without a limit.
type queue struct {
	mu    sync.Mutex
	items []piece
	more  chan struct{} // has one token if there may be items
}

func newQueue() *queue { return &queue{more: make(chan struct{}, 1)} }

func (q *queue) put(p piece) {
	q.mu.Lock()
	q.items = append(q.items, p)
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// get waits for the next item, or for the context's end.
func (q *queue) get(ctx context.Context) (piece, bool) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			p := q.items[0]
			q.items[0] = piece{}
			q.items = q.items[1:]
			q.mu.Unlock()
			return p, true
		}
		q.mu.Unlock()
		select {
		case <-q.more:
		case <-ctx.Done():
			return piece{}, false
		}
	}
}
