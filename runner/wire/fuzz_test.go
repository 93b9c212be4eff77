package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"
)

// FuzzRecv: whatever comes from the other side, the connection ends, hands on
// no more than came, and sends no more content than it was granted.
func FuzzRecv(f *testing.F) {
	credit := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	f.Add(AppendFrame(nil, Frame{Type: THello, Body: []byte(`{"pid":1}`)}))
	f.Add(AppendFrame(AppendFrame(nil, Frame{Type: TResult | more, Stream: 3, Body: []byte(`{"id"`)}), Frame{Type: TResult, Stream: 3, Body: []byte(`:1}`)}))
	f.Add(AppendFrame(nil, Frame{Type: TBlob | more, Stream: 1}))
	f.Add(AppendFrame(AppendFrame(nil, Frame{Type: TBlob, Stream: 1, Body: []byte("abc")}), Frame{Type: TBlob, Stream: 1}))
	f.Add(AppendFrame(AppendFrame(nil, Frame{Type: TPath, Stream: 2, Body: []byte(`{"path": "x"}`)}), Frame{Type: TFail, Stream: 1, Body: []byte(`{"text": "x"}`)}))
	f.Add(AppendFrame(AppendFrame(nil, Frame{Type: TCredit, Stream: 9, Body: credit(1 << 20)}), Frame{Type: TCredit, Stream: 9, Body: credit(1<<32 - 1)}))
	f.Add(AppendFrame(AppendFrame(nil, Frame{Type: TPing, Body: []byte("p")}), Frame{Type: TPong}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		out := &counted{blobs: map[uint32]int{}}
		c := NewConn(bytes.NewReader(b), out)
		var wg sync.WaitGroup
		var got [2]countWriter
		for i := range got {
			in := c.Expect(uint32(i + 1))
			wg.Go(func() { _, _ = in.Copy(context.Background(), &got[i]) })
		}
		wg.Go(func() { _ = c.SendBlob(context.Background(), 9, endless{}) })
		total := 0
		for {
			fr, err := c.Recv()
			if err != nil {
				break
			}
			total += len(fr.Body)
		}
		ended := make(chan struct{})
		go func() { wg.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("the connection ended, and somebody waits still")
		}
		for i := range got {
			total += got[i].n
		}
		if total > len(b) {
			t.Fatalf("%d bytes out of %d", total, len(b))
		}
		if limit := Window + granted(b); out.blobs[9] > limit {
			t.Fatalf("%d bytes of content were sent, %d were granted", out.blobs[9], limit)
		}
	})
}

// granted is how many bytes the frames grant to stream 9.
func granted(b []byte) int {
	n := 0
	for r := bytes.NewReader(b); ; {
		f, err := ReadFrame(r)
		if err != nil {
			return n
		}
		if f.Type&^more == TCredit && f.Stream == 9 {
			for i := 0; i+4 <= len(f.Body); i++ {
				n += int(binary.BigEndian.Uint32(f.Body[i:]))
			}
			n += Window
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type countWriter struct{ n int }

func (w *countWriter) Write(p []byte) (int, error) { w.n += len(p); return len(p), nil }

// counted counts the content in the frames that are written to it.
type counted struct{ blobs map[uint32]int }

func (w *counted) Write(p []byte) (int, error) {
	f, err := ReadFrame(bytes.NewReader(p))
	if err != nil {
		return 0, err
	}
	if f.Type == TBlob {
		w.blobs[f.Stream] += len(f.Body)
	}
	return len(p), nil
}

// FuzzReadFrame: a frame is written as it was read, and a length that is a lie
// costs no more than the longest frame.
func FuzzReadFrame(f *testing.F) {
	f.Add(AppendFrame(nil, Frame{Type: TBlob, Stream: 9, Body: []byte("x")}))
	f.Add([]byte{0, 0x10, 0, 0, 1, 0, 0, 0, 0})
	f.Add([]byte{0, 0x10, 0, 1, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := ReadFrame(bytes.NewReader(b))
		if err != nil {
			if len(fr.Body) > 0 {
				t.Fatalf("%v and %d bytes", err, len(fr.Body))
			}
			return
		}
		if got := AppendFrame(nil, fr); !bytes.Equal(got, b[:len(got)]) {
			t.Fatalf("%x became %x", b, got)
		}
	})
}

// FuzzMessages: what one side sends the other gets, whole, in order of each
// stream, however long it is and whatever goes beside it.
func FuzzMessages(f *testing.F) {
	f.Add([]byte{2, 0, 0, 1, 5, 1, 200, 7, 9, 3, 3, 3}, "{}")
	f.Add([]byte{5, 0, 255, 5, 0, 255, 10, 0, 0}, "\x00\xff")
	f.Fuzz(func(t *testing.T, ops []byte, body string) {
		if len(ops) > 60 || len(body) == 0 {
			return
		}
		r, w := io.Pipe()
		a, b := NewConn(bytes.NewReader(nil), w), NewConn(r, io.Discard)
		var sent []Frame
		for ; len(ops) >= 3; ops = ops[3:] {
			typ := Type(ops[0]%16) + 1
			if typ == TPing || typ == TPong || typ == TBlob {
				typ = TResult
			}
			size := int(ops[2]) * 1024
			data := bytes.Repeat([]byte(body), size/len(body)+1)[:size]
			sent = append(sent, Frame{Type: typ, Stream: uint32(ops[1]), Body: data})
		}
		go func() {
			for _, m := range sent {
				if err := a.SendBody(m.Type, m.Stream, m.Body); err != nil {
					w.CloseWithError(err)
					return
				}
			}
			w.Close()
		}()
		for _, m := range sent {
			got, err := b.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if got.Type != m.Type || m.Stream != 0 && got.Stream != m.Stream || !bytes.Equal(got.Body, m.Body) {
				t.Fatalf("%s of %d bytes on %d came as %s of %d on %d", m.Type, len(m.Body), m.Stream, got.Type, len(got.Body), got.Stream)
			}
		}
		if _, err := b.Recv(); !errors.Is(err, io.EOF) {
			t.Fatalf("then came %v", err)
		}
	})
}

// A side that announces a great deal and sends little gets no memory for it.
func TestHostileLengths(t *testing.T) {
	var b []byte
	for i := range 200 {
		b = AppendFrame(b, Frame{Type: TResult | more, Stream: uint32(i), Body: []byte("x")})
	}
	b = append(b, 0, 0x10, 0, 0, byte(TCall), 0, 0, 0, 0)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c := NewConn(bytes.NewReader(b), io.Discard)
	_, err := c.Recv()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrFormat) {
		t.Errorf("got %v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 2*MaxFrame {
		t.Errorf("%d bytes were taken for %d", n, len(b))
	}
}
