// Package git holds a working tree of a Git repository at a version.
package git

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/place"
)

// Args are what a playbook says.
type Args struct {
	Repo      string           `json:"repo" alias:"name" required:"true" doc:"where it comes from: an https, ssh or git address, user@host:path, or a path on the host. A password in it can be seen by other accounts while git runs: use key_file"`
	Dest      modules.FilePath `json:"dest" required:"true" doc:"directory of the working tree"`
	Version   string           `json:"version" default:"HEAD" doc:"branch, tag, or the 40 digits of a commit; HEAD is the branch that the repository names"`
	Remote    string           `json:"remote" default:"origin" doc:"what the repository is called in the working tree"`
	Depth     int64            `json:"depth" doc:"fetch so many commits of history; all when not given"`
	Clone     bool             `json:"clone" default:"true" doc:"make the working tree when it is missing"`
	Update    bool             `json:"update" default:"true" doc:"bring a working tree that is there to the version; otherwise it stays as it is"`
	Force     bool             `json:"force" default:"false" doc:"throw away what was changed in files of the repository; otherwise that is an error"`
	Recursive bool             `json:"recursive" default:"true" doc:"fetch submodules too"`
	KeyFile   modules.FilePath `json:"key_file" doc:"private key on the host to log in with"`
	Accept    bool             `json:"accept_newhostkey" alias:"accept_hostkey" default:"false" doc:"trust the server's key the first time it is seen; one that has changed is refused all the same"`
}

const (
	commit = `^[0-9a-f]{40}$`
	plain  = `^[A-Za-z0-9][A-Za-z0-9._/+-]*$`
)

// Validate holds the arguments to their forms.
func (a Args) Validate() error {
	switch {
	case a.Repo == "" || strings.HasPrefix(a.Repo, "-") || strings.HasPrefix(a.Repo, "ext::"):
		return fmt.Errorf("repo must be the address of a repository, found %q", a.Repo)
	case !regexp.MustCompile(plain).MatchString(a.Version) || strings.Contains(a.Version, ".."):
		return fmt.Errorf("version must be a branch, a tag or a commit, found %q", a.Version)
	case regexp.MustCompile(`^[0-9a-f]{7,39}$`).MatchString(a.Version):
		return fmt.Errorf("version %s: a commit is named by all of its 40 digits", a.Version)
	case !regexp.MustCompile(plain).MatchString(a.Remote):
		return fmt.Errorf("remote must be a name, found %q", a.Remote)
	case a.Depth < 0:
		return fmt.Errorf("depth must be positive, found %d", a.Depth)
	case strings.Contains(string(a.KeyFile), "'"):
		return errors.New("key_file cannot hold a quote")
	}
	if a.KeyFile != "" {
		if err := place.Absolute("key_file", a.KeyFile); err != nil {
			return err
		}
	}
	return place.Absolute("dest", a.Dest)
}

// State is what the host shows.
type State struct {
	Dest   string `json:"dest" doc:"the working tree"`
	Commit string `json:"after" doc:"commit that is checked out; empty without a working tree"`
	URL    string `json:"remote_url" doc:"where the working tree says that it comes from"`
	there  bool
	dirty  string // lines of git status
	want   string // commit that the version means; "" where that was not asked
	branch string // "" unless the version is a branch
}

// Task is the module.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "git",
		Doc: `Holds a working tree of a Git repository at a version.

The host's git does it. What the version means is asked of the repository each time, unless it is a commit: then a tree
that is there already is not compared with anything far away. Git must trust the directory: with become it is best
owned by the task's account.`,
		Example: `
- name: the sources at a release
  git: {repo: "https://git.example.org/bridge.git", dest: /opt/bridge, version: v1.2.0, depth: 1}
- name: a private repository
  git:
    repo: git@git.example.org:ops/config.git
    dest: /opt/config
    version: main
    key_file: /root/.ssh/deploy
    accept_newhostkey: true
`,
		Check: check,
		Plan:  plan,
	}.Task()
}

