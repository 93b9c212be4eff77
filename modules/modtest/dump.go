package modtest

import (
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mxplay/mxplay/modules"
)

// State is the host as text that Parse reads, scripts aside: an entry each.
func (h *Host) State() []string {
	var out []string
	for _, n := range slices.Sorted(maps.Keys(h.Groups)) {
		if g := h.Groups[n]; n != "root" {
			out = append(out, line("group", n, "gid="+strconv.Itoa(g.GID), opt("members", strings.Join(g.Members, ",")), local(g.Local)))
		}
	}
	for _, n := range slices.Sorted(maps.Keys(h.Users)) {
		if u := h.Users[n]; n != "root" {
			exp := ""
			if u.Expire >= 0 {
				exp = "expire=" + strconv.FormatInt(u.Expire, 10)
			}
			out = append(out, line("user", n, "uid="+strconv.Itoa(u.UID), "gid="+strconv.Itoa(u.GID), opt("gecos", u.Gecos),
				opt("home", u.Home), opt("shell", u.Shell), opt("password", u.Password), exp, local(u.Local)))
		}
	}
	for _, n := range slices.Sorted(maps.Keys(h.Files)) {
		if f := h.Files[n]; f.given {
			out = append(out, h.fileText(n, f))
		}
	}
	for _, n := range slices.Sorted(maps.Keys(h.Pkgs)) {
		p := *h.Pkgs[n]
		v := p.Version
		p.Name, p.Version = "", ""
		out = append(out, line(append([]string{"package", n, v}, set(p, modules.Package{Arch: h.FactSet.DpkgArchitecture, Want: "install", Status: "installed", Error: "ok"})...)...))
	}
	for _, n := range slices.Sorted(maps.Keys(h.Units)) {
		u := *h.Units[n]
		u.Name = ""
		out = append(out, line(append([]string{"unit", n}, set(u, modules.Unit{Load: "loaded", Type: "simple", Condition: true})...)...))
	}
	return out
}

// set are the fields of a struct that differ from those of another, as key=value.
func set(v, from any) []string {
	var out []string
	a, b := reflect.ValueOf(v), reflect.ValueOf(from)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			out = append(out, fmt.Sprintf("%s=%v", a.Type().Field(i).Name, a.Field(i).Interface()))
		}
	}
	return out
}

func line(words ...string) string {
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, quoteWord(w))
		}
	}
	return strings.Join(out, " ")
}

func opt(k, v string) string {
	if v == "" {
		return ""
	}
	return k + "=" + v
}

func local(is bool) string {
	if is {
		return ""
	}
	return "local=no"
}

func (h *Host) fileText(n string, f *File) string {
	in := h.info(n, f)
	if f.Kind == "link" {
		l := line("link", n, "->", f.Target)
		if f.UID != 0 || f.GID != 0 {
			l += " " + in.Owner + ":" + in.Group
		}
		return l
	}
	kind := f.Kind
	if kind == "directory" {
		kind = "dir"
	}
	l := line(kind, n, fmt.Sprintf("%04o", f.Mode), in.Owner+":"+in.Group)
	if !f.Mtime.Equal(h.Time) {
		l += " mtime=" + f.Mtime.UTC().Format(time.RFC3339)
	}
	if kind == "dir" || len(f.Data) == 0 {
		return l
	}
	if !utf8.Valid(f.Data) {
		return l + " hex\n\t" + hex.EncodeToString(f.Data)
	}
	text, eol := strings.CutSuffix(string(f.Data), "\n")
	if !eol {
		l += " noeol"
	}
	for t := range strings.SplitSeq(text, "\n") {
		l += "\n"
		if t != "" {
			l += "\t" + t
		}
	}
	return l
}
