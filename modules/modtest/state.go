package modtest

import (
	"encoding/hex"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// Entry is one thing of a host, written as a line and lines indented by a tab
// below it:
//
//	dir /etc/matrix 0750 root:matrix
//	file /etc/motd 0644 root:root mtime=2026-01-02T03:04:05Z
//		its lines                      (noeol: the last has no end; hex: bytes)
//	link /etc/here -> /etc/there
//	user matrix uid=993 gid=993 home=/var/lib/matrix shell=/bin/sh "gecos=Matrix, server" password=! expire=-1 local=no
//	group matrix gid=993 members=a,b
//	package nginx 1.26.3-3 status=installed want=install error=ok arch=amd64
//	unit nginx.service Active=active File=enabled NeedReload=true ...   (fields of modules.Unit)
//	fact distribution_release=bookworm
//	run useradd * => 0                 (also look, job, unitjob, http, get, query, exec, connect, dial, services)
//		out: a line of stdout, body or rows
//		err: a line of stderr or journal
//		header: Content-Type: text/plain
//		set user matrix uid=993        (what has changed afterwards; "unset user matrix")
type Entry struct {
	Words  []string
	Answer string
	Body   []string
	Gone   bool
}

// Parse reads a host from text, on top of what New makes.
func Parse(text string) (*Host, error) {
	h := New()
	es, err := entries(strings.Split(text, "\n"))
	if err != nil {
		return nil, err
	}
	for _, e := range es {
		if err := h.Apply(e); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func entries(lines []string) ([]Entry, error) {
	var out []Entry
	blank := 0
	for _, l := range lines {
		if body, ok := strings.CutPrefix(l, "\t"); ok {
			if len(out) == 0 {
				return nil, fmt.Errorf("modtest: %q belongs to nothing", l)
			}
			e := &out[len(out)-1]
			for ; blank > 0 && len(e.Body) > 0; blank-- {
				e.Body = append(e.Body, "")
			}
			blank = 0
			e.Body = append(e.Body, body)
			continue
		}
		if l == "" {
			blank++ // of a body, if more of it follows
			continue
		}
		blank = 0
		if strings.HasPrefix(l, "#") {
			continue
		}
		var e Entry
		if head, ans, ok := cutLast(l, " => "); ok {
			l, e.Answer = head, ans
		}
		kind, rest, _ := strings.Cut(l, " ")
		if isDoor(kind) {
			e.Words = []string{kind, rest}
		} else {
			e.Words = words(l)
		}
		out = append(out, e)
	}
	return out, nil
}

func cutLast(s, sep string) (string, string, bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], strings.TrimSpace(s[i+len(sep):]), true
}

func isDoor(kind string) bool {
	return slices.Contains(strings.Fields("run look job unitjob http get query exec connect dial services"), kind)
}

// words splits at spaces; a word in double quotes may hold some.
func words(l string) []string {
	var out []string
	for l = strings.TrimSpace(l); l != ""; l = strings.TrimLeft(l, " ") {
		if q, err := strconv.QuotedPrefix(l); err == nil && l[0] == '"' {
			u, _ := strconv.Unquote(q)
			out, l = append(out, u), l[len(q):]
			continue
		}
		w, rest, _ := strings.Cut(l, " ")
		out, l = append(out, w), rest
	}
	return out
}

func quoteWord(w string) string {
	if w == "" || strings.ContainsAny(w, " \"") {
		return strconv.Quote(w)
	}
	return w
}

// Apply makes an entry true.
func (h *Host) Apply(e Entry) error {
	kind := e.Words[0]
	if len(e.Words) < 2 {
		return fmt.Errorf("modtest: %s of what?", kind)
	}
	name := e.Words[1]
	opts := map[string]string{}
	for _, w := range e.Words[2:] {
		k, v, _ := strings.Cut(w, "=")
		opts[k] = v
	}
	if e.Gone {
		return h.unset(kind, name)
	}
	switch {
	case isDoor(kind):
		return h.script(kind, name, e)
	case kind == "dir" || kind == "file" || kind == "link":
		return h.file(kind, name, e, opts)
	case kind == "user":
		u := &modules.User{Name: name, UID: num(opts["uid"]), GID: num(opts["gid"]), Gecos: opts["gecos"], Home: opts["home"],
			Shell: opts["shell"], Local: opts["local"] != "no", Password: opts["password"], Expire: -1}
		if x, ok := opts["expire"]; ok {
			u.Expire = int64(num(x))
		}
		h.Users[name] = u
	case kind == "group":
		g := &modules.Group{Name: name, GID: num(opts["gid"]), Local: opts["local"] != "no"}
		if m := opts["members"]; m != "" {
			g.Members = strings.Split(m, ",")
		}
		h.Groups[name] = g
	case kind == "package":
		p := &modules.Package{Name: name, Arch: h.FactSet.DpkgArchitecture, Want: "install", Status: "installed", Error: "ok"}
		if len(e.Words) > 2 {
			p.Version = e.Words[2]
		}
		if err := fields(p, opts); err != nil {
			return err
		}
		h.Pkgs[name] = p
	case kind == "unit":
		u := &modules.Unit{Name: unitName(name), Load: "loaded", Active: "inactive", Sub: "dead", Type: "simple", Condition: true}
		if err := fields(u, opts); err != nil {
			return err
		}
		h.Units[u.Name] = u
	case kind == "fact":
		k, v, _ := strings.Cut(strings.Join(e.Words[1:], " "), "=")
		return fields(&h.FactSet, map[string]string{k: v})
	default:
		return fmt.Errorf("modtest: what is a %s?", kind)
	}
	return nil
}

// fields sets fields of a struct by their name, or json name, in any case.
func fields(p any, opts map[string]string) error {
	v := reflect.ValueOf(p).Elem()
	for k, s := range opts {
		f := v.FieldByNameFunc(func(n string) bool {
			sf, _ := v.Type().FieldByName(n)
			return strings.EqualFold(n, k) || sf.Tag.Get("json") == k
		})
		if !f.IsValid() {
			if strings.Contains(k, "=") || s != "" {
				return fmt.Errorf("modtest: %s has no %s", v.Type(), k)
			}
			continue
		}
		switch f.Kind() {
		case reflect.String:
			f.SetString(s)
		case reflect.Bool:
			f.SetBool(s == "true" || s == "yes")
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(num(s)))
		case reflect.Uint64:
			f.SetUint(uint64(num(s)))
		case reflect.Slice:
			f.Set(reflect.ValueOf(strings.Split(s, ",")))
		default:
			return fmt.Errorf("modtest: %s of %s cannot be written", k, v.Type())
		}
	}
	return nil
}

func num(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func (h *Host) unset(kind, name string) error {
	switch kind {
	case "dir", "file", "link":
		delete(h.Files, name)
	case "user":
		delete(h.Users, name)
	case "group":
		delete(h.Groups, name)
	case "package":
		delete(h.Pkgs, name)
	case "unit":
		delete(h.Units, unitName(name))
	default:
		h.Scripts = slices.DeleteFunc(h.Scripts, func(s *Script) bool { return s.Door == kind && s.Pattern == name })
	}
	return nil
}

func (h *Host) file(kind, name string, e Entry, opts map[string]string) error {
	f := &File{Kind: kind, Mode: 0o644, Mtime: h.Time, given: true}
	rest := e.Words[2:]
	switch kind {
	case "dir":
		f.Kind, f.Mode = "directory", 0o755
	case "link":
		if len(rest) < 2 || rest[0] != "->" {
			return fmt.Errorf("modtest: link %s -> where?", name)
		}
		f.Target, f.Mode, rest = rest[1], 0o777, rest[2:]
	case "file":
		f.Data = []byte(strings.Join(e.Body, "\n"))
		if _, ok := opts["noeol"]; !ok && len(e.Body) > 0 {
			f.Data = append(f.Data, '\n')
		}
		if _, ok := opts["hex"]; ok {
			b, err := hex.DecodeString(strings.Join(e.Body, ""))
			if err != nil {
				return err
			}
			f.Data = b
		}
	}
	for _, w := range rest {
		if m, err := strconv.ParseUint(w, 8, 32); err == nil {
			f.Mode = uint32(m)
		} else if u, g, ok := strings.Cut(w, ":"); ok && !strings.Contains(w, "=") {
			uid, gid, err := h.ids(u, g)
			if err != nil {
				return err
			}
			f.UID, f.GID = uid, gid
		}
	}
	if m := opts["mtime"]; m != "" {
		t, err := time.Parse(time.RFC3339, m)
		if err != nil {
			return err
		}
		f.Mtime = t
	}
	for d := path.Dir(name); h.Files[d] == nil; d = path.Dir(d) {
		h.Files[d] = &File{Kind: "directory", Mode: 0o755, Mtime: h.Time}
	}
	h.Files[name] = f
	return nil
}

func (h *Host) ids(u, g string) (int, int, error) {
	uid, err := strconv.Atoi(u)
	if err != nil {
		if h.Users[u] == nil {
			return 0, 0, fmt.Errorf("modtest: no user %s: name it before the file", u)
		}
		uid = h.Users[u].UID
	}
	gid, err := strconv.Atoi(g)
	if err != nil {
		if h.Groups[g] == nil {
			return 0, 0, fmt.Errorf("modtest: no group %s: name it before the file", g)
		}
		gid = h.Groups[g].GID
	}
	return uid, gid, nil
}

func (h *Host) script(door, pattern string, e Entry) error {
	s := &Script{Door: door, Pattern: pattern, Answer: e.Answer}
	for i := 0; i < len(e.Body); i++ {
		l := e.Body[i]
		key, rest, _ := strings.Cut(l, " ")
		switch key {
		case "out:":
			s.Out += rest + "\n"
		case "err:":
			s.Err += rest + "\n"
		case "header:":
			s.Header = append(s.Header, rest)
		case "set", "unset":
			block := []string{rest}
			for i+1 < len(e.Body) && strings.HasPrefix(e.Body[i+1], "\t") {
				i++
				block = append(block, e.Body[i])
			}
			es, err := entries(block)
			if err != nil {
				return err
			}
			es[0].Gone = key == "unset"
			s.Effects = append(s.Effects, es[0])
		default:
			return fmt.Errorf("modtest: %s %s: what is %q?", door, pattern, l)
		}
	}
	h.Scripts = slices.DeleteFunc(h.Scripts, func(o *Script) bool { return o.Door == door && o.Pattern == pattern })
	h.Scripts = append(h.Scripts, s)
	return nil
}
