package agent

import (
	"os"
	"syscall"
)

func stampOf(st os.FileInfo) stamp {
	s := stamp{mtime: st.ModTime(), size: st.Size()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}
