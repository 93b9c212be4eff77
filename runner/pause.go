package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// stopAndGo is the task pause: it has its arguments read now, and is waited for
// when all that was sent before has been answered.
func (f *flight) stopAndGo(it *item, done func(bool, string, *value.Map)) {
	f.pure(it, done)
	if it.err != nil || it.result == nil {
		return
	}
	e, err := f.h.arguments(f, it)
	if err != nil {
		it.err = err
		return
	}
	var args struct {
		Seconds, Minutes *float64
		Prompt           string
		Echo             bool
	}
	if err := json.Unmarshal(e.json, &args); err != nil {
		it.err = err
		return
	}
	timed := args.Seconds != nil || args.Minutes != nil
	m := it.result
	it.later = func(ctx context.Context) {
		begin := time.Now()
		var answer string
		var err error
		if timed {
			err = f.waitFor(ctx, m, args.Prompt)
		} else {
			answer, err = f.question(it, args.Prompt, args.Echo)
		}
		if err != nil {
			it.fail(err)
			return
		}
		took := time.Since(begin)
		it.took = took
		m.Set("user_input", answer)
		m.Set("start", begin.Format("2006-01-02 15:04:05.000000"))
		m.Set("stop", time.Now().Format("2006-01-02 15:04:05.000000"))
		m.Set("delta", int64(took/time.Second))
		m.Set("stdout", fmt.Sprintf("Paused for %.1f seconds", took.Seconds()))
		if answer != "" && !args.Echo {
			f.h.run.learn(answer)
			it.taint = it.taint.WithField("user_input", expr.Secret(answer))
		}
	}
}

// waitFor waits for a time. In check mode there is nothing to wait for.
func (f *flight) waitFor(ctx context.Context, m *value.Map, prompt string) error {
	v, _ := m.Get("seconds")
	n, err := toFloat(v)
	if err != nil || f.check {
		return err
	}
	if prompt != "" {
		f.h.run.o.Report.Notice(&report.Notice{Level: "note", Text: prompt})
	}
	f.h.run.o.Report.Progress(f.h.name, "waits "+value.Text(n)+" s")
	sleep(ctx, n.(float64))
	return nil
}

// question asks the person at the terminal, if there is one.
func (f *flight) question(it *item, prompt string, echo bool) (string, error) {
	ask := f.h.run.o.Prompt
	if ask == nil {
		f.h.run.o.Report.Notice(&report.Notice{Level: "warning", Text: "there is no terminal to ask on: " + f.h.taskName(f.t) + " goes on without an answer"})
		return "", nil
	}
	if prompt == "" {
		prompt = "Press enter to continue, Ctrl+C to interrupt"
	}
	return ask(Prompt{Name: "user_input", Text: prompt, Private: !echo})
}

// pauses has a pause happen once for all hosts of a batch.
func (c *compiler) pauses(t *task) {
	if t.mod.Name != "pause" {
		return
	}
	if t.play.free {
		c.errs.Add(t.src.ModulePos, source.Errorf(t.src.ModulePos, "under the strategy free each host goes on by itself, so pause cannot hold all of them").
			WithHint("take the strategy linear, or a play of its own for it"))
	}
	t.kw = t.kw.onOneHost()
}
