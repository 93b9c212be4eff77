package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

// An asynchronous task is a job too: a process of its own, this binary as
// `mxplay-agent async FOLDER`, that runs the task in place of the agent and
// outlives the connection. Its folder holds
//
//	task.json      what to run; its keeper takes it away, since it may hold secrets
//	content-HASH   what lived on the controller
//	begun          its keeper was started, or is about to be
//	lock           held by the keeper for as long as that lives
//	done.json      how it ended; without it and with a free lock, it was killed
//	taken          nobody will ask for it again
//
// The folder's name, the job's id, comes from the run, the call and the item,
// so that the call, sent again after a cut, finds the job that it began.

// asyncSpec is task.json.
type asyncSpec struct {
	Run   string    `json:"run"`
	Call  wire.Call `json:"call"` // with the one item
	Until time.Time `json:"until"`
}

const (
	keepAsync = 7 * 24 * time.Hour // how long results stay that nobody takes away
	keepTaken = time.Hour          // how long those that were waited for stay, in case their line broke at the last word
	startWait = 5 * time.Second    // how long a keeper may take to begin
)

// asyncDir is where asynchronous tasks of this account are kept. A folder
// below /run/user would go when the account logs out.
func asyncDir(state string) string {
	if strings.HasPrefix(state, "/run/user/") {
		state = homeDir()
	}
	return filepath.Join(state, "async")
}

// asyncDirs are the folders that asyncDir may have given; none is made by asking.
func asyncDirs(state string) (dirs []string) {
	states := []string{state}
	if strings.HasPrefix(state, "/run/user/") {
		states = homeDirs()
	}
	for _, s := range states {
		if _, err := ours(s); err == nil {
			dirs = append(dirs, filepath.Join(s, "async"))
		}
	}
	return dirs
}

func contentPath(dir, hash string) string { return filepath.Join(dir, "content-"+hash) }

// async starts one item as a job, unless an earlier line of the run did so,
// and waits for it if the call says so. It gives the job's id.
func (a *Agent) async(ctx context.Context, c *wire.Call, i int, t *modules.Task, item wire.Item) (string, modules.Outcome) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %d", a.welcome.Run, a.welcome.Host, c.ID, c.First+i))
	id := "j" + hex.EncodeToString(sum[:10])
	dir := filepath.Join(asyncDir(a.opt.State), id)
	if !exists(filepath.Join(dir, "begun")) {
		if err := a.startAsync(ctx, dir, c, i, t, item); err != nil {
			_ = os.RemoveAll(dir)
			return "", modules.Outcome{Failed: true, Msg: err.Error()}
		}
	}
	if c.Poll == 0 {
		return id, modules.Outcome{Changed: true}
	}
	say := time.NewTicker(time.Duration(c.Poll) * time.Second)
	defer say.Stop()
	begin := time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if j := readAsync(dir); j.Finished {
			_ = os.WriteFile(filepath.Join(dir, "taken"), nil, 0o600)
			return id, j.Outcome
		}
		select {
		case <-say.C:
			_ = a.conn.Send(wire.TEvent, wire.Event{ID: c.ID, Item: i, Text: fmt.Sprintf("job %s runs, for %d s so far", id, time.Since(begin)/time.Second)})
		case <-time.After(pause):
		case <-ctx.Done():
			return id, modules.Outcome{Failed: true, Msg: fmt.Sprintf("%v; its job %s goes on", context.Cause(ctx), id)}
		}
	}
}

// startAsync fills the folder and starts the keeper.
func (a *Agent) startAsync(ctx context.Context, dir string, c *wire.Call, i int, t *modules.Task, item wire.Item) error {
	if err := errors.Join(ownDir(filepath.Dir(filepath.Dir(dir))), ownDir(filepath.Dir(dir)), ownDir(dir)); err != nil {
		return err
	}
	if err := a.fetchAll(ctx, dir, c, i, t, item); err != nil {
		return err
	}
	one := *c
	one.Items, one.ID, one.Account = []wire.Item{item}, 0, wire.Account{}
	limit := asyncLimit(c)
	spec, err := json.Marshal(asyncSpec{Run: a.welcome.Run, Call: one, Until: time.Now().Add(limit)})
	if err != nil {
		return err
	}
	if err := putFile(filepath.Join(dir, "task.json"), spec); err != nil {
		return err
	}
	// From here it is never begun again, whatever happens.
	if err := putFile(filepath.Join(dir, "begun"), nil); err != nil {
		return err
	}
	return a.startKeeper(ctx, "async", dir)
}

// asyncLimit is how long an asynchronous task may take.
func asyncLimit(c *wire.Call) time.Duration {
	limit := time.Duration(c.Async) * time.Second
	if c.Timeout > 0 {
		limit = min(limit, time.Duration(c.Timeout)*time.Millisecond)
	}
	return limit
}

