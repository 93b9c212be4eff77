package boot

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/wire"
)

// fake is a program that does what an agent does first: magic, then it says how it was started.
const fake = "#!/bin/sh\nprintf '\\000mxplay-wire-1\\n'; echo \"$0 $*\"; read line; echo \"got $line\"\n"

const hash = "0123456789abcdef"

func pack(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func start(dirs ...string) (Start, func(*testing.T) []byte) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, fake)
	_ = z.Close()
	gz := b.Bytes()
	s := Start{
		Binaries: []Binary{{Arch: runtime.GOARCH, Hash: hash, Size: int64(len(fake)), Sent: int64(len(gz))}},
		Dirs:     dirs, Args: []string{"serve", "-x=1"},
	}
	return s, func(*testing.T) []byte { return gz }
}

// session is one start through a shell.
type session struct {
	in  io.WriteCloser
	out *bufio.Reader
	cmd *exec.Cmd
}

func open(t *testing.T, home string, argv ...string) *session {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	cmd.Dir = "/"
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	return &session{in, bufio.NewReader(out), cmd}
}

func (s *session) ready(t *testing.T, want string) {
	t.Helper()
	a, err := Read(s.out)
	if err != nil || !a.Ready {
		t.Fatalf("got %+v, %v, noise %q", a, err, a.Noise)
	}
	line, _ := s.out.ReadString('\n')
	if !strings.HasSuffix(strings.TrimSpace(line), want) {
		t.Fatalf("it was started as %q, want %q", line, want)
	}
	fmt.Fprintln(s.in, "hello")
	if line, _ = s.out.ReadString('\n'); line != "got hello\n" {
		t.Fatalf("the agent's stdin is broken: %q", line)
	}
}

func (s *session) need(t *testing.T, content []byte) {
	t.Helper()
	a, err := Read(s.out)
	if err != nil || a.Need != runtime.GOARCH {
		t.Fatalf("got %+v, %v, noise %q", a, err, a.Noise)
	}
	if _, err := s.in.Write(content); err != nil {
		t.Fatal(err)
	}
}

// shells are argvs that run what follows as sshd would have a login shell run it.
func shells(t *testing.T) map[string][]string {
	out := map[string][]string{}
	for _, s := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}, {"ksh"}, {"zsh"}, {"csh"}, {"tcsh"}, {"fish"}} {
		if p, err := exec.LookPath(s[0]); err == nil {
			out[s[0]] = append([]string{p}, s[1:]...)
		}
	}
	return out
}

func TestScriptNeedsNoQuoting(t *testing.T) {
	s, _ := start()
	text, err := s.Script()
	if err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexAny(text, "'!\n\\"); i >= 0 {
		t.Fatalf("%q in the script", text[i])
	}
	if len(text) > 4000 {
		t.Fatalf("the script is %d bytes long", len(text))
	}
}

func TestColdAndWarmInEveryShell(t *testing.T) {
	for name, sh := range shells(t) {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			s, gz := start()
			text, _ := s.Script()
			line, _ := s.Command()
			var argv []string
			switch name {
			case "dash", "bash", "busybox", "ksh":
				argv = append(sh, "-c", text) // the script itself must run in this shell
			default:
				argv = append(sh, "-c", line) // a login shell that hands it to /bin/sh
			}
			c := open(t, home, argv...)
			c.need(t, gz(t))
			c.ready(t, Name(hash)+" serve -x=1")
			open(t, home, argv...).ready(t, Name(hash)+" serve -x=1")
			dir := filepath.Join(home, ".cache/mxplay")
			for p, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, Name(hash)): 0o755} {
				if st, err := os.Stat(p); err != nil || st.Mode() != want {
					t.Fatalf("%s: %v %v", p, st, err)
				}
			}
			if left, _ := filepath.Glob(dir + "/.mxplay-*"); len(left) > 0 {
				t.Fatalf("left over: %v", left)
			}
		})
	}
}

func TestPlainAndForce(t *testing.T) {
	home := t.TempDir()
	s, _ := start()
	s.Plain, s.Binaries[0].Sent = true, int64(len(fake))
	text, _ := s.Script()
	c := open(t, home, "sh", "-c", text)
	c.need(t, []byte(fake))
	c.ready(t, Name(hash)+" serve -x=1")
	s, gz := start()
	s.Force = true
	text, _ = s.Script()
	c = open(t, home, "sh", "-c", text)
	c.need(t, gz(t))
	c.ready(t, Name(hash)+" serve -x=1")
}

func TestWrongSizeIsInstalledAgain(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, ".cache/mxplay")
	_ = os.MkdirAll(dir, 0o700)
	_ = os.WriteFile(filepath.Join(dir, Name(hash)), []byte("#!/bin/sh\nexit 3\n"), 0o755)
	s, gz := start()
	text, _ := s.Script()
	c := open(t, home, "sh", "-c", text)
	c.need(t, gz(t))
	c.ready(t, Name(hash)+" serve -x=1")
}

