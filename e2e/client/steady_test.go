package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

func TestCount(t *testing.T) {
	s := &steady{name: "alice 7", room: "!r:x", sent: map[int]id.EventID{1: "$1", 2: "$2", 3: "$3", 10: "$10"}}
	said := func(e id.EventID, room id.RoomID, text string) *event.Event {
		return &event.Event{ID: e, RoomID: room, Type: event.EventMessage, Content: event.Content{Parsed: &event.MessageEventContent{Body: text}}}
	}
	lost, twice := s.count([]*event.Event{
		said("$1", "!r:x", "alice 7 #1"),
		said("$1", "!r:x", "alice 7 #1"), // the same one, seen again
		said("$2", "!r:x", "alice 7 #2"),
		said("$x", "!r:x", "alice 7 #2"), // sent again under another identifier
		said("$3", "!other:x", "alice 7 #3"),
		said("$y", "!r:x", "alice 77 #10"),
	})
	if want := []string{"alice 7 #3", "alice 7 #10"}; !reflect.DeepEqual(lost, want) {
		t.Errorf("lost %q, not %q", lost, want)
	}
	if want := []string{"alice 7 #2"}; !reflect.DeepEqual(twice, want) {
		t.Errorf("twice %q, not %q", twice, want)
	}
}

// A sync that got no answer is followed by the next one, one that Synapse refused is a failure.
func TestSyncFailures(t *testing.T) {
	for status, failed := range map[int]int{200: 0, 502: 0, 504: 0, 429: 0, 500: 1, 404: 1} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{}`))
		}))
		client, err := mautrix.NewClient(server.URL, "@a:x", "token")
		if err != nil {
			t.Fatal(err)
		}
		p := &person{Client: client, retried: map[string]int{}}
		p.observe(http.DefaultTransport)
		_, _ = p.FullSyncRequest(context.Background(), mautrix.ReqSync{})
		server.Close()
		if n := len(p.failures()); n != failed {
			t.Errorf("%d: %d failures", status, n)
		}
	}
}

// What mautrix tries again is counted, what it gives up is a failure.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		answers []int
		retried map[string]int
		failed  []int
	}{
		"at once":        {[]int{200}, map[string]int{}, nil},
		"a proxy's":      {[]int{502, 503, 200}, map[string]int{"502 Bad Gateway": 1, "503 Service Unavailable": 1}, nil},
		"too often":      {[]int{502, 502, 502, 502, 502}, map[string]int{"502 Bad Gateway": 5}, []int{502}},
		"Synapse's":      {[]int{500}, map[string]int{}, []int{500}},
		"not understood": {[]int{404}, map[string]int{}, []int{404}},
	} {
		t.Run(name, func(t *testing.T) {
			left := c.answers
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(left[0])
				left = left[1:]
				_, _ = w.Write([]byte(`{}`))
			}))
			defer server.Close()
			client, err := mautrix.NewClient(server.URL, "@a:x", "token")
			if err != nil {
				t.Fatal(err)
			}
			p := &person{Client: client, retried: map[string]int{}}
			p.observe(http.DefaultTransport)
			p.DefaultHTTPBackoff = time.Millisecond
			_, err = p.Whoami(context.Background())
			if len(left) > 0 || (err != nil) != (c.failed != nil) {
				t.Errorf("%v, and %d answers are left", err, len(left))
			}
			var failed []int
			for _, f := range p.failures() {
				failed = append(failed, f.Status)
			}
			if !reflect.DeepEqual(failed, c.failed) || !reflect.DeepEqual(p.retried, c.retried) {
				t.Errorf("failed %v, retried %v", p.failures(), p.retried)
			}
		})
	}
}

func TestServe(t *testing.T) {
	in := `{"do": "send", "as": "nobody"}
{"do": "send", "as": "nobody", "wiht": {}}
{"do": "login", "as": "alice", "with": {"homeserver": "https://127.0.0.1:1", "trust": "no PEM"}}
`
	var out strings.Builder
	if err := serve(context.Background(), strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	want := `{"error":"nobody is not logged in"}
{"error":"json: unknown field \"wiht\""}
{"error":"trust: no certificate in it"}
`
	if out.String() != want {
		t.Errorf("answers:\n%s", out.String())
	}
}
