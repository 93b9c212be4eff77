package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mxplay/mxplay/modules"
)

// Write puts a file in place atomically. The temporary file is born closed to
// all others, gets its owner and mode, and only then its content.
func (h *host) Write(ctx context.Context, w modules.Write) error {
	if err := errors.Join(h.may("write "+w.Path), ctx.Err(), absolute(w.Path)); err != nil {
		return err
	}
	path := filepath.Clean(w.Path)
	dir, base := filepath.Split(path)
	if base == "" {
		return fmt.Errorf("write %s: it is a directory", path)
	}
	old, err := h.sys.info(path, base)
	isNew := errors.Is(err, modules.ErrNotExist)
	if err != nil && !isNew {
		return err
	}
	if !isNew && old.Kind == "directory" {
		return fmt.Errorf("write %s: it is a directory", path)
	}
	attr := w.Attr
	if !isNew && old.Kind == "file" {
		attr = keepAttr(attr, old)
	}
	if attr.Mode == nil {
		attr.Mode = new(uint32)
		*attr.Mode = 0o644
	}
	tmp := filepath.Join(dir, temporary(base))
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	done := false
	defer func() {
		f.Close()
		if !done {
			_ = os.Remove(tmp)
		}
	}()
	if err := h.fill(ctx, f, w, attr); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if len(w.Validate) > 0 {
		if err := h.validate(ctx, w.Validate, tmp); err != nil {
			return fmt.Errorf("write %s: the new content does not pass: %w", path, err)
		}
	}
	if w.Backup && !isNew {
		if err := keepOld(path, old, h.Now()); err != nil {
			return fmt.Errorf("write %s: backup: %w", path, err)
		}
	}
	if err := os.Rename(tmp, path); err != nil {
		if errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("write %s: something is mounted there, so it cannot be replaced", path)
		}
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	done = true
	return syncDir(dir)
}

// keepAttr fills what is nil with what the file that is replaced has.
func keepAttr(a modules.Attr, old modules.Info) modules.Attr {
	if a.Mode == nil {
		a.Mode = &old.Mode
	}
	if a.UID == nil && old.UID != os.Geteuid() {
		a.UID = &old.UID
	}
	if a.GID == nil {
		a.GID = &old.GID
	}
	return a
}

// fill gives a new file its owner, mode, content and time, in this order.
func (h *host) fill(ctx context.Context, f *os.File, w modules.Write, a modules.Attr) error {
	if a.UID != nil || a.GID != nil {
		if err := f.Chown(orKeep(a.UID), orKeep(a.GID)); err != nil {
			return cause(err)
		}
	}
	if err := unix.Fchmod(int(f.Fd()), *a.Mode&0o7777); err != nil {
		return err
	}
	if w.Fetch != nil {
		if err := fetch(ctx, w.Fetch, f); err != nil {
			return err
		}
	} else if w.From != nil {
		if err := h.contentTo(ctx, *w.From, f); err != nil {
			return err
		}
	} else if _, err := f.Write(w.Bytes); err != nil {
		return cause(err)
	}
	if *a.Mode&0o6000 != 0 { // writing takes setuid and setgid away
		if err := unix.Fchmod(int(f.Fd()), *a.Mode&0o7777); err != nil {
			return err
		}
	}
	if a.Mtime != nil {
		if err := os.Chtimes(f.Name(), *a.Mtime, *a.Mtime); err != nil {
			return cause(err)
		}
	}
	return cause(f.Sync())
}

// validate runs a command with the temporary file's path in place of %s.
func (h *host) validate(ctx context.Context, argv []string, tmp string) error {
	args := make([]string, len(argv))
	seen := false
	for i, a := range argv {
		args[i] = strings.ReplaceAll(a, "%s", tmp)
		seen = seen || args[i] != a
	}
	if !seen {
		return errors.New("the validation command does not hold %s")
	}
	out, err := h.Run(ctx, modules.Command{Argv: args})
	if err != nil {
		return err
	}
	if err := out.Err(); err != nil {
		text := strings.ReplaceAll(string(out.Stderr)+string(out.Stdout), tmp, "the new file")
		return modules.WithLines(fmt.Errorf("%s: exit status %d", argv[0], out.Exit), modules.LastLines(text, 10), "")
	}
	return nil
}

// keepOld keeps what is replaced beside it under a name with the time.
func keepOld(path string, old modules.Info, now time.Time) error {
	to := fmt.Sprintf("%s.%s~", path, now.UTC().Format("2006-01-02T15:04:05"))
	if old.Kind == "link" {
		return os.Symlink(old.Target, to)
	}
	err := os.Link(path, to)
	if errors.Is(err, syscall.EEXIST) {
		return os.Link(path, fmt.Sprintf("%s.%s~", path, now.UTC().Format("2006-01-02T15:04:05.000000")))
	}
	return err
}

