package delay

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that sends back what it gets, and closes when the client does.
func echo(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, oneWay time.Duration) (*Proxy, *net.TCPConn) {
	p, err := Listen(echo(t), oneWay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return p, c.(*net.TCPConn)
}

// ask sends one byte and waits for it to come back.
func ask(t *testing.T, c net.Conn) time.Duration {
	start := time.Now()
	if _, err := c.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

func near(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got < want || got > want+want/2+50*time.Millisecond {
		t.Errorf("%s took %v, want about %v", what, got, want)
	}
}

func TestRoundTripsTakeTwiceTheWay(t *testing.T) {
	p, c := dial(t, 20*time.Millisecond)
	near(t, "handshake and one question", ask(t, c), 80*time.Millisecond)
	near(t, "one question", ask(t, c), 40*time.Millisecond)
	near(t, "one question", ask(t, c), 40*time.Millisecond)
	// The handshake, and two questions that waited for the answer before. The
	// first question waited for the handshake only.
	if p.Trips() != 3 {
		t.Errorf("%d trips, want 3", p.Trips())
	}
	p.Reset()
	ask(t, c)
	if up, down := p.Bytes(); p.Trips() != 1 || up != 1 || down != 1 {
		t.Errorf("after Reset: %d trips, %d up, %d down, want 1 each", p.Trips(), up, down)
	}
}

func TestSendingAheadIsOneTrip(t *testing.T) {
	p, c := dial(t, 30*time.Millisecond)
	ask(t, c)
	p.Reset()
	start := time.Now()
	for range 20 {
		if _, err := c.Write([]byte("question")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := io.ReadFull(c, make([]byte, 20*len("question"))); err != nil {
		t.Fatal(err)
	}
	if p.Trips() != 1 {
		t.Errorf("%d trips, want 1", p.Trips())
	}
	near(t, "twenty questions at once", time.Since(start), 60*time.Millisecond)
}

func TestThroughputAndOrder(t *testing.T) {
	_, c := dial(t, 50*time.Millisecond)
	sent := make([]byte, 32<<20)
	rand.Read(sent)
	start := time.Now()
	go func() {
		c.Write(sent)
		c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, sent) {
		t.Fatalf("got %d bytes that are not the %d sent", len(got), len(sent))
	}
	// With one piece of 64 KiB a trip this would take 50 s.
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("32 MiB took %v", d)
	}
}

func TestServerThatSpeaksFirst(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Write([]byte("hello"))
			c.Close()
		}
	}()
	p, err := Listen(l.Addr().String(), 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	start := time.Now()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := io.ReadAll(c)
	if string(got) != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	near(t, "three packets of the handshake and the greeting", time.Since(start), 80*time.Millisecond)
}

func TestClosedTarget(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := l.Addr().String()
	l.Close()
	p, err := Listen(target, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a connection to nothing can be read")
	}
}

func TestCloseCutsConnections(t *testing.T) {
	p, c := dial(t, 10*time.Millisecond)
	ask(t, c)
	done := make(chan error, 1)
	go func() { done <- p.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Close does not return")
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection outlived its proxy")
	}
}

func TestSilenceTellsNobody(t *testing.T) {
	p, c := dial(t, time.Millisecond)
	ask(t, c)
	p.Silence()
	if _, err := c.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	if e, ok := err.(net.Error); !ok || !e.Timeout() {
		t.Errorf("reading a dead line gives %v, want a timeout", err)
	}
}
