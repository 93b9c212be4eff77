package place

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Change is the difference between the attributes that are and those that are wanted.
type Change struct {
	Attr     modules.Attr // what to set: only what differs
	From, To []string     // a line each: "mode 0644"
}

// None tells that nothing differs.
func (c Change) None() bool { return len(c.To) == 0 }

// Texts are the two sides of the diff.
func (c Change) Texts() (from, to string) {
	return strings.Join(c.From, "\n") + "\n", strings.Join(c.To, "\n") + "\n"
}

// Phrase is the change within a sentence: "mode 0644 -> 0600, owner root -> matrix".
func (c Change) Phrase() string {
	var out []string
	for i := range c.To {
		_, to, _ := strings.Cut(c.To[i], " ")
		out = append(out, c.From[i]+" -> "+to)
	}
	return strings.Join(out, ", ")
}

// Attrs compares the attributes of what is there with those wanted.
func (a Attrs) Change(i modules.Info, ids IDs) (Change, error) {
	var c Change
	mode, err := a.Mode.Apply(i.Mode, i.Kind == "directory")
	if err != nil {
		return c, err
	}
	if mode != i.Mode && i.Kind != "link" {
		c.Attr.Mode = &mode
		c.add("mode", modules.ModeText(i.Mode), modules.ModeText(mode))
	}
	if ids.UID != nil && *ids.UID != i.UID {
		c.Attr.UID = ids.UID
		c.add("owner", i.Owner, a.Owner)
	}
	if ids.GID != nil && *ids.GID != i.GID {
		c.Attr.GID = ids.GID
		c.add("group", i.Group, a.Group)
	}
	return c, nil
}

func (c *Change) add(what, from, to string) {
	c.From = append(c.From, what+" "+from)
	c.To = append(c.To, what+" "+to)
}

// Fresh is what a new file or directory gets: always a mode, so that it is the same under every umask.
func (a Attrs) Fresh(dir bool, ids IDs) (modules.Attr, error) {
	base := uint32(0o644)
	if dir {
		base = 0o755
	}
	mode, err := a.Mode.Apply(base, dir)
	return modules.Attr{Mode: &mode, UID: ids.UID, GID: ids.GID}, err
}

// FreshLines are the attributes of something new as lines of a diff.
func (a Attrs) FreshLines(at modules.Attr) string {
	out := "mode " + modules.ModeText(*at.Mode) + "\n"
	for _, o := range []struct {
		what, name string
		id         *int
	}{{"owner", a.Owner, at.UID}, {"group", a.Group, at.GID}} {
		if o.id != nil {
			name := o.name
			if name == "" {
				name = strconv.Itoa(*o.id)
			}
			out += o.what + " " + name + "\n"
		}
	}
	return out
}

// SetStep sets attributes alone; ok is false when there is nothing to set.
func (a Attrs) SetStep(p string, i modules.Info, ids IDs) (step modules.Step, ok bool, err error) {
	c, err := a.Change(i, ids)
	if err != nil || c.None() {
		return step, false, err
	}
	var names []string
	for _, l := range c.To {
		n, _, _ := strings.Cut(l, " ")
		names = append(names, n)
	}
	from, to := c.Texts()
	return modules.Step{
		What: fmt.Sprintf("set %s of %s", join(names), p), From: from, To: to,
		Do: func(ctx context.Context, h modules.Host) error { return h.SetAttr(ctx, p, c.Attr) },
	}, true, nil
}

func join(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return names[0]
}
