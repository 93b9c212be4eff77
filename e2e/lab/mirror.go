package lab

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// mirror hands a Debian mirror through and keeps what never changes: packages,
// and indexes that are named by their hash. So a package is downloaded once,
// and no host has a setting or a mount that a real one would not have.
type mirror struct {
	upstream *url.URL
	dir      string
	pass     *httputil.ReverseProxy
}

func newMirror(upstream, dir string) (*mirror, error) {
	u, err := url.Parse(upstream)
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("mirror %q: want an http or https URL", upstream)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if p := aptProxy(); p != "" {
		proxy, err := url.Parse(p)
		if err != nil {
			return nil, fmt.Errorf("apt's proxy: %w", err)
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	m := &mirror{upstream: u, dir: dir}
	m.pass = &httputil.ReverseProxy{
		Transport:      transport,
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = u.Host },
		ModifyResponse: m.follow(transport),
	}
	m.expire()
	return m, nil
}

// lasting says whether a file can never change under this name.
func lasting(name string) bool {
	return strings.Contains(name, "/by-hash/") || strings.HasPrefix(name, "/pool/") && path.Ext(name) == ".deb"
}

// ServeHTTP answers from the cache, else from the mirror.
func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := path.Clean("/" + r.URL.Path)
	if !lasting(name) {
		m.pass.ServeHTTP(w, r)
		return
	}
	file := filepath.Join(m.dir, filepath.FromSlash(name))
	if f, err := os.Open(file); err == nil {
		defer f.Close()
		http.ServeContent(w, r, "", time.Time{}, f)
		return
	}
	if r.Header.Get("Range") != "" { // the rest of something: not worth keeping
		m.pass.ServeHTTP(w, r)
		return
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	keep, err := os.CreateTemp(filepath.Dir(file), ".part-*")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer os.Remove(keep.Name())
	defer keep.Close()
	tee := &teeWriter{ResponseWriter: w, file: keep}
	r.Header.Del("If-Modified-Since")
	m.pass.ServeHTTP(tee, r) // panics when the mirror breaks off: nothing is kept then
	if tee.status == http.StatusOK && tee.err == nil && tee.whole() {
		os.Rename(keep.Name(), file)
	}
}

// follow goes after a redirect here: the host could not reach its target.
func (m *mirror) follow(t http.RoundTripper) func(*http.Response) error {
	return func(res *http.Response) error {
		if res.StatusCode < 301 || res.StatusCode > 308 || res.Header.Get("Location") == "" {
			return nil
		}
		to, err := res.Location()
		if err != nil {
			return err
		}
		res.Body.Close()
		req, err := http.NewRequestWithContext(res.Request.Context(), res.Request.Method, to.String(), nil)
		if err != nil {
			return err
		}
		next, err := (&http.Client{Transport: t}).Do(req)
		if err != nil {
			return err
		}
		*res = *next
		return nil
	}
}

// expire drops indexes that no current Release file names any more.
func (m *mirror) expire() {
	filepath.WalkDir(m.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		info, err := d.Info()
		old := err == nil && time.Since(info.ModTime()) > 14*24*time.Hour
		if old && strings.Contains(p, "/by-hash/") || strings.HasPrefix(d.Name(), ".part-") {
			os.Remove(p)
		}
		return nil
	})
}

// teeWriter writes an answer to a file too.
type teeWriter struct {
	http.ResponseWriter
	file   io.Writer
	status int
	n      int64
	err    error
}

func (t *teeWriter) WriteHeader(status int) {
	t.status = status
	t.ResponseWriter.WriteHeader(status)
}

func (t *teeWriter) Write(p []byte) (int, error) {
	n, err := t.file.Write(p)
	t.n += int64(n)
	if t.err == nil {
		t.err = err
	}
	return t.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController flush.
func (t *teeWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *teeWriter) whole() bool {
	length := t.Header().Get("Content-Length")
	return length == "" || length == fmt.Sprint(t.n)
}
