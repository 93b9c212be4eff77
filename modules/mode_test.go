package modules_test

import (
	"slices"
	"testing"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/modtest"
)

func TestMode(t *testing.T) {
	for _, c := range []struct {
		mode      modules.Mode
		old, want uint32
		dir       bool
	}{
		{"", 0o640, 0o640, false},
		{"0644", 0, 0o644, false},
		{"4755", 0, 0o4755, false},
		{"0", 0o777, 0, false},
		{"u=rwX,go=rX", 0o600, 0o644, false},
		{"u=rwX,go=rX", 0o700, 0o755, false},
		{"u=rwX,go=rX", 0o600, 0o755, true},
		{"a+x", 0o644, 0o755, false},
		{"+x", 0o644, 0o755, false},
		{"go-rwx", 0o4755, 0o4700, false},
		{"u+s,g+s,+t", 0o755, 0o7755, false},
		{"u-s", 0o4755, 0o755, false},
		{"u=rwx", 0o4755, 0o755, false},
		{"u=rwx", 0o4755, 0o4755, true},
		{"g=u", 0o640, 0o660, false},
		{"o=g-w", 0o664, 0o664, false},
		{"u=r+w-x", 0o777, 0o677, false},
		{"a=", 0o777, 0, false},
	} {
		got, err := c.mode.Apply(c.old, c.dir)
		if err != nil || got != c.want {
			t.Errorf("%q on %04o (directory %v): %04o, %v, want %04o", c.mode, c.old, c.dir, got, err, c.want)
		}
		again, _ := c.mode.Apply(got, c.dir)
		if again != got {
			t.Errorf("%q on %04o: %04o first, then %04o", c.mode, c.old, got, again)
		}
	}
	for _, bad := range []modules.Mode{"644", "0888", "010000", "rw", "u=q", "z+x", "u", "0644,u+x", "u=rwu", ","} {
		if bad.Validate() == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if modules.Preserve.Validate() != nil {
		t.Error("preserve is refused")
	}
}

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                        nil,
		"  a  b\tc\n":             {"a", "b", "c"},
		`a 'b c' "d e"f`:          {"a", "b c", "d ef"},
		`a\ b \"c "x\"y\n" 'z\n'`: {"a b", `"c`, `x"y\n`, `z\n`},
		`"" ''`:                   {"", ""},
		"a \\\n b":                {"a", "b"},
		`sh -c "echo $HOME | x"`:  {"sh", "-c", "echo $HOME | x"},
		`"é" ü`:                   {"é", "ü"},
	} {
		got, err := modules.SplitWords(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
	for _, bad := range []string{`'a`, `"a`, `a\`} {
		if _, err := modules.SplitWords(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestShowBytes(t *testing.T) {
	if got := modules.ShowBytes([]byte("text\n")); got != "text\n" {
		t.Errorf("%q", got)
	}
	for _, b := range [][]byte{{0xff}, {'a', 0}, make([]byte, modules.MaxShown+1)} {
		if got := modules.ShowBytes(b); got != modules.ShowSum(int64(len(b)), modules.Sum(b)) {
			t.Errorf("%q", got)
		}
	}
}

func TestExists(t *testing.T) {
	h, err := modtest.Parse("file /srv/a/one.o\nfile /srv/b/.hidden\nlink /srv/c -> a")
	if err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]bool{
		"/srv/a": true, "/srv/x": false, "/srv/*/one.o": true, "/srv/a/*.c": false, "/srv/b/*": false, "/srv/b/.h*": true,
		"/srv/?/one.[no]": true, "/none/*": false, "/srv/c/one*": true,
	} {
		if got, err := modules.Exists(t.Context(), h, pattern); err != nil || got != want {
			t.Errorf("%s: %v, %v", pattern, got, err)
		}
	}
}
