package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/archive"
	"github.com/mxplay/mxplay/runner/source"
	"github.com/mxplay/mxplay/runner/value"
)

// packs are archives of the controller as hosts can unpack them, while calls need them.
type packs struct {
	mu   sync.Mutex
	held map[string]*pack
}

// pack is one of them.
type pack struct {
	once    sync.Once
	refs    int
	content modules.Content
	release []func()
	err     error
}

// archive makes content of an archive; what the task leaves out of it is not in it.
func (h *host) archive(path string, plain map[string]value.Value) (*made, error) {
	sel, err := selected(plain)
	if err != nil {
		return nil, err
	}
	key, err := json.Marshal([]any{path, sel})
	if err != nil {
		return nil, err
	}
	r := h.run
	r.packs.mu.Lock()
	p := r.packs.held[string(key)]
	if p == nil {
		if r.packs.held == nil {
			r.packs.held = map[string]*pack{}
		}
		p = &pack{}
		r.packs.held[string(key)] = p
	}
	p.refs++
	r.packs.mu.Unlock()
	p.once.Do(func() { p.make(r, path, sel) })
	m := &made{content: &p.content, done: sync.OnceFunc(func() { r.packs.drop(string(key), p) })}
	if p.err != nil {
		m.done()
		return nil, p.err
	}
	return m, nil
}

func (s *packs) drop(key string, p *pack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.refs--; p.refs > 0 {
		return
	}
	delete(s.held, key)
	for _, f := range p.release {
		f()
	}
}

// make packs an archive into a temporary file.
func (p *pack) make(r *run, path string, sel archive.Select) {
	f, err := os.CreateTemp("", "mxplay-archive-")
	if err != nil {
		p.err = err
		return
	}
	p.release = append(p.release, func() { os.Remove(f.Name()) })
	entries, err := archive.Pack(f, path, sel)
	if err == nil {
		err = f.Close()
	} else {
		f.Close()
	}
	if err != nil {
		p.err = fmt.Errorf("%s: %w", source.ShortName(path), err)
		return
	}
	var list bytes.Buffer
	for e := json.NewEncoder(&list); len(entries) > 0; entries = entries[1:] {
		if p.err = e.Encode(entries[0]); p.err != nil {
			return
		}
	}
	st, err := os.Stat(f.Name())
	if err != nil {
		p.err = err
		return
	}
	c, done, err := r.store.file(f.Name(), st.Size())
	if err != nil {
		p.err = err
		return
	}
	l, free := r.store.bytes("", list.Bytes())
	p.release = append(p.release, done, free)
	p.content = c
	p.content.Name, p.content.List = source.ShortName(path), &l
}

// selected is what a task says of which members it wants.
func selected(plain map[string]value.Value) (s archive.Select, err error) {
	s.Include, s.Exclude = textsOf(plain["include"]), textsOf(plain["exclude"])
	opts := textsOf(plain["extra_opts"])
	for i := 0; i < len(opts); i++ {
		name, n, ok := strings.Cut(opts[i], "=")
		if name != "--strip-components" && name != "--strip" {
			return s, &source.Error{Msg: "extra_opts: " + opts[i] + " is not done here: the archive is opened on the controller",
				Hint: "--strip-components=N is; others are tar's with remote_src"}
		}
		if !ok && i+1 < len(opts) {
			i++
			n = opts[i]
		}
		if s.Strip, err = strconv.Atoi(n); err != nil || s.Strip < 0 {
			return s, fmt.Errorf("extra_opts: %s is no number of parts", n)
		}
	}
	return s, nil
}

func textsOf(v value.Value) (out []string) {
	l, _ := v.(value.List)
	for _, x := range l {
		out = append(out, value.Text(x))
	}
	return out
}