// fetchAll puts the content that the arguments name into the folder: the job has nobody to ask for it.
func (a *Agent) fetchAll(ctx context.Context, dir string, c *wire.Call, i int, t *modules.Task, item wire.Item) error {
	var args map[string]json.RawMessage
	if json.Unmarshal(item.Args, &args) != nil {
		return nil // the task itself says what is wrong
	}
	h := newHost(a, c, i, t)
	defer h.close()
	for _, f := range t.Args.Fields {
		var k modules.Content
		if f.Type.Kind != modules.ContentT || json.Unmarshal(args[f.Name], &k) != nil {
			continue
		}
		for _, k := range k.Files() {
			if int64(len(k.Inline)) == k.Size {
				continue
			}
			file, err := os.OpenFile(contentPath(dir, k.Hash), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
			if err != nil {
				return err
			}
			if err := errors.Join(h.contentTo(ctx, k, file), file.Close()); err != nil {
				return err
			}
		}
	}
	return nil
}

// readAsync looks at a job.
func readAsync(dir string) modules.AsyncJob {
	var j modules.AsyncJob
	done := func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "done.json"))
		j.Finished = err == nil && json.Unmarshal(b, &j.Outcome) == nil
		return j.Finished
	}
	if done() || jobAlive(dir) {
		return j
	}
	st, err := os.Stat(filepath.Join(dir, "begun"))
	if err != nil || time.Since(st.ModTime()) < startWait || done() {
		return j
	}
	j.Finished, j.Outcome = true, modules.Outcome{Failed: true, Msg: "its job was killed before it had ended"}
	return j
}

// AsyncJob looks at a job of this account.
func (h *host) AsyncJob(_ context.Context, id string) (modules.AsyncJob, error) {
	dir, err := h.agent.asyncJob(id)
	if err != nil {
		return modules.AsyncJob{}, err
	}
	return readAsync(dir), nil
}

// ForgetAsync removes what is kept of a job. One that runs goes on.
func (h *host) ForgetAsync(_ context.Context, id string) error {
	dir, err := h.agent.asyncJob(id)
	if err == nil {
		err = h.may("forget job " + id)
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// asyncJob is a job's folder.
func (a *Agent) asyncJob(id string) (string, error) {
	dir := filepath.Join(asyncDir(a.opt.State), id)
	if strings.ContainsAny(id, "/.") || !exists(filepath.Join(dir, "begun")) {
		return "", missingf("there is no job %q of this account on the host", id)
	}
	return dir, nil
}

// pruneAsync removes what nobody has asked for.
func pruneAsync(dir string, now time.Time) {
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		p := filepath.Join(dir, e.Name())
		age := keepAsync
		if exists(filepath.Join(p, "taken")) {
			age = keepTaken
		}
		if st, err := e.Info(); err == nil && now.Sub(st.ModTime()) > age && !jobAlive(p) {
			_ = os.RemoveAll(p)
		}
	}
}

// KeepAsync is the keeper of an asynchronous task: it runs the task of a folder to its end, or to its time limit.
func KeepAsync(dir string, opt Options) error {
	lock, err := openLock(filepath.Join(dir, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := flock(lock, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("the task has a keeper: %w", err)
	}
	var spec asyncSpec
	path := filepath.Join(dir, "task.json")
	b, err := os.ReadFile(path)
	if err == nil {
		err = errors.Join(os.Remove(path), json.Unmarshal(b, &spec))
	}
	if err != nil {
		return err
	}
	out := runAsync(dir, spec, opt)
	if b, err = json.Marshal(out); err != nil {
		return err
	}
	return putFile(filepath.Join(dir, "done.json"), b)
}

// runAsync runs the task in this process, with all doors but the controller's.
func runAsync(dir string, spec asyncSpec, opt Options) (out modules.Outcome) {
	if opt.State = StateDir(); asyncDir(opt.State) != filepath.Dir(dir) {
		opt.State = filepath.Dir(filepath.Dir(dir))
	}
	if opt.Grace == 0 {
		opt.Grace = 2 * time.Second
	}
	c := &spec.Call
	limit := asyncLimit(c)
	late := fmt.Errorf("async task did not complete within the requested time: %s", limit)
	ctx, cancel := context.WithDeadlineCause(context.Background(), spec.Until, late)
	defer cancel()
	a := &Agent{opt: opt, log: newRedactor(opt.Log), ctx: ctx, sys: newSystem(), welcome: wire.Welcome{Run: spec.Run}}
	defer a.sys.close()
	defer a.apt.close()
	defer a.sys.procs.killAll()
	a.conn = wire.NewConn(strings.NewReader(""), io.Discard)
	a.content = &contents{conn: a.conn, dir: dir}
	c.Timeout = 0 // it is in the deadline
	var t *modules.Task
	for _, x := range opt.Tasks {
		if x.Name == c.Task {
			t = x
		}
	}
	if t == nil || len(c.Items) != 1 {
		return modules.Outcome{Failed: true, Msg: fmt.Sprintf("this agent has no task %q", c.Task)}
	}
	ended := make(chan modules.Outcome, 1)
	go func() { ended <- a.item(ctx, c, 0, t, c.Items[0]) }()
	select {
	case out = <-ended:
	case <-ctx.Done():
		select {
		case out = <-ended:
		case <-time.After(opt.Grace + 1500*time.Millisecond):
			out.Changed = true // nobody knows
		}
	}
	if ctx.Err() != nil && (out.Failed || out.Plan == "") {
		out.Failed, out.Msg, out.Lines = true, late.Error(), nil
	}
	return out
}
