package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/value"
	"github.com/mxplay/mxplay/runner/wire"
)

// hooked tells whether the engine has a part in the task besides asking the host.
func (t *task) hooked() bool {
	switch t.src.Module {
	case "fetch", "reboot", "wait_for_connection":
		return t.mod != nil
	}
	return false
}

// hook prepares the engine's part in a task whose arguments are known.
func (f *flight) hook(it *item) {
	if !f.t.hooked() || it.err != nil || it.maybe != "" || it.skip != "" {
		return
	}
	switch f.t.src.Module {
	case "fetch":
		f.fetch(it)
	case "reboot":
		f.reboot(it)
	}
}

// waits is what the tasks that wait for a host say of time, in seconds.
type waits struct {
	Timeout        int64  `json:"timeout"`
	RebootTimeout  int64  `json:"reboot_timeout"`
	Delay          int64  `json:"delay"`
	Post           int64  `json:"post_reboot_delay"`
	Sleep          int64  `json:"sleep"`
	ConnectTimeout int64  `json:"connect_timeout"`
	Test           string `json:"test_command"`
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// awaitConnection is the task wait_for_connection.
func (f *flight) awaitConnection(it *item, done func(bool, string, *value.Map)) {
	f.pure(it, done)
	if it.err != nil || it.result == nil {
		return
	}
	e, err := f.h.arguments(f, it)
	if err != nil {
		it.err = err
		return
	}
	var a waits
	if err := json.Unmarshal(e.json, &a); err != nil {
		it.err = err
		return
	}
	m := it.result
	it.later = func(ctx context.Context) {
		if f.check {
			return
		}
		begin := time.Now()
		err := f.meet(ctx, it.on, a, seconds(a.Timeout), seconds(a.Delay), func(link) error { return nil })
		it.took = time.Since(begin)
		m.Set("elapsed", int64(it.took/time.Second))
		if err != nil {
			it.fail(err)
		}
	}
}

// reboot waits until the host has started anew.
func (f *flight) reboot(it *item) {
	var a waits
	if it.err = json.Unmarshal(it.args, &a); it.err != nil {
		return
	}
	begin := time.Now()
	it.later = func(ctx context.Context) {
		o := it.out
		if f.check || o == nil || o.Failed || f.conn == nil {
			return
		}
		old := f.conn.Hello().Boot
		err := f.meet(ctx, it.on, a, seconds(a.RebootTimeout), time.Second, func(c link) error {
			if c.Hello().Boot == old {
				return errors.New("it has not started anew")
			}
			return nil
		})
		if err == nil {
			sleep(ctx, float64(a.Post))
			err = f.tested(ctx, it.on, a)
		}
		it.took = time.Since(begin)
		if err != nil {
			o.Failed, o.Msg = true, err.Error()
			var d *modules.Detailed
			if errors.As(err, &d) {
				o.Lines, o.Hint = d.Lines, d.Hint
			}
		}
		o.Result, _ = json.Marshal(map[string]any{"rebooted": err == nil, "elapsed": int64(it.took / time.Second)})
	}
}

// meet makes a host's connection anew until it is as it should be.
func (f *flight) meet(ctx context.Context, on *host, a waits, limit, delay time.Duration, right func(link) error) error {
	begin := time.Now()
	f.h.run.o.Report.Progress(f.h.name, "waits for "+on.name)
	on.disconnect()
	if !sleep(ctx, delay.Seconds()) {
		return ctx.Err()
	}
	for {
		c, err := on.connectWithin(ctx, f.t, seconds(a.ConnectTimeout))
		if err == nil {
			if err = right(c); err == nil {
				return nil
			}
			on.disconnect()
		}
		pause := max(seconds(a.Sleep), time.Second)
		if time.Since(begin)+pause > limit {
			return modules.WithLines(fmt.Errorf("%s is not back after %v", on.name, limit), []string{err.Error()}, "")
		}
		if !sleep(ctx, pause.Seconds()) {
			return ctx.Err()
		}
	}
}

// connectWithin is connect with a limit.
func (h *host) connectWithin(ctx context.Context, t *task, limit time.Duration) (link, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("no connection within %v", limit))
		defer cancel()
	}
	return h.connect(ctx, t)
}

// tested runs the command that says whether a host is ready, until it does.
func (f *flight) tested(ctx context.Context, on *host, a waits) error {
	args, err := json.Marshal(map[string]any{"cmd": a.Test, "executable": "/bin/sh", "stdin_add_newline": true, "strip_empty_ends": true, "read_only": true})
	if err != nil {
		return err
	}
	limit := seconds(a.RebootTimeout)
	for begin := time.Now(); ; {
		var o modules.Outcome
		c, err := on.connectWithin(ctx, f.t, seconds(a.ConnectTimeout))
		if err == nil {
			o, err = f.callOnce(ctx, on, c, "shell", args)
		}
		if err == nil && !o.Failed {
			return nil
		}
		if time.Since(begin) > limit || ctx.Err() != nil {
			if err == nil {
				err = errors.New(o.Msg)
			}
			return fmt.Errorf("%s is back, but %s does not succeed within %v: %w", on.name, a.Test, limit, err)
		}
		sleep(ctx, 1)
	}
}

// callOnce makes a call beside the task's own.
func (f *flight) callOnce(ctx context.Context, on *host, c link, module string, args json.RawMessage) (out modules.Outcome, err error) {
	call := wire.Call{Task: module, Key: f.h.run.key, Items: []wire.Item{{Args: args}}}
	if err := f.words(&call, on, c); err != nil {
		return out, err
	}
	answers := c.Start(call, func(wire.Event) {})
	for {
		r, more, err := answers.Next(ctx)
		switch {
		case err != nil:
			return out, err
		case !more:
			return out, nil
		case r.Refused != "":
			return out, errors.New(r.Refused)
		}
		out = r.Outcome
	}
}
