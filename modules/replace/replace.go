// Package replace replaces text within a file.
package replace

import (
	"context"
	"regexp"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Path    modules.FilePath `json:"path" alias:"dest,destfile,name" required:"true" doc:"path of the file; a symbolic link is followed"`
	Regexp  string           `json:"regexp" required:"true" doc:"regular expression (RE2), ^ and $ fit at each line: all that it finds is replaced"`
	Replace string           `json:"replace" doc:"what comes instead; \\1 and \\g<name> are the groups of regexp; nothing when not given"`
	After   string           `json:"after" doc:"regular expression: only what stands after its first match is meant"`
	Before  string           `json:"before" doc:"regular expression: only what stands before its first match is meant"`
	place.Args
}

// Validate holds the arguments to their forms.
func (a Args) Validate() error {
	if err := place.Absolute("path", a.Path); err != nil {
		return err
	}
	for _, x := range []struct{ arg, expr string }{{"regexp", a.Regexp}, {"after", a.After}, {"before", a.Before}} {
		if err := place.Regexp(x.arg, x.expr); err != nil {
			return err
		}
	}
	return a.Args.Check()
}

// State is what the host shows.
type State struct {
	place.Result
	seen place.Seen
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "replace",
		Doc: `Replaces all that a regular expression finds in a file.

The expression must not find what it has put there, else the task changes the file each time and fails as it does not
converge. Where after or before is not found nothing is replaced.`,
		Example: `
- name: the old name of the server is nowhere
  replace: {path: /etc/nginx/sites-available/matrix.conf, regexp: '\bold\.example\.org\b', replace: matrix.example.org}
- name: no debug messages in one section
  replace: {path: /etc/app.ini, after: '\[log\]', before: '\[http\]', regexp: '^level=.*$', replace: level=warn}
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) file(text []byte) place.File {
	return place.File{Path: string(a.Path), Bytes: text, Attrs: a.Attrs, Follow: true, Backup: a.Backup, Validate: a.Args.Validate}
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	var s State
	var err error
	s.seen, err = a.file(nil).Look(ctx, r, true)
	s.Result = s.seen.Result()
	return s, err
}

func plan(a Args, s State) ([]modules.Step, error) {
	if s.seen.Info == nil {
		return nil, modules.NotYetf("%s does not exist", s.seen.Path)
	}
	return a.file([]byte(a.replaced(string(s.seen.Old)))).Plan(s.seen)
}

// replaced is a text with all replacements made.
func (a Args) replaced(text string) string {
	from, to, ok := a.section(text)
	if !ok {
		return text
	}
	re := regexp.MustCompile("(?m)" + a.Regexp)
	part, out, at := text[from:to], "", 0
	for _, m := range re.FindAllStringSubmatchIndex(part, -1) {
		groups := make([]string, len(m)/2)
		for i := range groups {
			if m[2*i] >= 0 {
				groups[i] = part[m[2*i]:m[2*i+1]]
			}
		}
		out += part[at:m[0]] + place.Expand(a.Replace, re, groups)
		at = m[1]
	}
	return text[:from] + out + part[at:] + text[to:]
}

// section is the part of a text that is meant.
func (a Args) section(text string) (from, to int, ok bool) {
	to = len(text)
	find := func(expr, in string) []int { return regexp.MustCompile("(?s)" + expr).FindStringIndex(in) }
	if a.After != "" {
		m := find(a.After, text)
		if m == nil {
			return 0, 0, false
		}
		from = m[1]
	}
	if a.Before != "" {
		m := find(a.Before, text[from:])
		if m == nil {
			return 0, 0, false
		}
		to = from + m[0]
	}
	return from, to, true
}
