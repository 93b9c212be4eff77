package remote

import (
	"os"
	"syscall"
)

// ownFile tells that a file belongs to who runs this; only then its mode is ours to judge.
func ownFile(st os.FileInfo) bool {
	s, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Getuid()
}