// Mkdir makes one directory.
func (h *host) Mkdir(ctx context.Context, path string, a modules.Attr) error {
	if err := errors.Join(h.may("make "+path), ctx.Err(), absolute(path)); err != nil {
		return err
	}
	mode := uint32(0o755)
	if a.Mode != nil {
		mode = *a.Mode & 0o7777
	}
	path = filepath.Clean(path)
	// A closed directory under another name, so that its mode and owner are right when it appears.
	tmp := filepath.Join(filepath.Dir(path), temporary(filepath.Base(path)))
	if exists(path) {
		return &os.PathError{Op: "mkdir", Path: path, Err: syscall.EEXIST}
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return &os.PathError{Op: "mkdir", Path: path, Err: cause(err)}
	}
	a.Mode = &mode
	err := setAttr(tmp, a)
	if err == nil {
		err = unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
		if errors.Is(err, syscall.EINVAL) {
			err = os.Rename(tmp, path)
		}
	}
	if err != nil {
		_ = os.Remove(tmp)
		return &os.PathError{Op: "mkdir", Path: path, Err: cause(err)}
	}
	return nil
}

// Link puts a link at path, replacing a link or file there atomically.
func (h *host) Link(ctx context.Context, target, path string, hard bool) error {
	if err := errors.Join(h.may("link "+path), ctx.Err(), absolute(path)); err != nil {
		return err
	}
	path = filepath.Clean(path)
	tmp := filepath.Join(filepath.Dir(path), temporary(filepath.Base(path)))
	var err error
	if hard {
		err = os.Link(target, tmp)
	} else {
		err = os.Symlink(target, tmp)
	}
	if err != nil {
		return fmt.Errorf("link %s: %w", path, cause(err))
	}
	if err := os.Rename(tmp, path); err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("link %s: %w", path, cause(err))
	}
	if hard {
		_ = os.Remove(tmp) // a rename onto another name of the same file leaves both
	}
	return nil
}

// SetAttr changes what is at path, not following a link.
func (h *host) SetAttr(ctx context.Context, path string, a modules.Attr) error {
	if err := errors.Join(h.may("change "+path), ctx.Err(), absolute(path)); err != nil {
		return err
	}
	return setAttr(path, a)
}

// setAttr works on an open handle, so that what is changed is one and the
// same object even if the path is swapped meanwhile.
func setAttr(path string, a modules.Attr) error {
	fail := func(err error) error { return &os.PathError{Op: "change", Path: path, Err: err} }
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fail(err)
	}
	link := st.Mode&unix.S_IFMT == unix.S_IFLNK
	mode := uint32(st.Mode) & 0o7777
	if a.Mode != nil {
		mode = *a.Mode & 0o7777
	}
	handle := fmt.Sprintf("/proc/self/fd/%d", fd)
	if a.UID != nil && *a.UID != int(st.Uid) || a.GID != nil && *a.GID != int(st.Gid) {
		if err := unix.Fchownat(fd, "", orKeep(a.UID), orKeep(a.GID), unix.AT_EMPTY_PATH); err != nil {
			return fail(err)
		}
		// A change of owner takes setuid and setgid away.
		if err := unix.Fstat(fd, &st); err != nil {
			return fail(err)
		}
	}
	if !link && mode != uint32(st.Mode)&0o7777 {
		if err := unix.Chmod(handle, mode); err != nil {
			return fail(err)
		}
	}
	if a.Mtime != nil || a.Atime != nil {
		ts := []unix.Timespec{orOmit(a.Atime), orOmit(a.Mtime)}
		if link {
			err = unix.UtimesNanoAt(unix.AT_FDCWD, path, ts, unix.AT_SYMLINK_NOFOLLOW)
		} else {
			err = unix.UtimesNanoAt(unix.AT_FDCWD, handle, ts, 0)
		}
		if err != nil {
			return fail(err)
		}
	}
	return nil
}

// orOmit is a time for utimensat, or its word for leaving it as it is.
func orOmit(t *time.Time) unix.Timespec {
	if t == nil {
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return unix.NsecToTimespec(t.UnixNano())
}

// Remove removes what is at path with all it holds.
func (h *host) Remove(ctx context.Context, path string) error {
	if err := errors.Join(h.may("remove "+path), ctx.Err(), absolute(path)); err != nil {
		return err
	}
	if filepath.Clean(path) == "/" {
		return errors.New("remove /: this is the whole host")
	}
	return os.RemoveAll(path)
}

// temporary is a name for what will get the name base. It begins with a dot
// so that no program takes it for one of its own files.
func temporary(base string) string {
	if len(base) > 180 {
		base = base[:180]
	}
	return ".mxplay-" + rand.Text()[:12] + "-" + base
}

func orKeep(id *int) int {
	if id == nil {
		return -1
	}
	return *id
}

// cause is the bare error of a file operation: the temporary name is nobody's concern.
func cause(err error) error {
	var p *os.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // it can be written to and not read: nothing to sync through
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

func mtime(st *unix.Stat_t) time.Time { return time.Unix(st.Mtim.Unix()) }
