package modules_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/modtest"
)

// args of the tasks below: how many steps, and what goes wrong.
type args struct {
	Want int64  `json:"want" doc:"how far"`
	How  string `json:"how" doc:"what goes wrong"`
}

func (a args) Validate() error {
	if a.Want < 0 {
		return errors.New("want cannot be negative")
	}
	return nil
}

type state struct {
	At    int64    `json:"at" doc:"how far it is"`
	Draw  []byte   `json:"draw" private:"true"`
	Names []string `json:"names" doc:"none"`
}

// counter is a module whose state is the size of /count.
func counter() *modules.Task {
	return modules.Module[args, state]{
		Name: "counter",
		Check: func(ctx context.Context, r modules.Reader, a args) (state, error) {
			s := state{Draw: r.Random("x", 4)}
			b, err := r.ReadFile(ctx, "/count")
			if err != nil && !errors.Is(err, modules.ErrNotExist) {
				return s, err
			}
			s.At = int64(len(b))
			if _, ok := r.(modules.Host); ok {
				return s, errors.New("what looks could write")
			}
			switch a.How {
			case "check":
				return s, modules.WithLines(errors.New("cannot look"), []string{"why"}, "look elsewhere")
			case "early":
				return s, modules.NotYetf("nothing to look at")
			case "skip":
				return s, &modules.ErrSkipped{Reason: "a container"}
			case "check panic":
				panic("oops")
			}
			return s, nil
		},
		Plan: func(a args, s state) ([]modules.Step, error) { return planCount(a, s) },
	}.Task()
}

func planCount(a args, s state) ([]modules.Step, error) {
	step := func(what string, size int64) modules.Step {
		return modules.Step{What: what, From: strings.Repeat("x", int(s.At)), To: strings.Repeat("x", int(size)),
			Do: func(ctx context.Context, h modules.Host) error {
				if a.How == "do panic" {
					panic("oops")
				}
				if a.How == "do" {
					return &modules.CommandError{Argv: []string{"a", "b c"}, Exit: 3, Stderr: "one\n\ntwo\n"}
				}
				return h.Write(ctx, modules.Write{Path: "/count", Bytes: []byte(strings.Repeat("x", int(size)))})
			}}
	}
	event := modules.Step{What: "ring", Event: true, Do: func(ctx context.Context, h modules.Host) error { return nil }}
	switch {
	case a.How == "plan":
		return nil, errors.New("cannot be altered in place")
	case a.How == "never":
		return []modules.Step{step("add", s.At+1)}, nil
	case a.How == "always event":
		return []modules.Step{event}, nil
	case a.How == "late event" && s.At == a.Want:
		return []modules.Step{event}, nil
	case s.At == a.Want:
		return nil, nil
	case a.How == "rounds": // one at a time, the rest is known later
		var err error
		if s.At+1 < a.Want {
			err = modules.NotYetf("the next is known later")
		}
		return []modules.Step{step("add", s.At+1)}, err
	case a.How == "stuck":
		return nil, modules.NotYetf("somebody must come first")
	case a.How == "event":
		return []modules.Step{step("set", a.Want), event}, nil
	}
	return []modules.Step{step("set", a.Want)}, nil
}

func run(task *modules.Task, h *modtest.Host, in modules.Input, a args) modules.Outcome {
	in.Args, _ = json.Marshal(a)
	return task.Run(context.Background(), h, in)
}

func whats(o modules.Outcome) string {
	var out []string
	for _, s := range o.Steps {
		out = append(out, s.What)
	}
	return strings.Join(out, " ")
}

func TestConverge(t *testing.T) {
	for _, c := range []struct {
		name           string
		a              args
		steps, msg     string
		changed, fails bool
	}{
		{"nothing to do", args{Want: 0}, "", "", false, false},
		{"one round", args{Want: 3}, "set", "", true, false},
		{"four rounds", args{Want: 4, How: "rounds"}, "add add add add", "", true, false},
		{"five rounds", args{Want: 5, How: "rounds"}, "add add add add", "did not converge in 4 rounds: it would still add", true, true},
		{"does not converge", args{Want: 1, How: "never"}, "add", "did not converge: after its steps it would still add", true, true},
		{"events once", args{How: "always event"}, "ring", "", true, false},
		{"event beside steps", args{Want: 2, How: "event"}, "set ring", "", true, false},
		{"an event that the plan did not hold", args{Want: 2, How: "late event"}, "set", "did not converge: after its steps it would still ring", true, true},
		{"stuck", args{Want: 1, How: "stuck"}, "", "somebody must come first", false, true},
		{"check", args{How: "check"}, "", "cannot look", false, true},
		{"early", args{How: "early"}, "", "nothing to look at", false, true},
		{"plan", args{How: "plan"}, "", "cannot be altered in place", false, true},
		{"step", args{Want: 1, How: "do"}, "set", "set: a 'b c': exit status 3", true, true},
		{"panic while looking", args{How: "check panic"}, "", "the module broke: oops", false, true},
		{"panic while acting", args{Want: 1, How: "do panic"}, "set", "the module broke: oops", true, true},
		{"bad arguments", args{Want: -1}, "", "want cannot be negative", false, true},
		{"skipped", args{How: "skip"}, "", "a container", false, false},
	} {
		o := run(counter(), modtest.New(), modules.Input{}, c.a)
		if whats(o) != c.steps || o.Msg != c.msg || o.Changed != c.changed || o.Failed != c.fails {
			t.Errorf("%s: steps %q, message %q, changed %v, failed %v", c.name, whats(o), o.Msg, o.Changed, o.Failed)
		}
		if o.Skipped != (c.name == "skipped") || o.Maybe != "" {
			t.Errorf("%s: skipped %v, maybe %q", c.name, o.Skipped, o.Maybe)
		}
	}
}