func TestNoise(t *testing.T) {
	s, gz := start()
	text, _ := s.Script()
	home := t.TempDir()
	c := open(t, home, "sh", "-c", "echo Welcome; printf 'no newline'; "+text)
	c.need(t, gz(t))
	c.ready(t, Name(hash)+" serve -x=1")
	c = open(t, home, "sh", "-c", "printf 'no newline'; "+text)
	a, err := Read(c.out)
	if err != nil || !a.Ready || string(a.Noise) != "no newline" {
		t.Fatalf("got %+v %v", a, err)
	}
}

func TestDirectories(t *testing.T) {
	tmp := t.TempDir()
	open755 := filepath.Join(tmp, "open")
	_ = os.Mkdir(open755, 0o755)
	link := filepath.Join(tmp, "link")
	_ = os.Symlink(tmp, link)
	file := filepath.Join(tmp, "file")
	_ = os.WriteFile(file, nil, 0o600)
	t.Run("all bad", func(t *testing.T) {
		s, _ := start(open755, link, file+"/x")
		text, _ := s.Script()
		_, err := Read(open(t, tmp, "sh", "-c", text).out)
		var e *Error
		if !errors.As(err, &e) || len(e.Dirs) != 3 {
			t.Fatalf("got %v", err)
		}
		for _, want := range []string{open755 + ": has mode drwxr-xr-x and not 0700", link + ": is a symbolic link", file + "/x: cannot be made"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is missing in %q", want, err)
			}
		}
	})
	t.Run("the next one", func(t *testing.T) {
		good := filepath.Join(tmp, "good")
		s, gz := start(open755, good)
		text, _ := s.Script()
		c := open(t, tmp, "sh", "-c", text)
		c.need(t, gz(t))
		c.ready(t, Name(hash)+" serve -x=1")
		if _, err := os.Stat(filepath.Join(good, Name(hash))); err != nil {
			t.Fatal(err)
		}
	})
}

// Mounts need root; the real cases of noexec, read-only and full disks.
func TestMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	mount := func(opts string) string {
		d := t.TempDir()
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", opts, "none", d).CombinedOutput(); err != nil {
			t.Skipf("mount: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("umount", d).Run() })
		return d
	}
	noexec, full, readonly := mount("noexec,mode=700"), mount("size=8k,mode=700"), mount("ro,mode=700")
	big := fake + strings.Repeat("# padding that does not fit\n", 4000)
	gz := pack(t, big)
	for _, sh := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(sh[0]); err != nil {
			continue
		}
		t.Run(sh[0], func(t *testing.T) {
			s, _ := start(noexec, readonly, full)
			s.Binaries[0].Size, s.Binaries[0].Sent = int64(len(big)), int64(len(gz))
			text, _ := s.Script()
			c := open(t, "/nonexistent", append(sh, "-c", text)...)
			c.need(t, gz)
			_, err := Read(c.out)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range []string{noexec + ": is mounted noexec", readonly + ": cannot be written", full + ": "} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in %q", want, err)
				}
			}
			if !strings.Contains(strings.ToLower(err.Error()), "no space") {
				t.Errorf("no word of the full disk: %q", err)
			}
			// The same, and the next directory takes it: nothing of the first try is left on stdin.
			good := filepath.Join(t.TempDir(), "x")
			s.Dirs = []string{noexec, full, good}
			text, _ = s.Script()
			c = open(t, "/nonexistent", append(sh, "-c", text)...)
			c.need(t, gz)
			c.need(t, gz)
			c.ready(t, Name(hash)+" serve -x=1")
		})
	}
}

func TestArchitecture(t *testing.T) {
	s, _ := start()
	other := "arm64"
	if runtime.GOARCH == other {
		other = "amd64"
	}
	s.Binaries[0].Arch = other
	text, _ := s.Script()
	_, err := Read(open(t, t.TempDir(), "sh", "-c", text).out)
	var e *Error
	if !errors.As(err, &e) || e.Arch == "" {
		t.Fatalf("got %v", err)
	}
}

func TestRefusedWords(t *testing.T) {
	for _, d := range []string{"relative", "/a'b", "/a`id`", "/$(id)", "/a\nb", `/a"b`, "/a!b"} {
		s, _ := start(d)
		if _, err := s.Script(); err == nil {
			t.Errorf("%q was taken", d)
		}
	}
	s, _ := start()
	s.Args = []string{"a b"}
	if _, err := s.Script(); err == nil {
		t.Error("an argument with a blank was taken")
	}
}

func TestReadEnds(t *testing.T) {
	if _, err := Read(bufio.NewReader(strings.NewReader("sh: not found\n"))); !errors.Is(err, ErrEnded) {
		t.Fatalf("got %v", err)
	}
	if _, err := Read(bufio.NewReader(strings.NewReader(strings.Repeat("x", 3<<20)))); err == nil || errors.Is(err, ErrEnded) {
		t.Fatalf("got %v", err)
	}
	a, err := Read(bufio.NewReader(strings.NewReader("hi" + wire.Magic + "rest")))
	if err != nil || !a.Ready || string(a.Noise) != "hi" {
		t.Fatalf("got %+v %v", a, err)
	}
}
