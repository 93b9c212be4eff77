// Package find lists the files below directories that fit.
package find

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Paths     []string     `json:"paths" alias:"name,path" required:"true" doc:"directories to look in, absolute"`
	Patterns  []string     `json:"patterns" alias:"pattern" doc:"names that are meant, with * ? and []; with use_regex regular expressions (RE2) that fit from the name's beginning; all when not given"`
	Excludes  []string     `json:"excludes" alias:"exclude" doc:"names that are not, in the same form"`
	Regex     bool         `json:"use_regex" default:"false" doc:"patterns and excludes are regular expressions"`
	Contains  string       `json:"contains" doc:"regular expression (RE2) that a line of the file must fit from its beginning"`
	Whole     bool         `json:"read_whole_file" default:"false" doc:"contains may be found anywhere in the file, over several lines"`
	Type      string       `json:"file_type" default:"file" enum:"any,directory,file,link" doc:"what is meant"`
	Recurse   bool         `json:"recurse" default:"false" doc:"look in the directories below too"`
	Depth     int64        `json:"depth" doc:"with recurse, how deep: 1 is the directory itself; no limit when not given"`
	Follow    bool         `json:"follow" default:"false" doc:"go through symbolic links to directories"`
	Hidden    bool         `json:"hidden" default:"false" doc:"names that begin with a dot are meant too"`
	Age       string       `json:"age" doc:"older than this, younger when negative: seconds, or a number with s, m, h, d or w"`
	AgeStamp  string       `json:"age_stamp" default:"mtime" enum:"mtime" doc:"which time age means: the content's"`
	Size      string       `json:"size" doc:"at least this long, at most when negative: bytes, or a number with b, k, m, g or t"`
	Mode      modules.Mode `json:"mode" doc:"permissions, \"0644\" or symbols"`
	ExactMode bool         `json:"exact_mode" default:"true" doc:"the permissions are exactly mode; otherwise one bit of it is enough"`
	Checksum  bool         `json:"get_checksum" default:"false" doc:"compute each file's checksum"`
	Algorithm string       `json:"checksum_algorithm" alias:"checksum,checksum_algo" default:"sha1" enum:"md5,sha1,sha224,sha256,sha384,sha512" doc:"which checksum; sha256 is the cheapest for large files"`
	Limit     int64        `json:"limit" doc:"stop at so many"`
}

// Validate holds the arguments to their forms.
func (a Args) Validate() error {
	if len(a.Paths) == 0 {
		return errors.New("paths needs at least one directory")
	}
	for _, p := range a.Paths {
		if !path.IsAbs(p) {
			return fmt.Errorf("paths must be absolute, found %q", p)
		}
	}
	if _, err := a.filter(0); err != nil {
		return err
	}
	return a.Mode.Validate()
}

// Result is what is registered, under Ansible's names.
type Result struct {
	Files    []place.About     `json:"files" doc:"what was found, sorted, a directory's files before its directories"`
	Matched  int64             `json:"matched" doc:"how many"`
	Examined int64             `json:"examined" doc:"how many were looked at"`
	Skipped  map[string]string `json:"skipped_paths" doc:"directories that could not be looked into, with the reason"`
	Msg      string            `json:"msg" doc:"whether all could be looked at"`
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "find",
		Doc: `Lists the files below directories that fit.

Nothing is changed, and it runs in check mode too. A directory that is not there is no error: it stands in skipped_paths.`,
		Example: `
- name: backups older than four weeks
  find: {paths: /var/backups/db, patterns: "*.dump", age: 4w}
  register: old
- name: configuration that names SQLite
  find: {paths: [/etc/matrix-synapse], patterns: "*.yaml", contains: '.*sqlite3', recurse: true}
`,
		Run: func(ctx context.Context, h modules.Host, a Args) (Result, error) {
			return run(ctx, h, a)
		},
		ReadOnly: func(Args) bool { return true },
	}.Task()
}

