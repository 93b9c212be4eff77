package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"
)

// maxDiff is the size of a side above which a diff is not shown.
const maxDiff = 1 << 20

// Diff shows what changes from one text to another as hunks of lines, without
// file names. Where a line on the new side holds a secret, neither side of
// that change is shown: what stood there before is as secret.
func (r *Redactor) Diff(from, to string) []string {
	switch {
	case from == to:
		return nil
	case len(from) > maxDiff || len(to) > maxDiff:
		return []string{fmt.Sprintf("(%d bytes before, %d after: too much to show)", len(from), len(to))}
	case binary(from) || binary(to):
		return []string{fmt.Sprintf("(not text: %d bytes before, %d after)", len(from), len(to))}
	}
	d, err := udiff.ToUnifiedDiff("", "", from, udiff.Lines(from, to), udiff.DefaultContextLines)
	if err != nil {
		return []string{"(cannot be shown)"}
	}
	oneLine := !strings.Contains(strings.TrimSuffix(from, "\n"), "\n") && !strings.Contains(strings.TrimSuffix(to, "\n"), "\n")
	var out []string
	for _, h := range d.Hunks {
		if !oneLine {
			out = append(out, hunkHead(h.FromLine, h.ToLine, h.Lines))
		}
		out = append(out, r.hunk(h.Lines)...)
	}
	if ends := strings.HasSuffix(from, "\n"); from != "" && to != "" && ends != strings.HasSuffix(to, "\n") && !oneLine {
		if ends {
			out = append(out, `\ no newline at the end any more`)
		} else {
			out = append(out, `\ no newline at the end before`)
		}
	}
	return out
}

func binary(s string) bool {
	return strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)
}

func hunkHead(from, to int, lines []udiff.Line) string {
	a, b := 0, 0
	for _, l := range lines {
		if l.Kind != udiff.Insert {
			a++
		}
		if l.Kind != udiff.Delete {
			b++
		}
	}
	part := func(start, n int) string {
		if n == 0 {
			start--
		}
		if n == 1 {
			return fmt.Sprint(start)
		}
		return fmt.Sprintf("%d,%d", start, n)
	}
	return fmt.Sprintf("@@ -%s +%s @@", part(from, a), part(to, b))
}

// hunk shows the lines of a hunk, each run of changed lines together.
func (r *Redactor) hunk(lines []udiff.Line) []string {
	var out []string
	for i := 0; i < len(lines); {
		if lines[i].Kind == udiff.Equal {
			out = append(out, r.line(" ", lines[i].Content, false))
			i++
			continue
		}
		end, secret := i, false
		for ; end < len(lines) && lines[end].Kind != udiff.Equal; end++ {
			secret = secret || lines[end].Kind == udiff.Insert && r.Has(lines[end].Content)
		}
		for ; i < end; i++ {
			if lines[i].Kind == udiff.Delete {
				out = append(out, r.line("-", lines[i].Content, secret || r.Has(lines[i].Content)))
			} else {
				out = append(out, r.line("+", lines[i].Content, r.Has(lines[i].Content)))
			}
		}
	}
	return out
}

func (r *Redactor) line(mark, text string, hide bool) string {
	if hide {
		return mark + hidden
	}
	body := strings.TrimSuffix(text, "\n")
	body = r.Text(body)
	return mark + body
}
