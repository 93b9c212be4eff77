// Package builtin is the list of all kinds of task. A new module is one folder
// beside this one and one line here.
package builtin

import "github.com/mxplay/mxplay/modules"

// Tasks are all kinds of task, by name.
func Tasks() []*modules.Task {
	return []*modules.Task{}
}
