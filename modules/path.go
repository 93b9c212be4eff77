package modules

import (
	"context"
	"errors"
	"path"
	"reflect"
	"strings"
)

// FilePath is a path on the host that begins at the root, or at a home
// directory: "~" and "~/x" are the account's own, "~name/x" another's. The
// engine puts the home directory in before a module looks.
type FilePath string

// Absolute tells whether it is such a path.
func (p FilePath) Absolute() bool {
	return path.IsAbs(string(p)) || strings.HasPrefix(string(p), "~")
}

// expandHomes is arguments with home directories in their paths.
func expandHomes[A any](ctx context.Context, r Reader, a A) (A, error) {
	v := reflect.ValueOf(&a).Elem()
	return a, expandValue(ctx, r, v)
}

func expandValue(ctx context.Context, r Reader, v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[FilePath]() || !strings.HasPrefix(v.String(), "~") || !v.CanSet() {
			return nil
		}
		p, err := expandHome(ctx, r, v.String())
		v.SetString(p)
		return err
	case reflect.Struct:
		for i := range v.NumField() {
			if err := expandValue(ctx, r, v.Field(i)); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if !v.IsNil() && v.Type().Elem().Kind() != reflect.Struct {
			return expandValue(ctx, r, v.Elem())
		}
	}
	return nil
}

func expandHome(ctx context.Context, r Reader, p string) (string, error) {
	name, rest, _ := strings.Cut(p[1:], "/")
	end := ""
	if strings.HasSuffix(p, "/") {
		end = "/"
	}
	if name == "" {
		f, err := r.Facts(ctx)
		return path.Join("/", f.UserDir, rest) + end, err
	}
	u, err := r.User(ctx, name)
	if errors.Is(err, ErrNotExist) {
		return p, NotYetf("%s: user %s does not exist", p, name)
	}
	return path.Join("/", u.Home, rest) + end, err
}
