// Package delay puts a long line between a client and a server on one machine:
// a TCP proxy that hands every byte on after a fixed time. Order is kept and
// throughput is not limited, so what a test measures is round trips alone.
package delay

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy listens on an address of its own and forwards to one target.
type Proxy struct {
	listener net.Listener
	target   string
	oneWay   time.Duration
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	silent   atomic.Bool
	trips    atomic.Int64
	up, down atomic.Int64
}

// Listen starts a proxy to target, host:port, on a free port of the loopback
// address. A byte takes oneWay to reach the other side, so a round trip takes
// twice that.
func Listen(target string, oneWay time.Duration) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, target: target, oneWay: oneWay}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is the proxy's own address, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close cuts all connections and waits until the proxy is gone.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.listener.Close()
	p.wg.Wait()
	return err
}

// Trips counts how often a client waited, over all connections: one for each
// connection's handshake, and one each time the client sent something after it
// had got something. A client that sends ahead makes few, one that asks and
// waits makes one a question. It is an upper bound: a client that merely
// acknowledges what it got (SSH's window adjustments) is counted as well.
func (p *Proxy) Trips() int { return int(p.trips.Load()) }

// Bytes are what went to the target and what came back.
func (p *Proxy) Bytes() (up, down int64) { return p.up.Load(), p.down.Load() }

// Reset sets the counters to zero.
func (p *Proxy) Reset() {
	p.trips.Store(0)
	p.up.Store(0)
	p.down.Store(0)
}

// Silence makes the line go dead, for what is on its way too: nothing arrives
// any more and nobody is told, as when a cable is pulled. It lasts until Close.
func (p *Proxy) Silence() { p.silent.Store(true) }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(client) })
	}
}

// serve runs one connection. The kernel shook hands with the client at once;
// over a real line that takes a round trip before either side can send.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	// Cut both ends when the proxy is closed.
	stop := context.AfterFunc(p.ctx, func() { client.Close() })
	defer stop()
	p.trips.Add(1)
	shaken := time.Now().Add(2 * p.oneWay)
	// The server sees the connection when the client's third packet arrives.
	if !p.sleep(time.Until(shaken.Add(p.oneWay))) {
		return
	}
	if p.silent.Load() {
		<-p.ctx.Done()
		return
	}
	server, err := (&net.Dialer{}).DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	stopServer := context.AfterFunc(p.ctx, func() { server.Close() })
	defer stopServer()

	var got atomic.Bool // the client got something since it last sent
	var both sync.WaitGroup
	both.Go(func() {
		p.pump(server, client, shaken, func(n int) {
			p.up.Add(int64(n))
			if got.Swap(false) {
				p.trips.Add(1)
			}
		}, nil)
	})
	both.Go(func() {
		p.pump(client, server, time.Time{}, func(n int) { p.down.Add(int64(n)) }, func() { got.Store(true) })
	})
	both.Wait()
}

// piece is what was read at one time, or the end.
type piece struct {
	data []byte
	due  time.Time
	err  error
}

// pump moves bytes from one side to the other, each after the line's delay.
// What is read before notBefore counts as sent then. It calls sent for what it
// read, and delivered before it hands a piece on, as the answer may come at once.
func (p *Proxy) pump(to, from net.Conn, notBefore time.Time, sent func(int), delivered func()) {
	// A line holds what is on its way: the queue has no limit but memory.
	line := newQueue()
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			at := time.Now()
			if at.Before(notBefore) {
				at = notBefore
			}
			if n > 0 {
				sent(n)
				line.put(piece{data: append([]byte(nil), buf[:n]...), due: at.Add(p.oneWay)})
			}
			if err != nil {
				line.put(piece{err: err, due: at.Add(p.oneWay)})
				return
			}
		}
	}()
	p.deliver(to, line, delivered)
	// Nobody takes any more, so nobody need read any more.
	from.SetReadDeadline(time.Now())
	<-done
}

func (p *Proxy) deliver(to net.Conn, line *queue, delivered func()) {
	for {
		next, ok := line.get(p.ctx)
		if !ok || !p.sleep(time.Until(next.due)) {
			return
		}
		if p.silent.Load() {
			<-p.ctx.Done()
			return
		}
		if next.err != nil {
			finish(to, next.err)
			return
		}
		if delivered != nil {
			delivered()
		}
		if _, err := to.Write(next.data); err != nil {
			return
		}
	}
}

// finish tells the other side that no more comes: an orderly end as such, a
// broken connection as a broken one.
func finish(to net.Conn, err error) {
	tcp, ok := to.(*net.TCPConn)
	if ok && errors.Is(err, io.EOF) {
		tcp.CloseWrite()
		return
	}
	if ok {
		tcp.SetLinger(0)
	}
	to.Close()
}

// sleep waits, and says whether the proxy is still there.
func (p *Proxy) sleep(d time.Duration) bool {
	if d <= 0 {
		return p.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}
