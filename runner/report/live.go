package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	liveLines = 8                      // at most so many hosts are named
	liveAfter = 700 * time.Millisecond // a task that ends sooner is not shown as running
	liveEvery = 200 * time.Millisecond
)

// live is the block of hosts at work below the lines of a terminal. It is
// taken away before a line is printed and drawn again after it.
type live struct {
	t    *Terminal
	mu   sync.Mutex
	jobs []*job // in the order in which they began
	on   int    // lines on the screen
	done chan struct{}
	over bool
	held int // how many ask for the block to stay away
}

type job struct {
	host, task, text string
	since            time.Time
}

func newLive(t *Terminal) *live {
	l := &live{t: t, done: make(chan struct{})}
	go func() {
		tick := time.NewTicker(liveEvery)
		defer tick.Stop()
		for {
			select {
			case <-l.done:
				return
			case <-tick.C:
				l.mu.Lock()
				l.redraw("")
				l.mu.Unlock()
			}
		}
	}()
	return l
}

func (l *live) find(host string) int {
	for i, j := range l.jobs {
		if j.host == host {
			return i
		}
	}
	return -1
}

func (l *live) begin(host, task string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.find(host); i >= 0 {
		l.jobs = append(l.jobs[:i], l.jobs[i+1:]...)
	}
	l.jobs = append(l.jobs, &job{host: host, task: task, since: l.t.o.Time()})
}

func (l *live) progress(host, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.find(host); i >= 0 {
		l.jobs[i].text = text
	}
}

func (l *live) end(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.find(host); i >= 0 {
		l.jobs = append(l.jobs[:i], l.jobs[i+1:]...)
	}
}

func (l *live) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.over, l.jobs = true, nil
	l.redraw("")
	close(l.done)
}

func (l *live) pause() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held++
	l.redraw("")
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.held--
	}
}

// above prints text over the block.
func (l *live) above(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.redraw(text)
}

// redraw takes the block away, prints text, and draws the block, in one write.
func (l *live) redraw(text string) {
	lines := l.block()
	if text == "" && l.on == 0 && len(lines) == 0 {
		return
	}
	var b strings.Builder
	if l.on > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r\x1b[J", l.on)
	}
	b.WriteString(text)
	for _, line := range lines {
		b.WriteString(l.t.paint(dim, line) + "\n")
	}
	l.on = len(lines)
	io.WriteString(l.t.o.Out, b.String())
}

func (l *live) block() []string {
	if l.held > 0 {
		return nil
	}
	now, width := l.t.o.Time(), max(l.t.o.Width()-1, 20)
	var out []string
	more := 0
	for _, j := range l.jobs {
		took := now.Sub(j.since)
		if took < liveAfter {
			continue
		}
		if len(out) == liveLines {
			more++
			continue
		}
		what := j.task
		if j.text != "" {
			what += ": " + j.text
		}
		line := fmt.Sprintf("  %s %3ds  %s", j.host, int(took.Seconds()), strings.ReplaceAll(what, "\t", " "))
		out = append(out, cut(line, width))
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("  and %d more", more))
	}
	return out
}
