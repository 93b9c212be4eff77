package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mxplay/mxplay/modules"
)

// maxRead is the longest file that ReadFile takes.
const maxRead = 64 << 20

// Stat describes the path itself.
func (h *host) Stat(ctx context.Context, path string) (modules.Info, error) {
	if err := errors.Join(ctx.Err(), absolute(path)); err != nil {
		return modules.Info{}, err
	}
	return h.sys.info(path, filepath.Base(path))
}

func (s *system) info(path, name string) (modules.Info, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Lstat(path, &st) }); err != nil {
		if errors.Is(err, syscall.ENOTDIR) {
			err = syscall.ENOENT // a file stands where a directory would be: nothing is at this path
		}
		return modules.Info{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	in := modules.Info{
		Name: name, Mode: uint32(st.Mode) & 0o7777, UID: int(st.Uid), GID: int(st.Gid), Size: st.Size,
		Inode: st.Ino, Links: uint64(st.Nlink), Mtime: mtime(&st),
		Owner: s.accounts.userName(int(st.Uid)), Group: s.accounts.groupName(int(st.Gid)),
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		in.Kind = "file"
	case unix.S_IFDIR:
		in.Kind = "directory"
	case unix.S_IFLNK:
		in.Kind = "link"
		t, err := os.Readlink(path)
		if err != nil {
			return in, err
		}
		in.Target = t
	default:
		in.Kind = "other"
	}
	return in, nil
}

func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// openRegular opens a file to read, following links; anything that is no
// file (a pipe would block) is refused.
func openRegular(path string) (*os.File, os.FileInfo, error) {
	if err := absolute(path); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		if errors.Is(err, syscall.ENOTDIR) {
			err = &os.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
		}
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = &os.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	}
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("read %s: it is no regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, st, nil
}

// ReadFile reads a file of at most 64 MiB.
func (h *host) ReadFile(ctx context.Context, path string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, st, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st.Size() > maxRead {
		return nil, fmt.Errorf("read %s: %d MiB are more than the %d that are read", path, st.Size()>>20, maxRead>>20)
	}
	// Files under /proc say that they are empty: the size is a hint only.
	b, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err == nil && len(b) > maxRead {
		err = fmt.Errorf("read %s: more than %d MiB", path, maxRead>>20)
	}
	return b, err
}

// ReadDir lists a directory.
func (h *host) ReadDir(ctx context.Context, path string) ([]modules.Info, error) {
	if err := errors.Join(ctx.Err(), absolute(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	out := make([]modules.Info, 0, len(names))
	for _, n := range names {
		in, err := h.sys.info(filepath.Join(path, n), n)
		if errors.Is(err, modules.ErrNotExist) {
			continue // it went away meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	return out, nil
}

// Hash is the SHA-256 of a file.
func (h *host) Hash(ctx context.Context, path string) (string, error) {
	f, _, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	buf := make([]byte, 256<<10)
	for {
		if err := ctx.Err(); err != nil {
			return "", context.Cause(ctx)
		}
		n, err := f.Read(buf)
		sum.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(sum.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

func digits(n int) string { return strconv.Itoa(n) }
