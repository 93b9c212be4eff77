// Command client is a Matrix client for the tests of the lab: mautrix-go with
// its own end-to-end encryption, told what to do by JSON lines.
//
// Each line on standard input is a command, each line on standard output its
// answer, in order:
//
//	{"do": "login", "as": "alice", "with": {"homeserver": "https://matrix.example.org", "address": "192.0.2.10", "user": "alice", "password": "...", "trust": "(PEM)"}}
//	{"value": {"user_id": "@alice:example.org"}}
//	{"do": "send", "as": "alice", "with": {"room": "!x:example.org", "body": "hello"}}
//	{"error": "M_FORBIDDEN: ..."}
//
// A person syncs from the login on, so that what others send is there when a
// command asks for it: commands that look wait as long as "wait" says.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// command is one line of input.
type command struct {
	Do   string          `json:"do"`
	As   string          `json:"as"`
	Wait float64         `json:"wait"` // seconds that the command may take
	With json.RawMessage `json:"with"`
}

type answer struct {
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if err := serve(ctx, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

// serve answers commands until there are no more.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	h := house{people: map[string]*person{}, running: map[string]*steady{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<24)
	write := json.NewEncoder(out)
	write.SetEscapeHTML(false)
	for lines.Scan() {
		var c command
		var a answer
		if err := strict(lines.Bytes(), &c); err != nil {
			a.Error = err.Error()
		} else if a.Value, err = h.do(ctx, c); err != nil {
			a = answer{Error: err.Error()}
		}
		if err := write.Encode(a); err != nil {
			return err
		}
	}
	return lines.Err()
}

// house is everybody who is logged in, and what runs beside the commands.
type house struct {
	people  map[string]*person
	running map[string]*steady
}

func (h house) do(ctx context.Context, c command) (any, error) {
	if c.Wait <= 0 {
		c.Wait = 60
	}
	bounded, cancel := context.WithTimeout(ctx, time.Duration(c.Wait*float64(time.Second)))
	defer cancel()
	switch c.Do {
	case "login": // syncs until the program ends
		var w place
		if err := strict(c.With, &w); err != nil {
			return nil, err
		}
		p, err := login(bounded, ctx, w)
		if err != nil {
			return nil, err
		}
		h.people[c.As] = p
		return map[string]any{"user_id": p.UserID}, nil
	case "steady":
		return nil, h.begin(ctx, c)
	case "report":
		return h.report(bounded, c)
	}
	p, ok := h.people[c.As]
	if !ok {
		return nil, fmt.Errorf("%s is not logged in", c.As)
	}
	act, ok := acts[c.Do]
	if !ok {
		return nil, fmt.Errorf("there is no command %q", c.Do)
	}
	var w words
	if err := strict(c.With, &w); err != nil {
		return nil, err
	}
	return act(bounded, p, w)
}

// strict decodes JSON that holds nothing but what is known.
func strict(text []byte, into any) error {
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
