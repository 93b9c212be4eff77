package runner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math/big"
	"os"
	"os/user"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mxplay/mxplay/inventory"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/remote"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// RunOptions are what Run needs besides the Program.
type RunOptions struct {
	Check, Diff     bool
	Verbose         int  // how many -v: what debug's verbosity asks for
	PendingHandlers bool // run those that earlier runs left too
	Forks           int  // hosts at work at a time; 50 when 0
	Report          report.Reporter
	Redact          *report.Redactor // learns every secret of the run
	Remote          remote.Options   // Content, Run, Who and Check are filled in here

	// BecomePassword and Password are asked once, when the first host needs them; nil: there is none.
	BecomePassword func() (string, error)
	Password       func() (string, error)
	// Step asks before each task; nil: none is asked about. Host is "" when all of a batch are meant.
	Step func(task, host string) (Step, error)
	// Prompt asks for what vars_prompt names; nil: nobody can be asked.
	Prompt func(Prompt) (string, error)

	dialer dialer // in tests; nil: remote's
}

// ErrInterrupted says that the run was ended from outside.
var ErrInterrupted = errors.New("interrupted")

// Run carries the program out. What vars_prompt names is asked for first: that
// this fails is the only way to an error without a Recap. The Recap holds for every host how it ended;
// the error is ErrInterrupted, or a mistake that only showed while it ran, or
// nil, also when tasks failed.
func (p *Program) Run(ctx context.Context, o RunOptions) (*report.Recap, error) {
	if o.Forks <= 0 {
		o.Forks = 50
	}
	r := &run{
		p: p, o: o, vars: expr.NewVars(), cache: expr.NewCache(), hosts: map[string]*host{},
		store: newStore(), slots: make(chan struct{}, o.Forks),
		all: slices.Clone(p.all), added: map[addedKey]value.Value{},
		started: time.Now(), gates: map[*task]chan struct{}{}, once: map[*task][]setting{}, prompts: map[*play]*expr.Layer{},
	}
	r.steps.ask = o.Step
	r.key = make([]byte, 32)
	_, _ = rand.Read(r.key)
	ro := o.Remote
	ro.Content, ro.Check, ro.Run, ro.Who = r.store.open, o.Check, hex.EncodeToString(r.key[:8]), whoAmI()
	if r.dialer = o.dialer; r.dialer == nil {
		r.dialer = remoteDialer{remote.NewDialer(ro)}
	}
	defer r.close()
	r.link(p)
	for _, w := range p.Warnings {
		r.o.Report.Notice(&report.Notice{Level: "warning", Text: w.Msg, Err: w})
	}
	var err, fatal error
	for _, pl := range p.plays[p.firstPlay:] {
		if r.prompts[pl], err = r.ask(pl); err != nil {
			return nil, err
		}
	}
	for i, pl := range p.plays[p.firstPlay:] {
		if ctx.Err() != nil || r.stop {
			break
		}
		if i > 0 && pl.book != p.plays[p.firstPlay+i-1].book && r.hurt() {
			r.stop, r.why = true, "hosts failed, so "+pl.book+" did not begin"
			break
		}
		if err := r.play(ctx, pl); err != nil {
			r.stop, r.why = true, err.Error()
			fatal = err
		}
	}
	r.forgetGone(ctx)
	recap := r.recap(ctx)
	r.o.Report.Recap(recap)
	if ctx.Err() != nil {
		return recap, ErrInterrupted
	}
	return recap, fatal
}

// hurt tells whether a host failed or could not be reached.
func (r *run) hurt() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hosts {
		if h.failed || h.unreachable {
			return true
		}
	}
	return false
}

// run is one run of a program.
type run struct {
	p       *Program
	o       RunOptions
	vars    *expr.Vars
	cache   *expr.Cache
	dialer  dialer
	store   *store
	packs   packs
	key     []byte
	slots   chan struct{}
	dirs    []string                // where file() and its kin look: beside the playbook
	gates   map[*task]chan struct{} // of throttle
	once    map[*task][]setting     // what tasks with once: true set
	prompts map[*play]*expr.Layer   // what was asked for
	steps   steps
	stop    bool   // the rest of the run does not happen
	why     string // it was stopped

	dir     string // of the playbook at work
	mu      sync.Mutex
	hosts   map[string]*host
	started time.Time

	groups   value.Value // at groupsAt
	groupsAt int64
	groupsMu sync.Mutex

	all    []*inventory.Host      // of all plays, added ones too
	grown  atomic.Int64           // how often the inventory did
	growth []inventory.Membership // that group_by asked for and that are not there yet
	added  map[addedKey]value.Value
}

// link lets hostvars find all hosts.
func (r *run) link(p *Program) {
	r.vars.Names = func() []string {
		var out []string
		p.inv.Read(func() {
			for _, h := range p.inv.Hosts {
				out = append(out, h.Name)
			}
		})
		return out
	}
	r.vars.Find = func(name string) *expr.Env {
		h := p.inv.Host(name)
		if h == nil {
			return nil
		}
		x := r.host(h)
		r.mu.Lock()
		defer r.mu.Unlock()
		x.prepare(r.dir)
		return x.env
	}
}

func (r *run) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var wg sync.WaitGroup
	for _, h := range r.hosts {
		for _, c := range h.conns {
			wg.Add(1)
			go func() {
				defer wg.Done()
				h.memory.Load().settle(c)
				_ = c.Close()
			}()
		}
	}
	wg.Wait()
	_ = r.dialer.Close()
}

