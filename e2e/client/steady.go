package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// steady is a person who sends numbered messages to others without end.
type steady struct {
	name  string
	from  *person
	to    []*person
	room  id.RoomID
	began time.Time
	stop  context.CancelFunc
	done  chan struct{}

	sent    map[int]id.EventID
	slowest time.Duration
	unsent  []failure
	before  map[*person]past
}

// past is what a person has been through before.
type past struct {
	retried map[string]int
	failed  int
	limited int
}

// report is what became of the messages.
type report struct {
	Sent      int            `json:"sent"`
	Seconds   float64        `json:"seconds"`
	SlowestMS int64          `json:"slowest_ms"` // of the sends, with their retries
	Lost      []string       `json:"lost"`       // who lacks which
	Twice     []string       `json:"twice"`      // who has which more than once
	Unsent    []failure      `json:"unsent"`     // messages that mautrix gave up
	Limited   int            `json:"limited"`    // syncs that left messages out
	Failed    []failure      `json:"failed"`     // requests that mautrix gave up, of all who took part
	Retried   map[string]int `json:"retried"`    // what was tried again after
}

// begin lets somebody send from now on, until report asks for it.
//
//	{"do": "steady", "as": "alice", "with": {"room": "!x:y", "to": ["bob"], "every": 0.5}}
func (h house) begin(life context.Context, c command) error {
	var w struct {
		Room  id.RoomID `json:"room"`
		To    []string  `json:"to"`
		Every float64   `json:"every"` // seconds
	}
	if err := strict(c.With, &w); err != nil {
		return err
	}
	s := &steady{name: fmt.Sprintf("%s %d", c.As, time.Now().UnixNano()), room: w.Room, began: time.Now(), done: make(chan struct{}), sent: map[int]id.EventID{}, before: map[*person]past{}}
	for _, name := range append([]string{c.As}, w.To...) {
		p, ok := h.people[name]
		if !ok {
			return fmt.Errorf("%s is not logged in", name)
		}
		s.to = append(s.to, p)
		s.before[p] = p.past()
	}
	s.from = s.to[0]
	if _, ok := h.running[c.As]; ok {
		return fmt.Errorf("%s sends already", c.As)
	}
	if w.Every <= 0 {
		w.Every = 0.5
	}
	ctx, stop := context.WithCancel(life)
	s.stop = stop
	h.running[c.As] = s
	go s.send(ctx, life, time.Duration(w.Every*float64(time.Second)))
	return nil
}

// send sends until it is stopped; a message that is on its way then is waited for.
func (s *steady) send(ctx, life context.Context, every time.Duration) {
	defer close(s.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; ; n++ {
		began := time.Now()
		res, err := s.from.SendText(life, s.room, s.text(n))
		s.slowest = max(s.slowest, time.Since(began))
		if err != nil {
			s.unsent = append(s.unsent, failure{At: time.Now().UTC(), User: string(s.from.UserID), What: s.text(n), Error: err.Error()})
		} else {
			s.sent[n] = res.EventID
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *steady) text(n int) string { return fmt.Sprintf("%s #%d", s.name, n) }

// report stops the sending, gives the last messages time to arrive, and counts.
func (h house) report(ctx context.Context, c command) (any, error) {
	s, ok := h.running[c.As]
	if !ok {
		return nil, fmt.Errorf("%s sends nothing", c.As)
	}
	delete(h.running, c.As)
	r := report{Seconds: time.Since(s.began).Seconds(), Retried: map[string]int{}}
	s.stop()
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("the message that %s sends does not end: %w", c.As, ctx.Err())
	}
	for _, p := range s.to {
		for _, n := range slices.Sorted(maps.Keys(s.sent)) {
			if ctx.Err() != nil {
				break // the count tells what lacks
			}
			_, _ = p.await(ctx, "message", func(e *event.Event) bool { return e.ID == s.sent[n] && e.Type == event.EventMessage })
		}
	}
	r.Sent, r.SlowestMS, r.Unsent = len(s.sent), s.slowest.Milliseconds(), s.unsent
	for _, p := range s.to {
		s.add(&r, p)
	}
	return r, nil
}

// add counts what one saw and went through since the beginning.
func (s *steady) add(r *report, p *person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lost, twice := s.count(p.events)
	for _, t := range lost {
		r.Lost = append(r.Lost, fmt.Sprintf("%s lacks %s", p.UserID, t))
	}
	for _, t := range twice {
		r.Twice = append(r.Twice, fmt.Sprintf("%s has %s twice", p.UserID, t))
	}
	was := s.before[p]
	r.Failed = append(r.Failed, p.failed[was.failed:]...)
	for why, n := range p.retried {
		if n > was.retried[why] {
			r.Retried[why] += n - was.retried[why]
		}
	}
	r.Limited += p.limited - was.limited
}

func (p *person) past() past {
	p.mu.Lock()
	defer p.mu.Unlock()
	return past{maps.Clone(p.retried), len(p.failed), p.limited}
}

// count compares what was sent with what one saw. Whatever has the text counts:
// a message that was sent twice has two identifiers.
func (s *steady) count(events []*event.Event) (lost, twice []string) {
	seen := map[string]map[id.EventID]bool{}
	for _, e := range events {
		if e.RoomID != s.room || e.Type != event.EventMessage {
			continue
		}
		if t := e.Content.AsMessage().Body; strings.HasPrefix(t, s.name+" #") {
			if seen[t] == nil {
				seen[t] = map[id.EventID]bool{}
			}
			seen[t][e.ID] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(s.sent)) {
		switch ids := seen[s.text(n)]; {
		case !ids[s.sent[n]]:
			lost = append(lost, s.text(n))
		case len(ids) > 1:
			twice = append(twice, s.text(n))
		}
	}
	return lost, twice
}
