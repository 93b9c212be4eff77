// Package includevars reads variables from files of the controller.
package includevars

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	File          string   `json:"file" freeform:"true" doc:"a file of variables: YAML or JSON; looked for in vars/ of the role, the role, vars/ beside the playbook, beside it"`
	Dir           string   `json:"dir" doc:"a folder whose files are read in their order, at any depth; in vars/ of the role, else beside the file that names it"`
	Name          string   `json:"name" doc:"a variable that gets them all as a dict, instead of each its own"`
	Depth         int64    `json:"depth" default:"0" doc:"with dir: how deep; 1 is the folder itself, 0 any depth"`
	FilesMatching string   `json:"files_matching" doc:"with dir: only files with a name that this regular expression is found in"`
	IgnoreFiles   []string `json:"ignore_files" doc:"with dir: no files with a name that ends like one of these regular expressions"`
	Extensions    []string `json:"extensions" default:"[yaml, yml, json]" doc:"with dir: the endings that names may have"`
	IgnoreUnknown bool     `json:"ignore_unknown_extensions" default:"false" doc:"with dir: pass over other endings instead of failing"`
	HashBehaviour string   `json:"hash_behaviour" enum:"replace,merge" doc:"merge: dicts are merged with what the variables hold already"`
}

// Validate holds the arguments together.
func (a Args) Validate() error {
	folder := a.Depth != 0 || a.FilesMatching != "" || len(a.IgnoreFiles) > 0 || a.IgnoreUnknown
	switch {
	case a.File == "" && a.Dir == "":
		return errors.New("file or dir is required")
	case a.File != "" && a.Dir != "":
		return errors.New("file and dir cannot both be given")
	case a.File != "" && folder:
		return errors.New("depth, files_matching, ignore_files and ignore_unknown_extensions go with dir only")
	}
	for _, re := range append([]string{a.FilesMatching}, a.IgnoreFiles...) {
		if _, err := regexp.Compile(re); err != nil {
			return fmt.Errorf("%q is no regular expression: %w", re, err)
		}
	}
	return nil
}

// Result is what is registered.
type Result struct {
	Files []string `json:"ansible_included_var_files" doc:"the files that were read"`
}

// Task is the control.
func Task() *modules.Task {
	return modules.Control[Args, Result]{
		Name: "include_vars",
		Doc: `Reads variables from files of the controller when the task is reached.

They are the host's for the rest of the run, stronger than those of roles, blocks and tasks, weaker than set_fact. A file with a constant name is read and
checked before the run. It runs in check mode.`,
		Example: `
- name: what differs by release
  include_vars: "{{ ansible_distribution_release }}.yml"
- name: all settings as one dict
  include_vars: {dir: settings, name: settings, ignore_files: [README.md]}
`,
		Do: func(Args) (Result, error) { return Result{}, nil },
	}.Task()
}
