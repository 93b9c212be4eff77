package runner

import "github.com/mxplay/mxplay/runner/playbook"

// Variable is a variable with a meaning of its own, as mxplay doc shows it.
type Variable = playbook.Variable

// ConnectionVariables say how a host is reached; the inventory, or anything else, sets them.
func ConnectionVariables() []Variable { return playbook.ConnectionVariables() }

// connectionVars are their names: read by the engine; an expression may read them where the inventory sets them.
var connectionVars = connectionNames()

func connectionNames() []string {
	var out []string
	for _, v := range ConnectionVariables() {
		out = append(out, v.Name)
	}
	return out
}
