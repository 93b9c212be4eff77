package wire

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is one end of the connection. Any number of goroutines may send; one
// goroutine calls Recv again and again until it errs: it also moves content
// and credit to those who wait for them.
type Conn struct {
	r *bufio.Reader

	wmu  sync.Mutex // held for one frame
	w    io.Writer
	wbuf []byte
	werr error

	start    time.Time
	heard    atomic.Int64 // when bytes came last, since start
	streams  atomic.Uint32
	partial  map[partKey][]byte // messages that have not come whole yet
	partSize int

	mu   sync.Mutex
	in   map[uint32]*Incoming
	out  map[uint32]*outgoing
	err  error         // why Recv ended
	done chan struct{} // closed when Recv has ended

	pong chan []byte
}

type partKey struct {
	t      Type
	stream uint32
}

// NewConn makes a connection of a reader that stands behind Magic, if any, and a writer.
func NewConn(r io.Reader, w io.Writer) *Conn {
	c := &Conn{
		w: w, start: time.Now(), partial: map[partKey][]byte{},
		in: map[uint32]*Incoming{}, out: map[uint32]*outgoing{},
		done: make(chan struct{}), pong: make(chan []byte, 1),
	}
	// Keep what a bufio.Reader already holds, and see every byte that comes.
	c.r = bufio.NewReaderSize(&listener{r: r, c: c}, 64<<10)
	go c.pongs()
	return c
}

// listener notes when bytes came, so that a long frame on a slow line is no silence.
type listener struct {
	r io.Reader
	c *Conn
}

func (l *listener) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if n > 0 {
		l.c.heard.Store(int64(time.Since(l.c.start)))
	}
	return n, err
}

// Send sends v as JSON. A message longer than a frame goes in several.
func (c *Conn) Send(t Type, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", t, err)
	}
	return c.SendBody(t, 0, b)
}

// SendBody sends a message that is bytes already. With stream 0 a message of
// several frames gets a stream of its own.
func (c *Conn) SendBody(t Type, stream uint32, b []byte) error {
	if len(b) > MaxMessage {
		return fmt.Errorf("%s of %d MiB: at most %d MiB can be sent at once", t, len(b)>>20, MaxMessage>>20)
	}
	if len(b) > piece && stream == 0 {
		stream = c.streams.Add(1)
	}
	for len(b) > piece {
		if err := c.write(Frame{Type: t | more, Stream: stream, Body: b[:piece]}); err != nil {
			return err
		}
		b = b[piece:]
	}
	return c.write(Frame{Type: t, Stream: stream, Body: b})
}

// write puts one frame on the wire; an error is for good.
func (c *Conn) write(f Frame) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.werr != nil {
		return c.werr
	}
	c.wbuf = AppendFrame(c.wbuf[:0], f)
	if _, err := c.w.Write(c.wbuf); err != nil {
		c.werr = err
	}
	return c.werr
}

// Recv is the next message for the caller. Pings are answered here; content
// and credit of streams that this side opened are moved on and not returned.
// After an error the connection is over, and whoever waits for content is told.
func (c *Conn) Recv() (Frame, error) {
	for {
		f, err := ReadFrame(c.r)
		if err == nil {
			f, err = c.join(f)
		}
		if err != nil {
			c.end(err)
			return Frame{}, err
		}
		if f.Type&more != 0 || c.own(f) {
			continue
		}
		return f, nil
	}
}

// join puts the frames of a message together; the type keeps the mark more while it is not whole.
func (c *Conn) join(f Frame) (Frame, error) {
	k := partKey{f.Type &^ more, f.Stream}
	have, begun := c.partial[k]
	if f.Type&more == 0 && !begun {
		return f, nil
	}
	if k.t == TBlob || len(have)+len(f.Body) > MaxMessage || c.partSize+len(f.Body) > 2*MaxMessage {
		return f, fmt.Errorf("%w: a %s that is too long", ErrFormat, k.t)
	}
	have = append(have, f.Body...)
	if f.Type&more != 0 {
		if !begun && len(c.partial) >= 64 {
			return f, fmt.Errorf("%w: too many unfinished messages", ErrFormat)
		}
		c.partial[k] = have
		c.partSize += len(f.Body)
		return f, nil
	}
	delete(c.partial, k)
	c.partSize -= len(have) - len(f.Body)
	return Frame{Type: k.t, Stream: f.Stream, Body: have}, nil
}

// own deals with what the connection itself understands.
func (c *Conn) own(f Frame) bool {
	switch f.Type {
	case TPing:
		select {
		case c.pong <- f.Body:
		default: // one is on its way
		}
		return true
	case TPong:
		return true
	case TBlob, TPath, TFail:
		c.mu.Lock()
		in := c.in[f.Stream]
		c.mu.Unlock()
		if in == nil {
			return false
		}
		in.put(f)
		return true
	case TCredit:
		c.mu.Lock()
		out := c.out[f.Stream]
		c.mu.Unlock()
		if out == nil {
			return false
		}
		if len(f.Body) == 4 {
			out.grant(binary.BigEndian.Uint32(f.Body))
		}
		return true
	}
	return false
}

// pongs answers pings beside the reader, which must never wait for the writer.
func (c *Conn) pongs() {
	for {
		select {
		case b := <-c.pong:
			if len(b) > 64 {
				b = b[:64]
			}
			_ = c.write(Frame{Type: TPong, Body: b})
		case <-c.done:
			return
		}
	}
}

func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.done)
	}
}

// Err is why Recv ended, nil while it has not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Done is closed when Recv has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// UseStreams makes the numbers of this side's streams begin behind base, so
// that frames of several agents can share one connection.
func (c *Conn) UseStreams(base uint32) { c.streams.Store(base) }
