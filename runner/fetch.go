package runner

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/source"
)

// fetch is the controller's part of the task fetch: it tells the host what is
// there, and writes what comes.
func (f *flight) fetch(it *item) {
	var a map[string]json.RawMessage
	var src, dest string
	var flat bool
	if it.err = json.Unmarshal(it.args, &a); it.err != nil {
		return
	}
	if it.err = errors.Join(json.Unmarshal(a["src"], &src), json.Unmarshal(a["dest"], &dest), json.Unmarshal(a["flat"], &flat)); it.err != nil {
		return
	}
	if dest, it.err = f.fetchedTo(src, dest, flat); it.err != nil {
		return
	}
	b, err := os.ReadFile(dest)
	switch {
	case err == nil:
		a["have"], _ = json.Marshal(modules.Sum(b))
	case !errors.Is(err, fs.ErrNotExist):
		it.err = source.OSError(dest, err)
		return
	}
	if it.args, it.err = json.Marshal(a); it.err != nil {
		return
	}
	it.later = func(context.Context) {
		if it.out != nil && !it.out.Failed {
			f.fetched(it.out, dest)
		}
	}
}

// fetchedTo is the file on the controller that takes a host's.
func (f *flight) fetchedTo(src, dest string, flat bool) (string, error) {
	into := strings.HasSuffix(dest, "/")
	if home, ok := strings.CutPrefix(dest, "~/"); ok {
		dir, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dest = filepath.Join(dir, home)
	}
	if !filepath.IsAbs(dest) {
		dest = filepath.Join(f.h.run.p.abs(f.h.batch.play.dir), dest)
	}
	switch st, err := os.Stat(dest); {
	case !flat:
		return filepath.Join(dest, f.h.name, src), nil
	case into:
		return filepath.Join(dest, filepath.Base(src)), nil
	case err == nil && st.IsDir():
		return "", &source.Error{Msg: "dest " + dest + " is a folder", Hint: "end it in a slash to put the file into it"}
	}
	return dest, nil
}

// fetched writes a file that came.
func (f *flight) fetched(o *modules.Outcome, dest string) {
	var r map[string]json.RawMessage
	var content []byte
	var sent, closed bool
	err := json.Unmarshal(o.Result, &r)
	if err == nil && r["sent"] != nil {
		var text string
		err = errors.Join(json.Unmarshal(r["sent"], &sent), json.Unmarshal(orEmpty(r["content"]), &text))
		if err == nil && r["closed"] != nil {
			err = json.Unmarshal(r["closed"], &closed)
		}
		if err == nil {
			content, err = base64.StdEncoding.DecodeString(text)
		}
	}
	if err == nil && sent {
		o.Changed = true
		o.Steps = []modules.Shown{{What: "fetch it to " + dest}}
		if !f.check {
			err = writeFetched(dest, content, closed)
		}
	}
	if err != nil {
		o.Failed, o.Msg = true, err.Error()
		return
	}
	r["dest"], _ = json.Marshal(dest)
	o.Result, _ = json.Marshal(r)
}

func orEmpty(b json.RawMessage) json.RawMessage {
	if b == nil {
		return json.RawMessage(`""`)
	}
	return b
}

// writeFetched puts a file in place on the controller, with the folders above it; a closed one is for us alone.
func writeFetched(dest string, content []byte, closed bool) error {
	dir := filepath.Dir(dest)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return source.OSError(dir, err)
	}
	mode := fs.FileMode(0o666)
	if st, err := os.Stat(dest); err == nil {
		mode = st.Mode().Perm()
	}
	if closed {
		mode &= 0o600
	}
	tmp := fmt.Sprintf("%s.%d~", dest, os.Getpid())
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return source.OSError(dest, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, dest)
	}
	if err != nil {
		_ = os.Remove(tmp)
	}
	return err
}
