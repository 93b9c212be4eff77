package agent

import (
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Settle makes the process independent of the session that started it: clean
// environment, umask 022, cwd /, no stray descriptors, and no signal ends it
// that only means that a terminal or a reader went away.
func Settle() {
	// Not signal.Ignore: what this process ignores, every command that it runs would ignore too.
	heard := make(chan os.Signal, 8)
	signal.Notify(heard, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGTTOU, syscall.SIGTTIN)
	go func() {
		for range heard {
		}
	}()
	syscall.Umask(0o022)
	_ = os.Chdir("/")
	keep := cleanEnv()
	os.Clearenv()
	for _, kv := range keep {
		k, v, _ := strings.Cut(kv, "=")
		_ = os.Setenv(k, v)
	}
	// A method of become may have left the descriptor of its terminal open.
	unix.CloseOnExec(3)
	// HOME of sudo without -H, or of a service, may be another account's.
	db := newAccountDB("/")
	if r := find(db.rows(&db.passwd, "passwd"), 2, digits(os.Geteuid())); len(r) > 6 {
		_ = os.Setenv("USER", r[0])
		_ = os.Setenv("LOGNAME", r[0])
		_ = os.Setenv("HOME", r[5])
		_ = os.Setenv("SHELL", r[6])
	}
}
