package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/report"
)

// isTerminal tells whether a person looks at w.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colorful tells whether w takes colours.
func colorful(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// width is the number of columns of a terminal.
func width(w io.Writer) func() int {
	return func() int {
		if f, ok := w.(*os.File); ok {
			if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
				return n
			}
		}
		return 80
	}
}

var errNoTerminal = errors.New("there is no terminal to ask for it on")

// ask gets a secret from the person at the terminal, without showing it.
func ask(prompt string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", errNoTerminal
	}
	defer tty.Close()
	fmt.Fprint(tty, prompt)
	if !strings.HasSuffix(prompt, " ") {
		fmt.Fprint(tty, " ")
	}
	b, err := term.ReadPassword(int(tty.Fd()))
	fmt.Fprintln(tty)
	return string(b), err
}

// prompter asks for what vars_prompt names; nil when there is no terminal.
func prompter(t *report.Terminal) func(runner.Prompt) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	_ = tty.Close()
	return func(q runner.Prompt) (string, error) {
		if t != nil {
			defer t.Pause()()
		}
		get := ask
		if !q.Private {
			get = askOpenly
		}
		text := q.Text
		if q.Default != "" {
			text += " [" + q.Default + "]"
		}
		for {
			s, err := get(text + ":")
			if err != nil || s == "" && q.Default != "" {
				return q.Default, err
			}
			if !q.Confirm {
				return s, nil
			}
			again, err := get("again, to be sure:")
			if err != nil || again == s {
				return s, err
			}
			text = "they differ; " + q.Text
		}
	}
}

// stepper asks whether a task is to run, as --step says; nil without that.
func stepper(on bool, t *report.Terminal) (func(task, host string) (runner.Step, error), error) {
	if !on {
		return nil, nil
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New("--step asks before each task, and there is no terminal to ask on")
	}
	_ = tty.Close()
	return func(task, host string) (runner.Step, error) {
		if t != nil {
			defer t.Pause()()
		}
		if host != "" {
			task += " on " + host
		}
		s, err := askOpenly("Perform task: " + task + " (N)o/(y)es/(c)ontinue:")
		switch strings.ToLower(strings.TrimSpace(s)) {
		case "y", "yes":
			return runner.StepYes, err
		case "c", "continue":
			return runner.StepRest, err
		}
		return runner.StepNo, err
	}, nil
}

// askOpenly gets a line from the person at the terminal, who sees what is typed.
func askOpenly(prompt string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", errNoTerminal
	}
	defer tty.Close()
	fmt.Fprint(tty, prompt+" ")
	line, err := bufio.NewReader(tty).ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// asker gets a password once: from a file, else from the terminal when the
// flag says so. It is nil when neither was given.
func asker(file string, wanted bool, prompt string) func() (string, error) {
	switch {
	case file != "":
		return sync.OnceValues(func() (string, error) {
			b, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			line, _, _ := bytes.Cut(b, []byte("\n"))
			return strings.TrimRight(string(line), "\r"), nil
		})
	case wanted:
		return sync.OnceValues(func() (string, error) { return ask(prompt) })
	}
	return nil
}