func TestPlanOnly(t *testing.T) {
	for _, c := range []struct {
		name                    string
		a                       args
		steps, maybe, msg       string
		changed, unknown, fails bool
	}{
		{"nothing to do", args{}, "", "", "", false, false, false},
		{"steps", args{Want: 2, How: "event"}, "set ring", "", "", true, true, false},
		{"first round only", args{Want: 3, How: "rounds"}, "add", "the next is known later", "", true, true, false},
		{"not yet", args{Want: 3, How: "stuck"}, "", "somebody must come first", "", false, true, false},
		{"cannot look yet", args{How: "early"}, "", "nothing to look at", "", false, true, false},
		{"wrong", args{How: "plan"}, "", "", "cannot be altered in place", false, false, true},
	} {
		h := modtest.New()
		o := run(counter(), h, modules.Input{Plan: true}, c.a)
		if whats(o) != c.steps || o.Maybe != c.maybe || o.Msg != c.msg || o.Changed != c.changed || o.Unknown != c.unknown || o.Failed != c.fails {
			t.Errorf("%s: %+v", c.name, o)
		}
		if len(h.Log) > 0 {
			t.Errorf("%s: check mode wrote: %v", c.name, h.Log)
		}
	}
}

func TestErrorDetails(t *testing.T) {
	o := run(counter(), modtest.New(), modules.Input{}, args{How: "check"})
	if !slices.Equal(o.Lines, []string{"why"}) || o.Hint != "look elsewhere" {
		t.Errorf("lines %q, hint %q", o.Lines, o.Hint)
	}
	o = run(counter(), modtest.New(), modules.Input{}, args{Want: 1, How: "do"})
	if !slices.Equal(o.Lines, []string{"one", "two"}) {
		t.Errorf("of a command: %q", o.Lines)
	}
}

// What is registered has no private fields, and lists that are never null.
func TestResult(t *testing.T) {
	o := run(counter(), modtest.New(), modules.Input{}, args{Want: 2})
	if got := string(o.Result); got != `{"at":2,"names":[]}` {
		t.Errorf("result %s", got)
	}
	if o := run(counter(), modtest.New(), modules.Input{}, args{How: "check"}); string(o.Result) != `{"at":0,"names":[]}` {
		t.Errorf("of a failure: %s", o.Result)
	}
}

func TestExpect(t *testing.T) {
	key := []byte("of the run")
	shown := run(counter(), modtest.New(), modules.Input{Plan: true, Key: key}, args{Want: 2}).Plan
	none := run(counter(), modtest.New(), modules.Input{Plan: true, Key: key}, args{}).Plan
	if shown == "" || none == "" || shown == none {
		t.Fatalf("hashes %q, %q", shown, none)
	}
	if other := run(counter(), modtest.New(), modules.Input{Plan: true, Key: []byte("x")}, args{Want: 2}).Plan; other == shown {
		t.Error("the key is not in the hash")
	}
	if o := run(counter(), modtest.New(), modules.Input{Key: key, Expect: shown}, args{Want: 2}); o.Failed || !o.Changed {
		t.Errorf("the plan that was shown: %+v", o)
	}
	h, err := modtest.Parse("file /count noeol\n\tx")
	if err != nil {
		t.Fatal(err)
	}
	for _, expect := range []string{shown, none} {
		o := run(counter(), h, modules.Input{Key: key, Expect: expect}, args{Want: 2})
		if !o.Failed || o.Changed || !strings.Contains(o.Msg, "not the one that was approved") || len(h.Log) > 0 {
			t.Errorf("another plan: %+v", o)
		}
	}
}

func TestStopsBetweenSteps(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the run was cancelled"))
	raw, _ := json.Marshal(args{Want: 1})
	h := modtest.New()
	o := counter().Run(ctx, h, modules.Input{Args: raw})
	if !o.Failed || o.Changed || o.Msg != "stopped before it could set: the run was cancelled" || len(h.Log) > 0 {
		t.Errorf("%+v", o)
	}
}

