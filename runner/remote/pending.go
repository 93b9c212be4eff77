package remote

import (
	"context"
	"sync"

	"github.com/mxplay/mxplay/runner/wire"
)

// Pending is a call whose results are to come.
type Pending struct {
	ID uint64

	onEvent func(wire.Event)
	call    wire.Call // as it was started; guarded by the Conn
	got     int       // results that came; guarded by the Conn
	offset  int       // items left out when it was sent again; guarded by the Conn

	cancelled bool // guarded by the Conn

	mu   sync.Mutex
	list []wire.Result
	last bool // the last result was taken
	err  error
	news chan struct{}
}

// Next is the next result of the call, in the order of items; false after the
// last. When the connection is lost, what had come is still given first.
func (p *Pending) Next(ctx context.Context) (wire.Result, bool, error) {
	for {
		p.mu.Lock()
		switch {
		case len(p.list) > 0:
			r := p.list[0]
			p.list = p.list[1:]
			p.last = r.Last
			p.mu.Unlock()
			return r, true, nil
		case p.last:
			p.mu.Unlock()
			return wire.Result{}, false, nil
		case p.err != nil:
			defer p.mu.Unlock()
			return wire.Result{}, false, p.err
		}
		p.mu.Unlock()
		select {
		case <-p.news:
		case <-ctx.Done():
			return wire.Result{}, false, context.Cause(ctx)
		}
	}
}

func (p *Pending) add(r wire.Result) {
	p.mu.Lock()
	p.list = append(p.list, r)
	p.mu.Unlock()
	p.poke()
}

func (p *Pending) end(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.poke()
}

func (p *Pending) poke() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}
