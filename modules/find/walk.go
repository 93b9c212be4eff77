package find

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// maxDepth ends a walk that links lead round in circles.
const maxDepth = 100

// walk is one search.
type walk struct {
	r      modules.Reader
	a      Args
	filter filter
	res    Result
}

func (w *walk) full() bool { return w.a.Limit > 0 && int64(len(w.res.Files)) >= w.a.Limit }

// top looks in one of paths.
func (w *walk) top(ctx context.Context, p string) error {
	_, i, err := place.Follow(ctx, w.r, p)
	switch {
	case errors.Is(err, fs.ErrPermission):
		w.res.Skipped[p] = err.Error()
		return nil
	case err != nil:
		return err
	case i == nil:
		w.res.Skipped[p] = p + " does not exist"
		return nil
	case i.Kind != "directory":
		w.res.Skipped[p] = p + " is " + place.A(i.Kind) + ", not a directory"
		return nil
	}
	return w.dir(ctx, p, 1)
}

func (w *walk) dir(ctx context.Context, dir string, depth int64) error {
	infos, err := w.r.ReadDir(ctx, dir)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, modules.ErrNotExist) {
		w.res.Skipped[dir] = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	w.res.Examined += int64(len(infos))
	var below []string
	slices.SortStableFunc(infos, func(a, b modules.Info) int { return kind(a) - kind(b) })
	for _, i := range infos {
		p := path.Join(dir, i.Name)
		into := i.Kind == "directory"
		if i.Kind == "link" && w.a.Follow {
			_, t, err := place.Follow(ctx, w.r, p)
			into = err == nil && t != nil && t.Kind == "directory"
		}
		if into {
			below = append(below, p)
		}
		if w.full() {
			return nil
		}
		if err := w.entry(ctx, p, i); err != nil {
			return err
		}
	}
	if !w.a.Recurse || w.a.Depth > 0 && depth >= w.a.Depth || depth >= maxDepth {
		return nil
	}
	for _, p := range below {
		if w.full() {
			return nil
		}
		if err := w.dir(ctx, p, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// kind orders a directory's entries: its directories last.
func kind(i modules.Info) int {
	if i.Kind == "directory" {
		return 1
	}
	return 0
}

// entry adds a path that fits.
func (w *walk) entry(ctx context.Context, p string, i modules.Info) error {
	a := w.a
	switch {
	case strings.HasPrefix(i.Name, ".") && !a.Hidden,
		a.Type != "any" && a.Type != i.Kind,
		!w.filter.fits(i, a),
		i.Kind == "file" && !w.filter.long(i.Size):
		return nil
	}
	if w.filter.contains != nil && a.Type == "file" {
		b, err := w.r.ReadFile(ctx, p)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, modules.ErrNotExist) {
			w.res.Skipped[p] = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
		if !w.filter.contains.Match(b) {
			return nil
		}
	}
	d := place.Describe(p, i)
	if d.IsReg && a.Checksum {
		var err error
		if d.Checksum, err = place.Checksum(ctx, w.r, p, a.Algorithm); err != nil {
			return err
		}
	}
	w.res.Files = append(w.res.Files, d)
	return nil
}

// fits compares names, ages and permissions.
func (f filter) fits(i modules.Info, a Args) bool {
	name := func(re *regexp.Regexp) bool { return re.MatchString(i.Name) }
	if len(f.patterns) > 0 && !slices.ContainsFunc(f.patterns, name) || slices.ContainsFunc(f.excludes, name) {
		return false
	}
	if f.mode != nil && (a.ExactMode && i.Mode != *f.mode || !a.ExactMode && i.Mode&*f.mode == 0) {
		return false
	}
	return atLeast(f.now-float64(i.Mtime.UnixMicro())/1e6, f.age)
}

func (f filter) long(size int64) bool { return atLeast(float64(size), f.size) }

// atLeast compares with a bound that is an upper one when it is negative.
func atLeast(x, bound float64) bool {
	switch {
	case math.IsNaN(bound):
		return true
	case bound >= 0:
		return x >= bound
	}
	return x <= -bound
}
