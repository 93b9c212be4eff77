package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mxplay/mxplay/runner/boot"
	"github.com/mxplay/mxplay/runner/wire"
)

const (
	defaultSilence = wire.DefaultSilence
	// startLimit is how long a start may make no progress at all.
	startLimit = 60 * time.Second
	// showLines is how much of what a host printed is shown.
	showLines = 12
)

// begin starts the agent over a link and hears its Hello.
func (d *Dialer) begin(ctx context.Context, l link, t Target) (*session, error) {
	stop := context.AfterFunc(ctx, l.close)
	defer stop()
	s := &starter{d: d, l: l, t: t}
	c, err := s.script(false)
	if s.again(err) {
		// What is cached there does not run: a directory that is noexec by now, a broken file.
		c, err = s.script(true)
	}
	if s.odd(err) {
		if by, ferr := s.byFiles(); ferr == nil || !errors.Is(ferr, errNoFiles) {
			c, err = by, ferr
		}
	}
	if err != nil {
		return nil, s.explain(err)
	}
	return c, nil
}

// starter is one attempt to get an agent running.
type starter struct {
	d     *Dialer
	l     link
	t     Target
	noise []byte   // what the host printed
	errs  []string // on its standard error
	ended error    // how the command ended
	asked bool     // the script ran and asked for the agent
}

// script runs the bootstrap script, sending the agent if the host has none.
func (s *starter) script(force bool) (*session, error) {
	bins, err := s.d.binaries()
	if err != nil {
		return nil, err
	}
	start := boot.Start{Args: agentArgs, Force: force}
	for _, a := range arches {
		if b, ok := bins[a]; ok {
			start.Binaries = append(start.Binaries, b.Binary)
		}
	}
	if s.t.AgentDir != "" {
		start.Dirs = []string{s.t.AgentDir}
	}
	line, err := start.Command()
	if err != nil {
		return nil, err
	}
	return s.run(line, bins)
}

// agentArgs are what the agent is started with.
var agentArgs = []string{"serve"}

// run runs a command line that ends in an agent.
func (s *starter) run(line string, bins map[string]agentFile) (*session, error) {
	p, err := s.l.run(line)
	if err != nil {
		return nil, err
	}
	g := newGuard(startLimit, s.d.keys.secrets, p.end)
	r := bufio.NewReaderSize(&touching{r: p.out, g: g}, 64<<10)
	c, err := s.talk(p, r, &touching{w: p.in, g: g}, bins)
	if g.end() {
		err = fmt.Errorf("no agent began within %v", startLimit)
	}
	if err != nil {
		s.ended = p.ending() // and so all of its words are here
		s.errs = p.errs.lines(showLines)
		p.end()
		return nil, err
	}
	return c, nil
}

func (s *starter) talk(p *process, r *bufio.Reader, w io.Writer, bins map[string]agentFile) (*session, error) {
	for {
		a, err := boot.Read(r)
		s.noise = append(s.noise, a.Noise...)
		if err != nil {
			return nil, err
		}
		if a.Ready {
			break
		}
		b, ok := bins[a.Need]
		if !ok {
			return nil, &boot.Error{Arch: a.Need}
		}
		s.asked = true
		// The script takes exactly what it said, whatever becomes of it.
		if err := b.send(w); err != nil {
			return nil, fmt.Errorf("sending the agent: %w", err)
		}
	}
	wc := wire.NewConn(r, p.in)
	f, err := wc.Recv()
	if err != nil {
		return nil, fmt.Errorf("the agent began and ended at once: %w", err)
	}
	if f.Type != wire.THello {
		return nil, fmt.Errorf("%w: %s instead of Hello", wire.ErrFormat, f.Type)
	}
	var hello wire.Hello
	if err := f.Into(&hello); err != nil {
		return nil, err
	}
	return newSession(s.d, s.t, s.l, p, wc, hello), nil
}

// again tells that the script ran what it found cached, and that did not work.
func (s *starter) again(err error) bool {
	return err != nil && !s.asked && (exitStatus(s.ended) == 126 || exitStatus(s.ended) == 127 && len(s.noise) == 0) &&
		(errors.Is(err, boot.ErrEnded) || errors.Is(err, io.ErrUnexpectedEOF))
}

// odd tells that the login shell did not run the script at all.
func (s *starter) odd(err error) bool {
	return errors.Is(err, boot.ErrEnded) && !s.asked
}

// explain puts together what is known of a start that failed.
func (s *starter) explain(err error) error {
	t := &trouble{err: err}
	for _, l := range textLines(s.noise, showLines) {
		t.lines = append(t.lines, "host: "+l)
	}
	t.lines = append(t.lines, s.errs...)
	var b *boot.Error
	var inner *trouble
	switch {
	case errors.As(err, &inner):
		t.hint = inner.hint
		t.lines = append(inner.lines, t.lines...)
	case errors.As(err, &b) && b.Arch != "":
		t.hint = "agents exist for Linux on amd64, arm64 and armv7"
	case errors.As(err, &b):
		t.hint = "make room there, or set ansible_agent_dir to a directory that programs can be run from"
	case errors.Is(err, boot.ErrEnded):
		t.err = fmt.Errorf("no agent could be started: %s", endText(s.ended))
		t.hint = "the account's login shell must be able to run a command: try `ssh HOST true`"
	case s.ended != nil:
		t.lines = append(t.lines, endText(s.ended))
	}
	return t
}

// send writes the agent's gzip.
func (b agentFile) send(w io.Writer) error {
	gz, err := b.open()
	if err != nil {
		return err
	}
	defer gz.Close()
	_, err = io.Copy(w, gz)
	return err
}
