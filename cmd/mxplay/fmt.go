package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mxplay/mxplay/runner/format"
	"github.com/mxplay/mxplay/runner/report"
	"github.com/mxplay/mxplay/runner/source"
)

// fmtFlags are the flags of mxplay fmt.
type fmtFlags struct{ check, diff bool }

func newFmt(p *program) *cobra.Command {
	o := &fmtFlags{}
	c := &cobra.Command{
		Use:   "fmt [PATH...]",
		Short: "lay playbooks, roles, variables and YAML inventories out in one style",
		Long: `Lays YAML files out in one style, in place: two spaces a level, lists below a
key indented too, one space behind a dash and a colon, none at the end of a line,
two empty lines in a row at most. Only white space changes: comments, quotes, the
order of keys, anchors and the text of block scalars stay as they are. Each result
is read again and compared before it is written; a file that would come to say
something else is left alone, with an error.

Of a folder all .yml and .yaml files are laid out, and what stands without an
ending in group_vars and host_vars; hidden folders, and templates and files of
roles, which hosts get as they are, are passed over. Without a path it is the
folder that you are in; - reads the standard input and writes the standard output.`,
		Example: `  mxplay fmt                 all files below this folder
  mxplay fmt -d site.yml     show what would change
  mxplay fmt --check roles   name the files that would change, exit 1 if there are any`,
		Annotations: map[string]string{"more": `Exit codes:
  0  all is laid out
  1  --check: a file would change
  2  a file could not be read or laid out, and is as it was`},
		RunE: func(c *cobra.Command, args []string) error { return p.format(c.InOrStdin(), args, o) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.check, "check", "l", false, "write nothing, name the files that would change, exit 1 if there are any")
	f.BoolVarP(&o.diff, "diff", "d", false, "write nothing, show what would change")
	return c
}

// format is the subcommand.
func (p *program) format(in io.Reader, args []string, o *fmtFlags) error {
	if slices.Contains(args, "-") && len(args) > 1 {
		return badInput(errors.New("- stands for the standard input and cannot be mixed with files"))
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	changed, bad := 0, 0
	one := func(path string) {
		was, err := p.formatOne(in, path, o)
		if err != nil {
			bad++
			p.complain(err)
		}
		if was {
			changed++
		}
	}
	for _, arg := range args {
		if arg == "-" {
			one("-")
			continue
		}
		files, err := yamlFiles(arg)
		if err != nil {
			bad++
			p.complain(source.OSError(arg, err))
		}
		for _, f := range files {
			one(f)
		}
	}
	switch {
	case bad > 0:
		return &exitError{code: report.ExitInput}
	case o.check && changed > 0:
		return &exitError{code: report.ExitFailed}
	}
	return nil
}

// formatOne lays one file out, and tells whether it was laid out otherwise.
func (p *program) formatOne(in io.Reader, path string, o *fmtFlags) (changed bool, err error) {
	name, data := source.ShortName(path), []byte(nil)
	if path == "-" {
		name = "standard input"
		data, err = io.ReadAll(in)
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return false, source.OSError(path, err)
	}
	out, err := format.YAML(name, data)
	if err != nil {
		return false, err
	}
	changed = !bytes.Equal(data, out)
	switch {
	case o.diff && changed:
		fmt.Fprintf(p.out, "--- %s\n+++ %s, laid out\n", name, name)
		for _, line := range (&report.Redactor{}).Diff(string(data), string(out)) {
			fmt.Fprintln(p.out, line)
		}
	case o.check && changed:
		fmt.Fprintln(p.out, name)
	case o.diff, o.check:
	case path == "-":
		_, err = p.out.Write(out)
	case changed:
		if err = replaceFile(path, out); err == nil {
			fmt.Fprintln(p.out, name)
		}
	}
	return changed, err
}

// yamlFiles are the files that a path stands for: itself, or those below it.
func yamlFiles(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := d != nil && path != root && strings.HasPrefix(d.Name(), ".")
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name || path != root && (d.Name() == "templates" || d.Name() == "files")):
			return filepath.SkipDir
		case d.IsDir() || name:
		case path == root || d.Type().IsRegular() && isYAMLFile(path):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// isYAMLFile tells whether a file of a folder is one of mxplay's by its name.
func isYAMLFile(path string) bool {
	switch filepath.Ext(path) {
	case ".yml", ".yaml":
		return true
	case "":
		for _, part := range strings.Split(filepath.ToSlash(filepath.Dir(path)), "/") {
			if part == "group_vars" || part == "host_vars" {
				return true
			}
		}
	}
	return false
}

// replaceFile puts a new content in a file's place at once, with its mode; the
// file that a link leads to is the one that changes.
func replaceFile(path string, data []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return source.OSError(path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return source.OSError(path, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return source.OSError(path, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(info.Mode().Perm()), keepOwner(tmp, info), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return source.OSError(path, err)
	}
	return nil
}

// keepOwner gives a file the owner of another one, as far as that is allowed.
func keepOwner(f *os.File, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Getuid() != 0 {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}
