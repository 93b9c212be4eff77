package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/remote"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/wire"
)

// trips is a dialer whose links count how often the controller waited for an
// answer that it did not have yet: the round trips of the calls.
type trips struct {
	*cloud
	mu    sync.Mutex
	waits int
	sent  []string // calls, with "|" where the controller waited
}

func (d *trips) Dial(ctx context.Context, t remote.Target) (link, error) {
	l, err := d.cloud.Dial(ctx, t)
	if err != nil {
		return nil, err
	}
	return &tripLink{link: l, d: d}, nil
}

// tripLink holds calls back until an answer is waited for: then all go at once.
type tripLink struct {
	link
	d    *trips
	held []*tripCall
}

type tripCall struct {
	l    *tripLink
	call wire.Call
	got  answers
}

func (l *tripLink) Start(c wire.Call, _ func(wire.Event)) answers {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	mark := ""
	if c.Chain {
		mark = "+"
	}
	l.d.sent = append(l.d.sent, mark+c.Task)
	t := &tripCall{l: l, call: c}
	l.held = append(l.held, t)
	return t
}

func (t *tripCall) Next(ctx context.Context) (wire.Result, bool, error) {
	t.l.d.mu.Lock()
	if t.got == nil {
		t.l.d.waits++
		t.l.d.sent = append(t.l.d.sent, "|")
		for _, x := range t.l.held {
			x.got = t.l.link.Start(x.call, nil)
		}
		t.l.held = nil
	}
	t.l.d.mu.Unlock()
	return t.got.Next(ctx)
}

