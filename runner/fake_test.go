package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/modules/modtest"
	"github.com/mxplay/mxplay/runner/remote"
	"github.com/mxplay/mxplay/runner/wire"
)

// cloud is hosts in memory, each with an agent that keeps the wire's rules of order.
type cloud struct {
	mu    sync.Mutex
	hosts map[string]*machine
	calls []string // every call that began, as "host task"
	most  int      // calls that ran at the same time, at most
	now   int
	block chan struct{} // act with wait: true waits for it
	dials int
	notes int // how often handlers were to be remembered
}

// machine is one host of a cloud.
type machine struct {
	*modtest.Host
	mu    sync.Mutex
	name  string
	user  string
	env   map[string]string
	tries map[string]int
	jobs  int
	left  map[string]wire.Pending // handlers that have not run
}

func newCloud() *cloud { return &cloud{hosts: map[string]*machine{}, block: make(chan struct{})} }

func (c *cloud) machine(name string) *machine {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.hosts[name]
	if m == nil {
		m = &machine{Host: modtest.New(), name: name, tries: map[string]int{}, left: map[string]wire.Pending{}}
		m.FactSet.Hostname, m.FactSet.Nodename = name, name
		c.hosts[name] = m
	}
	return m
}

// Dial connects to a machine; ansible_host: nowhere is none.
func (c *cloud) Dial(_ context.Context, t remote.Target) (link, error) {
	if t.Host == "nowhere" {
		return nil, &remote.UnreachableError{Host: t.Name, Err: errors.New("no route to host"), Hint: "look at the cable"}
	}
	name := t.Host
	if name == "" {
		name = t.Name
	}
	c.mu.Lock()
	c.dials++
	c.mu.Unlock()
	k := &fakeLink{c: c, m: c.machine(name), user: t.User, name: t.Name, more: make(chan struct{}, 1), over: make(chan struct{})}
	if k.user == "" {
		k.user = "me"
	}
	go k.work()
	return k, nil
}

func (c *cloud) Close() error { return nil }

// fakeLink does calls in order, as an agent's queue does.
type fakeLink struct {
	c    *cloud
	m    *machine
	user string
	name string

	mu     sync.Mutex
	queue  []*fakeCall
	broken bool
	err    error
	more   chan struct{}
	over   chan struct{}
}

type fakeCall struct {
	wire.Call
	out chan wire.Result
	end chan error
}

func (k *fakeLink) Hello() wire.Hello {
	h := wire.Hello{User: k.user, Facts: k.m.FactSet}
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	for _, p := range k.m.left {
		h.Pending = append(h.Pending, p)
	}
	return h
}

func (k *fakeLink) Remember(p wire.Pending) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.c.notes++
	if k.m.left[p.Host] = p; len(p.Handlers) == 0 {
		delete(k.m.left, p.Host)
	}
}

func (k *fakeLink) Settle(context.Context) error { return k.Err() }

func (k *fakeLink) Err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

func (k *fakeLink) Close() error { k.cut(errors.New("closed")); return nil }

// cut ends the connection; what waits is lost.
func (k *fakeLink) cut(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return
	}
	k.err = err
	close(k.over)
	for _, c := range k.queue {
		c.end <- err
	}
	k.queue = nil
}

func (k *fakeLink) Start(w wire.Call, onEvent func(wire.Event)) answers {
	c := &fakeCall{Call: w, out: make(chan wire.Result, len(w.Items)+1), end: make(chan error, 2)}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		c.end <- k.err
		return c
	}
	if onEvent != nil {
		onEvent(wire.Event{Text: w.Task + " begins"})
	}
	k.queue = append(k.queue, c)
	select {
	case k.more <- struct{}{}:
	default:
	}
	return c
}

func (c *fakeCall) Next(ctx context.Context) (wire.Result, bool, error) {
	select {
	case r, ok := <-c.out:
		return r, ok, nil
	default:
	}
	select {
	case r, ok := <-c.out:
		return r, ok, nil
	case err := <-c.end:
		return wire.Result{}, false, err
	case <-ctx.Done():
		return wire.Result{}, false, ctx.Err()
	}
}

func (k *fakeLink) work() {
	for {
		k.mu.Lock()
		var c *fakeCall
		if len(k.queue) > 0 {
			c, k.queue = k.queue[0], k.queue[1:]
		}
		k.mu.Unlock()
		if c == nil {
			select {
			case <-k.more:
				continue
			case <-k.over:
				return
			}
		}
		if !c.Chain {
			k.broken = false
		}
		if k.broken {
			c.out <- wire.Result{Last: true, NotBegun: true}
			close(c.out)
			continue
		}
		if !k.call(c) {
			k.broken = true
		}
	}
}

var errCutNow = errors.New("cut now")

