package wire

import (
	"context"
	"time"
)

// DefaultSilence is how long a side may say nothing before it is taken for gone.
const DefaultSilence = 30 * time.Second

// Heard is how long ago anything came from the other side.
func (c *Conn) Heard() time.Duration {
	return time.Since(c.start) - time.Duration(c.heard.Load())
}

// Watch sends pings so that the other side hears something, and returns
// ErrSilence when nothing came from it for longer than limit, or the reason
// why the connection or ctx ended. It does not close anything: a write that
// hangs on a dead line ends when the caller closes that.
func (c *Conn) Watch(ctx context.Context, limit time.Duration) error {
	if limit <= 0 {
		limit = DefaultSilence
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go c.beat(ctx, limit/4)
	// A machine that slept, or a stopped process, must not take its own pause
	// for the other's silence: what has come meanwhile is read first.
	c.heard.Store(int64(time.Since(c.start)))
	last := time.Now()
	t := time.NewTicker(limit / 8)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.done:
			return c.Err()
		case now := <-t.C:
			if pause := now.Sub(last); pause > limit/2 {
				c.heard.Store(int64(time.Since(c.start)))
			}
			last = now
			if c.Heard() > limit {
				return ErrSilence
			}
		}
	}
}

func (c *Conn) beat(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := c.write(Frame{Type: TPing}); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-c.done:
			return
		case <-t.C:
		}
	}
}
