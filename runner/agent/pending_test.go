package agent

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/mxplay/mxplay/runner/wire"
)

// What a run says of handlers is in the next Hello, unless it was check mode that said so.
func TestPendingHandlers(t *testing.T) {
	state := t.TempDir()
	say := func(w wire.Welcome, ps ...wire.Pending) []wire.Pending {
		c := startAgent(t, state, w)
		for _, p := range ps {
			if err := c.conn.Send(wire.TPending, p); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.conn.Send(wire.TAsk, wire.Ask{IDs: []uint64{0}}); err != nil {
			t.Fatal(err)
		}
		c.frame(wire.TAnswer)
		got := c.hello.Pending
		c.in.Close()
		_ = c.waitEnd(patience)
		return got
	}
	run, check := wire.Welcome{Run: "r", Silence: 60000}, wire.Welcome{Run: "r", Silence: 60000, Check: true}
	a := wire.Pending{Host: "a", Handlers: []wire.Handler{{Book: "site.yml", Role: "web", Name: "reload"}}}
	b := wire.Pending{Host: "b", Handlers: []wire.Handler{{Book: "site.yml", Name: "restart"}}}
	if got := say(run, a, b, wire.Pending{Host: "b"}, b); got != nil {
		t.Errorf("at first: %v", got)
	}
	if got := say(check, wire.Pending{Host: "a"}); len(got) != 2 {
		t.Errorf("then: %v", got)
	}
	if got := say(run, wire.Pending{Host: "b"}); len(got) != 2 {
		t.Errorf("check mode changed it: %v", got)
	}
	if got := say(run, wire.Pending{Host: "a"}); !reflect.DeepEqual(got, []wire.Pending{a}) {
		t.Errorf("of a alone: %v", got)
	}
	if got := say(run); got != nil {
		t.Errorf("at last: %v", got)
	}
	if _, err := os.Stat(filepath.Join(state, "pending")); err == nil {
		t.Error("the folder stays")
	}
}
