package runner

import (
	"os"
	"path/filepath"
	"testing"
)

// What others may not read on the host they may not read here.
func TestFetchedClosed(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{open, filepath.Join(dir, "new", "file")} {
		if err := writeFetched(path, []byte("secret"), true); err != nil {
			t.Fatal(err)
		}
		if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, i.Mode(), err)
		}
	}
	if err := os.Chmod(open, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := writeFetched(open, []byte("after"), false); err != nil {
		t.Fatal(err)
	}
	if i, err := os.Stat(open); err != nil || i.Mode().Perm() != 0o640 {
		t.Errorf("the mode that was there: %v, %v", i.Mode(), err)
	}
}