// host is the run's record of a host; each exists once a run.
func (r *run) host(h *inventory.Host) *host {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.hosts[h.Name]
	if x == nil {
		x = &host{run: r, inv: h, name: h.Name, conns: map[connKey]link{}, pending: map[*task]string{}}
		r.hosts[h.Name] = x
	}
	return x
}

func whoAmI() string {
	name := "someone"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		name += "@" + h
	}
	return name
}

// play runs one play, batch by batch.
func (r *run) play(ctx context.Context, p *play) error {
	hosts := r.hostsOf(p)
	if p.shuffle {
		hosts = append([]*inventory.Host(nil), hosts...)
		for i := len(hosts) - 1; i > 0; i-- {
			if j, err := rand.Int(rand.Reader, big.NewInt(int64(i+1))); err == nil {
				hosts[i], hosts[j.Int64()] = hosts[j.Int64()], hosts[i]
			}
		}
	}
	name := r.p.title(p)
	var all []*host
	for _, h := range hosts {
		all = append(all, r.host(h))
	}
	if len(alive(all)) == 0 {
		r.o.Report.Play(report.Play{Name: name, Check: r.o.Check})
		return nil
	}
	sizes, err := batchSizes(r.p, p, len(all), r.prompts[p])
	if err != nil {
		return err
	}
	maxFail, err := r.p.maxFailOf(p, r.prompts[p])
	if err != nil {
		return err
	}
	gathers, err := r.p.gathers(p, r.prompts[p])
	if err != nil {
		return err
	}
	r.mu.Lock()
	for _, h := range r.hosts {
		h.again()
	}
	r.dir, r.dirs = p.dir, []string{p.dir}
	r.mu.Unlock()
	of := batches(sizes, len(all))
	for i := 0; len(all) > 0 && ctx.Err() == nil && !r.stop; i++ {
		n := min(sizes[min(i, len(sizes)-1)], len(all))
		// a host that failed in an earlier play keeps its seat
		b := &batch{run: r, play: p, name: name, hosts: alive(all[:n]), all: hosts, maxFail: maxFail, gathers: gathers, prompts: r.prompts[p], seats: n}
		all = all[n:]
		if len(b.hosts) == 0 {
			r.o.Report.Play(report.Play{Name: name, Check: r.o.Check, Batch: i + 1, Of: of})
			continue
		}
		r.o.Report.Play(report.Play{Name: name, Hosts: hostNames(b.hosts), Check: r.o.Check, Batch: i + 1, Of: of})
		b.through(ctx)
		dead := 0
		for _, h := range b.hosts {
			h.ended, h.endRole = false, nil
			clear(h.pending) // a handler's notification of an earlier one, after the last flush
			if h.failed || h.unreachable {
				dead++
			}
		}
		if dead == n {
			r.stop = true
		}
		if b.over() {
			return nil
		}
	}
	return nil
}

// alive are the hosts that have not fallen out of the run.
func alive(hs []*host) []*host {
	var out []*host
	for _, h := range hs {
		if !h.failed && !h.unreachable {
			out = append(out, h)
		}
	}
	return out
}

// maxFailOf is the play's max_fail_percentage, negative when it has none.
func (prog *Program) maxFailOf(p *play, prompts *expr.Layer) (float64, error) {
	if p.maxFail == nil {
		return -1, nil
	}
	res, err := prog.word(p, p.maxFail, prompts)
	if err != nil {
		return 0, err
	}
	v, err := toFloat(res)
	if err != nil {
		return 0, source.Errorf(p.src.MaxFail.Pos, "max_fail_percentage: %s", err)
	}
	return v.(float64), nil
}

// batches is how many batches n hosts make.
func batches(sizes []int, n int) int {
	count := 0
	for ; n > 0; count++ {
		n -= sizes[min(count, len(sizes)-1)]
	}
	return count
}

// recap is how all hosts ended.
func (r *run) recap(ctx context.Context) *report.Recap {
	out := &report.Recap{Duration: time.Since(r.started), Check: r.o.Check, Stopped: r.why}
	if ctx.Err() != nil {
		out.Stopped = "interrupted"
	}
	for _, x := range r.all {
		h := r.host(x)
		if !h.touched {
			continue
		}
		hr := report.HostRecap{Host: h.name, Counts: h.counts, State: report.OK}
		switch {
		case h.unreachable:
			hr.State = report.Unreachable
		case h.failed:
			hr.State = report.Failed
		}
		out.Hosts = append(out.Hosts, hr)
	}
	return out
}

// batchSizes are the sizes that serial asks for; the last repeats.
func batchSizes(prog *Program, p *play, n int, prompts *expr.Layer) ([]int, error) {
	var out []int
	for _, s := range p.serial {
		res, err := prog.word(p, s, prompts)
		if err != nil {
			return nil, err
		}
		size, err := share(res, n)
		if err != nil {
			return nil, source.Errorf(s.Pos, "%s", err)
		}
		if size <= 0 {
			size = n
		}
		out = append(out, size)
	}
	if len(out) == 0 {
		out = []int{n}
	}
	return out, nil
}

func hostNames(hs []*host) []string {
	out := make([]string, len(hs))
	for i, h := range hs {
		out[i] = h.name
	}
	return out
}
