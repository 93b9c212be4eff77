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
			Example: []string{`file("motd")`, `"welcome"`, `file("motd", false)`, `"welcome\n"`},
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
		{Name: "password", Params: []Param{p("path", KString), opt("length", KInt, "20"), opt("chars", KString|KList|KNull, "letters, digits and .,:-_"), opt("seed", KText|KNull, "null"), opt("encrypt", KString|KNull, "null")}, Result: KString, impure: true, secret: true,
			Doc:     "the password in a file on the controller; when the file is not there, it is made with random characters, and stays. With /dev/null each use has its own. chars names sets such as ascii_letters, digits, hexdigits, punctuation and other characters, with commas between (,, is a comma); with a seed the password is always the same; encrypt hashes it as password_hash() does, with a salt that is kept in the file.",
			Example: []string{`length(password("/dev/null", 12))`, `12`},
			call:    callPassword},
		{Name: "template", Params: []Param{p("path", KString)}, Result: KString, Doc: "a template file of the controller, rendered with the variables at hand; it is looked for where the module template looks.",
			Example: []string{`template("motd.j2") | trim()`, `"WELCOME"`},
			call: func(c *call) (value.Value, error) {
				if c.ev.ctx.Load == nil {
					return nil, c.errorf("there are no template files here")
				}
				t, err := c.ev.ctx.Load(c.str(0), c.ev.tmpl, c.ev.ctx.Dirs)
				if err != nil {
					return nil, c.withHint(err)
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
	cmd.Dir = c.playbookDir()
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

// characterSets are Python's names of sets of characters.
var characterSets = map[string]string{
	"ascii_letters": letters, "ascii_lowercase": letters[:26], "ascii_uppercase": letters[26:], "digits": digits,
	"hexdigits": digits + "abcdefABCDEF", "octdigits": "01234567",
	"punctuation": "!#$%&()*+,-./:;<=>?@[\\]^_`{|}~", // quotes are never taken
	"letters":     letters,
}

// passwordSet is the characters that the argument chars names, each once.
func (c *call) passwordSet() (string, error) {
	var sets []string
	switch v := c.argAt(2).(type) {
	case nil:
		return passwordChars, nil
	case value.List:
		var err error
		if sets, err = c.texts(2); err != nil {
			return "", err
		}
	case string:
		if strings.Contains(v, ",,") {
			sets = append(sets, ",")
		}
		sets = append(sets, strings.Split(v, ",")...)
	}
	var chars strings.Builder
	for _, s := range sets {
		if named, ok := characterSets[s]; ok {
			s = named
		}
		for _, r := range s {
			if r <= ' ' || r >= 0x7f {
				return "", c.errorf("chars has %q: passwords are made of what stands on every keyboard", r)
			}
			if r != '"' && r != '\'' && !strings.ContainsRune(chars.String(), r) {
				chars.WriteRune(r)
			}
		}
	}
	if chars.Len() == 0 {
		return "", c.errorf("chars names no characters")
	}
	return chars.String(), nil
}

func callPassword(c *call) (value.Value, error) {
	n := c.intOr(1, 20)
	if n < 1 || n > 4096 {
		return nil, c.errorf("length is 1 to 4096")
	}
	chars, err := c.passwordSet()
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(c.str(0), " \t") && strings.Contains(c.str(0), "=") {
		return nil, c.fail(`write password("path", 20, "digits")`, "the path holds options")
	}
	fresh := func() string {
		if !c.has(3) {
			return randomText(int(n), chars)
		}
		r := c.random(3)
		out := make([]byte, n)
		for i := range out {
			out[i] = chars[r.IntN(len(chars))]
		}
		return string(out)
	}
	var k kept
	if file := c.str(0); file == "/dev/null" {
		k.password = fresh()
	} else if k, err = c.keptPassword(file, fresh); err != nil {
		return nil, err
	}
	if !c.has(4) {
		return k.password, nil
	}
	return c.hashPassword(k.password, c.str(4), k.salt, 0, 0, k.ident)
}

// kept is what a password file holds: "PASSWORD salt=SALT ident=IDENT", as Ansible writes it.
type kept struct{ password, salt, ident string }

func readKept(s string) kept {
	k := kept{password: strings.TrimRight(s, " \t\r\n")}
	if i := strings.LastIndex(k.password, " salt="); i >= 0 {
		k.password, k.salt = k.password[:i], k.password[i+len(" salt="):]
		if i := strings.LastIndex(k.salt, " ident="); i >= 0 {
			k.salt, k.ident = k.salt[:i], k.salt[i+len(" ident="):]
		}
	}
	return k
}

func (k kept) String() string {
	s := k.password
	if k.salt != "" {
		s += " salt=" + k.salt
	}
	if k.ident != "" {
		s += " ident=" + k.ident
	}
	return s + "\n"
}

// keptPassword reads a password file, and makes it or adds the salt that encrypt
// needs when they are not there.
func (c *call) keptPassword(file string, fresh func() string) (kept, error) {
	file = expandHome(file)
	if !filepath.IsAbs(file) {
		file = filepath.Join(c.playbookDir(), file)
	}
	passwordFiles.Lock()
	defer passwordFiles.Unlock()
	var k kept
	_, err := os.Stat(file)
	there := err == nil
	if there {
		s, err := c.readFile(file)
		if err != nil {
			return k, err
		}
		if k = readKept(s); k.password == "" {
			return k, c.errorf("%s is empty", file)
		}
	} else {
		k.password = fresh()
	}
	if c.has(4) && k.salt == "" {
		t, ok := hashTypes[c.str(4)]
		if !ok {
			return k, c.errorf("%q is no type: sha512, sha256, bcrypt, md5", c.str(4))
		}
		k.salt, k.ident = randomText(t.salt, t.alphabet), t.defaultIdent
		there = false
	}
	if there {
		return k, nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return k, c.errorf("%s", err)
	}
	if err := writeNew(file, k.String()); err != nil {
		return k, c.errorf("%s", err)
	}
	return k, nil
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