// sends runs a playbook's tasks on one host and tells what was sent when.
func sends(t *testing.T, tasks string, more ...string) (string, string) {
	t.Helper()
	t.Chdir(t.TempDir())
	writeFile(t, "site.yml", []byte("- hosts: all\n  gather_facts: false\n"+tasks))
	for i := 0; i < len(more); i += 2 {
		writeFile(t, more[i], []byte(more[i+1]))
	}
	d := &trips{cloud: newCloud()}
	p, err := Compile(Options{Playbooks: []string{"site.yml"}, Inventory: []string{"a,"}, Tasks: d.tasks()})
	if err != nil {
		t.Fatal(err)
	}
	s := &script{redact: &report.Redactor{}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := p.Run(ctx, RunOptions{Report: s, Redact: s.redact, dialer: d}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(d.sent, " "), s.b.String()
}

func TestSendingAhead(t *testing.T) {
	tests := []struct {
		name, tasks, want string
		more              []string
	}{
		{name: "a chain", want: "act +act +act |", tasks: `  tasks: [{act: {}}, {act: {}}, {act: {}}]`},
		{name: "a register nobody reads", want: "act +act |", tasks: `  tasks: [{act: {}, register: r}, {act: {}}]`},
		{name: "a register in an argument", want: "act +act | act |",
			tasks: `  tasks: [{act: {}, register: r}, {act: {}}, {act: {out: "{{ r.stdout }}"}}]`},
		{name: "in a condition", want: "act | act |", tasks: `  tasks: [{act: {}, register: r}, {act: {}, when: r.changed}]`},
		{name: "in a loop", want: "act | act |", tasks: `  tasks: [{act: {}, register: r}, {act: {}, loop: "{{ [r.stdout] }}"}]`},
		{name: "through lazy variables", want: "act | act |",
			tasks: "  vars: {a: '{{ b }}', b: '{{ r.stdout }}'}\n  tasks: [{act: {}, register: r}, {act: {out: '{{ a }}'}}]"},
		{name: "in a template file", want: "act | template |", more: []string{"t.txt", "{{ r.stdout }}"},
			tasks: `  tasks: [{act: {}, register: r}, {template: {src: t.txt, dest: /t}}]`},
		{name: "in a file that it includes", want: "act | template |", more: []string{"t.txt", "{% include 'u.txt' %}", "u.txt", "{{ r.stdout }}"},
			tasks: `  tasks: [{act: {}, register: r}, {template: {src: t.txt, dest: /t}}]`},
		{name: "not in a template file", want: "act +template |", more: []string{"t.txt", "x"},
			tasks: `  tasks: [{act: {}, register: r}, {template: {src: t.txt, dest: /t}}]`},
		{name: "by template()", want: "act | act |", more: []string{"t.txt", "{{ r.stdout }}"},
			tasks: `  tasks: [{act: {}, register: r}, {act: {out: "{{ template('t.txt') }}"}}]`},
		{name: "by vars", want: "act | act |", tasks: `  tasks: [{act: {}, register: r}, {act: {out: "{{ vars['r'].stdout }}"}}]`},
		{name: "shown", want: "act | act |", tasks: `  tasks: [{act: {}, register: r}, {debug: {var: r.stdout}}, {act: {}}]`},
		{name: "another shown", want: "act +act |", tasks: `  tasks: [{act: {}, register: r}, {debug: {msg: x}}, {act: {}}]`},
		{name: "a fact made of it", want: "act | act |", tasks: `  tasks: [{act: {}, register: r}, {set_fact: {x: "{{ r.stdout }}"}}, {act: {out: "{{ x }}"}}]`},
		{name: "in the environment", want: "act | act |", tasks: `  tasks: [{act: {}, register: r}, {act: {}, environment: {A: "{{ r.stdout }}"}}]`},
		{name: "who it runs as", want: "act | act |", tasks: `  tasks: [{act: {}, register: r}, {act: {}, become: "{{ r.changed }}"}]`},
		{name: "failed_when", want: "act | act |", tasks: `  tasks: [{act: {}, failed_when: false}, {act: {}}]`},
		{name: "ignore_errors", want: "act | act |", tasks: `  tasks: [{act: {}, ignore_errors: true}, {act: {}}]`},
		{name: "until", want: "act | act |", tasks: `  tasks: [{act: {}, register: r, until: r.changed}, {act: {}}]`},
		{name: "timeout", want: "act | act |", tasks: `  tasks: [{act: {}, timeout: 5}, {act: {}}]`},
		{name: "changed_when", want: "act +act |", tasks: `  tasks: [{act: {}, changed_when: false}, {act: {}}]`},
		{name: "another account", want: "act +act |", tasks: `  tasks: [{act: {}, become: true}, {act: {}}]`},
		{name: "another connection", want: "act | act |", tasks: `  tasks: [{act: {}}, {act: {}, remote_user: other}]`},
		{name: "a flush", want: "act | act | act |",
			tasks: "  tasks: [{act: {}, notify: h}, {meta: flush_handlers}, {act: {}}]\n  handlers: [{name: h, act: {}}]"},
		{name: "a block's edge", want: "act +act | act |", tasks: "  tasks:\n  - block: [{act: {}}, {act: {}}]\n    rescue: [{act: {}}]\n  - {act: {}}"},
		{name: "a block without rescue", want: "act +act +act |", tasks: "  tasks:\n  - block: [{act: {}}, {act: {}}]\n  - {act: {}}"},
		{name: "a loop is one call", want: "act +act |", tasks: `  tasks: [{act: {}, loop: [1, 2, 3]}, {act: {}}]`},
		{name: "a failed assertion", want: "act |", tasks: `  tasks: [{act: {}}, {assert: {that: 1 == 2}}, {act: {}}]`},
		{name: "a bad argument", want: "act |", tasks: `  tasks: [{act: {}}, {act: {changed: "{{ ['x'][0] }}"}}, {act: {}}]`},
		{name: "sections", want: "act | act |", tasks: "  pre_tasks: [{act: {}}]\n  tasks: [{act: {}}]"},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			if got, out := sends(t, x.tasks, x.more...); got != x.want {
				t.Errorf("sent %q, want %q\n%s", got, x.want, out)
			}
		})
	}
}

