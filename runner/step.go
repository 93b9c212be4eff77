package runner

import (
	"context"
	"sync"
)

// Step is an answer to the question whether a task is to run.
type Step int

// The answers.
const (
	StepNo Step = iota
	StepYes
	StepRest // yes, and no question any more
)

// steps asks before each task, as --step says.
type steps struct {
	mu  sync.Mutex
	ask func(task, host string) (Step, error) // host is "" when all of a batch are meant
}

// step asks whether a task is to run; nobody is asked about meta tasks.
func (b *batch) step(ctx context.Context, t *task, hs []*host) bool {
	s := &b.run.steps
	s.mu.Lock()
	asks := s.ask != nil
	s.mu.Unlock()
	if !asks || t.src.Module == "meta" {
		return true
	}
	b.drain(ctx, hs)
	if hs = active(hs); len(hs) == 0 || ctx.Err() != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ask == nil {
		return true
	}
	shown, on := hs[0].shownTask(t), ""
	if b.free() {
		on = hs[0].name
	}
	answer, err := s.ask(shown.Title(), on)
	if err != nil {
		return false
	}
	if answer == StepRest {
		s.ask = nil
	}
	return answer != StepNo
}
