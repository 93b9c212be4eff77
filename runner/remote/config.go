package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/kevinburke/ssh_config"
)

// config answers what ~/.ssh/config and the system's say of a host: by the
// user's own ssh where it is installed, since then every Match, Include and
// token is right by definition, else by what a parser can read of the file.
type config struct {
	home   string
	none   bool
	ssh    string // the program, "" when there is none
	notice func(string)

	mu      sync.Mutex
	files   map[string][]*configFile // by -F
	asked   map[string]*answer
	running chan struct{} // how many ssh -G run side by side
	dropped bool
	count   int // how often ssh was asked
}

type answer struct {
	done chan struct{}
	host string
	a    answers
	err  error
}

func newConfig(none bool, notice func(string)) *config {
	home, _ := os.UserHomeDir()
	ssh, _ := exec.LookPath("ssh")
	return &config{
		home: home, none: none, ssh: ssh, notice: notice,
		files: map[string][]*configFile{}, asked: map[string]*answer{}, running: make(chan struct{}, 8),
	}
}

// settings of a host, given what a person would write before its name.
func (c *config) settings(ctx context.Context, host string, args arguments) (settings, error) {
	if host == "" || host[0] == '-' || strings.ContainsAny(host, " \t\n\x00") {
		return settings{}, fmt.Errorf("%q is not the name of a host", host)
	}
	files, err := c.read(args.file)
	if err != nil {
		return settings{}, err
	}
	var a answers
	switch {
	case len(files) == 0:
		a = withArguments(nil, args)
	case c.ssh != "":
		a, err = c.ask(ctx, host, args, files)
	default:
		a, err = c.parse(host, args, files)
	}
	if err != nil {
		return settings{}, err
	}
	// ssh -G leaves out a file of -i that is not there; say so instead of trying the others.
	for _, o := range args.options {
		if o.key == "identityfile" && !slices.Contains(a["identityfile"], o.value) {
			a["identityfile"] = append([]string{o.value}, a["identityfile"]...)
		}
	}
	s, err := a.settings(host, c.home)
	s.file = args.file
	return s, err
}

