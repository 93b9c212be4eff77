package wire

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Incoming is a content that was asked for. Make it with Expect before the
// Need goes out, and call Copy once.
type Incoming struct {
	c      *Conn
	stream uint32
	frames chan Frame
}

// NextStream is a stream number that this side has not used yet.
func (c *Conn) NextStream() uint32 { return c.streams.Add(1) }

// Expect prepares for the content that will come on stream.
func (c *Conn) Expect(stream uint32) *Incoming {
	in := &Incoming{c: c, stream: stream, frames: make(chan Frame, Window/Chunk+2)}
	c.mu.Lock()
	c.in[stream] = in
	c.mu.Unlock()
	return in
}

// put never blocks for a sender that keeps to its credit; one that does not loses its content.
func (in *Incoming) put(f Frame) {
	select {
	case in.frames <- f:
	default:
		in.c.forget(in.stream)
		close(in.frames)
	}
}

func (c *Conn) forget(stream uint32) {
	c.mu.Lock()
	delete(c.in, stream)
	c.mu.Unlock()
}

// Copy writes the content to w as it comes. When the controller answered with
// a file on this host instead, it is path, and nothing was written.
func (in *Incoming) Copy(ctx context.Context, w io.Writer) (path string, err error) {
	defer in.c.forget(in.stream)
	for {
		var f Frame
		var ok bool
		select {
		case f, ok = <-in.frames:
		default:
			select {
			case f, ok = <-in.frames:
			case <-ctx.Done():
				return "", context.Cause(ctx)
			case <-in.c.done:
				return "", fmt.Errorf("the connection ended: %w", in.c.Err())
			}
		}
		if !ok {
			return "", fmt.Errorf("%w: more content than it was asked for", ErrFormat)
		}
		switch f.Type {
		case TPath:
			var p Path
			if err := f.Into(&p); err != nil {
				return "", err
			}
			return p.Path, nil
		case TFail:
			var p Fail
			if err := f.Into(&p); err != nil {
				return "", err
			}
			return "", errors.New(p.Text)
		}
		if len(f.Body) == 0 {
			return "", nil
		}
		if _, err := w.Write(f.Body); err != nil {
			return "", err
		}
		credit := binary.BigEndian.AppendUint32(nil, uint32(len(f.Body)))
		if err := in.c.write(Frame{Type: TCredit, Stream: in.stream, Body: credit}); err != nil {
			return "", err
		}
	}
}

// outgoing is a content on its way out.
type outgoing struct {
	mu     sync.Mutex
	credit int
	more   chan struct{}
}

func (o *outgoing) grant(n uint32) {
	o.mu.Lock()
	o.credit = min(o.credit+int(n), Window)
	o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
}

// take waits for credit for n bytes and uses it up.
func (o *outgoing) take(ctx context.Context, c *Conn, n int) error {
	for {
		o.mu.Lock()
		ok := o.credit >= n
		if ok {
			o.credit -= n
		}
		o.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-o.more:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.done:
			return fmt.Errorf("the connection ended: %w", c.Err())
		}
	}
}

// SendBlob answers a Need with content, no faster than the other side takes
// it. An error of r is told to the other side and returned.
func (c *Conn) SendBlob(ctx context.Context, stream uint32, r io.Reader) error {
	o := &outgoing{credit: Window, more: make(chan struct{}, 1)}
	c.mu.Lock()
	c.out[stream] = o
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.out, stream)
		c.mu.Unlock()
	}()
	buf := make([]byte, Chunk)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if terr := o.take(ctx, c, n); terr != nil {
				_ = c.SendFail(stream, terr.Error())
				return terr
			}
			if werr := c.write(Frame{Type: TBlob, Stream: stream, Body: buf[:n]}); werr != nil {
				return werr
			}
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return c.write(Frame{Type: TBlob, Stream: stream})
		case err != nil:
			_ = c.SendFail(stream, err.Error())
			return err
		}
	}
}

// SendPath answers a Need with a file that was put on the host.
func (c *Conn) SendPath(stream uint32, path string) error {
	return c.sendOn(TPath, stream, Path{Path: path})
}

// SendFail answers a Need with the reason why the content cannot be had.
func (c *Conn) SendFail(stream uint32, text string) error {
	return c.sendOn(TFail, stream, Fail{Text: text})
}

func (c *Conn) sendOn(t Type, stream uint32, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.SendBody(t, stream, b)
}
