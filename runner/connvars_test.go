package runner

import (
	"slices"
	"testing"
)

// TestConnectionDocs: every variable of connections is explained, and no other.
func TestConnectionDocs(t *testing.T) {
	var docs []string
	for _, v := range ConnectionVariables() {
		docs = append(docs, v.Name)
		if !slices.Contains(connectionVars, v.Name) {
			t.Errorf("%s is no variable of connections", v.Name)
		}
	}
	for _, name := range connectionVars {
		if !slices.Contains(docs, name) {
			t.Errorf("%s is not explained", name)
		}
	}
}
