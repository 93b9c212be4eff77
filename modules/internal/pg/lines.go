package pg

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// File is one of the server's access files as it stands.
type File struct {
	Path string
	Text string
	Mode uint32
	UID  int
	GID  int
	Old  bool // the file is newer than what the server has loaded
}

// LookFile finds and reads an access file: setting is hba_file or ident_file.
func (l Server) LookFile(ctx context.Context, r modules.Reader, setting string) (File, error) {
	var f File
	rows, err := l.Query(ctx, r, "", "select current_setting($1), extract(epoch from pg_conf_load_time())::text", setting)
	if err != nil {
		return f, err
	}
	if len(rows) != 1 || len(rows[0]) != 2 {
		return f, errors.New("PostgreSQL does not say where its " + setting + " is")
	}
	f.Path = Text(rows[0][0])
	i, err := r.Stat(ctx, f.Path)
	if err != nil {
		return f, err
	}
	if i.Kind == "link" {
		return f, fmt.Errorf("%s is a link; set %s to the file itself", f.Path, setting)
	}
	b, err := r.ReadFile(ctx, f.Path)
	if err != nil {
		return f, err
	}
	f.Text, f.Mode, f.UID, f.GID = string(b), i.Mode, i.UID, i.GID
	f.Old = i.Mtime.After(epoch(Text(rows[0][1])))
	return f, nil
}

// epoch reads seconds since 1970 with a fraction.
func epoch(s string) time.Time {
	whole, frac, _ := strings.Cut(s, ".")
	sec, _ := strconv.ParseInt(whole, 10, 64)
	ns, _ := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
	return time.Unix(sec, ns)
}

// Put writes the file, lets the server read it without using it, and puts the
// old one back when the server finds a mistake in a line.
func (l Server) Put(ctx context.Context, h modules.Host, f File, text, view string) error {
	w := modules.Write{Path: f.Path, Bytes: []byte(text), Attr: modules.Attr{Mode: &f.Mode, UID: &f.UID, GID: &f.GID}}
	if err := h.Write(ctx, w); err != nil {
		return err
	}
	rows, err := l.Query(ctx, h, "", "select line_number::text, error from pg_catalog."+view+" where error is not null order by line_number")
	var e *modules.SQLError
	if errors.As(err, &e) && e.Code == "42P01" { // a server older than the view
		return nil
	}
	if err == nil && len(rows) == 0 {
		return nil
	}
	if err == nil {
		var lines []string
		for _, r := range rows {
			lines = append(lines, "line "+Text(r[0])+": "+Text(r[1]))
		}
		err = modules.WithLines(fmt.Errorf("PostgreSQL would not take %s: %s", f.Path, lines[0]), lines, "")
	}
	w.Bytes = []byte(f.Text)
	if back := h.Write(context.WithoutCancel(ctx), w); back != nil {
		return fmt.Errorf("%w (and the old file could not be put back: %v)", err, back)
	}
	return err
}

// Reload makes the server read its files, and waits until it has.
func (l Server) Reload(ctx context.Context, h modules.Host, path string) error {
	if err := l.Exec(ctx, h, "select pg_reload_conf()"); err != nil {
		return err
	}
	for range 50 {
		i, err := h.Stat(ctx, path)
		if err != nil {
			return err
		}
		rows, err := l.Query(ctx, h, "", "select extract(epoch from pg_conf_load_time())::text")
		if err != nil {
			return err
		}
		if len(rows) == 1 && !i.Mtime.After(epoch(Text(rows[0][0]))) {
			return nil
		}
		if err := h.Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("PostgreSQL has not loaded its configuration in five seconds")
}

// Place takes every line that drop matches out of text, and puts lines in
// front of the first line that generic matches, or at the end. Each line is
// shown to the two as its fields.
func Place(text string, lines []string, drop, generic func(fields []string) bool) string {
	var kept []string
	at := -1
	for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		f := Fields(l)
		if len(f) > 0 && drop(f) {
			continue
		}
		if at < 0 && len(f) > 0 && generic(f) {
			at = len(kept)
		}
		kept = append(kept, l)
	}
	end := at < 0
	if end {
		at = len(kept)
	}
	// the comment right above a generic line speaks of that line: go above it
	for !end && at > 0 && strings.HasPrefix(strings.TrimSpace(kept[at-1]), "#") {
		at--
	}
	out := append(append(append([]string{}, kept[:at]...), lines...), kept[at:]...)
	return strings.TrimPrefix(strings.Join(out, "\n"), "\n") + "\n"
}

// Fields are a line's fields; quotes stay, a comment goes, a list with commas is one field.
func Fields(line string) []string {
	var out []string
	var cur strings.Builder
	quoted, comma := false, false
	flush := func() {
		if cur.Len() > 0 {
			out = append(out, cur.String())
			cur.Reset()
		}
	}
	for _, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
			cur.WriteRune(c)
		case quoted:
			cur.WriteRune(c)
		case c == '#':
			flush()
			return out
		case c == ' ' || c == '\t' || c == '\r':
			if !comma {
				flush()
			}
			continue
		default:
			cur.WriteRune(c)
		}
		comma = c == ',' && !quoted
	}
	flush()
	return out
}

// Field quotes a name for an access file where it needs quotes.
func Field(s string) string {
	for _, c := range s {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(`_.$+-/:@*^()\[]|?&`, c)
		if !ok {
			return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
	}
	return s
}

// Steps put text into the file and make the server use it.
func (l Server) Steps(f File, text, view string) []modules.Step {
	var steps []modules.Step
	if text != f.Text {
		steps = append(steps, modules.Step{
			What: "write " + f.Path, From: f.Text, To: text,
			Do: func(ctx context.Context, h modules.Host) error { return l.Put(ctx, h, f, text, view) },
		})
	}
	if len(steps) > 0 || f.Old {
		steps = append(steps, modules.Step{
			What: "reload PostgreSQL's configuration", Event: true,
			Do: func(ctx context.Context, h modules.Host) error { return l.Reload(ctx, h, f.Path) },
		})
	}
	return steps
}