// read gives the configuration files there are.
func (c *config) read(file string) ([]*configFile, error) {
	if c.none && file == "" || file == "none" {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.files[file]; ok {
		return f, nil
	}
	paths := []string{filepath.Join(c.home, ".ssh", "config"), "/etc/ssh/ssh_config"}
	if file != "" {
		paths = []string{homePath(file, c.home)}
	}
	var out []*configFile
	for i, p := range paths {
		f, err := readConfig(p, c.home, i == 1)
		if errors.Is(err, os.ErrNotExist) && file == "" {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ssh configuration: %w", err)
		}
		out = append(out, f)
	}
	c.files[file] = out
	return out, nil
}

// ask asks ssh -G, once for all hosts whose answer must be the same.
func (c *config) ask(ctx context.Context, host string, args arguments, files []*configFile) (answers, error) {
	key := strings.Join(args.argv(), "\x00")
	shared := true
	for _, f := range files {
		class, ok := f.class(host)
		key += "\x00\x00" + class
		shared = shared && ok
	}
	if !shared {
		key += "\x00\x00" + host
	}
	c.mu.Lock()
	w, ok := c.asked[key]
	if !ok {
		w = &answer{done: make(chan struct{}), host: host}
		c.asked[key] = w
		c.count++
	}
	c.mu.Unlock()
	if !ok {
		w.a, w.err = c.run(host, args)
		close(w.done)
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if w.err != nil {
		return nil, w.err
	}
	a := answers{}
	for k, v := range w.a {
		a[k] = v
	}
	if strings.EqualFold(a.get("hostname"), w.host) { // it names none: the host's own name
		a["hostname"] = []string{strings.ToLower(host)}
	}
	return a, nil
}

func (c *config) run(host string, args arguments) (answers, error) {
	c.running <- struct{}{}
	defer func() { <-c.running }()
	argv := append([]string{"-G", "-T"}, args.argv()...)
	if home, err := os.UserHomeDir(); args.file == "" && (err != nil || home != c.home) {
		// A home that is not ssh's own: in tests.
		file := filepath.Join(c.home, ".ssh", "config")
		if _, err := os.Stat(file); err != nil {
			file = "none"
		}
		argv = append(argv, "-F", file)
	}
	cmd := exec.Command(c.ssh, append(argv, "--", host)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(errs.String())
		if text == "" {
			text = err.Error()
		}
		return nil, fmt.Errorf("ssh configuration: %s", strings.ReplaceAll(text, "\n", "; "))
	}
	a := answers{}
	for line := range strings.Lines(out.String()) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if ok {
			a[key] = append(a[key], value)
		}
	}
	return a, nil
}

// several are the keywords of which every value counts.
var several = map[string]bool{"identityfile": true, "certificatefile": true}

// withArguments puts the arguments before what the files say.
func withArguments(a answers, args arguments) answers {
	out := answers{}
	for _, o := range args.options {
		if several[o.key] || len(out[o.key]) == 0 {
			out[o.key] = append(out[o.key], o.value)
		}
	}
	for k, v := range a {
		if several[k] || len(out[k]) == 0 {
			out[k] = append(out[k], v...)
		}
	}
	// Of a jump and a command the one that comes first counts.
	if args.has("proxycommand") && !args.has("proxyjump") {
		delete(out, "proxyjump")
	}
	return out
}

// read keywords: all that settings asks for.
var keywords = strings.Fields(`hostname user port addressfamily hostkeyalias identityfile certificatefile identitiesonly
	identityagent userknownhostsfile globalknownhostsfile stricthostkeychecking hashknownhosts proxyjump proxycommand
	connecttimeout serveraliveinterval serveralivecountmax batchmode pubkeyauthentication passwordauthentication
	kbdinteractiveauthentication challengeresponseauthentication`)

// parse reads the files without ssh. Match blocks are taken where they say
// "all" or "host", and "final all" at the end; the others are left out.
func (c *config) parse(host string, args arguments, files []*configFile) (answers, error) {
	var text, final strings.Builder
	for _, f := range files {
		for _, b := range f.blocks {
			hosts, last, ok := b.hosts(host)
			if !ok {
				c.drop(b.place)
				continue
			}
			out := &text
			if last {
				out = &final
			}
			fmt.Fprintf(out, "Host %s\n", hosts)
			for _, o := range b.options {
				if slices.Contains(keywords, o.key) {
					fmt.Fprintf(out, "  %s %s\n", o.key, o.value)
				}
			}
		}
	}
	text.WriteString(final.String())
	cfg, err := ssh_config.Decode(strings.NewReader(text.String()))
	if err != nil {
		return nil, fmt.Errorf("ssh configuration: %w", err)
	}
	a := answers{}
	for _, k := range keywords {
		v, err := cfg.GetAll(host, k)
		if err != nil {
			return nil, fmt.Errorf("ssh configuration: %w", err)
		}
		if len(v) > 0 {
			a[k] = v
		}
	}
	return withArguments(a, args), nil
}

// hosts are the patterns of a Host line that stands for the block's head and those it is included under.
func (b block) hosts(host string) (patterns string, final, ok bool) {
	patterns = "*"
	for _, h := range append(slices.Clone(b.within), b.head) {
		p := h.value
		if h.key == "match" {
			words := strings.Fields(strings.ToLower(h.value))
			switch {
			case len(words) == 1 && words[0] == "all":
				p = "*"
			case len(words) == 2 && words[0] == "final" && words[1] == "all":
				p, final = "*", true
			case len(words) == 2 && (words[0] == "host" || words[0] == "originalhost"):
				p = strings.ReplaceAll(strings.Fields(h.value)[1], ",", " ")
			default:
				return "", false, false
			}
		}
		if h.key == "" || p == "*" {
			continue
		}
		if patterns != "*" && !matchHost(patterns, host) {
			continue // an outer block that does not match: nothing in it does
		}
		patterns = p
	}
	return patterns, final, true
}

func (c *config) drop(place string) {
	c.mu.Lock()
	first := !c.dropped
	c.dropped = true
	c.mu.Unlock()
	if first {
		c.notice(fmt.Sprintf("%s: this Match block is left out, since ssh is not installed here to evaluate it", place))
	}
}
