package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockInfo is what the lock file says of the run that holds it.
type lockInfo struct {
	Run   string    `json:"run"`
	Who   string    `json:"who"`
	Since time.Time `json:"since"`
	Check bool      `json:"check"`
	PID   int       `json:"pid"`
}

// lockError says that another run is at work on this host.
type lockError struct {
	lockInfo
	path string
}

func (e *lockError) Error() string {
	return fmt.Sprintf("another run is at work on this host: %s, since %s", e.Who, e.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
}

func (e *lockError) hint() string {
	return fmt.Sprintf("wait for it; if it is gone, end process %d on the host, which holds %s", e.PID, e.path)
}

// hostLock is the right to change this host, held until release or the end of the process.
type hostLock struct{ f *os.File }

func (l *hostLock) release() {
	if l != nil && l.f != nil {
		_ = l.f.Close()
	}
}

// lock takes the host's lock. Root takes that of the machine; another account
// takes its own, and only as the first agent: the children of one agent do
// what it was allowed to do.
func (a *Agent) lock() (*hostLock, error) {
	if a.welcome.Run == "" || a.welcome.Child != 0 && os.Geteuid() != 0 {
		return nil, nil
	}
	return takeLock(a.opt.State, lockInfo{
		Run: a.welcome.Run, Who: a.welcome.Who, Check: a.welcome.Check, Since: time.Now(), PID: os.Getpid(),
	})
}

// takeLock holds the lock shared, whoever it is: what tells holders apart is
// the info in the file, read and written under a second lock, the guard. So
// agents of one run share it, however many, and it is free when the last ends.
func takeLock(dir string, me lockInfo) (*hostLock, error) {
	if err := ownDir(dir); err != nil {
		return nil, fmt.Errorf("the host's lock: %w", err)
	}
	guard, err := openLock(filepath.Join(dir, "lock.guard"))
	if err != nil {
		return nil, fmt.Errorf("the host's lock: %w", err)
	}
	defer guard.Close()
	if err := flock(guard, syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("the host's lock: %w", err)
	}
	path := filepath.Join(dir, "lock")
	f, err := openLock(path)
	if err != nil {
		return nil, fmt.Errorf("the host's lock: %w", err)
	}
	err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		b, _ := json.Marshal(me)
		if err := errors.Join(f.Truncate(0), writeAt(f, b)); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("the host's lock: %w", err)
		}
	case errors.Is(err, syscall.EWOULDBLOCK):
		var other lockInfo
		if b, err := os.ReadFile(path); err == nil {
			_ = json.Unmarshal(b, &other)
		}
		if other.Run != me.Run && !(other.Check && me.Check) {
			_ = f.Close()
			return nil, &lockError{other, path}
		}
	default:
		_ = f.Close()
		return nil, fmt.Errorf("the host's lock: %w", err)
	}
	if err := flock(f, syscall.LOCK_SH); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("the host's lock: %w", err)
	}
	return &hostLock{f}, nil
}

func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
}

func writeAt(f *os.File, b []byte) error {
	_, err := f.WriteAt(b, 0)
	return err
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
