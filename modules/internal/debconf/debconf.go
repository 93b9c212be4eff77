// Package debconf reads debconf's databases and writes answers into them, for
// the modules debconf and package.
package debconf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// The databases of a host whose debconf.conf is Debian's.
const (
	configFile   = "/var/cache/debconf/config.dat"
	passwordFile = "/var/cache/debconf/passwords.dat"
)

// Answer is what debconf is to answer to one question.
type Answer struct {
	Owner    string // package
	Question string
	Type     string
	Value    string
	Unseen   bool // leave the question to be asked
	Secret   bool
}

// Record is a question as the databases hold it.
type Record struct {
	Value string
	Seen  bool
}

// Look reads the questions that have been registered, by name.
func Look(ctx context.Context, r modules.Reader) (map[string]Record, error) {
	out := map[string]Record{}
	for _, f := range []string{configFile, passwordFile} {
		b, err := r.ReadFile(ctx, f)
		if errors.Is(err, modules.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		parse(string(b), out)
	}
	return out, nil
}

// parse reads the 822 format of debconf's file driver.
func parse(text string, out map[string]Record) {
	for _, block := range strings.Split(text, "\n\n") {
		var name string
		var rec Record
		for _, l := range strings.Split(block, "\n") {
			k, v, ok := strings.Cut(l, ":")
			if !ok || strings.HasPrefix(l, " ") {
				continue
			}
			v = strings.TrimPrefix(v, " ")
			switch strings.ToLower(k) {
			case "name":
				name = v
			case "value":
				rec.Value = strings.ReplaceAll(v, `\n`, "\n")
			case "flags":
				for _, f := range strings.Split(v, ",") {
					rec.Seen = rec.Seen || strings.TrimSpace(f) == "seen"
				}
			}
		}
		if name != "" {
			out[name] = rec
		}
	}
}

// Done tells that the record already answers so.
func (a Answer) Done(rec Record, known bool) bool {
	return known && rec.Value == a.Value && (rec.Seen || a.Unseen)
}

// Hidden tells that the answer must not be shown.
func (a Answer) Hidden() bool { return a.Secret || a.Type == "password" }

// Check refuses what debconf-set-selections cannot take.
func (a Answer) Check() error {
	switch {
	case strings.ContainsAny(a.Owner, " \t\n") || a.Owner == "":
		return fmt.Errorf("%q is no package name", a.Owner)
	case strings.ContainsAny(a.Question, " \t\n") || a.Question == "":
		return fmt.Errorf("%q is no debconf question", a.Question)
	case strings.Contains(a.Value, "\n"):
		return fmt.Errorf("the answer to %s has more than one line", a.Question)
	}
	return nil
}

// Normal writes a boolean as debconf does.
func (a Answer) Normal() Answer {
	if a.Type == "boolean" {
		switch strings.ToLower(a.Value) {
		case "yes", "on", "1", "true":
			a.Value = "true"
		case "no", "off", "0", "false":
			a.Value = "false"
		}
	}
	return a
}

// Step sets the answer; the value goes through standard input.
func (a Answer) Step(rec Record) modules.Step {
	st := modules.Step{What: "answer " + a.Question, From: rec.Value, To: a.Value}
	if a.Hidden() {
		st.From, st.To = "", "(a secret)"
	} else if st.From == st.To {
		st.From = rec.Value + " (not marked as answered)"
	}
	st.Do = func(ctx context.Context, h modules.Host) error { return set(ctx, h, a) }
	return st
}

func set(ctx context.Context, h modules.Host, a Answer) error {
	argv := []string{"debconf-set-selections"}
	if a.Unseen {
		argv = append(argv, "-u")
	}
	in := fmt.Sprintf("%s %s %s %s\n", a.Owner, a.Question, a.Type, a.Value)
	for try := 0; ; try++ {
		o, err := h.Run(ctx, modules.Command{Argv: argv, Stdin: []byte(in), Env: map[string]string{"LC_ALL": "C.UTF-8"}})
		if err != nil || o.Exit == 0 {
			return err
		}
		// a package that is being configured holds the databases' lock
		if try >= 30 || !strings.Contains(string(o.Stderr), "locked") {
			return o.Err()
		}
		if err := h.Sleep(ctx, 2*time.Second); err != nil {
			return err
		}
	}
}