// What was sent behind a call that failed does not happen, and is not shown.
func TestNothingBehindAFailure(t *testing.T) {
	_, out := sends(t, `  tasks: [{name: fails, act: {fail: true}}, {name: never, act: {}}, {name: nor this, debug: {}}]`)
	if strings.Contains(out, "never") || strings.Contains(out, "nor") || !strings.Contains(out, "ok=0") && strings.Contains(out, "ok=") {
		t.Errorf("got\n%s", out)
	}
	_, out = sends(t, `  tasks: [{name: cut, act: {cut: true}}, {name: never, act: {}}]`)
	if strings.Contains(out, "never") || !strings.Contains(out, "a unreachable unreachable=1") {
		t.Errorf("got\n%s", out)
	}
}

// An interrupted run ends at once and its recap has the hosts that were at work.
func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, strategy := range []string{"linear", "free"} {
		writeFile(t, "site.yml", []byte("- hosts: all\n  gather_facts: false\n  strategy: "+strategy+"\n  tasks: [{act: {wait: true}}, {act: {}}]\n"))
		c := newCloud()
		p, err := Compile(Options{Playbooks: []string{"site.yml"}, Inventory: []string{"a,b,c,"}, Tasks: c.tasks()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		s := &script{redact: &report.Redactor{}}
		recap, err := p.Run(ctx, RunOptions{Report: s, Redact: s.redact, dialer: c, Forks: 2})
		close(c.block)
		if !errors.Is(err, ErrInterrupted) || len(recap.Hosts) != 2 || recap.Stopped != "interrupted" {
			t.Errorf("%s: %v %+v", strategy, err, recap)
		}
	}
}

func TestForks(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, strategy := range []string{"linear", "free"} {
		for throttle, want := range []int{3, 1, 2} {
			writeFile(t, "site.yml", fmt.Appendf(nil, "- hosts: all\n  gather_facts: false\n  strategy: %s\n  throttle: %d\n  tasks: [{act: {}}, {act: {}}]\n", strategy, throttle))
			c := newCloud()
			p, err := Compile(Options{Playbooks: []string{"site.yml"}, Inventory: []string{hostList(20)}, Tasks: c.tasks()})
			if err != nil {
				t.Fatal(err)
			}
			s := &script{redact: &report.Redactor{}}
			if _, err := p.Run(t.Context(), RunOptions{Report: s, Redact: s.redact, dialer: c, Forks: 3}); err != nil {
				t.Fatal(err)
			}
			if strategy == "free" {
				want = min(3, 2*want) // throttle is of each task
			}
			if c.most > want || len(c.calls) != 40 {
				t.Errorf("%s: %d calls, %d at a time instead of %d", strategy, len(c.calls), c.most, want)
			}
		}
	}
}

// hostList is n names of hosts as -i takes them.
func hostList(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "h%03d,", i)
	}
	return b.String()
}

// 200 hosts and 50 tasks, in one process: what the runner itself costs.
func BenchmarkLinear(b *testing.B) {
	b.Chdir(b.TempDir())
	var y strings.Builder
	y.WriteString("- hosts: all\n  gather_facts: false\n  vars: {a: '{{ inventory_hostname }}'}\n  tasks:\n")
	for i := range 50 {
		fmt.Fprintf(&y, "    - {name: task %d, act: {out: '{{ a }} %d', changed: false}, when: a != 'x', register: r%d}\n", i, i, i)
	}
	writeFile(b, "site.yml", []byte(y.String()))
	c := newCloud()
	p, err := Compile(Options{Playbooks: []string{"site.yml"}, Inventory: []string{hostList(200)}, Tasks: c.tasks()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s := &script{redact: &report.Redactor{}}
		if _, err := p.Run(b.Context(), RunOptions{Report: s, Redact: s.redact, dialer: newCloud()}); err != nil {
			b.Fatal(err)
		}
	}
}

// The shipped site compiles without an inventory, in less than 50 ms.
func BenchmarkSyntaxCheck(b *testing.B) {
	site, err := filepath.Abs("../playbooks/site.yml")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(site); err != nil {
		b.Skip(err)
	}
	tasks := newCloud().tasks()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(Options{Playbooks: []string{site}, Tasks: tasks, NoHosts: true}); err != nil {
			b.Fatal(err)
		}
	}
}