// call does one call in the machine and tells whether it went well.
func (k *fakeLink) call(c *fakeCall) bool {
	k.c.mu.Lock()
	k.c.calls = append(k.c.calls, k.m.name+" "+c.Task)
	k.c.now++
	k.c.most = max(k.c.most, k.c.now)
	k.c.mu.Unlock()
	var results []wire.Result
	// an answer is sent when the call is over
	defer func() {
		k.c.mu.Lock()
		k.c.now--
		k.c.mu.Unlock()
		for _, r := range results {
			c.out <- r
		}
		if len(results) == len(c.Items) {
			close(c.out)
		}
	}()
	k.m.mu.Lock()
	defer k.m.mu.Unlock()
	k.m.user, k.m.env = k.user, c.Env
	if c.Account.User == "nemo" {
		results = append(results, wire.Result{Last: true, Refused: "become: no such user \"nemo\" on the host", NoUser: true})
		return false
	}
	if c.Account.User != "" {
		k.m.user = c.Account.User
		if c.Account.Exe != "" {
			k.m.user += " by " + c.Account.Exe
		}
	}
	ok := true
	for i, item := range c.Items {
		k.m.NextCall()
		out := k.c.task(c.Task).Run(context.Background(), k.m, modules.Input{Args: item.Args, Plan: c.Plan, Key: c.Key})
		job := ""
		if c.Async > 0 && !c.Plan {
			job, out = k.m.job(c.Call, out)
		}
		if out.Failed && out.Msg == errCutNow.Error() {
			err := &remote.UnreachableError{Host: k.name, Err: errors.New("connection lost: cut")}
			k.cut(err)
			c.end <- err
			return false
		}
		ok = ok && !out.Failed
		results = append(results, wire.Result{Item: i, Last: i == len(c.Items)-1, Job: job, Outcome: out})
	}
	return ok
}

// job keeps the end of a task with async for AsyncJob, unless it is waited for.
func (m *machine) job(c wire.Call, out modules.Outcome) (string, modules.Outcome) {
	m.jobs++
	id := fmt.Sprintf("j%d", m.jobs)
	if c.Poll > 0 {
		return id, out
	}
	m.Jobs[id] = &modules.AsyncJob{Finished: true, Outcome: out}
	return id, modules.Outcome{Changed: true}
}

// AsyncJob has a job finish when it is looked at for the second time.
func (m *machine) AsyncJob(ctx context.Context, id string) (modules.AsyncJob, error) {
	j, err := m.Host.AsyncJob(ctx, id)
	if m.tries[id]++; m.tries[id] < 2 && err == nil {
		return modules.AsyncJob{}, nil
	}
	return j, err
}

func (c *cloud) task(name string) *modules.Task {
	for _, t := range c.tasks() {
		if t.Name == name {
			return t
		}
	}
	panic("no task " + name)
}

// tasks are the built-in ones, and some that do as they are told.
func (c *cloud) tasks() []*modules.Task {
	allTasksOnce.Do(func() { allTasks = builtin.Tasks() })
	return append([]*modules.Task{c.act(), lookTask}, allTasks...)
}

var (
	allTasksOnce sync.Once
	allTasks     []*modules.Task
)

type actArgs struct {
	Out     string `json:"out" doc:"what it says"`
	Changed bool   `json:"changed" default:"true" doc:"whether it changes something"`
	Fail    bool   `json:"fail" doc:"it fails"`
	Until   int64  `json:"until" doc:"it fails before the n-th time"`
	Secret  string `json:"secret" secret:"true" doc:"a secret"`
	Cut     bool   `json:"cut" doc:"the connection breaks"`
	Wait    bool   `json:"wait" doc:"it waits for the test"`
	Lines   string `json:"lines" doc:"what explains its failure"`
}

type actResult struct {
	Stdout  string            `json:"stdout" doc:"what it said"`
	RC      int64             `json:"rc" doc:"how it ended"`
	User    string            `json:"user" doc:"who it ran as"`
	Host    string            `json:"host" doc:"where it ran"`
	Env     map[string]string `json:"env" doc:"what it got"`
	Try     int64             `json:"try" doc:"how often it ran"`
	Hidden  string            `json:"hidden" secret:"true" doc:"the secret"`
	changed bool
}

func (r actResult) Changed() bool { return r.changed }

func (c *cloud) act() *modules.Task {
	return modules.Action[actArgs, actResult]{
		Name: "act", Doc: "Does as it is told.",
		What: func(a actArgs) string { return "act " + a.Out },
		Run: func(_ context.Context, h modules.Host, a actArgs) (actResult, error) {
			m := h.(*machine)
			m.tries[a.Out]++
			r := actResult{Stdout: a.Out, User: m.user, Host: m.name, Env: m.env, Try: int64(m.tries[a.Out]), Hidden: a.Secret, changed: a.Changed}
			switch {
			case a.Wait:
				<-c.block
			case a.Cut:
				return r, errCutNow
			case a.Fail || r.Try < a.Until:
				r.RC = 1
				return r, modules.WithLines(fmt.Errorf("it failed: %s%s", a.Out, a.Secret), modules.LastLines(a.Lines, 5), "")
			}
			return r, nil
		},
	}.Task()
}

type lookArgs struct {
	Path modules.FilePath `json:"path" required:"true" doc:"a file"`
}

type lookResult struct {
	Stdout string `json:"stdout" doc:"what is in it"`
}

var lookTask = modules.Action[lookArgs, lookResult]{
	Name: "look", Doc: "Reads a file.", ReadOnly: func(lookArgs) bool { return true },
	Run: func(ctx context.Context, h modules.Host, a lookArgs) (lookResult, error) {
		b, err := h.ReadFile(ctx, string(a.Path))
		return lookResult{string(b)}, err
	},
}.Task()

// The kit's own rules of order, since the tests stand on them.
func TestCloud(t *testing.T) {
	c := newCloud()
	l, _ := c.Dial(t.Context(), remote.Target{Name: "a"})
	call := func(fail, chain bool) answers {
		b, _ := json.Marshal(actArgs{Fail: fail})
		return l.Start(wire.Call{Task: "act", Chain: chain, Items: []wire.Item{{Args: b}}}, nil)
	}
	var got []bool
	for _, a := range []answers{call(true, false), call(false, true), call(false, false)} {
		r, _, _ := a.Next(t.Context())
		got = append(got, r.NotBegun)
	}
	if fmt.Sprint(got) != "[false true false]" {
		t.Errorf("not begun: %v", got)
	}
}
