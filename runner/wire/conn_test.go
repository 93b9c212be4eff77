package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// pair is two ends; frames that belong to nobody come out of the channels.
func pair(t *testing.T) (a, b *Conn, fromB, fromA chan Frame) {
	t.Helper()
	x, y := net.Pipe()
	t.Cleanup(func() { x.Close(); y.Close() })
	a, b = NewConn(x, x), NewConn(y, y)
	return a, b, pump(a), pump(b)
}

func pump(c *Conn) chan Frame {
	ch := make(chan Frame, 1000)
	go func() {
		defer close(ch)
		for {
			f, err := c.Recv()
			if err != nil {
				return
			}
			ch <- f
		}
	}()
	return ch
}

func get(t *testing.T, ch chan Frame) Frame {
	t.Helper()
	select {
	case f, ok := <-ch:
		if !ok {
			t.Fatal("the connection ended")
		}
		return f
	case <-time.After(10 * time.Second):
		t.Fatal("no frame came")
	}
	panic("unreachable")
}

func TestMessages(t *testing.T) {
	a, _, _, got := pair(t)
	if err := a.Send(TCall, Call{ID: 7, Task: "copy"}); err != nil {
		t.Fatal(err)
	}
	var c Call
	if f := get(t, got); f.Type != TCall || f.Into(&c) != nil || c.ID != 7 || c.Task != "copy" {
		t.Fatalf("got %v %+v", f.Type, c)
	}
}

func TestLongMessagesShareTheLine(t *testing.T) {
	a, _, _, got := pair(t)
	long := strings.Repeat("x", 5<<20)
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if err := a.Send(TResult, Result{ID: uint64(i), Outcome: modules.Outcome{Msg: long}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			if err := a.Send(TEvent, Event{Text: "on the way"}); err != nil {
				t.Error(err)
			}
		}
	})
	n := map[Type]int{}
	for range 53 {
		f := get(t, got)
		n[f.Type]++
		if f.Type == TResult {
			var r Result
			if err := f.Into(&r); err != nil || r.Outcome.Msg != long {
				t.Fatalf("a long message came broken: %v", err)
			}
		}
	}
	wg.Wait()
	if n[TResult] != 3 || n[TEvent] != 50 {
		t.Fatalf("got %v", n)
	}
}

func TestTooLongMessage(t *testing.T) {
	a, _, _, _ := pair(t)
	err := a.SendBody(TResult, 0, make([]byte, MaxMessage+1))
	if err == nil || !strings.Contains(err.Error(), "at most") {
		t.Fatalf("got %v", err)
	}
}

func TestContent(t *testing.T) {
	a, b, _, fromA := pair(t)
	for _, size := range []int{0, 1, Chunk, Chunk + 1, 3*Window + 17} {
		data := make([]byte, size)
		rand.New(rand.NewSource(1)).Read(data)
		s := b.NextStream()
		in := b.Expect(s)
		sent := make(chan error, 1)
		go func() { sent <- a.SendBlob(context.Background(), s, bytes.NewReader(data)) }()
		var w bytes.Buffer
		path, err := in.Copy(context.Background(), &w)
		if err != nil || path != "" || !bytes.Equal(w.Bytes(), data) {
			t.Fatalf("%d bytes: got %d, %q, %v", size, w.Len(), path, err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	if len(fromA) != 0 {
		t.Fatalf("%d frames were left over", len(fromA))
	}
}

func TestContentByPathAndFailure(t *testing.T) {
	a, b, _, _ := pair(t)
	in := b.Expect(1)
	if err := a.SendPath(1, "/x/y"); err != nil {
		t.Fatal(err)
	}
	if p, err := in.Copy(context.Background(), io.Discard); p != "/x/y" || err != nil {
		t.Fatalf("got %q, %v", p, err)
	}
	in = b.Expect(2)
	bad := io.MultiReader(strings.NewReader("half"), errReader{})
	if err := a.SendBlob(context.Background(), 2, bad); err == nil {
		t.Fatal("no error")
	}
	if _, err := in.Copy(context.Background(), io.Discard); err == nil || err.Error() != "the disk is gone" {
		t.Fatalf("got %v", err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// A receiver that does not take anything stops the sender, and other frames still pass.
func TestCreditAndOthersPass(t *testing.T) {
	a, b, _, fromA := pair(t)
	in := b.Expect(1)
	ctx, cancel := context.WithCancel(context.Background())
	sent := make(chan error, 1)
	src := &countReader{}
	go func() { sent <- a.SendBlob(ctx, 1, src) }()
	time.Sleep(100 * time.Millisecond)
	if n := src.count(); n > Window+2*Chunk {
		t.Fatalf("%d bytes were sent without credit", n)
	}
	if err := a.Send(TCancel, Cancel{ID: 3}); err != nil {
		t.Fatal(err)
	}
	if f := get(t, fromA); f.Type != TCancel {
		t.Fatalf("got %v", f.Type)
	}
	cancel()
	if err := <-sent; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if _, err := in.Copy(context.Background(), io.Discard); err == nil || err.Error() != "context canceled" {
		t.Fatalf("got %v", err)
	}
}

type countReader struct {
	mu sync.Mutex
	n  int
}

func (r *countReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n += len(p)
	return len(p), nil
}

func (r *countReader) count() int { r.mu.Lock(); defer r.mu.Unlock(); return r.n }

func TestContentEndsWithTheConnection(t *testing.T) {
	x, y := net.Pipe()
	b := NewConn(y, y)
	go func() { _, _ = b.Recv() }()
	in := b.Expect(1)
	x.Close()
	if _, err := in.Copy(context.Background(), io.Discard); err == nil || !strings.Contains(err.Error(), "connection ended") {
		t.Fatalf("got %v", err)
	}
}

func TestSilence(t *testing.T) {
	x, y := net.Pipe()
	defer x.Close()
	defer y.Close()
	a := NewConn(x, x)
	go func() { _, _ = a.Recv() }()
	go func() { _, _ = io.Copy(io.Discard, y) }() // hears all, says nothing
	begin := time.Now()
	err := a.Watch(context.Background(), 200*time.Millisecond)
	if !errors.Is(err, ErrSilence) {
		t.Fatalf("got %v", err)
	}
	if d := time.Since(begin); d < 200*time.Millisecond || d > 2*time.Second {
		t.Fatalf("it took %v", d)
	}
}

func TestPingsKeepALineAlive(t *testing.T) {
	a, b, _, _ := pair(t)
	ctx, cancel := context.WithTimeout(context.Background(), 700*time.Millisecond)
	defer cancel()
	go func() { _ = b.Watch(ctx, 300*time.Millisecond) }()
	if err := a.Watch(ctx, 300*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestSecondWriterAfterError(t *testing.T) {
	x, y := net.Pipe()
	y.Close()
	a := NewConn(x, x)
	for range 2 {
		if a.Send(TPing, nil) == nil {
			t.Fatal("writing to a closed line gave no error")
		}
	}
}
