package lab

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
)

// get returns status 0 for an answer that broke off.
func get(url string) (int, string) {
	res, err := http.Get(url)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(body)
}

func TestMirrorKeepsWhatLasts(t *testing.T) {
	var asked atomic.Int64
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/debian/pool/a.deb", "/debian/dists/sid/InRelease":
			io.WriteString(w, "content of "+r.URL.Path)
		case "/debian/pool/moved.deb":
			http.Redirect(w, r, "/debian/pool/a.deb", http.StatusFound)
		case "/debian/pool/cut.deb":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "too short")
		default:
			http.NotFound(w, r)
		}
	}))
	defer up.Close()
	dir := t.TempDir()
	m, err := newMirror(up.URL+"/debian", dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m)
	defer server.Close()
	for _, tt := range []struct {
		path   string
		status int
		body   string
		asked  int64 // upstream, by two requests; 0 for any number
	}{
		{"/pool/a.deb", 200, "content of /debian/pool/a.deb", 1},
		{"/dists/sid/InRelease", 200, "content of /debian/dists/sid/InRelease", 2},
		{"/pool/moved.deb", 200, "content of /debian/pool/a.deb", 2},
		{"/pool/none.deb", 404, "404 page not found\n", 2},
		{"/pool/cut.deb", 0, "", 0},
	} {
		asked.Store(0)
		for range 2 {
			if status, body := get(server.URL + tt.path); status != tt.status || body != tt.body {
				t.Errorf("%s: %d %q", tt.path, status, body)
			}
		}
		if tt.asked != 0 && asked.Load() != tt.asked {
			t.Errorf("%s: upstream was asked %d times, want %d", tt.path, asked.Load(), tt.asked)
		}
	}
	left, _ := os.ReadDir(dir + "/pool")
	for _, f := range left {
		if f.Name() != "a.deb" && f.Name() != "moved.deb" {
			t.Errorf("%s is left in the cache", f.Name())
		}
	}
}
