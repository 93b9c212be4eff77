package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"github.com/mxplay/mxplay/runner/wire"
)

// noLink is a link on which nothing can be started.
type noLink struct{}

func (noLink) run(string) (*process, error) { return nil, errors.New("no command runs here") }
func (noLink) files() (*sftp.Client, error) { return nil, errNoFiles }
func (noLink) close()                       {}

type nopWriteCloser struct{ io.Writer }

func (nopWriteCloser) Close() error { return nil }

// FuzzSession: whatever a host says behind its Hello, each call ends, with
// results or an error, and gets no more results than came.
func FuzzSession(f *testing.F) {
	message := func(b []byte, t wire.Type, v any) []byte {
		body, _ := json.Marshal(v)
		return wire.AppendFrame(b, wire.Frame{Type: t, Body: body})
	}
	ok := message(message(nil, wire.TResult, wire.Result{ID: 1}), wire.TResult, wire.Result{ID: 1, Item: 1, Last: true})
	f.Add(ok)
	f.Add(message(message(ok, wire.TResult, wire.Result{ID: 2, Last: true, NotBegun: true}), wire.TResult, wire.Result{ID: 3, Refused: "no", Last: true}))
	f.Add(message(message(nil, wire.TEvent, wire.Event{ID: 1, Item: -5, Text: "x"}), wire.TNeed, wire.Need{ID: 1, Hash: "x", Stream: 1}))
	f.Add(message(message(nil, wire.TAnswer, wire.Answer{ID: 1, State: "done"}), wire.TRefused, wire.Refused{Text: "held"}))
	f.Add(wire.AppendFrame(wire.AppendFrame(nil, wire.Frame{Type: wire.TCredit, Stream: 1, Body: []byte{255, 255, 255, 255}}), wire.Frame{Type: wire.TPing, Body: make([]byte, 100)}))
	content := []byte(strings.Repeat("content ", 1000))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDialer(Options{NoConfig: true, Run: "r", Who: "w", Silence: time.Minute, Content: func(hash string) (io.ReadCloser, int64, error) {
			if hash != "x" {
				return nil, 0, errors.New("no such content")
			}
			return io.NopCloser(bytes.NewReader(content)), int64(len(content)), nil
		}})
		defer d.Close()
		out, feed := io.Pipe()
		p := &process{in: nopWriteCloser{io.Discard}, out: out, errs: &tail{}, end: func() {}, done: make(chan struct{})}
		close(p.done)
		c := newConn(d, Target{Name: "h"}, newSession(d, Target{Name: "h"}, noLink{}, p, wire.NewConn(out, p.in), wire.Hello{}))
		var calls []*Pending
		for range 3 {
			calls = append(calls, c.Start(call("echo", "a", "b"), func(wire.Event) {}))
		}
		if _, err := feed.Write(b); err != nil {
			t.Fatal(err)
		}
		feed.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		for i, p := range calls {
			for n := 0; ; n++ {
				r, more, err := p.Next(ctx)
				if errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("call %d never ends", i)
				}
				if err != nil || !more {
					break
				}
				if n*len(`{"id":`) > len(b) || r.ID != p.ID {
					t.Fatalf("call %d got a result of %d, its %dth", i, r.ID, n)
				}
			}
		}
		select {
		case <-c.Done():
		case <-ctx.Done():
			t.Fatal("the connection is not over")
		}
	})
}

// FuzzArguments: arguments of ssh are refused with a reason, or given on as
// such that mean the same.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{"-o ProxyJump=b -J c", `-o "ProxyCommand=ssh -W %h:%p b"`, "-i ~/.ssh/id -p2222 -4C", "-F /f -l 'a b'", "-o A=b -oC d", "-o 'X y'", `-o User=\"a\"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseArguments(s)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "ssh arguments ") {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		var line []string
		for _, w := range a.argv() {
			line = append(line, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		again, err := parseArguments(strings.Join(line, " "))
		if err != nil || again.file != a.file || !slices.Equal(again.options, a.options) {
			t.Errorf("%q\nis    %+v\nthen  %+v, %v", s, a, again, err)
		}
	})
}
