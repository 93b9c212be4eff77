package remote

import (
	"compress/gzip"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/mxplay/mxplay/runner/boot"
	"github.com/pkg/sftp"
)

// byFiles is the second way to start the agent, for login shells that do not
// take the script: the agent is put in place over SFTP, and the command is
// its bare path, which every shell can run.
func (s *starter) byFiles() (*session, error) {
	fs, err := s.l.files()
	if err != nil {
		return nil, err
	}
	defer fs.Close()
	bins, err := s.d.binaries()
	if err != nil {
		return nil, err
	}
	arch, err := elfArch(fs)
	if err != nil {
		return nil, err
	}
	b, ok := bins[arch]
	if !ok {
		return nil, &boot.Error{Arch: arch}
	}
	dirs, err := s.fileDirs(fs)
	if err != nil {
		return nil, err
	}
	bad := &boot.Error{}
	for _, dir := range dirs {
		file, err := install(fs, dir, b)
		if err != nil {
			bad.Dirs = append(bad.Dirs, fmt.Sprintf("%s: %s", dir, cause(err)))
			continue
		}
		line := file
		if len(agentArgs) > 0 {
			line += " " + strings.Join(agentArgs, " ")
		}
		c, err := s.run(line, bins)
		if err == nil {
			return c, nil
		}
		if code := exitStatus(s.ended); code != 126 && code != 127 {
			return nil, err
		}
		bad.Dirs = append(bad.Dirs, fmt.Sprintf("%s: is mounted noexec", dir))
	}
	return nil, bad
}

// fileDirs are the directories that may hold the agent, as the script has them.
func (s *starter) fileDirs(fs *sftp.Client) ([]string, error) {
	if s.t.AgentDir != "" {
		return []string{s.t.AgentDir}, nil
	}
	home, err := fs.RealPath(".")
	if err != nil {
		return nil, err
	}
	st, err := fs.Stat(home)
	if err != nil {
		return nil, err
	}
	uid := "0"
	if u, ok := st.Sys().(*sftp.FileStat); ok {
		uid = fmt.Sprint(u.UID)
	}
	fill := strings.NewReplacer("${HOME:-/nonexistent}", home, "$u", uid)
	var out []string
	for _, d := range boot.Dirs() {
		out = append(out, fill.Replace(d))
	}
	return out, nil
}

// install puts the agent into a directory unless it lies there.
func install(fs *sftp.Client, dir string, b agentFile) (string, error) {
	file := path.Join(dir, boot.Name(b.Hash))
	if st, err := fs.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		if err := fs.MkdirAll(dir); err != nil {
			return "", err
		}
		if err := fs.Chmod(dir, 0o700); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	} else if !st.IsDir() || st.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("has mode %v and not drwx------", st.Mode())
	}
	if st, err := fs.Stat(file); err == nil && st.Size() == b.Size && st.Mode().Perm()&0o100 != 0 {
		return file, nil
	}
	gz, err := b.open()
	if err != nil {
		return "", err
	}
	defer gz.Close()
	z, err := gzip.NewReader(gz)
	if err != nil {
		return "", err
	}
	tmp := path.Join(dir, ".mxplay-"+rand.Text()[:8])
	if err := upload(fs, tmp, z, 0o755); err != nil {
		return "", err
	}
	if err := fs.PosixRename(tmp, file); err != nil {
		_ = fs.Remove(tmp)
		return "", err
	}
	return file, nil
}

// upload writes a file that nobody else can read from the start; nothing is left of one that fails.
func upload(fs *sftp.Client, name string, r io.Reader, mode os.FileMode) error {
	f, err := fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	if err = f.Chmod(mode); err == nil {
		_, err = f.ReadFromWithConcurrency(r, 64)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = fs.Remove(name)
	}
	return err
}

// elfArch is the architecture that the host's shell is built for.
func elfArch(fs *sftp.Client) (string, error) {
	f, err := fs.Open("/bin/sh")
	if err != nil {
		return "", err
	}
	defer f.Close()
	var h [20]byte
	if _, err := io.ReadFull(f, h[:]); err != nil || string(h[:4]) != "\x7fELF" {
		return "", errors.New("the host's /bin/sh is no program of Linux")
	}
	switch m := binary.LittleEndian.Uint16(h[18:]); m {
	case 62:
		return "amd64", nil
	case 183:
		return "arm64", nil
	case 40:
		return "arm", nil
	default:
		return fmt.Sprintf("ELF machine %d", m), nil
	}
}
