package expr

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mxplay/mxplay/runner/value"
)

// hostFunctions look at the controller: its environment, files and commands.
// Each runs once per host, use and arguments, and never while parsing. What
// they give is text and never parsed as an expression.
func hostFunctions() []*Function {
	return []*Function{
		{Name: "env", Params: []Param{p("name", KString), opt("instead", KAny, `""`)}, Result: KAny, impure: true, Doc: "a variable of the environment of mxplay; instead, or an empty text, when it is not set.",
			Example: []string{`env("MXPLAY_NOT_SET", "x")`, `"x"`},
			call: func(c *call) (value.Value, error) {
				if v, ok := os.LookupEnv(c.str(0)); ok {
					return v, nil
				}
				if len(c.args) > 1 {
					return c.args[1], nil
				}
				return "", nil
			}},
		{Name: "file", Params: []Param{p("path", KString), opt("rstrip", KBool, "true")}, Result: KString, impure: true, Doc: "the content of a file on the controller, without the white space at its end.",
			call: func(c *call) (value.Value, error) {
				s, err := c.readFile(c.findFile(c.str(0)))
				if c.boolOr(1, true) {
					s = strings.TrimRight(s, " \t\r\n")
				}
				return s, err
			}},
		{Name: "pipe", Params: []Param{p("command", KString)}, Result: KString, impure: true, Doc: "what a command of the controller's shell prints, without the white space at its end; it has a minute.",
			Example: []string{`pipe("echo a")`, `"a"`},
			call:    callPipe},
		{Name: "password", Params: []Param{p("path", KString), opt("length", KInt, "20"), opt("chars", KString, "letters, digits and .,:-_")}, Result: KString, impure: true, secret: true,
			Doc:     "the password in a file on the controller; when the file is not there, it is made with random characters. With /dev/null each use has its own.",
			Example: []string{`length(password("/dev/null", 12))`, `12`},
			call:    callPassword},
		{Name: "template", Params: []Param{p("path", KString)}, Result: KString, Doc: "a template file of the controller, rendered with the variables at hand.", impure: false,
			call: func(c *call) (value.Value, error) {
				if c.ev.ctx.Load == nil {
					return nil, c.errorf("there are no template files here")
				}
				t, err := c.ev.ctx.Load(c.str(0), c.ev.tmpl)
				if err != nil {
					return nil, err
				}
				return c.ev.renderOther(c.n, t, nil)
			}},
	}
}

// maxFile is how much of a file of the controller becomes a value.
const maxFile = 16 << 20

func (c *call) readFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFile {
		return "", c.errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			return "", c.errorf("%s: %s", path, pe.Err)
		}
		return "", c.errorf("%s", err)
	}
	return string(b), nil
}

func callPipe(c *call) (value.Value, error) {
	ctx := c.ev.ctx.Go
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", c.str(0))
	cmd.Dir = c.dirs()[0]
	cmd.WaitDelay = time.Second
	var out, errs limited
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, c.errorf("the command was still running after a minute")
	case out.full:
		return nil, c.errorf("the command prints more than %d MiB", maxFile>>20)
	case err != nil:
		msg := strings.TrimSpace(errs.b.String())
		if i := strings.LastIndexByte(msg, '\n'); i >= 0 {
			msg = msg[i+1:]
		}
		if msg != "" {
			msg = ": " + msg
		}
		return nil, c.errorf("%s%s", err, msg)
	}
	return strings.TrimRight(out.b.String(), " \t\r\n"), nil
}

// limited keeps at most maxFile bytes.
type limited struct {
	b    strings.Builder
	full bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.b.Len()+len(p) > maxFile {
		l.full = true
		return len(p), nil
	}
	return l.b.Write(p)
}

const (
	letters       = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits        = "0123456789"
	passwordChars = letters + digits + ".,:-_"
)

// passwordFiles lets one host at a time make a password file.
var passwordFiles sync.Mutex

func callPassword(c *call) (value.Value, error) {
	n := c.intOr(1, 20)
	if n < 1 || n > 4096 {
		return nil, c.errorf("length is 1 to 4096")
	}
	chars := ""
	for _, set := range strings.Split(c.strOr(2, passwordChars), ",") {
		switch set {
		case "ascii_letters":
			set = letters
		case "ascii_lowercase":
			set = letters[:26]
		case "ascii_uppercase":
			set = letters[26:]
		case "digits":
			set = digits
		case "hexdigits":
			set = digits + "abcdefABCDEF"
		}
		for _, r := range set {
			if r < 0x80 && !strings.ContainsRune(chars, r) {
				chars += string(r)
			}
		}
	}
	if !c.has(2) {
		chars = passwordChars
	}
	if chars == "" {
		return nil, c.errorf("chars names no characters")
	}
	file := c.str(0)
	if file == "/dev/null" {
		return randomText(int(n), chars), nil
	}
	file = expandHome(file)
	if !filepath.IsAbs(file) {
		file = filepath.Join(c.dirs()[0], file)
	}
	passwordFiles.Lock()
	defer passwordFiles.Unlock()
	if _, err := os.Stat(file); err == nil {
		s, err := c.readFile(file)
		s, _, _ = strings.Cut(strings.TrimRight(s, "\r\n"), "\n")
		s, _, _ = strings.Cut(s, " salt=")
		return s, err
	}
	s := randomText(int(n), chars)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, c.errorf("%s", err)
	}
	if err := writeNew(file, s+"\n"); err != nil {
		return nil, c.errorf("%s", err)
	}
	return s, nil
}

// writeNew makes a file that only its owner may read, whole or not at all.
func writeNew(name, content string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".mxplay-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
