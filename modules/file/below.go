package file

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// entry is a path below a directory whose attributes must change.
type entry struct {
	path   string
	change place.Change
}

// maxLines bounds the diff of a deep directory.
const maxLines = 1000

// lookBelow walks a directory and keeps what must change.
func lookBelow(ctx context.Context, r modules.Reader, a place.Attrs, dir string, ids place.IDs) ([]entry, error) {
	if ids.Missing != "" {
		return nil, nil
	}
	infos, err := r.ReadDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	var out []entry
	for _, i := range infos {
		if i.Kind == "link" {
			continue
		}
		p := path.Join(dir, i.Name)
		c, err := a.Change(i, ids)
		if err != nil {
			return nil, err
		}
		if !c.None() {
			out = append(out, entry{p, c})
		}
		if i.Kind == "directory" {
			in, err := lookBelow(ctx, r, a, p, ids)
			if err != nil {
				return nil, err
			}
			out = append(out, in...)
		}
	}
	return out, nil
}

// setBelow is one step for all of them.
func setBelow(dir string, below []entry) modules.Step {
	var from, to strings.Builder
	for i, e := range below {
		if i == maxLines {
			fmt.Fprintf(&to, "and %d more\n", len(below)-i)
			break
		}
		fmt.Fprintf(&from, "%s: %s\n", e.path, strings.Join(e.change.From, ", "))
		fmt.Fprintf(&to, "%s: %s\n", e.path, strings.Join(e.change.To, ", "))
	}
	return modules.Step{
		What: fmt.Sprintf("set attributes of %d paths below %s", len(below), dir), From: from.String(), To: to.String(),
		Do: func(ctx context.Context, h modules.Host) error {
			for _, e := range below {
				if err := h.SetAttr(ctx, e.path, e.change.Attr); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