func run(ctx context.Context, r modules.Reader, a Args) (Result, error) {
	f, err := a.filter(float64(r.Now().UnixMicro()) / 1e6)
	if err != nil {
		return Result{}, err
	}
	w := walk{r: r, a: a, filter: f, res: Result{Skipped: map[string]string{}, Msg: "all paths examined"}}
	for _, p := range a.Paths {
		if err := w.top(ctx, path.Clean(p)); err != nil {
			return w.res, err
		}
	}
	w.res.Matched = int64(len(w.res.Files))
	if len(w.res.Skipped) > 0 && !w.full() {
		w.res.Msg = "not all paths examined"
	}
	return w.res, nil
}

// number reads a number with a letter for its unit.
func number(arg, s string, units map[byte]float64) (float64, error) {
	n, unit := s, 1.0
	if s != "" {
		if u, ok := units[s[len(s)-1]|0x20]; ok {
			n, unit = s[:len(s)-1], u
		}
	}
	i, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is a number with a unit, such as %s, found %q", arg, map[string]string{"age": "2d", "size": "10m"}[arg], s)
	}
	return float64(i) * unit, nil
}

// filter is Args made ready to compare with.
type filter struct {
	patterns, excludes []*regexp.Regexp
	contains           *regexp.Regexp
	age, size          float64 // NaN for none
	now                float64
	mode               *uint32
}

func (a Args) filter(now float64) (filter, error) {
	f := filter{now: now, age: math.NaN(), size: math.NaN()}
	var err error
	if f.patterns, err = expressions("patterns", a.Patterns, a.Regex); err != nil {
		return f, err
	}
	if f.excludes, err = expressions("excludes", a.Excludes, a.Regex); err != nil {
		return f, err
	}
	if a.Contains != "" {
		if err := place.Regexp("contains", a.Contains); err != nil {
			return f, err
		}
		expr := "(?m)^(?:" + a.Contains + ")"
		if a.Whole {
			expr = a.Contains
		}
		f.contains = regexp.MustCompile(expr)
	}
	if a.Age != "" {
		if f.age, err = number("age", a.Age, map[byte]float64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}); err != nil {
			return f, err
		}
	}
	if a.Size != "" {
		if f.size, err = number("size", a.Size, map[byte]float64{'b': 1, 'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30, 't': 1 << 40}); err != nil {
			return f, err
		}
	}
	if a.Mode != "" {
		m, err := a.Mode.Apply(0, false)
		if err != nil {
			return f, err
		}
		f.mode = &m
	}
	return f, nil
}

// expressions are patterns of names as regular expressions.
func expressions(arg string, patterns []string, regex bool) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, p := range patterns {
		expr := "^(?:" + p + ")"
		if !regex {
			expr = glob(p)
		} else if err := place.Regexp(arg, p); err != nil {
			return nil, err
		}
		re, err := regexp.Compile(expr)
		if err != nil {
			return nil, fmt.Errorf("%s: %q cannot be read as a pattern", arg, p)
		}
		out = append(out, re)
	}
	return out, nil
}

// glob is a shell's pattern as a regular expression; a [ that nothing closes stands for itself.
func glob(p string) string {
	var b strings.Builder
	b.WriteString("(?s)^")
	for i := 0; i < len(p); i++ {
		switch c := p[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			from := i + 1
			if from < len(p) && p[from] == '!' {
				from++
			}
			end := -1
			if from < len(p) {
				end = strings.IndexByte(p[from+1:], ']')
			}
			if end < 0 {
				b.WriteString(`\[`)
				continue
			}
			end += from + 1
			b.WriteByte('[')
			if p[i+1] == '!' {
				b.WriteByte('^')
			}
			b.WriteString(strings.NewReplacer(`\`, `\\`, `[`, `\[`, `^`, `\^`, `]`, `\]`).Replace(p[from:end]))
			b.WriteByte(']')
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		}
	}
	return b.String() + "$"
}
