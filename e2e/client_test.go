//go:build lab

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// clientProgram is e2e/client, built once for all tests.
var clientProgram = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(scratch, "client")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "goolm", "-o", bin, ".")
	cmd.Dir = "client"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the client: %w\n%s", err, out)
	}
	return bin, nil
})

// chat is a client that no one here wrote, mautrix-go, for any number of people.
type chat struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// startChat starts the client; it ends with the test.
func startChat(t *testing.T) *chat {
	t.Helper()
	bin, err := clientProgram()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the client: %v", err)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<24)
	return &chat{t: t, in: in, out: lines}
}

// account is where a person logs in.
type account struct {
	Homeserver string `json:"homeserver"` // base URL
	Address    string `json:"address"`    // where its names are found
	Trust      string `json:"trust"`      // certificates to trust, PEM
	User       string `json:"user"`
	Password   string `json:"password"`
}

// talker is a person in a chat.
type talker struct {
	c    *chat
	name string
	id   string
}

// do tells the client a command and reads its answer into what is given.
func (c *chat) do(as, what string, wait time.Duration, with, into any) error {
	text, err := json.Marshal(map[string]any{"as": as, "do": what, "with": with, "wait": wait.Seconds()})
	if err != nil {
		return err
	}
	if _, err := c.in.Write(append(text, '\n')); err != nil {
		return err
	}
	if !c.out.Scan() {
		return fmt.Errorf("%s: the client said no more: %v", what, c.out.Err())
	}
	var answer struct {
		Value json.RawMessage
		Error string
	}
	if err := json.Unmarshal(c.out.Bytes(), &answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return fmt.Errorf("%s, %s: %s", as, what, answer.Error)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, into)
}

// login lets a person in, who syncs from then on.
func (c *chat) login(name string, a account) talker {
	c.t.Helper()
	var who struct {
		ID string `json:"user_id"`
	}
	if err := c.do(name, "login", time.Minute, a, &who); err != nil {
		c.t.Fatal(err)
	}
	return talker{c, name, who.ID}
}

// with are the words of a command.
type with map[string]any

// must does what must succeed, in time that also a loaded machine has.
func (p talker) must(what string, words with) map[string]any {
	p.c.t.Helper()
	var value map[string]any
	if err := p.c.do(p.name, what, 2*time.Minute, words, &value); err != nil {
		p.c.t.Fatal(err)
	}
	return value
}

// do is must for what has no answer.
func (p talker) do(what string, words with) {
	p.c.t.Helper()
	if err := p.c.do(p.name, what, 2*time.Minute, words, nil); err != nil {
		p.c.t.Fatal(err)
	}
}

// meet brings people into an encrypted room, the first of them makes it.
func meet(p talker, others ...talker) string {
	p.c.t.Helper()
	var ids []string
	for _, o := range others {
		ids = append(ids, o.id)
	}
	room, _ := p.must("create", with{"name": "meeting", "invite": ids, "encrypted": true})["room"].(string)
	for _, o := range others {
		o.do("join", with{"room": room})
		p.do("joined", with{"room": room, "user": o.id})
	}
	return room
}

// hears fails the test unless what one sends is what the other reads, and was encrypted on its way.
func (p talker) hears(from talker, room, text string) string {
	p.c.t.Helper()
	sent := from.must("send", with{"room": room, "body": text})["event"]
	p.reads(from, room, text)
	id, _ := sent.(string)
	return id
}

func (p talker) reads(from talker, room, text string) {
	p.c.t.Helper()
	got := p.must("sees", with{"room": room, "body": text})
	if got["sender"] != from.id || got["encrypted"] != true {
		p.c.t.Errorf("%s sees %v", p.id, got)
	}
}

// converse is what two people do with clients: messages, a file, receipts,
// typing and a push rule, each seen by the other one.
func converse(p, q talker, room string) {
	t := p.c.t
	t.Helper()
	text := fmt.Sprintf("käse & 🧀 of %s", p.name)
	first := q.hears(p, room, text)
	p.hears(q, room, "an answer to "+text)

	q.do("read", with{"room": room, "event": first})
	p.do("receipt", with{"room": room, "event": first, "user": q.id})
	q.do("typing", with{"room": room})
	p.do("types", with{"room": room, "user": q.id})

	file := p.must("file", with{"room": room, "name": "letter.txt", "body": "a file of " + p.name})
	got := q.must("fetch", with{"room": room, "event": file["event"]})
	if got["text"] != "a file of "+p.name || got["url"] != file["url"] {
		t.Errorf("%s sent the file %v, and %s has %v", p.id, file, q.id, got)
	}

	q.do("rule", with{"rule": "lab", "pattern": "pancakes"})
	rings := q.hears(p, room, "there are pancakes of "+p.name)
	for event, rule := range map[string]string{rings: "lab", first: ".m.rule.room_one_to_one"} {
		if got := q.must("applies", with{"room": room, "event": event, "rule": "lab"}); got["rule"] != rule {
			t.Errorf("%s: the push rule for it is %v, not %s", event, got, rule)
		}
	}
}

// steadily lets a person send numbered messages until the function it returns
// is called, which fails the test when one was lost, came twice, or when a
// request failed that mautrix did not bring to an end by its own retries. It
// tells how it went. More than a message in five seconds wants another
// rc_message than Synapse's own, or the client is told to wait.
func (p talker) steadily(room string, every time.Duration, others ...talker) (end func() string) {
	p.c.t.Helper()
	var names []string
	for _, o := range others {
		names = append(names, o.name)
	}
	p.do("steady", with{"room": room, "every": every.Seconds(), "to": names})
	return func() string {
		p.c.t.Helper()
		var r struct {
			Sent, Limited  int
			Seconds        float64
			SlowestMS      int64 `json:"slowest_ms"`
			Lost, Twice    []string
			Failed, Unsent []map[string]any
			Retried        map[string]int
		}
		if err := p.c.do(p.name, "report", 5*time.Minute, nil, &r); err != nil {
			p.c.t.Fatal(err)
		}
		if r.Sent == 0 || len(r.Lost)+len(r.Twice)+len(r.Failed)+len(r.Unsent)+r.Limited > 0 {
			p.c.t.Errorf("%s sent steadily: %+v", p.id, r)
		}
		return fmt.Sprintf("%d messages in %.0f s, the slowest took %d ms, tried again after %v", r.Sent, r.Seconds, r.SlowestMS, r.Retried)
	}
}