func (a Args) dest() string { return path.Clean(string(a.Dest)) }

// look asks git; ok is false when it answers no.
func look(ctx context.Context, r modules.Reader, argv ...string) (string, bool, error) {
	out, err := r.Look(ctx, append([]string{"git"}, argv...)...)
	return strings.TrimRight(string(out.Stdout), "\n"), out.Exit == 0, err
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Dest: a.dest()}
	if _, err := r.Stat(ctx, "/usr/bin/git"); errors.Is(err, modules.ErrNotExist) {
		return s, modules.NotYetf("git is not installed (package git)")
	}
	_, i, err := place.Follow(ctx, r, s.Dest)
	switch {
	case err != nil:
		return s, err
	case i != nil && i.Kind != "directory":
		return s, fmt.Errorf("%s is %s, not a directory", s.Dest, place.A(i.Kind))
	case i != nil:
		in, err := r.ReadDir(ctx, s.Dest)
		if err != nil {
			return s, err
		}
		for _, e := range in {
			s.there = s.there || e.Name == ".git"
		}
		if !s.there && len(in) > 0 {
			return s, fmt.Errorf("%s holds files and is no working tree of git", s.Dest)
		}
	}
	if !s.there {
		return s, nil
	}
	return s, lookTree(ctx, r, a, &s)
}

// lookTree sees a working tree, and what the version means.
func lookTree(ctx context.Context, r modules.Reader, a Args, s *State) error {
	status, err := r.Look(ctx, "git", "--no-optional-locks", "-C", s.Dest, "status", "--porcelain", "--untracked-files=no")
	if err = errors.Join(err, status.Err()); err != nil {
		return modules.WithLines(err, modules.LastLines(string(status.Stderr), 5), "")
	}
	s.dirty = string(status.Stdout)
	if s.Commit, _, err = look(ctx, r, "-C", s.Dest, "rev-parse", "--verify", "-q", "HEAD"); err != nil {
		return err
	}
	if s.URL, _, err = look(ctx, r, "-C", s.Dest, "config", "--get", "remote."+a.Remote+".url"); err != nil {
		return err
	}
	if !a.Update {
		return nil
	}
	if regexp.MustCompile(commit).MatchString(a.Version) {
		s.want = a.Version
		return nil
	}
	out, err := r.Look(ctx, "git", "-c", "core.sshCommand="+a.ssh("yes"), "ls-remote", "--symref", "--", a.Repo)
	if err = errors.Join(err, out.Err()); err != nil {
		return modules.WithLines(fmt.Errorf("%s does not answer: %w", a.Repo, err), modules.LastLines(string(out.Stderr), 5), "")
	}
	if s.want, s.branch = meaning(string(out.Stdout), a.Version); s.want == "" {
		return fmt.Errorf("%s has no branch or tag %s", a.Repo, a.Version)
	}
	return nil
}

// meaning finds the commit, and the branch if it is one, of a version among what ls-remote tells.
func meaning(refs, version string) (commit, branch string) {
	m := map[string]string{}
	for l := range strings.Lines(refs) {
		value, name, _ := strings.Cut(strings.TrimSpace(l), "\t")
		if to, ok := strings.CutPrefix(value, "ref: refs/heads/"); ok {
			branch = to
			continue
		}
		m[name] = value
	}
	switch {
	case version == "HEAD":
		return m["HEAD"], branch
	case m["refs/heads/"+version] != "":
		return m["refs/heads/"+version], version
	case m["refs/tags/"+version+"^{}"] != "":
		return m["refs/tags/"+version+"^{}"], ""
	}
	return m["refs/tags/"+version], ""
}

// ssh is the command that git calls; the agent lets a Look pass only this form, with strict "yes".
func (a Args) ssh(strict string) string {
	s := "ssh -o BatchMode=yes -o StrictHostKeyChecking=" + strict
	if a.KeyFile != "" {
		s += " -o IdentitiesOnly=yes -i '" + string(a.KeyFile) + "'"
	}
	return s
}
