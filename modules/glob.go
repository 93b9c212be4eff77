package modules

import (
	"context"
	"errors"
	"path"
	"strings"
)

// Exists tells whether anything is at a path, or at any path that a pattern
// with *, ? and [] means.
func Exists(ctx context.Context, r Reader, pattern string) (bool, error) {
	if !strings.ContainsAny(pattern, "*?[") {
		_, err := r.Stat(ctx, pattern)
		if errors.Is(err, ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	return existsBelow(ctx, r, "/", strings.Split(strings.Trim(path.Clean(pattern), "/"), "/"))
}

func existsBelow(ctx context.Context, r Reader, dir string, parts []string) (bool, error) {
	if len(parts) == 0 {
		return true, nil
	}
	if !strings.ContainsAny(parts[0], "*?[") {
		at := path.Join(dir, parts[0])
		if ok, err := Exists(ctx, r, at); !ok || err != nil {
			return false, err
		}
		return existsBelow(ctx, r, at, parts[1:])
	}
	in, err := r.ReadDir(ctx, dir)
	if err != nil {
		return false, nil // no directory, or none that may be read: nothing is found there
	}
	for _, i := range in {
		ok, err := path.Match(parts[0], i.Name)
		if err != nil {
			return false, err
		}
		if !ok || strings.HasPrefix(i.Name, ".") && !strings.HasPrefix(parts[0], ".") {
			continue
		}
		if ok, err := existsBelow(ctx, r, path.Join(dir, i.Name), parts[1:]); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
