// Agent is a small stand-in for the real agent: it speaks the wire, and its
// tasks are made to test connections.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

func main() {
	exe, _ := os.Executable()
	if os.Getenv("FAKE_DIE") != "" {
		fmt.Fprintln(os.Stderr, "the fake agent dies as it was told")
		os.Exit(3)
	}
	var out bytes.Buffer
	out.WriteString(wire.Magic)
	b, _ := json.Marshal(wire.Hello{
		Version: strings.TrimPrefix(filepath.Base(exe), "mxplay-agent-"), PID: os.Getpid(), User: "root", UID: os.Getuid(),
		Home: os.Getenv("HOME"), Dir: filepath.Dir(exe), Arch: runtime.GOARCH,
	})
	_, _ = os.Stdout.Write(wire.AppendFrame(out.Bytes(), wire.Frame{Type: wire.THello, Body: b}))
	conn := wire.NewConn(bufio.NewReader(os.Stdin), os.Stdout)
	work := make(chan wire.Call, 1000)
	silence := make(chan time.Duration, 1)
	go func() {
		if err := conn.Watch(context.Background(), <-silence); err == wire.ErrSilence {
			os.Exit(9)
		}
	}()
	go func() {
		for c := range work {
			run(conn, c)
		}
	}()
	for {
		f, err := conn.Recv()
		if err != nil {
			os.Exit(0)
		}
		switch f.Type {
		case wire.TWelcome:
			var w wire.Welcome
			_ = f.Into(&w)
			silence <- time.Duration(w.Silence) * time.Millisecond
			if w.Run == "refuse" {
				_ = conn.Send(wire.TRefused, wire.Refused{Text: "the lock is held", Hint: "wait"})
			}
		case wire.TCall:
			var c wire.Call
			_ = f.Into(&c)
			work <- c
		case wire.TAsk:
			var a wire.Ask
			_ = f.Into(&a)
			for _, id := range a.IDs {
				_ = conn.Send(wire.TAnswer, wire.Answer{ID: id, State: "none"})
			}
		}
	}
}

func run(conn *wire.Conn, c wire.Call) {
	for i, item := range c.Items {
		var text string
		_ = json.Unmarshal(item.Args, &text)
		r := wire.Result{ID: c.ID, Item: i, Last: i == len(c.Items)-1}
		switch c.Task {
		case "echo":
			_ = conn.Send(wire.TEvent, wire.Event{ID: c.ID, Item: i, Text: text})
		case "once": // hangs after its first item
			if text == "b" && len(c.Items) > 1 {
				select {}
			}
		case "exit":
			fmt.Fprintln(os.Stderr, "last words")
			os.Exit(7)
		case "kill":
			p, _ := os.FindProcess(os.Getpid())
			_ = p.Kill()
		case "hang":
			select {}
		case "need":
			stream := conn.NextStream()
			in := conn.Expect(stream)
			_ = conn.Send(wire.TNeed, wire.Need{ID: c.ID, Hash: text, Stream: stream})
			h := sha256.New()
			path, err := in.Copy(context.Background(), h)
			how := "wire "
			if path != "" {
				how = "file "
				var data []byte
				data, err = os.ReadFile(path)
				h.Write(data)
				if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
					how = "file of a wrong mode "
				}
				_ = os.Remove(path)
			}
			text = how + hex.EncodeToString(h.Sum(nil))
			if err != nil {
				text = "error " + err.Error()
			}
		}
		b, _ := json.Marshal(text)
		r.Outcome = modules.Outcome{Result: b}
		_ = conn.Send(wire.TResult, r)
	}
}
