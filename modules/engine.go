package modules

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Task is a kind of task with its types erased: what the registry lists, the
// controller describes and decodes with, and the agent runs.
type Task struct {
	Name, Doc, Example string
	Kind               Kind
	Args, Result       *Spec

	decode   func(json.RawMessage) (any, error)
	run      func(context.Context, Host, any, Input, *Outcome)
	do       func(any) (json.RawMessage, error)
	readOnly func(any) bool
}

// Input is one item of a call.
type Input struct {
	Args   json.RawMessage // canonical: every key known, defaults filled in
	Plan   bool            // check mode: show the steps, run none
	Key    []byte          // of the run: keys the hash over the steps
	Expect string          // apply only this plan; "" applies any
}

// Shown is a step as people see it.
type Shown struct {
	What  string `json:"what"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	Event bool   `json:"event,omitempty"`
}

// Outcome is the end of one item.
type Outcome struct {
	Changed bool            `json:"changed,omitempty"`
	Failed  bool            `json:"failed,omitempty"`
	Skipped bool            `json:"skipped,omitempty"` // nothing to do; Msg says why
	Maybe   string          `json:"maybe,omitempty"`   // check mode: why the rest is not known
	Unknown bool            `json:"unknown,omitempty"` // check mode: Result is not what a real run would give
	Steps   []Shown         `json:"steps,omitempty"`   // planned, or executed
	Plan    string          `json:"plan,omitempty"`    // keyed hash over the steps
	Result  json.RawMessage `json:"result,omitempty"`  // S or R without its private fields
	Msg     string          `json:"msg,omitempty"`
	Lines   []string        `json:"lines,omitempty"`
	Hint    string          `json:"hint,omitempty"`
}

// Decode reads canonical arguments strictly and validates them.
func (t *Task) Decode(args json.RawMessage) error {
	_, err := t.decode(args)
	return err
}

// ReadOnly tells whether the task with these arguments changes nothing, so that check mode runs it.
func (t *Task) ReadOnly(args json.RawMessage) bool {
	a, err := t.decode(args)
	return err == nil && t.readOnly != nil && t.readOnly(a)
}

// Do runs a Control.
func (t *Task) Do(args json.RawMessage) (json.RawMessage, error) {
	a, err := t.decode(args)
	if err != nil {
		return nil, err
	}
	return t.do(a)
}

// Run does one item on the host: look, plan, and, unless r.Plan, act and look again.
func (t *Task) Run(ctx context.Context, h Host, r Input) (out Outcome) {
	defer func() {
		if p := recover(); p != nil {
			out.fail(fmt.Errorf("the module broke: %v", p))
		}
	}()
	a, err := t.decode(r.Args)
	if err != nil {
		out.fail(err)
		return out
	}
	t.run(ctx, h, a, r, &out)
	return out
}

// Task erases the module's types.
func (m Module[A, S]) Task() *Task {
	return &Task{
		Name: m.Name, Doc: m.Doc, Example: m.Example, Kind: State,
		Args: SpecOf[A](), Result: SpecOf[S](),
		decode: decode[A],
		run: func(ctx context.Context, h Host, a any, r Input, out *Outcome) {
			m.converge(ctx, h, a.(A), r, out)
		},
	}
}

// looker is a Host that can only look: no type assertion gets back what it hides.
type looker struct{ Reader }

// converge is the whole life of a module's call: look, plan, act, and look
// again until nothing is left to do but events that were done.
func (m Module[A, S]) converge(ctx context.Context, h Host, a A, r Input, out *Outcome) {
	a, err := expandHomes(ctx, h, a)
	if err != nil {
		out.stop(err, r.Plan)
		return
	}
	var done []Step // events that ran: a re-check may plan them again
	more := true    // the last plan said that it was not the whole one
	for round := 1; ; round++ {
		s, err := m.Check(ctx, looker{h}, a)
		out.Result = public(s)
		if err != nil {
			out.stop(err, r.Plan)
			return
		}
		steps, err := m.Plan(a, s)
		var notYet *NotYet
		if err != nil && !errors.As(err, &notYet) {
			out.stop(err, r.Plan)
			return
		}
		if round == 1 && !out.approve(steps, r) {
			return
		}
		if r.Plan {
			out.Steps = show(steps)
			out.Changed = len(steps) > 0
			out.Unknown = out.Changed || notYet != nil
			if notYet != nil {
				out.Maybe = notYet.Reason
			}
			return
		}
		fresh := without(steps, done)
		switch {
		case len(fresh) == 0 && notYet == nil:
			return
		case len(fresh) == 0:
			out.fail(notYet)
			return
		case !more:
			out.fail(fmt.Errorf("%w: after its steps it would still %s", errNoConverge, whats(fresh)))
			return
		case round > maxRounds:
			out.fail(fmt.Errorf("%w in %d rounds: it would still %s", errNoConverge, maxRounds, whats(fresh)))
			return
		}
		for _, st := range fresh {
			if ctx.Err() != nil {
				out.fail(fmt.Errorf("stopped before it could %s: %w", st.What, context.Cause(ctx)))
				return
			}
			out.Changed = true
			out.Steps = append(out.Steps, show([]Step{st})...)
			if err := st.Do(ctx, h); err != nil {
				out.fail(fmt.Errorf("%s: %w", st.What, err))
				return
			}
			if st.Event {
				done = append(done, st)
			}
		}
		more = notYet != nil
	}
}

// Task erases the action's types.
func (x Action[A, R]) Task() *Task {
	t := &Task{
		Name: x.Name, Doc: x.Doc, Example: x.Example, Kind: Act,
		Args: SpecOf[A](), Result: SpecOf[R](),
		decode: decode[A],
		run: func(ctx context.Context, h Host, a any, r Input, out *Outcome) {
			x.act(ctx, h, a.(A), r, out)
		},
	}
	if x.ReadOnly != nil {
		t.readOnly = func(a any) bool { return x.ReadOnly(a.(A)) }
	}
	return t
}

func (x Action[A, R]) act(ctx context.Context, h Host, a A, r Input, out *Outcome) {
	var res R
	out.Result = public(res)
	a, err := expandHomes(ctx, h, a)
	needed := true
	if err == nil && x.Needed != nil {
		needed, err = x.Needed(ctx, looker{h}, a)
	}
	if err != nil {
		out.stop(err, r.Plan)
		return
	}
	readOnly := x.ReadOnly != nil && x.ReadOnly(a)
	var steps []Step
	if needed && !readOnly {
		what := "run " + x.Name
		if x.What != nil {
			what = x.What(a)
		}
		steps = []Step{{What: what, Event: true}}
	}
	if !out.approve(steps, r) || !needed {
		return
	}
	if r.Plan && x.Waits && !readOnly {
		out.Maybe, out.Unknown = steps[0].What, true
		return
	}
	if r.Plan && !readOnly {
		out.Changed, out.Unknown, out.Steps = true, true, show(steps)
		return
	}
	out.Changed = !readOnly // also when it breaks off
	res, err = x.Run(ctx, h, a)
	out.Result = public(res)
	if c, ok := any(res).(interface{ Changed() bool }); ok {
		out.Changed = c.Changed() && !readOnly
	}
	if out.Changed {
		out.Steps = show(steps)
	}
	if err != nil {
		out.stop(err, r.Plan)
	}
}

// Task erases the control's types.
func (x Control[A, R]) Task() *Task {
	return &Task{
		Name: x.Name, Doc: x.Doc, Example: x.Example, Kind: Engine,
		Args: SpecOf[A](), Result: SpecOf[R](),
		decode: decode[A],
		do: func(a any) (json.RawMessage, error) {
			r, err := x.Do(a.(A))
			return public(r), err
		},
		readOnly: func(any) bool { return true },
	}
}

// approve keeps the hash of a plan, and refuses one that is not the plan that was shown.
func (o *Outcome) approve(steps []Step, r Input) bool {
	o.Plan = hashSteps(r.Key, steps)
	if r.Plan || r.Expect == "" || o.Plan == r.Expect {
		return true
	}
	o.fail(errors.New("the host has changed: its plan is not the one that was approved"))
	return false
}

// stop ends an outcome with what a module returned instead of going on.
func (o *Outcome) stop(err error, plan bool) {
	var notYet *NotYet
	var skip *ErrSkipped
	switch {
	case errors.As(err, &skip):
		o.Skipped, o.Msg = true, skip.Reason
	case plan && errors.As(err, &notYet):
		o.Maybe, o.Unknown = notYet.Reason, true
	default:
		o.fail(err)
	}
}

// fail ends an outcome with an error and the lines that explain it.
func (o *Outcome) fail(err error) {
	o.Failed = true
	o.Msg = err.Error()
	var d *Detailed
	if errors.As(err, &d) {
		o.Lines, o.Hint = d.Lines, d.Hint
	}
	var c *CommandError
	if o.Lines == nil && errors.As(err, &c) {
		o.Lines = LastLines(c.Stderr, 10)
	}
}

// decode reads canonical arguments into A: unknown keys are errors, and A's own Validate is asked.
func decode[A any](args json.RawMessage) (any, error) {
	var a A
	if len(args) > 0 {
		d := json.NewDecoder(bytes.NewReader(args))
		d.DisallowUnknownFields()
		if err := d.Decode(&a); err != nil {
			return nil, fmt.Errorf("arguments: %w", err)
		}
		if d.More() {
			return nil, errors.New("arguments: something follows them")
		}
	}
	if v, ok := any(a).(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func show(steps []Step) []Shown {
	var out []Shown
	for _, s := range steps {
		out = append(out, Shown{What: s.What, From: s.From, To: s.To, Event: s.Event})
	}
	return out
}

// hashSteps is a keyed hash over all that a plan shows. A plan without steps
// has one too: that nothing is to be done can be what was approved.
func hashSteps(key []byte, steps []Step) string {
	h := hmac.New(sha256.New, key)
	for _, s := range steps {
		for _, f := range []string{s.What, s.From, s.To, strconv.FormatBool(s.Event)} {
			fmt.Fprintf(h, "%d:%s", len(f), f)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// without is steps less the events that were done already.
func without(steps, done []Step) []Step {
	var out []Step
next:
	for _, s := range steps {
		if s.Event {
			for _, d := range done {
				if d.What == s.What {
					continue next
				}
			}
		}
		out = append(out, s)
	}
	return out
}

func whats(steps []Step) string {
	var w []string
	for _, s := range steps {
		w = append(w, s.What)
	}
	return strings.Join(w, ", ")
}

// LastLines are the last n lines of a text that are not blank.
func LastLines(text string, n int) []string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimRight(l, " \t\r"); l != "" {
			out = append(out, l)
		}
	}
	if len(out) > n {
		out = out[len(out)-n:]
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }

// commandText is an argv as one line for messages, quoted where a shell would need it.
func commandText(argv []string) string {
	var out []string
	for _, a := range argv {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`&|;<>()*?[]#~!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out = append(out, a)
	}
	return strings.Join(out, " ")
}
