package remotetest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Link stands between a client and a server and lets data pass only in steps:
// when both sides are still, all that each has sent goes to the other at
// once. What a side sends can depend only on what it was given before, so the
// number of steps in which the client answered the server is the number of
// round trips, however fast the machine is.
type Link struct {
	Addr string
	Port int

	quiet time.Duration
	ln    net.Listener
	to    string

	mu    sync.Mutex
	round int // how many round trips lie before what the client sends now
	conns []net.Conn
	delay time.Duration
	dead  bool
}

// NewLink makes a counting link to an address. A side counts as still when it
// has sent nothing for quiet (15 ms when zero).
func NewLink(t testing.TB, to string, quiet time.Duration) *Link {
	t.Helper()
	if quiet == 0 {
		quiet = 15 * time.Millisecond
	}
	return newLink(t, &Link{quiet: quiet, to: to})
}

// NewSlowLink makes a link that counts nothing and takes delay for each direction.
func NewSlowLink(t testing.TB, to string, delay time.Duration) *Link {
	t.Helper()
	return newLink(t, &Link{delay: delay, to: to})
}

func newLink(t testing.TB, l *Link) *Link {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.ln, l.Addr, l.Port = ln, ln.Addr().String(), ln.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", l.to)
			if err != nil {
				_ = c.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, c, s)
			l.mu.Unlock()
			if l.delay > 0 {
				go l.slow(c, s)
				go l.slow(s, c)
			} else {
				go l.steps(c, s)
			}
		}
	}()
	t.Cleanup(l.Cut)
	return l
}

// Trips is how many round trips have passed, the one of TCP's own handshake
// included, up to the data that the client has been given so far.
func (l *Link) Trips() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.round + 1
}

// Cut ends the link and its connections.
func (l *Link) Cut() {
	_ = l.ln.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
}

// Drop lets no more data pass, in either direction, without telling anybody.
func (l *Link) Drop() {
	l.mu.Lock()
	l.dead = true
	l.mu.Unlock()
}

func (l *Link) dropped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// side is one direction: what was sent and waits, and how many round trips lay before it.
type side struct {
	from, to net.Conn
	buf      []byte
	end      bool
	depth    int // of what this side's sender was given so far
}

// steps moves data between a client and a server, in steps.
func (l *Link) steps(c, s net.Conn) {
	var mu sync.Mutex
	news := make(chan struct{}, 1)
	up, down := &side{from: c, to: s}, &side{from: s, to: c}
	for _, d := range []*side{up, down} {
		go func() {
			b := make([]byte, 64<<10)
			for {
				n, err := d.from.Read(b)
				mu.Lock()
				d.buf = append(d.buf, b[:n]...)
				d.end = d.end || err != nil
				mu.Unlock()
				select {
				case news <- struct{}{}:
				default:
				}
				if err != nil {
					return
				}
			}
		}()
	}
	for {
		<-news
	still:
		for {
			select {
			case <-news:
			case <-time.After(l.quiet):
				break still
			}
		}
		if l.dropped() {
			continue
		}
		mu.Lock()
		a, b := up.buf, down.buf
		up.buf, down.buf = nil, nil
		over := up.end || down.end
		// What the client sends now lies one trip behind what it was given.
		sent, got := up.depth+1, down.depth
		if len(a) > 0 {
			down.depth = max(down.depth, sent)
		}
		if len(b) > 0 {
			up.depth = max(up.depth, got)
		}
		mu.Unlock()
		if len(b) > 0 {
			l.mu.Lock()
			l.round = max(l.round, got)
			l.mu.Unlock()
		}
		if len(a) > 0 {
			_, _ = s.Write(a)
		}
		if len(b) > 0 {
			_, _ = c.Write(b)
		}
		if over {
			_, _ = c.Close(), s.Close()
			return
		}
	}
}

// slow moves data one way, each piece a delay after it came.
func (l *Link) slow(from, to net.Conn) {
	type piece struct {
		b  []byte
		at time.Time
	}
	line := make(chan piece, 4096)
	go func() {
		for p := range line {
			time.Sleep(time.Until(p.at))
			if l.dropped() {
				continue
			}
			if _, err := to.Write(p.b); err != nil {
				break
			}
		}
		_ = to.Close()
		for range line {
		}
	}()
	defer close(line)
	for {
		b := make([]byte, 32<<10)
		n, err := from.Read(b)
		if n > 0 {
			line <- piece{b[:n], time.Now().Add(l.delay)}
		}
		if err != nil {
			return
		}
	}
}