func TestDecode(t *testing.T) {
	for _, raw := range []string{`{"wat":1}`, `{"want":"1"}`, `{"want":1}{}`, `[]`} {
		if err := counter().Decode(json.RawMessage(raw)); err == nil || !strings.HasPrefix(err.Error(), "arguments: ") {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if err := counter().Decode(json.RawMessage(`{"want":1,"how":""}`)); err != nil {
		t.Error(err)
	}
}

type result struct {
	Out  string `json:"out" doc:"what came of it"`
	Same bool   `json:"same" doc:"nothing changed"`
}

func (r result) Changed() bool { return !r.Same }

func action() *modules.Task {
	return modules.Action[args, result]{
		Name: "act",
		Needed: func(_ context.Context, _ modules.Reader, a args) (bool, error) {
			if a.How == "needed" {
				return false, errors.New("cannot look")
			}
			return a.Want > 0, nil
		},
		Run: func(ctx context.Context, h modules.Host, a args) (result, error) {
			switch a.How {
			case "fails":
				return result{Out: "half"}, errors.New("it broke")
			case "panic":
				panic("oops")
			}
			return result{Out: "done", Same: a.How == "same"}, h.Write(ctx, modules.Write{Path: "/acted"})
		},
		ReadOnly: func(a args) bool { return a.How == "read" },
		What:     func(a args) string { return "act " + a.How },
	}.Task()
}

func TestAction(t *testing.T) {
	for _, c := range []struct {
		name           string
		plan           bool
		a              args
		steps, out     string
		changed, fails bool
		acted          bool
	}{
		{"acts", false, args{1, ""}, "act ", "done", true, false, true},
		{"not needed", false, args{0, ""}, "", "", false, false, false},
		{"needed fails", false, args{1, "needed"}, "", "", false, true, false},
		{"says that nothing changed", false, args{1, "same"}, "", "done", false, false, true},
		{"read only", false, args{1, "read"}, "", "done", false, false, true},
		{"fails and is registered", false, args{1, "fails"}, "act fails", "half", true, true, false},
		{"panics", false, args{1, "panic"}, "", "", true, true, false},
		{"in check mode", true, args{1, ""}, "act ", "", true, false, false},
		{"not needed in check mode", true, args{0, ""}, "", "", false, false, false},
		{"read only in check mode", true, args{1, "read"}, "", "done", false, false, true},
	} {
		h := modtest.New()
		o := run(action(), h, modules.Input{Plan: c.plan}, c.a)
		var r result
		json.Unmarshal(o.Result, &r)
		if whats(o) != c.steps || r.Out != c.out || o.Changed != c.changed || o.Failed != c.fails || len(h.Log) > 0 != c.acted {
			t.Errorf("%s: %+v, did %v", c.name, o, h.Log)
		}
		if o.Unknown != (c.plan && c.steps != "") {
			t.Errorf("%s: unknown %v", c.name, o.Unknown)
		}
	}
	shown := run(action(), modtest.New(), modules.Input{Plan: true}, args{1, ""}).Plan
	if o := run(action(), modtest.New(), modules.Input{Expect: shown}, args{0, ""}); !o.Failed {
		t.Errorf("what was approved is no longer needed: %+v", o)
	}
}

// What waits changes nothing: check mode says maybe.
func TestWaits(t *testing.T) {
	task := modules.Action[args, result]{
		Name: "waiter", Waits: true, What: func(args) string { return "wait for it" },
		Run: func(context.Context, modules.Host, args) (result, error) { return result{Same: true}, nil },
	}.Task()
	if o := run(task, modtest.New(), modules.Input{Plan: true}, args{}); o.Changed || o.Maybe != "wait for it" || !o.Unknown {
		t.Errorf("check mode: %+v", o)
	}
	if o := run(task, modtest.New(), modules.Input{}, args{}); o.Changed || o.Maybe != "" || o.Failed {
		t.Errorf("run: %+v", o)
	}
}

func TestControl(t *testing.T) {
	task := modules.Control[args, result]{Name: "say", Do: func(a args) (result, error) {
		if a.How != "" {
			return result{Out: a.How}, errors.New(a.How)
		}
		return result{Out: "said"}, nil
	}}.Task()
	if b, err := task.Do(json.RawMessage(`{}`)); err != nil || string(b) != `{"out":"said","same":false}` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := task.Do(json.RawMessage(`{"how":"bad"}`)); err == nil || string(b) != `{"out":"bad","same":false}` {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := task.Do(json.RawMessage(`{"want":-1}`)); err == nil {
		t.Error("arguments are not validated")
	}
	if !task.ReadOnly(json.RawMessage(`{}`)) || action().ReadOnly(json.RawMessage(`{}`)) || !action().ReadOnly(json.RawMessage(`{"how":"read"}`)) || counter().ReadOnly(nil) {
		t.Error("what is read only")
	}
}

func TestLastLines(t *testing.T) {
	if got := modules.LastLines("a\n\n b \r\nc\n\n", 2); !slices.Equal(got, []string{" b", "c"}) {
		t.Errorf("%q", got)
	}
}
