package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/boot"
	"github.com/mxplay/mxplay/runner/wire"
)

// still is a task that touches nothing.
func still() *modules.Task {
	type args struct {
		Text string `json:"text"`
	}
	return modules.Action[args, doResult]{
		Name: "still",
		Run: func(_ context.Context, h modules.Host, a args) (doResult, error) {
			h.Progress(a.Text)
			return doResult{Out: a.Text}, nil
		},
	}.Task()
}

// FuzzServe: whatever a controller sends behind its Welcome, the agent ends
// with the connection, speaks in whole frames and answers only what was asked.
func FuzzServe(f *testing.F) {
	message := func(b []byte, t wire.Type, v any) []byte {
		body, _ := json.Marshal(v)
		return wire.AppendFrame(b, wire.Frame{Type: t, Body: body})
	}
	call := func(id uint64, task, args string, chain bool) wire.Call {
		return wire.Call{ID: id, Task: task, Chain: chain, Items: []wire.Item{{Args: json.RawMessage(args)}, {Args: json.RawMessage(args)}}}
	}
	two := message(message(nil, wire.TCall, call(1, "still", `{"text": "a"}`, false)), wire.TCall, call(2, "still", `{"text": "b"}`, true))
	f.Add(two)
	f.Add(message(two, wire.TCancel, wire.Cancel{}))
	f.Add(message(message(nil, wire.TCall, call(1, "none", `{}`, false)), wire.TCall, call(2, "still", `{"txt": 1}`, true)))
	f.Add(message(message(nil, wire.TCall, wire.Call{ID: 1, Task: "still", Plan: true, Timeout: 5}), wire.TAsk, wire.Ask{IDs: []uint64{1, 2, 1 << 63}}))
	f.Add(message(nil, wire.TWelcome, wire.Welcome{}))
	f.Add(wire.AppendFrame(wire.AppendFrame(nil, wire.Frame{Type: wire.TBlob, Stream: 3 << 24, Body: []byte("x")}), wire.Frame{Type: wire.TCredit, Stream: 1, Body: []byte{0, 0, 1, 0}}))
	state := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Contains(bytes.ToLower(b), []byte("user")) || bytes.Contains(b, []byte(`\u`)) {
			return // would ask sudo for other accounts
		}
		in := append(message(nil, wire.TWelcome, wire.Welcome{Run: "r", Host: "h", Who: "w", Silence: 60_000}), b...)
		out := &heard{}
		end := make(chan error, 1)
		go func() {
			end <- Serve(context.Background(), bytes.NewReader(in), out, Options{Tasks: []*modules.Task{still()}, State: state, Grace: 100 * time.Millisecond})
		}()
		select {
		case <-end:
		case <-time.After(20 * time.Second):
			t.Fatal("the agent does not end")
		}
		r := bufio.NewReader(bytes.NewReader(out.end()))
		if a, err := boot.Read(r); err != nil || !a.Ready {
			t.Fatalf("it does not begin as an agent: %v", err)
		}
		checkAnswers(t, r, asked(b))
	})
}

// heard is what an agent wrote until it ended; a beat may come later still.
type heard struct {
	mu   sync.Mutex
	b    []byte
	over bool
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return 0, io.ErrClosedPipe
	}
	h.b = append(h.b, p...)
	return len(p), nil
}

func (h *heard) end() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	return h.b
}

// asked are the numbers of the calls in what a controller sent.
func asked(sent []byte) map[uint64]bool {
	ids := map[uint64]bool{}
	c := wire.NewConn(bytes.NewReader(sent), io.Discard)
	for {
		f, err := c.Recv()
		if err != nil {
			return ids
		}
		var call wire.Call
		if f.Type == wire.TCall && f.Into(&call) == nil {
			ids[call.ID] = true
		}
	}
}

// checkAnswers holds that an agent's frames are whole and of its own kinds, and
// that each result is one of a call that came.
func checkAnswers(t *testing.T, r io.Reader, calls map[uint64]bool) {
	t.Helper()
	c := wire.NewConn(r, io.Discard)
	for {
		f, err := c.Recv()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch f.Type {
		case wire.THello, wire.TEvent, wire.TAnswer, wire.TRefused, wire.TPing, wire.TPong:
		case wire.TResult:
			var res wire.Result
			if err := f.Into(&res); err != nil {
				t.Fatal(err)
			}
			if !calls[res.ID] {
				t.Fatalf("call %d was answered, which never came", res.ID)
			}
		default:
			t.Fatalf("an agent sends no %s", f.Type)
		}
	}
}
