package playbook

import (
	"io/fs"

	"github.com/mxplay/mxplay/modules"
)

// Options are what a Loader needs to know.
type Options struct {
	RolePaths []string                 // searched after the folders beside the playbook
	Builtin   fs.FS                    // the playbooks that come with the program: NAME:/site.yml, NAME:/roles; may be nil
	Name      string                   // the NAME in such a path; "" means "mxplay"
	Modules   map[string]*modules.Task // every kind of task, by name
}
