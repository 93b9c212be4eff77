package git

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"

	"github.com/mxplay/mxplay/modules"
)

func plan(a Args, s State) ([]modules.Step, error) {
	switch {
	case !s.there && !a.Clone:
		return nil, nil
	case !s.there:
		return []modules.Step{{What: "clone " + a.Repo + " to " + s.Dest, To: "version " + a.Version + "\n", Do: a.clone}}, nil
	case !a.Update:
		return nil, nil
	case s.dirty != "" && !a.Force:
		return nil, modules.WithLines(fmt.Errorf("files in %s have been changed", s.Dest), modules.LastLines(s.dirty, 10), "force: true throws the changes away")
	}
	var steps []modules.Step
	if s.dirty != "" {
		steps = append(steps, a.step("throw away what was changed in "+s.Dest, s.dirty, "", []string{"reset", "-q", "--hard", "HEAD"}))
	}
	if s.URL != a.Repo {
		verb := "set-url"
		if s.URL == "" {
			verb = "add"
		}
		steps = append(steps, a.step("set where "+s.Dest+" comes from", s.URL, a.Repo, []string{"remote", verb, a.Remote, a.Repo}))
	}
	if s.Commit != s.want {
		steps = append(steps, a.step("bring "+s.Dest+" to "+a.Version, s.Commit, s.want, a.fetch(s), a.checkout(s)))
	}
	return steps, nil
}

// step is commands within the working tree.
func (a Args) step(what, from, to string, commands ...[]string) modules.Step {
	return modules.Step{What: what, From: from, To: to, Do: func(ctx context.Context, h modules.Host) error {
		for _, c := range commands {
			if err := a.run(ctx, h, append([]string{"-C", a.dest()}, c...)...); err != nil {
				return err
			}
		}
		return a.submodules(ctx, h)
	}}
}

// run runs git, which never asks.
func (a Args) run(ctx context.Context, h modules.Host, args ...string) error {
	strict := "yes"
	if a.Accept {
		strict = "accept-new"
	}
	out, err := h.Run(ctx, modules.Command{Argv: append([]string{"git"}, args...),
		Env: map[string]string{"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": a.ssh(strict), "LC_ALL": "C.UTF-8"}})
	return errors.Join(err, out.Err())
}

func (a Args) depth() []string {
	if a.Depth == 0 {
		return nil
	}
	return []string{"--depth", strconv.FormatInt(a.Depth, 10)}
}

func (a Args) isCommit() bool { return regexp.MustCompile(commit).MatchString(a.Version) }

func (a Args) clone(ctx context.Context, h modules.Host) error {
	args := append([]string{"clone", "-q", "--origin", a.Remote}, a.depth()...)
	switch {
	case a.isCommit():
		args = append(args, "--no-checkout")
	case a.Version != "HEAD":
		args = append(args, "--branch", a.Version)
	}
	if err := a.run(ctx, h, append(args, "--", a.Repo, a.dest())...); err != nil {
		return err
	}
	if a.isCommit() {
		s := State{want: a.Version}
		for _, c := range [][]string{a.fetch(s), a.checkout(s)} {
			if err := a.run(ctx, h, append([]string{"-C", a.dest()}, c...)...); err != nil {
				return err
			}
		}
	}
	return a.submodules(ctx, h)
}

// fetch brings what the version means.
func (a Args) fetch(s State) []string {
	args := append([]string{"fetch", "-q", "--force"}, a.depth()...)
	switch {
	case s.branch != "":
		return append(args, "--tags", "--", a.Remote, "+refs/heads/"+s.branch+":refs/remotes/"+a.Remote+"/"+s.branch)
	case a.isCommit() && a.Depth > 0:
		return append(args, "--", a.Remote, a.Version)
	case a.isCommit():
		return append(args, "--tags", "--", a.Remote)
	}
	return append(args, "--", a.Remote, "+refs/tags/"+a.Version+":refs/tags/"+a.Version)
}

func (a Args) checkout(s State) []string {
	args := []string{"checkout", "-q"}
	if a.Force {
		args = append(args, "--force")
	}
	if s.branch != "" {
		return append(args, "-B", s.branch, "refs/remotes/"+a.Remote+"/"+s.branch, "--")
	}
	return append(args, "--detach", s.want, "--")
}

func (a Args) submodules(ctx context.Context, h modules.Host) error {
	if _, err := h.Stat(ctx, path.Join(a.dest(), ".gitmodules")); !a.Recursive || errors.Is(err, modules.ErrNotExist) {
		return nil
	}
	return a.run(ctx, h, "-C", a.dest(), "submodule", "-q", "update", "--init", "--recursive")
}
